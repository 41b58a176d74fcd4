//! Agents and their versions: a version never changes, so that a call can always be told how it was held.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use trunkline_core::language::Language;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, IdAnd, Params};
use super::knowledge;
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::When;
use crate::agent::{self, AgentSpec, no_files};
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk, Place};
use crate::store::agents::AgentVersion as VersionRow;
use crate::store::{self, Sealed};
use crate::vault::ClientKeys;

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Agent {
    #[schema(example = "agent_01JD0000000000000000000000")]
    id: String,
    /// What it calls itself in its newest version.
    #[schema(example = "Robin")]
    name: String,
    /// Its newest version, which new calls are held with.
    #[schema(example = 3)]
    version: u32,
    created_at: When,
    updated_at: When,
    /// Since then it answers no call and is in no list.
    archived_at: Option<When>,
}

/// One version of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentVersion {
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// Counted from 1.
    #[schema(example = 3)]
    version: u32,
    created_at: When,
    /// Whether a native speaker has reviewed what the server has for the document's language.
    #[schema(example = true)]
    language_reviewed: bool,
    /// The whole document.
    #[schema(value_type = AgentSpec)]
    spec: serde_json::Value,
}

/// A new version of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionMade {
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// Its number.
    #[schema(example = 4)]
    version: u32,
    created_at: When,
}

fn show(keys: &ClientKeys, row: store::agents::Agent) -> Result<Agent, Problem> {
    let place = Place::new("agents.name", &row.id);
    Ok(Agent {
        name: desk::open(keys, place, &row.name).map_err(unopened)?,
        id: row.id,
        version: row.version,
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
        archived_at: row.archived_ms.map(When::of),
    })
}

fn show_version(
    keys: &ClientKeys,
    agent_id: &str,
    row: &VersionRow,
) -> Result<AgentVersion, Problem> {
    let id = desk::version_id(agent_id, row.version);
    let json = desk::open(keys, desk::version_place(&id), &row.body).map_err(unopened)?;
    let spec: serde_json::Value =
        serde_json::from_str(&json).map_err(|error| Problem::internal(&error))?;
    Ok(AgentVersion {
        agent_id: agent_id.to_owned(),
        version: row.version,
        created_at: When::of(row.created_ms),
        language_reviewed: is_reviewed(&spec),
        spec,
    })
}

/// Of a document that was stored: English if it names no language.
fn is_reviewed(spec: &serde_json::Value) -> bool {
    let tag = spec.get("language").and_then(serde_json::Value::as_str);
    Language::of(tag.unwrap_or("en")).is_some_and(Language::is_reviewed)
}

/// The document as it is kept, if calls can be held with it.
fn checked(spec: &AgentSpec) -> Result<String, Problem> {
    if let Err(wrong) = agent::Agent::compile("agent", 1, spec, &no_files) {
        return Err(wrong
            .into_iter()
            .fold(Problem::new(Code::Invalid), |problem, wrong| {
                let code = serde_json::to_value(wrong.code).ok();
                let code = code.and_then(|code| code.as_str().map(str::to_owned));
                problem.at(
                    wrong.pointer,
                    code.unwrap_or_else(|| "invalid".into()),
                    wrong.detail,
                )
            }));
    }
    spec.to_json().map_err(|error| Problem::internal(&error))
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<store::agents::Agent, Problem> {
    let row = desk.store.agents().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

fn sealed_name(keys: &ClientKeys, id: &str, spec: &AgentSpec) -> Sealed {
    desk::seal(keys, Place::new("agents.name", id), &spec.name)
}

fn sealed_body(keys: &ClientKeys, id: &str, version: u32, json: &str) -> Sealed {
    let version = desk::version_id(id, version);
    desk::seal(keys, desk::version_place(&version), json)
}

/// Make an agent
///
/// The body is its first version, whole.
#[utoipa::path(
    post, path = "/v1/agents", tag = "agents", request_body = AgentSpec,
    responses((status = 201, body = Agent)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: spec, once }: Posted<AgentSpec>,
) -> Result<Response, Problem> {
    let json = checked(&spec)?;
    let work = async move |new: NewId| {
        let (desk, id) = (&app.desk, &new.id);
        knowledge::are_own(desk, &caller, &spec).await?;
        let keys = caller.keys(desk).await?;
        let name = sealed_name(&keys, id, &spec);
        let body = sealed_body(&keys, id, 1, &json);
        let (agents, now_ms) = (desk.store.agents(), clock::unix_ms());
        let added = agents.add(&caller.client, id, &name, &body, now_ms).await;
        if !new.is_there(&added) {
            added.map_err(stored)?;
        }
        let row = find(desk, &caller, id).await?;
        let revision = row.revision;
        let made = Made::new(id, format!("/v1/agents/{id}"), &show(&keys, row)?)?;
        Ok(made.revision(revision))
    };
    once.settle_new("agent", work).await
}

/// List agents
#[utoipa::path(
    get, path = "/v1/agents", tag = "agents", params(PageParams),
    responses((status = 200, body = Paged<Agent>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Agent>>, Problem> {
    let page = Page::alone("agents", params)?;
    let keys = caller.keys(&app.desk).await?;
    let agents = app.desk.store.agents();
    let rows = agents
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| show(&keys, row))
        .map(Answer)
}

/// Show an agent
#[utoipa::path(
    get, path = "/v1/agents/{id}", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = Agent)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<Agent>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&keys, row)?))
}

/// Archive an agent
///
/// It answers no further call and leaves its numbers; its versions stay readable.
#[utoipa::path(
    delete, path = "/v1/agents/{id}", tag = "agents", params(("id" = String, Path)),
    responses((status = 204, description = "It is archived")),
)]
pub(super) async fn archive(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    if row.archived_ms.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let revision = seen.check(row.revision)?;
    let agents = app.desk.store.agents();
    let archived = agents
        .archive(&caller.client, &id, revision, clock::unix_ms())
        .await;
    archived.map_err(stored)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add a version
///
/// New calls are held with it; calls under way keep theirs. With If-Match it is added only to the agent that was seen.
#[utoipa::path(
    post, path = "/v1/agents/{id}/versions", tag = "agents", params(("id" = String, Path)),
    request_body = AgentSpec, responses((status = 201, body = VersionMade)),
)]
pub(super) async fn add_version(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Posted { body: spec, once }: Posted<AgentSpec>,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let json = checked(&spec)?;
    let work = async move {
        let desk = &app.desk;
        knowledge::are_own(desk, &caller, &spec).await?;
        let keys = caller.keys(desk).await?;
        let row = find(desk, &caller, &id).await?;
        if row.archived_ms.is_some() {
            return Err(Problem::new(Code::Conflict).detail("the agent is archived"));
        }
        let revision = seen.check(row.revision)?;
        let now_ms = clock::unix_ms();
        // The store gives this number only if nobody else added a version meanwhile.
        let body = sealed_body(&keys, &id, row.version + 1, &json);
        let name = sealed_name(&keys, &id, &spec);
        let agents = desk.store.agents();
        let added = agents
            .add_version(&caller.client, &id, revision, &name, &body, now_ms)
            .await;
        let (revision, version) = added.map_err(stored)?;
        let made = VersionMade {
            agent_id: id.clone(),
            version,
            created_at: When::of(now_ms),
        };
        let location = format!("/v1/agents/{id}/versions/{version}");
        Ok(Made::new(&id, location, &made)?.revision(revision))
    };
    once.settle(work).await
}

/// List versions, the newest first
#[utoipa::path(
    get, path = "/v1/agents/{id}/versions", tag = "agents", params(("id" = String, Path), PageParams),
    responses((status = 200, body = Paged<AgentVersion>)),
)]
pub(super) async fn list_versions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    params: Params,
) -> Result<Answer<Paged<AgentVersion>>, Problem> {
    let page = Page::alone("agent-versions", params)?;
    find(&app.desk, &caller, &id).await?;
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
    let data: Result<Vec<_>, Problem> = rows
        .iter()
        .map(|row| show_version(&keys, &id, row))
        .collect();
    Ok(Answer(page.up_to(data?, next)))
}

/// Show a version
#[utoipa::path(
    get, path = "/v1/agents/{id}/versions/{version}", tag = "agents",
    params(("id" = String, Path), ("version" = u32, Path)),
    responses((status = 200, body = AgentVersion)),
)]
pub(super) async fn get_version(
    State(app): State<Arc<App>>,
    caller: Caller,
    IdAnd(id, version): IdAnd,
) -> Result<Response, Problem> {
    let agents = app.desk.store.agents();
    let row = agents.find_version(&caller.client, &id, version).await;
    let row = row.map_err(stored)?.ok_or_else(Problem::not_found)?;
    let keys = caller.keys(&app.desk).await?;
    let mut response = Answer(show_version(&keys, &id, &row)?).into_response();
    // It never changes.
    let kept = HeaderValue::from_static("private, max-age=86400, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    Ok(response)
}
