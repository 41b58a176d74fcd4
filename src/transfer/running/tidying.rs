//! The end of a transfer: it is written down, and nobody is left on a line for nothing.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use trunkline_core::call::{TransferEnd, TransferKind};

use super::Transfer;
use crate::carrier::CarrierError;
use crate::transfer::recovery;

/// How long the goodbye to a person may take.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(8);

impl Transfer {
    pub(super) async fn note(&self, end: TransferEnd) {
        let (app, client) = (self.app(), self.caller.keys.id());
        let now_ms = app.dialer().now_ms();
        let transfers = app.desk.store.transfers();
        let noted = transfers.ended(client, &self.id, end.code(), now_ms).await;
        if let Err(error) = noted {
            // It is seen to again when the server starts.
            tracing::error!(%error, "the end of a transfer is not stored");
        }
    }

    /// Nobody is left on a line for nothing, or called any more; then it is over.
    pub(super) async fn tidy(mut self, end: TransferEnd) {
        // The call need not wait for it.
        (self.steps, _) = mpsc::channel(1);
        if end != TransferEnd::PutThrough && self.target.kind == TransferKind::Warm {
            self.let_go().await;
        }
        self.note(end).await;
    }

    async fn let_go(&mut self) {
        // What came while something else was done.
        while let Ok(told) = self.told.told.try_recv() {
            self.hear(Some(told)).await;
        }
        self.over.send_replace(true);
        if self.is_answered && !self.is_gone {
            let goodbye = async {
                while !self.is_gone {
                    let told = self.told.told.recv().await;
                    self.hear(told).await;
                }
            };
            let _ = timeout(GOODBYE_PATIENCE, goodbye).await;
        }
        if self.is_gone {
            return;
        }
        let found = match &self.person {
            Some(person) => vec![person.clone()],
            None => {
                let (app, client) = (self.app(), self.caller.keys.id());
                recovery::find(app, client, &*self.carrier, &self.plan, self.asked_ms).await
            }
        };
        for leg in found {
            match self.carrier.hang_up(&leg).await {
                Ok(()) | Err(CarrierError::Gone) => {}
                Err(error) => tracing::warn!(%error, "a call to a person is not ended"),
            }
        }
    }
}
