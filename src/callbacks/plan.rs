//! What a callback is to be dialled with. Sealed for the person who is called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkline_core::geo;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::Zone;

use crate::desk::{self, Desk, Place};
use crate::dial::grounds::Grounds;
use crate::store::Sealed;
use crate::store::callbacks::Callback;
use crate::vault::{ClientKeys, SubjectId, SubjectKeys, Unopened, VaultError};

const PLAN: &str = "callbacks.plan";
const NOTE: &str = "callbacks.note";

/// What a callback is to be dialled with.
#[derive(Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The client's number that calls.
    pub from: PhoneNumber,
    /// Who is called.
    pub to: PhoneNumber,
    /// What the agent is told.
    pub variables: BTreeMap<String, String>,
    /// Whether recording was not forbidden.
    pub record: bool,
    /// Where the person is said to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<geo::Place>,
    /// By which clocks they are said to live, IANA names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// What it is for, and what makes it lawful.
    #[serde(default)]
    pub grounds: Grounds,
}

/// Why a plan cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The vault; also for a person who was forgotten.
    #[error("the vault does not open: {0}")]
    Vault(#[from] VaultError),
    /// It is not sealed for this person.
    #[error("the callback cannot be opened: {0}")]
    Unopened(#[from] Unopened),
    /// What is sealed is not what this server writes.
    #[error("the callback holds what this server cannot read")]
    Garbled,
}

impl Plan {
    /// Seals it for the callback of this id.
    pub(super) fn seal(
        &self,
        subject: &SubjectKeys,
        id: &str,
    ) -> Result<Sealed, serde_json::Error> {
        let json = serde_json::to_string(self)?;
        Ok(desk::seal_for(subject, Place::new(PLAN, id), &json))
    }

    /// The plan of a callback, and its note.
    ///
    /// # Errors
    /// [`PlanError`].
    pub async fn open(
        keys: &ClientKeys,
        callback: &Callback,
    ) -> Result<(Self, Option<String>), PlanError> {
        let id = SubjectId::parse(&callback.subject_id).ok_or(PlanError::Garbled)?;
        let subject = keys.subject_by_id(&id).await?;
        let place = |column| Place::new(column, &callback.id);
        let json = desk::open_for(&subject, place(PLAN), &callback.plan)?;
        let note = callback.note.as_ref();
        let note = note.map(|note| desk::open_for(&subject, place(NOTE), note));
        let plan = serde_json::from_str(&json).map_err(|_| PlanError::Garbled)?;
        Ok((plan, note.transpose()?))
    }
}

/// What is to be remembered for a callback, as long as it is: nothing once consent was taken back or the person was forgotten.
/// A note that cannot be read is none, and told of in the log.
pub async fn note(desk: &Desk, keys: &ClientKeys, callback_id: &str) -> Option<String> {
    let row = match desk.store.callbacks().find(keys.id(), callback_id).await {
        Ok(row) => row?,
        Err(error) => {
            tracing::warn!(callback.id = callback_id, %error, "a note is not found");
            return None;
        }
    };
    match Plan::open(keys, &row).await {
        Ok((_, note)) => note,
        Err(error) => {
            tracing::warn!(callback.id = callback_id, %error, "a note is not read");
            None
        }
    }
}

/// Zones by their names; nothing if one of them is none.
pub(super) fn zones(names: &[String]) -> Option<Vec<Zone>> {
    let zones = names.iter().map(|name| Zone::parse(name).ok());
    zones.collect()
}

/// Seals a note for the callback of this id.
pub(super) fn seal_note(subject: &SubjectKeys, id: &str, note: &str) -> Sealed {
    desk::seal_for(subject, Place::new(NOTE, id), note)
}
