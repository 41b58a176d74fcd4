//! Opening the house: the folder, the keys, the database and the journals, and what a crash left unfinished.

use std::path::Path;
use std::sync::Arc;

use super::setup::SetupError;
use super::{Desk, Place, seal};
use crate::clock;
use crate::data_folder::{DataFolder, DataFolderError};
use crate::journal::{JournalError, JournalSettings, Journals, Recovery, Which};
use crate::live::LiveCalls;
use crate::store::rows::Rows;
use crate::store::{Store, StoreConfig, StoreError};
use crate::vault::{Vault, VaultError};

/// The house cannot be opened. Says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journals.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Setting up.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Desk {
    /// Opens the data folder, alone, and finishes what a crash left: every journal is closed and its rows are made.
    pub async fn open(
        data: &Path,
        store: &StoreConfig,
        journals: JournalSettings,
    ) -> Result<(Self, Recovery), OpenError> {
        let folder = DataFolder::lock(data)?;
        let vault = Vault::open(data).await?;
        let store = Store::open(store).await?;
        let (rows, _) = Rows::start(store.clone());
        let journals = Journals::open(data, vault.clone(), Arc::new(rows.clone()), journals)?;
        let which = if restore_clients(&store, &vault, &journals).await? {
            Which::All
        } else {
            Which::Marked
        };
        // No call is under way: the rows of any number of journals may take their time.
        rows.set_patient(true);
        let recovered = journals.recover(which).await;
        rows.flush().await?;
        rows.set_patient(false);
        let recovery = recovered?;
        let page = store.system().clients(None, 2).await?;
        let mut open = page
            .data
            .into_iter()
            .filter(|client| client.closed_ms.is_none());
        let sole = match (open.next(), open.next()) {
            (Some(one), None) => Some(one.id),
            (Some(_), Some(_)) | (None, _) => None,
        };
        let desk = Self {
            store,
            vault,
            journals,
            rows,
            live: LiveCalls::default(),
            sole,
            folder,
        };
        Ok((desk, recovery))
    }

    /// Writes what waits: for the end of a server, after its last call.
    pub async fn close(&self) {
        self.journals.close().await;
        if let Err(error) = self.rows.flush().await {
            tracing::warn!(%error, "rows that wait are made at the next start");
        }
    }

    /// Where everything is.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }
}

/// Whether the database was lost: it has no call, and there are journals. Then the clients that had calls are put back
/// into it, named by their ids, since what they were called is lost too.
async fn restore_clients(
    store: &Store,
    vault: &Vault,
    journals: &Journals,
) -> Result<bool, OpenError> {
    if store.system().has_calls().await? {
        return Ok(false);
    }
    let found = journals.clients().await?;
    for client in &found {
        if store.clients().find(client).await?.is_some() {
            continue;
        }
        let keys = match vault.client(client).await {
            // Their calls cannot be opened either; recovery says so of each.
            Err(VaultError::NoClient { .. }) => continue,
            keys => keys?,
        };
        let name = seal(
            &keys,
            Place::new("clients.name", client.as_str()),
            client.as_str(),
        );
        store.clients().add(client, &name, clock::unix_ms()).await?;
        tracing::warn!(%client, "the database did not know this client, who has calls; put back, named by its id");
    }
    Ok(!found.is_empty())
}
