//! Two who were led into a room, of whom one has left: the carrier ends the room with either, but whoever was on the way to it waits there
//! for nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::legs::{Legs, Side, was_put_through};
use crate::app::App;
use crate::carrier::account::Account;
use crate::clock;
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::transfers::{Kind, Transfer};

/// How long a call may take to end whose caller was led away, and how often that is looked at.
const LEAVING_MAX: Duration = Duration::from_secs(5);
const LEAVING_EVERY: Duration = Duration::from_millis(100);

/// The call of a caller is over, by the carrier's word.
///
/// # Errors
/// [`StoreError`]: the carrier may tell it again.
pub(crate) async fn caller_is_gone(
    app: &Arc<App>,
    account: &Account,
    call_id: &str,
    leg: &str,
) -> Result<(), StoreError> {
    let transfers = app.desk.store.transfers();
    for transfer in transfers.of_call(&account.client, call_id).await? {
        if transfer.caller_leg == leg {
            left_alone(app, account, &transfer, Side::Caller);
        }
    }
    Ok(())
}

/// The call to a person is over, by the carrier's word, and their transfer does not go on any more.
pub(super) async fn person_is_gone(
    app: &Arc<App>,
    account: &Account,
    id: &str,
) -> Result<(), StoreError> {
    // What stood in the row when the carrier asked may have changed until the transfer was over.
    let found = app.desk.store.system().transfer(id).await?;
    if let Some((_, transfer)) = found.filter(|(client, _)| *client == account.client) {
        left_alone(app, account, &transfer, Side::Person);
    }
    Ok(())
}

/// The carrier calls a person for a transfer that does not go on any more, and nobody had known of that call: it is ended.
pub(super) async fn nobody_waits(
    app: &Arc<App>,
    account: &Account,
    transfer: &Transfer,
    leg: String,
) -> Result<(), StoreError> {
    let goes_on = app.transfers.goes_on(&account.client, &transfer.id);
    let is_seen_to = transfer.person_leg.is_some() || was_put_through(transfer);
    if goes_on || is_seen_to || transfer.kind == Kind::Cold {
        return Ok(());
    }
    let transfers = app.desk.store.transfers();
    // The first of two that tell of it sees to it.
    let placed = transfers.placed(&account.client, &transfer.id, &leg);
    if placed.await?
        && let Some(legs) = legs(app, account, transfer)
    {
        let person = Some(leg);
        let legs = Legs { person, ..legs };
        see_to(app, transfer, legs, None);
    }
    Ok(())
}

/// One of two who were led into a room is gone.
fn left_alone(app: &Arc<App>, account: &Account, transfer: &Transfer, gone: Side) {
    let is_theirs = transfer.carrier_id == account.id && transfer.kind == Kind::Warm;
    let goes_on = app.transfers.goes_on(&account.client, &transfer.id);
    if !is_theirs || goes_on || !was_put_through(transfer) {
        return;
    }
    if let Some(legs) = legs(app, account, transfer) {
        let gone = Some(gone);
        let legs = Legs { gone, ..legs };
        see_to(app, transfer, legs, Some(account.client.clone()));
    }
}

fn legs(app: &App, account: &Account, transfer: &Transfer) -> Option<Legs> {
    let carrier = match app.dialer().carrier(account) {
        Ok(carrier) => carrier,
        Err(error) => {
            tracing::warn!(call.id = %transfer.call_id, %error, "a call is not seen to");
            return None;
        }
    };
    let legs = Legs::of(account, carrier, transfer);
    if legs.is_err() {
        tracing::error!(call.id = %transfer.call_id, "what is stored of a transfer cannot be read");
    }
    legs.ok()
}

/// The carrier need not wait for it. Nothing is done while the call is held here for `unless_held_for`.
fn see_to(app: &Arc<App>, transfer: &Transfer, legs: Legs, unless_held_for: Option<ClientId>) {
    let (app, call_id) = (Arc::clone(app), transfer.call_id.clone());
    let running = app.transfers.running.clone();
    drop(running.spawn(async move {
        if let Some(client) = unless_held_for
            && is_held(&app, &client, &call_id).await
        {
            tracing::warn!(call.id = %call_id, "a caller who was to be led into a room is still here");
            return;
        }
        if let Err(error) = legs.see_to().await {
            tracing::warn!(call.id = %call_id, %error, "somebody may be left alone");
        }
    }));
}

/// Whether a call is held here, and not only about to end: who was led away is in no call of ours, whatever stands in a row that could not be
/// written any more.
async fn is_held(app: &App, client: &ClientId, call_id: &str) -> bool {
    let until = clock::timer_now() + LEAVING_MAX;
    while app.desk.live.is_live(client, call_id) {
        if clock::timer_now() >= until {
            return true;
        }
        sleep(LEAVING_EVERY).await;
    }
    false
}
