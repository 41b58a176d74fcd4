//! A call comes in: whether it is taken, by whom, and what is known of who calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics::counter;
use trunkline_core::token::{Claims, Direction};
use trunkline_core::wire::hook::Choice;
use trunkline_core::wire::twilio::twiml::{self, Reject};
use trunkline_core::wire::twilio::webhook::VoiceRequest;

use super::voice::{SOCKET_PATIENCE, Verdict};
use super::{AwaitedCall, choosing, opt_out_line};
use crate::admission::{Door, Full, Place};
use crate::agent::{Agent, NotForThisCall};
use crate::ahead::{self, Coming};
use crate::app::{App, new_call_id};
use crate::carrier::account::Account;
use crate::clock;
use crate::desk;
use crate::inbound::callers::{self, Known};
use crate::inbound::{Answering, business};
use crate::reception::Which;
use crate::store::StoreError;
use crate::store::numbers::Number;

/// Why nobody takes a call.
enum Untaken {
    /// There is no place for a call of the agent's.
    Busy(Full),
    /// There is no agent who can.
    NoAgent,
}

fn busy(full: Full) -> Verdict {
    full.count(Door::Webhook);
    tracing::warn!(reason = full.code(), "a call hears a busy line: {full}");
    counter!("trunkline_calls_untaken_total", "reason" => "busy").increment(1);
    Verdict::Reject(Reject::Busy)
}

pub(super) async fn incoming(app: &App, account: &Account, call: &VoiceRequest) -> Verdict {
    let Some(to) = &call.to else {
        return Verdict::Reject(Reject::Rejected);
    };
    let index = app.desk.own_number_index(to);
    let mut number = match app.desk.store.system().number_called(&index).await {
        Ok(Some(number)) if number.client == account.client => number,
        Ok(_) => return Verdict::Reject(Reject::Rejected),
        Err(error) => {
            tracing::error!(%error, "a called number cannot be looked up");
            return Verdict::Sorry("store");
        }
    };
    let answering = Answering::open(&account.keys, &number.id, number.answering.as_ref());
    let answering = match answering {
        Ok(answering) => answering,
        Err(error) => {
            tracing::error!(%error, "how a number takes calls cannot be read");
            return Verdict::Sorry("store");
        }
    };
    if answering.opt_out_line {
        return Verdict::Tell(opt_out_line::take(app, account, call, &answering).await);
    }
    // Of a client that was stopped, callers hear by the carrier's voice that they cannot be taken, rather than a dead line, which
    // they would call again and again. No agent speaks for it, and its own server is not asked.
    match is_stopped(app, account, None).await {
        Ok(false) => {}
        Ok(true) => return Verdict::Sorry("suspended"),
        Err(error) => {
            tracing::error!(%error, "whether a client was stopped cannot be looked up");
            return Verdict::Sorry("store");
        }
    }
    // Nobody is asked who takes a call that nobody can.
    if let Err(full) = app.takes_calls(false) {
        return busy(full);
    }
    if let Some(why) = unwanted(app, account, call).await {
        counter!("trunkline_calls_untaken_total", "reason" => why).increment(1);
        tracing::info!(client = %account.client, reason = why, "a call hears a busy line");
        return Verdict::Reject(Reject::Busy);
    }
    if !answering.is_open(clock::unix_ms()) {
        let outside = answering.outside_hours.as_ref();
        match outside.and_then(|outside| outside.agent_id.clone()) {
            Some(agent_id) => number.agent_id = Some(agent_id),
            None => return closed(app, account, &answering).await,
        }
    }
    let call_id = new_call_id();
    let known = callers::known(&app.desk, &account.keys, call.from.as_ref()).await;
    let chosen = match choosing::ask(app, account, call, &call_id, &number).await {
        Choice::Busy => return Verdict::Reject(Reject::Busy),
        Choice::Reject => return Verdict::Reject(Reject::Rejected),
        Choice::Take {
            agent_id,
            variables,
        } => agent_id.map_or_else(
            || (number.agent_id.clone(), variables.clone()),
            |id| (Some(id), variables.clone()),
        ),
    };
    let which = Which::Shared {
        person: call.from.as_ref(),
        call_id: &call_id,
    };
    let Able {
        agent_id,
        agent,
        variables,
        place,
    } = match able(app, account, &number, chosen, &known, which).await {
        Ok(able) => able,
        Err(Untaken::Busy(full)) => return busy(full),
        Err(Untaken::NoAgent) => return Verdict::Sorry("no_agent"),
    };
    let coming = Coming {
        keys: &account.keys,
        call_id: &call_id,
        agent: &agent,
        down: place.down(),
    };
    app.admission.promise(&call_id, place, SOCKET_PATIENCE);
    let (way, person) = (Direction::Inbound, call.from.as_ref());
    let settings = app.reception.settings(&agent, way, person, true);
    ahead::answered(app, &coming, &settings.notices.opening).await;
    Verdict::Connect(Box::new(AwaitedCall {
        claims: Claims {
            call_id,
            client: Some(account.client.as_str().to_owned()),
            agent: agent_id,
            version: Some(agent.version),
            from: call.from.clone(),
            to: call.to.clone(),
            direction: Direction::Inbound,
            expires_unix_s: 0,
            reusable: false,
            carrier: Some(account.id.clone()),
        },
        carrier_id: account.id.clone(),
        carrier_call_id: Some(call.call_id.clone()),
        variables,
        contact_id: known.contact_id,
    }))
}

/// Why a call hears a busy line before anything is asked about it.
async fn unwanted(app: &App, account: &Account, call: &VoiceRequest) -> Option<&'static str> {
    if let Some(caller) = &call.from {
        let hash = desk::blocked_index(&account.keys, caller);
        let blocked = app.desk.store.blocked_callers();
        match blocked.of_hash(&account.client, &hash).await {
            Ok(Some(_)) => return Some("blocked"),
            Ok(None) => {}
            // Somebody who is blocked is heard rather than everybody turned away.
            Err(error) => tracing::warn!(%error, "it is not known whether a caller is blocked"),
        }
        if !app.floods.lets_in(&hash) {
            return Some("flood");
        }
    }
    let most = usize::try_from(app.floods.limits().calls_per_client).unwrap_or(usize::MAX);
    let client = &account.client;
    let open = app.desk.live.of_client(client) + app.awaited.of_client(client);
    (most > 0 && open >= most).then_some("client_full")
}

/// What a caller hears outside the hours of a number.
async fn closed(app: &App, account: &Account, answering: &Answering) -> Verdict {
    counter!("trunkline_calls_untaken_total", "reason" => "closed").increment(1);
    let business = match business(&app.desk, &account.keys).await {
        Ok(business) => business,
        Err(error) => {
            tracing::error!(%error, "what a client is called cannot be read");
            return Verdict::Sorry("store");
        }
    };
    let locale = &answering.language().transfer().locale;
    Verdict::Tell(twiml::say_and_hang_up(&answering.closed(&business), locale))
}

/// Whether the client was stopped, or this agent of its.
async fn is_stopped(
    app: &App,
    account: &Account,
    agent_id: Option<&str>,
) -> Result<bool, StoreError> {
    let suspensions = app.desk.store.suspensions();
    suspensions.holds(&account.client, agent_id).await
}

/// Who takes a call.
struct Able {
    agent_id: String,
    agent: Arc<Agent>,
    variables: BTreeMap<String, String>,
    place: Place,
}

/// The agent that was chosen, by its id, with its variables; or else the number's own without any, if it can hold a call. What the
/// caller's contact says of an agent's other variables is used as far as the agent can take it.
async fn able(
    app: &App,
    account: &Account,
    number: &Number,
    (chosen, variables): (Option<String>, BTreeMap<String, String>),
    known: &Known,
    which: Which<'_>,
) -> Result<Able, Untaken> {
    let own = number.agent_id.clone().map(|id| (id, BTreeMap::new()));
    let tries = [chosen.map(|id| (id, variables)), own];
    for (agent_id, variables) in tries.into_iter().flatten() {
        if !matches!(is_stopped(app, account, Some(&agent_id)).await, Ok(false)) {
            tracing::warn!(agent = %agent_id, "an agent that was stopped takes no calls");
            continue;
        }
        let found = app
            .reception
            .agent(&app.desk, &account.keys, &agent_id, which)
            .await;
        let problem = match found {
            Ok(agent) => match with_known(app, &agent, variables, known) {
                Ok(variables) => {
                    let place = app.admit(&agent).map_err(Untaken::Busy)?;
                    return Ok(Able {
                        agent_id,
                        agent,
                        variables,
                        place,
                    });
                }
                Err(error) => error.to_string(),
            },
            Err(turned) => turned.to_string(),
        };
        tracing::warn!(agent = %agent_id, problem, "an agent cannot take a call that came in");
    }
    Err(Untaken::NoAgent)
}

/// The values that an agent holds a call with: what is given, and beside it what is known of the caller, unless the agent cannot
/// take that.
fn with_known(
    app: &App,
    agent: &Agent,
    given: BTreeMap<String, String>,
    known: &Known,
) -> Result<BTreeMap<String, String>, NotForThisCall> {
    let mut whole = agent.takes(&known.variables);
    if !whole.is_empty() {
        whole.extend(given.clone());
        if app.can_hold(agent, Direction::Inbound, &whole).is_ok() {
            return Ok(whole);
        }
        tracing::info!(agent = %agent.id, "what is known of a caller is none of the agent's values");
    }
    app.can_hold(agent, Direction::Inbound, &given)?;
    Ok(given)
}
