//! The signed, expiring ticket that ends every media URL.
//!
//! A carrier opens its media socket with nothing but a path, so the last segment of that path says which call it is,
//! and a signature says that we wrote it. Shape: `t1.<claims>.<mac>`, both parts base64url without padding; the MAC is
//! HMAC-SHA256 over the exact bytes `t1.<claims>`. The claims are signed, not hidden: the carrier knows both numbers
//! already, but a path with a token does not belong in a log.

use crate::phone::PhoneNumber;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 1024;
/// Longest agent name and call id that fit a token, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

const PREFIX: &str = "t1.";
const KEY_BYTES_MIN: usize = 32;

/// Which side placed the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Someone called us.
    #[serde(rename = "in")]
    Inbound,
    /// We called someone.
    #[serde(rename = "out")]
    Outbound,
}

/// What a media URL is good for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Our id of the call: `call_` and a ULID.
    #[serde(rename = "c")]
    pub call_id: String,
    /// Whose call it is: `cli_` and a ULID; absent for the one client of a server that has but one.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The agent who answers: by its name in the configuration, or `agent_` and a ULID.
    #[serde(rename = "a")]
    pub agent: String,
    /// The agent's version, where it was settled before the socket came; 0 for an agent from a file.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The caller; none if withheld or not a telephone number.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PhoneNumber>,
    /// The number called; none if it is not a telephone number.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PhoneNumber>,
    /// Which side placed the call.
    #[serde(rename = "d")]
    pub direction: Direction,
    /// When the token stops working: seconds since 1970, UTC. At that second it no longer works.
    #[serde(rename = "e")]
    pub expires_unix_s: u64,
    /// True for a token that may open more than one socket (a shared demo link); false for one call, once.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub reusable: bool,
    /// The carrier account (`carr_` and a ULID) whose carrier was given this token: its signature must be on the request
    /// that shows it. Absent for tokens that were given to somebody else.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("call_id", &self.call_id)
            .field("client", &self.client)
            .field("agent", &self.agent)
            .field("version", &self.version)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("direction", &self.direction)
            .field("expires_unix_s", &self.expires_unix_s)
            .field("reusable", &self.reusable)
            .field("carrier", &self.carrier)
            .finish()
    }
}

/// A signing key: at least 32 bytes of randomness. `Debug` prints `[redacted]`.
#[derive(Clone)]
pub struct Key(Vec<u8>);

/// A signing key shorter than 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing key has at least {KEY_BYTES_MIN} bytes, this one has {bytes}")]
pub struct KeyTooShort {
    /// How many bytes there were.
    pub bytes: usize,
}

impl Key {
    /// A key from raw bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyTooShort> {
        if bytes.len() < KEY_BYTES_MIN {
            return Err(KeyTooShort { bytes: bytes.len() });
        }
        Ok(Self(bytes.to_vec()))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn mac(&self, signed: &str) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(signed.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a token was refused. Nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours at all, too long, or a signed one whose claims cannot be read.
    #[error("not a media token")]
    Malformed,
    /// Signed by none of the keys.
    #[error("the media token's signature is not ours")]
    BadSignature,
    /// Ours, but too late.
    #[error("the media token expired at {expires_unix_s}, it is {now_unix_s}")]
    Expired {
        /// When it expired, in seconds since 1970.
        expires_unix_s: u64,
        /// When it was shown, in seconds since 1970.
        now_unix_s: u64,
    },
}

/// The token for `claims`: at most [`TOKEN_BYTES_MAX`] bytes of `A-Z a-z 0-9 - _ .` as long as the call id and the
/// agent's name keep to [`NAME_BYTES_MAX`]. A longer name makes a token that [`verify`] refuses.
#[expect(
    clippy::expect_used,
    reason = "strings, numbers and flags always have a JSON form"
)]
pub fn sign(claims: &Claims, key: &Key) -> String {
    let json =
        serde_json::to_vec(claims).expect("strings, numbers and flags always have a JSON form");
    let mut token = String::with_capacity(PREFIX.len() + json.len() * 4 / 3 + 48);
    token.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(&json, &mut token);
    let mac = key.mac(&token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(mac, &mut token);
    token
}

/// Reads a token signed with `key`. `now_unix_s`: seconds since 1970.
pub fn verify(token: &str, key: &Key, now_unix_s: u64) -> Result<Claims, TokenError> {
    verify_any(token, std::slice::from_ref(key), now_unix_s)
}

/// Reads a token signed with any of `keys`: the current one first, then those it replaced and whose tokens may still
/// be on their way.
pub fn verify_any(token: &str, keys: &[Key], now_unix_s: u64) -> Result<Claims, TokenError> {
    if token.len() > TOKEN_BYTES_MAX || !token.starts_with(PREFIX) {
        return Err(TokenError::Malformed);
    }
    let (signed, mac_text) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let payload = signed.strip_prefix(PREFIX).ok_or(TokenError::Malformed)?;
    let mac = URL_SAFE_NO_PAD
        .decode(mac_text)
        .map_err(|_| TokenError::Malformed)?;
    let ours = keys.iter().fold(subtle::Choice::from(0), |found, key| {
        found | key.mac(signed).ct_eq(&mac[..])
    });
    if !bool::from(ours) {
        return Err(TokenError::BadSignature);
    }
    let json = URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| TokenError::Malformed)?;
    let claims: Claims = serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)?;
    if claims.call_id.is_empty()
        || claims.call_id.len() > NAME_BYTES_MAX
        || claims.agent.len() > NAME_BYTES_MAX
        || claims
            .client
            .as_ref()
            .is_some_and(|id| id.len() > NAME_BYTES_MAX)
        || claims
            .carrier
            .as_ref()
            .is_some_and(|id| id.len() > NAME_BYTES_MAX)
    {
        return Err(TokenError::Malformed);
    }
    if now_unix_s >= claims.expires_unix_s {
        return Err(TokenError::Expired {
            expires_unix_s: claims.expires_unix_s,
            now_unix_s,
        });
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(fill: u8) -> Key {
        Key::from_bytes(&[fill; 32]).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            call_id: "call_01JD0000000000000000000000".into(),
            client: None,
            agent: "front-desk".into(),
            version: None,
            from: PhoneNumber::parse("+15005550006").ok(),
            to: PhoneNumber::parse("+15005550009").ok(),
            direction: Direction::Inbound,
            expires_unix_s: 1_800_000_000,
            reusable: false,
            carrier: None,
        }
    }

    #[test]
    fn a_token_reads_back_until_it_expires() {
        let token = sign(&claims(), &key(1));
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
            "{token}"
        );
        assert_eq!(verify(&token, &key(1), 1_799_999_999), Ok(claims()));
        for now_unix_s in [1_800_000_000, u64::MAX] {
            let expired = TokenError::Expired {
                expires_unix_s: 1_800_000_000,
                now_unix_s,
            };
            assert_eq!(verify(&token, &key(1), now_unix_s), Err(expired));
        }
    }

    #[test]
    fn the_form_is_pinned() {
        // Computed with an independent HMAC-SHA256: a change of form must be a new prefix.
        let token = sign(&claims(), &key(1));
        let (signed, mac) = token.rsplit_once('.').unwrap();
        let payload = URL_SAFE_NO_PAD.decode(&signed["t1.".len()..]).unwrap();
        assert_eq!(
            String::from_utf8(payload).unwrap(),
            r#"{"c":"call_01JD0000000000000000000000","a":"front-desk","f":"+15005550006","t":"+15005550009","d":"in","e":1800000000}"#
        );
        assert_eq!(mac, "y0HkuAw62Hjy9CNu7GwstD1rNFe7VJ1uCFsTQa-U6FY");
    }

    #[test]
    fn keys_rotate() {
        let token = sign(&claims(), &key(1));
        assert_eq!(verify_any(&token, &[key(2), key(1)], 0), Ok(claims()));
        assert_eq!(
            verify_any(&token, &[key(2), key(3)], 0),
            Err(TokenError::BadSignature)
        );
        assert_eq!(verify_any(&token, &[], 0), Err(TokenError::BadSignature));
    }

    #[test]
    fn no_single_character_can_change() {
        let token = sign(&claims(), &key(1));
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verify(&changed, &key(1), 0).is_err(), "character {at}");
            assert!(verify(&token[..at], &key(1), 0).is_err(), "cut at {at}");
        }
        assert!(verify(&format!("{token}="), &key(1), 0).is_err());
        assert!(verify(&format!("{token}A"), &key(1), 0).is_err());
    }

    #[test]
    fn strangers_are_refused() {
        for text in [
            "",
            ".",
            "t1",
            "t1.",
            "t1..",
            "t1.e30",
            "t1.e30.",
            "t2.e30.AAAA",
            "../../etc/passwd",
            "t1.é.é",
        ] {
            assert!(
                matches!(
                    verify(text, &key(1), 0),
                    Err(TokenError::Malformed | TokenError::BadSignature)
                ),
                "{text}"
            );
        }
        assert_eq!(
            verify(&"t1.".repeat(1000), &key(1), 0),
            Err(TokenError::Malformed)
        );
        assert_eq!(
            Key::from_bytes(b"short").unwrap_err(),
            KeyTooShort { bytes: 5 }
        );
    }

    #[test]
    fn the_longest_names_fit() {
        let long = Claims {
            call_id: "c".repeat(NAME_BYTES_MAX),
            client: Some("k".repeat(NAME_BYTES_MAX)),
            agent: "a".repeat(NAME_BYTES_MAX),
            version: Some(u32::MAX),
            from: PhoneNumber::parse("+123456789012345").ok(),
            to: PhoneNumber::parse("+123456789012345").ok(),
            direction: Direction::Outbound,
            expires_unix_s: u64::MAX,
            reusable: true,
            carrier: Some("s".repeat(NAME_BYTES_MAX)),
        };
        let token = sign(&long, &key(1));
        assert!(token.len() <= TOKEN_BYTES_MAX, "{}", token.len());
        assert_eq!(verify(&token, &key(1), 0), Ok(long.clone()));
        let longer = Claims {
            agent: "a".repeat(NAME_BYTES_MAX + 1),
            ..long
        };
        assert_eq!(
            verify(&sign(&longer, &key(1)), &key(1), 0),
            Err(TokenError::Malformed)
        );
    }

    #[test]
    fn debug_shows_no_number_and_no_key() {
        let shown = format!("{:?} {:?}", claims(), key(7));
        assert!(
            !shown.contains("5005550006") && !shown.contains("5005550009"),
            "{shown}"
        );
        assert!(
            shown.contains("[redacted]") && !shown.contains("7, 7"),
            "{shown}"
        );
    }

    proptest! {
        #![proptest_config(crate::seeded::cases(256))]

        #[test]
        fn any_text_is_refused_quietly(text in ".{0,200}", tail in "[A-Za-z0-9._-]{0,200}") {
            prop_assert!(verify(&text, &key(1), 0).is_err());
            let dressed = format!("t1.{tail}");
            prop_assert!(verify(&dressed, &key(1), 0).is_err());
        }
    }
}
