//! What the carrier asks and tells of transfers. The address names the account and the transfer, and only a request that is
//! signed with the account's secret is believed.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use trunkline_core::call::TransferEnd;
use trunkline_core::token::{Claims, Direction};
use trunkline_core::wire::twilio::twiml::{self, ConnectStream};
use trunkline_core::wire::twilio::webhook::{
    AmdCallback, AnsweredBy, DialResult, Status, StatusCallback, VoiceRequest,
};

use super::Told;
use crate::app::App;
use crate::carrier::{CarrierStatus, twilio};
use crate::clock;
use crate::ids::ClientId;
use crate::store::transfers::Transfer;
use crate::webhooks::{Addresses, TWILIO_PATH, Visit, admit, https_base};

/// Asked once the person has answered.
pub(super) const ANSWER: &str = "answer";
/// Told how the call to the person goes.
pub(super) const STATUS: &str = "status";
/// Told who answered it.
pub(super) const VERDICT: &str = "amd";
/// Asked what comes after a socket or a room.
pub(super) const AFTER: &str = "after";
/// Asked what comes after the caller was sent to the number.
pub(super) const SENT: &str = "sent";
/// How long the carrier may take to open a socket.
const SOCKET_PATIENCE_S: u64 = 120;
/// What the carrier's own voice says to a caller who cannot come back.
const SORRY: &str =
    "We are sorry, nobody can take your call at the moment. Please call again later. Goodbye.";
/// What it says to one whose person has gone.
const GONE: &str = "The other side has hung up. Goodbye.";
const LANGUAGE: &str = "en-US";

/// The routes.
pub fn routes() -> Router<Arc<App>> {
    let at = |what: &str| format!("{TWILIO_PATH}/{{carrier_id}}/transfer/{{transfer_id}}/{what}");
    Router::new()
        .route(&at(ANSWER), post(answer))
        .route(&at(STATUS), post(status))
        .route(&at(VERDICT), post(verdict))
        .route(&at(AFTER), post(after))
        .route(&at(SENT), post(sent))
}

/// The address of a webhook, as the carrier is given it.
pub(super) fn url(public_url: &str, carrier_id: &str, id: &str, what: &str) -> String {
    let base = https_base(public_url);
    format!("{base}{TWILIO_PATH}/{carrier_id}/transfer/{id}/{what}")
}

/// What a believed request is about.
struct About {
    visit: Visit,
    client: ClientId,
    transfer: Transfer,
}

fn later(cause: &dyn std::fmt::Display) -> Response {
    tracing::error!(%cause, "a webhook of a transfer failed");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

fn bad(_: impl std::error::Error) -> Response {
    StatusCode::BAD_REQUEST.into_response()
}

/// The transfer that a believed request names, if it is of the account that signed it.
async fn about(
    app: &App,
    (carrier_id, id): &(String, String),
    request: Request,
) -> Result<About, Response> {
    let visit = admit(app, carrier_id, request).await?;
    let found = app.desk.store.system().transfer(id).await;
    let found = found.map_err(|error| later(&error))?;
    found
        .filter(|(client, transfer)| {
            *client == visit.account.client && transfer.carrier_id == visit.account.id
        })
        .map(|(client, transfer)| About {
            visit,
            client,
            transfer,
        })
        .ok_or_else(|| StatusCode::NOT_FOUND.into_response())
}

fn xml(answer: Result<String, Response>) -> Response {
    match answer {
        Ok(twiml) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml).into_response(),
        Err(refused) => refused,
    }
}

fn noted(done: Result<(), Response>) -> Response {
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refused,
    }
}

/// Connects a call with a socket of the transfer's.
#[expect(clippy::result_large_err, reason = "it is the answer itself")]
fn connect(
    app: &App,
    About {
        client, transfer, ..
    }: &About,
) -> Result<String, Response> {
    let now_s = u64::try_from(clock::unix_ms() / 1_000).unwrap_or(0);
    let claims = Claims {
        call_id: transfer.id.clone(),
        client: Some(client.as_str().to_owned()),
        agent: String::new(),
        version: None,
        from: None,
        to: None,
        direction: Direction::Outbound,
        expires_unix_s: now_s + SOCKET_PATIENCE_S,
        reusable: false,
        carrier: Some(transfer.carrier_id.clone()),
    };
    let socket = app.media_url(&claims);
    let socket = socket.ok_or_else(|| later(&"there is no key for tokens"))?;
    let addresses = Addresses::new(&app.public_url, &transfer.carrier_id);
    let (status_url, action) = (
        addresses.stream(),
        url(&app.public_url, &transfer.carrier_id, &transfer.id, AFTER),
    );
    let stream = ConnectStream {
        url: &socket,
        parameters: &[],
        status_url: Some(&status_url),
        action: Some(&action),
    };
    twiml::connect(&stream).map_err(|error| later(&error))
}

/// `POST …/transfer/{id}/answer`: the person has answered, what now?
async fn answer(
    State(app): State<Arc<App>>,
    Path(path): Path<(String, String)>,
    request: Request,
) -> Response {
    let instructed = async {
        let about = about(&app, &path, request).await?;
        let asked = VoiceRequest::read(&about.visit.form).map_err(bad)?;
        let (client, id) = (&about.client, &about.transfer.id);
        let known = about.transfer.person_leg.as_deref();
        let is_ours = known.is_none_or(|known| known == asked.call_id);
        let tell = |told| app.transfers.tell(client, id, told);
        if !is_ours || !tell(Told::Known(asked.call_id)) || !tell(Told::Answered) {
            return Ok(twiml::hang_up());
        }
        connect(&app, &about)
    };
    xml(instructed.await)
}

/// `POST …/transfer/{id}/status`: how the call to the person goes.
async fn status(
    State(app): State<Arc<App>>,
    Path(path): Path<(String, String)>,
    request: Request,
) -> Response {
    let heard = async {
        let about = about(&app, &path, request).await?;
        let told = StatusCallback::read(&about.visit.form).map_err(bad)?;
        let (client, id) = (&about.client, &about.transfer.id);
        let tell = |told| app.transfers.tell(client, id, told);
        match told.status {
            None => {}
            Some(Status::Queued | Status::Initiated | Status::Ringing) => {
                tell(Told::Known(told.call_id));
            }
            Some(Status::InProgress) => {
                tell(Told::Known(told.call_id));
                tell(Told::Answered);
            }
            Some(status) if tell(Told::Ended(twilio::status(status))) => {}
            Some(_) => end_for_caller(&app, &about).await,
        }
        Ok(())
    };
    noted(heard.await)
}

/// The person has hung up on a caller who was put through: nobody is left to wait in a room for nobody.
async fn end_for_caller(
    app: &App,
    About {
        visit, transfer, ..
    }: &About,
) {
    if transfer.outcome.as_deref() != Some(TransferEnd::PutThrough.code()) {
        return;
    }
    let ended = async {
        let carrier = app.dialer().carrier(&visit.account)?;
        let goodbye = twiml::say_and_hang_up(GONE, LANGUAGE);
        // A caller who has hung up too needs none.
        let _ = carrier.redirect(&transfer.caller_leg, &goodbye).await;
        Ok::<(), crate::egress::EgressError>(())
    };
    if let Err(error) = ended.await {
        tracing::warn!(call.id = %transfer.call_id, %error, "a caller's leg is not seen to");
    }
}

/// `POST …/transfer/{id}/amd`: who answered the call to the person.
async fn verdict(
    State(app): State<Arc<App>>,
    Path(path): Path<(String, String)>,
    request: Request,
) -> Response {
    let heard = async {
        let about = about(&app, &path, request).await?;
        let told = AmdCallback::read(&about.visit.form).map_err(bad)?;
        if told.answered_by != AnsweredBy::Human {
            let (client, id) = (&about.client, &about.transfer.id);
            app.transfers.tell(client, id, Told::Machine);
        }
        Ok(())
    };
    noted(heard.await)
}

/// `POST …/transfer/{id}/after`: what comes after a person's socket, after a room, and after a caller's socket that is closed.
async fn after(
    State(app): State<Arc<App>>,
    Path(path): Path<(String, String)>,
    request: Request,
) -> Response {
    let instructed = about(&app, &path, request).await;
    xml(instructed.map(|_| twiml::hang_up()))
}

/// `POST …/transfer/{id}/sent`: what comes after the caller was sent to the number. Who was not answered comes back.
async fn sent(
    State(app): State<Arc<App>>,
    Path(path): Path<(String, String)>,
    request: Request,
) -> Response {
    let instructed = async {
        let about = about(&app, &path, request).await?;
        let told = DialResult::read(&about.visit.form).map_err(bad)?;
        let status = told.status.map(twilio::status);
        let (client, id) = (&about.client, &about.transfer.id);
        let is_live = app.transfers.tell(client, id, Told::Sent(status));
        let is_over = matches!(
            status,
            Some(CarrierStatus::Completed | CarrierStatus::Canceled)
        );
        match is_live {
            _ if is_over => Ok(twiml::hang_up()),
            true => connect(&app, &about),
            false => Ok(twiml::say_and_hang_up(SORRY, LANGUAGE)),
        }
    };
    xml(instructed.await)
}
