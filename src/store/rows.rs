//! Rows of calls, made from their journals by one writer in batches.
//!
//! A call never waits for the database: its rows go into a bounded queue. Where they do not fit, or come faster than a
//! conversation can, the call is *behind*: no later row of it is taken either, so that its rows always are the journal up
//! to one sequence number and nothing after. Whoever has the journal
//! gives the rest again when the call is over, or at the next start. Rows that are there already are made the same again.

mod apply;
mod many;
mod sink;
mod writer;

pub(super) use apply::STATEMENTS;
pub(super) use many::STATEMENTS as MANY;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};
use trunkline_core::journal::{Began, Consent, Entry, Latency, Speaker};

use super::{Sealed, Store, StoreError};
use crate::ids::ClientId;
use crate::journal::Settled;

/// Rows that wait for the database at most.
const QUEUE_ROWS: usize = 16_384;
/// Rows that a call may give at once, beyond the two a second that it may give on and on.
const BURST_ROWS: u64 = 200;

/// One entry of a journal, but for audio, with its content sealed.
#[derive(Clone, Debug)]
pub struct Row {
    client: ClientId,
    call_id: Arc<str>,
    seq: u64,
    body: Body,
    /// From this row on the content is sealed with this key of that person's.
    key: Option<NewKey>,
}

/// A call's key, wrapped under its subject's.
#[derive(Clone, Debug)]
struct NewKey {
    subject_id: String,
    sealed_key: Sealed,
}

#[derive(Clone, Debug)]
enum Body {
    Began(Began),
    Turn {
        speaker: Speaker,
        from_ms: u64,
        to_ms: u64,
        sealed: Sealed,
        /// How an answer came about, as JSON and without names of models.
        latency: Option<String>,
    },
    Consent(Consent),
    Event {
        at_ms: u64,
        kind: String,
        detail: String,
    },
    Second {
        recogniser: String,
        sealed: Sealed,
    },
    /// Content of the call below the row's number goes.
    Forget,
    Ended {
        at_ms: u64,
        reason: String,
    },
}

/// What the content of a row is bound to: a row that is moved elsewhere cannot be opened there.
#[must_use]
pub fn content_aad(client: &ClientId, call_id: &str, seq: u64) -> Vec<u8> {
    format!("row:{client}:{call_id}:{seq}").into_bytes()
}

/// What stands in clear of how an answer came about: moments and vendors. Names of models are a client's own choice.
fn in_clear(latency: &Latency) -> Option<String> {
    serde_json::to_string(&latency.without_models()).ok()
}

impl Row {
    /// The row of an entry; `None` for audio, which no row holds. `seal` is given what the content is bound to
    /// ([`content_aad`]) and the content as JSON, and must not use a nonce of the journal's.
    pub fn of(
        client: &ClientId,
        call_id: &str,
        seq: u64,
        entry: &Entry,
        seal: impl FnOnce(&[u8], &[u8]) -> Vec<u8>,
    ) -> Option<Self> {
        let sealed = |json: Vec<u8>| Sealed(seal(&content_aad(client, call_id, seq), &json));
        let body = match entry {
            Entry::Audio(_) => return None,
            Entry::Began(began) => Body::Began(began.clone()),
            Entry::Turn(turn) => Body::Turn {
                speaker: turn.speaker,
                from_ms: turn.from_ms,
                to_ms: turn.to_ms,
                sealed: sealed(serde_json::to_vec(turn).ok()?),
                latency: turn.latency.as_deref().and_then(in_clear),
            },
            Entry::Consent(consent) => Body::Consent(*consent),
            Entry::NotKept { from_ms, to_ms } => Body::Event {
                at_ms: *from_ms,
                kind: "not_kept".into(),
                detail: format!("to_ms={to_ms}"),
            },
            Entry::Event(event) => Body::Event {
                at_ms: event.at_ms,
                kind: event.kind.clone(),
                detail: event.detail.clone(),
            },
            Entry::Second { turns, recogniser } => Body::Second {
                recogniser: recogniser.clone(),
                sealed: sealed(serde_json::to_vec(turns).ok()?),
            },
            Entry::Erased { at_ms, entries } => Body::Event {
                at_ms: *at_ms,
                kind: "erased".into(),
                detail: format!("entries={entries}"),
            },
            Entry::Ended(ended) => Body::Ended {
                at_ms: ended.at_ms,
                reason: ended.reason.clone(),
            },
        };
        Some(Self {
            client: client.clone(),
            call_id: call_id.into(),
            seq,
            body,
            key: None,
        })
    }

    /// The moment of the call it is about, ms; `None` where that is not the call's present.
    fn at_ms(&self) -> Option<u64> {
        match &self.body {
            Body::Turn { to_ms, .. } => Some(*to_ms),
            Body::Consent(consent) => Some(consent.at_ms),
            Body::Event { at_ms, .. } | Body::Ended { at_ms, .. } => Some(*at_ms),
            Body::Began(_) | Body::Second { .. } | Body::Forget => None,
        }
    }
}

/// What the writer has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsReport {
    /// Rows that were written, or were there already.
    pub written: u64,
    /// Transactions.
    pub batches: u64,
    /// Rows that were not taken, for their journals to give again.
    pub refused: u64,
    /// Times that the database failed and was tried again.
    pub failures: u64,
}

#[derive(Default)]
struct Counts {
    written: AtomicU64,
    batches: AtomicU64,
    refused: AtomicU64,
    failures: AtomicU64,
}

/// Whose call, and which.
pub type WhichCall = (ClientId, Arc<str>);

/// What is known of a call whose rows come in.
#[derive(Default)]
struct Pace {
    rows: u64,
    latest_ms: u64,
    behind: bool,
    /// It was behind, and its journal is read again: as fast as the queue allows.
    again: bool,
    /// To go with the next row.
    key: Option<NewKey>,
    /// Content below this number was to go, and there was no room to say so: to be said before any other row.
    forget_before: Option<u64>,
}

enum Job {
    Row(Row),
    Settle(WhichCall, Settled),
    Flush(oneshot::Sender<()>),
}

/// The way to the writer. A clone leads to the same one.
#[derive(Clone)]
pub struct Rows {
    jobs: mpsc::Sender<Job>,
    /// Told when the writer should not wait for more.
    urgent: Arc<Notify>,
    calls: Arc<Mutex<HashMap<WhichCall, Pace>>>,
    counts: Arc<Counts>,
    patient: Arc<AtomicBool>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rows").field(&self.report()).finish()
    }
}

impl Rows {
    /// Starts the writer, a task that ends when the last [`Rows`] is dropped and everything is written.
    #[must_use]
    pub fn start(store: Store) -> (Self, tokio::task::JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(QUEUE_ROWS);
        let counts = Arc::new(Counts::default());
        let urgent = Arc::new(Notify::new());
        let task = tokio::spawn(writer::write(store, queue, urgent.clone(), counts.clone()));
        let rows = Self {
            jobs,
            urgent,
            calls: Arc::default(),
            counts,
            patient: Arc::default(),
        };
        (rows, task)
    }

    /// Takes a row without waiting. False if it was not taken: the call is behind from then on.
    pub fn put(&self, row: Row) -> bool {
        if self.patient.load(Ordering::Relaxed) {
            self.hasten_if_full();
            return self.jobs.blocking_send(Job::Row(row)).is_ok();
        }
        let key = (row.client.clone(), row.call_id.clone());
        let at_ms = row.at_ms();
        let mut calls = self.lock();
        let pace = calls.entry(key.clone()).or_default();
        pace.latest_ms = pace.latest_ms.max(at_ms.unwrap_or(0));
        pace.rows += 1;
        let too_fast = !pace.again && pace.rows > BURST_ROWS + 2 * pace.latest_ms / 1000;
        // Under the lock, so that rows of one call keep their order.
        let taken = !pace.behind
            && !too_fast
            && self.forget_missed(&key, pace)
            && self.jobs.try_send(Job::Row(row)).is_ok();
        if !taken {
            if !pace.behind {
                tracing::warn!(call.id = %key.1, "the rows of this call are behind its journal");
            }
            pace.behind = true;
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.hasten_if_full();
        true
    }

    /// Has the writer begin once there is a batch for it.
    fn hasten_if_full(&self) {
        if QUEUE_ROWS - self.jobs.capacity() >= writer::BATCH_ROWS_MAX {
            self.urgent.notify_one();
        }
    }

    /// Whether to wait for room in the queue, and to take rows at any pace: while journals are read again, and no call is
    /// under way. [`Rows::put`] may then only be called on a thread that may block.
    pub fn set_patient(&self, patient: bool) {
        self.patient.store(patient, Ordering::Relaxed);
    }

    /// Whether rows of this call were not taken and have not been given again.
    #[must_use]
    pub fn is_behind(&self, client: &ClientId, call_id: &str) -> bool {
        let calls = self.lock();
        calls
            .get(&(client.clone(), call_id.into()))
            .is_some_and(|pace| pace.behind)
    }

    /// Gives the rows of one call again, in order, from any entry on that is not above the first missing one; waits for room
    /// in the queue. The call must not be under way.
    ///
    /// # Errors
    /// [`StoreError::Config`] if the writer has ended.
    pub async fn replay(
        &self,
        client: &ClientId,
        call_id: &str,
        rows: Vec<Row>,
    ) -> Result<(), StoreError> {
        for row in rows {
            self.hasten_if_full();
            self.jobs.send(Job::Row(row)).await.map_err(|_| gone())?;
        }
        self.lock().remove(&(client.clone(), call_id.into()));
        Ok(())
    }

    /// Waits until every row that was taken before is in the database.
    ///
    /// # Errors
    /// [`StoreError::Config`] if the writer has ended.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        self.jobs.send(Job::Flush(done)).await.map_err(|_| gone())?;
        self.urgent.notify_one();
        written.await.map_err(|_| gone())
    }

    /// What was done so far.
    #[must_use]
    pub fn report(&self) -> RowsReport {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RowsReport {
            written: read(&self.counts.written),
            batches: read(&self.counts.batches),
            refused: read(&self.counts.refused),
            failures: read(&self.counts.failures),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WhichCall, Pace>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone() -> StoreError {
    StoreError::Config("the writer of rows has ended".into())
}
