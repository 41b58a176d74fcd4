//! What a client or an operator says of a tool of theirs.

mod keys;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trunkline_core::call::ToolSettings;
use utoipa::ToSchema;

pub use keys::{KeyCheck, KeyRow};

use super::BUILT_IN;
use crate::providers::END_CALL;
use crate::schema::Schema;

/// Longest name.
pub const NAME_CHARS_MAX: usize = 64;
/// Longest description.
const DESCRIPTION_CHARS_MAX: usize = 1_024;
/// Longest address.
const URL_CHARS_MAX: usize = 2_000;
/// Longest sentence that is said meanwhile.
const WORDS_CHARS_MAX: usize = 200;
/// Most headers, secret ones not counted.
pub const HEADERS_MAX: usize = 20;
/// Longest value of a header.
const HEADER_CHARS_MAX: usize = 2_000;
/// How long a use may take if its owner does not say, ms.
pub const TIMEOUT_MS: u32 = 10_000;
/// How long it may take at most, ms.
pub const TIMEOUT_MS_MAX: u32 = 30_000;
const TIMEOUT_MS_MIN: u32 = 500;

/// Headers that are not a tool's to set: they say how a message is sent, or who sent it.
const OWN_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "keep-alive",
];

/// Most names of an MCP server's tools that a document lists.
const ALLOWED_MAX: usize = 64;
/// Longest name of a tool of an MCP server's.
const THEIR_NAME_CHARS_MAX: usize = 128;
/// Longest name of an MCP server: it stands before the names of its tools.
const SERVER_NAME_CHARS_MAX: usize = 32;

/// What stands at the address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// One tool: a request of plain HTTP.
    #[default]
    Http,
    /// A server of the Model Context Protocol, over streamable HTTP, and all or some of its tools.
    Mcp,
}

impl ToolKind {
    fn is_http(&self) -> bool {
        *self == Self::Http
    }
}

/// How a tool is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads something; the arguments stand in the query.
    Get,
    /// Does something.
    #[default]
    Post,
    /// Replaces something.
    Put,
    /// Changes something.
    Patch,
    /// Removes something; the arguments stand in the query.
    Delete,
}

impl Method {
    /// Whether the arguments stand in the address.
    pub fn has_no_body(self) -> bool {
        matches!(self, Self::Get | Self::Delete)
    }
}

/// What is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `{"tool", "use", "arguments", "call": {"id", "agent", "agent_version", "direction", "from", "to"}}`.
    #[default]
    Envelope,
    /// The arguments alone, for servers that know nothing of calls.
    Arguments,
}

/// A tool that a server of its owner's does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolDocument {
    /// What stands at the address: one tool, or an MCP server.
    #[serde(default, skip_serializing_if = "ToolKind::is_http")]
    pub kind: ToolKind,
    /// What the model calls it: letters, digits, `_` and `-`. Of an MCP server, at most 32, what its tools' names begin with:
    /// `name_tool`.
    #[schema(max_length = 64, example = "find_slots")]
    pub name: String,
    /// What it does and when to use it, for the model. Of an MCP server, what it is for; its tools have their own.
    #[schema(
        max_length = 1024,
        example = "Finds free appointments on a day. Use it before you offer a time."
    )]
    pub description: String,
    /// What it takes: a JSON schema of an object. Nothing if absent. What a model calls it with is checked by it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"type": "object", "properties": {"day": {"type": "string", "format": "date"}}, "required": ["day"]}))]
    pub arguments: Option<Value>,
    /// What it answers: a JSON schema. An answer that does not fit is not told to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// Where it is. `{name}` stands for the argument of that name, which then goes nowhere else.
    #[schema(max_length = 2000, example = "https://crm.example.com/slots")]
    pub url: String,
    /// How it is asked.
    #[serde(default)]
    pub method: Method,
    /// What is posted, where something is.
    #[serde(default)]
    pub body: Body,
    /// Headers that are no secret; at most 20. Secret ones are set by `secret_headers`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How long a use may take, ms.
    #[serde(default = "usual_timeout")]
    #[schema(minimum = 500, maximum = 30_000, default = 10_000)]
    pub timeout_ms: u32,
    /// Using it twice is as good as once: it only reads, or it knows a repetition by its `Idempotency-Key`. Then it is tried
    /// again when it fails.
    #[serde(default)]
    pub repeatable: bool,
    /// The agent waits for its result. Otherwise the agent goes on at once, and is told later.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub awaited: bool,
    /// It is used once the caller has heard what the agent says before it.
    #[serde(default)]
    pub after_words: bool,
    /// Digits that the caller presses before it is used, and that only its server gets: at most six rows of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyRow>,
    /// Said while it is at work, if that takes longer than a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, example = "Let me look that up.")]
    pub words: Option<String>,
    /// Of an MCP server: which of its tools may be used, by its own names for them, at most 64. All if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["convert_time"]))]
    pub tools: Option<Vec<String>>,
}

fn usual_timeout() -> u32 {
    TIMEOUT_MS
}

fn yes() -> bool {
    true
}

/// What is wrong with a tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct WrongTool {
    /// A JSON pointer into the document.
    pub pointer: String,
    /// As errors of the API name it.
    pub code: &'static str,
    /// What is wrong, and what to write.
    pub detail: String,
}

impl WrongTool {
    pub(super) fn new(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

impl ToolDocument {
    /// The first thing that is wrong with it. Whether its address may be used is another question.
    ///
    /// # Errors
    /// [`WrongTool`].
    pub fn check(&self) -> Result<(), WrongTool> {
        name(&self.name)?;
        line("/description", &self.description, DESCRIPTION_CHARS_MAX)?;
        line("/url", &self.url, URL_CHARS_MAX)?;
        if let Some(words) = &self.words {
            line("/words", words, WORDS_CHARS_MAX)?;
        }
        if !(TIMEOUT_MS_MIN..=TIMEOUT_MS_MAX).contains(&self.timeout_ms) {
            let detail = format!("expected {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX}");
            return Err(WrongTool::new("/timeout_ms", "out_of_range", detail));
        }
        if !self.awaited && self.after_words {
            let detail =
                "what comes after the words is what the agent ends with, and is waited for";
            return Err(WrongTool::new("/after_words", "conflict", detail));
        }
        headers("/headers", &self.headers)?;
        match self.kind {
            ToolKind::Mcp => return self.check_server(),
            ToolKind::Http if self.tools.is_some() => {
                let detail = "only an MCP server has tools: set kind to mcp";
                return Err(WrongTool::new("/tools", "conflict", detail));
            }
            ToolKind::Http => {}
        }
        self.arguments()?;
        self.result()?;
        self.check_keys()?;
        self.placeholders()
    }

    /// What is wrong with an MCP server alone.
    fn check_server(&self) -> Result<(), WrongTool> {
        if self.name.len() > SERVER_NAME_CHARS_MAX {
            let detail = format!(
                "at most {SERVER_NAME_CHARS_MAX} characters: its tools' names begin with it"
            );
            return Err(WrongTool::new("/name", "too_long", detail));
        }
        let said_elsewhere = [
            ("/arguments", self.arguments.is_some()),
            ("/result", self.result.is_some()),
            ("/method", self.method != Method::Post),
            ("/body", self.body != Body::Envelope),
            ("/repeatable", self.repeatable),
        ];
        if let Some((pointer, _)) = said_elsewhere.iter().find(|(_, is_said)| *is_said) {
            let detail = "an MCP server says this of each of its tools";
            return Err(WrongTool::new(*pointer, "conflict", detail));
        }
        if self.url.contains(['{', '}']) {
            let detail = "an MCP server's address has no arguments in it";
            return Err(WrongTool::new("/url", "invalid", detail));
        }
        headers_of_server("/headers", &self.headers)?;
        let allowed = self.tools.as_deref().unwrap_or_default();
        if allowed.len() > ALLOWED_MAX {
            let detail = format!("at most {ALLOWED_MAX} are allowed");
            return Err(WrongTool::new("/tools", "too_many", detail));
        }
        for (at, theirs) in allowed.iter().enumerate() {
            line(&format!("/tools/{at}"), theirs, THEIR_NAME_CHARS_MAX)?;
        }
        Ok(())
    }

    /// What it takes.
    ///
    /// # Errors
    /// It is no schema of an object.
    pub fn arguments(&self) -> Result<Schema, WrongTool> {
        let nothing = serde_json::json!({ "type": "object", "properties": {} });
        let schema = self.arguments.as_ref().unwrap_or(&nothing);
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            let detail = "models call tools with objects: its type must be object";
            return Err(WrongTool::new("/arguments/type", "invalid", detail));
        }
        parsed("/arguments", schema)
    }

    /// What it answers, if it says so.
    ///
    /// # Errors
    /// It is no schema.
    pub fn result(&self) -> Result<Option<Schema>, WrongTool> {
        let schema = self.result.as_ref();
        schema.map(|schema| parsed("/result", schema)).transpose()
    }

    /// What the call must know of it.
    pub fn settings(&self) -> ToolSettings {
        ToolSettings {
            awaited: self.awaited,
            // Nobody is asked for keys before they have heard what for.
            after_words: self.after_words || !self.keys.is_empty(),
            repeats: self.repeats(),
            words: self.words.as_deref().map(Into::into),
            ..ToolSettings::default()
        }
    }

    /// Twice is as good as once.
    pub fn repeats(&self) -> bool {
        self.repeatable || self.method == Method::Get
    }

    /// The arguments that stand in the address, in its order.
    pub fn placed(&self) -> Vec<&str> {
        let parts = self.url.split('{').skip(1);
        parts
            .filter_map(|part| part.split_once('}'))
            .map(|(name, _)| name)
            .collect()
    }

    fn placeholders(&self) -> Result<(), WrongTool> {
        let wrong = |detail: String| Err(WrongTool::new("/url", "invalid", detail));
        let (opened, closed) = (self.url.matches('{').count(), self.url.matches('}').count());
        let placed = self.placed();
        if opened != closed || placed.len() != opened {
            return wrong("a brace stands alone; {name} stands for an argument".into());
        }
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('{') {
            return wrong("an argument cannot choose the host".into());
        }
        let properties = self.arguments.as_ref().and_then(|a| a.get("properties"));
        let properties = properties.and_then(Value::as_object);
        let required = self.arguments.as_ref().and_then(|a| a.get("required"));
        let required: BTreeSet<&str> = required
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        for name in placed {
            if !properties.is_some_and(|all| all.contains_key(name)) {
                return wrong(format!("{{{name}}} is none of its arguments"));
            }
            if !required.contains(name) {
                return wrong(format!("{{{name}}} must be one of the required arguments"));
            }
        }
        Ok(())
    }
}

fn parsed(pointer: &str, schema: &Value) -> Result<Schema, WrongTool> {
    Schema::parse(schema).map_err(|problem| {
        let pointer = format!("{pointer}{}", problem.path);
        WrongTool::new(pointer, "invalid", problem.what)
    })
}

/// A name that a model can call.
fn name(name: &str) -> Result<(), WrongTool> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let is_name = !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_plain);
    if !is_name {
        let detail = format!("expected 1 to {NAME_CHARS_MAX} letters, digits, _ or -");
        return Err(WrongTool::new("/name", "invalid", detail));
    }
    if name == END_CALL || BUILT_IN.contains(&name) {
        let detail = "a tool of this name is built in; name it otherwise";
        return Err(WrongTool::new("/name", "taken", detail));
    }
    Ok(())
}

fn line(pointer: &str, text: &str, chars_max: usize) -> Result<(), WrongTool> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        return Err(WrongTool::new(pointer, "missing", "it must not be empty"));
    }
    if chars > chars_max {
        let detail = format!("it has {chars} characters; at most {chars_max} are allowed");
        return Err(WrongTool::new(pointer, "too_long", detail));
    }
    if text.chars().any(char::is_control) {
        let detail = "it must be one line without control characters";
        return Err(WrongTool::new(pointer, "invalid", detail));
    }
    Ok(())
}

/// Headers that a tool may set.
///
/// # Errors
/// [`WrongTool`], which never holds a value.
pub(super) fn headers(pointer: &str, headers: &BTreeMap<String, String>) -> Result<(), WrongTool> {
    if headers.len() > HEADERS_MAX {
        let detail = format!("at most {HEADERS_MAX} are allowed");
        return Err(WrongTool::new(pointer, "too_many", detail));
    }
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let is_own = OWN_HEADERS.contains(&&*lower) || lower.starts_with("webhook-");
        let is_name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok();
        let is_value = reqwest::header::HeaderValue::from_str(value).is_ok();
        let detail = match (is_name, is_own, is_value) {
            (false, ..) => "a header's name is none",
            (_, true, _) => "one of these headers is the server's own to set",
            (.., false) => "a header's value is none",
            _ if value.chars().count() > HEADER_CHARS_MAX => "a header's value is too long",
            _ => continue,
        };
        return Err(WrongTool::new(pointer, "invalid", detail));
    }
    Ok(())
}

/// Headers that a document of an MCP server may set: the protocol has some of its own.
///
/// # Errors
/// [`WrongTool`], which never holds a value.
pub(super) fn headers_of_server(
    pointer: &str,
    all: &BTreeMap<String, String>,
) -> Result<(), WrongTool> {
    headers(pointer, all)?;
    let is_own = |name: &String| {
        let name = name.to_ascii_lowercase();
        name == "accept" || name == "last-event-id" || name.starts_with("mcp-")
    };
    match all.keys().any(is_own) {
        true => {
            let detail = "one of these headers is the protocol's own to set";
            Err(WrongTool::new(pointer, "invalid", detail))
        }
        false => Ok(()),
    }
}
