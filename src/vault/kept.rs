//! Keys that were unwrapped lately.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded number of values, the least lately used given up first; safe against one being forgotten while it is
/// being looked up.
pub(super) struct Kept<K, V> {
    state: Mutex<State<K, V>>,
    count_max: usize,
}

struct State<K, V> {
    values: HashMap<K, (u64, V)>,
    uses: u64,
    forgotten: u64,
}

/// How much had been forgotten when a look-up began.
pub(super) struct Since(u64);

impl<K: Hash + Eq + Clone, V: Clone> Kept<K, V> {
    pub(super) fn new(count_max: usize) -> Self {
        let state = State {
            values: HashMap::new(),
            uses: 0,
            forgotten: 0,
        };
        Self {
            state: Mutex::new(state),
            count_max,
        }
    }

    /// The value, or the permission to keep what will be looked up now.
    pub(super) fn find(&self, key: &K) -> Result<V, Since> {
        let mut state = self.lock();
        state.uses += 1;
        let uses = state.uses;
        match state.values.get_mut(key) {
            Some((used, value)) => {
                *used = uses;
                Ok(value.clone())
            }
            None => Err(Since(state.forgotten)),
        }
    }

    /// Keeps what was looked up. False, if anything was forgotten meanwhile: then it must be looked up again.
    pub(super) fn keep(&self, since: &Since, key: K, value: V) -> bool {
        let mut state = self.lock();
        if state.forgotten != since.0 {
            return false;
        }
        if state.values.len() >= self.count_max && !state.values.contains_key(&key) {
            let oldest = state.values.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                state.values.remove(&oldest);
            }
        }
        state.uses += 1;
        let uses = state.uses;
        state.values.insert(key, (uses, value));
        true
    }

    /// Gives up every value whose key is such, and whatever is being looked up.
    pub(super) fn forget(&self, is_such: impl Fn(&K) -> bool) {
        let mut state = self.lock();
        state.forgotten += 1;
        state.values.retain(|key, _| !is_such(key));
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_goes_first() {
        let kept = Kept::new(2);
        for key in [1, 2] {
            let since = kept.find(&key).err().unwrap();
            assert!(kept.keep(&since, key, key * 10));
        }
        assert_eq!(kept.find(&1).ok(), Some(10));
        let since = kept.find(&3).err().unwrap();
        assert!(kept.keep(&since, 3, 30));
        assert_eq!(
            (kept.find(&1).ok(), kept.find(&2).ok(), kept.find(&3).ok()),
            (Some(10), None, Some(30))
        );
    }

    #[test]
    fn what_is_forgotten_during_a_look_up_is_not_kept() {
        let kept = Kept::new(2);
        let since = kept.find(&1).err().unwrap();
        kept.forget(|key| *key == 1);
        assert!(!kept.keep(&since, 1, 10));
        let since = kept.find(&1).err().unwrap();
        assert!(kept.keep(&since, 1, 11));
        kept.forget(|key| *key == 1);
        assert!(kept.find(&1).is_err());
    }
}
