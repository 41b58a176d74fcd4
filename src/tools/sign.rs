//! The signature of what is posted to a client's server, as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): HMAC-SHA256 over id, time
//! and body, so that a receiver checks it with any of that specification's libraries.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What a key's text begins with.
const PREFIX: &str = "whsec_";
/// The sizes of keys that the specification allows, in bytes.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Of a key that is made here.
const BYTES_MADE: usize = 32;

/// A key for signatures.
pub struct SigningKey(hmac::Key);

/// A text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be whsec_ and 24 to 64 random bytes in base64")]
pub struct WrongKey;

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

impl SigningKey {
    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// [`WrongKey`].
    pub fn parse(text: &str) -> Result<Self, WrongKey> {
        let bytes = text.strip_prefix(PREFIX).ok_or(WrongKey)?;
        let bytes = Zeroizing::new(STANDARD.decode(bytes).map_err(|_| WrongKey)?);
        if !BYTES.contains(&bytes.len()) {
            return Err(WrongKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A new one, as text.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn make() -> Result<String, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; BYTES_MADE]);
        getrandom::fill(&mut *bytes)?;
        Ok(format!("{PREFIX}{}", STANDARD.encode(*bytes)))
    }

    /// The header `webhook-signature` of a message.
    pub fn sign(&self, id: &str, unix_s: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{unix_s}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own documentation.
    #[test]
    fn a_signature_is_the_standards() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn keys_are_read_and_made() {
        assert!(SigningKey::parse(&SigningKey::make().unwrap()).is_ok());
        for wrong in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_!",
        ] {
            assert_eq!(SigningKey::parse(wrong).err(), Some(WrongKey), "{wrong}");
        }
        assert_ne!(SigningKey::make().unwrap(), SigningKey::make().unwrap());
        let shown = format!("{:?}", SigningKey::parse(&SigningKey::make().unwrap()));
        assert_eq!(shown, "Ok(SigningKey([redacted]))");
    }
}
