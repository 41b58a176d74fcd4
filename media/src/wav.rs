//! WAV files: reading one from bytes, and writing a recording as the call goes.

use std::io::{Seek, Write};

use hound::{SampleFormat, WavSpec};

use crate::RATE_HZ;

pub(crate) mod chunks;

/// The largest file written: a WAV counts its bytes in 32 bits.
const DATA_BYTES_MAX: u64 = 0xFFFF_0000;

/// What went wrong with a WAV.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// Not a WAV, or a broken one.
    #[error("not a readable WAV file: {0}")]
    Unreadable(&'static str),
    /// None, or more than a recording has.
    #[error("a recording cannot have {0} channels")]
    Channels(u16),
    /// Samples that nobody uses.
    #[error("samples of coding {tag} and {bits} bits are not supported")]
    Coding {
        /// The format's number for the coding.
        tag: u16,
        /// Bits of a sample.
        bits: u16,
    },
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
    /// At least 1.
    pub channels: u16,
    /// Samples, the channels in turn.
    pub samples: Vec<i16>,
}

impl Wav {
    /// One channel: itself, or the mean of all.
    pub fn into_mono(self) -> Vec<i16> {
        if self.channels == 1 {
            return self.samples;
        }
        let channels = usize::from(self.channels.max(1));
        let mean = |frame: &[i16]| {
            (frame.iter().map(|&s| i32::from(s)).sum::<i32>() / channels as i32) as i16
        };
        self.samples.chunks_exact(channels).map(mean).collect()
    }

    /// The samples of one channel, counted from 0; `None` if there are not so many.
    pub fn into_channel(self, channel: u16) -> Option<Vec<i16>> {
        if channel >= self.channels {
            return None;
        }
        if self.channels == 1 {
            return Some(self.samples);
        }
        let step = usize::from(self.channels);
        let of_channel = self.samples.into_iter().skip(channel.into()).step_by(step);
        Some(of_channel.collect())
    }
}

/// Reads a WAV of 8, 16, 24 or 32-bit integers, 32-bit floats, A-law or mu-law. A file cut short, or one whose sizes
/// were never written, gives what is whole.
///
/// # Errors
/// [`WavError`] when it is not one.
pub fn read(bytes: &[u8]) -> Result<Wav, WavError> {
    let (format, data) = chunks::parse(bytes)?;
    if format.channels == 0 {
        return Err(WavError::Channels(0));
    }
    let width = format.coding.bytes();
    let frame = width * usize::from(format.channels);
    let whole = &data[..data.len() / frame * frame];
    let samples = whole.chunks_exact(width);
    Ok(Wav {
        rate_hz: format.rate_hz,
        channels: format.channels,
        samples: samples.map(|sample| format.coding.sample(sample)).collect(),
    })
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
    use std::io::Cursor;

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

    /// By hand, with a chunk before the format and sizes that are wrong, for what hound does not write.
    fn by_hand(tag: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        for number in [tag, channels] {
            file.extend(number.to_le_bytes());
        }
        file.extend(8_000_u32.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        file.extend(b"data\xff\xff\xff\x7f");
        file.extend(data);
        file
    }

    #[test]
    fn every_coding_gives_the_same_values() {
        let float = 0.5_f32.to_le_bytes();
        let cases: &[(u16, u16, &[u8], &[i16])] = &[
            (1, 8, &[128, 192, 64], &[0, 16_384, -16_384]),
            (1, 16, &[0, 0, 0, 0x40, 0, 0xC0], &[0, 16_384, -16_384]),
            (1, 24, &[0, 0, 0x40, 0, 0, 0xC0], &[16_384, -16_384]),
            (1, 32, &[0, 0, 0, 0x40], &[16_384]),
            (3, 32, &float, &[16_384]),
            (3, 32, &f32::NAN.to_le_bytes(), &[0]),
            (7, 8, &[0xFF, 0x80, 0x00], &[0, 32_124, -32_124]),
            (6, 8, &[0xD5, 0xAA, 0x2A], &[8, 32_256, -32_256]),
        ];
        for (tag, bits, data, expected) in cases {
            let found = read(&by_hand(*tag, 1, *bits, data)).unwrap().samples;
            assert_eq!(found, *expected, "{tag}/{bits}");
        }
    }

    #[test]
    fn one_channel_of_many() {
        let three = by_hand(1, 3, 16, &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7]);
        let read = || read(&three).unwrap();
        assert_eq!(read().into_channel(0).unwrap(), [1, 4]);
        assert_eq!(read().into_channel(2).unwrap(), [3, 6]);
        assert_eq!(read().into_channel(3), None);
        assert_eq!(read().into_mono(), [2, 5]);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (file, why) in [
            (&b"RIFF\0\0\0\0WAVE"[..], "no samples"),
            (
                b"RIFF\0\0\0\0WAVEdata\xff\xff\xff\xff",
                "before their format",
            ),
            (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\x01\0", "cut short"),
            (&by_hand(2, 1, 4, &[]), "coding 2 and 4 bits"),
            (&by_hand(1, 0, 16, &[]), "0 channels"),
            (&by_hand(1, 65, 16, &[]), "65 channels"),
        ] {
            let error = read(file).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
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
