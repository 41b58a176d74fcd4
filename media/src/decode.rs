//! Uploaded prompts: mp3, WAV (mu-law and A-law too), FLAC or Ogg Vorbis in memory, to 8 kHz mono.
//!
//! Files come from outside, so everything is bounded: the length of the audio by its samples as they are decoded, not
//! by what the file claims. Decoding takes milliseconds to seconds: call it where blocking is allowed.

mod companded;

use std::io::Cursor;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use self::companded::Companded;
use crate::RATE_HZ;
use crate::resample::{RATES_HZ, Resampler};

/// Longest prompt, ms.
pub const PROMPT_MS_MAX: u64 = 10 * 60 * 1_000;

/// Largest file, bytes.
pub const PROMPT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Broken packets forgiven in one file.
const BROKEN_PACKETS_MAX: u32 = 16;

/// Packets in a row that give no audio before the file is given up.
const EMPTY_PACKETS_MAX: u32 = 10_000;

const CHANNELS_MAX: usize = 8;

/// Why a prompt was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Larger than [`PROMPT_BYTES_MAX`].
    #[error("the file is larger than {} MiB", PROMPT_BYTES_MAX >> 20)]
    TooLarge,
    /// Not a format known here.
    #[error("the file is not an mp3, WAV, FLAC or Ogg Vorbis file")]
    UnknownFormat,
    /// A known container around something that cannot be decoded.
    #[error("the file's audio codec is not supported")]
    UnknownCodec,
    /// A sample rate that cannot be brought to 8 kHz.
    #[error("a sample rate of {0} Hz is not supported")]
    Rate(u32),
    /// More channels than a prompt can have, or none.
    #[error("{0} channels are not supported")]
    Channels(usize),
    /// Longer than the limit.
    #[error("the audio is longer than {0} ms")]
    TooLong(u64),
    /// Damaged beyond use.
    #[error("the file is damaged")]
    Damaged,
    /// No audio in it.
    #[error("the file holds no audio")]
    Empty,
}

/// Decodes a prompt of at most `ms_max` (capped at [`PROMPT_MS_MAX`]) to 8 kHz mono.
///
/// # Errors
/// [`PromptError`]; its text may be shown to whoever uploaded the file.
pub fn prompt(bytes: &[u8], ms_max: u64) -> Result<Vec<i16>, PromptError> {
    if bytes.len() > PROMPT_BYTES_MAX {
        return Err(PromptError::TooLarge);
    }
    let ms_max = ms_max.min(PROMPT_MS_MAX);
    // The decoders are other people's and panic on some damaged files; what is shared with them ends here.
    let decoded = std::panic::catch_unwind(|| decode(bytes, ms_max));
    decoded.unwrap_or(Err(PromptError::Damaged))
}

fn decode(bytes: &[u8], ms_max: u64) -> Result<Vec<i16>, PromptError> {
    let mut prompt = Prompt {
        resampler: None,
        mono: Vec::new(),
        interleaved: Vec::new(),
        out: Vec::new(),
        ms_max,
    };
    if let Some(companded) = Companded::parse(bytes) {
        prompt.take_companded(companded)?;
        return prompt.finish();
    }
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let reader = symphonia::default::get_probe().probe(&Hint::new(), stream, format, metadata);
    let mut reader = reader.map_err(|_| PromptError::UnknownFormat)?;
    let track = reader
        .default_track(TrackType::Audio)
        .ok_or(PromptError::Empty)?;
    let track_id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio());
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(
            parameters.ok_or(PromptError::UnknownCodec)?,
            &AudioDecoderOptions::default(),
        )
        .map_err(|_| PromptError::UnknownCodec)?;
    prompt.read(&mut *reader, decoder, track_id)?;
    prompt.finish()
}

struct Prompt {
    /// Made when the first audio tells its rate.
    resampler: Option<(u32, Resampler)>,
    mono: Vec<f32>,
    interleaved: Vec<f32>,
    out: Vec<f32>,
    ms_max: u64,
}

impl Prompt {
    fn read(
        &mut self,
        reader: &mut dyn FormatReader,
        mut decoder: Box<dyn AudioDecoder>,
        track_id: u32,
    ) -> Result<(), PromptError> {
        let (mut broken, mut empty) = (0, 0);
        loop {
            let packet = match reader.next_packet() {
                Ok(Some(packet)) => packet,
                // A file cut short ends where it ends; a second stream behind the first is not played.
                Ok(None) | Err(Error::IoError(_) | Error::ResetRequired) => return Ok(()),
                Err(_) => {
                    return if self.out.is_empty() {
                        Err(PromptError::Damaged)
                    } else {
                        Ok(())
                    };
                }
            };
            if packet.track_id == track_id {
                match decoder.decode(&packet) {
                    Ok(audio) if audio.frames() > 0 => {
                        let (rate_hz, channels) = (audio.spec().rate(), audio.num_planes());
                        audio.copy_to_vec_interleaved(&mut self.interleaved);
                        self.take(rate_hz, channels)?;
                        empty = 0;
                        continue;
                    }
                    Ok(_) => {}
                    Err(_) => broken += 1,
                }
            }
            empty += 1;
            if broken > BROKEN_PACKETS_MAX || empty > EMPTY_PACKETS_MAX {
                return Err(PromptError::Damaged);
            }
        }
    }

    /// Takes a second of samples at a time, so that a file that is too long is refused early.
    fn take_companded(&mut self, companded: Companded<'_>) -> Result<(), PromptError> {
        let channels = usize::from(companded.channels);
        let piece = companded.rate_hz as usize * channels;
        if !(1..=CHANNELS_MAX).contains(&channels) {
            return Err(PromptError::Channels(channels));
        }
        if !RATES_HZ.contains(&companded.rate_hz) {
            return Err(PromptError::Rate(companded.rate_hz));
        }
        let mut samples = companded.samples().peekable();
        while samples.peek().is_some() {
            self.interleaved.clear();
            self.interleaved.extend(samples.by_ref().take(piece));
            self.take(companded.rate_hz, channels)?;
        }
        Ok(())
    }

    /// Takes what was just decoded.
    fn take(&mut self, rate_hz: u32, channels: usize) -> Result<(), PromptError> {
        if !(1..=CHANNELS_MAX).contains(&channels) {
            return Err(PromptError::Channels(channels));
        }
        let (_, resampler) = match &mut self.resampler {
            Some(made) if made.0 == rate_hz => made,
            Some(_) => return Err(PromptError::Damaged),
            none => {
                let made =
                    Resampler::new(rate_hz, RATE_HZ).map_err(|_| PromptError::Rate(rate_hz))?;
                none.insert((rate_hz, made))
            }
        };
        self.mono.clear();
        let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        self.mono
            .extend(self.interleaved.chunks_exact(channels).map(mean));
        resampler.push(&self.mono, &mut self.out);
        self.check_length()
    }

    fn check_length(&self) -> Result<(), PromptError> {
        let ms = self.out.len() as u64 / crate::SAMPLES_PER_MS;
        if ms > self.ms_max {
            Err(PromptError::TooLong(self.ms_max))
        } else {
            Ok(())
        }
    }

    fn finish(mut self) -> Result<Vec<i16>, PromptError> {
        let (_, mut resampler) = self.resampler.take().ok_or(PromptError::Empty)?;
        resampler.flush(&mut self.out);
        self.check_length()?;
        if self.out.is_empty() {
            return Err(PromptError::Empty);
        }
        // The cast saturates, and makes 0 of what is not a number.
        Ok(self
            .out
            .iter()
            .map(|&sample| (sample * 32_768.0).round() as i16)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711;

    const FILES: [(&str, &[u8]); 3] = [
        ("mp3", include_bytes!("../tests/fixtures/tone.mp3")),
        ("flac", include_bytes!("../tests/fixtures/tone.flac")),
        ("ogg", include_bytes!("../tests/fixtures/tone.ogg")),
    ];

    fn tone() -> Vec<i16> {
        (0..2_400)
            .map(|n| (8_192.0 * (std::f32::consts::TAU * 440.0 * n as f32 / 8_000.0).sin()) as i16)
            .collect()
    }

    /// A WAV header by hand, for what hound does not write.
    fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let block = channels * bits / 8;
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0");
        bytes.extend(format.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(block)).to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    /// Level of 440 Hz in the middle of a prompt, and of everything, as amplitudes.
    fn amplitudes(samples: &[i16]) -> (f64, f64) {
        let middle = &samples[samples.len() / 3..samples.len() * 2 / 3];
        let (mut re, mut im, mut power) = (0.0, 0.0, 0.0);
        for (n, &sample) in middle.iter().enumerate() {
            let (sin, cos) = (std::f64::consts::TAU * 440.0 * n as f64 / 8_000.0).sin_cos();
            re += f64::from(sample) * cos;
            im += f64::from(sample) * sin;
            power += f64::from(sample).powi(2);
        }
        let count = middle.len() as f64;
        (2.0 * re.hypot(im) / count, (2.0 * power / count).sqrt())
    }

    #[test]
    fn every_format_gives_the_tone_that_is_in_it() {
        for (name, bytes) in FILES {
            let samples = prompt(bytes, 1_000).unwrap();
            assert!(
                samples.len().abs_diff(2_400) <= 480,
                "{name}: {} samples",
                samples.len()
            );
            let (tone, all) = amplitudes(&samples);
            assert!((7_000.0..9_000.0).contains(&tone), "{name}: {tone}");
            assert!(all < tone * 1.05, "{name}: {all} in all, {tone} of tone");
        }
    }

    #[test]
    fn wav_with_companded_or_linear_samples() {
        let tone = tone();
        let (mut mulaw, mut alaw, mut linear) = (Vec::new(), Vec::new(), Vec::new());
        g711::mulaw_encode_into(&tone, &mut mulaw);
        g711::alaw_encode_into(&tone, &mut alaw);
        for &sample in &tone {
            linear.extend(sample.to_le_bytes());
            linear.extend(sample.to_le_bytes());
        }
        let decoded: Vec<i16> = mulaw.iter().map(|&code| g711::mulaw_decode(code)).collect();
        assert_eq!(
            prompt(&wav(7, 1, 8_000, 8, &mulaw), 1_000).unwrap(),
            decoded
        );
        let decoded: Vec<i16> = alaw.iter().map(|&code| g711::alaw_decode(code)).collect();
        assert_eq!(prompt(&wav(6, 1, 8_000, 8, &alaw), 1_000).unwrap(), decoded);
        assert_eq!(prompt(&wav(1, 2, 8_000, 16, &linear), 1_000).unwrap(), tone);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_reason() {
        let second = vec![0; 16_000];
        let cases: &[(&str, Vec<u8>, PromptError)] = &[
            ("nothing", Vec::new(), PromptError::UnknownFormat),
            (
                "text",
                b"hello, this is no audio".repeat(100),
                PromptError::UnknownFormat,
            ),
            (
                "too long",
                wav(1, 1, 8_000, 16, &second.repeat(3)),
                PromptError::TooLong(2_000),
            ),
            (
                "odd companded rate",
                wav(7, 1, 7_999, 8, &second),
                PromptError::Rate(7_999),
            ),
            (
                "too long, companded",
                wav(6, 1, 8_000, 8, &second.repeat(3)),
                PromptError::TooLong(2_000),
            ),
            (
                "no channels",
                wav(7, 0, 8_000, 8, &second),
                PromptError::Channels(0),
            ),
            (
                "odd rate",
                wav(1, 1, 7_999, 16, &second),
                PromptError::Rate(7_999),
            ),
            ("no samples", wav(1, 1, 8_000, 16, &[]), PromptError::Empty),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(prompt(bytes, 2_000), Err(*expected), "{name}");
        }
    }

    #[test]
    fn damaged_files_neither_panic_nor_grow() {
        let mut seed = 12_345_u32;
        let mut next = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize
        };
        let (mulaw, wav) = (
            wav(7, 1, 8_000, 8, &[7; 6_400]),
            wav(1, 1, 16_000, 16, &[7; 6_400]),
        );
        for (name, bytes) in FILES
            .into_iter()
            .chain([("wav", wav.as_slice()), ("mu-law", mulaw.as_slice())])
        {
            for _ in 0..300 {
                let mut damaged = bytes.to_vec();
                for _ in 0..1 + next() % 8 {
                    // Half of the damage goes to the header, where it hurts.
                    let span = if next() % 2 == 0 {
                        damaged.len()
                    } else {
                        damaged.len().min(128)
                    };
                    damaged[next() % span] = next() as u8;
                }
                damaged.truncate(damaged.len() - (next() % 3) * next() % damaged.len());
                if let Ok(samples) = prompt(&damaged, 5_000) {
                    assert!(samples.len() <= 40_000, "{name}");
                }
            }
        }
    }
}
