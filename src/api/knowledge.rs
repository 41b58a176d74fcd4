//! Documents that a client's agents may look things up in.

mod search;
mod upload;

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::knowledge::Kind;
use utoipa::{IntoParams, ToSchema};

pub(super) use search::{__path_search, search};

use super::auth::Caller;
use super::body::{Id, Json, Params, text};
use super::once::{Made, NewId};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::When;
use crate::agent::AgentSpec;
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk};
use crate::knowledge::{DOCUMENTS_MAX, Unread, can_be_searched, name_place, seal_source};
use crate::store::StoreError;
use crate::store::knowledge::{Document as Row, NewDocument, State as RowState, Upload};
use crate::vault::ClientKeys;
use upload::{Uploaded, read};

const NAME_CHARS_MAX: usize = 200;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DocumentKind {
    /// Plain text.
    Text,
    /// Text with headings.
    Markdown,
    /// Rows with a header.
    Csv,
    /// Pages.
    Pdf,
}

/// How far a document has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DocumentState {
    /// It is being read, or waits for that; what was uploaded before is looked up meanwhile.
    Indexing,
    /// It can be looked up.
    Ready,
    /// It could not be read; what was uploaded before is looked up still.
    Failed,
}

/// How passages are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FoundBy {
    /// By the words of a question.
    Words,
    /// By its words and by its meaning.
    WordsAndMeaning,
}

/// Why a document could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentProblem {
    /// Its stable name: `no_words`, `damaged`, `password`, `too_many_pages`, `too_much_text`, `too_many_passages`,
    /// `too_much_memory`, `too_slow`, `interrupted`, `not_now`, …
    #[schema(example = "password")]
    code: String,
    /// What it means, and what to do.
    detail: &'static str,
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnowledgeDocument)]
pub(super) struct Document {
    #[schema(example = "doc_01JD0000000000000000000000")]
    id: String,
    /// What its owner calls it; agents name it as their source.
    #[schema(example = "Price list")]
    name: String,
    kind: DocumentKind,
    /// Length of what was uploaded last.
    bytes: u64,
    state: DocumentState,
    /// Of a document that failed, why.
    problem: Option<DocumentProblem>,
    /// Passages that can be found now.
    passages: u32,
    /// How they are found; absent while there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_by: Option<FoundBy>,
    created_at: When,
    updated_at: When,
}

/// What to change of a document beside its content.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KnowledgeDocumentChange)]
pub(super) struct DocumentChange {
    /// What to call it.
    #[schema(max_length = 200, example = "Price list")]
    name: String,
}

/// What a new document is called.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `Params` is what is read")]
pub(super) struct NameParam {
    /// What to call the document; agents name it as their source.
    #[param(max_length = 200, example = "Price list")]
    name: String,
}

fn kind(kind: Kind) -> DocumentKind {
    match kind {
        Kind::Text => DocumentKind::Text,
        Kind::Markdown => DocumentKind::Markdown,
        Kind::Csv => DocumentKind::Csv,
        Kind::Pdf => DocumentKind::Pdf,
    }
}

fn show(app: &App, keys: &ClientKeys, row: &Row) -> Result<Document, Problem> {
    let problem = row.problem.as_deref().map(|code| DocumentProblem {
        code: code.to_owned(),
        detail: Unread::parse(code).map_or("it could not be read", Unread::detail),
    });
    let found_by = match app.knowledge.finds_by_meaning(&row.embedder) {
        true => FoundBy::WordsAndMeaning,
        false => FoundBy::Words,
    };
    Ok(Document {
        name: desk::open(keys, name_place(&row.id), &row.name).map_err(unopened)?,
        kind: kind(row.kind),
        bytes: row.bytes,
        state: match row.state {
            RowState::Indexing => DocumentState::Indexing,
            RowState::Ready => DocumentState::Ready,
            RowState::Failed => DocumentState::Failed,
        },
        problem,
        passages: row.passages,
        found_by: can_be_searched(row.state, row.shown).then_some(found_by),
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
        id: row.id.clone(),
    })
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.knowledge().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// The documents that an agent names are the client's own.
pub(super) async fn are_own(desk: &Desk, caller: &Caller, spec: &AgentSpec) -> Result<(), Problem> {
    let mut problem = None;
    for (at, id) in spec.knowledge.iter().enumerate() {
        let row = desk.store.knowledge().find(&caller.client, id).await;
        if row.map_err(stored)?.is_none() {
            let told = problem
                .take()
                .unwrap_or_else(|| Problem::new(Code::Invalid));
            let detail = "there is no such document";
            problem = Some(told.at(format!("/knowledge/{at}"), "not_found", detail));
        }
    }
    problem.map_or(Ok(()), Err)
}

/// Add a document
///
/// The body is the document itself: text, Markdown, CSV or a PDF, at most 10 MiB. `Content-Type` may say which; a
/// document that is something else is refused. It is read in the background: its state tells when it can be looked up.
#[utoipa::path(
    post, path = "/v1/knowledge/documents", tag = "knowledge", params(NameParam),
    request_body(content(
        (String = "text/plain"), (String = "text/markdown"), (String = "text/csv"),
        (Vec<u8> = "application/pdf"), (Vec<u8> = "application/octet-stream"),
    )),
    responses((status = 201, body = Document)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let name = params.take("name").unwrap_or_default();
    params.finish()?;
    text("query:name", &name, NAME_CHARS_MAX)?;
    let Uploaded {
        kind,
        bytes,
        once,
        place,
    } = read(&app, request).await?;
    let work = async move |new: NewId| {
        let _place = place;
        let (desk, id) = (&app.desk, &new.id);
        let keys = caller.keys(desk).await?;
        let document = NewDocument {
            id: id.clone(),
            name: desk::seal(&keys, name_place(id), &name),
            upload: Upload {
                kind,
                bytes: bytes.len() as u64,
                body: seal_source(&keys, id, &bytes),
                now_ms: clock::unix_ms(),
            },
        };
        drop(bytes);
        let knowledge = desk.store.knowledge();
        let added = knowledge
            .add(&caller.client, &document, DOCUMENTS_MAX)
            .await;
        match added {
            Ok(true) => {}
            // The attempt before was lost with its server, behind this.
            Err(StoreError::Conflict) if new.is_again() => {}
            Ok(false) => {
                let detail =
                    format!("there are {DOCUMENTS_MAX} documents, which is the most; remove one");
                return Err(Problem::new(Code::Conflict).detail(detail));
            }
            Err(error) => return Err(stored(error)),
        }
        app.knowledge.changed(&caller.client, id);
        let row = find(desk, &caller, id).await?;
        let shown = show(&app, &keys, &row)?;
        let made = Made::new(id, format!("/v1/knowledge/documents/{id}"), &shown)?;
        Ok(made.revision(row.revision))
    };
    once.settle_new("doc", work).await
}

/// List documents
#[utoipa::path(
    get, path = "/v1/knowledge/documents", tag = "knowledge", params(PageParams),
    responses((status = 200, body = Paged<Document>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Document>>, Problem> {
    let page = Page::alone("knowledge-documents", params)?;
    let keys = caller.keys(&app.desk).await?;
    let knowledge = app.desk.store.knowledge();
    let rows = knowledge
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| show(&app, &keys, &row))
        .map(Answer)
}

/// Show a document's state
#[utoipa::path(
    get, path = "/v1/knowledge/documents/{id}", tag = "knowledge", params(("id" = String, Path)),
    responses((status = 200, body = Document)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<Document>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&app, &keys, &row)?))
}

/// Rename a document
#[utoipa::path(
    patch, path = "/v1/knowledge/documents/{id}", tag = "knowledge", params(("id" = String, Path)),
    request_body = DocumentChange, responses((status = 200, body = Document)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(change): Json<DocumentChange>,
) -> Result<At<Document>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    text("/name", &change.name, NAME_CHARS_MAX)?;
    let keys = caller.keys(desk).await?;
    let name = desk::seal(&keys, name_place(&id), &change.name);
    let knowledge = desk.store.knowledge();
    let renamed = knowledge
        .rename(&caller.client, &id, revision, &name, clock::unix_ms())
        .await;
    renamed.map_err(stored)?;
    app.knowledge.changed(&caller.client, &id);
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(&app, &keys, &row)?))
}

/// Replace a document's content
///
/// The body is the document, as when it was added. What was there before is looked up until the new content is read.
#[utoipa::path(
    put, path = "/v1/knowledge/documents/{id}/content", tag = "knowledge", params(("id" = String, Path)),
    request_body(content(
        (String = "text/plain"), (String = "text/markdown"), (String = "text/csv"),
        (Vec<u8> = "application/pdf"), (Vec<u8> = "application/octet-stream"),
    )),
    responses((status = 200, body = Document)),
)]
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    request: Request,
) -> Result<At<Document>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let Uploaded {
        kind, bytes, place, ..
    } = read(&app, request).await?;
    let keys = caller.keys(desk).await?;
    let upload = Upload {
        kind,
        bytes: bytes.len() as u64,
        body: seal_source(&keys, &id, &bytes),
        now_ms: clock::unix_ms(),
    };
    drop(bytes);
    let knowledge = desk.store.knowledge();
    let replaced = knowledge
        .replace(&caller.client, &id, revision, &upload)
        .await;
    replaced.map_err(stored)?;
    drop(place);
    app.knowledge.changed(&caller.client, &id);
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(&app, &keys, &row)?))
}

/// Remove a document
///
/// Nothing of it is found any more, also by agents that name it.
#[utoipa::path(
    delete, path = "/v1/knowledge/documents/{id}", tag = "knowledge", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let removed = app.desk.store.knowledge().remove(&caller.client, &id).await;
    let removed = removed.map_err(stored)?;
    app.knowledge.changed(&caller.client, &id);
    match removed {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}
