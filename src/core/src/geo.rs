//! Where a telephone number is: its country, the places whose law may hold for it, and the time zones it may be in.
//!
//! A number says where a line was sold, not where a phone is. So every answer names all candidates: one place or several,
//! one zone or several, and how much the number itself tells. The table is made of libphonenumber's data and the IANA
//! time zones; `data/README.md` has sources, versions and what was changed.

mod place;
mod table;

pub use place::{Place, PlaceError};

use serde::{Deserialize, Serialize};

use crate::phone::PhoneNumber;
use table::TABLE;

/// How much the digits of a number say of where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing, or not which of several countries.
    Unknown,
    /// A country only, and by custom: free to the caller, premium, or following its owner.
    Nomadic,
    /// A country.
    Country,
    /// An area, by its area code.
    Area,
}

/// What a number's digits say of where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// ISO 3166-1 alpha-2, where it is one country. A territory of the United States is `US`.
    pub country: Option<&'static str>,
    /// The places whose law may hold; empty where nothing is known.
    pub places: &'static [Place],
    /// Names of IANA time zones, in each of which the phone may be. Never empty: a number of which nothing is known may be
    /// in any.
    pub zones: &'static [&'static str],
    /// How much the number told.
    pub evidence: Evidence,
    /// The places rest on an area code that a mobile carries everywhere. In North America no number says whether it is a
    /// mobile's.
    pub only_area_code: bool,
}

/// Country code of the North American plan, whose numbers have ten digits after it.
const NORTH_AMERICA: &str = "1";
const NORTH_AMERICAN_DIGITS: usize = 11;

/// Where a number is. Neither fails nor allocates.
pub fn of(number: &PhoneNumber) -> Numbered {
    let digits = number.as_str().trim_start_matches('+');
    let north_american = digits.starts_with(NORTH_AMERICA);
    let found = if north_american && digits.len() != NORTH_AMERICAN_DIGITS {
        None
    } else {
        TABLE.longest(digits)
    };
    let Some(found) = found else {
        return Numbered {
            country: None,
            places: &[],
            zones: &TABLE.world,
            evidence: Evidence::Unknown,
            only_area_code: false,
        };
    };
    Numbered {
        country: found.country,
        places: &found.places,
        zones: &found.zones,
        evidence: found.evidence,
        only_area_code: north_american && found.evidence == Evidence::Area,
    }
}

/// Whether the place's country is one that the table knows: of any other nothing can be told but the strictest.
pub fn is_known(place: Place) -> bool {
    let table: &'static table::Table = &TABLE;
    table.zones.contains_key(&place) || table.zones.contains_key(&place.country())
}

/// The names of IANA time zones that a place has; of a part that the table does not tell apart, its country's; of a place
/// that nobody knows, all there are. Never empty.
pub fn zones_of(place: Place) -> &'static [&'static str] {
    let table: &'static table::Table = &TABLE;
    let of = |place| table.zones.get(&place);
    of(place)
        .or_else(|| of(place.country()))
        .map_or(&table.world, |zones| zones)
}

#[cfg(test)]
mod tests;
