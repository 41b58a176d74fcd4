//! What must hold after every step of a call.

use std::collections::BTreeSet;

use trunkline_core::call::{Action, Ask, Event, Note, ReplyId, Timer, UseId};
use trunkline_core::consent::Mode;
use trunkline_core::time::At;

use super::consent;
use super::world;

/// Fillers for one answer, at most.
const FILLERS_MAX: u32 = 8;
/// A guess is at one of so many sentences to come.
const GUESSED_MAX: u32 = 4;
/// A verdict that is owed is given up by then.
const SOON_MS: u32 = 2_500;

/// Why a step was taken.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    Event(Event),
    Timer(#[expect(dead_code, reason = "shown in the history of a failure")] Timer),
}

/// One step of a call as seen from outside.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) now: At,
    pub(super) cause: Cause,
    pub(super) actions: Vec<Action>,
    pub(super) deadline: Option<At>,
    /// The next thing to happen is a nudge: the call believes that nobody waits for anything.
    pub(super) is_idle: bool,
    pub(super) is_ended: bool,
    pub(super) speaking_before: Option<ReplyId>,
    pub(super) drafting_before: Option<ReplyId>,
    pub(super) speaking: Option<ReplyId>,
    pub(super) drafting: Option<ReplyId>,
    pub(super) caller_talks: bool,
    /// What the call would show a recorder after this step.
    pub(super) granted_since: Option<At>,
    /// What comes from the caller after this step is for nobody.
    pub(super) is_withheld: bool,
}

#[derive(Default)]
pub(super) struct Observer {
    ended: bool,
    ended_notes: u32,
    ending: bool,
    said_anything: bool,
    /// Sentences of the caller's that no heard reply answers yet.
    unanswered: BTreeSet<u32>,
    /// All of them, answered or not.
    sentences: BTreeSet<u32>,
    /// What each reply answers.
    asked: Vec<(ReplyId, Vec<u32>)>,
    /// Replies the mind is working on.
    thinking: BTreeSet<ReplyId>,
    /// Replies whose times were told.
    timed: BTreeSet<ReplyId>,
    /// Replies whose first clause has been handed to the voice.
    begun: BTreeSet<ReplyId>,
    /// Replies of the mind's.
    drafted: BTreeSet<ReplyId>,
    /// The last of them: the only one that may be heard from.
    voice: Option<ReplyId>,
    /// It was dropped and has said nothing since.
    dropped: bool,
    /// An operator has silenced the mind.
    muted: bool,
    consent: consent::Observer,
    /// A filler comes at the earliest so long after another.
    filler_ms: u32,
    filled: Option<At>,
    /// Fillers since the mind was last asked.
    fillers: u32,
    tools: super::tools::Observer,
    /// The use by which the line was handed over.
    away: Option<UseId>,
}

impl Observer {
    pub(super) fn new(mode: Option<Mode>, filler_ms: u32) -> Self {
        Self {
            filler_ms,
            consent: consent::Observer::new(mode),
            ..Self::default()
        }
    }

    pub(super) fn look(&mut self, step: &Step) -> Result<(), String> {
        if self.ended && !step.actions.is_empty() {
            return Err("no action after the end".into());
        }
        if !step.is_ended {
            let deadline = step.deadline.ok_or("a live call has a deadline")?;
            if matches!(step.cause, Cause::Timer(_)) && deadline <= step.now {
                return Err("a due timer is spent".into());
            }
        }
        for action in &step.actions {
            if let Action::Note(Note::CallerSaid {
                text, confidence, ..
            }) = action
            {
                self.hear(text, *confidence);
            }
        }
        if let Cause::Event(Event::Muted { on }) = &step.cause {
            self.muted = *on;
        }
        self.drafted.extend(step.drafting);
        self.consent.look(step)?;
        self.stale(step)?;
        self.tools.told(step);
        for (at, action) in step.actions.iter().enumerate() {
            self.act(step, action, at + 1 == step.actions.len())?;
        }
        if let Cause::Event(Event::MindDone { reply, .. } | Event::MindFailed { reply }) =
            &step.cause
        {
            self.thinking.remove(reply);
        }
        let live: BTreeSet<ReplyId> = [step.speaking, step.drafting]
            .into_iter()
            .flatten()
            .collect();
        if let Some(lost) = self
            .thinking
            .iter()
            .find(|r| !live.contains(r))
            .filter(|_| !step.is_ended)
        {
            return Err(format!(
                "what is cancelled was asked for: the mind still works on {lost:?}"
            ));
        }
        if step.is_idle && !self.unanswered.is_empty() {
            return Err(format!(
                "nothing heard goes unanswered: {:?}",
                self.unanswered
            ));
        }
        if let Cause::Event(Event::Heard { .. } | Event::Paused { .. } | Event::Played { .. }) =
            &step.cause
        {
            self.tools.heard();
        }
        self.tools.look(step)?;
        self.waiting(step)?;
        self.ended = step.is_ended;
        Ok(())
    }

    /// While the caller waits for an answer and nobody speaks, something is to happen soon.
    fn waiting(&self, step: &Step) -> Result<(), String> {
        let answers =
            |(of, numbers): &(ReplyId, Vec<u32>)| step.drafting == Some(*of) && !numbers.is_empty();
        let waits = self.asked.iter().any(answers) && step.speaking.is_none();
        // Who is asked for keys is the one who is waited for.
        let may_wait = step.caller_talks
            || step.is_ended
            || self.fillers >= FILLERS_MAX
            || self.tools.wants_keys();
        let soon = step.now.plus(SOON_MS);
        if waits && !may_wait && step.deadline.is_none_or(|at| at > soon) {
            return Err("nobody waits in silence".into());
        }
        Ok(())
    }

    fn fill(&mut self, step: &Step, reply: ReplyId) -> Result<(), String> {
        let of_mind = self.drafted.contains(&reply);
        let is_own = step.drafting.is_some() && self.begun.last() == Some(&reply);
        if !of_mind && !is_own || self.muted {
            return Err(format!("a filler is for an answer to come: {reply:?}"));
        }
        if step.caller_talks {
            return Err(format!(
                "never speak over a talking caller: {reply:?} fills"
            ));
        }
        let since = self.filled.map(|at| step.now.since(at));
        if since.is_some_and(|ms| ms < u64::from(self.filler_ms)) {
            return Err(format!("a filler leaves time for an answer: {since:?} ms"));
        }
        self.filled = Some(step.now);
        self.fillers += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), String> {
        self.consent.finish()?;
        match (self.ended_notes, self.said_anything) {
            (1, _) => Ok(()),
            (n, _) => Err(format!("the call ends once, not {n} times")),
        }
    }

    fn hear(&mut self, text: &str, confidence: f32) {
        let number = text
            .strip_prefix("I would like to know about item ")
            .and_then(|t| t.split(' ').next()?.parse().ok());
        if let Some(number) = number {
            self.sentences.insert(number);
            // What a guess has to stand in for may be taken for a cough.
            if confidence > 0.6 {
                self.unanswered.insert(number);
            }
        }
    }

    /// An event of a reply that is neither speaking nor drafting changes nothing.
    fn stale(&self, step: &Step) -> Result<(), String> {
        let Cause::Event(event) = &step.cause else {
            return Ok(());
        };
        let Some(reply) = reply_of(event) else {
            return Ok(());
        };
        let live = [step.speaking_before, step.drafting_before];
        // Timers that were due may have fired first; their actions are not the event's.
        if !live.contains(&Some(reply)) && !step.actions.is_empty() {
            return Err(format!(
                "nothing of a dead reply: {event:?} led to {:?}",
                step.actions
            ));
        }
        Ok(())
    }

    fn act(&mut self, step: &Step, action: &Action, is_last: bool) -> Result<(), String> {
        match action {
            Action::Think { reply, .. } if self.away.is_some() => {
                return Err(format!(
                    "no mind is asked while the caller is away: {reply:?}"
                ));
            }
            Action::Think { reply, ask } => {
                if step.drafting != Some(*reply)
                    && !step
                        .actions
                        .contains(&Action::CancelThink { reply: *reply })
                {
                    return Err(format!("one reply drafts: {reply:?} does not"));
                }
                if self.muted {
                    return Err(format!("a muted mind is not asked: {reply:?}"));
                }
                self.thinking.insert(*reply);
                self.fillers = 0;
                self.asked(*reply, ask);
            }
            Action::CancelThink { reply } => {
                self.thinking.remove(reply);
            }
            Action::Prepare { text, .. } | Action::Say { text, .. }
                if text.contains("not a robot") =>
            {
                return Err(format!("nobody denies being an AI: {text}"));
            }
            Action::Prepare { .. } => {}
            Action::Say { reply, .. }
            | Action::Press { reply, .. }
            | Action::Fill { reply, .. }
            | Action::SayRecorded { reply, .. } => {
                let is_new = self.begun.insert(*reply);
                let asked = self.asked.iter().find(|(of, _)| of == reply);
                let mut guessed = asked.into_iter().flat_map(|(_, numbers)| numbers);
                if let Some(number) = guessed.find(|n| !self.sentences.contains(n)) {
                    return Err(format!(
                        "a guess is not heard: {reply:?} answers {number}, which nobody said"
                    ));
                }
                if is_new {
                    self.voice = Some(*reply);
                }
                self.dropped = false;
                self.speaks(step, *reply)?;
                let is_opening = !self.said_anything;
                self.said_anything = true;
                if is_opening && reply.0 != 0 {
                    return Err("the opening comes first".into());
                }
                if matches!(action, Action::Fill { .. }) {
                    self.fill(step, *reply)?;
                }
                if is_new && step.caller_talks && !is_opening && !self.is_ending(step) {
                    return Err(format!(
                        "never speak over a talking caller: {reply:?} begins"
                    ));
                }
            }
            Action::EndSay { reply } => {
                if !self.said_anything {
                    return Err("the opening comes first".into());
                }
                self.speaks(step, *reply)?;
            }
            Action::Pause { reply } => self.speaks(step, *reply)?,
            Action::Resume { reply } => {
                self.speaks(step, *reply)?;
                if step.caller_talks {
                    return Err(format!(
                        "never speak over a talking caller: {reply:?} resumes"
                    ));
                }
            }
            Action::Drop { reply } => {
                self.speaks(step, *reply)?;
                // One of which only a prompt was cut lives on.
                self.dropped = step.speaking != Some(*reply);
            }
            Action::Commit { reply } => {
                if step.drafting == Some(*reply) {
                    return Err(format!("a draft does nothing: {reply:?} commits"));
                }
                if let Some(at) = self.asked.iter().position(|(r, _)| r == reply) {
                    for number in self.asked.swap_remove(at).1 {
                        self.unanswered.remove(&number);
                    }
                }
            }
            Action::Note(Note::Ended { .. }) => {
                self.ended_notes += 1;
                if self.ended_notes > 1 {
                    return Err("the call ends once".into());
                }
            }
            Action::Note(Note::StageFailed { .. }) => self.ending = true,
            Action::Note(Note::Answered { timing: t, .. }) => {
                if t.speech_end > t.decided || t.decided > t.first_audio {
                    return Err(format!("an answer's times are in order: {t:?}"));
                }
            }
            Action::Note(Note::Timed { reply, timing, .. }) => {
                if !self.timed.insert(*reply) || timing.first_audio == At::START {
                    return Err(format!("the times of an answer are told once: {reply:?}"));
                }
            }
            Action::Note(Note::ToolBegun { reply, .. }) if step.caller_talks => {
                return Err(format!("nothing is done into a caller's words: {reply:?}"));
            }
            Action::Note(Note::ToolBegun {
                id,
                reply,
                tool,
                arguments,
                ..
            }) => {
                let live = [step.speaking, step.drafting].contains(&Some(*reply));
                if !live && !step.is_ended {
                    return Err(format!("nothing is done for a dead reply: {reply:?}"));
                }
                self.tools.begun(*id, tool, arguments)?;
            }
            Action::Note(Note::ToolUsed { id, .. }) => {
                self.away.take_if(|away| away == id);
                self.tools.ended(*id)?;
            }
            Action::PutThrough { id } => {
                if step.speaking.is_some() {
                    return Err(format!(
                        "nobody is put through in the middle of words: {id:?}"
                    ));
                }
                self.away = Some(*id);
            }
            Action::UseTool { id, .. } => self.tools.used(*id)?,
            Action::KeysDone { id, done } => self.tools.keys(*id, done)?,
            Action::Note(_) => {}
            Action::GoOn { reply, .. } => {
                if ![step.speaking, step.drafting].contains(&Some(*reply)) {
                    return Err(format!("only a live reply goes on: {reply:?}"));
                }
            }
            Action::HangUp { .. } => {
                if !is_last {
                    return Err("no action after the end: something follows the hang-up".into());
                }
            }
        }
        Ok(())
    }

    /// Only the reply that was begun last may be heard from, and not once it was dropped.
    fn speaks(&self, step: &Step, reply: ReplyId) -> Result<(), String> {
        if step.drafting == Some(reply) {
            return Err(format!("a draft does nothing: {reply:?}"));
        }
        if self.voice != Some(reply) || self.dropped {
            return Err(format!("nothing of a dead reply: {reply:?}"));
        }
        Ok(())
    }

    fn asked(&mut self, reply: ReplyId, ask: &Ask) {
        // A guess asks about sentences that are not final yet.
        let last = self.sentences.last().copied().unwrap_or(0);
        let first = self.unanswered.first().copied().unwrap_or(last);
        let numbers = (first..=last + GUESSED_MAX).filter(|n| world::asks(ask, *n));
        self.asked.push((reply, numbers.collect()));
    }

    /// The last words of a call may be said over anybody.
    fn is_ending(&self, step: &Step) -> bool {
        self.ending
            || step
                .actions
                .iter()
                .any(|a| matches!(a, Action::Say { text, .. } if text.contains("Goodbye")))
    }
}

fn reply_of(event: &Event) -> Option<ReplyId> {
    match event {
        Event::MindStarted { reply }
        | Event::MindSaid { reply, .. }
        | Event::MindDone { reply, .. }
        | Event::MindFailed { reply }
        | Event::ToolsWanted { reply, .. }
        | Event::VoiceFailed { reply, .. }
        | Event::Voiced { reply, .. }
        | Event::WordsTimed { reply, .. }
        | Event::PlaybackStarted { reply }
        | Event::RanDry { reply }
        | Event::Heard { reply, .. }
        | Event::Paused { reply, .. }
        | Event::Played { reply } => Some(*reply),
        Event::Answered
        | Event::Staffed { .. }
        | Event::LineClosed { .. }
        | Event::EndAsked { .. }
        | Event::Toned { .. }
        | Event::CarrierHeard { .. }
        | Event::ToolUsed { .. }
        | Event::Transfer { .. }
        | Event::HandedOver { .. }
        | Event::KeysWanted { .. }
        | Event::SpeechStarted { .. }
        | Event::SpeechPaused { .. }
        | Event::SpeechResumed
        | Event::SpeechStopped { .. }
        | Event::Judged { .. }
        | Event::Partial { .. }
        | Event::Final { .. }
        | Event::TurnScored { .. }
        | Event::HearFailed { .. }
        | Event::SayAsked { .. }
        | Event::Muted { .. }
        | Event::Key { .. } => None,
    }
}
