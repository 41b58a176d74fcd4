//! The resources that Twilio's REST interface answers with.

use serde_json::Value;

use super::super::date;
use super::super::webhook::Status;
use super::{LIST_CALLS_MAX, LIST_NUMBERS_MAX, is_sid};

/// An answer that should hold a resource and does not: no JSON, or without what it is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not {0}")]
pub struct Unreadable(pub &'static str);

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResource {
    /// `CA…`.
    pub sid: String,
    /// How it stands.
    pub status: Status,
    /// When it was made, seconds since 1970.
    pub created_unix_s: Option<i64>,
    /// When it was answered or dialled, seconds since 1970.
    pub started_unix_s: Option<i64>,
    /// When it ended, seconds since 1970.
    pub ended_unix_s: Option<i64>,
    /// How long it lasted, seconds.
    pub duration_s: Option<u64>,
    /// How long it waited for its turn, ms.
    pub queued_ms: Option<u64>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountResource {
    /// `AC…`.
    pub sid: String,
    /// `active`, `suspended` or `closed`; what else it may be is kept as it is, shortened.
    pub status: String,
    /// `Trial` or `Full`.
    pub is_trial: bool,
}

/// A number of an account's. Addresses are the account's own settings.
#[derive(Clone, PartialEq, Eq)]
pub struct NumberResource {
    /// `PN…`.
    pub sid: String,
    /// In E.164 form.
    pub number: String,
    /// Where Twilio asks what to do with a call.
    pub voice_url: Option<String>,
    /// How it asks, `POST` or `GET`.
    pub voice_method: Option<String>,
    /// An application that answers in place of `voice_url`.
    pub voice_application_sid: Option<String>,
    /// A SIP trunk that answers in place of everything else.
    pub trunk_sid: Option<String>,
    /// Where Twilio tells how a call goes.
    pub status_url: Option<String>,
    /// How it tells, `POST` or `GET`.
    pub status_method: Option<String>,
}

impl std::fmt::Debug for NumberResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NumberResource")
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}

/// Longest text of an answer's that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 2_048;

fn text(value: &Value, name: &str) -> Option<String> {
    match &value[name] {
        Value::String(text) if !text.is_empty() && text.len() <= TEXT_BYTES_MAX => {
            Some(text.clone())
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => None,
    }
}

/// A whole number, were it written as a text.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn sid(value: &Value, what: &'static str) -> Result<String, Unreadable> {
    text(value, "sid")
        .filter(|sid| is_sid(sid))
        .ok_or(Unreadable(what))
}

fn parse(body: &[u8], what: &'static str) -> Result<Value, Unreadable> {
    serde_json::from_slice(body).map_err(|_| Unreadable(what))
}

fn call(value: &Value) -> Result<CallResource, Unreadable> {
    const WHAT: &str = "a call";
    let at = |name| text(value, name).and_then(|text| date::unix_s(&text));
    Ok(CallResource {
        sid: sid(value, WHAT)?,
        status: text(value, "status")
            .and_then(|word| Status::parse(&word))
            .ok_or(Unreadable(WHAT))?,
        created_unix_s: at("date_created"),
        started_unix_s: at("start_time"),
        ended_unix_s: at("end_time"),
        duration_s: whole(&value["duration"]),
        queued_ms: whole(&value["queue_time"]),
    })
}

/// Reads a call.
pub fn read_call(body: &[u8]) -> Result<CallResource, Unreadable> {
    call(&parse(body, "a call")?)
}

/// Reads a list of calls. One that cannot be read makes the list unreadable: a call that is left out would look as if it
/// did not exist.
pub fn read_calls(body: &[u8]) -> Result<Vec<CallResource>, Unreadable> {
    const WHAT: &str = "a list of calls";
    let list = parse(body, WHAT)?;
    let calls = list["calls"].as_array().ok_or(Unreadable(WHAT))?;
    calls
        .iter()
        .take(LIST_CALLS_MAX as usize)
        .map(call)
        .collect()
}

/// Reads an account.
pub fn read_account(body: &[u8]) -> Result<AccountResource, Unreadable> {
    const WHAT: &str = "an account";
    let value = parse(body, WHAT)?;
    Ok(AccountResource {
        sid: sid(&value, WHAT)?,
        status: crate::wire::shortened(&text(&value, "status").unwrap_or_default(), 20),
        is_trial: text(&value, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("trial")),
    })
}

/// Reads a list of numbers; entries without a number are left out.
pub fn read_numbers(body: &[u8]) -> Result<Vec<NumberResource>, Unreadable> {
    const WHAT: &str = "a list of numbers";
    let list = parse(body, WHAT)?;
    let numbers = list["incoming_phone_numbers"]
        .as_array()
        .ok_or(Unreadable(WHAT))?;
    let numbers = numbers
        .iter()
        .take(LIST_NUMBERS_MAX as usize)
        .filter_map(|value| {
            Some(NumberResource {
                sid: sid(value, WHAT).ok()?,
                number: text(value, "phone_number")?,
                voice_url: text(value, "voice_url"),
                voice_method: text(value, "voice_method"),
                voice_application_sid: text(value, "voice_application_sid"),
                trunk_sid: text(value, "trunk_sid"),
                status_url: text(value, "status_callback"),
                status_method: text(value, "status_callback_method"),
            })
        });
    Ok(numbers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: &[u8] =
        include_bytes!("../../../../../../fixtures/twilio/rest_call_created.json");
    const COMPLETED: &[u8] =
        include_bytes!("../../../../../../fixtures/twilio/rest_call_completed.json");
    const LIST: &[u8] = include_bytes!("../../../../../../fixtures/twilio/rest_calls.json");
    const NUMBERS: &[u8] = include_bytes!("../../../../../../fixtures/twilio/rest_numbers.json");
    const ACCOUNT: &[u8] = include_bytes!("../../../../../../fixtures/twilio/rest_account.json");

    #[test]
    fn calls_are_read_with_their_nulls() {
        let call = read_call(CREATED).unwrap();
        assert_eq!(call.status, Status::Queued);
        assert_eq!(
            (call.created_unix_s, call.started_unix_s, call.duration_s),
            (None, None, None)
        );
        let call = read_call(COMPLETED).unwrap();
        assert_eq!(call.status, Status::Completed);
        assert_eq!(call.created_unix_s, Some(1_767_225_600));
        assert_eq!(call.ended_unix_s, Some(1_767_225_642));
        assert_eq!((call.duration_s, call.queued_ms), (Some(42), Some(0)));
        let calls = read_calls(LIST).unwrap();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].status, Status::Ringing);
    }

    #[test]
    fn fields_may_be_of_any_kind_but_for_two() {
        let read = |text: &str| read_call(text.as_bytes());
        let odd = r#"{"sid":"CA1","status":"in-progress","duration":7,"queue_time":"x","start_time":3,"date_created":{},"new":[]}"#;
        let call = read(odd).unwrap();
        assert_eq!(
            (call.status, call.duration_s, call.queued_ms),
            (Status::InProgress, Some(7), None)
        );
        for text in [
            "",
            "null",
            "[]",
            "<html><body>502 Bad Gateway</body></html>",
            r#"{"status":"queued"}"#,
            r#"{"sid":"CA1"}"#,
            r#"{"sid":"CA1","status":"levitating"}"#,
            r#"{"sid":"../x","status":"queued"}"#,
            r#"{"sid":1,"status":"queued"}"#,
        ] {
            assert_eq!(read(text), Err(Unreadable("a call")), "{text}");
        }
        assert!(read_calls(b"{}").is_err());
        assert!(read_calls(br#"{"calls":[{"sid":"CA1"}]}"#).is_err());
        assert_eq!(read_calls(br#"{"calls":[]}"#), Ok(vec![]));
    }

    #[test]
    fn accounts_and_numbers_are_read() {
        let account = read_account(ACCOUNT).unwrap();
        assert_eq!(
            (account.status.as_str(), account.is_trial),
            ("active", false)
        );
        assert!(read_account(b"<html>").is_err());
        let numbers = read_numbers(NUMBERS).unwrap();
        assert_eq!(numbers.len(), 2);
        assert_eq!(numbers[0].voice_method.as_deref(), Some("POST"));
        assert_eq!(numbers[1].voice_url, None);
        assert!(!format!("{numbers:?}").contains("+1"), "a number is shown");
    }
}
