//! A language model behind any endpoint that speaks OpenAI's chat protocol or Anthropic's. The wires themselves are pure:
//! `trunkline_core::wire::openai` and `trunkline_core::wire::anthropic`.

mod dialect;
mod history;
mod reading;

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::value::RawValue;
use trunkline_core::call::{After, Ask, Expects, Note};
use trunkline_core::wire::openai::{ChatMessage, ChatRequest, TokenLimit, ToolSpec};

use super::Thought;
pub use dialect::Dialect;
use history::History;
use reading::{Asking, Reading};

/// Said to every model, after the agent's own prompt.
const HOUSE_RULES: &str = "You are speaking on the telephone. Answer in one to three short sentences of plain speech, \
without lists, headings, symbols or emoji. Ask one question at a time. You are an AI assistant: say so if asked, and \
never claim to be a person. Your words may be cut off by the caller; what they did not hear is not in the conversation. \
When the conversation is over, say goodbye and call end_call.";

/// The tool by which a model ends the call.
const END_CALL: &str = "end_call";

/// Where the model is and how it is asked.
#[derive(Clone)]
pub struct ChatSettings {
    /// What the endpoint speaks.
    pub dialect: Dialect,
    /// The endpoint's base, as `https://api.openai.com/v1` or `https://api.anthropic.com`.
    pub base_url: String,
    /// The model, by the endpoint's name for it.
    pub model: String,
    /// Sent as the dialect has it, if there is one.
    pub api_key: Option<String>,
    /// How freely it chooses words.
    pub temperature: Option<f32>,
    /// Longest reply, in tokens; the dialect's usual if absent.
    pub max_tokens: Option<u32>,
}

impl std::fmt::Debug for ChatSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatSettings")
            .field("dialect", &self.dialect)
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

/// Most pieces of context that operators may add; the oldest is left out first.
const TOLD_MAX: usize = 16;

/// A model and the conversation it has been told of: what the caller said and what the caller heard.
pub struct ChatMind {
    http: reqwest::Client,
    settings: Arc<ChatSettings>,
    system: String,
    greeting: Option<String>,
    history: History,
    /// What operators told it during the call.
    told: VecDeque<String>,
}

impl ChatMind {
    /// A model with the agent's prompt. The greeting, if any, is said instead of asking the model to open.
    pub fn new(
        http: reqwest::Client,
        settings: Arc<ChatSettings>,
        prompt: &str,
        greeting: Option<String>,
    ) -> Self {
        let system = format!("{prompt}\n\n{HOUSE_RULES}");
        Self {
            http,
            settings,
            system,
            greeting,
            history: History::default(),
            told: VecDeque::new(),
        }
    }

    pub(super) fn told(&mut self, text: String) {
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(text);
    }

    pub(super) fn think(&mut self, ask: Ask) -> BoxStream<'static, Thought> {
        if let (Ask::Open, Some(greeting)) = (&ask, &self.greeting) {
            let done = Thought::Done {
                after: After::Listen,
                expects: Expects::Words,
            };
            return stream::iter([Thought::Started, Thought::Said(greeting.clone()), done]).boxed();
        }
        self.history.release(match &ask {
            Ask::Answer { text, .. } => text,
            Ask::Open | Ask::Silence => "",
        });
        let mut messages = vec![ChatMessage::System(self.system.clone())];
        messages.extend(self.history.messages());
        let told = self.told.iter();
        messages.extend(told.map(|text| ChatMessage::System(text.clone())));
        match ask {
            Ask::Open => messages.push(ChatMessage::User(
                "(The call begins. Greet the caller.)".into(),
            )),
            Ask::Silence => messages.push(ChatMessage::User("(The caller says nothing.)".into())),
            // What the caller said is in the conversation already.
            Ask::Answer { .. } => {}
        }
        let asking = Asking::new(
            self.http.clone(),
            Arc::clone(&self.settings),
            self.body(&messages),
        );
        stream::unfold(Reading::new(asking), |mut reading| async move {
            let thought = reading.next().await?;
            Some((thought, reading))
        })
        .boxed()
    }

    fn body(&self, messages: &[ChatMessage]) -> String {
        let tools = end_call().map(|tool| vec![tool]).unwrap_or_default();
        self.settings.dialect.body(&ChatRequest {
            model: &self.settings.model,
            messages,
            temperature: self.settings.temperature,
            limit: self
                .settings
                .max_tokens
                .map_or(TokenLimit::None, TokenLimit::MaxTokens),
            tools: &tools,
            usage: false,
        })
    }

    pub(super) fn note(&mut self, note: &Note, is_decided: bool) {
        self.history.note(note, is_decided);
    }
}

/// Makes the way to a model: a question without a key and without words, whose answer is of no interest. The connection
/// waits in `http` for the first that is asked in earnest.
pub(crate) async fn open_ahead(http: &reqwest::Client, settings: &ChatSettings) {
    let url = settings.dialect.url(&settings.base_url);
    // Whoever is not reached now is asked again when there is something to ask.
    let _ = http.head(url).send().await;
}

fn end_call() -> Option<ToolSpec> {
    let parameters = RawValue::from_string(r#"{"type":"object","properties":{}}"#.into()).ok()?;
    let description = "Ends the phone call once your words have been heard.".into();
    Some(ToolSpec {
        name: END_CALL.into(),
        description,
        parameters,
    })
}
