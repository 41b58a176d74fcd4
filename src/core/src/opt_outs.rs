//! Lists of numbers that are not to be called, as clients bring them from elsewhere: what a row says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::contact::{COLUMNS_MAX, ColumnError, Fault, number_in};
use crate::phone::{Country, PhoneNumber};

/// Longest id of a campaign, in characters.
pub const CAMPAIGN_CHARS_MAX: usize = 64;

/// What one column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The number.
    Number,
    /// Why it is not to be called.
    Reason,
    /// The campaign, where only that one is to call no more.
    Campaign,
    /// Nothing that is taken.
    Ignore,
}

impl Column {
    /// Reads the word of a mapping.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "number" => Self::Number,
            "reason" => Self::Reason,
            "campaign_id" => Self::Campaign,
            "ignore" => Self::Ignore,
            _ => return None,
        })
    }

    /// What a column of this name is, if nobody says so.
    fn guess(name: &str) -> Self {
        let plain: String = name
            .trim()
            .chars()
            .map(|c| match c.is_ascii_alphanumeric() {
                true => c.to_ascii_lowercase(),
                false => '_',
            })
            .collect();
        match plain.as_str() {
            "number" | "phone" | "phone_number" | "to_number" | "contact_number" | "telephone"
            | "telephone_number" | "tel" | "mobile" | "mobile_number" | "mobile_phone" | "cell"
            | "cell_phone" => Self::Number,
            "reason" => Self::Reason,
            "campaign" | "campaign_id" => Self::Campaign,
            _ => Self::Ignore,
        }
    }
}

/// What the columns of one list hold, in their order: one is the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    columns: Vec<Column>,
    /// As within which country numbers without `+` are written.
    country: Option<Country>,
}

/// A row that says which number is not to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number.
    pub number: PhoneNumber,
    /// Why, in the row's own word.
    pub reason: Option<String>,
    /// The campaign, where it reaches no further.
    pub campaign: Option<String>,
}

/// The id of a campaign: letters, digits, `-`, `_` and `.`.
#[must_use]
pub fn is_campaign(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=CAMPAIGN_CHARS_MAX).contains(&text.len()) && text.chars().all(fits)
}

impl Columns {
    /// By the first row of a file, and by what a mapping says of some columns; also whether that row holds a number and no
    /// names: its first cell that is one is the number then, and nothing else is taken. Numbers without `+` are those of
    /// the country, if one is named.
    ///
    /// # Errors
    /// [`ColumnError`].
    pub fn of(
        first: &[String],
        mapping: &BTreeMap<String, String>,
        country: Option<Country>,
    ) -> Result<(Self, bool), ColumnError> {
        if first.len() > COLUMNS_MAX {
            return Err(ColumnError::TooMany);
        }
        if let Some(at) = first
            .iter()
            .position(|cell| number_in(cell, country).is_ok())
            && mapping.is_empty()
        {
            let mut columns = vec![Column::Ignore; first.len()];
            if let Some(column) = columns.get_mut(at) {
                *column = Column::Number;
            }
            return Ok((Self { columns, country }, true));
        }
        let has = |name: &String| first.iter().any(|cell| cell.trim() == name.trim());
        if !mapping.keys().all(has) {
            return Err(ColumnError::NoColumn);
        }
        let mut columns = Vec::with_capacity(first.len());
        for name in first {
            columns.push(match mapping.get(name.trim()) {
                Some(word) => Column::parse(word).ok_or(ColumnError::Word)?,
                None => Column::guess(name),
            });
        }
        for (at, column) in columns.iter().enumerate() {
            let is_same = |other: &Column| other == column && *column != Column::Ignore;
            if let Some(before) = columns.iter().take(at).position(is_same) {
                return Err(ColumnError::Twice(before + 1, at + 1));
            }
        }
        match columns.contains(&Column::Number) {
            true => Ok((Self { columns, country }, false)),
            false => Err(ColumnError::NoPhone),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.columns.len()
    }

    /// Which column a fault is about, counted from 1.
    #[must_use]
    pub fn of_fault(&self, pointer: &str) -> Option<usize> {
        let column = Column::parse(pointer.trim_start_matches('/'))?;
        self.columns
            .iter()
            .position(|one| *one == column)
            .map(|at| at + 1)
    }

    /// Reads a row. The apostrophe that an export puts in front of what a spreadsheet would take for a formula is taken off.
    ///
    /// # Errors
    /// What is wrong with it, as a pointer into a suppression.
    pub fn row<'a>(&self, cells: impl Iterator<Item = &'a str>) -> Result<Row, Fault> {
        let (mut phone, mut reason, mut campaign) = ("", None, None);
        for (column, cell) in self.columns.iter().zip(cells) {
            let cell = cell.trim();
            let cell = cell.strip_prefix('\'').unwrap_or(cell);
            match column {
                Column::Number => phone = cell,
                Column::Reason if !cell.is_empty() => reason = Some(cell.to_owned()),
                Column::Campaign if !cell.is_empty() => campaign = Some(cell.to_owned()),
                Column::Reason | Column::Campaign | Column::Ignore => {}
            }
        }
        row(phone, self.country, reason, campaign)
    }
}

/// Reads an object of a file of JSON lines: `number` (or any name that a column of numbers may have), `reason`, `campaign_id`.
///
/// # Errors
/// What is wrong with it.
pub fn of_json(
    object: Map<String, Value>,
    mapping: &BTreeMap<String, String>,
    country: Option<Country>,
) -> Result<Row, Fault> {
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    for (name, value) in object {
        match value {
            Value::String(text) => {
                names.push(name);
                cells.push(text);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {}
        }
    }
    if names.len() > crate::contact::COLUMNS_MAX {
        return Err(fault("", "too_many_columns", "a row has too many fields"));
    }
    let here = names.iter().filter_map(|name| mapping.get_key_value(name));
    let here: BTreeMap<String, String> = here
        .map(|(name, word)| (name.clone(), word.clone()))
        .collect();
    let read = Columns::of(&names, &here, country);
    let (columns, _) = read.map_err(|error| fault("", "columns", error.to_string()))?;
    columns.row(cells.iter().map(String::as_str))
}

fn fault(pointer: &str, code: &'static str, detail: impl Into<String>) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        code,
        detail: detail.into(),
    }
}

fn row(
    phone: &str,
    country: Option<Country>,
    reason: Option<String>,
    campaign: Option<String>,
) -> Result<Row, Fault> {
    let number = number_in(phone, country);
    let number = number.map_err(|error| fault("/number", "invalid_number", error.to_string()))?;
    if campaign.as_deref().is_some_and(|id| !is_campaign(id)) {
        let detail = "a campaign's id has 1 to 64 letters, digits, -, _ and .";
        return Err(fault("/campaign_id", "invalid", detail));
    }
    Ok(Row {
        number,
        reason,
        campaign,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(first: &[&str], mapping: &[(&str, &str)]) -> Result<(Columns, bool), ColumnError> {
        let first: Vec<String> = first.iter().map(|cell| (*cell).to_owned()).collect();
        let pairs = mapping.iter();
        let pairs = pairs.map(|(name, word)| ((*name).to_owned(), (*word).to_owned()));
        Columns::of(&first, &pairs.collect(), None)
    }

    #[test]
    fn columns_are_told_by_their_names_or_by_the_first_number() {
        use Column::{Campaign, Ignore, Number, Reason};
        for (first, mapping, expected, is_row) in [
            (
                &["Phone Number", "Name", "reason", "Campaign"][..],
                &[][..],
                &[Number, Ignore, Reason, Campaign][..],
                false,
            ),
            (&["+1 555 010 0123", "Ann"], &[], &[Number, Ignore], true),
            (&["Ann", "+15550100123"], &[], &[Ignore, Number], true),
            (
                &["Nummer", "phone", "why"],
                &[("Nummer", "number"), ("phone", "ignore"), ("why", "reason")],
                &[Number, Ignore, Reason],
                false,
            ),
        ] {
            let read = columns(first, mapping).unwrap();
            assert_eq!(
                (read.0.columns, read.1),
                (expected.to_vec(), is_row),
                "{first:?}"
            );
        }
        for (first, mapping, error) in [
            (&["name"][..], &[][..], ColumnError::NoPhone),
            (&["phone", "tel"], &[], ColumnError::Twice(1, 2)),
            (&["phone"], &[("phone", "what")], ColumnError::Word),
            (&["phone"], &[("else", "number")], ColumnError::NoColumn),
        ] {
            assert_eq!(columns(first, mapping), Err(error), "{first:?}");
        }
    }

    #[test]
    fn a_row_says_its_number_or_what_is_wrong_with_it() {
        let (columns, _) = columns(&["phone", "reason", "campaign_id"], &[]).unwrap();
        let read = |cells: &[&str]| columns.row(cells.iter().copied());
        let whole = read(&[" '+1 (555) 010-0123 ", "complaint", "spring-26"]).unwrap();
        assert_eq!(whole.number.as_str(), "+15550100123");
        assert_eq!(whole.reason.as_deref(), Some("complaint"));
        assert_eq!(whole.campaign.as_deref(), Some("spring-26"));
        assert_eq!(read(&["+15550100123", "", ""]).unwrap().campaign, None);
        for (cells, pointer, column) in [
            (["5550100123", "", ""], "/number", Some(1)),
            (["", "", ""], "/number", Some(1)),
            (["+15550100123", "", "a b"], "/campaign_id", Some(3)),
        ] {
            let fault = read(&cells).unwrap_err();
            assert_eq!(fault.pointer, pointer);
            assert_eq!(columns.of_fault(pointer), column);
        }
    }

    #[test]
    fn numbers_without_their_country_code_are_those_of_the_country_that_is_named() {
        let germany = Country::parse("DE").ok();
        let first = ["Ann".to_owned(), "030 123456".to_owned()];
        let read = Columns::of(&first, &BTreeMap::new(), germany);
        let (columns, is_row) = read.unwrap();
        assert!(is_row);
        let row = columns.row(["Bob", "0171 1234567"].into_iter()).unwrap();
        assert_eq!(row.number.as_str(), "+491711234567");
        let fault = columns.row(["Cy", "110"].into_iter()).unwrap_err();
        assert!(fault.detail.contains("area code"), "{fault:?}");
        let object: Map<String, Value> = serde_json::from_str(r#"{"tel":"030 123456"}"#).unwrap();
        let row = of_json(object, &BTreeMap::new(), germany).unwrap();
        assert_eq!(row.number.as_str(), "+4930123456");
    }

    #[test]
    fn a_line_of_json_is_a_row_too() {
        let read = |text: &str, mapping: &[(&str, &str)]| {
            let object: Map<String, Value> = serde_json::from_str(text).unwrap();
            let pairs = mapping.iter();
            let pairs = pairs.map(|(name, word)| ((*name).to_owned(), (*word).to_owned()));
            of_json(object, &pairs.collect(), None)
        };
        let text = r#"{"number":"+15550100123","reason":"objection","age":4,"x":null}"#;
        assert_eq!(
            read(text, &[]).unwrap().reason.as_deref(),
            Some("objection")
        );
        let mapped = read(
            r#"{"n":"+15550100123"}"#,
            &[("n", "number"), ("m", "reason")],
        );
        assert_eq!(mapped.unwrap().number.as_str(), "+15550100123");
        assert_eq!(read("{}", &[]).unwrap_err().code, "columns");
        assert_eq!(read(r#"{"number":5}"#, &[]).unwrap_err().code, "columns");
    }
}
