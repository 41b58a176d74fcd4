//! What agents can do besides talking.
//!
//! A [`Toolbox`] is what one call may use: what its model is told of each tool, what the call must know of it, and the way to
//! have it done. The pure call decides *whether* and *when* (`trunkline_core::call`); here it is done, within a time and a
//! size, and whatever happens there is an answer that a model can go on with.

mod built_in;
mod document;
mod http;
mod keys;
mod mcp;
mod own;
mod sign;
mod tries;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trunkline_core::call::{KeyWork, KeysDone, Outcome, ToolSettings, TransferNews, UseId};
use trunkline_core::secret::Secret;
use trunkline_core::wire::openai::ToolSpec;

pub use built_in::{
    COLLECT_KEYS, HAND_OFF, LOOK_UP, OPT_OUT, SCHEDULE_CALLBACK, SEND_KEYS, SET_DISPOSITION,
    TRANSFER, collect_keys, hand_off, look_up, opt_out, schedule_callback, send_keys,
    set_disposition, transfer,
};
pub use document::{
    Body, HEADERS_MAX, KeyCheck, KeyRow, Method, NAME_CHARS_MAX, TIMEOUT_MS, TIMEOUT_MS_MAX,
    ToolDocument, ToolKind, WrongTool,
};
pub use http::HttpTool;
pub use mcp::{
    CHECK_PATIENCE, LeftOut, McpProblem, McpServer, McpShelf, McpTool, OFFERS_MAX, Offer, Offers,
    WhichServer,
};
pub use own::{ID_PREFIX, OwnTool, Sources, ToolSecret, Unusable, of_agent};
pub use sign::{SigningKey, WrongKey};

use crate::line::Line;
use crate::schema::{Mismatch, Schema};
use crate::session::Successor;

/// Most of a result that a model is told, in bytes.
pub const RESULT_BYTES_MAX: usize = 8 * 1024;
/// Most tools and MCP servers that an agent names.
pub const TOOLS_MAX: usize = 32;
/// Most tools of one call, those of its agent's MCP servers among them.
const TOOLS_OF_CALL_MAX: usize = 64;
/// What stands behind a result that is longer.
const CUT: &str = " … (cut)";
/// How long what is done here may take.
const HERE_PATIENCE: Duration = Duration::from_secs(5);
/// How long another agent may take to be ready.
const HAND_OVER_PATIENCE: Duration = Duration::from_secs(5);
/// Tools that are built in, by name.
pub const BUILT_IN: [&str; 8] = [
    OPT_OUT,
    SET_DISPOSITION,
    LOOK_UP,
    TRANSFER,
    HAND_OFF,
    COLLECT_KEYS,
    SEND_KEYS,
    SCHEDULE_CALLBACK,
];

/// How a use ended, and what the model is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// How.
    pub outcome: Outcome,
    /// JSON or words, at most [`RESULT_BYTES_MAX`].
    pub result: Arc<str>,
}

impl Used {
    /// It was done.
    pub fn done(result: &str) -> Self {
        Self::new(Outcome::Done, result)
    }

    /// It was not done, since it was asked for wrongly.
    pub fn refused(why: &str) -> Self {
        Self::new(Outcome::Refused, &error(why))
    }

    /// It was tried, and nothing was done.
    pub fn failed(why: &str) -> Self {
        Self::new(Outcome::Failed, &error(why))
    }

    /// Nobody knows whether it was done.
    pub fn unknown(why: &str) -> Self {
        let why = format!("{why}; it is not known whether it was done");
        Self::new(Outcome::Unknown, &error(&why))
    }

    /// It was not done, for a reason that has a name; `detail` is an object with that name as its `error`.
    pub fn refused_for(detail: &Value) -> Self {
        Self::new(Outcome::Refused, &detail.to_string())
    }

    /// The agent has no such tool.
    pub fn no_such_tool() -> Self {
        Self::refused("there is no such tool")
    }

    fn new(outcome: Outcome, result: &str) -> Self {
        let result = match result.len() > RESULT_BYTES_MAX {
            false => result.into(),
            true => {
                let mut end = RESULT_BYTES_MAX - CUT.len();
                while !result.is_char_boundary(end) {
                    end -= 1;
                }
                format!("{}{CUT}", &result[..end]).into()
            }
        };
        Self { outcome, result }
    }
}

/// What becomes known of a use while it goes on. The last is its end.
pub enum Progress {
    /// It is over.
    Used(Used),
    /// How a transfer goes; its end is the end of the use.
    Transfer(TransferNews),
    /// Another agent goes on with the call; the use is over.
    HandOver(Box<Successor>),
    /// The caller is back, on this line.
    Back(Box<Line>),
}

/// A use that goes on.
pub struct Work {
    /// What becomes known of it.
    pub progress: BoxStream<'static, Progress>,
    /// Tells it that the caller may be put through, with what tells when their line closes. Dropping it tells that the call is over.
    pub put_through: Option<oneshot::Sender<CancellationToken>>,
    /// What it wants of keys before it goes on, and where they go.
    pub keys: Option<(KeyWork, oneshot::Sender<KeysDone>)>,
}

impl Work {
    /// Nothing more will come of it.
    pub fn over(used: Used) -> Self {
        Self {
            progress: stream::iter([Progress::Used(used)]).boxed(),
            put_through: None,
            keys: None,
        }
    }
}

/// The caller may be put through; the token tells when their line closes. An error once the call is over.
pub type Through = oneshot::Receiver<CancellationToken>;

/// Puts the caller through to somebody, and tells how that goes: what it is called with, and when the caller is ready for it.
pub type PutThrough = Arc<dyn Fn(Value, Through) -> BoxStream<'static, Progress> + Send + Sync>;

/// Has the caller called back, or says why not.
pub type CallBack = Arc<dyn Fn(Value) -> BoxFuture<'static, Used> + Send + Sync>;

/// Has another agent ready to go on with the call, or says why it cannot.
pub type HandOver =
    Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Box<Successor>, Used>> + Send + Sync>;

fn error(why: &str) -> String {
    serde_json::json!({ "error": why }).to_string()
}

/// What a tool's owner is told of the call that uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CallFacts {
    /// Its id.
    pub id: String,
    /// The agent's id.
    pub agent: String,
    /// The agent's version.
    pub agent_version: u32,
    /// `inbound` or `outbound`.
    pub direction: &'static str,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A tool that is ready to be used.
#[derive(Clone)]
pub struct Tool {
    /// What the model knows of it.
    pub name: Arc<str>,
    /// When to use it, for the model.
    pub description: String,
    /// What it takes.
    pub arguments: Schema,
    /// What the call must know of it.
    pub settings: ToolSettings,
    /// How it is done.
    pub does: Does,
}

/// How a tool is done.
#[derive(Clone)]
pub enum Does {
    /// By the call itself.
    Call,
    /// By this server.
    Here(Arc<dyn Fn(Value) -> BoxFuture<'static, Used> + Send + Sync>),
    /// By the caller, who presses keys.
    Collect,
    /// By keys that are pressed on the line.
    Press,
    /// By a client's own server.
    Http(Arc<HttpTool>),
    /// By an MCP server.
    Mcp(Arc<McpTool>),
    /// By another agent of the business, which goes on with the call.
    HandOver(HandOver),
    /// By the carrier, with the call's help.
    Transfer(PutThrough),
}

/// A use that was begun.
pub struct Begun {
    /// The rest of it.
    pub work: BoxFuture<'static, Used>,
    /// What it wants of keys before it goes on, and where they go.
    pub keys: Option<(KeyWork, oneshot::Sender<KeysDone>)>,
}

impl Begun {
    /// One that is over.
    pub fn over(used: Used) -> Self {
        Self::with(std::future::ready(used))
    }

    fn with(work: impl Future<Output = Used> + Send + 'static) -> Self {
        Self {
            work: work.boxed(),
            keys: None,
        }
    }
}

/// The tools of one call.
pub struct Toolbox {
    tools: BTreeMap<Arc<str>, Tool>,
    call: Arc<CallFacts>,
}

impl Toolbox {
    /// These, for this call. Of two with the same name the first counts.
    pub fn new(tools: impl IntoIterator<Item = Tool>, call: CallFacts) -> Self {
        let mut by_name = BTreeMap::new();
        for tool in tools.into_iter().take(TOOLS_OF_CALL_MAX) {
            by_name.entry(Arc::clone(&tool.name)).or_insert(tool);
        }
        Self {
            tools: by_name,
            call: Arc::new(call),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// What the call must know of them.
    pub fn settings(&self) -> BTreeMap<Arc<str>, ToolSettings> {
        let settings = |(name, tool): (&Arc<str>, &Tool)| (Arc::clone(name), tool.settings.clone());
        self.tools.iter().map(settings).collect()
    }

    /// What a model is told of them.
    pub fn specs(&self) -> Vec<ToolSpec> {
        let spec = |tool: &Tool| {
            let parameters = tool.arguments.as_json().to_string();
            Some(ToolSpec {
                name: tool.name.to_string(),
                description: tool.description.clone(),
                // A value that was read always has a JSON form.
                parameters: RawValue::from_string(parameters).ok()?,
            })
        };
        self.tools.values().filter_map(spec).collect()
    }

    /// Begins to do something that may take its time. There is an end in any case.
    pub fn work(&self, id: UseId, name: &str, arguments: &str) -> Work {
        let transfer = self.tools.get(name).and_then(|tool| match &tool.does {
            Does::Transfer(put_through) => Some((tool, put_through)),
            Does::HandOver(_)
            | Does::Call
            | Does::Here(_)
            | Does::Collect
            | Does::Press
            | Does::Http(_)
            | Does::Mcp(_) => None,
        });
        if let Some(work) = self.hands_over(name, arguments) {
            return work;
        }
        let Some((tool, put_through)) = transfer else {
            let Begun { work, keys } = self.begin(id, name, arguments);
            return Work {
                progress: stream::once(work.map(Progress::Used)).boxed(),
                put_through: None,
                keys,
            };
        };
        match read(&tool.arguments, arguments) {
            Ok(arguments) => {
                let (sender, receiver) = oneshot::channel();
                Work {
                    progress: put_through(arguments, receiver),
                    put_through: Some(sender),
                    keys: None,
                }
            }
            Err(why) => Work::over(Used::refused(&why)),
        }
    }

    /// Has another agent made ready, if that is what the tool does.
    fn hands_over(&self, name: &str, arguments: &str) -> Option<Work> {
        let tool = self.tools.get(name)?;
        let Does::HandOver(hand_over) = &tool.does else {
            return None;
        };
        let arguments = match read(&tool.arguments, arguments) {
            Ok(arguments) => arguments,
            Err(why) => return Some(Work::over(Used::refused(&why))),
        };
        let ready = timeout(HAND_OVER_PATIENCE, hand_over(arguments));
        let progress = ready.map(|ready| match ready {
            Ok(Ok(successor)) => Progress::HandOver(successor),
            Ok(Err(used)) => Progress::Used(used),
            Err(_) => Progress::Used(Used::failed("the other agent was not ready in time")),
        });
        Some(Work {
            progress: stream::once(progress).boxed(),
            put_through: None,
            keys: None,
        })
    }

    /// Begins to do something. There is an answer in any case, and in time, once the keys are there that it may want.
    pub fn begin(&self, id: UseId, name: &str, arguments: &str) -> Begun {
        let Some(tool) = self.tools.get(name) else {
            return Begun::over(Used::no_such_tool());
        };
        let arguments = match read(&tool.arguments, arguments) {
            Ok(arguments) => arguments,
            Err(why) => return Begun::over(Used::refused(&why)),
        };
        let call = Arc::clone(&self.call);
        match &tool.does {
            Does::Call | Does::HandOver(_) | Does::Transfer(_) => Begun::over(Used::no_such_tool()),
            Does::Here(does) => {
                let work = timeout(HERE_PATIENCE, does(arguments));
                Begun::with(async {
                    work.await
                        .unwrap_or_else(|_| Used::failed("no answer in time"))
                })
            }
            Does::Collect => keys::collect(&arguments),
            Does::Press => keys::press(&arguments),
            Does::Http(tool) => {
                let (tool, wants) = (Arc::clone(tool), tool.wants_keys());
                let ask = async move |rows: Vec<Secret>| {
                    let (ms, repeats) = (tool.timeout_ms, tool.repeats);
                    in_time(ms, repeats, tool.use_for(&call, id, &arguments, &rows)).await
                };
                match wants {
                    None => Begun::with(async move { ask(Vec::new()).await }),
                    Some(work) => keys::secret(work, ask),
                }
            }
            Does::Mcp(tool) => {
                let tool = Arc::clone(tool);
                Begun::with(async move {
                    in_time(tool.timeout_ms, tool.repeats, tool.use_with(&arguments)).await
                })
            }
        }
    }
}

/// The end of a use, or of the time that it has.
async fn in_time(timeout_ms: u32, repeats: bool, work: impl Future<Output = Used>) -> Used {
    let used = timeout(Duration::from_millis(timeout_ms.into()), work).await;
    used.unwrap_or_else(|_| match repeats {
        true => Used::failed("no answer in time"),
        false => Used::unknown("no answer in time"),
    })
}

/// Reads what a model wrote.
fn read(schema: &Schema, arguments: &str) -> Result<Value, String> {
    let text = match arguments.trim() {
        "" => "{}",
        text => text,
    };
    let value: Value = serde_json::from_str(text)
        .map_err(|_| "the arguments are not JSON; call it again with an object".to_owned())?;
    if !value.is_object() {
        return Err("the arguments must be a JSON object".to_owned());
    }
    schema
        .check(&value)
        .map_err(|wrong| mismatches("the arguments do not fit", &wrong))?;
    Ok(value)
}

fn mismatches(what: &str, wrong: &[Mismatch]) -> String {
    let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    format!("{what}: {}", wrong.join("; "))
}

#[cfg(test)]
mod tests;
