//! Fake providers that a command starts for its own calls.

use crate::calls::CallOptions;
use crate::providers::{Delays, Providers};
use anyhow::Result;
use clap::Args;

/// Whether to start them, and how quick they are.
#[derive(Args, Debug, Clone)]
pub(crate) struct OwnProviders {
    /// Start the fake providers on this port, in this process
    #[arg(long, value_name = "PORT", conflicts_with = "providers")]
    providers_port: Option<u16>,
    #[command(flatten)]
    delays: Delays,
}

impl OwnProviders {
    /// Starts them if they were given a port, and has the calls ask them for figures.
    ///
    /// # Errors
    /// The port is taken, or there is no thread to be had.
    pub(crate) fn start(&self, options: &mut CallOptions) -> Result<()> {
        if let Some(port) = self.providers_port {
            let providers = Providers::start(port, self.delays.clone())?;
            options.providers = Some(format!("http://{}", providers.address));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        own: OwnProviders,
        #[command(flatten)]
        options: CallOptions,
    }

    #[test]
    fn calls_ask_those_that_were_started_or_those_that_were_named() {
        let parsed = |arguments: &[&str]| {
            Command::try_parse_from(["calls"].iter().chain(arguments)).map(|mut command| {
                command.own.start(&mut command.options).unwrap();
                command.options.providers
            })
        };
        assert_eq!(parsed(&[]).unwrap(), None);
        let named = ["--providers", "http://127.0.0.1:9"];
        assert_eq!(parsed(&named).unwrap().as_deref(), Some(named[1]));
        let started = parsed(&["--providers-port", "0"]).unwrap().unwrap();
        let port: u16 = started
            .strip_prefix("http://127.0.0.1:")
            .and_then(|port| port.parse().ok())
            .unwrap();
        assert_ne!(port, 0);
        let both = ["--providers-port", "0", named[0], named[1]];
        let refused = parsed(&both).unwrap_err();
        assert_eq!(refused.kind(), clap::error::ErrorKind::ArgumentConflict);
    }
}
