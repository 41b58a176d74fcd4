//! Hours and holidays: every place and zone where a phone may be, and the next moment that all of them allow.

use super::holidays::{Day, Holidays};
use super::pack::{OnHolidays, Rule};
use super::week::{DAY_MINUTES, Span, both};
use super::zone::{DAY_MS, Local, Zone, weekday};
use super::{Code, HORIZON_DAYS};
use crate::geo::Place;

const MINUTE_MS: i64 = DAY_MS / DAY_MINUTES as i64;
const SATURDAY: usize = 5;

/// A rule, and a clock by which it may hold.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) place: Option<Place>,
    pub(super) rule: &'a Rule,
    pub(super) zone: Zone,
}

impl Candidate<'_> {
    /// Why nobody may be called there at an instant; `None` if somebody may.
    pub(super) fn closed(&self, unix_ms: i64) -> Option<Code> {
        let local = self.zone.local(unix_ms);
        let (spans, why) = self.spans(local.day);
        let open = spans.iter().any(|span| holds(*span, local.ms));
        (!open).then_some(why)
    }

    /// The hours of a day, and what is to blame for a moment outside them.
    pub(super) fn spans(&self, day: i64) -> (Vec<Span>, Code) {
        let weekday = weekday(day);
        let mut spans = self.rule.week.day(weekday).to_vec();
        let mut why = if spans.is_empty() {
            Code::DayBarred
        } else {
            Code::OutsideCallingHours
        };
        if !self.rule.heeds_holidays() {
            return (spans, why);
        }
        let calendar = Holidays::shipped();
        if self.rule.eves_as_saturday && calendar.day(self.place, day + 1) != Day::Working {
            spans = both(&spans, self.rule.week.day(SATURDAY));
            if spans.is_empty() {
                why = Code::Holiday;
            }
        }
        let kept = match (calendar.day(self.place, day), &self.rule.on_holidays) {
            (Day::Working, _) => return (spans, why),
            (Day::Holiday, OnHolidays::Open) => return (spans, why),
            (Day::Unknown, _) => return (Vec::new(), Code::HolidaysUnknown),
            (Day::Holiday, OnHolidays::Only(hours)) => both(&spans, hours),
            (Day::Holiday, OnHolidays::Closed) => Vec::new(),
        };
        (kept, Code::Holiday)
    }

    /// The first instant, from this one on and before the limit, at which somebody may be called there.
    ///
    /// Between two changes of the zone's offset the wall clock runs evenly, so hours become instants by subtraction; at a
    /// change, which may open or close a day's hours in its midst, the search begins anew.
    fn next(&self, from_unix_ms: i64, limit_unix_ms: i64) -> Option<i64> {
        let mut at = from_unix_ms;
        while at < limit_unix_ms {
            let local = self.zone.local(at);
            let (spans, _) = self.spans(local.day);
            if spans.iter().any(|span| holds(*span, local.ms)) {
                return Some(at);
            }
            let later = spans.iter().map(|span| i64::from(span.from) * MINUTE_MS);
            let opens_ms = later
                .filter(|from| *from > local.ms)
                .min()
                .unwrap_or(DAY_MS);
            let opens = at + (opens_ms - local.ms);
            at = self.change(at, opens, local).unwrap_or(opens);
        }
        None
    }

    /// The first instant behind `at`, up to `until`, at which the offset is another. They are at most a day apart, in
    /// which no zone changes twice.
    fn change(&self, at: i64, until: i64, local: Local) -> Option<i64> {
        if self.zone.ahead_ms(until) == local.ahead_ms {
            return None;
        }
        let (mut before, mut behind) = (at, until);
        while behind - before > 1 {
            let middle = before + (behind - before) / 2;
            if self.zone.ahead_ms(middle) == local.ahead_ms {
                before = middle;
            } else {
                behind = middle;
            }
        }
        Some(behind)
    }
}

pub(super) fn holds(span: Span, ms: i64) -> bool {
    (i64::from(span.from) * MINUTE_MS..i64::from(span.until) * MINUTE_MS).contains(&ms)
}

/// The first instant from `from_unix_ms` on, within [`HORIZON_DAYS`] of `at_unix_ms`, at which every candidate is open.
pub(super) fn next_open(
    candidates: &[Candidate<'_>],
    at_unix_ms: i64,
    from_unix_ms: i64,
) -> Option<i64> {
    let limit = at_unix_ms.saturating_add(HORIZON_DAYS * DAY_MS);
    let mut at = from_unix_ms;
    loop {
        let later = candidates
            .iter()
            .try_fold(at, |at, candidate| candidate.next(at, limit))?;
        if later == at {
            return Some(at);
        }
        at = later;
    }
}
