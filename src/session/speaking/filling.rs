//! Sentences that bridge a silence: made ahead, said if they are at hand, and passed over otherwise.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use trunkline_core::call::ReplyId;

use super::{FIRST_WANTED_IN, Speaking, Waiting};

/// A filler that is not at hand this soon is passed over.
pub(super) const FILLER_PATIENCE: Duration = Duration::from_millis(250);

impl Speaking {
    /// Says a sentence that only bridges a silence, if it is at hand.
    pub(in crate::session) fn fill(&mut self, reply: ReplyId, clause: u16, text: Arc<str>) {
        let mut voicing = self.ask(&text, FIRST_WANTED_IN);
        voicing.wanted(FILLER_PATIENCE);
        self.put(reply, clause, text, Some(voicing), true);
    }

    /// What stands behind a filler that failed does not wait for it.
    pub(super) fn pass_over_fillers(&mut self) {
        let is_lost = |waiting: &Waiting| match waiting {
            Waiting::Clause(clause) => clause.is_filler && clause.is_lost,
            Waiting::End => false,
        };
        if self.waiting.iter().any(is_lost) {
            self.waiting.retain(|waiting| !is_lost(waiting));
            self.ask_next();
            self.hand_over();
        }
    }

    /// Has those sentences made that nobody could wait for, where they are not at hand yet. Not before the first reply
    /// was heard, which is waited for. Each voice makes them once.
    pub(super) fn make_ahead(&mut self) {
        let by = Some(self.voices.at());
        if self.ahead.is_empty() || std::mem::replace(&mut self.made_by, by) == by {
            return;
        }
        let ahead = self.ahead.clone();
        let (voice, speed) = (Arc::clone(&self.voices.current().stage), self.speed);
        let making = async move {
            for text in ahead {
                if let Err(error) = voice.keep(text, speed).await {
                    tracing::debug!(%error, "sentence not made ahead");
                    return;
                }
            }
        };
        self.making = Some(making.boxed());
    }
}
