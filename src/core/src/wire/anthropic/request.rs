//! What to post to `…/v1/messages`.

use super::super::openai::{ChatMessage, ChatRequest, TokenLimit, ToolCall};
use serde::Serialize;
use serde_json::value::RawValue;

/// Longest reply, in tokens, if the request sets no limit: here, one must be named.
pub const MAX_TOKENS_USUAL: u32 = 1024;

/// Said by nobody, before what the agent said first: a conversation must begin with the user.
const BEGINNING: &str = "(The call begins.)";
/// Said by nobody, after what the agent said last: a conversation must end with the user.
const END: &str = "(Please go on.)";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    system: String,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: Role,
    content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Box<RawValue>,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: &'a str,
    },
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a RawValue,
}

/// The body to post, as JSON. System messages stand apart, wherever they were; what one side says in a row is one message;
/// answers of tools come from the user, before what the user says; texts without a word, which would be refused, are left
/// out. A reply's cost is always told, so `usage` changes nothing; the temperature is brought within 0 and 1.
#[expect(
    clippy::expect_used,
    reason = "texts, numbers and JSON that was read before always have a JSON form"
)]
pub fn request_body(request: &ChatRequest<'_>) -> String {
    let body = Body {
        model: request.model,
        max_tokens: match request.limit {
            TokenLimit::None => MAX_TOKENS_USUAL,
            TokenLimit::MaxTokens(tokens) | TokenLimit::MaxCompletionTokens(tokens) => tokens,
        },
        stream: true,
        system: system(request.messages),
        messages: turns(request.messages),
        temperature: request
            .temperature
            .filter(|temperature| temperature.is_finite())
            .map(|temperature| temperature.clamp(0.0, 1.0)),
        tools: request
            .tools
            .iter()
            .map(|tool| Tool {
                name: &tool.name,
                description: &tool.description,
                input_schema: &tool.parameters,
            })
            .collect(),
    };
    serde_json::to_string(&body)
        .expect("texts, numbers and JSON that was read before always have a JSON form")
}

fn system(messages: &[ChatMessage]) -> String {
    let texts = messages.iter().filter_map(|message| match message {
        ChatMessage::System(text) => Some(text.trim()).filter(|text| !text.is_empty()),
        ChatMessage::User(_) | ChatMessage::Assistant { .. } | ChatMessage::Tool { .. } => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

fn turns(messages: &[ChatMessage]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(messages.len() + 2);
    for message in messages {
        let (role, blocks) = blocks(message);
        for block in blocks {
            add(&mut turns, role, block);
        }
    }
    if turns
        .first()
        .is_none_or(|turn| turn.role == Role::Assistant)
    {
        let content = vec![Block::Text { text: BEGINNING }];
        let role = Role::User;
        turns.insert(0, Turn { role, content });
    }
    if turns
        .last()
        .is_some_and(|turn| turn.role == Role::Assistant)
    {
        add(&mut turns, Role::User, Block::Text { text: END });
    }
    turns
}

fn blocks(message: &ChatMessage) -> (Role, Vec<Block<'_>>) {
    // White space at the end of the agent's words is refused.
    let words = |text: &'_ str| !text.trim().is_empty();
    match message {
        ChatMessage::System(_) => (Role::User, Vec::new()),
        ChatMessage::User(text) if words(text) => (Role::User, vec![Block::Text { text }]),
        ChatMessage::User(_) => (Role::User, Vec::new()),
        ChatMessage::Tool { call_id, text } => {
            let block = Block::ToolResult {
                tool_use_id: call_id,
                content: text,
            };
            (Role::User, vec![block])
        }
        ChatMessage::Assistant { text, tool_calls } => {
            let text = text.trim_end();
            let said = words(text).then_some(Block::Text { text });
            let calls = tool_calls.iter().map(|call| Block::ToolUse {
                id: &call.id,
                name: &call.name,
                input: input(call),
            });
            (Role::Assistant, said.into_iter().chain(calls).collect())
        }
    }
}

fn add<'a>(turns: &mut Vec<Turn<'a>>, role: Role, block: Block<'a>) {
    let content = match turns.last_mut() {
        Some(turn) if turn.role == role => &mut turn.content,
        Some(_) | None => {
            let content = vec![block];
            turns.push(Turn { role, content });
            return;
        }
    };
    let is_result = |block: &Block<'_>| matches!(block, Block::ToolResult { .. });
    let at = if is_result(&block) {
        content.iter().take_while(|block| is_result(block)).count()
    } else {
        content.len()
    };
    content.insert(at, block);
}

/// A call's arguments, which must be an object here.
#[expect(clippy::expect_used, reason = "an empty object is JSON")]
fn input(call: &ToolCall) -> Box<RawValue> {
    let raw = RawValue::from_string(call.arguments.clone()).ok();
    raw.filter(|raw| raw.get().trim_start().starts_with('{'))
        .unwrap_or_else(|| RawValue::from_string("{}".into()).expect("an empty object is JSON"))
}
