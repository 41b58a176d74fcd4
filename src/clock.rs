//! The only place that reads a clock. Everything else is told the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment that only goes forward: for deadlines, delays and what a step cost.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the steady clock"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// The time of day: milliseconds since 1970-01-01 UTC, 0 for a clock set before that.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the time of day"
)]
pub fn unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
