//! Digits in a text, written and spoken, in rows.

use crate::numerals::{TENS, UNITS};

/// Words for 0 that are not its name.
const ZEROS: [&str; 6] = ["oh", "o", "nought", "naught", "null", "nil"];
/// Words by which the next digit is said several times.
const TIMES: [(&str, usize); 5] = [
    ("double", 2),
    ("triple", 3),
    ("treble", 3),
    ("quadruple", 4),
    ("quad", 4),
];
/// What people say between the digits that they dictate; these end no row.
const BETWEEN: [&str; 26] = [
    "dash", "hyphen", "minus", "space", "blank", "point", "dot", "period", "comma", "slash",
    "colon", "then", "and", "next", "again", "um", "uh", "uhm", "er", "erm", "hm", "hmm", "ok",
    "okay", "so", "well",
];
/// Where digits of other scripts begin: Arabic, Persian, Devanagari, Bengali, full width.
const ZEROS_ELSEWHERE: [u32; 5] = [0x660, 0x6F0, 0x966, 0x9E6, 0xFF10];

/// One digit, and the bytes of the text that say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digit {
    pub(super) value: u8,
    pub(super) from: usize,
    pub(super) to: usize,
    /// A number may begin with it: with any that is written, and the first of a word.
    pub(super) begins: bool,
    /// The last of it.
    pub(super) ends: bool,
    /// The zero of a ten, in whose place the unit behind it may stand: "forty one" is 41, or 40 and 1.
    pub(super) is_loose: bool,
}

/// A written digit of any script.
pub(super) fn value(c: char) -> Option<u8> {
    if c.is_ascii_digit() {
        return u8::try_from(c).ok().map(|b| b - b'0');
    }
    let code = u32::from(c);
    let zero = ZEROS_ELSEWHERE
        .into_iter()
        .find(|zero| (*zero..zero + 10).contains(&code))?;
    u8::try_from(code - zero).ok()
}

/// A part of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digits,
    Word,
    Sign,
}

fn kind(c: char) -> Kind {
    if value(c).is_some() {
        Kind::Digits
    } else if c.is_alphabetic() {
        Kind::Word
    } else {
        Kind::Sign
    }
}

/// Parts of one kind, with their first bytes.
fn parts(text: &str) -> impl Iterator<Item = (Kind, usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let of = kind(rest.chars().next()?);
        let length = rest.find(|c| kind(c) != of).unwrap_or(rest.len());
        let part = (of, at, &rest[..length]);
        at += length;
        Some(part)
    })
}

/// The rows of digits of a text, and whether the last goes on to its end.
pub(super) fn rows(text: &str) -> (Vec<Vec<Digit>>, bool) {
    let mut reader = Reader::default();
    for (kind, at, part) in parts(text) {
        match kind {
            Kind::Sign => {}
            Kind::Digits => reader.written(at, part),
            Kind::Word => reader.word(at, part),
        }
    }
    let is_open = !reader.row.is_empty();
    reader.end();
    (reader.rows, is_open)
}

#[derive(Default)]
struct Reader {
    rows: Vec<Vec<Digit>>,
    row: Vec<Digit>,
    /// The next digit is said so many times, since this byte.
    times: Option<(usize, usize)>,
    /// The last word was a ten.
    is_ten: bool,
}

impl Reader {
    fn written(&mut self, at: usize, part: &str) {
        self.is_ten = false;
        let count = part.chars().count();
        if let (Some((times, from)), 1, Some(one)) = (
            self.times.take(),
            count,
            part.chars().next().and_then(value),
        ) {
            return self.group(&vec![one; times], from, at + part.len());
        }
        for (place, (offset, c)) in part.char_indices().enumerate() {
            self.row.push(Digit {
                value: value(c).unwrap_or_default(),
                from: at + offset,
                to: at + offset + c.len_utf8(),
                // Something else may stand right before a number, as a key that was pressed before.
                begins: true,
                ends: place + 1 == count,
                is_loose: false,
            });
        }
    }

    /// A word, which may be several digits.
    fn group(&mut self, values: &[u8], from: usize, to: usize) {
        let last = values.len().saturating_sub(1);
        self.row
            .extend(values.iter().enumerate().map(|(place, value)| Digit {
                value: *value,
                from,
                to,
                begins: place == 0,
                ends: place == last,
                is_loose: false,
            }));
    }

    fn word(&mut self, at: usize, word: &str) {
        let small = word.to_lowercase();
        let to = at + word.len();
        let was_ten = std::mem::take(&mut self.is_ten);
        let unit = UNITS.iter().position(|unit| *unit == small);
        let unit = unit.or_else(|| ZEROS.contains(&&*small).then_some(0));
        let ten = TENS.iter().position(|ten| *ten == small);
        let times = TIMES.iter().find(|(name, _)| *name == small);
        match (unit.and_then(|unit| u8::try_from(unit).ok()), ten) {
            (Some(unit @ 0..=9), _) => {
                if let Some(zero) = self.row.last_mut().filter(|_| was_ten && unit > 0) {
                    zero.is_loose = true;
                }
                let (times, from) = self.times.take().unwrap_or((1, at));
                self.group(&vec![unit; times], from, to);
            }
            (Some(teen), _) => self.group(&[teen / 10, teen % 10], at, to),
            (None, Some(ten)) => {
                let ten = u8::try_from(ten + 2).unwrap_or_default();
                self.group(&[ten, 0], at, to);
                self.is_ten = true;
            }
            (None, None) if small == "hundred" && !self.row.is_empty() => {
                self.group(&[0, 0], at, to);
            }
            (None, None) if small == "thousand" && !self.row.is_empty() => {
                self.group(&[0, 0, 0], at, to);
            }
            (None, None) => match times {
                Some((_, times)) => self.times = Some((*times, at)),
                None if BETWEEN.contains(&&*small) => {}
                None => self.end(),
            },
        }
    }

    fn end(&mut self) {
        self.times = None;
        if !self.row.is_empty() {
            self.rows.push(std::mem::take(&mut self.row));
        }
    }
}
