//! What the carrier asks and tells of transfers. The address names the account and the transfer, and only a request that is
//! signed with the account's secret is believed.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts as _, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use trunkline_core::language::Language;
use trunkline_core::token::{Claims, Direction};
use trunkline_core::wire::twilio::twiml;
use trunkline_core::wire::twilio::webhook::{
    AmdCallback, AnsweredBy, DialResult, Status, StatusCallback, VoiceRequest,
};

use super::{Plan, Told, alone};
use crate::app::App;
use crate::carrier::{CarrierStatus, twilio};
use crate::ids::ClientId;
use crate::store::transfers::Transfer;
use crate::webhooks::{TWILIO_PATH, Visit, admit, https_base, to_socket, xml};

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

/// A request that is the carrier's, and the transfer that it is about.
struct About {
    visit: Visit,
    client: ClientId,
    transfer: Transfer,
}

/// Of a request whose path names an account and a transfer of it.
impl FromRequest<Arc<App>> for About {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut head, body) = request.into_parts();
        let named = Path::<(String, String)>::from_request_parts(&mut head, app).await;
        let Path((carrier_id, id)) = named.map_err(|unnamed| unnamed.into_response())?;
        let visit = admit(app, &carrier_id, Request::from_parts(head, body)).await?;
        let found = app.desk.store.system().transfer(&id).await;
        let found = found.map_err(|error| later(&error))?;
        found
            .filter(|(client, transfer)| {
                *client == visit.account.client && transfer.carrier_id == visit.account.id
            })
            .map(|(client, transfer)| Self {
                visit,
                client,
                transfer,
            })
            .ok_or_else(|| StatusCode::NOT_FOUND.into_response())
    }
}

impl About {
    /// Tells the transfer, if it goes on.
    fn tell(&self, app: &App, told: Told) -> bool {
        app.transfers.tell(&self.client, &self.transfer.id, told)
    }

    /// The language of both sides.
    fn language(&self) -> Language {
        let keys = &self.visit.account.keys;
        match Plan::open(keys, &self.transfer.id, &self.transfer.plan) {
            Ok(plan) => plan.language(),
            Err(_) => {
                tracing::error!(call.id = %self.transfer.call_id, "what is stored of a transfer cannot be read");
                Language::default()
            }
        }
    }

    /// Connects a call with a socket of the transfer's.
    fn connect(&self, app: &App) -> Response {
        let (account, transfer) = (&self.visit.account.id, &self.transfer);
        let claims = Claims {
            call_id: transfer.id.clone(),
            client: Some(self.client.as_str().to_owned()),
            agent: String::new(),
            version: None,
            from: None,
            to: None,
            direction: Direction::Outbound,
            expires_unix_s: 0,
            reusable: false,
            carrier: None,
        };
        let after = url(&app.public_url, account, &transfer.id, AFTER);
        match to_socket(app, account, claims, &after) {
            Ok((_, twiml)) => xml(twiml),
            Err(why) => later(&why),
        }
    }
}

fn later(cause: &dyn std::fmt::Display) -> Response {
    tracing::error!(%cause, "a webhook of a transfer failed");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// `POST …/transfer/{id}/answer`: the person has answered, what now?
async fn answer(State(app): State<Arc<App>>, about: About) -> Response {
    let Ok(asked) = VoiceRequest::read(&about.visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let known = about.transfer.person_leg.as_deref();
    let is_theirs = known.is_none_or(|known| known == asked.call_id);
    let tell = |told| about.tell(&app, told);
    if !is_theirs || !tell(Told::Known(asked.call_id)) || !tell(Told::Answered) {
        return xml(twiml::hang_up());
    }
    about.connect(&app)
}

/// `POST …/transfer/{id}/status`: how the call to the person goes.
async fn status(State(app): State<Arc<App>>, about: About) -> Response {
    let Ok(told) = StatusCallback::read(&about.visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match told.status {
        None => {}
        Some(Status::Queued | Status::Initiated | Status::Ringing | Status::InProgress) => {
            let leg = told.call_id.clone();
            if !about.tell(&app, Told::Known(told.call_id)) {
                let (account, transfer) = (&about.visit.account, &about.transfer);
                return match alone::nobody_waits(&app, account, transfer, leg).await {
                    Ok(()) => StatusCode::NO_CONTENT.into_response(),
                    Err(error) => later(&error),
                };
            }
            if told.status == Some(Status::InProgress) {
                about.tell(&app, Told::Answered);
            }
        }
        Some(status) if about.tell(&app, Told::Ended(twilio::status(status))) => {}
        Some(_) => {
            let (account, id) = (&about.visit.account, &about.transfer.id);
            if let Err(error) = alone::person_is_gone(&app, account, id).await {
                return later(&error);
            }
        }
    }
    StatusCode::NO_CONTENT.into_response()
}

/// `POST …/transfer/{id}/amd`: who answered the call to the person.
async fn verdict(State(app): State<Arc<App>>, about: About) -> Response {
    let Ok(told) = AmdCallback::read(&about.visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if told.answered_by != AnsweredBy::Human {
        about.tell(&app, Told::Machine);
    }
    StatusCode::NO_CONTENT.into_response()
}

/// `POST …/transfer/{id}/after`: what comes after a person's socket, after a room, and after a caller's socket that is closed.
async fn after(_: About) -> Response {
    xml(twiml::hang_up())
}

/// `POST …/transfer/{id}/sent`: what comes after the caller was sent to the number. Who was not answered comes back.
async fn sent(State(app): State<Arc<App>>, about: About) -> Response {
    let Ok(told) = DialResult::read(&about.visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let status = told.status.map(twilio::status);
    let is_live = about.tell(&app, Told::Sent(status));
    let says = |words: &str| twiml::say_and_hang_up(words, &about.language().transfer().locale);
    match status {
        Some(CarrierStatus::Canceled) => xml(twiml::hang_up()),
        // A caller who has hung up hears nothing of it.
        Some(CarrierStatus::Completed) => xml(says(&about.language().transfer().person_gone)),
        _ if is_live => about.connect(&app),
        _ => xml(says(&about.language().transfer().nobody)),
    }
}
