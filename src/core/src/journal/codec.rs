//! One entry as one sealed record.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the sealed content with its tag, little-endian |
//! | 1 | class: 1 an entry, 2 audio, 3 a mark of erasure |
//! | 8 | sequence number, from 0 |
//! | 8 | the moment it is about, ms of the call |
//! | n + 16 | sealed content: audio in binary, everything else as JSON |
//!
//! The first 21 bytes and the hash of the file's head are authenticated with the content, and the sequence number is the
//! nonce: a record that was altered, moved, left out or taken from another file does not open. A tail that was cut off
//! shows by the absence of [`Entry::Ended`].

use super::header::HeaderHash;
use super::{Audio, Entry, SAMPLES_PER_SECOND, SILENCE};

/// Bytes in front of the sealed content.
pub const HEAD_BYTES: usize = 21;
/// Bytes of the tag behind it.
pub const TAG_BYTES: usize = 16;
/// Longest sealed content of audio, bytes.
pub const AUDIO_BYTES_MAX: usize = 64 * 1024;
/// Longest sealed content of anything else, bytes.
pub const OTHER_BYTES_MAX: usize = 256 * 1024;
/// Sequence numbers left out when a journal is written on after a crash: a number that a torn record may have used is
/// never used again, since it is a nonce.
pub const RESUME_GAP: u64 = 1 << 32;

const AAD_BYTES: usize = HEAD_BYTES + 32;
const CALLER: u8 = 1;
const AGENT: u8 = 2;

/// Seals the content of records. One key seals one file; a file that is rewritten needs a new one, since sequence
/// numbers are nonces.
pub trait Seal {
    /// Encrypts `content` in place under the nonce made of `seq`, and gives the tag, which covers `aad` too.
    fn seal(&mut self, seq: u64, aad: &[u8], content: &mut [u8]) -> [u8; TAG_BYTES];
}

/// Opens what [`Seal`] sealed.
pub trait Open {
    /// Checks and decrypts `sealed` in place and takes off its tag. After an error its content means nothing.
    fn open(&self, seq: u64, aad: &[u8], sealed: &mut Vec<u8>) -> Result<(), Tampered>;
}

/// What was sealed is not what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("altered, moved or sealed with another key")]
pub struct Tampered;

/// What a record holds, told without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Any entry but those below.
    Entry,
    /// [`Entry::Audio`].
    Audio,
    /// [`Entry::Erased`].
    Erased,
}

impl Class {
    /// The class of an entry.
    pub fn of(entry: &Entry) -> Class {
        match entry {
            Entry::Audio(_) => Class::Audio,
            Entry::Erased { .. } => Class::Erased,
            Entry::Began(_)
            | Entry::Turn(_)
            | Entry::Consent(_)
            | Entry::NotKept { .. }
            | Entry::Event(_)
            | Entry::Second { .. }
            | Entry::Ended(_) => Class::Entry,
        }
    }

    /// Longest sealed content, bytes.
    pub fn bytes_max(self) -> usize {
        match self {
            Class::Audio => AUDIO_BYTES_MAX,
            Class::Entry | Class::Erased => OTHER_BYTES_MAX,
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Class::Entry => 1,
            Class::Audio => 2,
            Class::Erased => 3,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Class> {
        [Class::Entry, Class::Audio, Class::Erased]
            .into_iter()
            .find(|class| class.code() == code)
    }
}

/// Why an entry cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// It is longer than its class may be.
    #[error("an entry of {bytes} bytes; at most {bytes_max} fit a record")]
    TooLong {
        /// Its sealed length.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
    },
    /// Audio whose channels are not as long as it says, or longer than a second.
    #[error("audio that does not fit its own length")]
    Audio,
    /// It has no JSON form.
    #[error("an entry that cannot be written as JSON")]
    Json,
}

/// Writes entries one behind the other.
#[derive(Debug)]
pub struct Encoder {
    hash: HeaderHash,
    next_seq: u64,
}

impl Encoder {
    /// For a file whose head has just been written.
    pub fn new(hash: HeaderHash) -> Self {
        Self { hash, next_seq: 0 }
    }

    /// For a file that was found after a crash, cut behind its last valid record; `next_seq` is the number after that
    /// record's, as [`Cursor::next_seq`](super::Cursor::next_seq) gives it.
    pub fn resume(hash: HeaderHash, next_seq: u64) -> Self {
        Self {
            next_seq: next_seq.saturating_add(RESUME_GAP),
            ..Self::new(hash)
        }
    }

    /// The number that the next record will have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Leaves out the numbers before `seq`. A reader takes that only behind an [`Entry::Erased`], which stands for the
    /// records that had them, or for [`RESUME_GAP`] numbers. Never goes back.
    pub fn skip_to(&mut self, seq: u64) {
        self.next_seq = self.next_seq.max(seq);
    }

    /// Appends the record of `entry` to `out`, and gives its sequence number. After an error `out` is as it was.
    pub fn append(
        &mut self,
        entry: &Entry,
        seal: &mut dyn Seal,
        out: &mut Vec<u8>,
    ) -> Result<u64, Unwritable> {
        let before = out.len();
        let appended = self.append_or_leave(entry, seal, out);
        if appended.is_err() {
            out.truncate(before);
        }
        appended
    }

    /// The same, but for what it leaves in `out` after an error.
    fn append_or_leave(
        &mut self,
        entry: &Entry,
        seal: &mut dyn Seal,
        out: &mut Vec<u8>,
    ) -> Result<u64, Unwritable> {
        let class = Class::of(entry);
        let bytes_max = class.bytes_max();
        let begins = out.len();
        out.extend_from_slice(&[0; HEAD_BYTES]);
        if let Entry::Audio(audio) = entry {
            encode_audio(audio, out)?;
        } else {
            // Strings, numbers and flags always have a JSON form, and writing to memory does not fail.
            serde_json::to_writer(&mut *out, entry).map_err(|_| Unwritable::Json)?;
        }
        let bytes = out.len() - begins - HEAD_BYTES + TAG_BYTES;
        let too_long = Unwritable::TooLong { bytes, bytes_max };
        if bytes > bytes_max {
            return Err(too_long);
        }
        let len = u32::try_from(bytes).map_err(|_| too_long)?;
        let seq = self.next_seq;
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&len.to_le_bytes());
        head[4] = class.code();
        head[5..13].copy_from_slice(&seq.to_le_bytes());
        head[13..].copy_from_slice(&entry.at_ms().to_le_bytes());
        self.next_seq += 1;
        let (place, content) = out[begins..].split_at_mut(HEAD_BYTES);
        place.copy_from_slice(&head);
        let tag = seal.seal(seq, &aad(&head, self.hash), content);
        out.extend_from_slice(&tag);
        Ok(seq)
    }
}

/// What is authenticated with a record: its head and its file's.
pub(super) fn aad(head: &[u8; HEAD_BYTES], hash: HeaderHash) -> [u8; AAD_BYTES] {
    let mut aad = [0; AAD_BYTES];
    aad[..HEAD_BYTES].copy_from_slice(head);
    aad[HEAD_BYTES..].copy_from_slice(&hash.0);
    aad
}

/// First sample, 8 bytes; count of samples, 4; a byte that says which channels follow, the caller's first. Of each its
/// sound between the silence at its start and at its end: where that begins, 2 bytes; how long it is, 2; the samples.
fn encode_audio(audio: &Audio, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    let channels = [(&audio.caller, CALLER), (&audio.agent, AGENT)];
    let fits = |sound: &Vec<u8>| sound.len() == audio.samples as usize;
    let whole = channels
        .iter()
        .all(|(sound, _)| sound.as_ref().is_none_or(fits));
    if !whole || !in_bounds(audio.from, audio.samples) {
        return Err(Unwritable::Audio);
    }
    out.extend_from_slice(&audio.from.to_le_bytes());
    out.extend_from_slice(&audio.samples.to_le_bytes());
    let flags = channels.iter().filter(|(sound, _)| sound.is_some());
    out.push(flags.map(|(_, flag)| flag).sum());
    for sound in channels.into_iter().filter_map(|(sound, _)| sound.as_ref()) {
        let (begins, sound) = audible(sound);
        for count in [begins, sound.len()] {
            let count = u16::try_from(count).map_err(|_| Unwritable::Audio)?;
            out.extend_from_slice(&count.to_le_bytes());
        }
        out.extend_from_slice(sound);
    }
    Ok(())
}

/// What lies between the silence at both ends, and where it begins.
fn audible(sound: &[u8]) -> (usize, &[u8]) {
    let is_sound = |byte: &u8| *byte != SILENCE;
    let Some(begins) = sound.iter().position(is_sound) else {
        return (0, &[]);
    };
    let ends = sound.iter().rposition(is_sound).map_or(begins, |at| at + 1);
    (begins, &sound[begins..ends])
}

/// Reads what [`encode_audio`] wrote; `None` for anything else.
pub(super) fn decode_audio(bytes: &[u8]) -> Option<Audio> {
    let (from, rest) = bytes.split_first_chunk()?;
    let (samples, rest) = rest.split_first_chunk()?;
    let (flags, mut rest) = rest.split_first()?;
    let (from, samples) = (u64::from_le_bytes(*from), u32::from_le_bytes(*samples));
    if *flags > CALLER + AGENT || !in_bounds(from, samples) {
        return None;
    }
    let mut channel = |flag: u8| -> Option<Option<Vec<u8>>> {
        if flags & flag == 0 {
            return Some(None);
        }
        let mut count = || -> Option<usize> {
            let (count, behind) = rest.split_first_chunk()?;
            rest = behind;
            Some(u16::from_le_bytes(*count).into())
        };
        let (begins, len) = (count()?, count()?);
        let (sound, behind) = rest.split_at_checked(len)?;
        rest = behind;
        let mut whole = vec![SILENCE; samples as usize];
        whole.get_mut(begins..begins + len)?.copy_from_slice(sound);
        Some(Some(whole))
    };
    let (caller, agent) = (channel(CALLER)?, channel(AGENT)?);
    rest.is_empty().then_some(Audio {
        from,
        samples,
        caller,
        agent,
    })
}

fn in_bounds(from: u64, samples: u32) -> bool {
    u64::from(samples) <= SAMPLES_PER_SECOND && from.checked_add(SAMPLES_PER_SECOND).is_some()
}

#[cfg(test)]
pub(super) mod tests;
