//! Telephone numbers in E.164 form.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number in E.164 form: `+`, a first digit from 1 to 9, then 7 to 14 more digits.
///
/// `Debug` prints `[redacted]` and there is no `Display`, so a number reaches a log only where someone writes
/// [`as_str`](PhoneNumber::as_str) on purpose.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Why a text is not a telephone number. The text itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneNumberError {
    /// The first character is not `+`.
    #[error("a telephone number starts with + and the country code")]
    NoPlus,
    /// Something other than the digits 0 to 9 follows the `+`.
    #[error("a telephone number has only digits after the +")]
    NotADigit,
    /// The country code starts with 0.
    #[error("a country code does not start with 0")]
    LeadingZero,
    /// Fewer than 8 or more than 15 digits.
    #[error("a telephone number has 8 to 15 digits, this one has {digits}")]
    Length {
        /// How many digits there were.
        digits: usize,
    },
}

impl PhoneNumber {
    /// Reads a number in E.164 form. Nothing is stripped or guessed: spaces, dashes and missing country codes are the
    /// business of whoever accepts free text.
    pub fn parse(text: &str) -> Result<Self, PhoneNumberError> {
        let digits = text.strip_prefix('+').ok_or(PhoneNumberError::NoPlus)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PhoneNumberError::NotADigit);
        }
        if digits.starts_with('0') {
            return Err(PhoneNumberError::LeadingZero);
        }
        if !(8..=15).contains(&digits.len()) {
            return Err(PhoneNumberError::Length {
                digits: digits.len(),
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The number as `+` and digits. Personal data: not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneNumberError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl std::str::FromStr for PhoneNumber {
    type Err = PhoneNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_e164_is_a_number() {
        let cases: &[(&str, Result<(), PhoneNumberError>)] = &[
            ("+15005550006", Ok(())),
            ("+12345678", Ok(())),
            ("+123456789012345", Ok(())),
            ("", Err(PhoneNumberError::NoPlus)),
            ("15005550006", Err(PhoneNumberError::NoPlus)),
            ("+", Err(PhoneNumberError::Length { digits: 0 })),
            ("+1234567", Err(PhoneNumberError::Length { digits: 7 })),
            (
                "+1234567890123456",
                Err(PhoneNumberError::Length { digits: 16 }),
            ),
            ("+05005550006", Err(PhoneNumberError::LeadingZero)),
            ("+1500555000x", Err(PhoneNumberError::NotADigit)),
            ("+1 500 555 0006", Err(PhoneNumberError::NotADigit)),
            ("+١٢٣٤٥٦٧٨٩", Err(PhoneNumberError::NotADigit)),
            ("+15005550006\n", Err(PhoneNumberError::NotADigit)),
        ];
        for (text, want) in cases {
            assert_eq!(PhoneNumber::parse(text).map(|_| ()), *want, "{text:?}");
        }
    }

    #[test]
    fn debug_hides_and_as_str_shows() {
        let number = PhoneNumber::parse("+15005550006").unwrap();
        assert_eq!(format!("{number:?}"), "[redacted]");
        assert_eq!(number.as_str(), "+15005550006");
    }

    #[test]
    fn json_is_checked_on_the_way_in() {
        let number: PhoneNumber = serde_json::from_str("\"+15005550006\"").unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"+15005550006\"");
        let refused = serde_json::from_str::<PhoneNumber>("\"5005550006\"")
            .unwrap_err()
            .to_string();
        assert!(!refused.contains("5005550006"), "{refused}");
    }
}
