//! The log-mel picture of eight seconds that Smart Turn looks at: Whisper's front end.
//!
//! 80 Slaney mel bands by 800 frames of 10 ms, from a sound of zero mean and unit variance; after Hugging Face's
//! `WhisperFeatureExtractor(chunk_length=8)` with `do_normalize=True` (Apache-2.0).

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

/// Samples in the picture: 8 s at 16 kHz.
pub(super) const SAMPLES: usize = 128_000;
/// Bands in the picture.
pub(super) const BANDS: usize = 80;
/// Frames in the picture.
pub(super) const FRAMES: usize = 800;
const RATE: f64 = 16_000.0;
const WINDOW: usize = 400;
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
const VARIANCE_FLOOR: f32 = 1e-7;
const POWER_FLOOR: f64 = 1e-10;
/// In powers of ten below the loudest.
const RANGE: f64 = 8.0;

/// The window, the transform and the filters, made once.
pub(super) struct MelPicture {
    window: Vec<f64>,
    transform: Arc<dyn RealToComplex<f64>>,
    filters: Vec<Filter>,
}

/// A picture of eight seconds: the silence in front of the sound, of which every frame is the same, and the rest.
pub(super) struct Drawn {
    /// How many frames are silence.
    pub(super) hush_frames: usize,
    /// The value of each band in each of them.
    pub(super) hush: [f32; BANDS],
    /// The frames after them, one behind the other: [`BANDS`] values each.
    pub(super) sound: Vec<f32>,
}

/// A triangle over the bins from `first` on.
struct Filter {
    first: usize,
    weights: Vec<f64>,
}

impl MelPicture {
    pub(super) fn new() -> Self {
        MelPicture {
            window: (0..WINDOW)
                .map(|n| 0.5 - 0.5 * (TAU * n as f64 / WINDOW as f64).cos())
                .collect(),
            transform: RealFftPlanner::new().plan_fft_forward(WINDOW),
            filters: filters(),
        }
    }

    /// [`FRAMES`] frames. Of a longer sound the last eight seconds are taken, a shorter one is led by silence.
    pub(super) fn draw(&self, sound: &[f32]) -> Drawn {
        let sound = sound
            .get(sound.len().saturating_sub(SAMPLES)..)
            .unwrap_or(sound);
        let lead = SAMPLES - sound.len();
        // Frames that lie wholly in the led silence are all alike: one of them is drawn.
        let hush_frames = (lead / HOP).saturating_sub(2);
        let first = hush_frames.saturating_sub(1);
        let samples = normalised(sound, lead, first * HOP);
        let mut scratch = Scratch::new(&*self.transform);
        let mut picture = vec![0.0_f64; (FRAMES - first) * BANDS];
        for (frame, column) in picture.as_chunks_mut::<BANDS>().0.iter_mut().enumerate() {
            let piece = samples
                .get(frame * HOP..frame * HOP + WINDOW)
                .unwrap_or_default();
            let power = scratch.power(piece, &self.window, &*self.transform);
            for (value, filter) in column.iter_mut().zip(&self.filters) {
                *value = filter.apply(power).max(POWER_FLOOR).log10();
            }
        }
        let loudest = picture.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scaled = |value: &f64| narrow((value.max(loudest - RANGE) + 4.0) / 4.0);
        let (hush, sound) = picture.split_at(if hush_frames > 0 { BANDS } else { 0 });
        let mut drawn = Drawn {
            hush_frames,
            hush: [0.0; BANDS],
            sound: sound.iter().map(scaled).collect(),
        };
        for (value, of_band) in drawn.hush.iter_mut().zip(hush) {
            *value = scaled(of_band);
        }
        drawn
    }
}

impl Drawn {
    /// The values of a frame, band by band.
    pub(super) fn frame(&self, frame: usize) -> &[f32] {
        let Some(behind) = frame.checked_sub(self.hush_frames) else {
            return &self.hush;
        };
        let from = behind * BANDS;
        self.sound.get(from..from + BANDS).unwrap_or(&self.hush)
    }
}

struct Scratch {
    input: Vec<f64>,
    output: Vec<realfft::num_complex::Complex<f64>>,
    work: Vec<realfft::num_complex::Complex<f64>>,
    power: Vec<f64>,
}

impl Scratch {
    fn new(transform: &dyn RealToComplex<f64>) -> Self {
        Scratch {
            input: transform.make_input_vec(),
            output: transform.make_output_vec(),
            work: transform.make_scratch_vec(),
            power: vec![0.0; BINS],
        }
    }

    fn power(
        &mut self,
        piece: &[f64],
        window: &[f64],
        transform: &dyn RealToComplex<f64>,
    ) -> &[f64] {
        for ((value, sample), weight) in self.input.iter_mut().zip(piece).zip(window) {
            *value = sample * weight;
        }
        // Fails only on buffers of the wrong length, and these are the transform's own.
        let done =
            transform.process_with_scratch(&mut self.input, &mut self.output, &mut self.work);
        debug_assert!(done.is_ok());
        for (power, value) in self.power.iter_mut().zip(&self.output) {
            *power = value.norm_sqr();
        }
        &self.power
    }
}

impl Filter {
    fn apply(&self, power: &[f64]) -> f64 {
        power
            .iter()
            .skip(self.first)
            .zip(&self.weights)
            .map(|(power, weight)| power * weight)
            .sum()
    }
}

fn narrow(value: f64) -> f32 {
    value as f32
}

/// The sound after `lead` zeros, with zero mean and unit variance over the whole and half a window mirrored onto each
/// end; from sample `from` of that on.
fn normalised(sound: &[f32], lead: usize, from: usize) -> Vec<f64> {
    let count = SAMPLES as f64;
    let mean = sound.iter().map(|sample| f64::from(*sample)).sum::<f64>() / count;
    let of_lead = lead as f64 * mean * mean;
    let of_sound: f64 = sound
        .iter()
        .map(|sample| (f64::from(*sample) - mean).powi(2))
        .sum();
    let scale = ((of_lead + of_sound) / count + f64::from(VARIANCE_FLOOR)).sqrt();
    let last = SAMPLES - 1;
    let at = |n: usize| {
        let mirrored = match n.checked_sub(WINDOW / 2) {
            None => WINDOW / 2 - n,
            Some(n) if n > last => last - (n - last),
            Some(n) => n,
        };
        let sample = mirrored.checked_sub(lead).and_then(|n| sound.get(n));
        (sample.map_or(0.0, |sample| f64::from(*sample)) - mean) / scale
    };
    (from..SAMPLES + WINDOW).map(at).collect()
}

/// Slaney's scale: straight to 1 kHz (mel 15), logarithmic above.
fn hertz(mel: f64) -> f64 {
    if mel < 15.0 {
        mel * 200.0 / 3.0
    } else {
        1_000.0 * ((6.4_f64).ln() / 27.0 * (mel - 15.0)).exp()
    }
}

fn mel(hertz: f64) -> f64 {
    if hertz < 1_000.0 {
        hertz * 3.0 / 200.0
    } else {
        15.0 + (hertz / 1_000.0).ln() * 27.0 / (6.4_f64).ln()
    }
}

/// Triangles of equal area between neighbouring points of the scale.
fn filters() -> Vec<Filter> {
    let top = mel(RATE / 2.0);
    let point = |n: usize| hertz(top * n as f64 / (BANDS + 1) as f64);
    (0..BANDS)
        .map(|band| {
            let (low, middle, high) = (point(band), point(band + 1), point(band + 2));
            let weight = |bin: usize| {
                let at = bin as f64 * RATE / 2.0 / (BINS - 1) as f64;
                let rise = (at - low) / (middle - low);
                let fall = (high - at) / (high - middle);
                rise.min(fall).max(0.0) * 2.0 / (high - low)
            };
            let first = (0..BINS).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
            let weights = (first..BINS)
                .map(weight)
                .take_while(|weight| *weight > 0.0)
                .collect();
            Filter { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        glide: Glide,
    }

    #[derive(Deserialize)]
    struct Glide {
        mean: f64,
        points: Vec<(usize, usize, f32)>,
    }

    #[test]
    fn the_picture_of_a_glide_is_the_references() {
        let reference: Reference =
            serde_json::from_str(include_str!("../../fixtures/speech/smart_turn.json")).unwrap();
        let glide: Vec<f32> = (0..48_000)
            .map(|n| {
                let t = f64::from(n) / RATE;
                let swell = 0.5 + 0.5 * (TAU * 3.0 * t).sin();
                narrow(0.4 * (TAU * (200.0 * t + 150.0 * t * t)).sin() * swell)
            })
            .collect();
        let picture = MelPicture::new().draw(&glide);
        for (band, frame, value) in reference.glide.points {
            let found = picture.frame(frame)[band];
            assert!(
                (found - value).abs() < 1e-3,
                "{band} {frame}: {found} {value}"
            );
        }
        let values = (0..FRAMES).flat_map(|frame| picture.frame(frame));
        let mean = values.map(|value| f64::from(*value)).sum::<f64>() / (BANDS * FRAMES) as f64;
        assert!((mean - reference.glide.mean).abs() < 1e-4, "{mean}");
    }

    #[test]
    fn any_length_makes_a_whole_picture() {
        let picture = MelPicture::new();
        for length in [0, 1, 159, 127_999, 128_000, 128_001, 200_000] {
            let drawn = picture.draw(&vec![0.1; length]);
            let frames = drawn.hush_frames + drawn.sound.len() / BANDS;
            assert_eq!(frames, FRAMES, "{length}");
            assert!(
                drawn.sound.iter().all(|value| value.is_finite()),
                "{length}"
            );
        }
    }
}
