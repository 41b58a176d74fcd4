//! What a running server does for the house beside its calls: it finishes what a full disk or a slow database left
//! undone, and forgets what has had its time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::opening::note_kept;
use super::{Desk, opt_outs, unended};
use crate::clock;
use crate::journal::Recovery;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(60);
/// A round that takes longer is given up; the next one goes on with what is left.
const ROUND_MAX: Duration = Duration::from_secs(600);

/// What a round has done.
#[derive(Debug, Default)]
pub struct Round {
    /// Of journals whose rows were behind, or whose content was still to be deleted.
    pub recovery: Recovery,
    /// Spent tokens and idempotency keys that were forgotten.
    pub forgotten: u64,
}

/// Goes round about once a minute until the server shuts down.
pub async fn keep(desk: Arc<Desk>, mut draining: watch::Receiver<bool>) {
    let rounds = async {
        loop {
            tokio::time::sleep(EVERY).await;
            match tokio::time::timeout(ROUND_MAX, round(&desk)).await {
                Ok(round) => tell(&round),
                Err(_) => tracing::warn!("a round of care took too long; the rest is for the next"),
            }
        }
    };
    tokio::select! {
        () = rounds => {}
        // An error means that the server is gone.
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

/// One round. Calls that are live are left alone; what fails is told, and tried again in the next.
pub async fn round(desk: &Desk) -> Round {
    let recovery = desk.journals.recover().await;
    let mut recovery = recovery.unwrap_or_else(|error| {
        tracing::error!(%error, "journals that are to be finished cannot be found");
        Recovery::default()
    });
    let promised = std::mem::take(&mut recovery.opted_out);
    opt_outs::keep_promises(&desk.store, &desk.vault, promised).await;
    if let Err(error) = note_kept(&desk.store, &recovery.kept).await {
        tracing::error!(%error, "how much of some calls is stored is not in their rows");
    }
    if let Err(error) = unended::end_stray(desk).await {
        tracing::error!(%error, "calls without a journal are not ended yet");
    }
    if let Err(error) = desk.look_who_is_there().await {
        tracing::error!(%error, "whether there are other clients now is not known");
    }
    let forgotten = desk.store.system().purge(clock::unix_ms()).await;
    let forgotten = forgotten.unwrap_or_else(|error| {
        tracing::error!(%error, "what has expired is not forgotten yet");
        0
    });
    Round {
        recovery,
        forgotten,
    }
}

fn tell(round: &Round) {
    let Round {
        recovery,
        forgotten,
    } = round;
    if !recovery.left.is_empty() {
        tracing::warn!(
            journals = recovery.left.len(),
            "journals are not finished; trying again"
        );
    }
    if recovery.replayed > 0 || *forgotten > 0 {
        tracing::info!(
            journals = recovery.replayed,
            erased = recovery.erased,
            forgotten,
            "house kept"
        );
    }
}
