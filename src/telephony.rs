//! The route that lets a carrier in: every refusal happens before the upgrade, and what comes after it is a call.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use tracing::Instrument as _;
use trunkline_core::call::EndReason;
use trunkline_core::record;
use trunkline_core::token::{Claims, Direction, TokenError};
use trunkline_core::wire::twilio::MESSAGE_BYTES_MAX;

use crate::admission::{Door, Full, RETRY_AFTER_S};
use crate::app::App;
use crate::carrier::account::TWILIO;
use crate::clock;
use crate::inbound::callers;
use crate::line::Line;
use crate::reception::Turned;
use crate::session::{Means, Session};
use crate::tickets::Refused;
use crate::transfer;
use crate::webhooks::verify_upgrade;

/// Where carriers open their media sockets; the token follows.
pub const MEDIA_PATH: &str = "/media/twilio";
/// How long a socket may be open without saying which call it is.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// A socket's read buffer is this large from its first byte to its last, and is zeroed for each read; the default is 128 KiB.
/// A frame of 20 ms takes some 380 bytes, and what is left of the buffer is used up before it is given back.
const READ_BUFFER_BYTES: usize = 6 * 1_024;

/// `GET /media/twilio/{token}`: refused before the upgrade unless the token is ours, in time and unused, the carrier signed
/// the request where it must, and there is room for the call. A stranger leaves nothing behind but a count.
pub async fn media(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let claims = match app.tickets.admit(&token) {
        Ok(claims) => claims,
        Err(refused) => return refuse(&refused),
    };
    if let Err(forged) = verify_upgrade(&app, &claims, &headers, &uri).await {
        return forged;
    }
    if transfer::is_of_transfer(&claims) {
        return transfer::come(&app, &claims, upgrade);
    }
    if *app.draining.borrow() {
        return busy(Full::Draining);
    }
    let call_id: Arc<str> = app.call_id(&claims).into();
    let expected = app.reception.expected(&app.desk, &claims, &call_id);
    let expected = match expected.await {
        Ok(expected) => expected,
        Err(turned) => return turn_away(&turned),
    };
    // What was promised is kept, however full it has become.
    let promised = app.admission.take(&call_id);
    let was_promised = promised.is_some();
    let mut place = match promised.map_or_else(|| app.admit(&expected.agent), Ok) {
        Ok(place) => place,
        Err(full) => return busy(full),
    };
    if let Err(refused) = app.tickets.spend(&claims) {
        if was_promised {
            app.admission.promise(&call_id, place, START_PATIENCE);
        }
        return refuse(&refused);
    }
    let awaited = app.awaited.take(&call_id);
    // Nobody has looked yet who it is that calls by a media URL alone.
    let is_unasked = awaited.is_none() && claims.direction == Direction::Inbound;
    let (carrier_call_id, mut variables, mut contact_id) = awaited
        .map(|call| (call.carrier_call_id, call.variables, call.contact_id))
        .unwrap_or_default();
    let received = app
        .reception
        .receive(
            &app.desk,
            &claims,
            expected,
            &call_id,
            carrier_call_id.clone(),
        )
        .await;
    let arrival = match received {
        Ok(arrival) => arrival,
        Err(turned) => {
            app.ahead.forget(&call_id);
            return turn_away(&turned);
        }
    };
    if let Some(keys) = arrival.keys.as_ref().filter(|_| is_unasked) {
        let known = callers::known(&app.desk, keys, claims.from.as_ref()).await;
        variables = arrival.agent.takes(&known.variables);
        contact_id = known.contact_id;
    }
    if let (Some(keys), Some(contact_id)) = (&arrival.keys, &contact_id) {
        callers::note(&app.desk, keys, &call_id, contact_id).await;
    }
    let ledger = arrival.ledger.clone();
    let hears_again = arrival.agent.recogniser.second_pass && arrival.keep.is_some();
    let (keys, agent) = (arrival.keys.as_ref(), &arrival.agent);
    let ahead = keys.and_then(|keys| app.ahead.take(&call_id, keys.id(), agent));
    let stack = match ahead {
        Some(stack) => stack,
        None => match app
            .stacks
            .for_call(&app.desk, keys, agent, place.down())
            .await
        {
            Ok(stack) => stack,
            Err(error) => return not_held(&error),
        },
    };
    let leg = carrier_call_id.as_deref();
    let means = match app.means(&claims, &call_id, arrival, stack, &variables, leg) {
        Ok(means) => means,
        Err(error) => return not_held(&error),
    };
    // From here on the server does not end without this call, upgraded or not.
    let live = app.tasks.token();
    place.came();
    let span = tracing::info_span!("call", call.id = %call_id);
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| {
            let call = async move {
                let (meter, began) = (means.meter.clone(), clock::timer_now());
                let reason = hold(Arc::clone(&call_id), &claims, means, socket).await;
                let held = clock::timer_now().duration_since(began);
                drop(place);
                if let Some(ledger) = ledger {
                    ledger.over(record::reason(reason)).await;
                    ledger.settled().await;
                    meter.carried(TWILIO, u64::try_from(held.as_millis()).unwrap_or(u64::MAX));
                    app.used(ledger.client(), &call_id, &meter.units(), 0).await;
                    if let Some(second_pass) = app.second_pass.get().filter(|_| hears_again) {
                        second_pass.ask(ledger.client(), &call_id);
                    }
                }
                drop(live);
            };
            call.instrument(span)
        })
}

async fn hold(
    call_id: Arc<str>,
    claims: &Claims,
    means: Means,
    socket: axum::extract::ws::WebSocket,
) -> EndReason {
    let mut line = Line::new(socket);
    match tokio::time::timeout(START_PATIENCE, line.start()).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::info!(line = ?line.counts(), "media socket closed before its start");
            return EndReason::LineLost;
        }
        Err(_) => {
            tracing::info!(line = ?line.counts(), "media socket never started");
            line.close().await;
            return EndReason::LineLost;
        }
    }
    tracing::info!(agent = %claims.agent, direction = ?claims.direction, "call began");
    crate::metrics::call_began(claims.direction);
    Session::new(call_id, line, means).hold().await
}

/// There is no place for the call now.
fn busy(full: Full) -> Response {
    full.count(Door::Media);
    tracing::warn!(reason = full.code(), "call refused: {full}");
    let words = match full {
        Full::Draining => "shutting down\n".to_owned(),
        Full::Load(_) | Full::Places | Full::Calls => format!("busy: {}\n", full.code()),
    };
    let again = [(RETRY_AFTER, RETRY_AFTER_S.to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, again, words).into_response()
}

fn not_held(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "call not held");
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
}

fn turn_away(turned: &Turned) -> Response {
    let status = match turned {
        Turned::NoAgent
        | Turned::NoVersion
        | Turned::NoDraft
        | Turned::NoClient
        | Turned::WhichClient => StatusCode::NOT_FOUND,
        Turned::Suspended => StatusCode::FORBIDDEN,
        Turned::Used => StatusCode::CONFLICT,
        Turned::Agent(_)
        | Turned::Plan(_)
        | Turned::Store(_)
        | Turned::Vault(_)
        | Turned::Unopened(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    tracing::warn!("call turned away: {turned}");
    (status, format!("{turned}\n")).into_response()
}

fn refuse(refused: &Refused) -> Response {
    let (status, reason) = match refused {
        Refused::Token(TokenError::Malformed) => (StatusCode::FORBIDDEN, "malformed"),
        Refused::Token(TokenError::BadSignature) => (StatusCode::FORBIDDEN, "token"),
        Refused::Token(TokenError::Expired { .. }) => (StatusCode::FORBIDDEN, "expired"),
        Refused::Used => (StatusCode::CONFLICT, "used"),
        Refused::Reusable => (StatusCode::FORBIDDEN, "reusable"),
    };
    counter!("trunkline_media_refused_total", "reason" => reason).increment(1);
    (status, format!("{refused}\n")).into_response()
}
