//! A time zone, and what its clocks say.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeZone as _};

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
    pub(crate) fn ahead_ms(self, unix_ms: i64) -> i64 {
        let utc = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
        let offset = self.0.offset_from_utc_datetime(&utc.naive_utc());
        i64::from(offset.fix().local_minus_utc()) * 1_000
    }

    /// The first instant at which its clocks show this time or a later one, milliseconds since 1970-01-01 UTC. So a time that is
    /// skipped in spring is the moment at which the clocks leap over it, and of one that comes twice in autumn it is the first.
    pub fn first_at(self, wall: WallTime) -> i64 {
        let later = |at: i64| at + self.ahead_ms(at) >= wall.0;
        // No clock is a day ahead of UTC or behind it; a clock that leaps over a day is covered too.
        let (mut before, mut then) = (wall.0 - 3 * DAY_MS, wall.0 + 3 * DAY_MS);
        // What comes twice comes again within hours: no later one than the exact first is looked at.
        let offsets =
            [before, wall.0 - DAY_MS, wall.0, wall.0 + DAY_MS].map(|at| self.ahead_ms(at));
        for ahead_ms in offsets {
            let at = wall.0 - ahead_ms;
            if self.ahead_ms(at) == ahead_ms {
                then = then.min(at);
            }
        }
        if then < wall.0 + 3 * DAY_MS {
            return then;
        }
        while then - before > 1 {
            let middle = before + (then - before) / 2;
            if later(middle) {
                then = middle;
            } else {
                before = middle;
            }
        }
        then
    }

    /// What its clocks show at an instant, to be read out: `Tuesday 24 November 2026, 15:30`.
    pub fn words(self, unix_ms: i64) -> String {
        let wall_ms = unix_ms.saturating_add(self.ahead_ms(unix_ms));
        let wall = DateTime::from_timestamp_millis(wall_ms).unwrap_or_default();
        wall.format("%A %-d %B %Y, %H:%M").to_string()
    }

    /// The same as [`WallTime::parse`] reads it: `2026-11-24T15:30`.
    pub fn wall(self, unix_ms: i64) -> String {
        let wall_ms = unix_ms.saturating_add(self.ahead_ms(unix_ms));
        let wall = DateTime::from_timestamp_millis(wall_ms).unwrap_or_default();
        wall.format("%Y-%m-%dT%H:%M").to_string()
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

/// What a clock on the wall shows, wherever the wall is: milliseconds since it showed midnight of 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(i64);

/// The text is no time that a clock on the wall shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a local time is written as 2026-11-24T15:30, without a zone or an offset")]
pub struct WallTimeError;

impl WallTime {
    /// Longest text that is looked at.
    const CHARS_MAX: usize = 32;

    /// Reads a date and a time as ISO 8601 writes them, `2026-11-24T15:30` or `2026-11-24T15:30:00`, of the years 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, WallTimeError> {
        let is_short = text.len() <= Self::CHARS_MAX;
        let read = |form| NaiveDateTime::parse_from_str(text, form).ok();
        let wall = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
        let wall = wall.into_iter().filter(|_| is_short).find_map(read);
        let wall_ms = wall.map(|wall| wall.and_utc().timestamp_millis());
        let is_usual = |ms: &i64| (DAY_MS..super::UNIX_MS_MAX - DAY_MS).contains(ms);
        wall_ms.filter(is_usual).map(Self).ok_or(WallTimeError)
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

    #[test]
    fn a_wall_time_is_the_first_instant_at_which_the_clocks_show_it_or_later() {
        let cases = [
            // An ordinary day.
            (
                "America/New_York",
                "2026-11-24T15:30",
                "2026-11-24T15:30:00-05:00",
            ),
            (
                "Asia/Kolkata",
                "2026-11-24T15:30:20",
                "2026-11-24T15:30:20+05:30",
            ),
            // Skipped in spring: the moment of the leap.
            (
                "America/New_York",
                "2026-03-08T01:59",
                "2026-03-08T01:59:00-05:00",
            ),
            (
                "America/New_York",
                "2026-03-08T02:00",
                "2026-03-08T03:00:00-04:00",
            ),
            (
                "America/New_York",
                "2026-03-08T02:59",
                "2026-03-08T03:00:00-04:00",
            ),
            (
                "America/New_York",
                "2026-03-08T03:00",
                "2026-03-08T03:00:00-04:00",
            ),
            (
                "Europe/Berlin",
                "2027-03-28T02:30",
                "2027-03-28T03:00:00+02:00",
            ),
            (
                "Australia/Lord_Howe",
                "2026-10-04T02:10",
                "2026-10-04T02:30:00+11:00",
            ),
            // Twice in autumn: the first.
            (
                "America/New_York",
                "2026-11-01T01:30",
                "2026-11-01T01:30:00-04:00",
            ),
            (
                "America/New_York",
                "2026-11-01T02:00",
                "2026-11-01T02:00:00-05:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25T02:30",
                "2026-10-25T02:30:00+02:00",
            ),
            (
                "Australia/Lord_Howe",
                "2026-04-05T01:45",
                "2026-04-05T01:45:00+11:00",
            ),
            // A day that never was.
            (
                "Pacific/Apia",
                "2011-12-30T12:00",
                "2011-12-31T00:00:00+14:00",
            ),
        ];
        for (name, wall, expected) in cases {
            let zone = Zone::parse(name).unwrap();
            let at = zone.first_at(WallTime::parse(wall).unwrap());
            assert_eq!(zone.local(at).to_string(), expected, "{name} {wall}");
        }
    }

    #[test]
    fn every_quarter_of_an_hour_of_two_years_is_found_again_or_leapt_over() {
        for name in [
            "America/New_York",
            "Europe/London",
            "Africa/Casablanca",
            "Australia/Lord_Howe",
        ] {
            let zone = Zone::parse(name).unwrap();
            let begin = WallTime::parse("2026-01-01T00:00").unwrap().0;
            let mut last = i64::MIN;
            for quarter in 0..(2 * 365 * 96) {
                let wall = WallTime(begin + quarter * 900_000);
                let at = zone.first_at(wall);
                assert!(at + zone.ahead_ms(at) >= wall.0, "{name} {wall:?}");
                let before = at - 1;
                assert!(before + zone.ahead_ms(before) < wall.0, "{name} {wall:?}");
                assert!(at >= last, "{name} {wall:?}");
                last = at;
            }
        }
    }

    #[test]
    fn only_local_times_are_read() {
        for wrong in [
            "",
            "tomorrow",
            "15:30",
            "2026-11-24",
            "2026-11-24T15:30Z",
            "2026-11-24T15:30-05:00",
            "2026-11-24 15:30",
            "2026-02-30T10:00",
            "2026-11-24T25:00",
            "2026-11-24T15:60",
            "1969-01-01T00:00",
            "99999-01-01T00:00",
            "2026-11-24T15:30:00.000000000000000000000000000",
        ] {
            assert_eq!(WallTime::parse(wrong), Err(WallTimeError), "{wrong}");
        }
        let zone = Zone::parse("America/New_York").unwrap();
        let at = zone.first_at(WallTime::parse("2026-11-04T09:05:59").unwrap());
        assert_eq!(zone.words(at), "Wednesday 4 November 2026, 09:05");
        assert_eq!(zone.wall(at), "2026-11-04T09:05");
    }
}
