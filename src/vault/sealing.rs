//! What keys do: AES-256-GCM, HMAC-SHA-256, HKDF-SHA-256.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use trunkline_core::journal::TAG_BYTES;
use zeroize::Zeroizing;

/// Bytes of every key here.
pub(crate) const KEY_BYTES: usize = 32;
/// First byte of everything sealed.
const FORM: u8 = 1;
const HEAD_BYTES: usize = 1 + NONCE_LEN;

/// What was sealed does not open: it was changed, was sealed for another place, or under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is stored here was changed, or sealed under another key")]
pub struct Unopened;

/// A key's bytes, wiped when it goes.
#[derive(Clone)]
pub(crate) struct Secret(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl Secret {
    pub(crate) fn random() -> Self {
        let mut secret = Self::zero();
        fill_random(&mut secret.0[..]);
        secret
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self::zero();
        if bytes.len() != KEY_BYTES {
            return None;
        }
        secret.0.copy_from_slice(bytes);
        Some(secret)
    }

    fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; KEY_BYTES])))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0[..]
    }

    /// Another key, for one purpose; `salt` is a second secret that it depends on, or nothing.
    #[expect(
        clippy::expect_used,
        reason = "HKDF refuses only outputs longer than 255 hashes; this is one"
    )]
    pub(crate) fn derive(&self, salt: &[u8], purpose: &str) -> Self {
        let mut derived = Self::zero();
        Salt::new(HKDF_SHA256, salt)
            .extract(self.bytes())
            .expand(&[purpose.as_bytes()], OneKey)
            .and_then(|okm| okm.fill(&mut derived.0[..]))
            .expect("one key is short enough for HKDF");
        derived
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

struct OneKey;

impl KeyType for OneKey {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// Seals and opens under one key.
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    #[expect(clippy::expect_used, reason = "a secret has the length of a key")]
    pub(crate) fn new(secret: &Secret) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret.bytes());
        Self(LessSafeKey::new(key.expect("32 bytes are an AES-256 key")))
    }

    /// Form, random nonce, ciphertext, tag. What is sealed for one place (`purpose`, `aad`) opens in no other.
    pub(crate) fn seal(&self, purpose: &str, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        fill_random(&mut nonce);
        let mut content = Vec::with_capacity(HEAD_BYTES + plain.len() + AES_256_GCM.tag_len());
        content.extend_from_slice(plain);
        let tag = self.seal_with(nonce, &place(purpose, aad), &mut content);
        content.extend_from_slice(&tag);
        content.splice(..0, [FORM].into_iter().chain(nonce));
        content
    }

    pub(crate) fn open(
        &self,
        purpose: &str,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        let (head, rest) = sealed.split_at_checked(HEAD_BYTES).ok_or(Unopened)?;
        let nonce = match head.split_first() {
            Some((&FORM, nonce)) => nonce.try_into().map_err(|_| Unopened)?,
            Some(_) | None => return Err(Unopened),
        };
        let mut content = rest.to_vec();
        self.open_with(nonce, &place(purpose, aad), &mut content)?;
        Ok(content)
    }

    /// The same for a secret, whose bytes are wiped on every path.
    pub(crate) fn open_secret(
        &self,
        purpose: &str,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Secret, Unopened> {
        let plain = Zeroizing::new(self.open(purpose, aad, sealed)?);
        Secret::from_slice(&plain).ok_or(Unopened)
    }

    /// In place; gives the tag, to be put behind it. A nonce must never be used twice under one key.
    #[expect(
        clippy::expect_used,
        reason = "AES-GCM refuses only contents of more than 64 GiB"
    )]
    pub(crate) fn seal_with(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        content: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), content)
            .expect("what is sealed here fits in memory");
        let mut bytes = [0; TAG_BYTES];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    pub(crate) fn open_with(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &mut Vec<u8>,
    ) -> Result<(), Unopened> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(aad), sealed);
        let len = opened.map_err(|_| Unopened)?.len();
        sealed.truncate(len);
        Ok(())
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Makes keyed hashes by which a value can be looked up without being known.
#[derive(Clone)]
pub(crate) struct Indexer(hmac::Key);

impl Indexer {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.bytes()))
    }

    /// The whole HMAC: a collision must never decide over someone's rights.
    pub(crate) fn of(&self, kind: &str, value: &str) -> [u8; KEY_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&place(kind, value.as_bytes()));
        let mut index = [0; KEY_BYTES];
        index.copy_from_slice(context.sign().as_ref());
        index
    }
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Two texts as one, so that no other two give the same.
fn place(purpose: &str, rest: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(8 + purpose.len() + rest.len());
    joined.extend_from_slice(&(purpose.len() as u64).to_le_bytes());
    joined.extend_from_slice(purpose.as_bytes());
    joined.extend_from_slice(rest);
    joined
}

#[expect(
    clippy::expect_used,
    reason = "without randomness nothing may be sealed; the system has it once it has booted"
)]
pub(crate) fn fill_random(bytes: &mut [u8]) {
    SystemRandom::new()
        .fill(bytes)
        .expect("the system gives random numbers");
}

/// Crockford's base 32, as ULIDs have it; 32 bytes give 52 characters.
pub(crate) fn base32(bytes: &[u8; KEY_BYTES]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut text = String::with_capacity(52);
    let (mut bits, mut have) = (0_u32, 0);
    for byte in bytes.iter().copied().chain([0]) {
        bits = (bits << 8) | u32::from(byte);
        have += 8;
        while have >= 5 && text.len() < 52 {
            have -= 5;
            text.push(char::from(DIGITS[(bits >> have) as usize & 31]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let (one, other) = (
            Cipher::new(&Secret::random()),
            Cipher::new(&Secret::random()),
        );
        let sealed = one.seal("name", b"cli_1", b"Ada");
        assert_eq!(sealed.len(), 1 + 12 + 3 + 16);
        assert_eq!(one.open("name", b"cli_1", &sealed).unwrap(), b"Ada");
        assert_ne!(
            one.seal("name", b"cli_1", b"Ada"),
            sealed,
            "never the same twice"
        );
        assert_eq!(one.open("name", b"cli_2", &sealed), Err(Unopened));
        assert_eq!(one.open("nam", b"ecli_1", &sealed), Err(Unopened));
        assert_eq!(other.open("name", b"cli_1", &sealed), Err(Unopened));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(
                one.open("name", b"cli_1", &bent),
                Err(Unopened),
                "byte {at}"
            );
            assert_eq!(one.open("name", b"cli_1", &sealed[..at]), Err(Unopened));
        }
    }

    #[test]
    fn purposes_and_salts_give_keys_of_their_own() {
        let secret = Secret::random();
        let keys = [
            secret.derive(b"", "a"),
            secret.derive(b"", "b"),
            secret.derive(b"x", "a"),
            secret.clone(),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(
                keys[at + 1..]
                    .iter()
                    .all(|other| other.bytes() != key.bytes())
            );
        }
        assert_eq!(secret.derive(b"x", "a").bytes(), keys[2].bytes());
        assert_eq!(
            format!("{secret:?} {:?}", Cipher::new(&secret)),
            "[redacted] [redacted]"
        );
    }

    #[test]
    fn hkdf_and_hmac_are_the_standard_ones() {
        // RFC 5869, test case 3 (no salt, no info), first 32 bytes of the output.
        let okm = Salt::new(HKDF_SHA256, b"").extract(&[0x0b; 22]);
        let mut out = [0; 32];
        okm.expand(&[b""], OneKey).unwrap().fill(&mut out).unwrap();
        assert_eq!(out[..4], [0x8d, 0xa4, 0xe7, 0x75]);
        let index = Indexer::new(&Secret::from_slice(&[7; 32]).unwrap());
        assert_ne!(index.of("phone", "1"), index.of("phon", "e1"));
        assert_eq!(index.of("phone", "1"), index.of("phone", "1"));
    }

    #[test]
    fn base32_keeps_every_bit() {
        assert_eq!(base32(&[0; 32]), "0".repeat(52));
        assert_eq!(base32(&[255; 32]), format!("{}G", "Z".repeat(51)));
        for bit in 0..256 {
            let mut bytes = [0; 32];
            bytes[bit / 8] = 0x80 >> (bit % 8);
            let text = base32(&bytes);
            assert_eq!(text.len(), 52);
            assert_eq!(
                text.bytes().position(|c| c != b'0'),
                Some(bit / 5),
                "bit {bit}"
            );
        }
    }
}
