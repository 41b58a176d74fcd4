//! The one task that writes rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::{Counts, Job, Row, WhichCall, apply};
use crate::journal::Settled;
use crate::store::{Durability, Store, StoreError};

/// How long the first row of a batch waits for others, unless there are enough or somebody waits.
const GATHER: Duration = Duration::from_millis(200);
/// Most rows of a transaction: a writer of something urgent waits no longer than that.
pub(super) const BATCH_ROWS_MAX: usize = 512;
/// First wait after the database has failed; each is twice as long as the one before.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest wait.
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// What is written together, and what is done then.
#[derive(Default)]
struct Batch {
    rows: Vec<Row>,
    settle: Vec<(WhichCall, Settled)>,
    waiting: Vec<oneshot::Sender<()>>,
}

/// Writes what comes until nobody can send any more. `urgent` ends the wait for more: a task that is woken for every row
/// does little else than wake up.
pub(super) async fn write(
    store: Store,
    mut queue: mpsc::Receiver<Job>,
    urgent: Arc<Notify>,
    counts: Arc<Counts>,
) {
    while let Some(job) = queue.recv().await {
        let mut batch = Batch::default();
        let mut flush = batch.add(job);
        if !flush && queue.len() < BATCH_ROWS_MAX {
            // Whether it was the time or the call for haste that came is all the same.
            let _ = tokio::time::timeout(GATHER, urgent.notified()).await;
        }
        while !flush && batch.rows.len() < BATCH_ROWS_MAX {
            let Ok(job) = queue.try_recv() else { break };
            flush = batch.add(job);
        }
        batch.write(&store, &counts).await;
    }
}

impl Batch {
    /// Whether somebody waits for what was gathered so far.
    fn add(&mut self, job: Job) -> bool {
        match job {
            Job::Row(row) => self.rows.push(row),
            Job::Settle(which, settled) => self.settle.push((which, settled)),
            Job::Flush(done) => {
                self.waiting.push(done);
                return true;
            }
        }
        false
    }

    async fn write(mut self, store: &Store, counts: &Counts) {
        // A journal's mark goes only when its rows are on the disk, and with them all that was committed before.
        let durability = if self.settle.is_empty() {
            Durability::Soon
        } else {
            Durability::Now
        };
        let refused = if self.rows.is_empty() && self.settle.is_empty() {
            Vec::new()
        } else {
            until_written(store, &self.rows, durability, counts).await
        };
        self.settle.retain(|(which, _)| !refused.contains(which));
        let settled = self.settle;
        if !settled.is_empty() {
            let done = move || settled.into_iter().for_each(|(_, settled)| settled.done());
            drop(tokio::task::spawn_blocking(done).await);
        }
        for done in self.waiting {
            let _: Result<(), ()> = done.send(());
        }
    }
}

/// Tries until it is written: while the database fails the queue fills, and calls fall behind. Gives the calls of which a
/// row cannot be written at all.
async fn until_written(
    store: &Store,
    rows: &[Row],
    durability: Durability,
    counts: &Counts,
) -> Vec<WhichCall> {
    let mut wait = RETRY_FIRST;
    loop {
        match apply::batch(store, rows, durability).await {
            Ok(()) => break,
            // One row that the database will never take must not hold up all others.
            Err(error) if is_of_the_rows(&error) && rows.len() > 1 => {
                let mut refused = Vec::new();
                for row in rows {
                    let one = std::slice::from_ref(row);
                    refused.extend(Box::pin(until_written(store, one, durability, counts)).await);
                }
                return refused;
            }
            Err(error) if is_of_the_rows(&error) => {
                let refused = rows
                    .iter()
                    .map(|row| (row.client.clone(), row.call_id.clone()));
                let refused: Vec<WhichCall> = refused.collect();
                counts
                    .refused
                    .fetch_add(rows.len() as u64, Ordering::Relaxed);
                tracing::error!(%error, calls = ?refused, "a row of a call cannot be stored; its journal has it");
                return refused;
            }
            Err(error) => {
                if wait == RETRY_FIRST {
                    tracing::error!(%error, rows = rows.len(), "rows of calls cannot be written; trying again");
                }
                counts.failures.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_LONGEST);
            }
        }
    }
    counts.batches.fetch_add(1, Ordering::Relaxed);
    counts
        .written
        .fetch_add(rows.len() as u64, Ordering::Relaxed);
    Vec::new()
}

/// Whether it is what a row says that the database refuses, so that trying again is of no use.
fn is_of_the_rows(error: &StoreError) -> bool {
    match error {
        StoreError::Database(error) => {
            let code = error.as_database_error().and_then(|told| told.code());
            // PostgreSQL's classes of data and constraints; SQLite's "too big", "constraint" and "mismatch".
            code.is_some_and(|code| {
                let sqlite = code
                    .parse::<i64>()
                    .ok()
                    .filter(|_| code.len() < 5)
                    .map(|code| code & 0xff);
                (code.len() == 5 && (code.starts_with("22") || code.starts_with("23")))
                    || matches!(sqlite, Some(18..=20))
            })
        }
        StoreError::Conflict | StoreError::Reference | StoreError::Unreadable { .. } => true,
        StoreError::Missing { .. }
        | StoreError::Stale { .. }
        | StoreError::Config(_)
        | StoreError::File { .. }
        | StoreError::Migration(_) => false,
    }
}
