//! What the one thread that writes is told to do.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::Thread;

use trunkline_core::journal::{Began, Entry};

use super::live::Shared;
use super::place::Place;
use super::writer::Writer;
use crate::vault::SubjectKeys;

/// Something to be done by the writer.
pub(super) enum Order {
    Begin(Box<Begin>),
    Append { id: u64, entries: Vec<Entry> },
    Close { id: u64 },
    Task(Box<dyn FnOnce(&mut Writer) + Send>),
}

impl Order {
    /// Somebody is about to be told of it.
    pub(super) fn is_urgent(&self) -> bool {
        let Self::Append { entries, .. } = self else {
            return true;
        };
        entries
            .iter()
            .any(|entry| matches!(entry, Entry::Consent(_)))
    }
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    pub(super) due: SyncSender<Order>,
    pub(super) writer: Thread,
}

impl Orders {
    /// Has it done at the next beat.
    pub(super) fn hand_over(&self, order: Order) -> Result<(), TrySendError<Order>> {
        self.due.try_send(order)
    }

    /// Has it done at once, with all that was handed over before.
    pub(super) fn send(&self, order: Order) -> Result<(), TrySendError<Order>> {
        self.due.try_send(order)?;
        self.writer.unpark();
        Ok(())
    }

    /// The same, waiting while too much is due. False if the writer is gone.
    pub(super) fn send_waiting(&self, order: Order) -> bool {
        self.writer.unpark();
        let is_sent = self.due.send(order).is_ok();
        self.writer.unpark();
        is_sent
    }
}

/// A call begins.
pub(super) struct Begin {
    pub(super) id: u64,
    pub(super) place: Place,
    pub(super) subject: SubjectKeys,
    pub(super) began: Began,
    pub(super) shared: Arc<Shared>,
}
