//! The only place that reads a clock. Everything else is told the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};

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

/// A moment of milliseconds since 1970 as RFC 3339 writes it, in UTC.
#[must_use]
pub fn rfc3339(unix_ms: i64) -> String {
    let moment = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The moment by the clock of timers, which tests can hold still.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the timers' clock"
)]
pub fn timer_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
