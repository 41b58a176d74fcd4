//! Packs of rules that this server decided by, and the places that are closed for a time. Both concern all clients.

use super::sql::{Columns, args, statements};
use super::{Durability, Sealed, Store, StoreError};

/// Most closures that hold or are to come: more are refused, so that none is ever passed over in a decision.
const CLOSURES_MAX: i64 = 1_000;

statements! {
    KEEP = "INSERT INTO rule_packs (sha256, id, body, first_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (sha256, id) DO NOTHING";
    FIND = "SELECT id, body, first_ms FROM rule_packs WHERE sha256 = $1 ORDER BY id LIMIT 1";
    COUNT = "SELECT COUNT(*) FROM closures WHERE until_ms > $1";
    CLOSE = "INSERT INTO closures (id, place, from_ms, until_ms, reason, created_ms) VALUES ($1, $2, $3, $4, $5, $6)";
    OPEN = "UPDATE closures SET until_ms = $2 WHERE id = $1 AND until_ms > $2";
    CLOSURES = "SELECT id, place, from_ms, until_ms, reason, created_ms FROM closures
        WHERE until_ms > $1 ORDER BY until_ms, id LIMIT $2";
}

/// A pack, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackText {
    /// Schema and day; behind a `~` the day of the pack below it.
    pub id: String,
    /// JSON, deflated.
    pub body: Vec<u8>,
    /// When this server first decided by it, ms since 1970.
    pub first_ms: i64,
}

/// A place in which nobody is called for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// `clo_…`.
    pub id: String,
    /// As `US` or `US-LA`.
    pub place: String,
    /// From when, ms since 1970.
    pub from_ms: i64,
    /// The first moment at which it holds no more, ms since 1970.
    pub until_ms: i64,
    /// Which authority declared what.
    pub reason: String,
    /// When it was entered, ms since 1970.
    pub created_ms: i64,
}

fn read(mut row: Columns) -> Result<Closure, StoreError> {
    Ok(Closure {
        id: row.text()?,
        place: row.text()?,
        from_ms: row.int()?,
        until_ms: row.int()?,
        reason: row.text()?,
        created_ms: row.int()?,
    })
}

/// Packs and closures.
pub struct Rules<'a>(pub(super) &'a Store);

impl Rules<'_> {
    /// Keeps a pack by its checksum, if it is not there.
    pub async fn keep(
        &self,
        sha256: &str,
        id: &str,
        body: &[u8],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let kept = self
            .0
            .run(KEEP, args![sha256, id, &Sealed(body.to_vec()), now_ms]);
        kept.await.map(|_| ())
    }

    /// The pack of a checksum.
    pub async fn find(&self, sha256: &str) -> Result<Option<PackText>, StoreError> {
        let row = self.0.one(FIND, args![sha256]).await?;
        row.map(|mut row| {
            Ok(PackText {
                id: row.text()?,
                body: row.sealed()?.0,
                first_ms: row.int()?,
            })
        })
        .transpose()
    }

    /// Closes a place: on the disk when this returns. False if there are as many as there may be.
    pub async fn close(&self, new: &Closure) -> Result<bool, StoreError> {
        let args = args![
            &new.id,
            &new.place,
            new.from_ms,
            new.until_ms,
            &new.reason,
            new.created_ms
        ];
        let mut tx = self.0.begin(Durability::Now).await?;
        let count = tx.one(COUNT, args![new.created_ms]).await?;
        if count.map(|mut row| row.int()).transpose()?.unwrap_or(0) >= CLOSURES_MAX {
            return Ok(false);
        }
        tx.run(CLOSE, args).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends a closure now. False if there is none of this id that goes on.
    pub async fn open(&self, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        Ok(self.0.run(OPEN, args![id, now_ms]).await? > 0)
    }

    /// Closures that hold at a moment or later, those that end first before the others.
    pub async fn closures(&self, at_ms: i64) -> Result<Vec<Closure>, StoreError> {
        let args = args![at_ms, CLOSURES_MAX];
        self.0.all(CLOSURES, args, read).await
    }
}
