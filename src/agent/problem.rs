//! What is wrong with an agent's document: where, what kind, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most problems that are told at once.
pub const PROBLEMS_MAX: usize = 100;
/// Longest name of a setting that is repeated in a pointer, in characters.
const NAME_CHARS_MAX: usize = 64;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901) into the document; empty for the document as a whole.
    #[schema(examples("/voice/speed"))]
    pub pointer: String,
    /// Which kind.
    pub code: ProblemCode,
    /// In words, with what would be right. Values of variables are never repeated.
    #[schema(examples("9 is not between 0.5 and 2"))]
    pub detail: String,
}

impl Problem {
    /// One at `pointer`.
    pub fn new(pointer: impl Into<String>, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.detail)
    }
}

/// The kinds of problems. Their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The document cannot be read: not JSON or TOML, an unknown key, a value of the wrong kind.
    Malformed,
    /// Something is missing that must be there.
    Required,
    /// Two settings exclude each other.
    Conflict,
    /// A text is empty.
    Empty,
    /// A text is too long.
    TooLong,
    /// A list or table has too many entries.
    TooMany,
    /// A number is too small or too large.
    OutOfRange,
    /// A text to be spoken holds a control character.
    ControlCharacter,
    /// The same twice.
    Duplicate,
    /// A text is not written as it must be.
    BadFormat,
    /// The words do not say that an AI speaks.
    NoAiNotice,
    /// A `{{variable}}` cannot be read, or stands where none can.
    Template,
    /// A `{{variable}}` is used that is not declared.
    UndeclaredVariable,
    /// A value is not of the variable's type.
    WrongType,
    /// The server has no texts in this language.
    UnsupportedLanguage,
    /// What is built in cannot do this in the agent's language; a provider can.
    NeedsProvider,
    /// What the server has for the language was not reviewed by a native speaker.
    Unreviewed,
    /// The flow is wrong.
    Flow,
    /// A file is named that cannot be read here.
    UnreadableFile,
    /// A setting is for agents with a prompt, and this one has none.
    NeedsPrompt,
    /// A setting is for agents that record, and this one does not.
    NeedsRecording,
    /// A call brings a variable that the agent does not declare.
    UnknownVariable,
    /// A call lacks a variable that has no default.
    MissingVariable,
}

/// `name` as one step of a JSON pointer, shortened if it is long.
pub(super) fn step(name: &str) -> String {
    let mut step = String::from("/");
    for (at, sign) in name.chars().enumerate() {
        match sign {
            _ if at == NAME_CHARS_MAX => {
                step.push('…');
                break;
            }
            '~' => step.push_str("~0"),
            '/' => step.push_str("~1"),
            sign if sign.is_control() => step.push('\u{fffd}'),
            sign => step.push(sign),
        }
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_escaped_and_bounded() {
        for (name, want) in [
            ("speed", "/speed"),
            ("a/b~c", "/a~1b~0c"),
            ("a\u{1b}b", "/a\u{fffd}b"),
            ("", "/"),
        ] {
            assert_eq!(step(name), want);
        }
        assert_eq!(step(&"x".repeat(9_999)).chars().count(), NAME_CHARS_MAX + 2);
    }

    #[test]
    fn a_problem_reads_as_a_line_and_as_json() {
        let problem = Problem::new("/voice/speed", ProblemCode::OutOfRange, "9 is too much");
        assert_eq!(problem.to_string(), "/voice/speed: 9 is too much");
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({"pointer": "/voice/speed", "code": "out_of_range", "detail": "9 is too much"})
        );
        assert_eq!(
            Problem::new("", ProblemCode::Malformed, "no").to_string(),
            "no"
        );
    }
}
