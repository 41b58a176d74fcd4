//! The documents that were searched lately, ready to be searched again: a bounded amount of memory over all clients, what
//! was not asked for the longest given up first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::knowledge::book::Book;

use crate::ids::ClientId;

/// Memory that all books take together, in bytes.
const BYTES_MAX: usize = 384 * 1024 * 1024;

/// A document as calls search it.
pub(super) struct Volume {
    /// What its owner calls it.
    pub(super) title: Arc<str>,
    pub(super) book: Book,
}

type Key = (ClientId, Arc<str>);

#[derive(Default)]
struct State {
    volumes: HashMap<Key, (u64, Arc<Volume>)>,
    bytes: usize,
    uses: u64,
    forgotten: u64,
}

#[derive(Default)]
pub(super) struct Shelf(Mutex<State>);

/// How much had been forgotten when a document began to be read.
pub(super) struct Since(u64);

impl Shelf {
    /// The document, or the permission to put it there once it is read.
    pub(super) fn find(&self, client: &ClientId, id: &Arc<str>) -> Result<Arc<Volume>, Since> {
        let mut state = self.lock();
        state.uses += 1;
        let uses = state.uses;
        match state.volumes.get_mut(&(client.clone(), Arc::clone(id))) {
            Some((used, volume)) => {
                *used = uses;
                Ok(Arc::clone(volume))
            }
            None => Err(Since(state.forgotten)),
        }
    }

    /// Puts a document there, unless any was forgotten since: it may be this one, read before it changed.
    pub(super) fn put(
        &self,
        since: &Since,
        client: &ClientId,
        id: &Arc<str>,
        volume: &Arc<Volume>,
    ) {
        let mut state = self.lock();
        if state.forgotten != since.0 {
            return;
        }
        state.uses += 1;
        let key = (client.clone(), Arc::clone(id));
        let kept = (state.uses, Arc::clone(volume));
        state.bytes += volume.book.bytes();
        if let Some((_, before)) = state.volumes.insert(key, kept) {
            state.bytes -= before.book.bytes();
        }
        while state.bytes > BYTES_MAX {
            let oldest = state.volumes.iter().min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            state.remove(&oldest);
        }
    }

    /// The document has changed, or is gone.
    pub(super) fn forget(&self, client: &ClientId, id: &str) {
        let mut state = self.lock();
        state.forgotten += 1;
        state.remove(&(client.clone(), id.into()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, key: &Key) {
        if let Some((_, volume)) = self.volumes.remove(key) {
            self.bytes -= volume.book.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::knowledge::of_text;

    fn volume(words: &str) -> Arc<Volume> {
        Arc::new(Volume {
            title: "a title".into(),
            book: Book::new(of_text(words).unwrap(), &[]),
        })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let (shelf, client) = (Shelf::default(), ClientId::new());
        let id: Arc<str> = "doc_1".into();
        let since = shelf.find(&client, &id).err().unwrap();
        shelf.forget(&client, &id);
        shelf.put(&since, &client, &id, &volume("old"));
        let since = shelf.find(&client, &id).err().unwrap();
        shelf.put(&since, &client, &id, &volume("new"));
        assert!(shelf.find(&client, &id).is_ok());
        // Nobody else has it.
        assert!(shelf.find(&ClientId::new(), &id).is_err());
        shelf.forget(&client, &id);
        assert!(shelf.find(&client, &id).is_err());
        assert_eq!(shelf.lock().bytes, 0);
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let (shelf, client) = (Shelf::default(), ClientId::new());
        let large = volume(&"many different words here. ".repeat(20_000));
        let count = BYTES_MAX / large.book.bytes() + 3;
        let first: Arc<str> = "doc_0".into();
        for n in 0..count {
            let id: Arc<str> = format!("doc_{n}").into();
            let since = shelf.find(&client, &id).err().unwrap();
            shelf.put(&since, &client, &id, &large);
            assert!(shelf.find(&client, &first).is_ok(), "{n} of {count}");
        }
        assert!(shelf.lock().bytes <= BYTES_MAX);
        assert!(shelf.find(&client, &"doc_1".into()).is_err());
    }
}
