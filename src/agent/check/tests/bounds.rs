//! Every bound of the document from both sides, and that the published schema tells it.

use std::collections::BTreeMap;

use utoipa::{PartialSchema as _, ToSchema as _};

use super::*;

/// The published schema of the value at `pointer`.
fn published(pointer: &str) -> Value {
    let mut all = Vec::new();
    AgentSpec::schemas(&mut all);
    let all: BTreeMap<String, Value> = all
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap()))
        .collect();
    let follow = |schema: &Value| -> Value {
        let choices = ["oneOf", "allOf"]
            .iter()
            .find_map(|kind| schema.get(*kind)?.as_array());
        let mut inner = std::iter::once(schema).chain(choices.into_iter().flatten());
        let name = inner.find_map(|s| s.get("$ref")?.as_str()?.rsplit('/').next());
        name.map_or_else(|| schema.clone(), |name| all[name].clone())
    };
    let mut at = serde_json::to_value(AgentSpec::schema()).unwrap();
    for step in pointer.split('/').skip(1) {
        at = follow(&follow(&at)["properties"][step]);
    }
    at
}

#[test]
fn every_number_is_bounded_as_the_schema_says() {
    let document = full();
    let all = numbers(&spec(&document));
    assert!(all.len() >= 26);
    for number in &all {
        let schema = published(number.pointer);
        let bounds = (&schema["minimum"], &schema["maximum"]);
        let want = (number.least, number.most);
        assert_eq!(
            (bounds.0.as_f64().unwrap(), bounds.1.as_f64().unwrap()),
            want,
            "{}: {schema}",
            number.pointer
        );
        let is_whole = schema["type"] == "integer" || schema["type"][0] == "integer";
        for (value, is_good) in [
            (number.least, true),
            (number.most, true),
            (number.least - 1.0, false),
            (number.most + 1.0, false),
        ] {
            let mut document = document.clone();
            let value = if is_whole {
                json!(value as i64)
            } else {
                json!(value)
            };
            // All scores at once, since they must rise.
            if number.pointer.ends_with("_score") {
                for name in ["unfinished", "likely", "complete"] {
                    put(&mut document, &format!("/turn/{name}_score"), value.clone());
                }
            }
            put(&mut document, number.pointer, value.clone());
            let Ok(spec) = serde_json::from_value::<AgentSpec>(document) else {
                assert!(
                    !is_good && value.as_i64().unwrap() < 0,
                    "{}",
                    number.pointer
                );
                continue;
            };
            let problem = (number.pointer.to_owned(), ProblemCode::OutOfRange);
            let found = problems(&spec);
            assert_eq!(
                !found.contains(&problem),
                is_good,
                "{} {value}: {found:?}",
                number.pointer
            );
            assert!(!is_good || found.is_empty(), "{found:?}");
        }
        let mut defaults = serde_json::to_value(spec(&base())).unwrap();
        if !number.pointer.starts_with("/model") {
            let default = defaults
                .pointer_mut(number.pointer)
                .unwrap()
                .as_f64()
                .unwrap();
            let told = schema["default"].as_f64().unwrap();
            assert!(
                (default - told).abs() < 1e-6,
                "{} {default} {told}",
                number.pointer
            );
        }
    }
}

#[test]
fn every_text_is_bounded_as_the_schema_says() {
    let document = full();
    let read = spec(&document);
    let all: Vec<_> = texts(&read)
        .into_iter()
        .filter(|text| !text.pointer.starts_with("/voice/pronunciations"))
        .map(|text| (text.pointer, text.chars_max, text.is_spoken))
        .collect();
    assert!(all.len() >= 22);
    for (pointer, chars_max, is_spoken) in all {
        let in_list = pointer.rsplit('/').next().unwrap().parse::<usize>().is_ok();
        if !in_list {
            let told = published(&pointer)["maxLength"].as_u64();
            assert_eq!(told, Some(chars_max as u64), "{pointer}");
        }
        let found = |value: String| {
            let mut document = document.clone();
            put(&mut document, &pointer, value.into());
            problems(&spec(&document))
        };
        let filled = |chars: usize| {
            // An id is made of letters; a sentence must disclose the AI where it has to.
            let fill = if pointer == "/model/provider" {
                "a"
            } else {
                "é"
            };
            let start = if is_spoken { "An AI. " } else { "" };
            start.to_owned() + &fill.repeat(chars - start.len())
        };
        let told = |code| (pointer.clone(), code);
        assert_eq!(found(filled(chars_max)), [], "{pointer}");
        assert!(
            found(filled(chars_max + 1)).contains(&told(ProblemCode::TooLong)),
            "{pointer}"
        );
        if pointer != "/opening/opt_out_line" {
            assert!(
                found(" ".into()).contains(&told(ProblemCode::Empty)),
                "{pointer}"
            );
        }
        for control in ["An AI.\u{1b}[2J", "An AI.\nx", "An AI.\u{2028}"] {
            let found = found(control.into());
            assert!(
                found.contains(&told(ProblemCode::ControlCharacter)),
                "{pointer} {found:?}"
            );
        }
        let found = found("An AI {{who}}".into());
        assert_eq!(
            found.contains(&told(ProblemCode::Template)),
            is_spoken,
            "{pointer} {found:?}"
        );
    }
}

#[test]
fn every_list_is_bounded_as_the_schema_says() {
    for (pointer, _, most) in parts::counts(&spec(&base())) {
        let entries = |count: usize| -> Value {
            match pointer {
                "/directions" => (0..count)
                    .map(|at| if at == 0 { "inbound" } else { "outbound" })
                    .collect(),
                "/recording/places" => (0..count).map(|at| format!("US-X{at:02}")).collect(),
                "/variables" => {
                    let one = |at| (format!("v{at}"), json!({}));
                    Value::Object((0..count).map(one).collect())
                }
                "/voice/pronunciations" => {
                    let one = |at| (format!("word{at}"), json!("x"));
                    Value::Object((0..count).map(one).collect())
                }
                "/transfers" => (0..count)
                    .map(|at| transfer(&format!("desk_{at}")))
                    .collect(),
                "/hand_off" => (0..count)
                    .map(|at| hand_off(&format!("colleague_{at}")))
                    .collect(),
                "/tools" => (0..count).map(|at| format!("tool_{at}")).collect(),
                _ => (0..count).map(|at| format!("An AI {at}")).collect(),
            }
        };
        let found = |count| {
            let mut document = base();
            put(&mut document, "/opening/purpose", "x".into());
            put(&mut document, pointer, entries(count));
            problems(&spec(&document))
        };
        assert_eq!(found(most), [], "{pointer}");
        let too_many = (pointer.to_owned(), ProblemCode::TooMany);
        assert!(found(most + 1).contains(&too_many), "{pointer}");
        if entries(0).is_array() {
            assert_eq!(published(pointer)["maxItems"], json!(most), "{pointer}");
        }
    }
}
