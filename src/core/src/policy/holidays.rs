//! Public holidays, by place. `data/README.md` has source, version and what was changed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{Datelike as _, NaiveDate};

use crate::geo::Place;

#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads it"
)]
static SHIPPED: LazyLock<Holidays> = LazyLock::new(|| {
    Holidays::parse(include_str!("../../data/holidays.txt")).expect("the shipped calendar is whole")
});

/// The public holidays of places, in a span of years.
#[derive(Debug, Default)]
pub(super) struct Holidays {
    /// Days since 1970-01-01, sorted.
    days: BTreeMap<Place, Vec<i64>>,
    /// First day, and the day behind the last.
    span: (i64, i64),
}

/// What a calendar says of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// No holiday.
    Working,
    /// A holiday.
    Holiday,
    /// The calendar does not say: another year, or a place that it does not have.
    Unknown,
}

impl Holidays {
    /// The calendar that is part of the program.
    pub(super) fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// What a day is in a place; in a part of a country that has no calendar of its own, what it is in the country.
    pub(super) fn day(&self, place: Option<Place>, day: i64) -> Day {
        let Some(place) = place.filter(|_| (self.span.0..self.span.1).contains(&day)) else {
            return Day::Unknown;
        };
        let kept = self
            .days
            .get(&place)
            .or_else(|| self.days.get(&place.country()));
        match kept {
            None => Day::Unknown,
            Some(days) if days.binary_search(&day).is_ok() => Day::Holiday,
            Some(_) => Day::Working,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut read = Self::default();
        let mut years = 0..=0;
        let mut place = None;
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let done = match words.as_slice() {
                _ if line.starts_with('#') => Some(()),
                ["years", first, last] => read.span_of(first, last).map(|found| years = found),
                [year, days @ ..] if line.starts_with(' ') => {
                    let year = year.parse().ok().filter(|year| years.contains(year));
                    year.zip(place)
                        .and_then(|(year, place)| read.add(place, year, days))
                }
                [code, days @ ..] => {
                    place = Place::parse(code)
                        .ok()
                        .filter(|p| !read.days.contains_key(p));
                    place.and_then(|place| {
                        let mut all = years.clone();
                        all.try_for_each(|year| read.add(place, year, days))
                    })
                }
                [] => None,
            };
            done.ok_or_else(|| format!("line {}: not understood", index + 1))?;
        }
        for days in read.days.values_mut() {
            days.sort_unstable();
        }
        Ok(read)
    }

    fn span_of(&mut self, first: &str, last: &str) -> Option<std::ops::RangeInclusive<i32>> {
        let (first, last) = (first.parse().ok()?, last.parse::<i32>().ok()?);
        self.span = (
            day_of(first, "0101")?,
            day_of(last.checked_add(1)?, "0101")?,
        );
        (first <= last).then_some(first..=last)
    }

    fn add(&mut self, place: Place, year: i32, days: &[&str]) -> Option<()> {
        let kept = self.days.entry(place).or_default();
        for day in days {
            kept.push(day_of(year, day)?);
        }
        Some(())
    }
}

/// `MMDD` of a year, as days since 1970-01-01.
fn day_of(year: i32, day: &str) -> Option<i64> {
    let (month, day) = day.split_at_checked(2)?;
    let date = NaiveDate::from_ymd_opt(year, month.parse().ok()?, day.parse().ok()?)?;
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    Some(i64::from(date.num_days_from_ce()) - i64::from(epoch.num_days_from_ce()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(code: &str) -> Option<Place> {
        Some(Place::parse(code).unwrap())
    }

    #[test]
    fn the_shipped_calendar_knows_the_days_everybody_knows() {
        let calendar = Holidays::shipped();
        let cases = [
            ("US-LA", 2026, "1225", Day::Holiday),
            ("US-LA", 2026, "0217", Day::Holiday), // Mardi Gras
            ("US-NY", 2026, "0217", Day::Working),
            ("US-LA", 2026, "1126", Day::Holiday), // Thanksgiving
            ("US-LA", 2031, "1127", Day::Holiday),
            ("US", 2026, "0217", Day::Holiday), // some state keeps it
            ("FR", 2026, "0714", Day::Holiday),
            ("FR", 2026, "0715", Day::Working),
            ("DE", 2027, "0106", Day::Holiday), // in Bavaria
            ("GB-ENG", 2026, "0831", Day::Holiday),
            ("IT", 2026, "0606", Day::Working),
            ("FR", 2025, "0714", Day::Unknown),
            ("FR", 2033, "0714", Day::Unknown),
            ("ZZ", 2026, "0714", Day::Unknown),
        ];
        for (code, year, day, want) in cases {
            let got = calendar.day(place(code), day_of(year, day).unwrap());
            assert_eq!(got, want, "{code} {year} {day}");
        }
        assert_eq!(
            calendar.day(None, day_of(2026, "0714").unwrap()),
            Day::Unknown
        );
        assert!(calendar.days.len() > 250);
    }

    #[test]
    fn a_calendar_that_is_not_whole_is_refused() {
        for (text, line) in [
            ("years 2026\n", 1),
            ("years 2026 2025\n", 1),
            ("years 2026 2027\nDE 1301\n", 2),
            ("years 2026 2027\nDE 0229\n", 2),
            ("years 2026 2027\nDE\nDE\n", 3),
            ("years 2026 2027\n 2026 0101\n", 2),
            ("years 2026 2027\nDE\n 2028 0101\n", 3),
            ("years 2026 2027\n\n", 2),
        ] {
            let problem = Holidays::parse(text).unwrap_err();
            assert!(
                problem.contains(&format!("line {line}:")),
                "{text:?}: {problem}"
            );
        }
    }
}
