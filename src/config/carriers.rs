//! What the operator says of carriers.

use serde::Deserialize;

use super::ConfigError;
use crate::egress::Whose;

/// The carriers' REST interfaces, and what clients may have asked of their own servers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CarriersConfig {
    /// Where Twilio's REST interface is, as `http://127.0.0.1:4001`; Twilio's own address if absent. For a carrier that
    /// speaks like Twilio, a gateway, or a test.
    pub twilio_base_url: Option<String>,
    /// Whether clients' inbound webhooks may be unencrypted and in networks of the operator's own; for a server whose
    /// clients are its operator.
    pub webhooks_in_own_network: bool,
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

    pub(super) fn check(&self) -> Result<(), ConfigError> {
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
