//! How eagerly calls read their lines: what admission has found, as every call sees it at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How long lines rest. Shared by all calls; until something else is set, they do not.
#[derive(Clone, Debug, Default)]
pub struct LineRests(Arc<AtomicU32>);

impl LineRests {
    /// How long a line may rest after it was read, ms; 0 if it is to be read as soon as something comes.
    pub fn ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed).into()
    }

    /// From now on lines rest so long.
    pub fn set(&self, rest_ms: u32) {
        self.0.store(rest_ms, Ordering::Relaxed);
    }
}
