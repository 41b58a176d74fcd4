//! When a campaign goes so badly that it stops by itself: shares of its calls in the last minutes, against marks.

use serde::{Deserialize, Serialize};

/// What is counted of a campaign's calls that ended within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that ended, whatever came of them.
    pub ended: u64,
    /// Of these, such as a network, a carrier or the agent failed.
    pub failed: u64,
    /// Such as somebody or something answered.
    pub answered: u64,
    /// Of the answered, shorter than [`crate::ratios::SHORT_MS`].
    pub short: u64,
    /// Of the answered, those in which the person wanted no more calls.
    pub opt_outs: u64,
    /// Of the answered, those in which nobody spoke to the person.
    pub abandoned: u64,
}

/// What a campaign stops for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Calls were abandoned.
    Abandoned,
    /// People wanted no more calls.
    OptOuts,
    /// Calls failed.
    Failures,
    /// Calls were short.
    ShortCalls,
}

impl Fault {
    /// All of them, the gravest first.
    pub const ALL: [Self; 4] = [
        Self::Abandoned,
        Self::OptOuts,
        Self::Failures,
        Self::ShortCalls,
    ];

    /// Its name, as `opt_outs`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::OptOuts => "opt_outs",
            Self::Failures => "failures",
            Self::ShortCalls => "short_calls",
        }
    }

    /// How many, and of how many.
    const fn of(self, counts: &Counts) -> (u64, u64) {
        match self {
            Self::Abandoned => (counts.abandoned, counts.answered),
            Self::OptOuts => (counts.opt_outs, counts.answered),
            Self::Failures => (counts.failed, counts.ended),
            Self::ShortCalls => (counts.short, counts.answered),
        }
    }
}

/// When a campaign stops. A mark that is absent stops nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Calls count that ended within so many seconds.
    pub window_seconds: u32,
    /// Of fewer calls a share says nothing.
    pub min_calls: u32,
    /// More failures of a thousand calls.
    pub max_failures_per_mille: Option<u32>,
    /// More opt-outs of a thousand that were answered.
    pub max_opt_outs_per_mille: Option<u32>,
    /// More short ones of a thousand that were answered.
    pub max_short_calls_per_mille: Option<u32>,
    /// More abandoned ones of a thousand that were answered.
    pub max_abandoned_per_mille: Option<u32>,
}

impl Default for Breaker {
    /// Half of the calls failed or short, a tenth of the people opted out, or one of forty abandoned, of twenty calls in five minutes.
    fn default() -> Self {
        Self {
            window_seconds: 300,
            min_calls: 20,
            max_failures_per_mille: Some(500),
            max_opt_outs_per_mille: Some(100),
            max_short_calls_per_mille: Some(500),
            max_abandoned_per_mille: Some(25),
        }
    }
}

/// A campaign that goes too badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// What is wrong.
    pub fault: Fault,
    /// So many …
    pub count: u64,
    /// … of so many calls.
    pub calls: u64,
    /// More of a thousand than this.
    pub max_per_mille: u32,
}

impl Breaker {
    const fn mark(&self, fault: Fault) -> Option<u32> {
        match fault {
            Fault::Abandoned => self.max_abandoned_per_mille,
            Fault::OptOuts => self.max_opt_outs_per_mille,
            Fault::Failures => self.max_failures_per_mille,
            Fault::ShortCalls => self.max_short_calls_per_mille,
        }
    }

    /// What a campaign stops for, the gravest first; nothing while it goes well.
    #[must_use]
    pub fn judge(&self, counts: &Counts) -> Option<Tripped> {
        Fault::ALL.into_iter().find_map(|fault| {
            let (count, calls) = fault.of(counts);
            let max_per_mille = self.mark(fault)?;
            let is_told = calls >= u64::from(self.min_calls.max(1));
            let is_beyond =
                count.saturating_mul(1_000) > calls.saturating_mul(u64::from(max_per_mille));
            (is_told && is_beyond).then_some(Tripped {
                fault,
                count,
                calls,
                max_per_mille,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Counts {
        Counts {
            ended: 100,
            failed: 50,
            answered: 40,
            short: 20,
            opt_outs: 4,
            abandoned: 1,
        }
    }

    #[test]
    fn it_stops_beyond_a_mark_and_not_on_it() {
        let breaker = Breaker::default();
        assert_eq!(breaker.judge(&well()), None);
        for (counts, fault) in [
            (
                Counts {
                    failed: 51,
                    ..well()
                },
                Fault::Failures,
            ),
            (
                Counts {
                    short: 21,
                    ..well()
                },
                Fault::ShortCalls,
            ),
            (
                Counts {
                    opt_outs: 5,
                    ..well()
                },
                Fault::OptOuts,
            ),
            (
                Counts {
                    abandoned: 2,
                    ..well()
                },
                Fault::Abandoned,
            ),
            (
                Counts {
                    abandoned: 2,
                    short: 40,
                    ..well()
                },
                Fault::Abandoned,
            ),
        ] {
            assert_eq!(
                breaker.judge(&counts).map(|t| t.fault),
                Some(fault),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn few_calls_say_nothing() {
        let breaker = Breaker::default();
        let few = Counts {
            ended: 19,
            failed: 19,
            answered: 19,
            short: 19,
            opt_outs: 19,
            abandoned: 19,
        };
        assert_eq!(breaker.judge(&few), None);
        assert_eq!(breaker.judge(&Counts::default()), None);
        let enough = Counts {
            ended: 20,
            failed: 20,
            ..few
        };
        let tripped = breaker.judge(&enough).unwrap();
        assert_eq!(
            (tripped.fault, tripped.count, tripped.calls),
            (Fault::Failures, 20, 20)
        );
    }

    #[test]
    fn a_mark_that_is_absent_stops_nothing() {
        let breaker = Breaker {
            max_failures_per_mille: None,
            ..Breaker::default()
        };
        assert_eq!(
            breaker.judge(&Counts {
                ended: 100,
                failed: 100,
                ..Counts::default()
            }),
            None
        );
    }
}
