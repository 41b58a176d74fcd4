//! What a callback is to be dialled with. Sealed for the person who is called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkline_core::phone::PhoneNumber;

use crate::desk::{self, Place};
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

/// Seals a note for the callback of this id.
pub(super) fn seal_note(subject: &SubjectKeys, id: &str, note: &str) -> Sealed {
    desk::seal_for(subject, Place::new(NOTE, id), note)
}
