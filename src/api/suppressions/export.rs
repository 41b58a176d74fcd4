//! All suppressions as a file. No numbers are kept, so none are in it: who wants to know of a number asks about it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use trunkline_core::contact::safe_cell;
use utoipa::IntoParams;

use super::show;
use crate::api::auth::Caller;
use crate::api::body::Params;
use crate::api::problem::Problem;
use crate::app::App;
use crate::store::page::PAGE_ROWS_MAX;
use crate::store::suppressions::Suppression as Row;
use crate::store::{Cursor, StoreError};

/// The columns of the table, by their names in the API.
const COLUMNS: [&str; 9] = [
    "id",
    "scope",
    "campaign_id",
    "reason",
    "source",
    "call_id",
    "created_at",
    "removed_at",
    "removed_reason",
];

/// How it is written.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `get` reads it")]
pub(in crate::api) struct SuppressionExportParams {
    /// `csv` or `jsonl`.
    #[param(default = "csv")]
    format: Option<String>,
}

fn row(row: Row, is_csv: bool) -> String {
    let shown = serde_json::to_value(show(row)).unwrap_or_default();
    if !is_csv {
        return format!("{shown}\n");
    }
    let cells = COLUMNS.map(|name| {
        let cell = safe_cell(shown[name].as_str().unwrap_or_default());
        format!("\"{}\"", cell.replace('"', "\"\""))
    });
    cells.join(",") + "\r\n"
}

/// Where an export is.
enum At {
    Begin,
    Behind(Option<Cursor>),
}

async fn next(
    app: &App,
    caller: &Caller,
    at: At,
    is_csv: bool,
) -> Result<Option<(String, At)>, StoreError> {
    let after = match at {
        At::Begin if is_csv => {
            return Ok(Some((COLUMNS.join(",") + "\r\n", At::Behind(None))));
        }
        At::Begin => None,
        At::Behind(after) => after,
    };
    let suppressions = app.desk.store.suppressions();
    let page = suppressions
        .list(&caller.client, None, after.as_ref(), PAGE_ROWS_MAX)
        .await?;
    let Some(last) = page.data.last() else {
        return Ok(None);
    };
    let behind = Cursor {
        created_ms: last.created_ms,
        id: last.id.clone(),
    };
    let rows = page.data.into_iter().map(|one| row(one, is_csv));
    Ok(Some((rows.collect(), At::Behind(Some(behind)))))
}

/// Have all suppressions as a file
///
/// CSV, or a JSON object in each line; the newest first, lifted ones too. There are no numbers in it, since none are kept: ask
/// `/v1/suppressions/check-many` about numbers that you have. A file that breaks off is not whole: its connection ends without
/// its end.
#[utoipa::path(
    get, path = "/v1/suppressions/export", tag = "suppressions", params(SuppressionExportParams),
    responses((status = 200, content(
        (String = "text/csv"), (String = "application/x-ndjson"),
    ))),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let is_csv = params.read("format", "expected csv or jsonl", |text| match text {
        "csv" => Some(true),
        "jsonl" => Some(false),
        _ => None,
    })?;
    params.finish()?;
    let is_csv = is_csv.unwrap_or(true);
    let pages = stream::try_unfold(At::Begin, move |at| {
        let (app, caller) = (Arc::clone(&app), caller.clone());
        async move { next(&app, &caller, at, is_csv).await }
    });
    let pages = pages.inspect(|page| {
        if let Err(error) = page {
            tracing::error!(%error, "an export broke off");
        }
    });
    let mut response = Body::from_stream(pages).into_response();
    let kind = match is_csv {
        true => "text/csv; charset=utf-8",
        false => "application/x-ndjson",
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
