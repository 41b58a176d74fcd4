//! A person or business that may be called: what a client knows of them, parsed and checked.
//!
//! [`Details`] is what is given, [`Contact`] what is right. A contact says where somebody is beside what their numbers say,
//! and so can only forbid calls, never allow one: see [`crate::policy`].

mod columns;
mod hours;
mod json;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use columns::{COLUMNS_MAX, Column, ColumnError, Columns, safe_cell};
pub use hours::{CALLING_HOURS, HoursError, calling_hours};
pub use json::of_json;
pub use value::{Schema, SchemaError, Type, Value};

use crate::geo::Place;
use crate::phone::{self, Country, NumberError, PhoneNumber, PhoneNumberError};
use crate::policy::{LegalBasis, Zone};

/// Most numbers of a contact.
pub const PHONES_MAX: usize = 8;
/// Most variables of a contact, and most of a schema.
pub const VARIABLES_MAX: usize = 100;
/// Longest name of a variable, of a preference and of a label, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// Longest variable, in characters.
pub const VALUE_CHARS_MAX: usize = 500;
/// Longest other text of a contact, in characters.
pub const TEXT_CHARS_MAX: usize = 200;
/// Most preferences of a contact.
pub const PREFERENCES_MAX: usize = 20;

/// What sort of line is called. What is not known is treated as a consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A business.
    Business,
    /// A private person.
    Consumer,
    /// Not known.
    #[default]
    Unknown,
}

/// One number of a contact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// The number.
    pub number: PhoneNumber,
    /// Which of theirs it is, as `mobile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What is said of a contact, not looked at yet.
#[derive(Clone, Default)]
pub struct Details {
    /// Numbers and their labels; the first is called first.
    pub phones: Vec<(String, Option<String>)>,
    /// What the client's own books call them.
    pub external_id: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// A postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// The part of ISO 3166-2 behind the country, as `CA`, or all of it, as `US-CA`.
    pub region: Option<String>,
    /// BCP 47, as `de` or `es-MX`.
    pub language: Option<String>,
    /// `business`, `consumer` or `unknown`.
    pub kind: Option<String>,
    /// Values of variables by name.
    pub variables: BTreeMap<String, Value>,
    /// Where the client has them from.
    pub source: Option<String>,
    /// One of [`LegalBasis`], in snake_case.
    pub lawful_basis: Option<String>,
    /// What they like, by name.
    pub preferences: BTreeMap<String, String>,
    /// `true` if they may be kept and not worked with, or `false`.
    pub restricted: Option<String>,
    /// The country as within which numbers without `+` are written; such numbers are refused if absent.
    pub numbers_of: Option<Country>,
}

/// A contact that is right. Everything in it is personal: `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Their numbers, each once, at least one; the first is called first.
    pub phones: Vec<Phone>,
    /// What the client's own books call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// By whose clocks they are said to live, an IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// A postal code, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Where they are said to live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What sort of line it is.
    #[serde(default)]
    pub kind: Kind,
    /// What agents may be told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
    /// Where the client has them from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why they may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lawful_basis: Option<LegalBasis>,
    /// What they like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub preferences: BTreeMap<String, String>,
    /// They may be kept and not worked with (GDPR art. 18): nobody calls them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact([redacted])")
    }
}

/// One thing that is wrong with a contact. Nothing of its content is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer into a contact as the API takes it, as `/phones/0/number`.
    pub pointer: String,
    /// A stable name.
    pub code: &'static str,
    /// What it means, in a sentence.
    pub detail: String,
}

impl Fault {
    fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

/// Reads a number as people write it: in international form, with spaces, dots, dashes, slashes and brackets anywhere.
///
/// # Errors
/// What is written without `+` and country code is refused: which country is meant cannot be told from a national number.
pub fn number(text: &str) -> Result<PhoneNumber, PhoneNumberError> {
    PhoneNumber::parse(&plain(text))
}

/// The same, also as it is written within this country, if one is named.
///
/// # Errors
/// [`NumberError`].
pub fn number_in(text: &str, country: Option<Country>) -> Result<PhoneNumber, NumberError> {
    match country {
        Some(country) => phone::number(&plain(text), country),
        None => Ok(number(text)?),
    }
}

/// A number without what is written for the eye.
fn plain(text: &str) -> String {
    let left_out = |c: &char| {
        c.is_whitespace() || matches!(c, '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2013}')
    };
    // "+44 (0)20": the zero is dialled within the country alone.
    let text = text.replace("(0)", "");
    text.chars().filter(|c| !left_out(c)).collect()
}

impl Contact {
    /// Looks at all of it.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the fields; never empty.
    pub fn read(details: Details, schemas: &[&Schema]) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let phones = phones(&details, &mut faults);
        let external_id = text("/external_id", details.external_id, &mut faults);
        let time_zone = zone(details.time_zone.as_deref(), &mut faults);
        let postal_code = text("/postal_code", details.postal_code, &mut faults);
        let place = place(
            details.country.as_deref(),
            details.region.as_deref(),
            &mut faults,
        );
        let language = language(details.language.as_deref(), &mut faults);
        let kind = word("/kind", details.kind.as_deref(), &mut faults);
        let variables = value::typed(details.variables, schemas, &mut faults);
        let source = text("/source", details.source, &mut faults);
        let basis = details.lawful_basis.as_deref();
        let lawful_basis = word("/lawful_basis", basis, &mut faults);
        let preferences = preferences(details.preferences, &mut faults);
        let restricted = yes("/restricted", details.restricted.as_deref(), &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            phones,
            external_id,
            time_zone,
            postal_code,
            place,
            language,
            kind: kind.unwrap_or_default(),
            variables,
            source,
            lawful_basis,
            preferences,
            restricted,
        })
    }

    /// The time zone, which is one.
    pub fn zone(&self) -> Option<Zone> {
        self.time_zone
            .as_deref()
            .and_then(|name| Zone::parse(name).ok())
    }

    /// The same as it is named.
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// What could be read once more.
    pub fn into_details(self) -> Details {
        let place = self.place.map(|place| place.to_string());
        let (country, region) = match place.as_deref().map(|text| text.split_once('-')) {
            None => (None, None),
            Some(None) => (place, None),
            Some(Some((country, part))) => (Some(country.to_owned()), Some(part.to_owned())),
        };
        let phones = self.phones.into_iter();
        let phones = phones.map(|phone| (String::from(phone.number), phone.label));
        Details {
            phones: phones.collect(),
            external_id: self.external_id,
            time_zone: self.time_zone,
            postal_code: self.postal_code,
            country,
            region,
            language: self.language,
            kind: Some(written(&self.kind)),
            variables: self.variables,
            source: self.source,
            lawful_basis: self.lawful_basis.as_ref().map(written),
            preferences: self.preferences,
            restricted: self.restricted.then(|| true.to_string()),
            numbers_of: None,
        }
    }
}

/// The word of an enum.
fn written<T: Serialize>(word: &T) -> String {
    let value = serde_json::to_value(word).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn phones(details: &Details, faults: &mut Vec<Fault>) -> Vec<Phone> {
    let given = &details.phones;
    if given.is_empty() {
        let detail = "a contact has at least one telephone number";
        faults.push(Fault::new("/phones", "missing", detail));
    }
    if given.len() > PHONES_MAX {
        let detail = format!("a contact has at most {PHONES_MAX} telephone numbers");
        faults.push(Fault::new("/phones", "too_many", detail));
        return Vec::new();
    }
    let mut phones: Vec<Phone> = Vec::with_capacity(given.len());
    for (index, (text, label)) in given.iter().enumerate() {
        if let Some(label) = label
            && (label.trim().is_empty() || label.chars().count() > NAME_CHARS_MAX)
        {
            let detail = format!("a label has 1 to {NAME_CHARS_MAX} characters");
            let pointer = format!("/phones/{index}/label");
            faults.push(Fault::new(pointer, "invalid", detail));
        }
        match number_in(text, details.numbers_of) {
            Ok(number) if phones.iter().any(|phone| phone.number == number) => {}
            Ok(number) => phones.push(Phone {
                number,
                label: label.clone(),
            }),
            Err(error) => {
                let pointer = format!("/phones/{index}/number");
                faults.push(Fault::new(pointer, "invalid_number", error.to_string()));
            }
        }
    }
    phones
}

fn text(pointer: &str, given: Option<String>, faults: &mut Vec<Fault>) -> Option<String> {
    let given = given?;
    let trimmed = given.trim();
    if trimmed.chars().count() > TEXT_CHARS_MAX {
        let detail = format!("at most {TEXT_CHARS_MAX} characters");
        faults.push(Fault::new(pointer, "too_long", detail));
        return None;
    }
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

fn zone(given: Option<&str>, faults: &mut Vec<Fault>) -> Option<String> {
    let given = given.map(str::trim).filter(|text| !text.is_empty())?;
    match Zone::parse(given) {
        Ok(zone) => Some(zone.name().to_owned()),
        Err(error) => {
            let error = error.to_string();
            faults.push(Fault::new("/time_zone", "invalid_time_zone", error));
            None
        }
    }
}

fn place(country: Option<&str>, region: Option<&str>, faults: &mut Vec<Fault>) -> Option<Place> {
    let given = |text: Option<&str>| {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        text.map(str::to_ascii_uppercase)
    };
    let (country, region) = (given(country), given(region));
    let (pointer, text) = match (country, region) {
        (None, None) => return None,
        (Some(country), None) => ("/country", country),
        (country, Some(region)) => match (region.split_once('-'), country) {
            (Some((of, _)), Some(country)) if of != country => {
                let detail = "the region is of another country";
                faults.push(Fault::new("/region", "invalid_place", detail));
                return None;
            }
            (Some(_), _) => ("/region", region),
            (None, Some(country)) => ("/region", format!("{country}-{region}")),
            (None, None) => {
                let detail = "a region needs its country, as country US and region CA";
                faults.push(Fault::new("/region", "invalid_place", detail));
                return None;
            }
        },
    };
    match Place::parse(&text) {
        Ok(place) => Some(place),
        Err(error) => {
            let pointer = match error {
                crate::geo::PlaceError::Country => "/country",
                crate::geo::PlaceError::Part => pointer,
            };
            faults.push(Fault::new(pointer, "invalid_place", error.to_string()));
            None
        }
    }
}

/// A language of two or three letters, and subtags of one to eight letters or digits (RFC 5646, section 2.1, of which
/// only the form is checked).
fn language(given: Option<&str>, faults: &mut Vec<Fault>) -> Option<String> {
    let given = given.map(str::trim).filter(|text| !text.is_empty())?;
    let given = given.replace('_', "-");
    let mut tags = given.split('-');
    let first = tags.next().unwrap_or_default();
    let is_language =
        (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    let is_tag =
        |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_language && given.len() <= NAME_CHARS_MAX && tags.all(is_tag) {
        return Some(given);
    }
    let detail = "a language is a BCP 47 tag, as de or es-MX";
    faults.push(Fault::new("/language", "invalid_language", detail));
    None
}

/// A word of an enum, in any case.
fn word<T: for<'a> Deserialize<'a>>(
    pointer: &str,
    given: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let given = given.map(str::trim).filter(|text| !text.is_empty())?;
    let word = given.to_ascii_lowercase().replace([' ', '-'], "_");
    let read = serde_json::from_value(serde_json::Value::String(word)).ok();
    if read.is_none() {
        let detail = match pointer {
            "/kind" => "expected business, consumer or unknown",
            _ => {
                "expected consent, contract, legal_obligation, vital_interests, public_task or legitimate_interests"
            }
        };
        faults.push(Fault::new(pointer, "unknown_value", detail));
    }
    read
}

/// Whether it is so; whoever says nothing says no.
fn yes(pointer: &str, given: Option<&str>, faults: &mut Vec<Fault>) -> bool {
    match given
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "true" | "yes" | "1" => true,
        "" | "false" | "no" | "0" => false,
        _ => {
            let detail = "expected true or false";
            faults.push(Fault::new(pointer, "unknown_value", detail));
            false
        }
    }
}

fn preferences(
    given: BTreeMap<String, String>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, String> {
    if given.len() > PREFERENCES_MAX {
        let detail = format!("at most {PREFERENCES_MAX} preferences");
        faults.push(Fault::new("/preferences", "too_many", detail));
        return BTreeMap::new();
    }
    let fits = |(name, value): (&String, &String)| {
        value::is_name(name) && value.chars().count() <= TEXT_CHARS_MAX
    };
    if !given.iter().all(fits) {
        let detail = format!(
            "a preference has a name of letters, digits and underscores and at most {TEXT_CHARS_MAX} characters"
        );
        faults.push(Fault::new("/preferences", "invalid", detail));
        return BTreeMap::new();
    }
    if let Some(Err(error)) = given.get(CALLING_HOURS).map(|text| calling_hours(text)) {
        let pointer = format!("/preferences/{CALLING_HOURS}");
        faults.push(Fault::new(pointer, "invalid_hours", error.to_string()));
    }
    given
}

#[cfg(test)]
mod tests;
