//! The inside of a WAV: what its format chunk says, and where its samples are.
//!
//! Read here, and forgivingly: telephone systems write format chunks of 16, 18 or 20 bytes and sizes of nothing, and a
//! recording that was cut short is still worth hearing.

use super::WavError;
use crate::g711;

/// More channels than any recording of a call has.
const CHANNELS_MAX: u16 = 64;

/// The `fmt ` chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) coding: Coding,
    /// 1 to 64.
    pub(crate) channels: u16,
    /// As the file states it.
    pub(crate) rate_hz: u32,
}

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Pcm8,
    Pcm16,
    Pcm24,
    Pcm32,
    Float32,
    Alaw,
    Mulaw,
}

impl Coding {
    /// Of one sample.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Coding::Pcm8 | Coding::Alaw | Coding::Mulaw => 1,
            Coding::Pcm16 => 2,
            Coding::Pcm24 => 3,
            Coding::Pcm32 | Coding::Float32 => 4,
        }
    }

    /// The sample that so many bytes stand for; 0 for another number of bytes.
    pub(crate) fn sample(self, bytes: &[u8]) -> i16 {
        match (self, bytes) {
            (Coding::Pcm8, [a]) => (i16::from(*a) - 128) << 8,
            (Coding::Pcm16, [a, b])
            | (Coding::Pcm24, [_, a, b])
            | (Coding::Pcm32, [_, _, a, b]) => i16::from_le_bytes([*a, *b]),
            // The cast saturates, and makes 0 of what is not a number.
            (Coding::Float32, [a, b, c, d]) => {
                (f32::from_le_bytes([*a, *b, *c, *d]) * 32_768.0).round() as i16
            }
            (Coding::Alaw, [a]) => g711::alaw_decode(*a),
            (Coding::Mulaw, [a]) => g711::mulaw_decode(*a),
            _ => 0,
        }
    }
}

/// The format and the bytes of the samples, which end where the file ends if it claims more.
pub(crate) fn parse(file: &[u8]) -> Result<(Format, &[u8]), WavError> {
    let mut rest = file
        .strip_prefix(b"RIFF")
        .and_then(|rest| rest.get(4..))
        .and_then(|rest| rest.strip_prefix(b"WAVE"))
        .ok_or(WavError::Unreadable("it is not a WAV file"))?;
    let mut format = None;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *header;
        let size = u32::from_le_bytes(size) as usize;
        let body = &after[..size.min(after.len())];
        match &[a, b, c, d] {
            b"fmt " => format = Some(parse_format(body)?),
            b"data" => {
                let format =
                    format.ok_or(WavError::Unreadable("its samples come before their format"))?;
                return Ok((format, body));
            }
            _ => {}
        }
        // Chunks begin at even offsets.
        rest = after
            .get(size.saturating_add(size % 2)..)
            .unwrap_or_default();
    }
    Err(WavError::Unreadable("it has no samples"))
}

fn parse_format(body: &[u8]) -> Result<Format, WavError> {
    let [t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1, ..] = *body else {
        return Err(WavError::Unreadable("its format is cut short"));
    };
    // The extensible form names the coding in the first two bytes of its sub-format.
    let tag = match (u16::from_le_bytes([t0, t1]), body.get(24..26)) {
        (0xFFFE, Some(&[s0, s1])) => u16::from_le_bytes([s0, s1]),
        (tag, _) => tag,
    };
    let bits = u16::from_le_bytes([b0, b1]);
    let coding = match (tag, bits) {
        (1, 8) => Coding::Pcm8,
        (1, 16) => Coding::Pcm16,
        (1, 24) => Coding::Pcm24,
        (1, 32) => Coding::Pcm32,
        (3, 32) => Coding::Float32,
        (6, 8) => Coding::Alaw,
        (7, 8) => Coding::Mulaw,
        _ => return Err(WavError::Coding { tag, bits }),
    };
    let channels = u16::from_le_bytes([c0, c1]);
    if channels > CHANNELS_MAX {
        return Err(WavError::Channels(channels));
    }
    Ok(Format {
        coding,
        channels,
        rate_hz: u32::from_le_bytes([r0, r1, r2, r3]),
    })
}
