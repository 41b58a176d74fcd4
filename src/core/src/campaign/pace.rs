//! How many calls begin in a second, and how many go on while a campaign warms up.

use serde::{Deserialize, Serialize};

/// One call, in the unit of a bucket's level.
const CALL: i64 = 1_000_000;
/// A rate is at most so many calls in a second.
pub const PER_SECOND_MAX: u32 = 10_000;

/// How fast calls may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Calls in a thousand seconds: 500 is one every two seconds.
    pub per_1000_s: u32,
    /// So many may begin at once after a rest.
    pub burst: u32,
}

impl Rate {
    /// So many calls a second, at most a second's worth at once.
    #[must_use]
    pub const fn per_second(calls: u32) -> Self {
        let calls = if calls < PER_SECOND_MAX {
            calls
        } else {
            PER_SECOND_MAX
        };
        Self {
            per_1000_s: calls * 1_000,
            burst: if calls > 0 { calls } else { 1 },
        }
    }
}

/// Calls that may begin: they come at a rate, and do not gather beyond its burst. A clock that is set back gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: Rate,
    /// In millionths of a call.
    level: i64,
    at_ms: i64,
}

impl Bucket {
    /// One that is full.
    #[must_use]
    pub const fn full(rate: Rate, now_ms: i64) -> Self {
        Self {
            rate,
            level: Self::brim(rate),
            at_ms: now_ms,
        }
    }

    /// One that begins empty: what was used before a restart is not known.
    #[must_use]
    pub const fn empty(rate: Rate, now_ms: i64) -> Self {
        Self {
            rate,
            level: 0,
            at_ms: now_ms,
        }
    }

    const fn brim(rate: Rate) -> i64 {
        rate.burst as i64 * CALL
    }

    /// The same with another rate; what was gathered stays, as far as it may.
    #[must_use]
    pub fn with(mut self, rate: Rate, now_ms: i64) -> Self {
        self.fill(now_ms);
        self.rate = rate;
        self.level = self.level.min(Self::brim(rate));
        self
    }

    /// What came since it was last looked at. A thousandth of a call a second is a millionth a millisecond.
    fn fill(&mut self, now_ms: i64) {
        let passed_ms = now_ms.saturating_sub(self.at_ms).max(0);
        let came = passed_ms.saturating_mul(i64::from(self.rate.per_1000_s));
        self.level = self.level.saturating_add(came).min(Self::brim(self.rate));
        self.at_ms = self.at_ms.max(now_ms);
    }

    /// Whether a call may begin now.
    pub fn has(&mut self, now_ms: i64) -> bool {
        self.fill(now_ms);
        self.level >= CALL
    }

    /// Takes one that [has](Self::has) been seen.
    pub fn take(&mut self) {
        self.level -= CALL;
    }

    /// When the next call may begin, ms since 1970; never at a rate of nothing.
    #[must_use]
    pub fn next_ms(&self) -> Option<i64> {
        let lacks = (CALL - self.level).max(0);
        if lacks == 0 {
            return Some(self.at_ms);
        }
        let rate = i64::from(self.rate.per_1000_s);
        let whole = lacks.checked_div(rate)?;
        let wait_ms = whole + i64::from(lacks % rate > 0);
        Some(self.at_ms.saturating_add(wait_ms))
    }
}

/// How many calls of a campaign may go on so long after its start: a share of all that grows evenly, at least one.
#[must_use]
pub fn warmed(live_max: u32, ramp_ms: i64, since_start_ms: i64) -> u32 {
    if ramp_ms <= 0 || since_start_ms >= ramp_ms {
        return live_max;
    }
    let share = i64::from(live_max).saturating_mul(since_start_ms.max(0)) / ramp_ms;
    u32::try_from(share)
        .unwrap_or(live_max)
        .max(1)
        .min(live_max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_kept_from_the_first_second_on() {
        let mut bucket = Bucket::full(Rate::per_second(50), 0);
        let mut begun = 0;
        for ms in 0..10_000 {
            while bucket.has(ms) {
                bucket.take();
                begun += 1;
            }
        }
        // The burst, and fifty for each second.
        assert_eq!(begun, 50 + 499);
        let slow = Rate {
            per_1000_s: 500,
            burst: 1,
        };
        let mut bucket = Bucket::empty(slow, 0);
        assert!(!bucket.has(1_999));
        assert_eq!(bucket.next_ms(), Some(2_000));
        assert!(bucket.has(2_000));
    }

    #[test]
    fn a_rate_of_nothing_never_comes() {
        let mut bucket = Bucket::empty(
            Rate {
                per_1000_s: 0,
                burst: 1,
            },
            0,
        );
        assert!(!bucket.has(i64::MAX));
        assert_eq!(bucket.next_ms(), None);
    }

    #[test]
    fn a_campaign_warms_up() {
        for (live_max, ramp_ms, since_ms, want) in [
            (20, 0, 0, 20),
            (20, 120_000, -5, 1),
            (20, 120_000, 0, 1),
            (20, 120_000, 30_000, 5),
            (20, 120_000, 119_999, 19),
            (20, 120_000, 120_000, 20),
            (1, 120_000, 0, 1),
            (0, 120_000, 60_000, 0),
        ] {
            assert_eq!(
                warmed(live_max, ramp_ms, since_ms),
                want,
                "{live_max} {since_ms}"
            );
        }
    }

    proptest! {
        #![proptest_config(crate::seeded::cases(256))]

        #[test]
        fn no_stretch_of_time_has_more_than_rate_and_burst(
            per_1000_s in 1_u32..200_000,
            burst in 1_u32..20,
            steps in prop::collection::vec(-2_000_i64..5_000, 1..60),
        ) {
            let rate = Rate { per_1000_s, burst };
            let mut bucket = Bucket::full(rate, 0);
            let (mut now, mut latest, mut taken) = (0_i64, 0_i64, 0_i64);
            for step in steps {
                now += step;
                latest = latest.max(now);
                while bucket.has(now) {
                    bucket.take();
                    taken += 1;
                }
                let most = i64::from(burst) + latest * i64::from(per_1000_s) / CALL;
                prop_assert!(taken <= most, "{taken} of {most}");
                let next = bucket.next_ms().unwrap();
                let mut before = bucket;
                prop_assert!(!before.has(next - 1));
                let mut then = bucket;
                prop_assert!(then.has(next));
            }
        }
    }
}
