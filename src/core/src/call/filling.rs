//! Sentences that bridge a silence: the caller has finished, and the mind or the voice takes its time.
//!
//! A filler answers nothing. Where nobody speaks it is a reply of its own, and the draft that is awaited stays one; where a
//! reply is being said, but nothing of it sounds, it goes in front of what is left of that reply. What was asked of the
//! mind and of the voice goes on meanwhile, and so do the limits after which either counts as failed.

use std::sync::Arc;

use super::Call;
use super::action::{Action, Note};
use super::event::ReplyId;
use super::reply::{Clause, Fate, Mind, Origin, Playback, Reply};
use crate::time::At;

/// Most of them for one answer; the limits of mind and voice are over by then, unless they were set very high.
const FILLERS_MAX: u8 = 8;
/// However long the silence was before, the mind, and then the voice, have this long until it is filled.
const THINKING_MS_MIN: u32 = 900;
/// But no silence is longer than it should be by more than this.
const LATER_MS_MAX: u32 = 750;

/// What was said to fill silences.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fillers {
    /// The sentence that is next, so that one does not follow itself.
    next: usize,
    /// So many, since the mind was asked or words of its own were heard.
    pub(super) count: u8,
    /// The last of them was begun here.
    pub(super) last: At,
}

impl Call {
    /// All that was to be heard of a reply so far has been played, and there is more to come.
    pub(super) fn ran_dry(&mut self, id: ReplyId) {
        let is_playing = |r: &&Reply| r.id == id && r.playback == Playback::On;
        if self.speaking.as_ref().filter(is_playing).is_some() {
            self.hushed.get_or_insert(self.now);
        }
    }

    /// When the caller has been without a sound from anybody for so long that something must be said.
    pub(super) fn filler_due(&self) -> Option<At> {
        let filler_ms = self.settings.limits.filler_ms;
        let is_off = filler_ms == 0 || self.settings.notices.fillers.is_empty();
        if is_off && self.tool_words().is_none()
            || self.fillers.count >= FILLERS_MAX
            || self.ending.is_some()
            || !self.may_ask_mind()
            || !self.notices.is_empty()
            || !self.caller.is_quiet()
            || self.overlap.is_some()
            || self.keypad.is_at_work()
        {
            return None;
        }
        let reply = self.awaited()?;
        let quiet = self.hushed?.max(self.caller.stopped_at());
        let due = quiet.max(self.open.pressed).max(self.fillers.last);
        let asked = reply
            .begun
            .unwrap_or(reply.timing.decided.max(reply.timing.asked));
        let thought = asked.plus(THINKING_MS_MIN);
        if let Some(words) = self.tool_words() {
            return Some(words.max(due).max(self.fillers.last.plus(filler_ms)));
        }
        let due = due.plus(filler_ms);
        Some(thought.min(due.plus(LATER_MS_MAX)).max(due))
    }

    /// The reply that the caller waits for, and hears nothing of.
    fn awaited(&self) -> Option<&Reply> {
        let reply = match (&self.speaking, &self.drafting) {
            (Some(reply), _) => reply,
            (None, Some(draft)) => draft,
            (None, None) => return None,
        };
        let is_waited_for = reply.answers != (0, 0) || self.owes_opening || reply.committed;
        // A guess answers nothing yet: the turn is not over.
        let is_waited_for = is_waited_for && reply.guess.is_none();
        let is_stalled = reply.origin == Origin::Turn
            && reply.playback == Playback::On
            && reply.fate == Fate::GoOn
            && !reply.is_over()
            && !reply.is_protected();
        (is_waited_for && is_stalled).then_some(reply)
    }

    /// Says the next filler.
    pub(super) fn fill(&mut self, out: &mut Vec<Action>) {
        if self.filler_due().is_none_or(|due| due > self.now) {
            return;
        }
        let Some(words) = self.take_tool_words().or_else(|| self.next_filler()) else {
            return;
        };
        self.fillers.count += 1;
        self.fillers.last = self.now;
        let Some(mut reply) = self.speaking.take() else {
            let mut reply = self.new_reply(Origin::Filler, Mind::None);
            reply.push_filler(words);
            return self.speak(reply, out);
        };
        out.push(Action::Drop { reply: reply.id });
        let cut = reply.clauses.iter().any(|c| !c.over && c.heard > 0);
        self.note_heard(&mut reply, cut, out);
        reply.fill(words);
        reply.progress = self.now;
        self.speaking = Some(reply);
    }

    fn next_filler(&mut self) -> Option<Arc<str>> {
        let all = &self.settings.notices.fillers;
        let words = all.get(self.fillers.next % all.len().max(1)).cloned();
        self.fillers.next = (self.fillers.next + 1) % all.len().max(1);
        words
    }

    /// A filler in play says as much as any other notice that something takes its time.
    pub(super) fn is_filling(&self) -> bool {
        self.speaking.as_ref().is_some_and(Reply::is_filling)
    }

    /// Writes down a filler of the speaking reply by itself, once it is over: it is no part of what the mind said.
    pub(super) fn note_filler(&mut self, out: &mut Vec<Action>) {
        let now = self.now;
        if let Some(reply) = &mut self.speaking
            && reply.next_unnoted().is_some_and(|c| c.filler && c.over)
        {
            reply.note_filler(now, false, out);
        }
    }
}

impl Reply {
    /// Puts a filler in front of what is left, which is said again from the start of the clause that was reached.
    fn fill(&mut self, words: Arc<str>) {
        let rest = self.take_rest(|_| true);
        self.push_filler(words);
        self.clauses.extend(rest);
    }

    fn push_filler(&mut self, words: Arc<str>) {
        self.push(words, false);
        if let Some(clause) = self.clauses.last_mut() {
            clause.filler = true;
        }
    }

    /// Adds what asks for keys, or the tones of keys, which talking does not cut.
    pub(super) fn push_prompt(&mut self, text: Arc<str>, tones: Option<Arc<str>>) {
        self.push(text, tones.is_some());
        if let Some(clause) = self.clauses.last_mut() {
            clause.filler = true;
            clause.prompt = true;
            clause.tones = tones;
        }
    }

    /// The clause in play, or next to be.
    pub(super) fn current(&self) -> Option<&Clause> {
        self.clauses.iter().find(|c| !c.over)
    }

    /// A filler is in play, or next to be.
    pub(super) fn is_filling(&self) -> bool {
        self.current().is_some_and(|c| c.filler && !c.prompt)
    }

    /// The first clause that is not in the transcript.
    pub(super) fn next_unnoted(&self) -> Option<&Clause> {
        self.clauses.get(self.noted)
    }

    /// Writes down the filler that is next to be, if any of it was heard.
    pub(super) fn note_filler(&mut self, now: At, cut: bool, out: &mut Vec<Action>) {
        let Some(clause) = self.next_unnoted() else {
            return;
        };
        let words = clause.text.split_whitespace().take(clause.heard);
        let text = words.collect::<Vec<_>>().join(" ");
        let cut = cut && !clause.over;
        self.noted += 1;
        let from = self.first_audio.take().unwrap_or(now);
        if !text.is_empty() {
            out.push(Action::Note(Note::AgentSaid {
                reply: self.id,
                from,
                to: now,
                text,
                cut,
                filler: true,
            }));
        }
    }
}
