//! Lists as a language's file has them: texts, of which each word or each line is an entry.
//!
//! They are read once and stay for as long as the program runs, so they are borrowed for that long.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// One or more words in a row.
pub(crate) type Phrase = &'static [&'static str];

/// Words, parted by white space.
pub(crate) fn terms<'de, D: Deserializer<'de>>(from: D) -> Result<Phrase, D::Error> {
    Ok(words_of(String::deserialize(from)?))
}

/// Lines; blank ones and those that begin with `#` are passed over.
pub(crate) fn lines<'de, D: Deserializer<'de>>(from: D) -> Result<Phrase, D::Error> {
    Ok(lines_of(String::deserialize(from)?))
}

/// Lines of words.
pub(crate) fn phrases<'de, D: Deserializer<'de>>(from: D) -> Result<&'static [Phrase], D::Error> {
    let lines = lines_of(String::deserialize(from)?).iter();
    let phrases: Vec<Phrase> = lines.map(|line| words_of((*line).to_owned())).collect();
    Ok(phrases.leak())
}

/// Lines of `short = long`.
pub(crate) fn pairs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    let text = String::deserialize(from)?;
    let lines = text.lines().filter(|line| is_entry(line));
    let pair = |line: &str| {
        let (short, long) = line.split_once('=')?;
        Some((short.trim().to_owned(), long.trim().to_owned()))
    };
    lines
        .map(|line| pair(line).ok_or_else(|| D::Error::custom(format!("no `=` in {line:?}"))))
        .collect()
}

fn is_entry(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn words_of(text: String) -> Phrase {
    text.leak().split_whitespace().collect::<Vec<_>>().leak()
}

fn lines_of(text: String) -> Phrase {
    let lines = text.leak().lines().filter(|line| is_entry(line));
    lines.map(str::trim).collect::<Vec<_>>().leak()
}
