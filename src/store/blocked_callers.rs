//! Who calls a client and is not heard, by the client's keyed hashes of their numbers.

use super::page::rows_asked;
use super::sql::{Columns, args, statements};
use super::{Cursor, Page, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO blocked_callers (client_id, id, hash, created_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (client_id, hash) DO NOTHING";
    OF_HASH = "SELECT id, hash, created_ms FROM blocked_callers WHERE client_id = $1 AND hash = $2";
    FIND = "SELECT id, hash, created_ms FROM blocked_callers WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, hash, created_ms FROM blocked_callers WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4";
    REMOVE = "DELETE FROM blocked_callers WHERE client_id = $1 AND id = $2";
}

/// A caller who is not heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedCaller {
    /// `blk_…`.
    pub id: String,
    /// The client's keyed hash of the number.
    pub hash: [u8; 32],
    /// Since when, ms since 1970.
    pub created_ms: i64,
}

fn read(mut row: Columns) -> Result<BlockedCaller, StoreError> {
    Ok(BlockedCaller {
        id: row.text()?,
        hash: row.hash()?,
        created_ms: row.int()?,
    })
}

/// The table of blocked callers.
pub struct BlockedCallers<'a>(pub(super) &'a Store);

impl BlockedCallers<'_> {
    /// Blocks a caller: the one that is blocked from now on, and whether they were not before.
    /// [`StoreError::Conflict`] if the id is taken.
    pub async fn add(
        &self,
        client: &ClientId,
        new: &BlockedCaller,
    ) -> Result<(BlockedCaller, bool), StoreError> {
        let args = args![client, &new.id, &new.hash, new.created_ms];
        let is_new = self.0.run(ADD, args).await? > 0;
        let row = self.of_hash(client, &new.hash).await?;
        Ok((row.ok_or(StoreError::Conflict)?, is_new))
    }

    /// The caller with this number, if they are blocked.
    pub async fn of_hash(
        &self,
        client: &ClientId,
        hash: &[u8; 32],
    ) -> Result<Option<BlockedCaller>, StoreError> {
        let row = self.0.one(OF_HASH, args![client, hash]).await?;
        row.map(read).transpose()
    }

    /// One of them.
    pub async fn find(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<Option<BlockedCaller>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// All of them, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<BlockedCaller>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |caller| Cursor {
            created_ms: caller.created_ms,
            id: caller.id.clone(),
        }))
    }

    /// Hears them again. Whether they were blocked.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(REMOVE, args![client, id]).await? > 0)
    }
}
