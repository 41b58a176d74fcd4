//! How a client stands, asked once more in the transaction that writes an attempt down: what was decided some seconds ago may
//! not hold any more.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::call_consents::{self, CallConsent};
use super::limits::{self, Limits};
use super::spending::{self, Caps};
use super::sql::{Arg, Columns, Tx};
use super::{Store, StoreError, suspensions};
use crate::ids::ClientId;

/// What can be asked for one row: the database, or a transaction.
pub(super) trait Asks: Send {
    /// The row, if there is one.
    fn ask(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Option<Columns>, StoreError>> + Send;
}

impl Asks for Tx {
    async fn ask(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Option<Columns>, StoreError> {
        self.one(sql, args).await
    }
}

impl Asks for &Store {
    async fn ask(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Option<Columns>, StoreError> {
        self.one(sql, args).await
    }
}

/// What a ledger must still say.
pub type StillHolds = Arc<dyn Fn(&[CallConsent]) -> bool + Send + Sync>;

/// The consent that a decision rests on.
#[derive(Clone)]
pub struct Ground {
    /// The keyed hash of the number, for consents.
    pub index: [u8; 32],
    /// Whether the ledger of the number still says so.
    pub holds: StillHolds,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").finish_non_exhaustive()
    }
}

/// What is asked once more. What is `None` or says nothing is not asked about; suspensions always are.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// The consent that it rests on.
    pub ground: Option<Ground>,
    /// How much the client may call.
    pub limits: Limits,
    /// What it lets itself spend, and what a call is taken to cost at least, in millionths.
    pub spend: Option<(Caps, i64)>,
}

/// Why a call is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbids {
    /// The client or the agent was stopped.
    Suspended,
    /// The consent was taken back.
    Withdrawn,
    /// The client calls or spends as much as it may.
    Limited,
}

/// What forbids a call now. Whoever would change it waits until the transaction is over.
pub(super) async fn forbids(
    tx: &mut Tx,
    client: &ClientId,
    agent_id: &str,
    (live_since_ms, now_ms): (i64, i64),
    checks: &Checks,
) -> Result<Option<Forbids>, StoreError> {
    if suspensions::forbids(tx, client, agent_id).await? {
        return Ok(Some(Forbids::Suspended));
    }
    if let Some(ground) = &checks.ground {
        let ledger = call_consents::ledger_alone(tx, client, &ground.index).await?;
        if !(ground.holds)(&ledger) {
            return Ok(Some(Forbids::Withdrawn));
        }
    }
    let limited = limits::reached_until(tx, client, &checks.limits, live_since_ms, now_ms);
    if limited.await?.is_some() {
        return Ok(Some(Forbids::Limited));
    }
    if let Some((caps, least_micros)) = &checks.spend {
        let spent = spending::spent(tx, client, caps, now_ms).await?;
        let going_on = limits::going_on(tx, client, live_since_ms).await?;
        if spent.iter().any(|s| s.is_reached(going_on, *least_micros)) {
            return Ok(Some(Forbids::Limited));
        }
    }
    Ok(None)
}
