//! How it was decided: all that is needed to explain a verdict years later, without the number.

use serde::{Deserialize, Serialize};

use super::hours::Candidate;
use super::permission::Grounds;
use super::{CANDIDATES_MAX, CapCheck, Code, Destination, Request};
use crate::consent::verdict::PackName;
use crate::geo::{self, Place};

/// What a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The pack of rules.
    pub pack: PackName,
    /// The moment that was asked about, milliseconds since 1970-01-01 UTC.
    pub at_unix_ms: i64,
    /// Whether the number was on a list of those not to be called.
    pub suppressed: bool,
    /// The allowed destination that the number begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// The country that the number names, ISO 3166-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// How much the number told.
    pub evidence: Evidence,
    /// Every place and clock that was heeded; the first [`CANDIDATES_MAX`] of them.
    pub checks: Vec<Check>,
    /// How often the number may be called, and was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<CapCheck>,
    /// Whether there is a ground for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Grounds>,
}

/// How much a number's digits told of where its phone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing, or it was no number.
    Unknown,
    /// A country, by custom.
    Nomadic,
    /// A country.
    Country,
    /// An area.
    Area,
}

/// From where a place or a zone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The number.
    Number,
    /// What is known of the person.
    Contact,
}

/// One place's rule, by one clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which place; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// From where place and zone are known.
    pub source: Source,
    /// The rule that holds there: a row of the pack, a default, or the campaign's or the person's own hours.
    pub rule: String,
    /// The zone, an IANA name.
    pub zone: String,
    /// What its clocks showed, as `2026-11-22T20:59:00-05:00`.
    pub local_time: String,
    /// The hours of that day, as `08:00-21:00`; empty if nobody is called on it.
    pub hours: Vec<String>,
    /// Why the call may not begin there; `None` if it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Code>,
}

impl Evidence {
    pub(super) fn of(evidence: geo::Evidence) -> Self {
        match evidence {
            geo::Evidence::Unknown => Self::Unknown,
            geo::Evidence::Nomadic => Self::Nomadic,
            geo::Evidence::Country => Self::Country,
            geo::Evidence::Area => Self::Area,
        }
    }
}

impl Trace {
    pub(super) fn new(request: &Request<'_>) -> Self {
        Self {
            pack: PackName {
                id: request.pack.id().to_owned(),
                sha256: request.pack.sha256().to_owned(),
            },
            at_unix_ms: request.at_unix_ms,
            suppressed: request.suppressed,
            destination: None,
            country: None,
            evidence: Evidence::Unknown,
            checks: Vec::new(),
            caps: Vec::new(),
            grounds: None,
        }
    }

    pub(super) fn note(&mut self, candidate: &Candidate<'_>, source: Source) {
        if self.checks.len() == CANDIDATES_MAX {
            return;
        }
        let local = candidate.zone.local(self.at_unix_ms);
        let (spans, _) = candidate.spans(local.day);
        self.checks.push(Check {
            place: candidate.place,
            source,
            rule: candidate.rule.id.clone(),
            zone: candidate.zone.name().to_owned(),
            local_time: local.to_string(),
            hours: spans.iter().map(ToString::to_string).collect(),
            closed: candidate.closed(self.at_unix_ms),
        });
    }
}
