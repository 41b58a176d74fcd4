//! What the call notes, and who is told of it.

use std::sync::Arc;

use trunkline_core::amd::{AnsweredBy, Told, Verdict};
use trunkline_core::call::{Event, Note, TransferEnd};
use trunkline_core::commands::Command;
use trunkline_core::journal::Step;
use trunkline_core::time::At;

use super::{LiveNote, Session};
use crate::metrics;

/// What a mind is told when nobody listens.
const MACHINE_ANSWERED: &str =
    "An answering machine has taken this call; no person is listening now.";
const MENU_ANSWERED: &str =
    "An automated menu or assistant has taken this call; no person is listening now.";
const PERSON_ANSWERED: &str = "A person is listening now.";

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
            Note::Transfer { kind, end, .. } => {
                let outcome = end.map_or("begun", TransferEnd::code);
                if let Some(end) = end {
                    metrics::transferred(*kind, *end);
                }
                tracing::info!(kind = kind.code(), outcome, "transfer");
            }
            Note::Interrupted { .. } => metrics::interrupted(),
            Note::AgentSaid { from, .. } => {
                self.tell_full();
                if let (false, Some(matters)) = (self.was_greeted, &self.matters) {
                    matters.greeted(*from);
                    self.was_greeted = true;
                }
            }
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
            Note::AnsweredBy { verdict, .. } => self.answered_by(*verdict),
            Note::Timed { timing, by, .. } => metrics::timed(timing, by.as_deref()),
            Note::CallerSaid { .. }
            | Note::Withheld { .. }
            | Note::CallerPressed { .. }
            | Note::Consent { .. }
            | Note::Guarded { .. }
            | Note::ToolBegun { .. }
            | Note::HandedOver { .. }
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

    /// The carrier has found out who answered. A call that does not heed it has a mind that should know.
    pub(super) fn carrier_heard(&mut self, told: Told) {
        if self.call.heeds_carrier() {
            self.drive(Some(Event::CarrierHeard { told }));
        } else if told != Told::Human {
            self.thinking.told(MACHINE_ANSWERED.into());
        }
    }

    /// It is known who answered. A mind that talks to a machine should know that it does.
    fn answered_by(&mut self, verdict: Verdict) {
        metrics::answered_by(verdict);
        tracing::info!(
            by = verdict.by.code(),
            evidence = verdict.evidence.code(),
            after_ms = verdict.after_ms,
            "who answered"
        );
        if let Some(matters) = &self.matters {
            matters.answered_by(verdict);
        }
        let text = match verdict.by {
            AnsweredBy::Machine | AnsweredBy::Fax => MACHINE_ANSWERED,
            AnsweredBy::Ivr => MENU_ANSWERED,
            AnsweredBy::Human if self.was_machine => PERSON_ANSWERED,
            AnsweredBy::Human | AnsweredBy::Unknown => return,
        };
        self.was_machine = !verdict.by.is_person();
        self.thinking.told(text.into());
    }
}
