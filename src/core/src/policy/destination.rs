//! Where a client may call: numbers by their first digits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::phone::PhoneNumber;

/// The first digits of the numbers that a client may call: `+` and a country code, with an area code or without.
///
/// `+1` is all of the North American plan, which is twenty-five countries; `+1212` is one of its area codes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination(String);

/// Why a text is not a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a destination is + and the first 1 to 7 digits of the numbers, from the country code on, as +49 or +1212"
)]
pub struct DestinationError;

impl Destination {
    /// More digits than this it has not: more would be a person's number, which belongs elsewhere.
    pub const DIGITS_MAX: usize = 7;

    /// Reads `+` and digits. The first is not 0.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        let digits = text.strip_prefix('+').ok_or(DestinationError)?;
        let well = (1..=Self::DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        well.then(|| Self(text.to_owned())).ok_or(DestinationError)
    }

    /// `+` and digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a number begins so.
    pub fn holds(&self, number: &PhoneNumber) -> bool {
        number.as_str().starts_with(&self.0)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_the_beginning_of_a_number() {
        for text in ["+1", "+49", "+4930", "+1212555", "+4416329"] {
            assert_eq!(Destination::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "+", "1", "+0", "+1 2", "*", "+1*", "+44163296", "+١"] {
            assert!(Destination::parse(text).is_err(), "{text:?}");
        }
        let number = PhoneNumber::parse("+493012345678").unwrap();
        for (text, holds) in [
            ("+4", true),
            ("+49", true),
            ("+4930", true),
            ("+4931", false),
            ("+1", false),
        ] {
            assert_eq!(
                Destination::parse(text).unwrap().holds(&number),
                holds,
                "{text}"
            );
        }
    }
}
