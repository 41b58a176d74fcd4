//! One channel of a WAV file as the line carries it: 16-bit at 8 kHz.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::rate::{ClipRate, to_samples};
use super::voice::LINE_RATE;

/// The largest file that is read.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not a WAV file that is understood.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads channel `channel`, counted from 0, of a WAV file with PCM of 8, 16, 24 or 32 bits, floats, A-law or mu-law.
pub fn read_wav(path: &Path, channel: usize) -> Result<Vec<i16>, RecordingError> {
    let file_error = |source| RecordingError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path)
        .map_err(file_error)?
        .take(FILE_BYTES_MAX + 1);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(file_error)?;
    let too_large = u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX;
    let samples = if too_large {
        Err(format!("it is larger than {FILE_BYTES_MAX} bytes"))
    } else {
        samples(&bytes, channel)
    };
    samples.map_err(|reason| RecordingError::Format {
        path: path.to_owned(),
        reason,
    })
}

/// The `fmt ` chunk.
#[derive(Debug, Clone, Copy)]
struct Format {
    coding: Coding,
    channels: usize,
    rate: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Pcm8,
    Pcm16,
    Pcm24,
    Pcm32,
    Float32,
    Alaw,
    Mulaw,
}

impl Coding {
    fn bytes(self) -> usize {
        match self {
            Coding::Pcm8 | Coding::Alaw | Coding::Mulaw => 1,
            Coding::Pcm16 => 2,
            Coding::Pcm24 => 3,
            Coding::Pcm32 | Coding::Float32 => 4,
        }
    }

    fn value(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Coding::Pcm8, [a]) => (f32::from(*a) - 128.0) / 128.0,
            (Coding::Pcm16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
            (Coding::Pcm24, [a, b, c]) => {
                i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0
            }
            (Coding::Pcm32, [a, b, c, d]) => {
                i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0
            }
            (Coding::Float32, [a, b, c, d]) => {
                let value = f32::from_le_bytes([*a, *b, *c, *d]);
                if value.is_finite() {
                    value.clamp(-1.0, 1.0)
                } else {
                    0.0
                }
            }
            (Coding::Mulaw, [a]) => f32::from(from_mulaw(*a)) / 32_768.0,
            (Coding::Alaw, [a]) => f32::from(from_alaw(*a)) / 32_768.0,
            _ => 0.0,
        }
    }
}

fn samples(file: &[u8], channel: usize) -> Result<Vec<i16>, String> {
    let (format, data) = chunks(file)?;
    if channel >= format.channels {
        return Err(format!(
            "it has {} channels, and they count from 0",
            format.channels
        ));
    }
    let width = format.coding.bytes();
    let sound: Vec<f32> = data
        .chunks_exact(width * format.channels)
        .filter_map(|frame| frame.chunks_exact(width).nth(channel))
        .map(|sample| format.coding.value(sample))
        .collect();
    if format.rate == LINE_RATE {
        return Ok(to_samples(&sound));
    }
    ClipRate::new(format.rate, LINE_RATE)
        .and_then(|mut rate| rate.run(&sound))
        .map(|sound| to_samples(&sound))
        .map_err(|error| error.to_string())
}

/// The format and the sound. A recording cut short, or one whose sizes were never written, ends where the file ends.
fn chunks(file: &[u8]) -> Result<(Format, &[u8]), String> {
    let rest = file
        .strip_prefix(b"RIFF")
        .and_then(|rest| rest.get(4..))
        .and_then(|rest| rest.strip_prefix(b"WAVE"));
    let mut rest = rest.ok_or("it is not a WAV file")?;
    let mut format = None;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *header;
        let size = usize::try_from(u32::from_le_bytes(size)).unwrap_or(usize::MAX);
        let body = after.get(..size.min(after.len())).unwrap_or_default();
        match &[a, b, c, d] {
            b"fmt " => format = Some(parse_format(body)?),
            b"data" => return Ok((format.ok_or("its sound comes before its format")?, body)),
            _ => {}
        }
        rest = after
            .get(size.saturating_add(size % 2)..)
            .unwrap_or_default();
    }
    Err("it has no sound".into())
}

fn parse_format(body: &[u8]) -> Result<Format, String> {
    let number = |at: usize| -> Option<u16> {
        let pair = body.get(at..at + 2)?;
        Some(u16::from_le_bytes([*pair.first()?, *pair.last()?]))
    };
    let parse = || -> Option<(u16, u16, usize, u16)> {
        // The extensible form names the coding in the first two bytes of its sub-format.
        let tag = match number(0)? {
            0xfffe => number(24)?,
            tag => tag,
        };
        let rate = usize::from(number(6)?) << 16 | usize::from(number(4)?);
        Some((tag, number(2)?, rate, number(14)?))
    };
    let (tag, channels, rate, bits) = parse().ok_or("its format is cut short")?;
    let coding = match (tag, bits) {
        (1, 8) => Coding::Pcm8,
        (1, 16) => Coding::Pcm16,
        (1, 24) => Coding::Pcm24,
        (1, 32) => Coding::Pcm32,
        (3, 32) => Coding::Float32,
        (6, 8) => Coding::Alaw,
        (7, 8) => Coding::Mulaw,
        _ => return Err(format!("its coding {tag} of {bits} bits is not understood")),
    };
    if channels == 0 || channels > 64 || !(4_000..=192_000).contains(&rate) {
        return Err(format!(
            "{channels} channels at {rate} Hz are not understood"
        ));
    }
    Ok(Format {
        coding,
        channels: usize::from(channels),
        rate,
    })
}

/// ITU-T G.711.
fn from_mulaw(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i16::from(code & 0x0f) << 3) + 0x84) << ((code >> 4) & 0x07);
    if code & 0x80 == 0 {
        magnitude - 0x84
    } else {
        0x84 - magnitude
    }
}

/// ITU-T G.711.
fn from_alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let step = i16::from(code & 0x0f) << 4;
    let magnitude = match (code >> 4) & 0x07 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        for number in [tag, channels] {
            file.extend(number.to_le_bytes());
        }
        file.extend(rate.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        file.extend(b"data");
        file.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn every_coding_gives_the_same_values() {
        for (tag, bits, data, expected) in [
            (1, 8, vec![128, 192, 64], vec![0, 16_384, -16_384]),
            (
                1,
                16,
                vec![0, 0, 0, 0x40, 0, 0xc0],
                vec![0, 16_384, -16_384],
            ),
            (1, 24, vec![0, 0, 0x40, 0, 0, 0xc0], vec![16_384, -16_384]),
            (1, 32, vec![0, 0, 0, 0x40], vec![16_384]),
            (3, 32, 0.5_f32.to_le_bytes().to_vec(), vec![16_384]),
            (7, 8, vec![0xff, 0x80, 0x00], vec![0, 32_124, -32_124]),
            (6, 8, vec![0xd5, 0xaa, 0x2a], vec![8, 32_256, -32_256]),
        ] {
            let found = samples(&wav(tag, 1, 8_000, bits, &data), 0).unwrap();
            let close = found
                .iter()
                .zip(&expected)
                .all(|(one, other)| (one - other).abs() <= 2);
            assert!(
                close && found.len() == expected.len(),
                "{tag}/{bits}: {found:?}"
            );
        }
    }

    #[test]
    fn a_channel_is_taken_out_and_brought_to_the_lines_rate() {
        let stereo = wav(1, 2, 8_000, 16, &[1, 0, 2, 0, 3, 0, 4, 0]);
        assert_eq!(samples(&stereo, 0).unwrap(), [1, 3]);
        assert_eq!(samples(&stereo, 1).unwrap(), [2, 4]);
        assert!(samples(&stereo, 2).unwrap_err().contains("2 channels"));
        let fast = wav(1, 1, 16_000, 16, &[0; 32_000]);
        assert_eq!(samples(&fast, 0).unwrap().len(), 8_000);
    }

    #[test]
    fn what_is_no_recording_is_refused_and_one_cut_short_is_read() {
        let whole = wav(1, 1, 8_000, 16, &[7, 0, 7, 0]);
        for bad in [
            &b""[..],
            b"RIFF",
            b"RIFF\0\0\0\0WAVE",
            b"RIFF\0\0\0\0WAVEdata\xff\xff\xff\xff",
            b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\x01\0",
            &wav(2, 1, 8_000, 4, &[]),
            &wav(1, 0, 8_000, 16, &[]),
            &wav(1, 1, 0, 16, &[]),
        ] {
            assert!(samples(bad, 0).is_err(), "{bad:?}");
        }
        assert_eq!(samples(&whole[..whole.len() - 1], 0).unwrap(), [7]);
    }
}
