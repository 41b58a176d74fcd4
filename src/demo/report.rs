//! What the demo shows: the conversation line by line, then a table of times.

use std::fmt;

use trunkline_core::call::{EndReason, Note, Timing, TransferEnd};
use trunkline_core::journal::Step;
use trunkline_core::time::At;
use trunkline_core::wer::WordErrors;

use crate::carrier_double::CallRecord;

/// What is known of the call so far.
#[derive(Default)]
pub(super) struct Report {
    turns: Vec<(String, Timing)>,
    last_said: String,
    heard: String,
    word_errors: Option<WordErrors>,
    interrupted: u32,
    ended: Option<EndReason>,
    refused: bool,
    line: Option<LineFigures>,
}

/// What the carrier's end of the line saw.
struct LineFigures {
    violations: usize,
    greeting_ms: Option<u64>,
    barge_in_ms: Option<u64>,
}

impl Report {
    /// Takes a note and returns the line to show for it.
    pub(super) fn note(&mut self, note: &Note) -> Option<String> {
        match note {
            Note::CallerSaid { to, text, .. } => {
                self.last_said.clone_from(text);
                self.heard.push(' ');
                self.heard.push_str(text);
                Some(line(*to, "caller", text))
            }
            Note::CallerPressed { at, keys } => {
                Some(line(*at, "caller", &format!("[keys {keys}]")))
            }
            Note::Withheld { to, .. } => {
                Some(line(*to, "caller", "[keys that nobody else may know]"))
            }
            Note::AgentSaid { to, text, cut, .. } => Some(line(
                *to,
                "agent",
                &format!("{text}{}", if *cut { " — (interrupted)" } else { "" }),
            )),
            Note::Interrupted { .. } => {
                self.interrupted += 1;
                None
            }
            Note::Resumed { at, .. } => Some(line(*at, "", "(the agent goes on)")),
            Note::Commanded { command, at, .. } => {
                Some(line(*at, "", &format!("(heard the command {command:?})")))
            }
            Note::Answered { timing, .. } => {
                self.turns.push((self.last_said.clone(), *timing));
                None
            }
            Note::Timed { .. } => None,
            Note::Consent { step, at } => {
                self.refused |= matches!(step, Step::Refused { .. } | Step::Withdrawn { .. });
                Some(line(*at, "", &format!("({})", consent_words(*step))))
            }
            Note::AnsweredBy { verdict, at } => {
                let what = format!("(answered by: {})", verdict.by.code());
                Some(line(*at, "", &what))
            }
            Note::Guarded { at, .. } => {
                Some(line(*at, "", "(a denial of being an AI was not said)"))
            }
            Note::StageFailed { stage, at } => Some(line(*at, "", &format!("({stage:?} failed)"))),
            Note::ToolBegun { tool, at, .. } => Some(line(*at, "", &format!("(uses {tool})"))),
            Note::ToolUsed {
                tool, outcome, to, ..
            } => {
                let what = format!("({tool}: {})", outcome.code());
                Some(line(*to, "", &what))
            }
            Note::HandedOver { agent, at, .. } => {
                Some(line(*at, "", &format!("(handed over to {agent})")))
            }
            Note::Transfer { kind, end, at } => {
                let how = end.map_or("begins", TransferEnd::code);
                let what = format!("({} transfer: {how})", kind.code());
                Some(line(*at, "", &what))
            }
            Note::TakenOver { stage, vendor, at } => {
                let what = format!("({vendor} takes over: {stage:?})");
                Some(line(*at, "", &what))
            }
            Note::SteppedDown { cause, at } => {
                let what = format!("(turns are judged without our models: {})", cause.code());
                Some(line(*at, "", &what))
            }
            Note::Ended { reason, at } => {
                self.ended = Some(*reason);
                Some(line(*at, "", &format!("(the call ended: {reason:?})")))
            }
        }
    }

    /// The caller did not agree to be recorded, or not for long.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Compares what was heard with what was said.
    pub(super) fn said(&mut self, script: &str) {
        self.word_errors = Some(WordErrors::between(script, &self.heard));
    }

    /// Adds what the carrier saw.
    pub(super) fn line(&mut self, record: &CallRecord) {
        let agent = record.agent();
        let greeting = agent
            .iter()
            .position(|s| s.unsigned_abs() > 200)
            .map(|at| at as u64 / 8);
        let barge_in = record
            .turns
            .iter()
            .filter_map(|turn| turn.barge_in_ms())
            .max();
        self.line = Some(LineFigures {
            violations: record.violations.len(),
            greeting_ms: greeting,
            barge_in_ms: barge_in,
        });
    }
}

/// A step of consent, for people.
pub(crate) fn consent_words(step: Step) -> &'static str {
    match step {
        Step::Announced { .. } => "the notice of recording was heard whole",
        Step::Unclear { .. } => "the answer to it was not clear",
        Step::Granted { .. } => "recording is on",
        Step::Refused { .. } => "nothing is recorded",
        Step::Withdrawn { erase: true, .. } => "recording stops, and what was recorded is deleted",
        Step::Withdrawn { erase: false, .. } => "recording stops",
    }
}

fn line(at: At, who: &str, text: &str) -> String {
    format!("{:6.1}s  {who:<7} {text}", at.ms() as f64 / 1_000.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "milliseconds after the caller's last sound:")?;
        writeln!(
            f,
            "{:>9} {:>12} {:>12}   the caller said",
            "decided", "first token", "first audio"
        )?;
        let mut answers = Vec::new();
        for (said, t) in &self.turns {
            let after = |at: At| at.since(t.speech_end);
            answers.push(after(t.first_audio));
            writeln!(
                f,
                "{:>9} {:>12} {:>12}   {}",
                after(t.decided),
                after(t.token_wanted()),
                after(t.first_audio),
                said.chars().take(60).collect::<String>()
            )?;
        }
        answers.sort_unstable();
        if let Some(median) = answers.get(answers.len() / 2) {
            writeln!(f, "median of {} answers: {median} ms", answers.len())?;
        }
        if let Some(errors) = &self.word_errors {
            writeln!(f, "the caller's words heard wrong: {errors}")?;
        }
        if let Some(line) = &self.line {
            if let Some(ms) = line.greeting_ms {
                writeln!(f, "first words after pick-up: {ms} ms")?;
            }
            if let Some(ms) = line.barge_in_ms {
                writeln!(
                    f,
                    "interruption to silence: {ms} ms, {} halts",
                    self.interrupted
                )?;
            }
            writeln!(
                f,
                "protocol violations seen by the carrier: {}",
                line.violations
            )?;
        }
        if let Some(reason) = self.ended {
            write!(f, "ended: {reason:?}")?;
        }
        Ok(())
    }
}
