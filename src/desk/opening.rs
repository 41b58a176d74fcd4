//! Opening the house: the folder, the keys, the database and the journals, and what a crash left unfinished.

use std::path::Path;
use std::sync::Arc;

use super::setup::SetupError;
use super::{Desk, Place, opt_outs, seal};
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
        let which = bring_back_clients(&vault, &store).await?;
        // No call is under way: the rows of any number of journals may take their time.
        rows.set_patient(true);
        let recovered = journals.recover(which).await;
        rows.flush().await?;
        rows.set_patient(false);
        let mut recovery = recovered?;
        let promised = std::mem::take(&mut recovery.opted_out);
        opt_outs::keep_promises(&store, &vault, promised).await;
        for kept in &recovery.kept {
            let (client, call_id) = (&kept.client, &kept.call_id);
            let calls = store.calls();
            calls
                .recorded(client, call_id, kept.caller_ms, kept.is_recorded)
                .await?;
        }
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

/// A database without a client, where there are keys of some, was lost or moved away: the clients come back from their
/// keys, with their ids for names, and then the calls from all their journals.
async fn bring_back_clients(vault: &Vault, store: &Store) -> Result<Which, OpenError> {
    let known = store.system().clients(None, 1).await?;
    if !known.data.is_empty() {
        return Ok(Which::Marked);
    }
    let clients = vault.clients().await?;
    for id in &clients {
        let keys = vault.client(id).await?;
        let name = seal(&keys, Place::new("clients.name", id.as_str()), id.as_str());
        store.clients().add(id, &name, clock::unix_ms()).await?;
    }
    if !clients.is_empty() {
        tracing::error!(
            clients = clients.len(),
            "the database was empty: clients and calls are read in again from their keys and journals. API keys, agents, \
             numbers and suppressions are not among them: put the database back from a backup, or make keys with \
             `trunkline keys create` and enter the rest again"
        );
    }
    Ok(Which::All)
}
