//! What the client allows of its dialling.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use trunkline_core::policy::{Destination, DestinationError};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::Json;
use super::problem::Problem;
use super::refuse::stored;
use super::revision::{At, IfMatch};
use super::when::When;
use crate::app::App;
use crate::clock;

/// Most destinations that a client may allow.
const DESTINATIONS_MAX: usize = 1_000;

/// What the client allows of its dialling. The law's own limits hold beside it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DiallingPolicy {
    /// The beginnings of the numbers that may be called. None may until this is set.
    #[schema(example = json!(["+1212", "+49"]))]
    destinations: Vec<String>,
    /// Absent if nothing was ever allowed.
    updated_at: Option<When>,
}

/// What the client allows from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDiallingPolicy {
    /// The beginnings of the numbers that may be called: `+` and the first 1 to 7 digits, the country code first. `+1` is
    /// the whole North American plan, which is twenty-five countries.
    #[schema(max_items = 1000, example = json!(["+1212", "+49"]))]
    destinations: Vec<String>,
}

async fn show(app: &App, caller: &Caller) -> Result<At<DiallingPolicy>, Problem> {
    let found = app.desk.store.dialling().find(&caller.client).await;
    let found = found.map_err(stored)?;
    let shown = DiallingPolicy {
        destinations: found.destinations,
        updated_at: found.updated_ms.map(When::of),
    };
    Ok(At(found.revision, shown))
}

/// What the client allows of its dialling
#[utoipa::path(
    get, path = "/v1/policy", tag = "policy", responses((status = 200, body = DiallingPolicy)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<At<DiallingPolicy>, Problem> {
    show(&app, &caller).await
}

/// Say what the client allows of its dialling
///
/// It holds for the next call. Calls that were placed go on.
#[utoipa::path(
    put, path = "/v1/policy", tag = "policy", request_body = NewDiallingPolicy,
    responses((status = 200, body = DiallingPolicy)),
)]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Json(new): Json<NewDiallingPolicy>,
) -> Result<At<DiallingPolicy>, Problem> {
    if new.destinations.len() > DESTINATIONS_MAX {
        let detail = format!("at most {DESTINATIONS_MAX} destinations");
        return Err(Problem::invalid("/destinations", "too_many", detail));
    }
    let mut destinations = std::collections::BTreeSet::new();
    for (index, text) in new.destinations.iter().enumerate() {
        let read = Destination::parse(text).map_err(|error: DestinationError| {
            let pointer = format!("/destinations/{index}");
            Problem::invalid(pointer, "invalid_destination", error.to_string())
        });
        destinations.insert(read?);
    }
    let At(current, _) = show(&app, &caller).await?;
    let revision = seen.check(current)?;
    let texts: Vec<&str> = destinations.iter().map(Destination::as_str).collect();
    let dialling = app.desk.store.dialling();
    let now_ms = clock::unix_ms();
    let set = dialling.set(&caller.client, revision, &texts, now_ms).await;
    set.map_err(stored)?;
    show(&app, &caller).await
}
