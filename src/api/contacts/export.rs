//! All contacts as a file.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use trunkline_core::contact::{CALLING_HOURS, Contact as Known, PHONES_MAX, Value, safe_cell};
use utoipa::IntoParams;

use super::show;
use crate::api::auth::Caller;
use crate::api::body::{Params, wrong_param};
use crate::api::problem::Problem;
use crate::api::refuse::stored;
use crate::app::App;
use crate::contacts::{NotOpened, open_all};
use crate::ids;
use crate::store::contacts::Contact as Row;
use crate::vault::ClientKeys;

/// Contacts that are read from the database at once.
const AT_ONCE: u32 = 200;
/// Columns of the table besides numbers and variables.
const COLUMNS: [&str; 11] = [
    "external_id",
    "time_zone",
    "postal_code",
    "country",
    "region",
    "language",
    "kind",
    "source",
    "lawful_basis",
    "restricted",
    "preferences.calling_hours",
];
/// Names of variables that a table may have columns for.
const VARIABLES_MAX: usize = 10_000;

/// Which contacts, and how.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `get` reads them")]
pub(in crate::api) struct ExportParams {
    /// On this list.
    list: Option<String>,
    /// `csv` or `jsonl`.
    #[param(default = "csv")]
    format: Option<String>,
}

/// What is read, page by page.
struct Reading {
    app: Arc<App>,
    caller: Caller,
    keys: ClientKeys,
    list: Option<String>,
}

impl Reading {
    /// The contacts behind `after`, and the id of the last one.
    async fn page(
        &self,
        after: Option<&str>,
    ) -> Result<Option<(Vec<(Row, Known)>, String)>, NotOpened> {
        let contacts = self.app.desk.store.contacts();
        let list = self.list.as_deref();
        let (rows, _) = contacts
            .list(&self.caller.client, list, after, AT_ONCE)
            .await?;
        let Some(last) = rows.last().map(|row| row.id.clone()) else {
            return Ok(None);
        };
        let opened = open_all(&self.keys, rows).await?.into_iter();
        let opened = opened.map(|(row, contact, _)| (row, contact));
        Ok(Some((opened.collect(), last)))
    }
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", safe_cell(cell).replace('"', "\"\""))
}

/// A row of the table.
fn cells(contact: Known, variables: &BTreeSet<String>) -> String {
    let mut details = contact.into_details();
    let mut cells = Vec::with_capacity(PHONES_MAX + COLUMNS.len() + variables.len());
    for at in 0..PHONES_MAX {
        let number = details.phones.get(at).map(|(number, _)| number.as_str());
        cells.push(quoted(number.unwrap_or_default()));
    }
    let fixed = [
        details.external_id,
        details.time_zone,
        details.postal_code,
        details.country,
        details.region,
        details.language,
        details.kind,
        details.source,
        details.lawful_basis,
        details.restricted,
        details.preferences.remove(CALLING_HOURS),
    ];
    cells.extend(
        fixed
            .iter()
            .map(|cell| quoted(cell.as_deref().unwrap_or_default())),
    );
    let values = variables.iter().map(|name| details.variables.get(name));
    cells.extend(values.map(|value| quoted(&value.map(Value::text).unwrap_or_default())));
    cells.join(",") + "\r\n"
}

/// The first row of the table.
fn names(variables: &BTreeSet<String>) -> String {
    let phones = (1..=PHONES_MAX).map(|at| match at {
        1 => "phone_number".to_owned(),
        at => format!("phone_number_{at}"),
    });
    let fixed = COLUMNS.iter().map(|name| (*name).to_owned());
    // What one is called like a column is told to be a variable.
    let variables = variables.iter().map(|name| format!("variables.{name}"));
    let all: Vec<String> = phones.chain(fixed).chain(variables).collect();
    all.join(",") + "\r\n"
}

/// A line of JSON, as an import reads it.
fn line(row: &Row, contact: Known) -> String {
    let mut shown = serde_json::to_value(show(row, contact)).unwrap_or_default();
    if let Some(fields) = shown.as_object_mut() {
        for own in ["id", "created_at", "updated_at"] {
            fields.remove(own);
        }
        fields.retain(|_, value| !value.is_null());
    }
    format!("{shown}\n")
}

/// Which variables there are: a table names them before its first contact.
async fn variables(reading: &Reading) -> Result<BTreeSet<String>, NotOpened> {
    let (mut names, mut after) = (BTreeSet::new(), None);
    while let Some((contacts, last)) = reading.page(after.as_deref()).await? {
        for (_, contact) in contacts {
            names.extend(contact.variables.into_keys());
        }
        if names.len() > VARIABLES_MAX {
            return Err(NotOpened::Unreadable);
        }
        after = Some(last);
    }
    Ok(names)
}

/// Where an export is.
enum At {
    Begin,
    Behind(Option<String>, Arc<BTreeSet<String>>),
}

async fn next(reading: &Reading, at: At, is_csv: bool) -> Result<Option<(String, At)>, NotOpened> {
    let (after, columns) = match at {
        At::Begin if is_csv => {
            let columns = Arc::new(variables(reading).await?);
            return Ok(Some((names(&columns), At::Behind(None, columns))));
        }
        At::Begin => (None, Arc::default()),
        At::Behind(after, columns) => (after, columns),
    };
    let Some((contacts, last)) = reading.page(after.as_deref()).await? else {
        return Ok(None);
    };
    let rows = contacts.into_iter().map(|(row, contact)| match is_csv {
        true => cells(contact, &columns),
        false => line(&row, contact),
    });
    Ok(Some((rows.collect(), At::Behind(Some(last), columns))))
}

/// Have all contacts as a file
///
/// CSV, or a JSON object in each line, as an import reads it. In CSV an apostrophe stands in front of what a spreadsheet would
/// take for a formula, numbers among it; an import takes it off again. Labels and preferences are in the JSON lines alone. A
/// file that breaks off is not whole: its connection ends without its end.
#[utoipa::path(
    get, path = "/v1/contacts/export", tag = "contacts", params(ExportParams),
    responses((status = 200, content(
        (String = "text/csv"), (String = "application/x-ndjson"),
    ))),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let list = params.read("list", "expected a list's id", |text| {
        ids::is_id("list", text).then(|| text.to_owned())
    })?;
    let is_csv = params.read("format", "expected csv or jsonl", |text| match text {
        "csv" => Some(true),
        "jsonl" => Some(false),
        _ => None,
    })?;
    params.finish()?;
    let is_csv = is_csv.unwrap_or(true);
    if let Some(list) = &list {
        let found = app
            .desk
            .store
            .contact_lists()
            .find(&caller.client, list)
            .await;
        if found.map_err(stored)?.is_none() {
            return Err(wrong_param("list", "not_found", "there is no such list"));
        }
    }
    let keys = caller.keys(&app.desk).await?;
    let reading = Arc::new(Reading {
        app,
        caller,
        keys,
        list,
    });
    let pages = stream::try_unfold(At::Begin, move |at| {
        let reading = Arc::clone(&reading);
        async move { next(&reading, at, is_csv).await }
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
