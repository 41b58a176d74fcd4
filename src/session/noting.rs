//! What the call notes, and who is told of it.

use std::sync::Arc;

use trunkline_core::call::Note;
use trunkline_core::commands::Command;
use trunkline_core::journal::Step;
use trunkline_core::time::At;

use super::{LiveNote, Session};
use crate::metrics;

impl Session {
    pub(super) fn note(&mut self, note: Note) {
        match &note {
            Note::Ended { reason, .. } => self.reason = Some(*reason),
            Note::Commanded { command, means, .. } => {
                tracing::info!(?command, ?means, "command");
                if let (Command::OptOut, Some(matters)) = (command, &self.matters) {
                    matters.opted_out();
                }
            }
            Note::StageFailed { stage, .. } => {
                metrics::stage_failed(*stage);
                tracing::warn!(?stage, "stage failed");
            }
            Note::TakenOver { stage, vendor, .. } => {
                metrics::taken_over(*stage, vendor);
                tracing::warn!(?stage, vendor, "another provider takes over");
            }
            Note::SteppedDown { cause, .. } => {
                metrics::stepped_down(*cause);
                tracing::warn!(cause = cause.code(), "turns are judged without our models");
            }
            Note::ToolUsed {
                tool,
                outcome,
                from,
                to,
                ..
            } => {
                let took_ms = to.since(*from);
                metrics::tool_used(*outcome, took_ms);
                tracing::info!(%tool, outcome = outcome.code(), took_ms, "tool used");
            }
            Note::Interrupted { .. } => metrics::interrupted(),
            Note::AgentSaid { .. } => self.tell_full(),
            Note::Answered { timing, .. } => {
                metrics::answered(timing);
                self.listening.turn_answered();
                tracing::debug!(?timing, "answered");
            }
            Note::Consent {
                step:
                    Step::Withdrawn {
                        class,
                        erase,
                        from_ms,
                    },
                ..
            } => {
                if let Some(matters) = &self.matters {
                    matters.withdrawn(*class, *erase, At::from_ms(*from_ms));
                }
            }
            Note::Timed { timing, by, .. } => metrics::timed(timing, by.as_deref()),
            Note::CallerSaid { .. }
            | Note::CallerPressed { .. }
            | Note::Consent { .. }
            | Note::Guarded { .. }
            | Note::ToolBegun { .. }
            | Note::Resumed { .. } => {}
        }
        if let Some(trace) = &mut self.trace {
            trace.note(&note);
        }
        let now = self.now();
        if let Some(keeping) = &mut self.keeping {
            let failure = keeping.note(now, self.call.granted(), &note, &mut self.speaking);
            self.unstored(failure);
        }
        self.thinking.note(&note, self.call.consent_decided());
        // Nobody watching is no error.
        let _ = self.feed.send(LiveNote {
            call_id: Arc::clone(&self.call_id),
            note,
        });
    }
}
