//! ElevenLabs' voices: a socket for many contexts ([`ElevenLabs`]), a socket for one ([`ElevenLabsSingle`]), and by POST
//! ([`request`]). Source of every shape: its SDK; see `fixtures/elevenlabs`.

mod alignment;
mod single;

pub use single::ElevenLabsSingle;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use super::contexts::{Contexts, TakenBack, decoded, name, number};
use super::json::{Lax, object};
use super::text::{bounded, encoded, language, or_usual, pace, pieces, segment};
use super::trouble;
use super::{AudioFormat, TtsCodec, TtsEvent, TtsRequest, TtsSettings};
use alignment::Aligned;

/// The model if none is named: the one that answers soonest.
const MODEL_USUAL: &str = "eleven_flash_v2_5";
/// The models that take a language; others refuse a request that names one.
const MODELS_WITH_LANGUAGE: &[&str] = &["eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_v3"];
/// Contexts at work at once: a socket with more than five is closed, and one may be open that nobody asked for.
const OPEN_MAX: usize = 4;
/// How long a socket may be unused, in seconds: the most that can be asked for.
const UNUSED_S_MAX: u32 = 180;
/// How often an unused socket is spoken to, in milliseconds.
const KEEP_ALIVE_MS: u64 = 60_000;
/// Longest piece of a text, in characters.
const PIECE_CHARS_MAX: usize = 2_000;
/// Longest text of one POST, in characters: what every model takes.
const TEXT_CHARS_MAX: usize = 5_000;

/// One connection for many contexts.
pub struct ElevenLabs {
    settings: TtsSettings,
    key: String,
    contexts: Contexts<Aligned>,
}

impl std::fmt::Debug for ElevenLabs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (open, waiting) = self.contexts.counts();
        write!(f, "ElevenLabs({open} open, {waiting} waiting)")
    }
}

/// A message of ours; what is not set is not written.
#[derive(Default, Serialize)]
struct Ours<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_settings: Option<VoiceSettings>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    flush: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    close_context: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    close_socket: bool,
}

#[derive(Clone, Copy, Serialize)]
struct VoiceSettings {
    speed: f32,
}

#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
    model_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice_settings: Option<VoiceSettings>,
}

/// A message of theirs. The SDK's types and its catch-all spell two keys differently.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    audio: Lax<'a>,
    #[serde(borrow, default)]
    alignment: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "isFinal")]
    is_final: Lax<'a>,
    #[serde(borrow, default, rename = "is_final")]
    is_final_too: Lax<'a>,
    #[serde(borrow, default, rename = "contextId")]
    context: Lax<'a>,
    #[serde(borrow, default, rename = "context_id")]
    context_too: Lax<'a>,
    #[serde(borrow, default)]
    error: Lax<'a>,
    #[serde(borrow, default)]
    message: Lax<'a>,
    #[serde(borrow, default)]
    code: Lax<'a>,
}

impl Message<'_> {
    fn is_final(&self) -> bool {
        self.is_final.is_true() || self.is_final_too.is_true()
    }

    fn context(&self) -> Option<&str> {
        self.context.text().or_else(|| self.context_too.text())
    }

    fn trouble(&self) -> Option<Trouble> {
        let error = self.error.text();
        let alone = self.audio.text().is_none() && !self.is_final();
        let sentence = self.message.text().filter(|_| alone);
        if error.is_none() && sentence.is_none() {
            return None;
        }
        let (error, sentence) = (error.unwrap_or(""), sentence.unwrap_or(""));
        Some(trouble::reported(error, self.code.status(), sentence))
    }

    /// What it says of a context that is open.
    fn tell(&self, context: u32, contexts: &mut Contexts<Aligned>, events: &mut Vec<TtsEvent>) {
        if let Some((aligned, audio_bytes)) = contexts.state(context) {
            // Times count from the beginning of the piece: 8 bytes are a millisecond.
            let offset_ms = u32::try_from(audio_bytes / 8).unwrap_or(u32::MAX);
            let mut words = aligned.take(self.alignment, offset_ms);
            if self.is_final() {
                words.extend(aligned.last());
            }
            if !words.is_empty() {
                events.push(TtsEvent::Words { context, words });
            }
        }
        match self.audio.text().map(decoded) {
            Some(Some(bytes)) => contexts.audio(context, bytes, events),
            Some(None) => {
                let trouble = Trouble::new(TroubleKind::Protocol, "audio-not-base64");
                contexts.fail(context, trouble, events);
            }
            None => {}
        }
        if self.is_final() {
            contexts.done(context, events);
        }
    }
}

impl ElevenLabs {
    /// A voice as the settings say. The voice's id must be set; the pace is brought within 0.7 and 1.2. The model `eleven_v3`
    /// is not to be had over this socket.
    pub fn new(settings: &TtsSettings, key: &str) -> Self {
        Self {
            settings: settings.clone(),
            key: key.into(),
            contexts: Contexts::new(OPEN_MAX),
        }
    }

    fn ask_for_waiting(&mut self, out: &mut Vec<Sent>) {
        while let Some((context, text)) = self.contexts.next() {
            let named = || Some(name(context));
            // A context begins with a space; only there is its pace read.
            out.extend(frame(&Ours {
                text: Some(" "),
                context_id: named(),
                voice_settings: voice_settings(&self.settings),
                ..Ours::default()
            }));
            let pieces = pieces(&text, PIECE_CHARS_MAX);
            for (at, piece) in pieces.iter().enumerate() {
                out.extend(frame(&Ours {
                    text: Some(&format!("{} ", piece.trim_end())),
                    context_id: named(),
                    flush: at + 1 == pieces.len(),
                    ..Ours::default()
                }));
            }
            // What is flushed is still voiced, and the end of it then told.
            out.extend(frame(&Ours {
                context_id: named(),
                close_context: true,
                ..Ours::default()
            }));
        }
    }
}

fn frame(message: &Ours<'_>) -> Option<Sent> {
    // Texts and numbers always have a JSON form.
    serde_json::to_string(message).ok().map(Sent::Text)
}

fn voice_settings(settings: &TtsSettings) -> Option<VoiceSettings> {
    pace(settings.speed, 0.7, 1.2).map(|speed| VoiceSettings { speed })
}

fn language_code(settings: &TtsSettings) -> Option<&str> {
    let model = or_usual(&settings.model, MODEL_USUAL);
    language(&settings.language).filter(|_| MODELS_WITH_LANGUAGE.contains(&model))
}

fn handshake(settings: &TtsSettings, key: &str, endpoint: &str) -> Handshake {
    let mut path = format!(
        "/v1/text-to-speech/{}/{endpoint}?model_id={}&output_format=ulaw_8000&auto_mode=true&sync_alignment=true\
         &inactivity_timeout={UNUSED_S_MAX}",
        segment(&settings.voice),
        encoded(or_usual(&settings.model, MODEL_USUAL)),
    );
    if let Some(code) = language_code(settings) {
        path.push_str("&language_code=");
        path.push_str(&encoded(code));
    }
    Handshake {
        path,
        headers: vec![("xi-api-key", key.into())],
    }
}

/// A text by POST. It is cut at 5,000 characters, after a word.
pub fn request(settings: &TtsSettings, key: &str, text: &str) -> TtsRequest {
    let body = Body {
        text: bounded(text, TEXT_CHARS_MAX),
        model_id: or_usual(&settings.model, MODEL_USUAL),
        language_code: language_code(settings),
        voice_settings: voice_settings(settings),
    };
    TtsRequest {
        path: format!(
            "/v1/text-to-speech/{}/stream?output_format=ulaw_8000",
            segment(&settings.voice)
        ),
        headers: vec![
            ("xi-api-key", key.into()),
            ("content-type", "application/json".into()),
        ],
        body: serde_json::to_string(&body).unwrap_or_default(),
        format: AudioFormat::Mulaw8k,
    }
}

impl TtsCodec for ElevenLabs {
    fn handshake(&self) -> Handshake {
        handshake(&self.settings, &self.key, "multi-stream-input")
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Mulaw8k
    }

    fn say(&mut self, context: u32, text: &str, out: &mut Vec<Sent>) {
        self.contexts.ask(context, text);
        self.ask_for_waiting(out);
    }

    /// Nothing is sent for a context that is at work: it is closed already, and takes room until its end is told.
    fn cancel(&mut self, context: u32, out: &mut Vec<Sent>) {
        let _: TakenBack = self.contexts.take_back(context, true);
        self.ask_for_waiting(out);
    }

    /// An empty text outside any context: it is voiced by nobody, and resets the socket's clock.
    fn keep_alive(&self) -> Option<(u64, Sent)> {
        let empty = Ours {
            text: Some(""),
            ..Ours::default()
        };
        Some((KEEP_ALIVE_MS, frame(&empty)?))
    }

    fn close(&mut self, out: &mut Vec<Sent>) {
        out.extend(frame(&Ours {
            close_socket: true,
            ..Ours::default()
        }));
    }

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        if !self.contexts.listens(events) {
            return;
        }
        let text = match message {
            Received::Text(text) => text,
            Received::Binary(_) => "",
        };
        match object::<Message<'_>>(text) {
            None => self.contexts.nonsense(events),
            Some(message) => {
                let context = message.context().map(number);
                match (message.trouble(), context) {
                    (Some(trouble), Some(Some(context))) => {
                        self.contexts.fail(context, trouble, events);
                    }
                    (Some(trouble), None) => self.contexts.end(trouble, events),
                    (None, Some(Some(context))) => {
                        message.tell(context, &mut self.contexts, events);
                    }
                    // Of a context that is not ours.
                    (_, Some(None)) | (None, None) => {}
                }
            }
        }
        self.ask_for_waiting(out);
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        trouble::closed(code, reason)
    }
}
