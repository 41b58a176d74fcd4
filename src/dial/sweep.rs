//! Attempts whose last word was lost on its way: the carrier is asked for it, now and then, as long as the server runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::reconcile;
use crate::app::App;
use crate::config::CarriersConfig;
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::attempts::{Attempt, AttemptState};

/// Attempts that are asked after in one round.
const ROWS: u32 = 50;
/// Of them at once.
const AT_ONCE: usize = 4;

/// How attempts are asked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Attempts that were made so long ago and are still open, ms.
    pub older_ms: i64,
    /// From one round to the next.
    pub every: Duration,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            older_ms: 15 * 60_000,
            every: Duration::from_secs(5 * 60),
        }
    }
}

/// Asks after old attempts until the server shuts down.
pub async fn keep(app: Arc<App>) {
    let sweep = app.carriers.get().map(CarriersConfig::sweep);
    let sweep = sweep.unwrap_or_default();
    let mut draining = app.draining.subscribe();
    let mut after = String::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(sweep.every) => {}
            // An error means that the server is gone.
            _ = draining.wait_for(|draining| *draining) => return,
        }
        match round(&app, &sweep, &after).await {
            Ok(last) => after = last,
            Err(error) => tracing::warn!(%error, "open attempts cannot be looked up"),
        }
    }
}

/// Asks after a bounded number of old attempts behind `after`, an id: the last of them, or nothing if the next round is to begin
/// anew. Those that another watches, or whose call goes on here, are left to that.
pub async fn round(app: &Arc<App>, sweep: &Sweep, after: &str) -> Result<String, StoreError> {
    let by_ms = app.dialer().now_ms().saturating_sub(sweep.older_ms);
    let system = app.desk.store.system();
    let open = system.open_attempts_since(after, by_ms, ROWS).await?;
    let is_last = open.len() < usize::try_from(ROWS).unwrap_or(usize::MAX);
    let last = open.last().filter(|_| !is_last);
    let last = last.map(|(_, attempt)| attempt.id.clone());
    futures_util::stream::iter(open)
        .for_each_concurrent(AT_ONCE, |(client, attempt)| async move {
            ask(app, &client, &attempt).await;
        })
        .await;
    Ok(last.unwrap_or_default())
}

async fn ask(app: &Arc<App>, client: &ClientId, attempt: &Attempt) {
    if app.desk.live.is_live(client, &attempt.call_id) {
        return;
    }
    let asked = match attempt.state {
        AttemptState::Placed => reconcile::look_up(app, client, attempt).await,
        // Asked about for long enough when it was made: once more is enough to find it, or to give it up.
        AttemptState::Asked | AttemptState::UnknownOutcome => {
            reconcile::once_more(app, client, attempt).await
        }
        AttemptState::Failed | AttemptState::Done => Ok(()),
    };
    if let Err(error) = asked {
        tracing::warn!(call.id = %attempt.call_id, %error, "how a call ended is not known yet");
    }
}
