//! What follows from an answer to a webhook: it is done, it is tried again then, or it is given up.
//!
//! The times between tries are those that Standard Webhooks' specification proposes: ten tries in a little over three days.

/// Between a try and the next, ms, before chance is added.
const BETWEEN_MS: [i64; 9] = [
    5_000,
    5 * 60_000,
    30 * 60_000,
    2 * 3_600_000,
    5 * 3_600_000,
    10 * 3_600_000,
    14 * 3_600_000,
    20 * 3_600_000,
    24 * 3_600_000,
];
/// How often an event is tried at one endpoint.
pub const TRIES_MAX: u64 = BETWEEN_MS.len() as u64 + 1;
/// Of a wait, so much at most is added by chance, in hundredths: those who failed together do not come back together.
const JITTER_PERCENT: i64 = 20;
/// The longest that a receiver may have itself waited for.
const RETRY_AFTER_S_MAX: i64 = 24 * 3_600;
/// An endpoint that has taken nothing for so long is told nothing more, ms.
pub const FAILING_MS_MAX: i64 = 5 * 24 * 3_600_000;

/// What came of asking an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answered with this status.
    Status {
        /// HTTP status.
        status: u16,
        /// How long it wants to be left alone, in seconds.
        retry_after_s: Option<i64>,
    },
    /// There was no answer; why, in stable snake_case.
    None(&'static str),
}

/// What is done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It has the event.
    Delivered,
    /// It wants no event any more.
    Gone,
    /// It is tried again so much later.
    Again {
        /// In so many milliseconds.
        in_ms: i64,
        /// Why, in stable snake_case.
        reason: &'static str,
    },
    /// It is not tried any more.
    Dead {
        /// Why, in stable snake_case.
        reason: &'static str,
    },
}

/// What is done after the `tries`th try (from 1 on). `chance` is any number: it spreads the next tries.
#[must_use]
pub fn next(answer: Answer, tries: u64, chance: u32) -> Next {
    let (reason, retry_after_s) = match answer {
        Answer::Status {
            status: 200..=299, ..
        } => return Next::Delivered,
        Answer::Status { status: 410, .. } => return Next::Gone,
        Answer::Status {
            status: 300..=399, ..
        } => ("redirect", None),
        Answer::Status { retry_after_s, .. } => ("status", retry_after_s),
        Answer::None(reason) => (reason, None),
    };
    let place = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(between) = BETWEEN_MS.get(place) else {
        return Next::Dead { reason };
    };
    let spread = between * JITTER_PERCENT / 100;
    let jitter = i64::from(chance) % (spread + 1);
    let wished = retry_after_s.map_or(0, |s| s.clamp(0, RETRY_AFTER_S_MAX) * 1_000);
    Next::Again {
        in_ms: (between + jitter).max(wished),
        reason,
    }
}

/// How long an endpoint that has failed `failures` times in a row is left alone by all events, ms: what waits for it is
/// not all tried at once.
#[must_use]
pub fn pause_ms(failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(6);
    (5_000_i64 << doublings).min(5 * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(tries: u64, chance: u32) -> Next {
        next(Answer::None("timeout"), tries, chance)
    }

    #[test]
    fn ten_tries_reach_over_more_than_a_day_and_end() {
        let mut in_all = 0;
        for tries in 1..TRIES_MAX {
            let Next::Again { in_ms, reason } = failed(tries, 0) else {
                panic!("{tries}");
            };
            assert_eq!(reason, "timeout");
            in_all += in_ms;
        }
        assert!(in_all > 3 * 24 * 3_600_000, "{in_all}");
        assert_eq!(failed(TRIES_MAX, 0), Next::Dead { reason: "timeout" });
        assert_eq!(failed(u64::MAX, 0), Next::Dead { reason: "timeout" });
        // All tries are over before the endpoint itself is given up.
        assert!(in_all * (100 + JITTER_PERCENT) / 100 < FAILING_MS_MAX);
    }

    #[test]
    fn chance_only_adds_and_within_bounds() {
        for chance in [0, 1, 999, 1_000, u32::MAX] {
            let Next::Again { in_ms, .. } = failed(1, chance) else {
                panic!("{chance}");
            };
            assert!((5_000..=6_000).contains(&in_ms), "{in_ms}");
        }
        assert_ne!(failed(2, 1), failed(2, 2));
    }

    #[test]
    fn an_answer_decides() {
        let status = |status, retry_after_s| {
            let answer = Answer::Status {
                status,
                retry_after_s,
            };
            next(answer, 1, 0)
        };
        for fine in [200, 201, 204, 299] {
            assert_eq!(status(fine, Some(60)), Next::Delivered);
        }
        assert_eq!(status(410, None), Next::Gone);
        let again = |in_ms, reason| Next::Again { in_ms, reason };
        assert_eq!(status(302, Some(600)), again(5_000, "redirect"));
        assert_eq!(status(500, None), again(5_000, "status"));
        assert_eq!(status(404, None), again(5_000, "status"));
        assert_eq!(status(429, Some(60)), again(60_000, "status"));
        assert_eq!(status(503, Some(-1)), again(5_000, "status"));
        assert_eq!(status(503, Some(i64::MAX)), again(24 * 3_600_000, "status"));
    }

    #[test]
    fn a_pause_grows_and_ends() {
        let pauses: Vec<i64> = (0..9).map(pause_ms).collect();
        assert_eq!(pauses[..3], [5_000, 5_000, 10_000]);
        assert_eq!(pauses[8], 300_000);
        assert_eq!(pause_ms(u32::MAX), 300_000);
    }
}
