//! What came of telling an endpoint, and telling it again.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::find;
use crate::api::auth::Caller;
use crate::api::body::{Id, Ids, Params};
use crate::api::once::{Bare, Made, Posted};
use crate::api::page::{Page, PageParams, Paged};
use crate::api::problem::Problem;
use crate::api::refuse::stored;
use crate::api::when::{self, When};
use crate::app::App;
use crate::clock;
use crate::store::deliveries::{Delivery as Row, DeliveryState as Stored};

/// Most events that one request has told again.
const REPLAYED_MAX: u32 = 10_000;

/// Where a delivery is. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum DeliveryState {
    /// Its next try comes at `next_try_at`.
    Waiting,
    /// An earlier event of the same object is not delivered yet.
    Behind,
    /// The endpoint has it.
    Delivered,
    /// It is not tried any more.
    Dead,
}

impl From<Stored> for DeliveryState {
    fn from(state: Stored) -> Self {
        match state {
            Stored::Waiting => Self::Waiting,
            Stored::Behind => Self::Behind,
            Stored::Delivered => Self::Delivered,
            Stored::Dead => Self::Dead,
        }
    }
}

/// An event on its way to an endpoint, or there.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct WebhookDelivery {
    #[schema(example = "dlv_01JD0000000000000000000000")]
    id: String,
    /// The `webhook-id` of every try.
    #[schema(example = "evt_01JD0000000000000000000000")]
    event_id: String,
    #[schema(example = "call.ended")]
    event_type: String,
    #[schema(example = "call_01JD0000000000000000000000")]
    object_id: String,
    state: DeliveryState,
    /// How often it was tried.
    attempts: u64,
    /// What the endpoint answered last.
    #[schema(example = 503)]
    last_status: Option<i64>,
    /// Why the last try failed, in stable snake_case: `status`, `redirect`, `timeout`, `unreachable`, `broken_off`, `address`,
    /// `gone`, `disabled`.
    #[schema(example = "timeout")]
    last_reason: Option<String>,
    last_tried_at: Option<When>,
    next_try_at: Option<When>,
    created_at: When,
    ended_at: Option<When>,
}

/// Which deliveries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `list` reads them")]
pub(in crate::api) struct DeliveryParams {
    /// `waiting`, `behind`, `delivered` or `dead`.
    state: Option<String>,
}

fn show(row: Row) -> WebhookDelivery {
    WebhookDelivery {
        id: row.id,
        event_id: row.event_id,
        event_type: row.kind,
        object_id: row.object_id,
        state: row.state.into(),
        attempts: row.tries,
        last_status: row.last_status,
        last_reason: row.last_reason,
        last_tried_at: row.tried_ms.map(When::of),
        next_try_at: (row.state == Stored::Waiting).then(|| When::of(row.due_ms)),
        created_at: When::of(row.created_ms),
        ended_at: row.ended_ms.map(When::of),
    }
}

/// List what an endpoint was told, the newest first
#[utoipa::path(
    get, path = "/v1/webhook-endpoints/{id}/deliveries", tag = "events",
    params(("id" = String, Path), PageParams, DeliveryParams), responses((status = 200, body = Paged<WebhookDelivery>)),
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
) -> Result<Answer<Paged<WebhookDelivery>>, Problem> {
    let page = Page::take("webhook-deliveries", &mut params)?;
    let states = "expected waiting, behind, delivered or dead";
    let state = params.read("state", states, Stored::parse)?;
    params.finish()?;
    find(&app.desk, &caller, &id).await?;
    let deliveries = app.desk.store.deliveries();
    let after = page.after();
    let rows = deliveries.list(&caller.client, &id, state, after.as_ref(), page.limit);
    page.try_of(rows.await.map_err(stored)?, |row| Ok(show(row)))
        .map(Answer)
}

/// Tell an endpoint an event again
///
/// With the same `webhook-id`: a receiver that remembers what it had sees that it has it.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/deliveries/{delivery_id}/replay", tag = "events",
    params(("id" = String, Path), ("delivery_id" = String, Path)), responses((status = 202, body = WebhookDelivery)),
)]
pub(in crate::api) async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(id, delivery_id): Ids,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let row = app.desk.store.deliveries();
    let row = row.find(&caller.client, &id, &delivery_id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)?;
    let work = async move {
        let (deliveries, now_ms) = (app.desk.store.deliveries(), clock::unix_ms());
        let again = deliveries.replay(&caller.client, &id, &delivery_id, now_ms);
        again.await.map_err(stored)?;
        app.deliveries.sweep();
        let row = deliveries.find(&caller.client, &id, &delivery_id).await;
        let row = row.map_err(stored)?.ok_or_else(Problem::not_found)?;
        let made = Made::new(&delivery_id, String::new(), &show(row))?;
        Ok(made.nowhere().status(StatusCode::ACCEPTED))
    };
    once.settle(work).await
}

/// Since when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WebhookReplay {
    /// In RFC 3339.
    #[schema(example = "2026-11-22T16:30:00Z")]
    since: String,
}

/// What is told again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct WebhookReplayed {
    /// So many events are on their way.
    events: u64,
    /// There are more than one request takes, 10000: wait until these are delivered, and ask for a later time.
    has_more: bool,
}

/// Tell an endpoint all events since a time again
///
/// Those that it wants now, also those that happened before it was added or while it was disabled, in their order.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/replay", tag = "events", params(("id" = String, Path)),
    request_body = WebhookReplay, responses((status = 202, body = WebhookReplayed)),
)]
pub(in crate::api) async fn replay_since(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Posted { body, once }: Posted<WebhookReplay>,
) -> Result<Response, Problem> {
    let since_ms = when::field("/since", &body.since)?;
    find(&app.desk, &caller, &id).await?;
    let work = async move {
        let endpoint = find(&app.desk, &caller, &id).await?;
        let deliveries = app.desk.store.deliveries();
        let to = (id.as_str(), endpoint.wants.as_slice());
        let now_ms = clock::unix_ms();
        let replayed = deliveries.replay_since(&caller.client, to, since_ms, REPLAYED_MAX, now_ms);
        let (events, has_more) = replayed.await.map_err(stored)?;
        app.deliveries.sweep();
        let made = Made::new(&id, String::new(), &WebhookReplayed { events, has_more })?;
        Ok(made.nowhere().status(StatusCode::ACCEPTED))
    };
    once.settle(work).await
}
