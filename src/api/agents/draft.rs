//! An agent's draft: what it is to become.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{checked, find, may_change};
use crate::agent::AgentSpec;
use crate::api::auth::Caller;
use crate::api::body::{Id, Json};
use crate::api::knowledge;
use crate::api::problem::Problem;
use crate::api::refuse::{stored, unopened};
use crate::api::revision::{At, IfMatch, etag};
use crate::api::when::When;
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk};
use crate::store::drafts::Draft as DraftRow;
use crate::vault::ClientKeys;

/// What an agent is to become. No call is held with it but those that ask for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentDraft)]
pub(in crate::api) struct Draft {
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// The agent's newest version when the draft was saved.
    #[schema(example = 3)]
    based_on: u32,
    saved_at: When,
    /// Id of the API key by which it was saved.
    #[schema(example = "key_01JD0000000000000000000000")]
    made_by: String,
    /// The number under which calls were held with it as it is now; null if there were none.
    tried_as: Option<u32>,
    /// The whole document.
    #[schema(value_type = AgentSpec)]
    spec: serde_json::Value,
}

/// The draft of an agent that was found before.
pub(super) async fn row(
    desk: &Desk,
    caller: &Caller,
    agent_id: &str,
) -> Result<Option<DraftRow>, Problem> {
    let row = desk.store.drafts().find(&caller.client, agent_id).await;
    row.map_err(stored)
}

pub(super) fn opened(keys: &ClientKeys, agent_id: &str, row: &DraftRow) -> Result<String, Problem> {
    desk::open(keys, desk::draft_place(agent_id), &row.body).map_err(unopened)
}

async fn show(desk: &Desk, caller: &Caller, agent_id: &str) -> Result<Draft, Problem> {
    let row = row(desk, caller, agent_id).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    let json = opened(&caller.keys(desk).await?, agent_id, &row)?;
    Ok(Draft {
        agent_id: agent_id.to_owned(),
        based_on: row.based_on,
        saved_at: When::of(row.saved_ms),
        made_by: row.made_by,
        tried_as: row.trial,
        spec: serde_json::from_str(&json).map_err(|error| Problem::internal(&error))?,
    })
}

/// Show the draft
///
/// Its ETag is the agent's, which changes with the draft.
#[utoipa::path(
    get, path = "/v1/agents/{id}/draft", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = Draft)),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<Draft>, Problem> {
    // In this order: a draft that is saved in between is shown with a tag that is too old, not one that is too new.
    let agent = find(&app.desk, &caller, &id).await?;
    Ok(At(agent.revision, show(&app.desk, &caller, &id).await?))
}

/// Save a draft
///
/// In place of the one that there is. It is checked as a version is.
#[utoipa::path(
    put, path = "/v1/agents/{id}/draft", tag = "agents", params(("id" = String, Path)),
    request_body = AgentSpec, responses((status = 200, body = Draft)),
)]
pub(in crate::api) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(spec): Json<AgentSpec>,
) -> Result<At<Draft>, Problem> {
    let desk = &app.desk;
    let agent = find(desk, &caller, &id).await?;
    may_change(&agent)?;
    let revision = seen.check(agent.revision)?;
    let json = checked(&spec)?;
    knowledge::are_own(desk, &caller, &spec).await?;
    let keys = caller.keys(desk).await?;
    let body = desk::seal(&keys, desk::draft_place(&id), &json);
    let (drafts, now_ms) = (desk.store.drafts(), clock::unix_ms());
    let saved = drafts
        .save(&caller.client, &id, revision, &body, &caller.key_id, now_ms)
        .await;
    let revision = saved.map_err(stored)?;
    let shown = Draft {
        agent_id: id,
        based_on: agent.version,
        saved_at: When::of(now_ms),
        made_by: (*caller.key_id).to_owned(),
        tried_as: None,
        spec: serde_json::from_str(&json).map_err(|error| Problem::internal(&error))?,
    };
    Ok(At(revision, shown))
}

/// Throw the draft away
#[utoipa::path(
    delete, path = "/v1/agents/{id}/draft", tag = "agents", params(("id" = String, Path)),
    responses((status = 204, description = "There is none any more")),
)]
pub(in crate::api) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
) -> Result<Response, Problem> {
    let agent = find(&app.desk, &caller, &id).await?;
    let revision = seen.check(agent.revision)?;
    let drafts = app.desk.store.drafts();
    let removed = drafts
        .remove(&caller.client, &id, revision, clock::unix_ms())
        .await;
    let revision = removed.map_err(stored)?.ok_or_else(Problem::not_found)?;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag(revision))]).into_response())
}
