//! A path with its query, percent-encoded.

use std::fmt::Write as _;

/// Longest path with its query, in bytes; servers begin to refuse at 8 KiB.
const PATH_BYTES_MAX: usize = 6 * 1024;
/// Most key terms that are asked for.
const TERMS_MAX: usize = 100;

pub(in crate::wire) struct Query {
    path: String,
    has_pairs: bool,
}

impl Query {
    pub(in crate::wire) fn of(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            has_pairs: false,
        }
    }

    /// Adds a pair; one for which there is no room is left out.
    pub(in crate::wire) fn with(&mut self, name: &str, value: &str) -> &mut Self {
        let length_before = self.path.len();
        self.path.push(if self.has_pairs { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                self.path.push(char::from(byte));
            } else {
                // Writing into a String cannot fail.
                let _ = write!(self.path, "%{byte:02X}");
            }
        }
        if self.path.len() > PATH_BYTES_MAX {
            self.path.truncate(length_before);
        } else {
            self.has_pairs = true;
        }
        self
    }

    pub(in crate::wire) fn into_path(self) -> String {
        self.path
    }
}

/// The key terms that may be asked for: trimmed, not empty, none longer than so many characters, a hundred at most.
pub(super) fn terms(all: &[String], chars_max: usize) -> impl Iterator<Item = &str> {
    all.iter()
        .map(|term| term.trim())
        .filter(move |term| !term.is_empty() && term.chars().count() <= chars_max)
        .take(TERMS_MAX)
}

/// The language of a BCP 47 tag, as `de` of `de-AT`.
pub(in crate::wire) fn primary(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_the_length_is_bounded() {
        let mut query = Query::of("/v1/x");
        query.with("a", "é &=#?+/%\n").with("b", "A-z_0.~");
        assert_eq!(
            query.into_path(),
            "/v1/x?a=%C3%A9%20%26%3D%23%3F%2B%2F%25%0A&b=A-z_0.~"
        );
        let mut query = Query::of("/v1/x");
        query.with("long", &" ".repeat(3000)).with("b", "1");
        assert_eq!(query.into_path(), "/v1/x?b=1");
    }

    #[test]
    fn terms_are_bounded() {
        let all: Vec<String> = (0..300)
            .map(|n| format!(" term {n} "))
            .chain([" ".to_owned()])
            .collect();
        assert_eq!(terms(&all, 40).count(), TERMS_MAX);
        assert_eq!(terms(&all, 40).next(), Some("term 0"));
        assert_eq!(terms(&all, 6).count(), 10);
        assert_eq!(primary("de-AT"), "de");
        assert_eq!(primary(""), "");
    }
}
