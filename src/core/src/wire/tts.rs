//! Voices: text goes in, audio comes back piece by piece. One codec each.
//!
//! A *context* is one piece of text that is voiced by itself, a clause; the shell numbers them. A provider with a socket
//! for many contexts is spoken to by a [`TtsCodec`]; one that answers a POST with audio by [`TtsRequest`]s.
//!
//! | module | over a socket | by POST |
//! |---|---|---|
//! | [`cartesia`] | many contexts | |
//! | [`elevenlabs`] | many contexts, or one | yes |
//! | [`aura`] (Deepgram) | one context after the other | yes |
//! | [`openai_speech`] | | yes |

pub mod aura;
pub mod cartesia;
mod contexts;
pub mod elevenlabs;
mod json;
pub mod openai_speech;
mod text;
mod trouble;

#[cfg(test)]
mod tests;

use super::link::{Handshake, Received, Sent, Trouble};

/// What a call wants of its voice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TtsSettings {
    /// The provider's name for the model; its usual one if empty, where it has one.
    pub model: String,
    /// The provider's id of the voice.
    pub voice: String,
    /// BCP 47, as `en` or `de-AT`; the provider's guess if empty.
    pub language: String,
    /// Its pace; 1 is the voice's own, and so is 0. Brought within what the provider takes; where it takes none, unused.
    pub speed: f32,
}

/// How audio comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioFormat {
    /// 8 kHz mu-law without a header.
    Mulaw8k,
    /// 16-bit little-endian PCM, mono, without a header.
    Pcm16 {
        /// Samples a second.
        rate: u32,
    },
}

/// What a voice says of a context.
#[derive(Clone, PartialEq)]
pub enum TtsEvent {
    /// The provider greeted us. Not every one does: nothing has to wait for it.
    Ready,
    /// More audio of a context, in [`TtsCodec::format`].
    Audio {
        /// The context.
        context: u32,
        /// The audio.
        bytes: Vec<u8>,
    },
    /// When words of a context are said.
    Words {
        /// The context.
        context: u32,
        /// Word, its beginning and its end in the context's audio, ms.
        words: Vec<(String, u32, u32)>,
    },
    /// All of a context has come; said once, and nothing of it follows.
    Done {
        /// The context.
        context: u32,
    },
    /// Something is wrong with a context, of which nothing follows then; or, without one, with the connection, which is of
    /// no use any more.
    Trouble {
        /// The context.
        context: Option<u32>,
        /// What.
        trouble: Trouble,
    },
}

impl std::fmt::Debug for TtsEvent {
    /// Without a word of what is said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready => f.write_str("Ready"),
            Self::Audio { context, bytes } => write!(f, "Audio({context}, {} bytes)", bytes.len()),
            Self::Words { context, words } => write!(f, "Words({context}, {})", words.len()),
            Self::Done { context } => write!(f, "Done({context})"),
            Self::Trouble { context, trouble } => write!(f, "Trouble({context:?}, {trouble})"),
        }
    }
}

/// One connection to a voice, without its socket. Everything that comes is hostile: sizes are bounded, unknown messages
/// and contexts are passed over, and some nonsense is borne before it is [`TtsEvent::Trouble`].
pub trait TtsCodec: Send {
    /// How to open the socket.
    fn handshake(&self) -> Handshake;

    /// How audio comes.
    fn format(&self) -> AudioFormat;

    /// Has a whole text voiced as a context of its own, with a number that is new. Contexts are voiced in the order in which
    /// they were asked for; those that the provider has no room for yet wait here.
    fn say(&mut self, context: u32, text: &str, out: &mut Vec<Sent>);

    /// Takes a context back; audio of it that comes all the same is passed over.
    fn cancel(&mut self, context: u32, out: &mut Vec<Sent>);

    /// What to send when nothing has been sent for this long, and how long that is (ms).
    fn keep_alive(&self) -> Option<(u64, Sent)>;

    /// Says goodbye.
    fn close(&mut self, out: &mut Vec<Sent>);

    /// One socket carries one context only: the shell opens one for each, ahead of time.
    fn is_single(&self) -> bool {
        false
    }

    /// A message came. What is to be sent in answer, as the next context once there is room for it, is appended to `out`.
    fn receive(&mut self, message: Received<'_>, out: &mut Vec<Sent>, events: &mut Vec<TtsEvent>);

    /// The socket was closed with this code and reason, if it was told.
    fn closed(&self, code: u16, reason: &str) -> Trouble;
}

/// A POST whose answer is audio.
#[derive(Clone, PartialEq, Eq)]
pub struct TtsRequest {
    /// Path and query behind the base URL.
    pub path: String,
    /// Headers, lower-case names. They hold the key.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON.
    pub body: String,
    /// How the audio of the answer comes.
    pub format: AudioFormat,
}

impl std::fmt::Debug for TtsRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TtsRequest")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
