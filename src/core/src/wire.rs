//! Codecs of carriers and providers: bytes in, events out, and back.
//!
//! Everything here treats the other side as hostile: sizes are bounded, unknown keys are ignored, and no error carries
//! what a caller said, dialled or is called.

pub mod anthropic;
pub mod hook;
pub mod link;
pub mod openai;
pub mod realtime;
mod sse;
pub mod stt;
pub mod transcription;
pub mod tts;
pub mod twilio;

use std::fmt::Write as _;

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn push_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < '\u{20}' => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

/// At most `chars_max` characters of `text`, control characters replaced, so that a stranger's text can stand in an
/// error message.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    let mut short: String = text
        .chars()
        .take(chars_max)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(chars_max).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_text_reads_back_as_itself() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "line\nfeed\ttab\r",
            "\u{1}\u{1f}",
            "é…☎",
            "</script>",
        ] {
            let mut out = String::new();
            push_json_text(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn shortened_text_is_bounded_and_clean() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "abc…");
        assert_eq!(shortened("a\nb", 9), "a b");
    }
}
