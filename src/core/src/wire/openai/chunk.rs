//! One event of the stream: its JSON, and what it adds to the reply.

use super::super::sse::{self, Unread};
use super::{
    ARGUMENTS_BYTES_MAX, ChatError, ChatEvent, ErrorKind, FinishReason, TOOL_CALLS_MAX, ToolCall,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<UsagePart>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u64>,
    /// `message` if a server answers in one piece though asked to stream.
    #[serde(borrow, default, alias = "message")]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPart>>,
}

/// A text, or a list of parts of which some are text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(Vec<Part>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize)]
struct CallPart {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionPart>,
}

#[derive(Deserialize)]
struct FunctionPart {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct UsagePart {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptPart>,
}

#[derive(Deserialize)]
struct PromptPart {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

/// A reply as far as it has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    calls: Vec<(Option<u64>, ToolCall)>,
    finished: bool,
}

impl sse::Reply for Reply {
    fn read(&mut self, json: &str, out: &mut Vec<ChatEvent>) -> Result<bool, Unread> {
        Ok(self.take(serde_json::from_str(json)?, out))
    }

    fn close(&mut self, out: &mut Vec<ChatEvent>) {
        self.finish(FinishReason::Other, out);
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

impl Reply {
    /// Takes one event. False if it was an error: the stream is over.
    fn take(&mut self, chunk: Chunk<'_>, out: &mut Vec<ChatEvent>) -> bool {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            out.push(ChatEvent::Error(ChatError::read(&error, None)));
            return false;
        }
        // Only one reply is asked for; were there more, the first counts.
        let choices = chunk.choices.unwrap_or_default();
        for choice in choices
            .into_iter()
            .filter(|choice| choice.index.unwrap_or(0) == 0)
        {
            if self.finished {
                continue;
            }
            if let Some(delta) = choice.delta
                && let Err(error) = self.grow(delta, out)
            {
                out.push(ChatEvent::Error(error));
                return false;
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish(FinishReason::parse(&reason), out);
            }
        }
        if let Some(UsagePart {
            prompt_tokens: Some(prompt_tokens),
            completion_tokens,
            prompt_tokens_details,
        }) = chunk.usage
            && self.finished
        {
            let cached = prompt_tokens_details.and_then(|details| details.cached_tokens);
            out.push(ChatEvent::Usage {
                prompt_tokens,
                cached_tokens: cached.unwrap_or(0).min(prompt_tokens),
                completion_tokens: completion_tokens.unwrap_or(0),
            });
        }
        true
    }

    /// Gives the collected tool calls and the end, once.
    fn finish(&mut self, reason: FinishReason, out: &mut Vec<ChatEvent>) {
        if self.finished {
            return;
        }
        self.finished = true;
        for (_, mut call) in self.calls.drain(..) {
            if call.arguments.trim().is_empty() {
                "{}".clone_into(&mut call.arguments);
            }
            out.push(ChatEvent::ToolCall(call));
        }
        out.push(ChatEvent::Finished { reason });
    }

    fn grow(&mut self, delta: Delta<'_>, out: &mut Vec<ChatEvent>) -> Result<(), ChatError> {
        let text = match delta.content {
            Some(Content::Text(text)) => text.into_owned(),
            Some(Content::Parts(parts)) => {
                let spoken = parts
                    .into_iter()
                    .filter(|part| part.kind.as_deref().is_none_or(|kind| kind == "text"));
                spoken.filter_map(|part| part.text).collect()
            }
            // Neither a text nor parts: nothing that could be said.
            Some(Content::Other(_)) | None => String::new(),
        };
        let refusal = delta.refusal.unwrap_or_default();
        for text in [text, refusal.into_owned()] {
            if !text.is_empty() {
                out.push(ChatEvent::Text(text));
            }
        }
        for part in delta.tool_calls.unwrap_or_default() {
            self.call(part)?;
        }
        Ok(())
    }

    /// Parts of a call belong together by `index`; servers that leave it out begin a call with its id. Some give every call
    /// the index 0, and then a new id begins one, too.
    fn call(&mut self, part: CallPart) -> Result<(), ChatError> {
        let id = part.id.unwrap_or_default();
        let other = |known: &ToolCall| !id.is_empty() && !known.id.is_empty() && known.id != id;
        let at = match part.index {
            Some(index) => self
                .calls
                .iter()
                .rposition(|(known, _)| *known == Some(index)),
            None => self.calls.len().checked_sub(1),
        };
        let at = match at.filter(|at| self.calls.get(*at).is_some_and(|(_, known)| !other(known))) {
            Some(at) => at,
            None if self.calls.len() >= TOOL_CALLS_MAX => {
                return Err(ChatError::new(
                    ErrorKind::Garbled,
                    "too many tool calls in one reply",
                ));
            }
            None => {
                let empty = ToolCall {
                    id: String::new(),
                    name: String::new(),
                    arguments: String::new(),
                };
                self.calls.push((part.index, empty));
                self.calls.len() - 1
            }
        };
        let Some((_, call)) = self.calls.get_mut(at) else {
            return Ok(());
        };
        let function = part.function.unwrap_or(FunctionPart {
            name: None,
            arguments: None,
        });
        if call.id.is_empty() {
            call.id = crate::wire::shortened(&id, 256);
        }
        if call.name.is_empty() {
            call.name = crate::wire::shortened(&function.name.unwrap_or_default(), 128);
        }
        call.arguments
            .push_str(&function.arguments.unwrap_or_default());
        if call.arguments.len() > ARGUMENTS_BYTES_MAX {
            return Err(ChatError::new(
                ErrorKind::Garbled,
                "the arguments of a tool call are too long",
            ));
        }
        Ok(())
    }
}
