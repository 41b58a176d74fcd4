//! Names that are spelled and e-mail addresses that are spoken, at the end of a turn.

use super::tail::{Word, ends_with, last};
use super::words::TurnWords;
use super::{Asked, Part};

/// No name is longer.
const LETTERS_MAX: usize = 40;
/// Words before a spelling among which the name may be that is spelled.
const NAME_WITHIN_WORDS: usize = 8;
/// Words of an e-mail address.
const EMAIL_WORDS: usize = 10;

/// Whose addresses end in more than their name.
const PROVIDERS: [&str; 13] = [
    "gmail",
    "googlemail",
    "hotmail",
    "outlook",
    "yahoo",
    "icloud",
    "aol",
    "proton",
    "protonmail",
    "gmx",
    "msn",
    "comcast",
    "fastmail",
];
/// What an address ends in.
const DOMAINS: [&str; 18] = [
    "com", "net", "org", "edu", "gov", "io", "ai", "uk", "us", "ca", "au", "de", "at", "ch", "fr",
    "es", "eu", "info",
];

/// How much there is of the word that is spelled at the end of the words. `None`: nothing is spelled.
pub(super) fn spelled(words: &[Word<'_>], asked: Asked<'_>, language: &TurnWords) -> Option<Part> {
    let (letters, count) = trailing_letters(words, language);
    if letters.is_empty() {
        return None;
    }
    let before = words.get(..words.len().saturating_sub(count));
    let before = last(before.unwrap_or_default(), NAME_WITHIN_WORDS);
    let has_said = before.iter().any(|word| word.is_in(language.spelling));
    let is_announced = has_said || asked.names(language.spelling);
    let is_speech = letters.chars().all(|c| matches!(c, 'a' | 'i'))
        || language.not_spelled.contains(&letters.as_str());
    if !is_announced && (is_speech || letters.chars().count() < 2) {
        return None;
    }
    let names = || before.iter().map(|word| word.bare.to_lowercase());
    if names().any(|name| name == letters) {
        return Some(Part::Whole);
    }
    let is_begun = names().any(|name| name.starts_with(&letters) && name.len() > 2);
    let is_short = is_announced && letters.chars().count() < 3;
    let goes_on = words.last().is_some_and(Word::trails_off);
    Some(match is_begun || is_short || goes_on {
        true => Part::Missing,
        false => Part::Open,
    })
}

/// The letters at the end of the words, small, and how many words they are.
fn trailing_letters(words: &[Word<'_>], language: &TurnWords) -> (String, usize) {
    let mut rest = words;
    let mut backwards = Vec::new();
    while let Some((word, before)) = rest.split_last() {
        if backwards.len() >= LETTERS_MAX {
            break;
        }
        if let Some(said) = letters_of(word.bare) {
            backwards.extend(said.rev());
            rest = before;
            let doubled = before
                .split_last()
                .filter(|(w, _)| w.is_in(language.doubles));
            if let (Some((_, before)), Some(letter)) = (doubled, backwards.last().copied()) {
                match letter {
                    'u' => *backwards.last_mut().unwrap_or(&mut 'w') = 'w',
                    _ => backwards.push(letter),
                }
                rest = before;
            }
        } else if let Some(before) = by_example(rest, language) {
            backwards.extend(
                word.bare
                    .chars()
                    .next()
                    .into_iter()
                    .flat_map(char::to_lowercase),
            );
            rest = before;
        } else {
            break;
        }
    }
    let letters = backwards.into_iter().rev().collect();
    (letters, words.len() - rest.len())
}

/// The letters of "S", "S-M-I" or "S.M.I", small.
fn letters_of(bare: &str) -> Option<impl DoubleEndedIterator<Item = char>> {
    let mut parts = bare.split(['-', '.']);
    let is_spelled = parts.all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
    });
    is_spelled.then(|| {
        let letters: Vec<char> = bare
            .chars()
            .filter(|c| c.is_alphabetic())
            .flat_map(char::to_lowercase)
            .collect();
        letters.into_iter()
    })
}

/// What comes before "B as in boy", if that is how the words end.
fn by_example<'w, 'a>(words: &'w [Word<'a>], language: &TurnWords) -> Option<&'w [Word<'a>]> {
    let (example, before) = words.split_last()?;
    let link = language
        .as_in
        .iter()
        .find(|link| ends_with(before, &[link]))?;
    let before = before.get(..before.len() - link.len())?;
    let (letter, before) = before.split_last()?;
    let mut said = letters_of(letter.bare)?;
    let is_one = (said.next(), said.next());
    let first = example.bare.chars().next()?.to_lowercase().next();
    (is_one.1.is_none() && is_one.0 == first).then_some(before)
}

/// How much there is of the e-mail address that the words end in. `None`: they end in none.
pub(super) fn email(words: &[Word<'_>], asked: Asked<'_>, language: &TurnWords) -> Option<Part> {
    let window = last(words, EMAIL_WORDS);
    let (word, before) = window.split_last()?;
    let small = word.bare.to_lowercase();
    if let Some((_, domain)) = small.split_once('@') {
        return Some(match domain.rsplit_once('.') {
            Some((_, end)) if !end.is_empty() => Part::Whole,
            Some(_) | None => Part::Missing,
        });
    }
    let follows = |list: &[&str]| before.last().is_some_and(|word| word.is_in(list));
    let has = |list: &[&str]| window.iter().any(|word| word.is_in(list));
    let is_domain = DOMAINS.contains(&small.as_str());
    if small
        .split_once('.')
        .is_some_and(|(_, end)| DOMAINS.contains(&end))
    {
        let is_told = follows(language.at) || has(language.email) || asked.names(language.email);
        return is_told.then_some(Part::Whole);
    }
    let is_told = has(language.email)
        || (has(language.at) && (has(language.dot) || has(&PROVIDERS)))
        || has(language.underscore)
        || asked.names(language.email);
    if !is_told {
        return None;
    }
    let has_at = before
        .iter()
        .any(|w| w.is_in(language.at) || w.bare.contains('@'));
    if follows(language.dot) {
        return Some(match (has_at, is_domain, small.as_str()) {
            (true, _, "co") => Part::Open,
            (true, true, _) => Part::Whole,
            (true, false, _) | (false, _, _) => Part::Missing,
        });
    }
    let is_cut = PROVIDERS.contains(&small.as_str()) && (follows(language.at) || has_at)
        || word.is_in(language.dot) && !word.raw.ends_with('?')
        || word.is_in(language.underscore)
        || word.is_in(language.signs)
        || (!has_at && (has(language.underscore) || has(language.dot)));
    is_cut.then_some(Part::Missing)
}

#[cfg(test)]
mod tests {
    use super::super::tail::tail;
    use super::*;
    use crate::language::Language;

    #[test]
    fn a_spelling_is_whole_when_it_gives_the_name() {
        let (missing, open, whole) = (Some(Part::Missing), Some(Part::Open), Some(Part::Whole));
        for (text, asked, expected) in [
            ("My name is Smith, that's S-M-I-T-H.", false, whole),
            ("My name is Smith, that's S, M, I, T, H.", false, whole),
            ("Smith, S M I", false, missing),
            ("My name is Smith, that's S-N-I-T-H.", false, open),
            ("S. M.", false, open),
            ("S. M.", true, missing),
            ("S.", true, missing),
            ("It's spelled S", false, missing),
            ("B as in boy, R, O, W, N.", false, open),
            ("Brown, B as in boy, R for Robert", false, missing),
            ("Wood, double u double o d", false, whole),
            ("Anna, A double N A", false, whole),
            ("Allen, A double L E N.", false, whole),
            ("Ross: R, O, S,", false, missing),
            ("At ten p.m.", false, None),
            ("I live in the U.S.", false, None),
            ("It is plan B.", false, None),
            ("So do I.", false, None),
            ("I, I", false, None),
            ("Is it good for you", false, None),
            ("x-ray", false, None),
            ("", true, None),
        ] {
            let words = tail(text);
            let asked = Asked([asked.then_some("How do you spell that?"), None]);
            let part = spelled(&words, asked, Language::English.turn_words());
            assert_eq!(part, expected, "{text:?}");
        }
        let long = "x ".repeat(100);
        let unasked = |text, language: Language| {
            spelled(&tail(text), Asked::default(), language.turn_words())
        };
        assert_eq!(unasked(&long, Language::English), open);
        assert_eq!(unasked("Meier, M E I", Language::German), missing);
        assert_eq!(unasked("M wie Martha, E wie Emil", Language::German), open);
    }

    #[test]
    fn an_e_mail_address_ends_in_a_domain() {
        let (missing, whole) = (Some(Part::Missing), Some(Part::Whole));
        for (text, asked, expected) in [
            ("It's john dot smith at gmail dot com.", false, whole),
            ("It's john.smith at gmail.com.", false, whole),
            ("My email is John_Smith@gmail.com", false, whole),
            ("My email is john@gmail", false, missing),
            ("john dot smith at gmail", false, missing),
            ("john at gmail", false, missing),
            ("john at gmail dot", false, missing),
            ("john at example dot co", false, Some(Part::Open)),
            ("john at example dot co dot uk", false, whole),
            ("my email is john underscore smith", false, missing),
            ("john underscore", false, missing),
            ("john dash", true, missing),
            ("john dot smith", true, missing),
            ("I sent you an email yesterday.", false, None),
            ("I don't have one.", true, None),
            ("I am at home.", false, None),
            ("I am not sure at this point.", false, None),
            ("Me plus one.", true, None),
            ("Meet me at the office.", false, None),
            ("I use gmail", false, None),
            ("Look at example.com", false, whole),
            ("I bought it on example.com", false, None),
            ("", true, None),
        ] {
            let words = tail(text);
            let asked = Asked([asked.then_some("What is your e-mail address?"), None]);
            let part = email(&words, asked, Language::English.turn_words());
            assert_eq!(part, expected, "{text:?}");
        }
    }
}
