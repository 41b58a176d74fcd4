//! What was told of whom, and to which endpoint.

use std::sync::Arc;

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::stream;
use serde::Serialize;
use trunkline_core::contact::number;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::Params;
use super::page::{Page, PageParams, Paged};
use super::problem::Problem;
use super::refuse::stored;
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::deliveries::disclosing::person_index;
use crate::store::disclosures::Disclosure as Row;
use crate::store::{Cursor, StoreError};

/// Rows that are read from the database at once.
const AT_ONCE: u32 = 500;
/// What is younger waits for the next export: another server may write a row that is a little older still.
const SETTLED_MS: i64 = 5_000;

/// Something that was told of somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Disclosure {
    #[schema(example = "dis_01JD0000000000000000000000")]
    id: String,
    /// Who it was: the same for the same number of the same client, and nothing that it could be told from.
    #[schema(example = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE")]
    person: String,
    /// What was told.
    #[schema(example = json!(["person.number", "person.external_id"]))]
    fields: Vec<String>,
    /// To whom; it may have been removed.
    #[schema(example = "we_01JD0000000000000000000000")]
    endpoint_id: String,
    #[schema(example = "evt_01JD0000000000000000000000")]
    event_id: String,
    #[schema(example = "call.ended")]
    event_type: String,
    #[schema(example = "call_01JD0000000000000000000000")]
    object_id: String,
    /// When it was about to be sent. Each try has its own.
    at: When,
}

/// Which disclosures.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `list` reads it")]
pub(super) struct DisclosureParams {
    /// Of whoever has this number, in international form (`+` is written `%2B` in an address).
    phone: Option<String>,
}

/// From where on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `export` reads it")]
pub(super) struct DisclosureExportParams {
    /// The `cursor` of the last line of an export before.
    after: Option<String>,
}

/// A line of an export.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    disclosure: Disclosure,
    cursor: String,
}

fn show(row: Row) -> Disclosure {
    Disclosure {
        id: row.id,
        person: URL_SAFE_NO_PAD.encode(row.person),
        fields: row.fields,
        endpoint_id: row.endpoint_id,
        event_id: row.event_id,
        event_type: row.kind,
        object_id: row.object_id,
        at: When::of(row.at_ms),
    }
}

/// List what was told of people, the newest first
///
/// Endpoints with `include_pii` are told of whom events are; each time is noted before it is sent, also where it did not arrive.
/// The log keeps nothing personal, and so outlives the person's data: who they were is found by their number alone.
#[utoipa::path(
    get, path = "/v1/disclosures", tag = "events", params(PageParams, DisclosureParams),
    responses((status = 200, body = Paged<Disclosure>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer<Paged<Disclosure>>, Problem> {
    let page = Page::take("disclosures", &mut params)?;
    let expected = "expected a number in E.164 form";
    let phone = params.read("phone", expected, |text| number(text).ok())?;
    params.finish()?;
    let keys = caller.keys(&app.desk).await?;
    let person = phone.map(|phone| person_index(&keys, &phone));
    let disclosures = app.desk.store.disclosures();
    let after = page.after();
    let rows = disclosures.list(&caller.client, person.as_ref(), after.as_ref(), page.limit);
    let rows = rows.await.map_err(stored)?;
    page.try_of(rows, |row| Ok(show(row))).map(Answer)
}

fn lines(rows: Vec<Row>) -> Result<String, StoreError> {
    let mut text = String::new();
    for row in rows {
        let cursor = cursor(&row).encode();
        let line = Line {
            disclosure: show(row),
            cursor,
        };
        let line = serde_json::to_string(&line).map_err(|_| StoreError::Unreadable {
            what: "a disclosure",
        })?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

fn cursor(row: &Row) -> Cursor {
    Cursor {
        created_ms: row.at_ms,
        id: row.id.clone(),
    }
}

/// Have what was told of people as a file, the oldest first
///
/// A JSON object in each line, with a `cursor`: the last one as `after` goes on where the file ended. What is younger than five
/// seconds is left for the next.
#[utoipa::path(
    get, path = "/v1/disclosures/export", tag = "events", params(DisclosureExportParams),
    responses((status = 200, content_type = "application/x-ndjson", body = String)),
)]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let expected = "expected the cursor of a line of an export";
    let after = params.read("after", expected, Cursor::parse)?;
    params.finish()?;
    let first = after.unwrap_or(Cursor {
        created_ms: 0,
        id: String::new(),
    });
    let until_ms = clock::unix_ms() - SETTLED_MS;
    let rows = stream::try_unfold(Some(first), move |after| {
        let (app, client) = (Arc::clone(&app), caller.client.clone());
        async move {
            let Some(after) = after else {
                return Ok::<_, StoreError>(None);
            };
            let disclosures = app.desk.store.disclosures();
            let rows = disclosures
                .since(&client, &after, until_ms, AT_ONCE)
                .await?;
            let next = rows.last().map(cursor);
            match next {
                None => Ok(None),
                next => Ok(Some((lines(rows)?, next))),
            }
        }
    });
    let mut response = Body::from_stream(rows).into_response();
    let jsonl = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, jsonl);
    Ok(response)
}
