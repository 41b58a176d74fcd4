//! Tools of a client's.

use super::page::rows_asked;
use super::sql::{Columns, args, statements};
use super::{Cursor, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO tools (client_id, id, document, secret, created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, $4, $5, $5, 1)";
    COUNT = "SELECT COUNT(*) FROM tools WHERE client_id = $1";
    FIND = "SELECT id, document, secret, created_ms, updated_ms, revision FROM tools
        WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, document, secret, created_ms, updated_ms, revision FROM tools
        WHERE client_id = $1 AND (created_ms, id) < ($2, $3) ORDER BY created_ms DESC, id DESC LIMIT $4";
    UPDATE = "UPDATE tools SET document = $4, secret = $5, updated_ms = $6, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM tools WHERE client_id = $1 AND id = $2";
    REMOVE = "DELETE FROM tools WHERE client_id = $1 AND id = $2";
}

/// A tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// `tool_…`.
    pub id: String,
    /// What its owner says of it, sealed.
    pub document: Sealed,
    /// What opens the way to it, sealed.
    pub secret: Sealed,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

/// What a tool is to be.
#[derive(Clone, Debug)]
pub struct ToolChange {
    /// What its owner says of it, sealed.
    pub document: Sealed,
    /// What opens the way to it, sealed.
    pub secret: Sealed,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

fn read(mut row: Columns) -> Result<Tool, StoreError> {
    Ok(Tool {
        id: row.text()?,
        document: row.sealed()?,
        secret: row.sealed()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The table of tools.
pub struct Tools<'a>(pub(super) &'a Store);

impl Tools<'_> {
    /// Adds a tool, at revision 1.
    pub async fn add(
        &self,
        client: &ClientId,
        id: &str,
        new: &ToolChange,
    ) -> Result<(), StoreError> {
        let args = args![client, id, &new.document, &new.secret, new.now_ms];
        self.0.run(ADD, args).await.map(|_| ())
    }

    /// How many the client has.
    pub async fn count(&self, client: &ClientId) -> Result<i64, StoreError> {
        let row = self.0.one(COUNT, args![client]).await?;
        row.map_or(Ok(0), |mut row| row.int())
    }

    /// One of the client's tools.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Tool>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// The client's tools, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Tool>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |tool| Cursor {
            created_ms: tool.created_ms,
            id: tool.id.clone(),
        }))
    }

    /// Changes a tool at `revision`. The new revision.
    pub async fn update(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        change: &ToolChange,
    ) -> Result<i64, StoreError> {
        let update = args![
            client,
            id,
            revision,
            &change.document,
            &change.secret,
            change.now_ms
        ];
        self.0
            .change("tool", (UPDATE, update), (REVISION, args![client, id]))
            .await
    }

    /// Removes it with its secrets. Whether it was there.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(REMOVE, args![client, id]).await? > 0)
    }
}
