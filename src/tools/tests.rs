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
    let used = toolbox.begin(UseId(0), "fly", "{}").await;
    assert_eq!(used, Used::no_such_tool());
}
