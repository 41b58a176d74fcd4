//! What has happened, in order: read a page at a time, or as a stream that goes on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use trunkline_core::event::{Event, Wanted};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::{Params, wrong_param};
use super::problem::{Code, Problem};
use super::refuse::stored;
use crate::app::App;
use crate::clock;
use crate::deliveries::StreamPlace;
use crate::ids::{self, ClientId};
use crate::store::StoreError;
use crate::store::outbox::EventRow;

/// Events of a page whose request does not say, and the most.
const LIMIT_USUAL: u32 = 50;
const LIMIT_MAX: u32 = 200;
/// Events that a stream reads at once.
const STREAM_ROWS: u32 = 100;
/// Most patterns of `types`.
const TYPES_MAX: usize = 50;
/// Between two signs of life of a stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream looks by itself so often: another server may be the one that gives events their order.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A stream ends after so long, so that whoever has lost their key loses it too; receivers go on with the last id.
const STREAM_MAX: Duration = Duration::from_secs(15 * 60);

/// Which events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `list` reads them")]
pub(super) struct EventParams {
    /// Events of the page; a stream has all.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Behind this event: `next_cursor` of the page before, or an event's id. A page begins with the oldest that is kept if
    /// absent, a stream with what happens from now on. A stream's `Last-Event-ID` comes first.
    after: Option<String>,
    /// `*`, families as `call.*`, or types, with commas between.
    types: Option<String>,
}

/// A page of events, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventPage {
    /// As webhooks have them: `id`, `type`, `timestamp`, `seq`, `data`. With `types` there may be fewer than `limit` of them.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
    /// Whether there are more now.
    has_more: bool,
    /// What to give as `after` next, also when there are no more yet; none while there was no event at all.
    next_cursor: Option<String>,
}

/// What a request wants.
struct Asked {
    /// Behind which place; `None` where it does not say.
    place: Option<i64>,
    types: Vec<Wanted>,
}

impl Asked {
    fn wants(&self, row: &EventRow) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted.is(row.kind))
    }
}

fn types(text: &str) -> Option<Vec<Wanted>> {
    let types: Option<Vec<_>> = text.split(',').map(Wanted::parse).collect();
    types.filter(|types| types.len() <= TYPES_MAX)
}

/// Read events, or follow them
///
/// With `Accept: text/event-stream` this is a stream of server-sent events that goes on: each has the event's id as `id` and its
/// JSON as `data`; a receiver that was cut off goes on with `Last-Event-ID`. Streams end after a quarter of an hour at most, and
/// a client has four at once. Otherwise it is a page. Events are kept for 30 days if the operator says nothing else.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", params(EventParams),
    responses((status = 200, body = EventPage)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Problem> {
    let limit = params.read("limit", "expected 1 to 200", |text| {
        let limit = text.parse().ok();
        limit.filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let expected = "expected types of events, as call.*,suppression.created";
    let types = params.read("types", expected, types)?.unwrap_or_default();
    let after = params.take("after");
    params.finish()?;
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let streams = accept.is_some_and(|accept| accept.contains("text/event-stream"));
    let last = headers.get("last-event-id").filter(|_| streams);
    let after = match last.map(|value| value.to_str().unwrap_or_default().to_owned()) {
        Some(last) => Some(last),
        None => after,
    };
    let place = match after {
        Some(id) => Some(place(&app, &caller.client, &id).await?),
        None => None,
    };
    let asked = Asked { place, types };
    if streams {
        return follow(app, caller.client, asked).await;
    }
    let outbox = app.desk.store.outbox();
    let after = asked.place.unwrap_or(0);
    let rows = outbox.list(&caller.client, after, limit.unwrap_or(LIMIT_USUAL));
    let (rows, has_more) = rows.await.map_err(stored)?;
    let last = rows.last().map(|row| row.id.clone());
    let next_cursor = match (last, asked.place) {
        (None, Some(place)) => at(&app, &caller.client, place).await?,
        (last, _) => last,
    };
    let wanted = rows.iter().filter(|row| asked.wants(row));
    let data = wanted.map(value).collect();
    Ok(Answer(EventPage {
        data,
        has_more,
        next_cursor,
    })
    .into_response())
}

/// The place of an event that is named.
async fn place(app: &App, client: &ClientId, id: &str) -> Result<i64, Problem> {
    let found = match ids::is_id("evt", id) {
        true => app.desk.store.outbox().place(client, id).await,
        false => Ok(None),
    };
    found.map_err(stored)?.ok_or_else(|| {
        let detail = "there is no such event, or it is not kept any more";
        wrong_param("after", "invalid_cursor", detail).recoded(Code::InvalidCursor)
    })
}

/// The id of the event at a place.
async fn at(app: &App, client: &ClientId, place: i64) -> Result<Option<String>, Problem> {
    let before = app.desk.store.outbox().list(client, place - 1, 1).await;
    let (rows, _) = before.map_err(stored)?;
    Ok(rows.into_iter().next().map(|row| row.id))
}

fn value(row: &EventRow) -> Value {
    let timestamp = clock::rfc3339(row.created_ms);
    Event {
        id: &row.id,
        kind: row.kind,
        timestamp: &timestamp,
        object_id: &row.object_id,
        seq: row.seq,
        data: &row.data,
    }
    .value()
}

/// A stream of events.
struct Following {
    app: Arc<App>,
    client: ClientId,
    asked: Asked,
    place: i64,
    read: VecDeque<EventRow>,
    placed: watch::Receiver<u64>,
    draining: watch::Receiver<bool>,
    until: tokio::time::Instant,
    _place: StreamPlace,
}

async fn follow(app: Arc<App>, client: ClientId, asked: Asked) -> Result<Response, Problem> {
    let Some(own) = app.deliveries.stream(&client) else {
        let detail = "there are as many streams as there may be; close one first";
        return Err(Problem::new(Code::RateLimited)
            .detail(detail)
            .retry_after(5));
    };
    let placed = app.deliveries.placed();
    let place = match asked.place {
        Some(place) => place,
        None => {
            let last = app.desk.store.outbox().last_place(&client).await;
            last.map_err(stored)?
        }
    };
    let following = Following {
        draining: app.draining.subscribe(),
        until: clock::timer_now() + STREAM_MAX,
        place,
        read: VecDeque::new(),
        placed,
        _place: own,
        app,
        client,
        asked,
    };
    let events = stream::unfold(following, async |mut following| {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    let alive = KeepAlive::new().interval(HEARTBEAT).text("here");
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    let headers = response.headers_mut();
    headers.insert("x-accel-buffering", header::HeaderValue::from_static("no"));
    Ok(response)
}

impl Following {
    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(row) = self.read.pop_front() {
                let data = value(&row).to_string();
                let sent = Sent::default().id(&row.id).event(row.kind.name());
                return Some(sent.data(data));
            }
            if *self.draining.borrow() || clock::timer_now() >= self.until {
                return None;
            }
            // Whatever comes while it is read is seen by the next look.
            self.placed.mark_unchanged();
            match self.look().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "a stream of events ends: they cannot be read");
                    return None;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                // An error means that the server is gone.
                _ = self.placed.changed() => {}
                _ = self.draining.wait_for(|draining| *draining) => return None,
            }
        }
    }

    /// Reads what is behind. Whether there was anything.
    async fn look(&mut self) -> Result<bool, StoreError> {
        let outbox = self.app.desk.store.outbox();
        let (rows, _) = outbox.list(&self.client, self.place, STREAM_ROWS).await?;
        let Some(last) = rows.last() else {
            return Ok(false);
        };
        self.place = last.place;
        let asked = &self.asked;
        self.read
            .extend(rows.into_iter().filter(|row| asked.wants(row)));
        Ok(true)
    }
}
