//! How a server's memory goes over time.

use serde_json::{Value, json};

/// Resident memory, read every so often.
#[derive(Debug, Default, Clone)]
pub(crate) struct Curve {
    /// Seconds since the beginning, and KiB.
    samples: Vec<(f64, f64)>,
}

/// What is compared: this part of the samples at either end.
const PART: usize = 6;

impl Curve {
    /// One more.
    pub(crate) fn note(&mut self, at_s: f64, kib: f64) {
        self.samples.push((at_s, kib));
    }

    /// When the last one was read, seconds.
    pub(crate) fn last_s(&self) -> Option<f64> {
        self.samples.last().map(|(at_s, _)| *at_s)
    }

    /// The means of the first and of the last sixth, KiB; `None` of fewer than six samples.
    pub(crate) fn ends_kib(&self) -> Option<(f64, f64)> {
        let count = self.samples.len() / PART;
        let mean =
            |part: &[(f64, f64)]| part.iter().map(|(_, kib)| kib).sum::<f64>() / count as f64;
        (count > 0).then(|| {
            (
                mean(&self.samples[..count]),
                mean(&self.samples[self.samples.len() - count..]),
            )
        })
    }

    /// By how much the last sixth is above the first, per cent.
    pub(crate) fn growth_percent(&self) -> Option<f64> {
        let (first, last) = self.ends_kib()?;
        Some(growth_percent(first, last))
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let samples: Vec<Value> = self
            .samples
            .iter()
            .map(|(at_s, kib)| json!({"at_s": at_s.round(), "rss_kib": kib}))
            .collect();
        json!({"samples": samples, "growth_percent": self.growth_percent()})
    }
}

/// By how much the latter is above the former, per cent.
pub(crate) fn growth_percent(before: f64, after: f64) -> f64 {
    (after / before.max(1e-9) - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_of_the_last_sixth_over_the_first() {
        let mut curve = Curve::default();
        for (at, kib) in [100.0, 100.0, 900.0, 100.0, 100.0, 100.0, 100.0]
            .into_iter()
            .enumerate()
        {
            curve.note(at as f64 * 60.0, kib);
        }
        assert_eq!(curve.growth_percent(), Some(0.0));
        for at in 7..12 {
            curve.note(f64::from(at) * 60.0, 110.0);
        }
        let growth = curve.growth_percent().unwrap();
        assert!((growth - 10.0).abs() < 1e-9, "{growth}");
        assert_eq!(curve.last_s(), Some(660.0));
        assert_eq!(curve.json()["samples"][1]["at_s"], 60.0);
        assert_eq!(Curve::default().growth_percent(), None);
    }
}
