//! Every outgoing connection, by the rule of whose address it is.
//!
//! An operator's addresses may lie anywhere, and unencrypted ones in networks of their own. A client's lead to the public
//! internet and are encrypted: names are resolved here, what is not public is struck out, and the connection goes to
//! exactly the address that was looked at, so that a name cannot point elsewhere a moment later. Redirects are never
//! followed, and no error holds more of an address than what is wrong with it: paths and queries may hold keys.

mod address;
mod net;
mod socket;
mod target;

#[cfg(test)]
pub(crate) mod rig;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use address::{is_own_network, is_public};
pub use net::{Io, Net, System};
pub use socket::Socket;
pub use target::Whose;

use net::Resolver;
use target::{Reach, Target};

/// How long an HTTP connection may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// A connection was not made, or the other side refused it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The address is none that may be used: trying again changes nothing.
    #[error("the address is refused: {0}")]
    Refused(&'static str),
    /// Nobody is there.
    #[error("the address is not reached: {0}")]
    Unreachable(&'static str),
    /// It took too long.
    #[error("no connection within {after_ms} ms")]
    Late {
        /// The deadline.
        after_ms: u64,
    },
    /// The other side answered with this status instead of opening a socket.
    #[error("the other side answered with status {status}")]
    Status {
        /// HTTP status; redirects are answers like any other.
        status: u16,
        /// Those of its headers that say why, and how long to wait; lower-case names.
        reasons: Vec<(&'static str, String)>,
    },
    /// What it answered is no opening of a socket.
    #[error("the other side did not answer as a WebSocket server")]
    Protocol,
    /// This machine cannot encrypt connections.
    #[error(
        "no encrypted connection can be made from here; check the system's root certificates: {0}"
    )]
    Tls(String),
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    net: Arc<dyn Net>,
    /// One set of roots and one memory of TLS sessions for every socket.
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    trusts_clients: bool,
    /// To anywhere, to networks of one's own, and to the public internet.
    clients: [OnceLock<reqwest::Client>; 3],
}

impl Default for Egress {
    fn default() -> Self {
        Self::over(Arc::new(System))
    }
}

impl Egress {
    /// A way out over the machine's own network. Nothing is opened or read before it is first used.
    pub fn new() -> Self {
        Self::default()
    }

    /// A way out over another network: names, and sockets to addresses.
    pub fn over(net: Arc<dyn Net>) -> Self {
        Self(Arc::new(Inner {
            net,
            tls: OnceLock::new(),
            trusts_clients: false,
            clients: Default::default(),
        }))
    }

    /// The same, where a client's addresses may lead anywhere, as the operator's may: for a server whose only client is
    /// its operator.
    #[must_use]
    pub fn trusting_clients(self) -> Self {
        Self(Arc::new(Inner {
            net: Arc::clone(&self.0.net),
            tls: OnceLock::new(),
            trusts_clients: true,
            clients: Default::default(),
        }))
    }

    /// Whether a client's addresses may lead anywhere.
    pub fn trusts_clients(&self) -> bool {
        self.0.trusts_clients
    }

    fn rule(&self, whose: Whose) -> Whose {
        match whose {
            Whose::Client if self.0.trusts_clients => Whose::OperatorInPlain,
            Whose::Client | Whose::Operator | Whose::OperatorInPlain => whose,
        }
    }

    /// A client for addresses that begin with `base_url`: no redirects, no cookies, a bounded time to connect. It must
    /// not be used for any other host, since an address without a name is looked at here alone.
    ///
    /// # Errors
    /// [`EgressError::Refused`] when the address may not be used by its owner, [`EgressError::Tls`].
    pub fn http(&self, whose: Whose, base_url: &str) -> Result<reqwest::Client, EgressError> {
        let target = Target::of(self.rule(whose), base_url, ["https", "http"])?;
        let slot = match target.reach {
            Reach::Anywhere => 0,
            Reach::OwnNetwork => 1,
            Reach::Public => 2,
        };
        if let Some(client) = self.0.clients[slot].get() {
            return Ok(client.clone());
        }
        let built = self.build(target.reach).map_err(|error| {
            // Its cause is in this machine, not in an address.
            EgressError::Tls(error.without_url().to_string())
        })?;
        Ok(self.0.clients[slot].get_or_init(|| built).clone())
    }

    fn build(&self, reach: Reach) -> Result<reqwest::Client, reqwest::Error> {
        let resolver = Resolver::new(Arc::clone(&self.0.net), reach);
        let builder = builder().dns_resolver(Arc::new(resolver));
        match reach {
            Reach::Anywhere => builder,
            // A proxy would look names up by itself.
            Reach::OwnNetwork => builder.no_proxy(),
            Reach::Public => builder.no_proxy().https_only(true),
        }
        .build()
    }
}

/// A client for the operator's own providers: no redirects, no cookies, a bounded time to connect.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    builder().build()
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_PATIENCE)
        .pool_idle_timeout(Duration::from_secs(60))
        .tcp_nodelay(true)
        .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
}
