//! Recognisers that listen to a call over a WebSocket: one codec each.

pub mod assemblyai;
mod bounds;
pub mod deepgram;
pub mod flux;
pub(in crate::wire) mod lenient;
pub(in crate::wire) mod query;
mod turn;

use super::link::{Handshake, Received, Sent, Trouble, TroubleKind};

pub(in crate::wire) use bounds::code_of;
pub use bounds::{FAULTS_MAX, MESSAGE_BYTES_MAX, TRANSCRIPT_BYTES_MAX, WORDS_MAX};

/// Longest pause that a provider may ask for, in ms; a longer one is cut to it.
pub const RETRY_AFTER_MS_MAX: u64 = 600_000;

/// What a call wants of its recogniser.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SttSettings {
    /// The provider's name for the model; its usual one if empty.
    pub model: String,
    /// BCP 47, as `en` or `de-AT`.
    pub language: String,
    /// Names and words that callers are likely to say.
    pub key_terms: Vec<String>,
    /// Silence after which the recogniser itself holds speech to be over, ms; `None` where the call decides and asks with
    /// [`SttCodec::finalize`].
    pub endpointing_ms: Option<u32>,
}

/// What a recogniser says. Times are milliseconds of audio sent on this connection.
#[derive(Clone, PartialEq)]
pub enum SttEvent {
    /// It is ready; audio sent before is not lost.
    Ready,
    /// It hears speech since `at_ms`.
    SpeechStarted {
        /// Onset.
        at_ms: u64,
    },
    /// The words since the last [`SttEvent::Final`], which may change; replaces the partial before.
    Partial {
        /// Audio up to here is in it.
        until_ms: u64,
        /// The words.
        text: String,
    },
    /// Words that do not change any more; they follow those of the final before. Empty: nothing was said up to `until_ms`.
    Final {
        /// All audio up to here is transcribed.
        until_ms: u64,
        /// The words.
        text: String,
        /// 0 to 1; 1 if the provider does not say.
        confidence: f32,
        /// Each word with its times, if the provider gives them.
        words: Vec<SttWord>,
        /// It answers [`SttCodec::finalize`]: everything sent before that is in the finals up to this one.
        asked: bool,
    },
    /// The recogniser holds the speaker's turn to be over. Its words came before as finals.
    TurnEnded {
        /// Where the voice ended.
        at_ms: u64,
    },
    /// It may be over: a good moment to draft an answer. Its words came as the last partial.
    TurnMayEnd {
        /// Where the voice ended.
        at_ms: u64,
    },
    /// What was said to be maybe over goes on.
    TurnResumed,
    /// Something is wrong. `is_over`: the connection is of no use any more.
    Trouble {
        /// What.
        trouble: Trouble,
        /// Nothing more will come.
        is_over: bool,
    },
}

/// A word with its times in the audio of this connection.
#[derive(Clone, PartialEq)]
pub struct SttWord {
    /// As it is written.
    pub text: String,
    /// Its beginning, ms.
    pub from_ms: u64,
    /// Its end, ms.
    pub to_ms: u64,
    /// 0 to 1.
    pub confidence: f32,
}

impl std::fmt::Debug for SttEvent {
    /// Without a word of what was said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready => f.write_str("Ready"),
            Self::SpeechStarted { at_ms } => write!(f, "SpeechStarted({at_ms})"),
            Self::Partial { until_ms, text } => {
                write!(f, "Partial({until_ms}, {} bytes)", text.len())
            }
            Self::Final {
                until_ms,
                text,
                asked,
                ..
            } => {
                write!(f, "Final({until_ms}, {} bytes, asked {asked})", text.len())
            }
            Self::TurnEnded { at_ms } => write!(f, "TurnEnded({at_ms})"),
            Self::TurnMayEnd { at_ms } => write!(f, "TurnMayEnd({at_ms})"),
            Self::TurnResumed => f.write_str("TurnResumed"),
            Self::Trouble { trouble, is_over } => {
                write!(f, "Trouble({trouble}, is_over {is_over})")
            }
        }
    }
}

/// One connection to a recogniser, without its socket. Everything that comes is hostile: sizes are bounded, unknown
/// messages and keys are passed over, nonsense is [`SttEvent::Trouble`].
pub trait SttCodec: Send {
    /// How to open the socket.
    fn handshake(&self) -> Handshake;

    /// The socket is open. Says [`SttEvent::Ready`] for a provider that has no message of its own for that.
    fn opened(&mut self, _out: &mut Vec<SttEvent>) {}

    /// The provider answered the handshake with this HTTP status; header names are lower-case.
    fn refused(&self, status: u16, headers: &[(&str, &str)]) -> Trouble {
        refusal(TroubleKind::of_status(status), status, headers)
    }

    /// Whatever else is to be sent now. Asked before audio is sent, whenever there is something to do; only a vendor that does
    /// more than hear has anything.
    fn pending(&mut self, _out: &mut Vec<Sent>, _events: &mut Vec<SttEvent>) {}

    /// The caller's audio: 8 kHz mu-law, any length.
    fn audio(&mut self, mulaw: &[u8], out: &mut Vec<Sent>);

    /// Asks for the final words of all that was sent so far. Nothing comes out if the provider cannot be asked.
    fn finalize(&mut self, out: &mut Vec<Sent>);

    /// What to send when no audio has been sent for this long, and how long that is (ms).
    fn keep_alive(&self) -> Option<(u64, Sent)>;

    /// Says goodbye; the provider then sends what it still has and closes.
    fn close(&mut self, out: &mut Vec<Sent>);

    /// A message came.
    fn receive(&mut self, message: Received<'_>, out: &mut Vec<SttEvent>);

    /// The socket was closed with this code and reason, if it was told.
    fn closed(&self, code: u16, reason: &str) -> Trouble;
}

/// A handshake that was refused, with the pause that `retry-after` (whole seconds; a date is passed over) asks for.
fn refusal(kind: TroubleKind, status: u16, headers: &[(&str, &str)]) -> Trouble {
    let mut trouble = Trouble::new(kind, &format!("HTTP {status}"));
    trouble.retry_after_ms = header(headers, "retry-after")
        .and_then(|seconds| seconds.trim().parse::<u64>().ok())
        .map(|seconds| seconds.saturating_mul(1000).min(RETRY_AFTER_MS_MAX));
    trouble
}

fn header<'a>(headers: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

#[cfg(test)]
mod tests;
