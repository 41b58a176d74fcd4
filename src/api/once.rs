//! POST, and POST again: a repeated request with the same Idempotency-Key is answered as the first was, and does
//! nothing.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::auth::Caller;
use super::body;
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use crate::app::App;
use crate::clock;
use crate::desk::{self, Desk, Place};
use crate::ids;
use crate::store::idempotency::{Answer, Attempt, Begun};
use crate::store::{Sealed, StoreError};
use crate::vault::ClientKeys;

/// The header that names a request.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that is a repetition.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// A POST that was not done yet: its body, and what it takes to do it once.
pub(super) struct Posted<T> {
    /// The body.
    pub(super) body: T,
    /// How to do it.
    pub(super) once: Once,
}

/// A POST's identity.
pub(super) struct Once {
    app: Arc<App>,
    caller: Caller,
    key: Option<String>,
    route: String,
    request_hash: [u8; 32],
}

/// The id of what a POST makes.
pub(super) struct NewId {
    /// The id.
    pub(super) id: String,
    /// A server was lost while it did the same: there may be one of that id.
    is_again: bool,
}

impl NewId {
    /// Whether there may be one of that id.
    pub(super) fn is_again(&self) -> bool {
        self.is_again
    }

    /// Whether what could not be added is there since the attempt that was lost; it is to be shown then.
    pub(super) fn is_there(&self, added: &Result<(), StoreError>) -> bool {
        self.is_again && matches!(added, Err(StoreError::Conflict))
    }
}

/// What a POST made.
pub(super) struct Made {
    status: StatusCode,
    id: String,
    shown: Value,
    kept: Value,
    location: Option<String>,
    etag: Option<HeaderValue>,
}

impl Made {
    /// Something new, that a GET at `location` shows too.
    pub(super) fn new(id: &str, location: String, shown: &impl Serialize) -> Result<Self, Problem> {
        let shown = serde_json::to_value(shown).map_err(|error| Problem::internal(&error))?;
        Ok(Self {
            status: StatusCode::CREATED,
            id: id.to_owned(),
            kept: shown.clone(),
            shown,
            location: Some(location),
            etag: None,
        })
    }

    /// With another status.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Without a place of its own.
    pub(super) fn nowhere(mut self) -> Self {
        self.location = None;
        self
    }

    /// At this revision.
    pub(super) fn revision(mut self, revision: i64) -> Self {
        self.etag = Some(super::revision::etag(revision));
        self
    }

    /// These fields are shown now and never again.
    pub(super) fn secret(mut self, fields: &[&str]) -> Self {
        if let Value::Object(kept) = &mut self.kept {
            for field in fields {
                kept.remove(*field);
            }
        }
        self
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (once, bytes, headers) = Once::read(request, app).await?;
        let body = body::json(&headers, &bytes)?;
        Ok(Self { body, once })
    }
}

/// A POST without a body.
pub(super) struct Bare(pub(super) Once);

impl FromRequest<Arc<App>> for Bare {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (once, bytes, headers) = Once::read(request, app).await?;
        if !bytes.is_empty()
            && !body::json::<serde_json::Map<String, Value>>(&headers, &bytes)?.is_empty()
        {
            return Err(Problem::invalid("", "unknown_field", "this takes no body"));
        }
        Ok(Self(once))
    }
}

impl Once {
    async fn read(
        request: Request,
        app: &Arc<App>,
    ) -> Result<(Self, axum::body::Bytes, axum::http::HeaderMap), Problem> {
        Self::read_within(request, app, body::BODY_BYTES_MAX).await
    }

    /// The same with a body of at most `bytes_max`. What a request's query says makes it that request too.
    pub(super) async fn read_within(
        request: Request,
        app: &Arc<App>,
        bytes_max: usize,
    ) -> Result<(Self, axum::body::Bytes, axum::http::HeaderMap), Problem> {
        let headers = request.headers().clone();
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let route = request.extensions().get::<MatchedPath>().cloned();
        let route = route.as_ref().map_or("", MatchedPath::as_str).to_owned();
        let asked = request.uri().path_and_query().cloned();
        let path = asked.as_ref().map_or("", |asked| asked.as_str()).to_owned();
        let bytes = body::bytes_within(request, bytes_max).await?;
        let hash = Sha256::new()
            .chain_update(&path)
            .chain_update([0])
            .chain_update(&bytes)
            .finalize();
        let once = Self {
            app: Arc::clone(app),
            caller,
            key: key(&headers)?,
            route,
            request_hash: hash.into(),
        };
        Ok((once, bytes, headers))
    }

    /// Of a request whose body is taken in apart from it; [`Once::with_body`] says what it was.
    pub(super) fn of(request: &Request, app: &Arc<App>) -> Result<Self, Problem> {
        let extensions = request.extensions();
        let caller = extensions.get::<Caller>().cloned();
        let route = extensions.get::<MatchedPath>();
        Ok(Self {
            app: Arc::clone(app),
            caller: caller.ok_or_else(|| Problem::new(Code::Unauthenticated))?,
            key: key(request.headers())?,
            route: route.map_or("", MatchedPath::as_str).to_owned(),
            request_hash: [0; 32],
        })
    }

    /// The same, of a body with this SHA-256, asked for so.
    pub(super) fn with_body(mut self, asked: &str, body: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(asked).chain_update([0]);
        self.request_hash = hash.chain_update(body).finalize().into();
        self
    }

    /// Does it, unless it was done. Once begun it is brought to its end, whether or not the client still waits.
    pub(super) async fn settle(
        self,
        work: impl Future<Output = Result<Made, Problem>> + Send + 'static,
    ) -> Result<Response, Problem> {
        let done = tokio::spawn(async move { self.perform(None, |_| work).await });
        done.await.map_err(|error| Problem::internal(&error))?
    }

    /// The same for what makes something new. Its id is noted before it is made, so that a repetition finds what a server
    /// made that was lost before it could note the answer.
    pub(super) async fn settle_new<W>(
        self,
        prefix: &'static str,
        work: impl FnOnce(NewId) -> W + Send + 'static,
    ) -> Result<Response, Problem>
    where
        W: Future<Output = Result<Made, Problem>> + Send + 'static,
    {
        let id = ids::new_id(prefix);
        let done = tokio::spawn(async move { self.perform(Some(&id), work).await });
        done.await.map_err(|error| Problem::internal(&error))?
    }

    async fn perform<W>(
        self,
        new_id: Option<&str>,
        work: impl FnOnce(NewId) -> W,
    ) -> Result<Response, Problem>
    where
        W: Future<Output = Result<Made, Problem>>,
    {
        let Some(key) = &self.key else {
            let new = NewId {
                id: new_id.unwrap_or_default().to_owned(),
                is_again: false,
            };
            return Ok(answer(work(new).await?));
        };
        let desk = &self.app.desk;
        // What is needed to note the answer is at hand before there is one.
        let vault = self.caller.keys(desk).await?;
        let (client, now_ms) = (&self.caller.client, clock::unix_ms());
        let keys = desk.store.idempotency();
        let (route, hash) = (&self.route, &self.request_hash);
        let begun = keys.begin(client, route, key, hash, new_id, now_ms);
        match begun.await.map_err(stored)? {
            Begun::InProgress => Err(Problem::new(Code::IdempotencyInProgress).retry_after(1)),
            Begun::OtherRequest => Err(Problem::new(Code::IdempotencyKeyReuse)),
            Begun::Done(done) => self.replay(&vault, done),
            Begun::Do(attempt) => {
                let new = NewId {
                    id: attempt.new_id().unwrap_or_default().to_owned(),
                    is_again: attempt.is_again(),
                };
                match work(new).await {
                    Ok(made) => {
                        self.keep(desk, &vault, &made, &attempt).await;
                        Ok(answer(made))
                    }
                    Err(problem) => {
                        // Nothing came of it, so the same request may be tried again.
                        if let Err(error) = keys.abandon(client, &attempt).await {
                            tracing::warn!(%error, "an Idempotency-Key was not given free");
                        }
                        Err(problem)
                    }
                }
            }
        }
    }

    async fn keep(&self, desk: &Desk, vault: &ClientKeys, made: &Made, attempt: &Attempt) {
        let kept = serde_json::json!({ "body": made.kept, "location": made.location }).to_string();
        let done = Answer {
            status: made.status.as_u16(),
            resource_id: Some(made.id.clone()),
            body: Some(desk::seal(vault, self.place(&made.id), &kept)),
        };
        let keys = desk.store.idempotency();
        // It was done: if this fails, whoever asks again is told that it is under way, until that is given up.
        if let Err(error) = keys.finish(&self.caller.client, attempt, &done).await {
            tracing::warn!(%error, "an answer was not kept for its repetition");
        }
    }

    fn replay(&self, vault: &ClientKeys, done: Answer) -> Result<Response, Problem> {
        let unreadable = || {
            Problem::internal(&StoreError::Unreadable {
                what: "a kept answer",
            })
        };
        let id = done.resource_id.ok_or_else(unreadable)?;
        let sealed: Sealed = done.body.ok_or_else(unreadable)?;
        let text = desk::open(vault, self.place(&id), &sealed).map_err(unopened)?;
        let mut kept: Value = serde_json::from_str(&text).map_err(|_| unreadable())?;
        let made = Made {
            status: StatusCode::from_u16(done.status).map_err(|_| unreadable())?,
            id,
            shown: kept["body"].take(),
            kept: Value::Null,
            location: kept["location"].as_str().map(str::to_owned),
            etag: None,
        };
        let mut response = answer(made);
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    fn place<'a>(&self, id: &'a str) -> Place<'a> {
        Place::new("idempotency_keys.body", id)
    }
}

fn key(headers: &axum::http::HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > KEY_CHARS_MAX {
        return Err(Problem::invalid(
            "header:idempotency-key",
            "invalid",
            "expected 1 to 255 visible ASCII characters",
        ));
    }
    Ok(Some(key.to_owned()))
}

fn answer(made: Made) -> Response {
    let mut response = (made.status, Body::from(made.shown.to_string())).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(location) = made.location.and_then(|at| HeaderValue::from_str(&at).ok()) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(etag) = made.etag {
        headers.insert(header::ETAG, etag);
    }
    response
}
