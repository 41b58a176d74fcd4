//! One channel of a WAV file as the line carries it: 16-bit at 8 kHz.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use trunkline_media::resample::resample_i16;
use trunkline_media::{RATE_HZ, wav};

/// The largest file that is read.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

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

fn samples(file: &[u8], channel: usize) -> Result<Vec<i16>, String> {
    let wav = wav::read(file).map_err(|error| error.to_string())?;
    let (rate_hz, channels) = (wav.rate_hz, wav.channels);
    let sound = u16::try_from(channel)
        .ok()
        .and_then(|channel| wav.into_channel(channel))
        .ok_or_else(|| format!("it has {channels} channels, and they count from 0"))?;
    if rate_hz == RATE_HZ {
        return Ok(sound);
    }
    resample_i16(rate_hz, RATE_HZ, &sound).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend([0; 6]);
        file.extend(16_u16.to_le_bytes());
        file.extend(b"data\xff\xff\xff\xff");
        file.extend(data);
        file
    }

    #[test]
    fn a_channel_is_taken_out_and_brought_to_the_lines_rate() {
        let stereo = wav(2, 8_000, &[1, 0, 2, 0, 3, 0, 4, 0]);
        assert_eq!(samples(&stereo, 0).unwrap(), [1, 3]);
        assert_eq!(samples(&stereo, 1).unwrap(), [2, 4]);
        assert!(samples(&stereo, 2).unwrap_err().contains("2 channels"));
        let fast = wav(1, 16_000, &[0; 32_000]);
        assert_eq!(samples(&fast, 0).unwrap().len(), 8_000);
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        for (file, why) in [
            (&b""[..], "not a WAV"),
            (&wav(1, 0, &[]), "resample 0 Hz"),
            (&wav(0, 8_000, &[]), "0 channels"),
        ] {
            let reason = samples(file, 0).unwrap_err();
            assert!(reason.contains(why), "{reason}");
        }
    }
}
