//! Speech in which somebody denies being a machine, or claims to be a person.

use super::pattern::Utterance;
use super::{is_voided, words};
use crate::language::Language;

/// Whether a speaker who says `text` denies being a machine or claims to be a person, in this language or in English,
/// which a mind may fall back to. The first 400 words are looked at.
pub(crate) fn is_denial(language: Language, text: &str) -> bool {
    is_in(language, text) || language != Language::English && is_in(Language::English, text)
}

fn is_in(language: Language, text: &str) -> bool {
    let grammar = language.grammar();
    let words = words::words(text, &grammar.forms);
    let said = Utterance::new(&words, &grammar.forms);
    (0..words.len()).any(|at| {
        grammar
            .denials
            .match_at(&said, at)
            .is_some_and(|end| !is_voided(&said, &grammar.no_denials, at, end))
    })
}
