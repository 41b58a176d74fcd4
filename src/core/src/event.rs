//! What clients are told of: the kinds of events, who wants which, and an event's written form.
//!
//! An event holds ids, states and lengths of time, and nothing of a person: who wants more asks the API for the object.
//! Its form follows Standard Webhooks' advice for payloads (<https://www.standardwebhooks.com>): `type`, `timestamp`, `data`.

use serde_json::{Value, json};

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)+) => {
        /// What has happened. Further kinds will come, so receivers pass over what they do not know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind { $($(#[$meta])* $name,)+ }

        impl EventKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name, as `call.ended`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Reads a name; `None` for any other text.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

kinds! {
    /// A call is to be placed: it is on the disk, and the carrier is asked next.
    CallQueued = "call.queued",
    /// It rings at the other end.
    CallRinging = "call.ringing",
    /// Somebody answered, or a call came in and was taken.
    CallAnswered = "call.answered",
    /// The person agreed that what they say is kept.
    CallConsentGranted = "call.consent_granted",
    /// The person did not agree.
    CallConsentRefused = "call.consent_refused",
    /// The call is over.
    CallEnded = "call.ended",
    /// What was to become known of it afterwards is known.
    CallAnalyzed = "call.analyzed",
    /// Its recording can be had.
    CallRecordingReady = "call.recording_ready",
    /// What was said in it can be read.
    CallTranscriptReady = "call.transcript_ready",
    /// The person wants no more calls.
    CallOptOut = "call.opt_out",
    /// A number must not be called.
    SuppressionCreated = "suppression.created",
    /// A number may be called again.
    SuppressionRemoved = "suppression.removed",
    /// The person of a call took back what they had agreed to.
    ConsentWithdrawn = "consent.withdrawn",
    /// Somebody is to be called back.
    CallbackScheduled = "callback.scheduled",
    /// They are not to be called back any more.
    CallbackCancelled = "callback.cancelled",
    /// They were called back.
    CallbackDone = "callback.done",
    /// They could not be called back, or not in time.
    CallbackFailed = "callback.failed",
    /// A file of a do-not-call register was read to its end, and calls are decided by it.
    RegistryFileCompleted = "registry_file.completed",
    /// A file of a do-not-call register cannot be used, and changes nothing.
    RegistryFileFailed = "registry_file.failed",
    /// The client was stopped from dialling.
    ClientSuspended = "client.suspended",
    /// The client may dial again.
    ClientResumed = "client.resumed",
    /// One agent was stopped from dialling.
    AgentSuspended = "agent.suspended",
    /// The agent may dial again.
    AgentResumed = "agent.resumed",
    /// Four fifths of what the client lets itself spend are spent.
    SpendNearingCap = "spend.nearing_cap",
    /// What the client lets itself spend is spent.
    SpendCapReached = "spend.cap_reached",
    /// Too many of the people called did not want to be, or could not be.
    RatioCrossed = "ratio.crossed",
    /// Somebody complained of a call.
    ComplaintCreated = "complaint.created",
    /// The client accepted an agreement.
    AgreementAccepted = "agreement.accepted",
    /// A file of contacts was read to its end.
    ImportCompleted = "import.completed",
    /// A file of contacts could not be read to its end; what was read stays.
    ImportFailed = "import.failed",
    /// An import was taken back; what was read stays.
    ImportCancelled = "import.cancelled",
    /// A webhook endpoint is told nothing more.
    WebhookEndpointDisabled = "webhook_endpoint.disabled",
    /// Somebody wants to see whether an endpoint works.
    WebhookEndpointTest = "webhook_endpoint.test",
}

/// Kinds that somebody wants: `*`, a family as `call.*`, or one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Every kind, also what later versions add.
    All,
    /// Every kind of a family: the name in front of the dot, an index into [`EventKind::ALL`] of one that has it.
    Family(EventKind),
    /// One kind.
    Kind(EventKind),
}

fn family(kind: EventKind) -> &'static str {
    kind.name().split('.').next().unwrap_or_default()
}

impl Wanted {
    /// Reads a pattern; `None` if it means no kind that is known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some(name) = text.strip_suffix(".*") {
            let mut kinds = EventKind::ALL.iter();
            return kinds
                .find(|kind| family(**kind) == name)
                .map(|kind| Self::Family(*kind));
        }
        EventKind::parse(text).map(Self::Kind)
    }

    /// Whether it means this kind.
    #[must_use]
    pub fn is(self, kind: EventKind) -> bool {
        match self {
            Self::All => true,
            Self::Family(one) => family(one) == family(kind),
            Self::Kind(one) => one == kind,
        }
    }

    /// Its written form.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::Family(one) => format!("{}.*", family(one)),
            Self::Kind(one) => one.name().to_owned(),
        }
    }
}

/// An event as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// `evt_…`: the same however often it is told.
    pub id: &'a str,
    /// What happened.
    pub kind: EventKind,
    /// When, in RFC 3339.
    pub timestamp: &'a str,
    /// To what: `call_…`, `sup_…`, `cb_…`.
    pub object_id: &'a str,
    /// The how manieth event of that object, from 1 on.
    pub seq: u64,
    /// What else is said, an object in JSON.
    pub data: &'a str,
}

impl Event<'_> {
    /// The JSON of it, which is also the body that is signed: byte for byte the same each time.
    #[must_use]
    pub fn body(&self) -> String {
        self.value().to_string()
    }

    /// The same as a value.
    #[must_use]
    pub fn value(&self) -> Value {
        let mut data: Value = serde_json::from_str(self.data).unwrap_or_default();
        if !data.is_object() {
            data = json!({});
        }
        data["id"] = self.object_id.into();
        json!({
            "id": self.id,
            "type": self.kind.name(),
            "timestamp": self.timestamp,
            "seq": self.seq,
            "data": data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_of_a_family() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.name()), Some(*kind));
            assert_eq!(kind.name().split('.').count(), 2, "{kind:?}");
        }
        assert_eq!(EventKind::parse("call"), None);
    }

    #[test]
    fn a_pattern_means_all_a_family_or_one() {
        use EventKind::{CallEnded, CallOptOut, CallbackDone};
        for (text, means, not) in [
            ("*", &[CallEnded, CallbackDone][..], &[][..]),
            ("call.*", &[CallEnded, CallOptOut], &[CallbackDone]),
            ("call.ended", &[CallEnded], &[CallOptOut, CallbackDone]),
        ] {
            let wanted = Wanted::parse(text).unwrap();
            assert!(means.iter().all(|kind| wanted.is(*kind)), "{text}");
            assert!(!not.iter().any(|kind| wanted.is(*kind)), "{text}");
            assert_eq!(Wanted::parse(&wanted.text()), Some(wanted));
        }
        for wrong in [
            "",
            "**",
            "call",
            "call.",
            ".*",
            "calls.*",
            "call.over",
            "call.*.*",
        ] {
            assert_eq!(Wanted::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_event_is_the_same_bytes_each_time() {
        let event = Event {
            id: "evt_1",
            kind: EventKind::CallEnded,
            timestamp: "2026-11-22T16:30:00.000Z",
            object_id: "call_1",
            seq: 3,
            data: r#"{"outcome":"completed","duration_ms":7000}"#,
        };
        assert_eq!(
            event.body(),
            r#"{"data":{"duration_ms":7000,"id":"call_1","outcome":"completed"},"id":"evt_1","seq":3,"timestamp":"2026-11-22T16:30:00.000Z","type":"call.ended"}"#
        );
        // What cannot be read is left out, not repeated.
        let odd = Event {
            data: "[1",
            ..event
        };
        assert_eq!(odd.value()["data"], json!({ "id": "call_1" }));
    }
}
