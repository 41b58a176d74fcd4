//! From one voice to another, in mid-call.
//!
//! What has not begun to be played is voiced again by whoever takes over, also what the one before has given already: a
//! caller hears one voice and then another, never two by turns.

use std::sync::Arc;
use std::time::Duration;

use super::voicing::{Blame, Voicing};
use super::{PATIENCE, Prepared, Speaking, Waiting};

/// The same as [`PATIENCE`] where another voice stands ready.
const PATIENCE_BRIEF: Duration = Duration::from_millis(1_500);

impl Speaking {
    /// How much later than wanted the first piece of the clause may come that is to be said next.
    pub(super) fn patience(&self) -> Duration {
        match self.voices.has_next() {
            true => PATIENCE_BRIEF,
            false => PATIENCE,
        }
    }

    /// The clause before it is complete: from now on it is this one that must not be late.
    pub(super) fn next_is_wanted(&mut self) {
        let patience = Duration::from_millis(self.mouth.queued_ms()) + self.patience();
        if self.voices.has_next()
            && let Some(Waiting::Clause(clause)) = self.waiting.front_mut()
            && let Some(voicing) = &mut clause.voicing
        {
            voicing.wanted(patience);
        }
    }

    /// The vendor of a voice that has taken over, once.
    pub(in crate::session) fn taken_over(&mut self) -> Option<&'static str> {
        self.taken_over.take()
    }

    /// Somebody else speaks than the call was told.
    pub(super) fn note_voice(&mut self) {
        if self.voice_told != self.voices.at() {
            self.voice_told = self.voices.at();
            self.taken_over = Some(self.voices.current().vendor);
        }
    }

    /// If the voice failed, has the next take over. What was begun is lost.
    pub(super) fn take_over(&mut self) {
        self.ask_another();
        // Nobody waits for what is still lost.
        let is_there = |ahead: &Prepared| ahead.voicing.failure().is_none();
        self.prepared.retain(is_there);
    }

    fn ask_another(&mut self) {
        let Some(blame) = self.failure() else {
            if self.has_worked() {
                self.voices.worked();
            }
            return;
        };
        let failed = self.voices.current();
        if blame == Blame::Late {
            // Whoever was asked may still wait for it, and does not know that it was late.
            failed.circuit.failed();
        }
        let provider = failed.vendor;
        if !self.voices.failed() {
            return;
        }
        let next = self.voices.current().vendor;
        tracing::warn!(provider, next, "voice failed, another takes over");
        for waiting in &mut self.waiting {
            if let Waiting::Clause(clause) = waiting
                && !clause.is_begun
            {
                clause.voicing = None;
            }
        }
        let prepared: Vec<Arc<str>> = self.prepared.drain(..).map(|ahead| ahead.text).collect();
        self.ask_next();
        for text in prepared {
            self.prepare(text);
        }
    }

    /// Of the voice whose turn it is.
    fn voicings(&self) -> impl Iterator<Item = &Voicing> {
        let asked = self.waiting.iter().filter_map(|waiting| match waiting {
            // A filler that is not at hand says nothing about the voice.
            Waiting::Clause(clause) => {
                let is_telling = !clause.is_lost && !clause.is_filler;
                clause.voicing.as_ref().filter(|_| is_telling)
            }
            Waiting::End => None,
        });
        let ahead = self.prepared.iter().map(|Prepared { voicing, .. }| voicing);
        let at = self.voices.at();
        asked.chain(ahead).filter(move |voicing| voicing.by() == at)
    }

    fn failure(&self) -> Option<Blame> {
        let mut blames = self.voicings().filter_map(Voicing::blame);
        blames.find(|blame| *blame != Blame::Mouth)
    }

    fn has_worked(&self) -> bool {
        self.voicings().any(Voicing::has_begun)
    }
}
