//! One try: an event posted to an endpoint, signed, and what it answered.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use trunkline_core::event::Event;
use trunkline_core::webhook::Answer;

use super::disclosing::{Discloses, Person};
use crate::app::App;
use crate::clock;
use crate::desk::{self, Place};
use crate::egress::EgressError;
use crate::store::endpoints::Endpoint;
use crate::store::outbox::EventRow;
use crate::tools::SigningKey;
use crate::vault::ClientKeys;

/// How long an endpoint may take, from the connection to its status.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the rest of its answer is waited for, so that the connection may be used again.
const REST_PATIENCE: Duration = Duration::from_secs(1);
/// Most of an answer that is read, in bytes; nothing in it matters.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The way to an endpoint: its address and what signs for it.
pub(super) struct Way {
    url: String,
    keys: Vec<SigningKey>,
    /// Of an endpoint that is told of whom events are.
    discloses: Option<Discloses>,
}

/// The way to an endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoWay {
    #[error("what is sealed of it does not open: {0}")]
    Unopened(#[from] crate::vault::Unopened),
    #[error("its secret is none")]
    Secret(#[from] crate::tools::WrongKey),
}

impl Way {
    /// Opens what is sealed of an endpoint. The former secret signs too while it may.
    pub(super) fn open(keys: &ClientKeys, endpoint: &Endpoint, now_ms: i64) -> Result<Self, NoWay> {
        let open = |column, sealed| desk::open(keys, Place::new(column, &endpoint.id), sealed);
        let secret = open(SECRET, &endpoint.secret)?;
        let mut signing = vec![SigningKey::parse(&secret)?];
        if let Some((former, until_ms)) = &endpoint.former
            && now_ms < *until_ms
        {
            // It was sealed as a secret, and stays so when it is moved.
            signing.push(SigningKey::parse(&open(SECRET, former)?)?);
        }
        Ok(Self {
            url: open(URL, &endpoint.url)?,
            keys: signing,
            discloses: Discloses::to(keys, endpoint),
        })
    }

    /// Asks the endpoint to take an event.
    pub(super) async fn ask(&self, app: &App, event: &EventRow) -> Answer {
        match tokio::time::timeout(PATIENCE, self.exchange(app, event)).await {
            Ok(answer) => answer,
            Err(_) => Answer::None("timeout"),
        }
    }

    async fn exchange(&self, app: &App, event: &EventRow) -> Answer {
        let whose = app.deliveries.settings().whose();
        let Ok(http) = app.egress.http(whose, &self.url) else {
            return Answer::None("address");
        };
        let person = match &self.discloses {
            None => None,
            Some(discloses) => match discloses.person(app, event).await {
                Ok(person) => person,
                Err(error) => {
                    tracing::warn!(%error, "what is told of a person cannot be read or noted, so nothing is told");
                    return Answer::None("not_noted");
                }
            },
        };
        let body = body(event, person);
        let unix_s = clock::unix_ms() / 1_000;
        let signed = self.keys.iter();
        let signed: Vec<String> = signed
            .map(|key| key.sign(&event.id, unix_s, body.as_bytes()))
            .collect();
        let request = http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", unix_s)
            .header("webhook-signature", signed.join(" "))
            .body(body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::None(reason(&error)),
        };
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after_s = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let status = response.status().as_u16();
        let rest = async {
            let mut left = ANSWER_BYTES_MAX;
            while let Ok(Some(piece)) = response.chunk().await {
                match left.checked_sub(piece.len()) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        // What it says beside its status is nothing to anybody.
        let _ = tokio::time::timeout(REST_PATIENCE, rest).await;
        Answer::Status {
            status,
            retry_after_s,
        }
    }
}

/// Where an endpoint's address is sealed to.
pub(crate) const URL: &str = "webhook_endpoints.url";
/// Where its secrets are sealed to.
pub(crate) const SECRET: &str = "webhook_endpoints.secret";

/// The bytes that an event is, each time that it is told; with whom it is, if that is to be told.
fn body(event: &EventRow, person: Option<Person>) -> String {
    let timestamp = clock::rfc3339(event.created_ms);
    let event = Event {
        id: &event.id,
        kind: event.kind,
        timestamp: &timestamp,
        object_id: &event.object_id,
        seq: event.seq,
        data: &event.data,
    };
    match person {
        None => event.body(),
        Some(person) => person.within(event.value()).to_string(),
    }
}

/// Why there was no answer, in stable snake_case.
fn reason(error: &reqwest::Error) -> &'static str {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(EgressError::Refused(_)) = one.downcast_ref::<EgressError>() {
            return "address";
        }
        cause = one.source();
    }
    if error.is_builder() {
        "address"
    } else if error.is_connect() {
        "unreachable"
    } else if error.is_timeout() {
        "timeout"
    } else {
        "broken_off"
    }
}
