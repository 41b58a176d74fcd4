//! The socket for one context: models that know no other, as `eleven_v3`.

use super::super::contexts::{Contexts, TakenBack};
use super::super::json::object;
use super::super::text::pieces;
use super::super::trouble;
use super::super::{AudioFormat, TtsCodec, TtsEvent, TtsSettings};
use super::{Aligned, KEEP_ALIVE_MS, Message, Ours, PIECE_CHARS_MAX, frame, voice_settings};
use crate::wire::link::{Handshake, Received, Sent, Trouble};

/// One connection for one context.
pub struct ElevenLabsSingle {
    settings: TtsSettings,
    key: String,
    contexts: Contexts<Aligned>,
    is_spent: bool,
}

impl std::fmt::Debug for ElevenLabsSingle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ElevenLabsSingle(spent {})", self.is_spent)
    }
}

impl ElevenLabsSingle {
    /// A voice as the settings say. The voice's id must be set; the pace is brought within 0.7 and 1.2.
    pub fn new(settings: &TtsSettings, key: &str) -> Self {
        Self {
            settings: settings.clone(),
            key: key.into(),
            contexts: Contexts::new(1),
            is_spent: false,
        }
    }
}

impl TtsCodec for ElevenLabsSingle {
    fn handshake(&self) -> Handshake {
        super::handshake(&self.settings, &self.key, "stream-input")
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Mulaw8k
    }

    fn say(&mut self, context: u32, text: &str, out: &mut Vec<Sent>) {
        if self.is_spent {
            self.contexts.refuse(context, "socket-spent");
            return;
        }
        self.contexts.ask(context, text);
        let Some((_, text)) = self.contexts.next() else {
            return;
        };
        self.is_spent = true;
        out.extend(frame(&Ours {
            text: Some(" "),
            voice_settings: voice_settings(&self.settings),
            ..Ours::default()
        }));
        for piece in pieces(&text, PIECE_CHARS_MAX) {
            out.extend(frame(&Ours {
                text: Some(&format!("{} ", piece.trim_end())),
                ..Ours::default()
            }));
        }
        // The end of the text; it flushes, too.
        out.extend(frame(&Ours {
            text: Some(""),
            ..Ours::default()
        }));
    }

    /// Nothing is sent: the shell drops the socket.
    fn cancel(&mut self, context: u32, _out: &mut Vec<Sent>) {
        let _: TakenBack = self.contexts.take_back(context, true);
    }

    /// A space, as long as nothing was said. A socket whose first message sets the pace cannot be kept: only the first one can.
    fn keep_alive(&self) -> Option<(u64, Sent)> {
        if self.is_spent || voice_settings(&self.settings).is_some() {
            return None;
        }
        let space = Ours {
            text: Some(" "),
            ..Ours::default()
        };
        Some((KEEP_ALIVE_MS, frame(&space)?))
    }

    fn close(&mut self, out: &mut Vec<Sent>) {
        if !std::mem::replace(&mut self.is_spent, true) {
            out.extend(frame(&Ours {
                text: Some(""),
                ..Ours::default()
            }));
        }
    }

    fn is_single(&self) -> bool {
        true
    }

    fn receive(&mut self, message: Received<'_>, _out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        if !self.contexts.listens(events) {
            return;
        }
        let text = match message {
            Received::Text(text) => text,
            Received::Binary(_) => "",
        };
        let Some(message) = object::<Message<'_>>(text) else {
            self.contexts.nonsense(events);
            return;
        };
        match (message.trouble(), self.contexts.first()) {
            (Some(trouble), _) => self.contexts.end(trouble, events),
            (None, Some(context)) => message.tell(context, &mut self.contexts, events),
            (None, None) => {}
        }
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        trouble::closed(code, reason)
    }
}
