//! The caller is sent to the person's number by the carrier.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use trunkline_core::call::TransferEnd;
use trunkline_core::wire::twilio::twiml::{self, DialNumber};

use super::{Heard, RING_SLACK, Transfer, allowed, ended};
use crate::carrier::{CarrierError, CarrierStatus};
use crate::clock;
use crate::dial::TALK_MAX;
use crate::tools::Progress;
use crate::transfer::webhook::{SENT, STATUS};

/// How long a caller may take to be back.
const BACK_PATIENCE: Duration = Duration::from_secs(20);

impl Transfer {
    /// The caller is sent to the number, and comes back if nobody answers.
    pub(super) async fn cold(&mut self) -> TransferEnd {
        self.ready().await;
        let line_closed = match self.until_ready().await {
            Ok(line_closed) => line_closed,
            Err(end) => return end,
        };
        // Asked once more: what was allowed may be long ago.
        let allowed = match allowed(&self.caller, &self.target).await {
            Ok(allowed) => allowed,
            Err(end) => return end,
        };
        let (action, status_url) = (self.url(SENT), self.url(STATUS));
        let instructions = twiml::dial(&DialNumber {
            to: allowed.number().as_str(),
            caller_id: self.plan.from.as_str(),
            ring_s: self.target.ring.as_secs(),
            length_s_max: TALK_MAX.as_secs(),
            action: &action,
            status_url: &status_url,
        });
        let caller = &self.caller.leg;
        let led = self.carrier.redirect(caller, &instructions).await;
        if let Err(end) = self.was_led(led, &line_closed).await {
            return end;
        }
        self.until_answered().await
    }

    async fn until_answered(&mut self) -> TransferEnd {
        let mut until: Instant = clock::timer_now() + self.target.ring + RING_SLACK;
        let mut sent = None;
        loop {
            let told = tokio::select! {
                told = self.told.told.recv() => told,
                () = sleep_until(until) => return self.presumed(sent).await,
            };
            match self.hear(told).await {
                Some(Heard::Back(line)) => {
                    let _ = self.steps.send(Progress::Back(line)).await;
                    return sent.unwrap_or(TransferEnd::Failed);
                }
                Some(Heard::Sent(Some(CarrierStatus::Completed))) => {
                    return TransferEnd::PutThrough;
                }
                Some(Heard::Sent(Some(CarrierStatus::Canceled))) => return TransferEnd::CallerGone,
                Some(Heard::Sent(status)) => {
                    sent = Some(status.map_or(TransferEnd::Failed, ended));
                    until = clock::timer_now() + BACK_PATIENCE;
                }
                Some(Heard::Accepted | Heard::Not(_)) | None => {}
            }
            if self.is_answered && sent.is_none() {
                return TransferEnd::PutThrough;
            }
        }
    }

    /// The carrier tells nothing of a caller that it leads: if they are on the line, they talk.
    async fn presumed(&self, sent: Option<TransferEnd>) -> TransferEnd {
        if sent.is_some() {
            return TransferEnd::CallerGone;
        }
        match self.carrier.look_up(&self.caller.leg).await {
            Ok(call) if call.status == CarrierStatus::InProgress => TransferEnd::PutThrough,
            Ok(_) | Err(CarrierError::Gone) => TransferEnd::CallerGone,
            Err(_) => TransferEnd::PutThrough,
        }
    }
}
