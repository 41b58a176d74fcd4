//! Twilio's media WebSocket (`<Connect><Stream>`): text frames of JSON carrying base64 mu-law. Beside it, its webhooks
//! ([`form`], [`signature`], [`webhook`], answered with [`twiml`]) and its REST interface ([`rest`]).
//!
//! [`decode`] reads one message and knows nothing of the ones before it; [`Stream`] keeps the order of one socket;
//! [`media`], [`mark`] and [`clear`] write exactly the keys the carrier accepts. For the simulated carrier, [`CarrierSide`]
//! speaks Twilio's half and [`check_outgoing`] is as strict with ours as Twilio is (its warning 31951).
//!
//! Source of every shape here: Twilio's Media Streams documentation; see `fixtures/twilio/README.md`.

mod carrier;
pub mod date;
mod encode;
mod fields;
pub mod form;
mod plain;
pub mod rest;
pub mod signature;
mod stream;
mod strict;
pub mod twiml;
pub mod webhook;

pub use carrier::{CarrierSide, CarrierStart};
pub use encode::{clear, mark, media};
pub use stream::{Counts, FAULTS_MAX, Fault, FaultKind, Stream};
pub use strict::{Outgoing, Refused, check_outgoing};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fields::{Envelope, MarkPart, MediaPart, Scalar, StartPart, id, number, part, text};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Longest message that is read, in bytes. Twilio's own are about 400.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Longest base64 payload of one media message: 24 KiB of audio, three seconds.
pub const PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// Most custom parameters that a `start` may carry.
pub const PARAMETERS_MAX: usize = 32;
/// Longest custom parameter, name and value together, in characters; Twilio's own limit.
pub const PARAMETER_CHARS_MAX: usize = 500;
/// Longest mark name, in bytes.
pub const MARK_NAME_BYTES_MAX: usize = 128;
/// Longest id (stream, call, account), in bytes. Twilio's have 34.
pub const ID_BYTES_MAX: usize = 64;

/// Twilio pads; others who speak its dialect do not always.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One message of the carrier, with what ties it to its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The stream it speaks of (`MZ…`); absent in `connected`.
    pub stream_id: Option<Cow<'a, str>>,
    /// Its place in the stream: 1 for `start`, one more for each later message; absent in `connected`, and from carriers
    /// that do not count.
    pub sequence: Option<u64>,
    /// What it says.
    pub inbound: Inbound,
}

/// What the carrier says.
#[derive(Clone, PartialEq, Eq)]
pub enum Inbound {
    /// The socket is open; nothing is known of the call yet.
    Connected {
        /// `Call`.
        protocol: String,
        /// `1.0.0`.
        version: String,
    },
    /// The stream begins: which call it is and what its audio is.
    Start(Box<Start>),
    /// Audio. Its bytes, raw mu-law at 8 kHz, are in the buffer given to [`decode`].
    Media {
        /// Whose voice it is.
        track: Track,
        /// Its place in its track, from 1.
        chunk: u64,
        /// When it begins, in milliseconds since the stream began.
        timestamp_ms: u64,
    },
    /// The caller pressed a key.
    Key {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// Everything queued before this mark was played, or the queue was cleared.
    Mark {
        /// The name we gave it.
        name: String,
    },
    /// The stream is over.
    Stop,
    /// An event that we do not know. Never an error: carriers add events.
    Unknown,
}

/// Keys and mark names are what a caller did; they stay out of logs.
impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { protocol, version } => f
                .debug_struct("Connected")
                .field("protocol", protocol)
                .field("version", version)
                .finish(),
            Self::Start(start) => f.debug_tuple("Start").field(start).finish(),
            Self::Media {
                track,
                chunk,
                timestamp_ms,
            } => f
                .debug_struct("Media")
                .field("track", track)
                .field("chunk", chunk)
                .field("timestamp_ms", timestamp_ms)
                .finish(),
            Self::Key { .. } => f.write_str("Key([redacted])"),
            Self::Mark { name } => f.debug_struct("Mark").field("name", name).finish(),
            Self::Stop => f.write_str("Stop"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

/// What is known of a call when its stream begins. There is no number in it: those come by token or by webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Start {
    /// The carrier's account (`AC…`).
    pub account: String,
    /// The carrier's id of the call (`CA…`).
    pub carrier_call_id: String,
    /// The stream (`MZ…`), to be repeated in everything that we send.
    pub stream_id: String,
    /// The tracks that will come.
    pub tracks: Vec<Track>,
    /// What the audio is.
    pub media_format: MediaFormat,
    /// What the `<Parameter>` elements of our answer said, bounded by [`PARAMETERS_MAX`] and [`PARAMETER_CHARS_MAX`].
    pub parameters: BTreeMap<String, String>,
}

/// Parameters may hold a name or a number: only their names are shown.
impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("account", &self.account)
            .field("carrier_call_id", &self.carrier_call_id)
            .field("stream_id", &self.stream_id)
            .field("tracks", &self.tracks)
            .field("media_format", &self.media_format)
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Whose voice a piece of audio is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// The caller's. Spelt `inbound` in `media` and `start`, `inbound_track` in `dtmf`.
    Inbound,
    /// What the caller hears. Spelt `outbound` or `outbound_track`.
    Outbound,
}

impl Track {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "inbound" | "inbound_track" => Some(Self::Inbound),
            "outbound" | "outbound_track" => Some(Self::Outbound),
            _ => None,
        }
    }
}

/// An audio format that we can decode. The carrier's documentation knows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaFormat {
    /// `audio/x-mulaw`, 8000 Hz, one channel: one byte per sample, 160 bytes per 20 ms.
    MuLaw8kMono,
}

/// Why a message was not understood: what is wrong and where, with nothing of what it carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("a message of {bytes} bytes; at most {MESSAGE_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not a JSON object, or cut short.
    #[error("not a JSON object: broken at byte {column}")]
    NotJson {
        /// Where it breaks, in bytes from the start of the line.
        column: usize,
    },
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// Path of the field.
        field: &'static str,
    },
    /// A field has a value that it cannot have.
    #[error("{field} should be {expected}")]
    Wrong {
        /// Path of the field.
        field: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// Audio that we cannot decode.
    #[error(
        "audio is {encoding} at {sample_rate_hz} Hz with {channels} channels; only audio/x-mulaw at 8000 Hz with 1 channel is spoken here"
    )]
    Format {
        /// The encoding, shortened.
        encoding: String,
        /// Samples per second.
        sample_rate_hz: u64,
        /// Number of channels.
        channels: u64,
    },
}

/// Reads one text frame. For `media` the audio replaces what was in `audio`, whose capacity is used again, so a media
/// frame allocates nothing; for every other message `audio` is left empty. Fields may be numbers or decimal strings, unknown
/// keys and events are let pass.
pub fn decode<'a>(message: &'a str, audio: &mut Vec<u8>) -> Result<Message<'a>, WireError> {
    audio.clear();
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(WireError::TooLong {
            bytes: message.len(),
        });
    }
    if let Some(media) = plain::media(message) {
        return plain_media(&media, audio);
    }
    let envelope: Envelope<'a> = fields::object(message)?;
    let event = text(&envelope.event, "event", 64)?;
    let inbound = match &*event {
        "connected" => {
            return Ok(Message {
                stream_id: None,
                sequence: None,
                inbound: connected(&envelope)?,
            });
        }
        "start" => {
            let start = start(&envelope)?;
            let stream_id = Some(Cow::Owned(start.stream_id.clone()));
            let sequence = optional_number(&envelope.sequence)?;
            return Ok(Message {
                stream_id,
                sequence,
                inbound: Inbound::Start(Box::new(start)),
            });
        }
        "media" => {
            let media: MediaPart<'_> = part(envelope.media, "media")?;
            let inbound = media_in(&media, audio)?;
            let message = placed(envelope.stream_id, &envelope.sequence, inbound);
            return message.inspect_err(|_| audio.clear());
        }
        "dtmf" => Inbound::Key {
            digit: key(&envelope)?,
        },
        "mark" => {
            let mark: MarkPart<'_> = part(envelope.mark, "mark")?;
            Inbound::Mark {
                name: text(&mark.name, "mark.name", MARK_NAME_BYTES_MAX)?.into_owned(),
            }
        }
        "stop" => Inbound::Stop,
        _ => {
            return Ok(Message {
                stream_id: None,
                sequence: None,
                inbound: Inbound::Unknown,
            });
        }
    };
    placed(envelope.stream_id, &envelope.sequence, inbound)
}

/// A media message that was read in one look.
fn plain_media<'a>(
    plain: &plain::PlainMedia<'a>,
    audio: &mut Vec<u8>,
) -> Result<Message<'a>, WireError> {
    let media = MediaPart {
        track: plain::scalar(plain.track),
        chunk: plain::scalar(plain.chunk),
        timestamp: plain::scalar(plain.timestamp),
        payload: plain::scalar(plain.payload),
    };
    let inbound = media_in(&media, audio)?;
    let (stream_id, sequence) = (
        plain::scalar(plain.stream_id),
        plain::scalar(plain.sequence),
    );
    placed(stream_id, &sequence, inbound).inspect_err(|_| audio.clear())
}

fn placed<'a>(
    stream_id: Scalar<'a>,
    sequence: &Scalar<'a>,
    inbound: Inbound,
) -> Result<Message<'a>, WireError> {
    let sequence = optional_number(sequence)?;
    Ok(Message {
        stream_id: Some(id(stream_id, "streamSid")?),
        sequence,
        inbound,
    })
}

fn optional_number(value: &Scalar<'_>) -> Result<Option<u64>, WireError> {
    if matches!(value, Scalar::Absent) {
        Ok(None)
    } else {
        number(value, "sequenceNumber").map(Some)
    }
}

fn connected(envelope: &Envelope<'_>) -> Result<Inbound, WireError> {
    Ok(Inbound::Connected {
        protocol: text(&envelope.protocol, "protocol", 64)?.into_owned(),
        version: text(&envelope.version, "version", 64)?.into_owned(),
    })
}

fn start(envelope: &Envelope<'_>) -> Result<Start, WireError> {
    let part: StartPart<'_> = part(envelope.start, "start")?;
    let named = |value: &Scalar<'_>, field| match value {
        Scalar::Absent => Ok(None),
        Scalar::Text(_) | Scalar::Number(_) | Scalar::Other => {
            id(value.clone(), field).map(|id| Some(id.into_owned()))
        }
    };
    let outer = named(&envelope.stream_id, "streamSid")?;
    let inner = named(&part.stream_id, "start.streamSid")?;
    let stream_id = match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => {
            return Err(WireError::Wrong {
                field: "start.streamSid",
                expected: "the streamSid of the message",
            });
        }
        (Some(stream_id), _) | (None, Some(stream_id)) => stream_id,
        (None, None) => return Err(WireError::Missing { field: "streamSid" }),
    };
    Ok(Start {
        account: id(part.account.clone(), "start.accountSid")?.into_owned(),
        carrier_call_id: id(part.call.clone(), "start.callSid")?.into_owned(),
        stream_id,
        tracks: part
            .tracks
            .0
            .iter()
            .filter_map(|name| Track::parse(name))
            .collect(),
        media_format: media_format(&part)?,
        parameters: parameters(&part)?,
    })
}

fn media_format(start: &StartPart<'_>) -> Result<MediaFormat, WireError> {
    let format: fields::FormatPart<'_> = part(start.media_format, "start.mediaFormat")?;
    let encoding = text(&format.encoding, "start.mediaFormat.encoding", 64)?;
    let sample_rate_hz = number(&format.sample_rate, "start.mediaFormat.sampleRate")?;
    let channels = number(&format.channels, "start.mediaFormat.channels")?;
    if encoding.eq_ignore_ascii_case("audio/x-mulaw") && sample_rate_hz == 8000 && channels == 1 {
        return Ok(MediaFormat::MuLaw8kMono);
    }
    Err(WireError::Format {
        encoding: super::shortened(&encoding, 32),
        sample_rate_hz,
        channels,
    })
}

fn parameters(start: &StartPart<'_>) -> Result<BTreeMap<String, String>, WireError> {
    const FIELD: &str = "start.customParameters";
    let Some(raw) = start.parameters else {
        return Ok(BTreeMap::new());
    };
    let pairs: fields::Pairs<'_> = part(Some(raw), FIELD)?;
    if pairs.0.len() > PARAMETERS_MAX {
        return Err(WireError::Wrong {
            field: FIELD,
            expected: "at most 32 parameters",
        });
    }
    let mut parameters = BTreeMap::new();
    for (name, value) in pairs.0 {
        let value = match value {
            Scalar::Text(value) => value.into_owned(),
            Scalar::Number(value) => value.to_string(),
            Scalar::Absent | Scalar::Other => {
                return Err(WireError::Wrong {
                    field: FIELD,
                    expected: "made of texts",
                });
            }
        };
        if name.chars().count() + value.chars().count() > PARAMETER_CHARS_MAX {
            return Err(WireError::Wrong {
                field: FIELD,
                expected: "made of texts of at most 500 characters",
            });
        }
        parameters.insert(name.into_owned(), value);
    }
    Ok(parameters)
}

fn media_in(media: &MediaPart<'_>, audio: &mut Vec<u8>) -> Result<Inbound, WireError> {
    let track = Track::parse(&text(&media.track, "media.track", 64)?).ok_or(WireError::Wrong {
        field: "media.track",
        expected: "inbound or outbound",
    })?;
    let chunk = number(&media.chunk, "media.chunk")?;
    let timestamp_ms = number(&media.timestamp, "media.timestamp")?;
    let payload = text(&media.payload, "media.payload", PAYLOAD_BYTES_MAX)?;
    if BASE64.decode_vec(payload.as_bytes(), audio).is_err() {
        audio.clear();
        return Err(WireError::Wrong {
            field: "media.payload",
            expected: "base64",
        });
    }
    Ok(Inbound::Media {
        track,
        chunk,
        timestamp_ms,
    })
}

fn key(envelope: &Envelope<'_>) -> Result<char, WireError> {
    const WRONG: WireError = WireError::Wrong {
        field: "dtmf.digit",
        expected: "one of 0-9, *, #, A-D",
    };
    let part: fields::KeyPart<'_> = part(envelope.dtmf, "dtmf")?;
    let digit = match &part.digit {
        Scalar::Number(digit) if *digit <= 9 => u8::try_from(*digit)
            .map(|digit| char::from(b'0' + digit))
            .ok(),
        Scalar::Text(digit) => {
            let mut chars = digit.chars();
            chars.next().filter(|_| chars.next().is_none())
        }
        Scalar::Absent => {
            return Err(WireError::Missing {
                field: "dtmf.digit",
            });
        }
        Scalar::Number(_) | Scalar::Other => None,
    };
    let digit = digit.ok_or(WRONG)?.to_ascii_uppercase();
    if digit.is_ascii_digit() || matches!(digit, '*' | '#' | 'A'..='D') {
        Ok(digit)
    } else {
        Err(WRONG)
    }
}

#[cfg(test)]
mod tests;
