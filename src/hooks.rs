//! Systems of clients' own that are asked about a number before it is called: one signed request, a short deadline, and a
//! bounded answer that is read strictly. Whatever else comes is no answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clock;
use crate::desk::{self, Place};
use crate::egress::{Egress, Whose};
use crate::ids::new_id;
use crate::store::hooks::{Hook, HookKind};
use crate::tools::SigningKey;
use crate::vault::ClientKeys;

/// Longest a system may take, ms: a decision is young for five seconds.
pub const TIMEOUT_MS_MAX: u32 = 3_000;
/// Shortest time that it may be given, ms.
pub const TIMEOUT_MS_MIN: u32 = 100;
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = trunkline_core::screening::ANSWER_BYTES_MAX;
/// Questions under way at once, all clients together; one more is not answered.
const ASKED_MAX: usize = 512;

/// Where a hook's address is sealed to.
pub fn url_place(kind: HookKind) -> Place<'static> {
    Place::new("hooks.url", kind.as_str())
}

/// Where its secret is sealed to.
pub fn secret_place(kind: HookKind) -> Place<'static> {
    Place::new("hooks.secret", kind.as_str())
}

/// The way to clients' systems.
pub struct Hooks {
    egress: Egress,
    whose: Whose,
    places: Arc<Semaphore>,
}

impl Hooks {
    /// By this way out, to addresses of this sort.
    #[must_use]
    pub fn new(egress: Egress, whose: Whose) -> Self {
        Self {
            egress,
            whose,
            places: Arc::new(Semaphore::new(ASKED_MAX)),
        }
    }

    /// Asks a system: the text of its answer, if it gave one with status 200 in time. `data` is what it is asked about.
    pub async fn ask(&self, keys: &ClientKeys, hook: &Hook, data: Value) -> Option<String> {
        let _place = self.places.try_acquire().ok()?;
        let patience = Duration::from_millis(hook.timeout_ms.min(TIMEOUT_MS_MAX).into());
        let answer = timeout(patience, self.exchange(keys, hook, data)).await;
        let answer = answer.ok().flatten();
        if answer.is_none() {
            let kind = hook.kind.as_str();
            tracing::info!(client = %keys.id(), kind, "a client's system did not answer about a number");
        }
        answer
    }

    async fn exchange(&self, keys: &ClientKeys, hook: &Hook, data: Value) -> Option<String> {
        let url = desk::open(keys, url_place(hook.kind), &hook.url).ok()?;
        let secret = desk::open(keys, secret_place(hook.kind), &hook.secret).ok()?;
        let key = SigningKey::parse(&secret).ok()?;
        let http = self.egress.http(self.whose, &url).ok()?;
        let (id, now_ms) = (new_id("ask"), clock::unix_ms());
        let body = json!({
            "type": format!("{}.asked", hook.kind.as_str()),
            "timestamp": clock::rfc3339(now_ms),
            "data": data,
        });
        let body = body.to_string();
        let unix_s = now_ms / 1_000;
        let signed = key.sign(&id, unix_s, body.as_bytes());
        let request = http
            .post(&url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", unix_s)
            .header("webhook-signature", signed)
            .body(body);
        let mut response = request.send().await.ok()?;
        if response.status().as_u16() != 200 {
            return None;
        }
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.ok()? {
            if answer.len() + piece.len() > ANSWER_BYTES_MAX {
                return None;
            }
            answer.extend_from_slice(&piece);
        }
        String::from_utf8(answer).ok()
    }
}
