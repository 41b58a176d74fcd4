//! Versions, read.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use trunkline_core::language::Language;
use utoipa::ToSchema;

use super::find;
use crate::agent::AgentSpec;
use crate::api::auth::Caller;
use crate::api::body::{Id, IdAnd, Params};
use crate::api::page::{Page, PageParams, Paged};
use crate::api::problem::Problem;
use crate::api::refuse::{stored, unopened};
use crate::api::when::When;
use crate::app::App;
use crate::desk;
use crate::store::agents::{Agent as Row, AgentVersion as VersionRow};
use crate::vault::ClientKeys;

/// One version of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AgentVersion {
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// Counted from 1.
    #[schema(example = 3)]
    version: u32,
    created_at: When,
    /// Id of the API key by which it was made; null where that was not noted.
    #[schema(example = "key_01JD0000000000000000000000")]
    made_by: Option<String>,
    /// Why it was made.
    note: Option<String>,
    /// The version whose document it brought back.
    rolled_back_to: Option<u32>,
    /// It is a draft as calls were held with it to try it, and was never published under this number.
    trial: bool,
    /// Whether a native speaker has reviewed what the server has for the document's language.
    #[schema(example = true)]
    language_reviewed: bool,
    /// The whole document.
    #[schema(value_type = AgentSpec)]
    spec: serde_json::Value,
}

/// One version of an agent in the list of all.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ListedVersion {
    #[serde(flatten)]
    version: AgentVersion,
    /// Whether new calls are held with it.
    live: bool,
    /// How many of a hundred persons get it.
    #[schema(example = 80)]
    percent: u32,
}

fn show(keys: &ClientKeys, agent_id: &str, row: VersionRow) -> Result<AgentVersion, Problem> {
    let id = desk::version_id(agent_id, row.version);
    let json = desk::open(keys, desk::version_place(&id), &row.body).map_err(unopened)?;
    let note = row
        .note
        .map(|note| desk::open(keys, desk::note_place(&id), &note));
    let spec: serde_json::Value =
        serde_json::from_str(&json).map_err(|error| Problem::internal(&error))?;
    Ok(AgentVersion {
        agent_id: agent_id.to_owned(),
        version: row.version,
        created_at: When::of(row.created_ms),
        made_by: row.made_by,
        note: note.transpose().map_err(unopened)?,
        rolled_back_to: row.rolled_back_to,
        trial: row.is_trial,
        language_reviewed: is_reviewed(&spec),
        spec,
    })
}

/// Whether a document that was stored is of a language that was reviewed: English if it names none.
fn is_reviewed(spec: &serde_json::Value) -> bool {
    let tag = spec.get("language").and_then(serde_json::Value::as_str);
    Language::of(tag.unwrap_or("en")).is_some_and(Language::is_reviewed)
}

/// How many of a hundred persons get a version.
fn percent(agent: &Row, version: u32) -> u32 {
    if agent.archived_ms.is_some() {
        return 0;
    }
    match &agent.split {
        Some(split) => split.percent_of(version),
        None if version == agent.version => 100,
        None => 0,
    }
}

/// List versions, the newest first
#[utoipa::path(
    get, path = "/v1/agents/{id}/versions", tag = "agents", params(("id" = String, Path), PageParams),
    responses((status = 200, body = Paged<ListedVersion>)),
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    params: Params,
) -> Result<Answer<Paged<ListedVersion>>, Problem> {
    let page = Page::alone("agent-versions", params)?;
    let agent = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    let agents = app.desk.store.agents();
    let rows = agents
        .list_versions(&caller.client, &id, page.after_number(), page.limit)
        .await;
    let (rows, more) = rows.map_err(stored)?;
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| row.version.to_string());
    let listed = rows.into_iter().map(|row| {
        let percent = percent(&agent, row.version);
        Ok(ListedVersion {
            version: show(&keys, &id, row)?,
            live: percent > 0,
            percent,
        })
    });
    let data: Result<Vec<_>, Problem> = listed.collect();
    Ok(Answer(page.up_to(data?, next)))
}

/// Show a version
#[utoipa::path(
    get, path = "/v1/agents/{id}/versions/{version}", tag = "agents",
    params(("id" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = AgentVersion)),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    IdAnd(id, version): IdAnd,
) -> Result<Response, Problem> {
    let agents = app.desk.store.agents();
    let row = agents.find_version(&caller.client, &id, version).await;
    let row = row.map_err(stored)?.ok_or_else(Problem::not_found)?;
    let keys = caller.keys(&app.desk).await?;
    let mut response = Answer(show(&keys, &id, row)?).into_response();
    // It never changes.
    let kept = HeaderValue::from_static("private, max-age=86400, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    Ok(response)
}
