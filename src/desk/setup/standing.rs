//! Stopping clients and their agents, and letting them dial again.

use super::{Books, SetupError};
use crate::clock;
use crate::desk::{Place, open, seal};
use crate::ids::{self, ClientId};
use crate::store::limits::Limits;
use crate::store::suspensions::{Cause, NewSuspension, Suspension};

/// Where what an operator wrote is sealed to.
const COLUMN: &str = "suspensions.note";
/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 500;

/// Where the words of a suspension are sealed to.
pub(crate) fn note_place(id: &str) -> Place<'_> {
    Place::new(COLUMN, id)
}

impl Books {
    /// Stops a client, or one agent of its, from dialling; a running server sees it at its next decision. `hang_up`: calls that go
    /// on end too. Whether it was not stopped yet.
    pub async fn suspend(
        &self,
        client: &ClientId,
        agent_id: Option<&str>,
        reason: &str,
        hang_up: bool,
    ) -> Result<bool, SetupError> {
        if reason.trim().is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(SetupError::Reason);
        }
        let keys = self.vault.client(client).await?;
        let id = ids::new_id("sus");
        let new = NewSuspension {
            agent_id: agent_id.map(str::to_owned),
            cause: Cause::Operator,
            note: Some(seal(&keys, note_place(&id), reason)),
            hang_up,
            since_ms: clock::unix_ms(),
            id,
        };
        Ok(self.store.suspensions().suspend(client, &new).await?)
    }

    /// Lets it dial again. Whether it was stopped.
    pub async fn resume(
        &self,
        client: &ClientId,
        agent_id: Option<&str>,
    ) -> Result<bool, SetupError> {
        let suspensions = self.store.suspensions();
        Ok(suspensions
            .resume(client, agent_id, clock::unix_ms())
            .await?)
    }

    /// What holds for a client, each with what the operator wrote.
    pub async fn suspensions(
        &self,
        client: &ClientId,
    ) -> Result<Vec<(Suspension, Option<String>)>, SetupError> {
        let keys = self.vault.client(client).await?;
        let rows = self.store.suspensions().in_force(client).await?;
        let opened = rows.into_iter().map(|row| {
            let note = row.note.as_ref();
            let note = note.map(|note| open(&keys, note_place(&row.id), note));
            let note = note.transpose()?;
            Ok((row, note))
        });
        opened.collect()
    }

    /// Whether the client has an agent of this id.
    pub async fn has_agent(&self, client: &ClientId, id: &str) -> Result<bool, SetupError> {
        Ok(self.store.agents().find(client, id).await?.is_some())
    }

    /// How much the operator lets this client call, where it is not what the configuration says.
    pub async fn limits(&self, client: &ClientId) -> Result<Limits, SetupError> {
        Ok(self.store.client_limits().find(client).await?)
    }

    /// Replaces it; a running server sees it at its next decision.
    pub async fn set_limits(&self, client: &ClientId, limits: &Limits) -> Result<(), SetupError> {
        let table = self.store.client_limits();
        Ok(table.set(client, limits, clock::unix_ms()).await?)
    }
}
