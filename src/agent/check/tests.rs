//! Every kind of problem with its place; the bounds are in a file of their own.

mod bounds;
mod languages;
mod problems;

use problems::table;
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
/// A person to whom callers are put through.
fn transfer(name: &str) -> Value {
    json!({"name": name, "description": "The desk.", "to": "+12125550137"})
}

/// An agent to whom they are handed over.
fn hand_off(name: &str) -> Value {
    json!({"name": name, "description": "Bills.", "agent": "agent_1"})
}

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
        (
            "/transfers",
            json!([transfer("desk"), {
                "name": "boss", "description": "The boss.", "to": "+4930123456", "kind": "cold", "ring_ms": 60_000,
                "words": "One moment.", "hold": ["Still trying."],
            }]),
        ),
        ("/hand_off", json!([hand_off("billing")])),
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

    // Whoever promises a call must be able to make it.
    let mut document = base();
    put(
        &mut document,
        "/tools",
        json!(["opt_out", "schedule_callback"]),
    );
    assert_eq!(problems(&spec(&document)), []);
    put(&mut document, "/directions", json!(["inbound"]));
    let inbound = [("/tools/1".to_owned(), ProblemCode::Conflict)];
    assert_eq!(problems(&spec(&document)), inbound);

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
