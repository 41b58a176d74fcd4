//! What a call makes known outside while it goes on, and how it is stored.

use std::sync::Arc;

use tokio_util::task::TaskTracker;
use trunkline_core::amd::Verdict;
use trunkline_core::consent::Refusal;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::time::At;
use trunkline_core::token::Direction;

use crate::clock;
use crate::desk::{Desk, opt_outs};
use crate::ids::ClientId;
use crate::journal::JournalFailure;
use crate::session::Matters;
use crate::store::StoreError;
use crate::store::consents::Withdrawal;
use crate::store::suppressions::NewSuppression;
use crate::vault::ClientKeys;

/// What cannot be stored is tried again after this, doubled each time up to a minute.
const AGAIN_MS: u64 = 250;
const AGAIN_MS_MAX: u64 = 60_000;

/// What a call makes known outside at once.
pub struct Ledger {
    desk: Arc<Desk>,
    keys: ClientKeys,
    call_id: String,
    /// ms since 1970.
    began_ms: i64,
    person: Option<PhoneNumber>,
    direction: Direction,
    /// From which the row of the call is ended.
    has_journal: bool,
    pending: TaskTracker,
}

impl Ledger {
    /// Of a call that began at `began_ms` (ms since 1970) with this person, and whose row is ended by its journal if it
    /// has one.
    pub(super) fn new(
        desk: &Arc<Desk>,
        keys: &ClientKeys,
        call_id: &str,
        began_ms: i64,
        (direction, person): (Direction, Option<PhoneNumber>),
        has_journal: bool,
    ) -> Self {
        Self {
            desk: Arc::clone(desk),
            keys: keys.clone(),
            call_id: call_id.to_owned(),
            began_ms,
            person,
            direction,
            has_journal,
            pending: TaskTracker::new(),
        }
    }

    /// Whose call it is.
    pub fn client(&self) -> &ClientId {
        self.keys.id()
    }

    /// The call is over; `reason` in stable snake_case.
    pub async fn over(&self, reason: &str) {
        if self.has_journal {
            return;
        }
        let (calls, now_ms) = (self.desk.store.calls(), clock::unix_ms());
        let ended = calls.ended_unkept(self.keys.id(), &self.call_id, now_ms, reason);
        if let Err(error) = ended.await {
            tracing::warn!(%error, "the end of a call that is not recorded is not in its row yet");
        }
    }

    /// Returns when what was made known is stored.
    pub async fn settled(&self) {
        self.pending.close();
        self.pending.wait().await;
    }
}

impl Matters for Arc<Ledger> {
    fn opted_out(&self) {
        let Some(person) = &self.person else {
            return tracing::warn!(
                "a caller without a number opted out: there is nothing to suppress"
            );
        };
        let new = opt_outs::suppression(&self.keys, person, &self.call_id);
        let ledger = Arc::clone(self);
        // Nobody waits for this handle; the tracker does.
        drop(
            self.pending
                .spawn(async move { ledger.suppress(&new).await }),
        );
    }

    fn withdrawn(&self, class: Refusal, erase: bool, from: At) {
        let withdrawal = Withdrawal {
            at_ms: from.ms(),
            class,
            erase,
            noted_ms: clock::unix_ms(),
        };
        let ledger = Arc::clone(self);
        drop(
            self.pending
                .spawn(async move { ledger.withdraw(&withdrawal).await }),
        );
    }

    fn answered_by(&self, verdict: Verdict) {
        let ledger = Arc::clone(self);
        drop(self.pending.spawn(async move {
            let calls = ledger.desk.store.calls();
            let (client, call_id) = (ledger.keys.id(), &ledger.call_id);
            if let Err(error) = calls.answered_by(client, call_id, &verdict).await {
                tracing::warn!(%error, "who answered is not in the row of the call");
            }
        }));
    }

    fn greeted(&self, from: At) {
        if self.direction == Direction::Inbound {
            return;
        }
        let at_ms = self
            .began_ms
            .saturating_add(i64::try_from(from.ms()).unwrap_or(i64::MAX));
        let ledger = Arc::clone(self);
        drop(self.pending.spawn(async move {
            let calls = ledger.desk.store.calls();
            let (client, call_id) = (ledger.keys.id(), &ledger.call_id);
            if let Err(error) = calls.greeted(client, call_id, at_ms).await {
                tracing::warn!(%error, "when the first words were heard is not in the row of the call");
            }
        }));
    }

    fn kept(&self, caller_ms: u64, is_recorded: bool) {
        let ledger = Arc::clone(self);
        drop(self.pending.spawn(async move {
            let calls = ledger.desk.store.calls();
            let client = ledger.keys.id();
            if let Err(error) = calls
                .recorded(client, &ledger.call_id, caller_ms, is_recorded)
                .await
            {
                tracing::warn!(%error, "the length of the recording is not in its row");
            }
        }));
    }

    fn unstored(&self, failure: JournalFailure, at: At) {
        let detail = format!("reason={} at_ms={}", failure.code(), at.ms());
        tracing::error!(call.id = %self.call_id, %detail, "recording stopped");
    }
}

impl Ledger {
    /// Until it is stored: the caller has been told so. What was promised is on disk first, for the case that the
    /// database is away and the server does not live to see it come back.
    async fn suppress(&self, new: &NewSuppression) {
        let (client, call_id) = (self.keys.id(), &self.call_id);
        let journals = &self.desk.journals;
        let promise = journals.promise(client, call_id, self.began_ms).await;
        let suppressions = self.desk.store.suppressions();
        until_stored("an opt-out", || suppressions.add(client, new)).await;
        tracing::info!(call.id = %call_id, "suppressed");
        match promise {
            Ok(promise) => drop(tokio::task::spawn_blocking(move || promise.done()).await),
            Err(error) => tracing::warn!(%error, "an opt-out had no mark of its own"),
        }
    }

    /// The same. From then on nobody is given what was stored, whatever the rows say yet.
    async fn withdraw(&self, withdrawal: &Withdrawal) {
        let consents = self.desk.store.consents();
        let client = self.keys.id();
        until_stored("a withdrawal", || {
            consents.withdraw(client, &self.call_id, withdrawal)
        })
        .await;
    }
}

async fn until_stored<T, F: Future<Output = Result<T, StoreError>>>(
    what: &str,
    store: impl Fn() -> F,
) {
    let mut wait_ms = AGAIN_MS;
    while let Err(error) = store().await {
        tracing::error!(%error, "{what} is not stored yet; trying again");
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        wait_ms = (wait_ms * 2).min(AGAIN_MS_MAX);
    }
}
