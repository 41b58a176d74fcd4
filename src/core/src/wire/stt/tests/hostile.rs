//! Anything at all, and the fixtures with something wrong in them: nothing breaks, and what comes out is bounded.

use super::courses;
use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Cases of each run; `FUZZ_CASES` looks further.
const CASES: u32 = 300;
/// Events that one message may bring about.
const EVENTS_MAX: usize = 5;

fn runner() -> TestRunner {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    let cases = std::env::var("FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    TestRunner::new(Config {
        cases: cases.unwrap_or(CASES),
        rng_seed: RngSeed::Fixed(0x5717),
        failure_persistence: None,
        ..Config::default()
    })
}

/// What must hold of everything that comes out of one connection.
struct Witness {
    final_until_ms: u64,
    is_over: bool,
}

impl Witness {
    fn new() -> Self {
        Self {
            final_until_ms: 0,
            is_over: false,
        }
    }

    fn see(&mut self, events: &[SttEvent]) {
        assert!(events.len() <= EVENTS_MAX);
        assert!(
            !self.is_over || events.is_empty(),
            "nothing follows the end"
        );
        for event in events {
            let (at_ms, text) = match event {
                SttEvent::Ready | SttEvent::TurnResumed => (0, ""),
                SttEvent::SpeechStarted { at_ms }
                | SttEvent::TurnEnded { at_ms }
                | SttEvent::TurnMayEnd { at_ms } => (*at_ms, ""),
                SttEvent::Partial { until_ms, text } => {
                    assert!(*until_ms >= self.final_until_ms);
                    (*until_ms, text.as_str())
                }
                SttEvent::Final {
                    until_ms,
                    text,
                    confidence,
                    words,
                    ..
                } => {
                    assert!(*until_ms >= self.final_until_ms);
                    self.final_until_ms = *until_ms;
                    assert!((0.0..=1.0).contains(confidence));
                    assert!(words.len() <= WORDS_MAX);
                    for word in words {
                        assert!(word.from_ms <= word.to_ms && word.to_ms <= AUDIO_MS as u64);
                        assert!((0.0..=1.0).contains(&word.confidence));
                    }
                    (*until_ms, text.as_str())
                }
                SttEvent::Trouble { trouble, is_over } => {
                    self.is_over |= is_over;
                    assert!(trouble.code.chars().count() <= 61);
                    (0, "")
                }
            };
            assert!(at_ms <= AUDIO_MS as u64 && text.len() <= TRANSCRIPT_BYTES_MAX);
        }
    }
}

/// Plays messages to a codec; bytes that are not a text come as a binary frame.
fn play(name: &str, messages: &[Vec<u8>]) {
    let (mut codec, mut witness) = (sending(name), Witness::new());
    let mut out = Vec::new();
    for message in messages {
        out.clear();
        match std::str::from_utf8(message) {
            Ok(text) => codec.receive(Received::Text(text), &mut out),
            Err(_) => codec.receive(Received::Binary(message), &mut out),
        }
        witness.see(&out);
        codec.closed(message.len() as u16, &String::from_utf8_lossy(message));
    }
}

#[test]
fn any_bytes_are_borne() {
    let bytes = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..40);
    runner()
        .run(&bytes, |messages| {
            for (name, _) in CODECS {
                play(name, &messages);
            }
            Ok(())
        })
        .unwrap();
}

/// Values to stand where others stood.
const VALUES: [&str; 16] = [
    "null",
    "true",
    "\"true\"",
    "-1",
    "1e308",
    "-1e308",
    "18446744073709551615",
    "\"NaN\"",
    "\"-inf\"",
    "\"99999999999999999999\"",
    "[]",
    "{}",
    "[[{\"a\":[]}]]",
    "\"\\ud800\"",
    "\"\\u0000é\"",
    "{\"alternatives\":[null,[],{\"transcript\":\"x\",\"words\":[1,{\"start\":9,\"end\":-9,\"word\":\"w\"}]}]}",
];

/// Puts another value in the place of the `nth` one that follows a colon.
fn exchanged(message: &str, nth: usize, value: &str) -> String {
    let colons: Vec<usize> = message.match_indices("\":").map(|(at, _)| at + 2).collect();
    let Some(&from) = colons.get(nth % colons.len().max(1)) else {
        return message.to_owned();
    };
    let mut values =
        serde_json::Deserializer::from_str(&message[from..]).into_iter::<serde::de::IgnoredAny>();
    let length = match values.next() {
        Some(Ok(_)) => values.byte_offset(),
        Some(Err(_)) | None => 0,
    };
    format!("{}{value}{}", &message[..from], &message[from + length..])
}

#[test]
fn fixtures_with_other_values_are_borne() {
    for (name, file) in courses::all() {
        let lines = fixture(file);
        for (at, line) in lines.iter().enumerate() {
            for nth in 0..line.matches("\":").count() {
                for value in VALUES {
                    let mut messages: Vec<Vec<u8>> =
                        lines.iter().map(|line| line.clone().into_bytes()).collect();
                    messages[at] = exchanged(line, nth, value).into_bytes();
                    play(name, &messages);
                }
            }
        }
    }
}

#[test]
fn fixtures_cut_repeated_exchanged_and_in_any_order_are_borne() {
    let all: Vec<Vec<u8>> = courses::all()
        .flat_map(|(_, file)| fixture(file))
        .map(String::into_bytes)
        .collect();
    let one = (
        0..all.len(),
        any::<prop::sample::Index>(),
        any::<u8>(),
        0_u8..6,
    );
    runner()
        .run(&prop::collection::vec(one, 1..60), |picks| {
            let messages: Vec<Vec<u8>> = picks
                .iter()
                .map(|(which, at, byte, change)| {
                    let mut message = all[*which].clone();
                    let at = at.index(message.len());
                    match change {
                        0 => message.truncate(at),
                        1 => message[at] = *byte,
                        2 => message.insert(at, *byte),
                        3 => {
                            message.remove(at);
                        }
                        _ => {}
                    }
                    message
                })
                .collect();
            for (name, _) in CODECS {
                play(name, &messages);
            }
            Ok(())
        })
        .unwrap();
}
