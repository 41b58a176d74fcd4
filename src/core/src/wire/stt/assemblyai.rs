//! AssemblyAI's recogniser for streams, `/v3/ws`.
//!
//! A message about a turn has the whole of its words so far; they are partials until the turn ends, and one final then. A
//! server that formats turns tells an ended one twice: the first ends it here, the second is passed over, since an answer
//! must not wait for its commas. Audio goes out in messages of 50 to 1000 ms, which is all that is accepted. Source of
//! every shape: see `fixtures/assemblyai/README.md`.

use super::bounds::{self, Faults, Timeline, WORDS_MAX};
use super::lenient::{Scalar, objects};
use super::query::{Query, primary, terms};
use super::turn::Turn;
use super::{SttCodec, SttEvent, SttSettings, SttWord};
use crate::wire::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use crate::wire::push_json_text;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The model for English, and the one for every other language.
const MODELS: [&str; 2] = [
    "universal-streaming-english",
    "universal-streaming-multilingual",
];
/// It is told so often that the stream is still wanted.
const KEEP_ALIVE_MS: u64 = 4_000;
/// Audio is gathered up to this: three frames of a carrier, 60 ms.
const MESSAGE_BYTES: usize = 480;
/// Shortest message that is accepted: 50 ms.
const MESSAGE_BYTES_MIN: usize = 400;
/// Longest message that is accepted: a second.
const MESSAGE_BYTES_MOST: usize = 8_000;
/// Mu-law silence.
const SILENCE: u8 = 0xff;
/// Longest key term that is accepted, in characters.
const TERM_CHARS_MAX: usize = 50;
/// Longest list of key terms, in bytes before they are escaped, so that there is always room for it.
const TERMS_BYTES_MAX: usize = 1_500;
/// Where the call decides, a turn still ends after so much silence.
const SILENCE_MS_MAX: &str = "2000";

/// One connection to `/v3/ws`.
pub struct AssemblyAi {
    handshake: Handshake,
    /// Audio that does not fill a message yet.
    waiting: Vec<u8>,
    line: Timeline,
    faults: Faults,
    is_ready: bool,
    is_closing: bool,
    is_asked: bool,
    turn: Turn,
}

impl AssemblyAi {
    /// A connection for these settings; `key` is the account's API key.
    pub fn new(settings: &SttSettings, key: &str) -> Self {
        Self {
            handshake: Handshake {
                path: path(settings),
                headers: vec![("authorization", key.trim().to_owned())],
            },
            waiting: Vec::new(),
            line: Timeline::default(),
            faults: Faults::default(),
            is_ready: false,
            is_closing: false,
            is_asked: false,
            turn: Turn::default(),
        }
    }

    /// Sends what waits in messages of the right length, if there are at least so many bytes of it.
    fn send_waiting(&mut self, bytes_min: usize, out: &mut Vec<Sent>) {
        if self.waiting.len() < bytes_min {
            return;
        }
        let mut rest = self.waiting.as_slice();
        // What is left behind the first messages is never too short for one.
        while rest.len() > MESSAGE_BYTES_MOST
            && let Some((audio, behind)) = rest.split_at_checked(MESSAGE_BYTES_MOST - MESSAGE_BYTES)
        {
            out.push(Sent::Binary(audio.to_vec()));
            rest = behind;
        }
        out.push(Sent::Binary(rest.to_vec()));
        self.waiting.clear();
    }

    fn turn(&mut self, message: &Message<'_>, out: &mut Vec<SttEvent>) {
        let order = message.turn_order.whole();
        if self.turn.is_over(order) {
            return;
        }
        let words = objects::<Word<'_>>(message.words, WORDS_MAX);
        let voice_end_ms = words
            .last()
            .and_then(|word| self.line.milliseconds(&word.end));
        let is_over = message.end_of_turn.flag();
        let text = if is_over {
            bounds::transcript(message.transcript.text())
        } else {
            so_far(message.transcript.text(), &words)
        };
        if !text.is_empty() {
            let at_ms = words
                .first()
                .and_then(|word| self.line.milliseconds(&word.start));
            self.turn.start(at_ms, &self.line, out);
        }
        if is_over {
            self.turn.end(order);
            self.ended(voice_end_ms, text, &words, out);
            return;
        }
        self.turn.resume(out);
        self.turn.partial(voice_end_ms, text, &self.line, out);
        // It fills this where it hears a pause that may end the turn.
        if !message.utterance.text().is_empty() {
            self.turn.may_end(voice_end_ms, &self.line, out);
        }
    }

    fn ended(
        &mut self,
        voice_end_ms: Option<u64>,
        text: String,
        words: &[Word<'_>],
        out: &mut Vec<SttEvent>,
    ) {
        // It does not tell how far it has listened: the end of the last word is what is certain.
        let until_ms = self.line.settle(voice_end_ms);
        out.push(SttEvent::Final {
            until_ms,
            text,
            confidence: bounds::mean_confidence(words.iter().map(|word| &word.confidence)),
            words: self.words(words),
            asked: std::mem::take(&mut self.is_asked),
        });
        out.push(SttEvent::TurnEnded { at_ms: until_ms });
    }

    fn words(&self, words: &[Word<'_>]) -> Vec<SttWord> {
        words
            .iter()
            .filter_map(|word| {
                bounds::word(
                    word.text.text(),
                    self.line.milliseconds(&word.start),
                    self.line.milliseconds(&word.end),
                    &word.confidence,
                )
            })
            .collect()
    }
}

/// The words of a turn that goes on: `transcript` has only those that do not change any more, the list all of them.
fn so_far(transcript: &str, words: &[Word<'_>]) -> String {
    let mut joined = String::new();
    for word in words {
        if joined.len() > bounds::TRANSCRIPT_BYTES_MAX {
            break;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word.text.text());
    }
    let longer = if joined.len() > transcript.trim().len() {
        &joined
    } else {
        transcript
    };
    bounds::transcript(longer)
}

fn path(settings: &SttSettings) -> String {
    let model = match settings.model.trim() {
        "" => MODELS[usize::from(!matches!(primary(&settings.language), "" | "en"))],
        model => model,
    };
    let mut query = Query::of("/v3/ws");
    query
        .with("sample_rate", "8000")
        .with("encoding", "pcm_mulaw")
        .with("speech_model", model)
        .with("format_turns", "false");
    match settings.endpointing_ms {
        Some(ms) => query.with("min_turn_silence", &ms.to_string()),
        None => query
            .with("end_of_turn_confidence_threshold", "1")
            .with("max_turn_silence", SILENCE_MS_MAX),
    };
    let mut list = String::new();
    for term in terms(&settings.key_terms, TERM_CHARS_MAX) {
        if list.len() + term.len() > TERMS_BYTES_MAX {
            break;
        }
        list.push(if list.is_empty() { '[' } else { ',' });
        push_json_text(&mut list, term);
    }
    if !list.is_empty() {
        list.push(']');
        query.with("keyterms_prompt", &list);
    }
    query.into_path()
}

impl SttCodec for AssemblyAi {
    fn handshake(&self) -> Handshake {
        self.handshake.clone()
    }

    fn audio(&mut self, mulaw: &[u8], out: &mut Vec<Sent>) {
        self.line.sent(mulaw.len());
        self.waiting.extend_from_slice(mulaw);
        self.send_waiting(MESSAGE_BYTES, out);
    }

    /// Up to 49 ms of audio that is too short for a message stays behind the question, and goes out with what follows.
    fn finalize(&mut self, out: &mut Vec<Sent>) {
        self.send_waiting(MESSAGE_BYTES_MIN, out);
        self.is_asked = true;
        out.push(Sent::Text(r#"{"type":"ForceEndpoint"}"#.to_owned()));
    }

    fn keep_alive(&self) -> Option<(u64, Sent)> {
        let message = Sent::Text(r#"{"type":"KeepAlive"}"#.to_owned());
        Some((KEEP_ALIVE_MS, message))
    }

    /// The last audio is filled up with silence, so that none of it is lost.
    fn close(&mut self, out: &mut Vec<Sent>) {
        if !self.waiting.is_empty() {
            let bytes = self.waiting.len().max(MESSAGE_BYTES_MIN);
            self.waiting.resize(bytes, SILENCE);
            self.send_waiting(MESSAGE_BYTES_MIN, out);
        }
        self.is_closing = true;
        out.push(Sent::Text(r#"{"type":"Terminate"}"#.to_owned()));
    }

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<SttEvent>) {
        let Some(message) = self.faults.read::<Message<'_>>(message, out) else {
            return;
        };
        match message.kind.text() {
            "Begin" if !self.is_ready => {
                self.is_ready = true;
                out.push(SttEvent::Ready);
            }
            "Turn" => self.turn(&message, out),
            "SpeechStarted" => {
                let at_ms = self.line.milliseconds(&message.timestamp);
                self.turn.start(at_ms, &self.line, out);
            }
            // It answers a goodbye; without one the session was ended by the other side.
            "Termination" if !self.is_closing => {
                let trouble = Trouble::new(TroubleKind::Server, "Termination");
                self.faults.end(trouble, out);
            }
            "Error" => {
                let code = message.error_code.whole().unwrap_or_default();
                let trouble = trouble(code, message.error.text());
                self.faults.end(trouble, out);
            }
            _ => {}
        }
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        trouble(u64::from(code), reason)
    }
}

/// What an error or a close means: both carry the same codes, the older of which mean many things, so that the words
/// have to be looked at.
fn trouble(code: u64, said: &str) -> Trouble {
    // The whole of a sentence from the other side, which may be long.
    let said: String = said.chars().take(400).collect::<String>().to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let kind = match code {
        3005 if is(&["rate exceeded", "concurrent"]) => TroubleKind::Rate,
        3005 if is(&["input duration", "invalid"]) => TroubleKind::Request,
        3007 if is(&["rate exceeded"]) => TroubleKind::Rate,
        1008 | 4001 if is(&["concurrent", "too many"]) => TroubleKind::Rate,
        1008 if is(&["balance", "fund", "credit"]) => TroubleKind::Quota,
        1008 | 4001 => TroubleKind::Key,
        4002 | 4003 => TroubleKind::Quota,
        3009 | 4029 | 4102 | 1013 => TroubleKind::Rate,
        3006 | 3007 | 4000 | 4032..=4034 | 4100 | 4101 => TroubleKind::Request,
        1002 | 1003 | 1007 | 1009 => TroubleKind::Protocol,
        // HTTP's own, should a gateway in between send one.
        400..=599 => TroubleKind::of_status(u16::try_from(code).unwrap_or(500)),
        _ => TroubleKind::Server,
    };
    Trouble::new(kind, &code.to_string())
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow, default)]
    turn_order: Scalar<'a>,
    #[serde(borrow, default)]
    end_of_turn: Scalar<'a>,
    #[serde(borrow, default)]
    transcript: Scalar<'a>,
    #[serde(borrow, default)]
    utterance: Scalar<'a>,
    #[serde(borrow, default)]
    words: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    error_code: Scalar<'a>,
    #[serde(borrow, default)]
    error: Scalar<'a>,
}

#[derive(Deserialize)]
struct Word<'a> {
    #[serde(borrow, default)]
    text: Scalar<'a>,
    #[serde(borrow, default)]
    start: Scalar<'a>,
    #[serde(borrow, default)]
    end: Scalar<'a>,
    #[serde(borrow, default)]
    confidence: Scalar<'a>,
}
