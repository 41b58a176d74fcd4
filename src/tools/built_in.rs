//! Tools that are done here: what the call itself does, looking things up, and saying what became of the call.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use trunkline_core::call::{Effect, FIELD_DIGITS_MAX, PRESSED_MAX, ToolSettings, TransferKind};

use super::{CallBack, Does, HandOver, PutThrough, Tool, Used};
use crate::after;
use crate::agent::{Agent, HandOffSpec, Transfers};
use crate::callbacks::NOTE_CHARS_MAX;
use crate::desk::Desk;
use crate::ids::ClientId;
use crate::knowledge::Knowledge;
use crate::schema::Schema;
use crate::store::after::SetBy;
use crate::vault::ClientKeys;

/// By which a model says that the caller does not want to be called again.
pub const OPT_OUT: &str = "opt_out";
/// By which it says what became of the call.
pub const SET_DISPOSITION: &str = "set_disposition";
/// By which it looks something up in the agent's documents.
pub const LOOK_UP: &str = "look_up_knowledge";
/// By which it has the caller put through to a person.
pub const TRANSFER: &str = "transfer";
/// By which it hands the caller over to another agent.
pub const HAND_OFF: &str = "hand_off";
/// By which it has the caller called back at another time.
pub const SCHEDULE_CALLBACK: &str = "schedule_callback";

/// Longest summary for a person who is called, in characters: half a minute.
const SUMMARY_CHARS_MAX: usize = 500;

/// By which it has the caller press digits, and is told them.
pub const COLLECT_KEYS: &str = "collect_keys";
/// By which it presses keys on the line.
pub const SEND_KEYS: &str = "send_keys";

/// Passages that a model gets for a question.
const PASSAGES: usize = 5;
/// How long looking something up may take.
const LOOK_UP_PATIENCE: Duration = Duration::from_millis(2_000);

/// A tool of our own; its schema is right.
fn tool(name: &str, description: String, arguments: &Value, does: Does) -> Option<Tool> {
    Some(Tool {
        name: name.into(),
        description,
        arguments: Schema::parse(arguments).ok()?,
        settings: ToolSettings::default(),
        does,
    })
}

/// Ends the call, and the number is not called again.
pub fn opt_out() -> Option<Tool> {
    let description = "Call this as soon as the caller says, in any words, that they do not want to be called again. The \
                       call is ended politely.";
    let arguments = json!({ "type": "object", "properties": {} });
    let mut tool = tool(OPT_OUT, description.into(), &arguments, Does::Call)?;
    tool.settings.effect = Effect::OptOut;
    Some(tool)
}

/// Has the caller press digits: an account's number, a date. The agent says the prompt, and the first key cuts it.
pub fn collect_keys() -> Option<Tool> {
    let description = "Asks the caller to press digits on their phone, and returns them. Use it for numbers that are hard to \
                       hear, such as an account number. Never use it for payment cards.";
    let arguments = json!({
        "type": "object", "required": ["prompt"], "additionalProperties": false,
        "properties": {
            "prompt": {
                "type": "string", "minLength": 2, "maxLength": 200,
                "description": "What is said to ask for them, in the caller's language; do not say it yourself as well.",
            },
            "digits_min": { "type": "integer", "minimum": 1, "maximum": FIELD_DIGITS_MAX },
            "digits_max": {
                "type": "integer", "minimum": 1, "maximum": FIELD_DIGITS_MAX,
                "description": "With so many it is over at once. Before that the caller ends it with #.",
            },
        },
    });
    let mut tool = tool(COLLECT_KEYS, description.into(), &arguments, Does::Collect)?;
    tool.settings.after_words = true;
    Some(tool)
}

/// Presses keys on the line, as tones.
pub fn send_keys() -> Option<Tool> {
    let description = "Presses keys on the phone line, to choose in an automated menu or to enter a number there. Say nothing \
                       else to a menu.";
    let pattern = format!("^[0-9*#w]{{1,{PRESSED_MAX}}}$");
    let arguments = json!({
        "type": "object", "required": ["keys"], "additionalProperties": false,
        "properties": { "keys": {
            "type": "string", "pattern": pattern,
            "description": "Digits, * and #; w waits for half a second.",
        } },
    });
    let mut tool = tool(SEND_KEYS, description.into(), &arguments, Does::Press)?;
    tool.settings.after_words = true;
    // A menu behind a menu may want the same key.
    tool.settings.repeats = true;
    Some(tool)
}

/// Looks something up in these documents of the client's.
pub fn look_up(
    knowledge: Arc<Knowledge>,
    client: ClientId,
    documents: Vec<String>,
) -> Option<Tool> {
    let description = "Looks something up in the documents of the business. Use it before you answer a question of fact \
                       that you have not looked up, and answer from what it finds; if that does not say, say so. Name the \
                       source if the caller wants to know.";
    let arguments = json!({
        "type": "object", "required": ["question"], "additionalProperties": false,
        "properties": { "question": {
            "type": "string", "minLength": 2, "maxLength": 500,
            "description": "The caller's question in full, in their language, without \"it\" or \"that\".",
        } },
    });
    let documents: Arc<[String]> = documents.into();
    let does = Does::Here(Arc::new(move |arguments| {
        let (knowledge, client) = (Arc::clone(&knowledge), client.clone());
        let documents = Arc::clone(&documents);
        async move {
            let question = arguments["question"].as_str().unwrap_or_default();
            let found = knowledge
                .look_up(&client, &documents, question, PASSAGES, LOOK_UP_PATIENCE)
                .await;
            let Ok(found) = found else {
                return Used::failed("the documents could not be looked into just now");
            };
            let passages: Vec<Value> = found
                .iter()
                .map(|passage| json!({ "source": passage.source(), "text": passage.text }))
                .collect();
            Used::done(&json!({ "passages": passages }).to_string())
        }
        .boxed()
    }));
    let mut tool = tool(LOOK_UP, description.into(), &arguments, does)?;
    tool.settings.repeats = true;
    Some(tool)
}

/// Says what became of this call, by one of the agent's labels; none if it has no labels.
pub fn set_disposition(
    desk: Arc<Desk>,
    keys: ClientKeys,
    call_id: String,
    agent: &Agent,
) -> Option<Tool> {
    let labels: Vec<Value> = agent
        .after
        .dispositions
        .iter()
        .map(|one| json!({ "const": one.label, "description": one.description }))
        .collect();
    if labels.is_empty() {
        return None;
    }
    let description =
        "Notes what became of this call. Use it once you know, before you say goodbye.".to_owned();
    let arguments = json!({
        "type": "object", "required": ["label"], "additionalProperties": false,
        "properties": { "label": { "oneOf": labels } },
    });
    let does = Does::Here(Arc::new(move |arguments| {
        let (desk, keys, call_id) = (Arc::clone(&desk), keys.clone(), call_id.clone());
        async move {
            let label = arguments["label"].as_str().unwrap_or_default();
            match after::set_disposition(&desk, &keys, &call_id, label, SetBy::Tool).await {
                Ok(true) => Used::done(r#"{"status":"noted"}"#),
                Ok(false) => Used::failed("somebody has noted something else"),
                Err(_) => Used::failed("it could not be noted"),
            }
        }
        .boxed()
    }));
    let mut tool = tool(SET_DISPOSITION, description, &arguments, does)?;
    tool.settings.repeats = true;
    Some(tool)
}

/// Has the caller put through to one of these; none if there is nobody.
pub fn transfer(targets: &Transfers, put_through: PutThrough) -> Option<Tool> {
    let names: Vec<Value> = targets
        .targets
        .iter()
        .map(|one| json!({ "const": one.name, "description": one.description }))
        .collect();
    if names.is_empty() {
        return None;
    }
    let description = "Has the caller put through to a person. Say first whom you try to reach. It takes up to a minute: go on \
                       with the conversation meanwhile, and promise nothing; you are told if nobody can be reached. If \
                       somebody can, the caller is put through and the call is over for you.";
    let mut properties = json!({ "target": { "oneOf": names } });
    let mut required = vec!["target"];
    if targets
        .targets
        .iter()
        .any(|one| one.kind == TransferKind::Warm)
    {
        properties["summary"] = json!({
            "type": "string", "minLength": 1, "maxLength": SUMMARY_CHARS_MAX,
            "description": "What that person should know before they accept, in one to three plain sentences: who calls \
                            and what they want.",
        });
        required.push("summary");
    }
    let arguments = json!({
        "type": "object", "required": required, "additionalProperties": false, "properties": properties,
    });
    let mut tool = tool(
        TRANSFER,
        description.into(),
        &arguments,
        Does::Transfer(put_through),
    )?;
    tool.settings.awaited = false;
    tool.settings.after_words = true;
    Some(tool)
}

/// Hands the caller over to one of these agents; none if there is no other.
pub fn hand_off(others: &[HandOffSpec], hand_over: HandOver) -> Option<Tool> {
    let names: Vec<Value> = others
        .iter()
        .map(|one| json!({ "const": one.name, "description": one.description }))
        .collect();
    if names.is_empty() {
        return None;
    }
    let description = "Hands the caller over to a colleague, who knows all that was said and goes on at once. Say first to whom.";
    let arguments = json!({
        "type": "object", "required": ["agent"], "additionalProperties": false,
        "properties": { "agent": { "oneOf": names } },
    });
    let mut tool = tool(
        HAND_OFF,
        description.into(),
        &arguments,
        Does::HandOver(hand_over),
    )?;
    tool.settings.after_words = true;
    Some(tool)
}

/// Has the caller called back. `now` says what time it is for them, as far as that is known.
pub fn schedule_callback(now: &str, call_back: CallBack) -> Option<Tool> {
    let description = format!(
        "Has the caller called back on the number of this call, at a time that they named. Use it once they have named the day \
         and the time, and tell them the time that it answers with: that is the one that holds. If it is refused, say why and \
         offer the time that it names. There is one callback for a number: a later one replaces it. {now}"
    );
    let arguments = json!({
        "type": "object", "required": ["at"], "additionalProperties": false,
        "properties": {
            "at": {
                "type": "string", "minLength": 16, "maxLength": 19,
                "description": "The local date and time, as 2026-11-24T15:30, without a zone or an offset.",
            },
            "zone": {
                "type": "string", "minLength": 1, "maxLength": 64,
                "description": "The caller's IANA time zone, as America/New_York. Leave it out unless they said where they are.",
            },
            "note": {
                "type": "string", "minLength": 1, "maxLength": NOTE_CHARS_MAX,
                "description": "What the callback is about, in a short sentence for whoever calls back.",
            },
        },
    });
    tool(
        SCHEDULE_CALLBACK,
        description,
        &arguments,
        Does::Here(call_back),
    )
}
