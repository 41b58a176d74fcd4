//! Whether the people whom a client calls hear somebody in time once they have answered.

use super::Calls;
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::sql::{args, statements};

statements! {
    GREETED = "UPDATE calls SET greeted_ms = $3
        WHERE client_id = $1 AND id = $2 AND direction = 'outbound' AND greeted_ms IS NULL";
    // The first condition is that of the index. Some carriers tell whole seconds, rounded down: one of those is no lateness.
    // Who hung up within the two seconds was not left waiting, and a machine does not wait.
    ABANDONED = "SELECT COUNT(*) FROM calls
        WHERE client_id = $1 AND answered_ms > $2 AND direction = 'outbound' AND answered_ms IS NOT NULL
            AND (greeted_ms IS NULL OR greeted_ms > answered_ms + 2000)
            AND (greeted_ms IS NULL OR greeted_ms > answered_ms + CASE WHEN answered_ms % 1000 = 0 THEN 2999 ELSE 2000 END)
            AND status = 'ended' AND duration_ms > 2000 AND COALESCE(answered_by, 'unknown') IN ('human', 'unknown')";
    ANSWERED = "SELECT COUNT(*) FROM calls
        WHERE client_id = $1 AND answered_ms > $2 AND direction = 'outbound' AND answered_ms IS NOT NULL
            AND status = 'ended' AND COALESCE(answered_by, 'unknown') IN ('human', 'unknown')";
}

/// Calls that people answered, and those of them in which nobody spoke within two seconds. Who answered counts as a person as long
/// as nobody knows better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abandonment {
    /// Answered ones; 0 if none was abandoned.
    pub answered: u64,
    /// Abandoned ones.
    pub abandoned: u64,
}

impl Calls<'_> {
    /// The person who was called has begun to hear the first words, at this time, ms since 1970; the first such word counts.
    pub async fn greeted(
        &self,
        client: &ClientId,
        id: &str,
        at_ms: i64,
    ) -> Result<bool, StoreError> {
        Ok(self.0.run(GREETED, args![client, id, at_ms]).await? > 0)
    }

    /// Of calls that were answered since then, ms since 1970, and are over.
    pub async fn abandonment(
        &self,
        client: &ClientId,
        since_ms: i64,
    ) -> Result<Abandonment, StoreError> {
        let abandoned = self.count(ABANDONED, client, since_ms).await?;
        // Most clients abandon nobody, so most of the time nothing else need be counted.
        let answered = match abandoned {
            0 => 0,
            _ => self.count(ANSWERED, client, since_ms).await?,
        };
        Ok(Abandonment {
            answered,
            abandoned,
        })
    }

    async fn count(
        &self,
        sql: &'static str,
        client: &ClientId,
        since_ms: i64,
    ) -> Result<u64, StoreError> {
        let row = self.0.one(sql, args![client, since_ms]).await?;
        row.map_or(Ok(0), |mut row| row.count())
    }
}
