//! The key of one call.

use std::fmt;
use std::sync::Arc;

use trunkline_core::journal::{Open, Seal, TAG_BYTES, Tampered};

use super::sealing::{Cipher, Secret, Unopened};

const ROW: &str = "row";

/// Seals one call's journal and rows, each under a key of its own derived from this one; clones are cheap.
#[derive(Clone)]
pub struct CallKey(Arc<CallSecrets>);

struct CallSecrets {
    rows: Cipher,
    journal: Cipher,
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallKey([redacted])")
    }
}

impl CallKey {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(Arc::new(CallSecrets {
            rows: Cipher::new(&secret.derive(b"", "call rows")),
            journal: Cipher::new(&secret.derive(b"", "call journal")),
        }))
    }

    /// Seals a row's text; `aad` says which row it is. 29 bytes longer than `plain`.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        self.0.rows.seal(ROW, aad, plain)
    }

    /// Opens what [`CallKey::seal`] sealed for the same row.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        self.0.rows.open(ROW, aad, sealed)
    }
}

impl Seal for CallKey {
    fn seal(&mut self, seq: u64, aad: &[u8], content: &mut [u8]) -> [u8; TAG_BYTES] {
        self.0.journal.seal_with(nonce(seq), aad, content)
    }
}

impl Open for CallKey {
    fn open(&self, seq: u64, aad: &[u8], sealed: &mut Vec<u8>) -> Result<(), Tampered> {
        let opened = self.0.journal.open_with(nonce(seq), aad, sealed);
        opened.map_err(|Unopened| Tampered)
    }
}

/// A journal never has a sequence number twice, and a key never a second journal.
fn nonce(seq: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&seq.to_le_bytes());
    nonce
}
