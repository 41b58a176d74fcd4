//! Whether a number may be called: the policy's word, as an answer and as a refusal.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::geo::{self, Place};
use trunkline_core::policy::{Code as Why, Kind, Reason, Trace, Verdict, Zone};
use utoipa::ToSchema;

use crate::api::auth::Caller;
use crate::api::consents::{LegalBasis, Purpose};
use crate::api::once::{Made, Posted};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::api::when::{self, When};
use crate::app::App;
use crate::dial::Question;
use crate::dial::grounds::Grounds;
use crate::dial::refusals::NotNoted;
use crate::store::decisions::DecisionAbout;
use crate::vault::ClientKeys;

/// Most places, and most time zones, of one person.
const CONTACT_MAX: usize = 8;

/// What is known of where a person is. Their number's own places and zones hold beside it: to say more here never allows a
/// call that would not be allowed without it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct Whereabouts {
    /// Where they live: countries as `DE`, states as `US-CA`.
    #[schema(max_items = 8, example = json!(["US-CA"]))]
    places: Vec<String>,
    /// The IANA time zones by which they live.
    #[schema(max_items = 8, example = json!(["America/Los_Angeles"]))]
    time_zones: Vec<String>,
    /// Whom the number reaches: `business` or `consumer`. Whoever is not said to be a business is a consumer.
    kind: Option<ContactKind>,
}

/// Whom a number reaches.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ContactKind {
    /// A business.
    Business,
    /// Anybody else.
    Consumer,
}

/// A number that might be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CallQuestion {
    /// Who would be called, in E.164 form.
    #[serde(alias = "to_number")]
    #[schema(example = "+15550100123")]
    to: String,
    /// What is known of where the person is.
    #[serde(default)]
    contact: Whereabouts,
    /// What the call would be for; `marketing` if absent.
    purpose: Option<Purpose>,
    /// On which basis of the law, where no consent is needed.
    legal_basis: Option<LegalBasis>,
    /// When; now if absent.
    #[schema(format = DateTime, example = "2026-11-24T20:59:00-05:00")]
    at: Option<String>,
}

/// What the policy says.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum CallVerdict {
    /// The number may be called.
    Allow,
    /// Not before `retry_at`.
    Defer,
    /// No.
    Deny,
}

/// One reason against a call.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CallReason {
    /// Its stable name.
    #[schema(example = "outside_calling_hours")]
    code: &'static str,
    /// What it means.
    detail: &'static str,
    /// The rule that says so, of the pack of rules or of numbers.
    #[schema(example = "US-FL")]
    rule: Option<String>,
    /// The place whose rule it is.
    #[schema(example = "US-FL")]
    place: Option<String>,
    /// By whose clocks.
    #[schema(example = "America/New_York")]
    time_zone: Option<String>,
    /// What they show.
    #[schema(example = "2026-11-24T20:59:00-05:00")]
    local_time: Option<String>,
}

/// Whether a number may be called, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CallAnswer {
    verdict: CallVerdict,
    /// When it may be called, if the answer is `defer`; everything is asked again then.
    retry_at: Option<When>,
    /// Every reason against it.
    reasons: Vec<CallReason>,
    /// How it was decided: pack of rules, places, clocks and their hours. The number is not in it.
    #[schema(value_type = Object)]
    trace: Trace,
}

fn reason(reason: &Reason) -> CallReason {
    CallReason {
        code: reason.code.name(),
        detail: reason.code.meaning(),
        rule: reason.rule.clone(),
        place: reason.place.map(|place| place.to_string()),
        time_zone: reason.zone.clone(),
        local_time: reason.local_time.clone(),
    }
}

/// A verdict as an answer.
pub(in crate::api) fn answer(verdict: &Verdict) -> CallAnswer {
    let (kind, retry_at) = match verdict {
        Verdict::Allow(_) => (CallVerdict::Allow, None),
        Verdict::Defer(deferred) => (CallVerdict::Defer, Some(deferred.until_unix_ms)),
        Verdict::Deny(_) => (CallVerdict::Deny, None),
    };
    CallAnswer {
        verdict: kind,
        retry_at: retry_at.map(When::of),
        reasons: verdict.reasons().iter().map(reason).collect(),
        trace: verdict.trace().clone(),
    }
}

/// Whereabouts that are places and zones.
pub(in crate::api) struct Known {
    pub(in crate::api) places: Vec<Place>,
    pub(in crate::api) zones: Vec<Zone>,
}

impl Known {
    pub(in crate::api) fn read(contact: &Whereabouts) -> Result<Self, Problem> {
        let Whereabouts {
            places, time_zones, ..
        } = contact;
        for (name, list) in [("places", places), ("time_zones", time_zones)] {
            if list.len() > CONTACT_MAX {
                let pointer = format!("/contact/{name}");
                return Err(Problem::invalid(pointer, "too_many", "at most 8"));
            }
        }
        let place = |(index, text): (usize, &String)| {
            let pointer = format!("/contact/places/{index}");
            match Place::parse(text) {
                Ok(place) if geo::is_known(place) => Ok(place),
                Ok(_) => {
                    let detail = "there is no such country; Britain is GB, Greece is GR";
                    Err(Problem::invalid(pointer, "invalid_place", detail))
                }
                Err(error) => Err(Problem::invalid(
                    pointer,
                    "invalid_place",
                    error.to_string(),
                )),
            }
        };
        let zone = |(index, text): (usize, &String)| {
            Zone::parse(text).map_err(|error| {
                let pointer = format!("/contact/time_zones/{index}");
                Problem::invalid(pointer, "invalid_time_zone", error.to_string())
            })
        };
        Ok(Self {
            places: places
                .iter()
                .enumerate()
                .map(place)
                .collect::<Result<_, _>>()?,
            zones: time_zones
                .iter()
                .enumerate()
                .map(zone)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// What a client says of a call's ground.
pub(in crate::api) fn grounds(
    purpose: Option<Purpose>,
    basis: Option<LegalBasis>,
    contact: &Whereabouts,
) -> Grounds {
    Grounds {
        purpose: purpose.map(Into::into).unwrap_or_default(),
        basis: basis.map(Into::into),
        kind: match contact.kind {
            Some(ContactKind::Business) => Kind::Business,
            Some(ContactKind::Consumer) | None => Kind::Consumer,
        },
        wished_ms: None,
    }
}

fn question<'a>(
    to: &'a str,
    (known, grounds, agent_id): (&'a Known, Grounds, Option<&'a str>),
    at_ms: Option<i64>,
) -> Question<'a> {
    Question {
        to,
        places: &known.places,
        zones: &known.zones,
        at_ms,
        asked_call_id: None,
        grounds,
        agent_id,
    }
}

/// Asks the policy right before a call, and the client's own system if it has one.
pub(super) async fn ask_last(
    app: &App,
    keys: &ClientKeys,
    to: &str,
    about: (&Known, Grounds, Option<&str>),
) -> Result<Verdict, Problem> {
    let question = question(to, about, None);
    let verdict = app.dialer().may_dial(&app.desk, keys, &question).await;
    verdict.map_err(stored)
}

/// Asks the policy.
pub(super) async fn ask(
    app: &App,
    keys: &ClientKeys,
    to: &str,
    about: (&Known, Grounds, Option<&str>),
    at_ms: Option<i64>,
) -> Result<Verdict, Problem> {
    let question = question(to, about, at_ms);
    let verdict = app.dialer().may_call(&app.desk, keys, &question).await;
    verdict.map_err(stored)
}

/// Keeps why a call was not allowed.
pub(in crate::api) async fn note_refusal(
    app: &App,
    keys: &ClientKeys,
    to: &str,
    verdict: &Verdict,
    about: (DecisionAbout, &str),
) -> Result<(), Problem> {
    let noted = app
        .dialer()
        .note_refusal(&app.desk, keys, to, verdict, about);
    noted.await.map_err(|error| match error {
        NotNoted::Store(error) => stored(error),
        error @ (NotNoted::Vault(_) | NotNoted::Unwritable(_)) => Problem::internal(&error),
    })
}

/// The field by which a reason might be mended.
const fn pointer(code: Why) -> &'static str {
    match code {
        Why::ConsentMissing
        | Why::ConsentNotWritten
        | Why::ConsentWithdrawn
        | Why::ConsentExpired
        | Why::NumberReassigned => "/consent",
        Why::LegalBasisMissing => "/legal_basis",
        Why::Suspended
        | Why::AgreementMissing
        | Why::SpendCapReached
        | Why::TooManyCalls
        | Why::ContactRestricted
        | Why::InvalidNumber
        | Why::EmergencyNumber
        | Why::ServiceNumber
        | Why::PremiumNumber
        | Why::SharedCostNumber
        | Why::SatelliteNumber
        | Why::Suppressed
        | Why::RegistryListed
        | Why::RegistryNotChecked
        | Why::RegistryStale
        | Why::DestinationNotAllowed
        | Why::LineNotAllowed
        | Why::EmergencyClosure
        | Why::OutsideCallingHours
        | Why::DayBarred
        | Why::Holiday
        | Why::HolidaysUnknown
        | Why::CalledTooOften
        | Why::CallInProgress
        | Why::TooManyAbandoned
        | Why::PredialRefused
        | Why::PredialUnanswered
        | Why::NoCallingTime
        | Why::TimeUnknown => "/to",
    }
}

/// A verdict that is no yes, as a problem with all its reasons.
pub(in crate::api) fn why_not(verdict: &Verdict) -> Problem {
    let reasons = verdict.reasons();
    let has = |code| reasons.iter().any(|reason| reason.code == code);
    let by_time =
        |reason: &Reason| reason.code.passes_with_time() || reason.code == Why::NoCallingTime;
    let code = if has(Why::Suspended) {
        Code::Suspended
    } else if has(Why::AgreementMissing) {
        Code::AgreementMissing
    } else if has(Why::Suppressed) {
        Code::Suppressed
    } else if reasons.iter().all(by_time) && has(Why::SpendCapReached) {
        Code::SpendCapReached
    } else if reasons.iter().all(by_time) && has(Why::TooManyCalls) {
        Code::TooManyCalls
    } else if reasons.iter().all(by_time) && has(Why::CalledTooOften) {
        Code::CalledTooOften
    } else if reasons.iter().all(by_time) && has(Why::CallInProgress) {
        Code::CallInProgress
    } else if reasons.iter().all(by_time) {
        Code::OutsideCallingHours
    } else {
        Code::CallNotAllowed
    };
    reasons.iter().fold(Problem::new(code), |problem, reason| {
        let meaning = reason.code.meaning();
        let detail = match (&reason.rule, &reason.zone, &reason.local_time) {
            (Some(rule), Some(zone), Some(local)) => {
                format!("{meaning} (rule {rule}; {local} in {zone})")
            }
            (Some(rule), _, _) => format!("{meaning} (rule {rule})"),
            (None, _, _) => meaning.to_owned(),
        };
        problem.at(pointer(reason.code), reason.code.name(), detail)
    })
}

/// The same, of a call that was to begin now: when it may.
pub(super) fn refused(verdict: &Verdict, now_ms: i64) -> Problem {
    let problem = why_not(verdict);
    match verdict {
        Verdict::Defer(deferred) => {
            let wait_ms = deferred.until_unix_ms.saturating_sub(now_ms).max(0);
            let wait_s = u64::try_from(wait_ms / 1_000 + 1).unwrap_or(1);
            problem.retry_at(deferred.until_unix_ms).retry_after(wait_s)
        }
        Verdict::Allow(_) | Verdict::Deny(_) => problem,
    }
}

/// Ask whether a number may be called
///
/// Nothing is dialled. The answer is the one that `POST /v1/calls` would get from the policy at that moment, with every
/// reason, and how it was decided.
#[utoipa::path(
    post, path = "/v1/calls/check", tag = "calls", request_body = CallQuestion,
    responses((status = 200, body = CallAnswer)),
)]
pub(in crate::api) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body, once }: Posted<CallQuestion>,
) -> Result<Response, Problem> {
    let known = Known::read(&body.contact)?;
    let grounds = grounds(body.purpose, body.legal_basis, &body.contact);
    let at_ms = body.at.as_deref().map(|text| when::field("/at", text));
    let at_ms = at_ms.transpose()?;
    let work = async move {
        let keys = caller.keys(&app.desk).await?;
        let verdict = ask(&app, &keys, &body.to, (&known, grounds, None), at_ms).await?;
        let answer = answer(&verdict);
        let made = Made::new("", String::new(), &answer)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}
