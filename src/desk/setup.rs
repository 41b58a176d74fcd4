//! A new house: the key file, the database, the first client and its first key.

mod complaining;
mod everybody;
pub(crate) mod standing;

use std::path::Path;

use super::{Place, seal};
use crate::api_key::Secret;
use crate::carrier::account::{ACCOUNTS_MAX, Account, Unusable};
use crate::clock;
use crate::data_folder;
use crate::ids::{self, ClientId};
use crate::inbound::Answering;
use crate::store::api_keys::{ApiKey, NewApiKey};
use crate::store::clients::Client;
use crate::store::numbers::Number;
use crate::store::{Store, StoreConfig, StoreError};
use crate::vault::{Vault, VaultError};

/// Clients and keys that are listed at most.
const LISTED_MAX: u32 = 200;
/// Longest name of a client or a key, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Something could not be set up. Says what and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder.
    #[error("{folder}: {cause}; set `data` to a folder that this user may write to")]
    Folder {
        /// Where.
        folder: String,
        /// Why.
        cause: std::io::Error,
    },
    /// No randomness to be had.
    #[error("the system gives no randomness: {0}")]
    Random(getrandom::Error),
    /// A name that is none.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters")]
    Name,
    /// A complaint.
    #[error(transparent)]
    Complaint(#[from] crate::complaints::ComplaintError),
    /// A reason that is none.
    #[error("a reason has 1 to 500 characters")]
    Reason,
    /// It cannot be told whose it is to be.
    #[error("{0}")]
    WhichClient(String),
    /// No such key.
    #[error("{client} has no key {key}; `trunkline keys list` names them")]
    NoKey {
        /// The client.
        client: ClientId,
        /// The key.
        key: String,
    },
    /// An account with a carrier.
    #[error(transparent)]
    Carrier(#[from] Unusable),
    /// What is stored cannot be opened.
    #[error("a name cannot be opened: {0}; is this the key file of this database?")]
    Unopened(#[from] crate::vault::Unopened),
}

/// The books of a data folder, open for a command that sets something up. Works beside a running server.
pub struct Books {
    vault: Vault,
    store: Store,
}

/// A key that was just made.
pub struct MadeKey {
    /// Its id.
    pub id: String,
    /// The key, to be shown once.
    pub secret: Secret,
}

impl Books {
    /// Makes the key file and the database of a new data folder. What is there already is not touched.
    pub async fn make(data: &Path, store: &StoreConfig) -> Result<Self, SetupError> {
        data_folder::make_private(data).map_err(|cause| SetupError::Folder {
            folder: data.display().to_string(),
            cause,
        })?;
        let vault = Vault::init(data).await?;
        let store = Store::open(store).await?;
        Ok(Self { vault, store })
    }

    /// Opens those of a folder that was set up.
    pub async fn open(data: &Path, store: &StoreConfig) -> Result<Self, SetupError> {
        let vault = Vault::open(data).await?;
        let store = Store::open(store).await?;
        Ok(Self { vault, store })
    }

    /// The rows.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Adds a client.
    pub async fn add_client(&self, name: &str) -> Result<ClientId, SetupError> {
        check_name(name)?;
        let id = ClientId::new();
        let keys = self.vault.add_client(&id).await?;
        let sealed = seal(&keys, Place::new("clients.name", id.as_str()), name);
        let clients = self.store.clients();
        clients.add(&id, &sealed, clock::unix_ms()).await?;
        Ok(id)
    }

    /// The clients with their names, newest first.
    pub async fn clients(&self) -> Result<Vec<(Client, String)>, SetupError> {
        let page = self.store.system().clients(None, LISTED_MAX).await?;
        let mut named = Vec::with_capacity(page.data.len());
        for client in page.data {
            let keys = self.vault.client(&client.id).await?;
            let place = Place::new("clients.name", client.id.as_str());
            let name = super::open(&keys, place, &client.name)?;
            named.push((client, name));
        }
        Ok(named)
    }

    /// The client that is meant: the one named, or the only one there is.
    pub async fn client(&self, named: Option<&str>) -> Result<ClientId, SetupError> {
        let page = self.store.system().clients(None, LISTED_MAX).await?;
        let open: Vec<&Client> = page.data.iter().filter(|c| c.closed_ms.is_none()).collect();
        match (named, open.as_slice()) {
            (Some(named), _) => open
                .iter()
                .find(|client| client.id.as_str() == named)
                .map(|client| client.id.clone())
                .ok_or_else(|| {
                    let words = format!("there is no client {named:?}; `trunkline clients list` names them");
                    SetupError::WhichClient(words)
                }),
            (None, [one]) => Ok(one.id.clone()),
            (None, []) => Err(SetupError::WhichClient(
                "there is no client yet; add one with `trunkline clients add NAME`, or, if the database was lost, start \
                 `trunkline serve` first: it reads clients and calls in again".into(),
            )),
            (None, _) => Err(SetupError::WhichClient(
                "there are several clients; say which with --client (`trunkline clients list` names them)".into(),
            )),
        }
    }

    /// A client's accounts with carriers, opened, newest first.
    pub async fn carriers(&self, client: &ClientId) -> Result<Vec<Account>, SetupError> {
        let keys = self.vault.client(client).await?;
        let carriers = self.store.carriers();
        let page = carriers.list(client, None, ACCOUNTS_MAX).await?;
        let rows = page.data.iter();
        Ok(rows
            .map(|row| Account::open(keys.clone(), row))
            .collect::<Result<_, _>>()?)
    }

    /// A client's numbers, newest first, each with what it is, and whether whoever calls it is heard.
    pub async fn numbers(
        &self,
        client: &ClientId,
    ) -> Result<Vec<(Number, String, bool)>, SetupError> {
        let keys = self.vault.client(client).await?;
        let page = self.store.numbers().list(client, None, LISTED_MAX).await?;
        let opened = page.data.into_iter().map(|row| {
            let place = Place::new("numbers.number", &row.id);
            let number = super::open(&keys, place, &row.number.sealed)?;
            let answering = Answering::open(&keys, &row.id, row.answering.as_ref());
            let is_line = answering.is_ok_and(|answering| answering.opt_out_line);
            let is_heard = row.agent_id.is_some() || is_line;
            Ok((row, number, is_heard))
        });
        opened.collect()
    }

    /// Makes a key to the API.
    pub async fn add_key(
        &self,
        client: &ClientId,
        name: &str,
        scopes: Vec<String>,
        expires_ms: Option<i64>,
    ) -> Result<MadeKey, SetupError> {
        check_name(name)?;
        let keys = self.vault.client(client).await?;
        let (id, secret) = (
            ids::new_id("key"),
            Secret::random().map_err(SetupError::Random)?,
        );
        let new = NewApiKey {
            hash: secret.hash(),
            name: seal(&keys, Place::new("api_keys.name", &id), name),
            scopes,
            created_ms: clock::unix_ms(),
            expires_ms,
            id: id.clone(),
        };
        self.store.api_keys().add(client, &new).await?;
        Ok(MadeKey { id, secret })
    }

    /// A client's keys with their names.
    pub async fn keys(&self, client: &ClientId) -> Result<Vec<(ApiKey, String)>, SetupError> {
        let opened = self.vault.client(client).await?;
        let keys = self.store.api_keys().list(client).await?;
        let named = keys.into_iter().map(|key| {
            let name = super::open(&opened, Place::new("api_keys.name", &key.id), &key.name)?;
            Ok((key, name))
        });
        named.collect()
    }

    /// Revokes a key; a running server takes it for up to five seconds more.
    pub async fn revoke(&self, client: &ClientId, key: &str) -> Result<(), SetupError> {
        let keys = self.store.api_keys();
        if keys.revoke(client, key, clock::unix_ms()).await? {
            return Ok(());
        }
        Err(SetupError::NoKey {
            client: client.clone(),
            key: key.to_owned(),
        })
    }
}

fn check_name(name: &str) -> Result<(), SetupError> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(SetupError::Name);
    }
    Ok(())
}
