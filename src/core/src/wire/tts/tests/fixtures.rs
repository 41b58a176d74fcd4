//! The shapes in `fixtures`: what we send to the byte, and what is made of what comes.

use std::path::PathBuf;

use super::*;
use crate::wire::link::{Received, Sent};

pub(super) fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The messages of a fixture; `{"binary": …}` is a binary one.
pub(super) fn wires(name: &str) -> Vec<Wire> {
    let read = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        match value["binary"].as_str() {
            Some(base64) => Wire::Binary(contexts::decoded(base64).unwrap()),
            None => Wire::Text(line.into()),
        }
    };
    fixture(name).lines().map(read).collect()
}

pub(super) const ANSWERS: &[(Protocol, &str, &[&str])] = &[
    (
        Protocol::Cartesia,
        "cartesia/answer.jsonl",
        &[
            "audio 1 80",
            "words 1 We 0 180, are 210 360, open. 400 905",
            "audio 1 40",
            "done 1",
        ],
    ),
    (
        Protocol::Cartesia,
        "cartesia/error.jsonl",
        &[
            "trouble Some(1) rate: concurrency_limited",
            "trouble Some(2) request: 404",
        ],
    ),
    (
        Protocol::Cartesia,
        "cartesia/error_older.jsonl",
        &["trouble Some(1) request: 400"],
    ),
    (
        Protocol::Multi,
        "elevenlabs/answer_multi.jsonl",
        &[
            "words 1 We 0 8",
            "audio 1 96",
            "words 1 are 9 14",
            "audio 1 80",
            "words 1 open. 15 22",
            "done 1",
        ],
    ),
    (
        Protocol::Multi,
        "elevenlabs/answer_multi_other_spelling.jsonl",
        &["audio 1 80", "done 1"],
    ),
    (
        Protocol::Multi,
        "elevenlabs/error.jsonl",
        &["trouble None rate: max_active_conversations"],
    ),
    (
        Protocol::Single,
        "elevenlabs/answer_single.jsonl",
        &[
            "words 1 We 0 8",
            "audio 1 96",
            "words 1 are 9 14",
            "audio 1 80",
            "words 1 open. 15 22",
            "done 1",
        ],
    ),
    (
        Protocol::Aura,
        "deepgram_aura/answer.jsonl",
        &["ready", "audio 1 80", "audio 1 40", "done 1"],
    ),
    (
        Protocol::Aura,
        "deepgram_aura/flush_refused.jsonl",
        &["trouble None rate: EXCESSIVE_FLUSH"],
    ),
];

fn told(events: &[TtsEvent]) -> Vec<String> {
    let tell = |event: &TtsEvent| match event {
        TtsEvent::Ready => "ready".into(),
        TtsEvent::Audio { context, bytes } => format!("audio {context} {}", bytes.len()),
        TtsEvent::Words { context, words } => {
            let words = words
                .iter()
                .map(|(word, from, to)| format!("{word} {from} {to}"));
            format!("words {context} {}", words.collect::<Vec<_>>().join(", "))
        }
        TtsEvent::Done { context } => format!("done {context}"),
        TtsEvent::Trouble { context, trouble } => {
            format!(
                "trouble {context:?} {}: {}",
                trouble.kind.code(),
                trouble.code
            )
        }
    };
    events.iter().map(tell).collect()
}

#[test]
fn what_comes_is_read() {
    for (protocol, name, want) in ANSWERS {
        let (mut codec, mut events, mut out) = (codec(*protocol, &settings()), vec![], vec![]);
        codec.say(1, "We are open.", &mut out);
        codec.say(2, "Goodbye.", &mut out);
        // A single socket refuses the second.
        codec.receive(
            Received::Text("{\"type\":\"hello\"}"),
            &mut out,
            &mut events,
        );
        events.clear();
        for wire in wires(name) {
            codec.receive(wire.received(), &mut out, &mut events);
        }
        assert_eq!(told(&events), *want, "{name}");
    }
}

fn written(out: &[Sent]) -> String {
    let lines = out.iter().map(|sent| match sent {
        Sent::Text(text) => format!("{text}\n"),
        Sent::Binary(_) => panic!("a binary message"),
    });
    lines.collect()
}

#[test]
fn what_we_send_is_as_documented() {
    let settings = TtsSettings {
        voice: "voice_1".into(),
        ..settings()
    };
    for (protocol, name) in [
        (Protocol::Cartesia, "cartesia/ask.jsonl"),
        (Protocol::Multi, "elevenlabs/ask_multi.jsonl"),
        (Protocol::Single, "elevenlabs/ask_single.jsonl"),
        (Protocol::Aura, "deepgram_aura/ask.jsonl"),
    ] {
        let (mut codec, mut out) = (codec(protocol, &settings), Vec::new());
        codec.say(1, "We are \"open\".", &mut out);
        codec.cancel(1, &mut out);
        assert_eq!(written(&out), fixture(name), "{name}");
    }
    for (request, name) in [
        (
            aura::request(&settings, KEY, "We are \"open\"."),
            "deepgram_aura/request.json",
        ),
        (
            elevenlabs::request(&settings, KEY, "We are \"open\"."),
            "elevenlabs/request.json",
        ),
        (
            openai_speech::request(
                &TtsSettings {
                    model: "a-model".into(),
                    ..settings.clone()
                },
                KEY,
                "We are \"open\".",
            ),
            "openai_speech/request.json",
        ),
    ] {
        assert_eq!(request.body, fixture(name).trim_end(), "{name}");
    }
}

#[test]
fn each_vendor_is_told_the_language_in_its_own_form() {
    for (tag, code) in [
        ("de", "de"),
        ("de-AT", "de"),
        ("fr-CA", "fr"),
        ("es-419", "es"),
        ("it", "it"),
        ("pt-BR", "pt"),
        ("nl-BE", "nl"),
        ("pl-PL", "pl"),
        ("lt", "lt"),
        ("tr-TR", "tr"),
    ] {
        let settings = TtsSettings {
            language: tag.into(),
            ..settings()
        };
        let elevenlabs = codec(Protocol::Multi, &settings).handshake().path;
        assert!(
            elevenlabs.ends_with(&format!("&language_code={code}")),
            "{tag}"
        );
        let mut cartesia = codec(Protocol::Cartesia, &settings);
        let mut sent = Vec::new();
        cartesia.say(1, "Ja.", &mut sent);
        let language = format!("\"language\":\"{code}\"");
        let is_told = |sent: &Sent| matches!(sent, Sent::Text(text) if text.contains(&language));
        assert!(sent.iter().any(is_told), "{tag}");
    }
}

#[test]
fn addresses_and_headers() {
    let odd = TtsSettings {
        model: "m&x=1".into(),
        voice: "../v?#\r\n é".into(),
        language: "de-AT".into(),
        speed: 1.0,
    };
    let of = |protocol, settings: &TtsSettings| codec(protocol, settings).handshake();
    for (protocol, usual, escaped) in [
        (Protocol::Cartesia, "/tts/websocket", "/tts/websocket"),
        (
            Protocol::Multi,
            "/v1/text-to-speech/a-voice/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true&sync_alignment=true&inactivity_timeout=180&language_code=en",
            "/v1/text-to-speech/..%2Fv%3F%23%0D%0A%20%C3%A9/multi-stream-input?model_id=m%26x%3D1&output_format=ulaw_8000&auto_mode=true&sync_alignment=true&inactivity_timeout=180",
        ),
        (
            Protocol::Single,
            "/v1/text-to-speech/a-voice/stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true&sync_alignment=true&inactivity_timeout=180&language_code=en",
            "/v1/text-to-speech/..%2Fv%3F%23%0D%0A%20%C3%A9/stream-input?model_id=m%26x%3D1&output_format=ulaw_8000&auto_mode=true&sync_alignment=true&inactivity_timeout=180",
        ),
        (
            Protocol::Aura,
            "/v1/speak?model=a-voice&encoding=mulaw&sample_rate=8000",
            "/v1/speak?model=..%2Fv%3F%23%0D%0A%20%C3%A9&encoding=mulaw&sample_rate=8000",
        ),
    ] {
        assert_eq!(of(protocol, &settings()).path, usual);
        assert_eq!(of(protocol, &odd).path, escaped);
        let headers = of(protocol, &odd).headers;
        let (name, value) = &headers[0];
        assert!(value.ends_with(KEY), "{protocol:?}");
        assert!(["x-api-key", "xi-api-key", "authorization"].contains(name));
        assert_eq!(codec(protocol, &odd).format(), AudioFormat::Mulaw8k);
    }
    let plain = TtsSettings::default();
    let aura = aura::request(&plain, KEY, "Hi.");
    assert_eq!(
        aura.path,
        "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none"
    );
    let eleven = elevenlabs::request(&plain, KEY, "Hi.");
    assert_eq!(
        eleven.path,
        "/v1/text-to-speech/_/stream?output_format=ulaw_8000"
    );
    let speech = openai_speech::request(&plain, "", "Hi.");
    assert_eq!(
        (speech.path.as_str(), speech.headers.len()),
        ("/audio/speech", 1)
    );
    assert_eq!(speech.format, AudioFormat::Pcm16 { rate: 24_000 });
}

#[test]
fn a_post_is_within_bounds() {
    let text = "many words ".repeat(2_000);
    for (body, most) in [
        (aura::request(&settings(), KEY, &text).body, 2_000),
        (elevenlabs::request(&settings(), KEY, &text).body, 5_000),
        (openai_speech::request(&settings(), KEY, &text).body, 4_096),
    ] {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let text = body["text"].as_str().or(body["input"].as_str()).unwrap();
        assert!(text.len() <= most && text.len() > most - 10 && !text.ends_with("wor"));
    }
}
