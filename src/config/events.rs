//! How long events are kept, and where clients may be told of them.

use serde::Deserialize;

use super::ConfigError;
use crate::deliveries::EventSettings;

const DAY_MS: i64 = 24 * 3_600_000;

/// How long events are kept, and where clients may be told of them.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// So many days events can be read and told again; tries take up to four.
    pub days_kept: u32,
    /// Whether clients' webhook endpoints may be unencrypted and in networks of the operator's own; for a server whose clients
    /// are its operator.
    pub webhooks_in_own_network: bool,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            days_kept: 30,
            webhooks_in_own_network: false,
        }
    }
}

impl EventsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if (7..=365).contains(&self.days_kept) {
            return Ok(());
        }
        Err(ConfigError::Value {
            key: "events.days_kept",
            problem: "must be between 7 and 365".to_owned(),
        })
    }

    /// As events are kept and told.
    #[must_use]
    pub fn settings(&self) -> EventSettings {
        EventSettings {
            kept_ms: i64::from(self.days_kept) * DAY_MS,
            in_own_network: self.webhooks_in_own_network,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_settings_are_those_of_a_server_that_is_told_nothing() {
        let usual = EventsConfig::default();
        assert!(usual.check().is_ok());
        assert_eq!(usual.settings(), EventSettings::default());
        for days_kept in [0, 6, 366] {
            let wrong = EventsConfig { days_kept, ..usual };
            assert!(wrong.check().is_err());
        }
    }
}
