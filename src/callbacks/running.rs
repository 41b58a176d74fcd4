//! Callbacks whose time has come are dialled, as any call is that the API wants. What waits is a row, not a queue: the runner
//! sleeps until the next is due or another is made, and a few at a time are dialled.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use trunkline_core::callback::Moment;
use trunkline_core::policy::{Verdict, Zone};
use trunkline_core::token::Direction;

use super::{Plan, PlanError, may_call, promise, told};
use crate::agent::Agent;
use crate::app::{App, new_call_id};
use crate::carrier::account::Unusable;
use crate::dial::{self, NoAccount, NotDialled, Order, RING_USUAL, carriers_detection};
use crate::ids::ClientId;
use crate::reception::{Turned, Which};
use crate::store::StoreError;
use crate::store::callbacks::{Callback, CallbackState};
use crate::vault::{ClientKeys, VaultError};

/// Callbacks that are dialled at once.
const AT_ONCE: usize = 4;
/// Callbacks that are read at once.
const ROWS: u32 = 50;
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

/// Dials what is due until the server shuts down. A callback that is being dialled then is brought to an end.
pub async fn keep(app: Arc<App>) {
    let mut draining = app.draining.subscribe();
    while !*draining.borrow() {
        let sleep = round(&app).await;
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = app.callbacks.changed.notified() => {}
            // An error means that the server is gone.
            _ = draining.wait_for(|draining| *draining) => return,
        }
    }
}

/// Dials what is due now, a bounded number, and tells how long nothing more will be.
pub async fn round(app: &Arc<App>) -> Duration {
    let now_ms = app.dialer().now_ms();
    let due = app.desk.store.system().due_callbacks(now_ms, ROWS).await;
    let due = match due {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "callbacks that are due cannot be looked up");
            return SLEEP_MAX / 12;
        }
    };
    let mut working = FuturesUnordered::new();
    for (client, callback) in due {
        if *app.draining.borrow() {
            break;
        }
        if working.len() >= AT_ONCE {
            working.next().await;
        }
        working.push(async move { work(app, &client, &callback).await });
    }
    while working.next().await.is_some() {}
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
    let in_a_call = callback.asked_call_id.is_some();
    let promise = promise(&callback.id, &moment, in_a_call, note);
    let variables = told(&agent, &plan.variables, &promise);
    let can_hold = app.can_hold(&agent, Direction::Outbound, &variables);
    can_hold.map_err(|_| Instead::failed("agent_cannot_hold"))?;
    let account = dial::account_of(&app.desk, client, &plan.from).await;
    let account = account.map_err(|error| match error {
        NoAccount::NoNumber | NoAccount::NoCarrier => Instead::failed("no_number"),
        NoAccount::Account(Unusable::Store(_) | Unusable::Vault(_)) => again("store"),
        NoAccount::Account(_) => Instead::failed("no_carrier_account"),
        NoAccount::Store(_) => again("store"),
    })?;
    let seat = app.admit(&agent).map_err(|_| again("at_capacity"))?;
    let verdict = may_call(app, &keys, &plan.to, zone, None, in_a_call).await;
    let allowed = match verdict.map_err(|_| again("store"))? {
        Verdict::Allow(allowed) => allowed,
        Verdict::Defer(deferred) => {
            return Err(Instead::Later {
                due_ms: deferred.until_unix_ms,
                reason: first(&deferred.reasons),
            });
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
        seat: Some(seat),
    };
    let dialled = app.dialer().dial(app, allowed, order).await;
    dialled.map_err(|error| match error {
        NotDialled::Suppressed => Instead::cancelled("suppressed"),
        NotDialled::Taken => Instead::Left,
        NotDialled::Called => again("called_too_often"),
        NotDialled::Stale | NotDialled::Store(_) | NotDialled::Vault(_) => again("store"),
        NotDialled::Egress(_) => Instead::failed("carrier_unreachable"),
        NotDialled::Unwritable(_) => Instead::failed("unreadable"),
    })
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
        | Turned::Agent(_)
        | Turned::Used
        | Turned::Plan(_)
        | Turned::Unopened(_) => Instead::failed("no_agent"),
    })
}
