//! Agreements that the client accepted, as one on the processing of data: added, and never taken away.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::text;
use super::once::{Made, NewId, Posted};
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::when::When;
use crate::app::App;
use crate::config::is_version;
use crate::desk::{self, Place};
use crate::store::agreements::Agreement as Row;
use crate::vault::ClientKeys;

const COLUMN: &str = "agreements.accepted_by";
const NAME_CHARS_MAX: usize = 200;

/// An agreement that the client accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Agreement {
    #[schema(example = "agr_01JD0000000000000000000000")]
    id: String,
    /// Which.
    #[schema(example = "dpa-2026-01")]
    version: String,
    /// Who accepted it for the client.
    #[schema(example = "Ann Miller, director")]
    accepted_by: String,
    accepted_at: When,
}

/// An agreement that the client accepts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAgreement {
    /// Which: letters, digits, dots, dashes and underscores.
    #[schema(max_length = 64, example = "dpa-2026-01")]
    version: String,
    /// Who accepts it for the client.
    #[schema(max_length = 200, example = "Ann Miller, director")]
    accepted_by: String,
}

/// What the client accepted, and what it must have.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Agreements {
    /// The latest first.
    data: Vec<Agreement>,
    /// The version without which nobody is called for the client; null if none is asked for.
    #[schema(example = "dpa-2026-01")]
    required: Option<String>,
    /// Whether it is accepted, or none is asked for.
    accepted: bool,
}

fn show(keys: &ClientKeys, row: Row) -> Result<Agreement, Problem> {
    let place = Place::new(COLUMN, &row.id);
    Ok(Agreement {
        accepted_by: desk::open(keys, place, &row.accepted_by).map_err(unopened)?,
        id: row.id,
        version: row.version,
        accepted_at: When::of(row.accepted_ms),
    })
}

/// Accept an agreement
///
/// On the disk before the answer. A version that was accepted before stays as it was, and is answered with the status 200.
#[utoipa::path(
    post, path = "/v1/agreements", tag = "client", request_body = NewAgreement,
    responses((status = 201, body = Agreement), (status = 200, body = Agreement, description = "It was accepted before")),
)]
pub(super) async fn accept(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewAgreement>,
) -> Result<Response, Problem> {
    if !is_version(&new.version) {
        let detail = "1 to 64 letters, digits, dots, dashes or underscores";
        return Err(Problem::invalid("/version", "invalid", detail));
    }
    text("/accepted_by", &new.accepted_by, NAME_CHARS_MAX)?;
    let work = async move |new_id: NewId| {
        let keys = caller.keys(&app.desk).await?;
        let place = Place::new(COLUMN, &new_id.id);
        let row = Row {
            accepted_by: desk::seal(&keys, place, &new.accepted_by),
            version: new.version.clone(),
            accepted_ms: app.dialer().now_ms(),
            id: new_id.id.clone(),
        };
        let agreements = app.desk.store.agreements();
        let accepted = agreements.accept(&caller.client, &row).await;
        let Some((row, is_new)) = accepted.map_err(stored)? else {
            let detail = "the client has accepted as many as it may";
            return Err(Problem::invalid("/version", "too_many", detail));
        };
        let id = row.id.clone();
        let made = Made::new(&id, "/v1/agreements".to_owned(), &show(&keys, row)?)?;
        Ok(if is_new {
            made
        } else {
            made.status(StatusCode::OK)
        })
    };
    once.settle_new("agr", work).await
}

/// What the client accepted
#[utoipa::path(
    get, path = "/v1/agreements", tag = "client", responses((status = 200, body = Agreements)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Answer<Agreements>, Problem> {
    let keys = caller.keys(&app.desk).await?;
    let rows = app.desk.store.agreements().list(&caller.client).await;
    let rows = rows.map_err(stored)?.into_iter();
    let data: Vec<Agreement> = rows.map(|row| show(&keys, row)).collect::<Result<_, _>>()?;
    let required = app.dialer().rules().agreement.clone();
    let accepted = match &required {
        None => true,
        Some(version) => data.iter().any(|one| one.version == *version),
    };
    Ok(Answer(Agreements {
        data,
        required,
        accepted,
    }))
}
