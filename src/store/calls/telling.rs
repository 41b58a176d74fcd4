//! What clients are told of their calls, in the transaction that makes it so.

use trunkline_core::event::EventKind;

use super::Calls;
use crate::ids::ClientId;
use crate::store::outbox::{Told, data, tell};
use crate::store::sql::{Arg, Tx, args, statements};
use crate::store::{Durability, StoreError};

statements! {
    TOLD = "SELECT agent_id, agent_version, direction, status, outcome, ended_by, ended_reason, duration_ms, consent_state,
            answered_by
        FROM calls WHERE client_id = $1 AND id = $2";
    LEFT = "SELECT has_recording, CAST(CASE WHEN EXISTS (SELECT 1 FROM turns WHERE turns.client_id = $1 AND turns.call_id = $2)
            THEN 1 ELSE 0 END AS BIGINT)
        FROM calls WHERE client_id = $1 AND id = $2";
}

/// Has a call's client be told of something that happens to a call once, with where the call is now. Nothing of a call
/// that is not there.
pub(in crate::store) async fn told(
    tx: &mut Tx,
    client: &str,
    call_id: &str,
    kind: EventKind,
) -> Result<(), StoreError> {
    let Some(mut row) = tx.one(TOLD, args![client, call_id]).await? else {
        return Ok(());
    };
    let data = data! {
        "agent_id": row.text()?,
        "agent_version": row.int()?,
        "direction": row.text()?,
        "status": row.text()?,
        "outcome": row.text_opt()?,
        "ended_by": row.text_opt()?,
        "ended_reason": row.text_opt()?,
        "duration_ms": row.int_opt()?,
        "consent_state": row.text()?,
        "answered_by": row.text_opt()?,
    };
    tell(tx, client, Told::once(kind, call_id, data)).await
}

/// All rows of a call are in: it is over, and what it left can be had.
pub(in crate::store) async fn complete(
    tx: &mut Tx,
    client: &ClientId,
    call_id: &str,
) -> Result<(), StoreError> {
    told(tx, client.as_str(), call_id, EventKind::CallEnded).await?;
    let Some(mut row) = tx.one(LEFT, args![client, call_id]).await? else {
        return Ok(());
    };
    let (has_recording, has_turns) = (row.flag()?, row.flag()?);
    if has_recording {
        told(tx, client.as_str(), call_id, EventKind::CallRecordingReady).await?;
    }
    if has_turns {
        told(tx, client.as_str(), call_id, EventKind::CallTranscriptReady).await?;
    }
    Ok(())
}

impl Calls<'_> {
    /// Changes a call; if that changed anything, its client is told. Whether it did.
    pub(super) async fn step(
        &self,
        client: &ClientId,
        id: &str,
        sql: &'static str,
        args: Vec<Arg>,
        kind: EventKind,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        if tx.run(sql, args).await? == 0 {
            return Ok(false);
        }
        told(&mut tx, client.as_str(), id, kind).await?;
        tx.commit().await?;
        Ok(true)
    }
}
