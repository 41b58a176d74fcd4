//! The client itself.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Json, text};
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::When;
use crate::app::App;
use crate::desk::{self, Desk, Place};

const NAME_CHARS_MAX: usize = 200;

/// The business whose key this is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Client {
    #[schema(example = "cli_01JD0000000000000000000000")]
    id: String,
    /// Its name.
    #[schema(example = "Oak Street Dental")]
    name: String,
    created_at: When,
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientChange {
    /// Its name.
    #[schema(max_length = 200, example = "Oak Street Dental")]
    name: String,
}

async fn show(desk: &Desk, caller: &Caller) -> Result<At<Client>, Problem> {
    let row = desk.store.clients().find(&caller.client).await;
    let row = row.map_err(stored)?.ok_or_else(Problem::not_found)?;
    let keys = caller.keys(desk).await?;
    let place = Place::new("clients.name", row.id.as_str());
    let name = desk::open(&keys, place, &row.name).map_err(unopened)?;
    let client = Client {
        id: row.id.as_str().to_owned(),
        name,
        created_at: When::of(row.created_ms),
    };
    Ok(At(row.revision, client))
}

/// The client whose key this is
#[utoipa::path(get, path = "/v1/client", tag = "client", responses((status = 200, body = Client)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<At<Client>, Problem> {
    show(&app.desk, &caller).await
}

/// Rename the client
#[utoipa::path(
    patch, path = "/v1/client", tag = "client", request_body = ClientChange,
    responses((status = 200, body = Client)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Json(change): Json<ClientChange>,
) -> Result<At<Client>, Problem> {
    text("/name", &change.name, NAME_CHARS_MAX)?;
    let desk = &app.desk;
    let At(current, _) = show(desk, &caller).await?;
    let revision = seen.check(current)?;
    let keys = caller.keys(desk).await?;
    let place = Place::new("clients.name", caller.client.as_str());
    let name = desk::seal(&keys, place, &change.name);
    let clients = desk.store.clients();
    clients
        .rename(&caller.client, revision, &name)
        .await
        .map_err(stored)?;
    show(desk, &caller).await
}
