//! To whom an agent may put callers through, and what is said to either side: its own words, or those of its language.

use std::sync::Arc;
use std::time::Duration;

use trunkline_core::call::TransferKind;
use trunkline_core::language::{TransferTexts, fill};

use super::spec::{AgentSpec, TransferSpec};

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
    fn of(spec: &TransferSpec, texts: &TransferTexts) -> Self {
        let kind = TransferKind::from(spec.kind);
        let usual = match kind {
            TransferKind::Warm => &texts.warm,
            TransferKind::Cold => &texts.cold,
        };
        let hold = match &spec.hold {
            Some(own) => own.iter().map(|text| text.as_str().into()).collect(),
            None => texts.hold.iter().map(|text| (*text).into()).collect(),
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
        let texts = spec.tongue().transfer();
        let who = [
            ("agent", spec.name.as_str()),
            ("business", spec.business.as_str()),
        ];
        let targets = spec.transfers.iter();
        Self {
            targets: targets.map(|one| Target::of(one, texts)).collect(),
            introduction: fill(&texts.introduction, &who).into(),
        }
    }

    /// One by its name.
    pub fn find(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }
}
