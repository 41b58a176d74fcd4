//! How long the work of calls waits for its turn.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest since it was asked for last, microseconds.
#[derive(Default)]
pub(super) struct Waits(AtomicU64);

impl Waits {
    /// A piece of work has waited so long.
    pub(super) fn note(&self, waited: Duration) {
        let waited = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(waited, Ordering::Relaxed);
    }

    /// The longest since this was asked last, ms.
    pub(super) fn take_ms(&self) -> f64 {
        self.0.swap(0, Ordering::Relaxed) as f64 / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_told_once() {
        let waits = Waits::default();
        for ms in [3, 12, 7] {
            waits.note(Duration::from_millis(ms));
        }
        assert_eq!((waits.take_ms(), waits.take_ms()), (12.0, 0.0));
    }
}
