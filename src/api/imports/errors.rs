//! The rows of an import that cannot be used.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};

use super::find;
use crate::api::auth::Caller;
use crate::api::body::Id;
use crate::api::problem::Problem;
use crate::app::App;
use crate::store::StoreError;
use crate::store::imports::RowError;

/// Errors that are read from the database at once.
const ERRORS_AT_ONCE: u32 = 1_000;

fn lines(errors: &[RowError]) -> String {
    let mut text = String::new();
    for error in errors {
        let cell = error.cell.map(|cell| cell.to_string()).unwrap_or_default();
        // Words of this server's own: there is nothing in them that could be a formula.
        let detail = error.detail.replace('"', "\"\"");
        text.push_str(&format!(
            "{},{cell},{},{},\"{detail}\"\r\n",
            error.line, error.field, error.code
        ));
    }
    text
}

/// Show the rows that cannot be used
///
/// A CSV of line, column, field, code and a sentence; nothing of the rows' content. The first hundred thousand are kept.
#[utoipa::path(
    get, path = "/v1/imports/{id}/errors.csv", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/csv", body = String)),
)]
pub(in crate::api) async fn csv(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let head = "line,column,field,code,detail\r\n".to_owned();
    let first = stream::once(async move { Ok::<_, StoreError>(head) });
    let rest = stream::try_unfold(Some((0, 0)), move |after| {
        let (app, client, id) = (Arc::clone(&app), caller.client.clone(), id.clone());
        async move {
            let Some(after) = after else {
                return Ok(None);
            };
            let imports = app.desk.store.imports();
            let errors = imports.errors(&client, &id, after, ERRORS_AT_ONCE).await?;
            let next = errors.last().map(|error| (error.line, error.place));
            Ok(next.map(|next| (lines(&errors), Some(next))))
        }
    });
    let body = Body::from_stream(first.chain(rest));
    let mut response = body.into_response();
    let csv = HeaderValue::from_static("text/csv; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, csv);
    Ok(response)
}
