//! The voice of a mind that speaks for itself: which clauses are its own, and how far they were heard.

use std::sync::Arc;
use std::time::Duration;

use trunkline_core::call::{Provider, Settings};
use trunkline_media::mouth::Fact;

use super::voicing::Voicing;
use super::{PATIENCE, Speaking, Waiting};
use crate::provider::{OwnVoice, Passage};

/// A mind's own voice has no place among the voices.
pub(super) const NO_PLACE: usize = usize::MAX;

/// A clause that is not whole yet waits while so much is left to be played.
const AT_HAND_MS: u64 = 600;

/// Whether a clause need not be begun yet: what breaks off before it was begun, the voice can say without a word of it.
pub(super) fn may_wait(voicing: &Voicing, queued_ms: u64) -> bool {
    voicing.passage().is_some() && voicing.whole_ms().is_none() && queued_ms > AT_HAND_MS
}

/// A mind that speaks for itself, and what it must not say: notices are the voice's own.
pub(in crate::session) struct Own {
    voice: Arc<dyn OwnVoice>,
    settings: Arc<Settings>,
    /// Which clauses of the reply are its own.
    passages: Vec<(u16, Passage)>,
}

impl Own {
    pub(in crate::session) fn new(voice: Arc<dyn OwnVoice>, settings: Arc<Settings>) -> Self {
        Self {
            voice,
            settings,
            passages: Vec::new(),
        }
    }

    /// Who speaks.
    pub(super) fn provider(&self) -> Provider {
        self.voice.provider()
    }

    /// A clause is being handed over.
    pub(super) fn note(&mut self, clause: u16, voicing: Option<&Voicing>) {
        if let Some(passage) = voicing.and_then(Voicing::passage)
            && self.passages.last() != Some(&(clause, passage))
        {
            self.passages.push((clause, passage));
        }
    }

    fn heard(&self, clause: u16, heard_ms: u32) {
        let found = self.passages.iter().rfind(|(number, _)| *number == clause);
        if let Some((_, passage)) = found {
            self.voice.heard(*passage, heard_ms);
        }
    }

    /// Tells it what was heard of this take.
    pub(super) fn follow(&self, facts: &[Fact], take: u32) {
        for fact in facts {
            match fact {
                Fact::Heard {
                    reply,
                    clause,
                    heard_ms,
                    ..
                } if *reply == take => self.heard(*clause, *heard_ms),
                Fact::Heard { .. } | Fact::Started { .. } | Fact::Played { .. } => {}
            }
        }
    }
}

impl Speaking {
    /// The mind's own sound of these words, if it has it and they are no notice.
    pub(super) fn own_voicing(&mut self, text: &Arc<str>, wanted_in: Duration) -> Option<Voicing> {
        let own = self.own.as_ref()?;
        if own.settings.sentences().any(|notice| notice == text) {
            return None;
        }
        let (passage, pieces) = own.voice.spoken(text)?;
        let ms_max = self.pace.expected_ms(text).saturating_mul(8);
        let ms_max = ms_max.saturating_add(10_000);
        let voicing = Voicing::new(NO_PLACE, pieces, wanted_in + PATIENCE, ms_max);
        Some(voicing.of(passage))
    }

    pub(super) fn forget_passages(&mut self) {
        if let Some(own) = &mut self.own {
            own.passages.clear();
        }
    }

    pub(super) fn heard_of_own(&self, clause: u16, heard_ms: u32) {
        if let Some(own) = &self.own {
            own.heard(clause, heard_ms);
        }
    }

    /// The voice says what the mind broke off before the caller heard any of it.
    pub(super) fn say_for_own(&mut self) {
        let mut is_any = false;
        for waiting in &mut self.waiting {
            if let Waiting::Clause(clause) = waiting
                && !clause.is_begun
                && !clause.is_lost
                && clause
                    .voicing
                    .as_ref()
                    .is_some_and(|voicing| voicing.by() == NO_PLACE && voicing.failure().is_some())
            {
                clause.voicing = None;
                is_any = true;
            }
        }
        if is_any {
            self.ask_next();
        }
    }
}
