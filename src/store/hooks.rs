//! Systems of clients' own that are asked about a number before it is called, and what they said of it.

use super::sql::{Columns, args, statements, words};
use super::{Durability, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    FIND = "SELECT kind, url, secret, timeout_ms, updated_ms, revision FROM hooks WHERE client_id = $1 AND kind = $2";
    ADD = "INSERT INTO hooks (client_id, kind, url, secret, timeout_ms, updated_ms, revision)
        VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT (client_id, kind) DO NOTHING";
    UPDATE = "UPDATE hooks SET url = $4, secret = $5, timeout_ms = $6, updated_ms = $7, revision = revision + 1
        WHERE client_id = $1 AND kind = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM hooks WHERE client_id = $1 AND kind = $2";
    REMOVE = "DELETE FROM hooks WHERE client_id = $1 AND kind = $2";
    FORGET = "DELETE FROM screened WHERE client_id = $1";
    SCREENED = "SELECT body, asked_ms FROM screened WHERE client_id = $1 AND number_index = $2";
    SCREEN = "INSERT INTO screened (client_id, number_index, body, asked_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (client_id, number_index) DO UPDATE SET body = excluded.body, asked_ms = excluded.asked_ms
        WHERE excluded.asked_ms >= screened.asked_ms";
    PURGE = "DELETE FROM screened WHERE (client_id, number_index) IN
        (SELECT client_id, number_index FROM screened WHERE asked_ms < $1 ORDER BY asked_ms LIMIT $2)";
}

words! {
    /// What a hook is asked.
    HookKind {
        /// What is known of a number: registers, its line, its owner.
        Screening = "screening",
        /// Whether to call, right before the call.
        Predial = "predial",
    }
}

/// A system that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// What it is asked.
    pub kind: HookKind,
    /// Where it is, sealed.
    pub url: Sealed,
    /// With what is signed, sealed.
    pub secret: Sealed,
    /// How long it may take, ms.
    pub timeout_ms: u32,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

/// What a hook is to be.
#[derive(Clone, Debug)]
pub struct HookChange {
    /// Where it is, sealed.
    pub url: Sealed,
    /// With what is signed, sealed.
    pub secret: Sealed,
    /// How long it may take, ms.
    pub timeout_ms: u32,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

fn read(mut row: Columns) -> Result<Hook, StoreError> {
    Ok(Hook {
        kind: row.word("a kind of hook", HookKind::parse)?,
        url: row.sealed()?,
        secret: row.sealed()?,
        timeout_ms: row.version()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The tables of hooks.
pub struct Hooks<'a>(pub(super) &'a Store);

impl Hooks<'_> {
    /// The hook of a kind.
    pub async fn find(
        &self,
        client: &ClientId,
        kind: HookKind,
    ) -> Result<Option<Hook>, StoreError> {
        let row = self.0.one(FIND, args![client, kind]).await?;
        row.map(read).transpose()
    }

    /// Makes it what it is to be, at a revision; 0 if there is none. The new revision.
    pub async fn set(
        &self,
        client: &ClientId,
        kind: HookKind,
        revision: i64,
        to: &HookChange,
    ) -> Result<i64, StoreError> {
        let (url, secret, timeout_ms, now_ms) = (&to.url, &to.secret, to.timeout_ms, to.now_ms);
        let add = args![client, kind, url, secret, timeout_ms, now_ms];
        if revision == 0 && self.0.run(ADD, add).await? > 0 {
            return Ok(1);
        }
        let update = args![client, kind, revision, url, secret, timeout_ms, now_ms];
        self.0
            .change("hook", (UPDATE, update), (REVISION, args![client, kind]))
            .await
    }

    /// Removes it; with the screening, what it said. Whether it was there.
    pub async fn remove(&self, client: &ClientId, kind: HookKind) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let removed = tx.run(REMOVE, args![client, kind]).await? > 0;
        if kind == HookKind::Screening {
            tx.run(FORGET, args![client]).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// What screening said last of a number, sealed, and when it was asked, ms since 1970.
    pub async fn screened(
        &self,
        client: &ClientId,
        number: &[u8; 32],
    ) -> Result<Option<(Sealed, i64)>, StoreError> {
        let row = self.0.one(SCREENED, args![client, number]).await?;
        row.map(|mut row| Ok((row.sealed()?, row.int()?)))
            .transpose()
    }

    /// Notes what screening said of a number; what is newer stays.
    pub async fn screen(
        &self,
        client: &ClientId,
        number: &[u8; 32],
        body: &Sealed,
        asked_ms: i64,
    ) -> Result<(), StoreError> {
        let args = args![client, number, body, asked_ms];
        self.0.run(SCREEN, args).await.map(|_| ())
    }
}

/// Forgets what was said before then, so much at most. How much that was.
pub(super) async fn purge(store: &Store, before_ms: i64, most: u32) -> Result<u64, StoreError> {
    store.run(PURGE, args![before_ms, most]).await
}
