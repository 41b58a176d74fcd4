//! What a client's own webhook is told of a call that comes in, and what it may answer.
//!
//! The request is JSON, signed in one header: `t=<Unix seconds>,v1=<hex>`, the second part the HMAC-SHA256 of the first
//! part's digits, a dot and the body, keyed with the client's secret. The answer may choose the agent and its variables,
//! or that the call is not taken.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use subtle::{Choice as Bit, ConstantTimeEq as _};

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "trunkline-signature";
/// Longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024;
/// Most variables that an answer may give.
pub const VARIABLES_MAX: usize = 100;
/// Longest name of a variable, in bytes.
pub const VARIABLE_NAME_BYTES_MAX: usize = 64;
/// Longest value of a variable, in characters.
pub const VARIABLE_CHARS_MAX: usize = 500;
/// Longest id of an agent, in bytes.
const AGENT_BYTES_MAX: usize = 64;

/// A call that comes in. Numbers are E.164, absent if withheld.
#[derive(Clone, Copy, Serialize)]
pub struct Incoming<'a> {
    /// Our id of the call.
    pub call_id: &'a str,
    /// The carrier's id of it.
    pub carrier_call_id: &'a str,
    /// The caller.
    pub from: Option<&'a str>,
    /// The number called.
    pub to: Option<&'a str>,
    /// Who had the call before it was forwarded.
    pub forwarded_from: Option<&'a str>,
    /// Whether the network vouches for the caller's number; absent if it does not say.
    pub is_number_vouched_for: Option<bool>,
    /// The client's number, by its id.
    pub number_id: &'a str,
    /// Who answers if the webhook does not choose.
    pub agent_id: Option<&'a str>,
}

/// What is to become of the call.
#[derive(Clone, PartialEq, Eq)]
pub enum Choice {
    /// It is taken.
    Take {
        /// By this agent; by the number's own if absent.
        agent_id: Option<String>,
        /// Its variables.
        variables: BTreeMap<String, String>,
    },
    /// The caller hears that the line is busy.
    Busy,
    /// The caller hears that the number is not in service.
    Reject,
}

/// Values are what a client knows of a caller.
impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Take {
                agent_id,
                variables,
            } => f
                .debug_struct("Take")
                .field("agent_id", agent_id)
                .field("variables", &variables.len())
                .finish(),
            Self::Busy => f.write_str("Busy"),
            Self::Reject => f.write_str("Reject"),
        }
    }
}

/// An answer that says nothing usable. Nothing of it is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the inbound webhook's answer has {0}")]
pub struct Unusable(pub &'static str);

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    reject: Option<String>,
}

/// The body of the request.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "texts and flags always have a JSON form"
)]
pub fn request(call: &Incoming<'_>) -> String {
    #[derive(Serialize)]
    struct Event<'a> {
        event: &'static str,
        call: &'a Incoming<'a>,
    }
    let event = Event {
        event: "call.incoming",
        call,
    };
    serde_json::to_string(&event).expect("texts and flags always have a JSON form")
}

/// The value of [`SIGNATURE_HEADER`].
#[must_use]
pub fn sign(secret: &str, unix_s: u64, body: &[u8]) -> String {
    format!("t={unix_s},v1={}", mac(secret, &unix_s.to_string(), body))
}

/// Whether a header signs this body with the secret, no longer than `age_s_max` before or after `now_unix_s`.
#[must_use]
pub fn is_signed(header: &str, secret: &str, body: &[u8], now_unix_s: u64, age_s_max: u64) -> bool {
    let parts = || {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
    };
    let Some((_, at)) = parts().find(|(name, _)| *name == "t") else {
        return false;
    };
    let is_now = at
        .parse::<u64>()
        .is_ok_and(|at| at.abs_diff(now_unix_s) <= age_s_max);
    let ours = mac(secret, at, body);
    let theirs = parts().filter(|(name, _)| *name == "v1");
    let found = theirs.fold(Bit::from(0), |found, (_, mac)| {
        found | mac.as_bytes().ct_eq(ours.as_bytes())
    });
    is_now && bool::from(found)
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(secret: &str, at: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut hex = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Reads the answer's body; an empty one leaves everything to the number's own agent. Keys that are not known are passed
/// over.
pub fn read(body: &[u8]) -> Result<Choice, Unusable> {
    if body.trim_ascii().is_empty() {
        return Ok(Choice::Take {
            agent_id: None,
            variables: BTreeMap::new(),
        });
    }
    if body.len() > ANSWER_BYTES_MAX {
        return Err(Unusable("too many bytes"));
    }
    const FORM: Unusable = Unusable("another form than {\"agent_id\", \"variables\", \"reject\"}");
    // A list would pass for an object without names.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(FORM);
    }
    let told: Told = serde_json::from_slice(body).map_err(|_| FORM)?;
    match told.reject.as_deref() {
        None => {}
        Some("busy") => return Ok(Choice::Busy),
        Some("rejected") => return Ok(Choice::Reject),
        Some(_) => return Err(Unusable("a `reject` other than busy and rejected")),
    }
    if told
        .agent_id
        .as_ref()
        .is_some_and(|id| id.is_empty() || id.len() > AGENT_BYTES_MAX)
    {
        return Err(Unusable("an `agent_id` that is none"));
    }
    let fits = |(name, value): (&String, &String)| {
        name.len() <= VARIABLE_NAME_BYTES_MAX && value.chars().count() <= VARIABLE_CHARS_MAX
    };
    if told.variables.len() > VARIABLES_MAX || !told.variables.iter().all(fits) {
        return Err(Unusable("too many `variables`, or too long ones"));
    }
    Ok(Choice::Take {
        agent_id: told.agent_id,
        variables: told.variables,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "a secret of the client's";

    #[test]
    fn a_call_is_told_with_what_is_known_of_it() {
        let call = Incoming {
            call_id: "call_1",
            carrier_call_id: "CA1",
            from: None,
            to: Some("+15005550006"),
            forwarded_from: None,
            is_number_vouched_for: Some(true),
            number_id: "num_1",
            agent_id: None,
        };
        assert_eq!(
            request(&call),
            r#"{"event":"call.incoming","call":{"call_id":"call_1","carrier_call_id":"CA1","from":null,"to":"+15005550006","forwarded_from":null,"is_number_vouched_for":true,"number_id":"num_1","agent_id":null}}"#
        );
    }

    #[test]
    fn the_signature_is_pinned_and_has_a_time() {
        // Computed with an independent HMAC-SHA256.
        let header = sign(SECRET, 1_800_000_000, b"{}");
        assert_eq!(
            header,
            "t=1800000000,v1=b15abe3e575b766a3a681f8bad1842276ec590422aa61cc592317ec59a53d231"
        );
        let signed = |header: &str, body: &[u8], now| is_signed(header, SECRET, body, now, 300);
        for now in [1_799_999_700, 1_800_000_000, 1_800_000_300] {
            assert!(signed(&header, b"{}", now), "{now}");
        }
        for (header, body, now) in [
            (header.as_str(), b"{ }".as_slice(), 1_800_000_000),
            (&header, b"{}", 1_799_999_699),
            (&header, b"{}", 1_800_000_301),
            (
                &header.replace("t=1800000000", "t=1800000001"),
                b"{}",
                1_800_000_001,
            ),
            ("", b"{}", 1_800_000_000),
            ("t=1800000000", b"{}", 1_800_000_000),
            ("t=x,v1=y", b"{}", 1_800_000_000),
        ] {
            assert!(!signed(header, body, now), "{header}");
        }
        assert!(!is_signed(&header, "another", b"{}", 1_800_000_000, 300));
        let two = format!("t=1800000000,v1=00, {}", header.split_once(',').unwrap().1);
        assert!(signed(&two, b"{}", 1_800_000_000));
    }

    #[test]
    fn answers_choose() {
        let take = |agent_id: Option<&str>, variables: &[(&str, &str)]| Choice::Take {
            agent_id: agent_id.map(str::to_owned),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        for (body, expected) in [
            ("", take(None, &[])),
            (" \n", take(None, &[])),
            ("{}", take(None, &[])),
            (
                r#"{"agent_id":"agent_1","more":[1]}"#,
                take(Some("agent_1"), &[]),
            ),
            (
                r#"{"variables":{"name":"Ann"}}"#,
                take(None, &[("name", "Ann")]),
            ),
            (r#"{"reject":"busy","agent_id":"a"}"#, Choice::Busy),
            (r#"{"reject":"rejected"}"#, Choice::Reject),
        ] {
            assert_eq!(read(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn answers_have_bounds() {
        let long = format!(
            r#"{{"variables":{{"a":"{}"}}}}"#,
            "x".repeat(VARIABLE_CHARS_MAX + 1)
        );
        let many: Vec<String> = (0..=VARIABLES_MAX)
            .map(|n| format!(r#""v{n}":"""#))
            .collect();
        for body in [
            "<html>",
            "[]",
            r#"{"variables":{"a":1}}"#,
            r#"{"reject":"maybe"}"#,
            r#"{"agent_id":""}"#,
            &format!(r#"{{"agent_id":"{}"}}"#, "a".repeat(65)),
            &format!(r#"{{"variables":{{"{}":""}}}}"#, "n".repeat(65)),
            &format!(r#"{{"variables":{{{}}}}}"#, many.join(",")),
            &long,
            &" {}".repeat(ANSWER_BYTES_MAX),
        ] {
            assert!(
                read(body.as_bytes()).is_err(),
                "{}",
                &body[..body.len().min(60)]
            );
        }
        assert!(!format!("{:?}", read(br#"{"variables":{"name":"Ann"}}"#)).contains("Ann"));
    }

    proptest! {
        #![proptest_config(crate::seeded::cases(256))]

        #[test]
        fn any_answer_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body);
            let _ = is_signed(&String::from_utf8_lossy(&body), SECRET, &body, 0, 300);
        }
    }
}
