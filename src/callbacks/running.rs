//! Callbacks whose time has come are dialled, as any call is that the API wants. What waits is a row, not a queue: the runner
//! sleeps until the next is due or another is made, and dials a few at a time of each client's.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use trunkline_core::callback::Moment;
use trunkline_core::policy::{Code as Why, Verdict, Zone};
use trunkline_core::token::Direction;

use super::plan::zones;
use super::{Plan, PlanError, promise, told, with_note, with_own};
use crate::agent::Agent;
use crate::app::{App, new_call_id};
use crate::carrier::account::Unusable;
use crate::dial::{self, NoAccount, NotDialled, Order, Question, RING_USUAL, carriers_detection};
use crate::ids::ClientId;
use crate::reception::{Turned, Which};
use crate::store::StoreError;
use crate::store::callbacks::{Callback, CallbackState};
use crate::store::decisions::DecisionAbout;
use crate::vault::{ClientKeys, VaultError};

/// Callbacks of one client's that are dialled at once.
const AT_ONCE: usize = 4;
/// Callbacks of one client's that are taken up at once.
const OF_CLIENT: u32 = 8;
/// Clients whose callbacks are dialled at once.
const LANES: usize = 32;
/// So long it sleeps at most: the clock may be set, and another server of the same database may schedule one.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// So long at least while something is due that could not be done.
const SLEEP_MIN: Duration = Duration::from_secs(1);
/// Before what could not be done now is tried again, ms.
const AGAIN_MS: i64 = 15_000;

/// What comes of a callback whose time has come, other than a call.
enum Instead {
    /// It is tried again.
    Later { due_ms: i64, reason: &'static str },
    /// It is over.
    End(CallbackState, &'static str),
    /// It is not this server's to dial any more.
    Left,
}

impl Instead {
    fn failed(reason: &'static str) -> Self {
        Self::End(CallbackState::Failed, reason)
    }

    fn cancelled(reason: &'static str) -> Self {
        Self::End(CallbackState::Cancelled, reason)
    }
}

/// Clients whose callbacks are being dialled: each has a lane of its own, so that none waits for another's carrier.
#[derive(Default)]
struct Lanes {
    /// Tasks: what one of them holds of the database is given back, whatever the runner waits for.
    running: JoinSet<ClientId>,
    clients: HashSet<ClientId>,
    /// The client that came last, or nothing.
    last: String,
}

impl Lanes {
    /// Begins to dial what is due of clients that have no lane, as far as there are lanes: those behind the one that came last come
    /// first. Each lane is kept for `pause` when it is done.
    async fn start(&mut self, app: &Arc<App>, pause: Duration) -> Result<(), StoreError> {
        let (store, now_ms) = (&app.desk.store, app.dialer().now_ms());
        let (first, mut is_around) = (self.last.clone(), false);
        while self.clients.len() < LANES {
            let Some(client) = store.system().due_client(&self.last, now_ms).await? else {
                if is_around || first.is_empty() {
                    return Ok(());
                }
                is_around = true;
                self.last.clear();
                continue;
            };
            if is_around && client.as_str() > first.as_str() {
                return Ok(());
            }
            client.as_str().clone_into(&mut self.last);
            if !self.clients.contains(&client) {
                let due = store.callbacks().due(&client, now_ms, OF_CLIENT).await?;
                self.open(app, client, due, pause);
            }
        }
        Ok(())
    }

    fn open(&mut self, app: &Arc<App>, client: ClientId, due: Vec<Callback>, pause: Duration) {
        self.clients.insert(client.clone());
        let app = Arc::clone(app);
        let lane = async move {
            dial_all(&app, &client, due).await;
            tokio::time::sleep(pause).await;
            client
        };
        self.running.spawn(lane);
    }

    /// Returns when a lane is done; never if there is none.
    async fn next(&mut self) {
        match self.running.join_next().await {
            Some(Ok(client)) => drop(self.clients.remove(&client)),
            // It panicked, which is told elsewhere: whose it was is found out once all are done.
            Some(Err(_)) if self.running.is_empty() => self.clients.clear(),
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }

    /// Brings what was begun to an end.
    async fn finish(&mut self) {
        while self.running.join_next().await.is_some() {}
        self.clients.clear();
    }
}

/// Dials what is due until the server shuts down. A callback that is being dialled then is brought to an end.
pub async fn keep(app: Arc<App>) {
    let mut draining = app.draining.subscribe();
    let mut lanes = Lanes::default();
    while !*draining.borrow() {
        let sleep = match lanes.start(&app, SLEEP_MIN).await {
            Ok(()) => until_next(&app).await,
            Err(error) => {
                tracing::warn!(%error, "callbacks that are due cannot be looked up");
                SLEEP_MAX / 12
            }
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = lanes.next() => {}
            () = app.callbacks.changed.notified() => {}
            // An error means that the server is gone.
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }
    lanes.finish().await;
}

/// Dials what is due now, a bounded number, and tells how long nothing more will be.
pub async fn round(app: &Arc<App>) -> Duration {
    let mut lanes = Lanes::default();
    if let Err(error) = lanes.start(app, Duration::ZERO).await {
        tracing::warn!(%error, "callbacks that are due cannot be looked up");
    }
    lanes.finish().await;
    until_next(app).await
}

async fn until_next(app: &App) -> Duration {
    match app.desk.store.system().next_callback().await {
        Ok(None) => SLEEP_MAX,
        Ok(Some(due_ms)) => {
            let wait_ms = due_ms.saturating_sub(app.dialer().now_ms());
            let wait = u64::try_from(wait_ms).ok().filter(|ms| *ms > 0);
            wait.map_or(SLEEP_MIN, Duration::from_millis).min(SLEEP_MAX)
        }
        Err(_) => SLEEP_MIN,
    }
}

/// Dials callbacks of one client's, the longest due first.
async fn dial_all(app: &Arc<App>, client: &ClientId, callbacks: Vec<Callback>) {
    let working = futures_util::stream::iter(callbacks);
    let work = |callback: Callback| async move {
        if !*app.draining.borrow() {
            work(app, client, &callback).await;
        }
    };
    working.for_each_concurrent(AT_ONCE, work).await;
}

async fn work(app: &Arc<App>, client: &ClientId, callback: &Callback) {
    let Err(instead) = call_back(app, client, callback).await else {
        return;
    };
    let (callbacks, id) = (app.desk.store.callbacks(), &callback.id);
    let stored = match instead {
        Instead::Left => return,
        Instead::Later { due_ms, reason } if due_ms <= callback.expires_ms => {
            tracing::info!(callback.id = %id, reason, "a callback waits");
            callbacks.later(client, id, due_ms, reason).await
        }
        Instead::Later { reason, .. } => {
            end(app, client, callback, CallbackState::Expired, reason).await
        }
        Instead::End(state, reason) => end(app, client, callback, state, reason).await,
    };
    if let Err(error) = stored {
        tracing::warn!(callback.id = %id, %error, "what became of a callback is not stored yet");
    }
}

async fn end(
    app: &App,
    client: &ClientId,
    callback: &Callback,
    state: CallbackState,
    reason: &str,
) -> Result<bool, StoreError> {
    tracing::info!(callback.id = %callback.id, state = state.as_str(), reason, "a callback ends without a call");
    let (callbacks, now_ms) = (app.desk.store.callbacks(), app.dialer().now_ms());
    callbacks
        .end(client, &callback.id, state, reason, now_ms)
        .await
}

/// Dials a callback that is due.
async fn call_back(app: &Arc<App>, client: &ClientId, callback: &Callback) -> Result<(), Instead> {
    let now_ms = app.dialer().now_ms();
    let again = |reason| Instead::Later {
        due_ms: now_ms + AGAIN_MS,
        reason,
    };
    if now_ms > callback.expires_ms {
        return Err(Instead::End(CallbackState::Expired, "too_late"));
    }
    let keys = keys(app, client, &again).await?;
    let (plan, note) = Plan::open(&keys, callback)
        .await
        .map_err(|error| match error {
            PlanError::Vault(VaultError::Forgotten) => Instead::cancelled("forgotten"),
            PlanError::Vault(_) => again("keys"),
            PlanError::Unopened(_) | PlanError::Garbled => Instead::failed("unreadable"),
        })?;
    let zone = Zone::parse(&callback.zone).map_err(|_| Instead::failed("unreadable"))?;
    let call_id = new_call_id();
    let agent = agent(app, &keys, callback, &plan, &call_id, &again).await?;
    let moment = Moment {
        unix_ms: callback.agreed_ms,
        zone,
    };
    let promise = promise(&callback.id, &moment, callback.asked_call_id.clone());
    let variables = told(&agent, &plan.variables, &promise);
    let with_note = with_note(&agent, variables.clone(), note);
    let can_hold = app.can_hold(&agent, Direction::Outbound, &with_note);
    can_hold.map_err(|_| Instead::failed("agent_cannot_hold"))?;
    let account = dial::account_of(&app.desk, client, &plan.from).await;
    let account = account.map_err(|error| match error {
        NoAccount::NoNumber | NoAccount::NoCarrier => Instead::failed("no_number"),
        NoAccount::Account(Unusable::Store(_) | Unusable::Vault(_)) => again("store"),
        NoAccount::Account(_) => Instead::failed("no_carrier_account"),
        NoAccount::Store(_) => again("store"),
    })?;
    let seat = app.admit(&agent).map_err(|_| again("at_capacity"))?;
    let said = zones(&plan.zones).ok_or_else(|| Instead::failed("unreadable"))?;
    let clocks = with_own(zone, &said);
    let question = Question {
        to: plan.to.as_str(),
        places: &plan.places,
        zones: &clocks,
        at_ms: None,
        asked_call_id: callback.asked_call_id.as_deref(),
        grounds: plan.grounds,
        agent_id: Some(&agent.id),
    };
    let verdict = app.dialer().may_dial(&app.desk, &keys, &question).await;
    let verdict = verdict.map_err(|_| again("store"))?;
    let about = (DecisionAbout::Callback, callback.id.as_str());
    let noted = app
        .dialer()
        .note_refusal(&app.desk, &keys, plan.to.as_str(), &verdict, about);
    noted.await.map_err(|_| again("store"))?;
    let allowed = match verdict {
        Verdict::Allow(allowed) => allowed,
        Verdict::Defer(deferred) => {
            return Err(Instead::Later {
                due_ms: deferred.until_unix_ms,
                reason: first(&deferred.reasons),
            });
        }
        // What was agreed with the person is not forgotten because the client was stopped meanwhile.
        Verdict::Deny(denied) if denied.reasons.iter().all(may_be_lifted) => {
            return Err(again(first(&denied.reasons)));
        }
        Verdict::Deny(denied) => return Err(Instead::cancelled(first(&denied.reasons))),
    };
    let machines = carriers_detection(&agent);
    let order = Order {
        call_id,
        agent,
        from: plan.from,
        account,
        variables,
        record: plan.record,
        ring: RING_USUAL,
        machines,
        metadata: None,
        promise: Some(promise),
        places: plan.places,
        zones: said,
        grounds: plan.grounds,
        seat: Some(seat),
    };
    let dialled = app.dialer().dial(app, allowed, order).await;
    dialled.map_err(|error| match error {
        NotDialled::Suppressed => Instead::cancelled("suppressed"),
        NotDialled::Taken => Instead::Left,
        NotDialled::Suspended => again("suspended"),
        NotDialled::Withdrawn => again("consent_withdrawn"),
        NotDialled::Limited => again("too_many_calls"),
        NotDialled::Called => again("called_too_often"),
        NotDialled::Engaged => again("call_in_progress"),
        NotDialled::Stale | NotDialled::Store(_) | NotDialled::Vault(_) => again("store"),
        NotDialled::Egress(_) => again("carrier_unreachable"),
        NotDialled::Unwritable(_) => Instead::failed("unreadable"),
    })
}

/// Whether somebody may yet lift a reason, or time may.
fn may_be_lifted(reason: &trunkline_core::policy::Reason) -> bool {
    let of_the_client = [Why::Suspended, Why::AgreementMissing, Why::TooManyAbandoned];
    of_the_client.contains(&reason.code) || reason.code.passes_with_time()
}

fn first(reasons: &[trunkline_core::policy::Reason]) -> &'static str {
    reasons
        .first()
        .map_or("not_allowed", |reason| reason.code.name())
}

/// The keys of a client that is open.
async fn keys(
    app: &App,
    client: &ClientId,
    again: &impl Fn(&'static str) -> Instead,
) -> Result<ClientKeys, Instead> {
    let row = app.desk.store.clients().find(client).await;
    let row = row.map_err(|_| again("store"))?;
    if row.is_none_or(|row| row.closed_ms.is_some()) {
        return Err(Instead::cancelled("client_closed"));
    }
    match app.desk.keys(client).await {
        Err(VaultError::NoClient { .. }) => Err(Instead::cancelled("client_closed")),
        keys => keys.map_err(|_| again("keys")),
    }
}

/// The agent as it is now: in the version that its owner gives to such calls.
async fn agent(
    app: &App,
    keys: &ClientKeys,
    callback: &Callback,
    plan: &Plan,
    call_id: &str,
    again: &impl Fn(&'static str) -> Instead,
) -> Result<Arc<Agent>, Instead> {
    let which = Which::Shared {
        person: Some(&plan.to),
        call_id,
    };
    let found = app
        .reception
        .agent(&app.desk, keys, &callback.agent_id, which);
    found.await.map_err(|turned| match turned {
        Turned::Store(_) | Turned::Vault(_) => again("store"),
        Turned::NoAgent
        | Turned::NoVersion
        | Turned::NoDraft
        | Turned::NoClient
        | Turned::WhichClient
        | Turned::Suspended
        | Turned::Agent(_)
        | Turned::Used
        | Turned::Plan(_)
        | Turned::Unopened(_) => Instead::failed("no_agent"),
    })
}
