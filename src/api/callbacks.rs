//! People who are to be called back: those who asked for it in a call, and those whom the client schedules.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{Code as Why, Verdict, Zone};
use utoipa::{IntoParams, ToSchema};

use super::agents::wanted::not_there;
use super::auth::Caller;
use super::body::{Id, Params, number, text};
use super::calls::check::{Known, Whereabouts, grounds, why_not};
use super::calls::place::{caller_of, cannot_hold, within_bounds};
use super::consents::{self, Given, LegalBasis, Purpose};
use super::once::{Bare, Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::when::When;
use crate::app::App;
use crate::callbacks::{NOTE_CHARS_MAX, NotScheduled, Plan, PlanError, Wish, schedule};
use crate::desk::{self, Desk, Place};
use crate::dial::NoAccount;
use crate::ids;
use crate::reception::Which;
use crate::store::callbacks::{Callback as Row, CallbackFilter, CallbackState as Stored};
use crate::store::page::PAGE_ROWS_MAX;
use crate::vault::{ClientKeys, VaultError};

/// Where a callback is. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallbackState {
    /// Its time has not come.
    Scheduled,
    /// It is being dialled, or the call goes on.
    Dialling,
    /// Somebody answered it, and the call is over.
    Done,
    /// It was taken back: by its client, by a later one for the same number, or since the number may not be called.
    Cancelled,
    /// Nobody answered, or it could not be dialled.
    Failed,
    /// It could not be dialled in time.
    Expired,
}

impl From<Stored> for CallbackState {
    fn from(state: Stored) -> Self {
        match state {
            Stored::Scheduled => Self::Scheduled,
            Stored::Dialling => Self::Dialling,
            Stored::Done => Self::Done,
            Stored::Cancelled => Self::Cancelled,
            Stored::Failed => Self::Failed,
            Stored::Expired => Self::Expired,
        }
    }
}

/// Somebody who is to be called back, or was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Callback {
    #[schema(example = "cb_01JD0000000000000000000000")]
    id: String,
    state: CallbackState,
    /// Why it is there, or waits, in stable snake_case: `replaced`, `suppressed`, `requested`, `outside_calling_hours`,
    /// `no_answer`, `busy`, `completed`, …
    #[schema(example = "completed")]
    reason: Option<String>,
    /// Who speaks.
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// Who is called, in E.164 form; absent once they were forgotten.
    #[schema(example = "+15550100123")]
    to: Option<String>,
    /// The client's number that calls.
    #[schema(example = "+15550100199")]
    from: Option<String>,
    /// What is to be remembered until then; null for a key without `transcripts:read`, and once consent was taken back.
    note: Option<String>,
    /// For when it was agreed.
    at: When,
    /// By whose clock that was said.
    #[schema(example = "America/New_York")]
    zone: String,
    /// When it is dialled: later than agreed where it had to wait.
    due_at: When,
    /// When it is dialled no more.
    expires_at: When,
    /// The call in which it was asked for.
    #[schema(example = "call_01JD0000000000000000000000")]
    asked_in_call_id: Option<String>,
    /// The call that it became.
    #[schema(example = "call_01JD0000000000000000000000")]
    call_id: Option<String>,
    created_at: When,
    ended_at: Option<When>,
}

/// Somebody to be called back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCallback {
    /// Who is called, in E.164 form.
    #[serde(alias = "to_number")]
    #[schema(example = "+15550100123")]
    to: String,
    /// Who speaks. The agent must be for outbound calls.
    #[serde(alias = "assistant_id")]
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// Who calls: one of the client's numbers, in E.164 form or by its id. If absent, the one number that this agent answers, or
    /// the only one that can call.
    #[serde(default, alias = "from_number")]
    #[schema(example = "num_01JD0000000000000000000000")]
    from: Option<String>,
    /// When, by a clock on the wall: without a zone or an offset. A time that is skipped when clocks leap forward is the moment of
    /// the leap; of one that comes twice it is the first.
    #[schema(example = "2026-11-24T15:30")]
    at: String,
    /// By whose clock: an IANA time zone. If absent, that of the number, or where this cannot be told that of the agent's place.
    #[schema(example = "America/New_York")]
    zone: Option<String>,
    /// What the call is for; `service` if absent.
    purpose: Option<Purpose>,
    /// On which basis of the law they are called, where no consent is needed.
    legal_basis: Option<LegalBasis>,
    /// A consent that they gave to calls of this purpose. It is put on the ledger of consents, and counts for later calls too.
    consent: Option<Given>,
    /// What is to be remembered until then, for whoever calls back.
    #[schema(max_length = 300, example = "wants to know what a crown costs")]
    note: Option<String>,
    /// Values of the agent's variables. An agent that declares `callback_note` and `callback_agreed` is told those too.
    #[serde(default, alias = "dynamic_variables")]
    variables: BTreeMap<String, String>,
    /// False forbids to record the call.
    record: Option<bool>,
    /// What is known of where the person is.
    #[serde(default)]
    contact: Whereabouts,
}

/// Which callbacks.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `list` reads them")]
pub(super) struct CallbackParams {
    /// `scheduled`, `dialling`, `done`, `cancelled`, `failed` or `expired`.
    state: Option<String>,
    /// Held by this agent: an id, or the name of an agent from a file.
    agent_id: Option<String>,
}

async fn show(keys: &ClientKeys, caller: &Caller, row: Row) -> Result<Callback, Problem> {
    let opened = match Plan::open(keys, &row).await {
        Ok(opened) => Some(opened),
        Err(PlanError::Vault(VaultError::Forgotten)) => None,
        Err(error) => return Err(Problem::internal(&error)),
    };
    let (plan, note) = opened.unzip();
    let may_read = caller.scopes.allow(super::scope::Scope::TranscriptsRead);
    Ok(Callback {
        state: row.state.into(),
        reason: row.reason,
        agent_id: row.agent_id,
        to: plan.as_ref().map(|plan| plan.to.as_str().to_owned()),
        from: plan.as_ref().map(|plan| plan.from.as_str().to_owned()),
        note: note.flatten().filter(|_| may_read),
        at: When::of(row.agreed_ms),
        zone: row.zone,
        due_at: When::of(row.due_ms),
        expires_at: When::of(row.expires_ms),
        asked_in_call_id: row.asked_call_id,
        call_id: row.call_id,
        created_at: When::of(row.created_ms),
        ended_at: row.ended_ms.map(When::of),
        id: row.id,
    })
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.callbacks().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// List callbacks, the newest first
#[utoipa::path(
    get, path = "/v1/callbacks", tag = "callbacks", params(PageParams, CallbackParams),
    responses((status = 200, body = Paged<Callback>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer<Paged<Callback>>, Problem> {
    let keys = caller.keys(&app.desk).await?;
    let page = Page::take("callbacks", &mut params)?;
    let agent = |text: &str| {
        (ids::is_file_name(text) || ids::is_id("agent", text)).then(|| text.to_owned())
    };
    let states = "expected scheduled, dialling, done, cancelled, failed or expired";
    let filter = CallbackFilter {
        state: params.read("state", states, Stored::parse)?,
        agent_id: params.read("agent_id", "expected an agent's id or name", agent)?,
    };
    params.finish()?;
    let callbacks = app.desk.store.callbacks();
    let rows = callbacks
        .list(&caller.client, &filter, page.after().as_ref(), page.limit)
        .await;
    let rows = rows.map_err(stored)?;
    let next = rows.next.map(|cursor| cursor.encode());
    let mut data = Vec::with_capacity(rows.data.len());
    for row in rows.data {
        data.push(show(&keys, &caller, row).await?);
    }
    Ok(Answer(page.up_to(data, next)))
}

/// Show a callback
#[utoipa::path(
    get, path = "/v1/callbacks/{id}", tag = "callbacks", params(("id" = String, Path)),
    responses((status = 200, body = Callback)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<Callback>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    show(&keys, &caller, row).await.map(Answer)
}

/// Schedule a callback
///
/// The number must be one that may be called at that time; when the time has come everything is asked again, as for any call.
/// A number has one callback: this one replaces another that is still to come. It is on the disk before the answer.
#[utoipa::path(
    post, path = "/v1/callbacks", tag = "callbacks", request_body = NewCallback,
    responses((status = 201, body = Callback)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewCallback>,
) -> Result<Response, Problem> {
    let to = number("/to", &new.to)?;
    within_bounds(&new.variables)?;
    let known = Known::read(&new.contact)?;
    if let Some(note) = &new.note {
        text("/note", note, NOTE_CHARS_MAX)?;
    }
    let work = async move |new_id: NewId| {
        let keys = caller.keys(&app.desk).await?;
        if !new_id.is_again() || find(&app.desk, &caller, &new_id.id).await.is_err() {
            let wish = wish(&app, &caller, &keys, (&new_id.id, to), new, known).await?;
            let scheduled = schedule(&app, &keys, &wish).await;
            scheduled.map_err(not_scheduled)?;
        }
        let row = find(&app.desk, &caller, &new_id.id).await?;
        let shown = show(&keys, &caller, row).await?;
        Made::new(&new_id.id, format!("/v1/callbacks/{}", new_id.id), &shown)
    };
    once.settle_new("cb", work).await
}

async fn wish(
    app: &App,
    caller: &Caller,
    keys: &ClientKeys,
    (id, to): (&str, PhoneNumber),
    new: NewCallback,
    known: Known,
) -> Result<Wish, Problem> {
    let which = Which::Shared {
        person: Some(&to),
        call_id: id,
    };
    let agent = app.reception.agent(&app.desk, keys, &new.agent_id, which);
    let agent = agent.await.map_err(not_there)?;
    let from = match &new.from {
        Some(from) => caller_of(app, caller, keys, from).await?.0,
        None => usual_number(app, caller, keys, &agent.id).await?,
    };
    if agent.declared(&new.variables).len() < new.variables.len() {
        let detail = "the agent does not declare all of them";
        return Err(Problem::invalid("/variables", "unknown_variable", detail));
    }
    let purpose = new.purpose.unwrap_or(Purpose::Service);
    let grounds = grounds(Some(purpose), new.legal_basis, &new.contact);
    if let Some(given) = &new.consent {
        let consent_id = consents::id_with(id);
        let (at, of) = (("/consent", &to), (consent_id.as_str(), None));
        given.note(app, keys, at, of, &[purpose]).await?;
    }
    Ok(Wish {
        id: id.to_owned(),
        agent,
        to,
        from,
        at: new.at,
        zone: new.zone,
        note: new.note,
        variables: new.variables,
        record: new.record.unwrap_or(true),
        places: known.places,
        zones: known.zones,
        grounds,
        asked_call_id: None,
    })
}

/// The number that calls if none is named: the one that the agent answers, or the only one that can.
async fn usual_number(
    app: &App,
    caller: &Caller,
    keys: &ClientKeys,
    agent_id: &str,
) -> Result<PhoneNumber, Problem> {
    let numbers = app.desk.store.numbers();
    let page = numbers.list(&caller.client, None, PAGE_ROWS_MAX).await;
    let page = page.map_err(stored)?;
    let able = page.data.iter().filter(|row| row.carrier_id.is_some());
    let able: Vec<_> = able.collect();
    let own = able.iter().copied();
    let own = own.filter(|row| row.agent_id.as_deref() == Some(agent_id));
    let own: Vec<_> = own.collect();
    let row = match (own.as_slice(), able.as_slice()) {
        ([one], _) => one,
        ([], [one]) if page.next.is_none() => one,
        _ => {
            let detail = "it cannot be told which of the client's numbers is to call; name one";
            return Err(Problem::invalid("/from", "missing", detail));
        }
    };
    let place = Place::new("numbers.number", &row.id);
    let text = desk::open(keys, place, &row.number.sealed).map_err(unopened)?;
    PhoneNumber::parse(&text).map_err(|error| Problem::internal(&error))
}

fn not_scheduled(not: NotScheduled) -> Problem {
    match not {
        NotScheduled::Vague(vague) => {
            let pointer = match vague.code() {
                "invalid_time_zone" | "time_zone_unknown" => "/zone",
                _ => "/at",
            };
            Problem::invalid(pointer, vague.code(), vague.meaning())
        }
        NotScheduled::Refused(verdict, _) if verdict.reasons().is_empty() => {
            let why = Why::Suppressed;
            Problem::new(Code::Suppressed).at("/to", why.name(), why.meaning())
        }
        NotScheduled::Refused(verdict, zone) => not_then(&verdict, zone),
        NotScheduled::Agent(not) => cannot_hold(not),
        NotScheduled::NoAccount(error @ (NoAccount::NoNumber | NoAccount::NoCarrier)) => {
            Problem::invalid("/from", "no_carrier", error.to_string())
        }
        NotScheduled::NoAccount(NoAccount::Store(error)) | NotScheduled::Store(error) => {
            stored(error)
        }
        error @ (NotScheduled::NoAccount(NoAccount::Account(_))
        | NotScheduled::Vault(_)
        | NotScheduled::Unwritable(_)) => Problem::internal(&error),
    }
}

/// A time at which the number may not be called. To wait with the same request would mend nothing: another time must be named, and
/// the next that is good is told, also by the clock by which the first was.
fn not_then(verdict: &Verdict, zone: Zone) -> Problem {
    let problem = why_not(verdict);
    let Verdict::Defer(deferred) = verdict else {
        return problem;
    };
    let (at_ms, name) = (deferred.until_unix_ms, zone.name());
    let next = zone.wall(at_ms);
    let detail = format!("the next moment at which the number may be called is {next} in {name}");
    problem.retry_at(at_ms).detail(detail)
}

/// Take a callback back
///
/// One that is being dialled is a call, and is taken back as that. One that has ended answers `conflict`.
#[utoipa::path(
    post, path = "/v1/callbacks/{id}/cancel", tag = "callbacks", params(("id" = String, Path)),
    responses((status = 200, body = Callback)),
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let work = async move {
        let (callbacks, now_ms) = (app.desk.store.callbacks(), app.dialer().now_ms());
        let state = Stored::Cancelled;
        let ended = callbacks.end(&caller.client, &id, state, "requested", now_ms);
        let ended = ended.await.map_err(stored)?;
        let row = find(&app.desk, &caller, &id).await?;
        // Taken back before is taken back.
        if !ended && row.state != Stored::Cancelled {
            let detail = "it is being dialled, or over; a call that goes on is ended by its hangup";
            return Err(Problem::new(Code::Conflict).detail(detail));
        }
        let keys = caller.keys(&app.desk).await?;
        let shown = show(&keys, &caller, row).await?;
        let made = Made::new(&id, String::new(), &shown)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}
