//! Drafts: what an agent is to become. No call is held with one but to try it, and from then on that state of it has a number.

use super::agents::{NewVersion, Seal, add_version, unchanged};
use super::sql::{Columns, args, statements};
use super::{Durability, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    SAVED = "UPDATE agents SET updated_ms = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 AND archived_ms IS NULL RETURNING revision, version";
    SAVE = "INSERT INTO agent_drafts (client_id, agent_id, body, based_on, revision, trial, made_by, saved_ms)
        VALUES ($1, $2, $3, $4, $5, NULL, $6, $7)
        ON CONFLICT (client_id, agent_id) DO UPDATE SET body = excluded.body, based_on = excluded.based_on,
            revision = excluded.revision, trial = NULL, made_by = excluded.made_by, saved_ms = excluded.saved_ms";
    FIND = "SELECT body, based_on, revision, trial, made_by, saved_ms FROM agent_drafts
        WHERE client_id = $1 AND agent_id = $2";
    REMOVE = "DELETE FROM agent_drafts WHERE client_id = $1 AND agent_id = $2";
    NUMBER = "UPDATE agents SET numbered = numbered + 1
        WHERE client_id = $1 AND id = $2 AND archived_ms IS NULL RETURNING numbered";
    TRIED = "UPDATE agent_drafts SET trial = $4
        WHERE client_id = $1 AND agent_id = $2 AND revision = $3 AND trial IS NULL RETURNING made_by";
}

/// What an agent is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The whole specification, sealed.
    pub body: Sealed,
    /// The agent's newest version when it was saved.
    pub based_on: u32,
    /// The agent's revision since it was saved: each state of a draft has another.
    pub revision: i64,
    /// The number of this state of it, once a call was to be held with it.
    pub trial: Option<u32>,
    /// Id of the API key by which it was saved.
    pub made_by: String,
    /// When it was saved, ms since 1970.
    pub saved_ms: i64,
}

fn read(mut row: Columns) -> Result<Draft, StoreError> {
    Ok(Draft {
        body: row.sealed()?,
        based_on: row.version()?,
        revision: row.int()?,
        trial: row.version_opt()?,
        made_by: row.text()?,
        saved_ms: row.int()?,
    })
}

/// The table of drafts.
pub struct Drafts<'a>(pub(super) &'a Store);

impl Drafts<'_> {
    /// The draft of an agent.
    pub async fn find(
        &self,
        client: &ClientId,
        agent_id: &str,
    ) -> Result<Option<Draft>, StoreError> {
        let row = self.0.one(FIND, args![client, agent_id]).await?;
        row.map(read).transpose()
    }

    /// Saves the draft of an agent at `revision`, in place of what it was. The agent's new revision.
    pub async fn save(
        &self,
        client: &ClientId,
        agent_id: &str,
        revision: i64,
        body: &Sealed,
        made_by: &str,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let saved = args![client, agent_id, revision, now_ms];
        let Some(mut row) = tx.one(SAVED, saved).await? else {
            return Err(unchanged(&mut tx, client, agent_id).await?);
        };
        let (revision, based_on) = (row.int()?, row.version()?);
        let draft = args![client, agent_id, body, based_on, revision, made_by, now_ms];
        tx.run(SAVE, draft).await?;
        tx.commit().await?;
        Ok(revision)
    }

    /// Throws the draft of an agent at `revision` away. The agent's new revision; `None` if there was no draft.
    pub async fn remove(
        &self,
        client: &ClientId,
        agent_id: &str,
        revision: i64,
        now_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let saved = args![client, agent_id, revision, now_ms];
        let Some(mut row) = tx.one(SAVED, saved).await? else {
            return Err(unchanged(&mut tx, client, agent_id).await?);
        };
        let revision = row.int()?;
        if tx.run(REMOVE, args![client, agent_id]).await? == 0 {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(revision))
    }

    /// Gives a number to the draft as it was saved at `revision`, and keeps that state of it under the number. `None` if it is
    /// another by now, or has a number. The agent's revision stays: nothing of it has changed.
    pub async fn number(
        &self,
        client: &ClientId,
        agent_id: &str,
        revision: i64,
        now_ms: i64,
        seal: &Seal<'_>,
    ) -> Result<Option<u32>, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let Some(mut row) = tx.one(NUMBER, args![client, agent_id]).await? else {
            return Ok(None);
        };
        let number = row.version()?;
        let tried = args![client, agent_id, revision, number];
        let Some(mut row) = tx.one(TRIED, tried).await? else {
            return Ok(None);
        };
        let made_by = row.text()?;
        let trial = NewVersion {
            number,
            sealed: seal(number),
            made_by: Some(&made_by),
            rolled_back_to: None,
            is_trial: true,
            now_ms,
        };
        add_version(&mut tx, client, agent_id, &trial).await?;
        tx.commit().await?;
        Ok(Some(number))
    }
}
