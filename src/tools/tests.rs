use serde_json::json;

use super::document::headers;
use super::*;
use trunkline_core::call::Effect;

fn document(change: &[(&str, Value)]) -> ToolDocument {
    let mut document = json!({
        "name": "find", "description": "Finds.", "url": "https://crm.example.com/{day}/slots",
        "arguments": {
            "type": "object", "required": ["day"],
            "properties": { "day": { "type": "string" }, "at": { "type": "integer" } },
        },
    });
    for (field, value) in change {
        document[*field] = value.clone();
    }
    serde_json::from_value(document).unwrap()
}

#[test]
fn what_is_left_out_is_usual() {
    let usual = document(&[]);
    assert_eq!((usual.method, usual.body), (Method::Post, Body::Envelope));
    assert_eq!(usual.timeout_ms, TIMEOUT_MS);
    let settings = usual.settings();
    assert!(settings.awaited && !settings.after_words && !settings.repeats);
    assert!(document(&[("method", json!("GET"))]).settings().repeats);
    assert!(document(&[("repeatable", json!(true))]).settings().repeats);
    assert_eq!(usual.placed(), ["day"]);
    assert_eq!(usual.check(), Ok(()));
}

#[test]
fn what_is_wrong_is_told_by_its_place() {
    for (change, pointer) in [
        (("name", json!("opt_out")), "/name"),
        (("name", json!("x".repeat(65))), "/name"),
        (("description", json!("a\nb")), "/description"),
        (("words", json!("x".repeat(201))), "/words"),
        (("timeout_ms", json!(499)), "/timeout_ms"),
        (("url", json!("https://{day}/")), "/url"),
        (("url", json!("https://a.example.com/{at}")), "/url"),
        (("url", json!("https://a.example.com/}{")), "/url"),
        (("headers", json!({ "webhook-id": "x" })), "/headers"),
        (("headers", json!({ "x": "a\nb" })), "/headers"),
        (("result", json!({ "type": 5 })), "/result/type"),
        (("arguments", json!({})), "/arguments/type"),
    ] {
        let (field, value) = change;
        let wrong = document(&[(field, value.clone())]).check().unwrap_err();
        assert_eq!(wrong.pointer, pointer, "{field} {value} {wrong}");
    }
    let many = (0..=HEADERS_MAX).map(|n| (format!("x-{n}"), String::new()));
    assert!(headers("/headers", &many.collect()).is_err());
}

#[test]
fn keys_go_into_a_body_and_are_no_arguments() {
    let row = |change: Value| {
        let mut row = json!({ "field": "card", "prompt": "Your card.", "digits": [13, 19] });
        for (name, value) in change.as_object().unwrap() {
            row[name] = value.clone();
        }
        ("keys", json!([row]))
    };
    let fine = document(&[row(json!({ "check": "luhn" }))]);
    assert_eq!(fine.check(), Ok(()));
    assert!(fine.settings().after_words && fine.wants_keys().is_some());
    assert!(document(&[]).wants_keys().is_none());
    for (change, pointer) in [
        (vec![row(json!({ "field": "day" }))], "/keys/0/field"),
        (vec![row(json!({ "field": "" }))], "/keys/0/field"),
        (vec![row(json!({ "prompt": "a\nb" }))], "/keys/0/prompt"),
        (vec![row(json!({ "digits": [0, 4] }))], "/keys/0/digits"),
        (vec![row(json!({ "digits": [5, 4] }))], "/keys/0/digits"),
        (vec![row(json!({ "digits": [4, 33] }))], "/keys/0/digits"),
        (
            vec![row(json!({ "terminator": "*" }))],
            "/keys/0/terminator",
        ),
        (vec![row(json!({ "first_ms": 100 }))], "/keys/0/first_ms"),
        (
            vec![row(json!({ "between_ms": 60_000 }))],
            "/keys/0/between_ms",
        ),
        (vec![row(json!({ "tries": 0 }))], "/keys/0/tries"),
        (vec![row(json!({})), ("method", json!("GET"))], "/method"),
        (vec![row(json!({})), ("awaited", json!(false))], "/awaited"),
        (
            vec![
                row(json!({})),
                ("url", json!("https://a.example.com/{card}")),
            ],
            "/url",
        ),
    ] {
        let wrong = document(&change).check().unwrap_err();
        assert_eq!(wrong.pointer, pointer, "{change:?} {wrong}");
    }
    let (_, one) = row(json!({}));
    let twice = json!([one[0], one[0]]);
    let wrong = document(&[("keys", twice)]).check().unwrap_err();
    assert_eq!(wrong.pointer, "/keys/1/field");
    let seven: Vec<Value> = (0..7)
        .map(|n| json!({ "field": format!("f{n}"), "prompt": "x", "digits": [1, 2] }))
        .collect();
    assert_eq!(
        document(&[("keys", json!(seven))])
            .check()
            .unwrap_err()
            .pointer,
        "/keys"
    );
}

#[test]
fn arguments_are_checked_before_anybody_is_asked() {
    let schema = document(&[]).arguments().unwrap();
    for (arguments, told) in [
        (r#"{"day":"Friday"}"#, None),
        (r#"{"day":"Friday","at":9}"#, None),
        ("", Some("the arguments do not fit")),
        ("{", Some("not JSON")),
        ("[]", Some("a JSON object")),
        (r#"{"day":"Friday","at":"nine"}"#, Some("/at")),
    ] {
        let read = read(&schema, arguments);
        match told {
            None => assert!(read.is_ok(), "{arguments}: {read:?}"),
            Some(told) => {
                let why = read.unwrap_err();
                assert!(why.contains(told), "{arguments}: {why}");
                assert!(!why.contains("nine"), "a value is not repeated: {why}");
            }
        }
    }
}

#[test]
fn a_long_result_is_cut_at_a_character() {
    let used = Used::done(&"é".repeat(RESULT_BYTES_MAX));
    assert!(used.result.len() <= RESULT_BYTES_MAX && used.result.ends_with(CUT));
    assert_eq!(&*Used::done("short").result, "short");
    assert!(Used::unknown("late").result.contains("not known"));
}

#[tokio::test]
async fn a_box_knows_its_own_tools_alone() {
    let toolbox = Toolbox::new(opt_out(), CallFacts::default());
    assert_eq!(toolbox.specs().len(), 1);
    assert_eq!(toolbox.settings()[OPT_OUT].effect, Effect::OptOut);
    let used = toolbox.begin(UseId(0), "fly", "{}").work.await;
    assert_eq!(used, Used::no_such_tool());
}
