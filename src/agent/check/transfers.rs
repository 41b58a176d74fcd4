//! The people to whom an agent may put callers through, and the agents to whom it may hand them over.

use std::collections::BTreeSet;

use trunkline_core::policy;

use super::Findings;
use super::parts::{HAND_OFF_MAX, TRANSFERS_MAX};
use crate::agent::problem::ProblemCode;
use crate::agent::spec::{AgentSpec, TransferSpec};

/// Most sentences for a caller who waits.
const HOLD_MAX: usize = 5;
/// Longest sentence that is said, in characters.
const WORDS_CHARS_MAX: usize = 300;
const NAME_CHARS_MAX: usize = 40;
const AGENT_CHARS_MAX: usize = 128;
const DESCRIPTION_CHARS_MAX: usize = 300;
/// How long it may ring, ms.
const RING_MS: std::ops::RangeInclusive<u32> = 5_000..=60_000;

impl Findings {
    pub(super) fn transfers(&mut self, spec: &AgentSpec) {
        let mut known = BTreeSet::new();
        for (at, one) in spec.transfers.iter().take(TRANSFERS_MAX).enumerate() {
            let pointer = format!("/transfers/{at}");
            self.transfer(&pointer, one);
            if !known.insert(&one.name) {
                let detail = "another has this name";
                self.wrong(format!("{pointer}/name"), ProblemCode::Duplicate, detail);
            }
        }
        self.hand_off(spec);
    }

    fn hand_off(&mut self, spec: &AgentSpec) {
        let mut known = BTreeSet::new();
        for (at, one) in spec.hand_off.iter().take(HAND_OFF_MAX).enumerate() {
            let pointer = format!("/hand_off/{at}");
            self.name(&pointer, &one.name);
            self.line(&format!("{pointer}/agent"), &one.agent, AGENT_CHARS_MAX);
            let description = format!("{pointer}/description");
            self.line(&description, &one.description, DESCRIPTION_CHARS_MAX);
            if !known.insert(&one.name) {
                let detail = "another has this name";
                self.wrong(format!("{pointer}/name"), ProblemCode::Duplicate, detail);
            }
        }
    }

    fn name(&mut self, pointer: &str, name: &str) {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_name = (1..=NAME_CHARS_MAX).contains(&name.len());
        if !is_name || !name.bytes().all(is_plain) {
            let detail =
                format!("it must be made of small letters, digits and _, at most {NAME_CHARS_MAX}");
            self.wrong(format!("{pointer}/name"), ProblemCode::BadFormat, detail);
        }
    }

    fn transfer(&mut self, pointer: &str, one: &TransferSpec) {
        self.name(pointer, &one.name);
        let description = format!("{pointer}/description");
        self.line(&description, &one.description, DESCRIPTION_CHARS_MAX);
        if let Some(reason) = policy::never_called(&one.to).first() {
            let detail = reason.code.meaning();
            self.wrong(format!("{pointer}/to"), ProblemCode::BadFormat, detail);
        }
        if !RING_MS.contains(&one.ring_ms) {
            let (least, most) = (RING_MS.start(), RING_MS.end());
            let detail = format!("{} is not between {least} and {most}", one.ring_ms);
            self.wrong(
                format!("{pointer}/ring_ms"),
                ProblemCode::OutOfRange,
                detail,
            );
        }
        let hold = one.hold.as_deref().unwrap_or_default();
        self.count(&format!("{pointer}/hold"), hold.len(), HOLD_MAX);
        let words = one
            .words
            .iter()
            .map(|text| (format!("{pointer}/words"), text));
        let hold = hold.iter().take(HOLD_MAX).enumerate();
        let hold = hold.map(|(at, text)| (format!("{pointer}/hold/{at}"), text));
        for (pointer, text) in words.chain(hold) {
            self.line(&pointer, text, WORDS_CHARS_MAX);
            if text.contains("{{") {
                let detail = "variables can stand in the prompt, the greeting and the flow only";
                self.wrong(&pointer, ProblemCode::Template, detail);
            }
        }
    }
}
