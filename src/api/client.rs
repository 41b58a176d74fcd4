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
use crate::desk::setup::standing::note_place;
use crate::desk::{self, Desk, Place};
use crate::vault::ClientKeys;

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
    /// Why nothing is dialled for the client; null while something may be.
    suspension: Option<Suspension>,
    /// Agents for which nothing is dialled.
    suspended_agents: Vec<SuspendedAgent>,
}

/// Why nothing is dialled. Whoever runs the server lifts it; what was stored can be read, exported and erased all the same.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Suspension {
    /// What stopped it: `operator`, `opt_outs`, `short_calls`, `invalid_numbers` or `complaints`.
    #[schema(value_type = String, example = "operator")]
    cause: &'static str,
    /// What the operator wrote.
    reason: Option<String>,
    since: When,
}

/// An agent for which nothing is dialled.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuspendedAgent {
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    suspension: Suspension,
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
    let (suspension, suspended_agents) = suspensions(desk, &keys).await?;
    let client = Client {
        id: row.id.as_str().to_owned(),
        name,
        created_at: When::of(row.created_ms),
        suspension,
        suspended_agents,
    };
    Ok(At(row.revision, client))
}

async fn suspensions(
    desk: &Desk,
    keys: &ClientKeys,
) -> Result<(Option<Suspension>, Vec<SuspendedAgent>), Problem> {
    let rows = desk.store.suspensions().in_force(keys.id()).await;
    let (mut of_client, mut of_agents) = (None, Vec::new());
    for row in rows.map_err(stored)? {
        let note = row.note.as_ref();
        let reason = note.map(|note| desk::open(keys, note_place(&row.id), note));
        let suspension = Suspension {
            cause: row.cause.as_str(),
            reason: reason.transpose().map_err(unopened)?,
            since: When::of(row.since_ms),
        };
        match row.agent_id {
            None => of_client = Some(suspension),
            Some(agent_id) => of_agents.push(SuspendedAgent {
                agent_id,
                suspension,
            }),
        }
    }
    Ok((of_client, of_agents))
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
