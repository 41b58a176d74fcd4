//! What is asked of the caller for keys, and keys that are pressed: said when nobody else speaks.

use std::sync::Arc;

use super::{Call, Phase, Work};
use crate::call::action::Action;
use crate::call::event::ReplyId;
use crate::call::reply::{Fate, Mind, Origin, Playback, Reply};
use crate::call::speaking::say_rest;
use crate::call::tooling::UseId;
use crate::guard;
use crate::redact;

impl Call {
    /// The caller presses: they need not be asked any more.
    pub(super) fn cut_prompt(&mut self) {
        let is_asking = |r: &&mut Reply| {
            let current = r.current().is_some_and(|c| c.prompt && c.tones.is_none());
            current && r.fate == Fate::GoOn
        };
        if let Some(reply) = self.speaking.as_mut().filter(is_asking) {
            reply.fate = Fate::Insert;
        }
    }

    /// Says what is owed, or presses, if the floor is free.
    pub(in crate::call) fn ask_for_keys(&mut self, out: &mut Vec<Action>) {
        let is_live = self.phase == Phase::Live;
        let Some(id) = self
            .keypad
            .task
            .as_ref()
            .filter(|_| is_live)
            .map(|task| task.id)
        else {
            return;
        };
        let is_free = self.notices.is_empty()
            && self.ending.is_none()
            && self.caller.is_quiet()
            && self.overlap.is_none();
        let language = self.settings.language;
        let Some(task) = self.keypad.task.as_mut().filter(|_| is_free) else {
            return;
        };
        let (text, tones) = match &task.work {
            Work::Collect(collect) => match &collect.owed {
                // A mind may have written it.
                Some(text) if guard::denies_ai(language, "", text) => {
                    (Arc::clone(&self.settings.notices.robot), None)
                }
                Some(text) => (redact::cards(text).into(), None),
                None => return,
            },
            Work::Press { keys, begun: None } => {
                (format!("[pressed {keys}]").into(), Some(Arc::clone(keys)))
            }
            Work::Press { .. } => return,
        };
        let Some(at) = self.put_prompt(id, text, tones, out) else {
            return;
        };
        self.keys_go_on();
        match self.keypad.task.as_mut().map(|task| &mut task.work) {
            Some(Work::Collect(collect)) => (collect.owed, collect.silent) = (None, None),
            Some(Work::Press { begun, .. }) => *begun = Some(at),
            None => {}
        }
    }

    /// Puts a clause of the call's own behind what the waiting reply has said, or into a reply of its own. `None` if somebody
    /// speaks.
    fn put_prompt(
        &mut self,
        id: UseId,
        text: Arc<str>,
        tones: Option<Arc<str>>,
        out: &mut Vec<Action>,
    ) -> Option<(ReplyId, usize)> {
        let Some(mut reply) = self.speaking.take() else {
            let mut reply = self.new_reply(Origin::Prompt, Mind::None);
            reply.push_prompt(text, tones);
            let at = (reply.id, 0);
            self.speak(reply, out);
            return Some(at);
        };
        let is_free = reply.waits_for(id)
            && reply.playback == Playback::On
            && reply.clauses.iter().all(|c| c.over);
        let at = is_free.then(|| {
            self.note_heard(&mut reply, false, out);
            reply.push_prompt(text, tones);
            reply.progress = self.now;
            say_rest(&mut reply, out);
            (reply.id, reply.clauses.len() - 1)
        });
        self.speaking = Some(reply);
        at
    }
}
