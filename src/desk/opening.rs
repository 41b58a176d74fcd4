//! Opening the house: the folder, the keys, the database and the journals, and what a crash left unfinished.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::setup::SetupError;
use super::{Desk, Place, Unnamed, opt_outs, seal, unended};
use crate::clock;
use crate::data_folder::{DataFolder, DataFolderError};
use crate::ids::ClientId;
use crate::journal::{JournalError, JournalSettings, Journals, Kept, Recovery};
use crate::live::LiveCalls;
use crate::rules::Rules;
use crate::store::rows::Rows;
use crate::store::{PAGE_ROWS_MAX, Store, StoreConfig, StoreError};
use crate::vault::{Vault, VaultError};

/// How long the end of a server waits for its database.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);

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
        bring_back_clients(&vault, &store, &journals).await?;
        // No call is under way: the rows of any number of journals may take their time.
        rows.set_patient(true);
        let recovered = journals.recover().await;
        rows.flush().await?;
        rows.set_patient(false);
        let mut recovery = recovered?;
        let promised = std::mem::take(&mut recovery.opted_out);
        opt_outs::keep_promises(&store, &vault, promised).await;
        note_kept(&store, &recovery.kept).await?;
        unended::end_lost(&store, &vault, &journals).await?;
        let unnamed = Unnamed::of(&store).await?;
        let rules = Rules::default();
        rules.keep(&store).await?;
        let desk = Self {
            store,
            vault,
            journals,
            rows,
            live: LiveCalls::default(),
            rules,
            unnamed: Mutex::new(unnamed),
            folder,
        };
        Ok((desk, recovery))
    }

    /// Writes what waits: for the end of a server, after its last call. A database that does not take it within ten
    /// seconds is not waited for: the marks of the journals stand.
    pub async fn close(&self) {
        self.journals.close().await;
        match tokio::time::timeout(FLUSH_PATIENCE, self.rows.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "rows that wait are made at the next start");
            }
            Err(_) => tracing::warn!(
                waited = ?FLUSH_PATIENCE,
                "the database does not take the rows that wait; they are made at the next start"
            ),
        }
    }

    /// Where everything is.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }
}

/// Puts into the rows of calls how much of each is stored, which no row of a journal says.
pub(super) async fn note_kept(store: &Store, all: &[Kept]) -> Result<(), StoreError> {
    let calls = store.calls();
    for kept in all {
        let (client, id) = (&kept.client, &kept.call_id);
        let noted = calls.recorded(client, id, kept.caller_ms, kept.is_recorded);
        noted.await?;
    }
    Ok(())
}

/// A database that lacks clients of whom there are keys was lost or moved away: they come back from their keys, with their
/// ids for names, and then the calls from all their journals. These are marked before the first client is there: from
/// then on nothing else says what is still to be done, and a start that is cut short is followed by another.
async fn bring_back_clients(
    vault: &Vault,
    store: &Store,
    journals: &Journals,
) -> Result<(), OpenError> {
    let known = known_clients(store).await?;
    let mut lost = vault.clients().await?;
    lost.retain(|client| !known.contains(client));
    let recorded = journals.clients().await?;
    let has_calls = |client: &ClientId| recorded.contains(client);
    // Keys alone, beside clients that are there, are of an addition that was cut short.
    if lost.is_empty() || !(known.is_empty() || lost.iter().any(has_calls)) {
        return Ok(());
    }
    // Those with calls last: as long as one of them is missing, so is this work's end.
    lost.sort_by_key(has_calls);
    let calls = journals.mark_all(&lost).await?;
    for id in &lost {
        let keys = vault.client(id).await?;
        let name = seal(&keys, Place::new("clients.name", id.as_str()), id.as_str());
        store.clients().add(id, &name, clock::unix_ms()).await?;
    }
    tracing::error!(
        clients = lost.len(),
        calls,
        "the database lacks clients: they and their calls are read in again from their keys and journals. API keys, \
         agents, numbers and suppressions are not among them: put the database back from a backup, or make keys with \
         `trunkline keys create` and enter the rest again"
    );
    Ok(())
}

async fn known_clients(store: &Store) -> Result<BTreeSet<ClientId>, StoreError> {
    let mut known = BTreeSet::new();
    let mut after = None;
    loop {
        let page = store
            .system()
            .clients(after.as_ref(), PAGE_ROWS_MAX)
            .await?;
        known.extend(page.data.into_iter().map(|client| client.id));
        after = page.next;
        if after.is_none() {
            return Ok(known);
        }
    }
}
