//! Every kind of problem with its place; the bounds are in a file of their own.

mod bounds;

use serde_json::{Value, json};

use super::*;
use crate::agent::Agent;

fn base() -> Value {
    json!({"name": "Robin", "business": "Oak", "prompt": "You are Robin."})
}

/// Puts `value` where `pointer` says, making what is above it.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let mut at = document;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        at = match step.parse::<usize>() {
            Ok(number) => {
                if !at.is_array() {
                    *at = json!([]);
                }
                let list = at.as_array_mut().unwrap();
                while list.len() <= number {
                    list.push(Value::Null);
                }
                &mut list[number]
            }
            Err(_) => {
                if !at.is_object() {
                    *at = json!({});
                }
                at.as_object_mut()
                    .unwrap()
                    .entry(step)
                    .or_insert(Value::Null)
            }
        };
    }
    *at = value;
}

fn spec(document: &Value) -> AgentSpec {
    serde_json::from_value(document.clone()).unwrap()
}

fn with(pointer: &str, value: Value) -> AgentSpec {
    let mut document = base();
    put(&mut document, pointer, value);
    spec(&document)
}

fn problems(spec: &AgentSpec) -> Vec<(String, ProblemCode)> {
    let found = spec.check().err().unwrap_or_default();
    found.into_iter().map(|p| (p.pointer, p.code)).collect()
}

/// A document in which everything that can be there is there.
fn full() -> Value {
    let one = |text: &str| Value::from(text);
    let mut document = base();
    for (pointer, value) in [
        ("/language", one("en-US")),
        ("/directions", json!(["inbound", "outbound"])),
        ("/opening/legal_entity", one("Oak LLC")),
        ("/opening/purpose", one("your appointment")),
        ("/opening/ai_notice", one("an AI assistant")),
        ("/opening/opt_out_line", one("Say stop.")),
        ("/opening/texts", json!(["An AI speaks."])),
        ("/greeting", one("Hello {{who}}.")),
        ("/variables/who", json!({"type": "text", "default": "you"})),
        ("/model/provider", one("prov_1")),
        ("/model/name", one("model")),
        ("/model/temperature", json!(0.5)),
        ("/model/max_tokens", json!(100)),
        (
            "/model/fallbacks",
            json!([{"provider": "operator", "name": "small"}, {"provider": "prov_2"}]),
        ),
        (
            "/recogniser/fallbacks",
            json!([{"provider": "prov_3", "model": "best"}, {"provider": "embedded"}]),
        ),
        (
            "/voice/fallbacks",
            json!([{"provider": "prov_4", "id": "robin"}, {"provider": "embedded"}]),
        ),
        ("/recogniser/key_terms", json!(["Oak"])),
        ("/recogniser/second_pass", json!(true)),
        ("/voice/pronunciations", json!({"Oak": "Oke"})),
        ("/notices/nudges", json!(["Hello?"])),
        ("/notices/fillers", json!(["One moment."])),
        ("/limits/filler_ms", json!(0)),
        ("/recording/record", json!(true)),
        ("/recording/places", json!(["US-CA", "DE"])),
    ] {
        put(&mut document, pointer, value);
    }
    let names: Vec<&str> = spec(&base()).notices.named().map(|(name, _)| name).to_vec();
    for name in names {
        put(&mut document, &format!("/notices/{name}"), one("An AI."));
    }
    document
}

#[test]
fn the_least_and_the_fullest_document_are_fine() {
    assert_eq!(problems(&spec(&base())), []);
    assert_eq!(problems(&spec(&full())), []);
    assert_eq!(spec(&full()).advice(), []);
}

/// Each with a value at a place of the least document, and the problem it makes.
fn table() -> Vec<(&'static str, Value, &'static str, ProblemCode)> {
    use ProblemCode::*;
    let flow =
        "start = \"a\"\nrequired = [\"who\"]\n[states.a]\nsay = \"Hi {{who}}\"\nend = true\n";
    let whole = "start = \"a\"\n[states.a]\nsay = \"Hi\"\nend = true\n";
    let none = Value::Null;
    vec![
        ("/prompt", none.clone(), "", Required),
        ("/prompt", " \n".into(), "/prompt", Empty),
        (
            "/prompt",
            "x".repeat(PROMPT_BYTES_MAX + 1).into(),
            "/prompt",
            TooLong,
        ),
        ("/prompt", "a\u{0}b".into(), "/prompt", ControlCharacter),
        ("/prompt", "Hi {{who".into(), "/prompt", Template),
        (
            "/prompt",
            "Hi {{who}}".into(),
            "/prompt",
            UndeclaredVariable,
        ),
        (
            "/greeting",
            "Hi {{who|shout}}".into(),
            "/greeting",
            Template,
        ),
        (
            "/greeting",
            "Hi {{who|or:you}}".into(),
            "/greeting",
            UndeclaredVariable,
        ),
        ("/flow", "a.flow.toml".into(), "/prompt", Conflict),
        ("/flow_text", whole.into(), "/prompt", Conflict),
        ("/flow_text", "start = ".into(), "/flow_text", Flow),
        (
            "/flow_text",
            "#".repeat(FLOW_BYTES_MAX + 1).into(),
            "/flow_text",
            TooLong,
        ),
        ("/flow_text", flow.into(), "/flow_text", UndeclaredVariable),
        ("/language", "de".into(), "/language", UnsupportedLanguage),
        ("/language", "".into(), "/language", BadFormat),
        ("/language", "english please".into(), "/language", BadFormat),
        ("/directions", json!([]), "/directions", Empty),
        (
            "/directions",
            json!(["inbound", "inbound"]),
            "/directions/1",
            Duplicate,
        ),
        (
            "/directions",
            json!(["outbound"]),
            "/opening/purpose",
            Required,
        ),
        ("/opening", json!(["Hello."]), "/opening/texts", NoAiNotice),
        ("/opening", json!([]), "/opening/texts", NoAiNotice),
        (
            "/opening/ai_notice",
            "a person".into(),
            "/opening/ai_notice",
            NoAiNotice,
        ),
        (
            "/opening/opt_out_line",
            "".into(),
            "/opening/opt_out_line",
            Empty,
        ),
        (
            "/notices/robot",
            "I am not a robot.".into(),
            "/notices/robot",
            NoAiNotice,
        ),
        ("/keys/opt_out", "".into(), "/keys/opt_out", Required),
        ("/keys/opt_out", "99".into(), "/keys/opt_out", BadFormat),
        ("/keys/stop", "*".into(), "/keys/stop", BadFormat),
        ("/keys/stop", "é".into(), "/keys/stop", BadFormat),
        ("/keys/stop", "9".into(), "/keys/stop", Duplicate),
        (
            "/variables",
            json!({"a b": {}}),
            "/variables/a b",
            BadFormat,
        ),
        (
            "/variables",
            json!({"x": {"type": "date", "default": "soon"}}),
            "/variables/x/default",
            WrongType,
        ),
        (
            "/variables",
            json!({"x": "y".repeat(501)}),
            "/variables/x/default",
            WrongType,
        ),
        (
            "/variables",
            json!({"x": "a\nb"}),
            "/variables/x/default",
            ControlCharacter,
        ),
        (
            "/turn/likely_score",
            json!(0.1),
            "/turn/likely_score",
            Conflict,
        ),
        (
            "/turn/likely_score",
            json!(0.9),
            "/turn/likely_score",
            Conflict,
        ),
        (
            "/model/provider",
            "prov/1".into(),
            "/model/provider",
            BadFormat,
        ),
        (
            "/model/fallbacks",
            (0..4)
                .map(|n| json!({"provider": format!("prov_{n}")}))
                .collect(),
            "/model/fallbacks",
            TooMany,
        ),
        (
            "/model/fallbacks",
            json!([{"provider": "embedded"}]),
            "/model/fallbacks/0/provider",
            Conflict,
        ),
        (
            "/model/fallbacks",
            json!([{"provider": "operator"}]),
            "/model/fallbacks/0",
            Duplicate,
        ),
        (
            "/recogniser/fallbacks",
            json!([{"provider": "a/b"}]),
            "/recogniser/fallbacks/0/provider",
            BadFormat,
        ),
        (
            "/recogniser/fallbacks",
            json!([{"provider": "embedded", "model": "m"}]),
            "/recogniser/fallbacks/0",
            Conflict,
        ),
        (
            "/voice/fallbacks",
            json!([{"provider": "prov_1", "id": "a"}, {"provider": "prov_1", "id": "a"}]),
            "/voice/fallbacks/1",
            Duplicate,
        ),
        (
            "/voice/fallbacks",
            json!([{"provider": "prov_1", "id": "x".repeat(201)}]),
            "/voice/fallbacks/0/id",
            TooLong,
        ),
        (
            "/voice/fallbacks",
            json!([{"provider": "x".repeat(65)}]),
            "/voice/fallbacks/0/provider",
            TooLong,
        ),
        (
            "/recogniser/second_pass",
            json!(true),
            "/recogniser/second_pass",
            NeedsRecording,
        ),
        (
            "/recording/reason",
            "...".into(),
            "/recording/reason",
            BadFormat,
        ),
        (
            "/recording/places",
            json!(["California"]),
            "/recording/places/0",
            BadFormat,
        ),
        (
            "/recording/places",
            json!(["us-ca"]),
            "/recording/places/0",
            BadFormat,
        ),
        (
            "/recording/places",
            json!(["DE", "US-CA", "DE"]),
            "/recording/places/2",
            Duplicate,
        ),
        (
            "/voice/pronunciations",
            json!({"-x": "y"}),
            "/voice/pronunciations/-x",
            BadFormat,
        ),
        (
            "/voice/pronunciations",
            json!({"Oak": "a", "oak": "b"}),
            "/voice/pronunciations/oak",
            Duplicate,
        ),
        (
            "/voice/pronunciations",
            json!({"a/b": ""}),
            "/voice/pronunciations/a~1b",
            Empty,
        ),
    ]
}

#[test]
fn every_kind_of_problem_has_its_place() {
    for (at, value, pointer, code) in table() {
        let mut document = base();
        if value.is_null() {
            document.as_object_mut().unwrap().remove(&at[1..]);
        } else {
            put(&mut document, at, value.clone());
        }
        if at == "/flow_text" && code != ProblemCode::Conflict {
            document.as_object_mut().unwrap().remove("prompt");
        }
        assert_eq!(
            problems(&spec(&document)),
            [(pointer.to_owned(), code)],
            "{at} = {value}"
        );
    }
}

#[test]
fn what_belongs_together_is_checked_together() {
    let scripted = |pointer: &str, value: Value| {
        let flow = "start = \"a\"\n[states.a]\nsay = \"Hi\"\nend = true\n";
        let mut document = json!({"name": "R", "business": "O", "flow_text": flow});
        put(&mut document, pointer, value);
        problems(&spec(&document))
    };
    let needs = |pointer: &str| [(pointer.to_owned(), ProblemCode::NeedsPrompt)];
    assert_eq!(scripted("/greeting", "Hi".into()), needs("/greeting"));
    assert_eq!(scripted("/model/name", "m".into()), needs("/model"));
    assert_eq!(scripted("/model", json!({})), []);

    let needing = |variable: Value| {
        let flow =
            "start = \"a\"\nrequired = [\"who\"]\n[states.a]\nsay = \"Hi {{who}}\"\nend = true\n";
        let document = json!({"name": "R", "business": "O", "flow_text": flow, "variables": {"who": variable}});
        problems(&spec(&document))
    };
    assert_eq!(needing(json!({})), []);
    assert_eq!(needing(json!("Ana")), []);
    let lacks = [("/flow_text".to_owned(), ProblemCode::UndeclaredVariable)];
    assert_eq!(needing(json!("")), lacks);
    assert_eq!(
        problems(&with(
            "/variables",
            json!({"x": {"type": "date", "default": ""}})
        )),
        []
    );

    let mut document = base();
    put(&mut document, "/recording/record", json!(true));
    put(&mut document, "/keys/dont_record", "".into());
    put(&mut document, "/keys/consent_yes", "".into());
    let want = ["/keys/dont_record", "/keys/consent_yes"];
    let want = want.map(|pointer| (pointer.to_owned(), ProblemCode::Required));
    assert_eq!(problems(&spec(&document)), want);
    put(&mut document, "/recording/record", json!(false));
    assert_eq!(problems(&spec(&document)), []);

    let mut document = base();
    put(
        &mut document,
        "/opening",
        json!({"texts": ["An AI."], "opt_out_line": ""}),
    );
    put(&mut document, "/directions", json!(["outbound"]));
    assert_eq!(
        problems(&spec(&document)),
        [],
        "own words are the author's to answer for"
    );
}

#[test]
fn the_length_of_the_first_words_is_told() {
    let of = |purpose_chars: usize, reason_chars: usize, own: bool| {
        let mut document = base();
        put(&mut document, "/business", "b".repeat(60).into());
        put(&mut document, "/recording/record", json!(true));
        put(
            &mut document,
            "/recording/reason",
            "r".repeat(reason_chars).into(),
        );
        put(
            &mut document,
            "/opening/purpose",
            "p".repeat(purpose_chars).into(),
        );
        if own {
            put(
                &mut document,
                "/opening/texts",
                json!(["An AI.", "x".repeat(290), "y".repeat(290)]),
            );
        }
        let spec = spec(&document);
        let advice = spec
            .advice()
            .into_iter()
            .map(|p| (p.pointer, p.code))
            .collect::<Vec<_>>();
        (problems(&spec), advice)
    };
    let long = |pointer: &str| (pointer.to_owned(), ProblemCode::TooLong);
    let (wrong, advice) = of(10, 10, false);
    assert_eq!(
        (wrong.len(), advice),
        (0, vec![long("/opening"), long("/opening")])
    );
    let (wrong, _) = of(160, 160, false);
    assert!(wrong.contains(&long("/opening")), "{wrong:?}");
    let (wrong, advice) = of(160, 160, true);
    assert_eq!((wrong, advice.len()), (vec![], 2));
    assert_eq!(
        with("/opening/purpose", "your appointment".into()).advice(),
        []
    );
}

#[test]
fn problems_are_bounded() {
    let mut document = full();
    put(
        &mut document,
        "/recogniser/key_terms",
        vec!["\u{0}"; 100_000].into(),
    );
    put(
        &mut document,
        "/recording/places",
        vec!["\u{0}"; 100_000].into(),
    );
    let found = spec(&document).check().unwrap_err();
    assert_eq!(found.len(), PROBLEMS_MAX);
    let too_many = found.iter().filter(|p| p.code == ProblemCode::TooMany);
    assert_eq!(
        too_many.count(),
        2,
        "what is wrong with all comes before what is wrong with each"
    );
}

#[test]
fn a_flow_file_is_read_where_files_are_allowed() {
    let document = json!({"name": "R", "business": "O", "flow": "x.toml"});
    let compiled = |text: Result<&str, &str>| {
        let text = text.map(str::to_owned).map_err(str::to_owned);
        Agent::compile("a", 1, &spec(&document), &|name| {
            assert_eq!(name, "x.toml");
            text.clone()
        })
        .map_err(|problems| (problems[0].pointer.clone(), problems[0].code))
        .err()
    };
    let told = |code| Some(("/flow".to_owned(), code));
    let needs = "start = \"a\"\nrequired = [\"who\"]\n[states.a]\nsay = \"Hi\"\nend = true\n";
    for (text, want) in [
        (
            Ok("start = \"a\"\n[states.a]\nsay = \"Hi\"\nend = true\n"),
            None,
        ),
        (Ok("start = 1"), told(ProblemCode::Flow)),
        (Ok(needs), told(ProblemCode::UndeclaredVariable)),
        (Err("gone"), told(ProblemCode::UnreadableFile)),
    ] {
        assert_eq!(compiled(text), want, "{text:?}");
    }
}
