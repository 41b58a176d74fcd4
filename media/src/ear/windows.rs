//! Windows of 32 ms on their way to a verdict: from the gate, from the voice model, or from energy alone.

use std::collections::VecDeque;

use super::{BATCH_WINDOWS_MAX, CALM_WINDOWS, EarCounters, Fact, PRE_ROLL, WindowBatch};
use crate::vad::{Edge, EndpointSettings, Endpointer};
use crate::{FRAME, WINDOW};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Behind the gate, may still become pre-roll.
    Shut,
    /// A key tone, or our own voice: silence whatever the gate says.
    Tone,
    /// For the model.
    Open,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    wait: Wait,
    loud: bool,
}

/// Frame flags of the recent past, the newest in bit 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Recent {
    pub(super) open: u32,
    pub(super) loud: u32,
    pub(super) tone: u32,
    pub(super) echo: u32,
}

impl Recent {
    /// What was known so many frames ago, and is known of those frames now.
    pub(super) fn before(self, frames: u32) -> Self {
        Self {
            open: self.open >> frames,
            loud: self.loud >> frames,
            tone: self.tone >> frames,
            echo: self.echo >> frames,
        }
    }
}

/// The windows not resolved yet, in order, and the endpointer they go to.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    pub(super) endpointer: Endpointer,
    pub(super) pending: VecDeque<Pending>,
    /// Index of `pending[0]`.
    pub(super) first: u64,
    pub(super) pending_max: usize,
    pub(super) out: Option<WindowBatch>,
    /// The window after the last one the model scored or was given.
    pub(super) scored_to: u64,
    pub(super) counters: EarCounters,
}

impl Windows {
    pub(super) fn new(endpoint: &EndpointSettings, pending_max: usize) -> Self {
        Self {
            endpointer: Endpointer::new(endpoint),
            pending: VecDeque::with_capacity(pending_max + 2),
            first: 0,
            pending_max,
            out: None,
            scored_to: u64::MAX,
            counters: EarCounters::default(),
        }
    }

    /// Adds every window that the first `frames` frames complete.
    pub(super) fn follow(&mut self, frames: u64, recent: Recent, facts: &mut Vec<Fact>) {
        loop {
            let start = (self.first + self.pending.len() as u64) * WINDOW as u64;
            if start + WINDOW as u64 > frames * FRAME as u64 {
                return;
            }
            // The window lies in at most three frames; they are the newest bits of the flags.
            let (oldest, newest) = (
                start / FRAME as u64,
                (start + WINDOW as u64 - 1) / FRAME as u64,
            );
            let mask = (1_u32 << (newest - oldest + 1)) - 1;
            let age = frames - 1 - newest;
            let any = |flags: u32| flags >> age & mask != 0;
            // Nobody speaks in a key's tone, nor in our voice.
            let is_echo = any(recent.echo) && !any(recent.loud & !recent.echo);
            let wait = match (any(recent.tone) || is_echo, any(recent.open)) {
                (true, _) => Wait::Tone,
                (false, true) => Wait::Open,
                (false, false) => Wait::Shut,
            };
            if wait == Wait::Open {
                self.open_pre_roll();
            }
            self.pending.push_back(Pending {
                wait,
                loud: any(recent.loud) && wait == Wait::Open,
            });
            self.settle(facts);
        }
    }

    /// The windows just before an open one go to the model too.
    pub(super) fn open_pre_roll(&mut self) {
        for pending in self.pending.iter_mut().rev().take(PRE_ROLL) {
            if pending.wait != Wait::Shut {
                return;
            }
            pending.wait = Wait::Open;
        }
    }

    /// Resolves from the front all that needs no model.
    pub(super) fn settle(&mut self, facts: &mut Vec<Fact>) {
        while let Some(&Pending { wait, loud }) = self.pending.front() {
            match wait {
                Wait::Tone => self.counters.gated += 1,
                Wait::Shut if self.pending.len() > PRE_ROLL => self.counters.gated += 1,
                Wait::Open if self.pending.len() > self.pending_max => {
                    self.counters.overtaken += 1;
                    self.resolve(f32::from(u8::from(loud)), facts);
                    self.forget_overtaken_batch();
                    continue;
                }
                Wait::Shut | Wait::Open => return,
            }
            self.resolve(0.0, facts);
        }
    }

    /// A batch all of whose windows were resolved without it is not out any more.
    pub(super) fn forget_overtaken_batch(&mut self) {
        if self
            .out
            .is_some_and(|batch| batch.first_window + batch.count as u64 <= self.first)
        {
            self.out = None;
        }
    }

    pub(super) fn resolve(&mut self, probability: f32, facts: &mut Vec<Fact>) {
        self.pending.pop_front();
        self.first += 1;
        match self.endpointer.push(probability) {
            Some(Edge::SpeechStarted { at }) => facts.push(Fact::SpeechStarted { at }),
            Some(Edge::SpeechPaused { at }) => facts.push(Fact::SpeechPaused { at }),
            Some(Edge::SpeechResumed) => facts.push(Fact::SpeechResumed),
            Some(Edge::SpeechStopped { at }) => facts.push(Fact::SpeechStopped { at }),
            None => {}
        }
    }

    /// The windows that wait for a verdict. `at_once`: also those that decide nothing yet.
    pub(super) fn take(&mut self, at_once: bool) -> Option<WindowBatch> {
        if self.out.is_some() {
            return None;
        }
        // What precedes the first open window is at most a pre-roll that may yet change, so only the front counts.
        let waiting = || {
            self.pending
                .iter()
                .take(BATCH_WINDOWS_MAX)
                .take_while(|pending| pending.wait == Wait::Open)
        };
        let count = waiting().count();
        let is_urgent = waiting().any(|pending| !self.endpointer.expects(pending.loud));
        let may_grow = count < CALM_WINDOWS && count == self.pending.len();
        if count == 0 || may_grow && !is_urgent && !at_once {
            return None;
        }
        let batch = WindowBatch {
            first_window: self.first,
            count,
            fresh: self.scored_to != self.first,
            is_urgent,
        };
        self.scored_to = self.first + count as u64;
        self.out = Some(batch);
        Some(batch)
    }

    pub(super) fn answer(
        &mut self,
        batch: WindowBatch,
        probabilities: Option<&[f32]>,
        facts: &mut Vec<Fact>,
    ) {
        if self.out != Some(batch) {
            return;
        }
        self.out = None;
        let probabilities =
            probabilities.filter(|probabilities| probabilities.len() == batch.count);
        if probabilities.is_none() {
            // The model's memory is unsure: start it afresh.
            self.scored_to = u64::MAX;
        }
        // Windows of the batch that were overtaken meanwhile are resolved already.
        let overtaken = (self.first - batch.first_window) as usize;
        for index in overtaken..batch.count {
            let Some(&Pending { loud, .. }) = self.pending.front() else {
                return;
            };
            let probability = match probabilities {
                Some(probabilities) => {
                    self.counters.scored += 1;
                    probabilities[index]
                }
                None => {
                    self.counters.failed += 1;
                    f32::from(u8::from(loud))
                }
            };
            self.resolve(probability, facts);
        }
        self.settle(facts);
    }
}
