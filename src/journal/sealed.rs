//! A journal file as it lies there: its head, and its records one by one, so that none of it need be in memory whole.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use trunkline_core::journal::{
    Cursor, Entry, HEAD_BYTES, HEADER_BYTES_MAX, Header, HeaderHash, RecordRef, Stop, Why,
    decode_header, open_record,
};

use super::disk::read_at;
use super::failure::JournalError;
use super::place::Place;
use crate::vault::{CallKey, ClientKeys, SubjectId, SubjectKeys, VaultError};

/// The open file.
pub(super) struct Sealed {
    file: File,
    path: PathBuf,
    pub(super) header: Header,
    pub(super) hash: HeaderHash,
    header_bytes: usize,
}

impl Sealed {
    /// Opens the journal at `path`, which must be the one of `place`.
    pub(super) fn open(path: &Path, place: &Place) -> Result<Self, JournalError> {
        let io = |cause| JournalError::Io {
            path: path.to_owned(),
            cause,
        };
        let file = File::open(path).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                JournalError::Missing {
                    client: place.client.clone(),
                    call_id: place.call_id.clone(),
                }
            } else {
                io(error)
            }
        })?;
        let bytes = file.metadata().map_err(io)?.len();
        let mut head = vec![0; HEADER_BYTES_MAX.min(usize::try_from(bytes).unwrap_or(usize::MAX))];
        read_at(&file, &mut head, 0).map_err(io)?;
        let (header, hash, header_bytes) =
            decode_header(&head).map_err(|problem| JournalError::Head {
                path: path.to_owned(),
                problem,
            })?;
        if header.client_id != place.client.as_str() || header.call_id != place.call_id {
            return Err(JournalError::Misplaced {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            header,
            hash,
            header_bytes,
        })
    }

    /// The keys of the person whose call it is.
    pub(super) async fn subject(&self, client: &ClientKeys) -> Result<SubjectKeys, JournalError> {
        let id = SubjectId::parse(&self.header.subject_id).ok_or(VaultError::Forgotten)?;
        Ok(client.subject_by_id(&id).await?)
    }

    /// The key of the call.
    pub(super) fn key(&self, subject: &SubjectKeys) -> Result<CallKey, JournalError> {
        let key = subject.open_call_key(&self.header.sealed_key);
        key.map_err(|problem| JournalError::Key {
            path: self.path.clone(),
            problem,
        })
    }

    /// Its length now, bytes.
    pub(super) fn bytes(&self) -> Result<u64, JournalError> {
        Ok(self.file.metadata().map_err(|cause| self.io(cause))?.len())
    }

    /// The heads of its records, as far as it is a journal.
    pub(super) fn walk(&self) -> Result<Walk<'_>, JournalError> {
        Ok(Walk {
            sealed: self,
            cursor: Cursor::new(self.header_bytes),
            file_bytes: self.bytes()?,
            stop: None,
        })
    }

    /// One record's entry, or why it is none.
    pub(super) fn entry(
        &self,
        record: &RecordRef,
        key: &CallKey,
    ) -> Result<Result<Entry, Why>, JournalError> {
        let mut content = vec![0; record.sealed_bytes as usize];
        match read_at(&self.file, &mut content, record.content_offset()) {
            Ok(()) => Ok(open_record(record, self.hash, key, &mut content)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Err(Why::CutOff)),
            Err(error) => Err(self.io(error)),
        }
    }

    /// Whether nothing but zeros lies behind a place, as after a loss of power.
    pub(super) fn is_blank_from(&self, offset: u64) -> Result<bool, JournalError> {
        let mut at = offset;
        let end = self.bytes()?;
        let mut block = vec![0; 64 * 1024];
        while at < end {
            let count = usize::try_from(end - at).map_or(block.len(), |left| left.min(block.len()));
            let part = &mut block[..count];
            read_at(&self.file, part, at).map_err(|cause| self.io(cause))?;
            if part.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += count as u64;
        }
        Ok(true)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn io(&self, cause: io::Error) -> JournalError {
        JournalError::Io {
            path: self.path.clone(),
            cause,
        }
    }
}

/// Goes from head to head.
pub(super) struct Walk<'a> {
    sealed: &'a Sealed,
    cursor: Cursor,
    file_bytes: u64,
    stop: Option<Stop>,
}

impl Walk<'_> {
    /// The next record; `None` where the journal ends, or stops being one.
    pub(super) fn next(&mut self) -> Result<Option<RecordRef>, JournalError> {
        if self.stop.is_some() {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        let left = self.file_bytes.saturating_sub(self.cursor.offset());
        let count = usize::try_from(left).map_or(HEAD_BYTES, |left| left.min(HEAD_BYTES));
        let head = &mut head[..count];
        read_at(&self.sealed.file, head, self.cursor.offset())
            .map_err(|cause| self.sealed.io(cause))?;
        match self.cursor.pass(head, self.file_bytes) {
            Ok(record) => Ok(record),
            Err(stop) => {
                self.stop = Some(stop);
                Ok(None)
            }
        }
    }

    /// Where it stopped being a journal.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// How long the file was when the walk began, bytes.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }
}
