//! What is to be heard where the caller is.

use trunkline_media::g711::{mulaw_decode, mulaw_encode_into};

use super::scenario::{Noise, NoiseKind};
use crate::carrier_double::Speech;

/// A noise lasts so long and begins again: eight seconds.
const SAMPLES: usize = 64_000;
/// How slowly a rumble changes: most of it is below 100 Hz.
const RUMBLE: f32 = 0.08;

/// The noise of a scenario; `voices` are what others say, for a babble.
pub(super) fn noise(noise: Noise, voices: &[std::sync::Arc<[u8]>]) -> Speech {
    let mut samples = match noise.kind {
        NoiseKind::White => white(1),
        NoiseKind::Rumble => rumble(),
        NoiseKind::Babble => babble(voices),
    };
    level(&mut samples, noise.level_db);
    let samples: Vec<i16> = samples.iter().map(|sample| *sample as i16).collect();
    let mut mulaw = Vec::with_capacity(samples.len());
    mulaw_encode_into(&samples, &mut mulaw);
    Speech::mulaw(mulaw)
}

/// Even noise between -1 and 1, the same for the same seed.
fn white(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    (0..SAMPLES).map(|_| next()).collect()
}

fn rumble() -> Vec<f32> {
    let mut slow = 0.0;
    let mut low = |sample: f32| {
        slow += RUMBLE * (sample - slow);
        slow
    };
    white(2).into_iter().map(&mut low).collect()
}

/// Everybody at once, each over and over.
fn babble(voices: &[std::sync::Arc<[u8]>]) -> Vec<f32> {
    let mut all = vec![0.0; SAMPLES];
    for (number, voice) in voices.iter().filter(|voice| !voice.is_empty()).enumerate() {
        let behind = number * voice.len() / voices.len();
        let voice = voice.iter().cycle().skip(behind);
        for (sample, byte) in all.iter_mut().zip(voice) {
            *sample += f32::from(mulaw_decode(*byte));
        }
    }
    all
}

/// Makes it as loud as it is to be, in dBFS.
fn level(samples: &mut [f32], level_db: f32) {
    let square: f32 = samples.iter().map(|sample| sample * sample).sum();
    let rms = (square / samples.len().max(1) as f32).sqrt();
    if rms <= 0.0 {
        return;
    }
    let gain = 32_768.0 * 10_f32.powf(level_db / 20.0) / rms;
    for sample in samples {
        *sample = (*sample * gain).clamp(-32_767.0, 32_767.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_noise_is_as_loud_as_it_is_to_be() {
        let voice: std::sync::Arc<[u8]> = (0..8_000_u32).map(|at| (at % 200) as u8).collect();
        let voices = [voice.clone(), voice];
        for mut samples in [white(1), rumble(), babble(&voices)] {
            level(&mut samples, -40.0);
            let square: f32 = samples.iter().map(|sample| sample * sample).sum();
            let db = 20.0 * ((square / samples.len() as f32).sqrt() / 32_768.0).log10();
            assert!((db + 40.0).abs() < 0.5, "{db}");
        }
        let silent = noise(
            Noise {
                kind: NoiseKind::Babble,
                level_db: -30.0,
            },
            &[],
        );
        assert_eq!(silent.duration_ms(), 8_000);
    }
}
