//! Erasure: the file anew, under a new key, without the content that has to go.

use std::path::Path;

use trunkline_core::journal::{
    Class, Encoder, Entry, Header, Leaves, RecordRef, Step, Withdrawals, encode_header,
};

use super::disk::{Disk, JournalFile};
use super::failure::JournalError;
use super::place::{Place, Root};
use super::sealed::Sealed;
use crate::data_folder::sync_folder;
use crate::vault::{CallKey, SubjectKeys};

/// Bytes that are gathered before they are written.
const BLOCK_BYTES: usize = 64 * 1024;

/// What a file was before.
pub(super) struct Old<'a> {
    pub(super) sealed: &'a Sealed,
    pub(super) key: &'a CallKey,
    pub(super) subject: &'a SubjectKeys,
}

/// The file that took its place.
pub(super) struct Rewritten {
    pub(super) file: JournalFile,
    pub(super) encoder: Encoder,
    pub(super) key: CallKey,
    pub(super) sealed_key: Vec<u8>,
    /// Entries that went.
    pub(super) erased: u64,
}

/// The last withdrawal in a journal, by its sequence number: an order to delete.
pub(super) fn ordered(seq: u64, entry: &Entry) -> Option<u64> {
    let Entry::Consent(consent) = entry else {
        return None;
    };
    matches!(consent.step, Step::Withdrawn { .. }).then_some(seq)
}

/// Deletes the content of all records before number `before`, if there is any. `next_seq`: what the next record will
/// have. The new file stands in the place of the old one, on disk, when this returns.
pub(super) fn rewrite(
    disk: &dyn Disk,
    (root, place): (&Root, &Place),
    old: &Old<'_>,
    before: u64,
    (at_ms, next_seq): (u64, u64),
) -> Result<Option<Rewritten>, JournalError> {
    let Some(leaves) = erasable(old, before)? else {
        return Ok(None);
    };
    let (key, sealed_key) = old.subject.new_call_key();
    let header = Header {
        sealed_key: sealed_key.clone(),
        ..old.sealed.header.clone()
    };
    let path = root.next_file(place);
    let (head, hash) = encode_header(&header).map_err(|problem| JournalError::Head {
        path: path.clone(),
        problem,
    })?;
    let mut copy = Copy {
        disk,
        file: JournalFile::replace(&path).map_err(|cause| io(&path, cause))?,
        encoder: Encoder::new(hash),
        key,
        block: head,
        gone: None,
        erased: 0,
        at_ms,
    };
    let mut walk = old.sealed.walk()?;
    while let Some(record) = walk.next()? {
        copy.record(old, &record, before, leaves)?;
    }
    copy.mark_gone()?;
    copy.encoder.skip_to(next_seq);
    copy.write()?;
    let Copy {
        mut file,
        encoder,
        key,
        erased,
        ..
    } = copy;
    file.sync(disk).map_err(|cause| io(&path, cause))?;
    let stands = root.file(place);
    std::fs::rename(&path, &stands)
        .and_then(|()| sync_folder(&root.date_folder(place)))
        .map_err(|cause| io(&stands, cause))?;
    file.is_now(&stands);
    Ok(Some(Rewritten {
        file,
        encoder,
        key,
        sealed_key,
        erased,
    }))
}

/// What stays of the content before record `before`: what the withdrawal leaves if that record is one, otherwise the
/// notice alone. `None` if nothing has to go.
fn erasable(old: &Old<'_>, before: u64) -> Result<Option<Leaves>, JournalError> {
    let (mut withdrawals, mut withdrawn) = (Withdrawals::default(), None);
    let mut content = Vec::new();
    let mut walk = old.sealed.walk()?;
    while let Some(record) = walk.next()? {
        if record.class == Class::Audio {
            content.extend((record.seq < before).then_some(record));
        } else if let Ok(entry) = old.sealed.entry(&record, old.key)? {
            let leaves = withdrawals.after(&entry);
            if entry.is_content() && record.seq < before {
                content.push(record);
            } else if record.seq == before {
                withdrawn = leaves;
            }
        }
    }
    let Some(leaves) = withdrawn.or(withdrawals.notices()) else {
        return Ok(None);
    };
    for record in content {
        if is_after(&record, leaves) {
            return Ok(Some(leaves));
        }
        let stays = match old.sealed.entry(&record, old.key)? {
            Ok(entry) => leaves.of(entry.clone()) == Some(entry),
            Err(_) => false,
        };
        if !stays {
            return Ok(Some(leaves));
        }
    }
    Ok(None)
}

/// The record begins where nothing of content stays any more.
fn is_after(record: &RecordRef, leaves: Leaves) -> bool {
    let (Leaves::Notices { until_ms } | Leaves::Before { until_ms }) = leaves;
    record.at_ms >= until_ms
}

struct Copy<'a> {
    disk: &'a dyn Disk,
    file: JournalFile,
    encoder: Encoder,
    key: CallKey,
    block: Vec<u8>,
    /// Number of the first of those that went since the last that stayed, and how many went.
    gone: Option<(u64, u64)>,
    erased: u64,
    at_ms: u64,
}

impl Copy<'_> {
    fn record(
        &mut self,
        old: &Old<'_>,
        record: &RecordRef,
        before: u64,
        leaves: Leaves,
    ) -> Result<(), JournalError> {
        // Most records go, and need not even be read for that.
        let is_sound_to_go =
            record.class == Class::Audio && record.seq < before && is_after(record, leaves);
        let stays = if is_sound_to_go {
            None
        } else {
            match old.sealed.entry(record, old.key)? {
                Ok(entry) if record.seq < before => leaves.of(entry),
                Ok(entry) => Some(entry),
                // What cannot be opened cannot be sealed again.
                Err(_) => None,
            }
        };
        match stays {
            Some(entry) => {
                self.mark_gone()?;
                self.push(record.seq, &entry)
            }
            None => {
                let (_, count) = self.gone.get_or_insert((record.seq, 0));
                *count += 1;
                self.erased += 1;
                Ok(())
            }
        }
    }

    fn mark_gone(&mut self) -> Result<(), JournalError> {
        match self.gone.take() {
            Some((seq, entries)) => {
                let at_ms = self.at_ms;
                self.push(seq, &Entry::Erased { at_ms, entries })
            }
            None => Ok(()),
        }
    }

    fn push(&mut self, seq: u64, entry: &Entry) -> Result<(), JournalError> {
        self.encoder.skip_to(seq);
        let pushed = self
            .encoder
            .append(entry, &mut self.key, &mut self.block)
            .map_err(|problem| JournalError::Entry {
                call_id: self.file.path().display().to_string(),
                problem,
            });
        pushed?;
        if self.block.len() >= BLOCK_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), JournalError> {
        let written = self.file.append(self.disk, &self.block);
        written.map_err(|cause| io(self.file.path(), cause))?;
        self.block.clear();
        Ok(())
    }
}

fn io(path: &Path, cause: std::io::Error) -> JournalError {
    JournalError::Io {
        path: path.to_owned(),
        cause,
    }
}
