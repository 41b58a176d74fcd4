//! A person whom a caller is to be put through to: called by the same way as everybody, with a proof of its own.

use std::sync::Arc;
use std::time::Duration;

use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{self, Destination, Reason, TransferAllowed, TransferRequest};

use super::asked::is_suppressed;
use super::{ALLOWED_MS_MAX, Dialer, LENGTH_MAX};
use crate::carrier::account::Account;
use crate::carrier::{Carrier, CarrierCall, CarrierError, MachineDetection, Place};
use crate::desk::Desk;
use crate::egress::EgressError;
use crate::store::StoreError;
use crate::vault::ClientKeys;

/// The longest that two may talk who were put through.
pub(crate) const TALK_MAX: Duration = LENGTH_MAX;

/// A call to such a person.
pub(crate) struct Leg {
    /// The client's number that calls.
    pub(crate) from: PhoneNumber,
    /// Where the carrier asks what to do once somebody has answered.
    pub(crate) answer_url: String,
    /// Where it tells how the call goes.
    pub(crate) status_url: String,
    /// Where it tells who answered.
    pub(crate) verdict_url: String,
    /// How long it may ring.
    pub(crate) ring: Duration,
    /// How long it may take to find out who answered.
    pub(crate) machines: Duration,
}

impl Dialer {
    /// The carrier of an account.
    pub(crate) fn carrier(&self, account: &Account) -> Result<Arc<dyn Carrier>, EgressError> {
        self.reach.carrier(account)
    }

    /// Whether a caller of a client's, whom an agent of its talks to, may be put through to a number: what is stored of both is asked here, and decided by
    /// the policy.
    pub(crate) async fn may_transfer(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        agent_id: &str,
        to: &str,
    ) -> Result<Result<TransferAllowed, Vec<Reason>>, StoreError> {
        let allowed = desk.store.dialling().find(keys.id()).await?;
        let destinations = allowed.destinations.iter();
        let destinations: Vec<Destination> = destinations
            .filter_map(|text| Destination::parse(text).ok())
            .collect();
        let suppressed = match PhoneNumber::parse(to) {
            Ok(number) => is_suppressed(desk, keys, &number).await?,
            Err(_) => false,
        };
        let suspensions = desk.store.suspensions();
        let suspended = suspensions.holds(keys.id(), Some(agent_id)).await?;
        Ok(policy::may_transfer(&TransferRequest {
            at_unix_ms: self.now_ms(),
            to,
            destinations: &destinations,
            suppressed,
            suspended,
        }))
    }

    /// Calls a person who may be called. It must be written down before; the carrier is asked once.
    pub(crate) async fn ring(
        &self,
        carrier: &dyn Carrier,
        allowed: &TransferAllowed,
        leg: Leg,
    ) -> Result<CarrierCall, CarrierError> {
        if !self.is_fresh(allowed) {
            return Err(CarrierError::Refused {
                code: 0,
                what: format!("the decision is older than {ALLOWED_MS_MAX} ms"),
            });
        }
        let place = Place {
            from: leg.from,
            to: allowed.number().clone(),
            answer_url: leg.answer_url,
            status_url: leg.status_url,
            ring: leg.ring,
            length_max: LENGTH_MAX,
            machines: Some(MachineDetection {
                waits_for_end: false,
                timeout: leg.machines,
                verdict_url: Some(leg.verdict_url),
            }),
        };
        carrier.place(place).await
    }

    /// Whether a yes is young enough to act on.
    pub(crate) fn is_fresh(&self, allowed: &TransferAllowed) -> bool {
        (self.now_ms() - allowed.at_unix_ms()).abs() <= ALLOWED_MS_MAX
    }
}
