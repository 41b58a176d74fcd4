//! Who asks: keys, what they may do, and how often. Whatever is not declared is denied.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use super::envelope::KeyUsed;
use super::problem::{Code, Problem};
use super::rate::{Buckets, Drawn, Rate};
use super::refuse::stored;
use super::scope::{Scope, Scopes};
use crate::api_key::Secret;
use crate::app::App;
use crate::clock;
use crate::desk::Desk;
use crate::ids::ClientId;
use crate::vault::ClientKeys;

/// How long a key that was found good is taken for good: the longest that a revocation made elsewhere takes.
const TRUSTED_FOR: Duration = Duration::from_secs(5);
/// The header that names the version of the API.
const API_VERSION: HeaderName = HeaderName::from_static("api-version");
/// The version of the API, by the day since which it is as it is.
const VERSION: &str = "2026-11-22";
/// Most keys that are remembered.
const KNOWN_MAX: usize = 10_000;

/// Who asks, once that is known.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The business.
    pub(super) client: ClientId,
    /// The key's id.
    pub(super) key_id: Arc<str>,
    /// What the key may do.
    pub(super) scopes: Scopes,
}

impl Caller {
    /// The client's keys in the vault.
    pub(super) async fn keys(&self, desk: &Desk) -> Result<ClientKeys, Problem> {
        desk.keys(&self.client)
            .await
            .map_err(|error| Problem::internal(&error))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Behind a guard it is always there; a route without one lets nobody in.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::new(Code::Unauthenticated))
    }
}

/// The keys that were found good lately.
#[derive(Default)]
struct KnownKeys {
    keys: HashMap<[u8; 32], Known>,
    /// Grows with every key that is forgotten.
    forgotten: u64,
}

impl KnownKeys {
    fn find(&self, hash: &[u8; 32], now: Instant, now_ms: i64) -> Option<Caller> {
        let known = self.keys.get(hash)?;
        let fresh = now < known.until && known.expires_ms.is_none_or(|ms| now_ms < ms);
        fresh.then(|| known.caller.clone())
    }

    /// Unless one was forgotten since `forgotten` was read: it may have been this one, read before it was revoked.
    fn keep(&mut self, forgotten: u64, hash: [u8; 32], key: Known) {
        if self.forgotten != forgotten {
            return;
        }
        if self.keys.len() >= KNOWN_MAX {
            let now = clock::timer_now();
            self.keys.retain(|_, key| now < key.until);
            if self.keys.len() >= KNOWN_MAX {
                self.keys.clear();
            }
        }
        self.keys.insert(hash, key);
    }

    fn forget(&mut self, key_id: &str) {
        self.forgotten += 1;
        self.keys.retain(|_, known| &*known.caller.key_id != key_id);
    }
}

struct Known {
    caller: Caller,
    /// When the key stops working, ms since 1970.
    expires_ms: Option<i64>,
    until: Instant,
}

/// The keys that were shown lately, and how often.
pub(super) struct Door {
    app: Arc<App>,
    known: Mutex<KnownKeys>,
    buckets: Buckets,
}

impl Door {
    pub(super) fn new(app: Arc<App>, rate: Rate) -> Self {
        Self {
            app,
            known: Mutex::default(),
            buckets: Buckets::new(rate),
        }
    }

    /// Who shows this key.
    async fn identify(&self, secret: &Secret) -> Result<Caller, Problem> {
        let hash = secret.hash();
        let (now, now_ms) = (clock::timer_now(), clock::unix_ms());
        // Looked up by its hash, a key's own characters decide nothing about how long this takes.
        let forgotten = {
            let known = self.lock();
            if let Some(caller) = known.find(&hash, now, now_ms) {
                return Ok(caller);
            }
            known.forgotten
        };
        let store = &self.app.desk.store;
        let key = store.system().api_key(&hash).await.map_err(stored)?;
        let key = key
            .filter(|key| key.is_live(now_ms))
            .ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let caller = Caller {
            client: key.client.clone(),
            key_id: key.id.as_str().into(),
            scopes: Scopes::of(key.scopes.iter().map(String::as_str)),
        };
        let known = Known {
            caller: caller.clone(),
            expires_ms: key.expires_ms,
            until: now + TRUSTED_FOR,
        };
        self.lock().keep(forgotten, hash, known);
        if let Err(error) = store.api_keys().used(&key.client, &key, now_ms).await {
            tracing::warn!(%error, "last use of a key not noted");
        }
        Ok(caller)
    }

    /// A key that was just revoked here opens nothing from now on.
    pub(super) fn forget(&self, key_id: &str) {
        self.lock().forget(key_id);
    }

    fn lock(&self) -> MutexGuard<'_, KnownKeys> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands before a route: its door, and what it wants.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) door: Arc<Door>,
    pub(super) wants: Scope,
}

/// Lets through who shows a key of the scope that the route wants, as often as keys may ask.
pub(super) async fn guard(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(problem) = understood(request.headers()) {
        return problem.into_response();
    }
    let caller = match shown(request.headers()) {
        Some(secret) => guard.door.identify(&secret).await,
        None => Err(Problem::new(Code::Unauthenticated)),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let drawn = guard.door.buckets.draw(&caller.key_id, clock::timer_now());
    let key = KeyUsed(Arc::clone(&caller.key_id));
    let mut response = if !drawn.allowed {
        Problem::new(Code::RateLimited)
            .retry_after(drawn.reset_s)
            .into_response()
    } else if !caller.scopes.allow(guard.wants) {
        Problem::new(Code::Forbidden)
            .detail(format!("this needs a key with the scope {}", guard.wants))
            .into_response()
    } else {
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(Arc::clone(&guard.door));
        next.run(request).await
    };
    tell_rate(response.headers_mut(), guard.door.buckets.burst(), drawn);
    response.extensions_mut().insert(key);
    response
}

/// A request may name the version of the API that it was written for, by its day. There is one so far.
fn understood(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(API_VERSION) else {
        return Ok(());
    };
    let day = value
        .to_str()
        .ok()
        .filter(|text| text.len() == VERSION.len());
    let day = day.and_then(|text| text.parse::<chrono::NaiveDate>().ok());
    match day {
        Some(_) => Ok(()),
        None => Err(Problem::invalid(
            "header:api-version",
            "invalid",
            "expected a day, as 2026-11-22",
        )),
    }
}

fn shown(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Secret::parse(secret.trim())
}

fn tell_rate(headers: &mut HeaderMap, limit: u32, drawn: Drawn) {
    headers.insert(API_VERSION, HeaderValue::from_static(VERSION));
    for (name, value) in [
        ("ratelimit-limit", u64::from(limit)),
        ("ratelimit-remaining", u64::from(drawn.left)),
        ("ratelimit-reset", drawn.reset_s),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_revoked_while_it_is_looked_up_is_not_taken_for_good() {
        let now = clock::timer_now();
        let key = |id: &str| Known {
            caller: Caller {
                client: ClientId::new(),
                key_id: id.into(),
                scopes: Scopes::of(["*"]),
            },
            expires_ms: None,
            until: now + TRUSTED_FOR,
        };
        let mut known = KnownKeys::default();
        known.keep(known.forgotten, [1; 32], key("key_1"));
        assert!(known.find(&[1; 32], now, 0).is_some());
        // Read as live, then revoked, and only then to be remembered.
        let began = known.forgotten;
        known.forget("key_2");
        known.keep(began, [2; 32], key("key_2"));
        assert!(known.find(&[2; 32], now, 0).is_none());
        assert!(known.find(&[1; 32], now, 0).is_some());
        known.keep(known.forgotten, [2; 32], key("key_2"));
        assert!(known.find(&[2; 32], now, 0).is_some());
        known.forget("key_2");
        assert!(known.find(&[2; 32], now, 0).is_none());
    }
}
