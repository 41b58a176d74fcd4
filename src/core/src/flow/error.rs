//! Why a flow file was refused, for the one who wrote it.

use std::fmt;

/// A flow file's first mistake: where it is, what it is and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The state in which it is, if in one.
    pub state: Option<String>,
    /// What is wrong.
    pub problem: FlowProblem,
}

impl std::error::Error for FlowError {}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if let Some(state) = &self.state {
            write!(f, ", state `{state}`")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What is wrong with a flow file. Each message ends with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowProblem {
    /// Not TOML, a key that no flow has, or a value of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// A limit is exceeded.
    #[error("{what} is too large; keep it to {max}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit, with its unit.
        max: String,
    },
    /// There is no state at all.
    #[error("there are no states; add one as [states.hello] with `say` and `end = true`")]
    NoStates,
    /// A state is named that does not exist.
    #[error("there is no state `{name}`; {hint}")]
    UnknownState {
        /// The name.
        name: String,
        /// The nearest name, or what to write.
        hint: String,
    },
    /// Nothing leads to a state.
    #[error(
        "nothing leads to this state; name it in a `next`, `to`, `else` or `anytime`, or remove it"
    )]
    Unreachable,
    /// A variable is used that nothing sets.
    #[error("`{{{{{name}}}}}` is set nowhere; {hint}")]
    UndefinedVariable {
        /// The name.
        name: String,
        /// The nearest name, or what to write.
        hint: String,
    },
    /// A slot is said where it may not have been filled.
    #[error(
        "`{{{{{name}}}}}` may not be known yet here; ask for it on every way to this state, or write `{{{{{name}|or:words}}}}`"
    )]
    NotYetKnown {
        /// The name.
        name: String,
    },
    /// A `{{…}}` that cannot be read.
    #[error(
        "the text has {0}; write `{{{{name}}}}`, `{{{{name|spell}}}}` or `{{{{name|or:words}}}}`"
    )]
    Template(&'static str),
    /// A type that there is not.
    #[error("there is no type `{0}`; use yes_no, number, digits, day, time, choice, name or text")]
    UnknownType(String),
    /// A key that the state's type does not take, or lacks, or a value out of range.
    #[error("{0}")]
    Shape(String),
    /// Neither `next` nor `end` nor `type`.
    #[error("the call would fall silent here; add `next`, `end = true`, or a `type` to ask for")]
    NoWayOn,
    /// States that speak and lead to each other, with nobody to stop them.
    #[error("these states would speak for ever without listening: {0}; let one of them ask or end")]
    Endless(String),
}

/// Line and column, both from 1, of a byte of `source`.
pub(super) fn place(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset.min(source.len())).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// The state whose table a byte of `source` lies in: the last `[states.x…]` header above it.
pub(super) fn state_at(source: &str, offset: usize) -> Option<String> {
    let before = source.get(..offset.min(source.len())).unwrap_or(source);
    let line_end = source[before.len()..]
        .find('\n')
        .map_or(source.len(), |at| before.len() + at);
    let header = source[..line_end]
        .lines()
        .rfind(|line| line.trim_start().starts_with('['))?;
    let rest = header
        .trim_start()
        .trim_start_matches('[')
        .trim_start()
        .strip_prefix("states.")?;
    let name: String = rest
        .chars()
        .take_while(|c| !matches!(c, '.' | ']'))
        .collect();
    Some(name.trim().trim_matches('"').to_owned())
}

/// The name nearest to `wrong`, as a remedy; or `else_hint`.
pub(super) fn nearest<'a>(
    wrong: &str,
    names: impl Iterator<Item = &'a str>,
    else_hint: &str,
) -> String {
    names
        .map(|name| (distance(wrong, name), name))
        .min()
        .filter(|(away, name)| *away <= 2.max(name.chars().count() / 3))
        .map_or_else(
            || else_hint.to_owned(),
            |(_, name)| format!("did you mean `{name}`?"),
        )
}

/// How many single-character changes lie between two words.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_states_are_found() {
        let source = "start = \"a\"\n\n[states.a]\nsay = \"é\"\n[states.\"b\".to]\nx = 1\n";
        assert_eq!(place(source, 0), (1, 1));
        assert_eq!(place(source, source.find("\"é").unwrap() + 3), (4, 9));
        assert_eq!(place(source, 9999), (7, 1));
        assert_eq!(state_at(source, 0), None);
        assert_eq!(
            state_at(source, source.find("say").unwrap()),
            Some("a".into())
        );
        assert_eq!(
            state_at(source, source.find("x =").unwrap()),
            Some("b".into())
        );
    }

    #[test]
    fn the_nearest_name_is_offered() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(
            nearest("ask_tme", ["ask_day", "ask_time"].into_iter(), "none"),
            "did you mean `ask_time`?"
        );
        assert_eq!(nearest("zebra", ["ask_day"].into_iter(), "none"), "none");
    }
}
