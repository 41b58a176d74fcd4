//! Keys to the API: `tl_` and 43 characters of randomness. Only their SHA-256 is kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "tl_";
const BYTES: usize = 32;
/// Length of a key, in characters.
const CHARS: usize = PREFIX.len() + 43;

/// A key in clear: shown once, to whoever made it. `Debug` prints `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one of 256 random bits.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The key itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// What a request shows, if it has the form of a key.
    pub fn parse(text: &str) -> Option<Self> {
        let formed = text.len() == CHARS
            && text.strip_prefix(PREFIX).is_some_and(|rest| {
                rest.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
        formed.then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_is_not_shown() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_eq!(Secret::parse(one.reveal()), Some(one.clone()));
        assert_ne!(one.hash(), other.hash());
        assert_eq!(format!("{one:?}"), "[redacted]");
        for wrong in ["", "tl_", &"tl_".repeat(100), &format!("{} ", one.reveal())] {
            assert_eq!(Secret::parse(wrong), None);
        }
    }
}
