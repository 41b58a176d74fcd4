//! What comes from the Realtime API.

mod tokens;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::{ANSWER, SESSION, TOOLS, TRUNCATION};
use super::{ID_BYTES_MAX, TEXT_BYTES_MAX};
use crate::cost::SpokenTokens;
use crate::wire::link::{Trouble, TroubleKind};
use crate::wire::stt::lenient::{Scalar, object};
use tokens::{Usage, tokens};

/// What it says. Times are milliseconds of audio sent on this connection; ids are the vendor's.
#[derive(Clone, PartialEq)]
pub enum RealtimeEvent {
    /// The session stands.
    Ready,
    /// It hears speech since `at_ms`, which will be this item.
    SpeechStarted {
        /// The item.
        item: String,
        /// Onset, with what is kept before it.
        at_ms: u64,
    },
    /// The speech of this item is over.
    SpeechStopped {
        /// The item.
        item: String,
        /// Its end.
        at_ms: u64,
    },
    /// More of the words of an item.
    Hears {
        /// The item.
        item: String,
        /// What follows the words so far.
        delta: String,
    },
    /// All words of an item; empty if nothing was said.
    Heard {
        /// The item.
        item: String,
        /// The words.
        text: String,
    },
    /// An item was not written down.
    Unheard {
        /// The item.
        item: String,
        /// Why.
        trouble: Trouble,
    },
    /// An answer is being made.
    Answering {
        /// Its id.
        response: String,
        /// Our number of it, if it is repeated.
        ask: Option<u64>,
    },
    /// More of the sound of an answer.
    Audio {
        /// The answer.
        response: String,
        /// The item it becomes.
        item: String,
        /// Which content of that item.
        content: u64,
        /// 8 kHz mu-law.
        mulaw: Vec<u8>,
    },
    /// All of the sound of an item came.
    AudioEnded {
        /// The answer.
        response: String,
    },
    /// More of the words of an answer.
    Words {
        /// The answer.
        response: String,
        /// What follows the words so far.
        delta: String,
    },
    /// All words of an item came.
    WordsEnded {
        /// The answer.
        response: String,
    },
    /// The answer is calling a tool: more of the arguments were written.
    Calling {
        /// The answer.
        response: String,
    },
    /// The answer calls a tool.
    Called {
        /// The answer.
        response: String,
        /// The id of the call, to be repeated with what the tool answers.
        call: String,
        /// The tool.
        name: String,
        /// Its arguments: JSON as the model wrote it, not checked.
        arguments: String,
    },
    /// Nothing more of an answer will come.
    Answered {
        /// The answer.
        response: String,
        /// How it ended.
        outcome: Outcome,
        /// Tokens that it took, if it says so.
        tokens: Option<SpokenTokens>,
    },
    /// What was not heard of an item is forgotten.
    Truncated {
        /// The item.
        item: String,
    },
    /// Something is wrong. The session goes on unless it `is_over`.
    Trouble {
        /// What.
        trouble: Trouble,
        /// What it is about.
        about: About,
        /// The connection is of no use any more.
        is_over: bool,
    },
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was made.
    Complete,
    /// It was cancelled.
    Cancelled,
    /// It broke off: too long, or withheld.
    Incomplete,
    /// It failed.
    Failed(Trouble),
}

/// What a trouble is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The answer of this number that was asked for.
    Answer(u64),
    /// The truncation of the answer of this number.
    Truncation(u64),
    /// How it shall hear and speak: it will do neither.
    Session,
    /// What it may have done: it knows nothing of that.
    Tools,
    /// Something else.
    Other,
}

impl std::fmt::Debug for RealtimeEvent {
    /// Without a word of what was said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready => f.write_str("Ready"),
            Self::SpeechStarted { item, at_ms } => write!(f, "SpeechStarted({item}, {at_ms})"),
            Self::SpeechStopped { item, at_ms } => write!(f, "SpeechStopped({item}, {at_ms})"),
            Self::Hears { item, delta } => write!(f, "Hears({item}, {} bytes)", delta.len()),
            Self::Heard { item, text } => write!(f, "Heard({item}, {} bytes)", text.len()),
            Self::Unheard { item, trouble } => write!(f, "Unheard({item}, {trouble})"),
            Self::Answering { response, ask } => write!(f, "Answering({response}, {ask:?})"),
            Self::Audio {
                response,
                item,
                content,
                mulaw,
            } => write!(
                f,
                "Audio({response}, {item}, {content}, {} bytes)",
                mulaw.len()
            ),
            Self::AudioEnded { response } => write!(f, "AudioEnded({response})"),
            Self::Words { response, delta } => {
                write!(f, "Words({response}, {} bytes)", delta.len())
            }
            Self::WordsEnded { response } => write!(f, "WordsEnded({response})"),
            Self::Calling { response } => write!(f, "Calling({response})"),
            Self::Called {
                response,
                call,
                name,
                arguments,
            } => write!(
                f,
                "Called({response}, {call}, {name}, {} bytes)",
                arguments.len()
            ),
            Self::Answered {
                response,
                outcome,
                tokens,
            } => write!(f, "Answered({response}, {outcome:?}, {tokens:?})"),
            Self::Truncated { item } => write!(f, "Truncated({item})"),
            Self::Trouble {
                trouble,
                about,
                is_over,
            } => write!(f, "Trouble({trouble}, {about:?}, is_over {is_over})"),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow)]
    item_id: Scalar<'a>,
    #[serde(borrow)]
    response_id: Scalar<'a>,
    #[serde(borrow)]
    audio_start_ms: Scalar<'a>,
    #[serde(borrow)]
    audio_end_ms: Scalar<'a>,
    #[serde(borrow)]
    content_index: Scalar<'a>,
    #[serde(borrow)]
    delta: Scalar<'a>,
    #[serde(borrow)]
    transcript: Scalar<'a>,
    #[serde(borrow)]
    call_id: Scalar<'a>,
    #[serde(borrow)]
    name: Scalar<'a>,
    #[serde(borrow)]
    arguments: Scalar<'a>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    status: Scalar<'a>,
    #[serde(borrow)]
    status_details: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    ask: Scalar<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Error<'a> {
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow)]
    code: Scalar<'a>,
    #[serde(borrow)]
    event_id: Scalar<'a>,
}

/// Events of the beta whose names are others now; what is in them is the same.
const BETA_NAMES: [(&str, &str); 7] = [
    ("transcription_session.updated", "session.updated"),
    ("response.audio.delta", "response.output_audio.delta"),
    ("response.audio.done", "response.output_audio.done"),
    (
        "response.audio_transcript.delta",
        "response.output_audio_transcript.delta",
    ),
    (
        "response.audio_transcript.done",
        "response.output_audio_transcript.done",
    ),
    ("response.text.delta", "response.output_text.delta"),
    ("response.text.done", "response.output_text.done"),
];

/// The present name of an event.
fn present(name: &str) -> &str {
    let known = BETA_NAMES.iter().find(|(beta, _)| *beta == name);
    known.map_or(name, |(_, present)| present)
}

/// Reads a message. `sent_ms`: so much audio was sent, and nothing can have been heard behind it.
pub(super) fn read(
    json: &str,
    sent_ms: u64,
    out: &mut Vec<RealtimeEvent>,
) -> Result<(), &'static str> {
    let message: Message<'_> = object(json).ok_or("not-json")?;
    let item = || id(&message.item_id, "item");
    let response = || id(&message.response_id, "response");
    let at_ms = |at: &Scalar<'_>| at.whole().ok_or("time").map(|at| at.min(sent_ms));
    out.push(match present(message.kind.text()) {
        "session.created" | "session.updated" => RealtimeEvent::Ready,
        "input_audio_buffer.speech_started" => RealtimeEvent::SpeechStarted {
            item: item()?,
            at_ms: at_ms(&message.audio_start_ms)?,
        },
        "input_audio_buffer.speech_stopped" => RealtimeEvent::SpeechStopped {
            item: item()?,
            at_ms: at_ms(&message.audio_end_ms)?,
        },
        "conversation.item.input_audio_transcription.delta" => RealtimeEvent::Hears {
            item: item()?,
            delta: text(&message.delta),
        },
        "conversation.item.input_audio_transcription.completed" => RealtimeEvent::Heard {
            item: item()?,
            text: text(&message.transcript).trim().to_owned(),
        },
        "conversation.item.input_audio_transcription.failed" => RealtimeEvent::Unheard {
            item: item()?,
            trouble: trouble(&error(message.error)),
        },
        "response.output_audio.delta" => RealtimeEvent::Audio {
            response: response()?,
            item: item()?,
            content: message.content_index.whole().unwrap_or(0),
            mulaw: STANDARD
                .decode(message.delta.text())
                .map_err(|_| "base64")?,
        },
        "response.output_audio.done" => RealtimeEvent::AudioEnded {
            response: response()?,
        },
        "response.output_audio_transcript.delta" | "response.output_text.delta" => {
            RealtimeEvent::Words {
                response: response()?,
                delta: text(&message.delta),
            }
        }
        "response.output_audio_transcript.done" | "response.output_text.done" => {
            RealtimeEvent::WordsEnded {
                response: response()?,
            }
        }
        "response.function_call_arguments.delta" => RealtimeEvent::Calling {
            response: response()?,
        },
        "response.function_call_arguments.done" => RealtimeEvent::Called {
            response: response()?,
            call: id(&message.call_id, "call")?,
            name: text(&message.name),
            arguments: text(&message.arguments),
        },
        "response.created" => answering(message.response)?,
        "response.done" => answered(message.response)?,
        "conversation.item.truncated" => RealtimeEvent::Truncated { item: item()? },
        "error" => refused(&error(message.error)),
        "" => return Err("no-type"),
        _ => return Ok(()),
    });
    Ok(())
}

fn id(value: &Scalar<'_>, what: &'static str) -> Result<String, &'static str> {
    let id = value.text();
    let fits = |b: u8| b.is_ascii_graphic();
    let is_one = !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(fits);
    is_one.then(|| id.to_owned()).ok_or(what)
}

fn text(value: &Scalar<'_>) -> String {
    let text = value.text();
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}

fn answering(raw: Option<&RawValue>) -> Result<RealtimeEvent, &'static str> {
    let response: Response<'_> = raw.and_then(|raw| object(raw.get())).ok_or("response")?;
    let metadata: Option<Metadata<'_>> = response.metadata.and_then(|raw| object(raw.get()));
    Ok(RealtimeEvent::Answering {
        response: id(&response.id, "response")?,
        ask: metadata.and_then(|metadata| metadata.ask.whole()),
    })
}

fn answered(raw: Option<&RawValue>) -> Result<RealtimeEvent, &'static str> {
    let response: Response<'_> = raw.and_then(|raw| object(raw.get())).ok_or("response")?;
    let usage: Option<Usage<'_>> = response.usage.and_then(|raw| object(raw.get()));
    let tokens = usage.and_then(|usage| tokens(&usage));
    let outcome = match response.status.text() {
        "completed" => Outcome::Complete,
        "cancelled" => Outcome::Cancelled,
        "incomplete" => Outcome::Incomplete,
        _ => {
            let details = response.status_details.and_then(|raw| object(raw.get()));
            let details: Details<'_> = details.unwrap_or_default();
            Outcome::Failed(trouble(&error(details.error)))
        }
    };
    Ok(RealtimeEvent::Answered {
        response: id(&response.id, "response")?,
        outcome,
        tokens,
    })
}

fn error(raw: Option<&RawValue>) -> Error<'_> {
    raw.and_then(|raw| object(raw.get())).unwrap_or_default()
}

fn refused(error: &Error<'_>) -> RealtimeEvent {
    let number = |before: &str| error.event_id.text().strip_prefix(before)?.parse().ok();
    let about = match (number(ANSWER), number(TRUNCATION)) {
        (Some(ask), _) => About::Answer(ask),
        (None, Some(ask)) => About::Truncation(ask),
        (None, None) if error.event_id.text() == SESSION => About::Session,
        (None, None) if error.event_id.text() == TOOLS => About::Tools,
        (None, None) => About::Other,
    };
    let trouble = trouble(error);
    let is_final = matches!(trouble.kind, TroubleKind::Key | TroubleKind::Quota);
    RealtimeEvent::Trouble {
        is_over: is_final || about == About::Session || error.code.text() == "session_expired",
        trouble,
        about,
    }
}

/// What an error means. Its message is not kept: it may repeat what was said.
fn trouble(error: &Error<'_>) -> Trouble {
    let names = [error.code.text(), error.kind.text()];
    let is = |parts: &[&str]| {
        names
            .iter()
            .any(|name| parts.iter().any(|part| name.contains(part)))
    };
    let kind = if is(&["api_key", "authentication", "permission", "unauthorized"]) {
        TroubleKind::Key
    } else if is(&["quota", "billing"]) {
        TroubleKind::Quota
    } else if is(&["rate_limit", "too_many", "already_has_active_response"]) {
        TroubleKind::Rate
    } else if is(&["session_expired", "server_error", "timeout", "overloaded"]) {
        TroubleKind::Server
    } else if is(&["invalid", "not_found", "unsupported", "unknown_parameter"]) {
        TroubleKind::Request
    } else {
        TroubleKind::Server
    };
    let code = names.into_iter().find(|name| !name.is_empty());
    Trouble::new(
        kind,
        crate::wire::stt::code_of(code.unwrap_or_default(), "error"),
    )
}
