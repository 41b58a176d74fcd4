//! Every language against its phrases (`language/phrases`): what must be understood, and what must not be.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::lists::{Phrase, lines};
use super::*;
use crate::amd::{Amd, AmdLimits, AnsweredBy, Witness};
use crate::call::{Keys, Notices};
use crate::commands::{
    Answer, Command, detect, detect_all, is_backchannel, is_farewell, is_greeting, yes_no,
};
use crate::consent::{ConsentPlan, OnWithdrawal};
use crate::guard::denies_ai;
use crate::time::At;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrases {
    #[serde(deserialize_with = "lines")]
    opt_out: Phrase,
    #[serde(deserialize_with = "lines")]
    dont_record: Phrase,
    #[serde(deserialize_with = "lines")]
    robot: Phrase,
    #[serde(deserialize_with = "lines")]
    stop: Phrase,
    /// Of everyday business: none of it is a command.
    #[serde(deserialize_with = "lines")]
    talk: Phrase,
    #[serde(deserialize_with = "lines")]
    yes: Phrase,
    #[serde(deserialize_with = "lines")]
    no: Phrase,
    #[serde(deserialize_with = "lines")]
    unsure: Phrase,
    #[serde(deserialize_with = "lines")]
    denials: Phrase,
    #[serde(deserialize_with = "lines")]
    truths: Phrase,
    #[serde(deserialize_with = "lines")]
    greetings: Phrase,
    #[serde(deserialize_with = "lines")]
    backchannels: Phrase,
    #[serde(deserialize_with = "lines")]
    farewells: Phrase,
    #[serde(deserialize_with = "lines")]
    unfinished: Phrase,
    #[serde(deserialize_with = "lines")]
    finished: Phrase,
    phone_begun: String,
    phone_whole: String,
    #[serde(deserialize_with = "lines")]
    voicemail: Phrase,
    #[serde(deserialize_with = "lines")]
    menu: Phrase,
    #[serde(deserialize_with = "lines")]
    people: Phrase,
}

fn all() -> impl Iterator<Item = (Language, Phrases)> {
    Language::ALL
        .iter()
        .map(|one| (*one, toml::from_str(one.phrases()).unwrap()))
}

/// Collects what fails, so that one run tells all of it.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, is_right: bool, language: Language, what: &str, text: &str) {
        if !is_right {
            self.0.push(format!("{} {what}: {text}", language.tag()));
        }
    }

    fn tell(self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

#[test]
fn every_file_can_be_read_and_says_whether_it_was_reviewed() {
    let mut tags = BTreeSet::new();
    for language in Language::ALL {
        assert!(tags.insert(language.tag()) && !language.name().is_empty());
        assert_eq!(language.is_reviewed(), *language == Language::English);
        let mut seen = BTreeSet::new();
        for line in language.phrases().lines() {
            match line.contains("'''") {
                true => seen.clear(),
                false => assert!(seen.insert(line), "{language:?} {line} twice"),
            }
        }
    }
    assert_eq!(tags.len(), 10);
}

#[test]
fn a_tag_leads_to_its_language() {
    for (tag, language) in [
        ("en", Some(Language::English)),
        ("en-GB", Some(Language::English)),
        ("de-AT", Some(Language::German)),
        ("FR", Some(Language::French)),
        ("es-419", Some(Language::Spanish)),
        ("pt_BR", Some(Language::Portuguese)),
        ("nl", Some(Language::Dutch)),
        ("sv", None),
        ("", None),
    ] {
        assert_eq!(Language::of(tag), language, "{tag}");
    }
}

#[test]
fn commands_are_understood_in_every_language() {
    let mut wrong = Wrong::default();
    for (language, phrases) in all() {
        for (command, said) in [
            (Command::OptOut, phrases.opt_out),
            (Command::DontRecord, phrases.dont_record),
            (Command::Robot, phrases.robot),
            (Command::Stop, phrases.stop),
        ] {
            assert!(said.len() >= 8, "{language:?} {command:?}: {}", said.len());
            for text in said {
                for text in [(*text).to_owned(), plain(language, text)] {
                    let found = detect(language, &text, 0.9).map(|found| found.command);
                    wrong.unless(
                        found == Some(command),
                        language,
                        &format!("{command:?}"),
                        &text,
                    );
                }
            }
        }
    }
    wrong.tell();
}

/// As a recogniser may write it that knows neither marks nor punctuation at the end.
fn plain(language: Language, text: &str) -> String {
    if language == Language::English {
        return text.to_owned();
    }
    let mut plain = String::new();
    let text = text.trim_end_matches(['.', '!']);
    text.chars().for_each(|c| fold(c, &mut plain));
    plain
}

#[test]
fn everyday_talk_is_no_command_in_any_language() {
    let mut wrong = Wrong::default();
    for (language, phrases) in all() {
        assert!(phrases.talk.len() >= 30, "{language:?}");
        let others = [
            phrases.yes,
            phrases.no,
            phrases.greetings,
            phrases.farewells,
            phrases.finished,
            phrases.truths,
        ];
        let talk = others
            .iter()
            .fold(phrases.talk.to_vec(), |all, more| [&all, *more].concat());
        for text in talk {
            for text in [text.to_owned(), plain(language, text)] {
                let found = detect_all(language, &text, 0.9);
                let found: Vec<Command> = found.iter().map(|found| found.command).collect();
                wrong.unless(found.is_empty(), language, &format!("{found:?}"), &text);
            }
        }
    }
    wrong.tell();
}

#[test]
fn an_opt_out_in_english_counts_in_every_language_and_nothing_else_is_taken_for_one() {
    let english = toml::from_str::<Phrases>(Language::English.phrases()).unwrap();
    let mut wrong = Wrong::default();
    for (language, phrases) in all() {
        for text in english.opt_out {
            let found = detect(language, text, 0.9).map(|found| found.command);
            wrong.unless(found == Some(Command::OptOut), language, "missed", text);
        }
        for text in phrases.talk.iter().chain(phrases.finished) {
            let found = detect(Language::English, text, 0.9).map(|found| found.command);
            let is_alarm = found == Some(Command::OptOut) && language != Language::English;
            wrong.unless(!is_alarm, language, "English", text);
        }
    }
    wrong.tell();
}

#[test]
fn answers_are_a_yes_a_no_or_neither() {
    let mut wrong = Wrong::default();
    for (language, phrases) in all() {
        for (want, said) in [
            (Some(Answer::Yes), phrases.yes),
            (Some(Answer::No), phrases.no),
            (None, phrases.unsure),
        ] {
            assert!(said.len() >= 4, "{language:?} {want:?}");
            for text in said {
                let got = yes_no(language, text);
                wrong.unless(got == want, language, &format!("{got:?}"), text);
            }
        }
        for text in phrases.dont_record.iter().chain(phrases.opt_out) {
            let got = yes_no(language, text);
            wrong.unless(got != Some(Answer::Yes), language, "agrees", text);
        }
        for (name, is_sign, said) in [
            ("greeting", is_greeting as fn(_, &_) -> _, phrases.greetings),
            ("backchannel", is_backchannel, phrases.backchannels),
            ("farewell", is_farewell, phrases.farewells),
        ] {
            for text in said {
                wrong.unless(is_sign(language, text), language, name, text);
            }
            for text in phrases.talk {
                wrong.unless(!is_sign(language, text), language, name, text);
            }
        }
    }
    wrong.tell();
}

#[test]
fn nobody_denies_being_an_ai_in_any_language() {
    let mut wrong = Wrong::default();
    for (language, phrases) in all() {
        for text in phrases.denials {
            wrong.unless(denies_ai(language, "", text), language, "missed", text);
        }
        for text in phrases.truths.iter().chain(phrases.talk) {
            wrong.unless(!denies_ai(language, "", text), language, "alarm", text);
        }
        wrong.unless(
            denies_ai(language, "", "I am a real person."),
            language,
            "missed",
            "English",
        );
    }
    wrong.tell();
}

#[test]
fn every_notice_is_whole_and_passes_the_guard() {
    let keys = Keys::default();
    let mut wrong = Wrong::default();
    for language in Language::ALL.iter().copied() {
        let notices = Notices::of(language, "Robin", "Oak Dental");
        let plan = ConsentPlan::of(language, &keys, OnWithdrawal::Erase);
        let (opening, consent) = (language.opening(), language.consent());
        let more = [
            fill(
                &opening.opt_out,
                &[("say", opening.say.as_str()), ("key", "9")],
            ),
            fill(&opening.call_back, &[("say", opening.say.as_str())]),
            fill(&opening.about, &[("purpose", "x")]),
            fill(
                &consent.recorded_for,
                &[("reason", consent.reason.as_str())],
            ),
            fill(&consent.would_like, &[("reason", consent.reason.as_str())]),
            fill(&consent.is_it_right, &[("press", "")]),
            consent.stopped.clone(),
            consent.goodbye.clone(),
        ];
        let plan_says = plan.notice.iter().chain(&plan.question);
        let plan_says = plan_says.chain([&plan.again, &plan.thanks, &plan.declined, &plan.stopped]);
        let said = notices.all().chain(plan_says).map(ToString::to_string);
        for text in said.chain(more) {
            wrong.unless(!text.contains(['{', '}']), language, "not filled in", &text);
            wrong.unless(!text.trim().is_empty(), language, "empty", &text);
            wrong.unless(!denies_ai(language, "", &text), language, "denies", &text);
            wrong.unless(text.chars().count() <= 300, language, "too long", &text);
        }
        let opens = notices.opening.join(" ");
        for text in [opens.as_str(), &notices.robot, &opening.what] {
            wrong.unless(language.discloses_ai(text), language, "no AI in", text);
        }
        for part in ["Robin", "Oak Dental"] {
            wrong.unless(opens.contains(part), language, "lacks", part);
        }
        // What the notices ask for is what is understood.
        for (say, command) in [
            (&opening.say, Command::OptOut),
            (&consent.say, Command::DontRecord),
        ] {
            let found = detect(language, say, 0.9).map(|found| found.command);
            wrong.unless(found == Some(command), language, "asks for", say);
        }
        for text in [&consent.recorded, &consent.recorded_for, &consent.may_we] {
            let tells = crate::commands::is_puzzled(language, text);
            wrong.unless(tells, language, "no recording in", text);
        }
        for press in [&consent.press_no, &consent.press_yes, &opening.opt_out] {
            wrong.unless(press.contains("{key}"), language, "no key in", press);
        }
    }
    wrong.tell();
}

#[test]
fn every_transfer_has_its_words_and_says_that_an_ai_calls() {
    let mut wrong = Wrong::default();
    let english = Language::English.transfer();
    for language in Language::ALL.iter().copied() {
        let texts = language.transfer();
        let who = [("agent", "Robin"), ("business", "Oak Dental")];
        let introduction = fill(&texts.introduction, &who);
        let discloses = language.discloses_ai(&introduction);
        wrong.unless(discloses, language, "no AI in", &introduction);
        for part in ["Robin", "Oak Dental"] {
            let is_in = introduction.contains(part);
            wrong.unless(is_in, language, "lacks", part);
        }
        for key in ["{accept}", "{decline}"] {
            wrong.unless(
                texts.press.matches(key).count() == 1,
                language,
                "lacks",
                key,
            );
        }
        let press = fill(&texts.press, &[("accept", "1"), ("decline", "2")]);
        wrong.unless(texts.hold.len() >= 2, language, "hold", "too few");
        let texts_of = |texts: &'static TransferTexts| {
            let plain = [
                &texts.warm,
                &texts.cold,
                &texts.thanks,
                &texts.declined,
                &texts.silent,
                &texts.caller_gone,
                &texts.person_gone,
                &texts.nobody,
            ];
            let plain = plain.into_iter().map(String::as_str);
            plain.chain(texts.hold.iter().copied())
        };
        let keys_wrong = language.notices().keys_wrong.as_str();
        let said = texts_of(texts).chain([introduction.as_str(), &press, keys_wrong]);
        for text in said {
            wrong.unless(!text.contains(['{', '}']), language, "not filled in", text);
            wrong.unless(!text.trim().is_empty(), language, "empty", text);
            wrong.unless(!denies_ai(language, "", text), language, "denies", text);
            wrong.unless(text.chars().count() <= 300, language, "too long", text);
        }
        if language != Language::English {
            for (own, theirs) in texts_of(texts).zip(texts_of(english)) {
                wrong.unless(own != theirs, language, "English", own);
            }
            let theirs = &Language::English.notices().keys_wrong;
            wrong.unless(keys_wrong != theirs, language, "English", keys_wrong);
        }
        let region = texts.locale.strip_prefix(language.tag());
        let region = region.and_then(|rest| rest.strip_prefix('-'));
        let is_region =
            region.is_some_and(|r| r.len() == 2 && r.bytes().all(|b| b.is_ascii_uppercase()));
        wrong.unless(is_region, language, "no region in", &texts.locale);
    }
    wrong.tell();
}

#[test]
fn who_answers_is_known_in_every_language() {
    let mut wrong = Wrong::default();
    for (language, phrases) in all() {
        let told = |text: &str| {
            let mut amd = Amd::new(Witness::Own, AmdLimits::default(), language, At::START);
            amd.speech_started(At::START.plus(500));
            amd.speech_stopped(At::START.plus(4_000));
            amd.heard(text, At::START.plus(4_200)).map(|told| told.by)
        };
        for (want, said) in [
            (AnsweredBy::Machine, phrases.voicemail),
            (AnsweredBy::Ivr, phrases.menu),
            (AnsweredBy::Human, phrases.people),
        ] {
            for text in said {
                let by = told(text);
                wrong.unless(by == Some(want), language, &format!("{by:?}"), text);
            }
        }
        for text in phrases.greetings.iter().chain(phrases.yes) {
            let by = told(text);
            let is_person = by.is_none_or(AnsweredBy::is_person);
            wrong.unless(is_person, language, "no machine", text);
        }
    }
    wrong.tell();
}

#[test]
fn the_end_of_a_turn_is_known_in_every_language() {
    use crate::call::{TURN_OVER, TurnSettings, silence_after};
    let settings = TurnSettings::default();
    let mut wrong = Wrong::default();
    for (language, phrases) in all() {
        let wait = |text: &str, score| silence_after(language, text, score, &settings);
        for text in phrases.unfinished {
            let ms = wait(text, TURN_OVER);
            wrong.unless(ms >= settings.incomplete_ms, language, "too soon", text);
        }
        for text in phrases.finished {
            wrong.unless(wait(text, TURN_OVER) == 0, language, "not at once", text);
        }
        let (begun, whole) = (phrases.phone_begun, phrases.phone_whole);
        let ms = wait(&begun, 0.9);
        wrong.unless(ms == settings.dictation_ms, language, "too soon", &begun);
        let ms = wait(&whole, 0.9);
        wrong.unless(ms == settings.complete_ms, language, "too late", &whole);
    }
    wrong.tell();
}

#[test]
fn templates_are_filled_in_one_pass() {
    for (template, want) in [
        ("{a} and {b}", "{b} and 2"),
        ("{a", "{a"),
        ("{c} {b}", "{c} 2"),
        ("", ""),
        ("{{a}}", "{{b}}"),
    ] {
        assert_eq!(fill(template, &[("a", "{b}"), ("b", "2")]), want);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text in ".{0,300}", at in 0..Language::ALL.len()) {
        let language = Language::ALL[at];
        let _ = detect_all(language, &text, 0.9);
        let _ = yes_no(language, &text);
        let _ = denies_ai(language, "", &text);
        let _ = language.discloses_ai(&text);
    }
}

#[test]
fn whoever_wants_no_more_calls_hears_from_whom_they_get_none() {
    for language in Language::ALL {
        let tag = language.tag();
        let notices = Notices::of(*language, "Robin", "Oak Dental");
        for said in [
            language.opted_out("Oak Dental"),
            notices.opt_out.to_string(),
        ] {
            assert!(said.contains("Oak Dental"), "{tag}: {said}");
            assert!(!said.contains('{'), "{tag}: {said}");
        }
        let line = language.line();
        assert!(line.closed.contains("{business}"), "{tag}");
        for said in [&line.withheld, &line.unread, &line.nothing] {
            assert!(!said.is_empty() && !said.contains('{'), "{tag}: {said}");
        }
    }
}
