//! Commands of the caller's: found in words and keys, obeyed at once, and no mind is asked.

use std::sync::Arc;

use super::action::{Action, Means, Note};
use super::listening::Verdict;
use super::reply::{Fate, Reply};
use super::{Call, EndReason};
use crate::commands::{self, Command, Detected};
use crate::consent::Refusal;
use crate::language::Language;
use crate::time::At;

/// Two verdicts this close together may hold one command between them ("don't … record").
const COMMAND_GAP_MS: u64 = 2_000;
/// Voice is noticed by windows of 32 ms, and in the second if its first sound is soft: so much of a refusal may have been
/// heard before the moment it is said to begin.
const ONSET_MS: u32 = 64;
/// A command that covers this share of the words leaves nothing for the mind.
const COMMAND_COVERS: f32 = 0.6;
/// Fewer words beside a command say nothing of their own.
const WORDS_OF_REST_MIN: usize = 2;

/// The commands in what was said.
#[derive(Debug, Default)]
pub(super) struct Found {
    commands: Vec<Detected>,
    /// They were found only in these words together: the verdict before, from this moment, and the new one.
    joined: Option<(At, String)>,
}

impl Found {
    pub(super) fn new(commands: Vec<Detected>) -> Self {
        Self {
            commands,
            joined: None,
        }
    }

    fn has(&self, command: Command) -> bool {
        self.commands.iter().any(|f| f.command == command)
    }

    /// They leave nothing for the mind.
    pub(super) fn covers(&self) -> bool {
        self.commands.iter().map(|f| f.covers).sum::<f32>() >= COMMAND_COVERS
    }

    /// What is left of `text`, or of the words together, without them.
    pub(super) fn rest(&self, language: Language, text: &str) -> String {
        let text = self.joined.as_ref().map_or(text, |(_, text)| text);
        let mut spans: Vec<_> = self.commands.iter().map(|f| f.span.clone()).collect();
        spans.sort_by_key(|span| span.start);
        let (mut parts, mut from) = (Vec::new(), 0);
        let end = text.len()..text.len();
        for span in spans.into_iter().chain([end]) {
            let part = text.get(from..span.start).unwrap_or_default();
            let part = part.trim_start_matches(|c: char| c.is_whitespace() || ".,;:!?".contains(c));
            if commands::words_spoken(language, part) >= WORDS_OF_REST_MIN {
                parts.push(part.trim_end());
            }
            from = from.max(span.end);
        }
        parts.join(" ")
    }
}

impl Call {
    /// Looks for commands in `text`, and if there is none, in it together with the words before it.
    pub(super) fn commands_in(&self, text: &str, confidence: f32, to: At) -> Found {
        let language = self.settings.language;
        let mut found = Found::new(commands::detect_all(language, text, confidence));
        if found.commands.is_empty()
            && let Some(last) = &self.caller.last
            && to.since(last.to) < COMMAND_GAP_MS
            && commands::detect(language, &last.text, confidence).is_none()
        {
            let joined = format!("{} {text}", last.text);
            found.commands = commands::detect_all(language, &joined, confidence);
            found.joined = Some((last.from, joined)).filter(|_| !found.commands.is_empty());
        }
        // "Stop" is a command only to an agent that speaks; to one that listens or thinks it is an answer.
        let has_words = |r: &Reply| !r.is_protected() && !r.is_filling();
        let is_interruptible = self.speaking.as_ref().is_some_and(has_words);
        found
            .commands
            .retain(|f| f.command != Command::Stop || is_interruptible);
        found
    }

    /// Ends consent if the words do. True if they changed anything.
    pub(super) fn object_in_words(
        &mut self,
        found: &Found,
        from: At,
        out: &mut Vec<Action>,
    ) -> bool {
        let class = if found.has(Command::OptOut) {
            Refusal::OptedOut
        } else if found.has(Command::DontRecord) {
            Refusal::Objected
        } else {
            return false;
        };
        let from = match &found.joined {
            Some((earlier, _)) => {
                // The words before are part of the refusal; what came before those is not.
                if let (Some(hearing), Some(last)) = (&mut self.hearing, &self.caller.last) {
                    hearing.forget(&last.text);
                }
                from.min(*earlier)
            }
            None => from,
        };
        self.object(class, from.before(ONSET_MS), out)
    }

    /// Obeys what was found in words. What `objected` is answered already.
    pub(super) fn obey_words(&mut self, found: &Found, objected: bool, out: &mut Vec<Action>) {
        for found in &found.commands {
            self.note_command(found.command, Means::Words, out);
            if !(objected && found.command == Command::DontRecord) {
                self.obey(found.command, out);
            }
        }
    }

    /// A verdict on words that a partial has stood in for already: it says nothing new, unless it holds what binds us and
    /// the partial did not.
    pub(super) fn obey_late_words(&mut self, text: &str, confidence: f32, out: &mut Vec<Action>) {
        if self.hears_machine() {
            return;
        }
        let Some(stood_in) = self.caller.last.clone() else {
            return;
        };
        let language = self.settings.language;
        let known = commands::detect_all(language, &stood_in.text, 1.0);
        let mut found = Found::new(commands::detect_all(language, text, confidence));
        found.commands.retain(|f| {
            matches!(f.command, Command::OptOut | Command::DontRecord)
                && known.iter().all(|k| k.command != f.command)
        });
        if found.commands.is_empty() {
            return;
        }
        let objected = self.object_in_words(&found, stood_in.from, out);
        self.obey_words(&found, objected, out);
        self.caller.last = Some(Verdict {
            text: text.to_owned(),
            ..stood_in
        });
    }

    pub(super) fn obey_key(&mut self, command: Command, out: &mut Vec<Action>) {
        let objected = match command {
            Command::OptOut => self.object(Refusal::OptedOut, self.now, out),
            Command::DontRecord => self.object(Refusal::PressedNo, self.now, out),
            Command::Robot | Command::Stop => false,
        };
        self.note_command(command, Means::Key, out);
        if !(objected && command == Command::DontRecord) {
            self.obey(command, out);
        }
    }

    fn note_command(&mut self, command: Command, means: Means, out: &mut Vec<Action>) {
        out.push(Action::Note(Note::Commanded {
            command,
            means,
            at: self.now,
        }));
        self.overlap = None;
    }

    /// The mind understood a command that was told to it.
    pub(super) fn obey_mind(&mut self, command: Command, means: Means, out: &mut Vec<Action>) {
        self.note_command(command, means, out);
        self.obey(command, out);
    }

    fn obey(&mut self, command: Command, out: &mut Vec<Action>) {
        let notices = &self.settings.notices;
        match command {
            Command::OptOut => self.end_with(notices.opt_out.clone(), EndReason::OptedOut, out),
            Command::Stop => self.yield_floor(out),
            Command::DontRecord if self.gate.was_withdrawn() => {
                self.interject(self.settings.consent.stopped.clone());
            }
            Command::DontRecord => self.interject(notices.dont_record.clone()),
            Command::Robot => {
                self.interject(notices.robot.clone());
                self.gate.repeat_question();
            }
        }
    }

    /// Says `words` at once; what they cut is said again after them.
    pub(super) fn interject(&mut self, words: Arc<str>) {
        if self.ending.is_some() {
            return;
        }
        if !self.notices.contains(&words) {
            self.notices.push(words);
        }
        if let Some(reply) = self
            .speaking
            .as_mut()
            .filter(|r| r.fate == Fate::GoOn && !r.is_ending())
        {
            reply.fate = Fate::Insert;
        }
    }
}
