//! Rule packs: the hours and days at which people of each place may be called, as data.
//!
//! A pack is read and checked whole, once. What it makes of its rows can only be stricter than they are: a part's rule
//! holds with its country's, hours for artificial voices hold with those for live ones unless their row is sure, and a
//! default that is not sure holds with that for a country nobody knows. `rules/README.md` says where the shipped pack
//! comes from.

mod read;

pub(super) use read::cap;

pub use crate::pack::{PACK_BYTES_MAX, PackError, RULES_MAX, US_UNKNOWN};

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::caps::Cap;
use super::week::{Span, Week};
use super::zone::Zone;
use crate::geo::Place;
use crate::pack::{Confidence, is_of_eea};

/// The schema this server reads.
pub const SCHEMA: &str = "callserver/calling-hours/1";

#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads it"
)]
static SHIPPED: LazyLock<HoursPack> =
    LazyLock::new(|| HoursPack::parse(HoursPack::SHIPPED_TEXT).expect("the shipped pack is whole"));

/// A checked rule pack.
#[derive(Clone, Debug)]
pub struct HoursPack {
    id: String,
    sha256: String,
    as_of: String,
    rules: BTreeMap<Place, Rule>,
    /// A number of the United States whose state is not known.
    unknown_us: Rule,
    /// A member of the European Economic Area without a row.
    eea: Option<Rule>,
    /// Anywhere without a row, and where nothing is known.
    fallback: Rule,
    frequency: Frequency,
}

/// When people of a place may be called. What it says holds already together with the rules above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called: a row's place as `US-FL`, or the default `US-UNKNOWN`, `EU` or `ZZ`.
    pub id: String,
    /// The place's name in English.
    pub name: String,
    /// The hours at which a call may begin, by the wall clock of the person called.
    pub week: Week,
    /// What holds on the place's holidays.
    pub on_holidays: OnHolidays,
    /// The day before a holiday has the hours of a Saturday too.
    pub eves_as_saturday: bool,
    /// The hours hold by the clocks of these zones as well.
    pub also_in: Vec<Zone>,
    /// How often somebody may be called.
    pub caps: Vec<Cap>,
    /// Statutes.
    pub citations: String,
    /// Remarks.
    pub notes: String,
    /// How sure the compiler of the pack is.
    pub confidence: Confidence,
}

/// How often one number is called where nobody said anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// Most calls within 24 hours.
    pub calls_24h_max: u32,
    /// Most within seven days.
    pub calls_7d_max: u32,
    /// From the beginning of one to that of the next, ms.
    pub gap_ms: i64,
}

impl Frequency {
    /// The stricter of both, each number by itself.
    fn tightened(self, other: Self) -> Self {
        Self {
            calls_24h_max: self.calls_24h_max.min(other.calls_24h_max),
            calls_7d_max: self.calls_7d_max.min(other.calls_7d_max),
            gap_ms: self.gap_ms.max(other.gap_ms),
        }
    }
}

/// What holds on holidays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnHolidays {
    /// The hours of the weekday.
    Open,
    /// These of the hours of the weekday.
    Only(Vec<Span>),
    /// Nobody is called.
    Closed,
}

impl HoursPack {
    /// The text of the pack that is part of the program.
    pub const SHIPPED_TEXT: &str = include_str!("../../rules/calling_hours.json");

    /// The pack that is part of the program.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads and checks a pack's JSON.
    pub fn parse(text: &str) -> Result<Self, PackError> {
        read::pack(text, None)
    }

    /// Reads a pack that is to stand in place of another. A row of high confidence replaces the other's row, if the pack is not
    /// older; any other row holds together with it. Rows that it does not have stay, and so does whatever is stricter of what is
    /// said where nothing is known.
    pub fn replacing(text: &str, base: &Self) -> Result<Self, PackError> {
        read::pack(text, Some(base))
    }

    /// Schema and day, as `callserver/calling-hours/1+2026-11-22`; that of the pack below it behind a `~`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Checksum of the pack's text, 64 hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The day for which it was compiled, `YYYY-MM-DD`.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// How often a client calls one number at most that has said nothing else of it.
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// The rule of this very place.
    pub fn rule(&self, place: &Place) -> Option<&Rule> {
        self.rules.get(place)
    }

    /// Every rule of a place of its own.
    pub fn rules(&self) -> impl Iterator<Item = (&Place, &Rule)> {
        self.rules.iter()
    }

    /// What holds in a place: its rule, or its country's, or a default. `None` is a place of which nothing is known, and
    /// the United States as a whole are one of which the state is not known.
    pub fn basis(&self, place: Option<Place>) -> &Rule {
        let Some(place) = place else {
            return &self.fallback;
        };
        let country = place.country();
        if place.is_us() && !place.is_part() {
            return &self.unknown_us;
        }
        if let Some(rule) = self.rule(&place).or_else(|| self.rule(&country)) {
            return rule;
        }
        let of_eea = is_of_eea(country);
        self.eea
            .as_ref()
            .filter(|_| of_eea)
            .unwrap_or(&self.fallback)
    }
}

impl Rule {
    /// Hours of a campaign's or a person's own, which hold beside those of the law.
    pub fn window(id: &str, week: Week, skips_holidays: bool) -> Self {
        Self {
            id: id.to_owned(),
            name: String::new(),
            week,
            on_holidays: if skips_holidays {
                OnHolidays::Closed
            } else {
                OnHolidays::Open
            },
            eves_as_saturday: false,
            also_in: Vec::new(),
            caps: Vec::new(),
            citations: String::new(),
            notes: String::new(),
            confidence: Confidence::Unrated,
        }
    }

    /// Whether it needs to be known which days are holidays.
    pub(super) fn heeds_holidays(&self) -> bool {
        self.eves_as_saturday || self.on_holidays != OnHolidays::Open
    }

    /// Holds together with another: neither allows what the other forbids.
    pub(super) fn tighten(&mut self, other: &Self) {
        use OnHolidays::{Closed, Only, Open};
        self.week = self.week.and(&other.week);
        self.eves_as_saturday |= other.eves_as_saturday;
        self.on_holidays = match (&self.on_holidays, &other.on_holidays) {
            (Closed, _) | (_, Closed) => Closed,
            (Open, rest) | (rest, Open) => rest.clone(),
            (Only(one), Only(two)) => Only(super::week::both(one, two)),
        };
        for zone in &other.also_in {
            if !self.also_in.contains(zone) {
                self.also_in.push(*zone);
            }
        }
        for cap in &other.caps {
            if !self.caps.contains(cap) {
                self.caps.push(cap.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
