//! The one task that writes rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Counts, Job, Row, apply};
use crate::clock;
use crate::store::{Store, StoreError};

/// How long the first row of a batch waits for others.
const GATHER: Duration = Duration::from_millis(200);
/// Most rows of a transaction: a writer of something urgent waits no longer than that.
const BATCH_ROWS_MAX: usize = 512;
/// First wait after the database has failed; each is twice as long as the one before.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest wait.
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Writes what comes until nobody can send any more.
pub(super) async fn write(store: Store, mut queue: mpsc::Receiver<Job>, counts: Arc<Counts>) {
    let mut rows = Vec::new();
    let mut waiting = Vec::new();
    while let Some(job) = queue.recv().await {
        let mut flush = sort(job, &mut rows, &mut waiting);
        let until = clock::timer_now() + GATHER;
        while !flush && rows.len() < BATCH_ROWS_MAX {
            match tokio::time::timeout_at(until, queue.recv()).await {
                Ok(Some(job)) => flush = sort(job, &mut rows, &mut waiting),
                Ok(None) | Err(_) => break,
            }
        }
        if !rows.is_empty() {
            until_written(&store, &rows, &counts).await;
            rows.clear();
        }
        for done in waiting.drain(..) {
            let _: Result<(), ()> = done.send(());
        }
    }
}

/// Whether somebody waits for what was gathered so far.
fn sort(job: Job, rows: &mut Vec<Row>, waiting: &mut Vec<oneshot::Sender<()>>) -> bool {
    match job {
        Job::Row(row) => {
            rows.push(row);
            false
        }
        Job::Flush(done) => {
            waiting.push(done);
            true
        }
    }
}

/// Tries until it is written: while the database fails the queue fills, and calls fall behind.
async fn until_written(store: &Store, rows: &[Row], counts: &Counts) {
    let mut wait = RETRY_FIRST;
    loop {
        match apply::batch(store, rows).await {
            Ok(()) => break,
            Err(error) if is_of_the_rows(&error) => {
                one_by_one(store, rows, counts).await;
                return;
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
}

/// One row that the database will never take must not hold up all others.
async fn one_by_one(store: &Store, rows: &[Row], counts: &Counts) {
    for row in rows {
        let mut wait = RETRY_FIRST;
        loop {
            match apply::batch(store, std::slice::from_ref(row)).await {
                Ok(()) => {
                    counts.batches.fetch_add(1, Ordering::Relaxed);
                    counts.written.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if is_of_the_rows(&error) => {
                    tracing::error!(%error, call.id = %row.call_id, seq = row.seq, "a row of a call is not storable; the journal has it");
                    counts.refused.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {
                    counts.failures.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY_LONGEST);
                    continue;
                }
            }
            break;
        }
    }
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
