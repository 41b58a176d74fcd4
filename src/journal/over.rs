//! What is done to journals of calls that are over, by the one thread that changes files.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use trunkline_core::consent::Refusal;
use trunkline_core::journal::{Encoder, Ended, Entry, Event, Header, Step, Stored};

use super::Settled;
use super::disk::JournalFile;
use super::failure::JournalError;
use super::place::Place;
use super::rewrite;
use super::sealed::Sealed;
use super::writer::{Writer, end_ms};
use crate::data_folder::sync_folder;
use crate::vault::{CallKey, SubjectKeys};

/// More than this at the end of a file that cannot be read is no torn write: half a minute of sound.
const TORN_BYTES_MAX: u64 = 512 * 1024;
/// Why a call ended whose server did.
const SERVER_LOST: &str = "server_lost";
/// The event of a caller who does not want to be called again.
const OPT_OUT: &str = "opt_out";

/// What a look at every record of a file has shown.
#[derive(Clone, Debug, Default)]
struct Survey {
    /// Records that open.
    good: u64,
    /// Records before the last good one that do not.
    bad: u64,
    /// Where the last good record ends.
    good_end: u64,
    /// The number behind the last good record.
    next_seq: u64,
    /// The end of the latest thing in it, ms.
    last_ms: u64,
    ended: bool,
    /// It was erased, or is to be.
    erased: bool,
    /// Content below this number has to go.
    erase_before: Option<u64>,
    /// What it holds of the caller.
    stored: Stored,
    /// The caller does not want to be called again.
    opted_out: bool,
    /// Length of the file.
    file_bytes: u64,
}

/// What was done to a journal that a crash left behind.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) cut_bytes: u64,
    pub(super) was_open: bool,
    pub(super) erased: u64,
    pub(super) damaged: u64,
    pub(super) caller_ms: u64,
    pub(super) is_recorded: bool,
    /// The caller opted out, and no mark said so until now.
    pub(super) promise: Option<Settled>,
}

impl Writer {
    /// Deletes the content of a call by somebody's order. Gives how many entries went.
    pub(super) fn erase(
        &mut self,
        place: &Place,
        subject: &SubjectKeys,
    ) -> Result<u64, JournalError> {
        if let Some(erased) = self.erase_if_live(place) {
            return erased;
        }
        let settled = self.mark(place)?;
        let survey = self.survey_place(place, subject)?;
        let moment = (survey.last_ms, survey.next_seq);
        let done = self.erase_file(place, subject, survey.next_seq, moment)?;
        self.sink.caught_up(&place.client, &place.call_id, settled);
        Ok(done.map_or(0, |(_, new)| new.erased))
    }

    /// Writes entries behind those of a call that is over.
    pub(super) fn add(
        &mut self,
        place: &Place,
        subject: &SubjectKeys,
        entries: &[Entry],
    ) -> Result<(), JournalError> {
        self.refuse_live(place)?;
        let settled = self.mark(place)?;
        let sealed = Sealed::open(&self.root.file(place), place)?;
        let key = sealed.key(subject)?;
        let survey = survey(&sealed, &key)?;
        let is_erased = survey.erased || survey.erase_before.is_some();
        if is_erased && entries.iter().any(Entry::is_content) {
            // The mark was for rows that do not come.
            settled.done();
            return Err(JournalError::Erased {
                call_id: place.call_id.clone(),
            });
        }
        self.append_to(&sealed, &key, &survey, entries, place)?;
        self.sink.caught_up(&place.client, &place.call_id, settled);
        Ok(())
    }

    /// Deletes the file and its marks.
    pub(super) fn remove(&mut self, place: &Place) -> Result<(), JournalError> {
        self.refuse_live(place)?;
        let path = self.root.file(place);
        remove_file(&self.root.next_file(place))?;
        remove_file(&path)?;
        sync_folder(&self.root.date_folder(place)).map_err(|cause| io_at(&path, cause))?;
        let marked = self.root.marked().map_err(|cause| io_at(&path, cause))?;
        for (_, marks) in marked.into_iter().filter(|(of, _)| of == place) {
            Settled { marks }.done();
        }
        Ok(())
    }

    /// Finishes a journal that a crash may have left unfinished, and gives its rows to the sink. `is_promised`: a mark
    /// says already that the caller opted out.
    pub(super) fn recover(
        &mut self,
        place: &Place,
        subject: &SubjectKeys,
        marks: Vec<PathBuf>,
        is_promised: bool,
    ) -> Result<Finished, JournalError> {
        self.refuse_live(place)?;
        remove_file(&self.root.next_file(place))?;
        let sealed = Sealed::open(&self.root.file(place), place)?;
        let key = sealed.key(subject)?;
        let survey = survey(&sealed, &key)?;
        // It stands before the marks of the rows go.
        let promise = match survey.opted_out && !is_promised {
            true => Some(self.promise(place)?),
            false => None,
        };
        let cut_bytes = self.cut_tail(&sealed, &survey)?;
        let (client, call_id) = (&place.client, &place.call_id);
        let was_open = !survey.ended;
        if was_open {
            let at_ms = survey.last_ms;
            let event = Event {
                at_ms,
                kind: SERVER_LOST.to_owned(),
                detail: String::new(),
            };
            let ended = Ended {
                at_ms,
                reason: SERVER_LOST.to_owned(),
            };
            let end = [Entry::Event(event), Entry::Ended(ended)];
            self.append_silently(&sealed, &key, &survey, &end, place)?;
        }
        let Header { sealed_key, .. } = &sealed.header;
        self.sink.rekeyed(client, call_id, subject.id(), sealed_key);
        let mut erased = 0;
        let mut stored = &survey.stored;
        let left;
        if let Some(before) = survey.erase_before {
            let moment = (survey.last_ms, self.survey_place(place, subject)?.next_seq);
            let done = self.erase_file(place, subject, before, moment)?;
            erased = done.map_or(0, |(_, new)| new.erased);
            left = self.survey_place(place, subject)?;
            stored = &left.stored;
        } else {
            if survey.erased {
                self.sink.erased(client, call_id, survey.next_seq);
            }
            self.rows_again(&sealed, place, &key)?;
        }
        self.sink.caught_up(client, call_id, Settled { marks });
        Ok(Finished {
            cut_bytes,
            was_open,
            erased,
            damaged: survey.bad,
            caller_ms: stored.caller_ms(),
            is_recorded: stored.is_recorded(),
            promise,
        })
    }

    /// Cuts off what a torn write left.
    fn cut_tail(&self, sealed: &Sealed, survey: &Survey) -> Result<u64, JournalError> {
        let bytes = survey.file_bytes.saturating_sub(survey.good_end);
        if bytes == 0 {
            return Ok(0);
        }
        let is_torn = bytes <= TORN_BYTES_MAX || sealed.is_blank_from(survey.good_end)?;
        // The first record is on disk before any other is written: where it does not open, more is wrong than the end.
        if survey.good == 0 || !is_torn {
            return Err(JournalError::Damaged {
                path: sealed.path().to_owned(),
                bytes,
            });
        }
        let cut = JournalFile::open(sealed.path()).and_then(|mut file| {
            file.cut_to(survey.good_end)?;
            file.sync(&*self.disk)
        });
        cut.map_err(|cause| io_at(sealed.path(), cause))?;
        Ok(bytes)
    }

    fn append_to(
        &self,
        sealed: &Sealed,
        key: &CallKey,
        survey: &Survey,
        entries: &[Entry],
        place: &Place,
    ) -> Result<(), JournalError> {
        let seqs = self.append_silently(sealed, key, survey, entries, place)?;
        for (seq, entry) in seqs.into_iter().zip(entries) {
            if !matches!(entry, Entry::Audio(_)) {
                self.sink
                    .rows(&place.client, &place.call_id, seq, entry, key);
            }
        }
        Ok(())
    }

    fn append_silently(
        &self,
        sealed: &Sealed,
        key: &CallKey,
        survey: &Survey,
        entries: &[Entry],
        place: &Place,
    ) -> Result<Vec<u64>, JournalError> {
        self.cut_tail(sealed, survey)?;
        let mut encoder = Encoder::resume(sealed.hash, survey.next_seq);
        let (mut key, mut block, mut seqs) = (key.clone(), Vec::new(), Vec::new());
        for entry in entries {
            let seq = encoder.append(entry, &mut key, &mut block);
            seqs.push(seq.map_err(|problem| JournalError::Entry {
                call_id: place.call_id.clone(),
                problem,
            })?);
        }
        let written = JournalFile::open(sealed.path()).and_then(|mut file| {
            file.append(&*self.disk, &block)?;
            file.sync(&*self.disk)
        });
        written.map_err(|cause| io_at(sealed.path(), cause))?;
        Ok(seqs)
    }

    fn survey_place(&self, place: &Place, subject: &SubjectKeys) -> Result<Survey, JournalError> {
        let sealed = Sealed::open(&self.root.file(place), place)?;
        let key = sealed.key(subject)?;
        survey(&sealed, &key)
    }

    fn mark(&self, place: &Place) -> Result<Settled, JournalError> {
        let mark = self.root.mark(place);
        let mark = mark.map_err(|cause| io_at(self.root.folder(), cause))?;
        Ok(Settled { marks: vec![mark] })
    }

    fn promise(&self, place: &Place) -> Result<Settled, JournalError> {
        let mark = self.root.promise(place);
        let mark = mark.map_err(|cause| io_at(self.root.folder(), cause))?;
        Ok(Settled { marks: vec![mark] })
    }

    fn refuse_live(&self, place: &Place) -> Result<(), JournalError> {
        match self.live_id(place) {
            Some(_) => Err(JournalError::Live {
                call_id: place.call_id.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// Opens every record.
fn survey(sealed: &Sealed, key: &CallKey) -> Result<Survey, JournalError> {
    let mut walk = sealed.walk()?;
    let mut survey = Survey {
        file_bytes: walk.file_bytes(),
        ..Survey::default()
    };
    let mut bad = 0;
    while let Some(record) = walk.next()? {
        let Ok(entry) = sealed.entry(&record, key)? else {
            bad += 1;
            continue;
        };
        survey.good += 1;
        survey.bad += std::mem::take(&mut bad);
        survey.good_end = record.end();
        survey.next_seq = record.seq.saturating_add(1);
        survey.last_ms = survey.last_ms.max(end_ms(&entry));
        survey.ended |= matches!(entry, Entry::Ended(_));
        survey.stored.add(&entry);
        survey.erased |= matches!(entry, Entry::Erased { .. });
        survey.opted_out |= opts_out(&entry);
        survey.erase_before = rewrite::ordered(record.seq, &entry).or(survey.erase_before);
    }
    Ok(survey)
}

/// Whether a caller said here that they do not want to be called again.
fn opts_out(entry: &Entry) -> bool {
    match entry {
        Entry::Event(event) => event.kind == OPT_OUT,
        Entry::Consent(consent) => matches!(
            consent.step,
            Step::Refused {
                class: Refusal::OptedOut
            } | Step::Withdrawn {
                class: Refusal::OptedOut,
                ..
            }
        ),
        Entry::Began(_)
        | Entry::Audio(_)
        | Entry::Turn(_)
        | Entry::NotKept { .. }
        | Entry::Second { .. }
        | Entry::Erased { .. }
        | Entry::Ended(_) => false,
    }
}

fn remove_file(path: &Path) -> Result<(), JournalError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(io_at(path, cause)),
    }
}

fn io_at(path: &Path, cause: io::Error) -> JournalError {
    JournalError::Io {
        path: path.to_owned(),
        cause,
    }
}
