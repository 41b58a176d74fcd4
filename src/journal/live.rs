//! The journal of a call that is going on, as its session has it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex, OnceLock};

use trunkline_core::journal::Entry;

use super::failure::JournalFailure;
use super::lock;
use super::orders::{Order, Orders};

/// Steps of consent that are remembered after a failure; a call has a handful.
const STEPS_MAX: usize = 64;

/// What session and writer both see of a call.
#[derive(Debug, Default)]
pub(super) struct Shared {
    failed: OnceLock<JournalFailure>,
    /// The session is gone, and could not say so.
    closed: AtomicBool,
    /// Steps of consent and the end, if they came after a failure.
    rest: Mutex<Vec<Entry>>,
}

impl Shared {
    /// The first failure counts. True if this is it.
    pub(super) fn fail(&self, failure: JournalFailure) -> bool {
        self.failed.set(failure).is_ok()
    }

    pub(super) fn failed(&self) -> Option<JournalFailure> {
        self.failed.get().copied()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Remembers of entries that will not be written now what must not be lost: what was agreed to, and the end.
    pub(super) fn keep_rest(&self, entries: &[Entry]) {
        let mut rest = lock(&self.rest);
        for entry in entries {
            let is_kept = match entry {
                Entry::Consent(_) => rest.len() < STEPS_MAX,
                Entry::Ended(_) => true,
                Entry::Began(_)
                | Entry::Audio(_)
                | Entry::Turn(_)
                | Entry::NotKept { .. }
                | Entry::Event(_)
                | Entry::Second { .. }
                | Entry::Erased { .. } => false,
            };
            if is_kept {
                rest.push(entry.clone());
            }
        }
    }

    pub(super) fn take_rest(&self) -> Vec<Entry> {
        std::mem::take(&mut *lock(&self.rest))
    }
}

/// Where a session puts its entries. Dropping it closes it.
#[derive(Debug)]
pub struct CallJournal {
    id: u64,
    orders: Orders,
    shared: Arc<Shared>,
}

impl CallJournal {
    pub(super) fn new(id: u64, orders: Orders, shared: Arc<Shared>) -> Self {
        Self { id, orders, shared }
    }

    /// Hands entries over to be written behind those before; hand over about once a second. Never waits. After a failure
    /// nothing more is taken, and every call says why; but steps of consent and the end of the call are noted still when
    /// it is closed, if the disk allows, and what a withdrawal deletes is deleted.
    pub fn append(&self, entries: Vec<Entry>) -> Result<(), JournalFailure> {
        if let Some(failure) = self.failed() {
            self.shared.keep_rest(&entries);
            return Err(failure);
        }
        if entries.is_empty() {
            return Ok(());
        }
        let order = Order::Append {
            id: self.id,
            entries,
        };
        let sent = match order.is_urgent() {
            true => self.orders.send(order),
            false => self.orders.hand_over(order),
        };
        let (failure, order) = match sent {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(order)) => (JournalFailure::Behind, order),
            Err(TrySendError::Disconnected(order)) => (JournalFailure::Stopped, order),
        };
        if let Order::Append { entries, .. } = order {
            self.shared.keep_rest(&entries);
        }
        self.shared.fail(failure);
        Err(failure)
    }

    /// Why nothing more of this call is recorded; `None` while it is.
    #[must_use]
    pub fn failed(&self) -> Option<JournalFailure> {
        self.shared.failed()
    }

    /// Ends the journal behind what was handed over. Without an [`Entry::Ended`] among it, one is added that says the
    /// session was lost.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for CallJournal {
    fn drop(&mut self) {
        if self.orders.send(Order::Close { id: self.id }).is_err() {
            // The writer looks for this when it has caught up.
            self.shared.closed.store(true, Ordering::Release);
        }
    }
}
