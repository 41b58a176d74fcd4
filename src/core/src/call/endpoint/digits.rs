//! Numbers at the end of a turn: said in passing, or dictated digit by digit.
//!
//! Whether a number is whole is a matter of how many digits it has and of what it is the number. The turn model does not
//! know: it scores "my reference is one zero zero" before the rest as high as the whole.

use super::tail::{Word, ends_with, last};
use super::words::TurnWords;
use super::{Asked, Part};

/// Words before a number among which its name is looked for.
const NAME_WITHIN_WORDS: usize = 8;
/// People say a number in groups of three or four digits: so many without a pause are no group of a longer one.
const GROUP_DIGITS_MAX: usize = 5;
/// The shortest numbers of payment cards.
const CARD_DIGITS: usize = 13;

/// What a number is the number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    Phone,
    Card,
    Reference,
    /// A room, a flight.
    Short,
}

/// The number that words end in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) digits: usize,
    /// How many words it is.
    pub(super) words: usize,
    /// It begins with 0.
    is_national: bool,
    /// A time, a year, a sum: nobody dictates these.
    pub(super) is_amount: bool,
}

/// The number at the end of the words; one without digits if there is none.
pub(super) fn trailing(words: &[Word<'_>], language: &TurnWords) -> Number {
    let mut number = Number::default();
    for word in words.iter().rev() {
        let written = written_digits(word);
        if written > 0 {
            number.is_amount = number.words == 0 && is_amount(word.bare);
            number.digits += written;
        } else if word.is_in(language.digits) || word.is_in(language.doubles) {
            number.digits += 1;
        } else {
            break;
        }
        number.is_national = word.bare.starts_with('0') || word.is_in(language.zeros);
        number.words += 1;
    }
    // Of a longer row it is one more group.
    number.is_amount &= number.words == 1;
    number
}

/// Digits of a word that has nothing else but signs, and is no sum of money or share.
fn written_digits(word: &Word<'_>) -> usize {
    if word.raw.contains(['$', '€', '£', '%']) {
        return 0;
    }
    let is_sign = |c: char| matches!(c, '-' | '.' | ',' | ':' | '/' | '(' | ')' | '+');
    let is_number = word.bare.chars().all(|c| c.is_ascii_digit() || is_sign(c));
    match is_number {
        true => word.bare.bytes().filter(u8::is_ascii_digit).count(),
        false => 0,
    }
}

/// "10:30", "2.50", "1,250", "2026".
fn is_amount(bare: &str) -> bool {
    let is_year = bare.len() == 4
        && (bare.starts_with("19") || bare.starts_with("20"))
        && bare.bytes().all(|b| b.is_ascii_digit());
    let is_short = bare.len() <= 7 && !bare.contains('-');
    is_year || (is_short && bare.contains([':', '.', ',', '/']))
}

/// What the words say a number is of, the nearest first. "Number" alone is a telephone's, to people on one.
pub(super) fn cue(words: &[Word<'_>], language: &TurnWords) -> Option<Cue> {
    let mut usual = None;
    for end in (1..=words.len()).rev() {
        let upto = words.get(..end).unwrap_or_default();
        let Some(word) = upto.last() else {
            break;
        };
        if word.is_in(language.reference) {
            return Some(Cue::Reference);
        }
        if word.is_in(language.card) {
            return Some(Cue::Card);
        }
        if word.is_in(language.short_number) {
            return Some(Cue::Short);
        }
        if ends_with(upto, language.phone) {
            return Some(Cue::Phone);
        }
        if word.is_in(language.number) {
            usual = Some(Cue::Phone);
        }
    }
    usual
}

/// How much there is of the number that the words end in. `None`: it was said in passing, or there is none. `asked` is
/// what the agent has asked for.
pub(super) fn part(
    words: &[Word<'_>],
    number: Number,
    asked: Asked<'_>,
    language: &TurnWords,
) -> Option<Part> {
    if number.digits == 0 {
        return None;
    }
    let before = words.get(..words.len().saturating_sub(number.words));
    let before = last(before.unwrap_or_default(), NAME_WITHIN_WORDS);
    let cue = cue(before, language).or_else(|| asked.number(language));
    if cue.is_none() && number.is_amount {
        return None;
    }
    let goes_on = words
        .last()
        .is_some_and(|word| word.trails_off() || word.is_in(language.doubles));
    // "My number is five", but not "he is number five".
    let named = before.split_last().map_or(before, |(_, named)| named);
    let is_named = || named.iter().any(|word| word.is_in(language.number));
    let lengths = &language.phone_lengths;
    let longest = lengths.iter().max().copied().unwrap_or_default();
    let shortest = lengths.iter().min().copied().unwrap_or_default();
    let is_phone = |digits| digits >= longest || (lengths.contains(&digits) && !number.is_national);
    Some(match (cue, number.digits) {
        (Some(Cue::Short), 1..=GROUP_DIGITS_MAX) => return None,
        // "Call me at three."
        (Some(Cue::Phone), 1..=2) if is_named() => Part::Missing,
        (_, 1..=2) => return None,
        (_, 3..) if goes_on => Part::Missing,
        (Some(Cue::Phone), digits) if is_phone(digits) => Part::Whole,
        (Some(Cue::Phone), digits) if digits > shortest => Part::Open,
        (Some(Cue::Phone), _) => Part::Missing,
        (Some(Cue::Card), CARD_DIGITS..) => Part::Whole,
        (Some(Cue::Card), _) => Part::Missing,
        (_, 3) => Part::Group,
        (Some(Cue::Reference), 4..=GROUP_DIGITS_MAX) => Part::Open,
        (None, 4..=GROUP_DIGITS_MAX) => Part::Loose,
        (None, digits) if !is_phone(digits) => Part::Open,
        (None, _) => Part::Whole,
        (Some(Cue::Reference | Cue::Short), _) => Part::Long,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tail::tail;
    use super::*;
    use crate::language::Language;

    #[test]
    fn a_number_is_whole_by_its_length_and_name() {
        let table: [(&str, Option<Cue>, usize, Option<Part>); 48] = [
            ("My number is five five five", None, 3, Some(Part::Missing)),
            ("My number is five", None, 1, Some(Part::Missing)),
            ("My number is 555-0142.", None, 7, Some(Part::Whole)),
            ("My number is by 55-142.", None, 5, Some(Part::Missing)),
            ("My phone number is 555 123", None, 6, Some(Part::Missing)),
            ("It's my mobile, 555 123 45", None, 8, Some(Part::Open)),
            ("It's my mobile, 555 123 4567", None, 10, Some(Part::Whole)),
            ("My number is 0207 946", None, 7, Some(Part::Missing)),
            (
                "My number is oh two oh seven, 9460 123",
                None,
                11,
                Some(Part::Whole),
            ),
            ("+1 (555) 123-4567", None, 11, Some(Part::Whole)),
            ("my number is five double", None, 2, Some(Part::Missing)),
            ("Call me on 555 01 double", None, 6, Some(Part::Missing)),
            ("five, five, five,", None, 3, Some(Part::Missing)),
            ("Number one.", None, 1, None),
            ("He lives at number 10.", None, 2, None),
            ("It costs $250.", None, 0, None),
            ("You get 25%", None, 0, None),
            ("Call me at three.", None, 1, None),
            ("My reference is 100104.", None, 6, Some(Part::Long)),
            ("reference 100104", None, 6, Some(Part::Long)),
            ("my reference number is 1001", None, 4, Some(Part::Open)),
            ("My reference is one zero zero.", None, 3, Some(Part::Group)),
            ("My reference is 100104,", None, 6, Some(Part::Missing)),
            ("It is 555 0142.", None, 7, Some(Part::Whole)),
            ("100104.", None, 6, Some(Part::Open)),
            ("It's 7-3-2-1.", None, 4, Some(Part::Loose)),
            ("five five five", None, 3, Some(Part::Group)),
            ("five five five", Some(Cue::Phone), 3, Some(Part::Missing)),
            ("1001", Some(Cue::Reference), 4, Some(Part::Open)),
            ("The card is 4000 0000", None, 8, Some(Part::Missing)),
            (
                "the card is 4000 0000 0000 1234",
                None,
                16,
                Some(Part::Whole),
            ),
            ("Room 304.", None, 3, None),
            ("Flight 1204.", None, 4, None),
            ("304", Some(Cue::Short), 3, None),
            ("It's at three.", None, 1, None),
            ("At 10:30.", None, 4, None),
            ("In 2026.", None, 4, None),
            ("It cost 2.50.", None, 3, None),
            ("About 1,250", None, 4, None),
            (
                "I moved there in 2019",
                Some(Cue::Phone),
                4,
                Some(Part::Missing),
            ),
            ("double five double oh one", None, 5, Some(Part::Loose)),
            ("I have no number.", None, 0, None),
            ("No.", Some(Cue::Phone), 0, None),
            ("", None, 0, None),
            ("B4719", None, 0, None),
            ("My ticket is B 4719", None, 4, Some(Part::Open)),
            ("Monday 10:30 2026", None, 8, Some(Part::Open)),
            ("- , .", None, 0, None),
        ];
        let english = Language::English.turn_words();
        for (text, asked, digits, expected) in table {
            let words = tail(text);
            let number = trailing(&words, english);
            assert_eq!(number.digits, digits, "{text:?}");
            let question = asked.map(|asked| match asked {
                Cue::Phone => "What is your phone number?",
                Cue::Card => "What is your card's number?",
                Cue::Reference => "What is your reference?",
                Cue::Short => "Which room?",
            });
            let asked = Asked([question, None]);
            assert_eq!(part(&words, number, asked, english), expected, "{text:?}");
        }
    }

    #[test]
    fn other_languages_have_their_names_and_lengths() {
        for (language, text, expected) in [
            (
                Language::German,
                "Meine Telefonnummer ist null eins sieben",
                Some(Part::Missing),
            ),
            (
                Language::German,
                "Die Kundennummer ist 100104.",
                Some(Part::Long),
            ),
            (Language::French, "Mon numéro est zéro six douze", None),
            (
                Language::French,
                "Mon numéro est 06 12 34 56 78",
                Some(Part::Whole),
            ),
            (
                Language::Spanish,
                "Mi teléfono es 612 345 678",
                Some(Part::Whole),
            ),
            (
                Language::Spanish,
                "Mi teléfono es seis uno dos",
                Some(Part::Missing),
            ),
        ] {
            let (words, language) = (tail(text), language.turn_words());
            let number = trailing(&words, language);
            assert_eq!(
                part(&words, number, Asked::default(), language),
                expected,
                "{text:?}"
            );
        }
    }
}
