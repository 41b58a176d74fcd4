//! The contexts of one connection: which the provider works on, which wait for room, and what may still be said of each.

use std::collections::VecDeque;

use super::super::link::{Trouble, TroubleKind};
use super::TtsEvent;

/// Most contexts that wait for room; more are refused.
pub(super) const WAITING_MAX: usize = 64;
/// Most audio of one context, in bytes: five minutes of 8 kHz mu-law.
pub(super) const AUDIO_BYTES_MAX: usize = 5 * 60 * 8_000;
/// Messages that are no messages which a connection may bring before it is given up.
pub(super) const NONSENSE_MAX: u32 = 8;

/// A context at the provider.
struct Open<T> {
    context: u32,
    /// Taken back, but the provider still holds room for it.
    is_silent: bool,
    audio_bytes: usize,
    state: T,
}

/// What became of a context that was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TakenBack {
    /// The provider had it.
    Open,
    /// The provider had not heard of it, or has done with it.
    Elsewhere,
}

/// All contexts of a connection; `T` is what a codec keeps of each that is open.
pub(super) struct Contexts<T> {
    open: Vec<Open<T>>,
    waiting: VecDeque<(u32, String)>,
    open_max: usize,
    /// What is to be said with the next message.
    aside: Vec<TtsEvent>,
    nonsense: u32,
    is_over: bool,
}

impl<T: Default> Contexts<T> {
    /// A provider that works on at most `open_max` contexts at once.
    pub(super) fn new(open_max: usize) -> Self {
        Self {
            open: Vec::new(),
            waiting: VecDeque::new(),
            open_max,
            aside: Vec::new(),
            nonsense: 0,
            is_over: false,
        }
    }

    /// How many are open and how many wait, for `Debug`.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.open.len(), self.waiting.len())
    }

    /// Takes a text in; [`Contexts::next`] gives it when there is room. A text without a word is done as it is.
    pub(super) fn ask(&mut self, context: u32, text: &str) {
        let is_known = self.open.iter().any(|open| open.context == context)
            || self.waiting.iter().any(|(known, _)| *known == context);
        let text = text.trim();
        if is_known || self.is_over {
            return;
        }
        if text.is_empty() {
            self.say_aside(TtsEvent::Done { context });
        } else if self.waiting.len() >= WAITING_MAX {
            self.refuse(context, "too-many-waiting");
        } else {
            self.waiting.push_back((context, text.to_owned()));
        }
    }

    /// A context will not be voiced here; said with the next message.
    pub(super) fn refuse(&mut self, context: u32, code: &str) {
        self.say_aside(TtsEvent::Trouble {
            context: Some(context),
            trouble: Trouble::new(TroubleKind::Request, code),
        });
    }

    fn say_aside(&mut self, event: TtsEvent) {
        // More than anybody waits for is worth nothing.
        if self.aside.len() < 2 * WAITING_MAX {
            self.aside.push(event);
        }
    }

    /// Opens the oldest context that waits, if there is room for it.
    pub(super) fn next(&mut self) -> Option<(u32, String)> {
        if self.is_over || self.open.len() >= self.open_max {
            return None;
        }
        let (context, text) = self.waiting.pop_front()?;
        self.open.push(Open {
            context,
            is_silent: false,
            audio_bytes: 0,
            state: T::default(),
        });
        Some((context, text))
    }

    /// Takes a context back. `holds_room`: the provider counts it until it says that it is done.
    pub(super) fn take_back(&mut self, context: u32, holds_room: bool) -> TakenBack {
        self.waiting.retain(|(waiting, _)| *waiting != context);
        self.aside.retain(|event| !is_of(event, context));
        let Some(at) = self
            .open
            .iter()
            .position(|open| open.context == context && !open.is_silent)
        else {
            return TakenBack::Elsewhere;
        };
        if holds_room {
            if let Some(open) = self.open.get_mut(at) {
                open.is_silent = true;
            }
        } else {
            self.open.remove(at);
        }
        TakenBack::Open
    }

    /// The oldest context that is open, taken back or not.
    pub(super) fn first(&self) -> Option<u32> {
        self.open.first().map(|open| open.context)
    }

    /// What is kept of a context that is open and wanted, and how much of its audio has come, in bytes.
    pub(super) fn state(&mut self, context: u32) -> Option<(&mut T, usize)> {
        self.open
            .iter_mut()
            .find(|open| open.context == context && !open.is_silent)
            .map(|open| (&mut open.state, open.audio_bytes))
    }

    /// Audio came. Without a context that wants it, it is passed over.
    pub(super) fn audio(&mut self, context: u32, bytes: Vec<u8>, events: &mut Vec<TtsEvent>) {
        let Some(open) = self
            .open
            .iter_mut()
            .find(|open| open.context == context && !open.is_silent)
        else {
            return;
        };
        open.audio_bytes = open.audio_bytes.saturating_add(bytes.len());
        if open.audio_bytes > AUDIO_BYTES_MAX {
            self.fail(
                context,
                Trouble::new(TroubleKind::Protocol, "too-much-audio"),
                events,
            );
        } else if !bytes.is_empty() {
            events.push(TtsEvent::Audio { context, bytes });
        }
    }

    /// The provider is done with a context.
    pub(super) fn done(&mut self, context: u32, events: &mut Vec<TtsEvent>) {
        if let Some(at) = self.open.iter().position(|open| open.context == context)
            && !self.open.remove(at).is_silent
        {
            events.push(TtsEvent::Done { context });
        }
    }

    /// Nothing more of a context will be said.
    pub(super) fn fail(&mut self, context: u32, trouble: Trouble, events: &mut Vec<TtsEvent>) {
        if let Some(at) = self.open.iter().position(|open| open.context == context)
            && !self.open.remove(at).is_silent
        {
            let context = Some(context);
            events.push(TtsEvent::Trouble { context, trouble });
        }
    }

    /// The connection is of no use any more; said once.
    pub(super) fn end(&mut self, trouble: Trouble, events: &mut Vec<TtsEvent>) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.open.clear();
            self.waiting.clear();
            let context = None;
            events.push(TtsEvent::Trouble { context, trouble });
        }
    }

    /// Something came that is no message.
    pub(super) fn nonsense(&mut self, events: &mut Vec<TtsEvent>) {
        self.nonsense += 1;
        if self.nonsense > NONSENSE_MAX {
            self.end(Trouble::new(TroubleKind::Protocol, "nonsense"), events);
        }
    }

    /// A message came: says first what waited for one. False if nothing is worth reading any more.
    pub(super) fn listens(&mut self, events: &mut Vec<TtsEvent>) -> bool {
        events.append(&mut self.aside);
        !self.is_over
    }
}

fn is_of(event: &TtsEvent, wanted: u32) -> bool {
    match event {
        TtsEvent::Ready => false,
        TtsEvent::Audio { context, .. }
        | TtsEvent::Words { context, .. }
        | TtsEvent::Done { context } => *context == wanted,
        TtsEvent::Trouble { context, .. } => *context == Some(wanted),
    }
}

/// How a context is called on the wire.
pub(super) fn name(context: u32) -> String {
    format!("c{context}")
}

/// Which context is called so; none that we did not name.
pub(super) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix('c')?;
    let is_ours = digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    is_ours.then(|| digits.parse().ok()).flatten()
}

/// Audio in base64.
pub(super) fn decoded(base64: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_no_others() {
        for context in [0, 7, 10, u32::MAX] {
            assert_eq!(number(&name(context)), Some(context));
        }
        for other in [
            "",
            "c",
            "7",
            "c07",
            "c-1",
            "c+1",
            "C7",
            "c7 ",
            "c4294967296",
            "cc7",
        ] {
            assert_eq!(number(other), None, "{other:?}");
        }
    }

    #[test]
    fn those_without_room_wait_and_too_many_are_refused() {
        let mut contexts: Contexts<()> = Contexts::new(1);
        for context in 0..WAITING_MAX as u32 + 2 {
            contexts.ask(context, "words");
        }
        assert_eq!(contexts.next(), Some((0, "words".into())));
        assert_eq!(contexts.next(), None);
        let mut events = Vec::new();
        assert!(contexts.listens(&mut events));
        assert_eq!(events.len(), 2, "{events:?}");
        contexts.done(0, &mut events);
        assert_eq!(contexts.take_back(1, false), TakenBack::Elsewhere);
        assert_eq!(contexts.next(), Some((2, "words".into())));
        assert_eq!(contexts.take_back(2, true), TakenBack::Open);
        assert_eq!(contexts.next(), None, "it still takes room");
        contexts.done(2, &mut events);
        assert_eq!(contexts.next(), Some((3, "words".into())));
        assert_eq!(events.len(), 3, "one done: {events:?}");
    }
}
