//! Agents and their versions: a version never changes, so that a call can always be told how it was held.

pub(super) mod diff;
pub(super) mod draft;
mod needs;
pub(super) mod publish;
pub(super) mod split;
pub(super) mod versions;
pub(super) mod wanted;

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, Params};
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
use crate::store::Sealed;
use crate::store::agents::Agent as Row;
use crate::vault::ClientKeys;
use split::{VersionShare, shares};

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Agent {
    #[schema(example = "agent_01JD0000000000000000000000")]
    id: String,
    /// What it calls itself in its newest version.
    #[schema(example = "Robin")]
    name: String,
    /// Its newest version, which new calls are held with unless `split` says otherwise.
    #[schema(example = 3)]
    version: u32,
    /// The versions that new calls are held with, and how many of a hundred persons get each; null for the newest alone.
    split: Option<Vec<VersionShare>>,
    created_at: When,
    updated_at: When,
    /// Since then it answers no call and is in no list.
    archived_at: Option<When>,
}

fn show(keys: &ClientKeys, row: Row) -> Result<Agent, Problem> {
    let place = Place::new("agents.name", &row.id);
    Ok(Agent {
        name: desk::open(keys, place, &row.name).map_err(unopened)?,
        id: row.id,
        version: row.version,
        split: row.split.as_ref().map(shares),
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
        archived_at: row.archived_ms.map(When::of),
    })
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

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.agents().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// An archived agent stays as it is.
fn may_change(row: &Row) -> Result<(), Problem> {
    match row.archived_ms {
        Some(_) => Err(Problem::new(Code::Conflict).detail("the agent is archived")),
        None => Ok(()),
    }
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
        let by = Some(&*caller.key_id);
        let added = agents
            .add(&caller.client, id, &name, &body, by, now_ms)
            .await;
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
/// It answers no further call and leaves its numbers; its versions stay readable, and its draft goes.
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
