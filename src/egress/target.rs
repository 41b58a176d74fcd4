//! An address as text, looked at by the rule of whose it is.

use std::net::IpAddr;

use reqwest::Url;

use super::EgressError;
use super::address::{is_own_network, is_public};

/// Longest address, in bytes.
const URL_BYTES_MAX: usize = 4_096;
/// The lowest port that anybody may listen at. Below it a client reaches port 443 alone, so that nobody's mail or
/// login server is knocked at from here.
const FREE_PORT_MIN: u16 = 1_024;

/// Whose address it is, and so where it may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The operator's: anywhere, unencrypted only within networks of one's own.
    Operator,
    /// The operator's, who has said that what is unencrypted may leave their network.
    OperatorInPlain,
    /// A client's: the public internet, encrypted, port 443 or one from 1024 on.
    Client,
}

/// Where a connection may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Anywhere,
    OwnNetwork,
    Public,
}

impl Reach {
    pub(super) fn allows(self, ip: IpAddr) -> bool {
        match self {
            Reach::Anywhere => true,
            Reach::OwnNetwork => is_own_network(ip),
            Reach::Public => is_public(ip),
        }
    }
}

/// An address that may be used, as far as it can be told without looking its name up.
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) reach: Reach,
    pub(super) host: String,
    pub(super) port: u16,
    /// The host, if it is no name.
    pub(super) ip: Option<IpAddr>,
}

impl Target {
    /// `schemes`: the encrypted one, and the other.
    pub(super) fn of(
        whose: Whose,
        url: &str,
        [secure, plain]: [&'static str; 2],
    ) -> Result<Self, EgressError> {
        let refused = |what| Err(EgressError::Refused(what));
        if url.len() > URL_BYTES_MAX {
            return refused("it is longer than 4096 bytes");
        }
        let Ok(url) = Url::parse(url) else {
            return refused("it is no URL");
        };
        let reach = match (whose, url.scheme()) {
            (Whose::Client, scheme) if scheme == secure => Reach::Public,
            (Whose::Client, _) => return refused("it must begin with https:// or wss://"),
            (Whose::Operator, scheme) if scheme == plain => Reach::OwnNetwork,
            (Whose::Operator | Whose::OperatorInPlain, scheme)
                if scheme == secure || scheme == plain =>
            {
                Reach::Anywhere
            }
            (Whose::Operator | Whose::OperatorInPlain, _) => {
                return refused("it must begin with https://, http://, wss:// or ws://, as fits");
            }
        };
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return refused("it must have no user, password or fragment");
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return refused("it has no host");
        };
        if whose == Whose::Client && port != 443 && port < FREE_PORT_MIN {
            return refused("its port must be 443, or 1024 or above");
        }
        let host = host.trim_matches(['[', ']']).to_owned();
        // The parser has brought every way to write an IPv4 address into the usual one.
        let ip = host.parse::<IpAddr>().ok();
        if ip.is_some_and(|ip| !reach.allows(ip)) {
            return Err(not_there(reach));
        }
        Ok(Self {
            url,
            reach,
            host,
            port,
            ip,
        })
    }
}

/// The host lies where this owner's addresses may not lead.
pub(super) fn not_there(reach: Reach) -> EgressError {
    EgressError::Refused(match reach {
        Reach::Public => "its host is not on the public internet",
        Reach::OwnNetwork | Reach::Anywhere => {
            "it is unencrypted and its host is not in a private network; use https:// or wss://, or allow plain connections"
        }
    })
}
