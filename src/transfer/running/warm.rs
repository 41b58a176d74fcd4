//! The person is called first, and takes the caller or does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use trunkline_core::call::{TransferEnd, TransferNews};
use trunkline_core::wire::twilio::twiml::{self, Conference};

use super::{Heard, RING_SLACK, Transfer, allowed};
use crate::carrier::CarrierError;
use crate::dial::Leg;
use crate::transfer::webhook::{AFTER, ANSWER, STATUS, VERDICT};
use crate::{clock, ids};

/// How long a person may take from the answer to a key: two minutes, in which they are asked twice.
const BRIEFING_MAX: Duration = Duration::from_secs(150);
/// How long it may take to find out that a machine has answered.
const MACHINES: Duration = Duration::from_secs(20);

impl Transfer {
    /// The person is called, hears what it is about, and takes the caller or does not.
    pub(super) async fn warm(&mut self) -> TransferEnd {
        let allowed = match allowed(&self.caller, &self.target).await {
            Ok(allowed) => allowed,
            Err(end) => return end,
        };
        let leg = Leg {
            from: self.plan.from.clone(),
            answer_url: self.url(ANSWER),
            status_url: self.url(STATUS),
            verdict_url: self.url(VERDICT),
            ring: self.target.ring,
            machines: MACHINES,
        };
        let placed = self
            .app()
            .dialer()
            .ring(&*self.carrier, &allowed, leg)
            .await;
        match placed {
            Ok(call) => self.know(call.id).await,
            // Its webhooks have its id, also those that come when this is over.
            Err(error) if error.may_have_acted() => {
                tracing::warn!(%error, "whether a person is called is not known yet");
            }
            Err(error) => {
                tracing::warn!(%error, "a person is not called");
                self.is_gone = true;
                return TransferEnd::Failed;
            }
        }
        let (kind, hold) = (self.target.kind, Arc::clone(&self.target.hold));
        self.tell(TransferNews::Begun { kind, hold }).await;
        if let Err(end) = self.until_accepted().await {
            return end;
        }
        self.ready().await;
        match self.until_ready().await {
            Ok(line_closed) => self.join(&line_closed).await,
            Err(end) => end,
        }
    }

    async fn until_accepted(&mut self) -> Result<(), TransferEnd> {
        let mut until: Instant = clock::timer_now() + self.target.ring + RING_SLACK;
        loop {
            let told = tokio::select! {
                biased;
                // Nobody is led before they are told to be: the call is over.
                _ = &mut self.through => return Err(TransferEnd::CallerGone),
                told = self.told.told.recv() => told,
                () = sleep_until(until) => {
                    return Err(match self.is_answered {
                        true => TransferEnd::Unconfirmed,
                        false => TransferEnd::NoAnswer,
                    });
                }
            };
            let was_answered = self.is_answered;
            match self.hear(told).await {
                Some(Heard::Accepted) => return Ok(()),
                Some(Heard::Not(end)) => return Err(end),
                Some(Heard::Sent(_) | Heard::Back(_)) | None => {}
            }
            if self.is_answered && !was_answered {
                until = clock::timer_now() + BRIEFING_MAX;
            }
        }
    }

    /// Both are led into a room of their own. The person comes first: the caller is not to wait there alone.
    pub(super) async fn join(&mut self, line_closed: &CancellationToken) -> TransferEnd {
        let Some(person) = self.person.clone() else {
            return TransferEnd::Failed;
        };
        let (name, action) = (ids::new_id("room"), self.url(AFTER));
        let room = |starts| {
            twiml::conference(&Conference {
                name: &name,
                starts,
                action: &action,
            })
        };
        if let Err(error) = self.note_led().await {
            tracing::error!(%error, "who is led into a room is not stored");
            return TransferEnd::Failed;
        }
        match self.carrier.redirect(&person, &room(true)).await {
            Ok(()) => self.is_led = true,
            Err(CarrierError::Gone) => {
                self.is_gone = true;
                return TransferEnd::HungUp;
            }
            Err(error) => {
                tracing::warn!(%error, "a person is not led to their caller");
                self.is_led = error.may_have_acted();
                return TransferEnd::Failed;
            }
        }
        // Nobody is led to somebody who has gone meanwhile.
        self.catch_up().await;
        if self.is_gone {
            return TransferEnd::HungUp;
        }
        let caller = &self.caller.leg;
        let led = self.carrier.redirect(caller, &room(false)).await;
        match self.was_led(led, line_closed).await {
            Ok(()) => TransferEnd::PutThrough,
            Err(end) => end,
        }
    }
}
