//! Who calls too often: so many calls of one number within so long are let in, and so many of one client's at once. Numbers
//! are known by their keyed hashes, and of no more callers than fit.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// Callers that are remembered at once.
pub const CALLERS_MAX: usize = 10_000;

/// How often a number may call, and how many calls may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodLimits {
    /// Calls of one number to one client within [`FloodLimits::window`]; any number if 0.
    pub calls_per_caller: u32,
    /// Within so long.
    pub window: Duration,
    /// Calls of one client's that go on or are about to, of both directions; any number if 0.
    pub calls_per_client: u32,
}

impl Default for FloodLimits {
    fn default() -> Self {
        Self {
            calls_per_caller: 10,
            window: Duration::from_secs(600),
            calls_per_client: 0,
        }
    }
}

type Callers = BTreeMap<[u8; 32], VecDeque<Instant>>;

/// The calls of late.
#[derive(Default)]
pub struct Floods {
    /// What the operator allows; the usual while it is not set.
    pub limits: OnceLock<FloodLimits>,
    callers: Mutex<Callers>,
}

impl Floods {
    /// The limits that hold.
    #[must_use]
    pub fn limits(&self) -> FloodLimits {
        self.limits.get().copied().unwrap_or_default()
    }

    /// Whether one more call of this caller is let in, which then counts. One that is not does not count: whoever calls on
    /// and on is heard again as soon as the first call is long enough ago.
    #[must_use]
    pub fn lets_in(&self, caller: &[u8; 32]) -> bool {
        let FloodLimits {
            calls_per_caller,
            window,
            ..
        } = self.limits();
        let most = usize::try_from(calls_per_caller).unwrap_or(usize::MAX);
        if most == 0 {
            return true;
        }
        let now = clock::timer_now();
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < window;
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= CALLERS_MAX && !callers.contains_key(caller) {
            make_room(&mut callers, is_recent);
        }
        let calls = callers.entry(*caller).or_default();
        while calls.front().is_some_and(|at| !is_recent(at)) {
            calls.pop_front();
        }
        if calls.len() >= most {
            return false;
        }
        calls.push_back(now);
        true
    }
}

/// Forgets whose calls are long ago, or else a tenth of all, whose calls are the longest ago.
fn make_room(callers: &mut Callers, is_recent: impl Fn(&Instant) -> bool) {
    callers.retain(|_, calls| calls.back().is_some_and(&is_recent));
    if callers.len() < CALLERS_MAX {
        return;
    }
    let last = callers
        .iter()
        .map(|(caller, calls)| (calls.back().copied(), *caller));
    let mut last: Vec<(Option<Instant>, [u8; 32])> = last.collect();
    last.sort_unstable();
    for (_, caller) in last.into_iter().take(CALLERS_MAX / 10) {
        callers.remove(&caller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(n: u32) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.to_be_bytes());
        hash
    }

    fn of(calls_per_caller: u32) -> Floods {
        let floods = Floods::default();
        floods.limits.get_or_init(|| FloodLimits {
            calls_per_caller,
            ..FloodLimits::default()
        });
        floods
    }

    #[tokio::test(start_paused = true)]
    async fn who_calls_too_often_is_let_in_again_when_that_is_long_ago() {
        let floods = of(3);
        let minute = Duration::from_secs(60);
        for _ in 0..3 {
            assert!(floods.lets_in(&caller(1)));
            tokio::time::advance(minute).await;
        }
        assert!(!floods.lets_in(&caller(1)));
        assert!(floods.lets_in(&caller(2)), "another caller is not meant");
        tokio::time::advance(minute * 7 - Duration::from_millis(1)).await;
        assert!(!floods.lets_in(&caller(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(floods.lets_in(&caller(1)));
        assert!(
            !floods.lets_in(&caller(1)),
            "the second is not yet long ago"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_everybody_is_let_in() {
        let floods = of(0);
        for _ in 0..1_000 {
            assert!(floods.lets_in(&caller(1)));
        }
        assert!(floods.callers.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_call_few_are_remembered() {
        let floods = of(1);
        assert!(floods.lets_in(&caller(0)));
        tokio::time::advance(Duration::from_millis(1)).await;
        let most = u32::try_from(CALLERS_MAX).unwrap();
        for n in 1..most * 3 {
            assert!(floods.lets_in(&caller(n)));
            assert!(floods.callers.lock().unwrap().len() <= CALLERS_MAX);
        }
        // The last are known still.
        assert!(!floods.lets_in(&caller(most * 3 - 1)));
        tokio::time::advance(Duration::from_secs(600)).await;
        assert!(floods.lets_in(&caller(most * 3)));
        assert_eq!(floods.callers.lock().unwrap().len(), 1);
    }
}
