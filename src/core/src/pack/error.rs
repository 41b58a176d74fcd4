//! Why a text is not a pack of rules.

use super::{PACK_BYTES_MAX, RULES_MAX};
use crate::geo::Place;

/// What is wrong with a pack, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The text is too long.
    #[error("the pack has {bytes} bytes, at most {PACK_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is no JSON, or a field is missing, unknown, twice there, or of another type.
    #[error("line {line}, column {column}: {what}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// In the parser's words.
        what: String,
    },
    /// It is of another schema.
    #[error("schema: this server reads {expected}, the pack is {found:?}")]
    Schema {
        /// What it says it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The day is none.
    #[error("as_of: {found:?} is not a day as 2026-11-22")]
    AsOf {
        /// What is there.
        found: String,
    },
    /// A register that another pack has is of another place there.
    #[error("{at}: the register {id:?} is of {place} in the pack that this one replaces")]
    Moved {
        /// Which field, of which row.
        at: String,
        /// The register.
        id: String,
        /// Where it is.
        place: Place,
    },
    /// A word that is none of those allowed there.
    #[error("{at}: {found:?} is none of {allowed}")]
    Word {
        /// Which field, of which row.
        at: String,
        /// What is there.
        found: String,
        /// What may be there.
        allowed: &'static str,
    },
    /// The modes are in another order than here, so "stricter" would mean something else.
    #[error("modes_in_order_of_strictness: the order here is {expected}")]
    Order {
        /// From lax to strict.
        expected: &'static str,
    },
    /// A default or a row is laxer than it may be.
    #[error("{at}: {found} is laxer than {least}")]
    Lax {
        /// Which field, of which row.
        at: String,
        /// What is there.
        found: &'static str,
        /// What must be there at least.
        least: &'static str,
    },
    /// Hours that are none.
    #[error(
        "{at}: {found} is not hours as [\"08:00\", \"21:00\"], the first before the second and none beyond 24:00"
    )]
    Hours {
        /// Which field, of which row.
        at: String,
        /// What is there.
        found: String,
    },
    /// So many calls in such a time are none.
    #[error(
        "{at}: {found} is no number of calls of 1 or more in days or hours as \"P30D\" or \"PT24H\", a year at most"
    )]
    Period {
        /// Which field, of which row.
        at: String,
        /// What is there.
        found: String,
    },
    /// The hours of a day overlap or are not in order.
    #[error("{at}: the hours of a day are in order and do not overlap")]
    Overlap {
        /// Which field, of which row.
        at: String,
    },
    /// A time zone that is none.
    #[error("{at}: {found:?}: {why}")]
    Zone {
        /// Which field, of which row.
        at: String,
        /// What is there.
        found: String,
        /// Why not.
        why: crate::policy::ZoneError,
    },
    /// A row's code is no place.
    #[error("{at}: {found:?}: {why}")]
    Code {
        /// Which row.
        at: String,
        /// What is there.
        found: String,
        /// Why not.
        why: crate::geo::PlaceError,
    },
    /// Two rows have the same code.
    #[error("{table}[{second}]: {code} is there already, as {table}[{first}]")]
    Duplicate {
        /// Where the rows are.
        table: &'static str,
        /// The code.
        code: String,
        /// Index of the first row, from 0.
        first: usize,
        /// Index of the second.
        second: usize,
    },
    /// A row that others rest on is missing.
    #[error("{table}: no row {code}, which holds where no other does")]
    Missing {
        /// Where the rows are.
        table: &'static str,
        /// Its code.
        code: &'static str,
    },
    /// There are too many rows.
    #[error("{table}: {rules} rows, at most {RULES_MAX} are read")]
    TooMany {
        /// Where the rows are.
        table: &'static str,
        /// How many there are.
        rules: usize,
    },
}
