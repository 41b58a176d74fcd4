//! What a request is answered with when it cannot be done: RFC 9457 problem details with a stable code.
//!
//! A problem never repeats what was sent: no number, no name, no word of it.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::when::When;
use crate::admission::{Full, RETRY_AFTER_S};

/// The media type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// Everything that can be wrong with a request. The names are part of the API and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is not the JSON it should be.
    MalformedBody,
    /// The body, the path or the query has values that cannot be used; `errors` says which.
    Invalid,
    /// `after` is no cursor of this list.
    InvalidCursor,
    /// There is no key, or none that is valid.
    Unauthenticated,
    /// The key does not carry the scope that this needs.
    Forbidden,
    /// There is no such thing, or it is not this client's.
    NotFound,
    /// The path is known, the method is not.
    MethodNotAllowed,
    /// None of the formats asked for can be made.
    NotAcceptable,
    /// The request took longer than it may.
    TimedOut,
    /// The state of the thing does not allow it.
    Conflict,
    /// The call is not live any more.
    CallNotLive,
    /// What a live call was last told waits to be done.
    CallBusy,
    /// The call's agent follows a script, and can be told nothing.
    AgentFollowsScript,
    /// The client or the agent was stopped from dialling; `GET /v1/client` says why.
    Suspended,
    /// The client has not accepted the agreement that the operator asks for.
    AgreementMissing,
    /// What the client lets itself spend is spent; `retry_at` is when to ask again.
    SpendCapReached,
    /// The client calls as much as its operator lets it; `retry_at` is when to ask again.
    TooManyCalls,
    /// The number asked not to be called.
    Suppressed,
    /// The number may not be called; `errors` has every reason.
    CallNotAllowed,
    /// The number may not be called now; `errors` has every reason, and `retry_at` the next moment, if there is one.
    OutsideCallingHours,
    /// The number was called as often as it may be for now; `errors` has every reason, and `retry_at` the next moment.
    CalledTooOften,
    /// A call with the number goes on, rings, or may have been placed; `retry_at` is when to ask again.
    CallInProgress,
    /// The same Idempotency-Key is being worked on.
    IdempotencyInProgress,
    /// The Idempotency-Key was used for another request.
    IdempotencyKeyReuse,
    /// The thing has changed since the version in If-Match.
    PreconditionFailed,
    /// The body is larger than it may be.
    TooLarge,
    /// The body is of another media type.
    UnsupportedMediaType,
    /// The recording has no such bytes.
    RangeNotSatisfiable,
    /// Too many requests with this key.
    RateLimited,
    /// The server could not do it; it is not the request's fault.
    Internal,
    /// The server cannot do it now.
    Unavailable,
    /// The server takes no new calls now; `reason` says what there is too much of.
    AtCapacity,
}

impl Code {
    /// All of them, for the documentation.
    pub const ALL: [Self; 32] = [
        Self::MalformedBody,
        Self::Invalid,
        Self::InvalidCursor,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::TimedOut,
        Self::Conflict,
        Self::CallNotLive,
        Self::CallBusy,
        Self::AgentFollowsScript,
        Self::Suspended,
        Self::AgreementMissing,
        Self::SpendCapReached,
        Self::TooManyCalls,
        Self::Suppressed,
        Self::CallNotAllowed,
        Self::OutsideCallingHours,
        Self::CalledTooOften,
        Self::CallInProgress,
        Self::IdempotencyInProgress,
        Self::IdempotencyKeyReuse,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
        Self::AtCapacity,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Its status.
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    /// What it means, in a sentence.
    pub fn title(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedBody => (
                "malformed_body",
                S::BAD_REQUEST,
                "The body is not the JSON it should be",
            ),
            Self::Invalid => (
                "invalid",
                S::UNPROCESSABLE_ENTITY,
                "Some values cannot be used",
            ),
            Self::InvalidCursor => (
                "invalid_cursor",
                S::BAD_REQUEST,
                "This is no cursor of this list",
            ),
            Self::Unauthenticated => (
                "unauthenticated",
                S::UNAUTHORIZED,
                "A valid API key is needed",
            ),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "The API key may not do this"),
            Self::NotFound => ("not_found", S::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                S::METHOD_NOT_ALLOWED,
                "This path does not know the method",
            ),
            Self::NotAcceptable => (
                "not_acceptable",
                S::NOT_ACCEPTABLE,
                "None of the formats asked for can be made",
            ),
            Self::TimedOut => ("timed_out", S::REQUEST_TIMEOUT, "The request took too long"),
            Self::Conflict => ("conflict", S::CONFLICT, "Its state does not allow this"),
            Self::CallNotLive => ("call_not_live", S::CONFLICT, "The call is not live"),
            Self::CallBusy => (
                "call_busy",
                S::CONFLICT,
                "The call has not yet done what it was told before",
            ),
            Self::AgentFollowsScript => (
                "agent_follows_script",
                S::CONFLICT,
                "The call's agent follows a script, and can be told nothing else",
            ),
            Self::Suspended => (
                "suspended",
                S::FORBIDDEN,
                "The client or the agent was stopped from dialling",
            ),
            Self::AgreementMissing => (
                "agreement_missing",
                S::FORBIDDEN,
                "The agreement that the operator asks for is not accepted",
            ),
            Self::SpendCapReached => (
                "spend_cap_reached",
                S::CONFLICT,
                "What the client lets itself spend is spent",
            ),
            Self::TooManyCalls => (
                "too_many_calls",
                S::CONFLICT,
                "The client calls as much as it may for now",
            ),
            Self::Suppressed => (
                "suppressed",
                S::CONFLICT,
                "The number asked not to be called",
            ),
            Self::CallNotAllowed => (
                "call_not_allowed",
                S::FORBIDDEN,
                "The number may not be called",
            ),
            Self::OutsideCallingHours => (
                "outside_calling_hours",
                S::CONFLICT,
                "The number may not be called now",
            ),
            Self::CalledTooOften => (
                "called_too_often",
                S::CONFLICT,
                "The number was called as often as it may be for now",
            ),
            Self::CallInProgress => (
                "call_in_progress",
                S::CONFLICT,
                "A call with the number goes on",
            ),
            Self::IdempotencyInProgress => (
                "idempotency_in_progress",
                S::CONFLICT,
                "A request with this Idempotency-Key is under way",
            ),
            Self::IdempotencyKeyReuse => (
                "idempotency_key_reuse",
                S::UNPROCESSABLE_ENTITY,
                "This Idempotency-Key was used for another request",
            ),
            Self::PreconditionFailed => (
                "precondition_failed",
                S::PRECONDITION_FAILED,
                "It has changed since",
            ),
            Self::TooLarge => (
                "too_large",
                S::PAYLOAD_TOO_LARGE,
                "The body is larger than it may be",
            ),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The body must be application/json",
            ),
            Self::RangeNotSatisfiable => (
                "range_not_satisfiable",
                S::RANGE_NOT_SATISFIABLE,
                "There are no such bytes",
            ),
            Self::RateLimited => (
                "rate_limited",
                S::TOO_MANY_REQUESTS,
                "Too many requests with this key",
            ),
            Self::Internal => (
                "internal",
                S::INTERNAL_SERVER_ERROR,
                "The server could not do it",
            ),
            Self::Unavailable => (
                "unavailable",
                S::SERVICE_UNAVAILABLE,
                "The server cannot do it now",
            ),
            Self::AtCapacity => (
                "at_capacity",
                S::SERVICE_UNAVAILABLE,
                "The server takes no new calls now",
            ),
        }
    }
}

/// One value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Where: a JSON pointer into the body, or `query:NAME`, `path:NAME`, `header:NAME`.
    #[schema(example = "/name")]
    pub pointer: String,
    /// Why, in stable snake_case: `missing`, `unknown_field`, `wrong_type`, `invalid`, `too_long`, …
    #[schema(value_type = String, example = "too_long")]
    pub code: Cow<'static, str>,
    /// Why, for people.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
}

/// A problem on its way to the client; who is asked, and under which id, is added where it leaves.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    retry_after_s: Option<u64>,
    retry_at: Option<When>,
    full: Option<Full>,
    extra: Vec<(header::HeaderName, HeaderValue)>,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body9457 {
    /// Where the code is explained.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not_found")]
    pub kind: String,
    /// What the code means.
    #[schema(value_type = String, example = "There is no such thing")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub detail: Option<Cow<'static, str>>,
    /// This occurrence.
    #[schema(example = "urn:trunkline:request:req_01JD0000000000000000000000")]
    pub instance: String,
    /// The stable name to act on.
    pub code: Code,
    /// What to name when asking for help; also in the header `x-request-id`.
    #[schema(example = "req_01JD0000000000000000000000")]
    pub request_id: String,
    /// What is wrong with which value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// Seconds after which another try may go better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The moment from which on another try may go better.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub retry_at: Option<When>,
    /// Of `at_capacity`, why: `cpu`, `event_loop`, `inference`, `places`, `calls` or `draining`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "cpu")]
    pub reason: Option<&'static str>,
}

impl Problem {
    /// A problem that needs no words of its own.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            retry_after_s: None,
            retry_at: None,
            full: None,
            extra: Vec::new(),
        }
    }

    /// No new call is taken now.
    pub fn at_capacity(full: Full) -> Self {
        let mut problem = Self::new(Code::AtCapacity)
            .detail(full.to_string())
            .retry_after(RETRY_AFTER_S);
        problem.full = Some(full);
        problem
    }

    /// With a sentence on this occurrence, which must not repeat what was sent.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a value that is at fault.
    pub fn at(
        mut self,
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.errors.push(FieldError {
            pointer: pointer.into(),
            code: code.into(),
            detail: detail.into(),
        });
        self
    }

    /// With the seconds after which another try may go better.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// With the moment from which on another try may go better, ms since 1970.
    pub fn retry_at(mut self, unix_ms: i64) -> Self {
        self.retry_at = Some(When::of(unix_ms));
        self
    }

    /// With a header of its own.
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.extra.push((name, value));
        self
    }

    /// The same under another code.
    pub(super) fn recoded(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// One value is at fault.
    pub fn invalid(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Code::Invalid).at(pointer, code, detail)
    }

    /// No such thing; the same for one that another client owns.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// The server's own fault. The cause is logged, and none of it sent.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(Code::Internal)
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The answer, whole.
    pub(super) fn render(self, request_id: &str) -> Response {
        let status = self.code.status();
        let body = Body9457 {
            kind: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            detail: self.detail,
            instance: format!("urn:trunkline:request:{request_id}"),
            code: self.code,
            request_id: request_id.to_owned(),
            errors: self.errors,
            retry_after: self.retry_after_s,
            retry_at: self.retry_at,
            reason: self.full.map(Full::code),
        };
        // Only maps with keys that are no strings have no JSON form.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.extend(self.extra);
        response
    }
}

impl IntoResponse for Problem {
    /// The status, and the problem itself for the layer that knows the request's id.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// What an answer that is no [`Problem`] yet, but should be, says: those that the router itself makes.
pub(super) fn of_status(status: StatusCode) -> Option<Code> {
    Code::ALL.into_iter().find(|code| {
        code.status() == status
            && matches!(
                code,
                Code::NotFound
                    | Code::MethodNotAllowed
                    | Code::TooLarge
                    | Code::UnsupportedMediaType
                    | Code::TimedOut
                    | Code::Internal
                    | Code::Unavailable
                    | Code::NotAcceptable
                    | Code::Invalid
                    | Code::MalformedBody
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_the_wire() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            let json = serde_json::to_value(code).unwrap();
            assert_eq!(json, code.as_str());
            assert!(seen.insert(code));
        }
    }

    #[test]
    fn a_problem_names_its_request() {
        let response = Problem::invalid("/a", "missing", "is needed").render("req_1");
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
    }
}
