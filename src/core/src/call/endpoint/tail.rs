//! The last words of a turn.

use super::words::Phrase;
use crate::language::{fold, is_mark};

/// So many of them say how it ends.
const WORDS_MAX: usize = 40;

/// A word as the recogniser wrote it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    /// With its punctuation.
    pub(super) raw: &'a str,
    /// Without.
    pub(super) bare: &'a str,
    /// Its first byte in the text.
    pub(super) at: usize,
}

/// The last words of a text, in order.
pub(super) fn tail(text: &str) -> Vec<Word<'_>> {
    let start = text.as_ptr() as usize;
    let mut words: Vec<Word<'_>> = text
        .split_whitespace()
        .rev()
        .take(WORDS_MAX)
        .map(|raw| Word {
            raw,
            bare: raw.trim_matches(|c: char| !c.is_alphanumeric()),
            at: raw.as_ptr() as usize - start,
        })
        .collect();
    words.reverse();
    words
}

impl Word<'_> {
    /// Is one of `list`, which is written in small letters.
    pub(super) fn is_in(&self, list: &[&str]) -> bool {
        list.iter().any(|word| is(self.bare, word))
    }

    /// The recogniser ends a sentence with it.
    pub(super) fn ends_a_sentence(&self) -> bool {
        self.raw.ends_with(['.', '!', '?']) && !self.trails_off()
    }

    /// The recogniser lets it hang.
    pub(super) fn trails_off(&self) -> bool {
        self.raw.ends_with(['…', ',', '-', '–', '—']) || self.raw.ends_with("...")
    }
}

/// `word` is `small` but for its capitals, the shape of its apostrophe, and the marks on its letters, which only words that
/// are written with them can lack.
fn is(word: &str, small: &str) -> bool {
    if !small.is_ascii() {
        return folded(word) == folded(small);
    }
    if word.is_ascii() {
        return word.eq_ignore_ascii_case(small);
    }
    let small_of = |c: char| match c {
        '’' => '\'',
        // Turkish capitals, as a recogniser may write them.
        'İ' | 'ı' => 'i',
        c => c,
    };
    word.chars()
        .map(small_of)
        .flat_map(char::to_lowercase)
        .eq(small.chars())
}

fn folded(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    for c in word.chars().filter(|c| !is_mark(*c)) {
        fold(if c == '’' { '\'' } else { c }, &mut plain);
    }
    plain
}

/// The words end with one of the phrases.
pub(super) fn ends_with(words: &[Word<'_>], phrases: &[Phrase]) -> bool {
    phrases.iter().any(|phrase| {
        let from = words.len().checked_sub(phrase.len());
        let end = from.and_then(|from| words.get(from..));
        end.is_some_and(|end| {
            end.iter()
                .zip(*phrase)
                .all(|(word, small)| is(word.bare, small))
        })
    })
}

/// One of the phrases stands somewhere in the words.
pub(super) fn holds(words: &[Word<'_>], phrases: &[Phrase]) -> bool {
    (1..=words.len()).any(|end| ends_with(words.get(..end).unwrap_or_default(), phrases))
}

/// The last `count` of the words.
pub(super) fn last<'w, 'a>(words: &'w [Word<'a>], count: usize) -> &'w [Word<'a>] {
    words
        .get(words.len().saturating_sub(count)..)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_looked_at() {
        let text = "word ".repeat(500) + " The END’s near. ";
        let words = tail(&text);
        assert_eq!(words.len(), WORDS_MAX);
        let near = words.last().unwrap();
        assert_eq!((near.raw, near.bare), ("near.", "near"));
        assert_eq!(&text[near.at..near.at + 5], "near.");
        assert!(near.ends_a_sentence() && !near.trails_off());
        assert!(ends_with(&words, &[&["far"], &["the", "end's", "near"]]));
        assert!(!ends_with(&words[words.len() - 1..], &[&["end's", "near"]]));
        assert!(holds(&words, &[&["the", "end's"]]) && !holds(&words, &[&["end's", "the"]]));
        assert!(tail(" \n").is_empty());
    }
}
