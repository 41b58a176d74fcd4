//! Where calls are told of as spans.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::ConfigError;
use crate::traces::TracesSettings;

/// The environment's name for headers of every request, as `name=value,name=value`.
pub const TRACES_HEADERS_VARIABLE: &str = "TRUNKLINE_TRACES_HEADERS";
/// Headers that may be set.
const HEADERS_MAX: usize = 16;

/// Where calls are told of as spans; nowhere without an endpoint.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// A collector that speaks OTLP over HTTP, as `http://127.0.0.1:4318`.
    pub endpoint: Option<String>,
    /// Headers of every request, for a collector that wants a key; those of the environment come first.
    pub headers: BTreeMap<String, String>,
    /// Which part of the calls is told of, 0 to 1; all if absent.
    pub sample_ratio: Option<f64>,
    /// What the server is called there; `trunkline` if absent.
    pub service_name: Option<String>,
}

impl fmt::Debug for TracesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracesConfig")
            .field("endpoint", &self.endpoint)
            .field("headers", &self.headers.keys())
            .field("sample_ratio", &self.sample_ratio)
            .field("service_name", &self.service_name)
            .finish()
    }
}

impl TracesConfig {
    /// Takes the environment's headers.
    pub(super) fn add_headers(&mut self, text: &str) -> Result<(), ConfigError> {
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            // What stands there may be a key: no error repeats it.
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                wrong(TRACES_HEADERS_VARIABLE, "write it as name=value,name=value")
            })?;
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            self.headers.insert(name, value);
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.endpoint
            && (!(url.starts_with("http://") || url.starts_with("https://"))
                || url.contains(['?', '#', '@']))
        {
            let problem =
                "must be as http://127.0.0.1:4318, without a query; keys go into traces.headers";
            return Err(wrong("traces.endpoint", problem));
        }
        if self.sample_ratio.is_some_and(|r| !(0.0..=1.0).contains(&r)) {
            return Err(wrong("traces.sample_ratio", "must be between 0 and 1"));
        }
        let name = self.service_name.as_deref().unwrap_or("trunkline");
        if name.trim().is_empty() || name.len() > 128 {
            return Err(wrong("traces.service_name", "must have 1 to 128 bytes"));
        }
        if self.headers.len() > HEADERS_MAX {
            return Err(wrong("traces.headers", "at most 16"));
        }
        Ok(())
    }

    /// As the exporter takes it, if there is somewhere to send to.
    #[must_use]
    pub fn settings(&self) -> Option<TracesSettings> {
        let headers = self.headers.iter().map(|(k, v)| (k.clone(), v.clone()));
        Some(TracesSettings {
            endpoint: self.endpoint.clone()?,
            headers: headers.collect(),
            sample_ratio: self.sample_ratio.unwrap_or(1.0),
            service_name: self
                .service_name
                .clone()
                .unwrap_or_else(|| "trunkline".into()),
        })
    }
}

fn wrong(key: &'static str, problem: &str) -> ConfigError {
    ConfigError::Value {
        key,
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_environment_come_first_and_are_not_shown() {
        let mut config: TracesConfig = toml::from_str(
            "endpoint = \"http://127.0.0.1:4318\"\nheaders = { a = \"old\", b = \"kept\" }",
        )
        .unwrap();
        config.add_headers(" a = new=er , c=d,, ").unwrap();
        let settings = config.settings().unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            settings.headers,
            [pair("a", "new=er"), pair("b", "kept"), pair("c", "d")]
        );
        for shown in [format!("{config:?}"), format!("{settings:?}")] {
            assert!(!shown.contains("new") && !shown.contains("kept"), "{shown}");
        }
        let error = config.add_headers("secret-without-a-name").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (toml, fine) in [
            ("", true),
            (
                "endpoint = \"https://otlp.example.com/base\"\nsample_ratio = 0.0",
                true,
            ),
            ("endpoint = \"otlp.example.com\"", false),
            ("endpoint = \"http://user:key@otlp.example.com\"", false),
            ("endpoint = \"http://otlp.example.com?key=1\"", false),
            ("sample_ratio = 1.5", false),
            ("sample_ratio = nan", false),
            ("service_name = \" \"", false),
        ] {
            let config: TracesConfig = toml::from_str(toml).unwrap();
            assert_eq!(config.check().is_ok(), fine, "{toml}");
        }
        assert!(
            TracesConfig::default().settings().is_none(),
            "off unless asked for"
        );
    }
}
