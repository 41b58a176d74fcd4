//! The stable names that events and ends have in a journal.

use crate::call::{EndReason, Means, Stage};
use crate::commands::Command;

/// Why a call ended, in stable snake_case.
pub fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::CallerHungUp => "caller_hung_up",
        EndReason::LineLost => "line_lost",
        EndReason::AgentHungUp => "agent_hung_up",
        EndReason::OptedOut => "opted_out",
        EndReason::Silence => "silence",
        EndReason::Machine => "machine",
        EndReason::MessageLeft => "message_left",
        EndReason::TooLong => "too_long",
        EndReason::Failed(Stage::Ears) => "ears_failed",
        EndReason::Failed(Stage::Mind) => "mind_failed",
        EndReason::Failed(Stage::Voice) => "voice_failed",
        EndReason::Draining => "draining",
        EndReason::Asked => "asked",
        EndReason::Transferred => "transferred",
    }
}

pub(super) fn command(command: Command) -> &'static str {
    match command {
        Command::OptOut => "opt_out",
        Command::DontRecord => "objection",
        Command::Robot => "robot_asked",
        Command::Stop => "stop",
    }
}

pub(super) fn means(means: Means) -> &'static str {
    match means {
        Means::Words => "means=words",
        Means::Key => "means=key",
        Means::Mind => "means=mind",
    }
}

pub(super) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Ears => "stage=ears",
        Stage::Mind => "stage=mind",
        Stage::Voice => "stage=voice",
    }
}
