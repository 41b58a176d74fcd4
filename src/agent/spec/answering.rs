//! Who answers the calls that an agent makes, and what it does about machines.

use serde::{Deserialize, Serialize};
use trunkline_core::amd::{AmdLimits, Witness};
use trunkline_core::call::{AnsweringPlan, OnMachine};
use utoipa::ToSchema;

/// Whether it is found out who answers a call of the agent's, and what is done about machines. The opening is said at once
/// all the same; who cannot be told is taken for a person. For calls that the business makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnsweringSpec {
    /// Whose evidence counts: `own` is what the server hears, `carrier` what the carrier finds out (it charges for it),
    /// `both` the stronger of the two.
    #[schema(default = "off")]
    pub detect: Detect,
    /// When voicemail or an answering machine answers. The network's announcements and faxes are hung up on, unless it is
    /// `continue`; faxes always.
    #[schema(default = "hang_up")]
    pub on_machine: WithMachine,
    /// When a menu answers, or a service that screens calls.
    #[schema(default = "continue")]
    pub on_ivr: WithIvr,
    /// What is left after the beep, behind the sentences of the opening that say who calls and that it is an AI. It may
    /// have variables. Needed for `leave_message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        max_length = 600,
        examples("Please call us back about your appointment on {{day}}.")
    )]
    pub message: Option<String>,
    /// How to be called no more, at the end of the message, where the opening has such a sentence; a usual one if absent,
    /// which says to call back and say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub opt_out_line: Option<String>,
    /// After the answer, how long nobody may say anything before that is called unknown, ms.
    #[schema(minimum = 2000, maximum = 30000, default = 6000)]
    pub silence_ms: u32,
    /// Fluent speech without a pause that is a machine's, whatever it says, ms; 0 for never.
    #[schema(minimum = 0, maximum = 60000, default = 10000)]
    pub long_greeting_ms: u32,
    /// After the answer, how long finding out may take, ms.
    #[schema(minimum = 3000, maximum = 60000, default = 15000)]
    pub decide_ms: u32,
    /// How long a machine's greeting may go on before it is given up, ms.
    #[schema(minimum = 5000, maximum = 180000, default = 45000)]
    pub beep_ms: u32,
    /// Silence after a greeting that stands for a beep, ms.
    #[schema(minimum = 1000, maximum = 20000, default = 3000)]
    pub beep_silence_ms: u32,
}

impl Default for AnsweringSpec {
    fn default() -> Self {
        let usual = AnsweringPlan::default();
        Self {
            detect: Detect::Off,
            on_machine: WithMachine::HangUp,
            on_ivr: WithIvr::Continue,
            message: None,
            opt_out_line: None,
            silence_ms: usual.limits.silence_ms,
            long_greeting_ms: usual.limits.long_greeting_ms,
            decide_ms: usual.limits.decide_ms,
            beep_ms: usual.beep_ms,
            beep_silence_ms: usual.silence_ms,
        }
    }
}

/// Whose evidence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detect {
    /// Nobody finds out.
    Off,
    /// What the server hears.
    Own,
    /// What the carrier says.
    Carrier,
    /// Both.
    Both,
}

impl Detect {
    /// The same, as a call knows it.
    pub fn witness(self) -> Option<Witness> {
        match self {
            Self::Off => None,
            Self::Own => Some(Witness::Own),
            Self::Carrier => Some(Witness::Carrier),
            Self::Both => Some(Witness::Both),
        }
    }
}

/// What is done about a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithMachine {
    /// The call ends at once.
    HangUp,
    /// A message is left, and the call ends.
    LeaveMessage,
    /// The conversation goes on.
    Continue,
}

/// What is done about a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithIvr {
    /// The conversation goes on.
    Continue,
    /// The call ends at once.
    HangUp,
}

impl AnsweringSpec {
    /// The plan of a call, with a message that is still to be made.
    pub fn plan(&self) -> AnsweringPlan {
        AnsweringPlan {
            witness: self.detect.witness(),
            on_machine: match self.on_machine {
                WithMachine::HangUp => OnMachine::HangUp,
                WithMachine::LeaveMessage => OnMachine::LeaveMessage,
                WithMachine::Continue => OnMachine::Continue,
            },
            hangs_up_on_ivr: self.on_ivr == WithIvr::HangUp,
            message: Vec::new(),
            limits: AmdLimits {
                silence_ms: self.silence_ms,
                long_greeting_ms: self.long_greeting_ms,
                decide_ms: self.decide_ms,
            },
            beep_ms: self.beep_ms,
            silence_ms: self.beep_silence_ms,
        }
    }

    /// A message may be left.
    pub fn leaves_message(&self) -> bool {
        self.detect != Detect::Off && self.on_machine == WithMachine::LeaveMessage
    }
}
