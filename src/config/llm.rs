//! The operator's language model.

use std::fmt;
use std::ops::RangeInclusive;

use serde::Deserialize;

use super::ConfigError;
use super::stages::too_many;
use crate::think::{ChatSettings, Dialect};

/// What a language model may be given for a reply; agents have the same bounds.
const LLM_TOKENS: RangeInclusive<u32> = 16..=4_096;

/// Any endpoint that speaks OpenAI's chat protocol, or Anthropic's.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// What the endpoint speaks, `openai` or `anthropic`; the first if absent.
    pub dialect: Dialect,
    /// As `http://127.0.0.1:11434/v1` or `https://api.anthropic.com`.
    pub base_url: Option<String>,
    /// The endpoint's name for the model.
    pub model: Option<String>,
    /// The key, if it wants one; the environment's `TRUNKLINE_LLM_API_KEY` comes first.
    pub api_key: Option<String>,
    /// How freely it chooses words.
    pub temperature: Option<f32>,
    /// Longest reply, in tokens.
    pub max_tokens: Option<u32>,
    /// Who is asked when it fails, in order: the same settings.
    pub fallbacks: Vec<LlmConfig>,
}

impl fmt::Debug for LlmConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmConfig")
            .field("dialect", &self.dialect)
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

impl LlmConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.base_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            let problem = format!("{url:?} must begin with http:// or https://");
            return Err(ConfigError::Value {
                key: "llm.base_url",
                problem,
            });
        }
        if self.base_url.is_some() != self.model.is_some() {
            let problem = "llm.base_url and llm.model belong together; set both or neither".into();
            return Err(ConfigError::Value {
                key: "llm",
                problem,
            });
        }
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return Err(ConfigError::Value {
                key: "llm.temperature",
                problem: "must be between 0 and 2".into(),
            });
        }
        if self.max_tokens.is_some_and(|n| !LLM_TOKENS.contains(&n)) {
            return Err(ConfigError::Value {
                key: "llm.max_tokens",
                problem: "must be between 16 and 4096".into(),
            });
        }
        self.check_fallbacks()
    }

    fn check_fallbacks(&self) -> Result<(), ConfigError> {
        let wrong = |problem: &str| {
            Err(ConfigError::Value {
                key: "llm.fallbacks",
                problem: problem.into(),
            })
        };
        too_many("llm.fallbacks", self.fallbacks.len())?;
        if self.base_url.is_none() && !self.fallbacks.is_empty() {
            return wrong("there is nobody to stand behind; set llm.base_url and llm.model too");
        }
        for fallback in &self.fallbacks {
            if !fallback.fallbacks.is_empty() {
                return wrong("has no `fallbacks` of its own");
            }
            if fallback.base_url.is_none() {
                return wrong("each needs a base_url and a model");
            }
            fallback.check()?;
        }
        Ok(())
    }

    /// As a call takes it, if there is one.
    pub(crate) fn chat(&self) -> Option<ChatSettings> {
        Some(ChatSettings {
            dialect: self.dialect,
            base_url: self.base_url.clone()?,
            model: self.model.clone()?,
            api_key: self.api_key.clone(),
            temperature: self.temperature,
            max_tokens: self.max_tokens,
        })
    }

    /// Those that are asked when it fails.
    pub(super) fn behind(&self) -> Vec<ChatSettings> {
        self.fallbacks.iter().filter_map(Self::chat).collect()
    }
}
