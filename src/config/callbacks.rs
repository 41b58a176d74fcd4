//! How far ahead callers may be promised a call, and how late it may be.

use serde::Deserialize;

use super::ConfigError;
use crate::callbacks::CallbackLimits;

const HOUR_MS: i64 = 3_600_000;

/// How far ahead callers may be promised a call, and how late it may be.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbacksConfig {
    /// So many days ahead one may be agreed on.
    pub days_ahead_max: u32,
    /// So many hours after the time that was agreed on it may still be dialled.
    pub hours_late_max: u32,
}

impl Default for CallbacksConfig {
    fn default() -> Self {
        Self {
            days_ahead_max: 30,
            hours_late_max: 24,
        }
    }
}

impl CallbacksConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, value, most) in [
            ("callbacks.days_ahead_max", self.days_ahead_max, 365),
            ("callbacks.hours_late_max", self.hours_late_max, 24 * 14),
        ] {
            if !(1..=most).contains(&value) {
                let problem = format!("must be between 1 and {most}");
                return Err(ConfigError::Value { key, problem });
            }
        }
        Ok(())
    }

    /// As callbacks take them.
    #[must_use]
    pub fn limits(&self) -> CallbackLimits {
        CallbackLimits {
            ahead_ms_max: i64::from(self.days_ahead_max) * 24 * HOUR_MS,
            late_ms_max: i64::from(self.hours_late_max) * HOUR_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_limits_are_those_of_a_server_that_is_told_nothing() {
        let usual = CallbacksConfig::default();
        assert!(usual.check().is_ok());
        assert_eq!(usual.limits(), CallbackLimits::default());
        for (days_ahead_max, hours_late_max) in [(0, 24), (366, 24), (30, 0), (30, 337)] {
            let wrong = CallbacksConfig {
                days_ahead_max,
                hours_late_max,
            };
            assert!(wrong.check().is_err());
        }
    }
}
