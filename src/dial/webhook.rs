//! What the carrier asks and tells of calls that we placed. The address names the account and the attempt, and only a
//! request that is signed with the account's secret is believed.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use trunkline_core::token::{Claims, Direction};
use trunkline_core::wire::twilio::twiml;
use trunkline_core::wire::twilio::webhook::{Status, StatusCallback, VoiceRequest};

use super::Plan;
use super::settle::{self, Told};
use crate::ahead::{self, Coming};
use crate::app::App;
use crate::callbacks;
use crate::carrier::account::TWILIO;
use crate::carrier::twilio;
use crate::ids::ClientId;
use crate::reception::Which;
use crate::store::attempts::Attempt;
use crate::store::calls::CallStatus;
use crate::webhooks::{AwaitedCall, TWILIO_PATH, Visit, admit, connect, https_base, moment};

/// Asked once somebody has answered.
pub(super) const ANSWER: &str = "answer";
/// Told how the call goes.
pub(super) const STATUS: &str = "status";
/// The routes of calls that we placed.
pub fn routes() -> Router<Arc<App>> {
    let at = |what: &str| format!("{TWILIO_PATH}/{{carrier_id}}/{what}/{{attempt_id}}");
    Router::new()
        .route(&at(ANSWER), post(answer))
        .route(&at(STATUS), post(status))
}

/// The address of a webhook, as the carrier is given it.
pub(super) fn url(public_url: &str, carrier_id: &str, what: &str, attempt_id: &str) -> String {
    let base = https_base(public_url);
    format!("{base}{TWILIO_PATH}/{carrier_id}/{what}/{attempt_id}")
}

/// What a believed request is about.
struct About {
    client: ClientId,
    attempt: Attempt,
}

fn later(cause: &dyn std::fmt::Display) -> Response {
    tracing::error!(%cause, "a webhook of a placed call failed");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// The attempt that a believed request names, if it is of the account that signed it.
async fn about(app: &App, visit: &Visit, attempt_id: &str) -> Result<About, Response> {
    let found = app.desk.store.system().attempt(attempt_id).await;
    let found = found.map_err(|error| later(&error))?;
    found
        .filter(|(client, attempt)| {
            *client == visit.account.client && attempt.carrier_id == visit.account.id
        })
        .map(|(client, attempt)| About { client, attempt })
        .ok_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// `POST …/answer/{attempt}`: somebody has answered, what now?
async fn answer(
    State(app): State<Arc<App>>,
    Path((carrier_id, attempt_id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let instructed = async {
        let visit = admit(&app, &carrier_id, request).await?;
        let about = about(&app, &visit, &attempt_id).await?;
        instructions(&app, &visit, &about).await
    };
    match instructed.await {
        Ok(twiml) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml).into_response(),
        Err(refused) => refused,
    }
}

async fn instructions(
    app: &App,
    visit: &Visit,
    About { client, attempt }: &About,
) -> Result<String, Response> {
    let asked = VoiceRequest::read(&visit.form);
    let asked = asked.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
    let told = Told {
        carrier: TWILIO,
        carrier_call_id: &asked.call_id,
        status: None,
        at_ms: app.dialer().now_ms(),
        duration_ms: None,
    };
    let ours = settle::apply(&app.desk, client, attempt, &told).await;
    let ours = ours.map_err(|error| later(&error))?;
    let call = app.desk.store.calls().find(client, &attempt.call_id).await;
    let call = call.map_err(|error| later(&error))?;
    let Some(call) = call.filter(|call| ours && call.status != CallStatus::Ended) else {
        tracing::warn!(call.id = %attempt.call_id, "somebody answered a call that is over here");
        return Ok(twiml::hang_up());
    };
    // Whatever was published while it rang.
    let version = call.agent_version;
    let plan = Plan::open(&visit.account.keys, attempt).await;
    let plan = plan.map_err(|error| later(&error))?;
    let keys = &visit.account.keys;
    // Whoever cannot hold the call says so when its socket opens.
    let agent = app
        .reception
        .agent(&app.desk, keys, &plan.agent, Which::Settled(version));
    let agent = agent.await;
    let mut variables = plan.variables;
    if let (Ok(agent), Some(promise)) = (&agent, &plan.promise) {
        let note = callbacks::note(&app.desk, keys, &promise.callback_id).await;
        variables = callbacks::with_note(agent, variables, note);
    }
    if let Ok(agent) = agent {
        let (agent, call_id) = (&agent, attempt.call_id.as_str());
        ahead::answered(
            app,
            &Coming {
                keys,
                call_id,
                agent,
                down: app.admission.down(call_id),
            },
            // It was voiced while the call rang.
            &[],
        )
        .await;
    }
    let awaited = AwaitedCall {
        claims: Claims {
            call_id: attempt.call_id.clone(),
            client: Some(client.as_str().to_owned()),
            agent: plan.agent,
            version: Some(version),
            from: Some(plan.from),
            to: Some(plan.to),
            direction: Direction::Outbound,
            expires_unix_s: 0,
            reusable: false,
            carrier: Some(attempt.carrier_id.clone()),
        },
        carrier_id: attempt.carrier_id.clone(),
        carrier_call_id: Some(asked.call_id),
        variables,
        contact_id: None,
    };
    connect(app, &attempt.carrier_id, awaited).map_err(|why| later(&why))
}

/// `POST …/status/{attempt}`: how the call goes.
async fn status(
    State(app): State<Arc<App>>,
    Path((carrier_id, attempt_id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let heard = async {
        let visit = admit(&app, &carrier_id, request).await?;
        let about = about(&app, &visit, &attempt_id).await?;
        hear(&app, &visit, &about).await
    };
    match heard.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refused,
    }
}

async fn hear(app: &App, visit: &Visit, About { client, attempt }: &About) -> Result<(), Response> {
    let callback = StatusCallback::read(&visit.form);
    let callback = callback.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
    let lasted_s = callback.duration_s.and_then(|s| i64::try_from(s).ok());
    let told = Told {
        carrier: TWILIO,
        carrier_call_id: &callback.call_id,
        status: callback.status.map(twilio::status),
        at_ms: moment(callback.at_unix_s, app.dialer().now_ms()),
        duration_ms: lasted_s.map(|s| s.saturating_mul(1_000)),
    };
    if callback.status.is_some_and(Status::is_final) {
        app.not_coming(&attempt.call_id);
    }
    let heard = settle::apply(&app.desk, client, attempt, &told).await;
    if !heard.map_err(|error| later(&error))? {
        tracing::warn!(call.id = %attempt.call_id, "a carrier speaks of another call");
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
            ("ws://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://voice.example.com/x", "https://voice.example.com/x"),
        ] {
            let wanted = format!("{base}/webhooks/twilio/carr_1/status/att_1");
            assert_eq!(url(public, "carr_1", STATUS, "att_1"), wanted);
        }
    }
}
