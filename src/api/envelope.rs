//! What every answer passes on its way out: an id, a line in the log, and one form for everything that went wrong.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::{Code, Problem, of_status};
use crate::{clock, ids};

/// The header that carries a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Which key a request was made with; the log names it.
#[derive(Clone, Debug)]
pub(super) struct KeyUsed(pub(super) Arc<str>);

/// The outermost layer. The log has the route as it is written in the code, never the path, the query or a body.
pub(super) async fn seal(request: Request, next: Next) -> Response {
    let began = clock::now();
    let request_id = ids::new_id("req");
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let problem = response
        .extensions_mut()
        .remove::<Problem>()
        .or_else(|| router_made(&response));
    let code = problem.as_ref().map(Problem::code);
    if let Some(problem) = problem {
        let mut rendered = problem.render(&request_id);
        // What a layer below added stays: rate limits, the methods that are allowed, whose key it was.
        for (name, value) in response.headers() {
            if !rendered.headers().contains_key(name) && name != header::CONTENT_LENGTH {
                rendered.headers_mut().append(name, value.clone());
            }
        }
        *rendered.extensions_mut() = std::mem::take(response.extensions_mut());
        response = rendered;
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let by = response.extensions().get::<KeyUsed>();
    tracing::info!(
        %method,
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        status = response.status().as_u16(),
        ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        request = %request_id,
        by = by.map_or("none", |key| &key.0),
        code = code.map_or("none", Code::as_str),
        "request"
    );
    response
}

/// The router's own refusals have no words.
fn router_made(response: &Response) -> Option<Problem> {
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    let failed = response.status().is_client_error() || response.status().is_server_error();
    (bare && failed)
        .then(|| of_status(response.status()))
        .flatten()
        .map(Problem::new)
}

/// What a request that panicked is answered with. The panic's own words may hold anything and are not repeated.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    tracing::error!("a request panicked");
    Problem::new(Code::Internal).into_response()
}
