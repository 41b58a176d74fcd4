//! Where a client wants to be told of events. Secrets are shown once.

pub(super) mod deliveries;

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::event::Wanted;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, Json, Params, text};
use super::once::{Bare, Made, NewId, Posted};
use super::outside::public_url;
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::scope::Scope;
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::deliveries::{SECRET, URL};
use crate::desk::{self, Desk, Place};
use crate::egress::Whose;
use crate::ids;
use crate::store::endpoints::{Endpoint as Row, EndpointChange as RowChange, EndpointState};
use crate::tools::SigningKey;
use crate::vault::ClientKeys;

/// Most endpoints of one client.
const ENDPOINTS_OF_CLIENT_MAX: i64 = 16;
/// Most patterns of one endpoint.
const PATTERNS_MAX: usize = 50;
/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 300;
/// How long the secret before signs too, ms.
const FORMER_MS: i64 = 24 * 3_600_000;
/// Where a description is sealed to.
const DESCRIPTION: &str = "webhook_endpoints.description";

/// An endpoint, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookEndpoint {
    #[schema(example = "we_01JD0000000000000000000000")]
    id: String,
    #[schema(example = "https://crm.example.com/trunkline")]
    url: String,
    description: Option<String>,
    /// What it is told of: `*`, families as `call.*`, or single types.
    #[schema(example = json!(["call.*", "suppression.created"]))]
    events: Vec<String>,
    /// Whether an event of a call or callback comes with `data.person`: whom it is with, by number and, of a contact, by id and
    /// `external_id`. What is told so stands in `/v1/disclosures`.
    include_pii: bool,
    /// Whether it is told of them.
    enabled: bool,
    /// Why not, in stable snake_case: `requested`, `gone` (it answered 410), `failing` (it took nothing for five days).
    #[schema(example = "failing")]
    disabled_reason: Option<String>,
    /// Since when every try has failed.
    failing_since: Option<When>,
    /// What the signatures are made with, when it was made just now; it is never shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
    /// Until when the secret before signs too.
    former_secret_until: Option<When>,
    created_at: When,
    updated_at: When,
}

/// An endpoint to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhookEndpoint {
    /// Encrypted, and on the public internet.
    #[schema(example = "https://crm.example.com/trunkline")]
    url: String,
    #[schema(max_length = 300)]
    description: Option<String>,
    /// What it is told of: `*` (if absent), families as `call.*`, or single types.
    #[serde(default = "everything")]
    #[schema(example = json!(["call.*", "suppression.created"]))]
    events: Vec<String>,
    /// Whether it is told of whom events are: a key needs `calls:read` and `contacts:read` to say so.
    #[serde(default)]
    include_pii: bool,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookEndpointChange {
    url: Option<String>,
    #[schema(max_length = 300)]
    description: Option<String>,
    events: Option<Vec<String>>,
    /// True, and another address while it is so, need `calls:read` and `contacts:read` too.
    include_pii: Option<bool>,
    /// False gives up what is on its way; true tells of what happens from then on. What happened meanwhile can be replayed.
    enabled: Option<bool>,
}

fn everything() -> Vec<String> {
    vec![Wanted::All.text()]
}

fn wants(events: &[String]) -> Result<Vec<Wanted>, Problem> {
    if events.is_empty() {
        return Err(Problem::invalid(
            "/events",
            "empty",
            "this must not be empty",
        ));
    }
    if events.len() > PATTERNS_MAX {
        let detail = format!("at most {PATTERNS_MAX} of them");
        return Err(Problem::invalid("/events", "too_many", detail));
    }
    let read = |(at, text): (usize, &String)| {
        Wanted::parse(text).ok_or_else(|| {
            let detail = "expected *, a family as call.*, or a type of event as call.ended";
            Problem::invalid(format!("/events/{at}"), "unknown_value", detail)
        })
    };
    events.iter().enumerate().map(read).collect()
}

/// Refuses a key that would have an endpoint be told what it may not read itself.
fn may_disclose(caller: &Caller) -> Result<(), Problem> {
    if caller.scopes.allow(Scope::CallsRead) && caller.scopes.allow(Scope::ContactsRead) {
        return Ok(());
    }
    let detail =
        "an endpoint is told of whom events are by a key with calls:read and contacts:read";
    Err(Problem::new(Code::Forbidden).detail(detail))
}

/// Refuses an address that may not be told anything.
pub(super) fn reachable(app: &App, url: &str) -> Result<(), Problem> {
    let whose = app.deliveries.settings().whose();
    if whose == Whose::Client {
        public_url("/url", url)?;
    }
    match app.egress.http(whose, url) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::invalid("/url", "invalid_url", error.to_string())),
    }
}

fn described(description: Option<&String>) -> Result<(), Problem> {
    description.map_or(Ok(()), |description| {
        text("/description", description, DESCRIPTION_CHARS_MAX)
    })
}

fn show(keys: &ClientKeys, row: &Row, now_ms: i64) -> Result<WebhookEndpoint, Problem> {
    let open = |column, sealed| desk::open(keys, Place::new(column, &row.id), sealed);
    let description = row.description.as_ref();
    let description = description.map(|sealed| open(DESCRIPTION, sealed));
    let former = row.former.as_ref().map(|(_, until_ms)| *until_ms);
    Ok(WebhookEndpoint {
        url: open(URL, &row.url).map_err(unopened)?,
        description: description.transpose().map_err(unopened)?,
        events: row.wants.iter().map(|wanted| wanted.text()).collect(),
        include_pii: row.include_pii,
        enabled: row.state == EndpointState::Enabled,
        disabled_reason: row.reason.clone(),
        failing_since: row.failing_since_ms.map(When::of),
        secret: None,
        former_secret_until: former.filter(|until| *until > now_ms).map(When::of),
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
        id: row.id.clone(),
    })
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.endpoints().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

async fn shown(desk: &Desk, caller: &Caller, id: &str) -> Result<At<WebhookEndpoint>, Problem> {
    let row = find(desk, caller, id).await?;
    let keys = caller.keys(desk).await?;
    Ok(At(row.revision, show(&keys, &row, clock::unix_ms())?))
}

/// Add a webhook endpoint
///
/// It is told of what happens from now on, as Standard Webhooks has it: a POST of the event's JSON with `webhook-id` (the same
/// for each try of an event), `webhook-timestamp` and `webhook-signature`, made with the secret that is shown once. A status of
/// 200 to 299 within 15 seconds says that it has the event. Others are tried again, ten times in about three days; 410 disables
/// the endpoint. Events of one object come in their order.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints", tag = "events", request_body = NewWebhookEndpoint,
    responses((status = 201, body = WebhookEndpoint)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewWebhookEndpoint>,
) -> Result<Response, Problem> {
    let wants = wants(&new.events)?;
    reachable(&app, &new.url)?;
    described(new.description.as_ref())?;
    if new.include_pii {
        may_disclose(&caller)?;
    }
    let secret = SigningKey::make().map_err(|error| Problem::internal(&error))?;
    let work = async move |new_id: NewId| {
        let (desk, id) = (&app.desk, &new_id.id);
        let keys = caller.keys(desk).await?;
        let endpoints = desk.store.endpoints();
        let count = endpoints.count(&caller.client).await.map_err(stored)?;
        if count >= ENDPOINTS_OF_CLIENT_MAX {
            let detail = format!("there are {ENDPOINTS_OF_CLIENT_MAX} endpoints; remove one first");
            return Err(Problem::invalid("", "too_many", detail));
        }
        let seal = |column, text: &str| desk::seal(&keys, Place::new(column, id), text);
        let row = RowChange {
            url: seal(URL, &new.url),
            description: new
                .description
                .as_deref()
                .map(|text| seal(DESCRIPTION, text)),
            wants,
            state: EndpointState::Enabled,
            include_pii: new.include_pii,
            now_ms: clock::unix_ms(),
        };
        if new_id.is_again() {
            // A server that was lost may have made it, with a secret that nobody was shown.
            let removed = endpoints.remove(&caller.client, id).await;
            removed.map_err(stored)?;
        }
        let sealed = seal(SECRET, &secret);
        let added = endpoints.add(&caller.client, id, &row, &sealed);
        added.await.map_err(stored)?;
        let shown = WebhookEndpoint {
            secret: Some(secret),
            ..show(&keys, &find(desk, &caller, id).await?, row.now_ms)?
        };
        let made = Made::new(id, format!("/v1/webhook-endpoints/{id}"), &shown)?;
        Ok(made.revision(1).secret(&["secret"]))
    };
    once.settle_new("we", work).await
}

/// List the webhook endpoints
#[utoipa::path(
    get, path = "/v1/webhook-endpoints", tag = "events", params(PageParams),
    responses((status = 200, body = Paged<WebhookEndpoint>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<WebhookEndpoint>>, Problem> {
    let page = Page::alone("webhook-endpoints", params)?;
    let keys = caller.keys(&app.desk).await?;
    let endpoints = app.desk.store.endpoints();
    let after = page.after();
    let rows = endpoints.list(&caller.client, after.as_ref(), page.limit);
    let (rows, now_ms) = (rows.await.map_err(stored)?, clock::unix_ms());
    page.try_of(rows, |row| show(&keys, &row, now_ms))
        .map(Answer)
}

/// Show a webhook endpoint, without its secrets
#[utoipa::path(
    get, path = "/v1/webhook-endpoints/{id}", tag = "events", params(("id" = String, Path)),
    responses((status = 200, body = WebhookEndpoint)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<WebhookEndpoint>, Problem> {
    shown(&app.desk, &caller, &id).await
}

/// Change a webhook endpoint
#[utoipa::path(
    patch, path = "/v1/webhook-endpoints/{id}", tag = "events", params(("id" = String, Path)),
    request_body = WebhookEndpointChange, responses((status = 200, body = WebhookEndpoint)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(change): Json<WebhookEndpointChange>,
) -> Result<At<WebhookEndpoint>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    described(change.description.as_ref())?;
    if let Some(url) = &change.url {
        reachable(&app, url)?;
    }
    let include_pii = change.include_pii.unwrap_or(row.include_pii);
    if include_pii && (change.url.is_some() || !row.include_pii) {
        may_disclose(&caller)?;
    }
    let events = change.events.as_deref().map(wants).transpose()?;
    let keys = caller.keys(desk).await?;
    let seal = |column, text: &String| desk::seal(&keys, Place::new(column, &id), text);
    let description = change.description.as_ref();
    let change = RowChange {
        url: change.url.as_ref().map_or(row.url, |url| seal(URL, url)),
        description: description
            .map(|text| seal(DESCRIPTION, text))
            .or(row.description),
        wants: events.unwrap_or(row.wants),
        state: match change.enabled {
            Some(true) => EndpointState::Enabled,
            Some(false) => EndpointState::Disabled,
            None => row.state,
        },
        include_pii,
        now_ms: clock::unix_ms(),
    };
    let endpoints = desk.store.endpoints();
    let updated = endpoints.update(&caller.client, &id, revision, &change);
    updated.await.map_err(stored)?;
    shown(desk, &caller, &id).await
}

/// Remove a webhook endpoint with its secrets
#[utoipa::path(
    delete, path = "/v1/webhook-endpoints/{id}", tag = "events", params(("id" = String, Path)),
    responses((status = 204, description = "It is told nothing more")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let removed = app.desk.store.endpoints().remove(&caller.client, &id).await;
    match removed.map_err(stored)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(Code::NotFound)),
    }
}

/// Give a webhook endpoint another secret
///
/// The one that it had signs too for 24 hours: `webhook-signature` has both, the new one first.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/rotate-secret", tag = "events", params(("id" = String, Path)),
    responses((status = 200, body = WebhookEndpoint)),
)]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let secret = SigningKey::make().map_err(|error| Problem::internal(&error))?;
    let work = async move {
        let desk = &app.desk;
        let (row, keys) = (find(desk, &caller, &id).await?, caller.keys(desk).await?);
        let sealed = desk::seal(&keys, Place::new(SECRET, &id), &secret);
        let (now_ms, pair) = (clock::unix_ms(), (&sealed, &row.secret));
        let endpoints = desk.store.endpoints();
        let until_ms = now_ms + FORMER_MS;
        let rotated = endpoints.rotate(&caller.client, &id, row.revision, pair, until_ms, now_ms);
        let revision = rotated.await.map_err(stored)?;
        let shown = WebhookEndpoint {
            secret: Some(secret),
            ..show(&keys, &find(desk, &caller, &id).await?, now_ms)?
        };
        let made = Made::new(&id, String::new(), &shown)?.nowhere();
        let made = made.status(StatusCode::OK).revision(revision);
        Ok(made.secret(&["secret"]))
    };
    once.settle(work).await
}

/// What was set going.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookTest {
    /// The endpoint is told `webhook_endpoint.test`; what came of it stands among its deliveries.
    #[schema(example = "webhook_endpoint.test")]
    r#type: &'static str,
}

/// Tell a webhook endpoint something for a test
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/test", tag = "events", params(("id" = String, Path)),
    responses((status = 202, body = WebhookTest)),
)]
pub(super) async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let work = async move {
        let endpoints = app.desk.store.endpoints();
        let once = ids::new_id("test");
        let told = endpoints.test(&caller.client, &id, &once);
        told.await.map_err(stored)?;
        app.deliveries.look();
        let test = WebhookTest {
            r#type: trunkline_core::event::EventKind::WebhookEndpointTest.name(),
        };
        Ok(Made::new(&id, String::new(), &test)?
            .nowhere()
            .status(StatusCode::ACCEPTED))
    };
    once.settle(work).await
}
