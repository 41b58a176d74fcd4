//! How much the server may have to do before it turns new calls away.

use serde::Deserialize;
use trunkline_core::admission::Limits;

use super::ConfigError;

/// How much the server may have to do before it turns new calls away; 0 leaves a measure out of it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// CPU in use, in hundredths of what the process may use.
    pub cpu_percent_max: u32,
    /// How late the event loop may be, ms.
    pub loop_lag_ms_max: u32,
    /// How long inference may wait for its turn, ms.
    pub inference_wait_ms_max: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            cpu_percent_max: 85,
            loop_lag_ms_max: 30,
            inference_wait_ms_max: 150,
        }
    }
}

impl LimitsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, value, least, most) in [
            ("limits.cpu_percent_max", self.cpu_percent_max, 10, 100),
            ("limits.loop_lag_ms_max", self.loop_lag_ms_max, 5, 10_000),
            (
                "limits.inference_wait_ms_max",
                self.inference_wait_ms_max,
                10,
                10_000,
            ),
        ] {
            if value != 0 && !(least..=most).contains(&value) {
                let problem =
                    format!("must be between {least} and {most}, or 0 to leave it out of it");
                return Err(ConfigError::Value { key, problem });
            }
        }
        Ok(())
    }

    /// As admission takes them.
    pub fn limits(&self) -> Limits {
        let unless_0 = |value: u32| (value != 0).then(|| f64::from(value));
        Limits {
            cpu: unless_0(self.cpu_percent_max).map(|percent| percent / 100.0),
            lag_ms: unless_0(self.loop_lag_ms_max),
            wait_ms: unless_0(self.inference_wait_ms_max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_leaves_a_measure_out_of_it() {
        let usual = LimitsConfig::default();
        assert!(usual.check().is_ok());
        let limits = usual.limits();
        assert_eq!(
            (limits.cpu, limits.lag_ms, limits.wait_ms),
            (Some(0.85), Some(30.0), Some(150.0))
        );
        let none = LimitsConfig {
            cpu_percent_max: 0,
            loop_lag_ms_max: 0,
            inference_wait_ms_max: 0,
        };
        assert!(none.check().is_ok());
        assert_eq!(none.limits(), Limits::default());
    }
}
