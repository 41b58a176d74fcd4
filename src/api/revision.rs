//! ETag and If-Match: whoever changes something says which state of it they saw.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::{Code, Problem};

/// The ETag of a revision.
pub(super) fn etag(revision: i64) -> HeaderValue {
    let text = format!("\"{revision}\"");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What If-Match says.
#[derive(Clone, Debug)]
pub(super) struct IfMatch(Option<Vec<String>>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in parts.headers.get_all(header::IF_MATCH) {
            let text = value.to_str().unwrap_or_default();
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        Ok(Self((!tags.is_empty()).then_some(tags)))
    }
}

impl IfMatch {
    /// The revision to change: the current one, if it is the one that was seen, or nothing was said of that.
    pub(super) fn check(&self, current: i64) -> Result<i64, Problem> {
        let Some(tags) = &self.0 else {
            return Ok(current);
        };
        let own = etag(current);
        let seen = tags
            .iter()
            .any(|tag| tag == "*" || tag.as_bytes() == own.as_bytes());
        if seen {
            Ok(current)
        } else {
            Err(Problem::new(Code::PreconditionFailed)
                .detail("get it again, and send the ETag of what you get"))
        }
    }
}

/// A JSON answer with an ETag.
pub(super) struct At<T>(pub(super) i64, pub(super) T);

impl<T: Serialize> IntoResponse for At<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.1).into_response();
        response.headers_mut().insert(header::ETAG, etag(self.0));
        response
    }
}
