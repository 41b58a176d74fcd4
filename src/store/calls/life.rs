//! How a call goes, from the ringing to its end: each step moves it forward, or changes nothing.

use trunkline_core::consent::Mode;
use trunkline_core::event::EventKind;

use super::telling::told;
use super::{Calls, word};
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::sql::{Tx, args, statements};

statements! {
    RINGING = "UPDATE calls SET status = 'ringing', revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND status = 'queued'";
    ANSWERED = "UPDATE calls SET status = 'in_progress', answered_ms = COALESCE(answered_ms, $3), revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND status IN ('queued', 'ringing')";
    PLACED = "UPDATE calls SET carrier = $3, carrier_call_id = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2";
    ENDED = "UPDATE calls SET status = 'ended', ended_ms = COALESCE(ended_ms, $3), outcome = COALESCE($4, outcome),
            ended_by = COALESCE($5, ended_by), ended_reason = COALESCE($6, ended_reason),
            duration_ms = COALESCE(duration_ms, $3 - answered_ms), revision = revision + 1
        WHERE client_id = $1 AND id = $2";
    CARRIER_ENDED = "UPDATE calls SET status = 'ended', ended_ms = COALESCE(ended_ms, $3),
            outcome = $4, answered_ms = COALESCE(answered_ms, $5), duration_ms = COALESCE(duration_ms, $6),
            revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND outcome IS NULL";
    UNKEPT = "UPDATE calls SET consent_mode = 'no_record', revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND status <> 'ended'";
    ENDED_UNKEPT = "UPDATE calls SET status = 'ended', ended_ms = COALESCE(ended_ms, $3),
            ended_reason = COALESCE(ended_reason, $4), duration_ms = COALESCE(duration_ms, $3 - COALESCE(answered_ms, created_ms)),
            rows_done = 1, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND rows_done = 0";
    LOST = "UPDATE calls SET status = 'ended', ended_ms = COALESCE(ended_ms, answered_ms, created_ms),
            ended_reason = COALESCE(ended_reason, 'server_lost'), rows_done = 1, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND rows_done = 0 AND status IN ('in_progress', 'ended')";
    NEVER_ANSWERED = "UPDATE calls SET status = 'ended', ended_ms = $3, outcome = $4, ended_by = $5, ended_reason = $6,
            rows_done = 1, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND status IN ('queued', 'ringing')";
    TAKEN = "UPDATE calls SET status = 'in_progress', answered_ms = COALESCE(answered_ms, $3), consent_mode = $4,
            rules = $5, agent_version = $6, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND rules IS NULL AND direction = 'outbound' AND status <> 'ended'";
}

/// What is known of a call that we placed once somebody answered.
#[derive(Clone, Copy, Debug)]
pub struct TakenCall<'a> {
    /// Now, ms since 1970.
    pub now_ms: i64,
    /// The rule that holds for it.
    pub consent_mode: Mode,
    /// Id and checksum of the rule pack.
    pub rules: &'a str,
    /// The version of the agent that speaks.
    pub agent_version: u32,
}

/// How a call ended. What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct CallEnd {
    /// What came of it, in stable snake_case.
    pub outcome: Option<String>,
    /// Which side ended it, in stable snake_case.
    pub ended_by: Option<String>,
    /// Why, in stable snake_case.
    pub ended_reason: Option<String>,
}

/// How a call ended in the carrier's eyes.
#[derive(Clone, Copy, Debug)]
pub struct CarrierEnd {
    /// When, ms since 1970.
    pub ended_ms: i64,
    /// What came of it: `completed`, `busy`, `no_answer`, `failed` or `canceled`.
    pub outcome: &'static str,
    /// When it was answered, ms since 1970; `None` if it was not, or the carrier does not say.
    pub answered_ms: Option<i64>,
    /// How long it lasted from the answer on, ms; `None` if it does not say.
    pub duration_ms: Option<i64>,
}

/// The carrier has taken the call on, in a transaction that does more.
pub(in crate::store) async fn placed(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
    carrier: &str,
    carrier_call_id: &str,
) -> Result<(), StoreError> {
    let args = args![client, id, carrier, carrier_call_id];
    tx.run(PLACED, args).await.map(|_| ())
}

/// The call is over without having been answered, in a transaction that does more.
pub(in crate::store) async fn never_answered(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
    now_ms: i64,
    end: &CallEnd,
) -> Result<(), StoreError> {
    let args = args![
        client,
        id,
        now_ms,
        &end.outcome,
        &end.ended_by,
        &end.ended_reason
    ];
    if tx.run(NEVER_ANSWERED, args).await? > 0 {
        told(tx, client.as_str(), id, EventKind::CallEnded).await?;
    }
    Ok(())
}

impl Calls<'_> {
    /// An agent takes on a call that we placed, and that nobody has taken on yet. Whether there is such a call.
    pub async fn taken(
        &self,
        client: &ClientId,
        id: &str,
        taken: &TakenCall<'_>,
    ) -> Result<bool, StoreError> {
        let args = args![
            client,
            id,
            taken.now_ms,
            &word(&taken.consent_mode),
            taken.rules,
            taken.agent_version
        ];
        let kind = EventKind::CallAnswered;
        self.step(client, id, TAKEN, args, kind).await
    }

    /// A queued call rings. Whether it was queued.
    pub async fn ringing(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        let kind = EventKind::CallRinging;
        self.step(client, id, RINGING, args![client, id], kind)
            .await
    }

    /// The call was answered. Whether it was waiting for that.
    pub async fn answered(
        &self,
        client: &ClientId,
        id: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let (args, kind) = (args![client, id, now_ms], EventKind::CallAnswered);
        self.step(client, id, ANSWERED, args, kind).await
    }

    /// The carrier has taken the call on. Whether there is such a call.
    pub async fn placed(
        &self,
        client: &ClientId,
        id: &str,
        carrier: &str,
        carrier_call_id: &str,
    ) -> Result<bool, StoreError> {
        Ok(self
            .0
            .run(PLACED, args![client, id, carrier, carrier_call_id])
            .await?
            > 0)
    }

    /// The call is over. Whether there is such a call; telling it twice changes no time.
    pub async fn ended(
        &self,
        client: &ClientId,
        id: &str,
        now_ms: i64,
        end: &CallEnd,
    ) -> Result<bool, StoreError> {
        let args = args![
            client,
            id,
            now_ms,
            &end.outcome,
            &end.ended_by,
            &end.ended_reason
        ];
        self.step(client, id, ENDED, args, EventKind::CallEnded)
            .await
    }

    /// The carrier says that the call is over: the first such word counts, and nothing that the call itself said of its
    /// end is changed. Whether it was the first.
    pub async fn ended_at_carrier(
        &self,
        client: &ClientId,
        id: &str,
        end: &CarrierEnd,
    ) -> Result<bool, StoreError> {
        let args = args![
            client,
            id,
            end.ended_ms,
            end.outcome,
            end.answered_ms,
            end.duration_ms
        ];
        self.step(client, id, CARRIER_ENDED, args, EventKind::CallEnded)
            .await
    }

    /// Nothing of the call is stored, whatever was meant to be: there will be no journal of it.
    pub async fn unkept(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(UNKEPT, args![client, id]).await? > 0)
    }

    /// A call without a journal is over, and no more rows of it come. Whether it was going on.
    pub async fn ended_unkept(
        &self,
        client: &ClientId,
        id: &str,
        now_ms: i64,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let args = args![client, id, now_ms, reason];
        self.step(client, id, ENDED_UNKEPT, args, EventKind::CallEnded)
            .await
    }

    /// The same of a call that was lost with its server; of none that is still to be dialled or answered.
    pub async fn end_lost(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        let (args, kind) = (args![client, id], EventKind::CallEnded);
        self.step(client, id, LOST, args, kind).await
    }
}
