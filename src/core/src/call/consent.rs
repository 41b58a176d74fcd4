//! Consent within a call: the notice of recording is said until it was heard whole, what the caller does about it is
//! judged, and the call follows what the gate decides. Until then no mind is asked.

use std::sync::Arc;

use super::action::{Action, Note};
use super::endpoint::{Said, silence_ms};
use super::event::EndReason;
use super::reply::Reply;
use super::{Call, Phase};
use crate::commands::{self, Command};
use crate::consent::gate::{Meaning, Spoken};
use crate::consent::{Granted, Method, Refusal};
use crate::journal::Step;
use crate::time::At;

use super::obeying::Found;

/// Most text of one turn that is judged, in bytes.
const HEARING_BYTES_MAX: usize = 8_000;
/// A "no" with more words than this is a sentence that happens to hold one, unless a question was asked.
const WORDS_OF_A_NO_MAX: usize = 4;

/// "Sorry, what was that about recording?" is no request of its own.
const WORDS_OF_A_COMPLAINT_MAX: usize = 6;

/// What the caller says before consent is decided, up to the end of their turn.
#[derive(Debug)]
pub(super) struct Hearing {
    from: At,
    to: At,
    text: String,
    /// The lowest of its parts; 0 where speech brought no words.
    confidence: f32,
}

impl Hearing {
    /// Takes off words that it ends with.
    pub(super) fn forget(&mut self, words: &str) {
        if let Some(rest) = self.text.strip_suffix(words) {
            self.text.truncate(rest.trim_end().len());
        }
    }
}

impl Call {
    /// The proof that what the caller says may be stored, while there is one.
    pub fn granted(&self) -> Option<&Granted> {
        self.gate.granted()
    }

    /// Consent was given, refused, withdrawn or is not asked for. Until then no mind is asked.
    pub fn consent_decided(&self) -> bool {
        self.gate.is_decided()
    }

    /// Where the words or the key began that refused or withdrew consent: nothing of the caller's from there on is to be
    /// kept, whatever becomes of what was stored before.
    pub fn objected_from(&self) -> Option<At> {
        self.objected_from
    }

    /// The opening ends with the notice, if there is to be one.
    pub(super) fn begin_consent(&mut self, opening: &mut Reply, out: &mut Vec<Action>) {
        let was_refused = self.objected_from.is_some();
        if self.settings.consent.mode.is_some() && self.gate.is_decided() && !was_refused {
            let class = Refusal::NotAsked;
            self.note_step(Step::Refused { class }, out);
        }
        self.announce(opening);
    }

    /// The notice that is owed has been begun.
    pub(super) fn is_announcing(&self) -> bool {
        self.gate.owes().map(|(number, _)| number) == self.announced
    }

    /// Adds the notice to a reply, if one is owed.
    pub(super) fn announce(&mut self, reply: &mut Reply) {
        let Some((number, again)) = self.gate.owes().filter(|_| !self.is_announcing()) else {
            return;
        };
        let plan = &self.settings.consent;
        match again {
            true => reply.push_notice(number, std::iter::once(&plan.again)),
            false => reply.push_notice(number, plan.opening()),
        }
        self.announced = Some(number);
    }

    pub(super) fn settle_consent(&mut self, out: &mut Vec<Action>) {
        if self.gate.is_decided() {
            return;
        }
        self.follow_notice(out);
        if self.answering.is_open() {
            return;
        }
        if self.hearing_due().is_some_and(|at| at <= self.now) {
            self.judge(out);
        }
        if self.silence_is_due() {
            let step = self.gate.silent(self.idle_since, self.now);
            self.follow(step, out);
        }
    }

    /// When [`Call::settle_consent`] next has something to do by itself.
    pub(super) fn consent_due(&self) -> Option<At> {
        if self.gate.is_decided() || self.answering.is_open() {
            return None;
        }
        self.hearing_due().or_else(|| {
            let due = self.gate.silence_due(self.idle_since);
            due.filter(|due| self.judged >= *due && self.is_silent())
        })
    }

    fn silence_is_due(&self) -> bool {
        let due = self.gate.silence_due(self.idle_since);
        due.is_some_and(|at| at <= self.now && at <= self.judged) && self.is_silent()
    }

    /// Nobody makes a sound or is about to, and nothing waits to be judged.
    fn is_silent(&self) -> bool {
        self.speaking.is_none()
            && self.notices.is_empty()
            && self.caller.is_quiet()
            && self.hearing.is_none()
    }

    fn follow_notice(&mut self, out: &mut Vec<Action>) {
        let Some(reply) = &self.speaking else {
            return;
        };
        let owed = self.gate.owes().map(|(number, _)| number);
        let Some(notice) = reply.notice.filter(|n| Some(n.number) == owed) else {
            return;
        };
        if reply.notice_has_begun() {
            self.gate.notice_began(self.now);
        }
        if notice.left == 0 {
            let steps = self.gate.notice_heard(self.now);
            self.follow(steps, out);
        }
    }

    /// The notice was begun and is over, but it was not heard whole: it is said again, or given up.
    pub(super) fn notice_is_lost(&mut self, out: &mut Vec<Action>) {
        let Some((owed, _)) = self.gate.owes().filter(|_| self.is_announcing()) else {
            return;
        };
        let notice = self.speaking.as_ref().and_then(|r| r.notice);
        if notice.is_none_or(|n| n.number != owed) && self.phase == Phase::Live {
            let step = self.gate.notice_lost();
            self.follow(step, out);
        }
    }

    /// Words that are no command, while consent is undecided.
    pub(super) fn hear_before_consent(&mut self, text: &str, confidence: f32, from: At, to: At) {
        let to = self.caller.voice_end(from, to);
        let hearing = self.hearing.get_or_insert_with(|| Hearing {
            from,
            to,
            text: String::new(),
            confidence,
        });
        hearing.from = hearing.from.min(from);
        hearing.to = hearing.to.max(to);
        hearing.confidence = hearing.confidence.min(confidence);
        if hearing.text.len() + text.len() < HEARING_BYTES_MAX {
            if !hearing.text.is_empty() {
                hearing.text.push(' ');
            }
            hearing.text.push_str(text);
        } else {
            // Nobody can say what is in the rest.
            hearing.confidence = 0.0;
        }
    }

    /// Speech of which no words came: it may have been an objection.
    pub(super) fn not_understood(&mut self, from: At, to: At) {
        if !self.gate.is_decided() {
            self.hear_before_consent("", 0.0, from, to);
        }
    }

    /// When the turn being heard is over.
    fn hearing_due(&self) -> Option<At> {
        let hearing = self.hearing.as_ref().filter(|_| self.caller.is_quiet())?;
        let said = Said {
            text: &hearing.text,
            score: self.caller.score,
            language: self.settings.language,
            ..Said::default()
        };
        let silence_ms = silence_ms(&said, &self.settings.turn);
        Some(hearing.to.plus(silence_ms))
    }

    /// A whole turn: what a pause cut in pieces is looked at together.
    fn judge(&mut self, out: &mut Vec<Action>) {
        let Some(hearing) = self.hearing.take() else {
            return;
        };
        self.idle_since = self.idle_since.max(hearing.to);
        let language = self.settings.language;
        let mut found = commands::detect_all(language, &hearing.text, hearing.confidence);
        // The other commands were obeyed when the words that held them came.
        found.retain(|f| matches!(f.command, Command::OptOut | Command::DontRecord));
        if !found.is_empty() {
            let found = Found::new(found);
            let objected = self.object_in_words(&found, hearing.from, out);
            self.obey_words(&found, objected, out);
            if !found.covers() {
                let rest = found.rest(language, &hearing.text);
                self.take_rest(&rest, hearing.confidence, hearing.from, hearing.to, out);
            }
            return;
        }
        let meaning = self.meaning(&hearing);
        // The words go on to the mind, but not those that only answered the notice.
        let is_short =
            || commands::words_spoken(language, &hearing.text) <= WORDS_OF_A_COMPLAINT_MAX;
        let rest = match meaning {
            Meaning::Yes | Meaning::No => {
                commands::answered(language, &hearing.text).map(|a| a.rest)
            }
            Meaning::Sign => None,
            Meaning::Unclear if commands::is_puzzled(language, &hearing.text) && is_short() => None,
            Meaning::Unclear | Meaning::Words => Some(hearing.text.clone()),
        };
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            self.owes_opening = false;
            self.open.add(&rest, hearing.from, hearing.to);
        }
        let said = Spoken {
            from: hearing.from,
            to: hearing.to,
            meaning,
        };
        let step = self.gate.spoke(said, self.now);
        self.follow(step, out);
    }

    fn meaning(&self, hearing: &Hearing) -> Meaning {
        let text = hearing.text.as_str();
        let is_sure = hearing.confidence >= self.settings.consent.confidence;
        if !is_sure {
            return Meaning::Unclear;
        }
        let is_question = self.gate.is_question();
        let language = self.settings.language;
        let answered = commands::answered(language, text);
        let is_short = || commands::words_spoken(language, text) <= WORDS_OF_A_NO_MAX;
        match answered.map(|a| (a.answer, a.is_first)) {
            Some((commands::Answer::Yes, _)) => Meaning::Yes,
            Some((commands::Answer::No, _)) if is_question || is_short() => Meaning::No,
            Some((commands::Answer::No, true)) => Meaning::Unclear,
            Some((commands::Answer::No, false)) | None
                if commands::is_backchannel(language, text)
                    || commands::is_greeting(language, text) =>
            {
                Meaning::Sign
            }
            Some((commands::Answer::No, false)) | None => {
                let wants_quiet = commands::detect(language, text, hearing.confidence).is_some();
                match wants_quiet || commands::is_puzzled(language, text) {
                    true => Meaning::Unclear,
                    false => Meaning::Words,
                }
            }
        }
    }

    /// A key while a question of consent is open.
    pub(super) fn key_to_question(&mut self, key: char, out: &mut Vec<Action>) {
        let step = if self.settings.keys.consent_yes == Some(key) {
            self.gate.pressed_yes(self.now)
        } else {
            self.gate.pressed_other(self.now)
        };
        self.follow(step, out);
    }

    /// The caller objects, with what began at `from`. True if that changed anything.
    pub(super) fn object(&mut self, class: Refusal, from: At, out: &mut Vec<Action>) -> bool {
        let step = self.gate.objected(class, from);
        if step.is_some() {
            self.objected_from = Some(from);
        }
        let is_new = step.is_some();
        self.follow(step, out);
        is_new
    }

    /// The last words have been decided on, or there are none: what is undecided is refused.
    pub(super) fn consent_ends(&mut self, out: &mut Vec<Action>) {
        let step = self.gate.ended();
        self.follow(step, out);
    }

    fn note_step(&mut self, step: Step, out: &mut Vec<Action>) {
        out.push(Action::Note(Note::Consent { step, at: self.now }));
    }

    /// Does what the gate's steps ask for.
    fn follow(&mut self, steps: impl IntoIterator<Item = Step>, out: &mut Vec<Action>) {
        for step in steps {
            self.note_step(step, out);
            let plan = &self.settings.consent;
            match step {
                Step::Announced { .. } | Step::Unclear { .. } => continue,
                Step::Granted { method } => {
                    if matches!(method, Method::SaidYes | Method::PressedYes) {
                        self.notices.push(plan.thanks.clone());
                    }
                    self.note_keys(out);
                }
                Step::Refused { class } => match class {
                    Refusal::NotAsked | Refusal::OptedOut | Refusal::NoPerson | Refusal::Ended => {}
                    Refusal::Objected
                    | Refusal::PressedNo
                    | Refusal::SaidNo
                    | Refusal::Unclear
                    | Refusal::NoAnswer
                    | Refusal::NotHeard => self.answer_refusal(plan.declined.clone(), out),
                },
                Step::Withdrawn { class, .. } => {
                    if !matches!(class, Refusal::OptedOut | Refusal::NoPerson) {
                        self.answer_refusal(plan.stopped.clone(), out);
                    }
                }
            }
            // What the caller has begun to say waits for the mind.
            if let Some(hearing) = self.hearing.take()
                && !hearing.text.is_empty()
            {
                self.owes_opening = false;
                self.open.add(&hearing.text, hearing.from, hearing.to);
            }
        }
    }

    /// Says so and goes on, or ends the call of an agent that holds none without recording.
    fn answer_refusal(&mut self, words: Arc<str>, out: &mut Vec<Action>) {
        match self.settings.consent.goodbye.clone() {
            Some(goodbye) => self.end_with(goodbye, EndReason::AgentHungUp, out),
            None => self.interject(words),
        }
    }

    /// Keys from before the grant are written down apart from those that follow it.
    fn note_keys(&mut self, out: &mut Vec<Action>) {
        let (_, keys) = self.keys_told();
        if !keys.is_empty() {
            out.push(Action::Note(Note::CallerPressed {
                at: self.open.pressed,
                keys,
            }));
            self.open.noted_keys = self.open.keys.len();
        }
    }

    /// What was said beside a refusal.
    pub(super) fn take_rest(
        &mut self,
        rest: &str,
        confidence: f32,
        from: At,
        to: At,
        out: &mut Vec<Action>,
    ) {
        if !rest.is_empty() {
            self.take_words(rest, confidence, from, to, out);
        }
    }
}
