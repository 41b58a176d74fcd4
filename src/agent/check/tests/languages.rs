//! Agents in every language: what they say, what is wrong, and what is advised.

use trunkline_core::consent::Mode;
use trunkline_core::language::Language;

use super::*;
use crate::agent::{CallDirection, no_files};

fn in_language(tag: &str) -> Value {
    json!({
        "name": "Robin", "business": "Oak", "prompt": "x", "language": tag,
        "opening": { "purpose": "Oak" },
        "recogniser": { "provider": "prov_1" }, "voice": { "provider": "prov_2" },
        "recording": { "record": true },
        "answering": { "detect": "own", "on_machine": "leave_message", "message": "Oak." },
    })
}

fn advice(document: &Value) -> Vec<(String, ProblemCode)> {
    let all = spec(document).advice().into_iter();
    all.filter(|one| one.code != ProblemCode::TooLong)
        .map(|one| (one.pointer, one.code))
        .collect()
}

#[test]
fn an_agent_of_every_language_is_fine_and_says_nothing_in_english() {
    let english = Agent::compile("a", 0, &spec(&in_language("en")), &no_files).unwrap();
    let said = |agent: &Agent, direction, mode| -> Vec<String> {
        let settings = agent.settings_for(direction, mode);
        settings.sentences().map(ToString::to_string).collect()
    };
    let modes = [Mode::Announce, Mode::Affirmative];
    for language in Language::ALL.iter().skip(1) {
        let document = in_language(&format!("{}-XX", language.tag()));
        let agent = Agent::compile("a", 0, &spec(&document), &no_files);
        let agent = agent.unwrap_or_else(|problems| panic!("{language:?}: {problems:?}"));
        for direction in [CallDirection::Inbound, CallDirection::Outbound] {
            for mode in modes {
                let own = said(&agent, direction, mode);
                assert!(own.len() > 15, "{language:?}: {own:?}");
                for text in said(&english, direction, mode) {
                    assert!(!own.contains(&text), "{language:?}: {text}");
                }
                assert!(own.iter().any(|text| language.discloses_ai(text)));
            }
        }
        assert_eq!(
            agent
                .settings_for(CallDirection::Inbound, Mode::NoRecord)
                .language,
            *language
        );
        let unreviewed = ("/language".to_owned(), ProblemCode::Unreviewed);
        assert_eq!(advice(&document), [unreviewed], "{language:?}");
    }
    assert_eq!(advice(&in_language("en")), []);
}

#[test]
fn own_texts_stand_before_those_of_the_language() {
    let mut document = in_language("de");
    put(&mut document, "/notices/robot", "Ja, ein Roboter.".into());
    put(&mut document, "/recording/reason", "Schulungszwecke".into());
    let agent = Agent::compile("a", 0, &spec(&document), &no_files).unwrap();
    let settings = agent.settings_for(CallDirection::Outbound, Mode::Announce);
    assert_eq!(&*settings.notices.robot, "Ja, ein Roboter.");
    let opening = settings.notices.opening.join(" ");
    assert_eq!(
        opening,
        "Guten Tag, hier ist Robin, die KI-Assistenz von Oak, es geht um Oak. Möchten Sie keine Anrufe mehr, sagen Sie: \
         rufen Sie mich nicht mehr an, oder drücken Sie 9."
    );
    let told: Vec<&str> = settings.consent.opening().map(AsRef::as_ref).collect();
    assert_eq!(
        told,
        [
            "Dieses Gespräch wird für Schulungszwecke aufgezeichnet und verschriftlicht.",
            "Möchten Sie das nicht, sagen Sie: bitte nicht aufzeichnen, oder drücken Sie 8."
        ]
    );
    put(
        &mut document,
        "/notices/robot",
        "Ich bin kein Roboter.".into(),
    );
    let wrong = problems(&spec(&document));
    assert_eq!(
        wrong,
        [("/notices/robot".to_owned(), ProblemCode::NoAiNotice)]
    );
}

#[test]
fn the_embedded_speech_is_english() {
    let mut document = in_language("es-MX");
    put(
        &mut document,
        "/voice/fallbacks",
        json!([{ "provider": "embedded" }]),
    );
    let needs = |pointer: &str| (pointer.to_owned(), ProblemCode::NeedsProvider);
    assert_eq!(
        problems(&spec(&document)),
        [needs("/voice/fallbacks/0/provider")]
    );
    let mut document = in_language("es-MX");
    put(&mut document, "/recogniser/second_pass", true.into());
    assert_eq!(
        problems(&spec(&document)),
        [needs("/recogniser/second_pass")]
    );
    let document = json!({"name": "Robin", "business": "Oak", "prompt": "x", "language": "es"});
    assert_eq!(problems(&spec(&document)), []);
    let unreviewed = ("/language".to_owned(), ProblemCode::Unreviewed);
    assert_eq!(
        advice(&document),
        [
            needs("/recogniser/provider"),
            needs("/voice/provider"),
            unreviewed
        ]
    );
    let found = with("/language", "sv".into()).check().unwrap_err();
    assert_eq!(
        found[0].detail,
        "there are no texts in sv; supported: en, de, fr, es, it, pt, nl, pl, lt, tr"
    );
}
