//! Which addresses are of the public internet, and which of a network of one's own.
//! After IANA's registries of special-purpose addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 that is no host of the public internet: first address, bits of the prefix.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // A cloud's service for its own machines, at a public address.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// IPv6 within 2000::/3, the part that is given out, that is no host of its own: 2002::/16 and Teredo carry IPv4
/// addresses, the rest is for documents and protocols.
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

const GIVEN_OUT_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks of one's own: loopback, private, link-local, shared with a provider.
const OWN_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

const OWN_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

/// Whether this is a host of the public internet. An IPv6 address that carries an IPv4 one is none, whatever it carries.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !SPECIAL_V4.iter().any(|net| in_v4(ip, *net)),
        IpAddr::V6(ip) => in_v6(ip, GIVEN_OUT_V6) && !SPECIAL_V6.iter().any(|net| in_v6(ip, *net)),
    }
}

/// Whether this is a host of one's own network, the machine itself included.
pub fn is_own_network(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => OWN_V4.iter().any(|net| in_v4(ip, *net)),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(v4) => is_own_network(IpAddr::V4(v4)),
            None => OWN_V6.iter().any(|net| in_v6(ip, *net)),
        },
    }
}

fn in_v4(ip: Ipv4Addr, (first, bits): (Ipv4Addr, u32)) -> bool {
    (ip.to_bits() ^ first.to_bits()) >> (32 - bits) == 0
}

fn in_v6(ip: Ipv6Addr, (first, bits): (Ipv6Addr, u32)) -> bool {
    (ip.to_bits() ^ first.to_bits()) >> (128 - bits) == 0
}
