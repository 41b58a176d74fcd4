//! Ogg Opus: 20 ms frames of narrowband speech, each track a mono stream of its own.
//!
//! Coded together as stereo, one track would be audible in the other. So a file of both tracks has two uncoupled
//! streams, which mapping family 1 of RFC 7845 makes left and right; players take it as ordinary stereo.

use opus_rs::{Application, OpusEncoder};

use super::Tracks;
use super::ogg::Pages;
use crate::{FRAME, RATE_HZ};

/// Of a track, on average. Narrowband speech gains little above.
const BITRATE_BPS: i32 = 24_000;

/// From here on, effort buys nothing that can be heard.
const COMPLEXITY: i32 = 5;

/// Samples of 48 kHz that the codec puts before the first: its look-ahead of 6.5 ms.
const PRE_SKIP: u64 = 312;

/// Samples of 48 kHz, by which Opus counts, for one of ours.
const GRANULES_PER_SAMPLE: u64 = 48_000 / RATE_HZ as u64;

const PACKET_BYTES_MAX: usize = 1_276;

/// The codec refused to work. It does not depend on what is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Opus encoder failed: {0}")]
pub struct OpusError(&'static str);

/// Writes Ogg Opus as samples come.
///
/// ```
/// use trunkline_media::export::{OggOpus, Tracks};
///
/// let mut file = Vec::new();
/// let mut opus = OggOpus::new(Tracks::Both, 1, &mut file)?;
/// for second in [[[0, 0]; 8_000]; 2] {
///     opus.push(&second, &mut file)?; // what is in `file` may be sent and cleared
/// }
/// opus.finish(&mut file)?;
/// # Ok::<(), trunkline_media::export::OpusError>(())
/// ```
pub struct OggOpus {
    tracks: Tracks,
    /// One a channel.
    encoders: Vec<OpusEncoder>,
    pages: Pages,
    /// Less than a frame.
    waiting: Vec<[i16; 2]>,
    samples: u64,
    frames: u64,
    packet: Vec<u8>,
}

impl std::fmt::Debug for OggOpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OggOpus")
            .field("tracks", &self.tracks)
            .field("samples", &self.samples)
            .finish_non_exhaustive()
    }
}

impl OggOpus {
    /// Begins a file and appends its headers. `serial` is any number; streams in one file would differ in it.
    ///
    /// # Errors
    /// [`OpusError`].
    pub fn new(tracks: Tracks, serial: u32, out: &mut Vec<u8>) -> Result<Self, OpusError> {
        let encoder = || {
            let mut encoder = OpusEncoder::new(RATE_HZ as i32, 1, Application::Voip)?;
            encoder.bitrate_bps = BITRATE_BPS;
            encoder.complexity = COMPLEXITY;
            encoder.use_cbr = false;
            Ok(encoder)
        };
        let encoders = (0..tracks.channels()).map(|_| encoder());
        let encoders: Result<Vec<_>, _> = encoders.collect();
        let mut pages = Pages::new(serial);
        pages.header(&head(tracks), out);
        pages.header(&tags(tracks), out);
        Ok(Self {
            tracks,
            encoders: encoders.map_err(OpusError)?,
            pages,
            waiting: Vec::with_capacity(FRAME),
            samples: 0,
            frames: 0,
            packet: Vec::with_capacity(2 * PACKET_BYTES_MAX),
        })
    }

    /// Takes samples, caller and agent, and appends the pages that are full.
    ///
    /// # Errors
    /// [`OpusError`]; the file is not to be used then.
    pub fn push(&mut self, mut samples: &[[i16; 2]], out: &mut Vec<u8>) -> Result<(), OpusError> {
        self.samples += samples.len() as u64;
        while !samples.is_empty() {
            let (now, rest) = samples.split_at(samples.len().min(FRAME - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            samples = rest;
            if self.waiting.len() == FRAME {
                self.encode(out)?;
            }
        }
        Ok(())
    }

    /// Ends the file: to the sample as long as what was pushed.
    ///
    /// # Errors
    /// [`OpusError`].
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), OpusError> {
        let end = PRE_SKIP + self.samples * GRANULES_PER_SAMPLE;
        while self.frames == 0 || self.end() < end {
            self.waiting.resize(FRAME, [0, 0]);
            self.encode(out)?;
        }
        self.pages.finish(end, out);
        Ok(())
    }

    /// Where the frames so far end.
    fn end(&self) -> u64 {
        self.frames * FRAME as u64 * GRANULES_PER_SAMPLE
    }

    /// Encodes the frame that waits.
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), OpusError> {
        self.packet.clear();
        let last = self.encoders.len() - 1;
        let mut mono = [0; FRAME];
        let mut packet = [0; PACKET_BYTES_MAX];
        for (channel, encoder) in self.encoders.iter_mut().enumerate() {
            for (sample, &pair) in mono.iter_mut().zip(&self.waiting) {
                *sample = self.tracks.sample(pair, channel);
            }
            let length = encoder.encode_i16(&mono, FRAME, &mut packet);
            let packet = &packet[..length.map_err(OpusError)?];
            if channel == last {
                self.packet.extend_from_slice(packet);
            } else {
                delimit(packet, &mut self.packet)?;
            }
        }
        self.waiting.clear();
        self.frames += 1;
        let end = self.end();
        self.pages.packet(&self.packet, end, out);
        Ok(())
    }
}

/// Appends a packet so that another stream's can follow it (RFC 6716, appendix B): with the length of its one frame.
fn delimit(packet: &[u8], out: &mut Vec<u8>) -> Result<(), OpusError> {
    let one_frame = |toc: &u8| toc & 3 == 0;
    let Some((toc, frame)) = packet.split_first().filter(|(toc, _)| one_frame(toc)) else {
        return Err(OpusError("not one frame in a packet"));
    };
    out.push(*toc);
    // Of more than 251 bytes, the second byte counts in fours.
    if frame.len() < 252 {
        out.push(frame.len() as u8);
    } else {
        let first = 252 + frame.len() % 4;
        out.extend([first as u8, ((frame.len() - first) / 4) as u8]);
    }
    out.extend_from_slice(frame);
    Ok(())
}

fn head(tracks: Tracks) -> Vec<u8> {
    let channels = tracks.channels() as u8;
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend((PRE_SKIP as u16).to_le_bytes());
    head.extend(RATE_HZ.to_le_bytes());
    // No gain.
    head.extend([0, 0]);
    match tracks {
        // Family 1: two streams, none of them coupled, left and right.
        Tracks::Both => head.extend([1, 2, 0, 0, 1]),
        Tracks::Caller | Tracks::Agent => head.push(0),
    }
    head
}

fn tags(tracks: Tracks) -> Vec<u8> {
    let mark = match tracks {
        Tracks::Both => Some("AI_GENERATED=right channel (agent) is AI-generated speech"),
        Tracks::Caller => None,
        Tracks::Agent => Some("AI_GENERATED=all of it (agent) is AI-generated speech"),
    };
    let mut tags = b"OpusTags".to_vec();
    let text = |text: &str, tags: &mut Vec<u8>| {
        tags.extend((text.len() as u32).to_le_bytes());
        tags.extend(text.as_bytes());
    };
    text("Trunkline", &mut tags);
    tags.extend((mark.iter().len() as u32).to_le_bytes());
    if let Some(mark) = mark {
        text(mark, &mut tags);
    }
    tags
}

#[cfg(test)]
mod tests;
