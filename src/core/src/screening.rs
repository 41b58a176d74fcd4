//! What clients' own systems say of a number before it is called, read strictly: whatever is not understood says nothing.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Deserialize;

use crate::policy::{Line, Screening};

/// Longest answer, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Most registers of an answer.
const REGISTRIES_MAX: usize = 64;
/// Longest name of a register, in bytes.
const NAME_BYTES_MAX: usize = 32;
/// Clocks may differ by so much, ms.
const AHEAD_MS_MAX: i64 = 300_000;

/// What is known of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What registers say of it.
    pub screenings: Vec<Screening>,
    /// What its line is.
    pub line: Option<Line>,
    /// When it got another owner, ms since 1970.
    pub reassigned_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    line: Option<Line>,
    reassigned_at: Option<String>,
    #[serde(default)]
    registries: BTreeMap<String, Register>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Register {
    listed: bool,
    checked_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Eligible {
    eligible: bool,
}

fn moment(text: &str, asked_ms: i64) -> Option<i64> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
    // What was looked up tomorrow was not.
    (moment <= asked_ms.saturating_add(AHEAD_MS_MAX)).then_some(moment.min(asked_ms))
}

/// What a screening system answered when it was asked then, ms since 1970; `None` if it cannot be understood.
#[must_use]
pub fn screened(text: &str, asked_ms: i64) -> Option<Answer> {
    if text.len() > ANSWER_BYTES_MAX {
        return None;
    }
    let written: Written = serde_json::from_str(text).ok()?;
    if written.registries.len() > REGISTRIES_MAX {
        return None;
    }
    let screenings = written.registries.into_iter().map(|(registry, said)| {
        (registry.len() <= NAME_BYTES_MAX).then_some(())?;
        Some(Screening {
            registry,
            listed: said.listed,
            checked_ms: moment(&said.checked_at, asked_ms)?,
        })
    });
    let reassigned = written.reassigned_at.as_deref();
    Some(Answer {
        screenings: screenings.collect::<Option<_>>()?,
        line: written.line,
        reassigned_ms: match reassigned {
            Some(text) => Some(moment(text, asked_ms)?),
            None => None,
        },
    })
}

/// Whether a system that is asked right before a call says to call; `None` if it cannot be understood.
#[must_use]
pub fn eligible(text: &str) -> Option<bool> {
    let answer: Eligible = serde_json::from_str(text).ok()?;
    Some(answer.eligible)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_348_800_000;

    #[test]
    fn an_answer_is_understood_as_a_whole_or_not_at_all() {
        let answer = screened(
            r#"{"line":"mobile","reassigned_at":"2026-03-01T00:00:00Z","registries":
                {"gb-tps":{"listed":true,"checked_at":"2026-11-20T01:00:00+01:00"}}}"#,
            NOON,
        );
        let answer = answer.unwrap();
        assert_eq!(answer.line, Some(Line::Mobile));
        assert_eq!(answer.reassigned_ms, Some(1_772_323_200_000));
        let [screening] = answer.screenings.as_slice() else {
            panic!("{answer:?}")
        };
        assert_eq!(
            (screening.registry.as_str(), screening.listed),
            ("gb-tps", true)
        );
        assert_eq!(screening.checked_ms, 1_795_132_800_000);
        assert_eq!(screened("{}", NOON), Some(Answer::default()));
        let nulls = r#"{"line":null,"reassigned_at":null}"#;
        assert_eq!(screened(nulls, NOON), Some(Answer::default()));
        for wrong in [
            "",
            "[]",
            "null",
            r#"{"line":"fax"}"#,
            r#"{"lines":"mobile"}"#,
            r#"{"reassigned_at":"yesterday"}"#,
            r#"{"reassigned_at":1}"#,
            r#"{"reassigned_at":"2027-03-01T00:00:00Z"}"#,
            r#"{"registries":{"gb-tps":{"listed":false}}}"#,
            r#"{"registries":{"gb-tps":{"listed":0,"checked_at":"2026-11-20T00:00:00Z"}}}"#,
            r#"{"registries":{"gb-tps":{"listed":false,"checked_at":"2027-11-20T00:00:00Z"}}}"#,
            r#"{"registries":{"gb-tps":false}}"#,
            r#"{} {}"#,
        ] {
            assert_eq!(screened(wrong, NOON), None, "{wrong}");
        }
        let long = format!("{}{{}}", " ".repeat(ANSWER_BYTES_MAX));
        assert_eq!(screened(&long, NOON), None);
    }

    #[test]
    fn a_clock_that_is_ahead_makes_nothing_younger() {
        let text = r#"{"registries":{"x":{"listed":false,"checked_at":"2026-11-22T12:01:00Z"}}}"#;
        let answer = screened(text, NOON).unwrap();
        assert_eq!(answer.screenings[0].checked_ms, NOON);
    }

    #[test]
    fn yes_and_no_are_said_in_one_way() {
        assert_eq!(eligible(r#"{"eligible":true}"#), Some(true));
        assert_eq!(eligible(r#"{"eligible":false}"#), Some(false));
        for wrong in [
            "",
            "true",
            "{}",
            r#"{"eligible":"true"}"#,
            r#"{"eligible":1}"#,
        ] {
            assert_eq!(eligible(wrong), None, "{wrong}");
        }
    }
}
