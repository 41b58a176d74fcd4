//! MCP servers: what one offers becomes tools of a call.
//!
//! A server is asked what it has before a call begins, and that is remembered for a while ([`McpShelf`]). Each call has a
//! session of its own with it, opened for its first use and closed with the call, so that a server which remembers its
//! sessions never mixes two callers. Connections are `egress`'s; the protocol is the crate `rmcp`'s, and `mcp/session.rs` is
//! the only file that names it.

mod offer;
#[cfg(feature = "mcp")]
mod session;
#[cfg(not(feature = "mcp"))]
#[path = "mcp/without.rs"]
mod session;
mod shelf;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;

pub use offer::{LeftOut, OFFERS_MAX, Offer, Offers};
pub use shelf::{McpShelf, WhichServer};

use super::document::headers_of_server;
use super::tries::{Missed, tried};
use super::{Does, Tool, ToolDocument, Used, WrongTool, mismatches};
use crate::egress::EgressError;
use session::Session;

/// How long a server may take to say what it has, its session included, while a call waits for that.
const LIST_PATIENCE: Duration = Duration::from_secs(2);
/// The same, while somebody asks who wants to know.
pub const CHECK_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to open a session.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
/// Most of what a server says of a failure that a model is told, in bytes.
const REFUSAL_BYTES_MAX: usize = 1024;

/// An MCP server cannot be asked what it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum McpProblem {
    /// This program cannot.
    #[error("this server was built without MCP; build it with the cargo feature mcp")]
    Absent,
    /// Its address may not be used.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// Nobody is there.
    #[error("the MCP server is not reached")]
    Unreached,
    /// It took too long.
    #[error("the MCP server did not answer in time")]
    Late,
    /// It wants to know who asks.
    #[error("the MCP server refuses who asks; set secret_headers as it wants them")]
    Unauthorized,
    /// It answered with this HTTP status.
    #[error("the MCP server answered with status {0}")]
    Status(u16),
    /// It answered with this JSON-RPC error.
    #[error("the MCP server answered with error {0}")]
    Refused(i32),
    /// It did not answer as an MCP server.
    #[error("what answers does not speak MCP over streamable HTTP, or says more than is read")]
    Protocol,
}

/// What a tool of a server answered.
struct Answer {
    /// It says that it failed.
    is_error: bool,
    /// Its answer as a value, if there is one.
    value: Option<Value>,
    /// Its answer as text.
    text: String,
}

/// A use that brought no answer.
#[cfg_attr(
    not(feature = "mcp"),
    expect(dead_code, reason = "sessions alone make or read some of it")
)]
enum Unanswered {
    /// Nothing was asked: there is no session.
    Unasked(McpProblem),
    /// The server says that it did nothing, and why.
    Declined(String),
    /// It may have been done.
    Unclear(String),
}

/// The way to a server.
#[cfg_attr(
    not(feature = "mcp"),
    expect(dead_code, reason = "sessions alone make or read some of it")
)]
#[derive(Clone)]
struct Way {
    http: reqwest::Client,
    url: Arc<str>,
    headers: HeaderMap,
}

/// A server, as one call or one question knows it: with one session, opened when it is first needed.
pub struct McpServer {
    way: Way,
    session: Mutex<Option<Arc<Session>>>,
}

/// One tool of a server.
pub struct McpTool {
    server: Arc<McpServer>,
    theirs: String,
    result: Option<crate::schema::Schema>,
    /// How long a use may take in all, ms.
    pub(super) timeout_ms: u32,
    /// Twice is as good as once, as the server says.
    pub(super) repeats: bool,
}

impl McpServer {
    /// The server of a document, by this client of `egress`, whose rule the address keeps. Nothing is asked yet.
    ///
    /// # Errors
    /// The document is wrong.
    pub fn new(
        document: &ToolDocument,
        secret_headers: &BTreeMap<String, String>,
        http: reqwest::Client,
    ) -> Result<Self, WrongTool> {
        document.check()?;
        headers_of_server("/secret_headers", secret_headers)?;
        let mut headers = HeaderMap::new();
        let open = document.headers.iter().map(|header| (header, false));
        let secret = secret_headers.iter().map(|header| (header, true));
        for ((name, value), is_secret) in open.chain(secret) {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(value)) {
                value.set_sensitive(is_secret);
                headers.insert(name, value);
            }
        }
        Ok(Self {
            way: Way {
                http,
                url: document.url.as_str().into(),
                headers,
            },
            session: Mutex::default(),
        })
    }

    /// Asks what it has, of which a document allows some or all.
    ///
    /// # Errors
    /// [`McpProblem`], after `patience` at the latest.
    pub async fn offers(
        &self,
        document: &ToolDocument,
        patience: Duration,
    ) -> Result<Offers, McpProblem> {
        let listed = async { self.session().await?.list().await };
        let listed = timeout(patience, listed).await;
        let listed = listed.unwrap_or(Err(McpProblem::Late))?;
        Ok(Offers::read(document, &listed))
    }

    async fn session(&self) -> Result<Arc<Session>, McpProblem> {
        let mut slot = self.session.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| session.is_open()) {
            return Ok(Arc::clone(session));
        }
        let opened = timeout(OPEN_PATIENCE, Session::open(&self.way)).await;
        let session = Arc::new(opened.unwrap_or(Err(McpProblem::Late))?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Another session is opened for what comes next.
    async fn give_up(&self, session: &Arc<Session>) {
        let mut slot = self.session.lock().await;
        slot.take_if(|current| Arc::ptr_eq(current, session));
    }
}

/// The tools of a server's offers, for one call.
pub(super) fn tools(
    document: &ToolDocument,
    server: &Arc<McpServer>,
    offers: &Offers,
) -> Vec<Tool> {
    let tool = |offer: &Offer| {
        let mut settings = document.settings();
        settings.repeats = offer.repeats;
        Tool {
            name: offer.name.as_str().into(),
            description: offer.description.clone(),
            arguments: offer.arguments.clone(),
            settings,
            does: Does::Mcp(Arc::new(McpTool {
                server: Arc::clone(server),
                theirs: offer.theirs.clone(),
                result: offer.result.clone(),
                timeout_ms: document.timeout_ms,
                repeats: offer.repeats,
            })),
        }
    };
    offers.tools.iter().map(tool).collect()
}

impl McpTool {
    /// Uses it. Takes as long as it takes: whoever calls this watches the clock.
    pub(super) async fn use_with(&self, arguments: &Value) -> Used {
        tried(self.repeats, || self.ask(arguments)).await
    }

    async fn ask(&self, arguments: &Value) -> Result<Used, Missed> {
        match self.answer(arguments).await {
            Ok(answer) => Ok(self.checked(answer)),
            Err(Unanswered::Unasked(problem)) => Err(Missed::NotDone(problem.to_string())),
            // Whoever says so may still be wrong.
            Err(Unanswered::Declined(why)) if self.repeats => Err(Missed::NotDone(why)),
            Err(Unanswered::Declined(why)) => Ok(Used::failed(&why)),
            Err(Unanswered::Unclear(why)) => Err(Missed::Unclear(why)),
        }
    }

    async fn answer(&self, arguments: &Value) -> Result<Answer, Unanswered> {
        let session = self.server.session().await.map_err(Unanswered::Unasked)?;
        let answer = session.call(&self.theirs, arguments).await;
        if answer.is_err() {
            self.server.give_up(&session).await;
        }
        answer
    }

    /// What was answered, if it is what the tool says that it answers.
    fn checked(&self, answer: Answer) -> Used {
        let Answer {
            is_error,
            value,
            text,
        } = answer;
        if is_error {
            let refusal = serde_json::json!({
                "error": "the tool failed",
                "says": shortened(&text),
            });
            return Used {
                result: refusal.to_string().into(),
                ..Used::failed("")
            };
        }
        match (&self.result, value) {
            (Some(schema), Some(value)) => match schema.check(&value) {
                Ok(()) => Used::done(&value.to_string()),
                Err(wrong) => {
                    Used::unknown(&mismatches("the tool's answer is not as promised", &wrong))
                }
            },
            (Some(_), None) => Used::unknown("the tool's answer is not as promised"),
            (None, Some(value)) => Used::done(&value.to_string()),
            (None, None) if text.trim().is_empty() => Used::done(r#"{"status":"done"}"#),
            (None, None) => Used::done(text.trim()),
        }
    }
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(REFUSAL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
