//! What is on the disk before a carrier hears of a call, and what it is then asked.

use std::sync::Arc;

use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{Allowed, Counted};
use trunkline_core::token::Direction;

use super::{ALLOWED_MS_MAX, Dialer, LENGTH_MAX, LIVE_MS_MAX, NotDialled, Order, Plan, webhook};
use crate::app::App;
use crate::carrier::{MachineDetection, Place};
use crate::desk::{self, Desk, Side};
use crate::ids;
use crate::store::StoreError;
use crate::store::attempts::{Attempt, AttemptState, Begun, NewAttempt, Window};
use crate::store::calls::{CallStatus, NewCall};
use crate::store::standing::Checks;
use crate::vault::SubjectKeys;
use crate::webhooks::Addresses;

impl Dialer {
    /// Whether a decision is still young enough to ask a carrier by it.
    pub(super) fn is_young(&self, allowed: &Allowed) -> bool {
        (self.now_ms() - allowed.at_unix_ms()).abs() <= ALLOWED_MS_MAX
    }

    /// Writes the call and the attempt down, of which the carrier has heard nothing.
    pub(super) async fn write(
        &self,
        app: &Arc<App>,
        allowed: &Allowed,
        order: &Order,
    ) -> Result<Attempt, NotDialled> {
        let (keys, desk) = (&order.account.keys, &app.desk);
        let subject = keys.subject(Some(allowed.number())).await?;
        let now_ms = self.now_ms();
        let call = new_call(&subject, allowed.number(), order, now_ms);
        let checks = self.checks(desk, keys, allowed, order).await?;
        let new = NewAttempt {
            checks,
            ..new_attempt(desk, &subject, allowed, order, now_ms)?
        };
        let attempts = desk.store.attempts();
        let is_fresh = || self.is_young(allowed);
        let begun = attempts.begin(keys.id(), &call, &new, is_fresh).await;
        if let Err(StoreError::Database(_)) = &begun {
            // It may be on the disk all the same, and nobody will ask the carrier for it.
            self.take_back(app, keys.id().clone(), new.id.clone());
        }
        match begun? {
            Begun::Suppressed => Err(NotDialled::Suppressed),
            Begun::Suspended => Err(NotDialled::Suspended),
            Begun::Withdrawn => Err(NotDialled::Withdrawn),
            Begun::Limited => Err(NotDialled::Limited),
            Begun::Called => Err(NotDialled::Called),
            Begun::Engaged => Err(NotDialled::Engaged),
            Begun::Stale => Err(NotDialled::Stale),
            Begun::Taken => Err(NotDialled::Taken),
            Begun::Ask => Ok(Attempt {
                id: new.id,
                call_id: call.id,
                carrier_id: new.carrier_id,
                state: AttemptState::Asked,
                subject_id: new.subject_id,
                plan: new.plan,
                decision: new.decision,
                rules: new.rules,
                carrier_call_id: None,
                failure: None,
                asked_ms: now_ms,
                answered_by: None,
            }),
        }
    }
}

fn new_call(subject: &SubjectKeys, to: &PhoneNumber, order: &Order, now_ms: i64) -> NewCall {
    let (keys, id) = (&order.account.keys, &order.call_id);
    let number = |side, number| desk::seal_call_number(keys, subject, id, side, number);
    let metadata = order.metadata.as_ref().map(|json| {
        let place = desk::Place::new("calls.metadata", id);
        desk::seal(keys, place, json)
    });
    NewCall {
        agent_id: order.agent.id.clone(),
        agent_version: order.agent.version,
        direction: Direction::Outbound,
        status: CallStatus::Queued,
        created_ms: now_ms,
        from: Some(number(Side::From, &order.from)),
        to: Some(number(Side::To, to)),
        subject_id: Some(subject.id().as_str().to_owned()),
        consent_mode: None,
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata,
        id: id.clone(),
    }
}

fn new_attempt(
    desk: &Desk,
    subject: &SubjectKeys,
    allowed: &Allowed,
    order: &Order,
    now_ms: i64,
) -> Result<NewAttempt, serde_json::Error> {
    let (keys, to, id) = (&order.account.keys, allowed.number(), ids::new_id("att"));
    let plan = Plan {
        from: order.from.clone(),
        to: to.clone(),
        agent: order.agent.id.clone(),
        variables: order.variables.clone(),
        record: order.record,
        places: order.places.clone(),
        zones: order
            .zones
            .iter()
            .map(|zone| zone.name().to_owned())
            .collect(),
        grounds: order.grounds,
        promise: order.promise.clone(),
    };
    let decision = serde_json::to_string(allowed.trace())?;
    let promise = order.promise.as_ref();
    Ok(NewAttempt {
        carrier_id: order.account.id.clone(),
        subject_id: subject.id().as_str().to_owned(),
        plan: plan.seal(subject, &id)?,
        decision: desk::seal_for(
            subject,
            desk::Place::new("attempts.decision", &id),
            &decision,
        ),
        rules: allowed.trace().pack.at_checksum(),
        to_index: desk::call_index(keys, to),
        suppression: desk::suppression_index(keys, to),
        platform_suppression: desk.platform_suppression_index(to),
        asked_ms: now_ms,
        windows: windows(
            allowed,
            promise.and_then(|promise| promise.asked_call_id.as_deref()),
        ),
        live_since_ms: now_ms - LIVE_MS_MAX,
        callback_id: promise.map(|promise| promise.callback_id.clone()),
        checks: Checks::default(),
        id,
    })
}

/// The windows of all caps that the decision knew, of equal ones the strictest alone.
fn windows(allowed: &Allowed, asked_call_id: Option<&str>) -> Vec<Window> {
    let caps = allowed.trace().caps.iter().map(|check| &check.cap);
    let caps = caps.filter(|cap| cap.counts == Counted::Calls);
    let mut windows: Vec<Window> = caps
        .map(|cap| Window {
            since_ms: allowed.at_unix_ms().saturating_sub(cap.within_ms),
            apart_from_call_id: asked_call_id
                .filter(|_| cap.spares_asked)
                .map(str::to_owned),
            calls_max: cap.calls_max,
        })
        .collect();
    windows.sort();
    windows.dedup_by(|later, first| {
        later.since_ms == first.since_ms && later.apart_from_call_id == first.apart_from_call_id
    });
    windows
}

pub(super) fn placement(app: &App, attempt: &Attempt, to: &PhoneNumber, order: &Order) -> Place {
    let addresses = Addresses::new(&app.public_url, &attempt.carrier_id);
    let url = |what| webhook::url(&app.public_url, &attempt.carrier_id, what, &attempt.id);
    Place {
        from: order.from.clone(),
        to: to.clone(),
        answer_url: url(webhook::ANSWER),
        status_url: url(webhook::STATUS),
        ring: order.ring,
        length_max: LENGTH_MAX,
        machines: order.machines.as_ref().map(|machines| MachineDetection {
            verdict_url: Some(addresses.answered_by(&attempt.call_id)),
            ..machines.clone()
        }),
    }
}
