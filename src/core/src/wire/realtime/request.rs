//! What is sent to the Realtime API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Dialect, RealtimeSettings};
use crate::wire::openai::ToolSpec;
use crate::wire::stt::query::primary;

/// How loud speech must be for the vendor to take it for speech, 0 to 1; its usual value.
const THRESHOLD: f32 = 0.5;
/// Audio before the onset that it writes down too, ms.
pub const BEFORE_MS: u32 = 300;

/// One answer that is asked for.
pub struct Answer<'a> {
    /// Our number of it; the events that tell of it carry it.
    pub ask: u64,
    /// Who it is and what it is to do.
    pub instructions: &'a str,
    /// The conversation that it answers, oldest first. It knows of nothing else.
    pub conversation: &'a [Turn],
}

/// One turn of a conversation. `Debug` shows whose, not what.
#[derive(Clone, PartialEq, Eq)]
pub enum Turn {
    /// An item that the connection has: what was heard, or said, as it sounded.
    Item(String),
    /// The caller's words.
    User(String),
    /// The agent's words.
    Assistant(String),
    /// What it should know.
    System(String),
    /// A tool that was called.
    Called {
        /// The id of the call.
        call: String,
        /// The tool.
        name: String,
        /// Its arguments, as they were written.
        arguments: String,
    },
    /// What came of it.
    Returned {
        /// The id of the call.
        call: String,
        /// JSON or words.
        output: String,
    },
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Item(id) => write!(f, "Item({id})"),
            Self::User(text) => write!(f, "User({} bytes)", text.len()),
            Self::Assistant(text) => write!(f, "Assistant({} bytes)", text.len()),
            Self::System(text) => write!(f, "System({} bytes)", text.len()),
            Self::Called {
                call,
                name,
                arguments,
            } => write!(f, "Called({call}, {name}, {} bytes)", arguments.len()),
            Self::Returned { call, output } => {
                write!(f, "Returned({call}, {} bytes)", output.len())
            }
        }
    }
}

fn json(message: &impl Serialize) -> String {
    // Structs of texts and numbers become JSON always; an empty message would be passed over by the other side.
    serde_json::to_string(message).unwrap_or_default()
}

#[derive(Serialize)]
struct Format {
    r#type: &'static str,
}

const MULAW: Format = Format {
    r#type: "audio/pcmu",
};

#[derive(Serialize)]
struct Detection {
    r#type: &'static str,
    threshold: f32,
    prefix_padding_ms: u32,
    silence_duration_ms: u32,
    /// When a turn is over, and who stops talking, the call decides.
    create_response: bool,
    interrupt_response: bool,
}

#[derive(Serialize)]
struct Transcription<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    language: &'a str,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    name: &'a str,
    description: &'a str,
    parameters: &'a RawValue,
}

#[derive(Serialize)]
struct Input<'a> {
    format: Format,
    transcription: Transcription<'a>,
    turn_detection: Detection,
}

#[derive(Serialize)]
struct Output<'a> {
    format: Format,
    #[serde(skip_serializing_if = "str::is_empty")]
    voice: &'a str,
}

#[derive(Serialize)]
struct Audio<'a> {
    input: Input<'a>,
    output: Output<'a>,
}

#[derive(Serialize)]
struct Session<'a> {
    r#type: &'static str,
    output_modalities: [&'static str; 1],
    audio: Audio<'a>,
    tools: Vec<Tool<'a>>,
    tool_choice: &'static str,
}

#[derive(Serialize)]
struct BetaSession<'a> {
    modalities: [&'static str; 2],
    input_audio_format: &'static str,
    output_audio_format: &'static str,
    input_audio_transcription: Transcription<'a>,
    turn_detection: Detection,
    #[serde(skip_serializing_if = "str::is_empty")]
    voice: &'a str,
    tools: Vec<Tool<'a>>,
    tool_choice: &'static str,
}

#[derive(Serialize)]
struct Update<S> {
    r#type: &'static str,
    event_id: &'static str,
    session: S,
}

fn tools(specs: &[ToolSpec]) -> Vec<Tool<'_>> {
    specs
        .iter()
        .map(|spec| Tool {
            r#type: "function",
            name: &spec.name,
            description: &spec.description,
            parameters: &spec.parameters,
        })
        .collect()
}

/// How it shall hear and speak.
pub(super) fn session(settings: &RealtimeSettings) -> String {
    let transcription = Transcription {
        model: settings.transcriber.trim(),
        language: primary(&settings.language),
    };
    let turn_detection = Detection {
        r#type: "server_vad",
        threshold: THRESHOLD,
        prefix_padding_ms: BEFORE_MS,
        silence_duration_ms: settings.silence_ms,
        create_response: false,
        interrupt_response: false,
    };
    let (r#type, event_id) = ("session.update", SESSION);
    let voice = settings.voice.trim();
    let (tools, tool_choice) = (tools(&settings.tools), "auto");
    match settings.dialect {
        Dialect::Present => json(&Update {
            r#type,
            event_id,
            session: Session {
                r#type: "realtime",
                output_modalities: ["audio"],
                audio: Audio {
                    input: Input {
                        format: MULAW,
                        transcription,
                        turn_detection,
                    },
                    output: Output {
                        format: MULAW,
                        voice,
                    },
                },
                tools,
                tool_choice,
            },
        }),
        Dialect::Beta => json(&Update {
            r#type,
            event_id,
            session: BetaSession {
                modalities: ["audio", "text"],
                input_audio_format: "g711_ulaw",
                output_audio_format: "g711_ulaw",
                input_audio_transcription: transcription,
                turn_detection,
                voice,
                tools,
                tool_choice,
            },
        }),
    }
}

#[derive(Serialize)]
struct Offer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    tools: Vec<Tool<'a>>,
    tool_choice: &'static str,
}

/// Which tools it may call. What else was set stays as it is.
pub(super) fn offer(settings: &RealtimeSettings, others: &[ToolSpec]) -> String {
    let all = [tools(&settings.tools), tools(others)];
    json(&Update {
        r#type: "session.update",
        event_id: TOOLS,
        session: Offer {
            r#type: (settings.dialect == Dialect::Present).then_some("realtime"),
            tools: all.into_iter().flatten().collect(),
            tool_choice: "auto",
        },
    })
}

/// More of the caller's audio. Some hundred of these go out for each minute of a call, so they are written by hand.
pub(super) fn append(mulaw: &[u8]) -> String {
    const BEFORE: &str = r#"{"type":"input_audio_buffer.append","audio":""#;
    let mut message = String::with_capacity(BEFORE.len() + mulaw.len().div_ceil(3) * 4 + 2);
    message.push_str(BEFORE);
    STANDARD.encode_string(mulaw, &mut message);
    message.push_str("\"}");
    message
}

#[derive(Serialize)]
struct Content<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    #[serde(rename = "item_reference")]
    Reference {
        id: &'a str,
    },
    Message {
        role: &'static str,
        content: [Content<'a>; 1],
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: &'a str,
    },
}

fn item(dialect: Dialect, turn: &Turn) -> Item<'_> {
    let spoken = match dialect {
        Dialect::Present => "output_text",
        Dialect::Beta => "text",
    };
    let message = |role, r#type, text| Item::Message {
        role,
        content: [Content { r#type, text }],
    };
    match turn {
        Turn::Item(id) => Item::Reference { id },
        Turn::User(text) => message("user", "input_text", text),
        Turn::Assistant(text) => message("assistant", spoken, text),
        Turn::System(text) => message("system", "input_text", text),
        Turn::Called {
            call,
            name,
            arguments,
        } => Item::FunctionCall {
            call_id: call,
            name,
            arguments,
        },
        Turn::Returned { call, output } => Item::FunctionCallOutput {
            call_id: call,
            output,
        },
    }
}

#[derive(Serialize)]
struct Metadata {
    ask: String,
}

#[derive(Serialize)]
struct Response<'a> {
    conversation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_modalities: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modalities: Option<[&'static str; 2]>,
    instructions: &'a str,
    input: Vec<Item<'a>>,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Create<'a> {
    r#type: &'static str,
    event_id: String,
    response: Response<'a>,
}

/// Asks for an answer to exactly this conversation. It becomes an item of the connection's own all the same, so that it can
/// be truncated and referred to.
pub(super) fn answer(dialect: Dialect, answer: &Answer<'_>) -> String {
    let is_beta = dialect == Dialect::Beta;
    json(&Create {
        r#type: "response.create",
        event_id: format!("{ANSWER}{}", answer.ask),
        response: Response {
            conversation: "auto",
            output_modalities: (!is_beta).then_some(["audio"]),
            modalities: is_beta.then_some(["audio", "text"]),
            instructions: answer.instructions,
            input: answer
                .conversation
                .iter()
                .map(|turn| item(dialect, turn))
                .collect(),
            metadata: Metadata {
                ask: answer.ask.to_string(),
            },
        },
    })
}

/// What the ids of our events begin with, by what they ask for: errors repeat them.
pub(super) const SESSION: &str = "session";
pub(super) const TOOLS: &str = "tools";
pub(super) const ANSWER: &str = "answer_";
pub(super) const TRUNCATION: &str = "truncate_";

#[derive(Serialize)]
struct Cancel<'a> {
    r#type: &'static str,
    event_id: &'static str,
    response_id: &'a str,
}

pub(super) fn cancel(response_id: &str) -> String {
    json(&Cancel {
        r#type: "response.cancel",
        event_id: "cancel",
        response_id,
    })
}

#[derive(Serialize)]
struct Truncate<'a> {
    r#type: &'static str,
    event_id: String,
    item_id: &'a str,
    content_index: u64,
    audio_end_ms: u64,
}

pub(super) fn truncate(ask: u64, item_id: &str, content_index: u64, audio_end_ms: u64) -> String {
    json(&Truncate {
        r#type: "conversation.item.truncate",
        event_id: format!("{TRUNCATION}{ask}"),
        item_id,
        content_index,
        audio_end_ms,
    })
}

#[derive(Serialize)]
struct Delete<'a> {
    r#type: &'static str,
    item_id: &'a str,
}

pub(super) fn delete(item_id: &str) -> String {
    json(&Delete {
        r#type: "conversation.item.delete",
        item_id,
    })
}

#[derive(Serialize)]
struct CreateItem<'a> {
    r#type: &'static str,
    item: Item<'a>,
}

pub(super) fn tool_answered(call_id: &str, output: &str) -> String {
    json(&CreateItem {
        r#type: "conversation.item.create",
        item: Item::FunctionCallOutput { call_id, output },
    })
}
