//! What the journals hand over, as rows.

use std::sync::atomic::Ordering;

use trunkline_core::journal::Entry;

use super::{Body, Job, NewKey, Pace, Row, Rows};
use crate::ids::ClientId;
use crate::journal::{RowSink, Settled};
use crate::store::Sealed;
use crate::vault::{CallKey, SubjectId};

impl RowSink for Rows {
    fn rekeyed(&self, client: &ClientId, call_id: &str, subject: &SubjectId, sealed_key: &[u8]) {
        let key = NewKey {
            subject_id: subject.as_str().to_owned(),
            sealed_key: Sealed(sealed_key.to_vec()),
        };
        // The whole journal follows, from its first entry: whatever was missing comes now.
        let which = (client.clone(), call_id.into());
        let mut calls = self.lock();
        let pace = Pace {
            key: Some(key),
            again: calls.get(&which).is_some_and(|pace| pace.behind),
            ..Pace::default()
        };
        calls.insert(which, pace);
    }

    fn rows(&self, client: &ClientId, call_id: &str, seq: u64, entry: &Entry, key: &CallKey) {
        let seal = |aad: &[u8], plain: &[u8]| key.seal(aad, plain);
        let Some(mut row) = Row::of(client, call_id, seq, entry, seal) else {
            return;
        };
        let which = (client.clone(), row.call_id.clone());
        row.key = self.lock().get_mut(&which).and_then(|pace| pace.key.take());
        self.put(row);
    }

    fn erased(&self, client: &ClientId, call_id: &str, before_seq: u64) {
        let row = Row {
            client: client.clone(),
            call_id: call_id.into(),
            seq: before_seq,
            body: Body::Forget,
            key: None,
        };
        self.forget(row);
    }

    fn caught_up(&self, client: &ClientId, call_id: &str, settled: Settled) {
        let which = (client.clone(), call_id.into());
        let mut calls = self.lock();
        if calls.get(&which).is_some_and(|pace| pace.behind) {
            return;
        }
        calls.remove(&which);
        // Where there is no room the mark stays, and the rows are looked at again when the server starts.
        drop(self.jobs.try_send(Job::Settle(which, settled)));
    }
}

impl Rows {
    /// What has to go goes, even of a call that is behind. Without room in the queue the journal's mark makes it go when
    /// the server starts.
    fn forget(&self, row: Row) {
        if self.patient.load(Ordering::Relaxed) {
            drop(self.jobs.blocking_send(Job::Row(row)));
            return;
        }
        let which = (row.client.clone(), row.call_id.clone());
        let mut calls = self.lock();
        if self.jobs.try_send(Job::Row(row)).is_err() {
            tracing::warn!(call.id = %which.1, "what was erased of this call goes from its rows at the next start");
            calls.entry(which).or_default().behind = true;
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}
