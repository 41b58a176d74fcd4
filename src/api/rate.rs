//! How often a key may ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// How often a key may ask.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests a second, for any length of time.
    pub per_second: u32,
    /// Requests at once after a pause.
    pub burst: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            per_second: 300,
            burst: 600,
        }
    }
}

/// Most keys whose use is remembered; one that is forgotten has its whole burst again.
const KEYS_MAX: usize = 10_000;

struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets of all keys.
pub(super) struct Buckets {
    rate: Rate,
    keys: Mutex<HashMap<Arc<str>, Bucket>>,
}

/// What the bucket says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// Whether it may go on.
    pub(super) allowed: bool,
    /// Requests that could follow at once.
    pub(super) left: u32,
    /// Seconds until the next may be made, or until the burst is whole again if it may now.
    pub(super) reset_s: u64,
}

impl Buckets {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            keys: Mutex::default(),
        }
    }

    /// The most that may be asked at once.
    pub(super) fn burst(&self) -> u32 {
        self.rate.burst
    }

    /// Takes one token of a key's.
    pub(super) fn draw(&self, key: &Arc<str>, now: Instant) -> Drawn {
        let (rate, burst) = (
            f64::from(self.rate.per_second.max(1)),
            f64::from(self.rate.burst.max(1)),
        );
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX && !keys.contains_key(key) {
            let full = |bucket: &Bucket| bucket.filled(rate, burst, now) >= burst;
            keys.retain(|_, bucket| !full(bucket));
            if keys.len() >= KEYS_MAX {
                keys.clear();
            }
        }
        let bucket = keys.entry(Arc::clone(key)).or_insert(Bucket {
            tokens: burst,
            at: now,
        });
        bucket.tokens = bucket.filled(rate, burst, now);
        bucket.at = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        let missing = if allowed {
            burst - bucket.tokens
        } else {
            1.0 - bucket.tokens
        };
        Drawn {
            allowed,
            left: bucket.tokens as u32,
            reset_s: (missing / rate).ceil() as u64,
        }
    }
}

impl Bucket {
    fn filled(&self, rate: f64, burst: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + passed * rate).min(burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_the_rate() {
        let buckets = Buckets::new(Rate {
            per_second: 10,
            burst: 20,
        });
        let (one, other) = (Arc::from("key_1"), Arc::from("key_2"));
        let mut now = clock::timer_now();
        let allowed = |key, now| (0..100).filter(|_| buckets.draw(key, now).allowed).count();
        assert_eq!(allowed(&one, now), 20);
        assert_eq!(allowed(&other, now), 20, "keys do not share");
        let refused = buckets.draw(&one, now);
        assert_eq!((refused.left, refused.reset_s), (0, 1));
        now += Duration::from_millis(500);
        assert_eq!(allowed(&one, now), 5);
        now += Duration::from_secs(3_600);
        assert_eq!(allowed(&one, now), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_keys_is_forgotten() {
        let buckets = Buckets::new(Rate::default());
        for n in 0..3 * KEYS_MAX {
            buckets.draw(&Arc::from(format!("key_{n}")), clock::timer_now());
        }
        assert!(buckets.keys.lock().unwrap().len() <= KEYS_MAX);
    }
}
