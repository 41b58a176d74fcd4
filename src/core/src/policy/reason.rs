//! Why a number may not be called: the one list of reasons, for the API, the campaigns and whoever asks years later.

use serde::{Deserialize, Serialize};

use crate::geo::Place;

/// Every reason there is. Its name in documents is its variant's in snake case, and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The client, or the agent, was stopped from dialling.
    Suspended,
    /// The agreements without which nobody is called for a client are not accepted.
    AgreementMissing,
    /// What the client may spend is spent for now.
    SpendCapReached,
    /// The client calls as much as its operator lets it: at once, in a second, or in a day.
    TooManyCalls,
    /// The person may not be worked with now, or is erased.
    ContactRestricted,
    /// The text is no number in E.164 form.
    InvalidNumber,
    /// It is dialled for help: 112, 911 and the like, with a country code or without.
    EmergencyNumber,
    /// It is a service of a network: an N11, or a short code.
    ServiceNumber,
    /// Calling it costs more than a call, and pays whom it belongs to.
    PremiumNumber,
    /// Calling it costs more than a call.
    SharedCostNumber,
    /// A satellite phone, a ship, or a network of no country.
    SatelliteNumber,
    /// The number asked not to be called.
    Suppressed,
    /// There is no consent to calls for this purpose, and the law of a place where the phone may be wants one.
    ConsentMissing,
    /// Consent is not in writing, and the law of a place where the phone may be wants it so.
    ConsentNotWritten,
    /// Consent was taken back.
    ConsentWithdrawn,
    /// The time of the consent is over.
    ConsentExpired,
    /// Nobody said on which basis of the law the person is called.
    LegalBasisMissing,
    /// Consent was given by somebody who had the number before.
    NumberReassigned,
    /// The number is in a register of those who do not want such calls.
    RegistryListed,
    /// A register that counts where the phone may be was not asked.
    RegistryNotChecked,
    /// A register that counts where the phone may be was asked too long ago.
    RegistryStale,
    /// It is not among the destinations that the client has allowed; none are until it has.
    DestinationNotAllowed,
    /// The line is of a kind that the client does not call, or nobody knows its kind.
    LineNotAllowed,
    /// In a place where the phone may be, calls are stopped for a time.
    EmergencyClosure,
    /// By the clock of a place where the phone may be, it is too early or too late.
    OutsideCallingHours,
    /// In a place where the phone may be, nobody is called on this day of the week.
    DayBarred,
    /// In a place where the phone may be, it is a holiday on which nobody is called, or only at other hours.
    Holiday,
    /// Holidays count in a place where the phone may be, and no calendar tells them: not of this year, or not of there.
    HolidaysUnknown,
    /// The client has called the number as often as a law, or the client itself, allows for now.
    CalledTooOften,
    /// A call with the number goes on, rings, or may have been placed.
    CallInProgress,
    /// Too many of the calls that people answered were abandoned.
    TooManyAbandoned,
    /// The client's own system said no.
    PredialRefused,
    /// The client's own system said nothing that could be understood, or nothing in time.
    PredialUnanswered,
    /// In the next [`HORIZON_DAYS`](super::HORIZON_DAYS) days there is no moment at which all rules allow the call. To say
    /// where the person is does not help by itself: every place that is known must allow it.
    NoCallingTime,
    /// The time of the decision lies outside the years 1970 to 9999.
    TimeUnknown,
}

impl Code {
    /// Every reason, in the order in which reasons are listed.
    pub const ALL: [Self; 35] = [
        Self::Suspended,
        Self::AgreementMissing,
        Self::SpendCapReached,
        Self::TooManyCalls,
        Self::ContactRestricted,
        Self::InvalidNumber,
        Self::EmergencyNumber,
        Self::ServiceNumber,
        Self::PremiumNumber,
        Self::SharedCostNumber,
        Self::SatelliteNumber,
        Self::Suppressed,
        Self::ConsentMissing,
        Self::ConsentNotWritten,
        Self::ConsentWithdrawn,
        Self::ConsentExpired,
        Self::LegalBasisMissing,
        Self::NumberReassigned,
        Self::RegistryListed,
        Self::RegistryNotChecked,
        Self::RegistryStale,
        Self::DestinationNotAllowed,
        Self::LineNotAllowed,
        Self::EmergencyClosure,
        Self::OutsideCallingHours,
        Self::DayBarred,
        Self::Holiday,
        Self::HolidaysUnknown,
        Self::CalledTooOften,
        Self::CallInProgress,
        Self::TooManyAbandoned,
        Self::PredialRefused,
        Self::PredialUnanswered,
        Self::NoCallingTime,
        Self::TimeUnknown,
    ];

    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidNumber => "invalid_number",
            Self::EmergencyNumber => "emergency_number",
            Self::ServiceNumber => "service_number",
            Self::PremiumNumber => "premium_number",
            Self::SharedCostNumber => "shared_cost_number",
            Self::SatelliteNumber => "satellite_number",
            Self::Suppressed => "suppressed",
            Self::DestinationNotAllowed => "destination_not_allowed",
            Self::OutsideCallingHours => "outside_calling_hours",
            Self::DayBarred => "day_barred",
            Self::Holiday => "holiday",
            Self::HolidaysUnknown => "holidays_unknown",
            Self::CalledTooOften => "called_too_often",
            Self::CallInProgress => "call_in_progress",
            Self::NoCallingTime => "no_calling_time",
            Self::TimeUnknown => "time_unknown",
            Self::Suspended => "suspended",
            Self::AgreementMissing => "agreement_missing",
            Self::SpendCapReached => "spend_cap_reached",
            Self::TooManyCalls => "too_many_calls",
            Self::ContactRestricted => "contact_restricted",
            Self::ConsentMissing => "consent_missing",
            Self::ConsentNotWritten => "consent_not_written",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::ConsentExpired => "consent_expired",
            Self::LegalBasisMissing => "legal_basis_missing",
            Self::NumberReassigned => "number_reassigned",
            Self::RegistryListed => "registry_listed",
            Self::RegistryNotChecked => "registry_not_checked",
            Self::RegistryStale => "registry_stale",
            Self::LineNotAllowed => "line_not_allowed",
            Self::EmergencyClosure => "emergency_closure",
            Self::TooManyAbandoned => "too_many_abandoned",
            Self::PredialRefused => "predial_refused",
            Self::PredialUnanswered => "predial_unanswered",
        }
    }

    /// Whether waiting may mend it.
    pub const fn passes_with_time(self) -> bool {
        match self {
            Self::OutsideCallingHours
            | Self::DayBarred
            | Self::Holiday
            | Self::HolidaysUnknown
            | Self::CalledTooOften
            | Self::CallInProgress
            | Self::SpendCapReached
            | Self::TooManyCalls
            | Self::EmergencyClosure
            | Self::PredialUnanswered => true,
            Self::InvalidNumber
            | Self::EmergencyNumber
            | Self::ServiceNumber
            | Self::PremiumNumber
            | Self::SharedCostNumber
            | Self::SatelliteNumber
            | Self::Suppressed
            | Self::DestinationNotAllowed
            | Self::NoCallingTime
            | Self::TimeUnknown
            | Self::Suspended
            | Self::AgreementMissing
            | Self::ContactRestricted
            | Self::ConsentMissing
            | Self::ConsentNotWritten
            | Self::ConsentWithdrawn
            | Self::ConsentExpired
            | Self::LegalBasisMissing
            | Self::NumberReassigned
            | Self::RegistryListed
            | Self::RegistryNotChecked
            | Self::RegistryStale
            | Self::LineNotAllowed
            | Self::TooManyAbandoned
            | Self::PredialRefused => false,
        }
    }

    /// What it means and what can be done, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidNumber => {
                "not a telephone number in E.164 form: + and 8 to 15 digits, from the country code on"
            }
            Self::EmergencyNumber => "it is dialled for help and is never called",
            Self::ServiceNumber => "it is a network's service or short code and is never called",
            Self::PremiumNumber => "a premium-rate line is never called",
            Self::SharedCostNumber => "a shared-cost line is never called",
            Self::SatelliteNumber => "satellite phones and networks of no country are never called",
            Self::Suppressed => {
                "the number asked not to be called; only removing the suppression changes that"
            }
            Self::DestinationNotAllowed => {
                "the number begins with none of the destinations that this client allows; none are until they are set"
            }
            Self::OutsideCallingHours => {
                "by the clock where the phone may be, it is too early or too late"
            }
            Self::DayBarred => "where the phone may be, nobody is called on this day of the week",
            Self::Holiday => "where the phone may be, it is a holiday",
            Self::HolidaysUnknown => {
                "holidays count where the phone may be, and no calendar of this program tells them"
            }
            Self::CalledTooOften => {
                "the number was called as often as it may be for now; every call counts, answered or not"
            }
            Self::CallInProgress => {
                "a call with the number goes on, rings, or may have been placed"
            }
            Self::NoCallingTime => {
                "no moment of the next weeks is allowed in every place where the phone may be"
            }
            Self::Suspended => {
                "dialling was stopped for this client or agent; whoever runs the server lifts it"
            }
            Self::AgreementMissing => {
                "the agreements of this client are not accepted yet; nobody is called until they are"
            }
            Self::SpendCapReached => "what this client may spend on calls is spent for now",
            Self::TooManyCalls => {
                "this client calls as much as it may for now: at once, in a second, or in a day"
            }
            Self::ContactRestricted => "the person is restricted or erased",
            Self::ConsentMissing => {
                "there is no consent to calls for this purpose on the ledger, and where the phone may be the law wants one"
            }
            Self::ConsentNotWritten => {
                "where the phone may be, the law wants consent in writing for this purpose"
            }
            Self::ConsentWithdrawn => "consent to calls for this purpose was taken back",
            Self::ConsentExpired => "consent to calls for this purpose has expired",
            Self::LegalBasisMissing => {
                "no legal basis is stated, and where the phone may be the law wants one"
            }
            Self::NumberReassigned => "consent was given before the number got another owner",
            Self::RegistryListed => {
                "the number is in a register of people who do not want such calls"
            }
            Self::RegistryNotChecked => {
                "a register of people who do not want such calls was not asked for this number: import it, or have a screening webhook tell"
            }
            Self::RegistryStale => {
                "a register of people who do not want such calls was asked too long ago for this number: import it anew"
            }
            Self::LineNotAllowed => {
                "the line is of a kind that this client does not call, or of no known kind"
            }
            Self::EmergencyClosure => {
                "where the phone may be, calls are stopped for a time, as in a state of emergency"
            }
            Self::TooManyAbandoned => "too many answered calls of the last 30 days were abandoned",
            Self::PredialRefused => "the pre-dial webhook of this client said no",
            Self::PredialUnanswered => {
                "a system of this client's that is asked before a call did not answer in time, or not in a form that is understood"
            }
            Self::TimeUnknown => "the time of the decision is not one at which anything is called",
        }
    }
}

/// One reason, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which.
    pub code: Code,
    /// The rule that says so: a row of the pack as `US-FL`, `US-UNKNOWN` or `ZZ`, or a prefix of numbers as `+1900`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The place whose rule it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The time zone by whose clocks it holds, an IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What those clocks showed, as `2026-11-22T20:59:00-05:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_time: Option<String>,
}

impl Reason {
    /// A reason that rests on no rule of a place.
    pub(super) fn plain(code: Code, rule: Option<String>) -> Self {
        Self {
            code,
            rule,
            place: None,
            zone: None,
            local_time: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_name_and_is_listed_once() {
        let mut names = std::collections::BTreeSet::new();
        for code in Code::ALL {
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(json, format!("\"{}\"", code.name()));
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), code);
            assert!(names.insert(code.name()));
            assert!(!code.meaning().is_empty());
        }
        assert!(Code::ALL.is_sorted());
    }
}
