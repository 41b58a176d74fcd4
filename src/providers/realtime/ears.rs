//! The connection as a recogniser's: what the vendor hears becomes what any recogniser tells, and the rest goes to the
//! [`Talk`].

use std::collections::VecDeque;
use std::sync::Arc;

use trunkline_core::wire::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use trunkline_core::wire::realtime::{About, BEFORE_MS, Realtime, RealtimeEvent, TEXT_BYTES_MAX};
use trunkline_core::wire::stt::{SttCodec, SttEvent};

use super::talk::Talk;

/// Items that wait for their words, or for those before them. More, and the first is given up.
const ITEMS_MAX: usize = 8;
/// So often in a row an item may come to nothing before the vendor is held to be unable to write down at all.
const UNHEARD_MAX: u32 = 2;

/// Speech that has no final words yet.
struct Item {
    id: String,
    from_ms: u64,
    to_ms: Option<u64>,
    partial: String,
    words: Option<String>,
}

/// One connection.
pub(super) struct Wired {
    wire: Realtime,
    talk: Arc<Talk>,
    /// Its number.
    connection: u32,
    silence_ms: u64,
    is_begun: bool,
    is_ready: bool,
    items: VecDeque<Item>,
    /// Final words reach up to here.
    settled_ms: u64,
    events: Vec<RealtimeEvent>,
}

impl Wired {
    pub(super) fn new(wire: Realtime, talk: Arc<Talk>, silence_ms: u32) -> Self {
        Self {
            wire,
            connection: talk.connecting(),
            talk,
            silence_ms: silence_ms.into(),
            is_begun: false,
            is_ready: false,
            items: VecDeque::new(),
            settled_ms: 0,
            events: Vec::new(),
        }
    }

    fn told(&mut self, event: RealtimeEvent, out: &mut Vec<SttEvent>) {
        match event {
            RealtimeEvent::Ready => {
                // It is told again when it knows its tools.
                if !std::mem::replace(&mut self.is_ready, true) {
                    out.push(SttEvent::Ready);
                }
            }
            RealtimeEvent::SpeechStarted { item, at_ms } => {
                self.item(&item, at_ms, out);
                let at_ms = at_ms + u64::from(BEFORE_MS);
                out.push(SttEvent::SpeechStarted { at_ms });
            }
            RealtimeEvent::SpeechStopped { item, at_ms } => {
                self.item(&item, at_ms, out).to_ms = Some(at_ms);
            }
            RealtimeEvent::Hears { item, delta } => {
                let settled_ms = self.settled_ms;
                let item = self.item(&item, settled_ms, out);
                if item.partial.len() + delta.len() <= TEXT_BYTES_MAX {
                    item.partial.push_str(&delta);
                }
                self.partial(out);
            }
            RealtimeEvent::Heard { item, text } => self.heard(&item, text, out),
            RealtimeEvent::Unheard { item, trouble } => {
                let trouble = match self.talk.unheard() >= UNHEARD_MAX {
                    true => Trouble::new(TroubleKind::Key, &trouble.code),
                    false => trouble,
                };
                tracing::debug!(%item, %trouble, "not written down");
                // The next connection, or somebody else, hears it again.
                out.push(SttEvent::Trouble {
                    trouble,
                    is_over: true,
                });
            }
            RealtimeEvent::Trouble {
                trouble,
                about: About::Session | About::Other,
                is_over,
            } => out.push(SttEvent::Trouble { trouble, is_over }),
            event @ (RealtimeEvent::Answering { .. }
            | RealtimeEvent::Audio { .. }
            | RealtimeEvent::AudioEnded { .. }
            | RealtimeEvent::Words { .. }
            | RealtimeEvent::WordsEnded { .. }
            | RealtimeEvent::Calling { .. }
            | RealtimeEvent::Called { .. }
            | RealtimeEvent::Answered { .. }
            | RealtimeEvent::Truncated { .. }
            | RealtimeEvent::Trouble { .. }) => self.talk.took(self.connection, event),
        }
    }

    /// The item of this name; a new one begins at `from_ms`.
    fn item(&mut self, id: &str, from_ms: u64, out: &mut Vec<SttEvent>) -> &mut Item {
        let at = self.items.iter().position(|item| item.id == id);
        let at = at.unwrap_or_else(|| {
            self.items.push_back(Item {
                id: id.to_owned(),
                from_ms,
                to_ms: None,
                partial: String::new(),
                words: None,
            });
            if self.items.len() > ITEMS_MAX {
                if let Some(first) = self.items.front_mut() {
                    first.words.get_or_insert_default();
                }
                self.settle(out);
            }
            self.items.len().saturating_sub(1)
        });
        &mut self.items[at]
    }

    /// All words that are not final, in order.
    fn partial(&self, out: &mut Vec<SttEvent>) {
        let words = self.items.iter().map(|item| match &item.words {
            Some(words) => words.as_str(),
            None => item.partial.trim(),
        });
        let words: Vec<&str> = words.filter(|words| !words.is_empty()).collect();
        let ends = self
            .items
            .iter()
            .map(|item| item.to_ms.unwrap_or(item.from_ms));
        out.push(SttEvent::Partial {
            until_ms: ends.max().unwrap_or(self.settled_ms),
            text: words.join(" "),
        });
    }

    fn heard(&mut self, id: &str, text: String, out: &mut Vec<SttEvent>) {
        self.talk.heard_item(self.connection, id, &text);
        let settled_ms = self.settled_ms;
        self.item(id, settled_ms, out).words = Some(text);
        self.settle(out);
    }

    /// Tells final words in the order of the speech, whichever were written down first.
    fn settle(&mut self, out: &mut Vec<SttEvent>) {
        while let Some(item) = self.items.pop_front_if(|item| item.words.is_some()) {
            let until_ms = item.to_ms.unwrap_or(item.from_ms).max(self.settled_ms);
            self.settled_ms = until_ms;
            out.push(SttEvent::Final {
                until_ms,
                text: item.words.unwrap_or_default(),
                confidence: 1.0,
                words: Vec::new(),
                asked: false,
            });
            if self.items.is_empty() {
                // The vendor counts the silence in by which it knew.
                let at_ms = until_ms.saturating_sub(self.silence_ms);
                out.push(SttEvent::TurnEnded { at_ms });
            }
        }
    }
}

impl SttCodec for Wired {
    fn handshake(&self) -> Handshake {
        self.wire.handshake()
    }

    fn opened(&mut self, _out: &mut Vec<SttEvent>) {
        self.talk.opened(self.connection);
    }

    fn pending(&mut self, out: &mut Vec<Sent>, events: &mut Vec<SttEvent>) {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.wire.begin(out);
        }
        if let Some(trouble) = self.talk.send(self.connection, &self.wire, out) {
            events.push(SttEvent::Trouble {
                trouble,
                is_over: true,
            });
        }
    }

    fn audio(&mut self, mulaw: &[u8], out: &mut Vec<Sent>) {
        self.wire.audio(mulaw, out);
    }

    /// It hears by itself when speech ends.
    fn finalize(&mut self, _out: &mut Vec<Sent>) {}

    fn keep_alive(&self) -> Option<(u64, Sent)> {
        None
    }

    fn close(&mut self, _out: &mut Vec<Sent>) {}

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<SttEvent>) {
        let mut events = std::mem::take(&mut self.events);
        self.wire.receive(message, &mut events);
        for event in events.drain(..) {
            self.told(event, out);
        }
        self.events = events;
    }

    fn closed(&self, code: u16, reason: &str) -> Trouble {
        self.wire.closed(code, reason)
    }
}

impl Drop for Wired {
    fn drop(&mut self) {
        self.talk.disconnected(self.connection);
    }
}
