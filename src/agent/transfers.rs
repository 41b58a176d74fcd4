//! To whom an agent may put callers through, and what is said to either side.

use std::sync::Arc;
use std::time::Duration;

use trunkline_core::call::TransferKind;

use super::spec::{AgentSpec, TransferSpec};

/// Said to a caller whose person is there.
const WARM_WORDS: &str = "They are on the line. I am connecting you now.";
/// Said to a caller who is sent to somebody.
const COLD_WORDS: &str = "I am putting you through now. One moment, please.";
/// Said to a caller who waits in silence.
const HOLD: &[&str] = &[
    "I am still trying to reach somebody for you.",
    "Thank you for waiting. I am still trying.",
];

/// One person or desk.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// By which the model names them.
    pub name: String,
    /// When they are the right ones.
    pub description: String,
    /// Their number, as the document has it.
    pub to: String,
    /// How a caller gets to them.
    pub kind: TransferKind,
    /// Said to the caller right before.
    pub words: Arc<str>,
    /// Said in turn to a caller who waits in silence.
    pub hold: Arc<[Arc<str>]>,
    /// How long it may ring.
    pub ring: Duration,
}

/// All of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfers {
    /// One each.
    pub targets: Vec<Target>,
    /// Said first to a person who is called: who calls, and that it is an AI.
    pub introduction: Arc<str>,
}

impl Target {
    fn of(spec: &TransferSpec) -> Self {
        let kind = TransferKind::from(spec.kind);
        let usual = match kind {
            TransferKind::Warm => WARM_WORDS,
            TransferKind::Cold => COLD_WORDS,
        };
        let hold = match &spec.hold {
            Some(own) => own.iter().map(|text| text.as_str().into()).collect(),
            None => HOLD.iter().map(|text| (*text).into()).collect(),
        };
        Self {
            name: spec.name.clone(),
            description: spec.description.clone(),
            to: spec.to.clone(),
            kind,
            words: spec.words.as_deref().unwrap_or(usual).into(),
            hold,
            ring: Duration::from_millis(spec.ring_ms.into()),
        }
    }
}

impl Transfers {
    /// Of a document that was checked.
    pub(super) fn of(spec: &AgentSpec) -> Self {
        let (name, business) = (&spec.name, &spec.business);
        Self {
            targets: spec.transfers.iter().map(Target::of).collect(),
            introduction: format!(
                "Hello, this is {name}, the AI assistant of {business}. A caller would like to speak with you."
            )
            .into(),
        }
    }

    /// One by its name.
    pub fn find(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }
}
