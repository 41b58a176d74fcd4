//! Complaints about calls: who complains is not called again, and what is known of the calls they mean is found.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::policy::Trace;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, Json, Params, number, text};
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::{self, When};
use crate::app::App;
use crate::complaints::{self, ComplaintError, Incoming, Meant, TEXT_CHARS_MAX};
use crate::desk::Desk;
use crate::store::calls::direction_word;
use crate::store::complaints::{Complaint as Row, ComplaintSource, ComplaintState};
use crate::vault::ClientKeys;

/// So far may the client's clock go ahead of this server's, ms.
const AHEAD_MS_MAX: i64 = 300_000;

/// How a complaint came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ComplaintSource)]
pub(super) enum Source {
    /// The person told the client.
    Person,
    /// An authority sent it.
    Authority,
    /// A carrier sent it.
    Carrier,
    /// Whoever runs the server got it.
    Operator,
    /// Another way.
    Other,
}

/// What became of a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ComplaintState)]
pub(super) enum Outcome {
    /// Nobody has looked at it yet, or not to the end.
    Open,
    /// It was right.
    Upheld,
    /// It was not.
    Dismissed,
}

/// A complaint that comes in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewComplaint {
    /// The number that was called, in E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    /// When the call was, as the person says. Calls of three days before and after it are looked at.
    #[schema(format = DateTime, example = "2026-11-22T16:30:00Z")]
    called_at: String,
    /// What they say. Kept sealed.
    #[schema(max_length = 8000, example = "I never asked anybody to call me.")]
    text: Option<String>,
    /// How it came in; `person` if absent.
    source: Option<Source>,
}

/// What became of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ComplaintChange {
    state: Outcome,
}

/// A call that a complaint may mean.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallMeant {
    #[schema(example = "call_01JD0000000000000000000000")]
    call_id: String,
    /// `outbound` or `inbound`.
    #[schema(value_type = String, example = "outbound")]
    direction: &'static str,
    agent_id: String,
    created_at: When,
    /// What came of it.
    outcome: Option<String>,
    /// The entry of the ledger of consents on which it was placed.
    #[schema(example = "cns_01JD0000000000000000000000")]
    consent_id: Option<String>,
    /// How it was decided that it may be placed; null for calls that came in, and once the person was erased.
    #[schema(value_type = Option<Object>)]
    decision: Option<Trace>,
}

/// A complaint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Complaint {
    #[schema(example = "cmp_01JD0000000000000000000000")]
    id: String,
    /// The number that was called; null once the person was erased.
    number: Option<String>,
    called_at: When,
    /// What they say; null once the person was erased.
    text: Option<String>,
    source: Source,
    state: Outcome,
    /// By which the number is not called any more.
    #[schema(example = "sup_01JD0000000000000000000000")]
    suppression_id: String,
    created_at: When,
    updated_at: When,
}

/// A complaint, and the calls that it may mean.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ComplaintFound {
    #[serde(flatten)]
    complaint: Complaint,
    /// The calls that it may mean, the latest first.
    calls: Vec<CallMeant>,
}

impl Source {
    const fn stored(self) -> ComplaintSource {
        match self {
            Self::Person => ComplaintSource::Person,
            Self::Authority => ComplaintSource::Authority,
            Self::Carrier => ComplaintSource::Carrier,
            Self::Operator => ComplaintSource::Operator,
            Self::Other => ComplaintSource::Other,
        }
    }

    const fn of(stored: ComplaintSource) -> Self {
        match stored {
            ComplaintSource::Person => Self::Person,
            ComplaintSource::Authority => Self::Authority,
            ComplaintSource::Carrier => Self::Carrier,
            ComplaintSource::Operator => Self::Operator,
            ComplaintSource::Other => Self::Other,
        }
    }
}

impl Outcome {
    const fn stored(self) -> ComplaintState {
        match self {
            Self::Open => ComplaintState::Open,
            Self::Upheld => ComplaintState::Upheld,
            Self::Dismissed => ComplaintState::Dismissed,
        }
    }

    const fn of(stored: ComplaintState) -> Self {
        match stored {
            ComplaintState::Open => Self::Open,
            ComplaintState::Upheld => Self::Upheld,
            ComplaintState::Dismissed => Self::Dismissed,
        }
    }
}

fn failed(error: ComplaintError) -> Problem {
    match error {
        ComplaintError::Store(error) => stored(error),
        ComplaintError::Unopened(error) => unopened(error),
        error @ (ComplaintError::Vault(_) | ComplaintError::Garbled(_)) => {
            Problem::internal(&error)
        }
    }
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.complaints().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

async fn show(keys: &ClientKeys, row: Row) -> Result<Complaint, Problem> {
    let body = complaints::open(keys, &row).await.map_err(failed)?;
    let (number, text) = body.map_or((None, None), |body| (Some(body.number), body.text));
    Ok(Complaint {
        id: row.id,
        number,
        called_at: When::of(row.about_ms),
        text,
        source: Source::of(row.source),
        state: Outcome::of(row.state),
        suppression_id: row.suppression_id,
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
    })
}

fn call(meant: Meant) -> CallMeant {
    CallMeant {
        consent_id: meant.consent_id().map(str::to_owned),
        call_id: meant.call.id,
        direction: direction_word(meant.call.direction),
        agent_id: meant.call.agent_id,
        created_at: When::of(meant.call.created_ms),
        outcome: meant.call.outcome,
        decision: meant.decision,
    }
}

async fn show_all(desk: &Desk, caller: &Caller, id: &str) -> Result<At<ComplaintFound>, Problem> {
    let row = find(desk, caller, id).await?;
    let keys = caller.keys(desk).await?;
    let meant = complaints::meant(&desk.store, &keys, &row).await;
    let calls = meant.map_err(failed)?.into_iter().map(call).collect();
    let revision = row.revision;
    let complaint = show(&keys, row).await?;
    Ok(At(revision, ComplaintFound { complaint, calls }))
}

/// Take a complaint
///
/// The number is suppressed with the reason `complaint`, on the disk before the answer, which tells the calls that the person may
/// mean: each with the consent on which it was placed, and how that was decided.
#[utoipa::path(
    post, path = "/v1/complaints", tag = "complaints", request_body = NewComplaint,
    responses((status = 201, body = ComplaintFound)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewComplaint>,
) -> Result<Response, Problem> {
    let person = number("/number", &new.number)?;
    let now_ms = app.dialer().now_ms();
    let about_ms = when::field("/called_at", &new.called_at)?;
    if about_ms > now_ms + AHEAD_MS_MAX {
        let detail = "it lies in the future";
        return Err(Problem::invalid("/called_at", "in_the_future", detail));
    }
    if let Some(words) = &new.text {
        text("/text", words, TEXT_CHARS_MAX)?;
    }
    let work = async move |new_id: NewId| {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let incoming = Incoming {
            number: &person,
            about_ms,
            text: new.text.as_deref(),
            source: new.source.unwrap_or(Source::Person).stored(),
            now_ms,
        };
        let id = &new_id.id;
        let taken = complaints::take(&desk.store, &keys, id, &incoming).await;
        taken.map_err(failed)?;
        let At(revision, shown) = show_all(desk, &caller, id).await?;
        Ok(Made::new(id, format!("/v1/complaints/{id}"), &shown)?.revision(revision))
    };
    once.settle_new("cmp", work).await
}

/// List complaints, the newest first
#[utoipa::path(
    get, path = "/v1/complaints", tag = "complaints", params(PageParams),
    responses((status = 200, body = Paged<Complaint>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Complaint>>, Problem> {
    let page = Page::alone("complaints", params)?;
    let keys = caller.keys(&app.desk).await?;
    let table = app.desk.store.complaints();
    let after = page.after();
    let rows = table.list(&caller.client, after.as_ref(), page.limit);
    let rows = rows.await.map_err(stored)?;
    let next = rows.next.map(|cursor| cursor.encode());
    let mut data = Vec::with_capacity(rows.data.len());
    for row in rows.data {
        data.push(show(&keys, row).await?);
    }
    Ok(Answer(page.up_to(data, next)))
}

/// Show a complaint, and the calls that it may mean
#[utoipa::path(
    get, path = "/v1/complaints/{id}", tag = "complaints", params(("id" = String, Path)),
    responses((status = 200, body = ComplaintFound)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<ComplaintFound>, Problem> {
    show_all(&app.desk, &caller, &id).await
}

/// Say what became of a complaint
///
/// Whatever it is, the number stays suppressed, and the complaint counts among the client's.
#[utoipa::path(
    patch, path = "/v1/complaints/{id}", tag = "complaints", params(("id" = String, Path)),
    request_body = ComplaintChange, responses((status = 200, body = ComplaintFound)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    seen: IfMatch,
    Json(change): Json<ComplaintChange>,
) -> Result<At<ComplaintFound>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let (table, now_ms) = (app.desk.store.complaints(), app.dialer().now_ms());
    let state = change.state.stored();
    let set = table.set_state(&caller.client, &id, revision, state, now_ms);
    set.await.map_err(stored)?;
    show_all(&app.desk, &caller, &id).await
}
