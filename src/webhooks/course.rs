//! How calls and their streams go, as the carrier tells it: late, twice, and in any order.
//!
//! What is told is written so that the order does not matter. A status moves a call forward and never back; the first
//! final one counts; telling one again changes nothing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use trunkline_core::amd::Told;
use trunkline_core::wire::twilio::webhook::{
    AmdCallback, AnsweredBy, Status, StatusCallback, StreamEvent, StreamStatus,
};

use super::CALL;
use super::door::Visit;
use crate::app::App;
use crate::carrier::account::TWILIO;
use crate::clock;
use crate::live::Control;
use crate::store::StoreError;
use crate::store::calls::CarrierEnd;
use crate::transfer;

/// A carrier's clock that differs by more is not believed, ms.
const CLOCK_MS_MAX: i64 = 24 * 3_600_000;

/// `POST …/status`: how a call goes.
pub(super) async fn status(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Ok(told) = StatusCallback::read(&visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(status) = told.status else {
        return passed_over("status_word");
    };
    if status.is_final()
        && let Some(unmet) = app.awaited.of_carrier(&visit.account.id, &told.call_id)
    {
        // The caller was gone before the socket opened.
        app.not_coming(&unmet.claims.call_id);
    }
    match note(&app, &visit, &told, status).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => passed_over("status"),
        Err(error) => failed(&error),
    }
}

/// `POST …/amd`: who answered one of our calls.
pub(super) async fn answered_by(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Ok(told) = AmdCallback::read(&visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let call_id = match call_of(&app, &visit, &told.call_id).await {
        Ok(Some(call_id)) => call_id,
        Ok(None) => return passed_over("amd"),
        Err(error) => return failed(&error),
    };
    let told = match told.answered_by {
        AnsweredBy::Human => Told::Human,
        AnsweredBy::MachineStart => Told::Machine {
            greeting_over: false,
        },
        AnsweredBy::MachineBeep | AnsweredBy::MachineEnd => Told::Machine {
            greeting_over: true,
        },
        AnsweredBy::Fax => Told::Fax,
    };
    let (live, client) = (&app.desk.live, &visit.account.client);
    // A call that is over need not know.
    let _ = live.send(client, &call_id, Control::CarrierHeard { told });
    StatusCode::NO_CONTENT.into_response()
}

/// `POST …/stream`: how a media stream goes. The socket itself tells more; what only the carrier knows is counted.
pub(super) async fn stream(visit: Visit) -> Response {
    let Ok(told) = StreamStatus::read(&visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match told.event {
        StreamEvent::Failed => {
            let code = told.error.unwrap_or(0);
            counter!("trunkline_carrier_stream_errors_total").increment(1);
            tracing::warn!(code, carrier = %visit.account.id, "the carrier reports a stream that failed");
        }
        StreamEvent::Started | StreamEvent::Stopped | StreamEvent::Other => {}
    }
    StatusCode::NO_CONTENT.into_response()
}

/// Our id of the call that the carrier means, if it is this client's: by the carrier's id, or by ours in the address,
/// which then gets the carrier's.
async fn call_of(
    app: &App,
    visit: &Visit,
    carrier_call_id: &str,
) -> Result<Option<String>, StoreError> {
    let client = &visit.account.client;
    let known = app.desk.store.system();
    if let Some((owner, call_id)) = known.call_of_carrier(TWILIO, carrier_call_id).await? {
        return Ok((owner == *client).then_some(call_id));
    }
    let Some(call_id) = visit.query.first(CALL) else {
        return Ok(None);
    };
    let calls = app.desk.store.calls();
    let call = calls.find(client, call_id).await?;
    if call.is_none_or(|call| call.carrier_call_id.is_some()) {
        return Ok(None);
    }
    calls
        .placed(client, call_id, TWILIO, carrier_call_id)
        .await?;
    Ok(Some(call_id.to_owned()))
}

/// Writes what was told. Whether there is such a call.
async fn note(
    app: &Arc<App>,
    visit: &Visit,
    told: &StatusCallback,
    status: Status,
) -> Result<bool, StoreError> {
    let Some(call_id) = call_of(app, visit, &told.call_id).await? else {
        return Ok(false);
    };
    let (calls, client) = (app.desk.store.calls(), &visit.account.client);
    let at_ms = moment(told.at_unix_s, clock::unix_ms());
    let outcome = match status {
        Status::Queued => return Ok(true),
        Status::Initiated | Status::Ringing => {
            calls.ringing(client, &call_id).await?;
            return Ok(true);
        }
        Status::InProgress => {
            calls.answered(client, &call_id, at_ms).await?;
            return Ok(true);
        }
        Status::Completed => "completed",
        Status::Busy => "busy",
        Status::Failed => "failed",
        Status::NoAnswer => "no_answer",
        Status::Canceled => "canceled",
    };
    let lasted_s = told.duration_s.and_then(|s| i64::try_from(s).ok());
    let lasted_ms = lasted_s
        .filter(|_| status == Status::Completed)
        .map(|s| s.saturating_mul(1_000));
    let end = CarrierEnd {
        ended_ms: at_ms,
        outcome,
        answered_ms: lasted_ms.map(|ms| at_ms.saturating_sub(ms)),
        duration_ms: lasted_ms,
    };
    calls.ended_at_carrier(client, &call_id, &end).await?;
    // A person with whom they were to be joined does not wait for them.
    transfer::caller_is_gone(app, &visit.account, &call_id, &told.call_id).await?;
    Ok(true)
}

/// When it happened by the carrier's clock, if that can be believed.
pub(crate) fn moment(told_unix_s: Option<i64>, now_ms: i64) -> i64 {
    let told_ms = told_unix_s.map(|s| s.saturating_mul(1_000));
    told_ms
        .filter(|ms| ms.abs_diff(now_ms) <= CLOCK_MS_MAX.unsigned_abs())
        .unwrap_or(now_ms)
}

/// Nothing that concerns a call of ours: telling it again would not help.
fn passed_over(kind: &'static str) -> Response {
    counter!("trunkline_webhooks_unknown_total", "kind" => kind).increment(1);
    StatusCode::OK.into_response()
}

/// The carrier may tell it again.
fn failed(error: &StoreError) -> Response {
    tracing::error!(%error, "what the carrier told is not stored");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriers_clock_is_believed_within_a_day() {
        let now = 1_767_225_600_000;
        for (told, expected) in [
            (Some(1_767_225_500), 1_767_225_500_000),
            (Some(1_767_225_600 + 90_000), now),
            (Some(i64::MAX), now),
            (None, now),
        ] {
            assert_eq!(moment(told, now), expected, "{told:?}");
        }
    }
}
