//! Cartesia's voices: one socket, a context for each clause. Source of every shape: its SDK; see `fixtures/cartesia`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use super::contexts::{Contexts, TakenBack, decoded, name, number};
use super::json::{Lax, list, ms, object, part};
use super::text::{language, or_usual, pace, pieces};
use super::trouble;
use super::{AudioFormat, TtsCodec, TtsEvent, TtsSettings};
use crate::wire::shortened;

/// The model if none is named.
const MODEL_USUAL: &str = "sonic-3";
/// The dialect that is spoken: since this one, errors have codes.
const VERSION: &str = "2026-03-01";
/// What is voiced and what comes next: each open context counts against what the account may do at once.
const OPEN_MAX: usize = 2;
/// Longest piece of a transcript, in characters.
const PIECE_CHARS_MAX: usize = 2_000;
/// Longest word whose times are passed on, in characters.
const WORD_CHARS_MAX: usize = 100;

/// One connection.
pub struct Cartesia {
    settings: TtsSettings,
    key: String,
    contexts: Contexts<()>,
}

impl std::fmt::Debug for Cartesia {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (open, waiting) = self.contexts.counts();
        write!(f, "Cartesia({open} open, {waiting} waiting)")
    }
}

#[derive(Serialize)]
struct Ask<'a> {
    context_id: String,
    model_id: &'a str,
    transcript: &'a str,
    voice: Voice<'a>,
    output_format: OutputFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(rename = "continue")]
    goes_on: bool,
    add_timestamps: bool,
    /// A clause is whole: there is nothing to wait for.
    max_buffer_delay_ms: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<GenerationConfig>,
}

#[derive(Serialize)]
struct Voice<'a> {
    mode: &'static str,
    id: &'a str,
}

#[derive(Serialize)]
struct OutputFormat {
    container: &'static str,
    encoding: &'static str,
    sample_rate: u32,
}

#[derive(Serialize)]
struct GenerationConfig {
    speed: f32,
}

#[derive(Serialize)]
struct Cancel {
    context_id: String,
    cancel: bool,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    context_id: Lax<'a>,
    #[serde(borrow, default)]
    data: Lax<'a>,
    #[serde(borrow, default)]
    word_timestamps: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status_code: Lax<'a>,
    #[serde(borrow, default)]
    error_code: Lax<'a>,
    #[serde(borrow, default)]
    title: Lax<'a>,
    /// What older dialects say in place of a code and a title.
    #[serde(borrow, default)]
    error: Lax<'a>,
}

#[derive(Deserialize)]
struct WordTimes<'a> {
    #[serde(borrow, default)]
    words: Option<&'a RawValue>,
    #[serde(borrow, default)]
    start: Option<&'a RawValue>,
    #[serde(borrow, default)]
    end: Option<&'a RawValue>,
}

impl Cartesia {
    /// A voice as the settings say. The voice's id must be set; the pace is brought within 0.6 and 1.5.
    pub fn new(settings: &TtsSettings, key: &str) -> Self {
        Self {
            settings: settings.clone(),
            key: key.into(),
            contexts: Contexts::new(OPEN_MAX),
        }
    }

    fn ask_for_waiting(&mut self, out: &mut Vec<Sent>) {
        while let Some((context, text)) = self.contexts.next() {
            let pieces = pieces(&text, PIECE_CHARS_MAX);
            for (at, piece) in pieces.iter().enumerate() {
                self.ask(context, piece, at + 1 < pieces.len(), out);
            }
        }
    }

    fn ask(&self, context: u32, transcript: &str, goes_on: bool, out: &mut Vec<Sent>) {
        let ask = Ask {
            context_id: name(context),
            model_id: or_usual(&self.settings.model, MODEL_USUAL),
            transcript,
            voice: Voice {
                mode: "id",
                id: &self.settings.voice,
            },
            output_format: OutputFormat {
                container: "raw",
                encoding: "pcm_mulaw",
                sample_rate: 8_000,
            },
            language: language(&self.settings.language),
            goes_on,
            add_timestamps: true,
            max_buffer_delay_ms: 0,
            generation_config: pace(self.settings.speed, 0.6, 1.5)
                .map(|speed| GenerationConfig { speed }),
        };
        // Texts and numbers always have a JSON form.
        out.extend(serde_json::to_string(&ask).map(Sent::Text));
    }

    fn read(&mut self, message: &Message<'_>, events: &mut Vec<TtsEvent>) {
        let context = message.context_id.text().map(number);
        match (message.kind.text(), context) {
            (Some("error"), context) => self.failed(message, context, events),
            (Some("chunk"), Some(Some(context))) => match message.data.text().map(decoded) {
                Some(Some(bytes)) => self.contexts.audio(context, bytes, events),
                Some(None) => {
                    let trouble = Trouble::new(TroubleKind::Protocol, "audio-not-base64");
                    self.contexts.fail(context, trouble, events);
                }
                None => {}
            },
            (Some("timestamps"), Some(Some(context))) => {
                if self.contexts.state(context).is_some() {
                    let words = words(message.word_timestamps);
                    if !words.is_empty() {
                        events.push(TtsEvent::Words { context, words });
                    }
                }
            }
            (Some("done"), Some(Some(context))) => self.contexts.done(context, events),
            // `flush_done`, `phoneme_timestamps`, and whatever is yet to come.
            (Some(_), _) => {}
            (None, _) => self.contexts.nonsense(events),
        }
    }

    /// `context`: none if the message names none, `Some(None)` if it names one that is not ours.
    fn failed(
        &mut self,
        message: &Message<'_>,
        context: Option<Option<u32>>,
        events: &mut Vec<TtsEvent>,
    ) {
        let sentence = message.title.text().or_else(|| message.error.text());
        let trouble = trouble::reported(
            message.error_code.text().unwrap_or(""),
            message.status_code.status(),
            sentence.unwrap_or(""),
        );
        match context {
            Some(Some(context)) => self.contexts.fail(context, trouble, events),
            Some(None) => {}
            None => self.contexts.end(trouble, events),
        }
    }
}

/// Each word with its times; entries without both are left out.
fn words(raw: Option<&RawValue>) -> Vec<(String, u32, u32)> {
    let Some(times) = part::<WordTimes<'_>>(raw) else {
        return Vec::new();
    };
    let (words, starts, ends) = (list(times.words), list(times.start), list(times.end));
    let times = starts.iter().zip(&ends);
    let times = times.map(|(start, end)| (ms(start, 1_000.0), ms(end, 1_000.0)));
    words
        .iter()
        .zip(times)
        .filter_map(|(word, (start, end))| {
            let (start, end) = (start?, end?);
            let word = shortened(word.text()?, WORD_CHARS_MAX);
            Some((word, start, end.max(start)))
        })
        .collect()
}

impl TtsCodec for Cartesia {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: "/tts/websocket".into(),
            headers: vec![
                ("x-api-key", self.key.clone()),
                ("cartesia-version", VERSION.into()),
            ],
        }
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Mulaw8k
    }

    fn say(&mut self, context: u32, text: &str, out: &mut Vec<Sent>) {
        self.contexts.ask(context, text);
        self.ask_for_waiting(out);
    }

    fn cancel(&mut self, context: u32, out: &mut Vec<Sent>) {
        if self.contexts.take_back(context, false) == TakenBack::Open {
            let cancel = Cancel {
                context_id: name(context),
                cancel: true,
            };
            out.extend(serde_json::to_string(&cancel).map(Sent::Text));
        }
        self.ask_for_waiting(out);
    }

    /// None: nothing keeps a socket open that is unused for five minutes.
    fn keep_alive(&self) -> Option<(u64, Sent)> {
        None
    }

    /// Nothing: the socket is closed.
    fn close(&mut self, _out: &mut Vec<Sent>) {}

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        if !self.contexts.listens(events) {
            return;
        }
        let text = match message {
            Received::Text(text) => text,
            Received::Binary(_) => "",
        };
        match object::<Message<'_>>(text) {
            Some(message) => self.read(&message, events),
            None => self.contexts.nonsense(events),
        }
        self.ask_for_waiting(out);
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        trouble::closed(code, reason)
    }
}
