//! Who sent a request: `X-Twilio-Signature` on webhooks and on the upgrade of the media socket.
//!
//! The text that is signed is the whole public address followed by the form's pairs, sorted; a body that is JSON has its
//! hash in the address instead. The key is the account's auth token (HMAC-SHA1), or, where a second header says so, a
//! shared key (HMAC-SHA256).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use subtle::{Choice, ConstantTimeEq as _};

use super::form::Form;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";
/// The header that says with which kind of key it was made; absent for the auth token.
pub const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";

/// Where a JSON body's hash stands in the query.
const BODY_HASH: &str = "bodySHA256";
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// A request as it arrived, with the address that the carrier was given.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The public address, as the carrier knows it: `https://` or `wss://`, host, path, raw query.
    pub url: &'a str,
    /// The value of [`SIGNATURE_HEADER`].
    pub signature: Option<&'a str>,
    /// The value of [`SETTINGS_HEADER`].
    pub settings: Option<&'a str>,
    /// The value of `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The body, byte for byte; empty for a GET.
    pub body: &'a [u8],
}

/// Why a request is not believed. Nothing of it is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// There is no signature.
    #[error("the request is not signed")]
    Unsigned,
    /// It is signed in a way that is not known here.
    #[error("the request is signed by an unknown algorithm")]
    Algorithm,
    /// The body is not the one that was signed, is too large, or its kind is one that nobody signs.
    #[error("the body is not the signed one")]
    Body,
    /// Nobody who knows a secret of ours has signed this.
    #[error("the signature is not by any secret of the account")]
    Wrong,
}

impl Forged {
    /// A stable name, for counting.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Algorithm => "algorithm",
            Self::Body => "body",
            Self::Wrong => "signature",
        }
    }
}

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// With the account's auth token.
    Sha1,
    /// With a shared key.
    Sha256,
}

impl Algorithm {
    /// What [`SETTINGS_HEADER`] says, as `key=webhooks_sharedkey_01,algorithm=HMAC_SHA256`.
    fn of(settings: Option<&str>) -> Option<Self> {
        let named = settings.unwrap_or_default().split(',').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == "algorithm").then(|| value.trim())
        });
        match named {
            None | Some("HMAC_SHA1") => Some(Self::Sha1),
            Some("HMAC_SHA256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }
}

/// The signature of an address and of a form's pairs, in any order, as base64.
#[must_use]
pub fn sign(secret: &str, algorithm: Algorithm, url: &str, form: &Form) -> String {
    mac(secret, algorithm, &signed_text(url, form))
}

/// Whether anybody who knows one of `secrets` signed this: the current one, and those it replaced. It takes the same time
/// whichever of them it was, and wherever a wrong signature differs.
pub fn verify(request: &Signed<'_>, secrets: &[&str]) -> Result<(), Forged> {
    let signature = request.signature.ok_or(Forged::Unsigned)?;
    let algorithm = Algorithm::of(request.settings).ok_or(Forged::Algorithm)?;
    let form = signed_form(request)?;
    let url = request.url.split('#').next().unwrap_or_default();
    let texts = with_and_without_port(url).map(|url| signed_text(&url, &form));
    let mut found = Choice::from(0);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        for text in &texts {
            let ours = mac(secret, algorithm, text);
            found |= ours.as_bytes().ct_eq(signature.as_bytes());
        }
    }
    if bool::from(found) {
        Ok(())
    } else {
        Err(Forged::Wrong)
    }
}

/// The pairs that are part of what is signed.
fn signed_form(request: &Signed<'_>) -> Result<Form, Forged> {
    if request.body.is_empty() {
        return Ok(Form::default());
    }
    let kind = request.content_type.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(FORM_TYPE) {
        return Form::parse(request.body).map_err(|_| Forged::Body);
    }
    let (_, query) = request.url.split_once('?').ok_or(Forged::Body)?;
    let query = Form::parse(query.as_bytes()).map_err(|_| Forged::Body)?;
    let told = query.first(BODY_HASH).ok_or(Forged::Body)?;
    let mut ours = String::with_capacity(64);
    for byte in Sha256::digest(request.body) {
        // Writing into a String cannot fail.
        let _ = write!(ours, "{byte:02x}");
    }
    if bool::from(ours.as_bytes().ct_eq(told.as_bytes())) {
        Ok(Form::default())
    } else {
        Err(Forged::Body)
    }
}

/// Each distinct pair once, by name and then by value.
fn signed_text(url: &str, form: &Form) -> String {
    let pairs: BTreeSet<(&str, &str)> = form
        .pairs()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut text = url.to_owned();
    for (name, value) in pairs {
        text.push_str(name);
        text.push_str(value);
    }
    text
}

/// The address without a port, and with one: carriers sign either.
fn with_and_without_port(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else {
        return [url.to_owned(), url.to_owned()];
    };
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (format!("{user}@"), host),
        None => (String::new(), authority),
    };
    // The colons of an IPv6 address stand in brackets.
    let after_brackets = host.rfind(']').map_or(0, |at| at + 1);
    let (name, port) = match host[after_brackets..].find(':') {
        Some(at) => host.split_at(after_brackets + at),
        None if scheme == "https" => (host, ":443"),
        None => (host, ":80"),
    };
    [
        format!("{scheme}://{user}{name}{tail}"),
        format!("{scheme}://{user}{name}{port}{tail}"),
    ]
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(secret: &str, algorithm: Algorithm, text: &str) -> String {
    const ANY_LENGTH: &str = "HMAC takes a key of any length";
    match algorithm {
        Algorithm::Sha1 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect(ANY_LENGTH);
            mac.update(text.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        }
        Algorithm::Sha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect(ANY_LENGTH);
            mac.update(text.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn vectors() -> Vec<Value> {
        let text = include_str!("../../../../../fixtures/twilio/signatures.json");
        let all: Value = serde_json::from_str(text).unwrap();
        all["vectors"].as_array().unwrap().clone()
    }

    fn verdict(vector: &Value, secrets: &[&str]) -> Result<(), Forged> {
        let text = |name: &str| vector[name].as_str().unwrap();
        let header = |wanted: &str| {
            let headers = vector["headers"].as_object().unwrap();
            let mut found = headers
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.next().and_then(|(_, value)| value.as_str())
        };
        let request = Signed {
            url: text("url"),
            signature: header(SIGNATURE_HEADER),
            settings: header(SETTINGS_HEADER),
            content_type: header("content-type"),
            body: text("body").as_bytes(),
        };
        verify(&request, secrets)
    }

    #[test]
    fn every_vector_gets_its_verdict() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 18);
        for vector in vectors {
            let found = verdict(&vector, &[vector["secret"].as_str().unwrap()]);
            assert_eq!(
                found.is_ok(),
                vector["expect"].as_bool().unwrap(),
                "{} {found:?}",
                vector["id"]
            );
        }
    }

    #[test]
    fn any_secret_in_rotation_is_good_and_no_other() {
        for vector in vectors() {
            let secret = vector["secret"].as_str().unwrap();
            let expected = vector["expect"].as_bool().unwrap();
            for (secrets, holds) in [
                (vec!["another", secret], expected),
                (vec![secret, "another"], expected),
                (vec!["another", ""], false),
                (vec![], false),
            ] {
                assert_eq!(
                    verdict(&vector, &secrets).is_ok(),
                    holds,
                    "{} {secrets:?}",
                    vector["id"]
                );
            }
        }
    }

    #[test]
    fn refusals_say_why() {
        let good = Signed {
            url: "https://voice.example.com/a",
            signature: Some("AAAA"),
            settings: None,
            content_type: Some(FORM_TYPE),
            body: b"a=1",
        };
        for (request, why) in [
            (
                Signed {
                    signature: None,
                    ..good
                },
                Forged::Unsigned,
            ),
            (
                Signed {
                    settings: Some("key=1, algorithm=none"),
                    ..good
                },
                Forged::Algorithm,
            ),
            (
                Signed {
                    content_type: None,
                    ..good
                },
                Forged::Body,
            ),
            (
                Signed {
                    content_type: Some("application/json"),
                    url: "https://v/?bodySHA256=00",
                    ..good
                },
                Forged::Body,
            ),
            (
                Signed {
                    body: &[b'a'; 70_000],
                    ..good
                },
                Forged::Body,
            ),
            (good, Forged::Wrong),
        ] {
            assert_eq!(verify(&request, &["secret"]), Err(why));
        }
    }

    #[test]
    fn ports_come_and_go() {
        for (url, without, with) in [
            ("https://h/p?q", "https://h/p?q", "https://h:443/p?q"),
            ("https://h:8443/p", "https://h/p", "https://h:8443/p"),
            ("wss://h/p", "wss://h/p", "wss://h:80/p"),
            ("https://u:p@h:1/p", "https://u:p@h/p", "https://u:p@h:1/p"),
            ("https://[::1]/p", "https://[::1]/p", "https://[::1]:443/p"),
            ("https://[::1]:9/p", "https://[::1]/p", "https://[::1]:9/p"),
            (
                "https://h?q=a:b@c",
                "https://h?q=a:b@c",
                "https://h:443?q=a:b@c",
            ),
            ("nonsense", "nonsense", "nonsense"),
        ] {
            assert_eq!(with_and_without_port(url), [without, with], "{url}");
        }
    }

    #[test]
    fn what_is_signed_here_is_believed_here() {
        let form = Form::parse(b"b=2&a=1&a=0").unwrap();
        for (algorithm, settings) in [
            (Algorithm::Sha1, None),
            (Algorithm::Sha256, Some("algorithm=HMAC_SHA256")),
        ] {
            let signature = sign("secret", algorithm, "https://h/p", &form);
            let request = Signed {
                url: "https://h:443/p#rc=3",
                signature: Some(&signature),
                settings,
                content_type: Some("Application/X-WWW-Form-Urlencoded ; charset=UTF-8"),
                body: b"a=0&a=1&a=1&b=2",
            };
            assert_eq!(verify(&request, &["secret"]), Ok(()));
        }
    }
}
