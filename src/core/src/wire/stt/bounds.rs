//! What holds whatever a recogniser sends: how long a message and its words may be, which times can be, and how much
//! nonsense is borne.

use super::lenient::{Scalar, object};
use super::{SttEvent, SttWord};
use crate::wire::link::{Received, Trouble, TroubleKind};
use serde::Deserialize;

/// Longest message that is read, in bytes. A turn of a minute with all its words has about 20 KiB.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Longest transcript that is handed on, in bytes; the rest is cut at a character.
pub const TRANSCRIPT_BYTES_MAX: usize = 8 * 1024;
/// Most words whose times are handed on with one final.
pub const WORDS_MAX: usize = 512;
/// Messages that are not of the protocol and are borne; each that is takes one back.
pub const FAULTS_MAX: u32 = 20;
/// Longest single word, in bytes.
const WORD_BYTES_MAX: usize = 256;
/// Bytes of mu-law in a millisecond.
const BYTES_PER_MS: u64 = 8;

/// What was sent on a connection, and what of it has its final words. Every time that comes in is put between.
#[derive(Default)]
pub(super) struct Timeline {
    sent_bytes: u64,
    final_until_ms: u64,
}

impl Timeline {
    /// So many bytes of audio are on their way.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent_bytes = self.sent_bytes.saturating_add(bytes as u64);
    }

    /// A time in seconds as ms, not before the first sample nor after the last.
    pub(super) fn seconds(&self, seconds: &Scalar<'_>) -> Option<u64> {
        seconds.number().map(|seconds| self.place(seconds * 1000.0))
    }

    /// The same of a time in ms.
    pub(super) fn milliseconds(&self, ms: &Scalar<'_>) -> Option<u64> {
        ms.number().map(|ms| self.place(ms))
    }

    pub(super) fn place(&self, ms: f64) -> u64 {
        // The conversion turns what is negative into 0 and what is too large into the largest number.
        (ms.round() as u64).min(self.sent_bytes.div_ceil(BYTES_PER_MS))
    }

    /// Up to where there are final words, now that they are said to reach to `until_ms`. It never goes back.
    pub(super) fn settle(&mut self, until_ms: Option<u64>) -> u64 {
        self.final_until_ms = self.final_until_ms.max(until_ms.unwrap_or(0));
        self.final_until_ms
    }

    /// `until_ms`, or the end of the final words if that is later.
    pub(super) fn open(&self, until_ms: Option<u64>) -> u64 {
        self.final_until_ms.max(until_ms.unwrap_or(0))
    }
}

/// What came that was not understood.
#[derive(Default)]
pub(super) struct Faults {
    count: u32,
    is_over: bool,
}

impl Faults {
    /// A message, if it is of the protocol. What is not is told.
    pub(super) fn read<'a, T: Deserialize<'a>>(
        &mut self,
        message: Received<'a>,
        out: &mut Vec<SttEvent>,
    ) -> Option<T> {
        let read = object(self.text(message, out)?);
        match &read {
            Some(_) => self.count = self.count.saturating_sub(1),
            None => self.fault("not-json", out),
        }
        read
    }

    /// The text of a message, if it may be read.
    fn text<'a>(&mut self, message: Received<'a>, out: &mut Vec<SttEvent>) -> Option<&'a str> {
        if self.is_over {
            return None;
        }
        match message {
            Received::Text(text) if text.len() <= MESSAGE_BYTES_MAX => Some(text),
            Received::Text(_) => {
                self.fault("too-long", out);
                None
            }
            Received::Binary(_) => {
                self.fault("binary", out);
                None
            }
        }
    }

    /// A message was not understood.
    fn fault(&mut self, code: &str, out: &mut Vec<SttEvent>) {
        self.count = self.count.saturating_add(1);
        let is_over = self.count > FAULTS_MAX;
        self.is_over |= is_over;
        out.push(SttEvent::Trouble {
            trouble: Trouble::new(TroubleKind::Protocol, code),
            is_over,
        });
    }

    /// The provider says that nothing more will come.
    pub(super) fn end(&mut self, trouble: Trouble, out: &mut Vec<SttEvent>) {
        self.is_over = true;
        out.push(SttEvent::Trouble {
            trouble,
            is_over: true,
        });
    }
}

/// A transcript that may be handed on.
pub(super) fn transcript(text: &str) -> String {
    cut(text.trim(), TRANSCRIPT_BYTES_MAX).to_owned()
}

/// A word that may be handed on, if it has both its times.
pub(super) fn word(
    text: &str,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
    sureness: &Scalar<'_>,
) -> Option<SttWord> {
    let (from_ms, to_ms) = (from_ms?, to_ms?);
    let text = cut(text.trim(), WORD_BYTES_MAX);
    (!text.is_empty()).then(|| SttWord {
        text: text.to_owned(),
        from_ms,
        to_ms: to_ms.max(from_ms),
        confidence: confidence(sureness),
    })
}

/// 0 to 1; 1 where nothing is said.
pub(super) fn confidence(value: &Scalar<'_>) -> f32 {
    value
        .number()
        .map_or(1.0, |number| number.clamp(0.0, 1.0) as f32)
}

/// The mean of what is said of each word, from one that says nothing of the whole.
pub(super) fn mean_confidence<'a, 'b: 'a>(words: impl Iterator<Item = &'a Scalar<'b>>) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    for word in words {
        sum += confidence(word);
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 1.0 }
}

/// A provider's code for what is wrong, if it looks like one. Anything longer may be a sentence with a caller's words.
pub(in crate::wire) fn code_of<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !text.is_empty() && text.len() <= 60 && text.bytes().all(fits) {
        text
    } else {
        otherwise
    }
}

/// At most so many bytes, whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("abc", 9), "abc");
        assert_eq!(cut("aéé", 2), "a");
        assert_eq!(cut("aéé", 3), "aé");
    }

    #[test]
    fn times_stay_within_what_was_sent_and_finals_never_go_back() {
        let mut line = Timeline::default();
        line.sent(8 * 1000 + 1);
        for (seconds, ms) in [(0.5, 500), (-3.0, 0), (1e300, 1001), (0.0004, 0)] {
            assert_eq!(line.seconds(&Scalar::Number(seconds)), Some(ms));
        }
        assert_eq!(line.seconds(&Scalar::Number(f64::NAN)), None);
        assert_eq!(line.seconds(&Scalar::Absent), None);
        assert_eq!(line.settle(Some(700)), 700);
        assert_eq!(line.settle(Some(300)), 700);
        assert_eq!(line.settle(None), 700);
        assert_eq!(line.open(Some(300)), 700);
        assert_eq!(line.open(Some(800)), 800);
        assert_eq!(line.settle(None), 700);
    }

    #[test]
    fn a_code_is_told_from_a_sentence() {
        assert_eq!(code_of("NET-0001", "error"), "NET-0001");
        for not in ["", "he said no", "línea", &"a".repeat(61)] {
            assert_eq!(code_of(not, "error"), "error");
        }
    }
}
