//! Handing the caller over to another agent of the same business, within the call.
//!
//! The shell finds the other agent and has everything ready before the call hears of it. From then on the other's mind is asked
//! and the other's settings hold; what belongs to the call and not to who speaks in it stays: consent and its texts, the keys
//! of the caller's commands, how long the call may last, and what is known of who answered.

use std::sync::Arc;

use super::Call;
use super::action::{Action, Ask, Note};
use super::reply::{Mind, Reply};
use super::settings::{Limits, Settings};
use super::tooling::{Outcome, UseId};

/// What the mind that handed over would have been told; the one that takes over reads it.
const HANDED_OVER: &str = r#"{"status":"handed over"}"#;
/// The same of a call that ends.
const TOO_LATE: &str = r#"{"error":"the call is ending"}"#;
/// The same of a second one that an agent has wanted who does not speak any more.
const TWICE: &str = r#"{"error":"the caller was handed over to another"}"#;

/// Another agent, as far as the call must know of it.
#[derive(Clone, Debug)]
pub struct NextAgent {
    /// Its id or name.
    pub agent: Arc<str>,
    /// Its version; 0 for one from a file.
    pub version: u32,
    /// Its settings.
    pub settings: Arc<Settings>,
}

impl PartialEq for NextAgent {
    fn eq(&self, other: &Self) -> bool {
        let is_same = Arc::ptr_eq(&self.settings, &other.settings);
        is_same && self.agent == other.agent && self.version == other.version
    }
}

impl Settings {
    /// Those of the next agent, as they hold in a call that began with these.
    fn succeeded_by(&self, next: &Self) -> Self {
        Self {
            limits: Limits {
                call_ms: self.limits.call_ms,
                ..next.limits.clone()
            },
            keys: self.keys.clone(),
            consent: self.consent.clone(),
            answering: self.answering.clone(),
            ..next.clone()
        }
    }
}

impl Call {
    /// Whether another agent would go on with the call that was made ready for this use; it comes too late for one that ends.
    pub fn would_be_handed_over(&self, id: UseId) -> bool {
        self.is_used(id) && self.not_handed_over(id).is_none()
    }

    /// Why nobody goes on with the call for a use.
    fn not_handed_over(&self, id: UseId) -> Option<&'static str> {
        if self.ending.is_some() {
            return Some(TOO_LATE);
        }
        (id < self.agent_since).then_some(TWICE)
    }

    /// Another agent goes on with the call.
    pub(super) fn handed_over(&mut self, id: UseId, next: NextAgent, out: &mut Vec<Action>) {
        if !self.is_used(id) {
            return;
        }
        if let Some(why) = self.not_handed_over(id) {
            let had_news = self.tools.has_news();
            self.tool_used(id, Outcome::Failed, why.into(), out);
            // Whoever speaks now has not wanted it.
            if !had_news {
                self.tools_are_known();
            }
            return;
        }
        // Whoever waits for it has had the last word: nobody else goes on with what they were thinking.
        self.end_reply_of_mind(out);
        self.tool_used(id, Outcome::Done, HANDED_OVER.into(), out);
        self.tool_is_told(id);
        self.tools_are_known();
        self.settings = Arc::new(self.settings.succeeded_by(&next.settings));
        self.owes_words_of_next = true;
        self.agent_since = self.tools.next();
        out.push(Action::Note(Note::HandedOver {
            agent: next.agent,
            version: next.version,
            at: self.now,
        }));
    }

    fn end_reply_of_mind(&mut self, out: &mut Vec<Action>) {
        if let Some(draft) = self.drafting.take() {
            out.push(Action::CancelThink { reply: draft.id });
            // What the caller said is in the conversation; the next agent takes it from there.
            if draft.guess.is_none() {
                self.open.answered(draft.answers);
            }
        }
        let thinks = |r: &&mut Reply| r.mind == Mind::Asked;
        if let Some(reply) = self.speaking.as_mut().filter(thinks) {
            out.push(Action::CancelThink { reply: reply.id });
            reply.mind = Mind::Done;
            reply.wants.clear();
        }
    }

    /// Asks the next agent's mind to take up the conversation, once nobody speaks.
    pub(super) fn take_up(&mut self, out: &mut Vec<Action>) {
        if self.owes_words_of_next && self.is_idle() && self.overlap.is_none() {
            self.think(Ask::HandedOver, out);
        }
    }
}
