//! One answer in the making.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_core::call::{After, Expects, WANTED_MAX, Wanted};
use trunkline_core::wire::openai::ToolCall;
use trunkline_core::wire::realtime::{Outcome, Turn};

use super::spoken::Spoken;
use crate::clock;
use crate::think::Thought;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was not asked for yet.
    Waiting,
    /// It was, and is not begun.
    Asked,
    /// It is being made.
    Going,
    /// Nothing more of it comes, and that is all of it.
    Whole,
    /// Nothing more of it comes.
    Broken,
}

/// How long an answer may write what it calls a tool with, without a word. Longer is silence.
const CALLING_MAX: Duration = Duration::from_secs(15);

pub(super) struct Making {
    pub(super) ask: u64,
    /// The first of those that one goes on with the other.
    pub(super) row: u64,
    pub(super) instructions: String,
    /// Until it is asked for.
    pub(super) conversation: Vec<Turn>,
    pub(super) phase: Phase,
    /// On which it was asked for.
    pub(super) connection: u32,
    pub(super) response: Option<String>,
    /// Its item, and the content of that which has its sound.
    pub(super) item: Option<(String, u64)>,
    /// It has become more than one item, or its truncation was refused: as sound it is of no use any more.
    pub(super) is_odd: bool,
    pub(super) spoken: Spoken,
    thoughts: VecDeque<Thought>,
    /// Its words.
    pub(super) text: String,
    /// What it wants done before there is more.
    pub(super) calls: Vec<ToolCall>,
    /// It ends the call, by this use of the tool for it.
    pub(super) leave: Option<ToolCall>,
    /// Since when it writes what it calls a tool with.
    calling_since: Option<Instant>,
    pub(super) is_cancelled: bool,
    /// So much of its sound was heard, ms.
    pub(super) heard_ms: u64,
    pub(super) asked_at: Instant,
    pub(super) has_begun: bool,
    /// When the call was last told that it goes on.
    told_at: Instant,
    wakers: Vec<Waker>,
}

/// How often a call is told that an answer goes on whose words are all there.
const TELL_EVERY_MS: u128 = 1_000;

impl Making {
    pub(super) fn new(
        ask: u64,
        row: u64,
        instructions: String,
        conversation: Vec<Turn>,
        pace: f32,
    ) -> Self {
        let now = clock::timer_now();
        Self {
            ask,
            row,
            instructions,
            conversation,
            phase: Phase::Waiting,
            connection: 0,
            response: None,
            item: None,
            is_odd: false,
            spoken: Spoken::new(pace),
            thoughts: VecDeque::new(),
            text: String::new(),
            calls: Vec::new(),
            leave: None,
            calling_since: None,
            is_cancelled: false,
            heard_ms: 0,
            asked_at: now,
            has_begun: false,
            told_at: now,
            wakers: Vec::new(),
        }
    }

    /// Something more may come of it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Asked | Phase::Going)
    }

    /// The vendor is at it.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Asked | Phase::Going)
    }

    /// The first sign of it; true once.
    pub(super) fn begins(&mut self) -> bool {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first {
            self.thoughts.push_back(Thought::Started);
        }
        is_first
    }

    pub(super) fn words(&mut self, delta: &str) {
        match self.spoken.words(delta) {
            Ok(clauses) => self.said(clauses),
            Err(_) => self.breaks(),
        }
    }

    pub(super) fn words_ended(&mut self) {
        match self.spoken.words_ended() {
            Ok(clauses) => self.said(clauses),
            Err(_) => self.breaks(),
        }
    }

    /// It writes what it calls a tool with.
    pub(super) fn is_calling(&mut self) {
        self.begins();
        let now = clock::timer_now();
        let since = *self.calling_since.get_or_insert(now);
        if now.saturating_duration_since(since) < CALLING_MAX {
            self.goes_on(now);
        }
    }

    /// It calls a tool; one more than a call takes at once is told apart from the others there.
    pub(super) fn calls(&mut self, call: ToolCall) {
        if self.calls.len() <= WANTED_MAX {
            self.calls.push(call);
        }
    }

    fn said(&mut self, clauses: Vec<String>) {
        for clause in &clauses {
            let between = if self.text.is_empty() { "" } else { " " };
            self.text.push_str(between);
            self.text.push_str(clause);
        }
        self.thoughts.extend(clauses.into_iter().map(Thought::Said));
        self.wake();
    }

    pub(super) fn audio(&mut self, item: &str, content: u64, mulaw: &[u8]) {
        match &self.item {
            None => self.item = Some((item.to_owned(), content)),
            Some((of, at)) => self.is_odd |= of != item || *at != content,
        }
        if self.spoken.audio(mulaw).is_err() {
            return self.breaks();
        }
        self.goes_on(clock::timer_now());
    }

    /// Tells now and then that it goes on.
    fn goes_on(&mut self, now: Instant) {
        if now.saturating_duration_since(self.told_at).as_millis() >= TELL_EVERY_MS {
            self.told_at = now;
            self.thoughts.push_back(Thought::Started);
        }
        self.wake();
    }

    /// The vendor says that it is over.
    pub(super) fn ends(&mut self, outcome: &Outcome) {
        if !self.is_open() {
            return;
        }
        match outcome {
            Outcome::Complete | Outcome::Incomplete => {
                self.words_ended();
                self.spoken.audio_ended();
                self.phase = Phase::Whole;
                let wanted = self.calls.iter().map(|call| Wanted {
                    tool: call.name.as_str().into(),
                    arguments: call.arguments.as_str().into(),
                });
                self.thoughts.push_back(match self.calls.is_empty() {
                    false => Thought::Wants(wanted.collect()),
                    true => Thought::Done {
                        after: match self.leave {
                            Some(_) => After::HangUp,
                            None => After::Listen,
                        },
                        expects: Expects::Words,
                    },
                });
                self.wake();
            }
            Outcome::Cancelled | Outcome::Failed(_) => self.breaks(),
        }
    }

    /// Nothing more will come of it.
    pub(super) fn breaks(&mut self) {
        if self.is_open() {
            self.phase = Phase::Broken;
            self.thoughts.push_back(Thought::Failed);
            self.wake();
        }
    }

    pub(super) fn thought(&mut self) -> Option<Thought> {
        self.thoughts.pop_front()
    }

    /// Wakes this one when there is more.
    pub(super) fn wakes(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}
