//! How often one number may call in, and how many calls of a client's may go on.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use crate::inbound::FloodLimits;

/// How often one number may call in, and how many calls of a client's may go on.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InboundConfig {
    /// Calls of one number to one client within [`InboundConfig::within_minutes`]; 0 leaves the limit out.
    pub calls_per_caller: u32,
    /// Within so many minutes.
    pub within_minutes: u32,
    /// Calls of one client's that go on at once before further ones that come in hear a busy line; 0 leaves the limit out.
    pub calls_per_client: u32,
}

impl Default for InboundConfig {
    fn default() -> Self {
        Self {
            calls_per_caller: 10,
            within_minutes: 10,
            calls_per_client: 0,
        }
    }
}

impl InboundConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, value, least, most) in [
            ("inbound.calls_per_caller", self.calls_per_caller, 0, 1_000),
            ("inbound.within_minutes", self.within_minutes, 1, 1_440),
            (
                "inbound.calls_per_client",
                self.calls_per_client,
                0,
                100_000,
            ),
        ] {
            if !(least..=most).contains(&value) {
                let problem = format!("must be between {least} and {most}");
                return Err(ConfigError::Value { key, problem });
            }
        }
        Ok(())
    }

    /// As floods take them.
    #[must_use]
    pub fn limits(&self) -> FloodLimits {
        FloodLimits {
            calls_per_caller: self.calls_per_caller,
            window: Duration::from_secs(u64::from(self.within_minutes) * 60),
            calls_per_client: self.calls_per_client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_limits_are_those_of_a_server_that_is_told_nothing() {
        let usual = InboundConfig::default();
        assert!(usual.check().is_ok());
        assert_eq!(usual.limits(), FloodLimits::default());
        let wrong = InboundConfig {
            within_minutes: 0,
            ..usual
        };
        assert!(wrong.check().is_err());
    }
}
