//! The one task that gives events their order and wakes the lanes of those who want them. Of several servers on one database one at
//! a time does so.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics::counter;

use super::lane::Lanes;
use crate::app::App;
use crate::clock;
use crate::ids::new_id;
use crate::store::StoreError;

/// Between two looks for what is new.
const EVERY: Duration = Duration::from_millis(200);
/// Events that are given their places at once: with sixteen endpoints each, calls that begin wait no longer for the database.
const EVENTS_MAX: u32 = 32;
/// How long a server is the one that tells without saying so again, ms.
const HELD_MS: i64 = 20_000;
/// Between two times that it says so.
const HOLD_EVERY: Duration = Duration::from_secs(5);
/// Between two looks for endpoints that wait for whatever reason.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Endpoints that are read at once.
const ENDPOINTS_MAX: u32 = 500;
/// Events that are forgotten in one transaction, and such transactions of a sweep.
const FORGOTTEN_MAX: u32 = 500;
const FORGET_ROUNDS: u32 = 20;
/// After a store that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Tells clients of events until the server shuts down. Requests under way then are brought to their end.
pub async fn keep(app: Arc<App>) {
    let mut draining = app.draining.subscribe();
    // A database that is this server's own file needs no such word.
    let holder = app.desk.store.is_shared().then(|| new_id("srv"));
    let lanes = Lanes::new(&app);
    tokio::select! {
        () = rounds(&app, &lanes, holder.as_deref()) => {}
        // An error means that the server is gone.
        _ = draining.wait_for(|draining| *draining) => {}
    }
    lanes.closed().await;
    let Some(holder) = holder else {
        return;
    };
    if let Err(error) = app.desk.store.system().let_go_of_outbox(&holder).await {
        tracing::debug!(%error, "another server tells of events once this one is known to be gone");
    }
}

/// Since when something was not done any more; never at first.
struct Last(Option<tokio::time::Instant>);

impl Last {
    /// Whether it is time, which counts as having done it.
    fn is_over(&mut self, every: Duration) -> bool {
        let now = clock::timer_now();
        let is_over = self
            .0
            .is_none_or(|last| now.saturating_duration_since(last) >= every);
        if is_over {
            self.0 = Some(now);
        }
        is_over
    }
}

async fn rounds(app: &Arc<App>, lanes: &Arc<Lanes>, holder: Option<&str>) {
    let (mut held, mut swept, mut is_ours) = (Last(None), Last(None), holder.is_none());
    loop {
        if let Some(holder) = holder
            && held.is_over(HOLD_EVERY)
        {
            is_ours = hold(app, holder).await;
            if !is_ours {
                swept = Last(None);
            }
        }
        let told = match is_ours {
            true => {
                let asked = app.deliveries.sweeps.swap(false, Ordering::Relaxed);
                let sweeps = swept.is_over(SWEEP_EVERY) || asked;
                round(app, lanes, sweeps).await
            }
            false => Ok(false),
        };
        let wait = match told {
            Ok(true) => continue,
            Ok(false) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "events cannot be told now");
                AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.deliveries.changed.notified() => {}
        }
    }
}

async fn hold(app: &App, holder: &str) -> bool {
    let now_ms = app.deliveries.now_ms();
    let held = app.desk.store.system();
    let held = held.hold_outbox(holder, now_ms, now_ms + HELD_MS).await;
    held.unwrap_or_else(|error| {
        tracing::warn!(%error, "whether this server tells of events is not known");
        false
    })
}

/// Whether there may be more at once.
async fn round(app: &App, lanes: &Arc<Lanes>, sweeps: bool) -> Result<bool, StoreError> {
    let (system, now_ms) = (app.desk.store.system(), app.deliveries.now_ms());
    let published = system.publish(now_ms, EVENTS_MAX).await?;
    if published.events > 0 {
        counter!("trunkline_events_total").increment(published.events as u64);
        app.deliveries.placed.send_modify(|placed| *placed += 1);
    }
    for endpoint in published.endpoints {
        lanes.wake(endpoint);
    }
    if sweeps {
        sweep(app, lanes).await?;
    }
    Ok(published.events == EVENTS_MAX as usize)
}

/// Wakes everybody that something waits for, also since before the server started, and forgets what is too old.
async fn sweep(app: &App, lanes: &Arc<Lanes>) -> Result<(), StoreError> {
    let system = app.desk.store.system();
    let mut after = None;
    loop {
        let waiting = system.waiting_endpoints(after.as_ref(), ENDPOINTS_MAX);
        let waiting = waiting.await?;
        after = waiting.last().cloned();
        let is_last = waiting.len() < ENDPOINTS_MAX as usize;
        for endpoint in waiting {
            lanes.wake(endpoint);
        }
        if is_last {
            break;
        }
    }
    let before_ms = app.deliveries.now_ms() - app.deliveries.settings().kept_ms;
    for _ in 0..FORGET_ROUNDS {
        if system.purge_events(before_ms, FORGOTTEN_MAX).await? < u64::from(FORGOTTEN_MAX) {
            break;
        }
    }
    Ok(())
}
