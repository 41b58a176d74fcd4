//! How much the operator lets the client call.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use super::problem::Problem;
use super::refuse::stored;
use crate::app::App;

/// One limit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Limit {
    /// The most; null if there is no limit.
    #[schema(example = 20)]
    limit: Option<u32>,
    /// What there is now.
    #[schema(example = 3)]
    used: u64,
}

/// How much the operator lets the client call. A call beyond it is answered `too_many_calls`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientLimits {
    /// Calls that ring or go on at the same time.
    calls_at_once: Limit,
    /// Calls that are begun within a second.
    calls_per_second: Limit,
    /// Calls that are begun within 24 hours.
    calls_per_day: Limit,
}

/// How much the operator lets the client call
#[utoipa::path(get, path = "/v1/limits", tag = "client", responses((status = 200, body = ClientLimits)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Answer<ClientLimits>, Problem> {
    let (dialer, client) = (app.dialer(), &caller.client);
    let limits = dialer.limits(&app.desk, client).await.map_err(stored)?;
    let table = app.desk.store.client_limits();
    let used = table.used(client, dialer.live_since_ms(), dialer.now_ms());
    let used = used.await.map_err(stored)?;
    let of = |limit, used| Limit { limit, used };
    Ok(Answer(ClientLimits {
        calls_at_once: of(limits.calls_at_once, used.at_once),
        calls_per_second: of(limits.calls_per_second, used.last_second),
        calls_per_day: of(limits.calls_per_day, used.last_day),
    }))
}
