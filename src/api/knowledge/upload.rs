//! A document in a request's body, looked at before anything of it is kept.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use tokio::sync::OwnedSemaphorePermit;
use trunkline_core::knowledge::{Kind, Unreadable};

use crate::api::once::Once;
use crate::api::problem::{Code, Problem};
use crate::app::App;
use crate::knowledge::{DOCUMENT_BYTES_MAX, Refused, examined};

/// A document that can be taken.
pub(super) struct Uploaded {
    /// What it is.
    pub(super) kind: Kind,
    /// All of it.
    pub(super) bytes: Bytes,
    /// How to take it once.
    pub(super) once: Once,
    /// Its place among those that are taken in now; held until it is stored.
    pub(super) place: OwnedSemaphorePermit,
}

/// Reads the body of a request. Without a place for it, not a byte is read.
pub(super) async fn read(app: &Arc<App>, request: Request) -> Result<Uploaded, Problem> {
    let claimed = claimed(request.headers())?;
    let place = app.knowledge.upload().ok_or_else(|| {
        Problem::new(Code::Unavailable)
            .detail("too many documents are being taken in")
            .retry_after(2)
    })?;
    let (once, bytes, _) = Once::read_within(request, app, DOCUMENT_BYTES_MAX).await?;
    let of_check = bytes.clone();
    let examined = tokio::task::spawn_blocking(move || examined(&of_check, claimed));
    let examined = examined.await.map_err(|error| Problem::internal(&error))?;
    Ok(Uploaded {
        kind: examined.map_err(|refused| problem(&refused))?,
        bytes,
        once,
        place,
    })
}

/// What the sender says that the body is; `None` if nothing.
fn claimed(headers: &HeaderMap) -> Result<Option<Kind>, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let value = value.to_str().unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| media_type.eq_ignore_ascii_case(name);
    if is("application/octet-stream") {
        return Ok(None);
    }
    let others = [
        ("text/x-markdown", Kind::Markdown),
        ("application/csv", Kind::Csv),
    ];
    let known = Kind::ALL
        .map(|kind| (kind.media_type(), kind))
        .into_iter()
        .chain(others);
    let kind = known
        .into_iter()
        .find(|(name, _)| is(name))
        .map(|(_, kind)| kind);
    kind.map(Some).ok_or_else(|| {
        Problem::new(Code::UnsupportedMediaType).detail(
            "expected text/plain, text/markdown, text/csv, application/pdf, or application/octet-stream to have the \
             document say what it is",
        )
    })
}

fn problem(refused: &Refused) -> Problem {
    let code = match refused {
        Refused::Unreadable(Unreadable::Empty) => "empty",
        Refused::Unreadable(Unreadable::Other { .. }) => "unsupported_type",
        Refused::Unreadable(Unreadable::Lies { .. } | Unreadable::NoPdf) => "other_type",
        Refused::Unreadable(Unreadable::NoText) => "not_text",
        Refused::NoTable(_) => "not_a_table",
        Refused::TooMuch(_) => "too_long",
    };
    Problem::invalid("", code, refused.to_string())
}
