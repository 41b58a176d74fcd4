//! Providers of speech and of language models. A client's are here; the operator's defaults are in
//! [`System`](super::system::System).

use super::page::rows_asked;
use super::sql::{Columns, args, statements, words};
use super::{Cursor, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO providers
        (client_id, id, kind, vendor, name, secret, settings, created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1)";
    FIND = "SELECT id, kind, vendor, name, secret, settings, created_ms, updated_ms, revision FROM providers
        WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, kind, vendor, name, secret, settings, created_ms, updated_ms, revision FROM providers
        WHERE client_id = $1 AND (created_ms, id) < ($2, $3) ORDER BY created_ms DESC, id DESC LIMIT $4";
    UPDATE = "UPDATE providers
        SET name = $4, secret = COALESCE($5, secret), settings = $6, updated_ms = $7, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM providers WHERE client_id = $1 AND id = $2";
    REMOVE = "DELETE FROM providers WHERE client_id = $1 AND id = $2";
    DEFAULT_FIND = "SELECT id, kind, vendor, name, secret, settings, created_ms, updated_ms, revision FROM providers
        WHERE client_id IS NULL AND id = $1";
    DEFAULT_LIST = "SELECT id, kind, vendor, name, secret, settings, created_ms, updated_ms, revision FROM providers
        WHERE client_id IS NULL ORDER BY created_ms DESC, id DESC LIMIT $1";
    DEFAULT_REMOVE = "DELETE FROM providers WHERE client_id IS NULL AND id = $1";
}

words! {
    /// What a provider does.
    ProviderKind {
        /// Hears.
        Recogniser = "recogniser",
        /// Thinks.
        Model = "model",
        /// Speaks.
        Voice = "voice",
    }
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// `prov_…`.
    pub id: String,
    /// What it does.
    pub kind: ProviderKind,
    /// Who it is, as `openai_compatible`.
    pub vendor: String,
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What opens it, sealed.
    pub secret: Sealed,
    /// Everything else, sealed.
    pub settings: Sealed,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

/// A provider to be added.
#[derive(Clone, Debug)]
pub struct NewProvider {
    /// `prov_…`.
    pub id: String,
    /// What it does.
    pub kind: ProviderKind,
    /// Who it is, as `openai_compatible`.
    pub vendor: String,
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What opens it, sealed; an empty text where it needs nothing.
    pub secret: Sealed,
    /// Everything else, sealed.
    pub settings: Sealed,
    /// Now, ms since 1970.
    pub created_ms: i64,
}

/// What a provider is to be.
#[derive(Clone, Debug)]
pub struct ProviderChange {
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What opens it, sealed; `None` leaves it.
    pub secret: Option<Sealed>,
    /// Everything else, sealed.
    pub settings: Sealed,
    /// Now, ms since 1970.
    pub updated_ms: i64,
}

fn read(mut row: Columns) -> Result<Provider, StoreError> {
    Ok(Provider {
        id: row.text()?,
        kind: row.word("a kind of provider", ProviderKind::parse)?,
        vendor: row.text()?,
        name: row.sealed()?,
        secret: row.sealed()?,
        settings: row.sealed()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The table of providers.
pub struct Providers<'a>(pub(super) &'a Store);

impl Providers<'_> {
    /// Adds a provider. Its revision is 1.
    pub async fn add(&self, client: &ClientId, new: &NewProvider) -> Result<(), StoreError> {
        add(self.0, Some(client), new).await
    }

    /// One provider of the client's own.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Provider>, StoreError> {
        self.0
            .one(FIND, args![client, id])
            .await?
            .map(read)
            .transpose()
    }

    /// The client's own providers, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Provider>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |provider| Cursor {
            created_ms: provider.created_ms,
            id: provider.id.clone(),
        }))
    }

    /// Changes a provider at `revision`. The new revision.
    pub async fn update(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        change: &ProviderChange,
    ) -> Result<i64, StoreError> {
        let ProviderChange {
            name,
            secret,
            settings,
            updated_ms,
        } = change;
        let update = args![
            client,
            id,
            revision,
            name,
            secret.as_ref(),
            settings,
            *updated_ms
        ];
        self.0
            .change("provider", (UPDATE, update), (REVISION, args![client, id]))
            .await
    }

    /// Removes it with its secret. Whether it was there.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(REMOVE, args![client, id]).await? > 0)
    }
}

pub(super) async fn add(
    store: &Store,
    client: Option<&ClientId>,
    new: &NewProvider,
) -> Result<(), StoreError> {
    let args = args![
        client.map(ClientId::as_str),
        &new.id,
        new.kind,
        &new.vendor,
        &new.name,
        &new.secret,
        &new.settings,
        new.created_ms,
    ];
    store.run(ADD, args).await.map(|_| ())
}

pub(super) async fn default_find(store: &Store, id: &str) -> Result<Option<Provider>, StoreError> {
    store
        .one(DEFAULT_FIND, args![id])
        .await?
        .map(read)
        .transpose()
}

pub(super) async fn default_list(store: &Store, limit: i64) -> Result<Vec<Provider>, StoreError> {
    store.all(DEFAULT_LIST, args![limit], read).await
}

pub(super) async fn default_remove(store: &Store, id: &str) -> Result<bool, StoreError> {
    Ok(store.run(DEFAULT_REMOVE, args![id]).await? > 0)
}
