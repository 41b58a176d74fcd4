//! When each character is said, made into words.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::json::{Lax, list, ms, part};

/// Longest word whose times are passed on, in characters.
const WORD_CHARS_MAX: usize = 100;

#[derive(Deserialize)]
struct Alignment<'a> {
    #[serde(borrow, default)]
    chars: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "charStartTimesMs")]
    starts: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "charDurationsMs")]
    durations: Option<&'a RawValue>,
    /// An older spelling.
    #[serde(borrow, default, rename = "charsDurationsMs")]
    durations_too: Option<&'a RawValue>,
}

/// The word that is not complete yet: pieces of audio end anywhere.
#[derive(Default)]
pub(super) struct Aligned {
    word: String,
    chars: usize,
    from_ms: u32,
    to_ms: u32,
}

impl Aligned {
    /// The words that are complete after a piece of audio that begins at `offset_ms` of its context.
    pub(super) fn take(
        &mut self,
        raw: Option<&RawValue>,
        offset_ms: u32,
    ) -> Vec<(String, u32, u32)> {
        let Some(alignment) = part::<Alignment<'_>>(raw) else {
            return Vec::new();
        };
        let mut words = Vec::new();
        let starts = list(alignment.starts);
        let durations = list(alignment.durations.or(alignment.durations_too));
        let times = starts.iter().zip(&durations);
        for (text, (start, duration)) in list(alignment.chars).iter().zip(times) {
            let (Lax::Text(text), Some(start), Some(duration)) =
                (text, ms(start, 1.0), ms(duration, 1.0))
            else {
                continue;
            };
            if text.trim().is_empty() {
                words.extend(self.last());
                continue;
            }
            let start = offset_ms.saturating_add(start);
            if self.word.is_empty() {
                self.from_ms = start;
            }
            self.chars += 1;
            if self.chars <= WORD_CHARS_MAX {
                self.word
                    .extend(text.chars().take(4).filter(|c| !c.is_control()));
            }
            self.to_ms = start.saturating_add(duration);
        }
        words
    }

    /// The word that had begun, if any.
    pub(super) fn last(&mut self) -> Option<(String, u32, u32)> {
        let word = std::mem::take(self);
        (!word.word.is_empty()).then_some((word.word, word.from_ms, word.to_ms))
    }
}
