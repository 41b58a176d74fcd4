//! What the journals hand over, as rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use trunkline_core::journal::Entry;

use super::{Body, Job, NewKey, Pace, Row, Rows, WhichCall};
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
        let before = calls.get(&which);
        let pace = Pace {
            key: Some(key),
            again: before.is_some_and(|pace| pace.behind),
            // That the rest comes anew takes nothing away of what had to go.
            forget_before: before.and_then(|pace| pace.forget_before),
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
        self.forget((client.clone(), call_id.into()), before_seq);
    }

    fn caught_up(&self, client: &ClientId, call_id: &str, settled: Settled) {
        let which = (client.clone(), call_id.into());
        let mut calls = self.lock();
        if let Some(pace) = calls.get_mut(&which)
            && (pace.behind || !self.forget_missed(&which, pace))
        {
            return;
        }
        calls.remove(&which);
        // Where there is no room the mark stays, and the rows are looked at again when the server starts.
        drop(self.jobs.try_send(Job::Settle(which, settled)));
    }
}

impl Rows {
    /// What has to go goes, even of a call that is behind. Without room in the queue it goes before the call's next row,
    /// or, by the journal's mark, when the journal is read again.
    fn forget(&self, which: WhichCall, before_seq: u64) {
        if self.patient.load(Ordering::Relaxed) {
            drop(self.jobs.blocking_send(forget_job(&which, before_seq)));
            return;
        }
        let mut calls = self.lock();
        if self.jobs.try_send(forget_job(&which, before_seq)).is_err() {
            tracing::warn!(call.id = %which.1, "what was erased of this call goes from its rows later");
            let pace = calls.entry(which).or_default();
            pace.behind = true;
            pace.forget_before = pace.forget_before.max(Some(before_seq));
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has go what had to go before. Whether nothing of it is left to say.
    pub(super) fn forget_missed(&self, which: &WhichCall, pace: &mut Pace) -> bool {
        let Some(before_seq) = pace.forget_before else {
            return true;
        };
        let is_said = self.jobs.try_send(forget_job(which, before_seq)).is_ok();
        if is_said {
            pace.forget_before = None;
        }
        is_said
    }
}

fn forget_job((client, call_id): &WhichCall, before_seq: u64) -> Job {
    Job::Row(Row {
        client: client.clone(),
        call_id: Arc::clone(call_id),
        seq: before_seq,
        body: Body::Forget,
        key: None,
    })
}
