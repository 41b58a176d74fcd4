//! Who must not be called. Numbers come in and never go out: only their keyed hashes are kept.

pub(super) mod export;
pub(super) mod import;
pub(super) mod many;

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::opt_outs::{CAMPAIGN_CHARS_MAX, is_campaign};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::{Id, Params, number, wrong_param};
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::stored;
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk};
use crate::store::StoreError;
use crate::store::suppressions::{NewSuppression as NewRow, Scope as Reach, Suppression as Row};

/// How far a suppression reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SuppressionScope {
    /// One campaign.
    Campaign,
    /// Everything the client does.
    Client,
    /// Every client of the server.
    Platform,
}

/// Why a number must not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// They said so.
    OptOut,
    /// They objected by other means than a call.
    Objection,
    /// They are on a list of those who must not be called.
    DoNotCall,
    /// It is somebody else's number.
    WrongNumber,
    /// A complaint came in.
    Complaint,
    /// Another reason of the client's.
    Other,
}

/// Why a suppression is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RemovalReason {
    /// They asked to be called again.
    NewConsent,
    /// It was made by mistake.
    Mistake,
    /// The number has another owner now.
    Reassigned,
}

/// A number that must not be called; the number itself is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Suppression {
    #[schema(example = "sup_01JD0000000000000000000000")]
    id: String,
    scope: SuppressionScope,
    /// The campaign, where it reaches no further.
    campaign_id: Option<String>,
    /// Why, in stable snake_case.
    #[schema(example = "opt_out")]
    reason: String,
    /// Where it came from, in stable snake_case.
    #[schema(example = "call")]
    source: String,
    /// The call in which it was said.
    #[schema(example = "call_01JD0000000000000000000000")]
    call_id: Option<String>,
    created_at: When,
    /// Since then it does not hold.
    removed_at: Option<When>,
    /// Why it was lifted, in stable snake_case.
    removed_reason: Option<String>,
}

/// A number not to be called from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSuppression {
    /// In E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    reason: Reason,
    /// The client's own id of a campaign: that one alone is to call no more, and others may.
    campaign_id: Option<String>,
}

/// A number to be looked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SuppressionQuestion {
    /// In E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    /// The client's own id of the campaign that would call.
    campaign_id: Option<String>,
}

/// Whether a number may be called.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuppressionAnswer {
    /// Whether anything forbids it.
    suppressed: bool,
    /// What forbids it.
    suppression: Option<Suppression>,
}

/// Why it is lifted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `remove` reads it")]
pub(super) struct RemovalParams {
    /// Why: `new_consent`, `mistake` or `reassigned`.
    reason: String,
}

fn reach(scope: Reach) -> SuppressionScope {
    match scope {
        Reach::Campaign => SuppressionScope::Campaign,
        Reach::Client => SuppressionScope::Client,
        Reach::Platform => SuppressionScope::Platform,
    }
}

fn show(row: Row) -> Suppression {
    Suppression {
        scope: reach(row.scope),
        id: row.id,
        campaign_id: row.campaign_id,
        reason: row.reason,
        source: row.source,
        call_id: row.call_id,
        created_at: When::of(row.created_ms),
        removed_at: row.removed_ms.map(When::of),
        removed_reason: row.removed_reason,
    }
}

fn word<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// The id of a campaign, as a field of a body.
fn campaign(given: Option<String>) -> Result<Option<String>, Problem> {
    if given.as_deref().is_none_or(is_campaign) {
        return Ok(given);
    }
    let detail = format!("expected 1 to {CAMPAIGN_CHARS_MAX} letters, digits, -, _ and .");
    Err(Problem::invalid("/campaign_id", "invalid", detail))
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.suppressions().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// Forbid to call a number
///
/// On the disk before the answer. If one holds already, the answer is that one, with the status 200.
#[utoipa::path(
    post, path = "/v1/suppressions", tag = "suppressions", request_body = NewSuppression,
    responses((status = 201, body = Suppression), (status = 200, body = Suppression, description = "One held already")),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewSuppression>,
) -> Result<Response, Problem> {
    let phone = number("/number", &new.number)?;
    let campaign_id = campaign(new.campaign_id)?;
    let work = async move |new_id: NewId| {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let row = NewRow {
            id: new_id.id.clone(),
            campaign_id,
            hash: desk::suppression_index(&keys, &phone),
            reason: word(&new.reason),
            source: "api".into(),
            call_id: None,
            created_ms: clock::unix_ms(),
        };
        let added = desk.store.suppressions().add(&caller.client, &row).await;
        let (row, is_new) = match added {
            // Made by an attempt that was lost, and lifted since.
            Err(StoreError::Conflict) => (find(desk, &caller, &new_id.id).await?, false),
            added => added.map_err(stored)?,
        };
        let id = row.id.clone();
        let made = Made::new(&id, format!("/v1/suppressions/{id}"), &show(row))?;
        Ok(if is_new {
            made
        } else {
            made.status(StatusCode::OK)
        })
    };
    once.settle_new("sup", work).await
}

/// Ask whether a number may be called
#[utoipa::path(
    post, path = "/v1/suppressions/check", tag = "suppressions", request_body = SuppressionQuestion,
    responses((status = 200, body = SuppressionAnswer)),
)]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body, once }: Posted<SuppressionQuestion>,
) -> Result<Response, Problem> {
    let phone = number("/number", &body.number)?;
    let campaign_id = campaign(body.campaign_id)?;
    let work = async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let hash = desk::suppression_index(&keys, &phone);
        let platform_hash = desk.platform_suppression_index(&phone);
        let suppressions = desk.store.suppressions();
        let found = suppressions
            .check(
                &caller.client,
                &hash,
                &platform_hash,
                campaign_id.as_deref(),
            )
            .await
            .map_err(stored)?;
        let answer = SuppressionAnswer {
            suppressed: found.is_some(),
            suppression: found.map(show),
        };
        let made = Made::new("", String::new(), &answer)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}

/// List suppressions, lifted ones too
#[utoipa::path(
    get, path = "/v1/suppressions", tag = "suppressions", params(PageParams),
    responses((status = 200, body = Paged<Suppression>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Suppression>>, Problem> {
    let page = Page::alone("suppressions", params)?;
    let suppressions = app.desk.store.suppressions();
    let rows = suppressions
        .list(&caller.client, None, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| Ok(show(row)))
        .map(Answer)
}

/// Show a suppression
#[utoipa::path(
    get, path = "/v1/suppressions/{id}", tag = "suppressions", params(("id" = String, Path)),
    responses((status = 200, body = Suppression)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<Suppression>, Problem> {
    Ok(Answer(show(find(&app.desk, &caller, &id).await?)))
}

/// Lift a suppression
///
/// It stays readable, with the reason.
#[utoipa::path(
    delete, path = "/v1/suppressions/{id}", tag = "suppressions", params(("id" = String, Path), RemovalParams),
    responses((status = 204, description = "It does not hold any more")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
) -> Result<StatusCode, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let expected = "expected new_consent, mistake or reassigned";
    let reason = params.read("reason", expected, |text| {
        serde_json::from_value::<RemovalReason>(text.into()).ok()
    })?;
    let reason = reason.ok_or_else(|| wrong_param("reason", "missing", "say why it is lifted"))?;
    params.finish()?;
    if row.scope == Reach::Platform {
        return Err(Problem::new(Code::Forbidden));
    }
    let suppressions = app.desk.store.suppressions();
    let lifted = suppressions
        .remove(&caller.client, &id, &word(&reason), clock::unix_ms())
        .await;
    lifted.map_err(stored)?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suppressions::Reason as Known;

    #[test]
    fn every_reason_has_the_same_word_in_the_api_and_in_lists() {
        for reason in Known::ALL {
            let read: Reason = serde_json::from_value(reason.as_str().into()).unwrap();
            assert_eq!(word(&read), reason.as_str());
        }
    }
}
