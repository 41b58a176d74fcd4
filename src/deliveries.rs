//! Clients are told of events at their webhook endpoints, as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! What waits is a row (`store::outbox`, `store::deliveries`), not a queue. [`telling`] gives events their order and wakes a lane
//! for each endpoint that something waits for; a `lane` asks its endpoint alone, so that one that hangs holds up nobody; what
//! came of tries is written many at a time (`writing`), before the next event of the same object is looked at.
//! `core::webhook` decides what follows from an answer.

mod asking;
pub mod disclosing;
mod lane;
pub mod telling;
mod writing;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{Notify, watch};

use crate::clock;
use crate::egress::Whose;
use crate::ids::ClientId;

pub(crate) use asking::{SECRET, URL};
pub use telling::keep;

/// Streams of events that a client may have open at once.
pub const STREAMS_OF_CLIENT_MAX: usize = 4;
/// Streams of events in all.
const STREAMS_MAX: usize = 256;

const DAY_MS: i64 = 24 * 3_600_000;

/// How events are kept and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSettings {
    /// How long an event can be read and told again, ms.
    pub kept_ms: i64,
    /// Whether endpoints may be unencrypted and in networks of the operator's own.
    pub in_own_network: bool,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            kept_ms: 30 * DAY_MS,
            in_own_network: false,
        }
    }
}

impl EventSettings {
    /// By which rule endpoints are reached.
    #[must_use]
    pub fn whose(self) -> Whose {
        if self.in_own_network {
            Whose::Operator
        } else {
            Whose::Client
        }
    }
}

/// The events of a server.
pub struct Deliveries {
    /// The operator's settings; the usual ones while they are not set.
    pub settings: OnceLock<EventSettings>,
    /// There may be something new to tell.
    changed: Notify,
    /// Something that was over waits again.
    sweeps: AtomicBool,
    /// How many events have been given their place by this server.
    placed: watch::Sender<u64>,
    streams: Arc<Mutex<HashMap<ClientId, usize>>>,
    began: (i64, tokio::time::Instant),
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            settings: OnceLock::new(),
            changed: Notify::new(),
            sweeps: AtomicBool::new(false),
            placed: watch::Sender::new(0),
            streams: Arc::default(),
            began: (clock::unix_ms(), clock::timer_now()),
        }
    }
}

impl Deliveries {
    /// The settings that hold.
    pub fn settings(&self) -> EventSettings {
        self.settings.get().copied().unwrap_or_default()
    }

    /// Has what is new be looked at now.
    pub fn look(&self) {
        self.changed.notify_one();
    }

    /// Has endpoints be looked for that something waits for again.
    pub fn sweep(&self) {
        self.sweeps.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Changes whenever there may be events to read that were not there before.
    pub fn placed(&self) -> watch::Receiver<u64> {
        self.placed.subscribe()
    }

    /// Now, ms since 1970: waits are as long as the timers' clock says, also where the time of day was set back.
    fn now_ms(&self) -> i64 {
        let (unix_ms, timer) = self.began;
        let since = clock::timer_now().saturating_duration_since(timer);
        let since_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        clock::unix_ms().max(unix_ms.saturating_add(since_ms))
    }

    /// A place for one stream more of a client's; `None` if it has as many as it may.
    pub fn stream(&self, client: &ClientId) -> Option<StreamPlace> {
        let mut open = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(client).copied().unwrap_or_default();
        if own >= STREAMS_OF_CLIENT_MAX || open.values().sum::<usize>() >= STREAMS_MAX {
            return None;
        }
        open.insert(client.clone(), own + 1);
        Some(StreamPlace {
            client: client.clone(),
            open: Arc::clone(&self.streams),
        })
    }
}

/// A place for a stream, until it is dropped.
pub struct StreamPlace {
    client: ClientId,
    open: Arc<Mutex<HashMap<ClientId, usize>>>,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_has_so_many_streams_and_leaves_room_for_others() {
        let deliveries = Deliveries::default();
        let (ours, theirs) = (ClientId::new(), ClientId::new());
        let mut places: Vec<_> = (0..STREAMS_OF_CLIENT_MAX)
            .map(|_| deliveries.stream(&ours).unwrap())
            .collect();
        assert!(deliveries.stream(&ours).is_none());
        let other = deliveries.stream(&theirs).unwrap();
        places.pop();
        assert!(deliveries.stream(&ours).is_some());
        drop((places, other));
        assert!(deliveries.streams.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn time_goes_on_with_the_timers() {
        let deliveries = Deliveries::default();
        let before = deliveries.now_ms();
        tokio::time::advance(std::time::Duration::from_secs(3_600)).await;
        assert!(deliveries.now_ms() >= before + 3_600_000);
    }
}
