//! Calls that the client wants placed. Whether a number may be called is the policy's to say, and nobody else's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{Code as Why, Verdict};
use trunkline_core::token::Direction;
use utoipa::ToSchema;

use super::check::{Known, Whereabouts, ask, ask_last, grounds, note_refusal, refused};
use super::{METADATA_BYTES_MAX, find, show};
use crate::admission::Door;
use crate::agent::{Agent, NotForThisCall};
use crate::api::agents::wanted::{WantedVersion, not_there};
use crate::api::auth::Caller;
use crate::api::consents::{self, Given, LegalBasis, Purpose};
use crate::api::once::{Made, NewId, Posted};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::{stored, unopened};
use crate::app::App;
use crate::carrier::MachineDetection as Machines;
use crate::carrier::account::Account;
use crate::desk::{self, Desk};
use crate::dial::{NotDialled, Order, carriers_detection};
use crate::ids;
use crate::reception::Which;
use crate::store::decisions::DecisionAbout;
use crate::store::numbers::Number;
use crate::vault::ClientKeys;

/// Anybody needs so long to reach a telephone.
const RING_S_MIN: u32 = 15;
const RING_S_MAX: u32 = 300;
const RING_S_USUAL: u32 = 45;
const MACHINES_S_MIN: u32 = 3;
const MACHINES_S_MAX: u32 = 59;
const MACHINES_S_USUAL: u32 = 30;
const VARIABLES_MAX: usize = 100;
const VARIABLE_NAME_CHARS_MAX: usize = 64;
const VARIABLE_CHARS_MAX: usize = 500;

/// What the carrier is to find out about who answers.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum MachineDetectionMode {
    /// Whether it is a machine.
    Detect,
    /// Whether it is a machine, and when its greeting is over.
    GreetingEnd,
}

/// Answering-machine detection of the carrier's. The call is connected at once, and its agent is told the verdict; an agent
/// whose `answering.detect` heeds the carrier asks for it by itself, and does what it says there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct MachineDetection {
    /// What to find out.
    mode: MachineDetectionMode,
    /// How long it may take; 30 if absent.
    #[schema(minimum = 3, maximum = 59)]
    timeout_seconds: Option<u32>,
}

/// A call to be placed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewCall {
    /// Who is called, in E.164 form.
    #[serde(alias = "to_number")]
    #[schema(example = "+15550100123")]
    to: String,
    /// Who calls: one of the client's numbers, in E.164 form or by its id. It must belong to a carrier account.
    #[serde(alias = "from_number")]
    #[schema(example = "num_01JD0000000000000000000000")]
    from: String,
    /// Who speaks. The agent must be for outbound calls.
    #[serde(alias = "assistant_id")]
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// In which version, in place of the one that its owner gives to such calls; `draft` to try its draft. Needs
    /// `agents:write` too.
    agent_version: Option<WantedVersion>,
    /// Values of the agent's variables.
    #[serde(default, alias = "dynamic_variables")]
    variables: BTreeMap<String, String>,
    /// False forbids to record the call. Otherwise the agent's settings decide, and the law.
    record: Option<bool>,
    /// How long it may ring; 45 if absent.
    #[schema(minimum = 15, maximum = 300)]
    ring_seconds: Option<u32>,
    /// Whether to find out if a machine answers; it is not if absent.
    machine_detection: Option<MachineDetection>,
    /// What is known of where the person is.
    #[serde(default)]
    contact: Whereabouts,
    /// What the call is for; `marketing` if absent, which the law allows least.
    purpose: Option<Purpose>,
    /// On which basis of the law they are called, where no consent is needed.
    legal_basis: Option<LegalBasis>,
    /// A consent that they gave to calls of this purpose. It is put on the ledger of consents, and counts for later calls too.
    consent: Option<Given>,
    /// The client's own notes on it: at most 16 KiB of JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
}

/// The agent, if it can hold this call.
async fn agent(
    app: &App,
    keys: &ClientKeys,
    new: &NewCall,
    call_id: &str,
) -> Result<Arc<Agent>, Problem> {
    let person = PhoneNumber::parse(&new.to).ok();
    let shared = Which::Shared {
        person: person.as_ref(),
        call_id,
    };
    let which = new.agent_version.map_or(shared, WantedVersion::which);
    let found = app.reception.agent(&app.desk, keys, &new.agent_id, which);
    let agent = found.await.map_err(not_there)?;
    if let Some(wanted) = new.agent_version {
        wanted.is(&agent)?;
    }
    let held = app.can_hold(&agent, Direction::Outbound, &new.variables);
    held.map(|()| agent).map_err(cannot_hold)
}

/// What it is to a client that an agent cannot hold a call.
pub(in crate::api) fn cannot_hold(not: NotForThisCall) -> Problem {
    match not {
        NotForThisCall::Mindless => {
            let detail = "this agent has a prompt, and the server has no language model";
            Problem::invalid("/agent_id", "no_model", detail)
        }
        NotForThisCall::Speechless { language } => {
            let detail = format!(
                "the agent speaks {language}, and the embedded recogniser and voice are English; choose providers for both"
            );
            Problem::invalid("/agent_id", "no_speech", detail)
        }
        NotForThisCall::Direction { .. } => {
            let detail = "this agent is not for outbound calls; see its `directions`";
            Problem::invalid("/agent_id", "not_outbound", detail)
        }
        NotForThisCall::Variables { problems, .. } => {
            let problem = Problem::new(Code::Invalid);
            problems.into_iter().fold(problem, |problem, wrong| {
                let code = serde_json::to_value(wrong.code).unwrap_or_default();
                let code = code.as_str().unwrap_or("invalid").to_owned();
                let pointer = if wrong.pointer.starts_with("/variables") {
                    wrong.pointer
                } else {
                    format!("/variables{}", wrong.pointer)
                };
                problem.at(pointer, code, wrong.detail)
            })
        }
    }
}

/// The client's number that calls, and its account.
pub(in crate::api) async fn caller_of(
    app: &App,
    caller: &Caller,
    keys: &ClientKeys,
    from: &str,
) -> Result<(PhoneNumber, Account), Problem> {
    let not_found = || Problem::invalid("/from", "not_found", "the client has no such number");
    let store = &app.desk.store;
    let row: Option<Number> = if ids::is_id("num", from) {
        let found = store.numbers().find(&caller.client, from).await;
        found.map_err(stored)?
    } else {
        let number = PhoneNumber::parse(from)
            .map_err(|error| Problem::invalid("/from", "invalid_number", error.to_string()))?;
        let index = app.desk.own_number_index(&number);
        let found = store.system().number_called(&index).await;
        found
            .map_err(stored)?
            .filter(|row| row.client == caller.client)
    };
    let row = row.ok_or_else(not_found)?;
    let place = desk::Place::new("numbers.number", &row.id);
    let text = desk::open(keys, place, &row.number.sealed).map_err(unopened)?;
    let number = PhoneNumber::parse(&text).map_err(|error| Problem::internal(&error))?;
    let no_carrier = || {
        let detail = "the number belongs to no carrier account; set its carrier_account_id";
        Problem::invalid("/from", "no_carrier", detail)
    };
    let carrier_id = row.carrier_id.ok_or_else(no_carrier)?;
    let account = Account::find(&app.desk, &caller.client, &carrier_id).await;
    let account = account.map_err(|error| Problem::internal(&error))?;
    Ok((number, account.ok_or_else(no_carrier)?))
}

/// Puts the consent that came with a call on the ledger. A number that is none is the policy's to refuse.
async fn note_consent(
    app: &App,
    keys: &ClientKeys,
    new: &NewCall,
    call_id: &str,
) -> Result<(), Problem> {
    let (Some(given), Ok(person)) = (&new.consent, PhoneNumber::parse(&new.to)) else {
        return Ok(());
    };
    let id = consents::id_with(call_id);
    let purposes = [new.purpose.unwrap_or(Purpose::Marketing)];
    let (at, of) = (("/consent", &person), (id.as_str(), Some(call_id)));
    given.note(app, keys, at, of, &purposes).await
}

fn in_range(
    pointer: &'static str,
    value: Option<u32>,
    usual: u32,
    (least, most): (u32, u32),
) -> Result<Duration, Problem> {
    let seconds = value.unwrap_or(usual);
    if !(least..=most).contains(&seconds) {
        let detail = format!("expected {least} to {most}");
        return Err(Problem::invalid(pointer, "out_of_range", detail));
    }
    Ok(Duration::from_secs(seconds.into()))
}

/// Values of variables, as many and as long as they may be.
pub(in crate::api) fn within_bounds(variables: &BTreeMap<String, String>) -> Result<(), Problem> {
    if variables.len() > VARIABLES_MAX {
        return Err(Problem::invalid("/variables", "too_many", "at most 100"));
    }
    for (name, value) in variables {
        if name.chars().count() > VARIABLE_NAME_CHARS_MAX
            || value.chars().count() > VARIABLE_CHARS_MAX
        {
            let detail = "names have at most 64 characters, values at most 500";
            return Err(Problem::invalid("/variables", "too_long", detail));
        }
    }
    Ok(())
}

/// What can be wrong with a call before anything is looked up.
fn bounded(new: &NewCall) -> Result<(Duration, Option<Machines>, Option<String>), Problem> {
    let ring = in_range(
        "/ring_seconds",
        new.ring_seconds,
        RING_S_USUAL,
        (RING_S_MIN, RING_S_MAX),
    )?;
    let machines = new.machine_detection.as_ref().map(|machines| {
        let pointer = "/machine_detection/timeout_seconds";
        let range = (MACHINES_S_MIN, MACHINES_S_MAX);
        let timeout = in_range(pointer, machines.timeout_seconds, MACHINES_S_USUAL, range)?;
        Ok(Machines {
            waits_for_end: matches!(machines.mode, MachineDetectionMode::GreetingEnd),
            timeout,
            verdict_url: None,
        })
    });
    within_bounds(&new.variables)?;
    let metadata = Value::Object(new.metadata.clone()).to_string();
    if metadata.len() > METADATA_BYTES_MAX {
        let detail = "at most 16 KiB of JSON";
        return Err(Problem::invalid("/metadata", "too_long", detail));
    }
    let metadata = (!new.metadata.is_empty()).then_some(metadata);
    Ok((ring, machines.transpose()?, metadata))
}

/// Place a call
///
/// The number may be called only where the law, the client's destinations and suppressions allow it, and there is a ground for
/// the call; what does not is answered with every reason. Nobody's telephone rings while a call of the client's with it goes
/// on. The call is there from this answer on, also where the carrier has not said yet whether it
/// has it: its `status` tells. With an Idempotency-Key, a repeated request places nothing again. A server that has too much
/// to do answers `at_capacity` with a `reason`; a call that it has placed has its place while it rings.
#[utoipa::path(
    post, path = "/v1/calls", tag = "calls", request_body = NewCall,
    responses((status = 201, body = super::Call)),
)]
pub(in crate::api) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewCall>,
) -> Result<Response, Problem> {
    let (ring, machines, metadata) = bounded(&new)?;
    let known = Known::read(&new.contact)?;
    let grounds = grounds(new.purpose, new.legal_basis, &new.contact);
    new.agent_version
        .map_or(Ok(()), |wanted| wanted.may(&caller))?;
    let work = move |id: NewId| async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        // What a server placed that was lost is not judged again.
        if id.is_again() && is_there(desk, &caller, &id.id).await? {
            return placed(desk, &caller, &keys, &id.id).await;
        }
        let agent = agent(&app, &keys, &new, &id.id).await?;
        let seat = app.admit(&agent).map_err(|full| {
            full.count(Door::Api);
            Problem::at_capacity(full)
        })?;
        let (from, account) = caller_of(&app, &caller, &keys, &new.from).await?;
        note_consent(&app, &keys, &new, &id.id).await?;
        let agent_id = agent.id.clone();
        let of = (&known, grounds, Some(agent_id.as_str()));
        let verdict = ask_last(&app, &keys, &new.to, of).await?;
        let Verdict::Allow(allowed) = verdict else {
            let about = (DecisionAbout::Call, id.id.as_str());
            note_refusal(&app, &keys, &new.to, &verdict, about).await?;
            return Err(refused(&verdict, app.dialer().now_ms()));
        };
        let of_agent = carriers_detection(&agent);
        let order = Order {
            call_id: id.id.clone(),
            agent,
            from,
            account,
            variables: new.variables,
            record: new.record.unwrap_or(true),
            ring,
            machines: machines.or(of_agent),
            metadata,
            promise: None,
            places: known.places.clone(),
            zones: known.zones.clone(),
            grounds,
            seat: Some(seat),
        };
        let dialled = app.dialer().dial(&app, allowed, order).await;
        if let Err(
            NotDialled::Called
            | NotDialled::Engaged
            | NotDialled::Suspended
            | NotDialled::Withdrawn
            | NotDialled::Limited,
        ) = dialled
        {
            // Another was quicker: what holds now is told.
            let verdict = ask(&app, &keys, &new.to, of, None).await?;
            return Err(match verdict {
                Verdict::Allow(_) => Problem::new(Code::Unavailable).retry_after(1),
                Verdict::Defer(_) | Verdict::Deny(_) => refused(&verdict, app.dialer().now_ms()),
            });
        }
        dialled.map_err(|error| match error {
            NotDialled::Suppressed => Problem::new(Code::Suppressed).at(
                "/to",
                Why::Suppressed.name(),
                Why::Suppressed.meaning(),
            ),
            NotDialled::Called
            | NotDialled::Engaged
            | NotDialled::Suspended
            | NotDialled::Withdrawn
            | NotDialled::Limited
            | NotDialled::Stale
            | NotDialled::Taken => Problem::new(Code::Unavailable).retry_after(1),
            NotDialled::Store(error) => stored(error),
            error @ (NotDialled::Vault(_) | NotDialled::Egress(_) | NotDialled::Unwritable(_)) => {
                Problem::internal(&error)
            }
        })?;
        placed(desk, &caller, &keys, &id.id).await
    };
    once.settle_new("call", work).await
}

async fn is_there(desk: &Desk, caller: &Caller, call_id: &str) -> Result<bool, Problem> {
    let found = desk.store.calls().find(&caller.client, call_id).await;
    Ok(found.map_err(stored)?.is_some())
}

/// A call that was placed. An error would invite the client to place it again.
async fn placed(
    desk: &Desk,
    caller: &Caller,
    keys: &ClientKeys,
    call_id: &str,
) -> Result<Made, Problem> {
    let location = format!("/v1/calls/{call_id}");
    let shown = async {
        let row = find(desk, caller, call_id).await?;
        let revision = row.revision;
        let call = show(desk, keys, row).await?;
        Ok::<_, Problem>(Made::new(call_id, location.clone(), &call)?.revision(revision))
    };
    match shown.await {
        Ok(made) => Ok(made),
        Err(_) => {
            let bare = serde_json::json!({ "id": call_id, "status": "queued" });
            Made::new(call_id, location, &bare)
        }
    }
}
