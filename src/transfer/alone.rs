//! Two who were led into a room, of whom one has left: the carrier ends the room with either, but whoever was on the way to it waits there
//! for nobody.

use std::sync::Arc;

use super::legs::{Legs, Side, was_put_through};
use crate::app::App;
use crate::carrier::account::Account;
use crate::store::StoreError;
use crate::store::transfers::{Kind, Transfer};

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
            see_to(app, account, &transfer, Side::Caller);
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
        see_to(app, account, &transfer, Side::Person);
    }
    Ok(())
}

fn see_to(app: &Arc<App>, account: &Account, transfer: &Transfer, gone: Side) {
    let is_theirs = transfer.carrier_id == account.id && transfer.kind == Kind::Warm;
    let goes_on = app.transfers.goes_on(&account.client, &transfer.id);
    if !is_theirs || goes_on || !was_put_through(transfer) {
        return;
    }
    let carrier = match app.dialer().carrier(account) {
        Ok(carrier) => carrier,
        Err(error) => {
            tracing::warn!(call.id = %transfer.call_id, %error, "a call is not seen to");
            return;
        }
    };
    let legs = match Legs::of(account, carrier, transfer) {
        Ok(legs) => legs,
        Err(_) => {
            tracing::error!(call.id = %transfer.call_id, "what is stored of a transfer cannot be read");
            return;
        }
    };
    let legs = Legs {
        gone: Some(gone),
        ..legs
    };
    let (app, call_id) = (Arc::clone(app), transfer.call_id.clone());
    let running = app.transfers.running.clone();
    // The carrier need not wait for it.
    drop(running.spawn(async move {
        if let Err(error) = legs.see_to(&app).await {
            tracing::warn!(call.id = %call_id, %error, "somebody may be left alone");
        }
    }));
}
