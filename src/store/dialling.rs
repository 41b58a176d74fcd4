//! What clients allow of their dialling.

use super::sql::{Columns, args, statements};
use super::{Store, StoreError};
use crate::ids::ClientId;

statements! {
    FIND = "SELECT destinations, updated_ms, revision FROM dialling WHERE client_id = $1";
    ADD = "INSERT INTO dialling (client_id, destinations, updated_ms, revision) VALUES ($1, $2, $3, 1)
        ON CONFLICT (client_id) DO NOTHING";
    UPDATE = "UPDATE dialling SET destinations = $3, updated_ms = $4, revision = revision + 1
        WHERE client_id = $1 AND revision = $2 RETURNING revision";
    REVISION = "SELECT revision FROM dialling WHERE client_id = $1";
}

/// What a client allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The beginnings of the numbers that may be called, as `+49`.
    pub destinations: Vec<String>,
    /// When it last changed, ms since 1970; `None` if it never did.
    pub updated_ms: Option<i64>,
    /// Grows with every change; 0 if there was none.
    pub revision: i64,
}

fn read(mut row: Columns) -> Result<Allowed, StoreError> {
    Ok(Allowed {
        destinations: row.text()?.split_whitespace().map(str::to_owned).collect(),
        updated_ms: Some(row.int()?),
        revision: row.int()?,
    })
}

/// The table of what clients allow.
pub struct Dialling<'a>(pub(super) &'a Store);

impl Dialling<'_> {
    /// What a client allows; nothing if it never said.
    pub async fn find(&self, client: &ClientId) -> Result<Allowed, StoreError> {
        let row = self.0.one(FIND, args![client]).await?;
        row.map_or_else(|| Ok(Allowed::default()), read)
    }

    /// Replaces what it allows at `revision`. Each destination is a text without spaces. The new revision.
    pub async fn set(
        &self,
        client: &ClientId,
        revision: i64,
        destinations: &[&str],
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let text = destinations.join(" ");
        if revision == 0
            && self
                .0
                .run(ADD, args![client, text.as_str(), now_ms])
                .await?
                > 0
        {
            return Ok(1);
        }
        let update = args![client, revision, text.as_str(), now_ms];
        self.0
            .change("policy", (UPDATE, update), (REVISION, args![client]))
            .await
    }
}
