//! Deepgram's Aura voices: a socket without contexts, so one is voiced after the other ([`Aura`]), and by POST
//! ([`request`]). Source of every shape: Deepgram's asyncapi and its pages on Flush and Clear; see `fixtures/deepgram_aura`.

use serde::{Deserialize, Serialize};

use super::super::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use super::contexts::{Contexts, TakenBack};
use super::json::{Lax, MESSAGE_BYTES_MAX, object};
use super::text::{bounded, encoded, or_usual, pieces};
use super::trouble;
use super::{AudioFormat, TtsCodec, TtsEvent, TtsRequest, TtsSettings};

/// The voice if none is named.
const VOICE_USUAL: &str = "aura-2-thalia-en";
/// Longest text of one message or POST, in characters.
const TEXT_CHARS_MAX: usize = 2_000;

/// One connection. A voice and its language are one name here, so the language is unused, and there is no pace to set.
/// Deepgram takes twenty flushes, and so twenty contexts, a minute; then the connection is in [`TroubleKind::Rate`].
pub struct Aura {
    settings: TtsSettings,
    key: String,
    contexts: Contexts<()>,
    /// How many `Clear` were not confirmed: until then, what comes belongs to what was taken back.
    clearing: u32,
    is_greeted: bool,
}

impl std::fmt::Debug for Aura {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (open, waiting) = self.contexts.counts();
        write!(
            f,
            "Aura({open} open, {waiting} waiting, {} clearing)",
            self.clearing
        )
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Ours<'a> {
    Speak { text: &'a str },
    Flush,
    Clear,
    Close,
}

#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    code: Lax<'a>,
    #[serde(borrow, default)]
    description: Lax<'a>,
    #[serde(borrow, default)]
    err_code: Lax<'a>,
    #[serde(borrow, default)]
    err_msg: Lax<'a>,
}

impl Message<'_> {
    fn code(&self) -> &str {
        self.code
            .text()
            .or_else(|| self.err_code.text())
            .unwrap_or("")
    }

    fn sentence(&self) -> &str {
        let sentence = self.description.text().or_else(|| self.err_msg.text());
        sentence.unwrap_or("")
    }

    /// Whether it is about this, by its code or its sentence.
    fn is_about(&self, word: &str) -> bool {
        [self.code(), self.sentence()]
            .iter()
            .any(|said| said.to_ascii_lowercase().contains(word))
    }
}

impl Aura {
    /// A voice as the settings say, by its name or else by the model's.
    pub fn new(settings: &TtsSettings, key: &str) -> Self {
        Self {
            settings: settings.clone(),
            key: key.into(),
            contexts: Contexts::new(1),
            clearing: 0,
            is_greeted: false,
        }
    }

    fn ask_for_waiting(&mut self, out: &mut Vec<Sent>) {
        while let Some((_, text)) = self.contexts.next() {
            for text in pieces(&text, TEXT_CHARS_MAX) {
                out.extend(frame(&Ours::Speak { text }));
            }
            out.extend(frame(&Ours::Flush));
        }
    }

    fn read(&mut self, message: &Message<'_>, out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        match message.kind.text() {
            Some("Metadata") => {
                if !std::mem::replace(&mut self.is_greeted, true) {
                    events.push(TtsEvent::Ready);
                }
            }
            Some("Cleared") => self.clearing = self.clearing.saturating_sub(1),
            Some("Flushed") if self.clearing == 0 => {
                if let Some(context) = self.contexts.first() {
                    self.contexts.done(context, events);
                }
            }
            Some("Warning") => self.warned(message, out, events),
            Some("Error") => {
                let trouble = trouble::reported(message.code(), None, message.sentence());
                self.contexts.end(trouble, events);
            }
            Some(_) => {}
            None => self.contexts.nonsense(events),
        }
    }

    /// Most warnings change nothing. One about a flush means that it was not done, so its context would never end; one about
    /// the text that it was not voiced.
    fn warned(&mut self, message: &Message<'_>, out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        let code = |kind| {
            let code = trouble::reported(message.code(), None, "").code;
            Trouble::new(kind, &code)
        };
        if message.is_about("flush") {
            self.contexts.end(code(TroubleKind::Rate), events);
        } else if (message.is_about("text") || message.is_about("character"))
            && let Some(context) = self.contexts.first().filter(|_| self.clearing == 0)
        {
            self.contexts
                .fail(context, code(TroubleKind::Request), events);
            self.clear(out);
        }
    }

    /// Has everything forgotten that was sent, which is never more than one context.
    fn clear(&mut self, out: &mut Vec<Sent>) {
        out.extend(frame(&Ours::Clear));
        self.clearing = self.clearing.saturating_add(1);
    }

    fn hear(&mut self, audio: &[u8], out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        if audio.len() > MESSAGE_BYTES_MAX {
            self.contexts.nonsense(events);
        } else if self.clearing == 0
            && let Some(context) = self.contexts.first()
        {
            self.contexts.audio(context, audio.to_vec(), events);
            // It was too much: the rest of it must not be taken for the next one's.
            if self.contexts.first().is_none() {
                self.clear(out);
            }
        }
    }
}

fn frame(message: &Ours<'_>) -> Option<Sent> {
    // Texts always have a JSON form.
    serde_json::to_string(message).ok().map(Sent::Text)
}

fn path(settings: &TtsSettings) -> String {
    let voice = or_usual(&settings.voice, or_usual(&settings.model, VOICE_USUAL));
    format!(
        "/v1/speak?model={}&encoding=mulaw&sample_rate=8000",
        encoded(voice)
    )
}

/// A text by POST. It is cut at 2,000 characters, after a word.
pub fn request(settings: &TtsSettings, key: &str, text: &str) -> TtsRequest {
    let body = Body {
        text: bounded(text, TEXT_CHARS_MAX),
    };
    TtsRequest {
        path: format!("{}&container=none", path(settings)),
        headers: vec![
            ("authorization", format!("Token {key}")),
            ("content-type", "application/json".into()),
        ],
        body: serde_json::to_string(&body).unwrap_or_default(),
        format: AudioFormat::Mulaw8k,
    }
}

impl TtsCodec for Aura {
    fn handshake(&self) -> Handshake {
        Handshake {
            path: path(&self.settings),
            headers: vec![("authorization", format!("Token {}", self.key))],
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
            self.clear(out);
        }
        self.ask_for_waiting(out);
    }

    /// None: there is no message that does nothing else.
    fn keep_alive(&self) -> Option<(u64, Sent)> {
        None
    }

    fn close(&mut self, out: &mut Vec<Sent>) {
        out.extend(frame(&Ours::Close));
    }

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        if !self.contexts.listens(events) {
            return;
        }
        match message {
            Received::Binary(audio) => self.hear(audio, out, events),
            Received::Text(text) => match object::<Message<'_>>(text) {
                Some(message) => self.read(&message, out, events),
                None => self.contexts.nonsense(events),
            },
        }
        self.ask_for_waiting(out);
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        trouble::closed(code, reason)
    }
}
