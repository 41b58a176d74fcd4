//! Telephone numbers in E.164 form.

mod national;

use serde::{Deserialize, Serialize};
use std::fmt;

pub(crate) use national::number;
pub use national::{Country, NoCountry, NumberError};

/// A number in E.164 form: `+`, a first digit from 1 to 9, then 7 to 14 more digits.
///
/// `Debug` prints `[redacted]` and there is no `Display`, so a number reaches a log only where someone writes
/// [`as_str`](PhoneNumber::as_str) on purpose.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Country codes of which some number begins with a single 0.
const BEGIN_WITH_0: [&str; 21] = [
    "39", "225", "226", "227", "229", "241", "242", "247", "250", "267", "268", "378", "501",
    "676", "679", "687", "800", "853", "881", "888", "992",
];

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
    /// Reads a number in E.164 form. Spaces, dashes and missing country codes are the business of whoever accepts free text.
    ///
    /// A number has one spelling, so that what is known of it is found by it: the 0 that is dialled within a country goes, where
    /// no number of that country begins with one (`+44 0 79…`), and so does the 1 that Mexican mobiles had until 2019
    /// (`+52 1 55…`). Telephone networks bear both. The countries are those of libphonenumber 9.0.43.
    pub fn parse(text: &str) -> Result<Self, PhoneNumberError> {
        let digits = text.strip_prefix('+').ok_or(PhoneNumberError::NoPlus)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PhoneNumberError::NotADigit);
        }
        if digits.starts_with('0') {
            return Err(PhoneNumberError::LeadingZero);
        }
        let (country, rest) = digits.split_at(country_code_digits(digits));
        let own = own_digits(country, rest);
        let length = country.len() + own.len();
        if !(8..=15).contains(&length) {
            return Err(PhoneNumberError::Length { digits: length });
        }
        Ok(Self(format!("+{country}{own}")))
    }

    /// The number as `+` and digits. Personal data: not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many digits of these the country code has, if they are as many.
fn country_code_digits(digits: &str) -> usize {
    let length = match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    };
    length.min(digits.len())
}

/// The digits after a country code without what is no part of the number.
fn own_digits<'a>(country: &str, rest: &'a str) -> &'a str {
    if country == "52" && rest.len() == 11 {
        return rest.strip_prefix('1').unwrap_or(rest);
    }
    match rest.strip_prefix('0') {
        // Two of them begin a number that is free to call.
        Some(own) if !own.starts_with('0') && !BEGIN_WITH_0.contains(&country) => own,
        Some(_) | None => rest,
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
    fn a_number_has_one_spelling() {
        for (text, number) in [
            ("+4407911123456", "+447911123456"),
            ("+447911123456", "+447911123456"),
            ("+490301234567", "+49301234567"),
            ("+819012345678", "+819012345678"),
            ("+8109012345678", "+819012345678"),
            ("+8100777123456", "+8100777123456"),
            ("+390612345678", "+390612345678"),
            ("+2250712345678", "+2250712345678"),
            ("+2290112345678", "+2290112345678"),
            ("+5215512345678", "+525512345678"),
            ("+525512345678", "+525512345678"),
            ("+5511987654321", "+5511987654321"),
            ("+102125550100", "+12125550100"),
            ("+3530861234567", "+353861234567"),
        ] {
            assert_eq!(PhoneNumber::parse(text).unwrap().as_str(), number, "{text}");
        }
        let short = PhoneNumber::parse("+44012345");
        assert_eq!(short, Err(PhoneNumberError::Length { digits: 7 }));
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
