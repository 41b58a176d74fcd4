//! What packs of rules have in common, whatever they are about: a dated JSON text of one schema, whose rows tell what
//! holds in a place.
//!
//! A pack is read and checked whole, once, and refused with what is wrong and where.

mod error;

pub use error::PackError;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::geo::Place;

/// A pack's text is at most this long, in bytes.
pub const PACK_BYTES_MAX: usize = 1 << 20;

/// A pack has at most this many rows.
pub const RULES_MAX: usize = 4_096;

/// What the default for an unknown place in the United States is called.
pub const US_UNKNOWN: &str = "US-UNKNOWN";

/// The row that holds where no other does.
pub(crate) const FALLBACK: &str = "ZZ";
/// The row of members of the European Economic Area without one of their own.
pub(crate) const EEA_ROW: &str = "EU";

/// Members of the European Economic Area, ISO 3166-1: those of them without a row have the row `EU`.
const EEA: [&str; 30] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// How sure the compiler of a pack is of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A default, of which there is nothing to be sure.
    #[serde(rename = "n/a")]
    Unrated,
    /// A norm, conflicting lists, or not researched.
    Low,
    /// One good source.
    Medium,
    /// Settled, and several sources agree.
    High,
}

const CONFIDENCES: [(&str, Confidence); 4] = [
    ("high", Confidence::High),
    ("medium", Confidence::Medium),
    ("low", Confidence::Low),
    ("n/a", Confidence::Unrated),
];

/// What a pack is known by.
pub(crate) struct Stamp {
    /// Schema and day.
    pub(crate) id: String,
    /// Checksum of its text, 64 hexadecimal digits.
    pub(crate) sha256: String,
}

/// The fields of a text of this schema.
pub(crate) fn file<T: DeserializeOwned>(text: &str, schema: &'static str) -> Result<T, PackError> {
    if text.len() > PACK_BYTES_MAX {
        return Err(PackError::TooLong { bytes: text.len() });
    }
    // The schema is asked for first: of another one, no other complaint makes sense.
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let named: Named = serde_json::from_str(text).map_err(json)?;
    if named.schema != schema {
        return Err(PackError::Schema {
            found: shortened(&named.schema),
            expected: schema,
        });
    }
    serde_json::from_str(text).map_err(json)
}

/// What the pack of this text is known by, if its day is one.
pub(crate) fn stamp(text: &str, schema: &str, as_of: &str) -> Result<Stamp, PackError> {
    if !is_day(as_of) {
        return Err(PackError::AsOf {
            found: shortened(as_of),
        });
    }
    Ok(Stamp {
        id: format!("{schema}+{as_of}"),
        sha256: hex(&Sha256::digest(text)),
    })
}

/// How a pack stands to the one that it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It is as young as the other, or younger: rows of high confidence replace the other's. Where there is no other, every row
    /// stands as it is.
    Replaces,
    /// It is older: all it can do is to tighten.
    Tightens,
}

impl Trust {
    /// That of a pack of one day over one of another.
    pub(crate) fn of(as_of: &str, base_as_of: Option<&str>) -> Self {
        if base_as_of.is_some_and(|base| as_of < base) {
            Self::Tightens
        } else {
            Self::Replaces
        }
    }

    /// What a row's confidence is worth.
    pub(crate) fn worth(self, confidence: Confidence) -> Confidence {
        match self {
            Self::Replaces => confidence,
            Self::Tightens => confidence.min(Confidence::Low),
        }
    }
}

impl Stamp {
    /// That of a pack that was read over another, whose rows hold where its own do not: the day of the other is named too.
    pub(crate) fn over(self, base_as_of: Option<&str>) -> Self {
        match base_as_of {
            None => self,
            Some(day) => Self {
                id: format!("{}~{day}", self.id),
                ..self
            },
        }
    }
}

/// The rows of a table by their places, each made of its index, its place and itself.
pub(crate) fn by_place<R, T>(
    table: &'static str,
    rows: Vec<R>,
    code: impl Fn(&R) -> &str,
    rule: impl Fn(usize, Place, R) -> Result<T, PackError>,
) -> Result<BTreeMap<Place, T>, PackError> {
    if rows.len() > RULES_MAX {
        return Err(PackError::TooMany {
            table,
            rules: rows.len(),
        });
    }
    let mut rules = BTreeMap::new();
    let mut indices = BTreeMap::new();
    for (second, row) in rows.into_iter().enumerate() {
        let place = Place::parse(code(&row)).map_err(|why| PackError::Code {
            at: format!("{table}[{second}].code"),
            found: shortened(code(&row)),
            why,
        })?;
        if let Some(first) = indices.insert(place, second) {
            return Err(PackError::Duplicate {
                table,
                code: place.to_string(),
                first,
                second,
            });
        }
        rules.insert(place, rule(second, place, row)?);
    }
    Ok(rules)
}

/// What one of the known words means.
pub(crate) fn word<T: Clone>(
    at: &str,
    text: &str,
    known: &[(&str, T)],
    allowed: &'static str,
) -> Result<T, PackError> {
    let found = known.iter().find(|(name, _)| *name == text);
    found
        .map(|(_, value)| value.clone())
        .ok_or_else(|| PackError::Word {
            at: at.to_owned(),
            found: shortened(text),
            allowed,
        })
}

/// How sure a row says that it is.
pub(crate) fn confidence(at: &str, text: &str) -> Result<Confidence, PackError> {
    word(at, text, &CONFIDENCES, "high, medium, low, n/a")
}

/// A member of the European Economic Area.
pub(crate) fn is_of_eea(country: Place) -> bool {
    EEA.contains(&country.to_string().as_str())
}

/// Enough of a text to find it by.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    text.chars().take(CHARS_MAX).collect()
}

fn json(error: serde_json::Error) -> PackError {
    PackError::Json {
        line: error.line(),
        column: error.column(),
        what: shortened(&error.to_string()),
    }
}

/// `YYYY-MM-DD` of the Gregorian calendar.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |text: &str, digits| {
        let well = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        well.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
