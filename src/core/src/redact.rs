//! Numbers of payment cards, found in what was said and taken out before anybody writes it down.
//!
//! A card's number is a row of 13 to 19 digits that begins as one of an issuer's does and whose check digit is right (ISO/IEC
//! 7812-1: the sum of Luhn). The digits may be written or spoken, in groups of any size, with signs or the words of somebody
//! who dictates between them. One row of digits in ten has the right check digit by chance, so a number of another kind
//! may be taken for a card's; no card's number is let through for that.

mod digits;
mod values;

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use digits::{Digit, rows};
pub use values::values;

/// Fewest digits of a card's number.
pub const CARD_DIGITS_MIN: usize = 13;
/// Most of them.
pub const CARD_DIGITS_MAX: usize = 19;
/// So many digits tell whose number it is.
const ISSUER_DIGITS: usize = 4;
/// So many of a card's digits may be shown at its beginning, and four at its end (PCI DSS 3.4.1).
pub const FIRST_SHOWN_MAX: usize = 6;

/// So many digits of a card tell nobody its number, if none but them are told: as many as the first six and the last four,
/// which may be shown together.
const HARMLESS_MAX: usize = FIRST_SHOWN_MAX + 4;

/// Where a card's number stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Card {
    bytes: Range<usize>,
    /// Its last four digits, if it is one number.
    ending: Option<String>,
}

impl Card {
    fn marker(&self) -> String {
        match &self.ending {
            Some(ending) => format!("[card number ending {ending}]"),
            None => "[card number]".to_owned(),
        }
    }
}

/// The text with a mark in place of each card's number, which tells its last four digits at most.
pub fn cards(text: &str) -> Cow<'_, str> {
    masked(text, find(text))
}

/// The same for whoever was told the first digits: nothing of the number is told.
pub fn whole_cards(text: &str) -> Cow<'_, str> {
    let mut found = find(text);
    found.iter_mut().for_each(|card| card.ending = None);
    masked(text, found)
}

fn masked(text: &str, found: Vec<Card>) -> Cow<'_, str> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_owned();
    for card in found.iter().rev() {
        out.replace_range(card.bytes.clone(), &card.marker());
    }
    Cow::Owned(out)
}

/// Whether a card's number is in it.
pub fn has_card(text: &str) -> bool {
    !find(text).is_empty()
}

/// The same as [`cards`] of a text that comes in pieces: `before` stands already and cannot be changed, the pieces can. True if anything
/// was taken out. Where more of a number stands already than may be shown, or `is_told` elsewhere,
/// its end is not told.
pub fn cards_across(before: &str, pieces: &mut [&mut String], is_told: bool) -> bool {
    let mut joined = before.to_owned();
    let mut places = Vec::with_capacity(pieces.len());
    for piece in pieces.iter() {
        joined.push(' ');
        let from = joined.len();
        joined.push_str(piece);
        places.push(from..joined.len());
    }
    let mut found = find(&joined);
    found.retain(|card| card.bytes.end > before.len());
    for card in found.iter_mut().rev() {
        let shown = joined.get(card.bytes.start.min(before.len())..before.len());
        if is_told || shown.is_some_and(|shown| count(shown) > FIRST_SHOWN_MAX) {
            card.ending = None;
        }
        let mut marker = card.marker();
        for (piece, place) in pieces.iter_mut().zip(&places) {
            let from = card.bytes.start.max(place.start);
            let to = card.bytes.end.min(place.end);
            if from < to {
                let cut = from - place.start..to - place.start;
                piece.replace_range(cut, &std::mem::take(&mut marker));
            }
        }
        // Places behind what was cut are not looked at again: the cards come last first. A piece may hold two of them, and
        // only its end has moved.
    }
    !found.is_empty()
}

/// The row of digits that a text ends in, to which more may be said: its first byte, and how many digits it has.
pub fn trailing(text: &str) -> Option<(usize, usize)> {
    let (rows, is_open) = rows(text);
    let row = rows.last().filter(|_| is_open)?;
    Some((row.first()?.from, row.len()))
}

/// Whether a text ends in more digits of what may become a card's number than may be told: a telephone number is not, and no
/// more is the number of an order that begins as no issuer's.
pub fn is_most_of_card(text: &str) -> bool {
    let (rows, goes_on) = rows(text);
    let Some(row) = rows.last().filter(|_| goes_on) else {
        return false;
    };
    let begins = row.iter().enumerate().filter(|(_, digit)| digit.begins);
    let mut rests = begins.filter_map(|(at, _)| row.get(at..));
    rests.any(|rest| {
        let first = rest.iter().take(ISSUER_DIGITS);
        let values: Vec<u8> = first.clone().map(|digit| digit.value).collect();
        // With a digit that may be left out there are several readings.
        let is_open = first.into_iter().any(|digit| digit.is_loose);
        rest.len() > HARMLESS_MAX && (is_open || is_issuers(&values))
    })
}

fn count(text: &str) -> usize {
    rows(text).0.iter().map(Vec::len).sum()
}

/// All numbers of cards, in order; those that lie over each other are one.
fn find(text: &str) -> Vec<Card> {
    let (rows, _) = rows(text);
    let mut windows: Vec<Card> = rows.iter().flat_map(|row| windows(row)).collect();
    windows.sort_by_key(|card| (card.bytes.start, card.bytes.end));
    let mut cards: Vec<Card> = Vec::new();
    for card in windows {
        match cards.last_mut() {
            // What lies within another is masked with it.
            Some(last) if last.bytes.end >= card.bytes.end => {}
            Some(last) if last.bytes.end > card.bytes.start => {
                last.bytes.end = last.bytes.end.max(card.bytes.end);
                last.ending = None;
            }
            _ => cards.push(card),
        }
    }
    cards
}

/// Every part of a row that is a card's number.
fn windows(row: &[Digit]) -> Vec<Card> {
    let mut found = Vec::new();
    for from in (0..row.len()).filter(|at| row.get(*at).is_some_and(|d| d.begins)) {
        let mut path = Vec::with_capacity(CARD_DIGITS_MAX);
        follow(row, from, from, &mut path, &mut found);
    }
    found
}

/// Goes on with a number that begins at `from`, by each way of reading what follows.
fn follow(row: &[Digit], from: usize, at: usize, path: &mut Vec<u8>, found: &mut Vec<Card>) {
    if path.len() == ISSUER_DIGITS && !is_issuers(path) {
        return;
    }
    if path.len() >= CARD_DIGITS_MIN
        && let (Some(first), Some(last)) = (row.get(from), row.get(at - 1))
        && (last.ends || usual_lengths(first.value).contains(&path.len()))
        && sum(path.iter().copied()).is_multiple_of(10)
    {
        let ending = path.iter().skip(path.len() - 4);
        found.push(Card {
            bytes: first.from..last.to,
            ending: Some(ending.map(|d| char::from(b'0' + d)).collect()),
        });
    }
    let Some(digit) = row.get(at).filter(|_| path.len() < CARD_DIGITS_MAX) else {
        return;
    };
    path.push(digit.value);
    follow(row, from, at + 1, path, found);
    path.pop();
    if digit.is_loose {
        follow(row, from, at + 1, path, found);
    }
}

/// How long numbers are that begin so, if nothing else says where they end.
fn usual_lengths(first: u8) -> RangeInclusive<usize> {
    match first {
        3 => 14..=16,
        _ => 16..=16,
    }
}

/// Whether a number of digits as text has the right check digit, as all numbers of cards have.
pub fn is_luhn(digits: &str) -> bool {
    let values: Option<Vec<u8>> = digits.bytes().map(|b| b.checked_sub(b'0')).collect();
    values.is_some_and(|values| {
        !values.is_empty()
            && values.iter().all(|d| *d <= 9)
            && sum(values.iter().copied()) % 10 == 0
    })
}

fn sum(digits: impl DoubleEndedIterator<Item = u8>) -> u32 {
    let from_the_end = digits.rev().enumerate();
    from_the_end
        .map(|(at, digit)| match (at % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, twice @ 10..) => twice - 9,
            (_, twice) => twice,
        })
        .sum()
}

/// Beginnings of cards' numbers: Visa, Mastercard, American Express, Diners, JCB, Discover, Maestro, UnionPay, Mir, Troy,
/// RuPay (ISO/IEC 7812 and the schemes' published ranges).
fn is_issuers(digits: &[u8]) -> bool {
    let first = |count: usize| {
        let first = digits.iter().take(count);
        first.fold(0, |sum, digit| sum * 10 + u32::from(*digit))
    };
    matches!(first(1), 4)
        || matches!(first(2), 34 | 36..=39 | 50..=69 | 81 | 82)
        || matches!(first(3), 300..=305 | 309)
        || matches!(first(4), 2200..=2204 | 2221..=2720 | 3528..=3589 | 9792)
}

#[cfg(test)]
mod tests;
