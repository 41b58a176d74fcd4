//! One answer of a language model: asked for, tried again where that helps, and read clause by clause; over several rounds, if
//! it has something done in between.
//!
//! Where another model stands ready, it is asked the same at once if this one fails, or is late, before a clause of its
//! answer was given. What was given is never continued by another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use trunkline_core::call::{After, Expects, Provider, Wanted};
use trunkline_core::clause::Clauses;
use trunkline_core::wire::openai::{ChatEvent, ChatMessage, ErrorKind, ToolCall, error_body};

use super::super::Thought;
use super::dialect::Decoder;
use super::rest::{Rests, count};
use super::{Asking, END_CALL, STILL_THERE};
use crate::clock;

/// How long the endpoint may take to begin an answer, and between two pieces of it.
const PATIENCE: Duration = Duration::from_secs(8);
/// Tries to get an answer begun where no other model stands ready. Once a word of it came there is no second one.
const TRIES: u32 = 2;
/// A longer wait than this before another try is dead air.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);
/// Most of an error's body that is read.
const ERROR_BYTES_MAX: usize = 16 * 1024;

struct Refused {
    /// `None`: another try would not help.
    retry_after: Option<Duration>,
    /// Any other call could meet the same.
    is_general: bool,
    /// It may be refused for what it asks for beside the answer.
    is_wrong: bool,
}

impl Asking {
    /// The beginning of an answer, and what it will have cost behind its end, if the endpoint takes that question.
    async fn ask(&self, until: Option<Instant>) -> Result<reqwest::Response, Refused> {
        let member = self.models.current();
        let body = |usage| member.stage.body(&self.messages, &self.tools, usage);
        let known = member.circuit.tells_usage();
        let usage = known.unwrap_or(true);
        let mut answer = self.ask_with(body(usage).into(), until).await;
        let is_wrong = answer.as_ref().is_err_and(|refused| refused.is_wrong);
        if known.is_some() || !(is_wrong || answer.is_ok()) {
            return answer;
        }
        if is_wrong {
            answer = self.ask_with(body(false).into(), until).await;
        }
        if answer.is_ok() {
            member.circuit.learn_usage(!is_wrong);
        }
        answer
    }

    /// The beginning of an answer, after another try if the first may have met a passing trouble and nobody else can be
    /// asked.
    async fn ask_with(
        &self,
        body: Bytes,
        until: Option<Instant>,
    ) -> Result<reqwest::Response, Refused> {
        let tries = if until.is_some() { 1 } else { TRIES };
        let mut attempt = 1;
        loop {
            match self.ask_once(body.clone(), until).await {
                Ok(response) => return Ok(response),
                Err(Refused {
                    retry_after: Some(wait),
                    ..
                }) if attempt < tries => tokio::time::sleep(wait).await,
                Err(refused) => return Err(refused),
            }
            attempt += 1;
        }
    }

    async fn ask_once(
        &self,
        body: Bytes,
        until: Option<Instant>,
    ) -> Result<reqwest::Response, Refused> {
        let model = &self.models.current().stage;
        let settings = &model.settings;
        let dialect = settings.dialect;
        let request = model
            .http
            .post(dialect.url(&settings.base_url))
            .header("content-type", "application/json")
            .body(body);
        let request = dialect.headed(request, settings.api_key.as_deref());
        let response = match timeout_at(due(until), request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                // A URL may hold a key.
                tracing::warn!(error = %error.without_url(), "language model not reached");
                return Err(Refused {
                    retry_after: Some(Duration::from_millis(100)),
                    is_general: true,
                    is_wrong: false,
                });
            }
            Err(_) => {
                tracing::warn!("language model did not begin an answer in time");
                return Err(Refused {
                    retry_after: None,
                    is_general: true,
                    is_wrong: false,
                });
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refused(response, until).await)
    }
}

/// When to wait no longer for what comes next.
fn due(until: Option<Instant>) -> Instant {
    let usual = clock::timer_now() + PATIENCE;
    until.map_or(usual, |until| until.min(usual))
}

async fn refused(mut response: reqwest::Response, until: Option<Instant>) -> Refused {
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
        && let Ok(Ok(Some(piece))) = timeout_at(due(until), response.chunk()).await
    {
        body.extend_from_slice(&piece);
    }
    body.truncate(ERROR_BYTES_MAX);
    let error = error_body(status, &body, after.as_deref(), after_ms.as_deref());
    tracing::warn!(status, kind = %error.kind, "language model refused");
    let wait = Duration::from_millis(error.retry_after_ms.unwrap_or(200));
    Refused {
        retry_after: (error.retry && wait <= RETRY_AFTER_MAX).then_some(wait),
        is_general: is_general(error.kind),
        is_wrong: error.kind == ErrorKind::BadRequest,
    }
}

/// Whether any other call could meet the same trouble; if not, it lies in what was asked.
fn is_general(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Unauthorised
        | ErrorKind::Quota
        | ErrorKind::RateLimited
        | ErrorKind::Overloaded
        | ErrorKind::NotFound
        | ErrorKind::Server
        | ErrorKind::Garbled
        | ErrorKind::Cut => true,
        ErrorKind::TooLong | ErrorKind::BadRequest => false,
    }
}

/// An answer being read.
pub(super) struct Reading {
    asking: Asking,
    response: Option<reqwest::Response>,
    decoder: Decoder,
    events: Vec<ChatEvent>,
    clauses: Clauses,
    cut: Vec<String>,
    ready: VecDeque<Thought>,
    /// Where another model stands ready: when this one is late with its first words, or its first clause.
    until: Option<Instant>,
    started: bool,
    has_said: bool,
    /// It ends the call, by this use of the tool for it.
    leave: Option<ToolCall>,
    /// It has done so before something was done, and said nothing since.
    has_left: bool,
    over: bool,
    /// What the model wants done, in this round.
    calls: Vec<ToolCall>,
    /// What it has said in this round.
    text: String,
    /// It waits for that to be done.
    waits: bool,
    /// What this round cost is counted.
    is_counted: bool,
    /// What comes behind the answers' ends.
    rests: Rests,
    results: mpsc::Receiver<Vec<Arc<str>>>,
}

impl Reading {
    /// An answer whose `results` are those of what it wants done.
    pub(super) fn new(asking: Asking, results: mpsc::Receiver<Vec<Arc<str>>>) -> Self {
        Self {
            decoder: asking.models.current().stage.settings.dialect.decoder(),
            asking,
            response: None,
            events: Vec::new(),
            clauses: Clauses::new(),
            cut: Vec::new(),
            ready: VecDeque::new(),
            until: None,
            started: false,
            has_said: false,
            leave: None,
            has_left: false,
            over: false,
            calls: Vec::new(),
            text: String::new(),
            waits: false,
            is_counted: false,
            rests: Rests::default(),
            results,
        }
    }

    /// The next thought; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Thought> {
        loop {
            if let Some(thought) = self.ready.pop_front() {
                return Some(thought);
            }
            // The reply is whole: nobody waits for what it cost.
            if self.over {
                self.rests.read(&self.asking.meter).await;
                return None;
            }
            if self.waits {
                let (rests, meter) = (&mut self.rests, &self.asking.meter);
                let results = tokio::select! {
                    results = self.results.recv() => results?,
                    () = rests.read(meter), if !rests.is_empty() => continue,
                };
                self.go_on(&results);
                continue;
            }
            let Some(response) = &mut self.response else {
                if let Some(vendor) = self.asking.news() {
                    return Some(Thought::TakenOver { vendor });
                }
                self.begin().await;
                continue;
            };
            match timeout_at(due(self.until), response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.decoder.push(&bytes, &mut self.events),
                Ok(Ok(None)) => self.decoder.end(&mut self.events),
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!("language model broke off");
                    self.fail(true);
                    continue;
                }
            }
            self.take_events();
            // One that sends everything but words is late all the same.
            if self.until.is_some_and(|until| until <= clock::timer_now()) && !self.over {
                tracing::warn!("language model is late");
                self.fail(true);
            }
        }
    }

    async fn begin(&mut self) {
        let models = &self.asking.models;
        let model = &models.current().stage;
        self.until = models
            .has_next()
            .then(|| clock::timer_now() + model.first_token);
        match self.asking.ask(self.until).await {
            Ok(response) => self.response = Some(response),
            Err(refused) => self.fail(refused.is_general),
        }
    }

    fn take_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        let by = self.asking.models.provider();
        for event in events.drain(..) {
            count(&event, &by, &self.asking.meter);
            match event {
                ChatEvent::Text(text) => {
                    if !std::mem::replace(&mut self.started, true) {
                        self.first_words();
                    }
                    self.text.push_str(&text);
                    self.clauses.push(&text, &mut self.cut);
                    self.say();
                }
                ChatEvent::ToolCall(call) if call.name == END_CALL => self.leave = Some(call),
                ChatEvent::ToolCall(call) => self.calls.push(call),
                ChatEvent::Finished { .. } if !self.over && !self.waits => {
                    self.clauses.finish(&mut self.cut);
                    self.say();
                    if !self.calls.is_empty() {
                        self.want();
                        continue;
                    }
                    let hangs_up = self.leave.is_some() || self.has_left;
                    let after = if hangs_up {
                        After::HangUp
                    } else {
                        After::Listen
                    };
                    let is_mute = !self.has_said && !hangs_up && !self.asking.may_be_silent;
                    if is_mute && self.asking.models.has_next() {
                        tracing::warn!("language model has nothing to say");
                        self.fail(false);
                        break;
                    }
                    self.asking.models.current().circuit.worked();
                    self.done(after);
                }
                ChatEvent::Error(_) if self.over || self.waits => {}
                ChatEvent::Error(error) => {
                    tracing::warn!(kind = %error.kind, "language model failed");
                    self.fail(is_general(error.kind));
                    break;
                }
                ChatEvent::Usage { .. } => self.is_counted = true,
                ChatEvent::Finished { .. } => {}
            }
        }
        self.events = events;
        if self.over || self.waits {
            self.leave(by);
        }
    }

    /// The answer has ended, and what it cost may be yet to come.
    fn leave(&mut self, by: Provider) {
        let dialect = self.asking.models.current().stage.settings.dialect;
        let decoder = std::mem::replace(&mut self.decoder, dialect.decoder());
        let response = self.response.take();
        if let Some(response) = response.filter(|_| !self.is_counted) {
            self.rests.add(response, decoder, by);
        }
    }

    /// The model has something done, and waits.
    fn want(&mut self) {
        self.asking.models.current().circuit.worked();
        let wanted = self.calls.iter().map(|call| Wanted {
            tool: call.name.as_str().into(),
            arguments: call.arguments.as_str().into(),
        });
        self.ready.push_back(Thought::Wants(wanted.collect()));
        (self.waits, self.until) = (true, None);
    }

    /// It was done: the model is asked to go on, also if it had taken its leave, since it knew nothing of the results.
    fn go_on(&mut self, results: &[Arc<str>]) {
        self.waits = false;
        let mut calls = std::mem::take(&mut self.calls);
        let answer = |call: &ToolCall, text: String| ChatMessage::Tool {
            call_id: call.id.clone(),
            text,
        };
        let result = |at: usize| results.get(at).map(ToString::to_string).unwrap_or_default();
        let answers = calls.iter().enumerate();
        let mut answers: Vec<ChatMessage> =
            answers.map(|(at, call)| answer(call, result(at))).collect();
        if let Some(leave) = self.leave.take() {
            answers.push(answer(&leave, STILL_THERE.to_owned()));
            calls.push(leave);
            self.has_left = true;
        }
        self.asking.messages.push(ChatMessage::Assistant {
            text: std::mem::take(&mut self.text),
            tool_calls: calls,
        });
        self.asking.messages.extend(answers);
        self.begin_anew();
    }

    /// Nothing of an answer has come.
    fn begin_anew(&mut self) {
        let model = &self.asking.models.current().stage;
        self.decoder = model.settings.dialect.decoder();
        self.response = None;
        self.clauses = Clauses::new();
        self.cut.clear();
        self.calls.clear();
        self.leave = None;
        self.text.clear();
        (self.started, self.is_counted) = (false, false);
    }

    fn done(&mut self, after: After) {
        self.ready.push_back(Thought::Done {
            after,
            expects: Expects::Words,
        });
        self.over = true;
    }

    /// The first token came.
    fn first_words(&mut self) {
        let model = self.asking.models.current();
        self.until = self
            .until
            .map(|_| clock::timer_now() + model.stage.first_token);
        self.ready.push_back(Thought::Started);
    }

    fn say(&mut self) {
        if !self.cut.is_empty() {
            (self.has_said, self.has_left, self.until) = (true, false, None);
        }
        self.ready.extend(self.cut.drain(..).map(Thought::Said));
    }

    /// The model failed, in a way that any other call could meet or not.
    fn fail(&mut self, is_general: bool) {
        if self.over {
            return;
        }
        if is_general {
            self.asking.models.current().circuit.failed();
        }
        // Nobody goes on with what another has begun to say.
        if !self.has_said && self.asking.take_over() {
            self.begin_anew();
            return;
        }
        self.clauses.finish(&mut self.cut);
        self.say();
        self.ready.push_back(Thought::Failed);
        (self.over, self.response) = (true, None);
    }
}
