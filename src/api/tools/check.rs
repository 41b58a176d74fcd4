//! Asking an MCP server what it has.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{find, opened};
use crate::api::auth::Caller;
use crate::api::body::Id;
use crate::api::once::{Bare, Made};
use crate::api::problem::{Code, Problem};
use crate::app::App;
use crate::egress::Whose;
use crate::tools::{CHECK_PATIENCE, Offers, ToolKind, WhichServer};

/// A tool of an MCP server's.
#[derive(Debug, Serialize, ToSchema)]
struct OfferedTool {
    /// What the model calls it.
    #[schema(example = "crm_find_slots")]
    name: String,
    /// What the server calls it.
    #[schema(example = "find_slots")]
    server_name: String,
    /// What the model is told of it, in the server's words.
    description: String,
    /// What it takes: a JSON schema.
    #[schema(value_type = Object)]
    arguments: Value,
    /// The server says that twice is as good as once, so it is tried again when it fails.
    repeatable: bool,
}

/// A tool of an MCP server's that cannot be used.
#[derive(Debug, Serialize, ToSchema)]
struct LeftOutTool {
    /// What the server calls it.
    server_name: String,
    /// Why.
    #[schema(example = "inputSchema is not of an object")]
    why: String,
}

/// What an MCP server has.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ToolCheck {
    /// Why it did not say what it has; absent if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the MCP server is not reached")]
    problem: Option<String>,
    /// What an agent that names it may use.
    tools: Vec<OfferedTool>,
    /// What it has, or should have, that cannot be used.
    left_out: Vec<LeftOutTool>,
}

impl ToolCheck {
    fn of(offers: &Offers) -> Self {
        let tools = offers.tools.iter().map(|offer| OfferedTool {
            name: offer.name.clone(),
            server_name: offer.theirs.clone(),
            description: offer.description.clone(),
            arguments: offer.arguments.as_json().clone(),
            repeatable: offer.repeats,
        });
        let left_out = offers.left_out.iter().map(|left| LeftOutTool {
            server_name: left.name.clone(),
            why: left.why.clone(),
        });
        Self {
            problem: None,
            tools: tools.collect(),
            left_out: left_out.collect(),
        }
    }
}

/// Ask an MCP server what it has
///
/// The server is asked now. Calls that begin in the next minutes have what it says here.
#[utoipa::path(
    post, path = "/v1/tools/{id}/check", tag = "tools", params(("id" = String, Path)),
    responses((status = 200, body = ToolCheck)),
)]
pub(in crate::api) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    let tool = opened(&keys, &row)?;
    if tool.document.kind != ToolKind::Mcp {
        let detail = "only an MCP server can be asked what it has";
        return Err(Problem::new(Code::Conflict).detail(detail));
    }
    let work = async move {
        let answer = match tool.server(Whose::Client, &app.egress) {
            Err(error) => Err(error.to_string()),
            Ok(server) => {
                let offers = server
                    .offers(&tool.document, CHECK_PATIENCE)
                    .await
                    .map(Arc::new);
                let which = WhichServer {
                    client: Some(caller.client.clone()),
                    id,
                    revision: row.revision,
                };
                app.stacks.mcp().keep(which, offers.clone());
                offers.map_err(|problem| problem.to_string())
            }
        };
        let check = match answer {
            Ok(offers) => ToolCheck::of(&offers),
            Err(problem) => ToolCheck {
                problem: Some(problem),
                tools: Vec::new(),
                left_out: Vec::new(),
            },
        };
        let made = Made::new("", String::new(), &check)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}
