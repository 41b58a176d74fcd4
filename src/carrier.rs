//! Carriers by their REST interface: who places, changes and ends calls on a client's account. One file and one line each.

pub mod account;
pub mod check;
pub mod twilio;

use std::time::Duration;

use futures_util::future::BoxFuture;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::wire::twilio::rest::names_no_number;

/// A call to be placed. Built only behind the policy: see `crate::dial`.
#[derive(Clone)]
pub struct Place {
    /// The number that calls, one of the account's.
    pub from: PhoneNumber,
    /// The number to be called.
    pub to: PhoneNumber,
    /// Where the carrier asks what to do once it is answered; absolute.
    pub answer_url: String,
    /// Where the carrier tells how the call goes; absolute. It holds the attempt's id.
    pub status_url: String,
    /// How long it may ring.
    pub ring: Duration,
    /// How long it may last.
    pub length_max: Duration,
    /// Answering-machine detection.
    pub machines: Option<MachineDetection>,
}

/// What the carrier is to find out about who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineDetection {
    /// Wait for the end of a machine's greeting.
    pub waits_for_end: bool,
    /// How long it may take.
    pub timeout: Duration,
    /// Connect at once, and tell this absolute URL later; otherwise the answer waits for the verdict.
    pub verdict_url: Option<String>,
}

/// What a carrier says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierStatus {
    /// Accepted, not dialled yet.
    Queued,
    /// Dialled or ringing.
    Ringing,
    /// Answered.
    InProgress,
    /// Over, after it was answered.
    Completed,
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// It could not be connected.
    Failed,
    /// Taken back before it was answered.
    Canceled,
}

impl CarrierStatus {
    /// Whether it is not over.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            Self::Queued | Self::Ringing | Self::InProgress => true,
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled => false,
        }
    }
}

/// A call as the carrier knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierCall {
    /// The carrier's id of it.
    pub id: String,
    /// How it stands.
    pub status: CarrierStatus,
    /// When the carrier made it, Unix ms; for telling attempts apart.
    pub created_ms: Option<i64>,
}

/// Why a carrier did not do what it was asked. The text names no number and no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// It understood and refused: it did nothing, and would refuse again.
    #[error("the carrier refused: {code} {what}")]
    Refused {
        /// The carrier's code, as `21211`; 0 if it gave none.
        code: u32,
        /// What it means, and what to do, in our words.
        what: String,
    },
    /// It did nothing, and may do it later.
    #[error("the carrier is busy")]
    Busy {
        /// When to ask again, if it said so.
        retry_after: Option<Duration>,
    },
    /// Nobody answers at its address: it has heard of nothing.
    #[error("the carrier cannot be reached; see whether its address and the network are right")]
    Unreachable,
    /// The call is not there, or over already.
    #[error("the carrier knows no such live call")]
    Gone,
    /// Nobody knows whether it did it: it must be looked up, and never be asked again blindly.
    #[error("the carrier's answer was lost ({what}); whether it acted must be looked up")]
    Unknown {
        /// Where it was lost.
        what: &'static str,
    },
}

impl CarrierError {
    /// Whether it may have done what it was asked all the same.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::Gone => true,
            Self::Refused { .. } | Self::Busy { .. } | Self::Unreachable => false,
        }
    }

    /// Why a call ended that it kept from being placed, in stable snake_case.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } if names_no_number(*code) => "invalid_number",
            Self::Refused { .. } => "carrier_refused",
            Self::Busy { .. } => "carrier_busy",
            Self::Unreachable => "carrier_unreachable",
            Self::Unknown { .. } | Self::Gone => "never_placed",
        }
    }
}

/// One account with a carrier.
pub trait Carrier: Send + Sync {
    /// As the API writes it, as `twilio`.
    fn name(&self) -> &'static str;

    /// Places a call. Asked once: `Unknown` is for [`Carrier::find`].
    fn place(&self, call: Place) -> BoxFuture<'_, Result<CarrierCall, CarrierError>>;

    /// Ends a call, ringing or answered.
    fn hang_up<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CarrierError>>;

    /// Has a live call go on with other instructions, in the carrier's own language; its media stream ends.
    fn redirect<'a>(
        &'a self,
        id: &'a str,
        instructions: &'a str,
    ) -> BoxFuture<'a, Result<(), CarrierError>>;

    /// How a call stands.
    fn look_up<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<CarrierCall, CarrierError>>;

    /// The calls to a number that were made at `since_ms` (Unix) or later, the newest first, at most 50.
    fn find<'a>(
        &'a self,
        from: &'a PhoneNumber,
        to: &'a PhoneNumber,
        since_ms: i64,
    ) -> BoxFuture<'a, Result<Vec<CarrierCall>, CarrierError>>;
}
