//! What was said before need not be made again: the latest sentences in bounded memory, and the pinned ones for good.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A voice's settings and the text it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Speed in thousandths.
    pub(super) speed: u32,
    pub(super) text: String,
}

/// Least recently used goes first. Pinned entries stay and do not count.
pub(super) struct SpokenCache {
    entries: HashMap<Key, Entry>,
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
    bytes_max: usize,
    pinned: usize,
}

struct Entry {
    audio: Arc<[u8]>,
    used: u64,
    pinned: bool,
}

/// Pinned entries beyond this are kept as ordinary ones.
pub(super) const PINNED_MAX: usize = 2_000;

impl SpokenCache {
    pub(super) fn new(bytes_max: usize) -> Self {
        SpokenCache {
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            bytes_max,
            pinned: 0,
        }
    }

    pub(super) fn find(&mut self, key: &Key) -> Option<Arc<[u8]>> {
        let entry = self.entries.get_mut(key)?;
        if !entry.pinned {
            self.uses += 1;
            if let Some(key) = self.by_use.remove(&entry.used) {
                self.by_use.insert(self.uses, key);
            }
            entry.used = self.uses;
        }
        Some(Arc::clone(&entry.audio))
    }

    pub(super) fn keep(&mut self, key: Key, audio: Arc<[u8]>) {
        let size = size(&key, &audio);
        if self.entries.contains_key(&key) || size > self.bytes_max {
            return;
        }
        self.uses += 1;
        self.bytes += size;
        self.by_use.insert(self.uses, key.clone());
        let entry = Entry {
            audio,
            used: self.uses,
            pinned: false,
        };
        self.entries.insert(key, entry);
        self.shrink();
    }

    /// Keeps an entry for good; false when it is not there or too many are pinned.
    pub(super) fn pin(&mut self, key: &Key) -> bool {
        let Some(entry) = self.entries.get_mut(key) else {
            return false;
        };
        if entry.pinned {
            return true;
        }
        if self.pinned >= PINNED_MAX {
            return false;
        }
        entry.pinned = true;
        self.pinned += 1;
        self.by_use.remove(&entry.used);
        self.bytes -= size(key, &entry.audio);
        true
    }

    /// Bytes of the entries that may go.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn shrink(&mut self) {
        while self.bytes > self.bytes_max {
            let Some((_, key)) = self.by_use.pop_first() else {
                return;
            };
            if let Some(entry) = self.entries.remove(&key) {
                self.bytes -= size(&key, &entry.audio);
            }
        }
    }
}

fn size(key: &Key, audio: &[u8]) -> usize {
    // The text is held twice.
    audio.len() + key.text.len() * 2 + std::mem::size_of::<Entry>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key {
            speed: 1_000,
            text: text.into(),
        }
    }

    #[test]
    fn the_least_recently_used_goes_and_the_pinned_stays() {
        let mut cache = SpokenCache::new(3_300);
        let sound: Arc<[u8]> = vec![0; 1_000].into();
        for text in ["a", "b", "c"] {
            cache.keep(key(text), Arc::clone(&sound));
        }
        assert!(cache.find(&key("a")).is_some());
        assert!(cache.pin(&key("b")));
        cache.keep(key("d"), Arc::clone(&sound));
        cache.keep(key("e"), Arc::clone(&sound));
        for (text, there) in [
            ("a", true),
            ("b", true),
            ("c", false),
            ("d", true),
            ("e", true),
        ] {
            assert_eq!(cache.find(&key(text)).is_some(), there, "{text}");
        }
        assert!(cache.bytes() <= 3_300);
        assert_eq!(cache.len(), 4);
    }

    #[test]
    fn settings_are_part_of_the_key_and_what_is_too_large_is_not_kept() {
        let mut cache = SpokenCache::new(500);
        cache.keep(key("a"), vec![1].into());
        let faster = Key {
            speed: 1_100,
            ..key("a")
        };
        assert!(cache.find(&faster).is_none());
        cache.keep(key("b"), vec![0; 600].into());
        assert!(cache.find(&key("b")).is_none());
        assert!(cache.find(&key("a")).is_some());
        assert!(!cache.pin(&key("b")));
    }
}
