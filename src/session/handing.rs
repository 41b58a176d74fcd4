//! Another agent goes on with the call: its mind, its voice and its tools take the place of those before.

use std::sync::Arc;

use trunkline_core::call::{Event, NextAgent, UseId};

use super::Session;
use crate::provider::Voice;
use crate::succession::Succession;
use crate::think::Mind;
use crate::tools::Toolbox;

/// Another agent, with everything that it needs to go on with a call.
pub struct Successor {
    /// What the call must know of it.
    pub next: NextAgent,
    /// Who thinks; what was said so far it is told here.
    pub mind: Mind,
    /// Who speaks, and who takes over.
    pub voices: Succession<Arc<dyn Voice>>,
    /// Voice's pace; 1 is its own.
    pub speed: f32,
    /// What may be done for the mind.
    pub tools: Option<Arc<Toolbox>>,
}

impl Session {
    pub(super) fn hand_over(&mut self, id: UseId, successor: Successor) {
        let Successor {
            next,
            mind,
            voices,
            speed,
            tools,
        } = successor;
        if !self.call.would_be_handed_over(id) {
            // Whoever speaks now has the last word.
            return self.drive(Some(Event::HandedOver { id, next }));
        }
        let settings = Arc::clone(&next.settings);
        tracing::info!(agent = %next.agent, version = next.version, "handed over");
        self.thinking.succeed(mind);
        let fillers = match settings.limits.filler_ms {
            0 => Vec::new(),
            _ => settings.notices.fillers.clone(),
        };
        self.speaking.succeed(voices, speed, fillers);
        self.tooling.succeed(tools);
        self.overlap_ms = settings.overlap.pause_ms.into();
        self.drive(Some(Event::HandedOver { id, next }));
        self.tell_staff();
    }
}
