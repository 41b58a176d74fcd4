//! Spoken numbers, in English.

use crate::numerals::{TENS, UNITS};

/// Largest number that is understood.
const NUMBER_MAX: i64 = 1_000_000_000_000;

const ORDINALS: [&str; 19] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];

pub(super) fn unit(word: &str) -> Option<i64> {
    UNITS
        .iter()
        .position(|unit| *unit == word)
        .and_then(|at| i64::try_from(at).ok())
}

pub(super) fn tens(word: &str) -> Option<i64> {
    let at = TENS
        .iter()
        .position(|tens| *tens == word)
        .and_then(|at| i64::try_from(at).ok());
    at.map(|at| (at + 2) * 10)
}

/// The whole number at `at`, and the place after it.
pub(super) fn cardinal(words: &[String], at: usize) -> Option<(i64, usize)> {
    let mut total = 0_i64;
    let mut current: Option<i64> = None;
    let mut place = at;
    let mut end = None;
    while let Some(word) = words.get(place) {
        let word = word.as_str();
        let round = current.is_some_and(|value| value >= 100 && value % 100 == 0);
        if word.bytes().all(|b| b.is_ascii_digit()) && current.is_none() {
            current = Some(word.parse().ok().filter(|value| *value <= NUMBER_MAX)?);
        } else if let Some(value) = unit(word) {
            current = match current {
                None => Some(value),
                Some(tens) if tens % 100 >= 20 && tens % 10 == 0 && (1..=9).contains(&value) => {
                    Some(tens + value)
                }
                Some(hundreds) if round => Some(hundreds + value),
                Some(_) => break,
            };
        } else if let Some(value) = tens(word) {
            current = match current {
                None => Some(value),
                Some(hundreds) if round => Some(hundreds + value),
                Some(_) => break,
            };
        } else if word == "hundred" && current.is_none_or(|value| (1..100).contains(&value)) {
            current = Some(current.unwrap_or(1) * 100);
        } else if let Some(scale) = scale(word) {
            let value = current.take().or((place == at).then_some(1))?;
            total = value
                .checked_mul(scale)?
                .checked_add(total)
                .filter(|total| *total <= NUMBER_MAX)?;
        } else if word == "a"
            && current.is_none()
            && words
                .get(place + 1)
                .is_some_and(|next| next == "hundred" || scale_word(next))
        {
            current = Some(1);
        } else if word == "and" && end.is_some() && (round || (current.is_none() && total > 0)) {
            // Only joins what comes after; a number does not end in it.
            place += 1;
            continue;
        } else {
            break;
        }
        place += 1;
        end = Some(place);
    }
    end.map(|end| (total + current.unwrap_or(0), end))
}

fn scale(word: &str) -> Option<i64> {
    match word {
        "thousand" => Some(1_000),
        "million" => Some(1_000_000),
        _ => None,
    }
}

fn scale_word(word: &str) -> bool {
    scale(word).is_some()
}

/// The first whole number anywhere; "minus" before it makes it negative.
pub(super) fn first(words: &[String]) -> Option<i64> {
    (0..words.len()).find_map(|at| {
        let (value, _) = cardinal(words, at)?;
        let minus = at > 0 && matches!(words[at - 1].as_str(), "minus" | "negative");
        Some(if minus { -value } else { value })
    })
}

/// The ordinal at `at` (`third`, `twenty first`, `3rd`), from 1 to 99, and the place after it.
pub(super) fn ordinal(words: &[String], at: usize) -> Option<(u8, usize)> {
    let word = words.get(at)?.as_str();
    let simple = |word: &str| {
        ORDINALS
            .iter()
            .position(|ordinal| *ordinal == word)
            .and_then(|at| u8::try_from(at + 1).ok())
    };
    if let Some(value) = simple(word) {
        return Some((value, at + 1));
    }
    if let Some(digits) = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending))
        && let Ok(value @ 1..=99) = digits.parse::<u8>()
    {
        return Some((value, at + 1));
    }
    match word {
        "twentieth" => return Some((20, at + 1)),
        "thirtieth" => return Some((30, at + 1)),
        _ => {}
    }
    let tens = u8::try_from(tens(word)?).ok()?;
    let rest = simple(words.get(at + 1)?).filter(|rest| *rest <= 9)?;
    Some((tens + rest, at + 2))
}

/// Digits said one by one, in pairs, doubled, or written; and whether nothing but digits and small words was said.
pub(super) fn digits(words: &[String]) -> (String, bool) {
    let mut digits = String::new();
    let mut only = true;
    let mut times = 1;
    for (at, word) in words.iter().enumerate() {
        let word = word.as_str();
        match word {
            "double" => times = 2,
            "triple" | "treble" => times = 3,
            "oh" | "o" | "nought" if !(times > 1 || near_digit(words, at)) => only = false,
            "hundred" if !digits.is_empty() => digits.push_str("00"),
            "thousand" if !digits.is_empty() => digits.push_str("000"),
            _ => match spoken_digits(words, at) {
                Some(piece) => {
                    let repeat = if piece.len() == 1 { times } else { 1 };
                    (0..repeat).for_each(|_| digits.push_str(&piece));
                    times = 1;
                }
                None => only &= small_word(word) || joined_to_tens(words, at),
            },
        }
    }
    (digits, only)
}

fn spoken_digits(words: &[String], at: usize) -> Option<String> {
    let word = words[at].as_str();
    if matches!(word, "oh" | "o" | "nought") {
        return Some("0".to_owned());
    }
    if word.chars().any(|sign| sign.is_ascii_digit()) {
        return Some(word.chars().filter(char::is_ascii_digit).collect());
    }
    if joined_to_tens(words, at) {
        return None;
    }
    if let Some(value) = tens(word) {
        let rest = words
            .get(at + 1)
            .and_then(|next| unit(next))
            .filter(|rest| (1..=9).contains(rest));
        return Some((value + rest.unwrap_or(0)).to_string());
    }
    unit(word).map(|value| value.to_string())
}

/// True for the `five` of `twenty five`, which the `twenty` has taken along.
fn joined_to_tens(words: &[String], at: usize) -> bool {
    at > 0
        && tens(&words[at - 1]).is_some()
        && unit(&words[at]).is_some_and(|value| (1..=9).contains(&value))
}

/// "Oh" is a zero beside a digit, and a sigh elsewhere.
fn near_digit(words: &[String], at: usize) -> bool {
    let is_digit = |word: &String| {
        unit(word).is_some()
            || tens(word).is_some()
            || matches!(word.as_str(), "oh" | "o" | "double" | "triple")
            || word.bytes().all(|b| b.is_ascii_digit())
    };
    words.get(at + 1).is_some_and(is_digit)
        || at
            .checked_sub(1)
            .is_some_and(|before| is_digit(&words[before]))
}

fn small_word(word: &str) -> bool {
    matches!(
        word,
        "um" | "uh"
            | "er"
            | "erm"
            | "and"
            | "then"
            | "dash"
            | "plus"
            | "its"
            | "the"
            | "is"
            | "number"
            | "my"
            | "that"
            | "thats"
            | "so"
            | "ok"
            | "okay"
            | "yes"
            | "yeah"
            | "well"
            | "please"
            | "area"
            | "code"
    )
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn numbers_are_understood() {
        let cases: &[(&str, Option<i64>)] = &[
            ("five", Some(5)),
            ("it's twenty-five I think", Some(25)),
            ("one hundred and twenty", Some(120)),
            ("a hundred", Some(100)),
            ("hundred", Some(100)),
            ("two thousand five hundred and one", Some(2501)),
            ("three hundred thousand", Some(300_000)),
            ("one thousand and one", Some(1001)),
            ("1,200", Some(1200)),
            ("3 hundred", Some(300)),
            ("minus seven", Some(-7)),
            ("two three", Some(2)),
            ("five and six", Some(5)),
            ("ten out of ten", Some(10)),
            ("a few", None),
            ("", None),
            ("99999999999999999999", None),
            ("million million million", Some(1_000_000)),
        ];
        for (text, want) in cases {
            assert_eq!(first(&words(text)), *want, "{text}");
        }
    }

    #[test]
    fn ordinals_are_understood() {
        for (text, want) in [
            ("third", Some(3)),
            ("3rd", Some(3)),
            ("twenty first", Some(21)),
            ("thirtieth", Some(30)),
            ("three", None),
        ] {
            assert_eq!(
                ordinal(&words(text), 0).map(|(value, _)| value),
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn digits_are_understood() {
        for (text, want, only) in [
            ("five five five oh one four two", "5550142", true),
            ("555-0142", "5550142", true),
            ("double five, triple oh, nine", "550009", true),
            ("my number is 555 0142", "5550142", true),
            ("twenty five nineteen", "2519", true),
            ("one eight hundred five five five", "1800555", true),
            ("oh, I don't know", "", false),
            ("oh seven", "07", true),
            ("um, it's zero two", "02", true),
            ("five apples", "5", false),
            ("", "", true),
        ] {
            assert_eq!(digits(&words(text)), (want.to_owned(), only), "{text}");
        }
    }
}
