//! What the columns of a file mean: told by their names, or by whoever sends it.

use std::collections::{BTreeMap, BTreeSet};

use super::value::is_name;
use super::{Details, NAME_CHARS_MAX, Value};

/// Most columns of a file.
pub const COLUMNS_MAX: usize = 256;

/// What one column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// A telephone number, with its label.
    Phone(Option<String>),
    /// What the client's books call the contact.
    ExternalId,
    /// A time zone.
    TimeZone,
    /// A postal code.
    PostalCode,
    /// A country.
    Country,
    /// A part of a country.
    Region,
    /// A language.
    Language,
    /// What sort of line it is.
    Kind,
    /// Where the contact comes from.
    Source,
    /// Why it may be kept.
    LegalBasis,
    /// Whether it may only be kept.
    Restricted,
    /// A preference.
    Preference(String),
    /// A variable.
    Variable(String),
    /// Nothing that is taken.
    Ignore,
}

/// Why the columns of a file cannot be used. Names of columns are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// No column is a telephone number.
    #[error(
        "no column is a telephone number: call one phone_number, or say in `mapping` which one it is"
    )]
    NoPhone,
    /// More columns than a file may have.
    #[error("a file has at most {COLUMNS_MAX} columns")]
    TooMany,
    /// Two columns are the same.
    #[error("columns {0} and {1} hold the same thing; say in `mapping` which one is to be ignored")]
    Twice(usize, usize),
    /// A word of the mapping that is none.
    #[error(
        "a column is mapped to phone_number, phone_number.LABEL, external_id, time_zone, postal_code, country, region, language, kind, source, lawful_basis, restricted, preferences.NAME, variables.NAME or ignore"
    )]
    Word,
    /// The mapping names a column that the file does not have.
    #[error("`mapping` names a column that the file does not have")]
    NoColumn,
}

impl Column {
    /// Reads the word of a mapping.
    pub fn parse(word: &str) -> Option<Self> {
        let fits = |name: &str| is_name(name).then(|| name.to_owned());
        let label = |name: &str| {
            let fits = !name.trim().is_empty() && name.chars().count() <= NAME_CHARS_MAX;
            fits.then(|| name.to_owned())
        };
        Some(match word.split_once('.') {
            Some(("phone_number", name)) => Self::Phone(Some(label(name)?)),
            Some(("variables", name)) => Self::Variable(fits(name)?),
            Some(("preferences", name)) => Self::Preference(fits(name)?),
            Some(_) => return None,
            None => match word {
                "ignore" => Self::Ignore,
                "phone_number" => Self::Phone(None),
                "external_id" => Self::ExternalId,
                "time_zone" => Self::TimeZone,
                "postal_code" => Self::PostalCode,
                "country" => Self::Country,
                "region" => Self::Region,
                "language" => Self::Language,
                "kind" => Self::Kind,
                "source" => Self::Source,
                "lawful_basis" => Self::LegalBasis,
                "restricted" => Self::Restricted,
                _ => return None,
            },
        })
    }

    /// What a column of this name is, if nobody says so.
    fn guess(name: &str) -> Self {
        let plain = plain(name);
        if let Some(column) = Self::parse(name.trim()) {
            return column;
        }
        // Several are counted: phone_2, phone_number_3.
        let first = plain.trim_end_matches(|c: char| c.is_ascii_digit());
        let first = match first.len() < plain.len() {
            true => first.trim_end_matches('_'),
            false => plain.as_str(),
        };
        if matches!(first, "phone" | "phone_number") {
            return Self::Phone(None);
        }
        match plain.as_str() {
            "number" | "contact_number" | "to_number" | "telephone" | "telephone_number"
            | "tel" => Self::Phone(None),
            "mobile" | "mobile_number" | "mobile_phone" | "cell" | "cell_phone" => {
                Self::Phone(Some("mobile".into()))
            }
            "home_phone" => Self::Phone(Some("home".into())),
            "work_phone" | "office_phone" => Self::Phone(Some("work".into())),
            "external_id" | "externalid" => Self::ExternalId,
            "time_zone" | "timezone" | "tz" => Self::TimeZone,
            "postal_code" | "postcode" | "zip" | "zip_code" | "zipcode" | "plz" => Self::PostalCode,
            "country" => Self::Country,
            "region" | "state" | "province" => Self::Region,
            "language" | "lang" | "locale" => Self::Language,
            "kind" => Self::Kind,
            "source" => Self::Source,
            "lawful_basis" | "legal_basis" => Self::LegalBasis,
            // It has no name: nothing could refer to it.
            "" => Self::Ignore,
            _ => Self::Variable(plain),
        }
    }
}

/// A column's name as that of a variable: small letters of ASCII, digits and single underscores.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for c in name.trim().chars() {
        if c.is_ascii_alphanumeric() {
            plain.push(c.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
        if plain.len() == NAME_CHARS_MAX {
            break;
        }
    }
    let end = plain.trim_end_matches('_').len();
    plain.truncate(end);
    if plain.starts_with(|c: char| c.is_ascii_digit()) {
        plain.insert(0, '_');
        plain.truncate(NAME_CHARS_MAX);
    }
    plain
}

/// What the columns of one file hold, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

impl Columns {
    /// By their names, and by what a mapping says of some of them.
    ///
    /// # Errors
    /// [`ColumnError`].
    pub fn of(names: &[String], mapping: &BTreeMap<String, String>) -> Result<Self, ColumnError> {
        if names.len() > COLUMNS_MAX {
            return Err(ColumnError::TooMany);
        }
        let known: BTreeSet<&str> = names.iter().map(|name| name.trim()).collect();
        if !mapping.keys().all(|name| known.contains(name.trim())) {
            return Err(ColumnError::NoColumn);
        }
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let told = mapping.get(name.trim());
            columns.push(match told {
                Some(word) => Column::parse(word).ok_or(ColumnError::Word)?,
                None => Column::guess(name),
            });
        }
        // A state without a country says nothing that could be relied on.
        if !columns.contains(&Column::Country) {
            for (column, name) in columns.iter_mut().zip(names) {
                if *column == Column::Region && !mapping.contains_key(name.trim()) {
                    *column = Column::Variable(plain(name));
                }
            }
        }
        for (at, column) in columns.iter().enumerate() {
            let is_same = |other: &Column| {
                other == column && !matches!(column, Column::Ignore | Column::Phone(_))
            };
            if let Some(first) = columns.iter().take(at).position(is_same) {
                return Err(ColumnError::Twice(first + 1, at + 1));
            }
        }
        match columns
            .iter()
            .any(|column| matches!(column, Column::Phone(_)))
        {
            true => Ok(Self(columns)),
            false => Err(ColumnError::NoPhone),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Which column a fault is about, counted from 1.
    pub fn of_fault(&self, pointer: &str) -> Option<usize> {
        let mut steps = pointer.trim_start_matches('/').split('/');
        let field = steps.next().unwrap_or_default();
        let rest = steps.next().unwrap_or_default();
        let is_it = |column: &Column| match column {
            Column::Phone(_) => field == "phones",
            Column::ExternalId => field == "external_id",
            Column::TimeZone => field == "time_zone",
            Column::PostalCode => field == "postal_code",
            Column::Country => field == "country",
            Column::Region => field == "region",
            Column::Language => field == "language",
            Column::Kind => field == "kind",
            Column::Source => field == "source",
            Column::LegalBasis => field == "lawful_basis",
            Column::Restricted => field == "restricted",
            Column::Preference(_) => field == "preferences",
            Column::Variable(name) => field == "variables" && name == rest,
            Column::Ignore => false,
        };
        self.0.iter().position(is_it).map(|at| at + 1)
    }

    /// A row's cells as what is said of a contact. Empty cells say nothing, and the apostrophe that an export puts in front
    /// of what a spreadsheet would take for a formula is taken off.
    pub fn details<'a>(&self, cells: impl Iterator<Item = &'a str>) -> Details {
        let mut details = Details::default();
        for (column, cell) in self.0.iter().zip(cells) {
            let cell = plain_cell(cell);
            if cell.trim().is_empty() {
                continue;
            }
            let text = cell.to_owned();
            match column {
                Column::Phone(label) => details.phones.push((text, label.clone())),
                Column::ExternalId => details.external_id = Some(text),
                Column::TimeZone => details.time_zone = Some(text),
                Column::PostalCode => details.postal_code = Some(text),
                Column::Country => details.country = Some(text),
                Column::Region => details.region = Some(text),
                Column::Language => details.language = Some(text),
                Column::Kind => details.kind = Some(text),
                Column::Source => details.source = Some(text),
                Column::LegalBasis => details.lawful_basis = Some(text),
                Column::Restricted => details.restricted = Some(text),
                Column::Preference(name) => {
                    details.preferences.insert(name.clone(), text);
                }
                Column::Variable(name) => {
                    details.variables.insert(name.clone(), Value::Text(text));
                }
                Column::Ignore => {}
            }
        }
        details
    }
}

/// Whether a spreadsheet may take a cell that begins so for a formula.
fn begins_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A cell that no spreadsheet takes for a formula: an apostrophe stands in front of what it might.
pub fn safe_cell(cell: &str) -> std::borrow::Cow<'_, str> {
    // What has apostrophes in front of such already gets one more, so that one can be taken off again.
    match begins_formula(cell.trim_start_matches('\'')) {
        true => format!("'{cell}").into(),
        false => cell.into(),
    }
}

/// What [`safe_cell`] was made of.
fn plain_cell(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if begins_formula(rest.trim_start_matches('\'')) => rest,
        Some(_) | None => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_were() {
        for cell in [
            "+15550100123",
            "=1+1",
            "'=1",
            "''+1",
            "-3",
            "@x",
            "\tx",
            "plain",
            "'tis",
            "",
            "'",
        ] {
            let safe = safe_cell(cell);
            assert_eq!(plain_cell(&safe), cell);
            assert!(!begins_formula(&safe), "{cell}");
        }
    }

    fn columns(names: &[&str], mapping: &[(&str, &str)]) -> Result<Columns, ColumnError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mapping = mapping
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Columns::of(&names, &mapping.collect())
    }

    #[test]
    fn columns_are_told_by_their_names() {
        let told = columns(
            &[
                "Phone Number",
                "Mobile",
                "First Name",
                "Zip",
                "TimeZone",
                "state",
                "country",
                "1st",
            ],
            &[],
        );
        let variable = |name: &str| Column::Variable(name.to_owned());
        let want = vec![
            Column::Phone(None),
            Column::Phone(Some("mobile".into())),
            variable("first_name"),
            Column::PostalCode,
            Column::TimeZone,
            Column::Region,
            Column::Country,
            variable("_1st"),
        ];
        assert_eq!(told.unwrap().0, want);
        let alone = columns(&["phone", "state"], &[]).unwrap();
        assert_eq!(alone.0[1], variable("state"));
    }

    #[test]
    fn a_mapping_is_heeded_and_checked() {
        let told = columns(
            &["A", "B", "C"],
            &[
                ("A", "phone_number.home"),
                ("B", "variables.plan"),
                ("C", "ignore"),
            ],
        );
        assert_eq!(told.unwrap().0[0], Column::Phone(Some("home".into())));
        assert_eq!(columns(&["name"], &[]), Err(ColumnError::NoPhone));
        assert_eq!(
            columns(&["phone"], &[("x", "ignore")]),
            Err(ColumnError::NoColumn)
        );
        assert_eq!(
            columns(&["phone"], &[("phone", "x")]),
            Err(ColumnError::Word)
        );
        assert_eq!(
            columns(&["phone", "a", "A"], &[]),
            Err(ColumnError::Twice(2, 3))
        );
        let many: Vec<String> = (0..300).map(|n| format!("c{n}")).collect();
        assert_eq!(
            Columns::of(&many, &BTreeMap::new()),
            Err(ColumnError::TooMany)
        );
    }
}
