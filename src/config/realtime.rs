//! The operator's model that hears and speaks.

use std::fmt;

use serde::Deserialize;

use super::ConfigError;
use super::stages::StageConfig;
use crate::providers::Kind;
use crate::stack::RealtimeChosen;

/// The environment's name for its key.
pub const REALTIME_KEY_VARIABLE: &str = "TRUNKLINE_REALTIME_API_KEY";

/// A model that hears, thinks and speaks, for agents that ask for one and name no provider of their own.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RealtimeConfig {
    /// As `openai`.
    pub vendor: Option<String>,
    /// Another address than the vendor's own.
    pub base_url: Option<String>,
    /// The key; the environment's comes first.
    pub api_key: Option<String>,
    /// The vendor's name for the model that speaks.
    pub model: Option<String>,
    /// The vendor's name for the voice; the model's usual one if absent.
    pub voice: Option<String>,
    /// The vendor's name for the model that writes down what the caller says.
    pub transcriber: Option<String>,
}

impl fmt::Debug for RealtimeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealtimeConfig")
            .field("vendor", &self.vendor)
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

impl RealtimeConfig {
    pub(super) fn chosen(&self) -> Result<Option<RealtimeChosen>, ConfigError> {
        let stage = StageConfig {
            vendor: self.vendor.clone(),
            base_url: self.base_url.clone(),
            api_key: self.api_key.clone(),
            model: self.model.clone(),
            voice: self.voice.clone(),
            ..StageConfig::default()
        };
        let chosen = stage.chosen("realtime", Kind::Realtime)?;
        let transcriber = self.transcriber.clone().unwrap_or_default();
        let Some(chosen) = chosen else {
            return match transcriber.is_empty() {
                true => Ok(None),
                false => Err(wrong("set realtime.vendor too")),
            };
        };
        if chosen.model.trim().is_empty() || transcriber.trim().is_empty() {
            // Vendors retire them too often for any to be the usual one.
            return Err(wrong(
                "set realtime.model, which speaks, and realtime.transcriber, which writes down what the caller says",
            ));
        }
        Ok(Some(RealtimeChosen {
            chosen,
            transcriber,
        }))
    }
}

fn wrong(problem: &str) -> ConfigError {
    ConfigError::Value {
        key: "realtime",
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_nobody_and_half_of_it_is_refused() {
        let chosen = |text: &str| -> Result<Option<RealtimeChosen>, String> {
            let config: RealtimeConfig = toml::from_str(text).unwrap();
            assert!(!format!("{config:?}").contains("sekrit"));
            config.chosen().map_err(|error| error.to_string())
        };
        assert!(chosen("").unwrap().is_none());
        let whole = "vendor = \"openai\"\napi_key = \"sekrit\"\nmodel = \"m\"\ntranscriber = \"t\"";
        let found = chosen(whole).unwrap().unwrap();
        assert_eq!((&*found.chosen.model, &*found.transcriber), ("m", "t"));
        for (text, name) in [
            ("transcriber = \"t\"", "realtime.vendor"),
            ("model = \"m\"", "realtime.vendor"),
            ("vendor = \"deepgram\"", "openai_compatible, openai_beta"),
            (
                "vendor = \"openai\"\nmodel = \"m\"\ntranscriber = \"t\"",
                "needs a key",
            ),
            (
                "vendor = \"openai\"\napi_key = \"k\"\nmodel = \"m\"",
                "realtime.transcriber",
            ),
            (
                "vendor = \"openai\"\napi_key = \"k\"\ntranscriber = \"t\"",
                "realtime.model",
            ),
            (
                "vendor = \"openai_beta\"\nmodel = \"m\"\ntranscriber = \"t\"",
                "base URL",
            ),
        ] {
            let error = chosen(text).err().unwrap_or_else(|| panic!("{text}"));
            assert!(error.contains(name), "{text:?} gave {error:?}");
        }
    }
}
