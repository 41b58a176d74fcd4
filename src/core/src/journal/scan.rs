//! Finds the records of a journal again, and the place where it stops being one.

use super::Entry;
use super::codec::{Class, HEAD_BYTES, Open, RESUME_GAP, TAG_BYTES, aad, decode_audio};
use super::header::{Header, HeaderError, HeaderHash, decode_header};

/// Where one record is, and what can be told of it without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef {
    /// What it holds.
    pub class: Class,
    /// Its sequence number.
    pub seq: u64,
    /// The moment it is about, ms of the call.
    pub at_ms: u64,
    /// Where its head begins, bytes from the start of the file.
    pub offset: u64,
    /// Bytes of its sealed content, tag included.
    pub sealed_bytes: u32,
}

impl RecordRef {
    /// Where its sealed content begins.
    pub fn content_offset(&self) -> u64 {
        self.offset + HEAD_BYTES as u64
    }

    /// Where the next record begins.
    pub fn end(&self) -> u64 {
        self.content_offset() + u64::from(self.sealed_bytes)
    }

    fn head(&self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&self.sealed_bytes.to_le_bytes());
        head[4] = self.class.code();
        head[5..13].copy_from_slice(&self.seq.to_le_bytes());
        head[13..].copy_from_slice(&self.at_ms.to_le_bytes());
        head
    }
}

/// Why a journal stops being valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The file ends within a record.
    #[error("the file ends within a record")]
    CutOff,
    /// A length that no record of its class has.
    #[error("a record of impossible length")]
    Length,
    /// A class that does not exist.
    #[error("a record of an unknown class")]
    Class,
    /// A sequence number that does not follow the one before.
    #[error("a record out of sequence")]
    Sequence,
    /// It does not open.
    #[error("a record that was altered, moved or sealed with another key")]
    Tampered,
    /// It opens, and holds no entry of its class.
    #[error("a record whose content cannot be read")]
    Content,
}

/// The place where a journal stops being valid. Everything before it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}, at byte {offset}, where record {seq} should begin")]
pub struct Stop {
    /// Bytes from the start of the file: what to cut it to.
    pub offset: u64,
    /// The sequence number that was due.
    pub seq: u64,
    /// Why.
    pub why: Why,
}

/// Walks from record to record for a reader that has the heads alone: it never needs the content, so a file need not be
/// in memory.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    offset: u64,
    next_seq: u64,
    erased: bool,
}

impl Cursor {
    /// At the first record, behind a head of `header_bytes`.
    pub fn new(header_bytes: usize) -> Self {
        Self {
            offset: header_bytes as u64,
            next_seq: 0,
            erased: false,
        }
    }

    /// Where the next record begins, bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The sequence number after that of the last record passed.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Passes the record that begins at [`Cursor::offset`]. `head`: the file from there on, of which the first
    /// [`HEAD_BYTES`] or what there is are looked at; `file_bytes`: the length of the file. `None` at its very end.
    pub fn pass(&mut self, head: &[u8], file_bytes: u64) -> Result<Option<RecordRef>, Stop> {
        if self.offset >= file_bytes {
            return Ok(None);
        }
        let record = self.record(head).map_err(|why| self.stop(why))?;
        if record.end() > file_bytes {
            return Err(self.stop(Why::CutOff));
        }
        self.offset = record.end();
        self.next_seq = record.seq.saturating_add(1);
        self.erased = record.class == Class::Erased;
        Ok(Some(record))
    }

    fn stop(&self, why: Why) -> Stop {
        Stop {
            offset: self.offset,
            seq: self.next_seq,
            why,
        }
    }

    fn record(&self, head: &[u8]) -> Result<RecordRef, Why> {
        let (len, rest) = head.split_first_chunk().ok_or(Why::CutOff)?;
        let (class, rest) = rest.split_first().ok_or(Why::CutOff)?;
        let (seq, rest) = rest.split_first_chunk().ok_or(Why::CutOff)?;
        let at_ms = rest.first_chunk().ok_or(Why::CutOff)?;
        let class = Class::from_code(*class).ok_or(Why::Class)?;
        let sealed_bytes = u32::from_le_bytes(*len);
        if !(TAG_BYTES..=class.bytes_max()).contains(&(sealed_bytes as usize)) {
            return Err(Why::Length);
        }
        let seq = u64::from_le_bytes(*seq);
        let resumed = Some(seq) == self.next_seq.checked_add(RESUME_GAP);
        // A mark of erasure stands for all the records that were deleted there.
        let erased = self.erased && seq > self.next_seq;
        if seq != self.next_seq && !resumed && !erased {
            return Err(Why::Sequence);
        }
        Ok(RecordRef {
            class,
            seq,
            at_ms: u64::from_le_bytes(*at_ms),
            offset: self.offset,
            sealed_bytes,
        })
    }
}

/// The records of a journal in memory, without opening them. The last item may be the [`Stop`].
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    hash: HeaderHash,
    cursor: Cursor,
    stopped: bool,
}

impl<'a> Scanner<'a> {
    /// Reads the head of `bytes`, a whole file.
    pub fn new(bytes: &'a [u8]) -> Result<(Header, Self), HeaderError> {
        let (header, hash, header_bytes) = decode_header(bytes)?;
        let scanner = Self {
            bytes,
            hash,
            cursor: Cursor::new(header_bytes),
            stopped: false,
        };
        Ok((header, scanner))
    }

    /// The hash that its records are bound to.
    pub fn hash(&self) -> HeaderHash {
        self.hash
    }

    /// How far it has come.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The same records, opened.
    pub fn entries<'o>(self, open: &'o dyn Open) -> Entries<'a, 'o> {
        Entries {
            scanner: self,
            open,
            sealed: Vec::new(),
        }
    }

    fn from(&self, offset: u64) -> &'a [u8] {
        usize::try_from(offset)
            .ok()
            .and_then(|offset| self.bytes.get(offset..))
            .unwrap_or_default()
    }
}

impl Iterator for Scanner<'_> {
    type Item = Result<RecordRef, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let head = self.from(self.cursor.offset);
        let passed = self.cursor.pass(head, self.bytes.len() as u64).transpose();
        self.stopped = !matches!(passed, Some(Ok(_)));
        passed
    }
}

/// The entries of a journal in memory, each with its record. The last item may be the [`Stop`].
pub struct Entries<'a, 'o> {
    scanner: Scanner<'a>,
    open: &'o dyn Open,
    sealed: Vec<u8>,
}

impl Iterator for Entries<'_, '_> {
    type Item = Result<(RecordRef, Entry), Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        let before = self.scanner.cursor;
        let record = match self.scanner.next()? {
            Ok(record) => record,
            Err(stop) => return Some(Err(stop)),
        };
        let content = self.scanner.from(record.content_offset());
        self.sealed.clear();
        self.sealed
            .extend_from_slice(&content[..record.sealed_bytes as usize]);
        let opened = open_record(&record, self.scanner.hash, self.open, &mut self.sealed);
        Some(match opened {
            Ok(entry) => Ok((record, entry)),
            Err(why) => {
                self.scanner.stopped = true;
                self.scanner.cursor = before;
                Err(before.stop(why))
            }
        })
    }
}

/// Opens one record. `sealed` is its content as the file has it and is overwritten.
pub fn open_record(
    record: &RecordRef,
    hash: HeaderHash,
    open: &dyn Open,
    sealed: &mut Vec<u8>,
) -> Result<Entry, Why> {
    open.open(record.seq, &aad(&record.head(), hash), sealed)
        .map_err(|_| Why::Tampered)?;
    let entry = match record.class {
        Class::Audio => decode_audio(sealed).map(Entry::Audio),
        Class::Entry | Class::Erased => serde_json::from_slice(sealed).ok(),
    };
    entry
        .filter(|entry| Class::of(entry) == record.class && entry.at_ms() == record.at_ms)
        .ok_or(Why::Content)
}

/// Those of `records` that may hold sound of the samples `from..to`; the first and the last may turn out to lie just
/// beside them, since a head gives milliseconds.
pub fn audio_between(
    records: &[RecordRef],
    from: u64,
    to: u64,
) -> impl Iterator<Item = &RecordRef> {
    use super::{SAMPLES_PER_MS, SAMPLES_PER_SECOND};
    records.iter().filter(move |record| {
        let first = record.at_ms.saturating_mul(SAMPLES_PER_MS);
        let end = first.saturating_add(SAMPLES_PER_SECOND + SAMPLES_PER_MS);
        record.class == Class::Audio && first < to && from < end
    })
}

#[cfg(test)]
mod tests;
