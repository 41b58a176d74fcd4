//! An operator's hand in a live call: words put into the agent's mouth, and a mind that is silenced.

use std::sync::Arc;

use super::action::{Action, Note};
use super::reply::{Mind, Origin};
use super::{Call, Phase};
use crate::guard;

/// Longest sentence of an operator's, in characters.
pub const SAY_CHARS_MAX: usize = 600;
/// Most sentences that wait.
const SAYS_MAX: usize = 8;

impl Call {
    /// Queues a sentence. What is too much is cut, or not said.
    pub(super) fn say_asked(&mut self, text: &str) {
        let text = text.trim();
        let end = text.char_indices().nth(SAY_CHARS_MAX);
        let text = end.map_or(text, |(at, _)| &text[..at]);
        if !self.takes_no_say() && !text.is_empty() {
            self.asked_says.push_back(text.into());
        }
    }

    /// No more sentences of an operator's would be said now.
    #[must_use]
    pub fn takes_no_say(&self) -> bool {
        self.phase == Phase::Ended || self.ending.is_some() || self.asked_says.len() >= SAYS_MAX
    }

    /// The next sentence of an operator's, once consent is decided.
    pub(super) fn next_asked_say(&mut self) -> Option<Arc<str>> {
        if !self.gate.is_decided() {
            return None;
        }
        self.asked_says.pop_front()
    }

    /// Says it, unless it denies that this is an AI.
    pub(super) fn say_for_operator(&mut self, words: &Arc<str>, out: &mut Vec<Action>) {
        let mut reply = self.new_reply(Origin::Asked, Mind::None);
        if guard::denies_ai(self.settings.language, "", words) {
            reply.push(Arc::clone(&self.settings.notices.robot), false);
            out.push(Action::Note(Note::Guarded {
                reply: reply.id,
                at: self.now,
            }));
        } else {
            reply.push(Arc::clone(words), false);
        }
        self.speak(reply, out);
    }

    /// Silences the mind or lets it go on; what the caller said meanwhile is answered then.
    pub(super) fn mute(&mut self, on: bool, out: &mut Vec<Action>) {
        if self.muted == on || self.phase == Phase::Ended {
            return;
        }
        self.muted = on;
        self.idle_since = self.now;
        if on {
            self.cancel_draft(out);
        }
    }

    /// Consent is decided, nobody has silenced the mind, and the caller is not leaving.
    pub(super) fn may_ask_mind(&self) -> bool {
        self.gate.is_decided() && !self.muted && !self.is_leaving()
    }
}
