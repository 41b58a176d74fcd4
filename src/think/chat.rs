//! A language model behind any endpoint that speaks OpenAI's chat protocol or Anthropic's. The wires themselves are pure:
//! `trunkline_core::wire::openai` and `trunkline_core::wire::anthropic`.

mod dialect;
pub(super) mod history;
mod reading;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::value::RawValue;
use trunkline_core::call::{After, Ask, Expects, Note, Provider};
use trunkline_core::wire::openai::{ChatMessage, ChatRequest, TokenLimit, ToolSpec};

use super::Thought;
use crate::providers::END_CALL;
use crate::succession::Succession;
pub use dialect::Dialect;
use history::History;
use reading::Reading;

/// Said to every model, after the agent's own prompt.
pub(super) const HOUSE_RULES: &str = "You are speaking on the telephone. Answer in one to three short sentences of plain speech, \
without lists, headings, symbols or emoji. Ask one question at a time. You are an AI assistant: say so if asked, and \
never claim to be a person. Your words may be cut off by the caller; what they did not hear is not in the conversation. \
When the conversation is over, say goodbye and call end_call.";

/// Stands for what the caller says when the call begins.
pub(super) const OPEN: &str = "(The call begins. Greet the caller.)";
/// The same when they are silent.
pub(super) const SILENCE: &str = "(The caller says nothing.)";

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

/// How long a model may take to its first token while another stands ready, if the agent says nothing of it, ms.
pub const FIRST_TOKEN_MS: u32 = 3_000;

/// A model and the way there.
#[derive(Clone)]
pub struct Model {
    /// The way.
    pub http: reqwest::Client,
    /// Where it is and how it is asked.
    pub settings: Arc<ChatSettings>,
    /// How long it may take to its first token, and from there to its first clause, while another stands ready.
    pub first_token: Duration,
}

/// Most pieces of context that operators may add; the oldest is left out first.
pub(super) const TOLD_MAX: usize = 16;

/// A model and the conversation it has been told of: what the caller said and what the caller heard.
pub struct ChatMind {
    models: Succession<Model>,
    turn: Turn,
    system: String,
    greeting: Option<String>,
    history: History,
    /// What operators told it during the call.
    told: VecDeque<String>,
}

impl ChatMind {
    /// A model, and those that take over from it, with the agent's prompt. The greeting, if any, is said instead of asking the model to open.
    pub fn new(models: Succession<Model>, prompt: &str, greeting: Option<String>) -> Self {
        let system = format!("{prompt}\n\n{HOUSE_RULES}");
        Self {
            turn: Turn::default(),
            models,
            system,
            greeting,
            history: History::default(),
            told: VecDeque::new(),
        }
    }

    /// The model that is asked just now.
    pub(super) fn provider(&self) -> Provider {
        let at = self.turn.at.load(Ordering::Relaxed);
        self.models.starting(at).provider()
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
        if let Ask::Answer { guessed, .. } = &ask {
            goes_on(&mut messages, guessed);
        }
        let told = self.told.iter();
        messages.extend(told.map(|text| ChatMessage::System(text.clone())));
        match ask {
            Ask::Open => messages.push(ChatMessage::User(OPEN.into())),
            Ask::Silence => messages.push(ChatMessage::User(SILENCE.into())),
            // What the caller said is in the conversation already, but for what is not known for good.
            Ask::Answer { .. } => {}
        }
        let at = self.turn.at.load(Ordering::Relaxed);
        let mut asking = Asking {
            models: self.models.starting(at),
            turn: self.turn.clone(),
            messages,
        };
        // Nobody is asked before the answer is waited for: it may be a spare one.
        stream::once(async move {
            asking.begin();
            stream::unfold(Reading::new(asking), |mut reading| async move {
                let thought = reading.next().await?;
                Some((thought, reading))
            })
        })
        .flatten()
        .boxed()
    }

    pub(super) fn note(&mut self, note: &Note, is_decided: bool) {
        self.history.note(note, is_decided);
    }
}

impl Model {
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
}

/// Which model the replies of a call ask: whoever took over stays.
#[derive(Clone, Default)]
struct Turn {
    /// The place of the one that is asked.
    at: Arc<AtomicUsize>,
    /// The place of the one that the call knows of.
    told: Arc<AtomicUsize>,
}

/// A question, and whom to ask.
struct Asking {
    models: Succession<Model>,
    turn: Turn,
    messages: Vec<ChatMessage>,
}

impl Asking {
    fn begin(&mut self) {
        self.models.begin();
        self.turn.at.store(self.models.at(), Ordering::Relaxed);
    }

    /// The model that is asked failed. False if nobody is left to ask.
    fn take_over(&mut self) -> bool {
        let is_taken_over = self.models.failed();
        self.turn.at.store(self.models.at(), Ordering::Relaxed);
        is_taken_over
    }

    /// The vendor of the model that is asked, if the call knows of another.
    fn news(&self) -> Option<&'static str> {
        let at = self.models.at();
        let is_news = self.turn.told.swap(at, Ordering::Relaxed) != at;
        is_news.then(|| self.models.current().vendor)
    }
}

/// What the caller has said since the last note.
fn goes_on(messages: &mut Vec<ChatMessage>, words: &str) {
    match messages.last_mut() {
        _ if words.is_empty() => {}
        Some(ChatMessage::User(before)) => {
            before.push(' ');
            before.push_str(words);
        }
        Some(_) | None => messages.push(ChatMessage::User(words.to_owned())),
    }
}

/// Makes the way to a model: a question without a key and without words, whose answer is of no interest. The connection
/// waits in `http` for the first that is asked in earnest.
pub(crate) async fn open_ahead(http: &reqwest::Client, settings: &ChatSettings) {
    let url = settings.dialect.url(&settings.base_url);
    // Whoever is not reached now is asked again when there is something to ask.
    let _ = http.head(url).send().await;
}

pub(crate) fn end_call() -> Option<ToolSpec> {
    let parameters = RawValue::from_string(r#"{"type":"object","properties":{}}"#.into()).ok()?;
    let description = "Ends the phone call once your words have been heard.".into();
    Some(ToolSpec {
        name: END_CALL.into(),
        description,
        parameters,
    })
}
