//! Who hears and who speaks for every agent that does not choose for itself.

use std::fmt;

use serde::Deserialize;

use super::ConfigError;
use crate::agent::{EMBEDDED, FALLBACKS_MAX, TurnsBy};
use crate::egress::Whose;
use crate::providers::{self, Account, Kind};
use crate::stack::{Behind, Chosen};

/// The environment's name for the recogniser's key.
pub const RECOGNISER_KEY_VARIABLE: &str = "TRUNKLINE_RECOGNISER_API_KEY";
/// The environment's name for the voice's key.
pub const VOICE_KEY_VARIABLE: &str = "TRUNKLINE_VOICE_API_KEY";

/// A provider of speech; the embedded one if no vendor is named.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StageConfig {
    /// As `deepgram`.
    pub vendor: Option<String>,
    /// Another address than the vendor's own.
    pub base_url: Option<String>,
    /// The key; the environment's comes first.
    pub api_key: Option<String>,
    /// The vendor's name for the model; its usual one if absent.
    pub model: Option<String>,
    /// The vendor's id of the voice.
    pub voice: Option<String>,
    /// Who says when a caller's turn is over.
    pub turns: Option<TurnsBy>,
    /// Who takes over when it fails, in order: the same settings, but `turns`. `embedded` is what is built in.
    pub fallbacks: Vec<StageConfig>,
}

impl fmt::Debug for StageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageConfig")
            .field("vendor", &self.vendor)
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

impl StageConfig {
    /// As a call takes it; `section` is named in errors.
    pub(super) fn chosen(
        &self,
        section: &'static str,
        kind: Kind,
    ) -> Result<Option<Chosen>, ConfigError> {
        let wrong = |problem: String| ConfigError::Value {
            key: section,
            problem,
        };
        let others = match kind {
            Kind::Voice => [self.turns.is_some(), false],
            Kind::Recogniser | Kind::Model => [false, self.voice.is_some()],
            Kind::Realtime => [self.turns.is_some(), false],
            Kind::Embedder => [self.turns.is_some(), self.voice.is_some()],
        };
        if others.contains(&true) {
            let key = if others[0] { "turns" } else { "voice" };
            return Err(wrong(format!("has no setting `{key}`")));
        }
        let Some(name) = &self.vendor else {
            let is_empty = self.base_url.is_none()
                && self.api_key.is_none()
                && self.model.is_none()
                && self.voice.is_none()
                && self.turns.is_none()
                && self.fallbacks.is_empty();
            return match is_empty {
                true => Ok(None),
                false => Err(wrong(format!(
                    "set {section}.vendor too, to one of {}",
                    known(kind)
                ))),
            };
        };
        let vendor = providers::find(name, kind).ok_or_else(|| {
            wrong(format!(
                "{name:?} is no vendor of it; known are {}",
                known(kind)
            ))
        })?;
        let chosen = Chosen {
            vendor,
            account: Account {
                whose: Whose::Operator,
                owner: String::new(),
                base_url: self.base_url.clone(),
                key: self.api_key.clone().unwrap_or_default(),
            },
            model: self.model.clone().unwrap_or_default(),
            voice: self.voice.clone().unwrap_or_default(),
            turns: self.turns.map(Into::into),
        };
        chosen.check().map_err(|cause| wrong(cause.to_string()))?;
        Ok(Some(chosen))
    }
}

impl StageConfig {
    /// Those that take over, as a call takes them; `section` is named in errors.
    pub(super) fn behind(
        &self,
        section: &'static str,
        kind: Kind,
    ) -> Result<Vec<Behind>, ConfigError> {
        let wrong = |problem: String| ConfigError::Value {
            key: section,
            problem,
        };
        too_many(section, self.fallbacks.len())?;
        let first = self.chosen(section, kind)?;
        let mut behind = Vec::with_capacity(self.fallbacks.len());
        for fallback in &self.fallbacks {
            if fallback.turns.is_some() || !fallback.fallbacks.is_empty() {
                return Err(wrong("has no `turns` or `fallbacks` of its own".into()));
            }
            let is_bare = fallback.base_url.is_none()
                && fallback.api_key.is_none()
                && fallback.model.is_none()
                && fallback.voice.is_none();
            let next = match fallback.vendor.as_deref() {
                Some(EMBEDDED) if is_bare => Behind::Embedded,
                Some(EMBEDDED) => {
                    let problem = "there is nothing to choose about what is embedded";
                    return Err(wrong(problem.into()));
                }
                _ => {
                    let chosen = fallback.chosen(section, kind)?;
                    let chosen = chosen.ok_or_else(|| wrong("name its vendor".into()))?;
                    Behind::Chosen(chosen)
                }
            };
            let unfit = first
                .as_ref()
                .and_then(|first| next.unfit(first.turns(None)));
            if let Some(problem) = unfit.filter(|_| kind == Kind::Recogniser) {
                return Err(wrong(problem.into()));
            }
            behind.push(next);
        }
        Ok(behind)
    }
}

/// At most so many stand behind the first.
pub(super) fn too_many(section: &'static str, count: usize) -> Result<(), ConfigError> {
    match count > FALLBACKS_MAX {
        true => Err(ConfigError::Value {
            key: section,
            problem: format!("there are {count}; at most {FALLBACKS_MAX} are allowed"),
        }),
        false => Ok(()),
    }
}

fn known(kind: Kind) -> String {
    let all = providers::VENDORS.iter();
    let names = all.filter(|vendor| vendor.does.kind() == kind);
    let names: Vec<&str> = names.map(|vendor| vendor.name).collect();
    names.join(", ")
}
