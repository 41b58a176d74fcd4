//! The people to whom an agent may put a caller through.

use serde::{Deserialize, Serialize};
use trunkline_core::call::TransferKind;
use utoipa::ToSchema;

/// A person of the business, or a desk, to whom a caller may be put through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferSpec {
    /// By which the model names them: small letters, digits and `_`.
    #[schema(max_length = 40, examples("front_desk"))]
    pub name: String,
    /// When they are the right ones, for the model.
    #[schema(
        max_length = 300,
        examples("The front desk: bills, complaints, and whoever asks for a person.")
    )]
    pub description: String,
    /// Their number, in E.164 form. It must be one of the destinations that the client allows when somebody is put through;
    /// calling hours do not hold for it.
    #[schema(pattern = r"^\+[1-9]\d{7,14}$", examples("+12125550137"))]
    pub to: String,
    /// `warm`: they are called while the conversation goes on, hear what it is about, and accept or decline by a key.
    /// `cold`: the caller is sent to their number, and comes back if nobody answers.
    #[serde(default)]
    pub kind: TransferBy,
    /// Said to the caller right before they are put through; the usual words of the agent's language if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300, examples("Here they are, I am connecting you now."))]
    pub words: Option<String>,
    /// Said in turn to a caller who waits in silence while a person is called; the usual words of the agent's language if absent. At most 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 5)]
    pub hold: Option<Vec<String>>,
    /// How long it may ring, ms.
    #[serde(default = "ring_ms")]
    #[schema(minimum = 5_000, maximum = 60_000, default = 25_000)]
    pub ring_ms: u32,
}

fn ring_ms() -> u32 {
    25_000
}

/// How a caller gets to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferBy {
    /// The person is called first.
    #[default]
    Warm,
    /// The caller is sent to them.
    Cold,
}

impl From<TransferBy> for TransferKind {
    fn from(by: TransferBy) -> Self {
        match by {
            TransferBy::Warm => Self::Warm,
            TransferBy::Cold => Self::Cold,
        }
    }
}
