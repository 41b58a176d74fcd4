//! The noise of a quiet line, the same for the same seed.

use super::playout::SILENCE;
use trunkline_media::g711::mulaw_encode;

/// Scrambles `value` (SplitMix64).
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// White noise of a level, as mu-law.
#[derive(Debug)]
pub(super) struct Noise {
    state: u64,
    /// Largest sample; 0 is digital silence.
    peak: f32,
}

impl Noise {
    pub(super) fn new(level_dbfs: Option<f32>, seed: u64) -> Self {
        // The root mean square of noise spread evenly up to a peak is the peak over the root of three.
        let peak = level_dbfs.map_or(0.0, |db| {
            32_768.0 * 10_f32.powf(db.min(0.0) / 20.0) * 3_f32.sqrt()
        });
        Self {
            state: seed,
            peak: peak.min(32_767.0),
        }
    }

    pub(super) fn fill(&mut self, out: &mut [u8]) {
        if self.peak < 1.0 {
            out.fill(SILENCE);
            return;
        }
        for byte in out {
            self.state = self.state.wrapping_add(1);
            *byte = mulaw_encode(self.sample());
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "24 bits, scaled to at most 16"
    )]
    fn sample(&self) -> i16 {
        let unit = (mix(self.state) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
        (unit * self.peak) as i16
    }
}
