//! Frames of WebSockets (RFC 6455, section 5).

use super::MESSAGE_BYTES_MAX;
use std::io::{Error, ErrorKind, Result};

const IS_LAST: u8 = 0x80;
const IS_MASKED: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// The longest payload of what is no message.
const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// What a client's bytes are mixed with; a server's are not.
pub(super) type Mask = Option<[u8; 4]>;

/// A frame that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// The message ends with it.
    pub(super) is_last: bool,
    /// Bytes before its payload, and of that.
    pub(super) header: usize,
    pub(super) length: usize,
    pub(super) mask: Mask,
}

impl Frame {
    /// The one that begins here, from a client or from a server; `None` if it has not come as a whole.
    ///
    /// # Errors
    /// There is no such frame, or it is too long.
    pub(super) fn read(bytes: &[u8], is_from_client: bool) -> Result<Option<Self>> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let kind = match first & 0x0F {
            0 => Kind::Continuation,
            1 => Kind::Text,
            2 => Kind::Binary,
            8 => Kind::Close,
            9 => Kind::Ping,
            10 => Kind::Pong,
            _ => return Err(broken("a frame is of no kind that there is")),
        };
        if first & RESERVED != 0 {
            return Err(broken("a frame holds something that nobody asked for"));
        }
        if (second & IS_MASKED != 0) != is_from_client {
            return Err(broken("a frame is masked and should not be, or is not"));
        }
        let long = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        };
        let (header, length) = match (second & !IS_MASKED, rest) {
            (126, [a, b, ..]) => (4, long(&[*a, *b])),
            (127, rest) if rest.len() >= 8 => (10, long(&rest[..8])),
            (126 | 127, _) => return Ok(None),
            (short, _) => (2, u64::from(short)),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let length_max = match kind {
            Kind::Continuation | Kind::Text | Kind::Binary => MESSAGE_BYTES_MAX,
            Kind::Close | Kind::Ping | Kind::Pong => CONTROL_BYTES_MAX,
        };
        if length > length_max {
            return Err(broken("a frame is too long"));
        }
        let mask = bytes.get(header..).and_then(<[u8]>::first_chunk).copied();
        let (header, mask) = match mask {
            _ if !is_from_client => (header, None),
            Some(mask) => (header + 4, Some(mask)),
            None => return Ok(None),
        };
        let frame = Self {
            kind,
            is_last: first & IS_LAST != 0,
            header,
            length,
            mask,
        };
        Ok((bytes.len() >= header + length).then_some(frame))
    }
}

/// Writes a whole message.
pub(super) fn push(kind: Kind, payload: &[u8], mask: Mask, out: &mut Vec<u8>) {
    let is_masked = if mask.is_some() { IS_MASKED } else { 0 };
    out.push(IS_LAST | kind as u8);
    match payload.len() {
        short @ ..126 => out.push(is_masked | short as u8),
        middle @ ..0x1_0000 => {
            out.push(is_masked | 126);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(is_masked | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(mask.iter().flatten());
    let from = out.len();
    out.extend(payload);
    mix(&mut out[from..], mask);
}

/// Puts the mask on, or takes it off.
pub(super) fn mix(payload: &mut [u8], mask: Mask) {
    let Some(mask) = mask else { return };
    let (fours, rest) = payload.as_chunks_mut::<4>();
    let four_masks = u32::from_ne_bytes(mask);
    for four in fours {
        *four = (u32::from_ne_bytes(*four) ^ four_masks).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// Why the other side closes; `None` if it does not say.
pub(super) fn close_code(payload: &[u8]) -> Option<u16> {
    let code = payload.first_chunk()?;
    Some(u16::from_be_bytes(*code))
}

/// What came is nothing that may be sent.
pub(super) fn broken(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}
