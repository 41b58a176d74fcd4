//! What is counted of a client's calls to see whether people want them.

use trunkline_core::event::EventKind;
use trunkline_core::ratios::{Counts, Judged, SHORT_MS};

use super::outbox::{Told, data, tell};
use super::sql::{args, statements};
use super::{Durability, Store, StoreError};
use crate::ids::ClientId;

statements! {
    PLACED = "SELECT COUNT(*), COUNT(CASE WHEN failure = 'invalid_number' THEN 1 END) FROM attempts
        WHERE client_id = $1 AND asked_ms > $2";
    ANSWERED = "SELECT COUNT(*), COUNT(CASE WHEN duration_ms < $3 THEN 1 END) FROM calls
        WHERE client_id = $1 AND answered_ms > $2 AND direction = 'outbound' AND answered_ms IS NOT NULL
            AND status = 'ended'";
    OPT_OUTS = "SELECT COUNT(*) FROM suppressions
        WHERE client_id = $1 AND created_ms > $2 AND reason = 'opt_out' AND call_id IS NOT NULL";
    COMPLAINTS = "SELECT COUNT(*) FROM complaints WHERE client_id = $1 AND created_ms > $2";
    LAST_LIFTED = "SELECT COALESCE(MAX(lifted_ms), 0) FROM suspensions
        WHERE client_id = $1 AND agent_id = '' AND cause <> 'operator'";
}

/// The counting of calls.
pub struct Ratios<'a>(pub(super) &'a Store);

impl Ratios<'_> {
    /// What is counted of a client since then, ms since 1970.
    pub async fn counts(&self, client: &ClientId, since_ms: i64) -> Result<Counts, StoreError> {
        let (placed, invalid) = self.two(PLACED, args![client, since_ms]).await?;
        let (answered, short) = self
            .two(ANSWERED, args![client, since_ms, SHORT_MS])
            .await?;
        let since = args![client, since_ms];
        Ok(Counts {
            placed,
            answered,
            short,
            opt_outs: self.number(OPT_OUTS, since.clone()).await?,
            invalid,
            complaints: self.number(COMPLAINTS, since).await?,
        })
    }

    /// When the operator last let the client go that this server had stopped, ms since 1970; 0 if never. What was before does not
    /// stop it again.
    pub async fn last_lifted(&self, client: &ClientId) -> Result<i64, StoreError> {
        let row = self.0.one(LAST_LIFTED, args![client]).await?;
        row.map_or(Ok(0), |mut row| row.int())
    }

    /// Has the client be told that a share of its calls is too large: once for each name of `once`.
    pub async fn crossed(
        &self,
        client: &ClientId,
        judged: &Judged,
        window: &str,
        once: &str,
    ) -> Result<(), StoreError> {
        let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let data = data! {
            "ratio": judged.ratio.name(), "window": window, "count": int(judged.count), "calls": int(judged.calls),
            "per_mille": int(judged.per_mille), "level": judged.level.map(|level| level.name()),
        };
        let told = Told {
            once,
            ..Told::once(EventKind::RatioCrossed, client.as_str(), data)
        };
        let mut tx = self.0.begin(Durability::Now).await?;
        tell(&mut tx, client.as_str(), told).await?;
        tx.commit().await
    }

    async fn two(
        &self,
        sql: &'static str,
        args: Vec<super::sql::Arg>,
    ) -> Result<(u64, u64), StoreError> {
        let row = self.0.one(sql, args).await?;
        row.map_or(Ok((0, 0)), |mut row| Ok((row.count()?, row.count()?)))
    }

    async fn number(
        &self,
        sql: &'static str,
        args: Vec<super::sql::Arg>,
    ) -> Result<u64, StoreError> {
        let row = self.0.one(sql, args).await?;
        row.map_or(Ok(0), |mut row| row.count())
    }
}
