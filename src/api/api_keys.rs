//! Keys to the API: shown once, of scopes, revocable.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::{Caller, Door};
use super::body::{Id, Params, text};
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::scope::Scope;
use super::when::{self, When};
use crate::api_key::Secret;
use crate::app::App;
use crate::clock;
use crate::desk::{self, Place};
use crate::store::api_keys::NewApiKey;
use crate::store::{self, Cursor};
use crate::vault::ClientKeys;

const NAME_CHARS_MAX: usize = 100;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKey {
    #[schema(example = "key_01JD0000000000000000000000")]
    id: String,
    /// What its owner calls it.
    #[schema(example = "Front office")]
    name: String,
    /// What it may do; a later version of the server may know further scopes.
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<String>,
    created_at: When,
    /// From then on it opens nothing.
    expires_at: Option<When>,
    /// Since then it opens nothing.
    revoked_at: Option<When>,
    /// When it was last used, to about a minute.
    last_used_at: Option<When>,
    /// The key itself, in the answer that makes it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "tl_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    secret: Option<String>,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// What to call it.
    #[schema(max_length = 100, example = "Front office")]
    name: String,
    /// What it may do: no more than the key that makes it.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// When it stops working; never if absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

fn show(keys: &ClientKeys, row: store::api_keys::ApiKey) -> Result<ApiKey, Problem> {
    let place = Place::new("api_keys.name", &row.id);
    Ok(ApiKey {
        name: desk::open(keys, place, &row.name).map_err(unopened)?,
        id: row.id,
        scopes: row.scopes,
        created_at: When::of(row.created_ms),
        expires_at: row.expires_ms.map(When::of),
        revoked_at: row.revoked_ms.map(When::of),
        last_used_at: row.last_used_ms.map(When::of),
        secret: None,
    })
}

/// Make a key
///
/// The key itself is in this answer and in no other, not even in one repeated with the same Idempotency-Key.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "api keys", request_body = NewKey,
    responses((status = 201, body = ApiKey)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewKey>,
) -> Result<Response, Problem> {
    text("/name", &new.name, NAME_CHARS_MAX)?;
    if new.scopes.is_empty() {
        return Err(Problem::invalid("/scopes", "empty", "a key needs a scope"));
    }
    let now_ms = clock::unix_ms();
    let expires_ms = new.expires_at.as_deref();
    let expires_ms = expires_ms
        .map(|text| when::field("/expires_at", text))
        .transpose()?;
    if expires_ms.is_some_and(|ms| ms <= now_ms) {
        let detail = "this moment is over";
        return Err(Problem::invalid("/expires_at", "past", detail));
    }
    if let Some(more) = new
        .scopes
        .iter()
        .find(|scope| !caller.scopes.allow(**scope))
    {
        let detail = format!("the key that makes it does not have the scope {more}");
        return Err(Problem::new(Code::Forbidden).detail(detail));
    }
    let work = async move |new_id: NewId| {
        let (desk, id) = (&app.desk, &new_id.id);
        let keys = caller.keys(desk).await?;
        let secret = Secret::random().map_err(|error| Problem::internal(&error))?;
        let mut scopes: Vec<String> = new.scopes.iter().map(Scope::to_string).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let kept = NewApiKey {
            name: desk::seal(&keys, Place::new("api_keys.name", id), &new.name),
            hash: secret.hash(),
            scopes,
            created_ms: now_ms,
            expires_ms,
            id: id.clone(),
        };
        let api_keys = desk.store.api_keys();
        let added = api_keys.add(&caller.client, &kept).await;
        if new_id.is_there(&added) {
            // Whoever was to be shown its secret was not, or has it; it is not kept.
            let row = api_keys.find(&caller.client, id).await.map_err(stored)?;
            let row = row.ok_or_else(Problem::not_found)?;
            return Made::new(id, format!("/v1/api-keys/{id}"), &show(&keys, row)?);
        }
        added.map_err(stored)?;
        let shown = ApiKey {
            id: id.clone(),
            name: new.name,
            scopes: kept.scopes,
            created_at: When::of(now_ms),
            expires_at: expires_ms.map(When::of),
            revoked_at: None,
            last_used_at: None,
            secret: Some(secret.reveal().to_owned()),
        };
        let made = Made::new(id, format!("/v1/api-keys/{id}"), &shown)?;
        Ok(made.secret(&["secret"]))
    };
    once.settle_new("key", work).await
}

/// List keys
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "api keys", params(PageParams),
    responses((status = 200, body = Paged<ApiKey>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<axum::Json<Paged<ApiKey>>, Problem> {
    let page = Page::alone("api-keys", params)?;
    let keys = caller.keys(&app.desk).await?;
    let rows = app.desk.store.api_keys().list(&caller.client).await;
    let mut rows = rows.map_err(stored)?;
    let place = |row: &store::api_keys::ApiKey| (row.created_ms, row.id.clone());
    if let Some(Cursor { created_ms, id }) = page.after() {
        rows.retain(|row| place(row) < (created_ms, id.clone()));
    }
    let limit = page.limit as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| {
        let (created_ms, id) = place(row);
        Cursor { created_ms, id }.encode()
    });
    let data: Result<Vec<ApiKey>, Problem> = rows.into_iter().map(|row| show(&keys, row)).collect();
    Ok(axum::Json(page.up_to(data?, next)))
}

/// Show a key, without its secret
#[utoipa::path(
    get, path = "/v1/api-keys/{id}", tag = "api keys", params(("id" = String, Path)),
    responses((status = 200, body = ApiKey)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<axum::Json<ApiKey>, Problem> {
    let row = app.desk.store.api_keys().find(&caller.client, &id).await;
    let row = row.map_err(stored)?.ok_or_else(Problem::not_found)?;
    show(&caller.keys(&app.desk).await?, row).map(axum::Json)
}

/// Revoke a key
///
/// From the answer on it opens nothing here; servers that share the database follow within five seconds.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "api keys", params(("id" = String, Path)),
    responses((status = 204, description = "It opens nothing any more")),
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Arc<Door>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let api_keys = app.desk.store.api_keys();
    let revoked = api_keys.revoke(&caller.client, &id, clock::unix_ms()).await;
    if !revoked.map_err(stored)? {
        return Err(Problem::not_found());
    }
    door.forget(&id);
    Ok(StatusCode::NO_CONTENT)
}
