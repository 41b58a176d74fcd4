//! How late an event loop is, from a sleeper that notes how late it was woken.

/// How long the sleeper sleeps, ms.
pub const PROBE_MS: u32 = 20;
/// So many naps count: two seconds of them.
const KEPT: usize = 100;

/// How late the last naps ended.
#[derive(Clone, Debug)]
pub struct Lags {
    late_ms: [f64; KEPT],
    next: usize,
    count: usize,
}

impl Default for Lags {
    fn default() -> Self {
        Self {
            late_ms: [0.0; KEPT],
            next: 0,
            count: 0,
        }
    }
}

impl Lags {
    /// A nap ended so late. One that ended late stands for all that it kept from beginning: they would have ended late too,
    /// each a nap's length less.
    pub fn woke(&mut self, late_ms: f64) {
        let mut late_ms = late_ms.max(0.0);
        for _ in 0..KEPT {
            if let Some(place) = self.late_ms.get_mut(self.next) {
                *place = late_ms;
            }
            self.next = (self.next + 1) % KEPT;
            self.count = (self.count + 1).min(KEPT);
            late_ms -= f64::from(PROBE_MS);
            if late_ms <= 0.0 {
                return;
            }
        }
    }

    /// Nineteen of twenty naps ended at most so late, ms; `None` before the first.
    pub fn p95_ms(&self) -> Option<f64> {
        let mut late = self.late_ms;
        let late = late.get_mut(..self.count)?;
        late.sort_by(f64::total_cmp);
        late.get((late.len() * 95).div_ceil(100).checked_sub(1)?)
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_twenty_is_left_out() {
        let mut lags = Lags::default();
        assert_eq!(lags.p95_ms(), None);
        lags.woke(7.0);
        assert_eq!(lags.p95_ms(), Some(7.0));
        for nap in 0..200 {
            lags.woke(if nap % 25 == 0 { 19.0 } else { 1.0 });
        }
        assert_eq!(lags.p95_ms(), Some(1.0));
        for _ in 0..6 {
            lags.woke(15.0);
        }
        assert_eq!(lags.p95_ms(), Some(15.0));
    }

    #[test]
    fn a_long_stall_counts_for_as_long_as_it_was() {
        let mut lags = Lags::default();
        for _ in 0..KEPT {
            lags.woke(0.5);
        }
        // Ten naps' worth: 200, 180, … 20.
        lags.woke(200.0);
        assert_eq!(lags.p95_ms(), Some(100.0));
        lags.woke(60_000.0);
        assert!(lags.p95_ms().unwrap() > 58_000.0);
        for _ in 0..KEPT {
            lags.woke(0.0);
        }
        assert_eq!(lags.p95_ms(), Some(0.0));
    }
}
