//! What a call without sound leaves behind: its notes, and silence for what the caller's channel would hold.

use trunkline_core::call::Note;
use trunkline_core::consent::Granted;
use trunkline_core::journal::{Entry, SAMPLES_PER_MS, Stored};
use trunkline_core::record::{Recorder, RecorderSettings};
use trunkline_core::time::At;

use crate::journal::CallJournal;
use crate::session::Keep;

/// Samples of a frame, and mu-law silence.
const FRAME: u64 = 160;
const SILENCE: [u8; FRAME as usize] = [0xff; FRAME as usize];
/// The journal is given what there is this often, ms.
const EVERY_MS: u64 = 1_000;

pub(super) struct Keeping {
    journal: CallJournal,
    recorder: Recorder,
    /// Samples of the caller's that the recorder has.
    position: u64,
    given_at: At,
    entries: Vec<Entry>,
    stored: Stored,
}

impl Keeping {
    pub(super) fn new(keep: Keep) -> Self {
        let mut recorder = Recorder::new(RecorderSettings::default());
        recorder.began(keep.began);
        Self {
            journal: keep.journal,
            recorder,
            position: 0,
            given_at: At::START,
            entries: Vec::new(),
            stored: Stored::default(),
        }
    }

    pub(super) fn note(&mut self, now: At, granted: Option<&Granted>, note: &Note) {
        self.frames(now, granted);
        self.recorder.note(granted, note);
        let is_step = matches!(note, Note::Consent { .. });
        if is_step || now.since(self.given_at) >= EVERY_MS {
            self.given_at = now;
            self.recorder.take(now, &mut self.entries);
            self.hand_over();
        }
    }

    /// Hands over the rest; what of the caller is stored.
    pub(super) fn finish(mut self, now: At, granted: Option<&Granted>) -> Stored {
        self.frames(now, granted);
        self.recorder.finish(now, &mut self.entries);
        self.hand_over();
        self.journal.close();
        self.stored
    }

    /// The caller's frames up to now.
    fn frames(&mut self, now: At, granted: Option<&Granted>) {
        while self.position + FRAME <= now.ms() * SAMPLES_PER_MS {
            self.recorder.caller(granted, self.position, &SILENCE);
            self.position += FRAME;
        }
    }

    fn hand_over(&mut self) {
        for entry in &self.entries {
            self.stored.add(entry);
        }
        let entries = std::mem::take(&mut self.entries);
        if let Err(failure) = self.journal.append(entries) {
            tracing::error!(%failure, "the recording of this call stops");
        }
    }
}
