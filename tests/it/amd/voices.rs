//! How greetings sound: voices, tones, and the line they come over.

use std::time::Duration;

use super::greetings::{Greeting, Part, Voice};
use crate::stack::speech;
use trunkline::speech::VoiceSettings;
use trunkline_media::g711::{mulaw_decode, mulaw_encode};
use trunkline_media::resample::resample_i16;

const PATIENT: Duration = Duration::from_secs(120);
/// Silence behind every greeting: whoever calls is listened to.
const AFTER_MS: usize = 4_000;

impl Greeting {
    /// What is said in it.
    pub(super) fn words(&self) -> String {
        let words = self.parts.iter().filter_map(|part| match part {
            Part::Says(text) => Some(*text),
            Part::Quiet(_) | Part::Tone(..) | Part::Pair(..) => None,
        });
        words.collect::<Vec<_>>().join(" … ")
    }

    /// How it sounds on the line, mu-law at 8 kHz, with noise and the silence behind it.
    pub(super) async fn voiced(&self, seed: u64) -> Vec<u8> {
        let mut sound: Vec<f64> = Vec::new();
        for part in &self.parts {
            match part {
                Part::Quiet(ms) => sound.resize(sound.len() + ms * 8, 0.0),
                Part::Says(text) => sound.extend(self.voice.say(text).await),
                Part::Tone(hz, ms) => tone(&mut sound, &[*hz], *ms),
                Part::Pair(low, high, ms) => tone(&mut sound, &[*low, *high], *ms),
            }
        }
        sound.resize(sound.len() + AFTER_MS * 8, 0.0);
        over_the_line(&sound, self.snr_db, seed)
    }
}

impl Voice {
    async fn say(self, text: &str) -> Vec<f64> {
        match self {
            Voice::Own { speed, pitch } => {
                // What is played faster is higher, too: it is said the slower for it.
                let speed = speed / pitch as f32;
                let spoken = speech().say(text, &VoiceSettings { speed }, PATIENT).await;
                let audio = spoken.unwrap().audio;
                let samples: Vec<f64> = audio.iter().map(|b| f64::from(mulaw_decode(*b))).collect();
                stretched(&samples, pitch)
            }
            Voice::Espeak(voice) => {
                let spoken = speech().espeak().speak(text, voice, 0.95, PATIENT).await;
                let (samples, rate) = spoken.unwrap();
                let samples = resample_i16(rate, 8_000, &samples).unwrap();
                samples.into_iter().map(f64::from).collect()
            }
        }
    }
}

/// The same, played so many times as fast.
fn stretched(samples: &[f64], factor: f64) -> Vec<f64> {
    let count = (samples.len() as f64 / factor) as usize;
    let at = |n: usize| samples.get(n).copied().unwrap_or(0.0);
    let one = |n: usize| {
        let place = n as f64 * factor;
        let (whole, part) = (place as usize, place.fract());
        at(whole) * (1.0 - part) + at(whole + 1) * part
    };
    (0..count).map(one).collect()
}

fn tone(sound: &mut Vec<f64>, all_hz: &[f32], ms: usize) {
    let from = sound.len();
    sound.extend((0..ms * 8).map(|n| {
        let time = (from + n) as f64 / 8_000.0;
        let one = |hz: &f32| (std::f64::consts::TAU * f64::from(*hz) * time).sin();
        all_hz.iter().map(one).sum::<f64>() * 6_000.0 / all_hz.len() as f64
    }));
}

/// Noise so far below the voice: hiss, and a hum under it. Then mu-law.
#[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
fn over_the_line(sound: &[f64], snr_db: f64, seed: u64) -> Vec<u8> {
    let loud: Vec<f64> = sound.iter().copied().filter(|s| s.abs() > 600.0).collect();
    let rms = (loud.iter().map(|s| s * s).sum::<f64>() / loud.len().max(1) as f64).sqrt();
    let peak = rms.max(1_000.0) * 10_f64.powf(-snr_db / 20.0) * 3_f64.sqrt();
    let mut state = seed.wrapping_mul(2) + 1;
    let mut noise = move |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let hiss = (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0;
        let hum = (std::f64::consts::TAU * 120.0 * n as f64 / 8_000.0).sin();
        (hiss * 0.9 + hum * 0.3) * peak
    };
    let line = sound.iter().enumerate();
    line.map(|(n, s)| mulaw_encode((s + noise(n)).clamp(-32_000.0, 32_000.0) as i16))
        .collect()
}
