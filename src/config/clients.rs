//! What every client may do, where nothing else is said of one.

use serde::Deserialize;
use trunkline_core::ratios::{Mark, Marks};

use super::ConfigError;
use crate::dial::ClientRules;
use crate::store::limits::Limits;

/// A limit that nobody means.
const LIMIT_MAX: u32 = 1_000_000;
/// Longest name of an agreement's version.
const VERSION_CHARS_MAX: usize = 64;

/// What every client may do, where nothing else is said of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientsConfig {
    /// Calls of one client that ring or go on at the same time; any number if absent.
    pub calls_at_once: Option<u32>,
    /// Calls of one client that are begun within a second; any number if absent.
    pub calls_per_second: Option<u32>,
    /// Calls of one client that are begun within 24 hours; any number if absent.
    pub calls_per_day: Option<u32>,
    /// The version of the agreement that a client must have accepted before anybody is called for it, as `dpa-2026-01`; none if
    /// absent.
    pub agreement: Option<String>,
    /// What a call is taken to cost at least while it goes on, in millionths of the currency of prices; 100000 if absent.
    pub call_micros_least: Option<i64>,
    /// From where on too many of those called do not want to be.
    pub ratios: RatiosConfig,
}

/// From where on shares of calls are too large. What is absent is as usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatiosConfig {
    /// Opt-outs among answered calls.
    pub opt_outs: Option<Mark>,
    /// Calls shorter than six seconds among answered calls.
    pub short_calls: Option<Mark>,
    /// Numbers that are none among calls.
    pub invalid_numbers: Option<Mark>,
    /// Complaints among answered calls.
    pub complaints: Option<Mark>,
}

impl ClientsConfig {
    /// As the dialler takes them.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn rules(&self) -> Result<ClientRules, ConfigError> {
        let wrong = |key, problem: String| ConfigError::Value { key, problem };
        for (key, value) in [
            ("clients.calls_at_once", self.calls_at_once),
            ("clients.calls_per_second", self.calls_per_second),
            ("clients.calls_per_day", self.calls_per_day),
        ] {
            if value.is_some_and(|value| value > LIMIT_MAX) {
                return Err(wrong(key, format!("must be at most {LIMIT_MAX}")));
            }
        }
        if let Some(version) = &self.agreement
            && !is_version(version)
        {
            let problem = "must be 1 to 64 letters, digits, dots, dashes or underscores";
            return Err(wrong("clients.agreement", problem.into()));
        }
        let usual = ClientRules::default();
        let call_micros_least = self.call_micros_least.unwrap_or(usual.call_micros_least);
        if call_micros_least < 0 {
            return Err(wrong(
                "clients.call_micros_least",
                "must not be negative".into(),
            ));
        }
        let own = &self.ratios;
        let marks = Marks {
            opt_outs: own.opt_outs.unwrap_or(usual.marks.opt_outs),
            short_calls: own.short_calls.unwrap_or(usual.marks.short_calls),
            invalid_numbers: own.invalid_numbers.unwrap_or(usual.marks.invalid_numbers),
            complaints: own.complaints.unwrap_or(usual.marks.complaints),
        };
        Ok(ClientRules {
            limits: Limits {
                calls_at_once: self.calls_at_once,
                calls_per_second: self.calls_per_second,
                calls_per_day: self.calls_per_day,
            },
            agreement: self.agreement.clone(),
            call_micros_least,
            marks,
        })
    }
}

/// Whether a text may name a version of an agreement.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= VERSION_CHARS_MAX && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<ClientRules, String> {
        let config: ClientsConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.rules().map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        assert_eq!(rules("").unwrap(), ClientRules::default());
        let text = "calls_at_once = 20\nagreement = \"dpa-2026-01\"\n[ratios.opt_outs]\nwarn_per_mille = 30\n\
                    stop_per_mille = 60\ncalls_min = 50\ncount_min = 3\n";
        let read = rules(text).unwrap();
        assert_eq!(read.limits.calls_at_once, Some(20));
        assert_eq!(read.agreement.as_deref(), Some("dpa-2026-01"));
        assert_eq!(read.marks.opt_outs.stop_per_mille, Some(60));
        assert_eq!(read.marks.complaints, Marks::default().complaints);
        for (wrong, told) in [
            ("calls_per_day = 1000001", "clients.calls_per_day"),
            ("calls_per_day = -1", "u32"),
            ("agreement = \"\"", "clients.agreement"),
            ("agreement = \"a b\"", "clients.agreement"),
            ("call_micros_least = -1", "clients.call_micros_least"),
            ("[ratios.optouts]\n", "optouts"),
        ] {
            let error = rules(wrong).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
