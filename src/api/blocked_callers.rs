//! Callers whom the client does not want to hear. Their numbers come in and never go out: only keyed hashes are kept.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, Params, number};
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::Problem;
use super::refuse::stored;
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::desk;
use crate::store::StoreError;
use crate::store::blocked_callers::BlockedCaller as Row;

/// A caller who hears a busy line; the number itself is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BlockedCaller {
    #[schema(example = "blk_01JD0000000000000000000000")]
    id: String,
    created_at: When,
}

/// A caller to be heard no more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBlockedCaller {
    /// In E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
}

fn show(row: &Row) -> BlockedCaller {
    BlockedCaller {
        id: row.id.clone(),
        created_at: When::of(row.created_ms),
    }
}

/// Block a caller
///
/// Whoever calls any of the client's numbers from there hears a busy line, but for an opt-out line, which hears everybody. If
/// they are blocked already, the answer says so with the status 200.
#[utoipa::path(
    post, path = "/v1/blocked-callers", tag = "numbers", request_body = NewBlockedCaller,
    responses((status = 201, body = BlockedCaller), (status = 200, body = BlockedCaller, description = "They were blocked already")),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body, once }: Posted<NewBlockedCaller>,
) -> Result<Response, Problem> {
    let phone = number("/number", &body.number)?;
    let work = async move |new: NewId| {
        let keys = caller.keys(&app.desk).await?;
        let row = Row {
            id: new.id.clone(),
            hash: desk::blocked_index(&keys, &phone),
            created_ms: clock::unix_ms(),
        };
        let blocked = app.desk.store.blocked_callers();
        let (row, is_new) = match blocked.add(&caller.client, &row).await {
            // Made by an attempt that was lost, and taken back since.
            Err(StoreError::Conflict) => (row, false),
            added => added.map_err(stored)?,
        };
        let made = Made::new(
            &row.id,
            format!("/v1/blocked-callers/{}", row.id),
            &show(&row),
        )?;
        Ok(if is_new {
            made
        } else {
            made.status(StatusCode::OK)
        })
    };
    once.settle_new("blk", work).await
}

/// List blocked callers, the newest first
#[utoipa::path(
    get, path = "/v1/blocked-callers", tag = "numbers", params(PageParams),
    responses((status = 200, body = Paged<BlockedCaller>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<BlockedCaller>>, Problem> {
    let page = Page::alone("blocked_callers", params)?;
    let blocked = app.desk.store.blocked_callers();
    let rows = blocked
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| Ok(show(&row)))
        .map(Answer)
}

/// Show a blocked caller
#[utoipa::path(
    get, path = "/v1/blocked-callers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 200, body = BlockedCaller)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<BlockedCaller>, Problem> {
    let blocked = app.desk.store.blocked_callers();
    let row = blocked.find(&caller.client, &id).await.map_err(stored)?;
    let row = row.ok_or_else(Problem::not_found)?;
    Ok(Answer(show(&row)))
}

/// Hear a caller again
#[utoipa::path(
    delete, path = "/v1/blocked-callers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 204, description = "They are heard again")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let blocked = app.desk.store.blocked_callers();
    match blocked.remove(&caller.client, &id).await.map_err(stored)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}
