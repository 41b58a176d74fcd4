//! Who was stopped from dialling: a whole client, or one of its agents. It holds from the moment [`Suspensions::suspend`]
//! returns, for every server of the database, and stays readable once it was lifted.

use trunkline_core::event::EventKind;

use super::outbox::{Told, data, tell};
use super::sql::{Columns, Tx, args, statements, words};
use super::{Durability, Sealed, Store, StoreError};
use crate::ids::ClientId;

/// Most suspensions of a client that are read; it has one, and one for each agent.
const ROWS_MAX: i64 = 1_000;
/// What stands for the whole client where an agent's id stands otherwise.
const WHOLE: &str = "";

macro_rules! columns {
    () => {
        "client_id, id, agent_id, cause, note, hang_up, since_ms, lifted_ms"
    };
}

statements! {
    ADD = "INSERT INTO suspensions (client_id, id, agent_id, cause, note, hang_up, since_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (client_id, agent_id) WHERE lifted_ms IS NULL DO NOTHING";
    HANG_UP = "UPDATE suspensions SET hang_up = 1 WHERE client_id = $1 AND agent_id = $2 AND lifted_ms IS NULL";
    LIFT = "UPDATE suspensions SET lifted_ms = $3 WHERE client_id = $1 AND agent_id = $2 AND lifted_ms IS NULL RETURNING id";
    IN_FORCE = concat!("SELECT ", columns!(), " FROM suspensions WHERE client_id = $1 AND lifted_ms IS NULL
        ORDER BY agent_id LIMIT $2");
    HOLDS = "SELECT COUNT(*) FROM suspensions WHERE client_id = $1 AND (agent_id = '' OR agent_id = $2) AND lifted_ms IS NULL";
    TO_END = concat!("SELECT ", columns!(), " FROM suspensions WHERE lifted_ms IS NULL AND hang_up = 1 AND id > $1
        ORDER BY id LIMIT $2");
    UNENDED = "SELECT id FROM calls WHERE client_id = $1 AND status = $2 AND created_ms > $3 AND direction = 'outbound'
            AND (agent_id = $4 OR $4 = '')
        ORDER BY created_ms, id LIMIT $5";
}

words! {
    /// Why somebody was stopped.
    Cause {
        /// Whoever runs the server said so.
        Operator = "operator",
        /// Too many of those who answered want no more calls.
        OptOuts = "opt_outs",
        /// Too many calls were over within seconds.
        ShortCalls = "short_calls",
        /// Too many numbers were none.
        InvalidNumbers = "invalid_numbers",
        /// Too many people complained.
        Complaints = "complaints",
    }
}

/// Somebody who was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Whose.
    pub client: ClientId,
    /// `sus_…`.
    pub id: String,
    /// The agent that was stopped; everything of the client's if `None`.
    pub agent_id: Option<String>,
    /// Why.
    pub cause: Cause,
    /// What the operator wrote, sealed under the client's key.
    pub note: Option<Sealed>,
    /// Calls that go on were to end too.
    pub hang_up: bool,
    /// Since when, ms since 1970.
    pub since_ms: i64,
    /// Until when, ms since 1970.
    pub lifted_ms: Option<i64>,
}

/// Somebody to be stopped.
#[derive(Clone, Debug)]
pub struct NewSuspension {
    /// `sus_…`.
    pub id: String,
    /// The agent; everything of the client's if `None`.
    pub agent_id: Option<String>,
    /// Why.
    pub cause: Cause,
    /// What the operator wrote, sealed under the client's key.
    pub note: Option<Sealed>,
    /// Calls that go on end too.
    pub hang_up: bool,
    /// Now, ms since 1970.
    pub since_ms: i64,
}

fn read(mut row: Columns) -> Result<Suspension, StoreError> {
    Ok(Suspension {
        client: row.client()?,
        id: row.text()?,
        agent_id: Some(row.text()?).filter(|id| !id.is_empty()),
        cause: row.word("a cause of a suspension", Cause::parse)?,
        note: row.sealed_opt()?,
        hang_up: row.flag()?,
        since_ms: row.int()?,
        lifted_ms: row.int_opt()?,
    })
}

/// The table of suspensions.
pub struct Suspensions<'a>(pub(super) &'a Store);

impl Suspensions<'_> {
    /// Stops a client, or an agent of its: on the disk when this returns. Whether it was not stopped yet; what holds already
    /// stays as it is, but that calls end now if this one wants it.
    pub async fn suspend(
        &self,
        client: &ClientId,
        new: &NewSuspension,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        // Whoever has asked whether it may dial has dialled before.
        tx.alone(&alone_of(client)).await?;
        let is_new = suspend(&mut tx, client, new).await?;
        tx.commit().await?;
        Ok(is_new)
    }

    /// Lets a client, or an agent of its, dial again. Whether it was stopped.
    pub async fn resume(
        &self,
        client: &ClientId,
        agent_id: Option<&str>,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let lifted = args![client, agent_id.unwrap_or(WHOLE), now_ms];
        let Some(mut row) = tx.one(LIFT, lifted).await? else {
            return Ok(false);
        };
        let id = row.text()?;
        let (kind, object_id) = match agent_id {
            Some(agent_id) => (EventKind::AgentResumed, agent_id),
            None => (EventKind::ClientResumed, client.as_str()),
        };
        let told = Told {
            once: &id,
            ..Told::once(kind, object_id, data! {})
        };
        tell(&mut tx, client.as_str(), told).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// What holds for a client: of all of it first, then of its agents.
    pub async fn in_force(&self, client: &ClientId) -> Result<Vec<Suspension>, StoreError> {
        self.0.all(IN_FORCE, args![client, ROWS_MAX], read).await
    }

    /// Whether a client, or this agent of its, was stopped. Without an agent, whether the whole client was.
    pub async fn holds(
        &self,
        client: &ClientId,
        agent_id: Option<&str>,
    ) -> Result<bool, StoreError> {
        let args = args![client, agent_id.unwrap_or(WHOLE)];
        let row = self.0.one(HOLDS, args).await?;
        Ok(row.map(|mut row| row.int()).transpose()?.unwrap_or(0) > 0)
    }

    /// Calls that the client placed since then, ms since 1970, and that are here, of one agent or of all: at most `limit`.
    pub async fn unended(
        &self,
        client: &ClientId,
        agent_id: Option<&str>,
        status: super::calls::CallStatus,
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let args = args![client, status, since_ms, agent_id.unwrap_or(WHOLE), limit];
        self.0.all(UNENDED, args, |mut row| row.text()).await
    }
}

/// Whoever decides how a client stands, and whoever dials by that, does so alone.
pub(super) fn alone_of(client: &ClientId) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(format!("standing of {}", client.as_str())).into()
}

/// Stops somebody in a transaction that does more, and has the client be told. Whether it was not stopped yet.
pub(super) async fn suspend(
    tx: &mut Tx,
    client: &ClientId,
    new: &NewSuspension,
) -> Result<bool, StoreError> {
    let agent_id = new.agent_id.as_deref().unwrap_or(WHOLE);
    let args = args![
        client,
        &new.id,
        agent_id,
        new.cause,
        new.note.as_ref(),
        new.hang_up,
        new.since_ms,
    ];
    if tx.run(ADD, args).await? == 0 {
        if new.hang_up {
            tx.run(HANG_UP, args![client, agent_id]).await?;
        }
        return Ok(false);
    }
    let (kind, object_id) = match new.agent_id.as_deref() {
        Some(agent_id) => (EventKind::AgentSuspended, agent_id),
        None => (EventKind::ClientSuspended, client.as_str()),
    };
    let told = Told {
        once: &new.id,
        ..Told::once(kind, object_id, data! { "cause": new.cause.as_str() })
    };
    tell(tx, client.as_str(), told).await?;
    Ok(true)
}

/// Whether a client, or this agent of its, was stopped, asked in the transaction that is to dial.
pub(super) async fn forbids(
    tx: &mut Tx,
    client: &ClientId,
    agent_id: &str,
) -> Result<bool, StoreError> {
    let row = tx.one(HOLDS, args![client, agent_id]).await?;
    Ok(row.map(|mut row| row.int()).transpose()?.unwrap_or(0) > 0)
}

/// Those whose calls that go on were to end too, by their ids.
pub(super) async fn to_end(
    store: &Store,
    after: &str,
    limit: u32,
) -> Result<Vec<Suspension>, StoreError> {
    store.all(TO_END, args![after, limit], read).await
}
