//! Frames of WebSockets (RFC 6455, section 5), as a client writes and reads them.

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

/// A frame of the server's, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// The message ends with it.
    pub(super) is_last: bool,
    /// Before its payload, and that.
    pub(super) header: usize,
    pub(super) length: usize,
}

impl Frame {
    /// The one that begins here; `None` if it has not come as a whole.
    ///
    /// # Errors
    /// There is no such frame, or it is too long.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>> {
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
        if first & RESERVED != 0 || second & IS_MASKED != 0 {
            return Err(broken(
                "a frame is masked, or something that nobody asked for",
            ));
        }
        let long = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        };
        let (header, length) = match (second, rest) {
            (126, [a, b, ..]) => (4, long(&[*a, *b])),
            (127, rest) if rest.len() >= 8 => (10, long(&rest[..8])),
            (126 | 127, _) => return Ok(None),
            (short, _) => (2, u64::from(*short)),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let length_max = match kind {
            Kind::Continuation | Kind::Text | Kind::Binary => MESSAGE_BYTES_MAX,
            Kind::Close | Kind::Ping | Kind::Pong => CONTROL_BYTES_MAX,
        };
        if length > length_max {
            return Err(broken("a frame is too long"));
        }
        let frame = Self {
            kind,
            is_last: first & IS_LAST != 0,
            header,
            length,
        };
        Ok((bytes.len() >= header + length).then_some(frame))
    }
}

/// Writes a whole message.
pub(super) fn push(kind: Kind, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.push(IS_LAST | kind as u8);
    match payload.len() {
        short @ ..126 => out.push(IS_MASKED | short as u8),
        middle @ ..0x1_0000 => {
            out.push(IS_MASKED | 126);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(IS_MASKED | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    let from = out.len();
    out.extend(payload);
    let (fours, rest) = out[from..].as_chunks_mut::<4>();
    let four_masks = u32::from_ne_bytes(mask);
    for four in fours {
        *four = (u32::from_ne_bytes(*four) ^ four_masks).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// Why the server closes; `None` if it does not say.
pub(super) fn close_code(payload: &[u8]) -> Option<u16> {
    let code = payload.first_chunk()?;
    Some(u16::from_be_bytes(*code))
}

/// What came is nothing that a server may send.
pub(super) fn broken(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}
