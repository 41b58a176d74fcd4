//! What the carrier asks and tells of calls that we placed. The address names the account and the attempt, and only a
//! request that is signed with the account's secret is believed.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use trunkline_core::token::{Claims, Direction};
use trunkline_core::wire::twilio::form::Form;
use trunkline_core::wire::twilio::signature::{SETTINGS_HEADER, SIGNATURE_HEADER, Signed};
use trunkline_core::wire::twilio::twiml::{self, ConnectStream};
use trunkline_core::wire::twilio::webhook::{Status, StatusCallback, VoiceRequest};

use super::Plan;
use super::settle::{self, Told};
use crate::app::App;
use crate::carrier::account::{Account, TWILIO};
use crate::carrier::twilio;
use crate::ids::{self, ClientId};
use crate::store::attempts::{Attempt, AttemptState};
use crate::store::calls::CallStatus;

/// Asked once somebody has answered.
pub(super) const ANSWER: &str = "answer";
/// Told how the call goes.
pub(super) const STATUS: &str = "status";
/// Webhooks are small.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// From the instructions to the media socket, seconds.
const SOCKET_S_MAX: i64 = 60;

/// The routes of calls that we placed.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/webhooks/twilio/{account}/answer/{attempt}", post(answer))
        .route("/webhooks/twilio/{account}/status/{attempt}", post(status))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// The address of a webhook, as the carrier is given it. `public_url` is `wss://` or `ws://` and a host.
pub(super) fn url(public_url: &str, account: &str, what: &str, attempt: &str) -> String {
    let base = match public_url.split_once("://") {
        Some(("ws" | "http", rest)) => format!("http://{rest}"),
        Some((_, rest)) => format!("https://{rest}"),
        None => public_url.to_owned(),
    };
    let base = base.trim_end_matches('/');
    format!("{base}/webhooks/twilio/{account}/{what}/{attempt}")
}

/// A webhook that is believed.
struct Believed {
    client: ClientId,
    account: Account,
    attempt: Attempt,
    form: Form,
}

/// Why a webhook is not answered as it wishes.
enum Turned {
    /// Whoever sent it knows no secret of the account, or there is no such account.
    Forged,
    /// There is no such attempt of the account's.
    Unknown,
    /// It makes no sense.
    Garbled,
    /// Not now: the carrier asks again.
    Later,
}

impl From<Turned> for Response {
    fn from(turned: Turned) -> Self {
        let status = match turned {
            Turned::Forged => StatusCode::FORBIDDEN,
            Turned::Unknown => StatusCode::NOT_FOUND,
            Turned::Garbled => StatusCode::BAD_REQUEST,
            Turned::Later => StatusCode::SERVICE_UNAVAILABLE,
        };
        status.into_response()
    }
}

fn later(cause: &dyn std::fmt::Display) -> Turned {
    tracing::error!(%cause, "a webhook of a placed call failed");
    Turned::Later
}

async fn believe(
    app: &App,
    (account_id, what, attempt_id): (&str, &str, &str),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Believed, Turned> {
    if !ids::is_id("carr", account_id) || !ids::is_id("att", attempt_id) {
        return Err(Turned::Forged);
    }
    let account = Account::named(&app.desk, account_id).await;
    let account = account.map_err(|error| later(&error))?;
    let account = account.ok_or(Turned::Forged)?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let url = url(&app.public_url, account_id, what, attempt_id);
    let signed = Signed {
        url: &url,
        signature: text(SIGNATURE_HEADER),
        settings: text(SETTINGS_HEADER),
        content_type: text(header::CONTENT_TYPE.as_str()),
        body,
    };
    if let Err(forged) = account.verify(&signed) {
        tracing::warn!(why = forged.code(), "a webhook is not believed");
        return Err(Turned::Forged);
    }
    let found = app.desk.store.system().attempt(attempt_id).await;
    let found = found.map_err(|error| later(&error))?;
    let (client, attempt) = found
        .filter(|(client, attempt)| *client == account.client && attempt.carrier_id == account_id)
        .ok_or(Turned::Unknown)?;
    Ok(Believed {
        client,
        account,
        attempt,
        form: Form::parse(body).map_err(|_| Turned::Garbled)?,
    })
}

/// `POST /webhooks/twilio/{account}/answer/{attempt}`: somebody has answered, what now?
async fn answer(
    State(app): State<Arc<App>>,
    Path((account, attempt)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let named = (account.as_str(), ANSWER, attempt.as_str());
    let instructions = async {
        let believed = believe(&app, named, &headers, &body).await?;
        instructions(&app, &believed).await
    };
    match instructions.await {
        Ok(twiml) => ([(header::CONTENT_TYPE, "text/xml")], twiml).into_response(),
        Err(turned) => turned.into(),
    }
}

async fn instructions(app: &App, believed: &Believed) -> Result<String, Turned> {
    let Believed {
        client,
        account,
        attempt,
        form,
    } = believed;
    let request = VoiceRequest::read(form).map_err(|_| Turned::Garbled)?;
    let told = Told {
        carrier: TWILIO,
        carrier_call_id: &request.call_id,
        status: None,
        at_ms: app.dialer().now_ms(),
        duration_ms: None,
    };
    let ours = settle::apply(&app.desk, client, attempt, &told).await;
    let call = app.desk.store.calls().find(client, &attempt.call_id).await;
    let (ours, call) = (
        ours.map_err(|error| later(&error))?,
        call.map_err(|error| later(&error))?,
    );
    let is_wanted = call.is_some_and(|call| call.status != CallStatus::Ended);
    if !ours || !is_wanted || attempt.state == AttemptState::Failed {
        tracing::warn!(call.id = %attempt.call_id, "somebody answered a call that is over here");
        return Ok(twiml::hang_up());
    }
    let plan = Plan::open(&account.keys, attempt).await;
    let plan = plan.map_err(|error| later(&error))?;
    let expires_s = app.dialer().now_ms() / 1_000 + SOCKET_S_MAX;
    let claims = Claims {
        call_id: attempt.call_id.clone(),
        client: Some(client.as_str().to_owned()),
        agent: plan.agent,
        from: Some(plan.from),
        to: Some(plan.to),
        direction: Direction::Outbound,
        expires_unix_s: u64::try_from(expires_s).unwrap_or(0),
        reusable: false,
    };
    let url = app.media_url(&claims).ok_or(Turned::Later)?;
    let stream = ConnectStream {
        url: &url,
        parameters: &[],
        status_url: None,
        action: None,
    };
    twiml::connect(&stream).map_err(|error| later(&error))
}

/// `POST /webhooks/twilio/{account}/status/{attempt}`: how the call goes.
async fn status(
    State(app): State<Arc<App>>,
    Path((account, attempt)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let named = (account.as_str(), STATUS, attempt.as_str());
    let heard = async {
        let believed = believe(&app, named, &headers, &body).await?;
        hear(&app, &believed).await
    };
    match heard.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(turned) => turned.into(),
    }
}

async fn hear(app: &App, believed: &Believed) -> Result<(), Turned> {
    let callback = StatusCallback::read(&believed.form).map_err(|_| Turned::Garbled)?;
    let ms = |s: i64| s.saturating_mul(1_000);
    let duration = callback.duration_s.and_then(|s| i64::try_from(s).ok());
    let told = Told {
        carrier: TWILIO,
        carrier_call_id: &callback.call_id,
        status: callback
            .status
            // Accepted and not yet dialled: nothing rings.
            .filter(|status| *status != Status::Initiated)
            .map(twilio::status),
        at_ms: callback.at_unix_s.map_or_else(|| app.dialer().now_ms(), ms),
        duration_ms: duration.map(ms),
    };
    let heard = settle::apply(&app.desk, &believed.client, &believed.attempt, &told).await;
    if !heard.map_err(|error| later(&error))? {
        tracing::warn!(call.id = %believed.attempt.call_id, "a carrier speaks of another call");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_are_at_the_public_address() {
        for (public, base) in [
            ("wss://voice.example.com", "https://voice.example.com"),
            ("wss://voice.example.com/", "https://voice.example.com"),
            ("ws://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://voice.example.com/x", "https://voice.example.com/x"),
        ] {
            let wanted = format!("{base}/webhooks/twilio/carr_1/status/att_1");
            assert_eq!(url(public, "carr_1", STATUS, "att_1"), wanted);
        }
    }
}
