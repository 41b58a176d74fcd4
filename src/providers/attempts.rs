//! When a connection that was lost is made again, and when it is given up.

use std::time::Duration;

use trunkline_core::wire::link::{Trouble, TroubleKind};

/// Attempts in a row that gave nothing, until no more are made.
const FAILURES_MAX: u32 = 4;
/// The same where another provider stands ready.
const FAILURES_BRIEF_MAX: u32 = 2;
/// Nobody waits longer than this for one provider while another stands ready.
const PAUSE_BRIEF_MAX: Duration = Duration::from_millis(500);
/// Pauses before an attempt, by how many failed before it.
const PAUSES_MS: [u64; FAILURES_MAX as usize] = [0, 250, 500, 1_000];
/// A connection that lasted shorter is not made again at once.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// Longest pause, whatever the other side asks for: a call does not wait longer.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Lost {
    /// Why.
    pub(super) trouble: Trouble,
    /// It gave something that the call could use.
    pub(super) was_useful: bool,
    /// It said nothing although it should have.
    pub(super) has_stalled: bool,
    /// How long it was open.
    pub(super) lived: Duration,
}

/// The attempts of one call.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failures: u32,
    /// Of those, how many were open and said nothing.
    pub(super) stalls: u32,
    /// Another provider stands ready: silence is not borne twice, and a failure not often.
    is_brief: bool,
}

impl Attempts {
    /// Of a call for which another provider stands ready, or not.
    pub(super) fn new(is_brief: bool) -> Self {
        Self {
            is_brief,
            ..Self::default()
        }
    }

    /// Another provider stands ready from now on.
    pub(super) fn be_brief(&mut self) {
        self.is_brief = true;
    }

    /// Takes a loss, and says how long to wait before the next attempt; `None` if there shall be none.
    pub(super) fn after(&mut self, lost: &Lost) -> Option<Duration> {
        let kind = lost.trouble.kind;
        let is_final = matches!(kind, TroubleKind::Key | TroubleKind::Quota);
        if is_final || (!kind.may_pass() && !lost.was_useful) {
            return None;
        }
        let is_deaf = self.is_brief && lost.has_stalled;
        if is_deaf {
            return None;
        }
        if lost.was_useful {
            *self = Self::new(self.is_brief);
        } else {
            self.failures += 1;
            self.stalls += u32::from(lost.has_stalled);
        }
        let failures_max = match self.is_brief {
            true => FAILURES_BRIEF_MAX,
            false => FAILURES_MAX,
        };
        if self.failures >= failures_max {
            return None;
        }
        let step = match lost.lived < SHORT_LIFE {
            true => self.failures.max(1),
            false => self.failures,
        };
        let asked = lost.trouble.retry_after_ms.unwrap_or(0);
        let pause = Duration::from_millis(PAUSES_MS[step as usize].max(asked));
        (!self.is_brief || pause <= PAUSE_BRIEF_MAX).then_some(pause.min(PAUSE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(kind: TroubleKind, was_useful: bool, lived_ms: u64) -> Lost {
        Lost {
            trouble: Trouble::new(kind, "x"),
            was_useful,
            has_stalled: false,
            lived: Duration::from_millis(lived_ms),
        }
    }

    fn pauses(losses: &[Lost]) -> Vec<Option<u64>> {
        let mut attempts = Attempts::default();
        let ms = |pause: Duration| pause.as_millis() as u64;
        losses
            .iter()
            .map(|lost| attempts.after(lost).map(ms))
            .collect()
    }

    #[test]
    fn the_fourth_failure_in_a_row_is_the_last() {
        let failed = || lost(TroubleKind::Server, false, 0);
        let all = [failed(), failed(), failed(), failed()];
        assert_eq!(pauses(&all), [Some(250), Some(500), Some(1_000), None]);
        let useful = lost(TroubleKind::Server, true, 60_000);
        let all = [failed(), failed(), failed(), useful, failed()];
        assert_eq!(
            pauses(&all),
            [Some(250), Some(500), Some(1_000), Some(0), Some(250)]
        );
    }

    #[test]
    fn where_another_stands_ready_less_is_borne() {
        let after = |losses: &[Lost]| -> Vec<bool> {
            let mut attempts = Attempts::new(true);
            let goes_on = |lost| attempts.after(lost).is_some();
            losses.iter().map(goes_on).collect()
        };
        let failed = |was_useful| lost(TroubleKind::Server, was_useful, 0);
        assert_eq!(after(&[failed(false), failed(false)]), [true, false]);
        let useful = [
            failed(true),
            failed(true),
            failed(false),
            failed(true),
            failed(false),
        ];
        assert_eq!(after(&useful), [true; 5]);
        let mut stalled = failed(true);
        stalled.has_stalled = true;
        assert_eq!(after(&[stalled]), [false]);
        let mut busy = lost(TroubleKind::Rate, true, 5_000);
        busy.trouble.retry_after_ms = Some(2_000);
        assert_eq!(after(&[busy]), [false]);
    }

    #[test]
    fn a_connection_that_does_not_last_is_not_made_again_at_once() {
        for (lived_ms, pause) in [(0, 250), (999, 250), (1_000, 0)] {
            let all = [lost(TroubleKind::Server, true, lived_ms)];
            assert_eq!(pauses(&all), [Some(pause)], "{lived_ms}");
        }
    }

    #[test]
    fn what_does_not_pass_ends_it() {
        for (kind, was_useful, goes_on) in [
            (TroubleKind::Key, false, false),
            (TroubleKind::Key, true, false),
            (TroubleKind::Quota, true, false),
            (TroubleKind::Request, false, false),
            (TroubleKind::Request, true, true),
            (TroubleKind::Rate, false, true),
            (TroubleKind::Protocol, false, true),
        ] {
            let pause = pauses(&[lost(kind, was_useful, 5_000)])[0];
            assert_eq!(pause.is_some(), goes_on, "{kind:?} {was_useful}");
        }
    }

    #[test]
    fn a_pause_that_is_asked_for_is_kept_within_reason() {
        for (asked_ms, pause) in [(100, 250), (2_000, 2_000), (60_000, 5_000)] {
            let mut refused = lost(TroubleKind::Rate, false, 0);
            refused.trouble.retry_after_ms = Some(asked_ms);
            assert_eq!(pauses(&[refused]), [Some(pause)]);
        }
    }
}
