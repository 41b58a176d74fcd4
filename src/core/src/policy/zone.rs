//! A time zone, and what its clocks say.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Offset as _, TimeZone as _};

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// An IANA time zone, as `America/New_York`. Its offset is asked for at every instant, never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(chrono_tz::Tz);

/// There is no such time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time zone is an IANA name, as America/New_York or Europe/Berlin")]
pub struct ZoneError;

impl Zone {
    /// Reads a zone's IANA name, as it is written there.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        // Names without a place, as `EST`, stand for offsets and not for the law of a place.
        let of_a_place = name.contains('/') && !name.starts_with("Etc/");
        let found = of_a_place.then(|| chrono_tz::Tz::from_str(name).ok());
        found.flatten().map(Self).ok_or(ZoneError)
    }

    /// Its IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Milliseconds by which its clocks are ahead of UTC at an instant.
    pub(super) fn ahead_ms(self, unix_ms: i64) -> i64 {
        let utc = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
        let offset = self.0.offset_from_utc_datetime(&utc.naive_utc());
        i64::from(offset.fix().local_minus_utc()) * 1_000
    }

    /// What its clocks show at an instant.
    pub(super) fn local(self, unix_ms: i64) -> Local {
        let ahead_ms = self.ahead_ms(unix_ms);
        let local_ms = unix_ms.saturating_add(ahead_ms);
        Local {
            day: local_ms.div_euclid(DAY_MS),
            ms: local_ms.rem_euclid(DAY_MS),
            ahead_ms,
        }
    }
}

/// A date and a time on a wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Local {
    /// Days since 1970-01-01.
    pub(super) day: i64,
    /// Milliseconds since midnight by the clock, whatever was skipped or repeated.
    pub(super) ms: i64,
    /// How far the clock is ahead of UTC.
    pub(super) ahead_ms: i64,
}

/// The day of the week of a day since 1970-01-01; Monday is 0.
pub(super) fn weekday(day: i64) -> usize {
    const THURSDAY: i64 = 3;
    usize::try_from((day + THURSDAY).rem_euclid(7)).unwrap_or_default()
}

/// As `2026-11-22T20:59:00-05:00`.
impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall_ms = self.day * DAY_MS + self.ms;
        let wall = DateTime::from_timestamp_millis(wall_ms).unwrap_or_default();
        let ahead_minutes = self.ahead_ms / 60_000;
        let sign = if ahead_minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (ahead_minutes.abs() / 60, ahead_minutes.abs() % 60);
        write!(
            f,
            "{}{sign}{hours:02}:{minutes:02}",
            wall.format("%Y-%m-%dT%H:%M:%S")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_place_of_the_iana_database() {
        for (name, good) in [
            ("America/New_York", true),
            ("Asia/Kolkata", true),
            ("America/Argentina/Ushuaia", true),
            ("EST", false),
            ("UTC", false),
            ("Etc/GMT+5", false),
            ("america/new_york", false),
            ("America/Nowhere", false),
            ("", false),
        ] {
            assert_eq!(Zone::parse(name).is_ok(), good, "{name}");
        }
    }

    #[test]
    fn a_clock_shows_what_the_clocks_of_its_place_show() {
        let cases = [
            (0, "Europe/London", "1970-01-01T01:00:00+01:00", 3),
            // The spring of 2026: 06:59:59 UTC is before the gap, 07:00 behind it.
            (
                1_772_953_199_000,
                "America/New_York",
                "2026-03-08T01:59:59-05:00",
                6,
            ),
            (
                1_772_953_200_000,
                "America/New_York",
                "2026-03-08T03:00:00-04:00",
                6,
            ),
            (
                1_772_953_200_000,
                "Asia/Kolkata",
                "2026-03-08T12:30:00+05:30",
                6,
            ),
            (
                1_772_953_200_000,
                "Australia/Lord_Howe",
                "2026-03-08T18:00:00+11:00",
                6,
            ),
        ];
        for (unix_ms, zone, shown, weekday) in cases {
            let local = Zone::parse(zone).unwrap().local(unix_ms);
            assert_eq!(local.to_string(), shown, "{zone}");
            assert_eq!(super::weekday(local.day), weekday, "{zone}");
        }
    }
}
