//! What the server has stored of a call, as its API shows it.

use serde_json::Value;

use super::{WrongExpectation, filled, is_part};
use crate::simulate::caller::holds;
use crate::simulate::course::Course;
use crate::simulate::scenario::Expect;

/// Why a call may end, as the API has it.
const REASONS: [&str; 14] = [
    "caller_hung_up",
    "line_lost",
    "agent_hung_up",
    "opted_out",
    "silence",
    "machine",
    "message_left",
    "too_long",
    "ears_failed",
    "mind_failed",
    "voice_failed",
    "draining",
    "asked",
    "transferred",
];
const REASONS_SHOWN: &str = "caller_hung_up, agent_hung_up, opted_out, silence, machine, message_left, too_long, \
    line_lost, ears_failed, mind_failed, voice_failed, draining, asked, transferred";

/// One thing that must be stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Why it ended.
    EndedBy(String),
    /// Words of the transcript, which are there or not.
    Transcript {
        /// The words.
        words: String,
        /// They are to be there.
        is_there: bool,
    },
    /// What the caller has agreed to.
    Consent(String),
    /// Whether there is a recording.
    Recorded(bool),
    /// What became of it.
    Disposition(String),
    /// What was extracted of it.
    Data(Value),
    /// Whether it reached what it was for.
    Verdict(String),
}

impl Stored {
    /// Every check of this kind that an expectation asks for.
    pub(super) fn all(expect: &Expect) -> Result<Vec<Option<Self>>, WrongExpectation> {
        let of = |text: &Option<String>, is_there| {
            let words = text.as_deref().map(filled).transpose()?;
            Ok(words.map(|words| Self::Transcript {
                words: words.to_owned(),
                is_there,
            }))
        };
        Ok(vec![
            one_of("ended_by", &expect.ended_by, &REASONS, REASONS_SHOWN)?.map(Self::EndedBy),
            of(&expect.transcript_contains, true)?,
            of(&expect.transcript_lacks, false)?,
            one_of(
                "consent",
                &expect.consent,
                &["undecided", "granted", "refused", "withdrawn"],
                "undecided, granted, refused, withdrawn",
            )?
            .map(Self::Consent),
            expect.recorded.map(Self::Recorded),
            expect.disposition.clone().map(Self::Disposition),
            expect.data.clone().map(Self::Data),
            one_of(
                "verdict",
                &expect.verdict,
                &["success", "failure", "unclear"],
                "success, failure, unclear",
            )?
            .map(Self::Verdict),
        ])
    }

    /// Whether a model has to look at the call before this is known.
    pub fn comes_after(&self) -> bool {
        matches!(
            self,
            Self::Disposition(_) | Self::Data(_) | Self::Verdict(_)
        )
    }

    pub(super) fn check(&self, course: &Course) -> Result<(), String> {
        let call = &course.call;
        if call.is_null() {
            return Err("nothing is stored of the call".into());
        }
        match self {
            Self::EndedBy(reason) => same(reason, &call["ended_reason"]),
            Self::Transcript { words, is_there } => {
                let turns = course.transcript["turns"].as_array();
                let mut turns = turns.into_iter().flatten();
                let found =
                    turns.any(|turn| turn["text"].as_str().is_some_and(|text| holds(text, words)));
                match (found, is_there) {
                    (true, true) | (false, false) => Ok(()),
                    (false, true) => Err("it is not there".into()),
                    (true, false) => Err("it is there".into()),
                }
            }
            Self::Consent(state) => same(state, &call["consent"]["state"]),
            Self::Recorded(wanted) => match (call["has_recording"] == Value::Bool(true), wanted) {
                (true, true) | (false, false) => Ok(()),
                (true, false) => Err("there is a recording".into()),
                (false, true) => Err("there is no recording".into()),
            },
            Self::Disposition(label) => {
                same(label, &call["disposition"]["label"]).map_err(|is| because(call, is))
            }
            Self::Data(wanted) => {
                let data = &call["after"]["data"];
                if is_part(wanted, data) {
                    return Ok(());
                }
                Err(because(call, format!("it is {data}")))
            }
            Self::Verdict(verdict) => {
                let said = &call["after"]["verdict"];
                let is = same(verdict, &said["result"]);
                is.map_err(|is| match said["reason"].as_str() {
                    Some(reason) => format!("{is}: {reason}"),
                    None => because(call, is),
                })
            }
        }
    }
}

/// What became of asking a model, where that explains it.
fn because(call: &Value, is: String) -> String {
    match (
        call["after"]["state"].as_str(),
        call["after"]["reason"].as_str(),
    ) {
        (Some("done") | None, _) => is,
        (Some(state), Some(reason)) => format!("{is}; finding it out: {state}, {reason}"),
        (Some(state), None) => format!("{is}; finding it out: {state}"),
    }
}

fn same(wanted: &str, is: &Value) -> Result<(), String> {
    if is.as_str() == Some(wanted) {
        return Ok(());
    }
    Err(match is.as_str() {
        Some(is) => format!("it is {is}"),
        None => "nothing is known of it".into(),
    })
}

fn one_of(
    field: &'static str,
    word: &Option<String>,
    known: &[&str],
    shown: &'static str,
) -> Result<Option<String>, WrongExpectation> {
    match word {
        Some(word) if !known.contains(&word.as_str()) => Err(WrongExpectation::Word(field, shown)),
        word => Ok(word.clone()),
    }
}

impl std::fmt::Display for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EndedBy(reason) => write!(f, "the call ends by {reason}"),
            Self::Transcript {
                words,
                is_there: true,
            } => write!(f, "the transcript holds {words:?}"),
            Self::Transcript {
                words,
                is_there: false,
            } => write!(f, "the transcript does not hold {words:?}"),
            Self::Consent(state) => write!(f, "consent is {state}"),
            Self::Recorded(true) => f.write_str("a recording is stored"),
            Self::Recorded(false) => f.write_str("no recording is stored"),
            Self::Disposition(label) => write!(f, "what became of it is {label:?}"),
            Self::Data(data) => write!(f, "what is extracted holds {data}"),
            Self::Verdict(verdict) => write!(f, "its verdict is {verdict}"),
        }
    }
}
