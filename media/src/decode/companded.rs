//! G.711 inside a WAV: general decoders insist on one form of its format chunk, and telephone systems write three.

use crate::g711;
use crate::wav::chunks::{self, Coding};

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
        let (format, data) = chunks::parse(bytes).ok()?;
        Some(Self {
            rate_hz: format.rate_hz,
            channels: format.channels,
            data,
            alaw: match format.coding {
                Coding::Alaw => true,
                Coding::Mulaw => false,
                Coding::Pcm8 | Coding::Pcm16 | Coding::Pcm24 | Coding::Pcm32 | Coding::Float32 => {
                    return None;
                }
            },
        })
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
