//! Every kind of problem, and where it is.

use super::*;

/// Each with a value at a place of the least document, and the problem it makes.
pub(super) fn table() -> Vec<(&'static str, Value, &'static str, ProblemCode)> {
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
        ("/language", "sv".into(), "/language", UnsupportedLanguage),
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
            "/transfers",
            json!([transfer("desk"), transfer("desk")]),
            "/transfers/1/name",
            Duplicate,
        ),
        (
            "/transfers",
            json!([transfer("The Desk")]),
            "/transfers/0/name",
            BadFormat,
        ),
        (
            "/transfers/0",
            json!({"name": "help", "description": "Help.", "to": "+1911"}),
            "/transfers/0/to",
            BadFormat,
        ),
        (
            "/transfers/0",
            json!({"name": "dear", "description": "Dear.", "to": "+19005550100"}),
            "/transfers/0/to",
            BadFormat,
        ),
        (
            "/transfers/0",
            json!({"name": "desk", "description": "", "to": "+12125550137"}),
            "/transfers/0/description",
            Empty,
        ),
        (
            "/transfers/0",
            json!({"name": "desk", "description": "D.", "to": "+12125550137", "ring_ms": 4_999}),
            "/transfers/0/ring_ms",
            OutOfRange,
        ),
        (
            "/transfers/0",
            json!({"name": "desk", "description": "D.", "to": "+12125550137", "words": "Hi {{who}}"}),
            "/transfers/0/words",
            Template,
        ),
        (
            "/transfers/0",
            json!({"name": "desk", "description": "D.", "to": "+12125550137", "hold": ["a", "b", "c", "d", "e", "f"]}),
            "/transfers/0/hold",
            TooMany,
        ),
        (
            "/hand_off",
            json!([hand_off("a"), hand_off("a")]),
            "/hand_off/1/name",
            Duplicate,
        ),
        (
            "/hand_off/0",
            json!({"name": "a", "description": "D.", "agent": " "}),
            "/hand_off/0/agent",
            Empty,
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
