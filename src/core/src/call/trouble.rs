//! When something does not go as it should: failures, long silences, and every way a call ends.

use std::sync::Arc;

use super::action::{Action, Ask, Note};
use super::event::{EndReason, ReplyId, Stage};
use super::reply::{Fate, Mind, Origin};
use super::{Call, Ending, Timer, Words};

impl Call {
    /// The mind gave nothing for a reply, or stopped in the middle of it.
    pub(super) fn mind_failed(&mut self, id: ReplyId, out: &mut Vec<Action>) {
        let lost = self.settings.notices.lost.clone();
        let moment = self.settings.notices.moment.clone();
        let is_filling = self.is_filling();
        let Some(reply) = self.reply(id).filter(|r| r.mind == Mind::Asked) else {
            return;
        };
        if reply.guess.is_some() {
            return self.drop_guess(out);
        }
        let has_words = !reply.clauses.is_empty();
        if has_words {
            reply.mind = Mind::Done;
            reply.push(lost, false);
        }
        out.push(Action::Note(Note::StageFailed {
            stage: Stage::Mind,
            at: self.now,
        }));
        out.push(Action::CancelThink { reply: id });
        self.strikes.mind = self.strikes.mind.saturating_add(1);
        if has_words {
            return;
        }
        self.drafting.take_if(|r| r.id == id);
        if self.strikes.mind >= 2 {
            return self.give_up(Stage::Mind, out);
        }
        // What it was asked is still unanswered, so it is asked again while this is said.
        if !is_filling && !self.notices.contains(&moment) {
            self.notices.push(moment);
        }
    }

    /// A clause could not be voiced.
    pub(super) fn voice_failed(&mut self, id: ReplyId, clause: u16, out: &mut Vec<Action>) {
        let moment = self.settings.notices.moment.clone();
        let Some(reply) = self.speaking.as_mut().filter(|r| r.id == id) else {
            return;
        };
        let Some(clause) = reply
            .clauses
            .get_mut(usize::from(clause))
            .filter(|c| !c.over)
        else {
            return;
        };
        clause.lost = true;
        if clause.filler && !clause.prompt {
            // It is passed over.
            clause.over = true;
            return;
        }
        out.push(Action::Note(Note::StageFailed {
            stage: Stage::Voice,
            at: self.now,
        }));
        let (is_ending, is_filling) = (reply.is_ending(), reply.is_filling());
        // What is to be dropped, or said again anyway, costs nothing more by failing too.
        if reply.fate != Fate::GoOn && !is_ending {
            return;
        }
        reply.fate = Fate::Insert;
        self.strikes.voice = self.strikes.voice.saturating_add(1);
        if is_ending || self.strikes.voice >= 2 {
            return self.end_without_voice(out);
        }
        self.overlap = None;
        if !is_filling && !self.notices.contains(&moment) {
            self.notices.push(moment);
        }
    }

    pub(super) fn mind_silent(&mut self, out: &mut Vec<Action>) {
        let late = [&self.drafting, &self.speaking]
            .into_iter()
            .flatten()
            .filter(|r| r.mind == Mind::Asked && !self.waits_for_keys(r));
        let limits = &self.settings.limits;
        let late: Vec<ReplyId> = late
            .filter(|r| r.mind_due(limits) <= self.now)
            .map(|r| r.id)
            .collect();
        for id in late {
            self.mind_failed(id, out);
        }
    }

    /// No word of the carrier's for longer than any clause lasts: what was sent counts as heard, what was not sent as not
    /// said. A call whose AI notice was not even sent does not go on.
    pub(super) fn playback_stuck(&mut self, out: &mut Vec<Action>) {
        let Some(reply) = &mut self.speaking else {
            return;
        };
        if reply.first_audio.is_some() {
            reply.presumed_heard();
            self.commit(out);
        } else if reply.origin == Origin::Opening {
            self.end_without_voice(out);
        }
        let Some(reply) = &mut self.speaking else {
            return;
        };
        let id = reply.id;
        let has_more = reply.mind == Mind::Asked;
        reply.progress = self.now;
        if has_more && reply.fate == Fate::GoOn {
            return;
        }
        out.push(Action::Drop { reply: id });
        if has_more {
            out.push(Action::CancelThink { reply: id });
            reply.mind = Mind::Done;
        }
        reply.playback = super::Playback::On;
        reply.fate = Fate::GoOn;
        for clause in &mut reply.clauses {
            clause.over = true;
        }
    }

    pub(super) fn silence(&mut self, out: &mut Vec<Action>) {
        if !self.is_idle() {
            return;
        }
        if let Some(words) = self.hold_words() {
            self.idle_since = self.now;
            if let Some(words) = words {
                let mut reply = self.new_reply(Origin::Nudge, Mind::None);
                reply.push(words, false);
                self.speak(reply, out);
            }
            return;
        }
        if self.settings.mind_nudges {
            return self.think(Ask::Silence, out);
        }
        let Some(words) = self.settings.notices.nudges.get(self.nudges).cloned() else {
            let words = self.settings.notices.silence_end.clone();
            return self.end_with(words, EndReason::Silence, out);
        };
        self.nudges += 1;
        let mut reply = self.new_reply(Origin::Nudge, Mind::None);
        reply.push(words, false);
        self.speak(reply, out);
    }

    pub(super) fn too_long(&mut self, out: &mut Vec<Action>) {
        match self.phase {
            super::Phase::Waiting => self.hang_up(EndReason::TooLong, out),
            super::Phase::Live => self.end_with(
                self.settings.notices.too_long.clone(),
                EndReason::TooLong,
                out,
            ),
            super::Phase::Ended => {}
        }
    }

    pub(super) fn give_up(&mut self, stage: Stage, out: &mut Vec<Action>) {
        self.end_with(
            self.settings.notices.giving_up.clone(),
            EndReason::Failed(stage),
            out,
        );
    }

    /// Ends the call with these words, whatever is going on. The first reason stays.
    pub(super) fn end_with(&mut self, words: Arc<str>, reason: EndReason, out: &mut Vec<Action>) {
        if self.phase == super::Phase::Waiting {
            return self.hang_up(reason, out);
        }
        if self.ending.is_none() {
            self.begin_ending(Words::Voiced(words), reason, out);
        }
    }

    /// The voice is gone. Even the last words come from a recording then.
    pub(super) fn end_without_voice(&mut self, out: &mut Vec<Action>) {
        if self.ending.as_ref().is_some_and(|e| e.recorded) || self.message_failed(out) {
            return;
        }
        let reason = self
            .ending
            .as_ref()
            .map_or(EndReason::Failed(Stage::Voice), |e| e.reason);
        self.begin_ending(Words::Recorded, reason, out);
    }

    fn begin_ending(&mut self, words: Words, reason: EndReason, out: &mut Vec<Action>) {
        self.ending = Some(Ending {
            reason,
            recorded: matches!(words, Words::Recorded),
            words: Some(words),
        });
        self.consent_ends(out);
        self.notices.clear();
        self.asked_says.clear();
        self.overlap = None;
        self.owes_opening = false;
        self.cancel_draft(out);
        self.timers.set(Timer::TooLong, None);
        self.timers.set(
            Timer::Ending,
            Some(self.now.plus(self.settings.limits.ending_ms)),
        );
        if let Some(reply) = &mut self.speaking {
            reply.fate = Fate::Drop;
        }
    }

    /// The last words did not get through in time.
    pub(super) fn ending_overdue(&mut self, out: &mut Vec<Action>) {
        let Some(reason) = self.ending.as_ref().map(|e| e.reason) else {
            return;
        };
        if let Some(mut reply) = self.speaking.take() {
            if reply.mind == Mind::Asked {
                out.push(Action::CancelThink { reply: reply.id });
            }
            self.note_heard(&mut reply, true, out);
        }
        self.hang_up(reason, out);
    }
}

impl super::Reply {
    /// Only its last clause is left, and that is a question: a "yes" spoken into it is the answer.
    pub(super) fn asks_last(&self) -> bool {
        let mut left = self.clauses.iter().filter(|c| !c.over);
        let last = left
            .next()
            .is_some_and(|c| c.text.trim_end().ends_with('?'));
        last && left.next().is_none()
            && self.mind == Mind::Done
            && matches!(self.origin, Origin::Turn)
    }
}
