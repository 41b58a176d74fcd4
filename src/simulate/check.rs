//! What must be the case once a call is over, and whether it is.

mod stored;

#[cfg(test)]
mod tests;

use regex::Regex;
use serde_json::Value;
use trunkline_core::call::{Outcome, TransferEnd};

use super::caller::holds;
use super::course::{Course, Line, ToolUse};
use super::scenario::{AnswerTimes, Expect, Range};
use crate::tools::TRANSFER;

/// Longest pattern, in characters, and the memory that it may take when compiled.
const PATTERN_CHARS_MAX: usize = 1_000;
const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// How a transfer may end.
const TRANSFER_ENDS: &str = "put_through, refused, declined, unconfirmed, machine, no_answer, busy, unreachable, hung_up, \
    failed, caller_gone";
/// An agent that begins within so long of the caller's first sound did not hear it, ms.
const AT_ONCE_MS: u64 = 300;

/// What is wrong with an expectation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongExpectation {
    /// It says nothing that must be the case, or several things.
    #[error(
        "an expectation says exactly one thing, as `agent_says` or `ended_by`; begin another with `-`"
    )]
    NotOne,
    /// A field that belongs to something else.
    #[error("`{0}` belongs to {1}")]
    Stray(&'static str, &'static str),
    /// A pattern that is none.
    #[error("the pattern cannot be used: {0}")]
    Pattern(String),
    /// A word that is none of those there are.
    #[error("`{0}` is one of: {1}")]
    Word(&'static str, &'static str),
    /// Nothing is expected.
    #[error("it expects nothing; give it a value")]
    Empty,
}

/// Behind which of the caller's turns something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// Any.
    Any,
    /// This one.
    Only(u32),
    /// This one or one before it.
    UpTo(u32),
}

/// What is looked for in what the agent says.
#[derive(Clone, Debug)]
pub enum Words {
    /// These words.
    Plain(String),
    /// What a pattern matches.
    Pattern(Regex),
}

/// One thing that must be the case.
#[derive(Clone, Debug)]
pub enum Check {
    /// The agent says something.
    Says(Words, Turns),
    /// The agent never says something.
    NeverSays(Words, Turns),
    /// A tool is used, with at least these arguments, so often.
    Called {
        /// Which.
        tool: String,
        /// With what.
        arguments: Option<Value>,
        /// How often; at least once if absent.
        times: Option<usize>,
    },
    /// A tool is not used.
    NotCalled(String),
    /// The caller is put through to this person.
    TransferredTo(String),
    /// Somebody is called for the caller, and it ends so.
    TransferEnded(&'static str),
    /// This agent goes on with the call.
    HandedTo(String),
    /// How quickly the agent answers.
    Answers(AnswerTimes),
    /// The agent does not begin to speak while the caller does, or does.
    NotInterrupted(bool),
    /// How many turns the caller needs.
    CallerTurns(Range),
    /// What is stored.
    Stored(Stored),
    /// What a model says of it.
    Judge(String),
}

pub use stored::Stored;

impl TryFrom<&Expect> for Check {
    type Error = WrongExpectation;

    fn try_from(expect: &Expect) -> Result<Self, WrongExpectation> {
        let turns = match (expect.turn, expect.within_turn) {
            (Some(_), Some(_)) => {
                let belongs = "an expectation without `turn`";
                return Err(WrongExpectation::Stray("within_turn", belongs));
            }
            (Some(turn), None) => Turns::Only(turn),
            (None, Some(turn)) => Turns::UpTo(turn),
            (None, None) => Turns::Any,
        };
        let all = all(expect, turns)?;
        let mut all = all.into_iter().flatten();
        let (Some(check), None) = (all.next(), all.next()) else {
            return Err(WrongExpectation::NotOne);
        };
        let is_said = matches!(check, Self::Says(..) | Self::NeverSays(..));
        if turns != Turns::Any && !is_said {
            let belongs = "`agent_says` and its like";
            return Err(WrongExpectation::Stray("turn", belongs));
        }
        let is_called = matches!(check, Self::Called { .. });
        if (expect.arguments.is_some() || expect.times.is_some()) && !is_called {
            let field = if expect.times.is_some() {
                "times"
            } else {
                "arguments"
            };
            return Err(WrongExpectation::Stray(field, "`tool_called`"));
        }
        Ok(check)
    }
}

/// Every check that an expectation asks for: of a right one, one.
fn all(expect: &Expect, turns: Turns) -> Result<Vec<Option<Check>>, WrongExpectation> {
    let says = |words| Check::Says(words, turns);
    let never = |words| Check::NeverSays(words, turns);
    let tool = expect.tool_called.as_deref().map(filled).transpose()?;
    let mut all = vec![
        plain(expect.agent_says.as_deref())?.map(says),
        pattern(expect.agent_says_matching.as_deref())?.map(says),
        plain(expect.agent_never_says.as_deref())?.map(never),
        pattern(expect.agent_never_says_matching.as_deref())?.map(never),
        tool.map(|tool| Check::Called {
            tool: tool.to_owned(),
            arguments: expect.arguments.clone(),
            times: expect.times,
        }),
        expect.tool_not_called.clone().map(Check::NotCalled),
        named(&expect.transferred_to)?.map(Check::TransferredTo),
        transfer_end(expect.transfer_ended.as_deref())?.map(Check::TransferEnded),
        named(&expect.handed_to)?.map(Check::HandedTo),
        expect.answers_within_ms.map(Check::Answers),
        expect.caller_not_interrupted.map(Check::NotInterrupted),
        expect.caller_turns.map(Check::CallerTurns),
        expect.judge.clone().map(Check::Judge),
    ];
    all.extend(
        Stored::all(expect)?
            .into_iter()
            .map(|stored| stored.map(Check::Stored)),
    );
    let is_empty = |check: &Option<Check>| match check {
        Some(Check::Answers(times)) => *times == AnswerTimes::default(),
        Some(Check::CallerTurns(range)) => *range == Range::default(),
        Some(Check::Judge(question)) => question.trim().is_empty(),
        _ => false,
    };
    if all.iter().any(is_empty) {
        return Err(WrongExpectation::Empty);
    }
    Ok(all)
}

fn named(name: &Option<String>) -> Result<Option<String>, WrongExpectation> {
    let name = name.as_deref().map(filled).transpose()?;
    Ok(name.map(str::to_owned))
}

fn transfer_end(code: Option<&str>) -> Result<Option<&'static str>, WrongExpectation> {
    let Some(code) = code else {
        return Ok(None);
    };
    let mut ends = TransferEnd::ALL.iter().map(|end| end.code());
    let end = ends.find(|end| *end == code);
    let wrong = WrongExpectation::Word("transfer_ended", TRANSFER_ENDS);
    end.map(Some).ok_or(wrong)
}

fn filled(text: &str) -> Result<&str, WrongExpectation> {
    if text.chars().any(char::is_alphanumeric) {
        return Ok(text);
    }
    Err(WrongExpectation::Empty)
}

fn plain(words: Option<&str>) -> Result<Option<Words>, WrongExpectation> {
    let words = words.map(filled).transpose()?;
    Ok(words.map(|words| Words::Plain(words.to_owned())))
}

fn pattern(pattern: Option<&str>) -> Result<Option<Words>, WrongExpectation> {
    let Some(pattern) = pattern else {
        return Ok(None);
    };
    if pattern.is_empty() {
        return Err(WrongExpectation::Empty);
    }
    if pattern.chars().count() > PATTERN_CHARS_MAX {
        let what = format!("it has more than {PATTERN_CHARS_MAX} characters");
        return Err(WrongExpectation::Pattern(what));
    }
    let compiled = regex::RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_BYTES_MAX)
        .build();
    match compiled {
        Ok(regex) => Ok(Some(Words::Pattern(regex))),
        Err(error) => Err(WrongExpectation::Pattern(error.to_string())),
    }
}

impl Words {
    fn are_in(&self, text: &str) -> bool {
        match self {
            Self::Plain(words) => holds(text, words),
            Self::Pattern(regex) => regex.is_match(text),
        }
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(words) => write!(f, "{words:?}"),
            Self::Pattern(regex) => write!(f, "/{regex}/"),
        }
    }
}

impl Turns {
    fn hold(self, turn: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => turn == only,
            Self::UpTo(last) => turn <= last,
        }
    }
}

impl std::fmt::Display for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Only(turn) => write!(f, " in turn {turn}"),
            Self::UpTo(turn) => write!(f, " by turn {turn}"),
        }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Says(words, turns) => write!(f, "the agent says {words}{turns}"),
            Self::NeverSays(words, turns) => write!(f, "the agent never says {words}{turns}"),
            Self::Called {
                tool,
                arguments,
                times,
            } => {
                write!(f, "{tool} is used")?;
                if let Some(times) = times {
                    write!(f, " {times} times")?;
                }
                match arguments {
                    Some(arguments) => write!(f, " with {arguments}"),
                    None => Ok(()),
                }
            }
            Self::NotCalled(tool) => write!(f, "{tool} is not used"),
            Self::TransferredTo(name) => write!(f, "the caller is put through to {name}"),
            Self::TransferEnded(end) => write!(f, "a transfer ends: {end}"),
            Self::HandedTo(agent) => write!(f, "{agent} goes on with the call"),
            Self::Answers(times) => {
                f.write_str("the agent answers within")?;
                let all = [("half", times.p50), ("95 %", times.p95), ("all", times.max)];
                let given = all
                    .iter()
                    .filter_map(|(which, ms)| ms.map(|ms| (which, ms)));
                for (at, (which, ms)) in given.enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    write!(f, "{comma} {ms} ms ({which})")?;
                }
                Ok(())
            }
            Self::NotInterrupted(true) => f.write_str("the agent does not interrupt the caller"),
            Self::NotInterrupted(false) => f.write_str("the agent interrupts the caller"),
            Self::CallerTurns(range) => {
                f.write_str("the caller's turns are")?;
                if let Some(min) = range.min {
                    write!(f, " at least {min}")?;
                }
                match range.max {
                    Some(max) => write!(f, " at most {max}"),
                    None => Ok(()),
                }
            }
            Self::Stored(stored) => stored.fmt(f),
            Self::Judge(question) => write!(f, "judged: {question}"),
        }
    }
}

impl Check {
    /// Whether it is the case; the error says what is the case instead. A question to a judge is not answered here.
    pub fn of(&self, course: &Course) -> Result<(), String> {
        match self {
            Self::Says(words, turns) => says(words, *turns, course),
            Self::NeverSays(words, turns) => {
                let said = within(course, *turns).find(|line| words.are_in(&line.text));
                match said {
                    None => Ok(()),
                    Some(line) => Err(format!("it said, in turn {}: {:?}", line.turn, line.text)),
                }
            }
            Self::Called {
                tool,
                arguments,
                times,
            } => called(tool, arguments.as_ref(), *times, course),
            Self::NotCalled(tool) => called(tool, None, Some(0), course),
            Self::TransferredTo(name) => {
                let is_it = |used: &&ToolUse| {
                    used.name == TRANSFER
                        && used.arguments["target"] == **name
                        && used.outcome == Outcome::Done.code()
                };
                match course.tools.iter().find(is_it) {
                    Some(_) => Ok(()),
                    None => Err(among("transfers ended", &course.transfers)),
                }
            }
            Self::TransferEnded(end) => match course.transfers.contains(end) {
                true => Ok(()),
                false => Err(among("transfers ended", &course.transfers)),
            },
            Self::HandedTo(agent) => match course.handed_to.contains(agent) {
                true => Ok(()),
                false => Err(among("it was handed to", &course.handed_to)),
            },
            Self::Answers(times) => answers(*times, &course.answers_ms),
            Self::NotInterrupted(want) => match (interruption(course), want) {
                (None, true) | (Some(_), false) => Ok(()),
                (Some(at_ms), true) => Err(format!(
                    "it did, {:.1} s into the call",
                    at_ms as f64 / 1_000.0
                )),
                (None, false) => Err("it never did".into()),
            },
            Self::CallerTurns(range) => {
                let turns = course.caller_turns();
                let fits = range.min.is_none_or(|min| turns >= min)
                    && range.max.is_none_or(|max| turns <= max);
                if fits {
                    Ok(())
                } else {
                    Err(format!("there were {turns}"))
                }
            }
            Self::Stored(stored) => stored.check(course),
            Self::Judge(_) => Ok(()),
        }
    }
}

fn within(course: &Course, turns: Turns) -> impl Iterator<Item = &Line> {
    course
        .agent_lines()
        .filter(move |line| turns.hold(line.turn))
}

/// Of one turn all that the agent said counts together: a sentence may have been said in two pieces.
fn says(words: &Words, turns: Turns, course: &Course) -> Result<(), String> {
    let mut by_turn: Vec<(u32, String)> = Vec::new();
    for line in within(course, turns) {
        match by_turn.last_mut().filter(|(turn, _)| *turn == line.turn) {
            Some((_, text)) => {
                text.push(' ');
                text.push_str(&line.text);
            }
            None => by_turn.push((line.turn, line.text.clone())),
        }
    }
    if by_turn.iter().any(|(_, text)| words.are_in(text)) {
        return Ok(());
    }
    let elsewhere = course.agent_lines().find(|line| words.are_in(&line.text));
    Err(match (elsewhere, by_turn.is_empty()) {
        (Some(line), _) => format!("it said so in turn {}", line.turn),
        (None, true) => "it said nothing there".into(),
        (None, false) => "it did not".into(),
    })
}

fn called(
    tool: &str,
    arguments: Option<&Value>,
    times: Option<usize>,
    course: &Course,
) -> Result<(), String> {
    let uses = course.tools.iter().filter(|used| used.name == tool);
    let all: Vec<&Value> = uses.map(|used| &used.arguments).collect();
    let is_meant = |given: &&&Value| arguments.is_none_or(|wanted| is_part(wanted, given));
    let found = all.iter().filter(is_meant).count();
    if times.map_or(found > 0, |times| found == times) {
        return Ok(());
    }
    if all.is_empty() {
        let others: Vec<&str> = course.tools.iter().map(|used| used.name.as_str()).collect();
        return Err(match others.is_empty() {
            true => "no tool was used".into(),
            false => format!("it was not used, but {}", others.join(", ")),
        });
    }
    let given: Vec<String> = all.iter().map(ToString::to_string).collect();
    Err(format!(
        "it was used {} times, with {}",
        all.len(),
        given.join(" and ")
    ))
}

/// Whether all that `wanted` has is in `given`: objects may have more, all else is the same.
pub fn is_part(wanted: &Value, given: &Value) -> bool {
    match (wanted, given) {
        (Value::Object(wanted), Value::Object(given)) => wanted
            .iter()
            .all(|(name, value)| given.get(name).is_some_and(|given| is_part(value, given))),
        (Value::Array(wanted), Value::Array(given)) => {
            let same = wanted.iter().zip(given);
            wanted.len() == given.len() && same.into_iter().all(|(w, g)| is_part(w, g))
        }
        (Value::Number(wanted), Value::Number(given)) => wanted.as_f64() == given.as_f64(),
        _ => wanted == given,
    }
}

fn answers(times: AnswerTimes, answers_ms: &[u64]) -> Result<(), String> {
    let mut sorted = answers_ms.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.last().copied() else {
        return Err("it answered nothing".into());
    };
    // The smallest that so many of a hundred are no longer than.
    let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
    let (p50, p95) = (at(50), at(95));
    let fits = |bound: Option<u64>, ms: u64| bound.is_none_or(|bound| ms <= bound);
    if fits(times.p50, p50) && fits(times.p95, p95) && fits(times.max, last) {
        return Ok(());
    }
    let many = sorted.len();
    Err(format!(
        "of {many} answers half came within {p50} ms, 95 % within {p95} ms, all within {last} ms"
    ))
}

/// When the agent began to speak while the caller did.
fn interruption(course: &Course) -> Option<u64> {
    let over = |began: u64| {
        let mut spoke = course.caller_spoke.iter();
        spoke.any(|(from, to)| began > from + AT_ONCE_MS && began < *to)
    };
    course
        .agent_began
        .iter()
        .copied()
        .find(|began| over(*began))
}

/// What there was instead.
fn among<T: AsRef<str>>(what: &str, all: &[T]) -> String {
    let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
    match all.is_empty() {
        true => format!("{what}: none"),
        false => format!("{what}: {}", all.join(", ")),
    }
}
