//! A voice's audio on its way to the telephone: 8 kHz mu-law, piece by piece.

use trunkline_core::wire::tts::AudioFormat;
use trunkline_media::g711::mulaw_encode_into;
use trunkline_media::resample::{RATES_HZ, Resampler};

const TELEPHONE_HZ: u32 = 8_000;

/// One stream of audio. Pieces may end anywhere, also within a sample.
pub(super) enum ToMulaw {
    /// As it is wanted.
    AsItIs,
    /// 16-bit samples of some rate.
    Pcm16 {
        resampler: Box<Resampler>,
        /// The first byte of a sample whose second has not come.
        odd: Option<u8>,
        samples: Vec<i16>,
        resampled: Vec<i16>,
    },
}

/// The server cannot use audio of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audio of {rate} Hz cannot be used; choose one of {RATES_HZ:?}")]
pub(super) struct UnusableRate {
    /// Samples a second.
    pub(super) rate: u32,
}

impl ToMulaw {
    pub(super) fn new(format: AudioFormat) -> Result<Self, UnusableRate> {
        let rate = match format {
            AudioFormat::Mulaw8k => return Ok(Self::AsItIs),
            AudioFormat::Pcm16 { rate } => rate,
        };
        let resampler = Resampler::new(rate, TELEPHONE_HZ).map_err(|_| UnusableRate { rate })?;
        Ok(Self::Pcm16 {
            resampler: Box::new(resampler),
            odd: None,
            samples: Vec::new(),
            resampled: Vec::new(),
        })
    }

    /// Takes a piece and appends what comes out.
    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::AsItIs => out.extend_from_slice(piece),
            Self::Pcm16 {
                resampler,
                odd,
                samples,
                resampled,
            } => {
                let mut rest = piece;
                samples.clear();
                if let (Some(low), Some((high, others))) = (*odd, rest.split_first()) {
                    samples.push(i16::from_le_bytes([low, *high]));
                    (*odd, rest) = (None, others);
                }
                let (pairs, last) = rest.as_chunks::<2>();
                samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
                *odd = last.first().copied().or(*odd);
                resampled.clear();
                resampler.push_i16(samples, resampled);
                mulaw_encode_into(resampled, out);
            }
        }
    }

    /// Ends the stream: appends what is still inside.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::AsItIs => {}
            Self::Pcm16 {
                resampler,
                odd,
                resampled,
                ..
            } => {
                *odd = None;
                resampled.clear();
                resampler.flush_i16(resampled);
                mulaw_encode_into(resampled, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use trunkline_media::g711::mulaw_encode;
    use trunkline_media::resample::resample_i16;

    use super::*;

    fn all(format: AudioFormat, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut audio = ToMulaw::new(format).unwrap();
        let mut out = Vec::new();
        for piece in bytes.chunks(size) {
            audio.push(piece, &mut out);
        }
        audio.finish(&mut out);
        out
    }

    #[test]
    fn pieces_of_any_size_give_what_the_whole_gives() {
        let samples: Vec<i16> = (0..24_000)
            .map(|n| ((n * 37 % 9_000) - 4_500) as i16)
            .collect();
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        for rate in [8_000, 16_000, 22_050, 24_000, 44_100] {
            let whole: Vec<u8> = resample_i16(rate, 8_000, &samples)
                .unwrap()
                .into_iter()
                .map(mulaw_encode)
                .collect();
            for size in [1, 2, 3, 479, 4_096, bytes.len()] {
                let got = all(AudioFormat::Pcm16 { rate }, &bytes, size);
                assert!(got == whole, "{rate} Hz in pieces of {size}");
            }
        }
        assert_eq!(all(AudioFormat::Mulaw8k, &[1, 2, 3], 2), [1, 2, 3]);
    }

    #[test]
    fn half_a_sample_at_the_end_is_left_out() {
        let format = AudioFormat::Pcm16 { rate: 8_000 };
        assert_eq!(all(format, &[0, 0, 7], 1), [0xFF]);
        assert_eq!(all(format, &[7], 1), [0u8; 0]);
    }

    #[test]
    fn other_rates_are_refused() {
        let refused = ToMulaw::new(AudioFormat::Pcm16 { rate: 1 }).err();
        assert_eq!(refused, Some(UnusableRate { rate: 1 }));
    }
}
