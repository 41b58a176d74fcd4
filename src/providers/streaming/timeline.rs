//! From a connection's time to the call's.

use super::shared::SAMPLES_PER_MS;

/// Pieces of silence that are told apart; beyond, they count as one with the last.
const INSERTED_MAX: usize = 64;

/// A connection begins in mid-call, and gets silence now and then that is not of the call.
pub(super) struct Timeline {
    /// The call's sample that is the connection's first.
    begins_at: u64,
    sent: u64,
    /// Silence: the connection's sample where it begins, and its length.
    inserted: Vec<(u64, u64)>,
}

impl Timeline {
    pub(super) fn new(begins_at: u64) -> Self {
        Self {
            begins_at,
            sent: 0,
            inserted: Vec::new(),
        }
    }

    /// So much of the call's audio was sent.
    pub(super) fn sent(&mut self, samples: usize) {
        self.sent += samples as u64;
    }

    /// So much silence was sent.
    pub(super) fn silence(&mut self, samples: usize) {
        let samples = samples as u64;
        let is_full = self.inserted.len() >= INSERTED_MAX;
        match self.inserted.last_mut() {
            Some((at, length)) if is_full || *at + *length == self.sent => *length += samples,
            Some(_) | None => self.inserted.push((self.sent, samples)),
        }
        self.sent += samples;
    }

    /// The call's sample at the connection's time.
    pub(super) fn sample(&self, ms: u64) -> u64 {
        let at = ms.saturating_mul(SAMPLES_PER_MS).min(self.sent);
        let before = |&(from, length): &(u64, u64)| at.saturating_sub(from).min(length);
        self.begins_at + at - self.inserted.iter().map(before).sum::<u64>()
    }

    /// The call's time at the connection's.
    pub(super) fn ms(&self, ms: u64) -> u64 {
        self.sample(ms) / SAMPLES_PER_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_calls_audio() {
        let mut timeline = Timeline::new(80_000);
        timeline.silence(800);
        timeline.silence(800);
        timeline.sent(8_000);
        timeline.silence(800);
        timeline.sent(8_000);
        for (connection_ms, call_ms) in [
            (0, 10_000),
            (200, 10_000),
            (201, 10_001),
            (1_200, 11_000),
            (1_250, 11_000),
            (1_300, 11_000),
            (2_300, 12_000),
            (999_999, 12_000),
            (u64::MAX, 12_000),
        ] {
            assert_eq!(timeline.ms(connection_ms), call_ms, "{connection_ms}");
        }
    }

    #[test]
    fn any_number_of_silences_is_counted() {
        let mut timeline = Timeline::new(0);
        for _ in 0..10_000 {
            timeline.silence(8);
            timeline.sent(8);
        }
        assert!(timeline.inserted.len() <= INSERTED_MAX);
        assert_eq!(timeline.ms(20_000), 10_000);
    }
}
