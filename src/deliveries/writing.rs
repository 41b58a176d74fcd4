//! What came of tries, written many at a time: each has its lane wait until it is written.

use metrics::counter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

use crate::app::App;
use crate::store::deliveries::{Tried, TriedEnd};

/// Results that wait to be written.
const QUEUE: usize = 1_024;
/// Results of one transaction, about: calls that begin wait for it.
const BATCH_MAX: usize = 64;
/// Before what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

type Job = (Vec<Tried>, oneshot::Sender<()>);

/// The way to whoever writes results.
#[derive(Clone)]
pub(super) struct Written(mpsc::Sender<Job>);

impl Written {
    /// Begins to write; it ends when nobody has results any more.
    pub(super) fn begin(app: Arc<App>) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(write(app, queue));
        Self(jobs)
    }

    /// Waits until these are in the database. False if they will not be.
    pub(super) async fn write(&self, tried: Vec<Tried>) -> bool {
        let (done, written) = oneshot::channel();
        self.0.send((tried, done)).await.is_ok() && written.await.is_ok()
    }
}

async fn write(app: Arc<App>, mut queue: mpsc::Receiver<Job>) {
    while let Some((mut batch, done)) = queue.recv().await {
        let mut waiting = vec![done];
        while batch.len() < BATCH_MAX {
            let Ok((more, done)) = queue.try_recv() else {
                break;
            };
            batch.extend(more);
            waiting.push(done);
        }
        while let Err(error) = app.desk.store.system().tried(&batch).await {
            tracing::warn!(%error, "what came of webhooks is not written yet");
            tokio::time::sleep(AGAIN).await;
        }
        for one in &batch {
            let outcome = match one.end {
                TriedEnd::Delivered { .. } => "delivered",
                TriedEnd::Later { .. } => "failed",
                TriedEnd::Dead | TriedEnd::Disabled { .. } => "dead",
            };
            counter!("trunkline_event_deliveries_total", "outcome" => outcome).increment(1);
        }
        for done in waiting {
            // Whoever waited may be gone.
            let _: Result<(), ()> = done.send(());
        }
    }
}
