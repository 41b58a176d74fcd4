//! A call without sound: the real [`Call`], with a clock that goes only as far as it is told, a mouth that takes as long as
//! the words do, and a caller whose words reach it as the ear would tell them.
//!
//! Whoever plays a call has only its mind and its tools to care for: everything else is done here, at the moment at which
//! it would be done on a line, so that the same words lead to the same call to the millisecond. [`Clocked`] alone is for
//! those who tell every fact themselves.

mod clocked;
mod ear;
mod mouth;

use std::sync::Arc;

pub use clocked::Clocked;

use crate::call::{Action, Call, EndReason, Event, Settings};
use crate::time::At;
use ear::Ear;
use mouth::Mouth;

/// Between two keys that a caller presses one after the other, ms.
const KEY_EVERY_MS: u32 = 250;

/// A call in rehearsal.
#[derive(Debug)]
pub struct Rehearsal {
    clocked: Clocked,
    ear: Ear,
    mouth: Mouth,
    actions: Vec<Action>,
}

impl Rehearsal {
    /// A call with these settings, whose voice speaks at this pace; 1 is its own.
    pub fn new(settings: Arc<Settings>, speed: f32) -> Self {
        Self {
            clocked: Clocked::new(settings),
            ear: Ear::default(),
            mouth: Mouth::new(speed),
            actions: Vec::new(),
        }
    }

    /// Somebody else speaks from now on, at this pace.
    pub fn succeed(&mut self, speed: f32) {
        self.mouth.succeed(speed);
    }

    /// The call.
    pub fn call(&self) -> &Call {
        self.clocked.call()
    }

    /// What time it is.
    pub fn now(&self) -> At {
        self.clocked.now()
    }

    /// Tells the call something now. Put into `out`: what is left to be done, which is the mind's, the tools' and the
    /// notes.
    pub fn tell(&mut self, event: Event, out: &mut Vec<Action>) {
        let now = self.now();
        self.clocked.handle(now, event, &mut self.actions);
        self.perform(out);
    }

    /// The line is open: somebody listens, and the ear is never behind.
    pub fn answered(&mut self, out: &mut Vec<Action>) {
        self.tell(Event::Answered, out);
        let until = At::from_ms(u64::MAX);
        self.tell(Event::Judged { until }, out);
    }

    /// The caller begins to say this, behind what they are saying. Words that end in `…` or `...` sound unfinished.
    /// Returns from when to when they speak.
    pub fn say(&mut self, words: &str) -> (At, At) {
        self.ear.say(self.now(), words)
    }

    /// The caller presses keys, one after the other, behind what they are saying. Returns when the last is pressed.
    pub fn press(&mut self, keys: &str) -> At {
        self.ear.press(self.now(), keys, KEY_EVERY_MS)
    }

    /// The caller hangs up.
    pub fn hang_up(&mut self, out: &mut Vec<Action>) {
        let reason = EndReason::CallerHungUp;
        self.tell(Event::LineClosed { reason }, out);
    }

    /// Since when the agent can be heard without a pause; `None` while it cannot.
    pub fn agent_since(&self) -> Option<At> {
        self.mouth.sounds_since()
    }

    /// Since when the agent cannot be heard.
    pub fn quiet_since(&self) -> At {
        self.mouth.quiet_since()
    }

    /// The caller is speaking, or about to, or pressing keys.
    pub fn caller_is_busy(&self) -> bool {
        self.ear.is_busy(self.now())
    }

    /// When something is due by itself; `None` once the call has ended.
    pub fn next_due(&self) -> Option<At> {
        if self.call().is_ended() {
            return None;
        }
        let deadline = self.call().deadline().map(|(at, _)| at);
        [deadline, self.ear.next_due(), self.mouth.next_due()]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(self.now()))
    }

    /// Lets time go on to `to`, or to the first moment at which something is left to be done, which is put into `out`.
    pub fn advance(&mut self, to: At, out: &mut Vec<Action>) {
        while out.is_empty()
            && let Some(due) = self.next_due().filter(|due| *due <= to)
        {
            self.step(due);
            self.perform(out);
        }
        if out.is_empty() && !self.call().is_ended() {
            self.clocked.wait_until(to);
        }
    }

    /// Does one thing that is due at `due`: facts come before timers of the same moment.
    fn step(&mut self, due: At) {
        if self.clocked.tick_before(due, &mut self.actions).is_some() {
            return;
        }
        let event = self.ear.pop(due).or_else(|| self.mouth.pop(due));
        match event {
            Some(event) => self.clocked.handle(due, event, &mut self.actions),
            None => drop(self.clocked.tick_before(due.plus(1), &mut self.actions)),
        }
    }

    /// Does what belongs to the line and the voice, and leaves the rest.
    fn perform(&mut self, out: &mut Vec<Action>) {
        let now = self.now();
        for action in self.actions.drain(..) {
            match action {
                Action::Say {
                    reply,
                    clause,
                    text,
                }
                | Action::Fill {
                    reply,
                    clause,
                    text,
                } => self.mouth.say(now, reply, clause, &text),
                Action::Press {
                    reply,
                    clause,
                    keys,
                } => self.mouth.say(now, reply, clause, &keys),
                Action::SayRecorded { reply, clause } => {
                    self.mouth.say(now, reply, clause, RECORDED);
                }
                Action::EndSay { reply } => self.mouth.end(now, reply),
                Action::Pause { reply } => self.mouth.pause(now, reply),
                Action::Resume { .. } => self.mouth.resume(now),
                Action::Drop { .. } => self.mouth.drop_rest(now),
                Action::Prepare { .. } => {}
                Action::Think { .. }
                | Action::CancelThink { .. }
                | Action::Commit { .. }
                | Action::UseTool { .. }
                | Action::GoOn { .. }
                | Action::PutThrough { .. }
                | Action::KeysDone { .. }
                | Action::Note(_)
                | Action::HangUp { .. } => out.push(action),
            }
        }
    }
}

/// About as long as the recording that is played when no voice can be had.
const RECORDED: &str = "I am sorry, something is not working on our side. Please try again later.";

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::call::{After, Ask, Expects, Note, ReplyId};

    /// A call whose mind says each of `answers` in turn, and then goodbye.
    struct Stage {
        rehearsal: Rehearsal,
        answers: VecDeque<&'static str>,
        notes: Vec<Note>,
        out: Vec<Action>,
    }

    impl Stage {
        fn new(answers: &[&'static str]) -> Self {
            let mut settings = Settings::default();
            settings.turn.drafts_max = 0;
            let mut rehearsal = Rehearsal::new(Arc::new(settings), 1.0);
            let mut out = Vec::new();
            rehearsal.answered(&mut out);
            Self {
                rehearsal,
                answers: answers.iter().copied().collect(),
                notes: Vec::new(),
                out,
            }
        }

        /// Lets time go on to `until_ms`, or to the end of the call.
        fn play(&mut self, until_ms: u64) {
            loop {
                for action in std::mem::take(&mut self.out) {
                    if let Action::Think { reply, ask } = &action {
                        self.think(*reply, ask);
                    } else if let Action::Note(note) = action {
                        self.notes.push(note);
                    }
                }
                if self.out.is_empty() {
                    if self.rehearsal.call().is_ended() || self.rehearsal.now().ms() >= until_ms {
                        return;
                    }
                    self.rehearsal.advance(At::from_ms(until_ms), &mut self.out);
                }
            }
        }

        /// Lets time go on until the agent has been quiet for a second.
        fn play_until_quiet(&mut self, since_ms: u64) {
            while !self.rehearsal.call().is_ended() {
                let quiet = self.rehearsal.quiet_since();
                let now = self.rehearsal.now();
                let is_quiet = self.rehearsal.agent_since().is_none();
                if is_quiet && quiet.ms() > since_ms && now.since(quiet) >= 1_000 {
                    return;
                }
                assert!(now.ms() < since_ms + 60_000, "the agent says nothing");
                self.play(now.ms() + 50);
            }
        }

        fn think(&mut self, reply: ReplyId, ask: &Ask) {
            let text = match ask {
                Ask::Answer { .. } | Ask::Open => self.answers.pop_front().unwrap_or("Goodbye."),
                Ask::Silence | Ask::News | Ask::HandedOver => "Hm.",
            };
            let text = text.to_owned();
            let (after, expects) = (After::Listen, Expects::Words);
            for event in [
                Event::MindStarted { reply },
                Event::MindSaid { reply, text },
                Event::MindDone {
                    reply,
                    after,
                    expects,
                },
            ] {
                self.rehearsal.tell(event, &mut self.out);
            }
        }

        fn heard(&self) -> Vec<String> {
            let words = |note: &Note| {
                if let Note::CallerSaid { text, .. } = note {
                    Some(format!("caller: {text}"))
                } else if let Note::AgentSaid { text, cut, .. } = note {
                    let cut = if *cut { " (cut)" } else { "" };
                    Some(format!("agent: {text}{cut}"))
                } else {
                    None
                }
            };
            self.notes.iter().filter_map(words).collect()
        }

        fn ended(&self) -> Option<EndReason> {
            let reason = |note: &Note| {
                if let Note::Ended { reason, .. } = note {
                    Some(*reason)
                } else {
                    None
                }
            };
            self.notes.iter().find_map(reason)
        }
    }

    /// A call in which the caller says each of `lines` once the agent has been quiet for a second.
    fn played(answers: &[&'static str], lines: &[&str]) -> Stage {
        let mut stage = Stage::new(answers);
        let mut said_ms = 0;
        for line in lines {
            stage.play_until_quiet(said_ms);
            said_ms = stage.rehearsal.say(line).1.ms();
        }
        stage.play_until_quiet(said_ms);
        let mut out = Vec::new();
        stage.rehearsal.hang_up(&mut out);
        stage.out.extend(out);
        stage.play(u64::MAX);
        stage
    }

    #[test]
    fn a_conversation_is_the_same_each_time_to_the_millisecond() {
        let lines = ["I would like to book an appointment.", "On Monday, please."];
        let answers = [
            "How can I help you?",
            "Which day suits you?",
            "You are booked for Monday.",
        ];
        let once = played(&answers, &lines);
        assert_eq!(
            once.heard()[1..],
            [
                "agent: How can I help you?",
                "caller: I would like to book an appointment.",
                "agent: Which day suits you?",
                "caller: On Monday, please.",
                "agent: You are booked for Monday.",
            ]
        );
        assert_eq!(once.notes, played(&answers, &lines).notes);
        assert_eq!(once.ended(), Some(EndReason::CallerHungUp));
    }

    #[test]
    fn a_finished_sentence_is_answered_sooner_than_one_that_trails_off() {
        let answered_ms = |line: &str| {
            let stage = played(&["How can I help you?", "Yes."], &[line]);
            let timing = |note: &Note| {
                if let Note::Answered { timing, .. } = note {
                    Some(timing.first_audio.since(timing.speech_end))
                } else {
                    None
                }
            };
            stage.notes.iter().find_map(timing).unwrap()
        };
        let finished = answered_ms("I would like to book an appointment.");
        assert!((200..400).contains(&finished), "{finished}");
        let unfinished = answered_ms("I would like to book the …");
        assert!(unfinished >= 1_000, "{unfinished}");
    }

    #[test]
    fn whoever_speaks_over_the_agent_stops_it_and_only_what_was_heard_was_said() {
        let hours = "We are open from eight to six on every day of the week but Sunday, as always.";
        let mut stage = Stage::new(&[hours, "All right."]);
        while stage.heard().is_empty() {
            let now = stage.rehearsal.now();
            stage.play(now.ms() + 50);
        }
        // The opening has been heard, and the mind's own sentence follows it.
        let now = stage.rehearsal.now();
        stage.play(now.ms() + 2_000);
        assert!(stage.rehearsal.agent_since().is_some());
        let words = "Hold on, I want to cancel my appointment please.";
        let said_ms = stage.rehearsal.say(words).1.ms();
        stage.play_until_quiet(said_ms);
        let heard = stage.heard();
        let cut = heard.iter().find(|line| line.ends_with("(cut)"));
        let cut = cut.unwrap_or_else(|| panic!("nothing was cut: {heard:?}"));
        assert!(
            cut.contains("We are open") && !cut.contains("Sunday"),
            "{cut}"
        );
        assert_eq!(heard.last().map(String::as_str), Some("agent: All right."));
    }

    #[test]
    fn a_silent_caller_is_nudged_and_the_call_ends_by_itself() {
        let mut stage = Stage::new(&["How can I help you?"]);
        stage.play(120_000);
        let heard = stage.heard();
        assert!(
            heard.iter().any(|line| line.contains("still there")),
            "{heard:?}"
        );
        assert_eq!(stage.ended(), Some(EndReason::Silence));
    }
}
