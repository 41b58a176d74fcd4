//! One endpoint: what is due for it is asked for, a few at a time, and none of the others waits for it. Each event that is asked
//! for at once is of another object, so an object's events keep their order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use metrics::gauge;
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;
use trunkline_core::webhook::{self, Answer, Next};

use super::asking::Way;
use super::writing::Written;
use crate::app::App;
use crate::store::StoreError;
use crate::store::deliveries::{DueDelivery, Tried, TriedEnd};
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::outbox::EndpointOf;
use crate::vault::VaultError;

/// Events that one endpoint is asked to take at once.
const AT_ONCE: u32 = 8;
/// Requests under way to endpoints that work.
const WORKING_MAX: usize = 256;
/// Requests under way to endpoints that failed last: they take none of the others' places.
const FAILING_MAX: usize = 64;
/// So long it sleeps at most: rows may be made due by another server.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// Before a store that failed is asked again.
const AGAIN: Duration = Duration::from_secs(15);

/// Endpoints that something waits for.
pub(super) struct Lanes {
    app: Arc<App>,
    written: Written,
    open: Mutex<HashMap<EndpointOf, Arc<Notify>>>,
    tasks: TaskTracker,
    working: Semaphore,
    failing: Semaphore,
}

/// What comes after a round.
enum Then {
    /// Another at once.
    Again,
    /// Another after so long, or when something new comes.
    Wait(Duration),
    /// Another after so long, whatever comes: the endpoint failed.
    Pause(Duration),
    /// Nothing waits.
    Nothing,
}

#[derive(Debug, thiserror::Error)]
enum NotNow {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Lanes {
    pub(super) fn new(app: &Arc<App>) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::clone(app),
            written: Written::begin(Arc::clone(app)),
            open: Mutex::default(),
            tasks: TaskTracker::new(),
            working: Semaphore::new(WORKING_MAX),
            failing: Semaphore::new(FAILING_MAX),
        })
    }

    /// Something waits for this endpoint.
    pub(super) fn wake(self: &Arc<Self>, endpoint: EndpointOf) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(woken) = open.get(&endpoint) {
            woken.notify_one();
            return;
        }
        let woken = Arc::new(Notify::new());
        open.insert(endpoint.clone(), Arc::clone(&woken));
        gauge!("trunkline_event_endpoints_waiting").set(open.len() as f64);
        drop(open);
        let lanes = Arc::clone(self);
        self.tasks
            .spawn(async move { lanes.run(endpoint, &woken).await });
    }

    /// Waits until every request under way is over; no new one begins once the server shuts down.
    pub(super) async fn closed(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn run(self: Arc<Self>, endpoint: EndpointOf, woken: &Notify) {
        let mut draining = self.app.draining.subscribe();
        let mut failures = 0;
        while !*draining.borrow() {
            let then = self.round(&endpoint, &mut failures).await;
            let (length, is_firm) = match then.unwrap_or_else(|error| {
                tracing::warn!(endpoint.id = %endpoint.id, %error, "an endpoint cannot be told now");
                Then::Pause(AGAIN)
            }) {
                Then::Again => continue,
                Then::Wait(length) => (length, false),
                Then::Pause(length) => (length, true),
                Then::Nothing if self.leave(&endpoint, woken) => return,
                Then::Nothing => continue,
            };
            tokio::select! {
                () = tokio::time::sleep(length) => {}
                () = woken.notified(), if !is_firm => {}
                // An error means that the server is gone.
                _ = draining.wait_for(|draining| *draining) => return,
            }
        }
    }

    /// Ends the lane, unless something came meanwhile.
    fn leave(&self, endpoint: &EndpointOf, woken: &Notify) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.notified().now_or_never().is_some() {
            return false;
        }
        open.remove(endpoint);
        gauge!("trunkline_event_endpoints_waiting").set(open.len() as f64);
        true
    }

    async fn round(&self, of: &EndpointOf, failures: &mut u32) -> Result<Then, NotNow> {
        let (app, store) = (&self.app, &self.app.desk.store);
        let endpoint = store.endpoints().find(&of.client, &of.id).await?;
        let Some(endpoint) = endpoint.filter(|one| one.state == EndpointState::Enabled) else {
            return Ok(Then::Nothing);
        };
        let now_ms = app.deliveries.now_ms();
        let at_once = if *failures == 0 { AT_ONCE } else { 1 };
        let deliveries = store.deliveries();
        let due = deliveries.due(&of.client, &of.id, now_ms, at_once).await?;
        if due.is_empty() {
            return self.next(of).await;
        }
        let keys = app.desk.keys(&of.client).await?;
        let places = if *failures == 0 {
            &self.working
        } else {
            &self.failing
        };
        let tried = match Way::open(&keys, &endpoint, now_ms) {
            Ok(way) => {
                let asked = due.iter().map(|one| async {
                    // The semaphore is never closed.
                    let _place = places.acquire().await;
                    way.ask(app, &one.event).await
                });
                let answers = join_all(asked).await;
                let answered = due.iter().zip(answers);
                let tried = answered.map(|(one, answer)| self.judged(of, &endpoint, one, answer));
                tried.collect::<Vec<_>>()
            }
            Err(error) => {
                tracing::error!(endpoint.id = %of.id, %error, "an endpoint cannot be asked");
                let tried = due
                    .iter()
                    .map(|one| self.judged(of, &endpoint, one, Answer::None("unreadable")));
                tried.collect()
            }
        };
        let works = tried
            .iter()
            .any(|one| matches!(one.end, TriedEnd::Delivered { .. }));
        let is_over = tried
            .iter()
            .any(|one| matches!(one.end, TriedEnd::Disabled { .. }));
        *failures = if works { 0 } else { failures.saturating_add(1) };
        if !self.written.write(tried).await {
            return Ok(Then::Pause(AGAIN));
        }
        // Nothing more of an endpoint that is disabled by now: should it be enabled again, its lane begins anew.
        if is_over {
            return Ok(Then::Again);
        }
        match works {
            false => Ok(Then::Pause(length(webhook::pause_ms(*failures)))),
            true if due.len() < at_once as usize => self.next(of).await,
            true => Ok(Then::Again),
        }
    }

    /// What comes after what was due.
    async fn next(&self, of: &EndpointOf) -> Result<Then, NotNow> {
        let deliveries = self.app.desk.store.deliveries();
        let next = deliveries.next_due(&of.client, &of.id).await?;
        let now_ms = self.app.deliveries.now_ms();
        Ok(match next {
            None => Then::Nothing,
            Some(due_ms) if due_ms <= now_ms => Then::Again,
            Some(due_ms) => Then::Wait(length(due_ms - now_ms).min(SLEEP_MAX)),
        })
    }

    fn judged(
        &self,
        of: &EndpointOf,
        endpoint: &Endpoint,
        due: &DueDelivery,
        answer: Answer,
    ) -> Tried {
        let now_ms = self.app.deliveries.now_ms();
        // Without chance all come back at once, and nothing worse.
        let chance = getrandom::u32().unwrap_or_default();
        let has_failed_long = endpoint
            .failing_since_ms
            .is_some_and(|since_ms| now_ms - since_ms >= webhook::FAILING_MS_MAX);
        let too_long = TriedEnd::Disabled { reason: "failing" };
        let (reason, end) = match webhook::next(answer, due.tries + 1, chance) {
            Next::Delivered => {
                let recovered = endpoint.failing_since_ms.is_some();
                (None, TriedEnd::Delivered { recovered })
            }
            Next::Gone => (Some("gone"), TriedEnd::Disabled { reason: "gone" }),
            Next::Again { reason, .. } | Next::Dead { reason } if has_failed_long => {
                (Some(reason), too_long)
            }
            Next::Again { in_ms, reason } => {
                let due_ms = now_ms.saturating_add(in_ms);
                (Some(reason), TriedEnd::Later { due_ms })
            }
            Next::Dead { reason } => (Some(reason), TriedEnd::Dead),
        };
        let status = match answer {
            Answer::Status { status, .. } => Some(status),
            Answer::None(_) => None,
        };
        Tried {
            endpoint: of.clone(),
            delivery_id: due.id.clone(),
            object_id: due.event.object_id.clone(),
            status,
            reason,
            now_ms,
            end,
        }
    }
}

fn length(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default().max(1))
}
