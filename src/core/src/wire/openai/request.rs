//! What to post to `…/chat/completions`.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// A request for one streamed reply.
#[derive(Debug, Clone, Default)]
pub struct ChatRequest<'a> {
    /// The model, by the server's name for it.
    pub model: &'a str,
    /// The conversation so far, oldest first.
    pub messages: &'a [ChatMessage],
    /// How freely it chooses words; none: the server's default.
    pub temperature: Option<f32>,
    /// How long the reply may be.
    pub limit: TokenLimit,
    /// The tools that it may call.
    pub tools: &'a [ToolSpec],
    /// Ask for [`ChatEvent::Usage`](super::ChatEvent::Usage). Some older servers refuse the question.
    pub usage: bool,
}

/// How long a reply may be, in tokens. The key has two spellings: OpenAI's newer models refuse the old one, other servers do
/// not know the new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenLimit {
    /// The server's own limit.
    #[default]
    None,
    /// `max_tokens`.
    MaxTokens(u32),
    /// `max_completion_tokens`.
    MaxCompletionTokens(u32),
}

/// One message of a conversation. `Debug` shows who, not what.
#[derive(Clone, PartialEq, Eq)]
pub enum ChatMessage {
    /// Who the model is and what it is to do.
    System(String),
    /// What the caller said.
    User(String),
    /// What the model said, and the tools it called.
    Assistant {
        /// The words that the caller heard; empty if there were none.
        text: String,
        /// The tools that were called.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The id of the call that it answers.
        call_id: String,
        /// The answer, usually JSON.
        text: String,
    },
}

impl fmt::Debug for ChatMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(text) => write!(f, "System({} bytes)", text.len()),
            Self::User(text) => write!(f, "User({} bytes)", text.len()),
            Self::Assistant { text, tool_calls } => {
                write!(
                    f,
                    "Assistant({} bytes, {} tool calls)",
                    text.len(),
                    tool_calls.len()
                )
            }
            Self::Tool { text, .. } => write!(f, "Tool({} bytes)", text.len()),
        }
    }
}

/// A call of a tool. `Debug` hides the arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The server's id of the call, to be repeated with the answer; empty if it gave none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments: JSON as the model wrote it, not checked; `{}` if it wrote none.
    pub arguments: String,
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ToolCall({:?}, {} bytes)",
            self.name,
            self.arguments.len()
        )
    }
}

/// A tool that the model may call.
#[derive(Debug, Clone)]
pub struct ToolSpec {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does and when to call it.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: Box<RawValue>,
}

/// The body to post, as JSON: streamed, and everything that is not set left to the server.
#[expect(
    clippy::expect_used,
    reason = "texts, numbers and JSON that was read before always have a JSON form"
)]
pub fn request_body(request: &ChatRequest<'_>) -> String {
    let body = Body {
        model: request.model,
        messages: request.messages.iter().map(MessageBody).collect(),
        stream: true,
        stream_options: request.usage.then_some(StreamOptions {
            include_usage: true,
        }),
        temperature: request
            .temperature
            .filter(|temperature| temperature.is_finite()),
        max_tokens: if let TokenLimit::MaxTokens(tokens) = request.limit {
            Some(tokens)
        } else {
            None
        },
        max_completion_tokens: if let TokenLimit::MaxCompletionTokens(tokens) = request.limit {
            Some(tokens)
        } else {
            None
        },
        tools: request.tools.iter().map(tool_body).collect(),
    };
    serde_json::to_string(&body)
        .expect("texts, numbers and JSON that was read before always have a JSON form")
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<MessageBody<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolBody<'a>>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct ToolBody<'a> {
    r#type: &'static str,
    function: FunctionSpec<'a>,
}

#[derive(Serialize)]
struct FunctionSpec<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a RawValue,
}

fn tool_body(tool: &ToolSpec) -> ToolBody<'_> {
    let function = FunctionSpec {
        name: &tool.name,
        description: &tool.description,
        parameters: &tool.parameters,
    };
    ToolBody {
        r#type: "function",
        function,
    }
}

struct MessageBody<'a>(&'a ChatMessage);

#[derive(Serialize)]
struct Plain<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct AssistantBody<'a> {
    role: &'static str,
    /// Null beside tool calls: an empty text is refused by some servers.
    content: Option<&'a str>,
    tool_calls: Vec<CallBody<'a>>,
}

#[derive(Serialize)]
struct CallBody<'a> {
    id: &'a str,
    r#type: &'static str,
    function: FunctionBody<'a>,
}

#[derive(Serialize)]
struct FunctionBody<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct AnswerBody<'a> {
    role: &'static str,
    tool_call_id: &'a str,
    content: &'a str,
}

impl Serialize for MessageBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ChatMessage::System(content) => Plain {
                role: "system",
                content,
            }
            .serialize(serializer),
            ChatMessage::User(content) => Plain {
                role: "user",
                content,
            }
            .serialize(serializer),
            ChatMessage::Assistant { text, tool_calls } if tool_calls.is_empty() => Plain {
                role: "assistant",
                content: text,
            }
            .serialize(serializer),
            ChatMessage::Assistant { text, tool_calls } => AssistantBody {
                role: "assistant",
                content: (!text.is_empty()).then_some(text.as_str()),
                tool_calls: tool_calls
                    .iter()
                    .map(|call| CallBody {
                        id: &call.id,
                        r#type: "function",
                        function: FunctionBody {
                            name: &call.name,
                            arguments: &call.arguments,
                        },
                    })
                    .collect(),
            }
            .serialize(serializer),
            ChatMessage::Tool { call_id, text } => AnswerBody {
                role: "tool",
                tool_call_id: call_id,
                content: text,
            }
            .serialize(serializer),
        }
    }
}
