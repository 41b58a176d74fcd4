//! Keys to the API: only their hashes are kept, so a key can be shown once.

use super::sql::{Columns, args, statements};
use super::{Sealed, Store, StoreError};
use crate::ids::ClientId;

/// A key's last use is noted at most this often, ms.
pub const LAST_USED_EVERY_MS: i64 = 60_000;
/// Most keys of a client that a list gives; nobody has more than a few dozen.
const LIST_ROWS_MAX: i64 = 1_000;

statements! {
    ADD = "INSERT INTO api_keys (client_id, id, hash, name, scopes, created_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST = "SELECT client_id, id, name, scopes, created_ms, expires_ms, revoked_ms, last_used_ms FROM api_keys
        WHERE client_id = $1 ORDER BY created_ms DESC, id DESC LIMIT $2";
    FIND = "SELECT client_id, id, name, scopes, created_ms, expires_ms, revoked_ms, last_used_ms FROM api_keys
        WHERE client_id = $1 AND id = $2";
    REVOKE = "UPDATE api_keys SET revoked_ms = COALESCE(revoked_ms, $3) WHERE client_id = $1 AND id = $2";
    USED = "UPDATE api_keys SET last_used_ms = $3
        WHERE client_id = $1 AND id = $2 AND COALESCE(last_used_ms, 0) < $4";
}

/// A key, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose it is.
    pub client: ClientId,
    /// `key_…`.
    pub id: String,
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What it may do, as words.
    pub scopes: Vec<String>,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it stops working, ms since 1970.
    pub expires_ms: Option<i64>,
    /// When it was revoked, ms since 1970.
    pub revoked_ms: Option<i64>,
    /// When it was last used, ms since 1970, to about a minute.
    pub last_used_ms: Option<i64>,
}

impl ApiKey {
    /// Whether it opens anything now.
    #[must_use]
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.revoked_ms.is_none() && self.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms)
    }
}

/// A key to be kept.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// `key_…`.
    pub id: String,
    /// SHA-256 of the key, which has 256 bits of randomness: nothing slower is needed.
    pub hash: [u8; 32],
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What it may do: words without spaces.
    pub scopes: Vec<String>,
    /// Now, ms since 1970.
    pub created_ms: i64,
    /// When it stops working, ms since 1970.
    pub expires_ms: Option<i64>,
}

pub(super) fn read(mut row: Columns) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        client: row.client()?,
        id: row.text()?,
        name: row.sealed()?,
        scopes: row.text()?.split_whitespace().map(str::to_owned).collect(),
        created_ms: row.int()?,
        expires_ms: row.int_opt()?,
        revoked_ms: row.int_opt()?,
        last_used_ms: row.int_opt()?,
    })
}

/// The table of keys. Who shows a key is asked of [`System::api_key`](super::system::System::api_key).
pub struct ApiKeys<'a>(pub(super) &'a Store);

impl ApiKeys<'_> {
    /// Keeps a key's hash.
    pub async fn add(&self, client: &ClientId, key: &NewApiKey) -> Result<(), StoreError> {
        let scopes = key.scopes.join(" ");
        let args = args![
            client,
            &key.id,
            &key.hash,
            &key.name,
            &scopes,
            key.created_ms,
            key.expires_ms
        ];
        self.0.run(ADD, args).await.map(|_| ())
    }

    /// All of a client's keys, newest first.
    pub async fn list(&self, client: &ClientId) -> Result<Vec<ApiKey>, StoreError> {
        self.0.all(LIST, args![client, LIST_ROWS_MAX], read).await
    }

    /// One key.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<ApiKey>, StoreError> {
        self.0
            .one(FIND, args![client, id])
            .await?
            .map(read)
            .transpose()
    }

    /// From now on it opens nothing. Whether there is such a key.
    pub async fn revoke(
        &self,
        client: &ClientId,
        id: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        Ok(self.0.run(REVOKE, args![client, id, now_ms]).await? > 0)
    }

    /// Notes that it was used, at most once in [`LAST_USED_EVERY_MS`].
    pub async fn used(
        &self,
        client: &ClientId,
        key: &ApiKey,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let due_ms = now_ms - LAST_USED_EVERY_MS;
        if key.last_used_ms.is_some_and(|last_ms| last_ms >= due_ms) {
            return Ok(());
        }
        let mut tx = self.0.begin(super::Durability::Soon).await?;
        tx.run(USED, args![client, &key.id, now_ms, due_ms]).await?;
        tx.commit().await
    }
}
