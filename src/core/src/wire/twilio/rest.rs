//! Twilio's REST interface: paths and forms out, JSON in.
//!
//! Numbers come as texts, or as null, or as numbers; fields go missing and new ones come. What cannot be told is `None`;
//! only what makes an answer useless is an error. Nothing of an answer's own words is kept: they repeat telephone numbers.

mod answer;
mod refusal;

pub use answer::{
    AccountResource, CallResource, NumberResource, Unreadable, read_account, read_call, read_calls,
    read_numbers,
};
pub use refusal::{Refusal, Verdict, names_no_number, read_refusal};

use super::form::{encode, push_encoded};

/// Most calls that one list holds.
pub const LIST_CALLS_MAX: u32 = 50;
/// Most numbers that one list holds.
pub const LIST_NUMBERS_MAX: u32 = 100;
/// Longest id of anything of Twilio's, in bytes. Its own have 34.
const SID_BYTES_MAX: usize = 64;

/// The parameters of answering-machine detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machines<'a> {
    /// Wait for the end of a machine's greeting.
    pub waits_for_end: bool,
    /// How long it may take, seconds: 3 to 59.
    pub timeout_s: u64,
    /// Connect at once, and tell this address later.
    pub verdict_url: Option<&'a str>,
}

/// A call to be placed.
#[derive(Clone, Copy)]
pub struct CreateCall<'a> {
    /// The number that calls, E.164.
    pub from: &'a str,
    /// The number to be called, E.164.
    pub to: &'a str,
    /// Where Twilio asks what to do once it is answered.
    pub answer_url: &'a str,
    /// Where Twilio tells how the call goes.
    pub status_url: &'a str,
    /// How long it may ring, seconds: at most 600.
    pub ring_s: u64,
    /// How long it may last, seconds.
    pub length_s_max: u64,
    /// Answering-machine detection.
    pub machines: Option<Machines<'a>>,
}

/// What is to become of a call.
#[derive(Clone, Copy)]
pub enum Change<'a> {
    /// It ends, ringing or answered.
    Complete,
    /// It ends unless it was answered.
    Cancel,
    /// It goes on with these instructions.
    Twiml(&'a str),
}

/// Whether a text can be an id of Twilio's, or of a carrier that speaks like it: it becomes part of a path.
#[must_use]
pub fn is_sid(text: &str) -> bool {
    (1..=SID_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn account(account_sid: &str) -> String {
    let mut path = String::from("/2010-04-01/Accounts/");
    push_encoded(&mut path, account_sid);
    path
}

/// Where the account itself is read.
#[must_use]
pub fn account_path(account_sid: &str) -> String {
    format!("{}.json", account(account_sid))
}

/// Where calls are placed.
#[must_use]
pub fn calls_path(account_sid: &str) -> String {
    format!("{}/Calls.json", account(account_sid))
}

/// Where a call is read and changed; its id is percent-encoded.
#[must_use]
pub fn call_path(account_sid: &str, call_sid: &str) -> String {
    let mut path = account(account_sid);
    path.push_str("/Calls/");
    push_encoded(&mut path, call_sid);
    path.push_str(".json");
    path
}

/// Where the calls between two numbers are listed, the newest first, at most [`LIST_CALLS_MAX`].
///
/// Not by their start: one that is queued has none yet.
#[must_use]
pub fn list_calls_path(account_sid: &str, from: &str, to: &str) -> String {
    let size = LIST_CALLS_MAX.to_string();
    let query = encode([("To", to), ("From", from), ("PageSize", &size)]);
    format!("{}?{query}", calls_path(account_sid))
}

/// Where the account's numbers are listed, or one of them looked for; at most [`LIST_NUMBERS_MAX`].
#[must_use]
pub fn numbers_path(account_sid: &str, number: Option<&str>) -> String {
    let size = LIST_NUMBERS_MAX.to_string();
    let number = number.map(|number| ("PhoneNumber", number));
    let query = encode(number.into_iter().chain([("PageSize", size.as_str())]));
    format!("{}/IncomingPhoneNumbers.json?{query}", account(account_sid))
}

impl CreateCall<'_> {
    /// The body of the request.
    #[must_use]
    pub fn form(&self) -> String {
        let ring_s = self.ring_s.clamp(1, 600).to_string();
        let length_s = self.length_s_max.max(1).to_string();
        let mut pairs = vec![
            ("To", self.to),
            ("From", self.from),
            ("Url", self.answer_url),
            ("Method", "POST"),
            ("StatusCallback", self.status_url),
            ("StatusCallbackMethod", "POST"),
            ("Timeout", &ring_s),
            ("TimeLimit", &length_s),
        ];
        for event in ["initiated", "ringing", "answered", "completed"] {
            pairs.push(("StatusCallbackEvent", event));
        }
        let timeout_s = self
            .machines
            .map_or(30, |m| m.timeout_s.clamp(3, 59))
            .to_string();
        if let Some(machines) = self.machines {
            let how = if machines.waits_for_end {
                "DetectMessageEnd"
            } else {
                "Enable"
            };
            pairs.push(("MachineDetection", how));
            pairs.push(("MachineDetectionTimeout", &timeout_s));
            if let Some(url) = machines.verdict_url {
                pairs.push(("AsyncAmd", "true"));
                pairs.push(("AsyncAmdStatusCallback", url));
                pairs.push(("AsyncAmdStatusCallbackMethod", "POST"));
            }
        }
        encode(pairs)
    }
}

impl Change<'_> {
    /// The body of the request.
    #[must_use]
    pub fn form(&self) -> String {
        encode([match self {
            Self::Complete => ("Status", "completed"),
            Self::Cancel => ("Status", "canceled"),
            Self::Twiml(twiml) => ("Twiml", *twiml),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Form;
    use super::*;

    const ACCOUNT: &str = "AC00000000000000000000000000000001";
    const CALL: CreateCall<'static> = CreateCall {
        from: "+15005550006",
        to: "+14155550100",
        answer_url: "https://voice.example.com/a?b=c&d",
        status_url: "https://voice.example.com/s",
        ring_s: 30,
        length_s_max: 1_800,
        machines: None,
    };

    fn pairs(form: &str) -> Vec<(String, String)> {
        Form::parse(form.as_bytes()).unwrap().pairs().to_vec()
    }

    #[test]
    fn a_call_is_placed_with_every_event_told() {
        let form = CALL.form();
        let expected = [
            ("To", "+14155550100"),
            ("From", "+15005550006"),
            ("Url", "https://voice.example.com/a?b=c&d"),
            ("Method", "POST"),
            ("StatusCallback", "https://voice.example.com/s"),
            ("StatusCallbackMethod", "POST"),
            ("Timeout", "30"),
            ("TimeLimit", "1800"),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "ringing"),
            ("StatusCallbackEvent", "answered"),
            ("StatusCallbackEvent", "completed"),
        ];
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(pairs(&form), expected);
        assert!(form.starts_with("To=%2B14155550100&"), "{form}");
    }

    #[test]
    fn machines_are_asked_for_within_twilios_bounds() {
        let form = |waits_for_end, timeout_s, verdict_url| {
            let machines = Some(Machines {
                waits_for_end,
                timeout_s,
                verdict_url,
            });
            let form = CreateCall { machines, ..CALL }.form();
            let form = Form::parse(form.as_bytes()).unwrap();
            let names = [
                "MachineDetection",
                "MachineDetectionTimeout",
                "AsyncAmd",
                "AsyncAmdStatusCallback",
            ];
            names.map(|name| form.first(name).unwrap_or("-").to_owned())
        };
        assert_eq!(form(false, 1, None), ["Enable", "3", "-", "-"]);
        let told = form(true, 90, Some("https://v/amd"));
        assert_eq!(told, ["DetectMessageEnd", "59", "true", "https://v/amd"]);
    }

    #[test]
    fn paths_hold_no_more_than_they_should() {
        assert_eq!(
            call_path(ACCOUNT, "../../x"),
            format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/..%2F..%2Fx.json")
        );
        assert_eq!(
            list_calls_path(ACCOUNT, "+15005550006", "+14155550100"),
            format!(
                "/2010-04-01/Accounts/{ACCOUNT}/Calls.json?To=%2B14155550100&From=%2B15005550006&PageSize=50"
            )
        );
        assert_eq!(
            account_path(ACCOUNT),
            format!("/2010-04-01/Accounts/{ACCOUNT}.json")
        );
        assert!(numbers_path(ACCOUNT, None).ends_with("/IncomingPhoneNumbers.json?PageSize=100"));
        assert!(
            numbers_path(ACCOUNT, Some("+1500")).ends_with("?PhoneNumber=%2B1500&PageSize=100")
        );
        for (text, expected) in [
            (ACCOUNT, true),
            ("", false),
            ("a/b", false),
            ("é", false),
            ("a b", false),
        ] {
            assert_eq!(is_sid(text), expected, "{text}");
        }
        assert!(!is_sid(&"a".repeat(SID_BYTES_MAX + 1)));
    }

    #[test]
    fn changes_are_forms() {
        assert_eq!(Change::Complete.form(), "Status=completed");
        assert_eq!(Change::Cancel.form(), "Status=canceled");
        assert_eq!(Change::Twiml("<R/>").form(), "Twiml=%3CR%2F%3E");
    }
}
