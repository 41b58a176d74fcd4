//! Places whose law may hold for a call.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A country by its ISO 3166-1 code, as `DE`, or a part of one by its ISO 3166-2 code, as `US-CA`.
///
/// The form is checked, not whether there is such a place: what no rule knows is treated as unknown. Two codes that are
/// no country's have a meaning in rule packs: `EU`, a member without a rule of its own, and `ZZ`, anywhere else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    country: [u8; 2],
    /// Letters and digits, then zeros.
    part: [u8; 3],
}

/// Why a text is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The text does not begin with two capital letters alone, or before a dash.
    #[error("a place begins with a country's two capital letters, as DE or US-CA")]
    Country,
    /// What follows the dash is not one to three capital letters or digits.
    #[error("after the dash of a place come one to three capital letters or digits, as in US-CA")]
    Part,
}

impl Place {
    /// Reads a code in capital letters.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let (country, part) = match text.split_once('-') {
            None => (text, None),
            Some((country, part)) => (country, Some(part)),
        };
        let country: [u8; 2] = country
            .as_bytes()
            .try_into()
            .map_err(|_| PlaceError::Country)?;
        if !country.iter().all(u8::is_ascii_uppercase) {
            return Err(PlaceError::Country);
        }
        let mut place = Self {
            country,
            part: [0; 3],
        };
        if let Some(part) = part.map(str::as_bytes) {
            let good = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
            let held = place.part.get_mut(..part.len()).ok_or(PlaceError::Part)?;
            if part.is_empty() || !part.iter().all(good) {
                return Err(PlaceError::Part);
            }
            held.copy_from_slice(part);
        }
        Ok(place)
    }

    /// The country it is, or is in.
    pub fn country(self) -> Self {
        Self {
            part: [0; 3],
            ..self
        }
    }

    /// Whether it is a part of a country.
    pub fn is_part(self) -> bool {
        self.part != [0; 3]
    }

    /// Whether it is the United States, or a state or territory of theirs.
    pub fn is_us(self) -> bool {
        self.country == *b"US"
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.country
            .iter()
            .try_for_each(|b| f.write_char(char::from(*b)))?;
        if self.is_part() {
            f.write_char('-')?;
        }
        let part = self.part.iter().filter(|b| **b != 0);
        part.copied().try_for_each(|b| f.write_char(char::from(b)))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_country_or_a_part_of_one() {
        let cases = [
            ("DE", Ok(())),
            ("US-CA", Ok(())),
            ("GB-ENG", Ok(())),
            ("AT-9", Ok(())),
            ("ZZ", Ok(())),
            ("", Err(PlaceError::Country)),
            ("D", Err(PlaceError::Country)),
            ("DEU", Err(PlaceError::Country)),
            ("de", Err(PlaceError::Country)),
            ("É", Err(PlaceError::Country)),
            ("-CA", Err(PlaceError::Country)),
            ("US-", Err(PlaceError::Part)),
            ("US-ca", Err(PlaceError::Part)),
            ("US-CALI", Err(PlaceError::Part)),
            ("US-C-A", Err(PlaceError::Part)),
            ("US-\0", Err(PlaceError::Part)),
            ("US-UNKNOWN", Err(PlaceError::Part)),
        ];
        for (text, want) in cases {
            let place = Place::parse(text);
            assert_eq!(place.map(|_| ()), want, "{text:?}");
            if let Ok(place) = place {
                assert_eq!(place.to_string(), text);
                let json = serde_json::to_string(&place).unwrap();
                assert_eq!(serde_json::from_str::<Place>(&json).unwrap(), place);
            }
        }
        assert!(serde_json::from_str::<Place>("\"us\"").is_err());
    }

    #[test]
    fn a_part_knows_its_country() {
        let state = Place::parse("US-CA").unwrap();
        assert!(state.is_part() && state.is_us());
        assert_eq!(state.country(), Place::parse("US").unwrap());
        assert!(!state.country().is_part());
        assert!(!Place::parse("CA").unwrap().is_us(), "Canada");
    }
}
