//! Where somebody lives, at the end of a turn.

use super::tail::{Word, holds, last};
use super::words::TurnWords;
use super::{Asked, Part};

/// Words of a street with its number.
const STREET_WORDS: usize = 5;
/// Words among which its announcement is looked for.
const CUE_WORDS: usize = 10;
/// The longest house numbers.
const HOUSE_DIGITS_MAX: usize = 5;

/// How much there is of the address that the words end in. `None`: they end in none. A street and a number are never
/// known to be all: the town may follow.
pub(super) fn part(words: &[Word<'_>], asked: Asked<'_>, language: &TurnWords) -> Option<Part> {
    let window = last(words, STREET_WORDS);
    let end = window.last()?;
    let is_street = |word: &Word<'_>| is_street(word, language);
    let is_number = |word: &Word<'_>| is_house_number(word, language);
    let (ends_in_number, ends_in_street) = (is_number(end), is_street(end));
    if ends_in_street && window.iter().any(is_number) {
        return Some(Part::Open);
    }
    if !ends_in_number {
        return None;
    }
    if window.iter().any(is_street) {
        return Some(Part::Open);
    }
    let is_told = holds(last(words, CUE_WORDS), language.address) || asked.holds(language.address);
    is_told.then_some(Part::Loose)
}

fn is_street(word: &Word<'_>, language: &TurnWords) -> bool {
    let small = word.bare.to_lowercase();
    language.streets.contains(&small.as_str())
        || language.street_ends.iter().any(|end| small.ends_with(end))
}

/// "12", "12b", "twelve".
fn is_house_number(word: &Word<'_>, language: &TurnWords) -> bool {
    let digits = word.bare.bytes().take_while(u8::is_ascii_digit).count();
    let rest = word.bare.get(digits..).unwrap_or_default();
    let is_written = (1..=HOUSE_DIGITS_MAX).contains(&digits)
        && (rest.is_empty() || rest.len() == 1 && rest.chars().all(char::is_alphabetic));
    is_written || word.is_in(language.digits) || word.is_in(language.numbers)
}

#[cfg(test)]
mod tests {
    use super::super::tail::tail;
    use super::*;
    use crate::language::Language;

    #[test]
    fn a_street_is_not_all_of_an_address() {
        let (english, german) = (Language::English, Language::German);
        for (language, text, asked, expected) in [
            (
                english,
                "My address is twelve Baker Street.",
                false,
                Some(Part::Open),
            ),
            (english, "221b Baker Street", false, Some(Part::Open)),
            (
                english,
                "I live at two hundred and forty",
                false,
                Some(Part::Loose),
            ),
            (english, "It's 240", true, Some(Part::Loose)),
            (english, "It's 240", false, None),
            (english, "twelve Baker Street, Springfield.", false, None),
            (english, "I am on my way.", false, None),
            (english, "It is the second place.", false, None),
            (english, "I live at home.", false, None),
            (english, "Yes.", true, None),
            (english, "", true, None),
            (
                german,
                "Ich wohne in der Hauptstraße 12",
                false,
                Some(Part::Open),
            ),
            (german, "Ich wohne in der Hauptstraße", false, None),
            (Language::French, "12 rue", false, Some(Part::Open)),
        ] {
            let asked = Asked([asked.then_some("What is your address?"), None]);
            let part = part(&tail(text), asked, language.turn_words());
            assert_eq!(part, expected, "{text:?}");
        }
    }
}
