//! Where the energy of 32 ms of sound is, and whether it is one tone, two, or something else.

/// Samples of one look.
pub(super) const LOOK: usize = 256;
const HALF: usize = LOOK / 2;
/// Width of a bin.
const BIN_HZ: f32 = 8_000.0 / LOOK as f32;
/// A tone seen through the window is in its bin and so many on either side.
const LOBE: usize = 2;
/// What lies lower is hum, what lies higher the line cuts off.
const BINS: std::ops::Range<usize> = 3..116;
/// One tone has this share of all energy; two of them together have this much.
const ONE_SHARE_MIN: f32 = 0.92;
const TWO_SHARE_MIN: f32 = 0.94;
/// The weaker of two has this share of the stronger.
const SECOND_MIN: f32 = 0.06;

/// What a look has found: one tone, or two in rising order, Hz; the second is 0 if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Pitch {
    pub(super) low_hz: f32,
    pub(super) high_hz: f32,
}

impl Pitch {
    /// The same tone or tones, within `hz`.
    pub(super) fn is_like(self, other: Self, hz: f32) -> bool {
        (self.low_hz - other.low_hz).abs() <= hz && (self.high_hz - other.high_hz).abs() <= hz
    }

    pub(super) fn is_single(self) -> bool {
        self.high_hz == 0.0
    }
}

/// The tables of a transform of real samples. About 3 KiB, made once for a line.
#[derive(Debug, Clone)]
pub(super) struct Spectrum {
    window: [f32; LOOK],
    /// Of the whole turn in [`LOOK`] steps, the first half.
    turn: [(f32, f32); HALF],
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let angle = |n: f32| std::f32::consts::TAU * n / LOOK as f32;
        Self {
            window: std::array::from_fn(|n| 0.5 - 0.5 * angle(n as f32 + 0.5).cos()),
            turn: std::array::from_fn(|n| (angle(n as f32).cos(), -angle(n as f32).sin())),
        }
    }

    /// The one or two tones that nearly all of this sound is made of.
    pub(super) fn pitch(&self, look: &[i16; LOOK]) -> Option<Pitch> {
        let powers = self.powers(look);
        let all: f32 = powers[BINS].iter().sum();
        if all <= 0.0 {
            return None;
        }
        let (first, of_first) = peak(&powers, None)?;
        if of_first >= ONE_SHARE_MIN * all {
            // A second one may stand so far below that it is no more than a flaw of the first.
            return Some(Pitch {
                low_hz: hz(&powers, first),
                high_hz: 0.0,
            });
        }
        let (second, of_second) = peak(&powers, Some(first))?;
        let fits =
            of_first + of_second >= TWO_SHARE_MIN * all && of_second >= SECOND_MIN * of_first;
        fits.then(|| Pitch {
            low_hz: hz(&powers, first.min(second)),
            high_hz: hz(&powers, first.max(second)),
        })
    }

    /// Power in each bin. Even and odd samples go through one complex transform of half the length.
    fn powers(&self, look: &[i16; LOOK]) -> [f32; HALF] {
        let mut at = [(0.0_f32, 0.0_f32); HALF];
        for (n, slot) in at.iter_mut().enumerate() {
            let from = ((n as u8).reverse_bits() >> 1) as usize * 2;
            let weighed = |n: usize| f32::from(look[n]) * self.window[n];
            *slot = (weighed(from), weighed(from + 1));
        }
        let mut width = 1;
        while width < HALF {
            let step = HALF / width;
            for pair in at.chunks_exact_mut(2 * width) {
                let (low, high) = pair.split_at_mut(width);
                for (n, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let (cos, sin) = self.turn[n * step];
                    let turned = (b.0 * cos - b.1 * sin, b.0 * sin + b.1 * cos);
                    *b = (a.0 - turned.0, a.1 - turned.1);
                    *a = (a.0 + turned.0, a.1 + turned.1);
                }
            }
            width *= 2;
        }
        std::array::from_fn(|k| {
            let (z, mirror) = (at[k], at[(HALF - k) % HALF]);
            let even = (z.0 + mirror.0, z.1 - mirror.1);
            let odd = (z.1 + mirror.1, mirror.0 - z.0);
            let (cos, sin) = self.turn[k];
            let re = even.0 + odd.0 * cos - odd.1 * sin;
            let im = even.1 + odd.0 * sin + odd.1 * cos;
            (re * re + im * im) / 4.0
        })
    }
}

/// The strongest bin outside the lobe of another, and the power of its lobe.
fn peak(powers: &[f32; HALF], beside: Option<usize>) -> Option<(usize, f32)> {
    let is_free = |bin: &usize| beside.is_none_or(|other| bin.abs_diff(other) > LOBE);
    let best = BINS
        .filter(is_free)
        .max_by(|a, b| powers[*a].total_cmp(&powers[*b]))?;
    let lobe = (best - LOBE..=best + LOBE).filter(is_free);
    Some((best, lobe.map(|bin| powers[bin]).sum()))
}

/// Where between bins a tone is: through this window its amplitude in two neighbours tells.
fn hz(powers: &[f32; HALF], bin: usize) -> f32 {
    let (left, right) = (powers[bin - 1], powers[bin + 1]);
    let ratio = (left.max(right) / powers[bin].max(f32::MIN_POSITIVE)).sqrt();
    let shift = ((2.0 * ratio - 1.0) / (ratio + 1.0)).clamp(-0.5, 0.5);
    let shift = if right >= left { shift } else { -shift };
    (bin as f32 + shift) * BIN_HZ
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(parts: &[(f32, f32)]) -> [i16; LOOK] {
        std::array::from_fn(|n| {
            let t = n as f32 / 8_000.0;
            let sum: f32 = parts
                .iter()
                .map(|(hz, peak)| peak * (std::f32::consts::TAU * hz * t + 0.3).sin())
                .sum();
            sum as i16
        })
    }

    #[test]
    fn energy_is_where_the_sound_is_and_none_is_lost() {
        let spectrum = Spectrum::new();
        let look = sound(&[(1_000.0, 8_000.0)]);
        let powers = spectrum.powers(&look);
        // By Parseval, of a window whose squares sum to 3/8 of its length.
        let energy: f32 = 8_000.0_f32.powi(2) / 2.0 * (LOOK as f32 * 0.375);
        let found: f32 = powers.iter().sum::<f32>() * 2.0 / LOOK as f32;
        assert!((found / energy - 1.0).abs() < 0.02, "{found} {energy}");
        let loudest = (0..HALF).max_by(|a, b| powers[*a].total_cmp(&powers[*b]));
        assert_eq!(loudest, Some(32));
    }

    #[test]
    fn one_and_two_tones_are_found_to_the_hertz() {
        let spectrum = Spectrum::new();
        for hz in [
            397.0, 440.0, 850.0, 1_004.0, 1_100.0, 1_399.0, 2_003.0, 2_100.0,
        ] {
            let pitch = spectrum.pitch(&sound(&[(hz, 6_000.0)])).unwrap();
            assert!(
                pitch.is_single() && (pitch.low_hz - hz).abs() < 3.0,
                "{hz}: {pitch:?}"
            );
        }
        for (low, high) in [(480.0, 620.0), (600.0, 1_500.0), (941.0, 1_336.0)] {
            let pitch = spectrum
                .pitch(&sound(&[(low, 5_000.0), (high, 4_000.0)]))
                .unwrap();
            let like = Pitch {
                low_hz: low,
                high_hz: high,
            };
            assert!(pitch.is_like(like, 6.0), "{pitch:?}");
        }
    }

    #[test]
    fn many_harmonics_and_noise_are_neither() {
        let spectrum = Spectrum::new();
        let voice: Vec<(f32, f32)> = (2..12).map(|k| (130.0 * k as f32, 2_000.0)).collect();
        assert_eq!(spectrum.pitch(&sound(&voice)), None);
        let mut seed = 9_u32;
        let noise = std::array::from_fn(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 18) as i16
        });
        assert_eq!(spectrum.pitch(&noise), None);
        assert_eq!(spectrum.pitch(&[0; LOOK]), None);
    }
}
