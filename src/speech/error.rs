//! What can go wrong with speech. No variant carries a spoken word.

use std::path::{Path, PathBuf};

/// Why speech could not be heard or made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpeechError {
    /// A model or the runtime's library could not be loaded.
    #[error("cannot load {}: {reason}; run `trunkline models fetch --verify`", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the runtime said.
        reason: String,
    },
    /// A model did not run, or answered with something of the wrong shape.
    #[error("{model} failed: {reason}")]
    Inference {
        /// Which model.
        model: &'static str,
        /// What the runtime said.
        reason: String,
    },
    /// The phonemiser's process died, hung or could not be started.
    #[error(
        "the phonemiser {reason}; it needs python3 with the fetched eSpeak NG library, or the espeak-ng program"
    )]
    Phonemes {
        /// What happened.
        reason: String,
    },
    /// There is more work than can be done in time.
    #[error("the speech workers are busy")]
    Busy,
    /// The work was not done by its deadline and is of no use any more.
    #[error("the speech workers were too late")]
    Late,
    /// A partial transcript gave way to more urgent work.
    #[error("a partial transcript gave way to more urgent work")]
    GaveWay,
    /// The input is longer than is accepted.
    #[error("{what} of {found} is over the limit of {limit}")]
    TooLong {
        /// What is too long, with its unit.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The longest accepted.
        limit: usize,
    },
    /// The text has nothing in it that can be spoken.
    #[error("the text has nothing in it that can be spoken")]
    NothingToSay,
    /// The workers have stopped.
    #[error("the speech workers have stopped")]
    Stopped,
}

impl SpeechError {
    /// Whether the same request may succeed when it is made again.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            SpeechError::Inference { .. }
            | SpeechError::Phonemes { .. }
            | SpeechError::Busy
            | SpeechError::GaveWay => true,
            SpeechError::Load { .. }
            | SpeechError::Late
            | SpeechError::TooLong { .. }
            | SpeechError::NothingToSay
            | SpeechError::Stopped => false,
        }
    }

    pub(super) fn load(path: &Path, reason: impl ToString) -> Self {
        SpeechError::Load {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn inference(model: &'static str, reason: impl ToString) -> Self {
        SpeechError::Inference {
            model,
            reason: reason.to_string(),
        }
    }
}
