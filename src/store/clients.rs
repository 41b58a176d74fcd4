//! Businesses whose calls these are.

use super::sql::{Columns, args, statements};
use super::{Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO clients (id, name, created_ms, revision) VALUES ($1, $2, $3, 1)";
    FIND = "SELECT id, name, created_ms, closed_ms, revision FROM clients WHERE id = $1";
    RENAME = "UPDATE clients SET name = $3, revision = revision + 1 WHERE id = $1 AND revision = $2 RETURNING revision";
    REVISION = "SELECT revision FROM clients WHERE id = $1";
    CLOSE = "UPDATE clients SET closed_ms = $2, revision = revision + 1 WHERE id = $1 AND closed_ms IS NULL";
}

/// A business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// Its name, sealed.
    pub name: Sealed,
    /// When it was added, ms since 1970.
    pub created_ms: i64,
    /// When it was closed, ms since 1970: from then on it may do nothing.
    pub closed_ms: Option<i64>,
    /// Grows with every change.
    pub revision: i64,
}

pub(super) fn read(mut row: Columns) -> Result<Client, StoreError> {
    Ok(Client {
        id: row.client()?,
        name: row.sealed()?,
        created_ms: row.int()?,
        closed_ms: row.int_opt()?,
        revision: row.int()?,
    })
}

/// The table of clients.
pub struct Clients<'a>(pub(super) &'a Store);

impl Clients<'_> {
    /// Adds it. [`StoreError::Conflict`] if the id is taken.
    pub async fn add(
        &self,
        client: &ClientId,
        name: &Sealed,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.0
            .run(ADD, args![client, name, now_ms])
            .await
            .map(|_| ())
    }

    /// The client itself.
    pub async fn find(&self, client: &ClientId) -> Result<Option<Client>, StoreError> {
        self.0.one(FIND, args![client]).await?.map(read).transpose()
    }

    /// Gives it another name. The new revision.
    pub async fn rename(
        &self,
        client: &ClientId,
        revision: i64,
        name: &Sealed,
    ) -> Result<i64, StoreError> {
        let update = (RENAME, args![client, revision, name]);
        self.0
            .change("client", update, (REVISION, args![client]))
            .await
    }

    /// Closes it: its keys open nothing any more. Whether it was open.
    pub async fn close(&self, client: &ClientId, now_ms: i64) -> Result<bool, StoreError> {
        Ok(self.0.run(CLOSE, args![client, now_ms]).await? > 0)
    }
}
