//! Tools of a client's: what its agents may use besides talking. Their secrets go in and never out.

pub(super) mod check;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, Json, Params};
use super::once::{Made, Posted};
use super::outside::public_url;
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::When;
use crate::app::App;
use crate::desk::{self, Desk, Place};
use crate::egress::{Egress, Whose};
use crate::store::tools::{Tool as Row, ToolChange as RowChange};
use crate::tools::{OwnTool, SigningKey, ToolDocument, ToolKind, ToolSecret, Unusable};
use crate::vault::ClientKeys;
use crate::{clock, ids};

/// Most tools of one client.
const TOOLS_OF_CLIENT_MAX: i64 = 500;

/// A tool, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tool {
    #[schema(example = "tool_01JD0000000000000000000000")]
    id: String,
    document: ToolDocument,
    /// Names of the secret headers that are sent.
    secret_headers: Vec<String>,
    /// The key of the signatures, when it was made here just now; it is never shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    signing_key: Option<String>,
    created_at: When,
    updated_at: When,
}

/// A tool to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTool {
    document: ToolDocument,
    /// Headers that go in and never out, as `{"authorization": "Bearer …"}`; at most 20.
    #[serde(default)]
    #[schema(write_only)]
    secret_headers: BTreeMap<String, String>,
    /// The key of the signatures, `whsec_` and 24 to 64 bytes in base64; one is made and shown once if absent. None for an
    /// MCP server.
    #[schema(max_length = 100, write_only)]
    signing_key: Option<String>,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolChange {
    /// The whole document.
    document: Option<ToolDocument>,
    /// All secret headers.
    #[schema(write_only)]
    secret_headers: Option<BTreeMap<String, String>>,
    /// Another key for the signatures.
    #[schema(max_length = 100, write_only)]
    signing_key: Option<String>,
}

/// Whether calls can be held with it.
fn usable(tool: &OwnTool) -> Result<(), Problem> {
    public_url("/document/url", &tool.document.url.replace(['{', '}'], "x"))?;
    match tool.check(Whose::Client, &Egress::new()) {
        Ok(()) => Ok(()),
        Err(Unusable::Wrong(wrong)) => {
            let pointer = match wrong.pointer.as_str() {
                "/secret_headers" | "/signing_key" => wrong.pointer,
                pointer => format!("/document{pointer}"),
            };
            Err(Problem::invalid(pointer, wrong.code, wrong.detail))
        }
        Err(Unusable::Key(wrong)) => Err(Problem::invalid(
            "/signing_key",
            "invalid",
            wrong.to_string(),
        )),
        Err(Unusable::Mcp(problem)) => Err(Problem::invalid(
            "/document/kind",
            "not_built_in",
            problem.to_string(),
        )),
        Err(Unusable::Egress(error)) => Err(Problem::invalid(
            "/document/url",
            "invalid_url",
            error.to_string(),
        )),
        Err(
            error @ (Unusable::Unopened(_)
            | Unusable::Garbled
            | Unusable::Missing
            | Unusable::Store(_)),
        ) => Err(Problem::internal(&error)),
    }
}

fn sealed(keys: &ClientKeys, id: &str, tool: &OwnTool) -> Result<RowChange, Problem> {
    let json = |value: serde_json::Result<String>| value.map_err(|e| Problem::internal(&e));
    let document = json(serde_json::to_string(&tool.document))?;
    let secret = json(serde_json::to_string(&tool.secret))?;
    Ok(RowChange {
        document: desk::seal(keys, Place::new("tools.document", id), &document),
        secret: desk::seal(keys, Place::new("tools.secret", id), &secret),
        now_ms: clock::unix_ms(),
    })
}

fn opened(keys: &ClientKeys, row: &Row) -> Result<OwnTool, Problem> {
    OwnTool::of(keys, row).map_err(|error| match error {
        Unusable::Unopened(error) => unopened(error),
        error @ (Unusable::Wrong(_)
        | Unusable::Key(_)
        | Unusable::Egress(_)
        | Unusable::Mcp(_)
        | Unusable::Garbled
        | Unusable::Missing
        | Unusable::Store(_)) => Problem::internal(&error),
    })
}

fn show(keys: &ClientKeys, row: &Row) -> Result<Tool, Problem> {
    let OwnTool { document, secret } = opened(keys, row)?;
    Ok(Tool {
        document,
        secret_headers: secret.headers.into_keys().collect(),
        signing_key: None,
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
        id: row.id.clone(),
    })
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.tools().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// Add a tool
///
/// A call of an agent that names it may use it. Each use is one request to `document.url`, signed as Standard Webhooks
/// (webhook-id, webhook-timestamp, webhook-signature) with the key that is shown once, and with an `Idempotency-Key` that a
/// repetition has too. An MCP server (`kind: "mcp"`) is asked as its protocol has it, unsigned, with `secret_headers`.
#[utoipa::path(
    post, path = "/v1/tools", tag = "tools", request_body = NewTool,
    responses((status = 201, body = Tool)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewTool>,
) -> Result<Response, Problem> {
    let made_key = match (&new.signing_key, new.document.kind) {
        // Requests to an MCP server are the protocol's, and not signed.
        (Some(_), _) | (None, ToolKind::Mcp) => None,
        (None, ToolKind::Http) => {
            Some(SigningKey::make().map_err(|error| Problem::internal(&error))?)
        }
    };
    let tool = OwnTool {
        document: new.document,
        secret: ToolSecret {
            signing_key: new.signing_key.or_else(|| made_key.clone()),
            headers: new.secret_headers,
        },
    };
    usable(&tool)?;
    let work = async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let id = ids::new_id("tool");
        let row = sealed(&keys, &id, &tool)?;
        let tools = desk.store.tools();
        let count = tools.count(&caller.client).await.map_err(stored)?;
        if count >= TOOLS_OF_CLIENT_MAX {
            let detail = format!("there are {TOOLS_OF_CLIENT_MAX} tools; remove one first");
            return Err(Problem::invalid("", "too_many", detail));
        }
        let added = tools.add(&caller.client, &id, &row).await;
        added.map_err(stored)?;
        let shown = Tool {
            signing_key: made_key,
            ..show(&keys, &find(desk, &caller, &id).await?)?
        };
        let made = Made::new(&id, format!("/v1/tools/{id}"), &shown)?.revision(1);
        Ok(made.secret(&["signing_key"]))
    };
    once.settle(work).await
}

/// List the tools
#[utoipa::path(
    get, path = "/v1/tools", tag = "tools", params(PageParams),
    responses((status = 200, body = Paged<Tool>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Tool>>, Problem> {
    let page = Page::alone("tools", params)?;
    let keys = caller.keys(&app.desk).await?;
    let tools = app.desk.store.tools();
    let rows = tools
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| show(&keys, &row))
        .map(Answer)
}

/// Show a tool, without its secrets
#[utoipa::path(
    get, path = "/v1/tools/{id}", tag = "tools", params(("id" = String, Path)),
    responses((status = 200, body = Tool)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<Tool>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Change a tool
///
/// Calls that begin from now on use what it is then.
#[utoipa::path(
    patch, path = "/v1/tools/{id}", tag = "tools", params(("id" = String, Path)),
    request_body = ToolChange, responses((status = 200, body = Tool)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(change): Json<ToolChange>,
) -> Result<At<Tool>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let keys = caller.keys(desk).await?;
    let current = opened(&keys, &row)?;
    let kind = change.document.as_ref().map(|document| document.kind);
    if kind.is_some_and(|kind| kind != current.document.kind) {
        let detail = "a tool stays what it is; add another and name that";
        return Err(Problem::invalid("/document/kind", "conflict", detail));
    }
    let tool = OwnTool {
        document: change.document.unwrap_or(current.document),
        secret: ToolSecret {
            signing_key: change.signing_key.or(current.secret.signing_key),
            headers: change.secret_headers.unwrap_or(current.secret.headers),
        },
    };
    usable(&tool)?;
    let change = sealed(&keys, &id, &tool)?;
    let tools = desk.store.tools();
    let updated = tools.update(&caller.client, &id, revision, &change).await;
    updated.map_err(stored)?;
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Remove a tool with its secrets
///
/// Agents that name it hold their calls without it.
#[utoipa::path(
    delete, path = "/v1/tools/{id}", tag = "tools", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let removed = app.desk.store.tools().remove(&caller.client, &id).await;
    match removed.map_err(stored)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(Code::NotFound)),
    }
}
