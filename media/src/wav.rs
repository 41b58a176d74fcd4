//! WAV files of linear samples: reading one from bytes, and writing a recording as the call goes.

use std::io::{Cursor, Seek, Write};

use hound::{SampleFormat, WavReader, WavSpec};

use crate::RATE_HZ;

/// The largest file written: a WAV counts its bytes in 32 bits.
const DATA_BYTES_MAX: u64 = 0xFFFF_0000;

/// What went wrong with a WAV.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// Not a WAV of linear samples, or a broken one.
    #[error("not a readable WAV file of linear samples: {0}")]
    Unreadable(hound::Error),
    /// Neither mono nor stereo.
    #[error("a recording has one or two channels, not {0}")]
    Channels(u16),
    /// Samples of a size nobody uses.
    #[error("samples of {0} bits are not supported")]
    Bits(u16),
    /// The file would exceed 4 GiB.
    #[error("a WAV file cannot grow beyond 4 GiB")]
    Full,
    /// Writing failed.
    #[error("writing the recording failed: {0}")]
    Unwritable(hound::Error),
}

/// The contents of a WAV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Sample rate, Hz, as the file states it.
    pub rate_hz: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Samples, left and right in turn when there are two channels.
    pub samples: Vec<i16>,
}

impl Wav {
    /// One channel: itself, or the mean of two.
    pub fn into_mono(self) -> Vec<i16> {
        if self.channels == 1 {
            return self.samples;
        }
        let mean = |pair: &[i16; 2]| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16;
        self.samples.as_chunks::<2>().0.iter().map(mean).collect()
    }
}

/// Reads a WAV of 8, 16, 24 or 32-bit integers or 32-bit floats, mono or stereo. A file cut short gives what is whole.
///
/// # Errors
/// [`WavError`] when it is not one. (For mu-law WAVs see [`crate::decode`].)
pub fn read(bytes: &[u8]) -> Result<Wav, WavError> {
    let mut reader = WavReader::new(Cursor::new(bytes)).map_err(WavError::Unreadable)?;
    let WavSpec {
        channels,
        sample_rate,
        bits_per_sample,
        sample_format,
    } = reader.spec();
    if !(1..=2).contains(&channels) {
        return Err(WavError::Channels(channels));
    }
    let mut samples = match (sample_format, bits_per_sample) {
        (SampleFormat::Int, 8) => collect(reader.samples::<i32>(), |sample| (sample << 8) as i16),
        (SampleFormat::Int, 16) => collect(reader.samples::<i16>(), |sample| sample),
        (SampleFormat::Int, 24) => collect(reader.samples::<i32>(), |sample| (sample >> 8) as i16),
        (SampleFormat::Int, 32) => collect(reader.samples::<i32>(), |sample| (sample >> 16) as i16),
        // The cast saturates.
        (SampleFormat::Float, 32) => collect(reader.samples::<f32>(), |sample| {
            (sample * 32_768.0).round() as i16
        }),
        (_, bits) => return Err(WavError::Bits(bits)),
    };
    samples.truncate(samples.len() / usize::from(channels) * usize::from(channels));
    Ok(Wav {
        rate_hz: sample_rate,
        channels,
        samples,
    })
}

fn collect<S>(
    samples: impl Iterator<Item = hound::Result<S>>,
    narrow: impl Fn(S) -> i16,
) -> Vec<i16> {
    // A file may claim more than it holds, so nothing is reserved by its word.
    let mut out = Vec::new();
    for sample in samples.map_while(Result::ok) {
        out.push(narrow(sample));
    }
    out
}

/// Writes a recording of 8 kHz as it grows.
pub struct Recording<W: Write + Seek> {
    writer: hound::WavWriter<W>,
    bytes: u64,
}

impl<W: Write + Seek> std::fmt::Debug for Recording<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl<W: Write + Seek> Recording<W> {
    /// Begins a file of one or two channels. Give it a buffered writer.
    ///
    /// # Errors
    /// [`WavError`] for another number of channels, or when the header cannot be written.
    pub fn new(writer: W, channels: u16) -> Result<Self, WavError> {
        if !(1..=2).contains(&channels) {
            return Err(WavError::Channels(channels));
        }
        let spec = WavSpec {
            channels,
            sample_rate: RATE_HZ,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer = hound::WavWriter::new(writer, spec).map_err(WavError::Unwritable)?;
        Ok(Self { writer, bytes: 0 })
    }

    /// Appends samples, left and right in turn when there are two channels.
    ///
    /// # Errors
    /// [`WavError::Full`] when the file would exceed 4 GiB (nothing is written then), or a failed write.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), WavError> {
        let bytes = self.bytes + 2 * samples.len() as u64;
        if bytes > DATA_BYTES_MAX {
            return Err(WavError::Full);
        }
        for &sample in samples {
            self.writer
                .write_sample(sample)
                .map_err(WavError::Unwritable)?;
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Appends two channels of equal length; what is longer on one side is left out.
    ///
    /// # Errors
    /// As [`Recording::write`].
    pub fn write_pair(&mut self, left: &[i16], right: &[i16]) -> Result<(), WavError> {
        left.iter()
            .zip(right)
            .try_for_each(|(&left, &right)| self.write(&[left, right]))
    }

    /// Makes the file valid as it is, so that it survives a crash from here.
    ///
    /// # Errors
    /// A failed write.
    pub fn flush(&mut self) -> Result<(), WavError> {
        self.writer.flush().map_err(WavError::Unwritable)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// A failed write, or an odd number of samples in two channels.
    pub fn finish(self) -> Result<(), WavError> {
        self.writer.finalize().map_err(WavError::Unwritable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut recording = Recording::new(Cursor::new(&mut bytes), channels).unwrap();
        for piece in samples.chunks(160) {
            recording.write(piece).unwrap();
        }
        recording.finish().unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let samples: Vec<i16> = (-4_000..4_000).map(|n| n * 8).collect();
        for channels in [1, 2] {
            let wav = read(&written(channels, &samples)).unwrap();
            assert_eq!(
                wav,
                Wav {
                    rate_hz: 8_000,
                    channels,
                    samples: samples.clone()
                }
            );
        }
        assert_eq!(
            read(&written(2, &[10, 20, -5, -7])).unwrap().into_mono(),
            [15, -6]
        );
        assert!(matches!(
            Recording::new(Cursor::new(Vec::new()), 3),
            Err(WavError::Channels(3))
        ));
    }

    #[test]
    fn a_pair_is_two_channels_in_step() {
        let mut bytes = Vec::new();
        let mut recording = Recording::new(Cursor::new(&mut bytes), 2).unwrap();
        recording.write_pair(&[1, 2, 3], &[4, 5, 6]).unwrap();
        recording.finish().unwrap();
        assert_eq!(read(&bytes).unwrap().samples, [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    fn every_size_of_sample_keeps_its_level() {
        for (bits, sample_format) in [
            (8, SampleFormat::Int),
            (24, SampleFormat::Int),
            (32, SampleFormat::Int),
            (32, SampleFormat::Float),
        ] {
            let mut bytes = Vec::new();
            let spec = WavSpec {
                channels: 1,
                sample_rate: 16_000,
                bits_per_sample: bits,
                sample_format,
            };
            let mut writer = hound::WavWriter::new(Cursor::new(&mut bytes), spec).unwrap();
            match sample_format {
                SampleFormat::Int => writer.write_sample(1_i32 << (bits - 2)).unwrap(),
                SampleFormat::Float => writer.write_sample(0.5_f32).unwrap(),
            }
            writer.finalize().unwrap();
            assert_eq!(
                read(&bytes).unwrap(),
                Wav {
                    rate_hz: 16_000,
                    channels: 1,
                    samples: vec![16_384]
                }
            );
        }
    }

    #[test]
    fn a_flushed_file_is_readable_and_a_cut_one_gives_what_is_whole() {
        let mut file = Cursor::new(Vec::new());
        let mut recording = Recording::new(&mut file, 1).unwrap();
        recording.write(&[1, 2, 3]).unwrap();
        recording.flush().unwrap();
        std::mem::forget(recording);
        assert_eq!(read(file.get_ref()).unwrap().samples, [1, 2, 3]);
        let bytes = written(2, &[1, 2, 3, 4]);
        assert_eq!(read(&bytes[..bytes.len() - 1]).unwrap().samples, [1, 2]);
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let good = written(1, &[1; 100]);
        for length in 0..44 {
            assert!(read(&good[..length]).is_err(), "{length} bytes");
        }
        for index in 0..44 {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut bytes = good.clone();
                bytes[index] = value;
                if let Ok(wav) = read(&bytes) {
                    assert!(wav.samples.len() <= 200, "more than the file holds");
                }
            }
        }
    }
}
