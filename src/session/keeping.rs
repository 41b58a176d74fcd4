//! What a call leaves behind: frames and notes go through the recorder into the journal, once a second.
//!
//! The recorder counts samples of the caller's own stream ([`LineClock`]), so both channels stay in step however the
//! server's clock runs. Where storing fails the recording stops, and the call goes on.

use trunkline_core::call::Note;
use trunkline_core::consent::Granted;
use trunkline_core::journal::{Began, Consent, Entry, Step, Stored};
use trunkline_core::record::{Recorder, RecorderSettings};
use trunkline_core::time::At;
use trunkline_media::line_clock::{LineClock, Placer};

use super::speaking::Speaking;
use crate::journal::{CallJournal, JournalFailure};

/// The journal is given what there is this often, ms …
const EVERY_MS: u64 = 1_000;
/// … and so long after a second is over: what was said in it is settled by then, and on disk within the next.
const AFTER_MS: u64 = 600;

/// What a call that is kept needs.
pub struct Keep {
    /// Where it goes.
    pub journal: CallJournal,
    /// The first entry.
    pub began: Began,
}

pub(super) struct Keeping {
    journal: CallJournal,
    recorder: Recorder,
    clock: LineClock,
    placer: Placer,
    entries: Vec<Entry>,
    next_ms: u64,
    failed: bool,
    /// What was handed over of the caller, and stays.
    stored: Stored,
}

/// What came of it.
pub(super) struct Kept {
    pub(super) failure: Option<JournalFailure>,
    pub(super) caller_ms: u64,
    pub(super) is_recorded: bool,
}

impl Keeping {
    pub(super) fn new(keep: Keep) -> Self {
        let mut recorder = Recorder::new(RecorderSettings::default());
        recorder.began(keep.began);
        Self {
            journal: keep.journal,
            recorder,
            clock: LineClock::default(),
            placer: Placer::default(),
            entries: Vec::new(),
            next_ms: AFTER_MS,
            failed: false,
            stored: Stored::default(),
        }
    }

    /// A frame of the caller came: sample `position` of their stream is its first.
    pub(super) fn caller(
        &mut self,
        now: At,
        granted: Option<&Granted>,
        position: u64,
        mulaw: &[u8],
    ) {
        self.clock.observe(now.ms(), position + mulaw.len() as u64);
        self.recorder
            .caller(granted, self.clock.caller_at(position), mulaw);
    }

    /// Tells of a failure, once.
    pub(super) fn note(
        &mut self,
        now: At,
        granted: Option<&Granted>,
        note: &Note,
        speaking: &mut Speaking,
    ) -> Option<JournalFailure> {
        let Note::Consent { .. } = note else {
            self.recorder.note(granted, note);
            return None;
        };
        // A step of consent may end the recording here, and what was heard until here stays.
        self.heard(now, speaking);
        self.recorder.note(granted, note);
        // The caller is about to be told of it: it must outlive us from now on.
        self.recorder.take(now, &mut self.entries);
        self.hand_over()
    }

    /// When [`Keeping::write`] is next due, ms.
    pub(super) fn next_due(&self) -> u64 {
        self.next_ms
    }

    /// Gives the journal what is complete, if it is time. Tells of a failure, once.
    pub(super) fn write(&mut self, now: At, speaking: &mut Speaking) -> Option<JournalFailure> {
        if now.ms() < self.next_ms {
            return None;
        }
        let seconds = (now.ms() - AFTER_MS) / EVERY_MS;
        self.next_ms = (seconds + 1) * EVERY_MS + AFTER_MS;
        self.heard(now, speaking);
        self.recorder.take(now, &mut self.entries);
        self.hand_over()
    }

    /// Gives the journal the rest.
    pub(super) fn finish(mut self, now: At, speaking: &mut Speaking) -> Kept {
        self.heard(now, speaking);
        self.recorder.finish(now, &mut self.entries);
        let failure = self.hand_over();
        self.journal.close();
        Kept {
            failure,
            caller_ms: self.stored.caller_ms(),
            is_recorded: self.stored.is_recorded(),
        }
    }

    /// What the caller has heard of the agent since the last time.
    fn heard(&mut self, now: At, speaking: &mut Speaking) {
        let Self {
            recorder,
            clock,
            placer,
            ..
        } = self;
        speaking.heard_audio(now.ms(), &mut |piece| {
            let at = placer.place(clock, piece.at, piece.audio.len());
            recorder.agent(at, piece.audio);
        });
    }

    /// After a failure too: the journal remembers what was agreed to and how the call ended, and drops the rest.
    fn hand_over(&mut self) -> Option<JournalFailure> {
        if self.entries.is_empty() {
            return None;
        }
        for entry in &self.entries {
            let is_stored = !self.failed || rewrites(entry);
            if is_stored {
                self.stored.add(entry);
            }
        }
        let failure = self.journal.append(std::mem::take(&mut self.entries)).err();
        let failure = failure.or_else(|| self.journal.failed());
        let is_news = failure.is_some() && !self.failed;
        self.failed |= is_news;
        failure.filter(|_| is_news)
    }
}

/// What is deleted is deleted after a failure too.
fn rewrites(entry: &Entry) -> bool {
    let Entry::Consent(Consent { step, .. }) = entry else {
        return false;
    };
    matches!(step, Step::Withdrawn { .. })
}
