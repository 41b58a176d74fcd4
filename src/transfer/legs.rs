//! The two calls of a transfer at the carrier: whoever is left alone in one is told so, and it is ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use trunkline_core::call::TransferEnd;
use trunkline_core::wire::twilio::twiml;

use super::{Plan, Unplanned};
use crate::carrier::account::Account;
use crate::carrier::{Carrier, CarrierError};
use crate::store::transfers::Transfer;

/// What the carrier, or the store, did not do is tried again after so long each time; then it is left to the next start.
pub(super) const AGAIN: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(180),
];

/// Both calls, as far as they are known.
pub(super) struct Legs {
    pub(super) carrier: Arc<dyn Carrier>,
    pub(super) plan: Plan,
    /// The carrier's id of the caller's call.
    pub(super) caller: String,
    /// The carrier's id of the call to the person. One that is not known is not guessed at either, since another's may have the same numbers:
    /// whoever is told of it ends it.
    pub(super) person: Option<String>,
    pub(super) led: Led,
    /// Who is known to have left.
    pub(super) gone: Option<Side>,
}

/// Who was led into the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Led {
    /// Nobody: the person's call is ended.
    Nobody,
    /// The person, whose caller does not come: they are told so, and their call is ended.
    Person,
    /// Both, or so it was meant to be: neither is to be there alone.
    Both,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    Person,
}

impl Legs {
    /// Those of a row.
    pub(super) fn of(
        account: &Account,
        carrier: Arc<dyn Carrier>,
        transfer: &Transfer,
    ) -> Result<Self, Unplanned> {
        Ok(Self {
            carrier,
            plan: Plan::open(&account.keys, &transfer.id, &transfer.plan)?,
            caller: transfer.caller_leg.clone(),
            person: transfer.person_leg.clone(),
            led: match was_put_through(transfer) {
                true => Led::Both,
                false => Led::Nobody,
            },
            gone: None,
        })
    }

    /// Nobody is left alone when this returns. What fails is tried again, a few times.
    pub(super) async fn see_to(&self) -> Result<(), CarrierError> {
        for pause in AGAIN {
            match self.see_to_once().await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, "the calls of a transfer are not seen to yet"),
            }
            sleep(pause).await;
        }
        self.see_to_once().await
    }

    async fn see_to_once(&self) -> Result<(), CarrierError> {
        let texts = self.plan.language().transfer();
        let person = self.person.as_deref();
        let alone = match self.led {
            Led::Nobody => {
                return match person {
                    Some(person) => self.hang_up(person).await,
                    None => Ok(()),
                };
            }
            Led::Person => Some(Side::Person),
            Led::Both => self.alone(person).await?,
        };
        match (alone, person) {
            (Some(Side::Caller), _) => self.dismiss(&self.caller, &texts.person_gone).await,
            (Some(Side::Person), Some(person)) => self.dismiss(person, &texts.caller_gone).await,
            (Some(Side::Person), None) | (None, _) => Ok(()),
        }
    }

    /// Who is in the room alone, of two who were led there.
    async fn alone(&self, person: Option<&str>) -> Result<Option<Side>, CarrierError> {
        if let Some(gone) = self.gone {
            return Ok(Some(match gone {
                Side::Caller => Side::Person,
                Side::Person => Side::Caller,
            }));
        }
        let is_person = match person {
            Some(person) => self.is_live(person).await?,
            None => false,
        };
        Ok(match (self.is_live(&self.caller).await?, is_person) {
            (true, false) => Some(Side::Caller),
            (false, true) => Some(Side::Person),
            (true, true) | (false, false) => None,
        })
    }

    async fn is_live(&self, leg: &str) -> Result<bool, CarrierError> {
        match self.carrier.look_up(leg).await {
            Ok(call) => Ok(call.status.is_live()),
            Err(CarrierError::Gone) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The carrier's own voice says why, and ends the call.
    async fn dismiss(&self, leg: &str, words: &str) -> Result<(), CarrierError> {
        let locale = &self.plan.language().transfer().locale;
        let goodbye = twiml::say_and_hang_up(words, locale);
        match self.carrier.redirect(leg, &goodbye).await {
            Ok(()) => Ok(()),
            // It may be over, or not be answered any more; without words it can be ended in any case.
            Err(_) => self.hang_up(leg).await,
        }
    }

    async fn hang_up(&self, leg: &str) -> Result<(), CarrierError> {
        match self.carrier.hang_up(leg).await {
            Ok(()) | Err(CarrierError::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether both sides of a transfer were led into a room, or were to be.
pub(super) fn was_put_through(transfer: &Transfer) -> bool {
    transfer.outcome.as_deref() == Some(TransferEnd::PutThrough.code())
}
