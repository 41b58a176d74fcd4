//! Rule packs: how much each place asks for before anything of a person is stored, as data.
//!
//! A pack is read and checked whole, once; a pack that cannot be understood, or that would make the unknown laxer than
//! the known, is refused with what is wrong and where. `rules/README.md` says where the shipped one comes from.

mod read;

pub use crate::pack::{Confidence, PACK_BYTES_MAX, PackError, RULES_MAX, US_UNKNOWN};

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Mode;
use crate::geo::Place;
use crate::pack::{FALLBACK, is_of_eea};

/// The schema this server reads.
pub const SCHEMA: &str = "callserver/recording-consent/1";

#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads it"
)]
static SHIPPED: LazyLock<RulePack> =
    LazyLock::new(|| RulePack::parse(RulePack::SHIPPED_TEXT).expect("the shipped pack is whole"));

/// A checked rule pack.
#[derive(Clone, Debug)]
pub struct RulePack {
    id: String,
    sha256: String,
    as_of: String,
    floor: Mode,
    unknown_us: Mode,
    unknown_country: Mode,
    on_refusal: AfterRefusal,
    rules: BTreeMap<Place, Rule>,
    eea: Option<Place>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The place whose law it tells; `EU` and `ZZ` stand for places without a row.
    pub place: Place,
    /// Its name in English.
    pub name: String,
    /// Who must consent.
    pub class: Class,
    /// What the law asks for; `None` if it asks for no notice.
    pub legal_minimum: Option<Mode>,
    /// What is asked for here.
    pub mode: Mode,
    /// What is advised, where that is stricter.
    pub recommended: Option<Mode>,
    /// Why it is advised.
    pub why_recommended: Option<String>,
    /// Statutes and cases.
    pub citations: String,
    /// Remarks.
    pub notes: String,
    /// How sure the compiler of the pack is.
    pub confidence: Confidence,
    /// The recording must hold the notice itself.
    pub must_record_announcement: bool,
    /// Sales calls must say at the start whether they are recorded, in every mode.
    pub telemarketing_notice_required: bool,
}

impl Rule {
    /// Makes it as strict as another, too.
    fn tighten(&mut self, other: &Basis<'_>) {
        self.mode = self.mode.max(other.mode);
        self.recommended = self.recommended.filter(|mode| *mode > self.mode);
        let Some(rule) = other.rule else { return };
        self.legal_minimum = self.legal_minimum.max(rule.legal_minimum);
        self.must_record_announcement |= rule.must_record_announcement;
        self.telemarketing_notice_required |= rule.telemarketing_notice_required;
        if let Some(mode) = rule.recommended.filter(|mode| *mode > self.mode)
            && self.recommended.is_none_or(|own| own < mode)
        {
            self.recommended = Some(mode);
            self.why_recommended.clone_from(&rule.why_recommended);
        }
    }
}

/// Whose consent a law asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// One party's.
    One,
    /// Every party's.
    All,
    /// Its sources disagree, or it depends.
    Mixed,
    /// There is no such law.
    None,
    /// Not known.
    Unknown,
}

/// How a call goes on after a refusal to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterRefusal {
    /// Unrecorded.
    ContinueUnrecorded,
    /// With a person.
    TransferToHuman,
    /// It ends, politely.
    EndCallPolitely,
}

/// The rule that holds for a place, or the default that holds where none is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis<'a> {
    /// What the rule is called: a row's place, or `US-UNKNOWN`.
    pub code: String,
    /// What it asks for, before any policy.
    pub mode: Mode,
    /// Its row; `None` for `US-UNKNOWN`.
    pub rule: Option<&'a Rule>,
    /// Whether it is the place's own, rather than a default for want of one.
    pub own: bool,
}

impl RulePack {
    /// The text of the pack that is part of the program.
    pub const SHIPPED_TEXT: &str = include_str!("../../rules/recording_consent.json");

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

    /// Schema and day, as `callserver/recording-consent/1+2026-11-22`.
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

    /// Nothing is laxer than this anywhere.
    pub fn floor(&self) -> Mode {
        self.floor
    }

    /// What follows a refusal, unless the client says otherwise.
    pub fn on_refusal(&self) -> AfterRefusal {
        self.on_refusal
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Never: a pack has a fallback.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The row of this very place.
    pub fn rule(&self, place: &Place) -> Option<&Rule> {
        self.rules.get(place)
    }

    /// What holds in a place: its row, or its country's; in the United States without a known state, and anywhere
    /// without a row, the default. `None` is a place of which nothing is known.
    pub fn basis(&self, place: Option<Place>) -> Basis<'_> {
        let Some(place) = place else {
            return self.unknown_country();
        };
        if let Some(rule) = self.rule(&place) {
            return own(rule);
        }
        if place.is_us() {
            return Basis {
                code: US_UNKNOWN.to_owned(),
                mode: self.unknown_us,
                rule: None,
                own: false,
            };
        }
        let country = place.country();
        if let Some(rule) = self.rule(&country) {
            return own(rule);
        }
        let of_eea = is_of_eea(country);
        match self.eea.and_then(|eea| self.rule(&eea)) {
            // A default that is not sure of itself is no reason to be laxer than for a country nobody knows.
            Some(rule) if of_eea && rule.confidence == Confidence::High => Basis {
                own: false,
                ..own(rule)
            },
            Some(rule) if of_eea => Basis {
                own: false,
                mode: rule.mode.max(self.unknown_country),
                ..own(rule)
            },
            _ => self.unknown_country(),
        }
    }

    /// What holds where the country is not known, or has no row.
    fn unknown_country(&self) -> Basis<'_> {
        Basis {
            code: FALLBACK.to_owned(),
            mode: self.unknown_country,
            rule: Place::parse(FALLBACK)
                .ok()
                .and_then(|place| self.rule(&place)),
            own: false,
        }
    }
}

fn own(rule: &Rule) -> Basis<'_> {
    Basis {
        code: rule.place.to_string(),
        mode: rule.mode,
        rule: Some(rule),
        own: true,
    }
}

#[cfg(test)]
mod tests;
