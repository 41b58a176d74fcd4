//! Files of registers: brought in, read in the background, and counted once they were read to their end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use trunkline_core::policy::Destination;
use trunkline_core::policy::PermissionPack;
use trunkline_core::policy::permission::Registry;
use trunkline_core::register::Numbering;
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::Caller;
use crate::api::body::{Id, Params, wrong_param};
use crate::api::imports::{not_taken, take_in};
use crate::api::once::{Bare, Made, NewId, Once};
use crate::api::page::{Page, PageParams, Paged};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::api::when::{self, When};
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk};
use crate::registries::{
    CHANGES_MAX, COVERS_MAX, OPEN_MAX, Problem as Why, Settings, settings_place,
};
use crate::store::registries::{FileKind, FileState, NewFile, RegistryFile as Row};

/// Where files are sent to.
pub(in crate::api) const PATH: &str = "/v1/registry-files";
/// Longest name of a column, in characters.
const COLUMN_CHARS_MAX: usize = 200;
/// What stands for a whole country.
const ALL: &str = "all";

/// What a file is to its register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum RegistryFileKind {
    /// All of it, in place of what was there.
    Full,
    /// Numbers that are new in it.
    Additions,
    /// Numbers that are not in it any more.
    Removals,
}

/// Where a file is. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum RegistryFileState {
    /// It waits for others.
    Waiting,
    /// It is being read; calls are decided as if it were not there.
    Running,
    /// All of it was read.
    Completed,
    /// It cannot be used, and changed nothing.
    Failed,
    /// It was taken back, and changed nothing.
    Cancelled,
}

/// Why a file cannot be used.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct RegistryFileProblem {
    /// `utf_16`, `empty`, `bad_header`, `no_number_column`, `no_numbers`, `too_many_errors`, `too_many_rows`, `no_full_file`,
    /// `older`, `interrupted`, `lost`.
    #[schema(example = "no_number_column")]
    code: String,
    /// What it means.
    detail: &'static str,
}

/// A file of a register.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct RegistryFile {
    #[schema(example = "reg_01JD0000000000000000000000")]
    id: String,
    #[schema(example = "us-national")]
    registry: String,
    kind: RegistryFileKind,
    /// Of when it is.
    as_of: When,
    /// Beginnings of the numbers that it knows; none for one that changes another.
    covers: Vec<String>,
    /// The column that holds the numbers, if it was named.
    column: Option<String>,
    state: RegistryFileState,
    /// Calls are decided by it.
    counts: bool,
    /// Why it cannot be used.
    problem: Option<RegistryFileProblem>,
    /// Its length.
    bytes: u64,
    /// How much of it was read.
    bytes_read: u64,
    /// Rows that were read.
    rows: u64,
    /// Rows that are numbers.
    numbers: u64,
    /// Rows that cannot be used.
    failed: u64,
    /// How many of them for each reason: `invalid_number`, `other_country`, `wrong_cell_count`, `unclosed_quote`, `not_utf8`,
    /// `invalid_character`, `row_too_long`.
    #[schema(value_type = BTreeMap<String, u64>)]
    errors: BTreeMap<String, u64>,
    created_at: When,
    ended_at: Option<When>,
    /// From when on calls were decided by it.
    counted_at: Option<When>,
    /// Until when.
    uncounted_at: Option<When>,
}

/// What a file is.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `create` reads them")]
pub(in crate::api) struct RegistryFileParams {
    /// Which register it is of: one of `GET /v1/registries`.
    #[param(example = "gb-tps")]
    registry: String,
    /// Of when it is: a day, or a moment.
    #[param(example = "2026-11-22")]
    as_of: String,
    /// `full`, `additions` or `removals`.
    #[param(default = "full")]
    kind: Option<String>,
    /// Beginnings of the numbers that a full file knows, with commas between them, or `all` for the whole country, which is
    /// the default but in the United States, whose register is sold by area codes.
    #[param(example = "+1212,+1646")]
    covers: Option<String>,
    /// The column that holds the numbers, where that cannot be told.
    column: Option<String>,
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.registries().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

async fn show(desk: &Desk, caller: &Caller, row: &Row) -> Result<RegistryFile, Problem> {
    let keys = caller.keys(desk).await?;
    let text = desk::open(&keys, settings_place(&row.id), &row.settings);
    let text = text.map_err(crate::api::refuse::unopened)?;
    let settings: Settings = serde_json::from_str(&text).unwrap_or_default();
    let problem = row.problem.as_deref().map(|code| RegistryFileProblem {
        code: code.to_owned(),
        detail: Why::detail(code),
    });
    Ok(RegistryFile {
        id: row.id.clone(),
        registry: row.registry.clone(),
        kind: match row.kind {
            FileKind::Full => RegistryFileKind::Full,
            FileKind::Additions => RegistryFileKind::Additions,
            FileKind::Removals => RegistryFileKind::Removals,
        },
        as_of: When::of(row.as_of_ms),
        covers: row.covers.clone(),
        column: settings.column,
        state: match row.state {
            FileState::Waiting => RegistryFileState::Waiting,
            FileState::Running => RegistryFileState::Running,
            FileState::Completed => RegistryFileState::Completed,
            FileState::Failed => RegistryFileState::Failed,
            FileState::Cancelled => RegistryFileState::Cancelled,
        },
        counts: row.counts,
        problem,
        bytes: row.bytes,
        bytes_read: row.position,
        rows: row.rows_read,
        numbers: row.numbers,
        failed: row.failed,
        errors: serde_json::from_str(&row.errors).unwrap_or_default(),
        created_at: When::of(row.created_ms),
        ended_at: row.ended_ms.map(When::of),
        counted_at: row.counted_ms.map(When::of),
        uncounted_at: row.uncounted_ms.map(When::of),
    })
}

/// What is said of a file.
struct Wanted {
    registry: Registry,
    kind: FileKind,
    as_of_ms: i64,
    covers: Vec<String>,
    settings: Settings,
}

/// Reads a day, which begins in UTC, or a moment.
fn day(text: &str) -> Option<i64> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let begins = day.and_then(|day| day.and_hms_opt(0, 0, 0));
    begins
        .map(|at| at.and_utc().timestamp_millis())
        .or_else(|| when::parse(text))
}

fn covers(registry: &Registry, text: Option<&str>) -> Result<Vec<String>, Problem> {
    let wrong = |code, detail| wrong_param("covers", code, detail);
    let numbering = Numbering::of(registry.place);
    let text = match text.map(str::trim).filter(|text| !text.is_empty()) {
        None if registry.place.is_us() => {
            let detail = "this register is sold by area codes: name those of the file, as +1212,+1646, or all";
            return Err(wrong("missing", detail));
        }
        None | Some(ALL) => {
            let detail = "the numbers of this country are not known here: name their beginnings";
            let whole = numbering.ok_or_else(|| wrong("missing", detail))?;
            return Ok(vec![whole.prefix()]);
        }
        Some(text) => text,
    };
    let expected =
        "expected beginnings of the country's numbers, as +1212, with commas between them";
    let mut found = BTreeSet::new();
    for part in text.split(',') {
        let part = part.trim();
        let read = Destination::parse(part).map_err(|_| wrong("invalid", expected))?;
        let is_own = numbering.is_none_or(|own| read.as_str().starts_with(&own.prefix()));
        if !is_own {
            return Err(wrong("invalid", expected));
        }
        found.insert(read.as_str().to_owned());
        if found.len() > COVERS_MAX {
            return Err(wrong("too_many", "at most 1000"));
        }
    }
    Ok(found.into_iter().collect())
}

fn wanted(
    pack: &PermissionPack,
    request: &Request,
    mut params: Params,
    now_ms: i64,
) -> Result<Wanted, Problem> {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().split(';').next();
    let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
    let is_table = [
        "text/plain",
        "text/csv",
        "application/csv",
        "text/tab-separated-values",
    ];
    if !is_table.contains(&media_type.as_str()) {
        let detail = "expected text/plain or text/csv";
        return Err(Problem::new(Code::UnsupportedMediaType).detail(detail));
    }
    let expected = "expected a register of GET /v1/registries";
    let registry = params.read("registry", expected, |text| pack.registry(text).cloned())?;
    let registry = registry.ok_or_else(|| wrong_param("registry", "missing", expected))?;
    let expected = "expected the day of which the file is, as 2026-11-22, or a moment";
    let as_of_ms = params.read("as_of", expected, day)?;
    let as_of_ms = as_of_ms.ok_or_else(|| wrong_param("as_of", "missing", expected))?;
    if as_of_ms > now_ms {
        let detail = "no file is of a day that is yet to come";
        return Err(wrong_param("as_of", "in_the_future", detail));
    }
    let expected = "expected full, additions or removals";
    let kind = params.read("kind", expected, FileKind::parse)?;
    let kind = kind.unwrap_or(FileKind::Full);
    let given = params.take("covers");
    let column = params.read("column", "at most 200 characters", |text| {
        let is_short = text.chars().count() <= COLUMN_CHARS_MAX;
        (is_short && !text.trim().is_empty()).then(|| text.to_owned())
    })?;
    params.finish()?;
    let covers = match kind {
        FileKind::Full => covers(&registry, given.as_deref())?,
        FileKind::Additions | FileKind::Removals if given.is_some() => {
            let detail = "what a register covers is said with its full file";
            return Err(wrong_param("covers", "not_here", detail));
        }
        FileKind::Additions | FileKind::Removals => Vec::new(),
    };
    Ok(Wanted {
        registry,
        kind,
        as_of_ms,
        covers,
        settings: Settings { column },
    })
}

/// Whether the file fits what counts: it is of no earlier day, and changes something that is there.
async fn fits(desk: &Desk, caller: &Caller, wanted: &Wanted) -> Result<(), Problem> {
    let counting = desk.store.registries().counting(&caller.client).await;
    let counting = counting.map_err(stored)?;
    let own = counting
        .iter()
        .filter(|file| file.registry == wanted.registry.id);
    let newest_ms = own.clone().map(|file| file.as_of_ms).max();
    let conflict = |why: Why| Problem::new(Code::Conflict).detail(Why::detail(why.code()));
    match newest_ms {
        Some(newest_ms) if newest_ms > wanted.as_of_ms => Err(conflict(Why::Older)),
        Some(_) if wanted.kind != FileKind::Full && own.count() > CHANGES_MAX => {
            let detail = format!("{CHANGES_MAX} files changed the full one; bring in a full one");
            Err(Problem::new(Code::Conflict).detail(detail))
        }
        _ => Ok(()),
    }
}

/// Bring in a file of a register
///
/// The body is the file, at most 1 GiB and fifty million rows, UTF-8: a number in each line, a table with a column of
/// numbers, or area code and number as the national registry of the United States has it; with names of columns in its first
/// row or without. Numbers are international, or as the register's country writes them. It is kept sealed until it is read in the
/// background, into keyed hashes. A full one counts in place of the one before once all of it was read; until then, and if it
/// cannot be used, nothing changes.
#[utoipa::path(
    post, path = "/v1/registry-files", tag = "policy", params(RegistryFileParams),
    request_body(content((String = "text/plain"), (String = "text/csv"))),
    responses((status = 201, body = RegistryFile)),
)]
pub(in crate::api) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let wanted = wanted(
        &app.desk.rules.now().permission,
        &request,
        params,
        app.dialer().now_ms(),
    )?;
    let place = app.registries.intake().ok_or_else(|| {
        Problem::new(Code::Unavailable)
            .detail("too many files are being taken in")
            .retry_after(5)
    })?;
    fits(&app.desk, &caller, &wanted).await?;
    let once = Once::of(&request, &app)?;
    let asked = request.uri().path_and_query().map(ToString::to_string);
    let keys = caller.keys(&app.desk).await?;
    let mut intake = app.registries.take_in(&keys).await.map_err(not_taken)?;
    let hash = take_in(&mut intake, request.into_body()).await?;
    let once = once.with_body(&asked.unwrap_or_default(), &hash);
    let work = async move |new: NewId| {
        let _place = place;
        let (desk, id) = (&app.desk, &new.id);
        if !new.is_again() || find(desk, &caller, id).await.is_err() {
            let bytes = intake.finish(id).await.map_err(not_taken)?;
            let settings = serde_json::to_string(&wanted.settings);
            let settings = settings.map_err(|error| Problem::internal(&error))?;
            let file = NewFile {
                id: id.clone(),
                registry: wanted.registry.id.clone(),
                kind: wanted.kind,
                settings: desk::seal(&keys, settings_place(id), &settings),
                covers: wanted.covers,
                as_of_ms: wanted.as_of_ms,
                bytes,
                now_ms: clock::unix_ms(),
            };
            let registries = desk.store.registries();
            let added = registries.add(&caller.client, &file, OPEN_MAX).await;
            match added.map_err(stored) {
                Ok(true) => app.registries.changed(),
                Ok(false) => {
                    app.registries.discard(id);
                    let detail = format!("{OPEN_MAX} files wait already, which is the most");
                    return Err(Problem::new(Code::Conflict).detail(detail));
                }
                Err(problem) => {
                    app.registries.discard(id);
                    return Err(problem);
                }
            }
        }
        let row = find(desk, &caller, id).await?;
        let shown = show(desk, &caller, &row).await?;
        Made::new(id, format!("{PATH}/{id}"), &shown)
    };
    once.settle_new("reg", work).await
}

/// List files of registers, the newest first
#[utoipa::path(
    get, path = "/v1/registry-files", tag = "policy", params(PageParams),
    responses((status = 200, body = Paged<RegistryFile>)),
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<RegistryFile>>, Problem> {
    let page = Page::alone("registry-files", params)?;
    let registries = app.desk.store.registries();
    let rows = registries
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    let rows = rows.map_err(stored)?;
    let mut shown = BTreeMap::new();
    for row in &rows.data {
        shown.insert(row.id.clone(), show(&app.desk, &caller, row).await?);
    }
    page.try_of(rows, |row| {
        shown.remove(&row.id).ok_or_else(Problem::not_found)
    })
    .map(Answer)
}

/// Show how far a file of a register is
#[utoipa::path(
    get, path = "/v1/registry-files/{id}", tag = "policy", params(("id" = String, Path)),
    responses((status = 200, body = RegistryFile)),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<RegistryFile>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    show(&app.desk, &caller, &row).await.map(Answer)
}

/// Take a file of a register back
///
/// Before it counts: it changes nothing then. One that was read to its end answers `conflict`.
#[utoipa::path(
    post, path = "/v1/registry-files/{id}/cancel", tag = "policy", params(("id" = String, Path)),
    responses((status = 200, body = RegistryFile)),
)]
pub(in crate::api) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let work = async move {
        let registries = app.desk.store.registries();
        let state = FileState::Cancelled;
        let ended = registries.end(&caller.client, &id, state, None, clock::unix_ms());
        let ended = ended.await.map_err(stored)?;
        let row = find(&app.desk, &caller, &id).await?;
        if ended {
            app.registries.discard(&id);
            app.registries.changed();
        } else if row.state != state {
            return Err(Problem::new(Code::Conflict).detail("it was read to its end"));
        }
        let shown = show(&app.desk, &caller, &row).await?;
        let made = Made::new(&id, String::new(), &shown)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}

/// Have a file of a register count no more
///
/// Its numbers are removed, and with a full one whatever changed it: from now on nobody is checked by that register. The
/// file stays in the list, as it tells how calls were decided.
#[utoipa::path(
    delete, path = "/v1/registry-files/{id}", tag = "policy", params(("id" = String, Path)),
    responses((status = 204, description = "It does not count")),
)]
pub(in crate::api) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    if row.ended_ms.is_none() {
        let detail = "it is not read to its end; cancel it";
        return Err(Problem::new(Code::Conflict).detail(detail));
    }
    let stopped = app.desk.store.registries();
    let stopped = stopped.stop(&caller.client, &row, clock::unix_ms()).await;
    if stopped.map_err(stored)? {
        app.registries.changed();
    }
    Ok(StatusCode::NO_CONTENT)
}
