//! The end of a transfer: it is written down, and nobody is left on a line for nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use trunkline_core::call::{TransferEnd, TransferKind};

use super::Transfer;
use crate::store::StoreError;
use crate::transfer::legs::{AGAIN, Led, Legs, Side};

/// How long the goodbye to a person may take.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(8);

impl Transfer {
    /// Writes down that both are about to be led into a room: from then on, whoever leaves it ends it for the other, whatever becomes of
    /// this server.
    pub(super) async fn note_led(&self) -> Result<(), StoreError> {
        let (app, client) = (self.app(), self.caller.keys.id());
        let transfers = app.desk.store.transfers();
        let (end, now_ms) = (TransferEnd::PutThrough.code(), app.dialer().now_ms());
        transfers.became(client, &self.id, end, now_ms).await
    }

    /// Nobody is left on a line for nothing, or called any more; then it is over.
    pub(super) async fn tidy(mut self, end: TransferEnd) {
        // The call need not wait for it.
        (self.steps, _) = mpsc::channel(1);
        let is_seen_to = match self.target.kind {
            TransferKind::Cold => true,
            TransferKind::Warm if end == TransferEnd::PutThrough => self.leave_both().await,
            TransferKind::Warm => self.let_go().await,
        };
        for pause in AGAIN {
            match self.note_end(end, is_seen_to).await {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "the end of a transfer is not stored yet"),
            }
            sleep(pause).await;
        }
        if let Err(error) = self.note_end(end, is_seen_to).await {
            tracing::error!(%error, "the end of a transfer is not stored");
        }
    }

    async fn note_end(&self, end: TransferEnd, is_seen_to: bool) -> Result<(), StoreError> {
        let (app, client) = (self.app(), self.caller.keys.id());
        let (transfers, now_ms) = (app.desk.store.transfers(), app.dialer().now_ms());
        match is_seen_to {
            true => transfers.ended(client, &self.id, end.code(), now_ms).await,
            // The next start sees to it again.
            false => transfers.became(client, &self.id, end.code(), now_ms).await,
        }
    }

    /// The two are in their room, unless one of them left on the way there. Whether that is known.
    async fn leave_both(&mut self) -> bool {
        // What is told from here on is seen to by whoever is told it.
        self.told.leave();
        self.catch_up().await;
        let gone = self.is_gone.then_some(Side::Person);
        self.see_to(Led::Both, gone).await
    }

    /// The person waits for nobody, and is not called any more. Whether that is known.
    async fn let_go(&mut self) -> bool {
        self.catch_up().await;
        self.over.send_replace(true);
        if self.is_answered && !self.is_gone && !self.is_led {
            let goodbye = async {
                while !self.is_gone {
                    let told = self.told.told.recv().await;
                    self.hear(told).await;
                }
            };
            let _ = timeout(GOODBYE_PATIENCE, goodbye).await;
        }
        // A call to them that becomes known from here on is ended by whoever is told of it.
        self.told.leave();
        self.catch_up().await;
        if self.is_gone {
            return true;
        }
        let led = match self.is_led {
            true => Led::Person,
            false => Led::Nobody,
        };
        self.see_to(led, None).await
    }

    /// Hears what came while something else was done.
    pub(super) async fn catch_up(&mut self) {
        while let Ok(told) = self.told.told.try_recv() {
            self.hear(Some(told)).await;
        }
    }

    async fn see_to(&self, led: Led, gone: Option<Side>) -> bool {
        let legs = Legs {
            carrier: Arc::clone(&self.carrier),
            plan: self.plan.clone(),
            caller: self.caller.leg.clone(),
            person: self.person.clone(),
            led,
            gone,
        };
        let seen_to = legs.see_to().await;
        if let Err(error) = &seen_to {
            tracing::warn!(call.id = %self.caller.call_id, %error, "somebody may be left on a line");
        }
        seen_to.is_ok()
    }
}
