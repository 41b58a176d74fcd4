//! Addresses that a client names: only such as lie on the public internet. Where they lead is looked at again when a
//! connection is made, since a name can point anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use super::problem::Problem;

const URL_CHARS_MAX: usize = 500;

/// Refuses what is no public `https` address.
pub(super) fn public_url(pointer: &str, text: &str) -> Result<(), Problem> {
    let wrong = |detail: &'static str| Err(Problem::invalid(pointer, "invalid_url", detail));
    if text.len() > URL_CHARS_MAX {
        return wrong("at most 500 characters");
    }
    let Ok(url) = Url::parse(text) else {
        return wrong("expected an address, as https://llm.example.com/v1");
    };
    if url.scheme() != "https" {
        return wrong("the address must begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return wrong("the address must have no user, password or fragment");
    }
    let Some(host) = url.host_str() else {
        return wrong("the address has no host");
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let private = match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => !is_public_v4(ip),
        Ok(IpAddr::V6(ip)) => !is_public_v6(ip),
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            !host.contains('.')
                || ["localhost", "local", "internal", "home.arpa", "lan"]
                    .iter()
                    .any(|zone| host == *zone || host.ends_with(&format!(".{zone}")))
        }
    };
    if private {
        return wrong("the address must be one of the public internet");
    }
    Ok(())
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarks = a == 198 && (b == 18 || b == 19);
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_documentation()
        || shared
        || benchmarks
        || a == 0
        || a >= 240)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    // Only 2000::/3 is given out; of that 2002::/16 and 64:ff9b::/96 carry IPv4 addresses, which are named as such.
    let first = ip.segments()[0];
    (0x2000..0x4000).contains(&first)
        && first != 0x2002
        && !(first == 0x2001 && ip.segments()[1] == 0xdb8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_outside() {
        for (url, fine) in [
            ("https://llm.example.com/v1", true),
            ("https://8.8.8.8/v1", true),
            ("https://[2606:4700::1111]/v1", true),
            ("http://llm.example.com/v1", false),
            ("https://user:word@llm.example.com/v1", false),
            ("https://127.0.0.1/v1", false),
            ("https://127.1/v1", false),
            ("https://2130706433/v1", false),
            ("https://0x7f.1/v1", false),
            ("https://10.0.0.1/", false),
            ("https://169.254.169.254/latest", false),
            ("https://100.64.0.1/", false),
            ("https://[::1]/", false),
            ("https://[::ffff:10.0.0.1]/", false),
            ("https://[fd00::1]/", false),
            ("https://[fe80::1]/", false),
            ("https://localhost/", false),
            ("https://db.internal/", false),
            ("https://intranet/", false),
            ("file:///etc/passwd", false),
            ("https://", false),
            ("", false),
        ] {
            assert_eq!(public_url("/u", url).is_ok(), fine, "{url}");
        }
    }
}
