//! Accounts with carriers.

use super::page::rows_asked;
use super::sql::{Columns, args, statements};
use super::{Cursor, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO carrier_accounts
        (client_id, id, kind, name, secret, settings, created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1)";
    FIND = "SELECT id, kind, name, secret, settings, created_ms, updated_ms, revision FROM carrier_accounts
        WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, kind, name, secret, settings, created_ms, updated_ms, revision FROM carrier_accounts
        WHERE client_id = $1 AND (created_ms, id) < ($2, $3) ORDER BY created_ms DESC, id DESC LIMIT $4";
    UPDATE = "UPDATE carrier_accounts
        SET name = $4, secret = COALESCE($5, secret), settings = $6, updated_ms = $7, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM carrier_accounts WHERE client_id = $1 AND id = $2";
    REMOVE = "DELETE FROM carrier_accounts WHERE client_id = $1 AND id = $2";
    NAMED = "SELECT client_id, id, kind, name, secret, settings, created_ms, updated_ms, revision FROM carrier_accounts
        WHERE id = $1";
}

/// An account with a carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierAccount {
    /// `carr_…`.
    pub id: String,
    /// Which carrier, as `twilio`.
    pub kind: String,
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What opens the account, sealed.
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

/// An account to be added.
#[derive(Clone, Debug)]
pub struct NewCarrierAccount {
    /// `carr_…`.
    pub id: String,
    /// Which carrier, as `twilio`.
    pub kind: String,
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What opens the account, sealed.
    pub secret: Sealed,
    /// Everything else, sealed.
    pub settings: Sealed,
    /// Now, ms since 1970.
    pub created_ms: i64,
}

/// What an account is to be.
#[derive(Clone, Debug)]
pub struct CarrierChange {
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What opens the account, sealed; `None` leaves it.
    pub secret: Option<Sealed>,
    /// Everything else, sealed.
    pub settings: Sealed,
    /// Now, ms since 1970.
    pub updated_ms: i64,
}

fn read(mut row: Columns) -> Result<CarrierAccount, StoreError> {
    Ok(CarrierAccount {
        id: row.text()?,
        kind: row.text()?,
        name: row.sealed()?,
        secret: row.sealed()?,
        settings: row.sealed()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The table of accounts.
pub struct Carriers<'a>(pub(super) &'a Store);

impl Carriers<'_> {
    /// Adds an account. Its revision is 1.
    pub async fn add(&self, client: &ClientId, new: &NewCarrierAccount) -> Result<(), StoreError> {
        let args = args![
            client,
            &new.id,
            &new.kind,
            &new.name,
            &new.secret,
            &new.settings,
            new.created_ms
        ];
        self.0.run(ADD, args).await.map(|_| ())
    }

    /// One account.
    pub async fn find(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<Option<CarrierAccount>, StoreError> {
        self.0
            .one(FIND, args![client, id])
            .await?
            .map(read)
            .transpose()
    }

    /// Accounts, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CarrierAccount>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |account| Cursor {
            created_ms: account.created_ms,
            id: account.id.clone(),
        }))
    }

    /// Changes an account at `revision`. The new revision.
    pub async fn update(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        change: &CarrierChange,
    ) -> Result<i64, StoreError> {
        let CarrierChange {
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
            .change(
                "carrier account",
                (UPDATE, update),
                (REVISION, args![client, id]),
            )
            .await
    }

    /// Removes it with its secret. Whether it was there. [`StoreError::Reference`] while a number belongs to it.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(REMOVE, args![client, id]).await? > 0)
    }
}

/// Whose an account is that a webhook's address names, and the account.
pub(super) async fn named(
    store: &Store,
    id: &str,
) -> Result<Option<(ClientId, CarrierAccount)>, StoreError> {
    let Some(mut row) = store.one(NAMED, args![id]).await? else {
        return Ok(None);
    };
    Ok(Some((row.client()?, read(row)?)))
}
