//! Whether too many of the people whom a client calls do not want it, or cannot be reached: shares of its calls in a window of
//! time, against marks. A share says something only of enough calls.

use serde::{Deserialize, Serialize};

/// A call that was answered and lasted less was short, ms.
pub const SHORT_MS: i64 = 6_000;

/// What is counted of a client's outbound calls in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that a carrier was asked for.
    pub placed: u64,
    /// Those that somebody or something answered, and that are over.
    pub answered: u64,
    /// Of these, shorter than [`SHORT_MS`].
    pub short: u64,
    /// Calls in which the person wanted no more of them.
    pub opt_outs: u64,
    /// Calls to numbers that are none.
    pub invalid: u64,
    /// Complaints that came in.
    pub complaints: u64,
}

/// A share of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ratio {
    /// Opt-outs among answered calls.
    OptOuts,
    /// Short ones among answered calls.
    ShortCalls,
    /// Numbers that are none among calls.
    InvalidNumbers,
    /// Complaints among answered calls.
    Complaints,
}

impl Ratio {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OptOuts,
        Self::ShortCalls,
        Self::InvalidNumbers,
        Self::Complaints,
    ];

    /// Its name, as `opt_outs`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OptOuts => "opt_outs",
            Self::ShortCalls => "short_calls",
            Self::InvalidNumbers => "invalid_numbers",
            Self::Complaints => "complaints",
        }
    }

    /// How many, and of how many.
    #[must_use]
    pub const fn of(self, counts: &Counts) -> (u64, u64) {
        match self {
            Self::OptOuts => (counts.opt_outs, counts.answered),
            Self::ShortCalls => (counts.short, counts.answered),
            Self::InvalidNumbers => (counts.invalid, counts.placed),
            Self::Complaints => (counts.complaints, counts.answered),
        }
    }
}

/// From where on a share is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// From so many of a thousand on the client is warned; never if absent.
    pub warn_per_mille: Option<u32>,
    /// From so many of a thousand on its dialling is stopped; never if absent.
    pub stop_per_mille: Option<u32>,
    /// Of fewer calls the share says nothing.
    pub calls_min: u64,
    /// So few say nothing, whatever the share is.
    pub count_min: u64,
}

/// The marks of every share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Of [`Ratio::OptOuts`].
    pub opt_outs: Mark,
    /// Of [`Ratio::ShortCalls`].
    pub short_calls: Mark,
    /// Of [`Ratio::InvalidNumbers`].
    pub invalid_numbers: Mark,
    /// Of [`Ratio::Complaints`].
    pub complaints: Mark,
}

impl Default for Marks {
    fn default() -> Self {
        let mark = |warn, stop, calls_min, count_min| Mark {
            warn_per_mille: Some(warn),
            stop_per_mille: Some(stop),
            calls_min,
            count_min,
        };
        Self {
            opt_outs: mark(50, 100, 100, 5),
            short_calls: mark(500, 800, 100, 50),
            invalid_numbers: mark(100, 250, 100, 10),
            complaints: mark(3, 10, 200, 3),
        }
    }
}

impl Marks {
    /// That of one share.
    #[must_use]
    pub const fn of(&self, ratio: Ratio) -> &Mark {
        match ratio {
            Ratio::OptOuts => &self.opt_outs,
            Ratio::ShortCalls => &self.short_calls,
            Ratio::InvalidNumbers => &self.invalid_numbers,
            Ratio::Complaints => &self.complaints,
        }
    }
}

/// What a share that is too large leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The client is warned.
    Warn,
    /// Its dialling is stopped.
    Stop,
}

impl Level {
    /// Its name, as `warn`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Stop => "stop",
        }
    }
}

/// A share as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Which.
    pub ratio: Ratio,
    /// How many …
    pub count: u64,
    /// … of how many.
    pub calls: u64,
    /// Of a thousand, rounded down; 0 of no calls.
    pub per_mille: u64,
    /// What it leads to; nothing if `None`.
    pub level: Option<Level>,
}

/// Every share of a window, in the order of [`Ratio::ALL`].
#[must_use]
pub fn judge(counts: &Counts, marks: &Marks) -> [Judged; 4] {
    Ratio::ALL.map(|ratio| {
        let (count, calls) = ratio.of(counts);
        let mark = marks.of(ratio);
        let is_told = calls >= mark.calls_min.max(1) && count >= mark.count_min.max(1);
        let reaches = |per_mille: Option<u32>| {
            per_mille.is_some_and(|mark| {
                is_told && count.saturating_mul(1_000) >= calls.saturating_mul(mark.into())
            })
        };
        Judged {
            ratio,
            count,
            calls,
            per_mille: count.saturating_mul(1_000).checked_div(calls).unwrap_or(0),
            level: if reaches(mark.stop_per_mille) {
                Some(Level::Stop)
            } else if reaches(mark.warn_per_mille) {
                Some(Level::Warn)
            } else {
                None
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(calls: u64, count: u64) -> Counts {
        Counts {
            placed: calls,
            answered: calls,
            short: count,
            opt_outs: count,
            invalid: count,
            complaints: count,
        }
    }

    #[test]
    fn a_share_warns_and_then_stops_if_there_are_enough_calls() {
        use Level::{Stop, Warn};
        use Ratio::{Complaints, InvalidNumbers, OptOuts, ShortCalls};
        let marks = Marks::default();
        for (ratio, calls, count, want) in [
            (OptOuts, 0, 0, None),
            (OptOuts, 99, 99, None),
            (OptOuts, 100, 4, None),
            (OptOuts, 100, 5, Some(Warn)),
            (OptOuts, 1_000, 49, None),
            (OptOuts, 1_000, 50, Some(Warn)),
            (OptOuts, 1_000, 99, Some(Warn)),
            (OptOuts, 1_000, 100, Some(Stop)),
            (ShortCalls, 100, 49, None),
            (ShortCalls, 100, 50, Some(Warn)),
            (ShortCalls, 100, 80, Some(Stop)),
            (InvalidNumbers, 100, 10, Some(Warn)),
            (InvalidNumbers, 100, 25, Some(Stop)),
            (Complaints, 199, 9, None),
            (Complaints, 200, 2, None),
            (Complaints, 200, 3, Some(Stop)),
            (Complaints, 1_000, 3, Some(Warn)),
            (Complaints, u64::MAX, u64::MAX, Some(Stop)),
        ] {
            let judged = judge(&counts(calls, count), &marks);
            let one = judged.iter().find(|one| one.ratio == ratio).unwrap();
            assert_eq!(one.level, want, "{ratio:?} {count} of {calls}");
            assert_eq!((one.count, one.calls), (count, calls));
        }
        let judged = judge(&counts(1_000, 49), &marks);
        assert_eq!(judged[0].per_mille, 49);
    }

    #[test]
    fn each_share_is_of_its_own_calls() {
        let counts = Counts {
            placed: 1_000,
            answered: 200,
            short: 1,
            opt_outs: 20,
            invalid: 100,
            complaints: 0,
        };
        let judged = judge(&counts, &Marks::default());
        let shares = judged.map(|one| (one.ratio.name(), one.per_mille, one.level));
        assert_eq!(
            shares,
            [
                ("opt_outs", 100, Some(Level::Stop)),
                ("short_calls", 5, None),
                ("invalid_numbers", 100, Some(Level::Warn)),
                ("complaints", 0, None),
            ]
        );
    }

    #[test]
    fn a_mark_that_is_absent_leads_to_nothing() {
        let never = Mark {
            warn_per_mille: None,
            stop_per_mille: None,
            calls_min: 0,
            count_min: 0,
        };
        let marks = Marks {
            opt_outs: never,
            ..Marks::default()
        };
        assert_eq!(judge(&counts(100, 100), &marks)[0].level, None);
    }
}
