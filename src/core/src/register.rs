//! Files of registers of people who do not want to be called: which column is a number, and how a country writes one.
//!
//! Registers are given out as a number in each line, as tables with a column of numbers, or as area code and number (the
//! flat file of the national registry of the United States). Where a text can be read as two numbers both are listed: to
//! call one too few is the smaller mistake.

use crate::geo::Place;
use crate::phone::PhoneNumber;

/// How a country writes its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// ISO 3166-1 alpha-2.
    country: &'static str,
    /// The country code, in digits.
    code: &'static str,
    /// What is dialled within the country in front of a number, and is no part of it.
    trunk: Option<char>,
    /// Digits of a national number, at least and at most.
    digits: (usize, usize),
}

/// Of the countries that the shipped rules know registers of. Lengths are those of the national plans that ITU-T publishes.
const NUMBERINGS: [Numbering; 9] = [
    numbering_of("US", "1", None, (10, 10)),
    numbering_of("CA", "1", None, (10, 10)),
    numbering_of("GB", "44", Some('0'), (9, 10)),
    // What others dial as a trunk prefix is part of an Italian number.
    numbering_of("IT", "39", None, (6, 11)),
    numbering_of("BE", "32", Some('0'), (8, 9)),
    numbering_of("IE", "353", Some('0'), (7, 9)),
    numbering_of("AU", "61", Some('0'), (9, 9)),
    numbering_of("SG", "65", None, (8, 8)),
    numbering_of("TR", "90", Some('0'), (10, 10)),
];

/// Names of columns that hold a number, in lower case without marks.
const NUMBER_NAMES: [&str; 15] = [
    "phonenumber",
    "phone",
    "number",
    "telephonenumber",
    "telephone",
    "tel",
    "msisdn",
    "e164",
    "contactnumber",
    "tonumber",
    "mobile",
    "cli",
    "telefono",
    "numero",
    "numerotelefono",
];
/// Names of columns that hold an area code, as the others.
const AREA_NAMES: [&str; 3] = ["areacode", "npa", "area"];

const fn numbering_of(
    country: &'static str,
    code: &'static str,
    trunk: Option<char>,
    digits: (usize, usize),
) -> Numbering {
    Numbering {
        country,
        code,
        trunk,
        digits,
    }
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no number where one should be.
    NoNumber,
    /// The number is another country's.
    OtherCountry,
}

impl Fault {
    /// Its stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoNumber => "invalid_number",
            Self::OtherCountry => "other_country",
        }
    }
}

/// What a text can be read as: one number, or two.
pub type Numbers = (PhoneNumber, Option<PhoneNumber>);

impl Numbering {
    /// That of a place's country; none where it is not known, and only international numbers are understood.
    #[must_use]
    pub fn of(place: Place) -> Option<Self> {
        let country = place.country().to_string();
        NUMBERINGS.into_iter().find(|n| n.country == country)
    }

    /// The first digits of all its numbers, as `+44`.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("+{}", self.code)
    }

    fn is_north_american(&self) -> bool {
        self.code == "1"
    }

    /// Whether these digits can be a national number.
    fn is_national(&self, digits: &str) -> bool {
        let (least, most) = match (self.country, digits.as_bytes().first()) {
            // Mobiles, which are shorter than the longest.
            ("IT", Some(b'3')) => (9, 10),
            _ => self.digits,
        };
        let begins_well = |at: usize| digits.as_bytes().get(at).is_some_and(|b| *b >= b'2');
        (least..=most).contains(&digits.len())
            && (!self.is_north_american() || (begins_well(0) && begins_well(3)))
    }

    fn whole(&self, national: &str) -> Option<PhoneNumber> {
        PhoneNumber::parse(&format!("+{}{national}", self.code)).ok()
    }
}

/// What a text is, in a file of a country's register.
///
/// # Errors
/// It is none, or another country's.
pub fn read(text: &str, numbering: Option<&Numbering>) -> Result<Numbers, Fault> {
    let mark = |c: &char| {
        c.is_whitespace()
            || matches!(
                c,
                '-' | '.' | '/' | '(' | ')' | '\'' | '\u{2010}'..='\u{2013}'
            )
    };
    let plain: String = text.chars().filter(|c| !mark(c)).take(32).collect();
    let international = plain.strip_prefix('+').or_else(|| {
        plain
            .strip_prefix("00")
            .filter(|_| !plain.starts_with("000"))
    });
    if let Some(digits) = international {
        let number = PhoneNumber::parse(&format!("+{digits}")).map_err(|_| Fault::NoNumber)?;
        return match numbering {
            Some(own) if !digits.starts_with(own.code) => Err(Fault::OtherCountry),
            _ => Ok((number, None)),
        };
    }
    let numbering = numbering.ok_or(Fault::NoNumber)?;
    if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::NoNumber);
    }
    if let Some(national) = numbering.trunk.and_then(|trunk| plain.strip_prefix(trunk)) {
        let found = numbering.whole(national);
        let found = found.filter(|_| numbering.is_national(national));
        return found.map(|number| (number, None)).ok_or(Fault::NoNumber);
    }
    // Tables lose zeros in front, and marks of what is international.
    let national = numbering
        .whole(&plain)
        .filter(|_| numbering.is_national(&plain));
    let rest = plain.strip_prefix(numbering.code);
    let whole = rest
        .filter(|rest| numbering.is_national(rest))
        .and_then(|rest| numbering.whole(rest));
    match (national, whole) {
        (Some(one), other) => Ok((one, other)),
        (None, Some(one)) => Ok((one, None)),
        (None, None) => Err(Fault::NoNumber),
    }
}

/// Where the numbers of a table are, as indices of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In one column.
    One(usize),
    /// An area code, and what comes behind it.
    Split(usize, usize),
}

/// Which column holds the numbers cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoColumn;

/// A name in lower case, without marks.
fn bare(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

impl Layout {
    /// By the first row of a file, and whether that row holds names and no number. `column` is the name of the column.
    ///
    /// # Errors
    /// [`NoColumn`].
    pub fn of(
        first: &[&str],
        column: Option<&str>,
        numbering: Option<&Numbering>,
    ) -> Result<(Self, bool), NoColumn> {
        if let Some(column) = column {
            let wanted = column.trim();
            let is_it = |name: &&str| name.trim().eq_ignore_ascii_case(wanted);
            let at = first.iter().position(is_it).ok_or(NoColumn)?;
            return Ok((Self::One(at), true));
        }
        let names: Vec<String> = first.iter().map(|name| bare(name)).collect();
        let named = |known: &[&str]| {
            let mut found = (0..names.len()).filter(|at| known.contains(&names[*at].as_str()));
            (found.next(), found.next())
        };
        let area = named(&AREA_NAMES).0;
        match (area, named(&NUMBER_NAMES)) {
            (Some(area), (Some(local), _)) => return Ok((Self::Split(area, local), true)),
            (None, (Some(at), None)) => return Ok((Self::One(at), true)),
            _ => {}
        }
        let digits = |at: usize, count: usize| {
            let cell = first.get(at).map_or("", |cell| cell.trim());
            cell.len() == count && cell.bytes().all(|b| b.is_ascii_digit())
        };
        let is_american = numbering.is_some_and(Numbering::is_north_american);
        if is_american && digits(0, 3) && digits(1, 7) {
            return Ok((Self::Split(0, 1), false));
        }
        if let [only] = first {
            // A mark that nobody can read is a row, a word is a name.
            return Ok((Self::One(0), only.chars().any(char::is_alphabetic)));
        }
        let mut found = (0..first.len()).filter(|at| read(first[*at], numbering).is_ok());
        match (found.next(), found.next()) {
            (Some(at), None) => Ok((Self::One(at), false)),
            _ => Err(NoColumn),
        }
    }

    /// The numbers of a row.
    ///
    /// # Errors
    /// There is none, or it is another country's.
    pub fn read<'a>(
        &self,
        mut cells: impl Iterator<Item = &'a str> + Clone,
        numbering: Option<&Numbering>,
    ) -> Result<Numbers, Fault> {
        match self {
            Self::One(at) => read(cells.nth(*at).unwrap_or_default(), numbering),
            Self::Split(area, local) => {
                let area = cells.clone().nth(*area).unwrap_or_default().trim();
                let local = cells.nth(*local).unwrap_or_default().trim();
                read(&format!("{area}{local}"), numbering)
            }
        }
    }
}

#[cfg(test)]
mod tests;
