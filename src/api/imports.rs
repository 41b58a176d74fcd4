//! Imports: files of contacts, and of numbers that are not to be called.

mod address;
pub(super) mod errors;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use trunkline_core::contact::Column;
use trunkline_core::phone::Country;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::{Id, Params, wrong_param};
use super::once::{Bare, Made, NewId, Once};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk};
use crate::ids;
use crate::imports::fetching::Unfetched;
use crate::imports::{
    FILE_BYTES_MAX, Form, Intake, IntakeError, OPEN_MAX, OnDuplicate, Problem as Why, Settings,
    settings_place,
};
use crate::store::StoreError;
use crate::store::imports::{Import as Row, ImportState as Stored, NewImport};
use crate::vault::ClientKeys;

/// Where files are sent to.
pub(super) const PATH: &str = "/v1/imports";
/// How long a file may take to come in.
pub(super) const INTAKE_PATIENCE: Duration = Duration::from_secs(3_600);
/// How long nothing of it may come.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ImportFormat {
    /// A table.
    Csv,
    /// A JSON object in each line.
    Jsonl,
}

/// What becomes of a contact that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ImportOnDuplicate {
    /// It stays as it is.
    Skip,
    /// What the row says is taken over.
    Update,
}

/// What a file is of. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ImportKind {
    /// People that the client may want to call.
    Contacts,
    /// Numbers that are not to be called.
    Suppressions,
}

/// Where an import is. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ImportState {
    /// Its file is fetched from the address that it was asked for by.
    Fetching,
    /// It waits for others.
    Waiting,
    /// It is being read.
    Running,
    /// All of it was read.
    Completed,
    /// It could not be read to its end; what was read stays.
    Failed,
    /// Its file could not be had.
    FetchFailed,
    /// It was taken back; what was read stays.
    Cancelled,
}

/// Why an import failed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportProblem {
    /// `utf_16`, `empty`, `bad_header`, `no_phone_column`, `bad_columns`, `too_many_rows`, `interrupted`, `lost`;
    /// where the file could not be had `address_refused`, `unreachable`, `timed_out`, `broken_off`, `too_many_redirects`,
    /// `not_given`, `server_error`, `web_page`, `encoded`, `too_large`, `not_kept`.
    #[schema(example = "no_phone_column")]
    code: String,
    /// What it means.
    detail: &'static str,
}

/// A file that is read in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Import {
    #[schema(example = "imp_01JD0000000000000000000000")]
    id: String,
    kind: ImportKind,
    state: ImportState,
    /// Why it failed.
    problem: Option<ImportProblem>,
    format: ImportFormat,
    on_duplicate: ImportOnDuplicate,
    /// What columns hold where their names do not say it.
    mapping: BTreeMap<String, String>,
    /// Where the file is fetched, if it was not sent.
    #[schema(example = "https://crm.example.com/export.csv")]
    url: Option<String>,
    /// The country as within which numbers without `+` are written.
    #[schema(example = "DE")]
    default_country: Option<String>,
    /// The list that its contacts are put on.
    #[schema(example = "list_01JD0000000000000000000000")]
    list_id: Option<String>,
    /// Nothing is kept of it but its counts and errors.
    dry_run: bool,
    /// Length of the file.
    bytes: u64,
    /// How much of it was read.
    bytes_read: u64,
    /// Rows that were read.
    rows: u64,
    /// Rows that made a contact, or a suppression.
    added: u64,
    /// Rows that changed a contact.
    updated: u64,
    /// Rows whose contact or suppression was there and stayed as it was.
    skipped: u64,
    /// Rows that cannot be used: `errors.csv` says why.
    failed: u64,
    created_at: When,
    ended_at: Option<When>,
}

/// What is to be done with a file.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `create` reads them")]
pub(super) struct ImportParams {
    /// The list that its contacts are put on.
    list: Option<String>,
    /// `true` to be told what would come of it.
    dry_run: Option<bool>,
    /// What becomes of contacts that are there: `skip` or `update`.
    #[param(default = "skip")]
    on_duplicate: Option<String>,
    /// By ISO 3166-1: numbers without `+` are written as within this country, or as within the row's own `country`. Without
    /// it they are refused.
    #[param(example = "DE")]
    default_country: Option<String>,
    /// A JSON object: names of columns, and `phone_number`, `phone_number.LABEL`, `external_id`, `time_zone`, `postal_code`,
    /// `country`, `region`, `language`, `kind`, `source`, `lawful_basis`, `restricted`, `preferences.NAME`, `variables.NAME` or `ignore`.
    /// What it does not name is told by its name; everything else is a variable.
    #[param(example = "{\"Handy\":\"phone_number.mobile\"}")]
    mapping: Option<String>,
}

fn show(keys: &ClientKeys, row: &Row) -> Result<Import, Problem> {
    let text = desk::open(keys, settings_place(&row.id), &row.settings).map_err(unopened)?;
    let settings: Settings = serde_json::from_str(&text).map_err(|_| {
        Problem::internal(&StoreError::Unreadable {
            what: "an import's settings",
        })
    })?;
    let problem = row.problem.as_deref().map(|code| ImportProblem {
        code: code.to_owned(),
        detail: Unfetched::detail(code).unwrap_or_else(|| Why::detail(code)),
    });
    Ok(Import {
        id: row.id.clone(),
        kind: match settings.opt_outs {
            None => ImportKind::Contacts,
            Some(_) => ImportKind::Suppressions,
        },
        state: match row.state {
            Stored::Fetching => ImportState::Fetching,
            Stored::Waiting => ImportState::Waiting,
            Stored::Running => ImportState::Running,
            Stored::Completed => ImportState::Completed,
            Stored::Failed => ImportState::Failed,
            Stored::FetchFailed => ImportState::FetchFailed,
            Stored::Cancelled => ImportState::Cancelled,
        },
        problem,
        format: match settings.form {
            Form::Csv => ImportFormat::Csv,
            Form::Jsonl => ImportFormat::Jsonl,
        },
        on_duplicate: match settings.on_duplicate {
            OnDuplicate::Skip => ImportOnDuplicate::Skip,
            OnDuplicate::Update => ImportOnDuplicate::Update,
        },
        mapping: settings.mapping,
        url: settings.address,
        default_country: settings.default_country.map(String::from),
        list_id: row.list_id.clone(),
        dry_run: row.is_dry,
        bytes: row.bytes,
        bytes_read: row.position,
        rows: row.rows_read,
        added: row.added,
        updated: row.updated,
        skipped: row.skipped,
        failed: row.failed,
        created_at: When::of(row.created_ms),
        ended_at: row.ended_ms.map(When::of),
    })
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.imports().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// What is asked for, besides the file.
pub(super) struct Wanted {
    pub(super) settings: Settings,
    pub(super) list_id: Option<String>,
    pub(super) is_dry: bool,
}

/// How the body is written.
pub(super) fn form(request: &Request) -> Result<Form, Problem> {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().split(';').next();
    match media_type
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "text/csv" | "application/csv" | "text/tab-separated-values" => Ok(Form::Csv),
        "application/x-ndjson" | "application/jsonl" | "application/jsonlines" => Ok(Form::Jsonl),
        _ => {
            let detail = "expected text/csv or application/x-ndjson";
            Err(Problem::new(Code::UnsupportedMediaType).detail(detail))
        }
    }
}

/// What a column may hold.
const COLUMNS: &str = "a column holds phone_number, phone_number.LABEL, external_id, time_zone, postal_code, country, region, \
                       language, kind, source, lawful_basis, restricted, preferences.NAME, variables.NAME or ignore";

fn are_columns(mapping: &BTreeMap<String, String>) -> bool {
    mapping.values().all(|word| Column::parse(word).is_some())
}

/// As within which country numbers are written.
pub(super) fn country(params: &mut Params) -> Result<Option<Country>, Problem> {
    let expected = "expected a country by the two letters of ISO 3166-1, as DE";
    params.read("default_country", expected, |text| {
        Country::parse(text).ok()
    })
}

fn wanted(request: &Request, mut params: Params) -> Result<Wanted, Problem> {
    let form = form(request)?;
    let list_id = params.read("list", "expected a list's id", |text| {
        ids::is_id("list", text).then(|| text.to_owned())
    })?;
    let is_dry = params.read("dry_run", "expected true or false", |text| {
        text.parse().ok()
    })?;
    let on_duplicate = params.read(
        "on_duplicate",
        "expected skip or update",
        |text| match text {
            "skip" => Some(OnDuplicate::Skip),
            "update" => Some(OnDuplicate::Update),
            _ => None,
        },
    )?;
    let expected = "expected a JSON object of columns and what they hold";
    let mapping: Option<BTreeMap<String, String>> =
        params.read("mapping", expected, |text| serde_json::from_str(text).ok())?;
    let default_country = country(&mut params)?;
    params.finish()?;
    let mapping = mapping.unwrap_or_default();
    if !are_columns(&mapping) {
        return Err(wrong_param("mapping", "unknown_value", COLUMNS));
    }
    Ok(Wanted {
        settings: Settings {
            form,
            on_duplicate: on_duplicate.unwrap_or_default(),
            mapping,
            opt_outs: None,
            default_country,
            address: None,
        },
        list_id,
        is_dry: is_dry.unwrap_or_default(),
    })
}

pub(super) fn not_taken(error: IntakeError) -> Problem {
    match error {
        IntakeError::TooLong => {
            let detail = format!("a file has at most {FILE_BYTES_MAX} bytes");
            Problem::new(Code::TooLarge).detail(detail)
        }
        IntakeError::Disk(_) => Problem::internal(&error),
    }
}

/// Takes the file in as it comes, and its SHA-256.
pub(super) async fn take_in(intake: &mut Intake, body: Body) -> Result<[u8; 32], Problem> {
    let mut body = body.into_data_stream();
    let mut hash = Sha256::new();
    loop {
        let piece = timeout(PIECE_PATIENCE, body.next()).await;
        let Some(piece) = piece.map_err(|_| Problem::new(Code::TimedOut))? else {
            return Ok(hash.finalize().into());
        };
        let piece = piece.map_err(|error| {
            tracing::debug!(%error, "body not read");
            Problem::new(Code::MalformedBody).detail("the file broke off")
        })?;
        hash.update(&piece);
        intake.write(&piece).await.map_err(not_taken)?;
    }
}

/// Import contacts
///
/// The body is the file: CSV with names of columns in its first row, or a JSON object in each line; UTF-8, at most 1 GiB
/// and a million rows. It is kept sealed until it is read in the background: every row once, also if the server is killed
/// meanwhile. A row that cannot be used costs itself alone.
///
/// A body of JSON names the file's address instead, and says there what is to be done: the file is then fetched from there.
#[utoipa::path(
    post, path = "/v1/imports", tag = "contacts", params(ImportParams),
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"), (address::ImportByAddress = "application/json"))),
    responses((status = 201, body = Import)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    if address::is_named(&request) {
        return address::create(app, caller, params, request).await;
    }
    let wanted = wanted(&request, params)?;
    bring(app, caller, wanted, request).await
}

/// Takes a file in, to be read in the background.
pub(super) async fn bring(
    app: Arc<App>,
    caller: Caller,
    wanted: Wanted,
    request: Request,
) -> Result<Response, Problem> {
    let place = app.imports.intake().ok_or_else(|| {
        Problem::new(Code::Unavailable)
            .detail("too many files are being taken in")
            .retry_after(5)
    })?;
    let desk = &app.desk;
    if let Some(list) = &wanted.list_id {
        let found = desk.store.contact_lists().find(&caller.client, list).await;
        if found.map_err(stored)?.is_none() {
            return Err(wrong_param("list", "not_found", "there is no such list"));
        }
    }
    let once = Once::of(&request, &app)?;
    let asked = request.uri().path_and_query().map(ToString::to_string);
    let keys = caller.keys(desk).await?;
    let mut intake = app.imports.take_in(&keys).await.map_err(not_taken)?;
    let hash = take_in(&mut intake, request.into_body()).await?;
    let once = once.with_body(&asked.unwrap_or_default(), &hash);
    let work = async move |new: NewId| {
        let _place = place;
        let (desk, id) = (&app.desk, &new.id);
        if !new.is_again() || find(desk, &caller, id).await.is_err() {
            let bytes = intake.finish(id).await.map_err(not_taken)?;
            let settings = serde_json::to_string(&wanted.settings);
            let settings = settings.map_err(|error| Problem::internal(&error))?;
            let import = NewImport {
                id: id.clone(),
                settings: desk::seal(&keys, settings_place(id), &settings),
                list_id: wanted.list_id,
                is_dry: wanted.is_dry,
                bytes,
                now_ms: clock::unix_ms(),
            };
            let imports = desk.store.imports();
            let added = imports.add(&caller.client, &import, OPEN_MAX).await;
            match added.map_err(stored) {
                Ok(true) => app.imports.added(),
                Ok(false) => {
                    app.imports.discard(id);
                    let detail = format!("{OPEN_MAX} imports wait already, which is the most");
                    return Err(Problem::new(Code::Conflict).detail(detail));
                }
                Err(problem) => {
                    app.imports.discard(id);
                    return Err(problem);
                }
            }
        }
        let row = find(desk, &caller, id).await?;
        Made::new(id, format!("{PATH}/{id}"), &show(&keys, &row)?)
    };
    once.settle_new("imp", work).await
}

/// List imports, the newest first
#[utoipa::path(
    get, path = "/v1/imports", tag = "contacts", params(PageParams),
    responses((status = 200, body = Paged<Import>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Import>>, Problem> {
    let page = Page::alone("imports", params)?;
    let keys = caller.keys(&app.desk).await?;
    let imports = app.desk.store.imports();
    let rows = imports
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| show(&keys, &row))
        .map(Answer)
}

/// Show how far an import is
#[utoipa::path(
    get, path = "/v1/imports/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = Import)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<Import>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    show(&keys, &row).map(Answer)
}

/// Take an import back
///
/// What was read of it stays. One that has ended answers `conflict`.
#[utoipa::path(
    post, path = "/v1/imports/{id}/cancel", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = Import)),
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let work = async move {
        let imports = app.desk.store.imports();
        let state = Stored::Cancelled;
        let ended = imports.end(&caller.client, &id, state, None, clock::unix_ms());
        let ended = ended.await.map_err(stored)?;
        let row = find(&app.desk, &caller, &id).await?;
        if ended {
            app.imports.discard(&id);
        } else if row.state != state {
            return Err(Problem::new(Code::Conflict).detail("it is over"));
        }
        let keys = caller.keys(&app.desk).await?;
        let made = Made::new(&id, String::new(), &show(&keys, &row)?)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}
