//! The course of a call without what was said: events, and the steps of consent.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use trunkline_core::journal::Step;
use utoipa::ToSchema;

use super::{ConsentSummary, find};
use crate::api::auth::Caller;
use crate::api::body::{Id, Params};
use crate::api::page::{Page, PageParams, Paged};
use crate::api::problem::Problem;
use crate::api::refuse::stored;
use crate::api::when::{When, seconds};
use crate::app::App;

/// Something that happened in a call.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CallEvent {
    /// Its place in the call's journal; grows.
    seq: u64,
    /// When, from the call's start.
    #[schema(example = 12.34)]
    at_seconds: f64,
    /// What, in stable snake_case: `stage_failed`, `stage_taken_over` (another provider does the work of a stage from here
    /// on), `stepped_down` (the server's own models do not judge its turns), `answered_by` (it is
    /// known who answered, or known better), `transfer_begun` and `transfer_ended` (to a person), `handed_over` (another agent
    /// speaks from here on), `opt_out`, … Further words may come.
    #[serde(rename = "type")]
    #[schema(example = "opt_out")]
    kind: String,
    /// Particulars, without personal data: the stage is `ears`, `mind` or `voice`, and who took over follows as
    /// `vendor=cartesia`; who steps down says why, as `cause=inference`; who answered, and
    /// by what it is known after how long, as `by=machine evidence=words after_ms=2140`; what became of a transfer, as
    /// `kind=warm outcome=declined`; who speaks, as `agent=agent_… version=3`.
    #[schema(example = "stage=voice")]
    detail: String,
}

/// A step of consent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ConsentStep {
    /// Its place in the call's journal; grows.
    seq: u64,
    /// When, from the call's start.
    #[schema(example = 4.2)]
    at_seconds: f64,
    /// `announced`, `unclear`, `granted`, `refused` or `withdrawn`.
    #[schema(example = "granted")]
    step: String,
    /// Particulars of the step: `method`, `class`, `from_seconds`, `again`, `erase`.
    #[schema(value_type = Object)]
    detail: Map<String, Value>,
}

/// Somebody took back what they had agreed to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ConsentWithdrawal {
    /// When, from the call's start.
    at_seconds: f64,
    /// Why, in stable snake_case.
    #[schema(example = "objected")]
    class: Value,
    /// What was stored before goes too.
    erase: bool,
    /// When it was noted.
    noted_at: When,
}

/// Consent in a call, without a word of the caller's.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CallConsent {
    #[schema(example = "call_01JD0000000000000000000000")]
    call_id: String,
    #[serde(flatten)]
    summary: ConsentSummary,
    /// Every step, as they came.
    steps: Vec<ConsentStep>,
    withdrawal: Option<ConsentWithdrawal>,
}

/// What happened in a call, as it came
#[utoipa::path(
    get, path = "/v1/calls/{id}/events", tag = "calls", params(("id" = String, Path), PageParams),
    responses((status = 200, body = Paged<CallEvent>)),
)]
pub(in crate::api) async fn events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    params: Params,
) -> Result<Answer<Paged<CallEvent>>, Problem> {
    let page = Page::alone("events", params)?;
    find(&app.desk, &caller, &id).await?;
    let events = app.desk.store.events();
    let rows = events
        .list(&caller.client, &id, page.after_number(), page.limit)
        .await;
    let (rows, more) = rows.map_err(stored)?;
    let next = rows.last().filter(|_| more).map(|row| row.seq.to_string());
    let data = rows.into_iter().map(|row| CallEvent {
        seq: row.seq,
        at_seconds: seconds(row.at_ms),
        kind: row.kind,
        detail: row.detail,
    });
    Ok(Answer(page.up_to(data.collect(), next)))
}

/// Consent in a call, step by step
#[utoipa::path(
    get, path = "/v1/calls/{id}/consent", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = CallConsent)),
)]
pub(in crate::api) async fn consent(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<CallConsent>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let consents = app.desk.store.consents();
    let steps = consents.list(&caller.client, &id).await.map_err(stored)?;
    let withdrawal = consents
        .withdrawal(&caller.client, &id)
        .await
        .map_err(stored)?;
    let steps = steps.into_iter().map(|row| {
        let (step, detail) = particulars(&row.step);
        ConsentStep {
            seq: row.seq,
            at_seconds: seconds(row.at_ms),
            step,
            detail,
        }
    });
    Ok(Answer(CallConsent {
        call_id: row.id,
        summary: ConsentSummary {
            mode: row.consent_mode.map(Into::into),
            state: row.consent_state.into(),
            method: row.consent_method.map(Into::into),
            rules: row.rules,
        },
        steps: steps.collect(),
        withdrawal: withdrawal.map(|withdrawal| ConsentWithdrawal {
            at_seconds: seconds(withdrawal.at_ms),
            class: serde_json::to_value(withdrawal.class).unwrap_or_default(),
            erase: withdrawal.erase,
            noted_at: When::of(withdrawal.noted_ms),
        }),
    }))
}

/// A step's name, and what else it says; milliseconds become seconds.
fn particulars(step: &Step) -> (String, Map<String, Value>) {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(step) else {
        return (String::new(), Map::new());
    };
    let name = fields.remove("step");
    if let Some(from_ms) = fields.remove("from_ms").and_then(|ms| ms.as_u64()) {
        fields.insert("from_seconds".into(), seconds(from_ms).into());
    }
    let name = name.and_then(|name| name.as_str().map(str::to_owned));
    (name.unwrap_or_default(), fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_in_seconds() {
        let (name, fields) = particulars(&Step::Announced {
            from_ms: 1_250,
            again: false,
        });
        assert_eq!(name, "announced");
        assert_eq!(
            Value::Object(fields),
            serde_json::json!({ "from_seconds": 1.25, "again": false })
        );
    }
}
