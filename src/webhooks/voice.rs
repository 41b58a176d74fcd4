//! A call asks what to do: who takes it, and where its media goes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use trunkline_core::token::Claims;
use trunkline_core::wire::twilio::twiml::{self, ConnectStream, Reject};
use trunkline_core::wire::twilio::webhook::{VoiceRequest, Way};

use super::door::Visit;
use super::{Addresses, AwaitedCall, CALL, incoming};
use crate::admission::{Door, Full};
use crate::app::App;
use crate::clock;
use crate::reception::Which;

/// How long the carrier may take to open the socket once it knows where.
pub(super) const SOCKET_PATIENCE: Duration = Duration::from_secs(120);
/// What the carrier's own voice says when nobody can take a call.
const SORRY: &str =
    "We are sorry, your call cannot be taken at the moment. Please call again later. Goodbye.";
const SORRY_LANGUAGE: &str = "en-US";

/// What is to become of a call.
pub(super) enum Verdict {
    /// Its media goes to this socket.
    Connect(Box<AwaitedCall>),
    /// It is not taken.
    Reject(Reject),
    /// Nobody can take it, and it hears so.
    Sorry(&'static str),
    /// These instructions.
    Tell(String),
}

/// `POST …/voice`: instructions for a call that came in, or for one of ours that was answered.
pub(super) async fn voice(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Ok(call) = VoiceRequest::read(&visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let known = app.awaited.of_carrier(&visit.account.id, &call.call_id);
    let verdict = match (known, call.way) {
        // Asked again, since our answer was lost: it stays the same.
        (Some(awaited), _) => Verdict::Connect(Box::new(awaited)),
        (None, Way::Outbound) => answered(&app, &visit, &call).await,
        (None, Way::Inbound) => incoming::incoming(&app, &visit.account, &call).await,
    };
    let twiml = match verdict {
        Verdict::Connect(awaited) => {
            let call_id = awaited.claims.call_id.clone();
            connect(&app, &visit.account.id, *awaited).unwrap_or_else(|why| {
                app.not_coming(&call_id);
                sorry(why)
            })
        }
        Verdict::Reject(why) => twiml::reject(why),
        Verdict::Sorry(why) => sorry(why),
        Verdict::Tell(twiml) => twiml,
    };
    xml(twiml)
}

/// `POST …/after`: what comes after the media stream. A call whose socket never opened hears that it cannot be taken.
pub(super) async fn after(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let call_id = visit.form.first("CallSid").unwrap_or_default();
    let unmet = app.awaited.of_carrier(&visit.account.id, call_id);
    xml(match unmet {
        Some(call) => {
            app.not_coming(&call.claims.call_id);
            sorry("no_socket")
        }
        None => twiml::hang_up(),
    })
}

pub(super) fn sorry(why: &'static str) -> String {
    counter!("trunkline_calls_untaken_total", "reason" => why).increment(1);
    tracing::warn!(reason = why, "a call could not be taken");
    twiml::say_and_hang_up(SORRY, SORRY_LANGUAGE)
}

/// Instructions, as the carrier takes them.
pub(crate) fn xml(twiml: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml).into_response()
}

/// One of ours: who speaks was settled before it was placed.
async fn answered(app: &App, visit: &Visit, call: &VoiceRequest) -> Verdict {
    let call_id = visit.query.first(CALL).unwrap_or_default();
    let awaited = app.awaited.find(call_id);
    let Some(awaited) = awaited.filter(|awaited| awaited.carrier_id == visit.account.id) else {
        return Verdict::Sorry("unknown_call");
    };
    let (keys, claims) = (&visit.account.keys, &awaited.claims);
    let which = Which::of(claims, &claims.call_id);
    let agent = app
        .reception
        .agent(&app.desk, keys, &claims.agent, which)
        .await;
    let Ok(agent) = agent else {
        return Verdict::Sorry("no_agent");
    };
    if *app.draining.borrow() {
        Full::Draining.count(Door::Webhook);
        return Verdict::Sorry("busy");
    }
    let call_id = &awaited.claims.call_id;
    if !app.admission.prolong(call_id, SOCKET_PATIENCE) {
        match app.admit(&agent) {
            Ok(place) => app.admission.promise(call_id, place, SOCKET_PATIENCE),
            Err(full) => {
                full.count(Door::Webhook);
                return Verdict::Sorry("busy");
            }
        }
    }
    let version = Some(agent.version);
    Verdict::Connect(Box::new(AwaitedCall {
        claims: Claims {
            version,
            ..awaited.claims
        },
        carrier_call_id: Some(call.call_id.clone()),
        ..awaited
    }))
}

/// Awaits the call's socket, and tells the carrier where it is.
pub(crate) fn connect(
    app: &App,
    carrier_id: &str,
    call: AwaitedCall,
) -> Result<String, &'static str> {
    let after = Addresses::new(&app.public_url, carrier_id).after();
    let (claims, twiml) = to_socket(app, carrier_id, call.claims, &after)?;
    app.admission.prolong(&claims.call_id, SOCKET_PATIENCE);
    let call = AwaitedCall { claims, ..call };
    app.awaited
        .add(call, SOCKET_PATIENCE)
        .map_err(|_| "too_many")?;
    Ok(twiml)
}

/// Has the carrier open a socket with these claims, which are good for it alone and for so long as it may take; it asks `after` what comes
/// after that. The claims as they are in the token, and the instructions.
pub(crate) fn to_socket(
    app: &App,
    carrier_id: &str,
    claims: Claims,
    after: &str,
) -> Result<(Claims, String), &'static str> {
    let now_s = u64::try_from(clock::unix_ms() / 1_000).unwrap_or(0);
    let claims = Claims {
        expires_unix_s: now_s + SOCKET_PATIENCE.as_secs(),
        carrier: Some(carrier_id.to_owned()),
        ..claims
    };
    let url = app.media_url(&claims).ok_or("no_signing_key")?;
    let status_url = Addresses::new(&app.public_url, carrier_id).stream();
    let stream = ConnectStream {
        url: &url,
        parameters: &[],
        status_url: Some(&status_url),
        action: Some(after),
    };
    let twiml = twiml::connect(&stream).map_err(|_| "too_long")?;
    Ok((claims, twiml))
}
