//! Numbers as people write them within one country, as `030 123456` in Germany, brought into E.164.
//!
//! How each country writes its numbers is libphonenumber's knowledge, by its port `rlibphonenumber`. It takes nearly any text for
//! a number; of a list of people to be called only what can mean one number alone may be taken, so letters, extensions and what
//! no phone of the country has are refused here.

use std::fmt;

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber as Parsed, PhoneNumberFormat,
    Region, ValidationError,
};
use serde::{Deserialize, Serialize};

use super::{PhoneNumber, PhoneNumberError};

/// Longest text that is looked at, in bytes: what is longer is no number, however it is written.
const TEXT_BYTES_MAX: usize = 64;

/// A country whose way to write numbers is known, by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country {
    region: Region,
    code: [u8; 2],
    /// What its numbers have behind the `+`.
    calling_code: u16,
}

/// It is no country, or nobody has a telephone there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a country by the two letters of ISO 3166-1, as DE")]
pub struct NoCountry;

impl Country {
    /// Reads a code, in any case.
    ///
    /// # Errors
    /// [`NoCountry`].
    pub fn parse(text: &str) -> Result<Self, NoCountry> {
        let code = text.trim().to_ascii_uppercase();
        let letters: [u8; 2] = code.as_bytes().try_into().map_err(|_| NoCountry)?;
        if !letters.iter().all(u8::is_ascii_uppercase) {
            return Err(NoCountry);
        }
        let region = Region::from_code(&code).map_err(|_| NoCountry)?;
        let calling_code = PHONE_NUMBER_UTIL.get_country_code_for_region(region);
        let calling_code = calling_code.and_then(|code| u16::try_from(code).ok());
        Ok(Self {
            region,
            code: letters,
            calling_code: calling_code.filter(|code| *code > 0).ok_or(NoCountry)?,
        })
    }

    /// Its code in capital letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or_default()
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Country {
    type Error = NoCountry;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.code().to_owned()
    }
}

/// Why a text is no number that can be called. Nothing of the text is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// What is written with `+` is none.
    #[error(transparent)]
    Form(#[from] PhoneNumberError),
    /// There is nothing.
    #[error("there is no number")]
    Empty,
    /// Letters, an extension, a second number, or more than a number can have.
    #[error(
        "a telephone number has only digits, and spaces, dots, dashes, slashes and brackets between them"
    )]
    NotADigit,
    /// It can be dialled within one town alone.
    #[error("the area code is missing: this can be dialled within one town alone")]
    NoAreaCode,
    /// Too few digits for a number of the country.
    #[error("too short for a number of {0:?}")]
    TooShort(Country),
    /// Too many.
    #[error("too long for a number of {0:?}")]
    TooLong(Country),
    /// Numbers of the country do not look like that.
    #[error(
        "{0:?} has no such number; write it with + and its country code if it is another country's"
    )]
    None(Country),
    /// The same digits are a number with the country code and another one without.
    #[error("this may be a number of {0:?} with the country code or one without; write it with +")]
    Ambiguous(Country),
}

/// Reads a number that is written as within this country, also without the 0 that may stand in front, or internationally with `+` or as it is dialled from there.
///
/// # Errors
/// [`NumberError`]; also for a number that has the right length and that nobody can have.
pub(crate) fn number(text: &str, country: Country) -> Result<PhoneNumber, NumberError> {
    if text.len() > TEXT_BYTES_MAX || !text.bytes().all(|b| b.is_ascii_digit() || b == b'+') {
        return Err(NumberError::NotADigit);
    }
    if text.is_empty() {
        return Err(NumberError::Empty);
    }
    if text.starts_with('+') {
        return Ok(PhoneNumber::parse(text)?);
    }
    let parsed = PHONE_NUMBER_UTIL
        .parse(text, Some(country.region))
        .map_err(|error| match error {
            ParseError::InvalidCountryCode => NumberError::None(country),
            ParseError::NotANumber(_) if text.len() > 2 => NumberError::NotADigit,
            ParseError::NotANumber(_) | ParseError::TooShortAfterIdd | ParseError::TooShortNsn => {
                NumberError::TooShort(country)
            }
            ParseError::TooLongNsn => NumberError::TooLong(country),
        })?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed) {
        Ok(NumberLengthType::IsPossible) => {}
        Ok(NumberLengthType::IsPossibleLocalOnly) => return Err(NumberError::NoAreaCode),
        Err(ValidationError::TooShort) => return Err(NumberError::TooShort(country)),
        Err(ValidationError::TooLong) => return Err(NumberError::TooLong(country)),
        Err(ValidationError::InvalidCountryCode | ValidationError::InvalidLength) => {
            return Err(NumberError::None(country));
        }
    }
    if !PHONE_NUMBER_UTIL.is_valid_number(&parsed) {
        return Err(NumberError::None(country));
    }
    let number = spelled(&parsed)?;
    // A spreadsheet takes the + away: 49171… is then a German mobile, or a number in Leer, area code 491.
    let has_code = text.starts_with(&country.calling_code.to_string());
    if has_code
        && let Ok(other) = PHONE_NUMBER_UTIL.parse(format!("+{text}"), None)
        && PHONE_NUMBER_UTIL.is_valid_number(&other)
        && spelled(&other)? != number
    {
        return Err(NumberError::Ambiguous(country));
    }
    Ok(number)
}

/// In the one spelling that a number has.
fn spelled(parsed: &Parsed) -> Result<PhoneNumber, PhoneNumberError> {
    PhoneNumber::parse(&PHONE_NUMBER_UTIL.format(parsed, PhoneNumberFormat::E164))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::number_in;

    fn read(text: &str, country: &str) -> Result<String, NumberError> {
        let country = Country::parse(country).unwrap();
        number_in(text, Some(country)).map(String::from)
    }

    #[test]
    fn a_national_number_becomes_the_one_of_its_country() {
        for (text, country, number) in [
            ("030 123456", "DE", "+4930123456"),
            ("(030) 12 34-56", "de", "+4930123456"),
            ("0171/1234567", "DE", "+491711234567"),
            // A spreadsheet takes the first 0 away.
            ("171 1234567", "DE", "+491711234567"),
            ("0049 30 123456", "DE", "+4930123456"),
            ("+44 (0)20 7946 0123", "DE", "+442079460123"),
            ("(212) 555-0123", "US", "+12125550123"),
            ("1 212.555.0123", "US", "+12125550123"),
            ("011 49 30 123456", "US", "+4930123456"),
            ("020 7946 0123", "GB", "+442079460123"),
            // Italians dial the 0 from everywhere.
            ("06 12345678", "IT", "+390612345678"),
            ("8 800 555-35-35", "RU", "+78005553535"),
            ("044 123 45 67", "CH", "+41441234567"),
            ("0664 123456", "AT", "+43664123456"),
            ("090-1234-5678", "JP", "+819012345678"),
            ("0412 345 678", "AU", "+61412345678"),
            ("(11) 98765-4321", "BR", "+5511987654321"),
            ("55 1234 5678", "MX", "+525512345678"),
        ] {
            let read = read(text, country);
            assert_eq!(read.as_deref(), Ok(number), "{text} in {country}");
        }
    }

    #[test]
    fn what_is_none_says_why() {
        let de = Country::parse("DE").unwrap();
        let us = Country::parse("US").unwrap();
        let mx = Country::parse("MX").unwrap();
        let gb = Country::parse("GB").unwrap();
        let long = "1".repeat(65);
        for (text, country, error) in [
            ("", de, NumberError::Empty),
            ("-", de, NumberError::Empty),
            ("1-800-FLOWERS", us, NumberError::NotADigit),
            ("030 123456 ext. 12", de, NumberError::NotADigit),
            ("030 123456, 0171 1234567", de, NumberError::NotADigit),
            ("\u{660}\u{663}\u{660} 123456", de, NumberError::NotADigit),
            (&long, de, NumberError::NotADigit),
            ("030+123456", de, NumberError::NotADigit),
            ("1", de, NumberError::TooShort(de)),
            ("110", de, NumberError::NoAreaCode),
            ("555-0123", us, NumberError::NoAreaCode),
            ("999", gb, NumberError::TooShort(gb)),
            ("1 55 1234 5678", mx, NumberError::TooLong(mx)),
            ("123456789012345678", de, NumberError::TooLong(de)),
            ("111 555 0123", us, NumberError::None(us)),
            ("49171 1234567", de, NumberError::Ambiguous(de)),
            (
                "+1234567",
                de,
                NumberError::Form(PhoneNumberError::Length { digits: 7 }),
            ),
        ] {
            let read = number_in(text, Some(country)).map(String::from);
            assert_eq!(read, Err(error), "{text} in {country:?}");
            let told = error.to_string();
            assert!(text.len() < 3 || !told.contains(text), "{told}");
        }
        for none in ["", "D", "XX", "ZZ", "DEU", "49", "001", "D\u{c9}"] {
            assert_eq!(Country::parse(none), Err(NoCountry), "{none}");
        }
    }

    #[test]
    fn without_a_country_the_code_must_be_there() {
        let read = number_in("030 123456", None);
        let no_plus = PhoneNumberError::NoPlus;
        assert_eq!(read.map(String::from), Err(NumberError::Form(no_plus)));
        let country: Country = serde_json::from_str("\"at\"").unwrap();
        assert_eq!(serde_json::to_string(&country).unwrap(), "\"AT\"");
    }

    proptest::proptest! {
        /// Whatever is taken has the one spelling, whichever country it is read for.
        #[test]
        fn nothing_else_than_a_number_comes_out(
            text in "[0-9+() ./\\-x;=\u{660}-\u{663}\u{ff0b}]{0,40}",
            at in 0_usize..8,
        ) {
            let countries = ["DE", "US", "GB", "IT", "JP", "BR", "MX", "RU"];
            if let Ok(number) = read(&text, countries[at]) {
                let again = PhoneNumber::parse(&number).unwrap();
                assert_eq!(again.as_str(), number);
            }
        }
    }
}
