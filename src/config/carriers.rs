//! What the operator says of carriers.

use serde::Deserialize;

use super::ConfigError;
use crate::dial::Sweep;
use crate::egress::Whose;

/// Until then a call of which nobody knows whether it was placed is looked for anyway.
const ASK_AFTER_MINUTES: std::ops::RangeInclusive<u32> = 10..=24 * 60;

/// The carriers' REST interfaces, and what clients may have asked of their own servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CarriersConfig {
    /// Where Twilio's REST interface is, as `http://127.0.0.1:4001`; Twilio's own address if absent. For a carrier that
    /// speaks like Twilio, a gateway, or a test.
    pub twilio_base_url: Option<String>,
    /// Whether clients' inbound webhooks may be unencrypted and in networks of the operator's own; for a server whose
    /// clients are its operator.
    pub webhooks_in_own_network: bool,
    /// After so many minutes a carrier is asked how a call stands of which it has not told the end, and every five minutes from
    /// then on.
    pub ask_after_minutes: u32,
}

impl Default for CarriersConfig {
    fn default() -> Self {
        Self {
            twilio_base_url: None,
            webhooks_in_own_network: false,
            ask_after_minutes: 15,
        }
    }
}

impl CarriersConfig {
    /// By which rule clients' inbound webhooks are reached.
    #[must_use]
    pub fn whose_webhooks(&self) -> Whose {
        if self.webhooks_in_own_network {
            Whose::Operator
        } else {
            Whose::Client
        }
    }

    /// How attempts are asked after whose end was not told.
    #[must_use]
    pub fn sweep(&self) -> Sweep {
        Sweep {
            older_ms: i64::from(self.ask_after_minutes) * 60_000,
            ..Sweep::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !ASK_AFTER_MINUTES.contains(&self.ask_after_minutes) {
            let (least, most) = (ASK_AFTER_MINUTES.start(), ASK_AFTER_MINUTES.end());
            return Err(ConfigError::Value {
                key: "carriers.ask_after_minutes",
                problem: format!("must be between {least} and {most}"),
            });
        }
        let Some(url) = &self.twilio_base_url else {
            return Ok(());
        };
        if url.starts_with("https://") || url.starts_with("http://") {
            return Ok(());
        }
        Err(ConfigError::Value {
            key: "carriers.twilio_base_url",
            problem: format!("{url:?} must begin with https:// or http://"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_asked_in_the_usual_time_unless_told_otherwise() {
        let usual = CarriersConfig::default();
        assert!(usual.check().is_ok());
        assert_eq!(usual.sweep(), Sweep::default());
        for (minutes, is_right) in [(9, false), (10, true), (1_440, true), (1_441, false)] {
            let said = CarriersConfig {
                ask_after_minutes: minutes,
                ..CarriersConfig::default()
            };
            assert_eq!(said.check().is_ok(), is_right, "{minutes}");
        }
    }
}
