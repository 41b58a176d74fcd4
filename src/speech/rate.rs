//! Whole clips from one sampling rate to another, delay taken off.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use super::SpeechError;

const STEPS_PER_SECOND: usize = 50;
const NAME: &str = "the resampler";

/// A resampler between two fixed rates, used for one clip after another.
pub(super) struct ClipRate {
    resampler: Fft<f32>,
}

impl ClipRate {
    /// From and to in samples per second.
    pub(super) fn new(from: usize, to: usize) -> Result<Self, SpeechError> {
        Fft::new_custom(
            from,
            to,
            from.div_ceil(STEPS_PER_SECOND),
            1,
            1,
            WindowFunction::Hann2,
            FixedSync::Both,
        )
        .map(|resampler| ClipRate { resampler })
        .map_err(|error| SpeechError::inference(NAME, error))
    }

    /// The same sound at the other rate, as long as the first.
    pub(super) fn run(&mut self, clip: &[f32]) -> Result<Vec<f32>, SpeechError> {
        if clip.is_empty() {
            return Ok(Vec::new());
        }
        let input = InterleavedSlice::new(clip, 1, clip.len())
            .map_err(|error| SpeechError::inference(NAME, error))?;
        let output = self
            .resampler
            .process_all(&input, clip.len(), None)
            .map_err(|error| SpeechError::inference(NAME, error))?;
        Ok(output.take_data())
    }
}

/// 16-bit samples as numbers in -1..1.
pub(super) fn to_floats(samples: &[i16]) -> Vec<f32> {
    samples
        .iter()
        .map(|sample| f32::from(*sample) / 32_768.0)
        .collect()
}

/// Numbers in -1..1 as 16-bit samples; what is beyond is cut off.
pub(super) fn to_samples(floats: &[f32]) -> Vec<i16> {
    floats
        .iter()
        .map(|value| (value * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// G.711 mu-law of one sample.
pub(super) fn to_mulaw(sample: i16) -> u8 {
    const BIAS: u16 = 0x84;
    const CLIP: u16 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs().min(CLIP) + BIAS;
    // The bias makes the highest set bit 7 or above.
    let exponent = 8 - magnitude.leading_zeros().min(8);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    let code =
        sign | (u8::try_from(exponent).unwrap_or(7) << 4) | u8::try_from(mantissa).unwrap_or(0x0f);
    !code
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn tone(rate: f32, hertz: f32, count: usize) -> Vec<f32> {
        (0..count)
            .map(|n| (TAU * hertz * n as f32 / rate).sin() * 0.5)
            .collect()
    }

    fn level(samples: &[f32]) -> f32 {
        (samples.iter().map(|value| value * value).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_keeps_its_length_its_level_and_its_phase() {
        // Going down, the delay is a fraction of a sample off.
        for (from, to, limit) in [(8_000, 16_000, 0.005), (22_050, 8_000, 0.03)] {
            let clip = tone(from as f32, 440.0, from);
            let out = ClipRate::new(from, to).unwrap().run(&clip).unwrap();
            assert_eq!(out.len(), to);
            let expected = tone(to as f32, 440.0, to);
            let middle = to / 4..to * 3 / 4;
            let difference: Vec<f32> = middle.map(|n| out[n] - expected[n]).collect();
            assert!(
                level(&difference) < limit,
                "{from} -> {to}: {}",
                level(&difference)
            );
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_taken_out() {
        let out = ClipRate::new(22_050, 8_000)
            .unwrap()
            .run(&tone(22_050.0, 6_000.0, 22_050))
            .unwrap();
        assert!(level(&out[800..7_200]) < 0.001);
    }

    #[test]
    fn one_resampler_serves_clips_one_after_another_alike() {
        let mut rate = ClipRate::new(8_000, 16_000).unwrap();
        let clip = tone(8_000.0, 300.0, 4_001);
        let first = rate.run(&clip).unwrap();
        rate.run(&tone(8_000.0, 1_000.0, 123)).unwrap();
        assert_eq!(first, rate.run(&clip).unwrap());
        assert_eq!(first.len(), 8_002);
        assert!(rate.run(&[]).unwrap().is_empty());
    }

    #[test]
    fn mulaw_of_known_samples() {
        // ITU-T G.711 table 2a: the ends of the scale, both zeros, and both sides of a segment's boundary.
        for (sample, code) in [
            (0, 0xff),
            (-1, 0x7f),
            (32_767, 0x80),
            (-32_768, 0x00),
            (4, 0xfe),
            (-4, 0x7e),
            (132, 0xef),
            (1_000, 0xce),
        ] {
            assert_eq!(to_mulaw(sample), code, "{sample}");
        }
    }
}
