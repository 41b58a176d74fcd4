//! What must hold of consent, worked out anew from what the call was told and what it had said.
//!
//! The observer knows nothing of the gate. It believes of a notice only what the carrier's marks say, and of a grant only
//! what the caller was seen to do.

use trunkline_core::call::{Action, Event, Note, ReplyId};
use trunkline_core::consent::{Method, Mode};
use trunkline_core::journal;
use trunkline_core::time::At;

use super::invariants::{Cause, Step};

const NOTICE: &str = "This call is recorded.";
const QUESTION: &str = "May we record it?";
const AGAIN: &str = "Sorry, may we record this call, yes or no?";
/// As in the default plan.
const SILENCE_MS: u64 = 2_000;
const SURE: f32 = 0.6;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody asked for consent.
    #[default]
    Unasked,
    Open,
    Granted,
    Refused,
}

#[derive(Default)]
pub(super) struct Observer {
    mode: Option<Mode>,
    state: State,
    /// Clauses handed to the voice that may still be heard.
    playing: Vec<(ReplyId, u16, String)>,
    notice_heard: Option<At>,
    question_heard: Option<At>,
    again_heard: Option<At>,
    /// It was or will be asked again.
    unclear: bool,
    /// The caller last made a sound.
    sound: At,
    /// The caller's voice last set in.
    onset: Option<At>,
    /// Sure words: their end, and whether they are a yes.
    words: Vec<(At, bool, Option<At>)>,
    objected: bool,
    /// Keys pressed since the grant.
    keys: String,
    decisions: u32,
}

impl Observer {
    pub(super) fn new(mode: Option<Mode>) -> Self {
        let state = match mode {
            Some(_) => State::Open,
            None => State::Unasked,
        };
        Self {
            mode,
            state,
            ..Self::default()
        }
    }

    pub(super) fn look(&mut self, step: &Step) -> Result<(), String> {
        if let Cause::Event(event) = &step.cause {
            self.told(step.now, event);
        }
        for action in &step.actions {
            self.act(step, action)?;
        }
        if step.granted_since.is_some() != (self.state == State::Granted) {
            return Err(format!(
                "the proof lasts as long as the grant: {:?} shows {:?}",
                self.state, step.granted_since
            ));
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<(), String> {
        let asked = u32::from(self.mode.is_some());
        // A call that nobody answers may end without a word about it, where nobody would have been asked.
        let least = if self.mode == Some(Mode::NoRecord) {
            0
        } else {
            asked
        };
        match (least..=asked).contains(&self.decisions) {
            true => Ok(()),
            false => Err(format!(
                "consent is decided once, not {} times",
                self.decisions
            )),
        }
    }

    fn told(&mut self, now: At, event: &Event) {
        match event {
            Event::SpeechStarted { at } => {
                self.onset = Some(*at);
                self.sound = now;
            }
            Event::SpeechPaused { .. } | Event::SpeechResumed | Event::SpeechStopped { .. } => {
                self.sound = now;
            }
            Event::Key { key } => {
                self.sound = now;
                self.keys.push(*key);
            }
            Event::Final {
                until,
                text,
                confidence,
            } => {
                self.objected |= text.contains("don't record") || text.contains("call me again");
                if !text.is_empty() && *confidence >= SURE {
                    let is_yes = text.starts_with("Yes");
                    self.words.push((*until, is_yes, self.onset));
                }
            }
            Event::Heard { reply, position } | Event::Paused { reply, position } => {
                let is_whole = position.clause_ms > 0 && position.heard_ms >= position.clause_ms;
                let last = self
                    .playing
                    .iter()
                    .position(|(r, c, _)| r == reply && *c == position.clause);
                if let Some(last) = last {
                    let count = last + usize::from(is_whole);
                    self.heard(now, |number, r| number < count && r == *reply);
                }
            }
            Event::Played { reply } => self.heard(now, |_, r| r == *reply),
            Event::VoiceFailed { reply, clause } => {
                self.playing.retain(|(r, c, _)| (r, c) != (reply, clause));
            }
            Event::Answered
            | Event::LineClosed { .. }
            | Event::EndAsked { .. }
            | Event::Toned { .. }
            | Event::CarrierHeard { .. }
            | Event::SayAsked { .. }
            | Event::Muted { .. }
            | Event::Partial { .. }
            | Event::TurnScored { .. }
            | Event::HearFailed { .. }
            | Event::MindStarted { .. }
            | Event::MindSaid { .. }
            | Event::MindDone { .. }
            | Event::MindFailed { .. }
            | Event::ToolsWanted { .. }
            | Event::ToolUsed { .. }
            | Event::Transfer { .. }
            | Event::HandedOver { .. }
            | Event::KeysWanted { .. }
            | Event::Judged { .. }
            | Event::Staffed { .. }
            | Event::Voiced { .. }
            | Event::WordsTimed { .. }
            | Event::PlaybackStarted { .. }
            | Event::RanDry { .. } => {}
        }
    }

    /// These clauses were heard to their end.
    fn heard(&mut self, now: At, which: impl Fn(usize, ReplyId) -> bool) {
        let mut number = 0;
        let mut heard = Vec::new();
        self.playing.retain(|(reply, _, text)| {
            let is_heard = which(number, *reply);
            number += 1;
            if is_heard {
                heard.push(text.clone());
            }
            !is_heard
        });
        for text in heard {
            match text.as_str() {
                NOTICE => self.notice_heard = Some(now),
                QUESTION => self.question_heard = Some(now),
                AGAIN => self.again_heard = Some(now),
                _ => {}
            }
        }
    }

    fn act(&mut self, step: &Step, action: &Action) -> Result<(), String> {
        match action {
            Action::Say {
                reply,
                clause,
                text,
            } => self.playing.push((*reply, *clause, text.to_string())),
            Action::Drop { reply } => self.playing.retain(|(r, _, _)| r != reply),
            Action::Think { .. } | Action::Fill { .. } if self.state == State::Open => {
                return Err("no mind is asked before consent is decided".into());
            }
            Action::Note(Note::Consent { step: consent, .. }) => {
                return self.consent(step, *consent);
            }
            Action::Note(Note::CallerSaid { from, text, .. }) => {
                let since = step.granted_since.filter(|since| from >= since);
                if let (Some(since), Cause::Event(Event::Final { until, .. })) =
                    (since, &step.cause)
                    && *until < since
                {
                    return Err(format!(
                        "words from before the grant look like later ones: {text}"
                    ));
                }
                let objects = text.contains("don't record") || text.contains("call me again");
                if objects && matches!(self.state, State::Open | State::Granted) {
                    return Err(format!(
                        "an objection ends consent before it is noted: {text}"
                    ));
                }
            }
            Action::Note(Note::CallerPressed { at, keys }) => {
                let is_kept = step.granted_since.is_some_and(|since| *at >= since);
                let mut pressed = self.keys.chars();
                if is_kept && !keys.chars().all(|key| pressed.any(|k| k == key)) {
                    return Err(format!("keys from before the grant are not kept: {keys}"));
                }
            }
            Action::Think { .. }
            | Action::CancelThink { .. }
            | Action::Prepare { .. }
            | Action::Fill { .. }
            | Action::SayRecorded { .. }
            | Action::EndSay { .. }
            | Action::Pause { .. }
            | Action::Resume { .. }
            | Action::Commit { .. }
            | Action::UseTool { .. }
            | Action::PutThrough { .. }
            | Action::Press { .. }
            | Action::KeysDone { .. }
            | Action::GoOn { .. }
            | Action::HangUp { .. }
            | Action::Note(_) => {}
        }
        Ok(())
    }

    fn consent(&mut self, step: &Step, consent: journal::Step) -> Result<(), String> {
        match consent {
            journal::Step::Announced { again, .. } => {
                let heard = if again {
                    self.again_heard
                } else {
                    self.notice()
                };
                if heard != Some(step.now) {
                    return Err(format!(
                        "a notice counts when it was heard whole: {heard:?}"
                    ));
                }
            }
            journal::Step::Unclear { .. } => self.unclear = true,
            journal::Step::Granted { method } => {
                self.decide(State::Granted)?;
                self.keys.clear();
                self.may_grant(step, method)
                    .map_err(|why| format!("granted by {method:?}, but {why}"))?;
                if step.granted_since.is_some_and(|since| since <= step.now) {
                    return Err("what was said up to the grant is from before it".into());
                }
            }
            journal::Step::Refused { .. } => self.decide(State::Refused)?,
            journal::Step::Withdrawn { .. } => {
                if self.state != State::Granted {
                    return Err("only what was granted is withdrawn".into());
                }
                self.state = State::Refused;
            }
        }
        Ok(())
    }

    fn decide(&mut self, state: State) -> Result<(), String> {
        if self.state != State::Open {
            return Err(format!("consent is decided once: {:?} already", self.state));
        }
        self.state = state;
        self.decisions += 1;
        Ok(())
    }

    /// All of the opening's part was heard, last at this moment.
    fn notice(&self) -> Option<At> {
        match self.mode? {
            Mode::Announce | Mode::AnnounceContinue => self.notice_heard,
            Mode::Affirmative => Some(self.notice_heard?.max(self.question_heard?)),
            Mode::NoRecord => None,
        }
    }

    fn may_grant(&self, step: &Step, method: Method) -> Result<(), String> {
        if self.objected {
            return Err("the caller objected".into());
        }
        let is_affirmative = self.mode == Some(Mode::Affirmative);
        let first = self.notice().ok_or("the notice was not heard whole")?;
        // Since when an answer counts. Only after the second question does silence not.
        let heard = self.again_heard.unwrap_or(first);
        let is_asked = is_affirmative || self.again_heard.is_some();
        if self.unclear && self.again_heard.is_none() {
            return Err("it was to be asked again".into());
        }
        match method {
            Method::Silence => {
                let quiet_ms = step.now.since(self.sound.max(first));
                if is_asked || self.unclear || quiet_ms < SILENCE_MS {
                    return Err(format!("not after seconds of silence: {quiet_ms} ms"));
                }
            }
            Method::WentOn => {
                if is_affirmative || !self.words.iter().any(|(until, ..)| *until > heard) {
                    return Err("nobody went on".into());
                }
            }
            Method::SaidYes => {
                let is_answer = |(until, yes, onset): &(At, bool, Option<At>)| {
                    *yes && *until > heard && onset.is_some_and(|at| at >= heard)
                };
                if !is_asked || !self.words.iter().any(is_answer) {
                    return Err("nobody said yes to the question".into());
                }
            }
            Method::PressedYes => {
                let pressed = matches!(step.cause, Cause::Event(Event::Key { key: '1' }));
                if !is_asked || !pressed {
                    return Err("nobody pressed the key".into());
                }
            }
        }
        Ok(())
    }
}
