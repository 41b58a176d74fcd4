//! What has to go out of a journal: by a withdrawal, or by somebody's order.

use trunkline_core::journal::{Class, Header};

use super::{Begin, Live, OpenFile, Writer};
use crate::journal::failure::JournalError;
use crate::journal::place::Place;
use crate::journal::rewrite::{self, Old, Rewritten};
use crate::journal::sealed::Sealed;
use crate::vault::{CallKey, SubjectKeys};

impl Writer {
    pub(super) fn erase_due(&mut self) {
        let due = |(id, live): (&u64, &Live)| live.erase_before.map(|_| *id);
        for id in self.live.iter().filter_map(due).collect::<Vec<_>>() {
            if let Some(mut live) = self.live.remove(&id) {
                self.obey_withdrawal(&mut live);
                self.live.insert(id, live);
            }
        }
    }

    /// Erases what a withdrawal ordered; if that fails, the order stands.
    pub(super) fn obey_withdrawal(&self, live: &mut Live) {
        let Some(before) = live.erase_before else {
            return;
        };
        match self.erase_live(live, before) {
            Ok(_) => live.erase_before = None,
            Err(error) => {
                let place = &live.begin.place;
                tracing::warn!(call.id = place.call_id, %error, "erasure will be tried again");
            }
        }
    }

    /// Erases the content of a call that is going on, which goes on in the new file. Gives how many entries went.
    fn erase_live(&self, live: &mut Live, before: u64) -> Result<u64, JournalError> {
        let Some(open) = &mut live.open else {
            return Ok(0);
        };
        let Begin { place, subject, .. } = &live.begin;
        let moment = (live.last_ms, open.encoder.next_seq());
        let Some((header, new)) = self.erase_file(place, subject, before, moment)? else {
            return Ok(0);
        };
        *open = OpenFile {
            next_seq: open.next_seq,
            file: new.file,
            encoder: new.encoder,
            key: new.key,
            header,
        };
        Ok(new.erased)
    }

    /// The same by somebody's order. `None` if the call is not going on.
    pub(in crate::journal) fn erase_if_live(
        &mut self,
        place: &Place,
    ) -> Option<Result<u64, JournalError>> {
        let id = self.live_id(place)?;
        let mut live = self.live.remove(&id)?;
        let before = live.open.as_ref().map_or(0, |open| open.encoder.next_seq());
        let erased = self.erase_live(&mut live, before);
        self.live.insert(id, live);
        Some(erased)
    }

    pub(in crate::journal) fn live_id(&self, place: &Place) -> Option<u64> {
        let is_it = |(_, live): &(&u64, &Live)| live.begin.place == *place;
        self.live.iter().find(is_it).map(|(id, _)| *id)
    }

    /// Erases in a file, and tells the sink, whose rows of content go in any case.
    pub(in crate::journal) fn erase_file(
        &self,
        place: &Place,
        subject: &SubjectKeys,
        before: u64,
        moment: (u64, u64),
    ) -> Result<Option<(Header, Rewritten)>, JournalError> {
        let (client, call_id) = (&place.client, &place.call_id);
        self.sink.erased(client, call_id, before);
        let path = self.root.file(place);
        let sealed = Sealed::open(&path, place)?;
        let old = Old {
            key: &sealed.key(subject)?,
            sealed: &sealed,
            subject,
        };
        let rewritten = rewrite::rewrite(&*self.disk, (&self.root, place), &old, before, moment)?;
        let Some(new) = rewritten else {
            self.rows_again(&sealed, place, old.key)?;
            return Ok(None);
        };
        self.sink
            .rekeyed(client, call_id, subject.id(), &new.sealed_key);
        let sealed = Sealed::open(&path, place)?;
        self.rows_again(&sealed, place, &new.key)?;
        Ok(Some((sealed.header, new)))
    }

    /// Gives everything but the sound of a file to the sink.
    pub(in crate::journal) fn rows_again(
        &self,
        sealed: &Sealed,
        place: &Place,
        key: &CallKey,
    ) -> Result<(), JournalError> {
        let mut walk = sealed.walk()?;
        while let Some(record) = walk.next()? {
            if record.class == Class::Audio {
                continue;
            }
            if let Ok(entry) = sealed.entry(&record, key)? {
                self.sink
                    .rows(&place.client, &place.call_id, record.seq, &entry, key);
            }
        }
        Ok(())
    }
}
