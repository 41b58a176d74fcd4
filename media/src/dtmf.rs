//! Key tones (DTMF, ITU-T Q.23/Q.24): finding them in audio, and making them.
//!
//! Eight Goertzel filters look at 20 ms of Hann-windowed audio every 10 ms. A look is a hit when one tone of each group
//! stands clear of its neighbours, the two are of like strength, and together they are nearly all there is: speech
//! almost never is. Three hits in a row make a key, so a tone of 40 ms always counts and one of 20 ms never does; three
//! looks without it end the press.

use crate::g711;
use crate::{FRAME, RATE_HZ, SAMPLES_PER_MS};

const TONES_HZ: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];
const HOP: usize = FRAME / 2;

/// Both tones together are at least this share of all energy in the look.
const SHARE_MIN: f32 = 0.78;
/// The strongest tone of a group is at least this many times the next (8 dB of power).
const CLEAR_MIN: f32 = 6.3;
/// High group over low group: at most 6 dB stronger, at most 10 dB weaker (lines lose treble).
const TWIST_MAX: f32 = 4.0;
const TWIST_MIN: f32 = 0.1;
/// Weaker than this (about -42 dBFS) is not looked at.
const LOUD_DBFS_MIN: f32 = -42.0;
const HITS_MIN: u8 = 3;
const MISSES_MAX: u8 = 3;

/// What the detector says of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DtmfFrame {
    /// The frame sounds like a key, for long enough to count or not.
    pub tone: bool,
    /// A press that became certain in this frame; one per press.
    pub key: Option<char>,
}

/// Listens for keys on one line.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    coefficients: [f32; 8],
    window: [f32; FRAME],
    last: [i16; HOP],
    /// The key of the last hits, how many in a row, and whether it has been told.
    seen: Option<char>,
    hits: u8,
    pressed: Option<char>,
    misses: u8,
}

impl Default for DtmfDetector {
    fn default() -> Self {
        let tau = std::f32::consts::TAU;
        Self {
            coefficients: TONES_HZ.map(|hz| 2.0 * (tau * hz / RATE_HZ as f32).cos()),
            window: std::array::from_fn(|n| {
                0.5 - 0.5 * (tau * (n as f32 + 0.5) / FRAME as f32).cos()
            }),
            last: [0; HOP],
            seen: None,
            hits: 0,
            pressed: None,
            misses: 0,
        }
    }
}

impl DtmfDetector {
    /// Listens to the next frame, whose level the caller already knows (see [`crate::gate::level_dbfs`]).
    pub fn push(&mut self, frame: &[i16; FRAME], level_dbfs: f32) -> DtmfFrame {
        let mut said = DtmfFrame::default();
        let (first, second) = frame.split_at(HOP);
        if level_dbfs < LOUD_DBFS_MIN {
            self.note(None);
            self.note(None);
        } else {
            let late = self.key_in(&mut frame.map(f32::from));
            // A hit alone is none: with none before and none behind it, the look between them need not be taken.
            let is_alone = late.is_none() && self.seen.is_none() && self.pressed.is_none();
            let early = match is_alone {
                true => None,
                false => self.key_in(&mut self.between(first)),
            };
            said.tone = early.is_some() || late.is_some();
            said.key = self.note(early);
            said.key = self.note(late).or(said.key);
        }
        self.last.copy_from_slice(second);
        said
    }

    /// The look that lies half in the frame before this one, whose first half is given.
    fn between(&self, first: &[i16]) -> [f32; FRAME] {
        let mut look = [0.0; FRAME];
        for (slot, &sample) in look.iter_mut().zip(self.last.iter().chain(first)) {
            *slot = f32::from(sample);
        }
        look
    }

    /// Counts one look; returns a key that has just become certain.
    fn note(&mut self, hit: Option<char>) -> Option<char> {
        if hit.is_some() && hit == self.seen {
            self.hits = self.hits.saturating_add(1);
        } else {
            self.seen = hit;
            self.hits = u8::from(hit.is_some());
        }
        if hit.is_none() || hit != self.pressed {
            self.misses = self.misses.saturating_add(1);
            if self.misses >= MISSES_MAX {
                self.pressed = None;
            }
        } else {
            self.misses = 0;
        }
        if self.hits < HITS_MIN || self.seen == self.pressed {
            return None;
        }
        self.pressed = self.seen;
        self.misses = 0;
        self.seen
    }

    /// The key that `look` sounds like. The look is windowed in place.
    fn key_in(&self, look: &mut [f32; FRAME]) -> Option<char> {
        let mut energy = 0.0;
        for (sample, &weight) in look.iter_mut().zip(&self.window) {
            *sample *= weight;
            energy += *sample * *sample;
        }
        let powers = self.powers(look);
        let (row, low, low_next) = strongest(&powers[..4]);
        let (column, high, high_next) = strongest(&powers[4..]);
        // For one tone the power of a Hann-windowed look is N/3 of its energy.
        let share = (low + high) * 3.0 / (energy * FRAME as f32);
        let twist = high / low;
        let clear = low >= CLEAR_MIN * low_next && high >= CLEAR_MIN * high_next;
        let fits = clear && share >= SHARE_MIN && (TWIST_MIN..=TWIST_MAX).contains(&twist);
        fits.then(|| KEYS[row][column])
    }

    /// Goertzel power at each tone; the eight filters run side by side.
    fn powers(&self, look: &[f32; FRAME]) -> [f32; 8] {
        let mut one = [0.0_f32; 8];
        let mut two = [0.0_f32; 8];
        for &sample in look {
            for tone in 0..8 {
                let next = sample + self.coefficients[tone] * one[tone] - two[tone];
                two[tone] = one[tone];
                one[tone] = next;
            }
        }
        std::array::from_fn(|n| {
            one[n] * one[n] + two[n] * two[n] - self.coefficients[n] * one[n] * two[n]
        })
    }
}

/// Index and value of the largest, and the next largest value.
fn strongest(powers: &[f32]) -> (usize, f32, f32) {
    let mut best = (0, 0.0, 0.0);
    for (index, &power) in powers.iter().enumerate() {
        if power > best.1 {
            best = (index, power, best.1);
        } else if power > best.2 {
            best.2 = power;
        }
    }
    best
}

/// A character that is no key of a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a telephone key")]
pub struct UnknownKey;

/// How keys sound when we press them.
#[derive(Debug, Clone, PartialEq)]
pub struct ToneSettings {
    /// Length of each tone, 40 to 2,000 ms.
    pub on_ms: u32,
    /// Silence after each tone, 40 to 2,000 ms.
    pub off_ms: u32,
    /// Level of each of the two tones, dBFS (RMS).
    pub level_dbfs: f32,
}

impl Default for ToneSettings {
    fn default() -> Self {
        Self {
            on_ms: 120,
            off_ms: 80,
            level_dbfs: -14.0,
        }
    }
}

/// The tones of `keys` (`0`-`9`, `*`, `#`, `A`-`D`; `w` is half a second of silence), at most 64 of them, as 8 kHz
/// samples.
///
/// # Errors
/// [`UnknownKey`] when a character is no key, or there are more than 64.
pub fn tones(keys: &str, settings: &ToneSettings) -> Result<Vec<i16>, UnknownKey> {
    if keys.chars().count() > 64 {
        return Err(UnknownKey);
    }
    let on = u64::from(settings.on_ms.clamp(40, 2_000)) * SAMPLES_PER_MS;
    let off = u64::from(settings.off_ms.clamp(40, 2_000)) * SAMPLES_PER_MS;
    let peak = 32_768.0 * 10_f32.powf(settings.level_dbfs.min(-6.1) / 20.0) * 2_f32.sqrt();
    let mut samples = Vec::new();
    for key in keys.chars() {
        if key.eq_ignore_ascii_case(&'w') {
            samples.resize(samples.len() + RATE_HZ as usize / 2, 0);
            continue;
        }
        let (low, high) = pair_hz(key).ok_or(UnknownKey)?;
        for n in 0..on {
            let phase = std::f32::consts::TAU * n as f32 / RATE_HZ as f32;
            // 2 ms of rise and fall, so that the tone starts and ends without a click.
            let edge = (n.min(on - 1 - n) as f32 / 16.0).min(1.0);
            samples.push((edge * peak * ((phase * low).sin() + (phase * high).sin())) as i16);
        }
        samples.resize(samples.len() + off as usize, 0);
    }
    Ok(samples)
}

/// The same as [`tones`], as mu-law bytes.
///
/// # Errors
/// [`UnknownKey`] when a character is no key, or there are more than 64.
pub fn tones_mulaw(keys: &str, settings: &ToneSettings) -> Result<Vec<u8>, UnknownKey> {
    let samples = tones(keys, settings)?;
    let mut bytes = Vec::with_capacity(samples.len());
    g711::mulaw_encode_into(&samples, &mut bytes);
    Ok(bytes)
}

fn pair_hz(key: char) -> Option<(f32, f32)> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().enumerate().find_map(|(row, keys)| {
        let column = keys.iter().position(|&known| known == key)?;
        Some((TONES_HZ[row], TONES_HZ[4 + column]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::level_dbfs;

    fn keys_in(samples: &[i16]) -> String {
        let mut detector = DtmfDetector::default();
        let mut found = String::new();
        for frame in samples.as_chunks::<FRAME>().0 {
            found.extend(detector.push(frame, level_dbfs(frame)).key);
        }
        found
    }

    fn through_mulaw(samples: &mut [i16]) {
        for sample in samples {
            *sample = g711::mulaw_decode(g711::mulaw_encode(*sample));
        }
    }

    fn press(
        low: f32,
        high: f32,
        low_dbfs: f32,
        high_dbfs: f32,
        ms: usize,
        offset: usize,
    ) -> Vec<i16> {
        let peak = |dbfs: f32| 32_768.0 * 10_f32.powf(dbfs / 20.0) * 2_f32.sqrt();
        let mut samples = vec![0; 800 + offset];
        samples.extend((0..ms * 8).map(|n| {
            let phase = std::f32::consts::TAU * n as f32 / 8_000.0;
            (peak(low_dbfs) * (phase * low).sin() + peak(high_dbfs) * (phase * high).sin()) as i16
        }));
        samples.resize(samples.len() + 1_600, 0);
        through_mulaw(&mut samples);
        samples
    }

    #[test]
    fn what_we_press_is_what_is_heard_at_every_alignment() {
        let all = "1234567890*#ABCD";
        for offset in (0..160).step_by(7) {
            for settings in [
                ToneSettings::default(),
                ToneSettings {
                    on_ms: 40,
                    off_ms: 60,
                    level_dbfs: -24.0,
                },
                ToneSettings {
                    on_ms: 500,
                    off_ms: 40,
                    level_dbfs: -8.0,
                },
            ] {
                let mut samples = vec![0; offset];
                samples.extend(tones(all, &settings).unwrap());
                samples.resize(samples.len() + 800, 0);
                through_mulaw(&mut samples);
                assert_eq!(keys_in(&samples), all, "{settings:?} at {offset}");
            }
        }
    }

    #[test]
    fn the_same_key_twice_is_two_presses_and_a_dropout_is_not() {
        assert_eq!(
            keys_in(
                &tones(
                    "5555",
                    &ToneSettings {
                        off_ms: 50,
                        ..Default::default()
                    }
                )
                .unwrap()
            ),
            "5555"
        );
        let mut samples = press(770.0, 1336.0, -15.0, -15.0, 300, 0);
        samples[2_000..2_080].fill(0);
        assert_eq!(keys_in(&samples), "5", "10 ms of packet loss");
    }

    #[test]
    fn limits_of_q24() {
        let cases: &[(&str, Vec<i16>, &str)] = &[
            (
                "1.5 % off, both up",
                press(697.0 * 1.015, 1209.0 * 1.015, -15.0, -15.0, 80, 5),
                "1",
            ),
            (
                "1.5 % off, both down",
                press(941.0 * 0.985, 1633.0 * 0.985, -15.0, -15.0, 80, 5),
                "D",
            ),
            (
                "4 % off",
                press(697.0 * 1.04, 1209.0 * 1.04, -15.0, -15.0, 200, 5),
                "",
            ),
            ("20 ms", press(697.0, 1209.0, -15.0, -15.0, 20, 33), ""),
            (
                "8 dB weaker treble",
                press(697.0, 1209.0, -12.0, -20.0, 80, 0),
                "1",
            ),
            (
                "4 dB stronger treble",
                press(697.0, 1209.0, -16.0, -12.0, 80, 0),
                "1",
            ),
            (
                "14 dB of twist",
                press(697.0, 1209.0, -10.0, -24.0, 200, 0),
                "",
            ),
            ("quiet", press(697.0, 1209.0, -36.0, -36.0, 80, 0), "1"),
            (
                "one tone alone",
                press(770.0, 1336.0, -12.0, -90.0, 200, 0),
                "",
            ),
            ("dial tone", press(350.0, 440.0, -15.0, -15.0, 1_000, 0), ""),
            ("busy tone", press(480.0, 620.0, -15.0, -15.0, 500, 0), ""),
            (
                "answering machine's beep",
                press(1_000.0, 2_000.0, -12.0, -30.0, 500, 0),
                "",
            ),
        ];
        for (name, samples, expected) in cases {
            assert_eq!(keys_in(samples), *expected, "{name}");
        }
    }

    #[test]
    fn harmonic_voices_are_no_keys() {
        // Vowel-like sounds: a gliding pitch with formants, 200 of them, over the range of human voices.
        let mut detector = DtmfDetector::default();
        let (mut frames, mut tone_frames) = (0, 0);
        for voice in 0..200_u32 {
            let pitch = 80.0 + voice as f32 * 1.6;
            let formants = [
                300.0 + (voice * 37 % 600) as f32,
                900.0 + (voice * 91 % 1_500) as f32,
            ];
            let mut phases = [0.0_f32; 20];
            let samples: Vec<i16> = (0..3_200)
                .map(|n| {
                    let hz = pitch * (1.0 + 0.1 * (n as f32 / 900.0).sin());
                    let mut sum = 0.0;
                    for (index, phase) in phases.iter_mut().enumerate() {
                        let harmonic = hz * (index + 1) as f32;
                        *phase += std::f32::consts::TAU * harmonic / 8_000.0;
                        let gain: f32 = formants
                            .iter()
                            .map(|f| 1.0 / (1.0 + ((harmonic - f) / 80.0).powi(2)))
                            .sum();
                        // The glottis and the lips together lose about 6 dB an octave.
                        let gain = (gain + 0.05) / (index + 1) as f32;
                        sum += if harmonic < 3_400.0 {
                            gain * phase.sin()
                        } else {
                            0.0
                        };
                    }
                    (sum * 20_000.0).clamp(-32_000.0, 32_000.0) as i16
                })
                .collect();
            for frame in samples.as_chunks::<FRAME>().0 {
                let said = detector.push(frame, level_dbfs(frame));
                assert_eq!(said.key, None, "voice {voice}");
                frames += 1;
                tone_frames += u32::from(said.tone);
            }
        }
        assert!(
            tone_frames * 100 < frames,
            "{tone_frames} of {frames} frames taken for tones"
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(tones("12x", &ToneSettings::default()), Err(UnknownKey));
        assert_eq!(
            tones(&"1".repeat(65), &ToneSettings::default()),
            Err(UnknownKey)
        );
        assert_eq!(tones("w", &ToneSettings::default()).unwrap().len(), 4_000);
        assert_eq!(
            tones_mulaw("0", &ToneSettings::default()).unwrap().len(),
            1_600
        );
    }
}
