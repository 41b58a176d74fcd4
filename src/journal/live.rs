//! The journal of a call that is going on, as its session has it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, OnceLock};

use trunkline_core::journal::{Ended, Entry};

use super::failure::JournalFailure;
use super::lock;
use super::writer::Order;

/// What session and writer both see of a call.
#[derive(Debug, Default)]
pub(super) struct Shared {
    failed: OnceLock<JournalFailure>,
    /// The session is gone, and could not say so.
    closed: AtomicBool,
    /// How the call ended, if that could not be handed over any more.
    ended: Mutex<Option<Ended>>,
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

    /// Remembers the end among entries that will not be written.
    pub(super) fn keep_end(&self, entries: &[Entry]) {
        for entry in entries {
            if let Entry::Ended(ended) = entry {
                *lock(&self.ended) = Some(ended.clone());
            }
        }
    }

    pub(super) fn take_end(&self) -> Option<Ended> {
        lock(&self.ended).take()
    }
}

/// Where a session puts its entries. Dropping it closes it.
#[derive(Debug)]
pub struct CallJournal {
    id: u64,
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
}

impl CallJournal {
    pub(super) fn new(id: u64, orders: SyncSender<Order>, shared: Arc<Shared>) -> Self {
        Self { id, orders, shared }
    }

    /// Hands entries over to be written behind those before; hand over about once a second. Never waits. After a failure
    /// nothing more is taken, and every call says why; the end of the call is noted still, if the disk allows.
    pub fn append(&self, entries: Vec<Entry>) -> Result<(), JournalFailure> {
        if let Some(failure) = self.failed() {
            self.shared.keep_end(&entries);
            return Err(failure);
        }
        if entries.is_empty() {
            return Ok(());
        }
        let order = Order::Append {
            id: self.id,
            entries,
        };
        let (failure, order) = match self.orders.try_send(order) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(order)) => (JournalFailure::Behind, order),
            Err(TrySendError::Disconnected(order)) => (JournalFailure::Stopped, order),
        };
        if let Order::Append { entries, .. } = order {
            self.shared.keep_end(&entries);
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
        if self.orders.try_send(Order::Close { id: self.id }).is_err() {
            // The writer looks for this when it has caught up.
            self.shared.closed.store(true, Ordering::Release);
        }
    }
}
