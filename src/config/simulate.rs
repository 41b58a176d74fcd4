//! Who plays callers and judges conversations in `trunkline simulate`.

use serde::Deserialize;

use super::LlmConfig;

/// The environment's name for that model's key.
pub const SIMULATE_KEY_VARIABLE: &str = "TRUNKLINE_SIMULATE_LLM_API_KEY";

/// What `trunkline simulate` works with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// The model that plays callers and judges; `[llm]`'s if absent. The environment's `TRUNKLINE_SIMULATE_LLM_API_KEY`
    /// comes before its `api_key`.
    pub llm: LlmConfig,
}
