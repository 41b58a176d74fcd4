//! The agent: replies thought of, said, halted, resumed, cut and heard.

use std::sync::Arc;

use super::action::{Action, Ask, Note};
use super::event::{After, EndReason, Expects, Position, ReplyId};
use super::reply::{Fate, Mind, Origin, Playback, Reply};
use super::timing::Provider;
use super::{Call, Words};
use crate::guard;
use crate::redact;
use crate::time::At;
use crate::times::WordTime;

/// Clauses of a draft that are voiced before it may be said.
const PREPARED_MAX: usize = 2;
/// Most clauses of one reply.
const CLAUSES_MAX: usize = 400;

impl Call {
    /// Makes `reply` the one that speaks.
    pub(super) fn speak(&mut self, mut reply: Reply, out: &mut Vec<Action>) {
        reply.progress = self.now;
        reply.begun.get_or_insert(self.now);
        self.hushed.get_or_insert(self.now);
        say_rest(&mut reply, out);
        self.speaking = Some(reply);
    }

    pub(super) fn cancel_draft(&mut self, out: &mut Vec<Action>) {
        if let Some(draft) = self.drafting.take() {
            out.push(Action::CancelThink { reply: draft.id });
        }
    }

    pub(super) fn think(&mut self, mut ask: Ask, out: &mut Vec<Action>) {
        let mut draft = self.new_reply(Origin::Turn, Mind::Asked);
        self.fillers.count = 0;
        self.tools_are_known();
        self.release_unnoted(out);
        if let Ask::Answer { keys, .. } = &mut ask {
            draft.answers = (self.open.text.len(), self.open.keys.len());
            draft.timing.speech_end = self.open.last_act();
            draft.timing.words = self.open.worded;
            draft.timing.decided = self.open.decided.unwrap_or(self.now);
            let (told, new) = self.keys_told();
            self.open.noted_keys = self.open.keys.len();
            *keys = told;
            if !new.is_empty() {
                out.push(Action::Note(Note::CallerPressed {
                    at: self.open.pressed,
                    keys: new,
                }));
            }
        }
        out.push(Action::Think {
            reply: draft.id,
            ask,
        });
        self.drafting = Some(draft);
    }

    pub(super) fn mind_started(&mut self, id: ReplyId) {
        let now = self.now;
        if let Some(reply) = self.reply(id) {
            reply.mind_progress = now;
            reply.timing.first_token.get_or_insert(now);
        }
    }

    pub(super) fn mind_said(&mut self, id: ReplyId, text: String, out: &mut Vec<Action>) {
        self.mind_started(id);
        let text = redact::cards(&text).into_owned();
        let now = self.now;
        let truth = Arc::clone(&self.settings.notices.robot);
        let is_draft = self.drafting.as_ref().is_some_and(|r| r.id == id);
        let language = self.settings.language;
        let Some(reply) = self.reply(id).filter(|r| r.mind == Mind::Asked) else {
            return;
        };
        if text.trim().is_empty() || reply.clauses.len() >= CLAUSES_MAX {
            return;
        }
        let last = reply.clauses.iter().rfind(|c| !c.filler);
        let so_far = last.filter(|c| !c.protected);
        let text: Arc<str> = match guard::denies_ai(language, so_far.map_or("", |c| &c.text), &text)
        {
            false => text.into(),
            true if reply.guarded => return,
            true => {
                reply.guarded = true;
                out.push(Action::Note(Note::Guarded { reply: id, at: now }));
                truth
            }
        };
        let prepared_max = if reply.guess.is_some() {
            1
        } else {
            PREPARED_MAX
        };
        if is_draft && reply.clauses.len() < prepared_max {
            out.push(Action::Prepare {
                reply: id,
                text: Arc::clone(&text),
            });
        }
        reply.timing.first_clause.get_or_insert(now);
        reply.push(text, false);
    }

    pub(super) fn mind_done(
        &mut self,
        id: ReplyId,
        after: After,
        expects: Expects,
        out: &mut Vec<Action>,
    ) {
        let farewell = self.settings.notices.farewell.clone();
        let Some(reply) = self.reply(id).filter(|r| r.mind == Mind::Asked) else {
            return;
        };
        if reply.clauses.is_empty() {
            if reply.guess.is_some() && after != After::HangUp {
                return self.drop_guess(out);
            }
            match after {
                After::Listen if reply.may_be_empty => return self.take_silently(id, expects, out),
                After::Listen => return self.mind_failed(id, out),
                After::Wait => return self.take_silently(id, expects, out),
                After::HangUp => reply.push(farewell, false),
            }
        }
        reply.mind = Mind::Done;
        reply.after = after;
        reply.expects = expects;
        self.strikes.mind = 0;
    }

    /// The mind took the caller's words and has nothing to say to them yet.
    fn take_silently(&mut self, id: ReplyId, expects: Expects, out: &mut Vec<Action>) {
        let Some(draft) = self.drafting.take_if(|r| r.id == id) else {
            return;
        };
        self.owes_opening = false;
        self.owes_words_of_next = false;
        self.open.answered(draft.answers);
        self.expects = expects;
        self.idle_since = self.now;
        self.strikes.mind = 0;
        out.push(Action::Commit { reply: id });
    }

    pub(super) fn words_timed(&mut self, id: ReplyId, clause: u16, words: &[WordTime]) {
        if let Some(reply) = self.speaking.as_mut().filter(|r| r.id == id) {
            reply.timed(clause, words);
        }
    }

    /// The voice gave the first sound of a clause, or whoever it is `by`.
    pub(super) fn voiced(&mut self, id: ReplyId, clause: u16, at: At, by: Option<Provider>) {
        let now = self.now;
        if let Some(reply) = self.reply(id)
            && let Some(clause) = reply.clauses.get(usize::from(clause))
            && !clause.protected
            && !clause.filler
            && reply.timing.first_voice.is_none()
        {
            reply.timing.first_voice = Some(at.min(now));
            reply.voiced_by = by;
        }
    }

    pub(super) fn playback_started(&mut self, id: ReplyId, out: &mut Vec<Action>) {
        let (now, by) = (self.now, self.staff.clone());
        let Some(reply) = self.speaking.as_mut().filter(|r| r.id == id) else {
            return;
        };
        reply.progress = now;
        self.hushed = None;
        let first_audio = *reply.first_audio.get_or_insert(now);
        if reply.current().is_some_and(|c| !c.protected && !c.filler) {
            reply.has_answered(first_audio, by, out);
        }
    }

    pub(super) fn heard(&mut self, id: ReplyId, position: Position, out: &mut Vec<Action>) {
        if let Some(reply) = self.speaking.as_mut().filter(|r| r.id == id) {
            let is_own = reply.heard(position, self.now);
            let is_playing = reply.playback == Playback::On;
            self.hushed.take_if(|_| is_playing && position.heard_ms > 0);
            self.heard_to(position, is_own, out);
        }
    }

    /// The caller has listened so far, perhaps to words of the reply's own.
    fn heard_to(&mut self, position: Position, is_own: bool, out: &mut Vec<Action>) {
        self.note_filler(out);
        if let Some(reply) = self.speaking.as_mut().filter(|_| is_own) {
            let began = self.now.before(position.heard_ms);
            reply.first_audio.get_or_insert(began);
            reply.has_answered(began, self.staff.clone(), out);
            reply.tell_times(Some(began), out);
            self.fillers.count = 0;
            self.commit(out);
            self.tools_told();
        }
    }

    /// The caller has begun to hear a reply of the mind's: what it answers is answered.
    pub(super) fn commit(&mut self, out: &mut Vec<Action>) {
        let Some(reply) = self
            .speaking
            .as_mut()
            .filter(|r| r.mind != Mind::None && !r.committed)
        else {
            return;
        };
        reply.committed = true;
        self.owes_opening = false;
        self.owes_words_of_next = false;
        if reply.answers.0 > 0 {
            self.habits.answered(self.open.has_pause());
        }
        self.open.answered(reply.answers);
        out.push(Action::Commit { reply: reply.id });
    }

    pub(super) fn paused(&mut self, id: ReplyId, position: Position, out: &mut Vec<Action>) {
        let now = self.now;
        let Some(reply) = self
            .speaking
            .as_mut()
            .filter(|r| r.id == id && r.playback == Playback::Halting)
        else {
            return;
        };
        reply.playback = Playback::Halted;
        let is_own = reply.heard(position, now);
        self.heard_to(position, is_own, out);
    }

    pub(super) fn played(&mut self, id: ReplyId, out: &mut Vec<Action>) {
        let Some(reply) = self
            .speaking
            .as_mut()
            .filter(|r| r.id == id && r.ended && r.playback == Playback::On)
        else {
            return;
        };
        reply.heard_whole();
        self.commit(out);
        self.tools_told();
    }

    pub(super) fn settle_speaking(&mut self, out: &mut Vec<Action>) {
        self.note_filler(out);
        let Some(reply) = &mut self.speaking else {
            return;
        };
        if self.muted && reply.fate == Fate::GoOn && reply.is_the_minds() {
            reply.fate = Fate::Drop;
        }
        // What is to be inserted comes after a filler, not into it.
        let is_early = reply.fate == Fate::Insert && reply.is_filling();
        if reply.fate != Fate::GoOn && reply.playback == Playback::On && !is_early {
            reply.playback = Playback::Halting;
            reply.halted = Some(self.now);
            reply.progress = self.now;
            out.push(Action::Pause { reply: reply.id });
        }
        if reply.playback == Playback::Halted {
            self.settle_halted(out);
        }
        let Some(reply) = self
            .speaking
            .as_mut()
            .filter(|r| r.playback == Playback::On)
        else {
            return;
        };
        say_rest(reply, out);
        if reply.is_over() {
            self.finish(out);
        }
    }

    fn settle_halted(&mut self, out: &mut Vec<Action>) {
        let is_quiet = self.overlap.is_none() && self.caller.talking.is_none();
        let Some(mut reply) = self.speaking.take() else {
            return;
        };
        match reply.fate {
            Fate::Drop => {
                if reply.mind == Mind::Asked {
                    out.push(Action::CancelThink { reply: reply.id });
                }
                if reply.committed && reply.mind == Mind::Done {
                    self.expects = reply.expects;
                }
                out.push(Action::Drop { reply: reply.id });
                self.idle_since = self.now;
                self.note_heard(&mut reply, true, out);
                return;
            }
            Fate::Insert if is_quiet => {
                out.push(Action::Drop { reply: reply.id });
                self.note_heard(&mut reply, true, out);
                reply.insert(self.notices.drain(..), self.gate.is_decided());
                reply.progress = self.now;
                // Only a prompt was cut, and nothing is left.
                reply.ended = reply.is_over();
            }
            // Its last marks came while it was halted.
            Fate::GoOn
                if reply.is_over()
                    && (is_quiet || reply.after != After::HangUp && !reply.is_ending()) =>
            {
                out.push(Action::Drop { reply: reply.id });
                reply.ended = true;
                reply.playback = Playback::On;
            }
            Fate::GoOn if is_quiet => {
                out.push(Action::Resume { reply: reply.id });
                out.push(Action::Note(Note::Resumed {
                    reply: reply.id,
                    at: self.now,
                }));
                reply.playback = Playback::On;
                reply.halted = None;
                reply.progress = self.now;
            }
            Fate::Insert | Fate::GoOn => {}
        }
        self.speaking = Some(reply);
    }

    /// A reply has been heard to its end.
    fn finish(&mut self, out: &mut Vec<Action>) {
        let Some(mut reply) = self.speaking.take() else {
            return;
        };
        self.idle_since = self.now;
        let is_leaving = reply.origin == Origin::Transfer;
        let after = match (reply.after, reply.origin) {
            (_, Origin::Ending(reason)) => Some(reply.ends_for(reason)),
            (After::HangUp, _) => Some(EndReason::AgentHungUp),
            (After::Listen | After::Wait, _) => None,
        };
        if reply.mind == Mind::Done {
            self.strikes.voice = 0;
            self.expects = reply.expects;
        }
        if matches!(reply.origin, Origin::Turn | Origin::Asked) {
            self.last_said = reply
                .clauses
                .iter()
                .rev()
                .find(|c| !c.protected && !c.filler)
                .map(|c| Arc::clone(&c.text));
        }
        self.note_heard(&mut reply, false, out);
        if is_leaving {
            self.put_through(out);
        }
        if let Some(reason) = after {
            self.hang_up(reason, out);
        }
    }

    /// Writes down what was heard of a reply and is not in the transcript yet.
    pub(super) fn note_heard(&mut self, reply: &mut Reply, cut: bool, out: &mut Vec<Action>) {
        reply.tell_times(None, out);
        if let Some(last_heard) = reply.last_heard() {
            self.asked = last_heard;
        }
        if reply.next_unnoted().is_some_and(|c| c.filler) {
            let to = reply.halted.unwrap_or(self.now);
            reply.note_filler(to, cut, out);
        }
        let text = reply.take_heard();
        if !text.is_empty() {
            let from = reply.first_audio.take().unwrap_or(self.now);
            out.push(Action::Note(Note::AgentSaid {
                reply: reply.id,
                from,
                to: reply.halted.take().unwrap_or(self.now),
                text,
                cut,
                filler: false,
            }));
        }
    }

    /// Decides who speaks next, when nobody does.
    pub(super) fn settle_floor(&mut self, out: &mut Vec<Action>) {
        if self.phase != super::Phase::Live {
            return;
        }
        self.notice_is_lost(out);
        self.start_ending(out);
        if self.ending.is_some() || self.is_away() {
            return;
        }
        if self.may_think() && self.turn_due().is_some_and(|at| at <= self.now) {
            self.answer_turn(out);
        }
        if self.gate.is_decided() {
            self.decided.get_or_insert(self.now);
        }
        self.think_ahead(out);
        let may_open = self.may_ask_mind() && self.open.is_empty() && self.drafting.is_none();
        let opening_is_said = self.speaking.as_ref().is_none_or(|r| r.mind == Mind::None);
        if self.owes_opening && may_open && opening_is_said {
            self.think(Ask::Open, out);
        }
        let is_free = self.speaking.is_none() && self.caller.is_quiet();
        if is_free {
            self.take_floor(out);
        }
        self.take_up(out);
        self.tell_news(out);
    }

    fn take_floor(&mut self, out: &mut Vec<Action>) {
        let owed = self.gate.owes().filter(|_| !self.is_announcing());
        if !self.notices.is_empty() || owed.is_some() {
            let mut reply = self.new_reply(Origin::Notice, Mind::None);
            for notice in self.notices.drain(..) {
                reply.push(notice, true);
            }
            self.announce(&mut reply);
            if let Some(last) = self
                .last_said
                .clone()
                .filter(|_| self.drafting.is_none() && self.open.is_empty() && !self.muted)
            {
                reply.push(last, false);
            }
            return self.speak(reply, out);
        }
        if self.is_leaving() {
            return self.say_before_transfer(out);
        }
        if let Some(words) = self.next_asked_say() {
            return self.say_for_operator(&words, out);
        }
        let is_ready = self
            .drafting
            .as_ref()
            .is_some_and(|r| !r.clauses.is_empty() && r.guess.is_none());
        if let Some(draft) = self.drafting.take_if(|_| is_ready) {
            self.speak(draft, out);
        }
    }

    /// Says the last words, over whatever the caller says.
    fn start_ending(&mut self, out: &mut Vec<Action>) {
        if self.speaking.is_some() {
            return;
        }
        let Some(ending) = &mut self.ending else {
            return;
        };
        let Some(words) = ending.words.take() else {
            return;
        };
        let reason = ending.reason;
        let mut reply = self.new_reply(Origin::Ending(reason), Mind::None);
        match words {
            Words::Voiced(text) => {
                reply.push(text, true);
                self.speak(reply, out);
            }
            Words::Recorded => {
                reply.push(self.settings.notices.giving_up.clone(), true);
                for clause in &mut reply.clauses {
                    clause.said = true;
                }
                reply.ended = true;
                out.push(Action::SayRecorded {
                    reply: reply.id,
                    clause: 0,
                });
                out.push(Action::EndSay { reply: reply.id });
                self.speaking = Some(reply);
            }
        }
    }
}

/// Hands to the voice what it does not have yet.
pub(super) fn say_rest(reply: &mut Reply, out: &mut Vec<Action>) {
    for (at, clause) in reply
        .clauses
        .iter_mut()
        .enumerate()
        .filter(|(_, c)| !c.said && !c.over)
    {
        clause.said = true;
        let (reply, text) = (reply.id, Arc::clone(&clause.text));
        let (filler, keys) = (clause.filler && !clause.prompt, clause.tones.clone());
        let clause = at as u16;
        out.push(match (filler, keys) {
            (_, Some(keys)) => Action::Press {
                reply,
                clause,
                keys,
            },
            (true, None) => Action::Fill {
                reply,
                clause,
                text,
            },
            (false, None) => Action::Say {
                reply,
                clause,
                text,
            },
        });
    }
    if reply.mind != Mind::Asked && !reply.ended {
        reply.ended = true;
        out.push(Action::EndSay { reply: reply.id });
    }
}
