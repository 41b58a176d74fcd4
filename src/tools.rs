//! What agents can do besides talking.
//!
//! A [`Toolbox`] is what one call may use: what its model is told of each tool, what the call must know of it, and the way to
//! have it done. The pure call decides *whether* and *when* (`trunkline_core::call`); here it is done, within a time and a
//! size, and whatever happens there is an answer that a model can go on with.

mod built_in;
mod document;
mod http;
mod keys;
mod own;
mod sign;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::timeout;
use trunkline_core::call::{KeyWork, KeysDone, Outcome, ToolSettings, UseId};
use trunkline_core::secret::Secret;
use trunkline_core::wire::openai::ToolSpec;

pub use built_in::{
    COLLECT_KEYS, LOOK_UP, OPT_OUT, SEND_KEYS, SET_DISPOSITION, collect_keys, look_up, opt_out,
    send_keys, set_disposition,
};
pub use document::{
    Body, HEADERS_MAX, KeyCheck, KeyRow, Method, NAME_CHARS_MAX, TIMEOUT_MS, TIMEOUT_MS_MAX,
    ToolDocument, WrongTool,
};
pub use http::HttpTool;
pub use own::{ID_PREFIX, OwnTool, ToolSecret, Unusable, of_agent};
pub use sign::{SigningKey, WrongKey};

use crate::schema::{Mismatch, Schema};

/// Most of a result that a model is told, in bytes.
pub const RESULT_BYTES_MAX: usize = 8 * 1024;
/// Most tools of one agent.
pub const TOOLS_MAX: usize = 32;
/// What stands behind a result that is longer.
const CUT: &str = " … (cut)";
/// How long what is done here may take.
const HERE_PATIENCE: Duration = Duration::from_secs(5);
/// Tools that are built in, by name.
pub const BUILT_IN: [&str; 5] = [OPT_OUT, SET_DISPOSITION, LOOK_UP, COLLECT_KEYS, SEND_KEYS];

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
        for tool in tools.into_iter().take(TOOLS_MAX) {
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
            Does::Call => Begun::over(Used::no_such_tool()),
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
                    let patience = Duration::from_millis(tool.timeout_ms.into());
                    let asked = tool.use_for(&call, id, &arguments, &rows);
                    let used = timeout(patience, asked).await;
                    used.unwrap_or_else(|_| match tool.repeats {
                        true => Used::failed("no answer in time"),
                        false => Used::unknown("no answer in time"),
                    })
                };
                match wants {
                    None => Begun::with(async move { ask(Vec::new()).await }),
                    Some(work) => keys::secret(work, ask),
                }
            }
        }
    }
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
