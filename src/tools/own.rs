//! The tools of an agent: a client's own, as rows keep them, the operator's, and what is built in.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::document::ToolKind;
use super::mcp::{self, McpProblem, McpServer, McpShelf, WhichServer};
use super::{
    COLLECT_KEYS, HAND_OFF, HttpTool, LOOK_UP, OPT_OUT, SCHEDULE_CALLBACK, SEND_KEYS,
    SET_DISPOSITION, SigningKey, TRANSFER, Tool, ToolDocument, WrongTool, collect_keys, opt_out,
    send_keys,
};
use super::{Does, TOOLS_MAX, TOOLS_OF_CALL_MAX};
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
    /// Its MCP server does not say what it has.
    #[error(transparent)]
    Mcp(#[from] McpProblem),
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

    /// Whether it can be used at all, as far as that can be told without asking anybody.
    ///
    /// # Errors
    /// [`Unusable`]: what is wrong with it, or its address may not be used by its owner.
    pub fn check(&self, whose: Whose, egress: &Egress) -> Result<(), Unusable> {
        match self.document.kind {
            ToolKind::Http => self.http(whose, egress).map(|_| ()),
            ToolKind::Mcp => self.server(whose, egress).map(|_| ()),
        }
    }

    /// A tool of plain HTTP, ready to be used.
    fn http(&self, whose: Whose, egress: &Egress) -> Result<Tool, Unusable> {
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

    /// An MCP server, ready to be asked.
    ///
    /// # Errors
    /// [`Unusable`], as of [`Self::check`].
    pub fn server(&self, whose: Whose, egress: &Egress) -> Result<McpServer, Unusable> {
        if !cfg!(feature = "mcp") {
            return Err(McpProblem::Absent.into());
        }
        if self.secret.signing_key.is_some() {
            let detail = "requests to an MCP server are not signed; use secret_headers";
            return Err(WrongTool::new("/signing_key", "conflict", detail).into());
        }
        let http = egress.http(whose, &self.document.url)?;
        Ok(McpServer::new(&self.document, &self.secret.headers, http)?)
    }

    /// What it is to a call: itself, or what its server has.
    async fn for_call(
        &self,
        whose: Whose,
        egress: &Egress,
        shelf: &McpShelf,
        which: WhichServer,
    ) -> Result<Vec<Tool>, Unusable> {
        match self.document.kind {
            ToolKind::Http => Ok(vec![self.http(whose, egress)?]),
            ToolKind::Mcp => {
                let server = Arc::new(self.server(whose, egress)?);
                let offers = shelf.offers(which, &self.document, &server).await?;
                Ok(mcp::tools(&self.document, &server, &offers))
            }
        }
    }
}

/// Where the tools of an agent come from.
pub struct Sources<'a> {
    /// The rows of clients.
    pub desk: &'a Desk,
    /// What opens those of the call's client.
    pub keys: Option<&'a ClientKeys>,
    /// The operator's, by name.
    pub operators: &'a BTreeMap<String, OwnTool>,
    /// The way out.
    pub egress: &'a Egress,
    /// What MCP servers have.
    pub shelf: &'a McpShelf,
}

/// The tools that an agent names, ready to be used. One that cannot be used is left out, and told of: a call is held without
/// a tool rather than not at all. MCP servers are asked all at once, within some seconds; what they have comes last.
pub async fn of_agent(sources: &Sources<'_>, agent: &Agent) -> Vec<Tool> {
    let named = agent.tools.iter().take(TOOLS_MAX);
    let found = join_all(named.map(|name| sources.named(name))).await;
    let (mut tools, mut offered) = (Vec::new(), Vec::new());
    for (name, found) in agent.tools.iter().zip(found) {
        match found {
            Ok(found) => {
                let is_offered = |tool: &Tool| matches!(tool.does, Does::Mcp(_));
                let (of_server, own): (Vec<_>, Vec<_>) = found.into_iter().partition(is_offered);
                tools.extend(own);
                offered.extend(of_server);
            }
            Err(error) => tracing::error!(agent = %agent.id, tool = %name, %error, "tool left out"),
        }
    }
    let room = TOOLS_OF_CALL_MAX - TOOLS_OF_THE_CALL - tools.len();
    if offered.len() > room {
        let left_out = offered.len() - room;
        tracing::warn!(agent = %agent.id, left_out, "more tools of MCP servers than a call can have");
        offered.truncate(room);
    }
    tools.append(&mut offered);
    tools
}

/// Room for those that are about the call itself.
const TOOLS_OF_THE_CALL: usize = 8;

impl Sources<'_> {
    async fn named(&self, name: &str) -> Result<Vec<Tool>, Unusable> {
        match name {
            OPT_OUT => Ok(vec![opt_out().ok_or(Unusable::Missing)?]),
            COLLECT_KEYS => Ok(vec![collect_keys().ok_or(Unusable::Missing)?]),
            SEND_KEYS => Ok(vec![send_keys().ok_or(Unusable::Missing)?]),
            // Those that know the call are added with it.
            SET_DISPOSITION | LOOK_UP | TRANSFER | HAND_OFF | SCHEDULE_CALLBACK => Ok(Vec::new()),
            id if id.starts_with(ID_PREFIX) => self.clients(id).await,
            name => {
                let tool = self.operators.get(name).ok_or(Unusable::Missing)?;
                let which = WhichServer {
                    client: None,
                    id: name.to_owned(),
                    revision: 0,
                };
                tool.for_call(Whose::Operator, self.egress, self.shelf, which)
                    .await
            }
        }
    }

    async fn clients(&self, id: &str) -> Result<Vec<Tool>, Unusable> {
        let keys = self.keys.ok_or(Unusable::Missing)?;
        let row = self.desk.store.tools().find(keys.id(), id).await?;
        let row = row.ok_or(Unusable::Missing)?;
        let which = WhichServer {
            client: Some(keys.id().clone()),
            id: id.to_owned(),
            revision: row.revision,
        };
        let tool = OwnTool::of(keys, &row)?;
        tool.for_call(Whose::Client, self.egress, self.shelf, which)
            .await
    }
}
