//! What Twilio's webhooks say: forms in, typed facts out.
//!
//! A webhook comes late, twice or out of order, and a caller may be `anonymous`, a placeholder or a SIP address. What is
//! no telephone number is `None`; a word that is not known here is `None` or `Other`, and never an error.

use super::ID_BYTES_MAX;
use super::date;
use super::form::Form;
use crate::phone::PhoneNumber;

/// Numbers that carriers write for a caller who withholds theirs: letters on a telephone's keys (ANONYMOUS, RESTRICTED,
/// UNAVAILABLE).
const PLACEHOLDERS: [&str; 3] = ["+266696687", "+7378742833", "+86282452253"];

/// A webhook that does not say which call it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook has no usable {0}")]
pub struct Incomplete(pub &'static str);

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted, and waiting for its turn.
    Queued,
    /// Being dialled.
    Initiated,
    /// Ringing.
    Ringing,
    /// Answered.
    InProgress,
    /// Over, after it was answered.
    Completed,
    /// The line was busy.
    Busy,
    /// It could not be connected.
    Failed,
    /// Nobody answered.
    NoAnswer,
    /// Taken back before it was answered.
    Canceled,
}

impl Status {
    /// Reads Twilio's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "queued" => Self::Queued,
            "initiated" => Self::Initiated,
            "ringing" => Self::Ringing,
            "in-progress" => Self::InProgress,
            "completed" => Self::Completed,
            "busy" => Self::Busy,
            "failed" => Self::Failed,
            "no-answer" => Self::NoAnswer,
            "canceled" => Self::Canceled,
            _ => return None,
        })
    }

    /// Twilio's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress => false,
            Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled => true,
        }
    }
}

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Somebody called a number of the account's.
    Inbound,
    /// The account called somebody.
    Outbound,
}

/// Who answered, as the carrier heard it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A person; also where the carrier could not tell.
    Human,
    /// A machine, whose greeting goes on.
    MachineStart,
    /// A machine, after its beep.
    MachineBeep,
    /// A machine, after its greeting.
    MachineEnd,
    /// A fax.
    Fax,
}

impl AnsweredBy {
    /// Reads Twilio's word. A word that is not known here is a person: nobody is hung up on for a new word.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "machine_start" => Self::MachineStart,
            "machine_end_beep" => Self::MachineBeep,
            "machine_end_silence" | "machine_end_other" => Self::MachineEnd,
            "fax" => Self::Fax,
            _ => Self::Human,
        }
    }
}

/// A call that asks what to do. `Debug` shows no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceRequest {
    /// The carrier's id of the call (`CA…`).
    pub call_id: String,
    /// The account (`AC…`).
    pub account: String,
    /// The caller; `None` if withheld or no telephone number.
    pub from: Option<PhoneNumber>,
    /// The number called; `None` if it is no telephone number.
    pub to: Option<PhoneNumber>,
    /// Who called whom.
    pub way: Way,
    /// Who had the call before it was forwarded.
    pub forwarded_from: Option<PhoneNumber>,
    /// Whether the network vouches for the caller's number.
    pub is_number_vouched_for: Option<bool>,
    /// Who answered, where detection came before the question.
    pub answered_by: Option<AnsweredBy>,
    /// Why another address failed before this one was asked.
    pub error: Option<u32>,
}

/// How a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCallback {
    /// The carrier's id of the call.
    pub call_id: String,
    /// The account.
    pub account: String,
    /// How it stands; `None` for a word that is not known here.
    pub status: Option<Status>,
    /// Its place among the call's callbacks, from 0.
    pub sequence: Option<u32>,
    /// When it happened, seconds since 1970.
    pub at_unix_s: Option<i64>,
    /// How long the call lasted, seconds.
    pub duration_s: Option<u64>,
    /// The network's own code for how it ended.
    pub sip_code: Option<u16>,
    /// Who answered.
    pub answered_by: Option<AnsweredBy>,
}

/// How it went that a call was sent to another number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialResult {
    /// The carrier's id of the call that was sent.
    pub call_id: String,
    /// The account.
    pub account: String,
    /// How the other call ended: completed if it was answered; `None` for a word that is not known here.
    pub status: Option<Status>,
}

/// Who answered, told after the call was connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmdCallback {
    /// The carrier's id of the call.
    pub call_id: String,
    /// The account.
    pub account: String,
    /// Who it was.
    pub answered_by: AnsweredBy,
    /// How long it took to tell, ms.
    pub duration_ms: Option<u64>,
}

/// What became of a media stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// It began.
    Started,
    /// It is over.
    Stopped,
    /// It could not go on.
    Failed,
    /// An event that is not known here.
    Other,
}

/// How a media stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// The carrier's id of the call.
    pub call_id: String,
    /// The account.
    pub account: String,
    /// What happened.
    pub event: StreamEvent,
    /// The carrier's code for what went wrong, as 31920.
    pub error: Option<u32>,
}

fn id(form: &Form, name: &'static str) -> Result<String, Incomplete> {
    let id = form.first(name).filter(|id| id.len() <= ID_BYTES_MAX);
    id.map(str::to_owned).ok_or(Incomplete(name))
}

fn number(form: &Form, name: &str) -> Option<PhoneNumber> {
    let text = form.first(name)?;
    (!PLACEHOLDERS.contains(&text))
        .then(|| PhoneNumber::parse(text).ok())
        .flatten()
}

fn whole<T: std::str::FromStr>(form: &Form, name: &str) -> Option<T> {
    form.first(name)?.parse().ok()
}

impl VoiceRequest {
    /// Reads the request.
    pub fn read(form: &Form) -> Result<Self, Incomplete> {
        let direction = form.first("Direction").unwrap_or("inbound");
        Ok(Self {
            call_id: id(form, "CallSid")?,
            account: id(form, "AccountSid")?,
            from: number(form, "From"),
            to: number(form, "To"),
            way: if direction.starts_with("outbound") {
                Way::Outbound
            } else {
                Way::Inbound
            },
            forwarded_from: number(form, "ForwardedFrom"),
            is_number_vouched_for: form
                .first("StirVerstat")
                .map(|word| word.starts_with("TN-Validation-Passed-A")),
            answered_by: form.first("AnsweredBy").map(AnsweredBy::parse),
            error: whole(form, "ErrorCode"),
        })
    }
}

impl StatusCallback {
    /// Reads the callback.
    pub fn read(form: &Form) -> Result<Self, Incomplete> {
        Ok(Self {
            call_id: id(form, "CallSid")?,
            account: id(form, "AccountSid")?,
            status: form.first("CallStatus").and_then(Status::parse),
            sequence: whole(form, "SequenceNumber"),
            at_unix_s: form.first("Timestamp").and_then(date::unix_s),
            duration_s: whole(form, "CallDuration"),
            sip_code: whole(form, "SipResponseCode"),
            answered_by: form.first("AnsweredBy").map(AnsweredBy::parse),
        })
    }
}

impl DialResult {
    /// Reads the request.
    pub fn read(form: &Form) -> Result<Self, Incomplete> {
        let status = form.first("DialCallStatus");
        Ok(Self {
            call_id: id(form, "CallSid")?,
            account: id(form, "AccountSid")?,
            status: match status {
                // Said of a room that the call was in.
                Some("answered") => Some(Status::Completed),
                status => status.and_then(Status::parse),
            },
        })
    }
}

impl AmdCallback {
    /// Reads the callback.
    pub fn read(form: &Form) -> Result<Self, Incomplete> {
        Ok(Self {
            call_id: id(form, "CallSid")?,
            account: id(form, "AccountSid")?,
            answered_by: form
                .first("AnsweredBy")
                .map(AnsweredBy::parse)
                .ok_or(Incomplete("AnsweredBy"))?,
            duration_ms: whole(form, "MachineDetectionDuration"),
        })
    }
}

impl StreamStatus {
    /// Reads the callback.
    pub fn read(form: &Form) -> Result<Self, Incomplete> {
        Ok(Self {
            call_id: id(form, "CallSid")?,
            account: id(form, "AccountSid")?,
            event: match form.first("StreamEvent") {
                Some("stream-started") => StreamEvent::Started,
                Some("stream-stopped") => StreamEvent::Stopped,
                Some("stream-error") => StreamEvent::Failed,
                Some(_) | None => StreamEvent::Other,
            },
            error: whole(form, "StreamError"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: &str = "CallSid=CA1&AccountSid=AC1";

    fn form(rest: &str) -> Form {
        Form::parse(format!("{IDS}&{rest}").as_bytes()).unwrap()
    }

    fn fixture(bytes: &[u8]) -> Form {
        Form::parse(bytes.trim_ascii()).unwrap()
    }

    #[test]
    fn a_voice_request_is_read() {
        let form = fixture(include_bytes!(
            "../../../../../fixtures/twilio/webhook_voice.form"
        ));
        let request = VoiceRequest::read(&form).unwrap();
        assert_eq!(request.from.as_ref().unwrap().as_str(), "+14155550100");
        assert_eq!(request.to.as_ref().unwrap().as_str(), "+15005550006");
        assert_eq!(
            (request.way, request.is_number_vouched_for),
            (Way::Inbound, Some(true))
        );
        assert_eq!((request.answered_by, request.error), (None, None));
        assert!(!format!("{request:?}").contains("555"), "a number is shown");
    }

    #[test]
    fn callers_need_no_number() {
        for from in [
            "",
            "anonymous",
            "%2B266696687",
            "%2B7378742833",
            "%2B86282452253",
            "client%3Aann",
            "sip%3Aa%40b",
            "Restricted",
            "%2B1",
        ] {
            let request =
                VoiceRequest::read(&form(&format!("From={from}&To=%2B15005550006"))).unwrap();
            assert_eq!(request.from, None, "{from}");
        }
        let request = VoiceRequest::read(&form(
            "Direction=outbound-api&AnsweredBy=machine_end_beep&ErrorCode=11200",
        ))
        .unwrap();
        assert_eq!(
            (request.way, request.answered_by),
            (Way::Outbound, Some(AnsweredBy::MachineBeep))
        );
        assert_eq!(request.error, Some(11200));
    }

    #[test]
    fn a_status_callback_is_read() {
        let form = fixture(include_bytes!(
            "../../../../../fixtures/twilio/webhook_status.form"
        ));
        let status = StatusCallback::read(&form).unwrap();
        assert_eq!(
            (status.status, status.sequence),
            (Some(Status::Completed), Some(3))
        );
        assert_eq!((status.duration_s, status.sip_code), (Some(42), Some(200)));
        assert_eq!(status.at_unix_s, Some(1_767_225_600));
    }

    #[test]
    fn what_is_odd_is_not_an_error() {
        let odd = StatusCallback::read(&form(
            "CallStatus=levitating&SequenceNumber=-1&CallDuration=a&Timestamp=now",
        ))
        .unwrap();
        assert_eq!(
            (odd.status, odd.sequence, odd.duration_s, odd.at_unix_s),
            (None, None, None, None)
        );
        let long =
            Form::parse(format!("CallSid={}&AccountSid=AC1", "C".repeat(65)).as_bytes()).unwrap();
        for (form, missing) in [
            (Form::default(), "CallSid"),
            (long, "CallSid"),
            (Form::parse(b"CallSid=C").unwrap(), "AccountSid"),
        ] {
            assert_eq!(StatusCallback::read(&form), Err(Incomplete(missing)));
        }
        for word in [
            "queued",
            "initiated",
            "ringing",
            "in-progress",
            "completed",
            "busy",
            "failed",
            "no-answer",
            "canceled",
        ] {
            assert_eq!(Status::parse(word).unwrap().word(), word);
        }
    }

    #[test]
    fn a_dial_tells_how_it_went() {
        for (word, status) in [
            ("completed", Some(Status::Completed)),
            ("answered", Some(Status::Completed)),
            ("busy", Some(Status::Busy)),
            ("no-answer", Some(Status::NoAnswer)),
            ("failed", Some(Status::Failed)),
            ("canceled", Some(Status::Canceled)),
            ("levitating", None),
        ] {
            let told = DialResult::read(&form(&format!("DialCallStatus={word}"))).unwrap();
            assert_eq!((told.status, &*told.call_id), (status, "CA1"), "{word}");
        }
        assert_eq!(DialResult::read(&form("")).unwrap().status, None);
    }

    #[test]
    fn machines_and_streams_are_told() {
        let form_of = fixture(include_bytes!(
            "../../../../../fixtures/twilio/webhook_amd.form"
        ));
        let amd = AmdCallback::read(&form_of).unwrap();
        assert_eq!(
            (amd.answered_by, amd.duration_ms),
            (AnsweredBy::MachineStart, Some(4_120))
        );
        for (word, who) in [
            ("human", AnsweredBy::Human),
            ("unknown", AnsweredBy::Human),
            ("something_new", AnsweredBy::Human),
            ("machine_end_silence", AnsweredBy::MachineEnd),
            ("machine_end_other", AnsweredBy::MachineEnd),
            ("fax", AnsweredBy::Fax),
        ] {
            assert_eq!(
                AmdCallback::read(&form(&format!("AnsweredBy={word}")))
                    .unwrap()
                    .answered_by,
                who
            );
        }
        assert_eq!(AmdCallback::read(&form("")), Err(Incomplete("AnsweredBy")));
        let form_of = fixture(include_bytes!(
            "../../../../../fixtures/twilio/webhook_stream_error.form"
        ));
        let stream = StreamStatus::read(&form_of).unwrap();
        assert_eq!(
            (stream.event, stream.error),
            (StreamEvent::Failed, Some(31951))
        );
        for (word, event) in [
            ("stream-started", StreamEvent::Started),
            ("stream-stopped", StreamEvent::Stopped),
            ("stream-paused", StreamEvent::Other),
        ] {
            assert_eq!(
                StreamStatus::read(&form(&format!("StreamEvent={word}")))
                    .unwrap()
                    .event,
                event
            );
        }
    }
}
