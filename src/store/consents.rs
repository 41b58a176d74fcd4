//! The steps of consent in calls, and withdrawals, which hold from the moment they are told.

use trunkline_core::consent::Refusal;
use trunkline_core::event::EventKind;
use trunkline_core::journal::Step;

use super::callbacks;
use super::calls::{self, parse_word, word};
use super::sql::{Columns, args, statements};
use super::{Durability, Store, StoreError};
use crate::ids::ClientId;

/// Most steps of a call that are read; there are a handful.
const STEPS_MAX: i64 = 1_000;

statements! {
    LIST = "SELECT seq, at_ms, detail FROM consents WHERE client_id = $1 AND call_id = $2 ORDER BY seq LIMIT $3";
    WITHDRAW = "INSERT INTO withdrawals (client_id, call_id, at_ms, class, erase, noted_ms)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (client_id, call_id) DO UPDATE SET erase = CASE WHEN withdrawals.erase = 1 THEN 1 ELSE excluded.erase END";
    WITHDRAWN = "UPDATE calls SET consent_state = 'withdrawn', revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND consent_state <> 'withdrawn'";
    FIND_WITHDRAWAL = "SELECT at_ms, class, erase, noted_ms FROM withdrawals WHERE client_id = $1 AND call_id = $2";
}

/// One step of consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// The journal's sequence number.
    pub seq: u64,
    /// When, ms of the call.
    pub at_ms: u64,
    /// What happened.
    pub step: Step,
}

/// Somebody took back what they had agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// When, ms of the call.
    pub at_ms: u64,
    /// Why.
    pub class: Refusal,
    /// What was stored before goes too.
    pub erase: bool,
    /// When it was noted, ms since 1970.
    pub noted_ms: i64,
}

fn read(mut row: Columns) -> Result<ConsentRow, StoreError> {
    Ok(ConsentRow {
        seq: row.count()?,
        at_ms: row.count()?,
        step: row.word("a step of consent", |json| serde_json::from_str(json).ok())?,
    })
}

/// The tables of steps and withdrawals. [`Rows`](super::rows::Rows) writes the steps.
pub struct Consents<'a>(pub(super) &'a Store);

impl Consents<'_> {
    /// All steps of a call in order.
    pub async fn list(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Vec<ConsentRow>, StoreError> {
        self.0
            .all(LIST, args![client, call_id, STEPS_MAX], read)
            .await
    }

    /// Notes a withdrawal: on the disk when this returns, before the journal's own rows arrive. A second one adds nothing,
    /// but that what was stored goes too.
    pub async fn withdraw(
        &self,
        client: &ClientId,
        call_id: &str,
        withdrawal: &Withdrawal,
    ) -> Result<(), StoreError> {
        let class = word(&withdrawal.class);
        let args = args![
            client,
            call_id,
            withdrawal.at_ms,
            &class,
            withdrawal.erase,
            withdrawal.noted_ms
        ];
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.run(WITHDRAW, args).await?;
        if tx.run(WITHDRAWN, args![client, call_id]).await? > 0 {
            let kind = EventKind::ConsentWithdrawn;
            calls::told(&mut tx, client.as_str(), call_id, kind).await?;
        }
        callbacks::forget_notes(&mut tx, client, call_id).await?;
        tx.commit().await
    }

    /// The withdrawal of a call, if there was one.
    pub async fn withdrawal(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Option<Withdrawal>, StoreError> {
        let Some(mut row) = self.0.one(FIND_WITHDRAWAL, args![client, call_id]).await? else {
            return Ok(None);
        };
        Ok(Some(Withdrawal {
            at_ms: row.count()?,
            class: row.word("a class of refusal", parse_word)?,
            erase: row.flag()?,
            noted_ms: row.int()?,
        }))
    }
}
