//! `application/x-www-form-urlencoded`, as carriers send and take it.

use std::fmt;

/// Longest form that is read, in bytes. Twilio's own webhooks have about 1,500.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Most pairs that a form may have. Twilio's own have about 40.
pub const FORM_PAIRS_MAX: usize = 256;

/// A form, decoded: pairs in the order in which they came, names perhaps more than once.
///
/// `Debug` prints how many there are: their values are what callers are called and where they are.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Form(Vec<(String, String)>);

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} pairs)", self.0.len())
    }
}

/// A form that is too large to be one of a carrier's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a form has at most {FORM_BYTES_MAX} bytes and {FORM_PAIRS_MAX} pairs")]
pub struct FormTooLarge;

impl Form {
    /// Reads a form: `+` is a space, `%XX` a byte of UTF-8. A broken `%` stands for itself, a name without `=` has an
    /// empty value, and bytes that are no UTF-8 become U+FFFD.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormTooLarge> {
        if bytes.len() > FORM_BYTES_MAX {
            return Err(FormTooLarge);
        }
        let mut pairs = Vec::new();
        for pair in bytes.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == FORM_PAIRS_MAX {
                return Err(FormTooLarge);
            }
            let at = pair.iter().position(|b| *b == b'=');
            let (name, value) = match at {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            pairs.push((decode(name), decode(value)));
        }
        Ok(Self(pairs))
    }

    /// The first value of a name; an empty one counts as absent.
    pub fn first(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        found
            .next()
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All pairs, in the order in which they came.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

fn decode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => out.push(b' '),
            b'%' => match after {
                [high, low, after @ ..]
                    if let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) =>
                {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            plain => out.push(*plain),
        }
    }
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|n| u8::try_from(n).ok())
}

/// Appends `text` percent-encoded, so that it can stand in a path, a query or a form: letters, digits and `-._~` stay.
pub fn push_encoded(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Writes a form, or the query of an address, without its `?`.
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        push_encoded(&mut out, name);
        out.push('=');
        push_encoded(&mut out, value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        Form::parse(text.as_bytes()).unwrap().pairs().to_vec()
    }

    #[test]
    fn forms_are_read_as_carriers_write_them() {
        for (text, expected) in [
            ("", vec![]),
            ("a=1&b=2", vec![("a", "1"), ("b", "2")]),
            ("a=one+%2B+two", vec![("a", "one + two")]),
            ("a=Zo%C3%AB", vec![("a", "Zoë")]),
            (
                "a=%&b=%2&c=%zz",
                vec![("a", "%"), ("b", "%2"), ("c", "%zz")],
            ),
            ("a&&b=&=c", vec![("a", ""), ("b", ""), ("", "c")]),
            ("a=b=c", vec![("a", "b=c")]),
            ("a=%ff", vec![("a", "\u{fffd}")]),
        ] {
            let expected: Vec<(String, String)> = expected
                .into_iter()
                .map(|(name, value): (&str, &str)| (name.to_owned(), value.to_owned()))
                .collect();
            assert_eq!(pairs(text), expected, "{text}");
        }
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let form = Form::parse(b"FromCity=&To=1&To=2").unwrap();
        assert_eq!(form.first("FromCity"), None);
        assert_eq!(form.first("To"), Some("1"));
        assert_eq!(form.first("From"), None);
    }

    #[test]
    fn forms_have_bounds_and_show_nothing() {
        assert_eq!(
            Form::parse(&vec![b'a'; FORM_BYTES_MAX + 1]),
            Err(FormTooLarge)
        );
        assert_eq!(
            Form::parse("a&".repeat(FORM_PAIRS_MAX + 1).as_bytes()),
            Err(FormTooLarge)
        );
        let form = Form::parse(b"From=%2B15550100123").unwrap();
        assert_eq!(format!("{form:?}"), "Form(1 pairs)");
    }

    proptest! {
        #![proptest_config(crate::seeded::cases(256))]

        #[test]
        fn what_is_written_reads_back(given in proptest::collection::vec(("[^&]{1,12}", ".{0,20}"), 0..8)) {
            let text = encode(given.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            prop_assert_eq!(pairs(&text), given);
        }
    }
}
