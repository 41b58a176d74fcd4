//! Consent to keep what a caller says: which rule holds for a call, and the gate that enforces it.

pub mod gate;
pub mod pack;
mod plan;
pub mod verdict;

pub use gate::{Granted, Method, Refusal};
pub use pack::{PackError, RulePack};
pub use plan::{ConsentPlan, OnWithdrawal, Pressing};
pub use verdict::{Facts, Party, Policy, Verdict, verdict};

use serde::{Deserialize, Serialize};

/// How much a person must have agreed to before anything of them is stored; later variants are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A notice is said; going on is agreement, an objection stops storing and deletes what was stored.
    Announce,
    /// The whole notice must have been heard before anything is stored; going on after it is agreement.
    AnnounceContinue,
    /// Storing needs a recognised yes.
    Affirmative,
    /// Nothing of the conversation is stored.
    NoRecord,
}

impl Mode {
    /// Its name in rule packs and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Announce => "announce",
            Mode::AnnounceContinue => "announce_continue",
            Mode::Affirmative => "affirmative",
            Mode::NoRecord => "no_record",
        }
    }
}
