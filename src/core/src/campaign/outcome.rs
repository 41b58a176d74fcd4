//! What came of one attempt at a contact: a closed list, so that everybody counts alike. What a carrier says beside it stands
//! in the attempt.

use serde::{Deserialize, Serialize};

macro_rules! outcomes {
    ($($(#[$meta:meta])* $name:ident = $text:literal, $leads:expr;)+) => {
        /// What came of an attempt.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Outcome { $($(#[$meta])* $name,)+ }

        impl Outcome {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name, as `no_answer`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it leads to.
            #[must_use]
            pub const fn leads(self) -> Leads {
                match self { $(Self::$name => $leads,)+ }
            }
        }
    };
}

/// What an outcome leads to for its contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leads {
    /// The contact was reached, and nothing more is to be done.
    Reached,
    /// They may be tried again, if a rule of the campaign's says so.
    ByRule,
    /// It was nobody's fault and counts for nothing: they are tried again without a rule.
    Again,
    /// They are tried no more, whatever the campaign says.
    Never,
    /// Nobody knows yet whether there was a call: nothing is done until that is known.
    Unknown,
}

outcomes! {
    /// A person answered.
    AnsweredHuman = "answered_human", Leads::Reached;
    /// A machine answered, and nothing was left on it.
    AnsweredMachine = "answered_machine", Leads::ByRule;
    /// A message was left on a machine.
    MessageLeft = "message_left", Leads::ByRule;
    /// It rang in vain.
    NoAnswer = "no_answer", Leads::ByRule;
    /// The line was busy.
    Busy = "busy", Leads::ByRule;
    /// The call was declined.
    Rejected = "rejected", Leads::ByRule;
    /// There is no such number.
    InvalidNumber = "invalid_number", Leads::Never;
    /// The telephone cannot be reached now.
    Unreachable = "unreachable", Leads::ByRule;
    /// A network on the way failed.
    NetworkFailed = "network_failed", Leads::ByRule;
    /// A carrier on the way takes it for unwanted.
    CarrierBlocked = "carrier_blocked", Leads::Never;
    /// A person answered, and nobody spoke to them. They are not rung again by a machine.
    Abandoned = "abandoned", Leads::Never;
    /// It was taken back before anybody answered.
    Cancelled = "cancelled", Leads::Again;
    /// It was given up, since nothing more was heard of it.
    TimedOut = "timed_out", Leads::ByRule;
    /// A person answered, and the agent failed them.
    AgentFailed = "agent_failed", Leads::ByRule;
    /// The carrier was asked, and its answer was lost.
    UnknownOutcome = "unknown_outcome", Leads::Unknown;
    /// Not dialled: the number is not to be called.
    BlockedSuppressed = "blocked_suppressed", Leads::Never;
    /// Not dialled: a do-not-call register has the number.
    BlockedDnc = "blocked_dnc", Leads::Never;
    /// Not dialled: there is no ground for the call.
    BlockedConsent = "blocked_consent", Leads::Never;
    /// Not dialled: there was no hour at which they could be called before the campaign's end.
    BlockedHoursExpired = "blocked_hours_expired", Leads::Never;
    /// Not dialled: they were called as often as they may be until the campaign's end.
    BlockedCap = "blocked_cap", Leads::Never;
    /// Not dialled: the client's own system said no.
    BlockedPredial = "blocked_predial", Leads::Never;
}

impl Outcome {
    /// Reads a name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|outcome| outcome.name() == name).copied()
    }

    /// Whether a carrier may have been asked.
    #[must_use]
    pub const fn may_have_rung(self) -> bool {
        !matches!(
            self,
            Self::BlockedSuppressed
                | Self::BlockedDnc
                | Self::BlockedConsent
                | Self::BlockedHoursExpired
                | Self::BlockedCap
                | Self::BlockedPredial
        )
    }

    /// Whether somebody or something took the call.
    #[must_use]
    pub const fn was_answered(self) -> bool {
        matches!(
            self,
            Self::AnsweredHuman
                | Self::AnsweredMachine
                | Self::MessageLeft
                | Self::Abandoned
                | Self::AgentFailed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_one_name() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.name()), Some(*outcome));
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
        assert_eq!(Outcome::parse("answered"), None);
    }

    #[test]
    fn what_never_rang_leads_to_no_call() {
        for outcome in Outcome::ALL {
            if !outcome.may_have_rung() {
                assert!(outcome.name().starts_with("blocked_"));
                assert_eq!(outcome.leads(), Leads::Never, "{outcome:?}");
                assert!(!outcome.was_answered());
            }
        }
    }
}
