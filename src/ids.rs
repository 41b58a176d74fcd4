//! Ids: a prefix that says of what, and a ULID, so that they sort by the time they were made.

use std::fmt;
use std::sync::Arc;

use ulid::Ulid;

/// Longest id that is accepted, in bytes.
const ID_BYTES_MAX: usize = 64;

/// A business whose calls these are: every key, row and file belongs to one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

/// A text is not an id of that sort. The text itself is not part of the message: it may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id here begins with {prefix}_ and goes on with the 26 characters of a ULID")]
pub struct IdError {
    prefix: &'static str,
}

impl ClientId {
    const PREFIX: &str = "cli";

    /// A new one.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "each is another: none is the default"
    )]
    pub fn new() -> Self {
        Self(new_id(Self::PREFIX).into())
    }

    /// Reads `cli_` and a ULID, in the one spelling that [`ClientId::new`] has.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if is_id(Self::PREFIX, text) {
            Ok(Self(text.into()))
        } else {
            Err(IdError {
                prefix: Self::PREFIX,
            })
        }
    }

    /// The id, as `cli_01J…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A new id: `prefix`, `_`, and a ULID.
#[must_use]
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", Ulid::new())
}

/// Whether `text` is `prefix`, `_` and a ULID as [`new_id`] writes it.
#[must_use]
pub fn is_id(prefix: &str, text: &str) -> bool {
    let rest = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'));
    rest.is_some_and(|rest| Ulid::from_string(rest).is_ok_and(|ulid| ulid.to_string() == rest))
}

/// Whether `text` can be the name of a file: 1 to 64 of the letters and digits of ASCII, `_` and `-`.
#[must_use]
pub fn is_file_name(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_and_no_other() {
        let id = ClientId::new();
        assert_eq!(ClientId::parse(id.as_str()), Ok(id.clone()));
        for wrong in [
            "",
            "cli_",
            "cli",
            "call_01J8Z0000000000000000000AA",
            "cli_01j8z0000000000000000000aa",
            "cli_01J8Z0000000000000000000A",
            "cli_01J8Z0000000000000000000AAA",
            "cli_../../../../../../etc/pass",
            "cli_91J8Z0000000000000000000AA",
        ] {
            assert!(ClientId::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_stay_in_their_folder() {
        for (text, fine) in [
            ("call_01J8Z0000000000000000000AA", true),
            ("a-b_9", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("a.b", false),
            ("ä", false),
        ] {
            assert_eq!(is_file_name(text), fine, "{text:?}");
        }
        assert!(!is_file_name(&"a".repeat(65)));
    }
}
