//! The tools of an agent: a client's own, as rows keep them, the operator's, and what is built in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    COLLECT_KEYS, HttpTool, LOOK_UP, OPT_OUT, SEND_KEYS, SET_DISPOSITION, SigningKey, Tool,
    ToolDocument, WrongTool, collect_keys, opt_out, send_keys,
};
use super::{Does, TOOLS_MAX};
use crate::agent::Agent;
use crate::desk::{self, Desk, Place};
use crate::egress::{Egress, Whose};
use crate::store::tools::Tool as Row;
use crate::vault::{ClientKeys, Unopened};

/// What ids of clients' tools begin with.
pub const ID_PREFIX: &str = "tool_";

/// What opens the way to a tool.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolSecret {
    /// For signatures, as `whsec_…`.
    pub signing_key: Option<String>,
    /// Headers that are secret.
    pub headers: BTreeMap<String, String>,
}

impl std::fmt::Debug for ToolSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ToolSecret([redacted])")
    }
}

/// A tool with what opens the way to it.
#[derive(Clone, Debug)]
pub struct OwnTool {
    /// What its owner says of it.
    pub document: ToolDocument,
    /// What opens the way to it.
    pub secret: ToolSecret,
}

/// A tool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// What is said of it is wrong.
    #[error(transparent)]
    Wrong(#[from] WrongTool),
    /// Its key for signatures is none.
    #[error("the signing key is none: {0}")]
    Key(#[from] super::WrongKey),
    /// Its address may not be used.
    #[error(transparent)]
    Egress(#[from] crate::egress::EgressError),
    /// What is stored of it cannot be opened.
    #[error("what is stored of it cannot be opened: {0}")]
    Unopened(#[from] Unopened),
    /// What is stored of it is no tool.
    #[error("what is stored of it is no tool")]
    Garbled,
    /// There is none of this id or name.
    #[error("it is not there")]
    Missing,
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(#[from] crate::store::StoreError),
}

impl OwnTool {
    /// What a row holds.
    ///
    /// # Errors
    /// [`Unusable::Unopened`], [`Unusable::Garbled`].
    pub fn of(keys: &ClientKeys, row: &Row) -> Result<Self, Unusable> {
        let open = |column, sealed| desk::open(keys, Place::new(column, &row.id), sealed);
        let document = open("tools.document", &row.document)?;
        let secret = open("tools.secret", &row.secret)?;
        Ok(Self {
            document: serde_json::from_str(&document).map_err(|_| Unusable::Garbled)?,
            secret: serde_json::from_str(&secret).map_err(|_| Unusable::Garbled)?,
        })
    }

    /// Ready to be used.
    ///
    /// # Errors
    /// [`Unusable`]: what is wrong with it, or its address may not be used by its owner.
    pub fn ready(&self, whose: Whose, egress: &Egress) -> Result<Tool, Unusable> {
        let document = &self.document;
        let key = self.secret.signing_key.as_deref();
        let key = key.map(SigningKey::parse).transpose()?;
        let http = egress.http(whose, &document.url)?;
        let http = HttpTool::new(document, &self.secret.headers, key, http)?;
        Ok(Tool {
            name: document.name.as_str().into(),
            description: document.description.clone(),
            arguments: document.arguments()?,
            settings: document.settings(),
            does: Does::Http(http.into()),
        })
    }
}

/// The tools that an agent names, ready to be used. One that cannot be used is left out, and told of: a call is held without
/// a tool rather than not at all.
pub async fn of_agent(
    desk: &Desk,
    keys: Option<&ClientKeys>,
    agent: &Agent,
    operators: &BTreeMap<String, OwnTool>,
    egress: &Egress,
) -> Vec<Tool> {
    let mut tools = Vec::new();
    for name in agent.tools.iter().take(TOOLS_MAX) {
        let tool = match name.as_str() {
            OPT_OUT => opt_out().ok_or(Unusable::Missing),
            COLLECT_KEYS => collect_keys().ok_or(Unusable::Missing),
            SEND_KEYS => send_keys().ok_or(Unusable::Missing),
            // Those that know the call are added with it.
            SET_DISPOSITION | LOOK_UP => continue,
            id if id.starts_with(ID_PREFIX) => clients(desk, keys, id, egress).await,
            name => match operators.get(name) {
                Some(tool) => tool.ready(Whose::Operator, egress),
                None => Err(Unusable::Missing),
            },
        };
        match tool {
            Ok(tool) => tools.push(tool),
            Err(error) => tracing::error!(agent = %agent.id, tool = %name, %error, "tool left out"),
        }
    }
    tools
}

async fn clients(
    desk: &Desk,
    keys: Option<&ClientKeys>,
    id: &str,
    egress: &Egress,
) -> Result<Tool, Unusable> {
    let keys = keys.ok_or(Unusable::Missing)?;
    let row = desk.store.tools().find(keys.id(), id).await?;
    let row = row.ok_or(Unusable::Missing)?;
    OwnTool::of(keys, &row)?.ready(Whose::Client, egress)
}
