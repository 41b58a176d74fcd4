//! What a tool's owner says of the digits that go to their server alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trunkline_core::call::{Check, FIELD_DIGITS_MAX, KeyField, KeyWork};
use utoipa::ToSchema;

use super::{ToolDocument, WrongTool, line};
use crate::tools::keys::{BETWEEN_MS, FIRST_MS, TRIES};

/// Most rows of digits for one use.
const ROWS_MAX: usize = 6;
/// Longest name of one.
const FIELD_CHARS_MAX: usize = 64;
/// Longest sentence that asks for one.
const PROMPT_CHARS_MAX: usize = 300;
const FIRST_MS_ALLOWED: std::ops::RangeInclusive<u32> = 2_000..=30_000;
const BETWEEN_MS_ALLOWED: std::ops::RangeInclusive<u32> = 1_000..=15_000;
const TRIES_MAX: u8 = 5;

/// What must hold of digits beside their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyCheck {
    /// Nothing.
    #[default]
    None,
    /// The last is a check digit, as of payment cards.
    Luhn,
}

/// Digits that the caller presses for a tool, and that nobody knows but the tool's server: the model does not see them, no
/// transcript, recording, log or provider gets them, and the call hears nothing else meanwhile. `*` calls it off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// The argument that they are sent as: a string.
    #[schema(max_length = 64, example = "card_number")]
    pub field: String,
    /// Asks the caller for them; the first key cuts it.
    #[schema(
        max_length = 300,
        example = "Please key in your card number, and press the hash key."
    )]
    pub prompt: String,
    /// Fewest and most of them. With the last of the most they are complete.
    #[schema(example = json!([13, 19]))]
    pub digits: [u8; 2],
    /// What else must hold.
    #[serde(default)]
    pub check: KeyCheck,
    /// Said before they are asked for again; the usual words of the agent's language if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub wrong: Option<String>,
    /// The key that ends them: `#`, `A` to `D`, or empty for none.
    #[serde(default = "hash")]
    #[schema(default = "#")]
    pub terminator: String,
    /// How long the first key is waited for after the prompt, ms.
    #[serde(default = "first")]
    #[schema(minimum = 2_000, maximum = 30_000, default = 10_000)]
    pub first_ms: u32,
    /// How long the next one is, ms. What is enough by then is complete.
    #[serde(default = "between")]
    #[schema(minimum = 1_000, maximum = 15_000, default = 5_000)]
    pub between_ms: u32,
    /// How often they are asked for.
    #[serde(default = "tries")]
    #[schema(minimum = 1, maximum = 5, default = 3)]
    pub tries: u8,
}

fn hash() -> String {
    "#".to_owned()
}

fn first() -> u32 {
    FIRST_MS
}

fn between() -> u32 {
    BETWEEN_MS
}

fn tries() -> u8 {
    TRIES
}

impl KeyRow {
    fn check(&self, at: &str) -> Result<(), WrongTool> {
        let wrong = |name: &str, code, detail: String| {
            Err(WrongTool::new(format!("{at}/{name}"), code, detail))
        };
        line(&format!("{at}/field"), &self.field, FIELD_CHARS_MAX)?;
        line(&format!("{at}/prompt"), &self.prompt, PROMPT_CHARS_MAX)?;
        if let Some(words) = &self.wrong {
            line(&format!("{at}/wrong"), words, PROMPT_CHARS_MAX)?;
        }
        let [min, max] = self.digits;
        if !(1..=max).contains(&min) || max > FIELD_DIGITS_MAX {
            let detail = format!("expected fewest and most, from 1 to {FIELD_DIGITS_MAX}");
            return wrong("digits", "out_of_range", detail);
        }
        if !matches!(self.terminator.as_str(), "" | "#" | "A" | "B" | "C" | "D") {
            let detail = "expected #, A, B, C, D or nothing; * calls it off";
            return wrong("terminator", "invalid", detail.into());
        }
        for (name, ms, allowed) in [
            ("first_ms", self.first_ms, FIRST_MS_ALLOWED),
            ("between_ms", self.between_ms, BETWEEN_MS_ALLOWED),
        ] {
            if !allowed.contains(&ms) {
                let detail = format!("expected {} to {}", allowed.start(), allowed.end());
                return wrong(name, "out_of_range", detail);
            }
        }
        if !(1..=TRIES_MAX).contains(&self.tries) {
            return wrong(
                "tries",
                "out_of_range",
                format!("expected 1 to {TRIES_MAX}"),
            );
        }
        Ok(())
    }

    fn field(&self) -> KeyField {
        let [digits_min, digits_max] = self.digits;
        KeyField {
            prompt: self.prompt.as_str().into(),
            wrong: self.wrong.as_deref().map(Arc::from),
            digits_min,
            digits_max,
            terminator: self.terminator.chars().next(),
            first_ms: self.first_ms,
            between_ms: self.between_ms,
            check: match self.check {
                KeyCheck::None => Check::None,
                KeyCheck::Luhn => Check::Luhn,
            },
            tries: self.tries,
        }
    }
}

impl ToolDocument {
    /// What it wants of keys, if anything.
    pub fn wants_keys(&self) -> Option<KeyWork> {
        let fields = self.keys.iter().map(KeyRow::field).collect();
        let is_secret = true;
        (!self.keys.is_empty()).then_some(KeyWork::Collect { fields, is_secret })
    }

    /// What is wrong with its keys. Digits go in a body, since addresses stand in logs, and the agent waits for the result.
    pub(super) fn check_keys(&self) -> Result<(), WrongTool> {
        if self.keys.is_empty() {
            return Ok(());
        }
        if self.keys.len() > ROWS_MAX {
            let detail = format!("at most {ROWS_MAX} are allowed");
            return Err(WrongTool::new("/keys", "too_many", detail));
        }
        if self.method.has_no_body() {
            let detail = "keys are sent in a body: the method must be POST, PUT or PATCH";
            return Err(WrongTool::new("/method", "conflict", detail));
        }
        if !self.awaited {
            let detail = "a tool that wants keys is waited for";
            return Err(WrongTool::new("/awaited", "conflict", detail));
        }
        let properties = self.arguments.as_ref().and_then(|a| a.get("properties"));
        let mut names = BTreeSet::new();
        for (at, row) in self.keys.iter().enumerate() {
            let pointer = format!("/keys/{at}");
            row.check(&pointer)?;
            let is_argument = properties.is_some_and(|all| all.get(&row.field).is_some());
            if is_argument || !names.insert(row.field.as_str()) {
                let detail = "there is an argument of this name; the model must not know of it";
                return Err(WrongTool::new(format!("{pointer}/field"), "taken", detail));
            }
        }
        Ok(())
    }
}
