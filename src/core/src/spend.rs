//! What a client lets itself spend on calls: by day and by month (UTC), reckoned with what the calls that go on may still cost,
//! so that many at once do not go far beyond it.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime};

/// When so many of a hundred are spent, the client is told that it nears its cap.
pub const NEARING_PERCENT: i64 = 80;

/// A stretch of time for which there is a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A day, UTC.
    Day,
    /// A month, UTC.
    Month,
}

fn day(at_ms: i64) -> NaiveDate {
    DateTime::from_timestamp_millis(at_ms)
        .unwrap_or_default()
        .date_naive()
}

impl Period {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// Its name, as `day`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The one in which a moment (ms since 1970) lies: `2026-11-24` or `2026-11`.
    #[must_use]
    pub fn of(self, at_ms: i64) -> String {
        let day = day(at_ms);
        match self {
            Self::Day => day.to_string(),
            Self::Month => format!("{:04}-{:02}", day.year(), day.month()),
        }
    }

    /// When the one in which a moment lies is over; both in ms since 1970.
    #[must_use]
    pub fn ends_ms(self, at_ms: i64) -> i64 {
        let day = day(at_ms);
        let next = match self {
            Self::Day => day.checked_add_days(Days::new(1)),
            Self::Month => day
                .with_day(1)
                .and_then(|first| first.checked_add_months(Months::new(1))),
        };
        next.map_or(i64::MAX, |next| {
            next.and_time(NaiveTime::MIN).and_utc().timestamp_millis()
        })
    }
}

/// What is known of a period that has a cap. Money is millionths of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Which.
    pub period: Period,
    /// The cap.
    pub max_micros: i64,
    /// What calls of it that are over have cost.
    pub micros: i64,
    /// So many calls that was.
    pub calls: i64,
}

impl Spent {
    /// What one call is taken to cost: what they did so far, but no less than `least_micros`.
    #[must_use]
    pub fn of_a_call(&self, least_micros: i64) -> i64 {
        let mean = self.micros.checked_div(self.calls).unwrap_or(0);
        mean.max(least_micros).max(0)
    }

    /// Whether nothing more may be begun while so many calls go on.
    #[must_use]
    pub fn is_reached(&self, going_on: u64, least_micros: i64) -> bool {
        let going_on = i64::try_from(going_on).unwrap_or(i64::MAX);
        let to_come = going_on.saturating_mul(self.of_a_call(least_micros));
        self.micros.saturating_add(to_come) >= self.max_micros
    }
}

/// Until when (ms since 1970) nothing more may be begun; `None` if something may.
#[must_use]
pub fn spent_until(spent: &[Spent], going_on: u64, least_micros: i64, at_ms: i64) -> Option<i64> {
    let reached = spent
        .iter()
        .filter(|spent| spent.is_reached(going_on, least_micros));
    reached.map(|spent| spent.period.ends_ms(at_ms)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_millis()
    }

    #[test]
    fn periods_are_days_and_months_by_utc() {
        for (at, day, day_ends, month, month_ends) in [
            (
                "2026-11-24T17:00:00Z",
                "2026-11-24",
                "2026-11-25T00:00:00Z",
                "2026-11",
                "2026-12-01T00:00:00Z",
            ),
            (
                "2026-12-31T23:59:59.999Z",
                "2026-12-31",
                "2027-01-01T00:00:00Z",
                "2026-12",
                "2027-01-01T00:00:00Z",
            ),
            (
                "2028-02-28T23:30:00-02:00",
                "2028-02-29",
                "2028-03-01T00:00:00Z",
                "2028-02",
                "2028-03-01T00:00:00Z",
            ),
        ] {
            let at = ms(at);
            assert_eq!(Period::Day.of(at), day);
            assert_eq!(Period::Day.ends_ms(at), ms(day_ends));
            assert_eq!(Period::Month.of(at), month);
            assert_eq!(Period::Month.ends_ms(at), ms(month_ends));
        }
    }

    #[test]
    fn a_cap_is_reached_by_what_was_spent_and_by_what_calls_may_still_cost() {
        let at = ms("2026-11-24T17:00:00Z");
        let day = |max_micros, micros, calls| Spent {
            period: Period::Day,
            max_micros,
            micros,
            calls,
        };
        let tomorrow = Some(ms("2026-11-25T00:00:00Z"));
        for (spent, going_on, least, want) in [
            (day(1_000, 0, 0), 0, 100, None),
            (day(1_000, 999, 3), 0, 100, None),
            (day(1_000, 1_000, 3), 0, 100, tomorrow),
            // Nothing is known of what a call costs: the operator's estimate counts.
            (day(1_000, 0, 0), 9, 100, None),
            (day(1_000, 0, 0), 10, 100, tomorrow),
            // What calls did cost counts once it is more.
            (day(1_000, 600, 3), 1, 100, None),
            (day(1_000, 600, 3), 2, 100, tomorrow),
            (day(1_000, 0, 0), u64::MAX, 0, None),
            (day(0, 0, 0), 0, 0, tomorrow),
            (day(i64::MAX, i64::MAX - 1, 1), 2, i64::MAX, tomorrow),
        ] {
            let until = spent_until(&[spent], going_on, least, at);
            assert_eq!(until, want, "{spent:?} {going_on}");
        }
        let month = Spent {
            period: Period::Month,
            ..day(500, 600, 3)
        };
        let both = [day(1_000, 1_000, 3), month];
        let next_month = Some(ms("2026-12-01T00:00:00Z"));
        assert_eq!(spent_until(&both, 0, 0, at), next_month);
        assert_eq!(spent_until(&[], 9, 9, at), None);
    }
}
