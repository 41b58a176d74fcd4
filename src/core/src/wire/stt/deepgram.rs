//! Deepgram's recogniser for streams, `/v1/listen` (nova).
//!
//! Its finals follow each other: a turn is all of them up to `speech_final`, or up to `UtteranceEnd` if that never comes.
//! It may leave [`SttCodec::finalize`] unanswered where it has hardly any audio left to work on, so whoever asks also
//! waits for a limited time. Source of every shape: see `fixtures/deepgram/README.md`.

use super::bounds::{self, Faults, Timeline, WORDS_MAX};
use super::lenient::{Scalar, object, objects};
use super::query::{Query, primary, terms};
use super::{SttCodec, SttEvent, SttSettings, SttWord, header, refusal};
use crate::wire::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The model that is asked for if none is named.
const MODEL: &str = "nova-3";
/// It closes a connection on which it heard nothing for ten seconds.
const KEEP_ALIVE_MS: u64 = 4_000;
/// Longest key term that is asked for, in characters.
const TERM_CHARS_MAX: usize = 100;
/// The silence between words after which it tells that an utterance has ended; the shortest that it takes.
const UTTERANCE_END_MS: &str = "1000";

/// One connection to `/v1/listen`.
pub struct Deepgram {
    handshake: Handshake,
    line: Timeline,
    faults: Faults,
    is_ready: bool,
    turn: Turn,
    /// There are words in the partial that went out last.
    has_partial: bool,
}

/// What came of the turn that goes on.
#[derive(Default)]
struct Turn {
    is_heard: bool,
    has_words: bool,
    voice_from_ms: Option<u64>,
    voice_to_ms: Option<u64>,
}

impl Deepgram {
    /// A connection for these settings; `key` is the account's API key.
    pub fn new(settings: &SttSettings, key: &str) -> Self {
        Self {
            handshake: Handshake {
                path: path(settings),
                headers: vec![("authorization", format!("Token {}", key.trim()))],
            },
            line: Timeline::default(),
            faults: Faults::default(),
            is_ready: false,
            turn: Turn::default(),
            has_partial: false,
        }
    }

    fn results(&mut self, message: &Message<'_>, out: &mut Vec<SttEvent>) {
        let start = message.start.number();
        let end = start
            .zip(message.duration.number())
            .map(|(start, duration)| self.line.place((start + duration.max(0.0)) * 1000.0));
        let channel: Channel<'_> = message
            .channel
            .and_then(|raw| object(raw.get()))
            .unwrap_or_default();
        let best: Alternative<'_> = objects(channel.alternatives, 1).pop().unwrap_or_default();
        if message.is_final.flag() {
            self.settled(message, &best, end, out);
            return;
        }
        let text = bounds::transcript(best.transcript.text());
        // It tells every second that nobody speaks.
        if !text.is_empty() || self.has_partial {
            self.has_partial = !text.is_empty();
            out.push(SttEvent::Partial {
                until_ms: self.line.open(end),
                text,
            });
        }
    }

    fn settled(
        &mut self,
        message: &Message<'_>,
        best: &Alternative<'_>,
        end: Option<u64>,
        out: &mut Vec<SttEvent>,
    ) {
        let until_ms = self.line.settle(end);
        let text = bounds::transcript(best.transcript.text());
        let words = self.words(best.words);
        self.has_partial = false;
        if !text.is_empty() {
            self.turn.has_words = true;
            let from = words.first().map(|word| word.from_ms);
            self.turn.voice_from_ms = self.turn.voice_from_ms.or(from);
            self.turn.voice_to_ms = words.last().map(|word| word.to_ms).or(Some(until_ms));
        }
        out.push(SttEvent::Final {
            until_ms,
            text,
            confidence: bounds::confidence(&best.confidence),
            words,
            asked: message.from_finalize.flag(),
        });
        if message.speech_final.flag() && (self.turn.has_words || self.turn.is_heard) {
            self.turn_ended(None, until_ms, out);
        }
    }

    fn words(&self, raw: Option<&RawValue>) -> Vec<SttWord> {
        objects::<Word<'_>>(raw, WORDS_MAX)
            .iter()
            .filter_map(|word| {
                let written = match word.punctuated_word.text() {
                    "" => word.word.text(),
                    written => written,
                };
                bounds::word(
                    written,
                    self.line.seconds(&word.start),
                    self.line.seconds(&word.end),
                    &word.confidence,
                )
            })
            .collect()
    }

    fn utterance_end(&mut self, message: &Message<'_>, out: &mut Vec<SttEvent>) {
        // Some are told with -1.
        let last_word_end = message
            .last_word_end
            .number()
            .filter(|seconds| *seconds >= 0.0)
            .map(|seconds| self.line.place(seconds * 1000.0));
        let is_of_an_earlier_turn = last_word_end
            .zip(self.turn.voice_from_ms)
            .is_some_and(|(end, from)| end < from);
        if self.turn.has_words && !is_of_an_earlier_turn {
            let until_ms = self.line.settle(None);
            self.turn_ended(last_word_end, until_ms, out);
        }
    }

    fn turn_ended(&mut self, at_ms: Option<u64>, until_ms: u64, out: &mut Vec<SttEvent>) {
        let turn = std::mem::take(&mut self.turn);
        out.push(SttEvent::TurnEnded {
            at_ms: turn.voice_to_ms.or(at_ms).unwrap_or(until_ms),
        });
    }
}

/// Regions of which Deepgram has models of their own, beside the English ones: its changelog of Nova-3, August 2025 on. Any
/// other is refused, so that the language goes without it.
const REGIONS: &[&str] = &["de-CH", "es-419", "fr-CA", "nl-BE", "pt-BR", "pt-PT"];

fn language(tag: &str) -> &str {
    let is_known = REGIONS.iter().any(|one| one.eq_ignore_ascii_case(tag));
    match primary(tag) {
        "en" => tag,
        _ if is_known => tag,
        main => main,
    }
}

fn path(settings: &SttSettings) -> String {
    let model = match settings.model.trim() {
        "" => MODEL,
        model => model,
    };
    let endpointing = settings
        .endpointing_ms
        .map_or_else(|| "false".to_owned(), |ms| ms.to_string());
    let mut query = Query::of("/v1/listen");
    query
        .with("model", model)
        .with("encoding", "mulaw")
        .with("sample_rate", "8000")
        .with("channels", "1")
        .with("interim_results", "true")
        .with("endpointing", &endpointing)
        .with("utterance_end_ms", UTTERANCE_END_MS)
        .with("vad_events", "true")
        .with("smart_format", "true")
        .with("punctuate", "true");
    let language = language(settings.language.trim());
    if !language.is_empty() {
        query.with("language", language);
    }
    for term in terms(&settings.key_terms, TERM_CHARS_MAX) {
        if model.starts_with("nova-3") {
            query.with("keyterm", term);
        } else {
            // What stands behind a colon would be read as the word's weight.
            query.with("keywords", &term.replace(':', " "));
        }
    }
    query.into_path()
}

impl SttCodec for Deepgram {
    fn handshake(&self) -> Handshake {
        self.handshake.clone()
    }

    fn opened(&mut self, out: &mut Vec<SttEvent>) {
        if !std::mem::replace(&mut self.is_ready, true) {
            out.push(SttEvent::Ready);
        }
    }

    fn refused(&self, status: u16, headers: &[(&str, &str)]) -> Trouble {
        handshake_refused(status, headers)
    }

    fn audio(&mut self, mulaw: &[u8], out: &mut Vec<Sent>) {
        // An empty binary frame would close the stream.
        if !mulaw.is_empty() {
            self.line.sent(mulaw.len());
            out.push(Sent::Binary(mulaw.to_vec()));
        }
    }

    fn finalize(&mut self, out: &mut Vec<Sent>) {
        out.push(Sent::Text(r#"{"type":"Finalize"}"#.to_owned()));
    }

    fn keep_alive(&self) -> Option<(u64, Sent)> {
        let message = Sent::Text(r#"{"type":"KeepAlive"}"#.to_owned());
        Some((KEEP_ALIVE_MS, message))
    }

    fn close(&mut self, out: &mut Vec<Sent>) {
        out.push(Sent::Text(r#"{"type":"CloseStream"}"#.to_owned()));
    }

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<SttEvent>) {
        let Some(message) = self.faults.read::<Message<'_>>(message, out) else {
            return;
        };
        self.opened(out);
        match message.kind.text() {
            "Results" => self.results(&message, out),
            "SpeechStarted" => {
                self.turn.is_heard = true;
                out.push(SttEvent::SpeechStarted {
                    at_ms: self
                        .line
                        .seconds(&message.timestamp)
                        .unwrap_or_else(|| self.line.open(None)),
                });
            }
            "UtteranceEnd" => self.utterance_end(&message, out),
            "Error" => self.faults.end(error(&message), out),
            _ => {}
        }
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        socket_closed(code, reason)
    }
}

fn error(message: &Message<'_>) -> Trouble {
    let code = [&message.code, &message.variant]
        .into_iter()
        .map(Scalar::text)
        .find(|code| !code.is_empty())
        .unwrap_or_default();
    told(code)
}

/// What one of Deepgram's own codes for errors means.
pub(super) fn told(code: &str) -> Trouble {
    let code = bounds::code_of(code, "error");
    let is = |part: &str| code.to_ascii_uppercase().contains(part);
    let kind = if is("AUTH") || is("PERMISSION") || is("FORBIDDEN") {
        TroubleKind::Key
    } else if is("PAYMENT") || is("QUOTA") || is("CREDIT") || is("BALANCE") {
        TroubleKind::Quota
    } else if is("TOO_MANY") || is("RATE_LIMIT") {
        TroubleKind::Rate
    } else if is("DATA-") || is("UNPARSABLE") || is("INVALID") || is("BAD_REQUEST") {
        TroubleKind::Request
    } else {
        TroubleKind::Server
    };
    Trouble::new(kind, code)
}

/// A handshake that was refused. The header `dg-error` tells a lack of money from a bad request; its words are kept out,
/// since they may repeat what was asked, key terms and all.
pub(super) fn handshake_refused(status: u16, headers: &[(&str, &str)]) -> Trouble {
    let said = header(headers, "dg-error")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_about_money = ["credit", "balance", "quota", "payment"]
        .iter()
        .any(|word| said.contains(word));
    let kind = match TroubleKind::of_status(status) {
        TroubleKind::Request | TroubleKind::Key if is_about_money => TroubleKind::Quota,
        kind @ (TroubleKind::Key
        | TroubleKind::Quota
        | TroubleKind::Rate
        | TroubleKind::Request
        | TroubleKind::Server
        | TroubleKind::Protocol) => kind,
    };
    refusal(kind, status, headers)
}

/// Why Deepgram closed: its reason begins with or holds a code as `NET-0001`.
pub(super) fn socket_closed(code: u16, reason: &str) -> Trouble {
    let is_code = |word: &&str| {
        word.split_once('-').is_some_and(|(name, number)| {
            (2..=8).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_uppercase())
                && number.len() == 4
                && number.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let named = reason
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .find(is_code);
    let kind = match (code, named) {
        (_, Some(named)) if named.starts_with("DATA-") => TroubleKind::Request,
        (_, Some(named)) if named.starts_with("NET-") => TroubleKind::Server,
        (1008, _) => TroubleKind::Request,
        (1002 | 1003 | 1007 | 1009, _) => TroubleKind::Protocol,
        (1013, _) => TroubleKind::Rate,
        _ => TroubleKind::Server,
    };
    Trouble::new(kind, named.unwrap_or(&code.to_string()))
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow, default)]
    is_final: Scalar<'a>,
    #[serde(borrow, default)]
    speech_final: Scalar<'a>,
    #[serde(borrow, default)]
    from_finalize: Scalar<'a>,
    #[serde(borrow, default)]
    start: Scalar<'a>,
    #[serde(borrow, default)]
    duration: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    last_word_end: Scalar<'a>,
    /// An object in results, a list of numbers elsewhere.
    #[serde(borrow, default)]
    channel: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Scalar<'a>,
    #[serde(borrow, default)]
    variant: Scalar<'a>,
}

#[derive(Default, Deserialize)]
struct Channel<'a> {
    #[serde(borrow, default)]
    alternatives: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Alternative<'a> {
    #[serde(borrow, default)]
    transcript: Scalar<'a>,
    #[serde(borrow, default)]
    confidence: Scalar<'a>,
    #[serde(borrow, default)]
    words: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Word<'a> {
    #[serde(borrow, default)]
    word: Scalar<'a>,
    #[serde(borrow, default)]
    punctuated_word: Scalar<'a>,
    #[serde(borrow, default)]
    start: Scalar<'a>,
    #[serde(borrow, default)]
    end: Scalar<'a>,
    #[serde(borrow, default)]
    confidence: Scalar<'a>,
}
