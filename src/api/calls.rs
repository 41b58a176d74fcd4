//! Calls: what is known of them without what was said.

pub(super) mod after;
pub(super) mod check;
pub(super) mod control;
pub(super) mod cost;
pub(super) mod course;
mod kept;
pub(super) mod latency;
pub(super) mod place;
pub(super) mod recording;
pub(super) mod transcript;

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trunkline_core::consent::{Method, Mode};
use trunkline_core::token;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::{Id, Json, Params};
use super::page::{Page, PageParams, Paged};
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::{self, When, seconds};
use crate::after::set_disposition;
use crate::agent::CallDirection;
use crate::app::App;
use crate::desk::{self, Desk, Place, Side};
use crate::ids;
use crate::store::after::SetBy;
use crate::store::calls::{Call as Row, CallFilter, CallStatus, ConsentState as StoredConsent};
use crate::vault::{ClientKeys, SubjectId, SubjectKeys};
use after::{AfterCall, Disposition, Label};
use cost::CallCost;
use latency::CallLatency;
use trunkline_core::phone::PhoneNumber;

const METADATA_BYTES_MAX: usize = 16 * 1024;

/// Where a call is. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Wanted, and not dialled yet.
    Queued,
    /// Dialled, and not answered yet.
    Ringing,
    /// Going on.
    InProgress,
    /// Over.
    Ended,
}

/// What the person on the line has agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentState {
    /// Nothing is decided yet, and nothing of them is stored.
    Undecided,
    /// What they say is stored.
    Granted,
    /// Nothing of them is stored.
    Refused,
    /// Nothing more of them is stored.
    Withdrawn,
}

/// How much a person must have agreed to before anything of them is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentMode {
    /// A notice is said; going on is agreement.
    Announce,
    /// The whole notice must have been heard; going on after it is agreement.
    AnnounceContinue,
    /// A recognised yes is needed.
    Affirmative,
    /// Nothing is stored.
    NoRecord,
}

/// How consent was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentMethod {
    /// They heard the notice and stayed silent.
    Silence,
    /// They heard the notice and went on without objecting.
    WentOn,
    /// They said yes.
    SaidYes,
    /// They pressed the key for yes.
    PressedYes,
}

impl From<CallStatus> for Status {
    fn from(status: CallStatus) -> Self {
        match status {
            CallStatus::Queued => Self::Queued,
            CallStatus::Ringing => Self::Ringing,
            CallStatus::InProgress => Self::InProgress,
            CallStatus::Ended => Self::Ended,
        }
    }
}

impl From<StoredConsent> for ConsentState {
    fn from(state: StoredConsent) -> Self {
        match state {
            StoredConsent::Undecided => Self::Undecided,
            StoredConsent::Granted => Self::Granted,
            StoredConsent::Refused => Self::Refused,
            StoredConsent::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<Mode> for ConsentMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Announce => Self::Announce,
            Mode::AnnounceContinue => Self::AnnounceContinue,
            Mode::Affirmative => Self::Affirmative,
            Mode::NoRecord => Self::NoRecord,
        }
    }
}

impl From<Method> for ConsentMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Silence => Self::Silence,
            Method::WentOn => Self::WentOn,
            Method::SaidYes => Self::SaidYes,
            Method::PressedYes => Self::PressedYes,
        }
    }
}

/// The state of consent in a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentSummary {
    /// The rule that holds for the call.
    mode: Option<ConsentMode>,
    state: ConsentState,
    /// How it was given.
    method: Option<ConsentMethod>,
    /// Id and checksum of the rule pack.
    #[schema(example = "recording_consent@5f1c")]
    rules: Option<String>,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Call {
    #[schema(example = "call_01JD0000000000000000000000")]
    id: String,
    /// Who speaks: an agent's id, or its name where it comes from a file of the operator's.
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// The version it is held with; 0 for one from a file.
    #[schema(example = 3)]
    agent_version: u32,
    direction: CallDirection,
    status: Status,
    /// The number that called, in E.164 form; absent if withheld, or once the person on the line was forgotten.
    #[schema(example = "+15550100123")]
    from: Option<String>,
    /// The number that was called.
    #[schema(example = "+15550100199")]
    to: Option<String>,
    /// Of a call that came in, the contact that has the number, as it was known then.
    #[schema(example = "con_01JD0000000000000000000000")]
    contact_id: Option<String>,
    /// What came of it, in stable snake_case.
    outcome: Option<String>,
    /// Which side ended it, in stable snake_case.
    ended_by: Option<String>,
    /// Why it ended, in stable snake_case. Of one that no carrier has placed: `invalid_number`, `carrier_refused`, `carrier_busy` (it may do it
    /// later), `carrier_unreachable` (it has heard of nothing), or `never_placed`, where its answer was lost. Of one that a
    /// machine answered: `machine`, or `message_left`.
    ended_reason: Option<String>,
    /// Who answered a call that was placed: `human`, `machine`, `ivr`, `fax` or `unknown`, who is treated as a person. Absent
    /// where its agent does not want to know.
    #[schema(example = "machine")]
    answered_by: Option<String>,
    /// By what that is known, in stable snake_case: `words`, `beep`, `short_greeting`, `carrier`, …
    #[schema(example = "words")]
    answered_by_evidence: Option<String>,
    /// From the answer until it was known.
    #[schema(example = 2.14)]
    answered_by_seconds: Option<f64>,
    created_at: When,
    answered_at: Option<When>,
    ended_at: Option<When>,
    /// From the answer to the end.
    #[schema(example = 63.2)]
    duration_seconds: Option<f64>,
    consent: ConsentSummary,
    /// How much of the caller is stored.
    recorded_seconds: f64,
    has_recording: bool,
    /// Whether it is live on this server, and can be told something.
    live: bool,
    /// The client's own notes on it.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
}

/// A call, and how quickly it was answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallDetail {
    #[serde(flatten)]
    call: Call,
    /// Of what is stored: of a call that is not recorded, and once its content was deleted, there are no answers here.
    latency: CallLatency,
    /// What a model found out about it after its end; null if its agent wants nothing to be known.
    after: Option<AfterCall>,
    /// What became of it; null if nobody said.
    disposition: Option<Disposition>,
    /// What it used of whom and what that cost, by the operator's prices.
    cost: CallCost,
    /// The callback that this call is; null if it is none.
    #[schema(example = "cb_01JD0000000000000000000000")]
    callback_id: Option<String>,
    /// The callbacks that were asked for in this call, the first first, at most 20.
    #[schema(max_items = 20)]
    asked_callback_ids: Vec<String>,
}

/// Which calls.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `filter` reads them")]
pub(super) struct CallParams {
    /// Held by this agent: an id, or the name of an agent from a file.
    agent_id: Option<String>,
    /// `queued`, `ringing`, `in_progress` or `ended`.
    status: Option<String>,
    /// `inbound` or `outbound`.
    direction: Option<String>,
    /// `undecided`, `granted`, `refused` or `withdrawn`.
    consent: Option<String>,
    /// That came from this number, in E.164 form.
    from: Option<String>,
    /// That went to this number, in E.164 form.
    to: Option<String>,
    /// Made at this moment or later.
    #[param(format = DateTime)]
    created_from: Option<String>,
    /// Made before this moment.
    #[param(format = DateTime)]
    created_until: Option<String>,
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallChange {
    /// The client's own notes on it, whole: at most 16 KiB of JSON. As they are if absent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// What became of it, by a label of its agent's `after.dispositions`: a person's word, which no model changes. As it is
    /// if absent.
    #[serde(default)]
    disposition: Option<Label>,
}

fn filter(keys: &ClientKeys, params: &mut Params) -> Result<CallFilter, Problem> {
    let number = |text: &str| PhoneNumber::parse(text).ok();
    let index = |number: PhoneNumber| desk::call_index(keys, &number);
    let e164 = "expected a telephone number in E.164 form, its + written as %2B";
    let moment = "expected a moment in RFC 3339, as 2026-11-22T16:30:00Z";
    let agent = |text: &str| {
        (ids::is_file_name(text) || ids::is_id("agent", text)).then(|| text.to_owned())
    };
    Ok(CallFilter {
        agent_id: params.read("agent_id", "expected an agent's id or name", agent)?,
        status: params.read(
            "status",
            "expected queued, ringing, in_progress or ended",
            CallStatus::parse,
        )?,
        direction: params.read(
            "direction",
            "expected inbound or outbound",
            crate::store::calls::parse_direction,
        )?,
        consent: params.read(
            "consent",
            "expected undecided, granted, refused or withdrawn",
            StoredConsent::parse,
        )?,
        from_index: params.read("from", e164, number)?.map(index),
        to_index: params.read("to", e164, number)?.map(index),
        created_from_ms: params.read("created_from", moment, when::parse)?,
        created_until_ms: params.read("created_until", moment, when::parse)?,
    })
}

/// The keys of the person on the line; none if there is nobody, or they were forgotten.
async fn subject(keys: &ClientKeys, row: &Row) -> Option<SubjectKeys> {
    let id = SubjectId::parse(row.subject_id.as_deref()?)?;
    keys.subject_by_id(&id).await.ok()
}

async fn show(desk: &Desk, keys: &ClientKeys, row: Row) -> Result<Call, Problem> {
    let subject = subject(keys, &row).await;
    let number = |side, number: &Option<_>| {
        let (subject, number) = (subject.as_ref()?, number.as_ref()?);
        desk::open_call_number(subject, &row.id, side, number).ok()
    };
    let metadata = match &row.metadata {
        Some(sealed) => {
            let place = Place::new("calls.metadata", &row.id);
            let json = desk::open(keys, place, sealed).map_err(unopened)?;
            serde_json::from_str(&json).map_err(|error| Problem::internal(&error))?
        }
        None => Map::new(),
    };
    Ok(Call {
        from: number(Side::From, &row.from),
        to: number(Side::To, &row.to),
        contact_id: row.contact_id,
        live: desk.live.is_live(keys.id(), &row.id),
        agent_id: row.agent_id,
        agent_version: row.agent_version,
        direction: direction(row.direction),
        status: row.status.into(),
        outcome: row.outcome,
        ended_by: row.ended_by,
        ended_reason: row.ended_reason,
        answered_by: row.answered_by,
        answered_by_evidence: row.answered_by_evidence,
        answered_by_seconds: row.answered_by_after_ms.map(seconds),
        created_at: When::of(row.created_ms),
        answered_at: row.answered_ms.map(When::of),
        ended_at: row.ended_ms.map(When::of),
        duration_seconds: row.duration_ms.map(seconds),
        consent: ConsentSummary {
            mode: row.consent_mode.map(Into::into),
            state: row.consent_state.into(),
            method: row.consent_method.map(Into::into),
            rules: row.rules,
        },
        recorded_seconds: seconds(row.recorded_ms),
        has_recording: row.has_recording,
        metadata,
        id: row.id,
    })
}

fn direction(direction: token::Direction) -> CallDirection {
    direction.into()
}

pub(super) async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.calls().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// List calls, the newest first
#[utoipa::path(
    get, path = "/v1/calls", tag = "calls", params(PageParams, CallParams),
    responses((status = 200, body = Paged<Call>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer<Paged<Call>>, Problem> {
    let desk = &app.desk;
    let keys = caller.keys(desk).await?;
    let page = Page::take("calls", &mut params)?;
    let filter = filter(&keys, &mut params)?;
    params.finish()?;
    let calls = desk.store.calls();
    let rows = calls
        .list(&caller.client, &filter, page.after().as_ref(), page.limit)
        .await;
    let rows = rows.map_err(stored)?;
    let next = rows.next.map(|cursor| cursor.encode());
    let mut data = Vec::with_capacity(rows.data.len());
    for row in rows.data {
        data.push(show(desk, &keys, row).await?);
    }
    Ok(Answer(page.up_to(data, next)))
}

/// Show a call
#[utoipa::path(
    get, path = "/v1/calls/{id}", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = CallDetail)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<CallDetail>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    let turns = app.desk.store.turns();
    let latencies = turns.latencies(&caller.client, &id).await.map_err(stored)?;
    let after = after::known(&app, &caller, &keys, &row).await?;
    let disposition = after::disposition(&app, &keys, &id).await?;
    let used = app.desk.store.usage().list(&caller.client, &id).await;
    let callbacks = app.desk.store.callbacks();
    let callback = callbacks.of_call(&caller.client, &id).await;
    let asked = callbacks.asked_in(&caller.client, &id).await;
    let revision = row.revision;
    let detail = CallDetail {
        call: show(&app.desk, &keys, row).await?,
        latency: CallLatency::of(&latencies),
        after,
        disposition,
        cost: CallCost::of(used.map_err(stored)?),
        callback_id: callback.map_err(stored)?.map(|callback| callback.id),
        asked_callback_ids: asked.map_err(stored)?,
    };
    Ok(At(revision, detail))
}

/// Note something on a call
#[utoipa::path(
    patch, path = "/v1/calls/{id}", tag = "calls", params(("id" = String, Path)),
    request_body = CallChange, responses((status = 200, body = Call)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(change): Json<CallChange>,
) -> Result<At<Call>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let json = change
        .metadata
        .map(|metadata| Value::Object(metadata).to_string());
    if json
        .as_ref()
        .is_some_and(|json| json.len() > METADATA_BYTES_MAX)
    {
        let detail = "at most 16 KiB of JSON";
        return Err(Problem::invalid("/metadata", "too_long", detail));
    }
    let keys = caller.keys(desk).await?;
    let label = match change.disposition {
        Some(label) => Some(label.known(&app, &keys, &row).await?),
        None => None,
    };
    let sealed = match json {
        Some(json) => Some(desk::seal(&keys, Place::new("calls.metadata", &id), &json)),
        None => row.metadata,
    };
    let calls = desk.store.calls();
    // Also where only its disposition changes: whoever saw another state of the call is told so.
    let changed = calls
        .set_metadata(&caller.client, &id, revision, sealed.as_ref())
        .await;
    changed.map_err(stored)?;
    if let Some(label) = label {
        let set = set_disposition(desk, &keys, &id, &label, SetBy::Person).await;
        set.map_err(stored)?;
    }
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(desk, &keys, row).await?))
}
