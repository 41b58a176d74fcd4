//! From what the voice model makes to what a telephone carries: silence off the ends, an even level, 8 kHz mu-law.

use trunkline_media::g711::{MULAW_SILENCE, mulaw_encode};
use trunkline_media::resample::Resampler;

use super::SpeechError;

/// Samples per second on the line.
pub const LINE_RATE: usize = 8_000;
const FRAME_MS: usize = 10;
/// What is quieter than the loudest frame by this factor (-40 dB) counts as silence.
const SILENCE_RATIO: f32 = 0.01;
const KEEP_BEFORE_MS: usize = 20;
const KEEP_AFTER_MS: usize = 60;
/// Level of the frames that hold voice: -19 dB of full scale.
const LEVEL: f32 = 0.112;
/// No sample beyond this: -1 dB.
const PEAK: f32 = 0.89;
const GAIN_MAX: f32 = 8.0;

/// Without long silence at its ends, at the usual level. Silent sound becomes empty.
pub(super) fn shaped(mut sound: Vec<f32>, rate: usize) -> Vec<f32> {
    let frame = rate * FRAME_MS / 1_000;
    let levels: Vec<f32> = sound.chunks(frame.max(1)).map(level).collect();
    let loudest = levels.iter().copied().fold(0.0, f32::max);
    let threshold = (loudest * SILENCE_RATIO).max(1e-4);
    let voiced = |level: &f32| *level > threshold;
    let (Some(first), Some(last)) = (
        levels.iter().position(voiced),
        levels.iter().rposition(voiced),
    ) else {
        return Vec::new();
    };
    let end = ((last + 1) * frame + rate * KEEP_AFTER_MS / 1_000).min(sound.len());
    let start = (first * frame).saturating_sub(rate * KEEP_BEFORE_MS / 1_000);
    sound.truncate(end);
    sound.drain(..start);
    let speaking: Vec<f32> = levels
        .into_iter()
        .filter(|level| *level > loudest * 0.1)
        .collect();
    let active = (speaking.iter().map(|level| level * level).sum::<f32>()
        / speaking.len().max(1) as f32)
        .sqrt();
    let peak = sound
        .iter()
        .fold(0.0_f32, |peak, value| peak.max(value.abs()));
    let gain = (LEVEL / active).min(PEAK / peak).min(GAIN_MAX);
    for value in &mut sound {
        *value *= gain;
    }
    sound
}

/// A resampler of whole clips, between rates in samples per second.
pub(super) fn resampler(from: usize, to: usize) -> Result<Resampler, SpeechError> {
    let hz = |rate: usize| u32::try_from(rate).unwrap_or(u32::MAX);
    Resampler::of_clips(hz(from), hz(to))
        .map_err(|error| SpeechError::inference("the resampler", error))
}

/// The sound for the line, followed by `pause_ms` of silence.
pub(super) fn for_line(down: &mut Resampler, sound: &[f32], pause_ms: usize) -> Vec<u8> {
    // The cast saturates.
    let sample = |value: f32| (value * 32_767.0).round() as i16;
    let pause = std::iter::repeat_n(MULAW_SILENCE, pause_ms * LINE_RATE / 1_000);
    let spoken = down.clip(sound).into_iter().map(sample).map(mulaw_encode);
    spoken.chain(pause).collect()
}

/// Root mean square.
pub(super) fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|value| value * value).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn with_silence(amplitude: f32) -> Vec<f32> {
        let tone = (0..22_050).map(|n| (TAU * 220.0 * n as f32 / 22_050.0).sin() * amplitude);
        let silence = || std::iter::repeat_n(0.0, 11_025);
        silence().chain(tone).chain(silence()).collect()
    }

    #[test]
    fn ends_are_trimmed_and_the_level_is_even() {
        for amplitude in [0.05, 0.3, 0.9] {
            let sound = shaped(with_silence(amplitude), 22_050);
            let ms = sound.len() * 1_000 / 22_050;
            assert!((1_070..=1_100).contains(&ms), "{ms}");
            let loud = level(&sound[4_410..17_640]);
            assert!((loud - LEVEL).abs() < 0.005, "{amplitude}: {loud}");
        }
    }

    #[test]
    fn a_whisper_is_not_raised_without_end_and_silence_is_empty() {
        let sound = shaped(with_silence(0.004), 22_050);
        assert!(level(&sound) < 0.03);
        assert!(shaped(vec![0.0; 22_050], 22_050).is_empty());
        assert!(shaped(Vec::new(), 22_050).is_empty());
    }

    #[test]
    fn the_line_gets_a_byte_a_sample_and_the_pause() {
        let mut down = resampler(22_050, LINE_RATE).unwrap();
        let bytes = for_line(&mut down, &[0.0; 22_050], 200);
        assert_eq!(bytes.len(), 8_000 + 1_600);
        assert!(bytes.iter().all(|byte| *byte == MULAW_SILENCE));
    }
}
