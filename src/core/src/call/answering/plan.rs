//! What an agent's maker may choose about machines that answer.

use std::sync::Arc;

use crate::amd::{AmdLimits, Witness};

/// What is done when a machine answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMachine {
    /// The call ends at once.
    #[default]
    HangUp,
    /// A message is left after the beep, and the call ends.
    LeaveMessage,
    /// The conversation goes on as with a person.
    Continue,
}

/// How one call finds out who answered. By default it does not.
#[derive(Clone, Debug)]
pub struct AnsweringPlan {
    /// Whose evidence counts; nobody finds out if absent.
    pub witness: Option<Witness>,
    /// What is done when a machine answers.
    pub on_machine: OnMachine,
    /// A menu ends the call, too.
    pub hangs_up_on_ivr: bool,
    /// The sentences of the message, with what must be said at an opening.
    pub message: Vec<Arc<str>>,
    /// How long finding out may take.
    pub limits: AmdLimits,
    /// How long a machine's greeting may go on before it is given up, ms.
    pub beep_ms: u32,
    /// Silence after a greeting that stands for a beep, ms.
    pub silence_ms: u32,
}

impl Default for AnsweringPlan {
    fn default() -> Self {
        Self {
            witness: None,
            on_machine: OnMachine::HangUp,
            hangs_up_on_ivr: false,
            message: Vec::new(),
            limits: AmdLimits::default(),
            beep_ms: 45_000,
            silence_ms: 3_000,
        }
    }
}
