//! Whether there is a ground for a call: consent or another basis by what the call is for, and the registers of those who
//! want none.
//!
//! The rows of the pack say what each place wants ([`PermissionPack`]). All places where the phone may be are heeded, and the
//! strictest of them holds. What is known of the person's consent comes as entries of a ledger: it only grows, so a decision of
//! last year can be made again from what was known then.

mod ledger;
mod pack;

pub use ledger::{Consent, Entry, Form, What, consent};
pub use pack::{LiftedBy, Need, PermissionPack, Registry};

use serde::{Deserialize, Serialize};

use super::reason::{Code, Reason};
use super::{Kind, LegalBasis, Purpose};
use crate::consent::verdict::PackName;
use crate::geo::Place;

/// What is known about a call's ground.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// Whom it reaches.
    pub kind: Kind,
    /// The ground that the client states.
    pub basis: Option<LegalBasis>,
    /// What is on the ledger of this number, in any order.
    pub ledger: &'a [Entry],
    /// What registers said of this number, in any order.
    pub screenings: &'a [Screening],
    /// When the number got another owner, ms since 1970: consent from before is somebody else's.
    pub reassigned_ms: Option<i64>,
}

/// What a register said of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screening {
    /// Which register, as `us-national`.
    pub registry: String,
    /// The number is in it.
    pub listed: bool,
    /// Of when the register is, ms since 1970.
    pub checked_ms: i64,
}

/// How it was decided whether there is a ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// The pack of rules.
    pub pack: PackName,
    /// What the call is for.
    pub purpose: Purpose,
    /// Whom it reaches.
    pub kind: Kind,
    /// The ground that the client stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<LegalBasis>,
    /// What is needed, by whose rule: rows as `US`, each once.
    pub needs: Vec<(String, Need)>,
    /// What was known of consent.
    pub consent: ConsentFound,
    /// The entry of the ledger that this rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The registers that were to be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<RegistryCheck>,
}

/// What was known of consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentFound {
    /// None for this purpose.
    Missing,
    /// It was taken back.
    Withdrawn,
    /// Its time was over.
    Expired,
    /// It was given by somebody who had the number before.
    Reassigned,
    /// By word or deed.
    Express,
    /// In writing, signed.
    Written,
}

/// One register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryCheck {
    /// Which.
    pub registry: String,
    /// What came of it.
    pub found: RegistryFound,
    /// Of when the answer is, ms since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_ms: Option<i64>,
}

/// What came of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryFound {
    /// The number is not in it.
    Clear,
    /// The number is in it.
    Listed,
    /// It was asked too long ago.
    Stale,
    /// It was not asked.
    NotChecked,
    /// Consent goes before it.
    Lifted,
}

/// Whether there is a ground, at every place where the phone may be. The reasons against it, and how it was decided.
pub(super) fn grounds(
    pack: &PermissionPack,
    about: &About<'_>,
    places: &[Option<Place>],
    at_ms: i64,
) -> (Vec<Reason>, Grounds) {
    let mut needs: Vec<(String, Need)> = Vec::new();
    for place in places {
        let one = pack.need(*place, about.purpose);
        if !needs.iter().any(|known| known.0 == one.0) {
            needs.push(one);
        }
    }
    let given = consent(about.ledger, about.purpose, at_ms, about.reassigned_ms);
    let mut reasons: Vec<Reason> = Vec::new();
    for (rule, need) in &needs {
        if let Some(code) = lacking(*need, &given, about.basis)
            && !reasons.iter().any(|reason| reason.code == code)
        {
            reasons.push(Reason::plain(code, Some(rule.clone())));
        }
    }
    let form = given.form();
    let asked = pack.registries(places, about.purpose, about.kind);
    let registries: Vec<RegistryCheck> = asked
        .map(|registry| registry_check(registry, form, about.screenings, at_ms))
        .collect();
    reasons.extend(registries.iter().filter_map(|check| {
        let code = check.found.forbids()?;
        Some(Reason::plain(code, Some(check.registry.clone())))
    }));
    let grounds = Grounds {
        pack: pack.name(),
        purpose: about.purpose,
        kind: about.kind,
        basis: about.basis,
        needs,
        consent: given.found(),
        entry: given.entry().map(|entry| entry.id.clone()),
        registries,
    };
    (reasons, grounds)
}

/// What is missing where this is needed.
fn lacking(need: Need, given: &Consent<'_>, basis: Option<LegalBasis>) -> Option<Code> {
    let is_basis_enough = need == Need::Basis && basis.is_some_and(|b| b != LegalBasis::Consent);
    if is_basis_enough {
        return None;
    }
    match given {
        Consent::Given(_, Form::Written) => None,
        Consent::Given(_, Form::Express) => {
            (need == Need::Written).then_some(Code::ConsentNotWritten)
        }
        Consent::Withdrawn(_) => Some(Code::ConsentWithdrawn),
        Consent::Expired(_) => Some(Code::ConsentExpired),
        Consent::Reassigned(_) => Some(Code::NumberReassigned),
        Consent::Missing if need == Need::Basis && basis.is_none() => Some(Code::LegalBasisMissing),
        Consent::Missing => Some(Code::ConsentMissing),
    }
}

fn registry_check(
    registry: &Registry,
    form: Option<Form>,
    screenings: &[Screening],
    at_ms: i64,
) -> RegistryCheck {
    let of_it = screenings.iter().filter(|s| s.registry == registry.id);
    // An answer from behind the moment counts as one of that moment: two clocks may differ.
    let last = of_it.max_by_key(|screening| (screening.checked_ms, screening.listed));
    let found = match last {
        _ if registry.is_lifted_by(form) => RegistryFound::Lifted,
        None => RegistryFound::NotChecked,
        Some(screening) if screening.listed => RegistryFound::Listed,
        Some(screening) if at_ms.saturating_sub(screening.checked_ms) > registry.age_ms_max => {
            RegistryFound::Stale
        }
        Some(_) => RegistryFound::Clear,
    };
    RegistryCheck {
        registry: registry.id.clone(),
        found,
        checked_ms: last.map(|screening| screening.checked_ms),
    }
}

impl RegistryFound {
    const fn forbids(self) -> Option<Code> {
        match self {
            Self::Clear | Self::Lifted => None,
            Self::Listed => Some(Code::RegistryListed),
            Self::Stale => Some(Code::RegistryStale),
            Self::NotChecked => Some(Code::RegistryNotChecked),
        }
    }
}

#[cfg(test)]
mod tests;
