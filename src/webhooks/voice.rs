//! A call asks what to do: who takes it, and where its media goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use trunkline_core::token::{Claims, Direction};
use trunkline_core::wire::hook::Choice;
use trunkline_core::wire::twilio::twiml::{self, ConnectStream, Reject};
use trunkline_core::wire::twilio::webhook::{VoiceRequest, Way};

use super::door::Visit;
use super::{Addresses, AwaitedCall, CALL, choosing};
use crate::admission::{Door, Full, Place};
use crate::agent::Agent;
use crate::ahead::{self, Coming};
use crate::app::{App, new_call_id};
use crate::carrier::account::Account;
use crate::clock;
use crate::reception::Which;
use crate::store::StoreError;
use crate::store::numbers::Number;

/// How long the carrier may take to open the socket once it knows where.
const SOCKET_PATIENCE: Duration = Duration::from_secs(120);
/// What the carrier's own voice says when nobody can take a call.
const SORRY: &str =
    "We are sorry, your call cannot be taken at the moment. Please call again later. Goodbye.";
const SORRY_LANGUAGE: &str = "en-US";

/// What is to become of a call.
enum Verdict {
    /// Its media goes to this socket.
    Connect(Box<AwaitedCall>),
    /// It is not taken.
    Reject(Reject),
    /// Nobody can take it, and it hears so.
    Sorry(&'static str),
}

/// `POST …/voice`: instructions for a call that came in, or for one of ours that was answered.
pub(super) async fn voice(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Ok(call) = VoiceRequest::read(&visit.form) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let known = app.awaited.of_carrier(&visit.account.id, &call.call_id);
    let verdict = match (known, call.way) {
        // Asked again, since our answer was lost: it stays the same.
        (Some(awaited), _) => Verdict::Connect(Box::new(awaited)),
        (None, Way::Outbound) => answered(&app, &visit, &call).await,
        (None, Way::Inbound) => incoming(&app, &visit.account, &call).await,
    };
    let twiml = match verdict {
        Verdict::Connect(awaited) => {
            let call_id = awaited.claims.call_id.clone();
            connect(&app, &visit.account.id, *awaited).unwrap_or_else(|why| {
                app.not_coming(&call_id);
                sorry(why)
            })
        }
        Verdict::Reject(why) => twiml::reject(why),
        Verdict::Sorry(why) => sorry(why),
    };
    xml(twiml)
}

/// `POST …/after`: what comes after the media stream. A call whose socket never opened hears that it cannot be taken.
pub(super) async fn after(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let call_id = visit.form.first("CallSid").unwrap_or_default();
    let unmet = app.awaited.of_carrier(&visit.account.id, call_id);
    xml(match unmet {
        Some(call) => {
            app.not_coming(&call.claims.call_id);
            sorry("no_socket")
        }
        None => twiml::hang_up(),
    })
}

fn sorry(why: &'static str) -> String {
    counter!("trunkline_calls_untaken_total", "reason" => why).increment(1);
    tracing::warn!(reason = why, "a call could not be taken");
    twiml::say_and_hang_up(SORRY, SORRY_LANGUAGE)
}

/// Instructions, as the carrier takes them.
pub(crate) fn xml(twiml: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml).into_response()
}

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

/// One of ours: who speaks was settled before it was placed.
async fn answered(app: &App, visit: &Visit, call: &VoiceRequest) -> Verdict {
    let call_id = visit.query.first(CALL).unwrap_or_default();
    let awaited = app.awaited.find(call_id);
    let Some(awaited) = awaited.filter(|awaited| awaited.carrier_id == visit.account.id) else {
        return Verdict::Sorry("unknown_call");
    };
    let (keys, claims) = (&visit.account.keys, &awaited.claims);
    let which = Which::of(claims, &claims.call_id);
    let agent = app
        .reception
        .agent(&app.desk, keys, &claims.agent, which)
        .await;
    let Ok(agent) = agent else {
        return Verdict::Sorry("no_agent");
    };
    if *app.draining.borrow() {
        Full::Draining.count(Door::Webhook);
        return Verdict::Sorry("busy");
    }
    let call_id = &awaited.claims.call_id;
    if !app.admission.prolong(call_id, SOCKET_PATIENCE) {
        match app.admit(&agent) {
            Ok(place) => app.admission.promise(call_id, place, SOCKET_PATIENCE),
            Err(full) => {
                full.count(Door::Webhook);
                return Verdict::Sorry("busy");
            }
        }
    }
    let version = Some(agent.version);
    Verdict::Connect(Box::new(AwaitedCall {
        claims: Claims {
            version,
            ..awaited.claims
        },
        carrier_call_id: Some(call.call_id.clone()),
        ..awaited
    }))
}

async fn incoming(app: &App, account: &Account, call: &VoiceRequest) -> Verdict {
    // Nobody is asked who takes a call that nobody can.
    if let Err(full) = app.takes_calls(false) {
        return busy(full);
    }
    let Some(to) = &call.to else {
        return Verdict::Reject(Reject::Rejected);
    };
    let index = app.desk.own_number_index(to);
    let number = match app.desk.store.system().number_called(&index).await {
        Ok(Some(number)) if number.client == account.client => number,
        Ok(_) => return Verdict::Reject(Reject::Rejected),
        Err(error) => {
            tracing::error!(%error, "a called number cannot be looked up");
            return Verdict::Sorry("store");
        }
    };
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
    let call_id = new_call_id();
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
    } = match able(app, account, &number, chosen, which).await {
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
    }))
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

/// The agent that was chosen, by its id, with its variables; or else the number's own without any, if it can hold a call.
async fn able(
    app: &App,
    account: &Account,
    number: &Number,
    (chosen, variables): (Option<String>, BTreeMap<String, String>),
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
            Ok(agent) => match app.can_hold(&agent, Direction::Inbound, &variables) {
                Ok(()) => {
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

/// Awaits the call's socket, and tells the carrier where it is.
pub(crate) fn connect(
    app: &App,
    carrier_id: &str,
    call: AwaitedCall,
) -> Result<String, &'static str> {
    let after = Addresses::new(&app.public_url, carrier_id).after();
    let (claims, twiml) = to_socket(app, carrier_id, call.claims, &after)?;
    app.admission.prolong(&claims.call_id, SOCKET_PATIENCE);
    let call = AwaitedCall { claims, ..call };
    app.awaited
        .add(call, SOCKET_PATIENCE)
        .map_err(|_| "too_many")?;
    Ok(twiml)
}

/// Has the carrier open a socket with these claims, which are good for it alone and for so long as it may take; it asks `after` what comes
/// after that. The claims as they are in the token, and the instructions.
pub(crate) fn to_socket(
    app: &App,
    carrier_id: &str,
    claims: Claims,
    after: &str,
) -> Result<(Claims, String), &'static str> {
    let now_s = u64::try_from(clock::unix_ms() / 1_000).unwrap_or(0);
    let claims = Claims {
        expires_unix_s: now_s + SOCKET_PATIENCE.as_secs(),
        carrier: Some(carrier_id.to_owned()),
        ..claims
    };
    let url = app.media_url(&claims).ok_or("no_signing_key")?;
    let status_url = Addresses::new(&app.public_url, carrier_id).stream();
    let stream = ConnectStream {
        url: &url,
        parameters: &[],
        status_url: Some(&status_url),
        action: Some(after),
    };
    let twiml = twiml::connect(&stream).map_err(|_| "too_long")?;
    Ok((claims, twiml))
}
