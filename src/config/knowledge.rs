//! Who makes the vectors by which documents are found by their meaning.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::ConfigError;
use crate::egress::{Egress, Whose};
use crate::knowledge::Remote;
use crate::providers::{Circuit, Hop, Kind};

/// The environment's name for the key of who makes vectors.
pub const EMBEDDINGS_KEY_VARIABLE: &str = "TRUNKLINE_EMBEDDINGS_API_KEY";
/// Longest name of a model, in characters; it is kept with every document.
const MODEL_CHARS_MAX: usize = 200;

/// Who makes vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Embeddings {
    /// A table of word vectors on this machine: English, and next to no time.
    #[default]
    Local,
    /// An OpenAI-compatible endpoint.
    OpenaiCompatible,
    /// Nobody: documents are found by their words alone.
    None,
}

/// Who finds documents by their meaning.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnowledgeConfig {
    /// Who makes vectors, `local`, `openai_compatible` or `none`; the first if absent.
    pub embeddings: Embeddings,
    /// Of an endpoint, as `https://api.openai.com/v1`.
    pub base_url: Option<String>,
    /// Its name for the model, as `text-embedding-3-small`.
    pub model: Option<String>,
    /// The key, if it wants one; the environment's `TRUNKLINE_EMBEDDINGS_API_KEY` comes first.
    pub api_key: Option<String>,
}

impl fmt::Debug for KnowledgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnowledgeConfig")
            .field("embeddings", &self.embeddings)
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

impl KnowledgeConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, problem: &str| {
            let problem = problem.to_owned();
            Err(ConfigError::Value { key, problem })
        };
        if self.embeddings != Embeddings::OpenaiCompatible {
            return match self.base_url.is_some() || self.model.is_some() {
                true => wrong(
                    "knowledge.embeddings",
                    "set it to \"openai_compatible\" too, or leave base_url and model out",
                ),
                false => Ok(()),
            };
        }
        let Some(base_url) = &self.base_url else {
            return wrong(
                "knowledge.base_url",
                "is needed, as https://api.openai.com/v1",
            );
        };
        let model = self.model.as_deref().unwrap_or_default();
        if model.trim().is_empty() || model.chars().count() > MODEL_CHARS_MAX {
            return wrong("knowledge.model", "is needed, as text-embedding-3-small");
        }
        match self.hop(&Egress::new(), base_url, model).check() {
            Ok(()) => Ok(()),
            Err(error) => wrong("knowledge.base_url", &error.to_string()),
        }
    }

    /// The endpoint, if there is one.
    #[must_use]
    pub fn remote(&self, egress: &Egress) -> Option<Remote> {
        let (base_url, model) = (self.base_url.as_ref()?, self.model.as_ref()?);
        let hop = self.hop(egress, base_url, model);
        Some(Remote::new(
            hop,
            self.api_key.as_deref().unwrap_or_default(),
        ))
    }

    fn hop(&self, egress: &Egress, base_url: &str, model: &str) -> Hop {
        Hop {
            egress: egress.clone(),
            whose: Whose::Operator,
            base_url: base_url.to_owned(),
            provider: "openai_compatible",
            model: Arc::from(model),
            kind: Kind::Embedder,
            circuit: Circuit::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_needs_an_address_and_a_model() {
        for (toml, key) in [
            ("", None),
            ("embeddings = \"none\"", None),
            (
                "embeddings = \"openai_compatible\"",
                Some("knowledge.base_url"),
            ),
            (
                "base_url = \"https://a.example/v1\"",
                Some("knowledge.embeddings"),
            ),
            (
                "embeddings = \"openai_compatible\"\nbase_url = \"https://a.example/v1\"",
                Some("knowledge.model"),
            ),
            (
                "embeddings = \"openai_compatible\"\nmodel = \"m\"\nbase_url = \"ftp://a.example\"",
                Some("knowledge.base_url"),
            ),
            (
                "embeddings = \"openai_compatible\"\nmodel = \"m\"\nbase_url = \"https://a.example/v1\"\napi_key = \"sekrit\"",
                None,
            ),
        ] {
            let config: KnowledgeConfig = toml::from_str(toml).unwrap();
            assert!(!format!("{config:?}").contains("sekrit"));
            let found = match config.check() {
                Err(ConfigError::Value { key, .. }) => Some(key),
                _ => None,
            };
            assert_eq!(found, key, "{toml}");
        }
    }
}
