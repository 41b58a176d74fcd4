//! OpenAI's Realtime API: a model that hears and speaks, over one WebSocket. Mu-law goes both ways, so nothing is
//! resampled.
//!
//! The vendor judges neither when a turn is over nor who stops talking: it tells where it hears speech, writes down what it
//! heard, and answers when it is asked to, to exactly the conversation that it is given. Two dialects are spoken: the
//! present one and the beta's, whose events have other names; those of both are understood on every connection. Source of
//! every shape: see `fixtures/openai_realtime/README.md`.

mod event;
mod request;

use super::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use super::openai::ToolSpec;
use super::stt::query::Query;

pub use event::{About, Outcome, RealtimeEvent};
pub use request::{Answer, BEFORE_MS, Turn};

/// Longest message that is read, in bytes: more than a minute of audio in one piece.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Longest text that is handed on at once, in bytes; the rest is cut at a character.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Longest id that is believed, in bytes.
pub const ID_BYTES_MAX: usize = 128;
/// Messages that are not of the protocol and are borne; each that is takes one back.
pub const FAULTS_MAX: u32 = 20;
/// Bytes of mu-law in a millisecond.
const BYTES_PER_MS: u64 = 8;

/// Which names and shapes the other side knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Those of the API as it is.
    #[default]
    Present,
    /// Those of the beta, which some compatible servers speak.
    Beta,
}

/// What a call wants of it.
#[derive(Clone, Debug, Default)]
pub struct RealtimeSettings {
    /// What the endpoint speaks.
    pub dialect: Dialect,
    /// The vendor's name for the model.
    pub model: String,
    /// The vendor's name for the voice; its usual one if empty.
    pub voice: String,
    /// The vendor's name for the model that writes down what the caller says.
    pub transcriber: String,
    /// BCP 47, as `en` or `de-AT`.
    pub language: String,
    /// Silence after which speech counts as over, ms.
    pub silence_ms: u32,
    /// The tools that it may call.
    pub tools: Vec<ToolSpec>,
}

/// One connection, without its socket. Everything that comes is hostile: sizes are bounded, unknown messages and keys are
/// passed over, nonsense is [`RealtimeEvent::Trouble`].
pub struct Realtime {
    settings: RealtimeSettings,
    handshake: Handshake,
    sent_bytes: u64,
    faults: u32,
    is_over: bool,
}

impl Realtime {
    /// A connection for these settings; `key` is the account's API key, empty for none.
    pub fn new(settings: &RealtimeSettings, key: &str) -> Self {
        let mut path = Query::of("/realtime");
        path.with("model", settings.model.trim());
        let mut headers = Vec::new();
        if !key.trim().is_empty() {
            headers.push(("authorization", format!("Bearer {}", key.trim())));
        }
        if settings.dialect == Dialect::Beta {
            headers.push(("openai-beta", "realtime=v1".to_owned()));
        }
        Self {
            settings: settings.clone(),
            handshake: Handshake {
                path: path.into_path(),
                headers,
            },
            sent_bytes: 0,
            faults: 0,
            is_over: false,
        }
    }

    /// How to open the socket.
    pub fn handshake(&self) -> Handshake {
        self.handshake.clone()
    }

    /// What is to be sent first: how it shall hear and speak.
    pub fn begin(&self, out: &mut Vec<Sent>) {
        out.push(Sent::Text(request::session(&self.settings)));
    }

    /// The caller's audio: 8 kHz mu-law, any length.
    pub fn audio(&mut self, mulaw: &[u8], out: &mut Vec<Sent>) {
        if !mulaw.is_empty() {
            self.sent_bytes = self.sent_bytes.saturating_add(mulaw.len() as u64);
            out.push(Sent::Text(request::append(mulaw)));
        }
    }

    /// Asks for an answer. Only one may be in the making at a time.
    pub fn answer(&self, answer: &Answer<'_>, out: &mut Vec<Sent>) {
        out.push(Sent::Text(request::answer(self.settings.dialect, answer)));
    }

    /// Stops making this answer; `response` is its id.
    pub fn cancel(&self, response: &str, out: &mut Vec<Sent>) {
        out.push(Sent::Text(request::cancel(response)));
    }

    /// Has it forget what of its item was not heard: all of its content `content` behind `heard_ms`, which may not be more
    /// than it has given. `ask` names the answer, for [`About::Truncation`].
    pub fn truncate(&self, ask: u64, item: &str, content: u64, heard_ms: u64, out: &mut Vec<Sent>) {
        out.push(Sent::Text(request::truncate(ask, item, content, heard_ms)));
    }

    /// Has it forget an item.
    pub fn delete(&self, item: &str, out: &mut Vec<Sent>) {
        out.push(Sent::Text(request::delete(item)));
    }

    /// Which tools it may call besides those of the settings.
    pub fn offer(&self, tools: &[ToolSpec], out: &mut Vec<Sent>) {
        out.push(Sent::Text(request::offer(&self.settings, tools)));
    }

    /// What a tool answers.
    pub fn tool_answered(&self, call: &str, output: &str, out: &mut Vec<Sent>) {
        out.push(Sent::Text(request::tool_answered(call, output)));
    }

    /// A message came.
    pub fn receive(&mut self, message: Received<'_>, out: &mut Vec<RealtimeEvent>) {
        if self.is_over {
            return;
        }
        let read = match message {
            Received::Text(text) if text.len() > MESSAGE_BYTES_MAX => Err("too-long"),
            Received::Text(text) => event::read(text, self.sent_bytes.div_ceil(BYTES_PER_MS), out),
            Received::Binary(_) => Err("binary"),
        };
        match read {
            Ok(()) => self.faults = self.faults.saturating_sub(1),
            Err(what) => {
                self.faults = self.faults.saturating_add(1);
                out.push(RealtimeEvent::Trouble {
                    trouble: Trouble::new(TroubleKind::Protocol, what),
                    about: About::Other,
                    is_over: self.faults > FAULTS_MAX,
                });
            }
        }
        let is_last =
            |event: &RealtimeEvent| matches!(event, RealtimeEvent::Trouble { is_over: true, .. });
        self.is_over |= out.last().is_some_and(is_last);
    }

    /// The socket was closed with this code and reason, if it was told. The reason may be a sentence and is not kept.
    pub fn closed(&self, code: u16, _reason: &str) -> Trouble {
        let kind = match code {
            1002 | 1003 | 1007 | 1009 => TroubleKind::Protocol,
            1008 => TroubleKind::Request,
            1013 => TroubleKind::Rate,
            3000 | 4401 => TroubleKind::Key,
            _ => TroubleKind::Server,
        };
        Trouble::new(kind, &code.to_string())
    }
}

#[cfg(test)]
mod tests;
