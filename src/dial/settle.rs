//! What a carrier says of a call that we placed, applied to its rows: late, twice or out of order.

use crate::carrier::CarrierStatus;
use crate::desk::Desk;
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::attempts::Attempt;
use crate::store::callbacks::CallbackState;
use crate::store::calls::CarrierEnd;

/// What a carrier says of a call.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Which carrier.
    pub carrier: &'a str,
    /// Its id of the call.
    pub carrier_call_id: &'a str,
    /// How the call stands; `None` if it said nothing of that.
    pub status: Option<CarrierStatus>,
    /// When it was so, ms since 1970.
    pub at_ms: i64,
    /// How long it lasted from the answer on, ms.
    pub duration_ms: Option<i64>,
}

/// Whether what was told is about the attempt's call. Another call with the attempt's address is not ours to hold.
pub async fn apply(
    desk: &Desk,
    client: &ClientId,
    attempt: &Attempt,
    told: &Told<'_>,
) -> Result<bool, StoreError> {
    let attempts = desk.store.attempts();
    match &attempt.carrier_call_id {
        Some(known) if known != told.carrier_call_id => return Ok(false),
        Some(_) => {}
        None => {
            let (carrier, id) = (told.carrier, told.carrier_call_id);
            if !attempts.placed(client, attempt, carrier, id).await? {
                // Somebody else told it in the meantime, or it was given up.
                let now = attempts.find(client, &attempt.id).await?;
                let now = now.and_then(|attempt| attempt.carrier_call_id);
                if now.as_deref() != Some(id) {
                    return Ok(false);
                }
            }
        }
    }
    let calls = desk.store.calls();
    let call = &attempt.call_id;
    let outcome = match told.status {
        None | Some(CarrierStatus::Queued) => return Ok(true),
        Some(CarrierStatus::Ringing) => {
            calls.ringing(client, call).await?;
            return Ok(true);
        }
        Some(CarrierStatus::InProgress) => {
            calls.answered(client, call, told.at_ms).await?;
            return Ok(true);
        }
        Some(CarrierStatus::Completed) => "completed",
        Some(CarrierStatus::Busy) => "busy",
        Some(CarrierStatus::NoAnswer) => "no_answer",
        Some(CarrierStatus::Failed) => "failed",
        Some(CarrierStatus::Canceled) => "canceled",
    };
    let was_answered = told.status == Some(CarrierStatus::Completed);
    let duration_ms = told.duration_ms.filter(|_| was_answered);
    let end = CarrierEnd {
        ended_ms: told.at_ms,
        outcome,
        answered_ms: duration_ms.map(|ms| told.at_ms - ms),
        duration_ms,
    };
    calls.ended_at_carrier(client, call, &end).await?;
    // Before the attempt is closed: whatever stops the server in between, the end is asked for once more.
    let state = match was_answered {
        true => CallbackState::Done,
        false => CallbackState::Failed,
    };
    let callbacks = desk.store.callbacks();
    callbacks
        .called(client, &attempt.id, state, outcome, told.at_ms)
        .await?;
    attempts.done(client, &attempt.id).await?;
    Ok(true)
}
