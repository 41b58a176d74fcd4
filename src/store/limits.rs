//! How much an operator lets one client call.

use super::sql::{Columns, args, statements};
use super::standing::Asks;
use super::{Store, StoreError};
use crate::ids::ClientId;

/// A day, ms.
const DAY_MS: i64 = 86_400_000;
/// When to ask again whether one of the calls that go on has ended, ms.
const AT_ONCE_AGAIN_MS: i64 = 30_000;

statements! {
    FIND = "SELECT calls_at_once, calls_per_second, calls_per_day FROM client_limits WHERE client_id = $1";
    SET = "INSERT INTO client_limits (client_id, calls_at_once, calls_per_second, calls_per_day, updated_ms)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id) DO UPDATE SET calls_at_once = excluded.calls_at_once,
            calls_per_second = excluded.calls_per_second, calls_per_day = excluded.calls_per_day,
            updated_ms = excluded.updated_ms";
    // Few are open: the sign keeps the planner from counting all that were made since.
    AT_ONCE = "SELECT COUNT(*) FROM attempts WHERE client_id = $1 AND is_open = 1 AND +asked_ms > $2";
    SINCE = "SELECT COUNT(*) FROM attempts WHERE client_id = $1 AND asked_ms > $2";
    NTH = "SELECT asked_ms FROM attempts WHERE client_id = $1 AND asked_ms > $2 ORDER BY asked_ms DESC LIMIT 1 OFFSET $3";
}

/// How much a client may call; `None` is no limit, or, of an operator's word on one client, what the configuration says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls that ring or go on at the same time.
    pub calls_at_once: Option<u32>,
    /// Calls that are begun within a second.
    pub calls_per_second: Option<u32>,
    /// Calls that are begun within 24 hours.
    pub calls_per_day: Option<u32>,
}

impl Limits {
    /// These, and where they say nothing, those of `usual`.
    #[must_use]
    pub fn or(self, usual: Self) -> Self {
        Self {
            calls_at_once: self.calls_at_once.or(usual.calls_at_once),
            calls_per_second: self.calls_per_second.or(usual.calls_per_second),
            calls_per_day: self.calls_per_day.or(usual.calls_per_day),
        }
    }
}

/// How much a client calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Calls that ring or go on.
    pub at_once: u64,
    /// Begun within the last second.
    pub last_second: u64,
    /// Begun within the last 24 hours.
    pub last_day: u64,
}

fn read(mut row: Columns) -> Result<Limits, StoreError> {
    Ok(Limits {
        calls_at_once: row.version_opt()?,
        calls_per_second: row.version_opt()?,
        calls_per_day: row.version_opt()?,
    })
}

/// The table of what operators let single clients call.
pub struct ClientLimits<'a>(pub(super) &'a Store);

impl ClientLimits<'_> {
    /// What an operator said of the client.
    pub async fn find(&self, client: &ClientId) -> Result<Limits, StoreError> {
        let row = self.0.one(FIND, args![client]).await?;
        row.map_or_else(|| Ok(Limits::default()), read)
    }

    /// Replaces it: on the disk when this returns.
    pub async fn set(
        &self,
        client: &ClientId,
        limits: &Limits,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let args = args![
            client,
            limits.calls_at_once.map(i64::from),
            limits.calls_per_second.map(i64::from),
            limits.calls_per_day.map(i64::from),
            now_ms,
        ];
        self.0.run(SET, args).await.map(|_| ())
    }

    /// How much the client calls. A call that began before `live_since_ms` does not go on any more.
    pub async fn used(
        &self,
        client: &ClientId,
        live_since_ms: i64,
        now_ms: i64,
    ) -> Result<Used, StoreError> {
        let mut store = self.0;
        let ask = &mut store;
        Ok(Used {
            at_once: count(ask, AT_ONCE, client, live_since_ms).await?,
            last_second: count(ask, SINCE, client, now_ms - 1_000).await?,
            last_day: count(ask, SINCE, client, now_ms - DAY_MS).await?,
        })
    }

    /// So many calls ring or go on.
    pub async fn going_on(&self, client: &ClientId, live_since_ms: i64) -> Result<u64, StoreError> {
        let mut store = self.0;
        going_on(&mut store, client, live_since_ms).await
    }

    /// Until when the client may begin no call, ms since 1970; `None` if it may.
    pub async fn reached_until(
        &self,
        client: &ClientId,
        limits: &Limits,
        live_since_ms: i64,
        now_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut store = self.0;
        reached_until(&mut store, client, limits, live_since_ms, now_ms).await
    }
}

async fn count(
    ask: &mut impl Asks,
    sql: &'static str,
    client: &ClientId,
    since_ms: i64,
) -> Result<u64, StoreError> {
    let row = ask.ask(sql, args![client, since_ms]).await?;
    row.map_or(Ok(0), |mut row| row.count())
}

/// So many calls go on that began after then.
pub(super) async fn going_on(
    ask: &mut impl Asks,
    client: &ClientId,
    live_since_ms: i64,
) -> Result<u64, StoreError> {
    count(ask, AT_ONCE, client, live_since_ms).await
}

/// The same in whichever way it is asked.
pub(super) async fn reached_until(
    ask: &mut impl Asks,
    client: &ClientId,
    limits: &Limits,
    live_since_ms: i64,
    now_ms: i64,
) -> Result<Option<i64>, StoreError> {
    let mut until = None;
    if let Some(most) = limits.calls_at_once
        && going_on(ask, client, live_since_ms).await? >= u64::from(most)
    {
        until = Some(now_ms.saturating_add(AT_ONCE_AGAIN_MS));
    }
    for (most, within_ms) in [
        (limits.calls_per_second, 1_000),
        (limits.calls_per_day, DAY_MS),
    ] {
        let Some(most) = most else { continue };
        let Some(before) = most.checked_sub(1) else {
            until = until.max(Some(now_ms.saturating_add(within_ms)));
            continue;
        };
        let nth = args![client, now_ms - within_ms, before];
        if let Some(mut row) = ask.ask(NTH, nth).await? {
            until = until.max(Some(row.int()?.saturating_add(within_ms)));
        }
    }
    Ok(until)
}
