//! Recorded shapes of streams, whole and in pieces, and everything that goes wrong; requests to the byte.

use super::*;
use crate::wire::openai::{
    ARGUMENTS_BYTES_MAX, ChatMessage, ChatRequest, LINE_BYTES_MAX, STREAM_BYTES_MAX,
    TOOL_CALLS_MAX, TokenLimit, ToolCall, ToolSpec,
};
use proptest::prelude::*;
use std::path::PathBuf;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/anthropic")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The events of a stream cut into pieces of so many bytes.
fn events(bytes: &[u8], piece: usize) -> Vec<ChatEvent> {
    let (mut decoder, mut out) = (SseDecoder::new(), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        decoder.push(piece, &mut out);
    }
    decoder.end(&mut out);
    assert!(decoder.is_done());
    out
}

fn told(events: &[ChatEvent]) -> Vec<String> {
    let tell = |event: &ChatEvent| match event {
        ChatEvent::Text(text) => format!("text {text:?}"),
        ChatEvent::ToolCall(call) => format!("call {} {} {}", call.id, call.name, call.arguments),
        ChatEvent::Finished { reason } => format!("finished {reason:?}"),
        ChatEvent::Usage {
            prompt_tokens,
            cached_tokens: 0,
            completion_tokens,
        } => format!("usage {prompt_tokens} {completion_tokens}"),
        ChatEvent::Usage {
            prompt_tokens,
            cached_tokens,
            completion_tokens,
        } => format!("usage {prompt_tokens} ({cached_tokens}) {completion_tokens}"),
        ChatEvent::Error(error) => format!("error {error} retry={}", error.retry),
    };
    events.iter().map(tell).collect()
}

const CUT: &str = "error stream cut off: the stream ended before the reply did retry=true";

const FIXTURES: &[(&str, &[&str])] = &[
    (
        "text.sse",
        &[
            "text \"Hello\"",
            "text \", café \"",
            "text \"☎ open.\"",
            "finished Stop",
            "usage 9 5",
        ],
    ),
    (
        "tool_call.sse",
        &[
            "text \"One moment.\"",
            "call toolu_1 book {\"day\": \"friday\"}",
            "call toolu_2 opening_hours {}",
            "finished ToolCalls",
            "usage 110 (100) 5",
        ],
    ),
    (
        "thinking.sse",
        &["text \"Yes.\"", "finished Stop", "usage 9 5"],
    ),
    (
        "max_tokens.sse",
        &["text \"It is\"", "finished Length", "usage 9 16"],
    ),
    ("refusal.sse", &["finished ContentFilter", "usage 9 0"]),
    (
        "overloaded_midway.sse",
        &["text \"It\"", "error overloaded: Overloaded retry=true"],
    ),
    ("cut_off.sse", &["text \"It is\"", CUT]),
];

#[test]
fn pieces_of_any_size_say_the_same() {
    for (name, want) in FIXTURES {
        let bytes = fixture(name);
        for piece in (1..=48).chain([usize::MAX]) {
            assert_eq!(told(&events(&bytes, piece)), *want, "{name} in {piece}");
        }
        let crlf = String::from_utf8(bytes).unwrap().replace('\n', "\r\n");
        assert_eq!(told(&events(crlf.as_bytes(), 1)), *want, "{name} with CRLF");
    }
}

#[test]
fn what_servers_do_besides() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[CUT]),
        (
            ": ping\n\ndata: {}\n\ndata: {\"type\":\"new_thing\",\"x\":[1]}\n\n",
            &[CUT],
        ),
        ("data: {\"type\":\"message_stop\"}\n\n", &["finished Other"]),
        ("data: [DONE]\n\n", &["finished Other"]),
        (
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"pause_turn\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"late\"}}\n\n",
            &["finished Other"],
        ),
        (
            "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"At once.\"}}\n\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"book\",\"input\":{\"day\":1}}}\n\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}\n\n",
            &[
                "text \"At once.\"",
                "call t book {\"day\":1}",
                "finished ToolCalls",
                "usage 3 4",
            ],
        ),
        // Arguments of a block that nobody began.
        (
            "data: {\"type\":\"content_block_delta\",\"index\":7,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
            &["finished Other"],
        ),
        (
            "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no such thing\"}}",
            &["error bad request: no such thing retry=false"],
        ),
        (
            "data: nonsense\n\n",
            &["error garbled stream: an event is not JSON retry=false"],
        ),
        (
            "data: [\"message_stop\"]\n\n",
            &["error garbled stream: an event has an unknown shape retry=false"],
        ),
        (
            "data: {\"type\":\"content_block_delta\",\"index\":\"x\"}\n\n",
            &["error garbled stream: an event has an unknown shape retry=false"],
        ),
    ];
    for (text, want) in cases {
        for piece in [1, 5, usize::MAX] {
            assert_eq!(told(&events(text.as_bytes(), piece)), *want, "{text}");
        }
    }
}

#[test]
fn limits_hold() {
    let garbled = |message: &str| [format!("error garbled stream: {message} retry=false")];
    let line = format!("data: {}", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(
        told(&events(line.as_bytes(), 4096)),
        garbled("a line of the stream is too long")
    );
    let pings = "data: {\"type\":\"ping\"}\n\n".repeat(STREAM_BYTES_MAX / 20);
    assert_eq!(
        told(&events(pings.as_bytes(), 65_536)),
        garbled("the stream is too long")
    );
    let begin = |at: usize| {
        format!(
            "data: {{\"type\":\"content_block_start\",\"index\":{at},\"content_block\":{{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{{}}}}}}\n\n"
        )
    };
    let calls: String = (0..=TOOL_CALLS_MAX).map(begin).collect();
    assert_eq!(
        told(&events(calls.as_bytes(), 999)),
        garbled("too many tool calls in one reply")
    );
    let part = format!(
        "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}}}\n\n",
        "a".repeat(ARGUMENTS_BYTES_MAX / 2)
    );
    let long = begin(0) + &part.repeat(3);
    assert_eq!(
        told(&events(long.as_bytes(), 999)),
        garbled("the arguments of a tool call are too long")
    );
}

#[test]
fn a_conversation_as_it_is_had() {
    let messages = [
        ChatMessage::System("Be brief.".into()),
        ChatMessage::Assistant {
            text: "Hello. ".into(),
            tool_calls: vec![],
        },
        ChatMessage::User("Hi \"there\"".into()),
        ChatMessage::User("Friday?".into()),
        ChatMessage::System("It rains.".into()),
    ];
    let plain = ChatRequest {
        model: "m",
        messages: &messages,
        usage: true,
        ..ChatRequest::default()
    };
    assert_eq!(
        request_body(&plain),
        concat!(
            r#"{"model":"m","max_tokens":1024,"stream":true,"system":"Be brief.\n\nIt rains.","messages":["#,
            r#"{"role":"user","content":[{"type":"text","text":"(The call begins.)"}]},"#,
            r#"{"role":"assistant","content":[{"type":"text","text":"Hello."}]},"#,
            r#"{"role":"user","content":[{"type":"text","text":"Hi \"there\""},{"type":"text","text":"Friday?"}]}]}"#,
        )
    );
}

#[test]
fn tools_are_offered_called_and_answered() {
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.into(),
        name: "book".into(),
        arguments: arguments.into(),
    };
    let answer = |id: &str| ChatMessage::Tool {
        call_id: id.into(),
        text: "{\"ok\":true}".into(),
    };
    let messages = [
        ChatMessage::User("Friday.".into()),
        ChatMessage::Assistant {
            text: String::new(),
            tool_calls: vec![call("a", "{\"day\":\"friday\"}"), call("b", "not JSON")],
        },
        answer("a"),
        ChatMessage::User("And?".into()),
        ChatMessage::User(" ".into()),
        answer("b"),
        ChatMessage::Assistant {
            text: "Done.".into(),
            tool_calls: vec![],
        },
    ];
    let tools = [ToolSpec {
        name: "book".into(),
        description: "Books.".into(),
        parameters: serde_json::value::RawValue::from_string(r#"{"type":"object"}"#.into())
            .unwrap(),
    }];
    let full = ChatRequest {
        model: "m",
        messages: &messages,
        temperature: Some(1.5),
        limit: TokenLimit::MaxTokens(200),
        tools: &tools,
        usage: false,
    };
    assert_eq!(
        request_body(&full),
        concat!(
            r#"{"model":"m","max_tokens":200,"stream":true,"messages":["#,
            r#"{"role":"user","content":[{"type":"text","text":"Friday."}]},"#,
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"book","input":{"day":"friday"}},{"type":"tool_use","id":"b","name":"book","input":{}}]},"#,
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"{\"ok\":true}"},{"type":"tool_result","tool_use_id":"b","content":"{\"ok\":true}"},{"type":"text","text":"And?"}]},"#,
            r#"{"role":"assistant","content":[{"type":"text","text":"Done."}]},"#,
            r#"{"role":"user","content":[{"type":"text","text":"(Please go on.)"}]}],"#,
            r#""temperature":1.0,"tools":[{"name":"book","description":"Books.","input_schema":{"type":"object"}}]}"#,
        )
    );
}

#[test]
fn debug_shows_no_words() {
    let all: Vec<ChatEvent> = FIXTURES
        .iter()
        .flat_map(|(name, _)| events(&fixture(name), 64))
        .collect();
    let shown = format!("{all:?}");
    assert!(
        !shown.contains("Hello") && !shown.contains("friday"),
        "{shown}"
    );
}

fn any_message() -> impl Strategy<Value = ChatMessage> {
    (0..4_u8, "[ a-c]{0,4}").prop_map(|(which, text)| match which {
        0 => ChatMessage::System(text),
        1 => ChatMessage::User(text),
        2 => ChatMessage::Assistant {
            text,
            tool_calls: vec![],
        },
        _ => ChatMessage::Tool {
            call_id: "t".into(),
            text,
        },
    })
}

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    #[test]
    fn any_conversation_alternates_from_user_to_user(messages in prop::collection::vec(any_message(), 0..9)) {
        let request = ChatRequest { model: "m", messages: &messages, ..ChatRequest::default() };
        let body: serde_json::Value = serde_json::from_str(&request_body(&request)).unwrap();
        let turns = body["messages"].as_array().unwrap();
        prop_assert_eq!(turns.len() % 2, 1);
        for (at, turn) in turns.iter().enumerate() {
            prop_assert_eq!(&turn["role"], if at % 2 == 0 { "user" } else { "assistant" });
            prop_assert!(!turn["content"].as_array().unwrap().is_empty());
        }
    }

    #[test]
    fn however_a_damaged_stream_is_cut_it_says_the_same(
        which in 0..FIXTURES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        piece in 1_usize..200,
    ) {
        let mut bytes = fixture(FIXTURES[which].0);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let out = events(&bytes, piece);
        prop_assert_eq!(&out, &events(&bytes, usize::MAX));
        // Every stream comes to one end.
        let ends = out.iter().filter(|event| matches!(event, ChatEvent::Finished { .. })).count();
        let errors = out.iter().filter(|event| matches!(event, ChatEvent::Error(_))).count();
        prop_assert!(ends + errors >= 1 && ends <= 1 && errors <= 1);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = events(&bytes, 17);
    }
}
