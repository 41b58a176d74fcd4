//! What goes out: texts within a provider's bounds, and addresses that nothing can break out of.

use std::fmt::Write as _;

/// `text` in pieces of at most `chars_max` characters, cut after white space where there is any.
pub(super) fn pieces(text: &str, chars_max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.char_indices().nth(chars_max.max(1)) {
        let (head, _) = rest.split_at(end);
        let spaces = head.char_indices().rev().find(|(_, c)| c.is_whitespace());
        let cut = spaces.map_or(end, |(at, space)| at + space.len_utf8());
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// The first of [`pieces`].
pub(super) fn bounded(text: &str, chars_max: usize) -> &str {
    pieces(text.trim(), chars_max)
        .first()
        .map_or("", |first| first.trim_end())
}

/// `text` as a value of a query: everything but letters, digits and `-._~` percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `text` as one segment of a path. What a client of the web would resolve away, as `..`, becomes a name that nothing has.
pub(super) fn segment(text: &str) -> String {
    match text {
        "" | "." | ".." => "_".into(),
        text => encoded(text),
    }
}

/// The language without its region, as most providers take it; none if none is set.
pub(super) fn language(tag: &str) -> Option<&str> {
    tag.split(['-', '_'])
        .next()
        .map(str::trim)
        .filter(|language| !language.is_empty())
}

/// The pace to ask for; none for the voice's own.
pub(super) fn pace(speed: f32, least: f32, most: f32) -> Option<f32> {
    let is_set = speed.is_finite() && speed > 0.0 && (speed - 1.0).abs() > 0.001;
    is_set.then(|| speed.clamp(least, most))
}

/// `name`, or what stands for none.
pub(super) fn or_usual<'a>(name: &'a str, usual: &'a str) -> &'a str {
    if name.trim().is_empty() { usual } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text_again_and_within_bounds() {
        for (text, most, want) in [
            ("", 5, vec![]),
            ("one two", 99, vec!["one two"]),
            ("one two three", 8, vec!["one two ", "three"]),
            ("abcdefgh", 3, vec!["abc", "def", "gh"]),
            ("é☎é ☎", 4, vec!["é☎é ", "☎"]),
            ("ab", 0, vec!["a", "b"]),
        ] {
            let got = pieces(text, most);
            assert_eq!(got, want);
            assert_eq!(got.concat(), text);
        }
        assert_eq!(bounded("  one two three ", 8), "one two");
        assert_eq!(bounded(" \n", 8), "");
    }

    #[test]
    fn nothing_breaks_out_of_an_address() {
        assert_eq!(encoded("aura-2_x.en~"), "aura-2_x.en~");
        assert_eq!(
            encoded("a/b?c=d&e#f é\r\n"),
            "a%2Fb%3Fc%3Dd%26e%23f%20%C3%A9%0D%0A"
        );
        assert_eq!(segment("../x"), "..%2Fx");
        assert_eq!(
            (segment(".."), segment("."), segment("")),
            ("_".into(), "_".into(), "_".into())
        );
    }

    #[test]
    fn a_pace_is_within_what_is_taken() {
        for (speed, want) in [
            (0.0, None),
            (1.0, None),
            (-2.0, None),
            (f32::NAN, None),
            (f32::INFINITY, None),
            (1.1, Some(1.1)),
            (9.0, Some(1.5)),
            (0.1, Some(0.6)),
        ] {
            assert_eq!(pace(speed, 0.6, 1.5), want, "{speed}");
        }
        assert_eq!(language("de-AT"), Some("de"));
        assert_eq!(language(""), None);
    }
}
