//! Calls of clients and agents that were stopped at once: those that go on end too, wherever the operator said so.

use std::sync::Arc;
use std::time::Duration;

use super::NotCancelled;
use crate::app::App;
use crate::live::{Control, Untold};
use crate::store::StoreError;
use crate::store::calls::CallStatus;
use crate::store::suspensions::Suspension;

/// From one look to the next: an operator's command is another process.
const EVERY: Duration = Duration::from_secs(2);
/// Suspensions that are read at once.
const ROWS: u32 = 50;
/// Calls of one of them that end in one round.
const CALLS: u32 = 200;
/// A call that another server holds has so long to say goodbye before its carrier is asked to end it, ms.
const GOODBYE_MS: i64 = 20_000;

/// Ends what is to end until the server shuts down.
pub async fn keep(app: Arc<App>) {
    let mut draining = app.draining.subscribe();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // An error means that the server is gone.
            _ = draining.wait_for(|draining| *draining) => return,
        }
        if let Err(error) = round(&app).await {
            tracing::warn!(%error, "calls that are to end cannot be looked up");
        }
    }
}

/// Ends calls of everybody who was stopped with what they had going on. How many were told to end.
pub async fn round(app: &Arc<App>) -> Result<usize, StoreError> {
    let (mut after, mut told) = (String::new(), 0);
    loop {
        let system = app.desk.store.system();
        let rows = system.suspensions_to_end(&after, ROWS).await?;
        let Some(last) = rows.last() else {
            return Ok(told);
        };
        after.clone_from(&last.id);
        for suspension in &rows {
            told += end_calls(app, suspension).await?;
        }
    }
}

async fn end_calls(app: &Arc<App>, suspension: &Suspension) -> Result<usize, StoreError> {
    let (client, agent_id) = (&suspension.client, suspension.agent_id.as_deref());
    let (since_ms, now_ms) = (app.dialer().live_since_ms(), app.dialer().now_ms());
    let mut told = 0;
    for status in [
        CallStatus::Queued,
        CallStatus::Ringing,
        CallStatus::InProgress,
    ] {
        let suspensions = app.desk.store.suspensions();
        let calls = suspensions.unended(client, agent_id, status, since_ms, CALLS);
        for call_id in calls.await? {
            match app.desk.live.send(client, &call_id, Control::HangUp) {
                Ok(()) => told += 1,
                Err(Untold::NotLive) => {
                    let is_elsewhere = status == CallStatus::InProgress
                        && now_ms - suspension.since_ms < GOODBYE_MS;
                    if !is_elsewhere {
                        told += usize::from(cancel(app, suspension, &call_id).await);
                    }
                }
                // It ends already, or is told the next time.
                Err(Untold::Busy | Untold::Scripted) => {}
            }
        }
    }
    Ok(told)
}

async fn cancel(app: &Arc<App>, suspension: &Suspension, call_id: &str) -> bool {
    let cancelled = app.dialer().cancel(app, &suspension.client, call_id).await;
    match cancelled {
        Ok(()) => true,
        // It is over, or nobody knows yet whether it was placed: the next look knows more.
        Err(NotCancelled::NotLive | NotCancelled::NotYet) => false,
        Err(error) => {
            tracing::warn!(call.id = %call_id, %error, "a call of somebody who was stopped goes on");
            false
        }
    }
}
