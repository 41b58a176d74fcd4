//! Transfers that the last run of the server left open: nobody waits for nobody, and nobody is called again.

use std::sync::Arc;

use super::legs::Legs;
use crate::app::App;
use crate::carrier::account::Account;
use crate::dial::TALK_MAX;
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::transfers::{Kind, Transfer};

/// Transfers that are read at once.
const ROWS: u32 = 100;
/// What became of a transfer whose server was gone.
const LOST: &str = "lost";
/// What a call may take beside the time that it may last, ms.
const SLACK_MS: i64 = 3_600_000;

/// Sees to the transfers that are open: how many there were.
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
    let now_ms = app.dialer().now_ms();
    if let Err(cause) = end_legs(app, client, transfer, now_ms).await {
        // It stays open, and is seen to at the next start.
        tracing::warn!(call.id = %transfer.call_id, cause, "a transfer is not seen to yet");
        return;
    }
    // What had become of it stands.
    let outcome = transfer.outcome.as_deref().unwrap_or(LOST);
    let transfers = app.desk.store.transfers();
    if let Err(error) = transfers.ended(client, &transfer.id, outcome, now_ms).await {
        tracing::error!(%error, "the end of a transfer is not stored");
    }
}

async fn end_legs(
    app: &App,
    client: &ClientId,
    transfer: &Transfer,
    now_ms: i64,
) -> Result<(), &'static str> {
    // A caller who was sent away is led by the carrier alone; and no call lasts for ever.
    let is_old = now_ms - transfer.asked_ms > oldest_ms();
    if transfer.kind == Kind::Cold || is_old {
        return Ok(());
    }
    let account = Account::find(&app.desk, client, &transfer.carrier_id).await;
    let Some(account) = account.map_err(|_| "the account cannot be opened")? else {
        return Ok(());
    };
    let carrier = app.dialer().carrier(&account);
    let carrier = carrier.map_err(|_| "the carrier cannot be reached from here")?;
    let legs = Legs::of(&account, carrier, transfer);
    let legs = legs.map_err(|_| "what is stored of it cannot be read")?;
    let seen_to = legs.see_to().await;
    seen_to.map_err(|_| "the carrier did not do what it was asked")
}

/// Older ones have no call any more.
fn oldest_ms() -> i64 {
    i64::try_from(TALK_MAX.as_millis()).map_or(i64::MAX, |ms| ms.saturating_add(SLACK_MS))
}
