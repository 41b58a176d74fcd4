//! The one place that reads the clock. Everything that measures counts microseconds since the run began.

#![expect(clippy::disallowed_methods, reason = "the clock itself")]

use std::time::Duration;
use tokio::time::Instant;

/// A moment of the run, microseconds since it began.
pub(crate) type Micros = u64;

/// Counts from the moment it was made.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Micros {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Waits until `at`; at once if it is past.
    pub(crate) async fn until(&self, at: Micros) {
        tokio::time::sleep_until(self.epoch + Duration::from_micros(at)).await;
    }
}

/// Milliseconds in microseconds.
pub(crate) const fn ms(ms: u64) -> Micros {
    ms * 1_000
}

/// Seconds in microseconds.
pub(crate) fn seconds(s: f64) -> Micros {
    (s.max(0.0) * 1e6) as Micros
}
