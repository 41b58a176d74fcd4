//! Speech in which somebody denies being a machine, or claims to be a person.

use super::{ENGLISH, is_voided, utterance, words};

/// Whether a speaker who says `text` denies being a machine or claims to be a person. The first 400 words are looked at.
pub(crate) fn is_denial(text: &str) -> bool {
    let language = &*ENGLISH;
    let words = words::words(text, language.tables.contractions);
    let said = utterance(language, &words);
    (0..words.len()).any(|at| {
        language
            .denials
            .match_at(&said, at)
            .is_some_and(|end| !is_voided(&said, &language.no_denials, at, end))
    })
}
