//! G.711 inside a WAV, read here: telephone systems write it with format chunks of 16, 18 or 20 bytes, and general
//! decoders insist on one of them.

use crate::g711;

/// A WAV of mu-law or A-law.
#[derive(Debug, Clone, Copy)]
pub(super) struct Companded<'a> {
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
    data: &'a [u8],
    alaw: bool,
}

impl<'a> Companded<'a> {
    /// `None` when the bytes are anything else.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes
            .strip_prefix(b"RIFF")?
            .get(4..)?
            .strip_prefix(b"WAVE")?;
        let mut format = None;
        loop {
            let (id, length, body) = chunk(rest)?;
            match id {
                b"fmt " => format = Some(parse_format(body)?),
                b"data" => {
                    let (alaw, channels, rate_hz) = format?;
                    return Some(Self {
                        rate_hz,
                        channels,
                        data: body,
                        alaw,
                    });
                }
                _ => {}
            }
            // Chunks begin at even offsets.
            rest = rest.get(8 + length + length % 2..)?;
        }
    }

    /// The samples, full scale 1.0, channels in turn.
    pub(super) fn samples(&self) -> impl Iterator<Item = f32> + 'a {
        let decode = if self.alaw {
            g711::alaw_decode
        } else {
            g711::mulaw_decode
        };
        self.data
            .iter()
            .map(move |&code| f32::from(decode(code)) / 32_768.0)
    }
}

/// Id, stated length, and what is there of the body.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], usize, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (length, body) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    Some((id, length, &body[..length.min(body.len())]))
}

fn parse_format(body: &[u8]) -> Option<(bool, u16, u32)> {
    let [f0, f1, c0, c1, r0, r1, r2, r3, ..] = *body else {
        return None;
    };
    let alaw = match u16::from_le_bytes([f0, f1]) {
        6 => true,
        7 => false,
        _ => return None,
    };
    Some((
        alaw,
        u16::from_le_bytes([c0, c1]),
        u32::from_le_bytes([r0, r1, r2, r3]),
    ))
}
