//! One connection to a voice, from its opening to its loss.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_core::wire::link::{Sent, Trouble, TroubleKind};
use trunkline_core::wire::tts::{TtsCodec, TtsEvent};

use super::clause::{Clause, Unwanted};
use super::link::{Shared, silent};
use crate::clock;
use crate::providers::attempts::Lost;
use crate::providers::hop::Hop;
use crate::providers::wire::{Gone, Heard, Wire, received};

/// How long the first piece of a text may take, once those before it are complete, and each piece after another.
const PIECE_PATIENCE: Duration = Duration::from_secs(2);
/// How often to look when nothing happens.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How a connection ended.
pub(super) enum End {
    /// Nobody needs it any more.
    Over,
    /// It was lost. What had no audio yet waits for the next one.
    Lost(Lost),
}

pub(super) struct Speaking<'a> {
    wire: Wire,
    codec: &'a mut dyn TtsCodec,
    shared: &'a Shared,
    hop: &'a Hop,
    /// In the order in which they are said.
    active: VecDeque<Clause>,
    contexts: u32,
    out: Vec<Sent>,
    events: Vec<TtsEvent>,
    keep_alive: Option<Duration>,
    sent_at: Instant,
    opened_at: Instant,
    was_useful: bool,
}

impl<'a> Speaking<'a> {
    pub(super) fn new(
        wire: Wire,
        codec: &'a mut dyn TtsCodec,
        shared: &'a Shared,
        hop: &'a Hop,
    ) -> Self {
        let now = clock::timer_now();
        let keep_alive = codec.keep_alive().map(|(ms, _)| Duration::from_millis(ms));
        Self {
            wire,
            codec,
            shared,
            hop,
            active: VecDeque::new(),
            contexts: 0,
            out: Vec::new(),
            events: Vec::new(),
            keep_alive,
            sent_at: now,
            opened_at: now,
            was_useful: false,
        }
    }

    /// Says what waits and what is asked for. `has_spoken` is set with the first text.
    pub(super) async fn run(
        mut self,
        waiting: &mut VecDeque<Clause>,
        has_spoken: &mut bool,
    ) -> End {
        loop {
            let Some(taken_back) = self.shared.look(waiting) else {
                self.codec.close(&mut self.out);
                self.wire.farewell(self.out).await;
                return End::Over;
            };
            let now = clock::timer_now();
            for ticket in taken_back {
                waiting.retain(|clause| clause.ticket != ticket);
                self.take_back(ticket, now);
            }
            if !waiting.is_empty() {
                *has_spoken = true;
            }
            while let Some(clause) = waiting.pop_front() {
                self.say(clause, now);
            }
            self.keep_alive(now);
            if !self.out.is_empty() {
                self.sent_at = now;
            }
            self.wire.send(&mut self.out);
            if self.is_silent(now) {
                return self.lost(silent(), true, waiting);
            }
            let due = self.due(now);
            let heard = self.wire.next(&self.shared.wake, due, false).await;
            let trouble = match heard {
                Heard::Message(message) => {
                    if let Some(message) = received(&message) {
                        self.codec.receive(message, &mut self.out, &mut self.events);
                    }
                    self.take_events(waiting)
                }
                Heard::Clear | Heard::Woken | Heard::Due => None,
                Heard::Gone(gone) => Some(self.gone(&gone)),
            };
            if let Some(trouble) = trouble {
                return self.lost(trouble, false, waiting);
            }
        }
    }

    fn say(&mut self, mut clause: Clause, now: Instant) {
        self.contexts = self.contexts.wrapping_add(1);
        clause.context = self.contexts;
        clause.waits_since = now;
        self.codec.say(clause.context, &clause.text, &mut self.out);
        self.active.push_back(clause);
    }

    fn take_back(&mut self, ticket: u64, now: Instant) {
        let found = self
            .active
            .iter()
            .position(|clause| clause.ticket == ticket);
        if let Some(clause) = found.and_then(|at| self.remove(at, now)) {
            self.codec.cancel(clause.context, &mut self.out);
        }
    }

    /// Takes a text out; the one that is first now waits from here.
    fn remove(&mut self, at: usize, now: Instant) -> Option<Clause> {
        let clause = self.active.remove(at);
        if at == 0
            && let Some(first) = self.active.front_mut()
        {
            first.waits_since = now;
        }
        clause
    }

    fn keep_alive(&mut self, now: Instant) {
        if self
            .keep_alive
            .is_some_and(|every| now >= self.sent_at + every)
            && let Some((_, sent)) = self.codec.keep_alive()
        {
            self.out.push(sent);
        }
    }

    fn is_silent(&self, now: Instant) -> bool {
        let first = self.active.front();
        first.is_some_and(|clause| now >= clause.waits_since + PIECE_PATIENCE)
    }

    fn due(&self, now: Instant) -> Instant {
        let first = self.active.front();
        let silent = first.map(|clause| clause.waits_since + PIECE_PATIENCE);
        let alive = self.keep_alive.map(|every| self.sent_at + every);
        [silent, alive]
            .into_iter()
            .flatten()
            .fold(now + LOOK_AGAIN, Instant::min)
    }

    /// Hands on what the codec made of a message; the trouble that ends the connection.
    fn take_events(&mut self, waiting: &mut VecDeque<Clause>) -> Option<Trouble> {
        let now = clock::timer_now();
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                TtsEvent::Ready => {}
                TtsEvent::Words { context, words } => {
                    if let Some(at) = self.place(context) {
                        self.active[at].words(words);
                    }
                }
                TtsEvent::Audio { context, bytes } => self.audio(context, &bytes, now),
                TtsEvent::Done { context } => {
                    if let Some(clause) = self.take(context, now) {
                        self.was_useful = true;
                        clause.finish();
                    }
                }
                TtsEvent::Trouble {
                    context: Some(context),
                    trouble,
                } => {
                    let again = self.take(context, now);
                    waiting.extend(again.and_then(|clause| once_more(clause, self.hop, &trouble)));
                }
                TtsEvent::Trouble {
                    context: None,
                    trouble,
                } => return Some(trouble),
            }
        }
        self.events = events;
        None
    }

    fn audio(&mut self, context: u32, bytes: &[u8], now: Instant) {
        let Some(at) = self.place(context) else {
            return;
        };
        self.was_useful = true;
        if let Err(Unwanted) = self.active[at].push(bytes, self.hop) {
            self.codec.cancel(context, &mut self.out);
            self.remove(at, now);
        }
    }

    fn take(&mut self, context: u32, now: Instant) -> Option<Clause> {
        let at = self.place(context)?;
        self.remove(at, now)
    }

    fn place(&self, context: u32) -> Option<usize> {
        self.active
            .iter()
            .position(|clause| clause.context == context)
    }

    fn gone(&self, gone: &Gone) -> Trouble {
        match gone {
            Gone::Closed { code, reason } => self.codec.closed(*code, reason),
            Gone::Cut => Trouble::new(TroubleKind::Server, "cut off"),
            Gone::Stuck => Trouble::new(TroubleKind::Server, "does not read"),
            Gone::Nonsense(what) => Trouble::new(TroubleKind::Protocol, what),
        }
    }

    fn lost(self, trouble: Trouble, has_stalled: bool, waiting: &mut VecDeque<Clause>) -> End {
        let hop = self.hop;
        let again = self
            .active
            .into_iter()
            .filter_map(|clause| once_more(clause, hop, &trouble));
        // They come before what was asked for after them.
        let mut first: VecDeque<Clause> = again.collect();
        first.append(waiting);
        *waiting = first;
        End::Lost(Lost {
            trouble,
            was_useful: self.was_useful,
            has_stalled,
            lived: clock::timer_now().saturating_duration_since(self.opened_at),
        })
    }
}

/// A text of which nothing was heard yet may be tried once more.
fn once_more(mut clause: Clause, hop: &Hop, trouble: &Trouble) -> Option<Clause> {
    if clause.has_audio || clause.has_failed_before || !trouble.kind.may_pass() {
        clause.fail(hop, trouble);
        return None;
    }
    clause.has_failed_before = true;
    Some(clause)
}
