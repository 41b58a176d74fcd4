//! Why calls were not allowed, and why those that were placed were.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use trunkline_core::phone::PhoneNumber;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::{Id, Params};
use super::calls::find;
use super::page::{Page, PageParams, Paged};
use super::problem::Problem;
use super::refuse::stored;
use super::when::When;
use crate::app::App;
use crate::desk;
use crate::dial::refusals;
use crate::store::decisions::{Decision as Row, DecisionAbout as Stored, DecisionVerdict as Said};

/// What was asked for. Further words may come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DecisionAbout {
    /// A call, at once.
    Call,
    /// A callback: when it was scheduled, or when its time came.
    Callback,
}

/// What was said to it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DecisionVerdict {
    /// Not before `retry_at`.
    Defer,
    /// No.
    Deny,
}

/// A call that was asked for and not allowed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Decision {
    #[schema(example = "dec_01JD0000000000000000000000")]
    id: String,
    about: DecisionAbout,
    /// The id that the call has or would have had.
    #[schema(example = "call_01JD0000000000000000000000")]
    object_id: String,
    verdict: DecisionVerdict,
    /// Every reason against it, by its stable name.
    #[schema(example = json!(["outside_calling_hours"]))]
    reasons: Vec<String>,
    /// When it would have been asked again.
    retry_at: Option<When>,
    /// The pack of calling hours, and its checksum behind an `@`: `/v1/rules/{sha256}` has its text.
    rules: String,
    created_at: When,
}

/// One decision, and how it was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecisionInFull {
    #[serde(flatten)]
    decision: Decision,
    /// What it rests on: packs of rules, places, clocks and their hours, how often the number was called, consent and registers.
    /// The number is not in it. Absent once the person is forgotten.
    #[schema(value_type = Option<Object>)]
    trace: Option<Value>,
}

/// Why a call that was placed was allowed. All but its id is absent of a call that came in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallDecision {
    #[schema(example = "call_01JD0000000000000000000000")]
    call_id: String,
    /// The pack of calling hours, and its checksum behind an `@`: `/v1/rules/{sha256}` has its text.
    rules: Option<String>,
    created_at: Option<When>,
    /// What it rests on; absent once the person is forgotten.
    #[schema(value_type = Option<Object>)]
    trace: Option<Value>,
}

/// Which decisions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `list` reads it")]
pub(super) struct DecisionParams {
    /// Those about this number alone, in E.164 form.
    number: Option<String>,
}

fn show(row: &Row) -> Decision {
    Decision {
        id: row.id.clone(),
        about: match row.about {
            Stored::Call => DecisionAbout::Call,
            Stored::Callback => DecisionAbout::Callback,
        },
        object_id: row.object_id.clone(),
        verdict: match row.verdict {
            Said::Defer => DecisionVerdict::Defer,
            Said::Deny => DecisionVerdict::Deny,
        },
        reasons: row.codes.clone(),
        retry_at: row.again_ms.map(When::of),
        rules: row.rules.clone(),
        created_at: When::of(row.made_ms),
    }
}

fn parsed(trace: Option<String>) -> Result<Option<Value>, Problem> {
    let parsed = trace.map(|json| serde_json::from_str(&json)).transpose();
    parsed.map_err(|error| Problem::internal(&error))
}

/// List calls that were not allowed, the newest first
///
/// Whoever is asked about by `/v1/calls/check` is not among them: nothing was to be dialled.
#[utoipa::path(
    get, path = "/v1/decisions", tag = "policy", params(PageParams, DecisionParams),
    responses((status = 200, body = Paged<Decision>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer<Paged<Decision>>, Problem> {
    let page = Page::take("decisions", &mut params)?;
    let of = params.read("number", "expected a number in E.164 form", |text| {
        PhoneNumber::parse(text).ok()
    })?;
    params.finish()?;
    let keys = caller.keys(&app.desk).await?;
    let hash = of.map(|person| desk::call_index(&keys, &person));
    let decisions = app.desk.store.decisions();
    let after = page.after();
    let rows = decisions.list(&caller.client, hash.as_ref(), after.as_ref(), page.limit);
    let rows = rows.await.map_err(stored)?;
    page.try_of(rows, |row| Ok(show(&row))).map(Answer)
}

/// Show why a call was not allowed
#[utoipa::path(
    get, path = "/v1/decisions/{id}", tag = "policy", params(("id" = String, Path)),
    responses((status = 200, body = DecisionInFull)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<DecisionInFull>, Problem> {
    let found = app.desk.store.decisions().find(&caller.client, &id).await;
    let row = found.map_err(stored)?.ok_or_else(Problem::not_found)?;
    let keys = caller.keys(&app.desk).await?;
    let trace = refusals::trace(&keys, &row).await;
    Ok(Answer(DecisionInFull {
        decision: show(&row),
        trace: parsed(trace.map_err(|error| Problem::internal(&error))?)?,
    }))
}

/// Show why a call that was placed was allowed
#[utoipa::path(
    get, path = "/v1/calls/{id}/decision", tag = "policy", params(("id" = String, Path)),
    responses((status = 200, body = CallDecision)),
)]
pub(super) async fn of_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<CallDecision>, Problem> {
    find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    let found = app.desk.store.attempts().of_call(&caller.client, &id).await;
    let Some(attempt) = found.map_err(stored)? else {
        return Ok(Answer(CallDecision {
            call_id: id,
            rules: None,
            created_at: None,
            trace: None,
        }));
    };
    let trace = refusals::of_attempt(&keys, &attempt).await;
    Ok(Answer(CallDecision {
        call_id: attempt.call_id,
        rules: Some(attempt.rules),
        created_at: Some(When::of(attempt.asked_ms)),
        trace: parsed(trace.map_err(|error| Problem::internal(&error))?)?,
    }))
}
