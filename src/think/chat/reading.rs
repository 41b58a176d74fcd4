//! One answer of a language model: asked for, tried again where that helps, and read clause by clause.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use trunkline_core::call::{After, Expects};
use trunkline_core::clause::Clauses;
use trunkline_core::wire::openai::{ChatEvent, error_body};

use super::super::Thought;
use super::dialect::Decoder;
use super::{ChatSettings, END_CALL};

/// How long the endpoint may take to begin an answer, and between two pieces of it.
const PATIENCE: Duration = Duration::from_secs(8);
/// Tries to get an answer begun. Once a word of it came there is no second one.
const TRIES: u32 = 2;
/// A longer wait than this before another try is dead air.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);
/// Most of an error's body that is read.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// A question that has not been asked yet.
pub(super) struct Asking {
    http: reqwest::Client,
    settings: Arc<ChatSettings>,
    body: String,
}

struct Refused {
    /// `None`: another try would not help.
    retry_after: Option<Duration>,
}

impl Asking {
    pub(super) fn new(http: reqwest::Client, settings: Arc<ChatSettings>, body: String) -> Self {
        Self {
            http,
            settings,
            body,
        }
    }

    /// The beginning of an answer, after another try if the first may have met a passing trouble.
    async fn ask(&self) -> Option<reqwest::Response> {
        for attempt in 1..=TRIES {
            match self.ask_once().await {
                Ok(response) => return Some(response),
                Err(Refused {
                    retry_after: Some(wait),
                }) if attempt < TRIES => tokio::time::sleep(wait).await,
                Err(_) => return None,
            }
        }
        None
    }

    async fn ask_once(&self) -> Result<reqwest::Response, Refused> {
        let dialect = self.settings.dialect;
        let request = self
            .http
            .post(dialect.url(&self.settings.base_url))
            .header("content-type", "application/json")
            .body(self.body.clone());
        let request = dialect.headed(request, self.settings.api_key.as_deref());
        let response = match tokio::time::timeout(PATIENCE, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                // A URL may hold a key.
                tracing::warn!(error = %error.without_url(), "language model not reached");
                return Err(Refused {
                    retry_after: Some(Duration::from_millis(100)),
                });
            }
            Err(_) => {
                tracing::warn!(
                    seconds = PATIENCE.as_secs(),
                    "language model did not begin an answer"
                );
                return Err(Refused { retry_after: None });
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refused(response).await)
    }
}

async fn refused(mut response: reqwest::Response) -> Refused {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    let (after, after_ms) = (header("retry-after"), header("retry-after-ms"));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while body.len() < ERROR_BYTES_MAX
        && let Ok(Ok(Some(piece))) = tokio::time::timeout(PATIENCE, response.chunk()).await
    {
        body.extend_from_slice(&piece);
    }
    body.truncate(ERROR_BYTES_MAX);
    let error = error_body(status, &body, after.as_deref(), after_ms.as_deref());
    tracing::warn!(status, kind = %error.kind, "language model refused");
    let wait = Duration::from_millis(error.retry_after_ms.unwrap_or(200));
    Refused {
        retry_after: (error.retry && wait <= RETRY_AFTER_MAX).then_some(wait),
    }
}

/// An answer being read.
pub(super) struct Reading {
    asking: Option<Asking>,
    response: Option<reqwest::Response>,
    decoder: Decoder,
    events: Vec<ChatEvent>,
    clauses: Clauses,
    cut: Vec<String>,
    ready: VecDeque<Thought>,
    started: bool,
    hang_up: bool,
    over: bool,
}

impl Reading {
    pub(super) fn new(asking: Asking) -> Self {
        Self {
            decoder: asking.settings.dialect.decoder(),
            asking: Some(asking),
            response: None,
            events: Vec::new(),
            clauses: Clauses::new(),
            cut: Vec::new(),
            ready: VecDeque::new(),
            started: false,
            hang_up: false,
            over: false,
        }
    }

    /// The next thought; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Thought> {
        loop {
            if let Some(thought) = self.ready.pop_front() {
                return Some(thought);
            }
            if self.over {
                return None;
            }
            if let Some(asking) = self.asking.take() {
                self.response = asking.ask().await;
            }
            let Some(response) = &mut self.response else {
                self.fail();
                continue;
            };
            match tokio::time::timeout(PATIENCE, response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.decoder.push(&bytes, &mut self.events),
                Ok(Ok(None)) => self.decoder.end(&mut self.events),
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!("language model broke off");
                    self.fail();
                    continue;
                }
            }
            self.take_events();
        }
    }

    fn take_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                ChatEvent::Text(text) => {
                    if !std::mem::replace(&mut self.started, true) {
                        self.ready.push_back(Thought::Started);
                    }
                    self.clauses.push(&text, &mut self.cut);
                    self.say();
                }
                ChatEvent::ToolCall(call) => self.hang_up |= call.name == END_CALL,
                ChatEvent::Finished { .. } if !self.over => {
                    self.clauses.finish(&mut self.cut);
                    self.say();
                    let after = if self.hang_up {
                        After::HangUp
                    } else {
                        After::Listen
                    };
                    self.ready.push_back(Thought::Done {
                        after,
                        expects: Expects::Words,
                    });
                    self.over = true;
                }
                ChatEvent::Error(error) => {
                    tracing::warn!(kind = %error.kind, "language model failed");
                    self.fail();
                }
                ChatEvent::Finished { .. } | ChatEvent::Usage { .. } => {}
            }
        }
        self.events = events;
    }

    fn say(&mut self) {
        self.ready.extend(self.cut.drain(..).map(Thought::Said));
    }

    fn fail(&mut self) {
        if !self.over {
            self.clauses.finish(&mut self.cut);
            self.say();
            self.ready.push_back(Thought::Failed);
            self.over = true;
        }
    }
}
