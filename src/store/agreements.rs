//! Agreements that clients accepted: rows are added, and none is taken away.

use trunkline_core::event::EventKind;

use super::outbox::{Told, data, tell};
use super::sql::{Columns, args, statements};
use super::{Durability, Sealed, Store, StoreError};
use crate::ids::ClientId;

/// Most agreements of a client.
const ROWS_MAX: i64 = 200;

statements! {
    COUNT = "SELECT COUNT(*) FROM agreements WHERE client_id = $1";
    ADD = "INSERT INTO agreements (client_id, id, version, accepted_by, accepted_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id, version) DO NOTHING";
    OF_VERSION = "SELECT id, version, accepted_by, accepted_ms FROM agreements WHERE client_id = $1 AND version = $2";
    LIST = "SELECT id, version, accepted_by, accepted_ms FROM agreements WHERE client_id = $1
        ORDER BY accepted_ms DESC, id DESC LIMIT $2";
}

/// An agreement that a client accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// `agr_…`.
    pub id: String,
    /// Which, as `dpa-2026-01`.
    pub version: String,
    /// Who accepted it, sealed under the client's key.
    pub accepted_by: Sealed,
    /// When, ms since 1970.
    pub accepted_ms: i64,
}

fn read(mut row: Columns) -> Result<Agreement, StoreError> {
    Ok(Agreement {
        id: row.text()?,
        version: row.text()?,
        accepted_by: row.sealed()?,
        accepted_ms: row.int()?,
    })
}

/// The table of agreements.
pub struct Agreements<'a>(pub(super) &'a Store);

impl Agreements<'_> {
    /// Adds one: on the disk when this returns. What stands of that version, and whether it is this one; one that was accepted
    /// already stays as it is. `None` if the client has as many as it may have.
    pub async fn accept(
        &self,
        client: &ClientId,
        new: &Agreement,
    ) -> Result<Option<(Agreement, bool)>, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let version = args![client, &new.version];
        if let Some(row) = tx.one(OF_VERSION, version.clone()).await? {
            return Ok(Some((read(row)?, false)));
        }
        let count = tx.one(COUNT, args![client]).await?;
        if count.map(|mut row| row.int()).transpose()?.unwrap_or(0) >= ROWS_MAX {
            return Ok(None);
        }
        let args = args![
            client,
            &new.id,
            &new.version,
            &new.accepted_by,
            new.accepted_ms
        ];
        let is_new = tx.run(ADD, args).await? > 0;
        if is_new {
            let data = data! { "version": new.version.as_str() };
            let told = Told::once(EventKind::AgreementAccepted, &new.id, data);
            tell(&mut tx, client.as_str(), told).await?;
        }
        let row = tx.one(OF_VERSION, version).await?;
        let row = row.map(read).transpose()?.ok_or(StoreError::Conflict)?;
        tx.commit().await?;
        Ok(Some((row, is_new)))
    }

    /// Whether the client accepted this version.
    pub async fn has(&self, client: &ClientId, version: &str) -> Result<bool, StoreError> {
        let row = self.0.one(OF_VERSION, args![client, version]).await?;
        Ok(row.is_some())
    }

    /// All that the client accepted, the latest first.
    pub async fn list(&self, client: &ClientId) -> Result<Vec<Agreement>, StoreError> {
        self.0.all(LIST, args![client, ROWS_MAX], read).await
    }
}
