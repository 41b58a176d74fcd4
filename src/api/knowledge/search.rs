//! What agents would find, asked by hand.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Caller;
use crate::api::body::text;
use crate::api::once::{Made, Posted};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::app::App;
use crate::knowledge::{AGENT_DOCUMENTS_MAX, FOUND_MAX, LookUpFailed, Passage};

/// Longest question, in characters.
const QUESTION_CHARS_MAX: usize = 1_000;
/// Passages that are found if nothing is said.
const FOUND_USUAL: usize = 5;
/// A person may wait longer than a caller.
const PATIENCE: Duration = Duration::from_secs(10);

/// A question to documents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct KnowledgeQuestion {
    /// In words.
    #[schema(max_length = 1000, example = "What does a crown cost?")]
    question: String,
    /// Ids of the documents to be searched.
    #[schema(min_items = 1, max_items = 50, example = json!(["doc_01JD0000000000000000000000"]))]
    documents: Vec<String>,
    /// Most passages; 5 if absent.
    #[schema(minimum = 1, maximum = 20, default = 5)]
    limit: Option<usize>,
}

/// A passage that may answer.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct KnowledgePassage {
    /// The document's id.
    #[schema(example = "doc_01JD0000000000000000000000")]
    document_id: String,
    /// The document's name and the passage's place in it.
    #[schema(example = "Price list, row 12")]
    source: String,
    /// The headings above it, the outermost first.
    headings: Vec<String>,
    /// The page that it is on, of a PDF.
    page: Option<u32>,
    /// The row that it is, of a table.
    row: Option<u32>,
    text: String,
    /// How well it fits, from 0 to 1.
    #[schema(example = 0.62)]
    score: f32,
}

/// What was found, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct KnowledgeFound {
    data: Vec<KnowledgePassage>,
}

fn show(passage: Passage) -> KnowledgePassage {
    KnowledgePassage {
        document_id: passage.document.to_string(),
        source: passage.source(),
        headings: passage.place.headings,
        page: passage.place.page,
        row: passage.place.row,
        text: passage.text,
        score: (passage.score * 1_000.0).round() / 1_000.0,
    }
}

fn failed(error: LookUpFailed) -> Problem {
    match error {
        LookUpFailed::Late { .. } => Problem::new(Code::Unavailable).retry_after(1),
        LookUpFailed::TooMuch => {
            Problem::invalid("/documents", "too_many", LookUpFailed::TooMuch.to_string())
        }
        LookUpFailed::Store(error) => stored(error),
        LookUpFailed::Vault(error) => Problem::internal(&error),
        LookUpFailed::Unreadable => Problem::internal(&LookUpFailed::Unreadable),
    }
}

/// Ask documents a question
///
/// Answers with the passages that an agent would be given. Documents that are not read yet have none.
#[utoipa::path(
    post, path = "/v1/knowledge/search", tag = "knowledge", request_body = KnowledgeQuestion,
    responses((status = 200, body = KnowledgeFound)),
)]
pub(in crate::api) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: asked, once }: Posted<KnowledgeQuestion>,
) -> Result<Response, Problem> {
    text("/question", &asked.question, QUESTION_CHARS_MAX)?;
    let limit = asked.limit.unwrap_or(FOUND_USUAL);
    if !(1..=FOUND_MAX).contains(&limit) {
        let detail = format!("expected 1 to {FOUND_MAX}");
        return Err(Problem::invalid("/limit", "out_of_range", detail));
    }
    if !(1..=AGENT_DOCUMENTS_MAX).contains(&asked.documents.len()) {
        let detail = format!("expected 1 to {AGENT_DOCUMENTS_MAX} ids");
        return Err(Problem::invalid("/documents", "out_of_range", detail));
    }
    let work = async move {
        for (at, id) in asked.documents.iter().enumerate() {
            let row = app.desk.store.knowledge().find(&caller.client, id).await;
            if row.map_err(stored)?.is_none() {
                let detail = "there is no such document";
                return Err(Problem::invalid(
                    format!("/documents/{at}"),
                    "not_found",
                    detail,
                ));
            }
        }
        let knowledge = &app.knowledge;
        let found = knowledge
            .look_up(
                &caller.client,
                &asked.documents,
                &asked.question,
                limit,
                PATIENCE,
            )
            .await
            .map_err(failed)?;
        let data = found.into_iter().map(show).collect();
        let id = asked.documents.first().map_or("", String::as_str);
        let made = Made::new(id, String::new(), &KnowledgeFound { data })?;
        Ok(made.status(StatusCode::OK).nowhere())
    };
    once.settle(work).await
}
