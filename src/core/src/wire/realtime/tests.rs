//! Both dialects by their fixtures, refusals, bounds, and anything at all.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::cost::Tokens;
use crate::wire::openai::ToolSpec;

const KEY: &str = "secret-key-0123";
const COURSES: [&str; 5] = [
    "turn.jsonl",
    "turn_beta.jsonl",
    "cancelled.jsonl",
    "tool.jsonl",
    "errors.jsonl",
];

fn lines(name: &str) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/openai_realtime");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn settings(dialect: Dialect) -> RealtimeSettings {
    RealtimeSettings {
        dialect,
        model: "some model/2".into(),
        voice: "marin".into(),
        transcriber: "some-transcriber".into(),
        language: "de-AT".into(),
        silence_ms: 200,
        tools: vec![ToolSpec {
            name: "end_call".into(),
            description: "Ends the call.".into(),
            parameters: RawValue::from_string(r#"{"type":"object","properties":{}}"#.into())
                .unwrap(),
        }],
    }
}

/// A connection on which ten seconds of audio were sent.
fn sending() -> Realtime {
    let mut codec = Realtime::new(&settings(Dialect::Present), KEY);
    codec.audio(&vec![0x55; 80_000], &mut Vec::new());
    codec
}

/// What a course of messages comes to, an event a line, words and all.
fn told(name: &str) -> Vec<String> {
    let (mut codec, mut events) = (sending(), Vec::new());
    for line in lines(name) {
        codec.receive(Received::Text(&line), &mut events);
    }
    let show = |event: &RealtimeEvent| {
        let words = match event {
            RealtimeEvent::Hears { delta, .. } | RealtimeEvent::Words { delta, .. } => Some(delta),
            RealtimeEvent::Heard { text, .. } => Some(text),
            RealtimeEvent::Ready
            | RealtimeEvent::SpeechStarted { .. }
            | RealtimeEvent::SpeechStopped { .. }
            | RealtimeEvent::Unheard { .. }
            | RealtimeEvent::Answering { .. }
            | RealtimeEvent::Audio { .. }
            | RealtimeEvent::AudioEnded { .. }
            | RealtimeEvent::WordsEnded { .. }
            | RealtimeEvent::Calling { .. }
            | RealtimeEvent::Called { .. }
            | RealtimeEvent::Answered { .. }
            | RealtimeEvent::Truncated { .. }
            | RealtimeEvent::Trouble { .. } => None,
        };
        match words {
            Some(words) => format!("{event:?} {words:?}"),
            None => format!("{event:?}"),
        }
    };
    events.iter().map(show).collect()
}

#[test]
fn a_turn_and_its_answer_are_the_same_in_both_dialects() {
    let want = [
        "Ready",
        "Ready",
        "SpeechStarted(item_1, 1200)",
        "SpeechStopped(item_1, 2600)",
        "Hears(item_1, 9 bytes) \"On Monday\"",
        "Heard(item_1, 18 bytes) \"On Monday, please.\"",
        "Answering(resp_1, Some(7))",
        "Words(resp_1, 8 bytes) \"At nine,\"",
        "Audio(resp_1, item_2, 0, 16 bytes)",
        "Words(resp_1, 11 bytes) \" or at ten?\"",
        "Audio(resp_1, item_2, 0, 16 bytes)",
        "AudioEnded(resp_1)",
        "WordsEnded(resp_1)",
        "Answered(resp_1, Complete, Some(SpokenTokens { text: Tokens { read: 40, cached: 24, written: 6 }, audio: Tokens { read: 20, cached: 8, written: 24 } }))",
    ];
    assert_eq!(told("turn.jsonl"), want);
    assert_eq!(told("turn_beta.jsonl"), want);
}

#[test]
fn other_courses_are_told() {
    assert_eq!(
        told("cancelled.jsonl"),
        [
            "Answering(resp_2, None)",
            "Audio(resp_2, item_4, 0, 16 bytes)",
            "Answered(resp_2, Cancelled, None)",
            "Truncated(item_4)",
        ]
    );
    assert_eq!(
        told("tool.jsonl"),
        [
            "Answering(resp_3, Some(9))",
            "Calling(resp_3)",
            "Called(resp_3, call_1, end_call, 2 bytes)",
            "Answered(resp_3, Incomplete, None)",
        ]
    );
    let failed = "Answered(resp_4, Failed(Trouble { kind: Server, code: \"server_error\", retry_after_ms: None }), None)";
    assert_eq!(
        told("errors.jsonl"),
        [
            "Unheard(item_6, server: audio_unintelligible)",
            failed,
            "Trouble(rate: conversation_already_has_active_response, Answer(12), is_over false)",
            "Trouble(request: invalid_value, Truncation(12), is_over false)",
            "Trouble(request: invalid_request_error, Other, is_over false)",
            "Trouble(server: session_expired, Other, is_over true)",
        ]
    );
}

#[test]
fn what_is_sent_is_what_the_fixtures_have() {
    for (dialect, name) in [
        (Dialect::Present, "ask.jsonl"),
        (Dialect::Beta, "ask_beta.jsonl"),
    ] {
        let (mut codec, mut out) = (Realtime::new(&settings(dialect), KEY), Vec::new());
        codec.begin(&mut out);
        codec.audio(&[0x55; 7], &mut out);
        codec.audio(&[], &mut out);
        let conversation = [
            Turn::System("It rains.".into()),
            Turn::Assistant("How can I help you?".into()),
            Turn::Item("item_1".into()),
            Turn::User("On \"Monday\".".into()),
            Turn::Called {
                call: "use_1".into(),
                name: "book".into(),
                arguments: "{\"day\":\"Monday\"}".into(),
            },
            Turn::Returned {
                call: "use_1".into(),
                output: "{\"ok\":\"Monday\"}".into(),
            },
        ];
        let answer = Answer {
            ask: 7,
            instructions: "You are Robin.",
            conversation: &conversation,
        };
        codec.answer(&answer, &mut out);
        codec.cancel("resp_1", &mut out);
        codec.truncate(7, "item_2", 0, 1_500, &mut out);
        codec.delete("item_1", &mut out);
        codec.tool_answered("call_1", "{}", &mut out);
        let book = ToolSpec {
            name: "book".into(),
            description: "Books.".into(),
            parameters: RawValue::from_string("{}".into()).unwrap(),
        };
        codec.offer(&[book], &mut out);
        let sent = out.into_iter().map(|sent| match sent {
            Sent::Text(text) => serde_json::from_str::<Value>(&text).unwrap(),
            Sent::Binary(_) => panic!("all of it is text"),
        });
        let want = lines(name);
        let want = want.iter().map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(
            sent.collect::<Vec<Value>>(),
            want.collect::<Vec<Value>>(),
            "{name}"
        );
        let shown = format!("{conversation:?}{answer:?}", answer = codec.handshake());
        assert!(!shown.contains("Monday") && !shown.contains(KEY));
    }
}

#[test]
fn it_knocks_by_its_dialect() {
    let present = Realtime::new(&settings(Dialect::Present), KEY).handshake();
    assert_eq!(present.path, "/realtime?model=some%20model%2F2");
    let bearer = ("authorization", format!("Bearer {KEY}"));
    assert_eq!(present.headers, std::slice::from_ref(&bearer));
    let beta = Realtime::new(&settings(Dialect::Beta), KEY).handshake();
    let header = ("openai-beta", "realtime=v1".to_owned());
    assert_eq!(beta.headers, [bearer, header]);
    assert!(
        Realtime::new(&settings(Dialect::Present), " ")
            .handshake()
            .headers
            .is_empty()
    );
}

#[test]
fn errors_are_of_a_kind_and_only_some_end_it() {
    for (kind, code, want, is_over) in [
        (
            "invalid_request_error",
            "invalid_api_key",
            TroubleKind::Key,
            true,
        ),
        ("insufficient_quota", "", TroubleKind::Quota, true),
        (
            "rate_limit_error",
            "rate_limit_exceeded",
            TroubleKind::Rate,
            false,
        ),
        ("server_error", "", TroubleKind::Server, false),
        (
            "invalid_request_error",
            "model_not_found",
            TroubleKind::Request,
            false,
        ),
        ("", "", TroubleKind::Server, false),
        ("he said: my number is five", "", TroubleKind::Server, false),
    ] {
        let json = format!(r#"{{"type":"error","error":{{"type":"{kind}","code":"{code}"}}}}"#);
        let mut out = Vec::new();
        sending().receive(Received::Text(&json), &mut out);
        let [
            RealtimeEvent::Trouble {
                trouble,
                is_over: over,
                ..
            },
        ] = &out[..]
        else {
            panic!("{out:?}");
        };
        assert_eq!((trouble.kind, *over), (want, is_over), "{kind} {code}");
        assert!(!trouble.code.contains("number"));
    }
    let json = r#"{"type":"error","error":{"type":"invalid_request_error","event_id":"session"}}"#;
    let mut out = Vec::new();
    sending().receive(Received::Text(json), &mut out);
    let is_lost = |event: &RealtimeEvent| {
        matches!(
            event,
            RealtimeEvent::Trouble {
                about: About::Session,
                is_over: true,
                ..
            }
        )
    };
    assert!(is_lost(&out[0]), "it would hear and speak as it pleases");
    let json = json.replace(r#""session""#, r#""tools""#);
    sending().receive(Received::Text(&json), &mut out);
    let goes_on = |event: &RealtimeEvent| {
        matches!(
            event,
            RealtimeEvent::Trouble {
                about: About::Tools,
                is_over: false,
                ..
            }
        )
    };
    assert!(goes_on(&out[1]), "it hears and speaks, and does nothing");
    let codec = sending();
    for (code, kind) in [
        (1008, TroubleKind::Request),
        (1013, TroubleKind::Rate),
        (1006, TroubleKind::Server),
    ] {
        assert_eq!(codec.closed(code, "what he said").kind, kind);
    }
}

#[test]
fn nonsense_is_borne_so_often() {
    let mut codec = sending();
    let bad_base64 =
        r#"{"type":"response.audio.delta","response_id":"r","item_id":"i","delta":"***"}"#;
    let late = r#"{"type":"input_audio_buffer.speech_started","item_id":"i","audio_start_ms":-3}"#;
    let mut out = Vec::new();
    for message in [
        "[]",
        "{",
        "{}",
        bad_base64,
        late,
        r#"{"type":"response.done","response":[]}"#,
        r#"{"type":"response.done","response":{"id":""}}"#,
        r#"{"type":"conversation.item.truncated","item_id":"with a space"}"#,
    ] {
        out.clear();
        codec.receive(Received::Text(message), &mut out);
        let is_fault = matches!(&out[..], [RealtimeEvent::Trouble { trouble, is_over: false, .. }] if trouble.kind == TroubleKind::Protocol);
        assert!(is_fault, "{message}: {out:?}");
    }
    let far = r#"{"type":"input_audio_buffer.speech_stopped","item_id":"i","audio_end_ms":1e300}"#;
    out.clear();
    codec.receive(Received::Text(far), &mut out);
    assert!(matches!(
        out[..],
        [RealtimeEvent::SpeechStopped { at_ms: 10_000, .. }]
    ));
    for _ in 0..100 {
        codec.receive(Received::Binary(b"{}"), &mut out);
    }
    let troubles = out
        .iter()
        .filter(|e| matches!(e, RealtimeEvent::Trouble { .. }));
    assert_eq!(troubles.count(), FAULTS_MAX as usize + 1 - 7);
    assert!(matches!(
        out.last(),
        Some(RealtimeEvent::Trouble { is_over: true, .. })
    ));
    out.clear();
    codec.receive(Received::Text(r#"{"type":"session.created"}"#), &mut out);
    assert!(out.is_empty(), "nothing follows the end");
}

fn bounded(events: &[RealtimeEvent]) -> bool {
    events.iter().all(|event| match event {
        RealtimeEvent::SpeechStarted { item, at_ms }
        | RealtimeEvent::SpeechStopped { item, at_ms } => {
            item.len() <= ID_BYTES_MAX && *at_ms <= 10_000
        }
        RealtimeEvent::Hears { delta: text, .. }
        | RealtimeEvent::Words { delta: text, .. }
        | RealtimeEvent::Heard { text, .. }
        | RealtimeEvent::Called {
            arguments: text, ..
        } => text.len() <= TEXT_BYTES_MAX,
        RealtimeEvent::Trouble { trouble, .. } | RealtimeEvent::Unheard { trouble, .. } => {
            trouble.code.chars().count() <= 61
        }
        RealtimeEvent::Audio { mulaw, .. } => mulaw.len() <= MESSAGE_BYTES_MAX,
        RealtimeEvent::Ready
        | RealtimeEvent::Answering { .. }
        | RealtimeEvent::AudioEnded { .. }
        | RealtimeEvent::WordsEnded { .. }
        | RealtimeEvent::Calling { .. }
        | RealtimeEvent::Answered { .. }
        | RealtimeEvent::Truncated { .. } => true,
    })
}

#[test]
fn long_texts_are_cut_and_long_messages_refused() {
    let long = "é".repeat(TEXT_BYTES_MAX);
    let words = format!(r#"{{"type":"response.text.delta","response_id":"r","delta":"x{long}"}}"#);
    let (mut codec, mut out) = (sending(), Vec::new());
    codec.receive(Received::Text(&words), &mut out);
    assert!(
        matches!(&out[..], [RealtimeEvent::Words { delta, .. }] if delta.len() == TEXT_BYTES_MAX - 1)
    );
    codec.receive(Received::Text(&" ".repeat(MESSAGE_BYTES_MAX + 1)), &mut out);
    assert!(
        matches!(&out[1], RealtimeEvent::Trouble { trouble, .. } if trouble.code == "too-long")
    );
}

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    #[test]
    fn damaged_messages_are_read_without_panic(
        which in 0..COURSES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
        tail in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..6),
        code in any::<u16>(),
        reason in ".{0,60}",
    ) {
        let mut bytes: Vec<Vec<u8>> = lines(COURSES[which]).into_iter().map(String::into_bytes).collect();
        for (line, at, byte) in damage {
            let line = line.index(bytes.len());
            let at = at.index(bytes[line].len());
            bytes[line][at] = byte;
        }
        let (mut codec, mut events) = (sending(), Vec::new());
        for message in &bytes {
            codec.receive(Received::Text(&String::from_utf8_lossy(message)), &mut events);
        }
        for (is_text, message) in &tail {
            let text = String::from_utf8_lossy(message);
            let message = if *is_text { Received::Text(&text) } else { Received::Binary(message) };
            codec.receive(message, &mut events);
        }
        prop_assert!(bounded(&events), "{:?}", events);
        prop_assert!(codec.closed(code, &reason).code.chars().count() <= 61);
    }
}

#[test]
fn no_part_of_a_sum_is_more_than_the_sum() {
    for (usage, want) in [
        (
            r#"{"input_tokens":5,"output_tokens":3}"#,
            Some(((5, 0, 3), (0, 0, 0))),
        ),
        (
            r#"{"input_tokens":5,"output_tokens":3,"input_token_details":{"audio_tokens":9,"cached_tokens":7},"output_token_details":{"audio_tokens":9}}"#,
            Some(((0, 0, 0), (5, 0, 3))),
        ),
        (
            r#"{"input_tokens":5,"output_tokens":3,"input_token_details":{"audio_tokens":2,"cached_tokens":4,"cached_tokens_details":{"audio_tokens":3}},"output_token_details":[]}"#,
            Some(((3, 2, 3), (2, 2, 0))),
        ),
        (r#"{"input_tokens":-5,"output_tokens":3}"#, None),
        (r#"{"output_tokens":3}"#, None),
        ("null", None),
    ] {
        let json = format!(
            r#"{{"type":"response.done","response":{{"id":"r","status":"completed","usage":{usage}}}}}"#
        );
        let mut out = Vec::new();
        sending().receive(Received::Text(&json), &mut out);
        let [RealtimeEvent::Answered { tokens, .. }] = &out[..] else {
            panic!("{usage}: {out:?}")
        };
        let parts = |t: Tokens| (t.read, t.cached, t.written);
        let told = tokens.map(|tokens| (parts(tokens.text), parts(tokens.audio)));
        assert_eq!(told, want, "{usage}");
    }
}
