//! What came of a run: for people, for JUnit's readers, and as JSON.

mod junit;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::course::{Course, Who};
use super::scenario::Mode;
use super::seconds;
pub use junit::junit;

/// One thing that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub what: String,
    /// Why it is missed, if it is.
    pub missed: Option<String>,
    /// Why it is met, where somebody says so.
    pub note: Option<String>,
}

impl Finding {
    pub(super) fn missed(what: &str, why: &str) -> Self {
        Self::of(what.to_owned(), Err(why.to_owned()))
    }

    pub(super) fn of(what: String, outcome: Result<(), String>) -> Self {
        Self {
            what,
            missed: outcome.err(),
            note: None,
        }
    }
}

/// What came of one conversation.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was held, and this was found.
    Played(Vec<Finding>),
    /// It could not be held.
    Unplayed(String),
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Where its scenario stands.
    pub file: PathBuf,
    /// The scenario, and which time it was played.
    pub name: String,
    /// In words or sound.
    pub mode: Mode,
    /// How long it took to play.
    pub took: Duration,
    /// How it went, if it went.
    pub course: Option<Course>,
    /// What was found.
    pub outcome: Outcome,
}

impl Conversation {
    /// Everything that was expected is the case.
    pub fn is_met(&self) -> bool {
        match &self.outcome {
            Outcome::Played(findings) => findings.iter().all(|finding| finding.missed.is_none()),
            Outcome::Unplayed(_) => false,
        }
    }

    /// It could be held.
    pub fn is_played(&self) -> bool {
        matches!(self.outcome, Outcome::Played(_))
    }

    /// What was missed, and why.
    fn missed(&self) -> Vec<(&str, &str)> {
        match &self.outcome {
            Outcome::Played(findings) => {
                let all = findings.iter();
                all.filter_map(|finding| Some((finding.what.as_str(), finding.missed.as_deref()?)))
                    .collect()
            }
            Outcome::Unplayed(_) => Vec::new(),
        }
    }
}

/// For people: a line, and the conversation where something was missed.
impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (&self.outcome, self.is_met()) {
            (Outcome::Unplayed(_), _) => "ERROR",
            (Outcome::Played(_), true) => "ok",
            (Outcome::Played(_), false) => "MISSED",
        };
        write!(f, "{word:<7} {}", self.name)?;
        if let Some(course) = &self.course {
            let length = course.length_ms as f64 / 1_000.0;
            let turns = course.caller_turns();
            write!(f, "  ({turns} turns, a call of {length:.1} s")?;
            if let Some(median) = median(&course.answers_ms) {
                write!(f, ", answers in {median} ms")?;
            }
            write!(f, ", played in {:.1} s)", seconds(self.took))?;
        }
        if let Outcome::Unplayed(why) = &self.outcome {
            write!(f, "\n        {why}")?;
        }
        for (what, why) in self.missed() {
            write!(f, "\n        expected: {what}\n             but: {why}")?;
        }
        match &self.course {
            Some(course) if !self.is_met() => {
                for line in course.shown().lines() {
                    write!(f, "\n        {line}")?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The last line of a run.
pub fn sum(results: &[Conversation]) -> String {
    let met = results.iter().filter(|result| result.is_met()).count();
    let unplayed = results.iter().filter(|result| !result.is_played()).count();
    let missed = results.len() - met - unplayed;
    let mut sum = format!("{} conversations: {met} met", results.len());
    if missed > 0 {
        sum.push_str(&format!(", {missed} missed"));
    }
    if unplayed > 0 {
        sum.push_str(&format!(", {unplayed} could not be held"));
    }
    sum
}

fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

/// As JSON: every conversation whole, and what was found.
pub fn json(results: &[Conversation]) -> Value {
    let all: Vec<Value> = results.iter().map(one).collect();
    json!({ "conversations": all })
}

fn one(result: &Conversation) -> Value {
    let (findings, error) = match &result.outcome {
        Outcome::Played(findings) => (findings.as_slice(), None),
        Outcome::Unplayed(why) => (&[][..], Some(why)),
    };
    let finding = |finding: &Finding| {
        json!({
            "expected": finding.what,
            "met": finding.missed.is_none(),
            "because": finding.missed.as_ref().or(finding.note.as_ref()),
        })
    };
    let expected: Vec<Value> = findings.iter().map(finding).collect();
    let course = result.course.as_ref();
    json!({
        "file": result.file.display().to_string(),
        "name": result.name,
        "mode": result.mode.to_string(),
        "met": result.is_met(),
        "error": error,
        "seconds": seconds(result.took),
        "expected": expected,
        "call_ms": course.map(|course| course.length_ms),
        "caller_turns": course.map(Course::caller_turns),
        "answers_ms": course.map(|course| &course.answers_ms),
        "lines": course.map(lines),
        "tools": course.map(tools),
        "call": course.map(|course| &course.call),
    })
}

fn lines(course: &Course) -> Vec<Value> {
    let line = |line: &super::course::Line| {
        let who = match line.who {
            Who::Caller => "caller",
            Who::Agent => "agent",
            Who::Event => "event",
        };
        let (from, to) = (line.from_ms, line.to_ms);
        json!({ "who": who, "turn": line.turn, "from_ms": from, "to_ms": to, "text": line.text })
    };
    course.lines.iter().map(line).collect()
}

fn tools(course: &Course) -> Vec<Value> {
    let used = |used: &super::course::ToolUse| json!({ "name": used.name, "arguments": used.arguments, "outcome": used.outcome });
    course.tools.iter().map(used).collect()
}
