//! Transfers that the last run of the server left open: the person waits for nobody, and their call is ended.

use std::sync::Arc;

use super::Plan;
use crate::app::App;
use crate::carrier::account::Account;
use crate::carrier::{Carrier, CarrierError, CarrierStatus};
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::transfers::{Kind, Transfer};

/// The carrier's clock may be behind ours by so much, ms.
const SKEW_MS: i64 = 30_000;
/// Transfers that are read at once.
const ROWS: u32 = 100;
/// What became of a transfer whose server was gone.
const LOST: &str = "lost";

/// Sees to the transfers that are open: how many there were. Nobody is called again.
pub async fn at_start(app: &Arc<App>) -> Result<u64, StoreError> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let open = app.desk.store.system().open_transfers(&after, ROWS).await?;
        let Some((_, newest)) = open.last() else {
            return Ok(count);
        };
        after.clone_from(&newest.id);
        for (client, transfer) in open {
            count += 1;
            let seeing = Arc::clone(app);
            // Its end is waited for with those that go on.
            drop(app.transfers.running.spawn(async move {
                see_to(&seeing, &client, &transfer).await;
            }));
        }
    }
}

async fn see_to(app: &App, client: &ClientId, transfer: &Transfer) {
    let done = end_leg(app, client, transfer).await;
    if let Err(cause) = done {
        // It stays open, and is seen to at the next start.
        tracing::warn!(call.id = %transfer.call_id, cause, "a transfer is not seen to yet");
        return;
    }
    let now_ms = app.dialer().now_ms();
    let transfers = app.desk.store.transfers();
    if let Err(error) = transfers.ended(client, &transfer.id, LOST, now_ms).await {
        tracing::error!(%error, "the end of a transfer is not stored");
    }
}

async fn end_leg(app: &App, client: &ClientId, transfer: &Transfer) -> Result<(), &'static str> {
    // A caller who was sent away is led by the carrier alone.
    if transfer.kind == Kind::Cold {
        return Ok(());
    }
    let account = Account::find(&app.desk, client, &transfer.carrier_id).await;
    let Some(account) = account.map_err(|_| "the account cannot be opened")? else {
        return Ok(());
    };
    let carrier = app.dialer().carrier(&account);
    let carrier = carrier.map_err(|_| "the carrier cannot be reached from here")?;
    let legs = match &transfer.person_leg {
        Some(leg) => vec![leg.clone()],
        None => {
            let keys = app.desk.keys(client).await;
            let keys = keys.map_err(|_| "the vault does not open")?;
            let plan = Plan::open(&keys, &transfer.id, &transfer.plan);
            let plan = plan.map_err(|_| "what is stored of it cannot be read")?;
            find(app, client, &*carrier, &plan, transfer.asked_ms).await
        }
    };
    for leg in legs {
        match carrier.hang_up(&leg).await {
            Ok(()) | Err(CarrierError::Gone) => {}
            Err(_) => return Err("the carrier did not end the call"),
        }
    }
    Ok(())
}

/// The calls between two numbers that nobody here knows of, made since then, and not over.
pub(super) async fn find(
    app: &App,
    client: &ClientId,
    carrier: &dyn Carrier,
    plan: &Plan,
    since_ms: i64,
) -> Vec<String> {
    let calls = carrier.find(&plan.from, &plan.to, since_ms - SKEW_MS).await;
    let calls = calls.unwrap_or_else(|error| {
        tracing::warn!(%error, "a call to a person cannot be looked for");
        Vec::new()
    });
    let mut found = Vec::new();
    for call in calls {
        let is_live = match call.status {
            CarrierStatus::Queued | CarrierStatus::Ringing | CarrierStatus::InProgress => true,
            CarrierStatus::Completed
            | CarrierStatus::Busy
            | CarrierStatus::NoAnswer
            | CarrierStatus::Failed
            | CarrierStatus::Canceled => false,
        };
        let (store, id) = (&app.desk.store, &call.id);
        let of_attempt = store.attempts().of_carrier_call(client, id).await;
        let of_transfer = store.transfers().of_carrier_call(client, id).await;
        if is_live && matches!((of_attempt, of_transfer), (Ok(None), Ok(None))) {
            found.push(call.id);
        }
    }
    found
}
