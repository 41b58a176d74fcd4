//! Sentences that only bridge a silence: said if they are at hand, and made ahead so that they are.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use trunkline_core::call::ReplyId;

use super::voicing::Voicing;
use super::{FIRST_WANTED_IN, Speaking, Waiting};

/// A filler that is not at hand this soon is passed over.
const FILLER_PATIENCE: Duration = Duration::from_millis(250);

impl Speaking {
    /// Says a sentence that only bridges a silence, if it is at hand.
    pub(in crate::session) fn fill(&mut self, reply: ReplyId, clause: u16, text: Arc<str>) {
        let voicing = self.ask_filler(&text);
        self.put(reply, clause, text, Some(voicing), true);
    }

    pub(super) fn ask_filler(&mut self, text: &Arc<str>) -> Voicing {
        let mut voicing = self.ask(text, FIRST_WANTED_IN);
        voicing.wanted(FILLER_PATIENCE);
        voicing
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
    /// was heard, which is waited for.
    pub(super) fn make_ahead(&mut self) {
        let ahead = std::mem::take(&mut self.ahead);
        if ahead.is_empty() {
            return;
        }
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
