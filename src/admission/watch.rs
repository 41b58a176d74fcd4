//! Reads what the server measures of itself.

use std::time::Duration;

use trunkline_core::admission::{Lags, PROBE_MS, Reading};

use super::Admission;
use super::cpu::Cpu;
use crate::clock;

/// How often it is read.
pub const READ_EVERY: Duration = Duration::from_millis(250);

/// Reads for as long as it is polled, on the event loop whose lag it measures. `waited_ms`: the longest that inference has
/// waited for its turn since this was asked last.
pub async fn watch(admission: &Admission, mut waited_ms: impl FnMut() -> Option<f64>) {
    let nap = Duration::from_millis(PROBE_MS.into());
    let (mut cpu, mut lags) = (Cpu::new(), Lags::default());
    let mut read_at = clock::timer_now() + READ_EVERY;
    loop {
        let wanted = clock::timer_now() + nap;
        tokio::time::sleep_until(wanted).await;
        let now = clock::timer_now();
        lags.woke(now.saturating_duration_since(wanted).as_secs_f64() * 1_000.0);
        if now < read_at {
            continue;
        }
        read_at = now + READ_EVERY;
        admission.read(Reading {
            cpu: cpu.used(),
            lag_ms: lags.p95_ms(),
            wait_ms: waited_ms(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_reads_four_times_a_second() {
        let admission = Admission::default();
        let mut asked = 0;
        let watching = watch(&admission, || {
            asked += 1;
            Some(40.0)
        });
        let stopped = tokio::time::timeout(Duration::from_secs(10), watching).await;
        assert!(stopped.is_err());
        assert!((36..=40).contains(&asked), "{asked}");
        let levels = admission.levels();
        assert_eq!(levels.wait_ms, Some(40.0));
        assert!(levels.lag_ms.is_some_and(|ms| ms <= 1.0), "{levels:?}");
    }
}
