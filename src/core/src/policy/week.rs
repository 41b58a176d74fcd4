//! The hours of a week in which people may be called.

use std::fmt;

/// Minutes of a day.
pub(super) const DAY_MINUTES: u16 = 1_440;

/// From a minute of the day on, and until before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Minutes since midnight, by the wall clock.
    pub from: u16,
    /// The first minute that is no more in it; at most 1,440.
    pub until: u16,
}

/// As `08:00-21:00`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { from, until } = self;
        let (h, m) = (from / 60, from % 60);
        write!(f, "{h:02}:{m:02}-{:02}:{:02}", until / 60, until % 60)
    }
}

/// What lies in both, in order. Both are in order and do not overlap.
pub(super) fn both(one: &[Span], other: &[Span]) -> Vec<Span> {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let common = pairs.map(|(a, b)| Span {
        from: a.from.max(b.from),
        until: a.until.min(b.until),
    });
    common.filter(|span| span.from < span.until).collect()
}

/// The spans of each day, Monday first; in order, without overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Week(pub(super) [Vec<Span>; 7]);

/// The spans of a day are not in order, overlap, or end before they begin or behind midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hours of a day are in order, do not overlap, and end by 24:00")]
pub struct WeekError;

impl Week {
    /// A week of these spans, Monday first.
    pub fn new(days: [Vec<Span>; 7]) -> Result<Self, WeekError> {
        let is_well = |day: &Vec<Span>| {
            let in_order = day.windows(2).all(|pair| match pair {
                [one, next] => one.until <= next.from,
                _ => true,
            });
            let spans = |span: &Span| span.from < span.until && span.until <= DAY_MINUTES;
            in_order && day.iter().all(spans)
        };
        days.iter()
            .all(is_well)
            .then_some(Self(days))
            .ok_or(WeekError)
    }

    /// The spans of a day of the week; Monday is 0.
    pub fn day(&self, weekday: usize) -> &[Span] {
        self.0.get(weekday).map_or(&[], Vec::as_slice)
    }

    /// The hours that lie in both.
    #[must_use]
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|day| {
            both(self.day(day), other.day(day))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: u16, until: u16) -> Span {
        Span { from, until }
    }

    #[test]
    fn what_lies_in_both_is_what_remains() {
        let french = [span(600, 780), span(840, 1_200)];
        assert_eq!(both(&french, &[span(480, 1_260)]), french);
        assert_eq!(
            both(&french, &[span(720, 900)]),
            [span(720, 780), span(840, 900)]
        );
        assert_eq!(both(&french, &[span(780, 840)]), []);
        assert_eq!(both(&french, &[]), []);
        assert_eq!(span(480, 1_440).to_string(), "08:00-24:00");
        let week = |monday: &[Span]| {
            let mut days: [Vec<Span>; 7] = Default::default();
            days[0] = monday.to_vec();
            Week::new(days)
        };
        assert_eq!(week(&french).unwrap().day(0), french);
        for wrong in [
            &[span(840, 1_200), span(600, 780)][..],
            &[span(600, 780), span(779, 800)],
            &[span(600, 600)],
            &[span(600, 1_441)],
        ] {
            assert_eq!(week(wrong), Err(WeekError), "{wrong:?}");
        }
    }
}
