//! Changing the sample rate: mono, band-limited, in pieces of any size or a whole buffer at once.
//!
//! The work is done in blocks of 10 ms (of 20 to 40 ms from 11.025 and 22.05 kHz, whose ratios need it). The filter's
//! delay of half a block is taken off the front, so output lines up with input; `flush` brings out the rest.

use std::ops::Range;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// The rates that can be turned into each other, Hz.
pub const RATES_HZ: [u32; 11] = [
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000,
];

/// Blocks of 10 ms, for what is heard as it comes.
const STREAM_BLOCKS_PER_S: usize = 100;
/// Blocks of 20 ms, for what is there whole.
const CLIP_BLOCKS_PER_S: usize = 50;

/// A sample rate that is not one of [`RATES_HZ`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot resample {from_hz} Hz to {to_hz} Hz")]
pub struct UnsupportedRate {
    /// Rate of the input.
    pub from_hz: u32,
    /// Rate asked for.
    pub to_hz: u32,
}

/// A stream of one rate on its way to another.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// `None` when the rates are equal.
    fft: Option<Fft<f32>>,
    input: Vec<f32>,
    filled: usize,
    output: Vec<f32>,
    /// Output still to be dropped: the delay of the filter.
    skip: usize,
    taken: u64,
    given: u64,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

impl Resampler {
    /// A resampler at the start of a stream.
    ///
    /// # Errors
    /// [`UnsupportedRate`] when either is not one of [`RATES_HZ`].
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, UnsupportedRate> {
        Self::by_blocks(from_hz, to_hz, STREAM_BLOCKS_PER_S)
    }

    /// A resampler for clips that are there whole, where twice the delay costs nothing and buys a filter twice as steep:
    /// blocks of 20 ms. See [`Resampler::clip`].
    ///
    /// # Errors
    /// [`UnsupportedRate`] when either is not one of [`RATES_HZ`].
    pub fn of_clips(from_hz: u32, to_hz: u32) -> Result<Self, UnsupportedRate> {
        Self::by_blocks(from_hz, to_hz, CLIP_BLOCKS_PER_S)
    }

    fn by_blocks(from_hz: u32, to_hz: u32, blocks_per_s: usize) -> Result<Self, UnsupportedRate> {
        let unsupported = UnsupportedRate { from_hz, to_hz };
        if !RATES_HZ.contains(&from_hz) || !RATES_HZ.contains(&to_hz) {
            return Err(unsupported);
        }
        let (from, to) = (from_hz as usize, to_hz as usize);
        let block = from / blocks_per_s;
        let fft = if from == to {
            None
        } else {
            let window = WindowFunction::Hann2;
            Some(
                Fft::new_custom(from, to, block, 1, 1, window, FixedSync::Both)
                    .map_err(|_| unsupported)?,
            )
        };
        let (block_in, block_out, skip) = fft.as_ref().map_or((0, 0, 0), |fft| {
            (
                fft.input_frames_next(),
                fft.output_frames_max(),
                fft.output_delay(),
            )
        });
        Ok(Self {
            from_hz,
            to_hz,
            fft,
            input: vec![0.0; block_in],
            filled: 0,
            output: vec![0.0; block_out],
            skip,
            taken: 0,
            given: 0,
        })
    }

    /// Takes samples of the stream and appends what comes out. Full scale is 1.0.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        if self.fft.is_none() {
            out.extend_from_slice(samples);
            return;
        }
        self.run(
            samples,
            |&sample| sample,
            |piece| out.extend_from_slice(piece),
        );
    }

    /// The same as [`Resampler::push`] for 16-bit samples, which are clipped rather than wrapped.
    pub fn push_i16(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        if self.fft.is_none() {
            out.extend_from_slice(samples);
            return;
        }
        let widen = |&sample: &i16| f32::from(sample) / 32_768.0;
        self.run(samples, widen, |piece| {
            out.extend(piece.iter().map(|&sample| to_i16(sample)))
        });
    }

    /// Ends the stream: appends what is still inside, so that the output is as long as the input was, to one sample.
    /// The resampler is then at the start of a new stream.
    pub fn flush(&mut self, out: &mut Vec<f32>) {
        self.drain(|piece| out.extend_from_slice(piece));
    }

    /// The same as [`Resampler::flush`] for 16-bit samples.
    pub fn flush_i16(&mut self, out: &mut Vec<i16>) {
        self.drain(|piece| out.extend(piece.iter().map(|&sample| to_i16(sample))));
    }

    /// A whole clip: `round(length * to_hz / from_hz)` samples. Used between streams, not in the middle of one.
    pub fn clip(&mut self, samples: &[f32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(length_out(self.from_hz, self.to_hz, samples.len()));
        self.push(samples, &mut out);
        self.flush(&mut out);
        out
    }

    fn run<T>(&mut self, samples: &[T], widen: impl Fn(&T) -> f32, mut emit: impl FnMut(&[f32])) {
        self.taken += samples.len() as u64;
        let mut rest = samples;
        while !rest.is_empty() {
            let count = rest.len().min(self.input.len() - self.filled);
            let (now, later) = rest.split_at(count);
            for (slot, sample) in self.input[self.filled..].iter_mut().zip(now) {
                *slot = widen(sample);
            }
            self.filled += count;
            rest = later;
            if self.filled == self.input.len() {
                let fresh = self.block();
                emit(&self.output[fresh]);
            }
        }
    }

    /// Resamples one full block of input; which of the output is to be given out.
    fn block(&mut self) -> Range<usize> {
        self.filled = 0;
        let (length_in, length_out) = (self.input.len(), self.output.len());
        let Some(fft) = self.fft.as_mut() else {
            return 0..0;
        };
        let input = InterleavedSlice::new(self.input.as_slice(), 1, length_in);
        let output = InterleavedSlice::new_mut(self.output.as_mut_slice(), 1, length_out);
        let (Ok(input), Ok(mut output)) = (input, output) else {
            return 0..0;
        };
        let Ok((_, written)) = fft.process_into_buffer(&input, &mut output, None) else {
            return 0..0;
        };
        let from = self.skip.min(written);
        self.skip -= from;
        self.given += (written - from) as u64;
        from..written
    }

    fn drain(&mut self, mut emit: impl FnMut(&[f32])) {
        let wanted = (self.taken * u64::from(self.to_hz) + u64::from(self.from_hz) / 2)
            / u64::from(self.from_hz);
        while self.fft.is_some() && self.given < wanted {
            self.input[self.filled..].fill(0.0);
            let mut fresh = self.block();
            if fresh.is_empty() && self.skip == 0 {
                break;
            }
            fresh.end -= (self.given.saturating_sub(wanted) as usize).min(fresh.len());
            emit(&self.output[fresh]);
        }
        self.reset();
    }

    fn reset(&mut self) {
        if let Some(fft) = self.fft.as_mut() {
            fft.reset();
            self.skip = fft.output_delay();
        }
        self.filled = 0;
        self.taken = 0;
        self.given = 0;
    }
}

fn to_i16(sample: f32) -> i16 {
    // The cast saturates.
    (sample * 32_768.0).round() as i16
}

/// A whole buffer at once: `round(length * to_hz / from_hz)` samples.
///
/// # Errors
/// [`UnsupportedRate`] when either rate is not one of [`RATES_HZ`].
pub fn resample(from_hz: u32, to_hz: u32, samples: &[f32]) -> Result<Vec<f32>, UnsupportedRate> {
    Ok(Resampler::new(from_hz, to_hz)?.clip(samples))
}

/// The same as [`resample`] for 16-bit samples.
///
/// # Errors
/// [`UnsupportedRate`] when either rate is not one of [`RATES_HZ`].
pub fn resample_i16(
    from_hz: u32,
    to_hz: u32,
    samples: &[i16],
) -> Result<Vec<i16>, UnsupportedRate> {
    let mut resampler = Resampler::new(from_hz, to_hz)?;
    let mut out = Vec::with_capacity(length_out(from_hz, to_hz, samples.len()));
    resampler.push_i16(samples, &mut out);
    resampler.flush_i16(&mut out);
    Ok(out)
}

fn length_out(from_hz: u32, to_hz: u32, length: usize) -> usize {
    (length as u64 * u64::from(to_hz) / u64::from(from_hz)) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TELEPHONE: [u32; 5] = [8_000, 16_000, 22_050, 24_000, 48_000];

    fn sine(rate: u32, hz: f32, ms: usize) -> Vec<f32> {
        let step = f64::from(hz) * std::f64::consts::TAU / f64::from(rate);
        (0..rate as usize * ms / 1_000)
            .map(|n| (0.5 * (step * n as f64).sin()) as f32)
            .collect()
    }

    /// Power of the middle of a signal, dB.
    fn level_db(samples: &[f32]) -> f64 {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        let power = middle
            .iter()
            .map(|&s| f64::from(s) * f64::from(s))
            .sum::<f64>()
            / middle.len() as f64;
        10.0 * power.log10()
    }

    #[test]
    fn a_tone_keeps_its_level_its_length_and_its_place() {
        for from in TELEPHONE {
            for to in TELEPHONE {
                let input = sine(from, 1_000.0, 1_000);
                let output = resample(from, to, &input).unwrap();
                assert_eq!(output.len(), to as usize, "{from} -> {to}");
                assert!(
                    (level_db(&output) - level_db(&input)).abs() < 0.2,
                    "{from} -> {to}"
                );
                let ideal = sine(to, 1_000.0, 1_000);
                let span = to as usize / 4..to as usize * 3 / 4;
                // Half an output sample is as near as an odd block can be centred.
                let near = 0.01 + 0.25 * std::f32::consts::TAU * 1_000.0 / to as f32;
                let error = span
                    .map(|n| (output[n] - ideal[n]).abs())
                    .fold(0.0, f32::max);
                assert!(error < near, "{from} -> {to}: off by {error}, so shifted");
            }
        }
    }

    #[test]
    fn speech_up_to_3400_hz_survives_and_what_would_fold_back_does_not() {
        for from in [16_000, 22_050, 24_000, 48_000] {
            let wanted = sine(from, 3_400.0, 500);
            let kept = resample(from, 8_000, &wanted).unwrap();
            assert!(
                (level_db(&kept) - level_db(&wanted)).abs() < 1.0,
                "{from}: 3.4 kHz"
            );
            for alias_hz in [4_600.0, 5_500.0, 7_000.0] {
                let folded = resample(from, 8_000, &sine(from, alias_hz, 500)).unwrap();
                assert!(
                    level_db(&folded) < -80.0,
                    "{from}: {alias_hz} Hz at {} dB",
                    level_db(&folded)
                );
            }
        }
    }

    #[test]
    fn pieces_of_any_size_give_what_the_whole_gives() {
        for (from, to) in [
            (8_000, 16_000),
            (22_050, 8_000),
            (8_000, 48_000),
            (48_000, 24_000),
            (8_000, 8_000),
        ] {
            for length in [0, 1, 79, 80, 81, 441, 1_000, 12_345] {
                let input: Vec<i16> = (0..length)
                    .map(|n| ((n % 997 * 31 * (n % 13)) % 20_000 - 10_000) as i16)
                    .collect();
                let whole = resample_i16(from, to, &input).unwrap();
                let exact = (length as f64 * f64::from(to) / f64::from(from)).round() as i64;
                assert!(
                    (whole.len() as i64 - exact).abs() <= 1,
                    "{from} -> {to}, {length}: {}",
                    whole.len()
                );
                let mut resampler = Resampler::new(from, to).unwrap();
                for size in [1, 7, 160, 441, 5_000] {
                    let mut out = Vec::new();
                    for piece in input.chunks(size) {
                        resampler.push_i16(piece, &mut out);
                    }
                    resampler.flush_i16(&mut out);
                    assert_eq!(out, whole, "{from} -> {to}, {length} by {size}");
                }
            }
        }
    }

    #[test]
    fn one_resampler_serves_clips_one_after_another_alike() {
        for (from, to) in [(8_000, 16_000), (22_050, 8_000)] {
            let mut resampler = Resampler::of_clips(from, to).unwrap();
            let tone = sine(from, 440.0, 1_003);
            let first = resampler.clip(&tone);
            resampler.clip(&sine(from, 1_000.0, 17));
            assert_eq!(first, resampler.clip(&tone), "{from} -> {to}");
            let ideal = sine(to, 440.0, 1_003);
            assert_eq!(first.len(), ideal.len(), "{from} -> {to}");
            let span = to as usize / 4..to as usize * 3 / 4;
            let error = span
                .map(|n| (first[n] - ideal[n]).abs())
                .fold(0.0, f32::max);
            assert!(error < 0.09, "{from} -> {to}: off by {error}");
            assert!(resampler.clip(&[]).is_empty());
        }
    }

    #[test]
    fn loud_samples_are_clipped_not_wrapped() {
        let square: Vec<i16> = (0..8_000)
            .map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();
        let out = resample_i16(8_000, 16_000, &square).unwrap();
        for (n, pair) in out.windows(2).enumerate() {
            assert!(
                (i32::from(pair[0]) - i32::from(pair[1])).abs() < 50_000,
                "a jump at {n}"
            );
        }
    }

    #[test]
    fn other_rates_are_refused() {
        for (from_hz, to_hz) in [(0, 8_000), (8_000, 0), (44_101, 8_000), (8_000, 192_000)] {
            assert_eq!(
                Resampler::new(from_hz, to_hz).err(),
                Some(UnsupportedRate { from_hz, to_hz })
            );
        }
        for rate in RATES_HZ {
            assert_eq!(
                resample(rate, 8_000, &sine(rate, 300.0, 100))
                    .unwrap()
                    .len(),
                800,
                "{rate}"
            );
        }
    }
}
