//! Sounds that are no interruption: a cough, a sign of listening, the noise of a street. All are made here, and are the
//! same in every run.

use super::{Frame, Random, encoded};
use crate::tone::Marker;
use clap::ValueEnum;
use std::f64::consts::TAU;
use trunkline_media::FRAME;

const RATE_HZ: f64 = 8_000.0;

/// What a caller does that is no interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Noise {
    /// Coughs, 250 to 400 ms.
    Cough,
    /// Says "mm-hm".
    #[value(name = "mm-hm")]
    MmHm,
    /// Stands in a street for two seconds.
    Street,
    /// Has a line that returns what it is sent.
    Echo,
}

impl Noise {
    /// Every one, in the order of every list about them.
    pub(crate) const ALL: [Self; 4] = [Self::Cough, Self::MmHm, Self::Street, Self::Echo];

    /// For people and machines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cough => "cough",
            Self::MmHm => "mm-hm",
            Self::Street => "street",
            Self::Echo => "echo",
        }
    }

    /// What tells the fake recogniser what follows; nothing tells it of an echo.
    pub(crate) fn marker(self) -> Option<Marker> {
        match self {
            Self::Cough | Self::Street => Some(Marker::Sound),
            Self::MmHm => Some(Marker::Backchannel),
            Self::Echo => None,
        }
    }
}

/// Some of each kind.
pub(crate) struct Sounds {
    coughs: Vec<Vec<Frame>>,
    mm_hms: Vec<Vec<Frame>>,
    streets: Vec<Vec<Frame>>,
}

impl Sounds {
    /// Makes them.
    pub(crate) fn made() -> Self {
        let mut random = Random::new(2);
        Self {
            coughs: [260, 300, 340, 400]
                .map(|ms| framed(&cough(ms, &mut random)))
                .to_vec(),
            mm_hms: [110.0, 140.0, 205.0]
                .map(|pitch| framed(&mm_hm(pitch)))
                .to_vec(),
            streets: [480.0, 560.0]
                .map(|loudness| framed(&street(loudness, &mut random)))
                .to_vec(),
        }
    }

    /// One of a kind; nothing of an echo, which is not made but returned.
    pub(crate) fn of(&self, kind: Noise, which: usize) -> &[Frame] {
        let some = match kind {
            Noise::Cough => &self.coughs,
            Noise::MmHm => &self.mm_hms,
            Noise::Street => &self.streets,
            Noise::Echo => return &[],
        };
        &some[which % some.len()]
    }
}

fn framed(samples: &[f64]) -> Vec<Frame> {
    let clipped: Vec<i16> = samples
        .iter()
        .map(|s| s.clamp(-30_000.0, 30_000.0) as i16)
        .collect();
    clipped.chunks_exact(FRAME).map(encoded).collect()
}

fn white(random: &mut Random) -> f64 {
    random.share() * 2.0 - 1.0
}

/// A burst of breath through the throat, and a weaker one behind it.
fn cough(ms: usize, random: &mut Random) -> Vec<f64> {
    let count = ms * 8;
    let (mut low, mut lower) = (0.0, 0.0);
    (0..count)
        .map(|at| {
            let share = at as f64 / count as f64;
            // Noise between 400 and 2,000 Hz, nearly.
            low += 0.8 * (white(random) - low);
            lower += 0.25 * (low - lower);
            let first = (-share * 7.0).exp();
            let second = 0.45 * (-((share - 0.55) * 6.0).powi(2)).exp();
            24_000.0 * (low - lower) * (first + second).max(0.12)
        })
        .collect()
}

/// Two syllables of a hummed voice, the second higher.
fn mm_hm(pitch_hz: f64) -> Vec<f64> {
    let syllable = |hz: f64, ms: usize| {
        let count = ms * 8;
        (0..count).map(move |at| {
            let swell = (at as f64 / count as f64 * TAU / 2.0).sin().max(0.0).sqrt();
            let harmonics = (1..=12).map(|n| {
                let hz = hz * f64::from(n);
                // A hum has most of its sound below 400 Hz.
                let loudness = 1.0 / (1.0 + (hz / 350.0).powi(2));
                loudness * (at as f64 / RATE_HZ * hz * TAU).sin()
            });
            5_500.0 * swell * harmonics.sum::<f64>()
        })
    };
    let breath = std::iter::repeat_n(0.0, 40 * 8);
    let first = syllable(pitch_hz, 180);
    let second = syllable(pitch_hz * 1.25, 260);
    first.chain(breath).chain(second).collect()
}

/// Two seconds of traffic, about -36 dBFS, without a pause in it.
fn street(loudness: f64, random: &mut Random) -> Vec<f64> {
    let (mut low, mut rumble) = (0.0, 0.0);
    let noise: Vec<f64> = (0..2 * 8_000)
        .map(|at| {
            low += 0.45 * (white(random) - low);
            rumble += 0.06 * (white(random) - rumble);
            let swell = 1.0 + 0.3 * (at as f64 / RATE_HZ * 1.3 * TAU).sin();
            swell * (low + 2.0 * rumble)
        })
        .collect();
    let power = noise.iter().map(|s| s * s).sum::<f64>() / noise.len() as f64;
    let gain = loudness / power.sqrt().max(1e-9);
    noise.into_iter().map(|s| s * gain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::VOICE_PEAK;
    use trunkline_media::g711::mulaw_decode;

    #[test]
    fn sounds_are_loud_at_once_and_last_as_long_as_they_are_said_to() {
        let sounds = Sounds::made();
        for (kind, ms, rms) in [
            (Noise::Cough, 260..=400, 1_500.0..9_000.0),
            (Noise::MmHm, 460..=500, 1_500.0..9_000.0),
            (Noise::Street, 2_000..=2_000, 400.0..600.0),
        ] {
            for which in 0..4 {
                let sound = sounds.of(kind, which);
                assert!(ms.contains(&(sound.len() * 20)), "{kind:?}");
                let samples: Vec<f64> = sound
                    .iter()
                    .flatten()
                    .map(|&code| f64::from(mulaw_decode(code)))
                    .collect();
                let power = samples.iter().map(|s| s * s).sum::<f64>() / samples.len() as f64;
                assert!(rms.contains(&power.sqrt()), "{kind:?} {}", power.sqrt());
                // The recogniser reads what it is from the quiet before it, and must not be asked again in the middle.
                let voiced: Vec<bool> = samples
                    .chunks(80)
                    .map(|block| block.iter().any(|s| s.abs() > f64::from(VOICE_PEAK)))
                    .collect();
                assert!(voiced[0] || voiced[1], "{kind:?}");
                let longest = voiced.split(|v| *v).map(<[bool]>::len).max();
                assert!(longest < Some(9), "{kind:?} {longest:?}");
            }
        }
        assert!(sounds.of(Noise::Echo, 0).is_empty());
    }
}
