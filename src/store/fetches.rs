//! Imports whose file is fetched from an address: by one server at a time, and of a client's one at a time.

use super::imports::NewImport;
use super::sql::{Columns, args, statements};
use super::{Durability, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO imports (client_id, id, settings, list_id, is_dry, state, bytes, position, line, rows_read, added, updated,
            skipped, failed, tries, created_ms, fetch_due_ms)
        VALUES ($1, $2, $3, $4, $5, 'fetching', 0, 0, 1, 0, 0, 0, 0, 0, 0, $6, $6)";
    COUNT_OPEN = "SELECT COUNT(*) FROM imports WHERE client_id = $1 AND ended_ms IS NULL";
    CLAIM = "UPDATE imports SET fetcher = $1, fetch_due_ms = $2, tries = tries + 1
        WHERE state = 'fetching' AND ended_ms IS NULL AND fetch_due_ms <= $3 AND (client_id, id) IN (
            SELECT one.client_id, one.id FROM imports AS one
            WHERE one.state = 'fetching' AND one.ended_ms IS NULL AND one.fetch_due_ms <= $3 AND NOT EXISTS (
                SELECT 1 FROM imports AS other
                WHERE other.client_id = one.client_id AND other.state = 'fetching' AND other.ended_ms IS NULL
                    AND other.fetcher IS NOT NULL AND other.fetch_due_ms > $3)
            ORDER BY one.created_ms, one.id LIMIT 1)
        RETURNING client_id, id, settings, tries";
    HOLD = "UPDATE imports SET fetch_due_ms = $4
        WHERE client_id = $1 AND id = $2 AND fetcher = $3 AND state = 'fetching' AND ended_ms IS NULL";
    LATER = "UPDATE imports SET fetcher = NULL, fetch_due_ms = $4
        WHERE client_id = $1 AND id = $2 AND fetcher = $3 AND state = 'fetching' AND ended_ms IS NULL";
    FETCHED = "UPDATE imports SET state = 'waiting', bytes = $4, tries = 0, fetcher = NULL, fetch_due_ms = NULL
        WHERE client_id = $1 AND id = $2 AND fetcher = $3 AND state = 'fetching' AND ended_ms IS NULL";
    RELEASE = "UPDATE imports SET fetcher = NULL, fetch_due_ms = created_ms WHERE state = 'fetching' AND ended_ms IS NULL";
}

/// An import whose file this server is to fetch.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Whose it is.
    pub client: ClientId,
    /// `imp_…`.
    pub id: String,
    /// What is to be done, with the address; sealed under the client's key.
    pub settings: Sealed,
    /// The how manieth try it is, from 1 on.
    pub tries: u32,
    /// What this server is known by, for this fetch.
    pub fetcher: String,
}

fn read(mut row: Columns, fetcher: &str) -> Result<Fetch, StoreError> {
    Ok(Fetch {
        client: row.client()?,
        id: row.text()?,
        settings: row.sealed()?,
        tries: row.version()?,
        fetcher: fetcher.to_owned(),
    })
}

/// Imports whose file is not there yet.
pub struct Fetches<'a>(pub(super) &'a Store);

impl Fetches<'_> {
    /// Adds one whose file is to be fetched. False if the client has `most` that have not ended.
    pub async fn add(
        &self,
        client: &ClientId,
        new: &NewImport,
        most: u32,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let open = tx.one(COUNT_OPEN, args![client]).await?;
        let open = open.map(|mut row| row.int()).transpose()?.unwrap_or(0);
        if open >= i64::from(most) {
            return Ok(false);
        }
        let args = args![
            client,
            &new.id,
            &new.settings,
            &new.list_id,
            new.is_dry,
            new.now_ms
        ];
        tx.run(ADD, args).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// It is still being fetched by this server, which may be silent until then. False if it was taken back or is another's.
    pub async fn hold(
        &self,
        client: &ClientId,
        of: &Fetch,
        until_ms: i64,
    ) -> Result<bool, StoreError> {
        let args = args![client, &of.id, &of.fetcher, until_ms];
        Ok(self.0.run(HOLD, args).await? > 0)
    }

    /// It could not be fetched now, and is tried again then. False as with [`Fetches::hold`].
    pub async fn later(
        &self,
        client: &ClientId,
        of: &Fetch,
        due_ms: i64,
    ) -> Result<bool, StoreError> {
        let args = args![client, &of.id, &of.fetcher, due_ms];
        Ok(self.0.run(LATER, args).await? > 0)
    }

    /// Its file is there, so long, and waits to be read. False as with [`Fetches::hold`].
    pub async fn fetched(
        &self,
        client: &ClientId,
        of: &Fetch,
        bytes: u64,
    ) -> Result<bool, StoreError> {
        let args = args![client, &of.id, &of.fetcher, bytes];
        let mut tx = self.0.begin(Durability::Now).await?;
        let is_so = tx.run(FETCHED, args).await? > 0;
        tx.commit().await?;
        Ok(is_so)
    }
}

pub(super) async fn claim(
    store: &Store,
    fetcher: &str,
    now_ms: i64,
    until_ms: i64,
) -> Result<Option<Fetch>, StoreError> {
    // A crash of the machine leaves it to be claimed again.
    let mut tx = store.begin(Durability::Soon).await?;
    let row = tx.one(CLAIM, args![fetcher, until_ms, now_ms]).await?;
    let fetch = row.map(|row| read(row, fetcher)).transpose()?;
    tx.commit().await?;
    Ok(fetch)
}

pub(super) async fn release(store: &Store) -> Result<(), StoreError> {
    store.run(RELEASE, Vec::new()).await.map(|_| ())
}
