//! What each place wants of a call's ground, as data. `rules/README.md` says where the shipped pack comes from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Form;
use crate::consent::verdict::PackName;
use crate::geo::Place;
use crate::pack::{
    self, Confidence, EEA_ROW, FALLBACK, PackError, Trust, is_of_eea, shortened, word,
};
use crate::policy::caps::{Cap, Counted};
use crate::policy::pack::cap;
use crate::policy::{Kind, Purpose, Purposes};

/// The schema this server reads.
const SCHEMA: &str = "callserver/call-permission/1";

/// Most registers of a pack.
const REGISTRIES_MAX: usize = 256;
const NEEDS: &str = "needs";
const WORDS: [(&str, Need); 3] = [
    ("basis", Need::Basis),
    ("express", Need::Express),
    ("written", Need::Written),
];
const LIFTS: [(&str, LiftedBy); 3] = [
    ("none", LiftedBy::Nothing),
    ("express", LiftedBy::Express),
    ("written", LiftedBy::Written),
];
const COVERS: [(&str, bool); 2] = [("consumers", false), ("everybody", true)];

#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads it"
)]
static SHIPPED: LazyLock<PermissionPack> = LazyLock::new(|| {
    PermissionPack::parse(PermissionPack::SHIPPED_TEXT).expect("the shipped pack is whole")
});

/// What a call for a purpose needs, from little to much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A basis of the law, stated by the client.
    Basis,
    /// Consent, given by word or deed before.
    Express,
    /// Consent in writing.
    Written,
}

/// Which consent goes before a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiftedBy {
    /// None.
    Nothing,
    /// Any.
    Express,
    /// One in writing.
    Written,
}

/// A register of people who do not want to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// As `us-national`.
    pub id: String,
    /// Where it counts.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// So old may its answer be, ms.
    pub age_ms_max: i64,
    /// Calls for which it counts.
    pub purposes: Purposes,
    /// Businesses are in it too, or that is not sure.
    covers_businesses: bool,
    /// Which consent goes before it; of a row that is not sure, none does.
    lifted_by: LiftedBy,
    /// Statutes.
    pub citations: String,
    /// How sure the compiler of the pack is.
    pub confidence: Confidence,
}

/// A checked pack.
#[derive(Clone, Debug)]
pub struct PermissionPack {
    name: PackName,
    as_of: String,
    needs: BTreeMap<Place, Needs>,
    fallback: Needs,
    registries: Vec<Registry>,
    caps: Vec<(Place, Purpose, Cap)>,
}

/// What a row wants, by [`Purpose::ALL`].
#[derive(Clone, Copy, Debug)]
struct Needs([Need; Purpose::ALL.len()]);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    as_of: String,
    #[serde(rename = "not_legal_advice")]
    _not_legal_advice: IgnoredAny,
    #[serde(rename = "source_note")]
    _source_note: IgnoredAny,
    needs: Vec<NeedRow>,
    registries: Vec<RegistryRow>,
    caps: Vec<CapRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedRow {
    code: String,
    marketing: String,
    survey: String,
    service: String,
    collections: String,
    confidence: String,
    #[serde(rename = "citations")]
    _citations: IgnoredAny,
    #[serde(rename = "notes")]
    _notes: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryRow {
    id: String,
    code: String,
    name: String,
    max_age: String,
    purposes: Vec<Purpose>,
    covers: String,
    lifted_by: String,
    confidence: String,
    citations: String,
    #[serde(rename = "notes")]
    _notes: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CapRow {
    code: String,
    purpose: Purpose,
    max_calls: u32,
    period: String,
    // What it counts; calls if absent.
    #[serde(default)]
    counts: Counted,
    // A cap only tightens, however sure it is.
    #[serde(rename = "confidence")]
    _confidence: IgnoredAny,
    #[serde(rename = "citations")]
    _citations: IgnoredAny,
    #[serde(rename = "notes")]
    _notes: IgnoredAny,
}

impl PermissionPack {
    /// The text of the pack that is part of the program.
    pub const SHIPPED_TEXT: &str = include_str!("../../../rules/call_permission.json");

    /// The pack that is part of the program.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads and checks a pack's JSON.
    pub fn parse(text: &str) -> Result<Self, PackError> {
        Self::read(text, None)
    }

    /// Reads a pack that is to stand in place of another. A row of high confidence replaces the other's row, if the pack is not
    /// older; any other row holds together with it. Rows and registers that it does not have stay, and so does every cap.
    pub fn replacing(text: &str, base: &Self) -> Result<Self, PackError> {
        Self::read(text, Some(base))
    }

    fn read(text: &str, base: Option<&Self>) -> Result<Self, PackError> {
        let file: File = pack::file(text, SCHEMA)?;
        let base_as_of = base.map(|base| base.as_of.as_str());
        let stamp = pack::stamp(text, &file.schema, &file.as_of)?.over(base_as_of);
        let trust = Trust::of(&file.as_of, base_as_of);
        let mut rows = pack::by_place(NEEDS, file.needs, |row| &row.code, need_row)?;
        if let Some(base) = base {
            lay_over(&mut rows, base, trust);
        }
        let fallback = Place::parse(FALLBACK).ok().and_then(|zz| rows.get(&zz));
        let missing = PackError::Missing {
            table: NEEDS,
            code: FALLBACK,
        };
        let fallback = fallback.ok_or(missing)?.0;
        let needs = rows.iter().map(|(place, (own, confidence))| {
            let mut needs = *own;
            if *confidence != Confidence::High {
                needs.tighten(fallback);
            }
            if let Some((national, _)) = rows.get(&place.country()).filter(|_| place.is_part()) {
                needs.tighten(*national);
            }
            (*place, needs)
        });
        let needs = needs.collect();
        let registries = registries(file.registries, base, trust)?;
        let caps = file.caps.iter().enumerate().map(|(index, row)| {
            let at = format!("caps[{index}]");
            let place = place(&format!("{at}.code"), &row.code)?;
            let cap = Cap {
                counts: row.counts,
                ..cap(&at, &row.code, row.max_calls, &row.period)?
            };
            Ok((place, row.purpose, cap))
        });
        let mut caps: Vec<(Place, Purpose, Cap)> = caps.collect::<Result<_, _>>()?;
        for below in base.iter().flat_map(|base| &base.caps) {
            if !caps.contains(below) {
                caps.push(below.clone());
            }
        }
        Ok(Self {
            as_of: file.as_of,
            name: PackName {
                id: stamp.id,
                sha256: stamp.sha256,
            },
            needs,
            fallback,
            registries,
            caps,
        })
    }

    /// The day for which it was compiled, `YYYY-MM-DD`.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// What it is known by.
    pub fn name(&self) -> PackName {
        self.name.clone()
    }

    /// What a call for a purpose needs in a place, and the row that says so: the place's, or its country's, or a default.
    pub fn need(&self, place: Option<Place>, purpose: Purpose) -> (String, Need) {
        let named = |place: Place| {
            self.needs
                .get(&place)
                .map(|needs| (place.to_string(), needs))
        };
        let found = place.and_then(|place| {
            let own = named(place).or_else(|| named(place.country()));
            let eea = || {
                let eea = Place::parse(EEA_ROW)
                    .ok()
                    .filter(|_| is_of_eea(place.country()));
                eea.and_then(named)
            };
            own.or_else(eea)
        });
        let (rule, needs) = found.unwrap_or((FALLBACK.to_owned(), &self.fallback));
        (rule, needs.of(purpose))
    }

    fn all_needs(&self, place: Place) -> Needs {
        Needs(Purpose::ALL.map(|purpose| self.need(Some(place), purpose).1))
    }

    /// The register of this name.
    pub fn registry(&self, id: &str) -> Option<&Registry> {
        self.registries.iter().find(|registry| registry.id == id)
    }

    /// The registers that a call for a purpose to somebody of this kind is to be looked up in, each once.
    pub fn registries(
        &self,
        places: &[Option<Place>],
        purpose: Purpose,
        kind: Kind,
    ) -> impl Iterator<Item = &Registry> {
        self.registries.iter().filter(move |registry| {
            let is_there =
                |place: &Place| *place == registry.place || place.country() == registry.place;
            registry.purposes.has(purpose)
                && (kind == Kind::Consumer || registry.covers_businesses)
                && places.iter().flatten().any(is_there)
        })
    }

    /// Every register that the pack knows.
    pub fn all_registries(&self) -> &[Registry] {
        &self.registries
    }

    /// How often somebody may be called for a purpose, by the rules of these places.
    pub(in crate::policy) fn caps(
        &self,
        places: &[Option<Place>],
        purpose: Purpose,
    ) -> impl Iterator<Item = &Cap> {
        let of = move |(place, about, _): &&(Place, Purpose, Cap)| {
            let is_there = |one: &Place| one == place || one.country() == *place;
            *about == purpose && places.iter().flatten().any(is_there)
        };
        self.caps.iter().filter(of).map(|(_, _, cap)| cap)
    }
}

impl Needs {
    fn of(self, purpose: Purpose) -> Need {
        let [marketing, survey, service, collections] = self.0;
        match purpose {
            Purpose::Marketing => marketing,
            Purpose::Survey => survey,
            Purpose::Service => service,
            Purpose::Collections => collections,
        }
    }

    fn tighten(&mut self, other: Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = (*own).max(other);
        }
    }
}

impl Registry {
    fn tighten(&mut self, other: &Self) {
        self.age_ms_max = self.age_ms_max.min(other.age_ms_max);
        self.purposes = self.purposes.iter().chain(other.purposes.iter()).collect();
        self.covers_businesses |= other.covers_businesses;
    }

    /// Whether a consent that holds goes before it.
    pub(super) fn is_lifted_by(&self, form: Option<Form>) -> bool {
        match (self.lifted_by, form) {
            (LiftedBy::Express, Some(_)) | (LiftedBy::Written, Some(Form::Written)) => true,
            (LiftedBy::Nothing, _) | (LiftedBy::Express | LiftedBy::Written, _) => false,
        }
    }
}

fn need_row(index: usize, place: Place, row: NeedRow) -> Result<(Needs, Confidence), PackError> {
    let at = |field: &str| format!("{NEEDS}[{index}] ({place}).{field}");
    let need = |field: &str, text: &str| word(&at(field), text, &WORDS, "basis, express, written");
    let needs = Needs([
        need("marketing", &row.marketing)?,
        need("survey", &row.survey)?,
        need("service", &row.service)?,
        need("collections", &row.collections)?,
    ]);
    let confidence = pack::confidence(&at("confidence"), &row.confidence)?;
    Ok((needs, confidence))
}

/// What a pack makes of the rows of another.
fn lay_over(rows: &mut BTreeMap<Place, (Needs, Confidence)>, base: &PermissionPack, trust: Trust) {
    for (place, (needs, confidence)) in rows.iter_mut() {
        *confidence = trust.worth(*confidence);
        if *confidence != Confidence::High {
            needs.tighten(base.all_needs(*place));
        }
    }
    for (place, needs) in &base.needs {
        // What it says holds together with its defaults already.
        rows.entry(*place).or_insert((*needs, Confidence::High));
    }
}

fn registries(
    rows: Vec<RegistryRow>,
    base: Option<&PermissionPack>,
    trust: Trust,
) -> Result<Vec<Registry>, PackError> {
    const TABLE: &str = "registries";
    if rows.len() > REGISTRIES_MAX {
        return Err(PackError::TooMany {
            table: TABLE,
            rules: rows.len(),
        });
    }
    let mut found: Vec<Registry> = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let at = |field: &str| format!("{TABLE}[{index}].{field}");
        let is_id = |text: &str| {
            (1..=32).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        if !is_id(&row.id) {
            return Err(PackError::Word {
                at: at("id"),
                found: shortened(&row.id),
                allowed: "1 to 32 of a to z and -",
            });
        }
        if let Some(first) = found.iter().position(|other| other.id == row.id) {
            return Err(PackError::Duplicate {
                table: TABLE,
                code: row.id,
                first,
                second: index,
            });
        }
        let confidence = trust.worth(pack::confidence(&at("confidence"), &row.confidence)?);
        let is_sure = confidence == Confidence::High;
        let lifted_by = word(
            &at("lifted_by"),
            &row.lifted_by,
            &LIFTS,
            "none, express, written",
        )?;
        let everybody = word(&at("covers"), &row.covers, &COVERS, "consumers, everybody")?;
        let below = base.and_then(|base| base.registry(&row.id));
        let place = place(&at("code"), &row.code)?;
        if let Some(below) = below.filter(|below| below.place != place) {
            return Err(PackError::Moved {
                at: at("code"),
                id: row.id,
                place: below.place,
            });
        }
        let mut registry = Registry {
            place,
            id: row.id,
            name: row.name,
            age_ms_max: cap(&at("max_age"), "", 1, &row.max_age)?.within_ms,
            purposes: row.purposes.into_iter().collect(),
            covers_businesses: everybody || !is_sure,
            lifted_by: if is_sure {
                lifted_by
            } else {
                LiftedBy::Nothing
            },
            citations: row.citations,
            confidence,
        };
        if let Some(below) = below.filter(|_| !is_sure) {
            registry.tighten(below);
        }
        found.push(registry);
    }
    for below in base.iter().flat_map(|base| &base.registries) {
        if !found.iter().any(|registry| registry.id == below.id) {
            found.push(below.clone());
        }
    }
    Ok(found)
}

fn place(at: &str, code: &str) -> Result<Place, PackError> {
    Place::parse(code).map_err(|why| PackError::Code {
        at: at.to_owned(),
        found: shortened(code),
        why,
    })
}

#[cfg(test)]
mod tests;
