//! Chat completions as OpenAI streams them, spoken by many servers besides: the request, the stream, the refusals.
//!
//! [`request_body`] writes what to post, [`SseDecoder`] turns the bytes that come back into events, [`error_body`] reads an
//! answer that is not 2xx. Source of every shape: the OpenAI SDK; see `fixtures/openai/README.md`.

mod chunk;
mod error;
mod request;

pub use error::{ChatError, ErrorKind, RETRY_AFTER_MS_MAX, error_body};
pub use request::{ChatMessage, ChatRequest, TokenLimit, ToolCall, ToolSpec, request_body};

pub use super::sse::{LINE_BYTES_MAX, STREAM_BYTES_MAX};

use super::sse::Sse;
use std::fmt;

/// Most tools that one reply may call.
pub const TOOL_CALLS_MAX: usize = 16;
/// Longest arguments of one tool call, in bytes.
pub const ARGUMENTS_BYTES_MAX: usize = 64 * 1024;

/// Reads one reply's stream. However the bytes are cut, the events are the same.
#[derive(Debug, Clone, Default)]
pub struct SseDecoder(Sse<chunk::Reply>);

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

    /// True once nothing more will be read: after `[DONE]`, an error, or [`end`](Self::end).
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }
}

/// What a stream says. `Debug` hides words and arguments.
#[derive(Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// More of the reply.
    Text(String),
    /// A complete call of a tool; they come, in order, just before [`ChatEvent::Finished`].
    ToolCall(ToolCall),
    /// The reply is complete. Only [`ChatEvent::Usage`] may follow.
    Finished {
        /// Why it ended.
        reason: FinishReason,
    },
    /// What the reply cost, if the server says so; it comes after [`ChatEvent::Finished`].
    Usage {
        /// Tokens read.
        prompt_tokens: u64,
        /// Of these, those that the server had at hand from before.
        cached_tokens: u64,
        /// Tokens written.
        completion_tokens: u64,
    },
    /// The stream failed. Nothing follows.
    Error(ChatError),
}

impl fmt::Debug for ChatEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::ToolCall(call) => f.debug_tuple("ToolCall").field(call).finish(),
            Self::Finished { reason } => {
                f.debug_struct("Finished").field("reason", reason).finish()
            }
            Self::Usage {
                prompt_tokens,
                cached_tokens,
                completion_tokens,
            } => f
                .debug_struct("Usage")
                .field("prompt_tokens", prompt_tokens)
                .field("cached_tokens", cached_tokens)
                .field("completion_tokens", completion_tokens)
                .finish(),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
        }
    }
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// It was complete.
    Stop,
    /// The token limit was reached: the last sentence may be cut.
    Length,
    /// Tools are to be called.
    ToolCalls,
    /// The server withheld the rest.
    ContentFilter,
    /// A reason that we do not know, or none was given.
    Other,
}

impl FinishReason {
    fn parse(text: &str) -> Self {
        match text {
            "stop" | "eos" => Self::Stop,
            "length" => Self::Length,
            "tool_calls" | "function_call" => Self::ToolCalls,
            "content_filter" => Self::ContentFilter,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;
