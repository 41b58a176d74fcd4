//! What somebody agreed to and took back, in the order in which it happened.

use serde::{Deserialize, Serialize};

use super::ConsentFound;
use crate::policy::{Purpose, Purposes};

/// In which form consent was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// By word or deed.
    Express,
    /// In writing, signed, also electronically (47 CFR 64.1200(f)(9); 15 U.S.C. 7001).
    Written,
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `cns_…`.
    pub id: String,
    /// When it was said, ms since 1970.
    pub at_ms: i64,
    /// What it is about.
    pub purposes: Purposes,
    /// What was said.
    pub what: What,
}

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// They may be called.
    Given {
        /// How they said so.
        form: Form,
        /// It does not hold any more then, ms since 1970.
        expires_ms: Option<i64>,
    },
    /// Not any more.
    Withdrawn,
}

/// What is known of somebody's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent<'a> {
    /// Nothing for this purpose.
    Missing,
    /// It was taken back, by this entry.
    Withdrawn(&'a Entry),
    /// The time of the one that held longest is over.
    Expired(&'a Entry),
    /// The number has had another owner since.
    Reassigned(&'a Entry),
    /// It holds.
    Given(&'a Entry, Form),
}

impl Consent<'_> {
    /// In which form, if it holds.
    pub const fn form(&self) -> Option<Form> {
        match self {
            Self::Given(_, form) => Some(*form),
            Self::Missing | Self::Withdrawn(_) | Self::Expired(_) | Self::Reassigned(_) => None,
        }
    }

    /// What it rests on.
    pub const fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Missing => None,
            Self::Withdrawn(entry)
            | Self::Expired(entry)
            | Self::Reassigned(entry)
            | Self::Given(entry, _) => Some(entry),
        }
    }

    pub(super) const fn found(&self) -> ConsentFound {
        match self {
            Self::Missing => ConsentFound::Missing,
            Self::Withdrawn(_) => ConsentFound::Withdrawn,
            Self::Expired(_) => ConsentFound::Expired,
            Self::Reassigned(_) => ConsentFound::Reassigned,
            Self::Given(_, Form::Express) => ConsentFound::Express,
            Self::Given(_, Form::Written) => ConsentFound::Written,
        }
    }
}

/// What is known of consent to calls for a purpose at a moment, from a ledger in any order.
///
/// A withdrawal ends every consent that was given before it or in the same moment, and holds as soon as it is on the ledger;
/// a consent given behind it holds again. Of several that hold, a written one counts.
pub fn consent(
    ledger: &[Entry],
    purpose: Purpose,
    at_ms: i64,
    reassigned_ms: Option<i64>,
) -> Consent<'_> {
    let about = || ledger.iter().filter(|entry| entry.purposes.has(purpose));
    let withdrawals = about().filter(|entry| entry.what == What::Withdrawn);
    let withdrawal = withdrawals.max_by_key(|entry| entry.at_ms);
    let mut found = withdrawal.map_or(Consent::Missing, Consent::Withdrawn);
    for entry in about().filter(|entry| entry.at_ms <= at_ms) {
        let What::Given { form, expires_ms } = entry.what else {
            continue;
        };
        let one = if withdrawal.is_some_and(|withdrawal| withdrawal.at_ms >= entry.at_ms) {
            continue;
        } else if reassigned_ms.is_some_and(|since| since >= entry.at_ms) {
            Consent::Reassigned(entry)
        } else if expires_ms.is_some_and(|expires| expires <= at_ms) {
            Consent::Expired(entry)
        } else {
            Consent::Given(entry, form)
        };
        if rank(&one) >= rank(&found) {
            found = one;
        }
    }
    found
}

/// What says more: of two, the higher is told.
const fn rank(consent: &Consent<'_>) -> u8 {
    match consent {
        Consent::Missing => 0,
        Consent::Withdrawn(_) => 1,
        Consent::Reassigned(_) => 2,
        Consent::Expired(_) => 3,
        Consent::Given(_, Form::Express) => 4,
        Consent::Given(_, Form::Written) => 5,
    }
}
