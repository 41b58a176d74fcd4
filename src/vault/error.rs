//! What can be wrong with a vault.

use std::path::PathBuf;

use crate::ids::ClientId;
use crate::store::keys::KeyStoreError;

/// The vault cannot be made or opened, or has no such key. Says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Neither key file nor key store.
    #[error("{}: this data folder has no vault yet; run `trunkline init`, or set `data` to the right folder", path.display())]
    NoVault {
        /// The data folder.
        path: PathBuf,
    },
    /// The key store is there, its key file is not.
    #[error("{}: the key file is missing; restore it from your safe: without it nothing stored can be read", path.display())]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A key file is there already.
    #[error("{}: a key file is there already; it is not replaced, since without it nothing stored can be read. If keys.db is lost, restore it from its newest backup", path.display())]
    KeyPresent {
        /// Where.
        path: PathBuf,
    },
    /// Others than its owner may read or change the key file.
    #[error("{}: others than its owner may use this key file (mode {mode:04o}); run `chmod 600` on it", path.display())]
    KeyExposed {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file cannot be read.
    #[error("{}: the key file cannot be read: {cause}", path.display())]
    KeyUnreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is no key file, or no longer the one that was written.
    #[error("{}: this is not a whole key file: {problem}; restore it from your safe: without it nothing stored can be read", path.display())]
    KeyCorrupt {
        /// Where.
        path: PathBuf,
        /// What is wrong, without a character of it.
        problem: &'static str,
    },
    /// The key file is a right one, of something else.
    #[error("{}: this key file has the key {is}, and what is stored here was sealed with {wanted}; restore that one from your safe: without it nothing stored can be read", path.display())]
    WrongKey {
        /// Where.
        path: PathBuf,
        /// The id in the file.
        is: String,
        /// The id in the store.
        wanted: String,
    },
    /// The key has the right name, and opens nothing.
    #[error("{}: the key in this file does not open what is stored here; restore the right one from your safe: without it nothing stored can be read", path.display())]
    KeyUnfit {
        /// Where.
        path: PathBuf,
    },
    /// A key file, or the folder around it, cannot be written.
    #[error("{}: cannot be written: {cause}", path.display())]
    KeyUnwritten {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Something about the key store.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// There are no keys of this client: it never was, or was deleted.
    #[error("{client}: there are no keys of this client")]
    NoClient {
        /// The client.
        client: ClientId,
    },
    /// The client has keys already.
    #[error("{client}: this client has keys already")]
    ClientPresent {
        /// The client.
        client: ClientId,
    },
    /// The subject was forgotten, or never was.
    #[error("the key of this person was deleted, and with it everything that was stored of them")]
    Forgotten,
    /// A wrapped key does not open.
    #[error("{of}: its key in keys.db is damaged; restore keys.db from its newest backup")]
    KeyDamaged {
        /// Id of the client or subject.
        of: String,
    },
}
