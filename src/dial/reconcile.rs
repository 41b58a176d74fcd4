//! Calls of which nobody knows whether the carrier placed them: they are looked up, and never asked for again.

use std::sync::Arc;

use super::settle::{self, Told};
use super::{LIVE_MS_MAX, NotCancelled, Plan, PlanError};
use crate::app::App;
use crate::carrier::{CarrierCall, CarrierError, CarrierStatus};
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::attempts::{Attempt, AttemptState};

/// Before each look, seconds, unless the dialer has others.
pub(super) const WAITS_S: [u64; 8] = [1, 2, 5, 10, 30, 60, 120, 300];
/// The carrier's clock may be behind ours by so much, ms.
const SKEW_MS: i64 = 30_000;
/// Attempts that are read at once when the server starts.
const ROWS: u32 = 100;

/// Why a look found nothing out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unseen {
    #[error(transparent)]
    Carrier(#[from] NotCancelled),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("the vault does not open: {0}")]
    Vault(#[from] crate::vault::VaultError),
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
}

/// What a look found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The outcome is known.
    Known,
    /// The carrier knows no such call, yet.
    Nothing,
}

/// Looks an attempt up, again and again, until its outcome is known. If the carrier cannot be asked for all that time,
/// the outcome stays unknown, and is looked up when the server starts next.
pub async fn until_known(app: &App, client: &ClientId, attempt_id: &str) {
    let mut last = None;
    for wait in &app.dialer().waits {
        tokio::time::sleep(*wait).await;
        match look(app, client, attempt_id).await {
            Ok(Seen::Known) => return,
            Ok(Seen::Nothing) => last = Some(Seen::Nothing),
            Err(error) => {
                last = None;
                tracing::warn!(attempt.id = attempt_id, %error, "an attempt is not found out yet");
            }
        }
    }
    if last == Some(Seen::Nothing)
        && let Err(error) = give_up(app, client, attempt_id).await
    {
        tracing::error!(attempt.id = attempt_id, %error, "an attempt that was never placed is not ended");
    }
}

/// Whether the database kept an attempt is not known, only that the carrier was not asked: as often as an attempt is looked up it
/// is looked for on the disk, and ends if it is there. A callback that it was for is dialled later.
pub async fn take_back(app: &App, client: &ClientId, attempt_id: &str) {
    for wait in &app.dialer().waits {
        tokio::time::sleep(*wait).await;
        let attempts = app.desk.store.attempts();
        let taken_back = async {
            let Some(attempt) = attempts.find(client, attempt_id).await? else {
                return Ok::<_, StoreError>(false);
            };
            let now_ms = app.dialer().now_ms();
            attempts
                .failed(client, &attempt, "never_placed", now_ms, &super::AGAIN_MS)
                .await?;
            Ok(true)
        };
        match taken_back.await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(attempt.id = attempt_id, %error, "an attempt is not taken back yet");
            }
        }
    }
}

/// Attempts that the last run of the server left open: those that may have been placed are looked for, and the calls that
/// were placed are asked after. Returns once each has its watcher; [`super::Dialer::settled`] waits for them.
pub async fn at_start(app: &Arc<App>) -> Result<u64, StoreError> {
    let mut after = String::new();
    let mut count = 0;
    loop {
        let system = app.desk.store.system();
        let open = system.open_attempts(&after, ROWS).await?;
        let Some((_, newest)) = open.last() else {
            return Ok(count);
        };
        after.clone_from(&newest.id);
        for (client, attempt) in open {
            count += 1;
            match attempt.state {
                AttemptState::Asked | AttemptState::UnknownOutcome => {
                    app.desk
                        .store
                        .attempts()
                        .unknown(&client, &attempt.id)
                        .await?;
                    app.dialer().look_for(app, client, attempt.id);
                }
                AttemptState::Placed => ask_after(app, client, attempt),
                AttemptState::Failed | AttemptState::Done => {}
            }
        }
    }
}

/// Asks once how a call stands that was placed before the server stopped: its end may have been told to nobody.
fn ask_after(app: &Arc<App>, client: ClientId, attempt: Attempt) {
    let app = Arc::clone(app);
    let settling = app.dialer().settling.clone();
    drop(settling.spawn(async move {
        if let Err(error) = look_up(&app, &client, &attempt).await {
            tracing::warn!(call.id = %attempt.call_id, %error, "how a call ended is not known yet");
        }
    }));
}

pub(super) async fn look_up(app: &App, client: &ClientId, attempt: &Attempt) -> Result<(), Unseen> {
    let Some(id) = &attempt.carrier_call_id else {
        return Ok(());
    };
    let carrier = app.dialer().carrier_of(app, client, attempt).await?;
    let call = match carrier.look_up(id).await {
        // It has been over for so long that the carrier has forgotten it.
        Err(CarrierError::Gone) if attempt.asked_ms < app.dialer().now_ms() - LIVE_MS_MAX => {
            CarrierCall {
                id: id.clone(),
                status: CarrierStatus::Failed,
                created_ms: None,
            }
        }
        call => call.map_err(NotCancelled::from)?,
    };
    tell(app, client, attempt, carrier.name(), &call).await?;
    Ok(())
}

/// Looks once for an attempt that was long ago asked about in vain, and gives it up if the carrier knows nothing of it.
pub(super) async fn once_more(
    app: &App,
    client: &ClientId,
    attempt: &Attempt,
) -> Result<(), Unseen> {
    if look(app, client, &attempt.id).await? == Seen::Nothing {
        give_up(app, client, &attempt.id).await?;
    }
    Ok(())
}

async fn look(app: &App, client: &ClientId, attempt_id: &str) -> Result<Seen, Unseen> {
    let attempts = app.desk.store.attempts();
    let Some(attempt) = attempts.find(client, attempt_id).await? else {
        return Ok(Seen::Known);
    };
    if !matches!(
        attempt.state,
        AttemptState::Asked | AttemptState::UnknownOutcome
    ) {
        return Ok(Seen::Known);
    }
    let keys = app.desk.keys(client).await?;
    let plan = Plan::open(&keys, &attempt).await?;
    let carrier = app.dialer().carrier_of(app, client, &attempt).await?;
    let since_ms = attempt.asked_ms - SKEW_MS;
    let calls = carrier.find(&plan.from, &plan.to, since_ms).await;
    let transfers = app.desk.store.transfers();
    // The newest come first: of several that belong to no other attempt and no transfer, the oldest was made for this one.
    for call in calls.map_err(NotCancelled::from)?.iter().rev() {
        let of_attempt = attempts.of_carrier_call(client, &call.id).await?;
        let of_transfer = transfers.of_carrier_call(client, &call.id).await?;
        if of_attempt.is_none() && of_transfer.is_none() {
            tell(app, client, &attempt, carrier.name(), call).await?;
            return Ok(Seen::Known);
        }
    }
    Ok(Seen::Nothing)
}

async fn tell(
    app: &App,
    client: &ClientId,
    attempt: &Attempt,
    carrier: &str,
    call: &CarrierCall,
) -> Result<bool, StoreError> {
    let told = Told {
        carrier,
        carrier_call_id: &call.id,
        status: Some(call.status),
        at_ms: app.dialer().now_ms(),
        duration_ms: None,
    };
    settle::apply(&app.desk, client, attempt, &told).await
}

/// The carrier was asked for long enough, and knows of no such call.
async fn give_up(app: &App, client: &ClientId, attempt_id: &str) -> Result<(), StoreError> {
    let attempts = app.desk.store.attempts();
    if let Some(attempt) = attempts.find(client, attempt_id).await? {
        let now_ms = app.dialer().now_ms();
        attempts
            .failed(client, &attempt, "never_placed", now_ms, &[])
            .await?;
    }
    Ok(())
}
