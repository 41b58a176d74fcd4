//! Where the operator's packs of rules are.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// Where the operator's packs of rules are, and how long it is known why a call was not allowed.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RulesConfig {
    /// A folder with `calling_hours.json`, `call_permission.json` or `recording_consent.json`, laid over the packs that ship; those
    /// alone if absent. What changes there holds within seconds.
    pub folder: Option<PathBuf>,
    /// So many days it can be read why a call was not allowed.
    pub decision_days_kept: u32,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self {
            folder: None,
            decision_days_kept: 365,
        }
    }
}

impl RulesConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if (1..=3_650).contains(&self.decision_days_kept) {
            return Ok(());
        }
        Err(ConfigError::Value {
            key: "rules.decision_days_kept",
            problem: "must be between 1 and 3650".to_owned(),
        })
    }
}
