//! A WAV that is never whole in memory: its header, and any range of its bytes from the samples they stand for.

use std::ops::Range;

use super::Tracks;
use crate::RATE_HZ;
use crate::wav::WavError;

/// The largest file: a WAV counts its bytes in 32 bits. In two channels, some 37 hours.
const FILE_BYTES_MAX: u64 = 0xFFFF_0000;

/// Samples asked for at once: a second, and never over the end of one, since a recording is stored in seconds.
const BLOCK: u64 = RATE_HZ as u64;

const BYTES_PER_SAMPLE: u64 = 2;

/// A WAV of 16 bits and 8 kHz over samples that are elsewhere. Ranges of its bytes need only the samples they cover.
///
/// ```
/// use trunkline_media::export::{RangedWav, Tracks};
///
/// let wav = RangedWav::new(16_000, Tracks::Both)?;
/// let mut bytes = Vec::new();
/// let silence = |samples: std::ops::Range<u64>, out: &mut Vec<[i16; 2]>| {
///     out.extend(samples.map(|_| [0, 0]));
///     Ok::<(), std::io::Error>(())
/// };
/// wav.slice(wav.len() - 1_000..wav.len(), silence, &mut bytes)?;
/// assert_eq!(bytes.len(), 1_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RangedWav {
    header: Vec<u8>,
    samples: u64,
    tracks: Tracks,
}

impl RangedWav {
    /// A WAV of so many samples a channel.
    ///
    /// # Errors
    /// [`WavError::Full`] when the file would exceed 4 GiB.
    pub fn new(samples: u64, tracks: Tracks) -> Result<Self, WavError> {
        let frame = BYTES_PER_SAMPLE * u64::from(tracks.channels());
        let data = samples
            .checked_mul(frame)
            .filter(|data| *data <= FILE_BYTES_MAX - 1_024)
            .ok_or(WavError::Full)?;
        Ok(Self {
            header: header(data as u32, tracks),
            samples,
            tracks,
        })
    }

    /// Bytes of the whole file.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a file with a header is never empty"
    )]
    pub fn len(&self) -> u64 {
        self.header.len() as u64 + self.samples * self.frame()
    }

    /// Appends these bytes of the file to `out`, as many as the file has. `read` appends the samples of a range, caller
    /// and agent; it is asked in order, for at most a second at once and never for parts of two. Where it gives too few,
    /// silence stands.
    ///
    /// # Errors
    /// Those of `read`, at once; `out` then holds what came before.
    pub fn slice<E>(
        &self,
        bytes: Range<u64>,
        mut read: impl FnMut(Range<u64>, &mut Vec<[i16; 2]>) -> Result<(), E>,
        out: &mut Vec<u8>,
    ) -> Result<(), E> {
        let header = self.header.len() as u64;
        let end = bytes.end.min(self.len());
        let start = bytes.start.min(end);
        out.extend_from_slice(&self.header[start.min(header) as usize..end.min(header) as usize]);
        let (start, end) = (start.max(header) - header, end.max(header) - header);
        let frame = self.frame();
        let (mut from, last) = (start / frame, end.div_ceil(frame));
        let mut samples = Vec::new();
        let mut block = Vec::new();
        while from < last {
            let to = ((from / BLOCK + 1) * BLOCK).min(last);
            samples.clear();
            read(from..to, &mut samples)?;
            samples.resize((to - from) as usize, [0, 0]);
            block.clear();
            for &pair in &samples {
                for channel in 0..usize::from(self.tracks.channels()) {
                    block.extend(self.tracks.sample(pair, channel).to_le_bytes());
                }
            }
            let first = start.saturating_sub(from * frame) as usize;
            let past = (end - from * frame).min(block.len() as u64) as usize;
            out.extend_from_slice(&block[first..past]);
            from = to;
        }
        Ok(())
    }

    /// Bytes of one moment.
    fn frame(&self) -> u64 {
        BYTES_PER_SAMPLE * u64::from(self.tracks.channels())
    }
}

fn header(data: u32, tracks: Tracks) -> Vec<u8> {
    let channels = tracks.channels();
    let width = BYTES_PER_SAMPLE as u16;
    let mut format = Vec::with_capacity(16);
    format.extend(1_u16.to_le_bytes());
    format.extend(channels.to_le_bytes());
    format.extend(RATE_HZ.to_le_bytes());
    format.extend((RATE_HZ * u32::from(width * channels)).to_le_bytes());
    format.extend((width * channels).to_le_bytes());
    format.extend((width * 8).to_le_bytes());
    let mut info = b"INFO".to_vec();
    if let Some(mark) = tracks.mark() {
        chunk(
            &mut info,
            b"ICMT",
            format!("{mark} (EU AI Act art. 50(2))\0").as_bytes(),
        );
    }
    chunk(&mut info, b"ISFT", b"Trunkline\0");
    let mut body = b"WAVE".to_vec();
    chunk(&mut body, b"fmt ", &format);
    chunk(&mut body, b"LIST", &info);
    body.extend(b"data");
    body.extend(data.to_le_bytes());
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32 + data).to_le_bytes());
    file.extend(body);
    file
}

/// Chunks begin at even offsets.
fn chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend(name);
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    out.resize(out.len().next_multiple_of(2), 0);
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Cursor;

    use symphonia::core::formats::FormatOptions;
    use symphonia::core::formats::probe::Hint;
    use symphonia::core::io::MediaSourceStream;
    use symphonia::core::meta::MetadataOptions;

    use super::*;

    /// A recording in which every sample is another.
    fn recording(samples: Range<u64>, out: &mut Vec<[i16; 2]>) -> Result<(), Infallible> {
        out.extend(samples.map(|n| [(n * 3) as i16, -(n as i16)]));
        Ok(())
    }

    fn bytes(wav: &RangedWav, range: Range<u64>) -> Vec<u8> {
        let mut out = Vec::new();
        let Ok(()) = wav.slice(range, recording, &mut out);
        out
    }

    fn whole(tracks: Tracks, samples: u64) -> Vec<u8> {
        let wav = RangedWav::new(samples, tracks).unwrap();
        let file = bytes(&wav, 0..u64::MAX);
        assert_eq!(file.len() as u64, wav.len());
        file
    }

    #[test]
    fn others_read_what_it_says() {
        for (tracks, channels) in [(Tracks::Both, 2), (Tracks::Caller, 1), (Tracks::Agent, 1)] {
            let file = whole(tracks, 20_001);
            let riff = u32::from_le_bytes(file[4..8].try_into().unwrap());
            assert_eq!(riff as usize + 8, file.len());
            let mut pairs = Vec::new();
            let Ok(()) = recording(0..20_001, &mut pairs);
            let expected: Vec<i16> = pairs
                .iter()
                .flat_map(|pair| match tracks {
                    Tracks::Both => pair.to_vec(),
                    Tracks::Caller => vec![pair[0]],
                    Tracks::Agent => vec![pair[1]],
                })
                .collect();
            let reader = hound::WavReader::new(Cursor::new(&file)).unwrap();
            let spec = reader.spec();
            assert_eq!(
                (spec.channels, spec.sample_rate, spec.bits_per_sample),
                (channels, 8_000, 16)
            );
            let samples: Result<Vec<i16>, _> = reader.into_samples().collect();
            assert_eq!(samples.unwrap(), expected);
            assert_eq!(crate::wav::read(&file).unwrap().samples, expected);
            let stream = MediaSourceStream::new(Box::new(Cursor::new(file)), Default::default());
            let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
            let reader = symphonia::default::get_probe()
                .probe(&Hint::new(), stream, format, metadata)
                .unwrap();
            let track = &reader.tracks()[0];
            assert_eq!(track.num_frames, Some(20_001));
        }
    }

    /// The text of a chunk of the header's list.
    fn info(file: &[u8], name: &[u8; 4]) -> Option<String> {
        let at = file[..file.len().min(512)]
            .windows(4)
            .position(|four| four == b"LIST")?;
        let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap());
        let mut list = file[at + 8..at + 8 + length as usize].strip_prefix(b"INFO")?;
        while let Some((header, after)) = list.split_first_chunk::<8>() {
            let length = u32::from_le_bytes(header[4..].try_into().unwrap()) as usize;
            if header.starts_with(name) {
                let text = after[..length].strip_suffix(b"\0")?;
                return Some(String::from_utf8(text.to_vec()).unwrap());
            }
            list = &after[length.next_multiple_of(2)..];
        }
        None
    }

    #[test]
    fn the_file_says_what_is_made_by_a_machine() {
        let right = "right channel: AI-generated speech (EU AI Act art. 50(2))";
        for (tracks, mark) in [
            (Tracks::Both, Some(right)),
            (Tracks::Agent, right.strip_prefix("right channel: ")),
            (Tracks::Caller, None),
        ] {
            let file = whole(tracks, 10);
            assert_eq!(info(&file, b"ICMT").as_deref(), mark);
            assert_eq!(info(&file, b"ISFT").as_deref(), Some("Trunkline"));
        }
    }

    #[test]
    fn any_range_is_that_part_of_the_file() {
        for tracks in [Tracks::Both, Tracks::Agent] {
            let wav = RangedWav::new(24_100, tracks).unwrap();
            let file = whole(tracks, 24_100);
            let length = wav.len();
            let header = length - 24_100 * wav.frame();
            let second = 8_000 * wav.frame();
            for start in [
                0,
                1,
                7,
                header - 1,
                header,
                header + 1,
                header + 3,
                header + second - 1,
                header + second,
                length - 1,
                length,
            ] {
                for count in [
                    0,
                    1,
                    2,
                    3,
                    5,
                    100,
                    second - 1,
                    second + 3,
                    length,
                    u64::MAX / 2,
                ] {
                    let range = start..start + count;
                    let past = range.end.min(length) as usize;
                    assert_eq!(
                        bytes(&wav, range),
                        file[start as usize..past],
                        "{start} {count}"
                    );
                }
            }
            let (start, end) = (50, 10);
            assert_eq!(bytes(&wav, start..end), []);
            assert_eq!(bytes(&wav, u64::MAX - 1..u64::MAX), []);
        }
    }

    #[test]
    fn only_what_is_covered_is_read_second_by_second() {
        let wav = RangedWav::new(80_000, Tracks::Both).unwrap();
        let header = wav.len() - 320_000;
        let asked = |range: Range<u64>| {
            let mut asked = Vec::new();
            let read = |samples: Range<u64>, _: &mut Vec<[i16; 2]>| {
                asked.push((samples.start, samples.end));
                Ok::<(), Infallible>(())
            };
            let Ok(()) = wav.slice(range, read, &mut Vec::new());
            asked
        };
        assert_eq!(asked(0..header), []);
        assert_eq!(asked(0..header + 1), [(0, 1)]);
        assert_eq!(asked(header + 7..header + 9), [(1, 3)]);
        assert_eq!(
            asked(header + 31_999..header + 64_001),
            [(7_999, 8_000), (8_000, 16_000), (16_000, 16_001)]
        );
        assert_eq!(asked(header + 319_996..u64::MAX), [(79_999, 80_000)]);
    }

    #[test]
    fn a_short_or_failing_reader_is_no_harm() {
        let wav = RangedWav::new(16_000, Tracks::Caller).unwrap();
        let mut out = Vec::new();
        let read = |samples: Range<u64>, out: &mut Vec<[i16; 2]>| match samples.start {
            0 => {
                out.push([7, 7]);
                Ok(())
            }
            _ => Err("gone"),
        };
        assert_eq!(wav.slice(0..wav.len(), read, &mut out), Err("gone"));
        let data = &out[out.len() - 16_000..];
        assert_eq!(data[..3], [7, 0, 0]);
    }

    #[test]
    fn four_hours_fit_and_what_does_not_is_refused() {
        let wav = RangedWav::new(4 * 3_600 * 8_000, Tracks::Both).unwrap();
        assert_eq!(bytes(&wav, wav.len() - 2..wav.len()).len(), 2);
        for samples in [u64::MAX, u64::MAX / 4 + 1, 1 << 30] {
            assert!(matches!(
                RangedWav::new(samples, Tracks::Both),
                Err(WavError::Full)
            ));
        }
        assert_eq!(whole(Tracks::Both, 0).len() % 2, 0);
    }
}
