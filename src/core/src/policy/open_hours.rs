//! The hours in which a business answers its telephone, by the clocks of its place.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::hours::holds;
use super::week::{DAY_MINUTES, Span, Week};
use super::zone::{Zone, weekday};

/// Most windows of a week.
pub const WINDOWS_MAX: usize = 50;
/// Most days on which a business is closed.
const CLOSED_MAX: usize = 400;
/// The days of the week, as they are written.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Hours of some days of the week, as they are written.
#[derive(Clone, Copy, Debug)]
pub struct OpenWindow<'a> {
    /// `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`.
    pub days: &'a [String],
    /// As `09:00`.
    pub start: &'a str,
    /// The first minute that is no more in it, as `17:30` or `24:00`. One that is not behind the start is of the next day.
    pub end: &'a str,
}

/// What is wrong with the hours of a business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenHoursError {
    /// More windows than a week may have.
    #[error("a week has at most {WINDOWS_MAX} windows")]
    TooMany,
    /// A day that is none, or no day at all.
    #[error("the days of a window are one or more of mon, tue, wed, thu, fri, sat, sun")]
    Day {
        /// Which window, counted from 0.
        window: usize,
    },
    /// A time that is none.
    #[error("the times of a window are written as 09:00, from 00:00 to 24:00, and differ")]
    Time {
        /// Which window, counted from 0.
        window: usize,
    },
    /// A date that is none, or too many.
    #[error("a date is written as 2026-12-25, and there are at most {CLOSED_MAX}")]
    Date {
        /// Which, counted from 0.
        at: usize,
    },
}

/// When a business is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHours {
    zone: Zone,
    week: Week,
    /// Days since 1970-01-01.
    closed: BTreeSet<i64>,
}

/// Minutes since midnight.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| {
        let fits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY_MINUTES).then_some(all)
}

/// Days since 1970-01-01.
fn day(text: &str) -> Option<i64> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let is_plain = date.format("%Y-%m-%d").to_string() == text;
    is_plain.then(|| (date - NaiveDate::default()).num_days())
}

/// The same in order, with what overlaps or touches in one.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut whole: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match whole.last_mut() {
            Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
            Some(_) | None => whole.push(span),
        }
    }
    whole
}

impl OpenHours {
    /// Open in these windows by this zone's clocks, but not on these dates, from midnight to midnight.
    ///
    /// # Errors
    /// [`OpenHoursError`].
    pub fn new(
        zone: Zone,
        windows: &[OpenWindow<'_>],
        closed_on: &[String],
    ) -> Result<Self, OpenHoursError> {
        if windows.len() > WINDOWS_MAX {
            return Err(OpenHoursError::TooMany);
        }
        let mut days: [Vec<Span>; 7] = Default::default();
        for (
            window,
            OpenWindow {
                days: on,
                start,
                end,
            },
        ) in windows.iter().enumerate()
        {
            let wrong = OpenHoursError::Time { window };
            let from = minutes(start)
                .filter(|from| *from < DAY_MINUTES)
                .ok_or(wrong)?;
            let until = minutes(end).filter(|until| *until != from).ok_or(wrong)?;
            if on.is_empty() || on.len() > DAYS.len() {
                return Err(OpenHoursError::Day { window });
            }
            for name in *on {
                let known = DAYS.iter().position(|day| day == name);
                let at = known.ok_or(OpenHoursError::Day { window })?;
                let mut add = |at: usize, from, until| {
                    if let Some(spans) = days.get_mut(at % DAYS.len())
                        && from < until
                    {
                        spans.push(Span { from, until });
                    }
                };
                if from < until {
                    add(at, from, until);
                } else {
                    add(at, from, DAY_MINUTES);
                    add(at + 1, 0, until);
                }
            }
        }
        let mut closed = BTreeSet::new();
        for (at, text) in closed_on.iter().enumerate() {
            let date = day(text).filter(|_| at < CLOSED_MAX);
            closed.insert(date.ok_or(OpenHoursError::Date { at })?);
        }
        // Merged, they are in order and end by midnight.
        let week = Week::new(days.map(merged)).map_err(|_| OpenHoursError::TooMany)?;
        Ok(Self { zone, week, closed })
    }

    /// Whether it is open at an instant, milliseconds since 1970-01-01 UTC: by what its clocks show then, so that an hour that comes
    /// twice is open twice, and one that is skipped never comes.
    #[must_use]
    pub fn is_open(&self, unix_ms: i64) -> bool {
        let local = self.zone.local(unix_ms);
        let mut spans = self.week.day(weekday(local.day)).iter();
        !self.closed.contains(&local.day) && spans.any(|span| holds(*span, local.ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(
        zone: &str,
        windows: &[(&[&str], &str, &str)],
        closed: &[&str],
    ) -> Result<OpenHours, OpenHoursError> {
        let owned: Vec<Vec<String>> = windows
            .iter()
            .map(|(days, ..)| days.iter().map(|day| (*day).to_owned()).collect())
            .collect();
        let windows: Vec<OpenWindow<'_>> = windows
            .iter()
            .zip(&owned)
            .map(|((_, start, end), days)| OpenWindow { days, start, end })
            .collect();
        let closed: Vec<String> = closed.iter().map(|date| (*date).to_owned()).collect();
        OpenHours::new(Zone::parse(zone).unwrap(), &windows, &closed)
    }

    fn at(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_millis()
    }

    const WEEKDAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri"];

    #[test]
    fn a_business_is_open_by_its_own_clocks() {
        let new_york = hours(
            "America/New_York",
            &[
                (WEEKDAYS, "09:00", "12:00"),
                (WEEKDAYS, "13:00", "17:30"),
                (&["fri"], "22:00", "02:00"),
                (&["sun"], "22:00", "24:00"),
            ],
            &["2026-12-25"],
        )
        .unwrap();
        for (time, open) in [
            // A Tuesday of winter, and one of summer: the same hour of the clock, another of UTC.
            ("2026-11-24T13:59:59Z", false),
            ("2026-11-24T14:00:00Z", true),
            ("2026-07-14T12:59:59Z", false),
            ("2026-07-14T13:00:00Z", true),
            ("2026-11-24T12:00:00-05:00", false),
            ("2026-11-24T13:00:00-05:00", true),
            ("2026-11-24T17:29:59-05:00", true),
            ("2026-11-24T17:30:00-05:00", false),
            // Saturday's first hours are Friday's last.
            ("2026-11-27T22:00:00-05:00", true),
            ("2026-11-28T01:59:59-05:00", true),
            ("2026-11-28T02:00:00-05:00", false),
            ("2026-11-29T23:59:59-05:00", true),
            ("2026-11-30T00:00:00-05:00", false),
            // Christmas is a Friday, and Saturday's first hours are open all the same.
            ("2026-12-25T10:00:00-05:00", false),
            ("2026-12-25T23:00:00-05:00", false),
            ("2026-12-26T01:00:00-05:00", true),
        ] {
            assert_eq!(new_york.is_open(at(time)), open, "{time}");
        }
    }

    #[test]
    fn hours_that_clocks_skip_or_repeat() {
        let night = hours("America/New_York", &[(&["sun"], "01:30", "02:30")], &[]).unwrap();
        for (time, open) in [
            // The spring of 2026: 01:59:59 is followed by 03:00.
            ("2026-03-08T01:29:59-05:00", false),
            ("2026-03-08T01:30:00-05:00", true),
            ("2026-03-08T03:00:00-04:00", false),
            // The autumn: 01:30 comes twice, and 02:00 once.
            ("2026-11-01T01:45:00-04:00", true),
            ("2026-11-01T01:00:00-05:00", false),
            ("2026-11-01T01:45:00-05:00", true),
            ("2026-11-01T02:29:59-05:00", true),
            ("2026-11-01T02:30:00-05:00", false),
        ] {
            assert_eq!(night.is_open(at(time)), open, "{time}");
        }
        // Half an hour, and a place ahead of the date line.
        let lord_howe = hours("Australia/Lord_Howe", &[(&["sun"], "02:15", "02:45")], &[]).unwrap();
        assert!(!lord_howe.is_open(at("2026-10-04T01:59:59+10:30")));
        assert!(lord_howe.is_open(at("2026-10-04T02:30:00+11:00")));
        let kiritimati = hours(
            "Pacific/Kiritimati",
            &[(&["tue"], "09:00", "17:00")],
            &["2026-12-01"],
        );
        let kiritimati = kiritimati.unwrap();
        assert!(kiritimati.is_open(at("2026-11-23T19:00:00Z")));
        assert!(!kiritimati.is_open(at("2026-11-24T19:00:00Z")));
        assert!(!kiritimati.is_open(at("2026-11-30T19:00:00Z")));
    }

    #[test]
    fn windows_may_overlap_and_a_week_without_any_is_closed() {
        let overlapping = hours(
            "Europe/Berlin",
            &[(&["mon"], "09:00", "13:00"), (&["mon"], "12:00", "17:00")],
            &[],
        );
        assert!(
            overlapping
                .unwrap()
                .is_open(at("2026-11-23T12:30:00+01:00"))
        );
        let always = hours(
            "Europe/Berlin",
            &[(
                &["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "00:00",
                "24:00",
            )],
            &[],
        );
        let (always, never) = (always.unwrap(), hours("Europe/Berlin", &[], &[]).unwrap());
        for hour in 0..500 {
            assert!(always.is_open(hour * 3_600_000));
            assert!(!never.is_open(hour * 3_600_000));
        }
    }

    #[test]
    fn what_is_written_wrongly_is_refused() {
        let (time, day) = (
            OpenHoursError::Time { window: 0 },
            OpenHoursError::Day { window: 0 },
        );
        for (days, start, end, error) in [
            (&["mon"][..], "9:00", "17:00", time),
            (&["mon"], "09:00", "09:00", time),
            (&["mon"], "24:00", "09:00", time),
            (&["mon"], "09:60", "10:00", time),
            (&["mon"], "09:00", "24:01", time),
            (&["mon"], "09:00", "+7:00", time),
            (&["monday"], "09:00", "17:00", day),
            (&[], "09:00", "17:00", day),
        ] {
            let read = hours("Europe/Berlin", &[(days, start, end)], &[]);
            assert_eq!(read, Err(error), "{days:?} {start} {end}");
        }
        for date in ["2026-02-30", "2026-2-3", "25.12.2026", "", "+2026-12-25"] {
            let read = hours("Europe/Berlin", &[], &["2026-12-24", date]);
            assert_eq!(read, Err(OpenHoursError::Date { at: 1 }), "{date}");
        }
        let many = vec![(WEEKDAYS, "09:00", "17:00"); WINDOWS_MAX + 1];
        assert_eq!(
            hours("Europe/Berlin", &many, &[]),
            Err(OpenHoursError::TooMany)
        );
    }
}
