//! Reading one journal, also while it is being written.

use trunkline_core::journal::{
    Class, Entry, Header, RecordRef, SAMPLES_PER_MS, SAMPLES_PER_SECOND, SILENCE, Stop,
    audio_between,
};

use super::failure::JournalError;
use super::sealed::Sealed;
use crate::vault::CallKey;

/// Most samples that [`Reading::audio`] gives at once: ten minutes.
pub const SAMPLES_AT_ONCE_MAX: u64 = 10 * 60 * SAMPLES_PER_SECOND;

/// A journal as it was when [`read`](super::Journals::read) found it. Its methods read the disk and block.
pub struct Reading {
    sealed: Sealed,
    key: CallKey,
    records: Vec<RecordRef>,
    stop: Option<Stop>,
}

/// Both channels of a stretch of a call, mu-law at 8 kHz; what is not there is silence.
#[derive(Clone, PartialEq, Eq)]
pub struct Sound {
    /// The caller's.
    pub caller: Vec<u8>,
    /// The agent's, as it was heard.
    pub agent: Vec<u8>,
    /// Records in it that could not be opened, and are silence here.
    pub damaged: usize,
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sound")
            .field("samples", &self.caller.len())
            .field("damaged", &self.damaged)
            .finish_non_exhaustive()
    }
}

/// Everything of a journal but its sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// The entries in order, each with its sequence number.
    pub entries: Vec<(u64, Entry)>,
    /// Records that could not be opened.
    pub damaged: usize,
}

impl Reading {
    /// Indexes the records by their heads.
    pub(super) fn new(sealed: Sealed, key: CallKey) -> Result<Self, JournalError> {
        let mut walk = sealed.walk()?;
        let mut records = Vec::new();
        while let Some(record) = walk.next()? {
            records.push(record);
        }
        let stop = walk.stop();
        Ok(Self {
            sealed,
            key,
            records,
            stop,
        })
    }

    /// Whose it is, and when the call began.
    pub fn header(&self) -> &Header {
        &self.sealed.header
    }

    /// The call's key, which also opens its rows.
    pub fn key(&self) -> &CallKey {
        &self.key
    }

    /// Where the file stops being a journal: within what is just being written, or damage.
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Everything but the sound.
    pub fn contents(&self) -> Result<Contents, JournalError> {
        let mut contents = Contents {
            entries: Vec::new(),
            damaged: 0,
        };
        let records = self.records.iter();
        for record in records.filter(|record| record.class != Class::Audio) {
            match self.sealed.entry(record, &self.key)? {
                Ok(entry) => contents.entries.push((record.seq, entry)),
                Err(_) => contents.damaged += 1,
            }
        }
        Ok(contents)
    }

    /// Where the sound ends, in samples from the start of the call; 0 if there is none.
    pub fn samples(&self) -> Result<u64, JournalError> {
        let audio = self.records.iter().filter(|r| r.class == Class::Audio);
        let mut latest_first: Vec<&RecordRef> = audio.collect();
        latest_first.sort_by_key(|record| std::cmp::Reverse(record.at_ms));
        let mut end = 0;
        for record in latest_first {
            // None is longer than a second, so none that begins earlier than that can end later.
            let end_max = record.at_ms.saturating_add(1_001);
            if end_max.saturating_mul(SAMPLES_PER_MS) <= end {
                break;
            }
            // What a head says counts only if its record opens.
            if let Ok(Entry::Audio(audio)) = self.sealed.entry(record, &self.key)? {
                end = end.max(audio.from + u64::from(audio.samples));
            }
        }
        Ok(end)
    }

    /// Samples `from` to `to`, without the last; opens no more than what holds them.
    pub fn audio(&self, from: u64, to: u64) -> Result<Sound, JournalError> {
        let count = to.saturating_sub(from);
        if count > SAMPLES_AT_ONCE_MAX {
            return Err(JournalError::Long);
        }
        let silence = vec![SILENCE; usize::try_from(count).unwrap_or(0)];
        let mut sound = Sound {
            caller: silence.clone(),
            agent: silence,
            damaged: 0,
        };
        for record in audio_between(&self.records, from, to) {
            let Ok(Entry::Audio(audio)) = self.sealed.entry(record, &self.key)? else {
                sound.damaged += 1;
                continue;
            };
            for (channel, heard) in [
                (&mut sound.caller, &audio.caller),
                (&mut sound.agent, &audio.agent),
            ] {
                if let Some(heard) = heard {
                    lay(channel, from, heard, audio.from);
                }
            }
        }
        Ok(sound)
    }
}

/// Puts what `heard` and `channel` have in common into `channel`; they begin at the samples `heard_from` and `from`.
fn lay(channel: &mut [u8], from: u64, heard: &[u8], heard_from: u64) {
    let skip = |ahead: u64| usize::try_from(ahead).unwrap_or(usize::MAX);
    let heard = heard
        .get(skip(from.saturating_sub(heard_from))..)
        .unwrap_or_default();
    let channel = channel
        .get_mut(skip(heard_from.saturating_sub(from))..)
        .unwrap_or_default();
    let count = heard.len().min(channel.len());
    channel[..count].copy_from_slice(&heard[..count]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_laid_where_it_belongs() {
        for (from, heard_from, want) in [
            (10, 10, *b"abcd.."),
            (10, 12, *b"..abcd"),
            (10, 14, *b"....ab"),
            (10, 16, *b"......"),
            (10, 99, *b"......"),
            (10, 8, *b"cd...."),
            (10, 6, *b"......"),
            (10, 0, *b"......"),
        ] {
            let mut channel = *b"......";
            lay(&mut channel, from, b"abcd", heard_from);
            assert_eq!(channel, want, "{from} {heard_from}");
        }
    }
}
