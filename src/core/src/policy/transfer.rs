//! Whether a caller may be put through to a number of the client's own staff.
//!
//! Whoever works for the business is no consumer of it: hours and holidays of consumers do not hold. Everything else does:
//! what is never called, where the client may call, and who asked not to be called.

use super::{Code, Destination, Reason, refused};
use crate::phone::PhoneNumber;

/// What is known when a caller is about to be put through.
#[derive(Clone, Copy, Debug)]
pub struct TransferRequest<'a> {
    /// When, milliseconds since 1970-01-01 UTC.
    pub at_unix_ms: i64,
    /// The number, as the agent's document has it.
    pub to: &'a str,
    /// What the client allows to be called; empty allows nothing.
    pub destinations: &'a [Destination],
    /// The number asked this client, or everybody, not to be called.
    pub suppressed: bool,
    /// The client, or the agent, was stopped.
    pub suspended: bool,
}

/// Proof that a caller may be put through to a number at a moment. Only [`may_transfer`] makes one; it cannot be copied.
#[derive(Debug)]
pub struct TransferAllowed {
    number: PhoneNumber,
    at_unix_ms: i64,
}

impl TransferAllowed {
    /// The number.
    pub fn number(&self) -> &PhoneNumber {
        &self.number
    }

    /// The moment that was asked about, milliseconds since 1970-01-01 UTC.
    pub fn at_unix_ms(&self) -> i64 {
        self.at_unix_ms
    }
}

/// Why a text is no number that anybody is ever put through to, whoever asks; empty for an ordinary number.
pub fn never_called(to: &str) -> Vec<Reason> {
    let refused = refused::refused(to).into_iter();
    let mut reasons: Vec<Reason> = refused
        .map(|(code, rule)| Reason::plain(code, Some(rule)))
        .collect();
    if reasons.is_empty() && PhoneNumber::parse(to).is_err() {
        reasons.push(Reason::plain(Code::InvalidNumber, None));
    }
    reasons
}

/// Decides, and lists every reason that it finds; never none.
pub fn may_transfer(request: &TransferRequest<'_>) -> Result<TransferAllowed, Vec<Reason>> {
    let mut reasons = never_called(request.to);
    if request.suspended {
        reasons.insert(0, Reason::plain(Code::Suspended, None));
    }
    if request.suppressed {
        reasons.push(Reason::plain(Code::Suppressed, None));
    }
    let Ok(number) = PhoneNumber::parse(request.to) else {
        return Err(reasons);
    };
    if !request.destinations.iter().any(|d| d.holds(&number)) {
        reasons.push(Reason::plain(Code::DestinationNotAllowed, None));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    Ok(TransferAllowed {
        number,
        at_unix_ms: request.at_unix_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(to: &str, destinations: &[&str], suppressed: bool) -> Vec<&'static str> {
        let destinations: Vec<Destination> = destinations
            .iter()
            .map(|text| Destination::parse(text).unwrap())
            .collect();
        let request = TransferRequest {
            at_unix_ms: 7,
            to,
            destinations: &destinations,
            suppressed,
            suspended: false,
        };
        match may_transfer(&request) {
            Ok(allowed) => {
                assert_eq!((allowed.number().as_str(), allowed.at_unix_ms()), (to, 7));
                Vec::new()
            }
            Err(reasons) => reasons.iter().map(|reason| reason.code.name()).collect(),
        }
    }

    #[test]
    fn staff_may_be_called_at_any_hour_where_the_client_may_call() {
        let cases: &[(&str, &[&str], bool, &[&str])] = &[
            ("+12125550137", &["+1"], false, &[]),
            ("+4930123456", &["+1", "+49"], false, &[]),
            ("+12125550137", &[], false, &["destination_not_allowed"]),
            ("+4930123456", &["+1"], false, &["destination_not_allowed"]),
            ("+12125550137", &["+1"], true, &["suppressed"]),
            ("+19005550100", &["+1"], false, &["premium_number"]),
            (
                "+1911",
                &["+1"],
                false,
                &["emergency_number", "service_number"],
            ),
            (
                "911",
                &["+1"],
                false,
                &["emergency_number", "service_number"],
            ),
            ("the desk", &["+1"], false, &["invalid_number"]),
            ("", &["+1"], false, &["invalid_number"]),
        ];
        for (to, destinations, suppressed, expected) in cases {
            assert_eq!(codes(to, destinations, *suppressed), *expected, "{to}");
        }
    }
}
