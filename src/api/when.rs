//! Moments as the API writes and reads them: RFC 3339 in UTC.

use chrono::DateTime;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::clock;

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T16:30:00.000Z")]
pub(super) struct When(String);

impl When {
    /// Of milliseconds since 1970.
    pub(super) fn of(unix_ms: i64) -> Self {
        Self(clock::rfc3339(unix_ms))
    }
}

/// Reads a moment with any offset: milliseconds since 1970.
pub(super) fn parse(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|moment| moment.timestamp_millis())
}

/// Reads a moment in a body.
pub(super) fn field(pointer: &str, text: &str) -> Result<i64, Problem> {
    parse(text).ok_or_else(|| {
        let detail = "expected a moment in RFC 3339, as 2026-11-22T16:30:00Z";
        Problem::invalid(pointer, "invalid_time", detail)
    })
}

/// A length of time as the API writes it.
pub(super) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_utc() {
        assert_eq!(When::of(1_795_365_000_123).0, "2026-11-22T16:30:00.123Z");
        assert_eq!(
            parse("2026-11-22T17:30:00.123+01:00"),
            Some(1_795_365_000_123)
        );
        for wrong in ["", "2026-11-22", "now", "2026-13-01T00:00:00Z"] {
            assert_eq!(parse(wrong), None);
        }
        assert_eq!(When::of(i64::MAX).0, "1970-01-01T00:00:00.000Z");
    }
}
