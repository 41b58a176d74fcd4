//! One event of the stream: its JSON, and what it adds to the reply.

use super::super::openai::{
    ARGUMENTS_BYTES_MAX, ChatError, ChatEvent, ErrorKind, FinishReason, TOOL_CALLS_MAX, ToolCall,
};
use super::super::sse::{self, Unread};
use crate::wire::shortened;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u64,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    content_block: Option<Block>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<Value>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

impl Usage {
    /// Everything that was read, and of that what was in a cache.
    fn read(&self) -> Option<(u64, u64)> {
        let cached = [
            self.cache_creation_input_tokens,
            self.cache_read_input_tokens,
        ];
        let cached = cached.into_iter().flatten().fold(0, u64::saturating_add);
        let all = self.input_tokens?.saturating_add(cached);
        Some((all, self.cache_read_input_tokens.unwrap_or(0)))
    }
}

/// A reply as far as it has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    /// Calls by the index of their block, and what the block held already when it began.
    calls: Vec<(u64, ToolCall, Option<String>)>,
    /// Tokens read, and of these those from a cache.
    tokens_read: Option<(u64, u64)>,
    finished: bool,
}

impl sse::Reply for Reply {
    fn read(&mut self, json: &str, out: &mut Vec<ChatEvent>) -> Result<bool, Unread> {
        let event: Event<'_> = serde_json::from_str(json)?;
        // A derived struct would also read a list, by position.
        if !json.trim_start().starts_with('{') {
            return Err(Unread::Never);
        }
        Ok(self.take(event, out).unwrap_or_else(|error| {
            out.push(ChatEvent::Error(error));
            false
        }))
    }

    fn close(&mut self, out: &mut Vec<ChatEvent>) {
        self.finish(FinishReason::Other, out);
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

impl Reply {
    /// Takes one event. False: the stream is over.
    fn take(&mut self, event: Event<'_>, out: &mut Vec<ChatEvent>) -> Result<bool, ChatError> {
        if let Some(error) = event.error.filter(|error| !error.is_null()) {
            return Err(ChatError::read(&error, None));
        }
        match &*event.kind {
            "message_start" => {
                let usage = event.message.and_then(|message| message.usage);
                self.tokens_read = usage.and_then(|usage| usage.read());
            }
            "content_block_start" if !self.finished => {
                if let Some(block) = event.content_block {
                    self.begin(event.index, block, out)?;
                }
            }
            "content_block_delta" if !self.finished => {
                if let Some(delta) = event.delta {
                    self.grow(event.index, delta, out)?;
                }
            }
            "message_delta" => {
                let reason = event.delta.and_then(|delta| delta.stop_reason);
                if let Some(reason) = reason.filter(|_| !self.finished) {
                    self.finish(reason_of(&reason), out);
                    self.cost(event.usage, out);
                }
            }
            "message_stop" => {
                self.finish(FinishReason::Other, out);
                return Ok(false);
            }
            // `ping`, `content_block_stop`, and whatever is yet to come.
            _ => {}
        }
        Ok(true)
    }

    fn begin(
        &mut self,
        index: u64,
        block: Block,
        out: &mut Vec<ChatEvent>,
    ) -> Result<(), ChatError> {
        match block.kind.as_str() {
            "text" => out.extend(said(block.text.unwrap_or_default())),
            "tool_use" => {
                if self.calls.len() >= TOOL_CALLS_MAX {
                    let message = "too many tool calls in one reply";
                    return Err(ChatError::new(ErrorKind::Garbled, message));
                }
                let call = ToolCall {
                    id: shortened(&block.id.unwrap_or_default(), 256),
                    name: shortened(&block.name.unwrap_or_default(), 128),
                    arguments: String::new(),
                };
                let input = block.input.filter(Value::is_object);
                self.calls
                    .push((index, call, input.map(|input| input.to_string())));
            }
            // Thoughts, and the tools of the server's own.
            _ => {}
        }
        Ok(())
    }

    fn grow(
        &mut self,
        index: u64,
        delta: Delta<'_>,
        out: &mut Vec<ChatEvent>,
    ) -> Result<(), ChatError> {
        match &*delta.kind {
            "text_delta" => out.extend(said(delta.text.unwrap_or_default().into_owned())),
            "input_json_delta" => {
                let call = self.calls.iter_mut().rev().find(|(at, ..)| *at == index);
                if let Some((_, call, _)) = call {
                    call.arguments
                        .push_str(&delta.partial_json.unwrap_or_default());
                    if call.arguments.len() > ARGUMENTS_BYTES_MAX {
                        let message = "the arguments of a tool call are too long";
                        return Err(ChatError::new(ErrorKind::Garbled, message));
                    }
                }
            }
            // Thoughts, signatures, citations.
            _ => {}
        }
        Ok(())
    }

    /// Gives the collected tool calls and the end, once.
    fn finish(&mut self, reason: FinishReason, out: &mut Vec<ChatEvent>) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        for (_, mut call, begun) in self.calls.drain(..) {
            if call.arguments.trim().is_empty() {
                call.arguments = begun.unwrap_or_else(|| "{}".into());
            }
            out.push(ChatEvent::ToolCall(call));
        }
        out.push(ChatEvent::Finished { reason });
    }

    fn cost(&self, usage: Option<Usage>, out: &mut Vec<ChatEvent>) {
        let Some(usage) = usage else {
            return;
        };
        if let (Some((prompt_tokens, cached_tokens)), Some(completion_tokens)) =
            (usage.read().or(self.tokens_read), usage.output_tokens)
        {
            out.push(ChatEvent::Usage {
                prompt_tokens,
                cached_tokens,
                completion_tokens,
            });
        }
    }
}

fn said(text: String) -> Option<ChatEvent> {
    (!text.is_empty()).then_some(ChatEvent::Text(text))
}

fn reason_of(text: &str) -> FinishReason {
    match text {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}
