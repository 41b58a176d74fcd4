//! Deepgram Flux, `/v2/listen`: a recogniser that holds turns itself.
//!
//! Each message about a turn has the whole of its words so far, so they are partials until the turn ends, and one final
//! then. There is no message that keeps the connection alive: silence is sent, and its 20 ms come on top of the audio's
//! times. Where the call decides when a turn is over, `ForceEndTurn` asks for the end
//! ([`FluxTurns::may_be_forced`]); the hosted service knows it, one's own installation does not. Source of every shape: see
//! `fixtures/deepgram/README.md`.

use super::bounds::{self, Faults, Timeline, WORDS_MAX};
use super::deepgram::{handshake_refused, socket_closed, told};
use super::lenient::{Scalar, objects};
use super::query::{Query, primary, terms};
use super::turn::Turn;
use super::{SttCodec, SttEvent, SttSettings, SttWord};
use crate::wire::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The languages of the model for many, by Deepgram's page on language prompting; it is not hinted at any other.
const HINTS: &[&str] = &["en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl"];
/// The model for English, and the one for every other language.
const MODELS: [&str; 2] = ["flux-general-en", "flux-general-multi"];
/// After so long without audio silence is sent.
const KEEP_ALIVE_MS: u64 = 4_000;
/// 20 ms of mu-law silence.
const SILENCE: [u8; 160] = [0xff; 160];
/// Longest key term that is asked for, in characters.
const TERM_CHARS_MAX: usize = 100;

/// How Flux takes turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FluxTurns {
    /// How sure it must be that a turn is over, 0.5 to 1; at 1 it never ends one by itself before the timeout.
    pub end_sureness: f32,
    /// How sure it must be to say that a turn may be over, 0.3 to 0.9; `None`: it never says so.
    pub eager_sureness: Option<f32>,
    /// Silence after which a turn is over however unsure it is, 500 to 60 000 ms.
    pub end_silence_ms: u32,
    /// [`SttCodec::finalize`] ends the turn at once. Otherwise it asks for nothing.
    pub may_be_forced: bool,
}

impl Default for FluxTurns {
    fn default() -> Self {
        Self {
            end_sureness: 0.7,
            eager_sureness: Some(0.4),
            end_silence_ms: 5_000,
            may_be_forced: false,
        }
    }
}

/// One connection to `/v2/listen`.
pub struct Flux {
    handshake: Handshake,
    may_be_forced: bool,
    line: Timeline,
    faults: Faults,
    is_ready: bool,
    turn: Turn,
}

impl Flux {
    /// A connection for these settings with [`FluxTurns::default`]; `key` is the account's API key. Flux judges turns by
    /// what is said, so [`SttSettings::endpointing_ms`] has no say here.
    pub fn new(settings: &SttSettings, key: &str) -> Self {
        Self::with_turns(settings, key, FluxTurns::default())
    }

    /// The same with turns taken otherwise; values out of range are brought into it.
    pub fn with_turns(settings: &SttSettings, key: &str, turns: FluxTurns) -> Self {
        Self {
            handshake: Handshake {
                path: path(settings, turns),
                headers: vec![("authorization", format!("Token {}", key.trim()))],
            },
            may_be_forced: turns.may_be_forced,
            line: Timeline::default(),
            faults: Faults::default(),
            is_ready: false,
            turn: Turn::default(),
        }
    }

    fn turn_info(&mut self, message: &Message<'_>, out: &mut Vec<SttEvent>) {
        let index = message.turn_index.whole();
        if self.turn.is_over(index) {
            return;
        }
        let text = bounds::transcript(message.transcript.text());
        let words = objects::<Word<'_>>(message.words, WORDS_MAX);
        let until_ms = self.line.seconds(&message.audio_window_end);
        let voice_end_ms = words
            .last()
            .and_then(|word| self.line.seconds(&word.end))
            .or(until_ms);
        let event = message.event.text();
        if !text.is_empty() || event == "StartOfTurn" {
            let at_ms = words
                .first()
                .and_then(|word| self.line.seconds(&word.start))
                .or_else(|| self.line.seconds(&message.audio_window_start));
            self.turn.start(at_ms, &self.line, out);
        }
        match event {
            "StartOfTurn" | "Update" => self.turn.partial(until_ms, text, &self.line, out),
            "EagerEndOfTurn" => {
                self.turn.partial(until_ms, text, &self.line, out);
                self.turn.may_end(voice_end_ms, &self.line, out);
            }
            "TurnResumed" => {
                self.turn.resume(out);
                self.turn.partial(until_ms, text, &self.line, out);
            }
            "EndOfTurn" => {
                self.turn.end(index);
                let asked = message.trigger.text() == "manual";
                self.ended(until_ms, voice_end_ms, text, &words, asked, out);
            }
            _ => {}
        }
    }

    fn ended(
        &mut self,
        until_ms: Option<u64>,
        voice_end_ms: Option<u64>,
        text: String,
        words: &[Word<'_>],
        asked: bool,
        out: &mut Vec<SttEvent>,
    ) {
        let before_ms = self.line.settle(None);
        let until_ms = self.line.settle(until_ms);
        out.push(SttEvent::Final {
            until_ms,
            text,
            confidence: bounds::mean_confidence(words.iter().map(|word| &word.confidence)),
            words: self.words(words),
            asked,
        });
        out.push(SttEvent::TurnEnded {
            at_ms: voice_end_ms.unwrap_or(until_ms).max(before_ms),
        });
    }

    fn words(&self, words: &[Word<'_>]) -> Vec<SttWord> {
        words
            .iter()
            .filter_map(|word| {
                bounds::word(
                    word.word.text(),
                    self.line.seconds(&word.start),
                    self.line.seconds(&word.end),
                    &word.confidence,
                )
            })
            .collect()
    }
}

fn path(settings: &SttSettings, turns: FluxTurns) -> String {
    let language = primary(&settings.language);
    let model = match settings.model.trim() {
        "" => MODELS[usize::from(!matches!(language, "" | "en"))],
        model => model,
    };
    let mut query = Query::of("/v2/listen");
    query
        .with("model", model)
        .with("encoding", "mulaw")
        .with("sample_rate", "8000")
        .with("eot_threshold", &threshold(turns.end_sureness, 0.5, 1.0))
        .with(
            "eot_timeout_ms",
            &turns.end_silence_ms.clamp(500, 60_000).to_string(),
        );
    if let Some(sureness) = turns.eager_sureness {
        query.with("eager_eot_threshold", &threshold(sureness, 0.3, 0.9));
    }
    if model.contains("multi") && HINTS.contains(&language.to_ascii_lowercase().as_str()) {
        query.with("language_hint", language);
    }
    for term in terms(&settings.key_terms, TERM_CHARS_MAX) {
        query.with("keyterm", term);
    }
    query.into_path()
}

fn threshold(sureness: f32, least: f32, most: f32) -> String {
    // What is not a number becomes the least.
    format!("{}", sureness.max(least).min(most))
}

impl SttCodec for Flux {
    fn handshake(&self) -> Handshake {
        self.handshake.clone()
    }

    fn refused(&self, status: u16, headers: &[(&str, &str)]) -> Trouble {
        handshake_refused(status, headers)
    }

    fn audio(&mut self, mulaw: &[u8], out: &mut Vec<Sent>) {
        if !mulaw.is_empty() {
            self.line.sent(mulaw.len());
            out.push(Sent::Binary(mulaw.to_vec()));
        }
    }

    fn finalize(&mut self, out: &mut Vec<Sent>) {
        if self.may_be_forced {
            out.push(Sent::Text(r#"{"type":"ForceEndTurn"}"#.to_owned()));
        }
    }

    fn keep_alive(&self) -> Option<(u64, Sent)> {
        Some((KEEP_ALIVE_MS, Sent::Binary(SILENCE.to_vec())))
    }

    fn close(&mut self, out: &mut Vec<Sent>) {
        out.push(Sent::Text(r#"{"type":"CloseStream"}"#.to_owned()));
    }

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<SttEvent>) {
        let Some(message) = self.faults.read::<Message<'_>>(message, out) else {
            return;
        };
        match message.kind.text() {
            "Connected" if !self.is_ready => {
                self.is_ready = true;
                out.push(SttEvent::Ready);
            }
            "TurnInfo" => self.turn_info(&message, out),
            "ConfigureFailure" => out.push(SttEvent::Trouble {
                trouble: Trouble::new(TroubleKind::Request, "ConfigureFailure"),
                is_over: false,
            }),
            "Error" => self.faults.end(told(message.code.text()), out),
            _ => {}
        }
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        socket_closed(code, reason)
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow, default)]
    event: Scalar<'a>,
    #[serde(borrow, default)]
    turn_index: Scalar<'a>,
    #[serde(borrow, default)]
    audio_window_start: Scalar<'a>,
    #[serde(borrow, default)]
    audio_window_end: Scalar<'a>,
    #[serde(borrow, default)]
    transcript: Scalar<'a>,
    #[serde(borrow, default)]
    words: Option<&'a RawValue>,
    /// Why the turn ended: `model`, `manual` or `timeout`.
    #[serde(borrow, default)]
    trigger: Scalar<'a>,
    #[serde(borrow, default)]
    code: Scalar<'a>,
}

#[derive(Deserialize)]
struct Word<'a> {
    #[serde(borrow, default)]
    word: Scalar<'a>,
    #[serde(borrow, default)]
    confidence: Scalar<'a>,
    #[serde(borrow, default)]
    start: Scalar<'a>,
    #[serde(borrow, default)]
    end: Scalar<'a>,
}
