//! Messages as Anthropic streams them: what [`wire::openai`](super::openai) is for chat completions, with the same types of
//! conversation, events and errors, so that a mind need not know which of the two it speaks.
//!
//! [`request_body`] writes what to post to `…/v1/messages`, [`SseDecoder`] turns the bytes that come back into events; an
//! answer that is not 2xx is read by [`openai::error_body`](super::openai::error_body). Source of every shape: Anthropic's
//! SDK; see `fixtures/anthropic/README.md`.

mod event;
mod request;

pub use request::{MAX_TOKENS_USUAL, request_body};

use super::openai::ChatEvent;
use super::sse::Sse;

/// The dialect that is spoken; the value of the header `anthropic-version`.
pub const VERSION: &str = "2023-06-01";

/// Reads one reply's stream. However the bytes are cut, the events are the same.
#[derive(Debug, Clone, Default)]
pub struct SseDecoder(Sse<event::Reply>);

impl SseDecoder {
    /// A stream that is about to begin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes; events are appended to `out`. After an error or the end, nothing more is read.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) {
        self.0.push(bytes, out);
    }

    /// The connection has closed. A reply that is not complete is an error, to be tried again if nothing of it was used.
    pub fn end(&mut self, out: &mut Vec<ChatEvent>) {
        self.0.end(out);
    }

    /// True once nothing more will be read: after `message_stop`, an error, or [`end`](Self::end).
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }
}

#[cfg(test)]
mod tests;
