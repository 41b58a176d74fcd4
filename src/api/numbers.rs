//! Telephone numbers of the client's own, and who answers them.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, Json, Params, number};
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk, Place};
use crate::inbound::{Answering, Fault, Hours, OutsideHours};
use crate::store::SealedNumber;
use crate::store::numbers::{Bound, NewNumber as NewRow, Number as Row};
use crate::vault::ClientKeys;

/// A telephone number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Number {
    #[schema(example = "num_01JD0000000000000000000000")]
    id: String,
    /// In E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    /// Who answers; nobody if absent.
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: Option<String>,
    /// The account with the carrier that it comes from.
    #[schema(example = "carr_01JD0000000000000000000000")]
    carrier_account_id: Option<String>,
    /// Whoever calls it is called no more by the client, and hears so.
    opt_out_line: bool,
    /// The language of what the carrier's own voice says; English if absent.
    #[schema(example = "en")]
    language: Option<String>,
    /// When it is answered; always if absent.
    hours: Option<Hours>,
    /// What becomes of other calls; they hear that the business is closed if absent.
    outside_hours: Option<OutsideHours>,
    created_at: When,
    updated_at: When,
}

/// A number to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewNumber {
    /// In E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    /// Who answers.
    agent_id: Option<String>,
    /// The account with the carrier that it comes from.
    carrier_account_id: Option<String>,
    /// Whether it is the line that people call to be called no more: such a number has no agent.
    #[serde(default)]
    opt_out_line: bool,
    /// The language of what the carrier's own voice says, as `en` or `de`.
    language: Option<String>,
    /// When it is answered.
    hours: Option<Hours>,
    /// What becomes of other calls.
    outside_hours: Option<OutsideHours>,
}

/// What to change; what is absent stays, and what is null is taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberChange {
    /// Who answers.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    agent_id: Option<Option<String>>,
    /// The account with the carrier that it comes from.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    carrier_account_id: Option<Option<String>>,
    /// Whether it is the line that people call to be called no more.
    opt_out_line: Option<bool>,
    /// The language of what the carrier's own voice says.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    language: Option<Option<String>>,
    /// When it is answered.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Hours>)]
    hours: Option<Option<Hours>>,
    /// What becomes of other calls.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<OutsideHours>)]
    outside_hours: Option<Option<OutsideHours>>,
}

/// A field that is there, were it null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

fn show(keys: &ClientKeys, row: &Row) -> Result<Number, Problem> {
    let place = Place::new("numbers.number", &row.id);
    let Answering {
        opt_out_line,
        language,
        hours,
        outside_hours,
    } = answering(keys, row)?;
    Ok(Number {
        opt_out_line,
        language,
        hours,
        outside_hours,
        number: desk::open(keys, place, &row.number.sealed).map_err(unopened)?,
        id: row.id.clone(),
        agent_id: row.agent_id.clone(),
        carrier_account_id: row.carrier_id.clone(),
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
    })
}

fn faulty(fault: Fault) -> Problem {
    Problem::invalid(fault.pointer, fault.code, fault.detail)
}

/// How a number takes calls beside who answers them.
fn answering(keys: &ClientKeys, row: &Row) -> Result<Answering, Problem> {
    Answering::open(keys, &row.id, row.answering.as_ref())
        .map_err(|error| Problem::internal(&error))
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.numbers().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// What a number names must be the client's own.
async fn check(
    desk: &Desk,
    caller: &Caller,
    agent_id: Option<&str>,
    carrier_id: Option<&str>,
    outside: Option<&OutsideHours>,
) -> Result<(), Problem> {
    let unknown = |pointer| Problem::invalid(pointer, "not_found", "there is no such thing");
    let outside = outside.and_then(|outside| outside.agent_id.as_deref());
    let agents = [
        (agent_id, "/agent_id"),
        (outside, "/outside_hours/agent_id"),
    ];
    for (id, pointer) in agents {
        let Some(id) = id else { continue };
        let agent = desk
            .store
            .agents()
            .find(&caller.client, id)
            .await
            .map_err(stored)?;
        if agent.is_none_or(|agent| agent.archived_ms.is_some()) {
            return Err(unknown(pointer));
        }
    }
    if let Some(id) = carrier_id {
        let account = desk.store.carriers().find(&caller.client, id).await;
        if account.map_err(stored)?.is_none() {
            return Err(unknown("/carrier_account_id"));
        }
    }
    Ok(())
}

/// Add a number
#[utoipa::path(
    post, path = "/v1/numbers", tag = "numbers", request_body = NewNumber,
    responses((status = 201, body = Number)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewNumber>,
) -> Result<Response, Problem> {
    let phone = number("/number", &new.number)?;
    let (agent_id, carrier_id) = (new.agent_id, new.carrier_account_id);
    let answering = Answering {
        opt_out_line: new.opt_out_line,
        language: new.language,
        hours: new.hours,
        outside_hours: new.outside_hours,
    };
    answering.check(agent_id.as_deref()).map_err(faulty)?;
    let work = async move |new: NewId| {
        let (desk, id) = (&app.desk, &new.id);
        let outside = answering.outside_hours.as_ref();
        check(
            desk,
            &caller,
            agent_id.as_deref(),
            carrier_id.as_deref(),
            outside,
        )
        .await?;
        let keys = caller.keys(desk).await?;
        let row = NewRow {
            number: SealedNumber {
                sealed: desk::seal(&keys, Place::new("numbers.number", id), phone.as_str()),
                index: desk.own_number_index(&phone),
            },
            answering: answering.seal(&keys, id),
            id: id.clone(),
            agent_id,
            carrier_id,
            created_ms: clock::unix_ms(),
        };
        let numbers = desk.store.numbers();
        let added = numbers.add(&caller.client, &row).await;
        let row = match numbers.find(&caller.client, id).await.map_err(stored)? {
            Some(row) if added.is_ok() || new.is_there(&added) => row,
            // The number may be somebody else's by now.
            Some(_) | None => {
                return Err(added.err().map_or_else(Problem::not_found, stored));
            }
        };
        let made = Made::new(id, format!("/v1/numbers/{id}"), &show(&keys, &row)?)?;
        Ok(made.revision(row.revision))
    };
    once.settle_new("num", work).await
}

/// List numbers
#[utoipa::path(
    get, path = "/v1/numbers", tag = "numbers", params(PageParams),
    responses((status = 200, body = Paged<Number>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Number>>, Problem> {
    let page = Page::alone("numbers", params)?;
    let keys = caller.keys(&app.desk).await?;
    let numbers = app.desk.store.numbers();
    let rows = numbers
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| show(&keys, &row))
        .map(Answer)
}

/// Show a number
#[utoipa::path(
    get, path = "/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 200, body = Number)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<Number>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Say who answers a number
#[utoipa::path(
    patch, path = "/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    request_body = NumberChange, responses((status = 200, body = Number)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(change): Json<NumberChange>,
) -> Result<At<Number>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let named = (
        change.agent_id.clone().flatten(),
        change.carrier_account_id.clone().flatten(),
    );
    let outside = change.outside_hours.as_ref().and_then(Option::as_ref);
    check(
        desk,
        &caller,
        named.0.as_deref(),
        named.1.as_deref(),
        outside,
    )
    .await?;
    let keys = caller.keys(desk).await?;
    let known = answering(&keys, &row)?;
    let answering = Answering {
        opt_out_line: change.opt_out_line.unwrap_or(known.opt_out_line),
        language: change.language.unwrap_or(known.language),
        hours: change.hours.unwrap_or(known.hours),
        outside_hours: change.outside_hours.unwrap_or(known.outside_hours),
    };
    let bound = Bound {
        agent_id: change.agent_id.unwrap_or(row.agent_id),
        carrier_id: change.carrier_account_id.unwrap_or(row.carrier_id),
        answering: answering.seal(&keys, &id),
    };
    let checked = answering.check(bound.agent_id.as_deref());
    checked.map_err(faulty)?;
    let numbers = desk.store.numbers();
    let bound = numbers.bind(&caller.client, &id, revision, &bound, clock::unix_ms());
    bound.await.map_err(stored)?;
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Remove a number
#[utoipa::path(
    delete, path = "/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let removed = app.desk.store.numbers().remove(&caller.client, &id).await;
    if removed.map_err(stored)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}
