//! Systems of the client's own that are asked about a number before it is called. Secrets are shown once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::Json;
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::webhook_endpoints::reachable;
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::desk;
use crate::hooks::{TIMEOUT_MS_MAX, TIMEOUT_MS_MIN, secret_place, url_place};
use crate::store::hooks::{Hook as Row, HookChange, HookKind};
use crate::tools::SigningKey;
use crate::vault::ClientKeys;

/// How long a system may take if nothing is said, ms.
const TIMEOUT_MS_USUAL: u32 = 2_000;

/// A system that is asked before a call, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Hook {
    /// Where it is; none is asked if absent.
    #[schema(example = "https://crm.example.com/screening")]
    url: Option<String>,
    /// How long it may take.
    #[schema(example = 2000)]
    timeout_ms: u32,
    /// What the signatures are made with, when it was made just now; it is never shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
    updated_at: Option<When>,
}

/// A system to be asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewHook {
    /// Encrypted, and on the public internet.
    #[schema(example = "https://crm.example.com/screening")]
    url: String,
    /// How long it may take, from the connection to the end of its answer.
    #[serde(default = "usual")]
    #[schema(minimum = 100, maximum = 3000, example = 2000)]
    timeout_ms: u32,
    /// Signs with another secret from now on.
    #[serde(default)]
    rotate_secret: bool,
}

fn usual() -> u32 {
    TIMEOUT_MS_USUAL
}

async fn find(app: &App, caller: &Caller, kind: HookKind) -> Result<Option<Row>, Problem> {
    let row = app.desk.store.hooks().find(&caller.client, kind).await;
    row.map_err(stored)
}

fn show(keys: &ClientKeys, row: Option<&Row>) -> Result<At<Hook>, Problem> {
    let Some(row) = row else {
        let none = Hook {
            url: None,
            timeout_ms: TIMEOUT_MS_USUAL,
            secret: None,
            updated_at: None,
        };
        return Ok(At(0, none));
    };
    let url = desk::open(keys, url_place(row.kind), &row.url).map_err(unopened)?;
    let shown = Hook {
        url: Some(url),
        timeout_ms: row.timeout_ms,
        secret: None,
        updated_at: Some(When::of(row.updated_ms)),
    };
    Ok(At(row.revision, shown))
}

async fn shown(app: &App, caller: &Caller, kind: HookKind) -> Result<At<Hook>, Problem> {
    let row = find(app, caller, kind).await?;
    let keys = caller.keys(&app.desk).await?;
    show(&keys, row.as_ref())
}

async fn put(
    app: &App,
    caller: &Caller,
    kind: HookKind,
    (seen, new): (IfMatch, NewHook),
) -> Result<At<Hook>, Problem> {
    reachable(app, &new.url)?;
    if !(TIMEOUT_MS_MIN..=TIMEOUT_MS_MAX).contains(&new.timeout_ms) {
        let detail = format!("from {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX}");
        return Err(Problem::invalid("/timeout_ms", "out_of_range", detail));
    }
    let keys = caller.keys(&app.desk).await?;
    let row = find(app, caller, kind).await?;
    let revision = seen.check(row.as_ref().map_or(0, |row| row.revision))?;
    let kept = row.filter(|_| !new.rotate_secret).map(|row| row.secret);
    let made = match kept {
        Some(_) => None,
        None => Some(SigningKey::make().map_err(|error| Problem::internal(&error))?),
    };
    let sealed = made
        .as_deref()
        .map(|secret| desk::seal(&keys, secret_place(kind), secret));
    let missing = || Problem::not_found();
    let change = HookChange {
        url: desk::seal(&keys, url_place(kind), &new.url),
        secret: sealed.or(kept).ok_or_else(missing)?,
        timeout_ms: new.timeout_ms,
        now_ms: clock::unix_ms(),
    };
    let hooks = app.desk.store.hooks();
    let set = hooks.set(&caller.client, kind, revision, &change).await;
    set.map_err(stored)?;
    let At(revision, shown) = shown(app, caller, kind).await?;
    Ok(At(
        revision,
        Hook {
            secret: made,
            ..shown
        },
    ))
}

async fn remove(app: &App, caller: &Caller, kind: HookKind) -> Result<StatusCode, Problem> {
    let removed = app.desk.store.hooks().remove(&caller.client, kind).await;
    match removed.map_err(stored)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}

/// Show which system is asked what is known of a number
#[utoipa::path(
    get, path = "/v1/screening", tag = "policy", responses((status = 200, body = Hook)),
)]
pub(super) async fn screening(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<At<Hook>, Problem> {
    shown(&app, &caller, HookKind::Screening).await
}

/// Say which system is asked what is known of a number
///
/// It is asked when nothing else forbids a call and a register is not known or too old, the sort of line is wanted and not
/// known, or it was not asked about the number for a day: by a signed POST (Standard Webhooks) of `screening.asked` with
/// `number`, `purpose` and `registries`. It answers 200 with a JSON object of `line` (`mobile`, `landline`, `voip`, `toll_free`, `other`),
/// `reassigned_at` and `registries` (by name, each `listed` and `checked_at`), all of which may be absent. What it says is kept
/// sealed for a month. If it does not answer so, and in time, nobody is called.
#[utoipa::path(
    put, path = "/v1/screening", tag = "policy", request_body = NewHook, responses((status = 200, body = Hook)),
)]
pub(super) async fn set_screening(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Json(new): Json<NewHook>,
) -> Result<At<Hook>, Problem> {
    put(&app, &caller, HookKind::Screening, (seen, new)).await
}

/// Ask nobody what is known of a number
///
/// What was said is forgotten.
#[utoipa::path(
    delete, path = "/v1/screening", tag = "policy", responses((status = 204, description = "Nobody is asked")),
)]
pub(super) async fn remove_screening(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, HookKind::Screening).await
}

/// Show which system is asked right before a call
#[utoipa::path(
    get, path = "/v1/predial", tag = "policy", responses((status = 200, body = Hook)),
)]
pub(super) async fn predial(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<At<Hook>, Problem> {
    shown(&app, &caller, HookKind::Predial).await
}

/// Say which system is asked right before a call
///
/// It is asked about each call that nothing else forbids, before it is dialled: by a signed POST (Standard Webhooks) of
/// `predial.asked` with `number`, `purpose`, `contact_id` if a contact has the number, and `asked_call_id` if the call was asked for in
/// another. It answers 200 with `{"eligible": true}` or `false`. If it does not answer so, and in time, nobody is called.
#[utoipa::path(
    put, path = "/v1/predial", tag = "policy", request_body = NewHook, responses((status = 200, body = Hook)),
)]
pub(super) async fn set_predial(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Json(new): Json<NewHook>,
) -> Result<At<Hook>, Problem> {
    put(&app, &caller, HookKind::Predial, (seen, new)).await
}

/// Ask nobody right before a call
#[utoipa::path(
    delete, path = "/v1/predial", tag = "policy", responses((status = 204, description = "Nobody is asked")),
)]
pub(super) async fn remove_predial(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, HookKind::Predial).await
}
