//! Recorded shapes of streams, whole and in pieces, and everything that goes wrong.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/openai")
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

/// A line for each event; adjoining texts are told apart by their own lines.
fn told(events: &[ChatEvent]) -> Vec<String> {
    events
        .iter()
        .map(|event| match event {
            ChatEvent::Text(text) => format!("text {text:?}"),
            ChatEvent::ToolCall(call) => {
                format!("call {} {} {}", call.id, call.name, call.arguments)
            }
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
        })
        .collect()
}

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
            "call call_1 book {\"day\":\"friday\"}",
            "finished ToolCalls",
            "usage 9 5",
        ],
    ),
    (
        "parallel_tool_calls.sse",
        &[
            "text \"One moment. \"",
            "call call_1 free_times {\"day\":\"friday\"}",
            "call call_2 opening_hours {}",
            "finished ToolCalls",
        ],
    ),
    ("length.sse", &["text \"It is\"", "finished Length"]),
    ("content_filter.sse", &["finished ContentFilter"]),
    (
        "error_midway.sse",
        &[
            "text \"It\"",
            "error server error: server_error: The server had an error retry=true",
        ],
    ),
    (
        "compatible.sse",
        &[
            "text \"Hi\"",
            "text \" there\"",
            "call a first {}",
            "call b second {\"x\":1}",
            "finished ToolCalls",
        ],
    ),
    (
        "cut_off.sse",
        &[
            "text \"It is\"",
            "error stream cut off: the stream ended before the reply did retry=true",
        ],
    ),
];

#[test]
fn the_recorded_streams() {
    for (name, want) in FIXTURES {
        assert_eq!(told(&events(&fixture(name), usize::MAX)), *want, "{name}");
    }
}

#[test]
fn pieces_of_any_size_say_the_same() {
    for (name, want) in FIXTURES {
        let bytes = fixture(name);
        for piece in 1..=48 {
            assert_eq!(
                told(&events(&bytes, piece)),
                *want,
                "{name} in pieces of {piece}"
            );
        }
        let crlf = String::from_utf8(bytes).unwrap().replace('\n', "\r\n");
        assert_eq!(
            told(&events(crlf.as_bytes(), 1)),
            *want,
            "{name} with CRLF, byte by byte"
        );
        assert_eq!(
            told(&events(crlf.replace("\r\n", "\r").as_bytes(), 7)),
            *want,
            "{name} with CR"
        );
    }
}

#[test]
fn what_servers_do_besides() {
    let cases: &[(&str, &[&str])] = &[
        (
            "",
            &["error stream cut off: the stream ended before the reply did retry=true"],
        ),
        ("data: [DONE]\n\n", &["finished Other"]),
        ("data:[DONE]", &["finished Other"]),
        (
            ": ping\n\nevent: x\nid: 1\nretry: 5\n\ndata: [DONE]\n\n",
            &["finished Other"],
        ),
        (
            "data: {\"choices\":[]}\n\ndata: {}\n\ndata: {\"choices\":null}\n\ndata: [DONE]\n",
            &["finished Other"],
        ),
        (
            "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"two lines\"}}]}\n\ndata: [DONE]\n",
            &["text \"two lines\"", "finished Other"],
        ),
        (
            "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\ndata: [DONE]\n",
            &["text \"a\"", "text \"b\"", "finished Other"],
        ),
        (
            "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"second choice\"}}]}\n\ndata: [DONE]\n",
            &["finished Other"],
        ),
        (
            "data: {\"choices\":[{\"delta\":{\"refusal\":\"I cannot.\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"late\"},\"finish_reason\":\"stop\"}]}\n\n",
            &["text \"I cannot.\"", "finished Stop"],
        ),
        (
            "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\",\"text\":\"hm\"},{\"type\":\"text\",\"text\":\"Yes.\"}]}}]}\n\ndata: [DONE]\n",
            &["text \"Yes.\"", "finished Other"],
        ),
        (
            "{\"choices\":[{\"message\":{\"content\":\"In one piece.\"},\"finish_reason\":\"stop\"}]}",
            &["text \"In one piece.\"", "finished Stop"],
        ),
        (
            "{\"error\":{\"message\":\"busy\",\"code\":503}}",
            &["error overloaded: 503: busy retry=true"],
        ),
        (
            "data: {\"error\":\"no model\"}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
            &["error server error: no model retry=true"],
        ),
        (
            "data: nonsense\n\n",
            &["error garbled stream: an event is not JSON retry=false"],
        ),
        (
            "data: {\"choices\":7}\n\n",
            &["error garbled stream: an event has an unknown shape retry=false"],
        ),
        (
            "data: [1]\n\n",
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
    let line = format!("data: {}", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(
        told(&events(line.as_bytes(), 4096)),
        ["error garbled stream: a line of the stream is too long retry=false"]
    );
    let event =
        "data: {\ndata: \n".to_owned() + &format!("data: {}\n", " ".repeat(30_000)).repeat(3);
    assert_eq!(
        told(&events(event.as_bytes(), 4096)),
        ["error garbled stream: an event of the stream is too long retry=false"]
    );
    let lines = "data: {\n".to_owned() + &"data: \n".repeat(64);
    assert_eq!(
        told(&events(lines.as_bytes(), 4096)),
        ["error garbled stream: an event of the stream is too long retry=false"]
    );
    let stream = ": nothing but comments\n".repeat(STREAM_BYTES_MAX / 20);
    assert_eq!(
        told(&events(stream.as_bytes(), 65_536)),
        ["error garbled stream: the stream is too long retry=false"]
    );
    let call = |index: usize, arguments: &str| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":{index},\"function\":{{\"arguments\":\"{arguments}\"}}}}]}}}}]}}\n\n"
        )
    };
    let calls: String = (0..=TOOL_CALLS_MAX).map(|index| call(index, "")).collect();
    assert_eq!(
        told(&events(calls.as_bytes(), 999)),
        ["error garbled stream: too many tool calls in one reply retry=false"]
    );
    let long = call(0, &"a".repeat(30_000)).repeat(3);
    assert_eq!(
        told(&events(long.as_bytes(), 999)),
        ["error garbled stream: the arguments of a tool call are too long retry=false"]
    );
}

#[test]
fn the_request_says_only_what_is_set() {
    let messages = [
        ChatMessage::System("Be brief.".into()),
        ChatMessage::User("Hi \"there\"".into()),
    ];
    let plain = ChatRequest {
        model: "m",
        messages: &messages,
        ..ChatRequest::default()
    };
    assert_eq!(
        request_body(&plain),
        r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi \"there\""}],"stream":true}"#
    );
    let messages = [
        ChatMessage::Assistant {
            text: "One moment.".into(),
            tool_calls: vec![],
        },
        ChatMessage::Assistant {
            text: String::new(),
            tool_calls: vec![ToolCall {
                id: "call_1".into(),
                name: "book".into(),
                arguments: "{\"day\":\"friday\"}".into(),
            }],
        },
        ChatMessage::Tool {
            call_id: "call_1".into(),
            text: "{\"ok\":true}".into(),
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
        temperature: Some(0.5),
        limit: TokenLimit::MaxCompletionTokens(200),
        tools: &tools,
        usage: true,
    };
    assert_eq!(
        request_body(&full),
        concat!(
            r#"{"model":"m","messages":[{"role":"assistant","content":"One moment."},"#,
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"book","arguments":"{\"day\":\"friday\"}"}}]},"#,
            r#"{"role":"tool","tool_call_id":"call_1","content":"{\"ok\":true}"}],"#,
            r#""stream":true,"stream_options":{"include_usage":true},"temperature":0.5,"max_completion_tokens":200,"#,
            r#""tools":[{"type":"function","function":{"name":"book","description":"Books.","parameters":{"type":"object"}}}]}"#,
        )
    );
    let shown = format!("{full:?}");
    assert!(
        !shown.contains("moment") && !shown.contains("friday"),
        "{shown}"
    );
    let old = ChatRequest {
        limit: TokenLimit::MaxTokens(9),
        temperature: Some(f32::NAN),
        ..plain
    };
    assert!(request_body(&old).ends_with(r#""stream":true,"max_tokens":9}"#));
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

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    #[test]
    fn however_a_damaged_stream_is_cut_it_says_the_same(
        which in 0..FIXTURES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cuts in prop::collection::vec(1_usize..200, 1..20),
    ) {
        let mut bytes = fixture(FIXTURES[which].0);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let want = events(&bytes, usize::MAX);
        let (mut decoder, mut out, mut rest) = (SseDecoder::new(), Vec::new(), &bytes[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            decoder.push(piece, &mut out);
            rest = after;
        }
        decoder.end(&mut out);
        prop_assert_eq!(&out, &want);
        // Every stream comes to one end.
        let ends = out.iter().filter(|event| matches!(event, ChatEvent::Finished { .. })).count();
        let errors = out.iter().filter(|event| matches!(event, ChatEvent::Error(_))).count();
        prop_assert!(ends + errors >= 1 && ends <= 1 && errors <= 1);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), status in any::<u16>()) {
        let _ = events(&bytes, 17);
        let _ = error_body(status, &bytes, None, None);
    }
}
