//! Whether an account with a carrier is set up so that calls come in and go out, and how to mend what is not.

use trunkline_core::phone::PhoneNumber;
use trunkline_core::wire::twilio::rest::NumberResource;

use super::CarrierError;
use super::twilio::Twilio;
use crate::webhooks::Addresses;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub what: String,
    /// What to do about it; `None` if it is fine.
    pub remedy: Option<String>,
}

impl Finding {
    fn fine(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: None,
        }
    }

    fn wrong(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// A number of the client's, as the server knows it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which.
    pub number: PhoneNumber,
    /// Whether somebody answers it.
    pub has_agent: bool,
}

/// Looks at how carriers reach the server.
#[must_use]
pub fn check_address(public_url: &str) -> Finding {
    let host = public_url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"].contains(&name);
    if public_url.starts_with("wss://") && !is_local {
        return Finding::fine(format!("carriers reach the server at {public_url}"));
    }
    Finding::wrong(
        format!(
            "carriers are told {public_url}, which they do not use: it must be encrypted and public"
        ),
        "set public_url to wss://NAME, where a proxy with a valid certificate passes everything on to the server",
    )
}

/// Asks the carrier for the account and for each number.
pub async fn check_account(
    twilio: &Twilio,
    addresses: &Addresses,
    numbers: &[Known],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match twilio.account().await {
        Ok(account) if account.status == "active" => {
            findings.push(Finding::fine(if account.is_trial {
                "the account opens; it is a trial and calls verified numbers only"
            } else {
                "the account opens"
            }));
        }
        Ok(account) => findings.push(Finding::wrong(
            format!("the account is {:?}", account.status),
            "it must be active: see the carrier's console",
        )),
        Err(error) => {
            findings.push(trouble("the account", &error));
            return findings;
        }
    }
    if numbers.is_empty() {
        findings.push(Finding::wrong(
            "none of the client's numbers comes from this account",
            "add one: POST /v1/numbers with number, agent_id and carrier_account_id",
        ));
    }
    for known in numbers {
        let number = known.number.as_str();
        if !known.has_agent {
            findings.push(Finding::wrong(
                format!("{number}: nobody answers it"),
                "give it an agent: PATCH /v1/numbers/… with agent_id",
            ));
        }
        match twilio.numbers(Some(&known.number)).await {
            Ok(found) => match found.iter().find(|own| own.number == number) {
                Some(own) => findings.extend(check_number(own, addresses)),
                None => findings.push(Finding::wrong(
                    format!("{number}: the account does not have it"),
                    "buy it there, or give it the carrier account that has it",
                )),
            },
            Err(error) => findings.push(trouble(number, &error)),
        }
    }
    findings
}

fn check_number(own: &NumberResource, addresses: &Addresses) -> Vec<Finding> {
    let number = &own.number;
    if own.trunk_sid.is_some() || own.voice_application_sid.is_some() {
        return vec![Finding::wrong(
            format!("{number}: a SIP trunk or an application answers it, and no webhook is asked"),
            "take the trunk or the application off the number",
        )];
    }
    let is_post = |method: &Option<String>| {
        let method = method.as_deref();
        method.is_none_or(|method| method.eq_ignore_ascii_case("post"))
    };
    let mut findings = Vec::new();
    for (what, told, method, ours) in [
        (
            "voice webhook",
            &own.voice_url,
            &own.voice_method,
            addresses.voice(None),
        ),
        (
            "status callback",
            &own.status_url,
            &own.status_method,
            addresses.status(None),
        ),
    ] {
        // What comes behind # is how the carrier is to try again.
        let told = told
            .as_deref()
            .map(|url| url.split('#').next().unwrap_or_default());
        let problem = match told {
            Some(told) if told == ours && is_post(method) => continue,
            Some(told) if told == ours => {
                format!("{number}: its {what} is asked by another method than POST")
            }
            Some(told) => format!("{number}: its {what} is {told}"),
            None => format!("{number}: it has no {what}"),
        };
        findings.push(Finding::wrong(
            problem,
            format!("set the {what} to {ours}, method POST"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(format!("{number}: its calls come here")));
    }
    findings
}

fn trouble(what: &str, error: &CarrierError) -> Finding {
    match error {
        CarrierError::Refused { code, what: why } => {
            Finding::wrong(format!("{what}: refused ({code})"), why.clone())
        }
        CarrierError::Gone => Finding::wrong(
            format!("{what}: the carrier does not know it"),
            "look at account_sid, and at region and edge: an account lives in one region",
        ),
        CarrierError::Busy { .. } | CarrierError::Unreachable | CarrierError::Unknown { .. } => {
            Finding::wrong(
                format!("{what}: the carrier does not answer"),
                "see that this machine reaches the carrier's address, and try again",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_must_be_public_and_encrypted() {
        for (url, is_fine) in [
            ("wss://voice.example.com", true),
            ("wss://voice.example.com:8443/x", true),
            ("ws://voice.example.com", false),
            ("ws://127.0.0.1:8080", false),
            ("wss://localhost:8080", false),
            ("wss://[::1]:8080", false),
        ] {
            assert_eq!(check_address(url).remedy.is_none(), is_fine, "{url}");
        }
    }

    #[test]
    fn what_is_set_at_the_carrier_is_compared() {
        let addresses = Addresses::new("wss://v.example.com", "carr_1");
        let good = NumberResource {
            sid: "PN1".into(),
            number: "+15005550006".into(),
            voice_url: Some(addresses.voice(None)),
            voice_method: Some("POST".into()),
            voice_application_sid: None,
            trunk_sid: None,
            status_url: Some(format!("{}#rc=3", addresses.status(None))),
            status_method: None,
        };
        let problems = |own: &NumberResource| -> Vec<String> {
            let found = check_number(own, &addresses);
            found
                .into_iter()
                .filter(|f| f.remedy.is_some())
                .map(|f| f.what)
                .collect()
        };
        assert!(problems(&good).is_empty());
        let method = NumberResource {
            voice_method: Some("GET".into()),
            ..good.clone()
        };
        let other = NumberResource {
            voice_url: Some("https://demo.twilio.com/".into()),
            status_url: None,
            ..good.clone()
        };
        let trunk = NumberResource {
            trunk_sid: Some("TK1".into()),
            ..good
        };
        for (own, parts) in [
            (method, vec!["another method"]),
            (other, vec!["demo.twilio.com", "no status callback"]),
            (trunk, vec!["SIP trunk"]),
        ] {
            let found = problems(&own);
            assert_eq!(found.len(), parts.len(), "{found:?}");
            for (found, part) in found.iter().zip(parts) {
                assert!(found.contains(part), "{found}");
            }
        }
    }
}
