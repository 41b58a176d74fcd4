//! The vault: keys, and what is sealed under them.
//!
//! ```text
//! key file (KEK) ─wraps─▶ client's key ─wraps─▶ subject's key ─wraps─▶ call's key ─seals─▶ journal, rows of the call
//!   └ pepper ──────────────┴▶ keyed hashes by which a number is found without being known
//! ```
//!
//! A subject is a telephone number of a client's, or one call without a number. Wrapped clients' and subjects' keys are in
//! `keys.db` ([`crate::store::keys`]), a call's with the call. Who deletes a wrapped key makes everything below it
//! unreadable, in every copy there is.

mod call;
mod client;
mod error;
mod kept;
mod key_file;
mod sealing;

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use call::CallKey;
pub use client::{ClientKeys, SubjectId, SubjectKeys};
pub use error::VaultError;
pub use sealing::Unopened;

use self::client::{ClientSecrets, SubjectSecrets};
use self::kept::Kept;
use self::key_file::KeyFile;
use self::sealing::{Cipher, Indexer, Secret};
use crate::clock;
use crate::data_folder::{make_private, sync_folder};
use crate::ids::ClientId;
use crate::store::keys::{self, KeyStore, Root};

const FOLDER: &str = "vault";
const KEY_FILE: &str = "kek";
/// A key file that is about to take the place of [`KEY_FILE`].
const KEY_FILE_NEXT: &str = "kek.next";
/// A key store whose key file is not in place yet.
const STORE_NEXT: &str = "keys.db.next";
const FILE_BYTES_MAX: u64 = 4_096;
const CLIENTS_KEPT_MAX: usize = 1_024;
const SUBJECTS_KEPT_MAX: usize = 4_096;
const PROBE: &[u8] = b"this is the right key";

/// An open vault; clones are the same vault.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    kek: Cipher,
    pepper: Secret,
    platform: Indexer,
    store: KeyStore,
    clients: Kept<ClientId, Arc<ClientSecrets>>,
    subjects: Kept<(ClientId, SubjectId), Arc<SubjectSecrets>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("store", &self.0.store.path())
            .finish_non_exhaustive()
    }
}

/// Where things are in a data folder.
struct Places {
    folder: PathBuf,
    key: PathBuf,
    key_next: PathBuf,
    store: PathBuf,
    store_next: PathBuf,
}

impl Places {
    fn of(data: &Path) -> Self {
        let folder = data.join(FOLDER);
        Self {
            key: folder.join(KEY_FILE),
            key_next: folder.join(KEY_FILE_NEXT),
            folder,
            store: data.join(keys::FILE),
            store_next: data.join(STORE_NEXT),
        }
    }
}

/// Where the key file of a data folder is, for the sentence that tells its owner to put a copy in a safe.
pub fn key_file(data: &Path) -> PathBuf {
    Places::of(data).key
}

impl Vault {
    /// Makes key file and key store in a data folder. Never replaces any; finishes what an interrupted `init` began.
    pub async fn init(data: &Path) -> Result<Self, VaultError> {
        let places = Places::of(data);
        let unwritten = |path: &Path, cause| VaultError::KeyUnwritten {
            path: path.to_owned(),
            cause,
        };
        make_private(&places.folder).map_err(|cause| unwritten(&places.folder, cause))?;
        if places.store.exists() {
            return Err(keys::KeyStoreError::Present { path: places.store }.into());
        }
        // The key file comes into place whole, behind a store that fits it, and the store last: a stop in between leaves
        // nothing that could be taken for a vault.
        if !places.key.exists() {
            remove_store(&places.store_next).map_err(|cause| unwritten(&places.folder, cause))?;
            let file = KeyFile::random();
            file.write(&places.key_next)?;
            let store = KeyStore::make(&places.store_next, &root_of(&file)).await?;
            store.close().await;
            std::fs::hard_link(&places.key_next, &places.key)
                .and_then(|()| std::fs::remove_file(&places.key_next))
                .and_then(|()| sync_folder(&places.folder))
                .map_err(|cause| unwritten(&places.key, cause))?;
        } else if !places.store_next.exists() {
            return Err(VaultError::KeyPresent { path: places.key });
        }
        std::fs::rename(&places.store_next, &places.store)
            .and_then(|()| sync_folder(data))
            .map_err(|cause| unwritten(&places.store, cause))?;
        Self::open(data).await
    }

    /// Opens the vault of a data folder.
    pub async fn open(data: &Path) -> Result<Self, VaultError> {
        let places = Places::of(data);
        if !places.key.exists() && !places.store.exists() {
            return Err(VaultError::NoVault {
                path: data.to_owned(),
            });
        }
        let mut file = KeyFile::read(&places.key)?;
        let store = KeyStore::open(&places.store).await?;
        let root = store.root().await?;
        if root.kek_id != file.id && places.key_next.exists() {
            // `rekey` was stopped between its last two steps.
            let next = KeyFile::read(&places.key_next)?;
            if next.id == root.kek_id {
                put_next_key(&places)?;
                file = next;
            }
        }
        if root.kek_id != file.id {
            return Err(VaultError::WrongKey {
                path: places.key,
                is: file.id,
                wanted: root.kek_id,
            });
        }
        let kek = Cipher::new(&file.key);
        if kek
            .open("probe", file.id.as_bytes(), &root.probe)
            .as_deref()
            != Ok(PROBE)
        {
            return Err(VaultError::KeyUnfit { path: places.key });
        }
        Ok(Self(Arc::new(Inner {
            kek,
            platform: Indexer::new(&file.pepper.derive(b"", "platform index")),
            pepper: file.pepper,
            store,
            clients: Kept::new(CLIENTS_KEPT_MAX),
            subjects: Kept::new(SUBJECTS_KEPT_MAX),
        })))
    }

    /// Puts a new key file in place of the old one, wrapping the clients' keys anew. Nothing else changes: what is sealed
    /// stays sealed as it is. For a folder that no server uses; wherever it stops, the folder opens.
    pub async fn rekey(data: &Path) -> Result<Self, VaultError> {
        let vault = Self::open(data).await?;
        let places = Places::of(data);
        let next = KeyFile::read(&places.key)?.successor();
        next.write(&places.key_next)?;
        sync_folder(&places.folder).map_err(|cause| VaultError::KeyUnwritten {
            path: places.folder.clone(),
            cause,
        })?;
        let cipher = Cipher::new(&next.key);
        let wrap = |client: &str, sealed: &[u8]| {
            let secret = vault
                .0
                .kek
                .open_secret(WRAPS_CLIENT, client.as_bytes(), sealed);
            let secret = secret.map_err(|Unopened| VaultError::KeyDamaged {
                of: client.to_owned(),
            })?;
            Ok::<_, VaultError>(cipher.seal(WRAPS_CLIENT, client.as_bytes(), secret.bytes()))
        };
        vault.0.store.rewrap(&root_of(&next), wrap).await?;
        vault.0.store.close().await;
        put_next_key(&places)?;
        Self::open(data).await
    }

    /// Makes the keys of a new client; they are on disk when this returns.
    pub async fn add_client(&self, client: &ClientId) -> Result<ClientKeys, VaultError> {
        let secret = Secret::random();
        let aad = client.as_str().as_bytes();
        let sealed = self.0.kek.seal(WRAPS_CLIENT, aad, secret.bytes());
        let now = clock::unix_ms();
        if !self.0.store.add_client(client, &sealed, now).await? {
            return Err(VaultError::ClientPresent {
                client: client.clone(),
            });
        }
        self.client(client).await
    }

    /// The clients that have keys here, the oldest first.
    pub async fn clients(&self) -> Result<Vec<ClientId>, VaultError> {
        let ids = self.0.store.clients().await?;
        // What is no id was never given one's keys by this server.
        Ok(ids
            .iter()
            .filter_map(|id| ClientId::parse(id).ok())
            .collect())
    }

    /// The keys of a client.
    pub async fn client(&self, client: &ClientId) -> Result<ClientKeys, VaultError> {
        let secrets = loop {
            let since = match self.0.clients.find(client) {
                Ok(secrets) => break secrets,
                Err(since) => since,
            };
            let sealed = self.0.store.client(client).await?;
            let sealed = sealed.ok_or_else(|| VaultError::NoClient {
                client: client.clone(),
            })?;
            let aad = client.as_str().as_bytes();
            let secret = self.0.kek.open_secret(WRAPS_CLIENT, aad, &sealed);
            let secret = secret.map_err(|Unopened| VaultError::KeyDamaged {
                of: client.to_string(),
            })?;
            let secrets = Arc::new(ClientSecrets::new(&secret, &self.0.pepper));
            let kept = Arc::clone(&secrets);
            if self.0.clients.keep(&since, client.clone(), kept) {
                break secrets;
            }
        };
        Ok(ClientKeys::new(self.clone(), client.clone(), secrets))
    }

    /// Deletes a subject's key: what was sealed under it can never be read again, here or in any copy but one of
    /// `keys.db` itself. False if there was no such key. A call of the subject's that is going on loses what it has
    /// recorded too; end it first.
    pub async fn forget_subject(
        &self,
        client: &ClientId,
        subject: &SubjectId,
    ) -> Result<bool, VaultError> {
        let dropped = self.0.store.drop_subject(client, subject.as_str()).await;
        // Also when it failed: the row may be gone although its log is not.
        self.0
            .subjects
            .forget(|(of, id)| of == client && id == subject);
        Ok(dropped?)
    }

    /// Deletes a client's key and those of all its subjects likewise.
    pub async fn forget_client(&self, client: &ClientId) -> Result<bool, VaultError> {
        let dropped = self.0.store.drop_client(client).await;
        self.0.subjects.forget(|(of, _)| of == client);
        self.0.clients.forget(|of| of == client);
        Ok(dropped?)
    }

    /// A keyed hash that is the same for every client: for what belongs to none, as API keys and the operator's own
    /// suppressions. `kind` keeps values of different sorts apart.
    pub fn platform_index(&self, kind: &str, value: &str) -> [u8; 32] {
        self.0.platform.of(kind, value)
    }
}

const WRAPS_CLIENT: &str = "client key";

fn root_of(file: &KeyFile) -> Root {
    Root {
        kek_id: file.id.clone(),
        probe: Cipher::new(&file.key).seal("probe", file.id.as_bytes(), PROBE),
    }
}

fn put_next_key(places: &Places) -> Result<(), VaultError> {
    std::fs::rename(&places.key_next, &places.key)
        .and_then(|()| sync_folder(&places.folder))
        .map_err(|cause| VaultError::KeyUnwritten {
            path: places.key.clone(),
            cause,
        })
}

/// Removes what an interrupted `init` left of a store.
fn remove_store(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(name) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
