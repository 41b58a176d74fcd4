//! What goes wrong with journals.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use trunkline_core::journal::{HeaderError, Unwritable};

use crate::ids::ClientId;
use crate::vault::{Unopened, VaultError};

/// Why a call is not recorded any further. The call itself goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFailure {
    /// No room.
    #[error("the disk of the data folder is full; make room, and the next call is recorded again")]
    Full,
    /// Not allowed.
    #[error(
        "the data folder cannot be written to; give this user the right to, and the next call is recorded again"
    )]
    ReadOnly,
    /// The folder or the file went away.
    #[error("the journal's folder is gone; put the data folder back and start the server anew")]
    Vanished,
    /// The disk is so slow that what waits for it would fill the memory.
    #[error("the disk is too slow for what is to be recorded")]
    Behind,
    /// The writer is gone: the server shuts down.
    #[error("the server writes no more journals")]
    Stopped,
    /// Anything else the system says.
    #[error("the journal cannot be written: {0}")]
    Disk(ErrorKind),
    /// The head of the journal cannot be made of these ids.
    #[error("the ids of the call do not fit a journal")]
    Ids,
}

impl JournalFailure {
    /// Stable snake_case, for events.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "disk_full",
            Self::ReadOnly => "read_only",
            Self::Vanished => "folder_gone",
            Self::Behind => "disk_slow",
            Self::Stopped => "stopping",
            Self::Disk(_) => "disk_error",
            Self::Ids => "ids",
        }
    }
}

impl From<&io::Error> for JournalFailure {
    fn from(error: &io::Error) -> Self {
        const FULL: [ErrorKind; 3] = [
            ErrorKind::StorageFull,
            ErrorKind::QuotaExceeded,
            ErrorKind::FileTooLarge,
        ];
        const READ_ONLY: [ErrorKind; 2] =
            [ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied];
        const VANISHED: [ErrorKind; 2] = [ErrorKind::NotFound, ErrorKind::NotADirectory];
        let kind = error.kind();
        if FULL.contains(&kind) {
            Self::Full
        } else if READ_ONLY.contains(&kind) {
            Self::ReadOnly
        } else if VANISHED.contains(&kind) {
            Self::Vanished
        } else {
            Self::Disk(kind)
        }
    }
}

/// A journal cannot be begun, read, erased or removed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is none of this call.
    #[error("{client}: no journal of {call_id}")]
    Missing {
        /// The client.
        client: ClientId,
        /// The call.
        call_id: String,
    },
    /// There is one of this call already.
    #[error("{call_id} is being recorded already")]
    Present {
        /// The call.
        call_id: String,
    },
    /// The call is going on.
    #[error("{call_id} is going on; end it first")]
    Live {
        /// The call.
        call_id: String,
    },
    /// Its content was deleted, or is to be.
    #[error("what was said in {call_id} was deleted; nothing is added to it")]
    Erased {
        /// The call.
        call_id: String,
    },
    /// The id cannot be the name of a file, or the keys are another client's.
    #[error("the id of the call or the keys for it do not fit a journal of this client")]
    Unfit,
    /// The writer is gone: the server shuts down.
    #[error("the server writes no more journals")]
    Stopped,
    /// It cannot be written.
    #[error("{call_id}: {failure}")]
    Failed {
        /// The call.
        call_id: String,
        /// Why.
        failure: JournalFailure,
    },
    /// The system refuses.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The head is not that of this call's journal.
    #[error("{}: {problem}; restore the file from a backup if it is needed", path.display())]
    Head {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: HeaderError,
    },
    /// The file is another call's.
    #[error("{}: the journal of another call; put it back where it was", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
    },
    /// More of the file's end is unreadable than a crash can explain.
    #[error("{}: the last {bytes} bytes cannot be read, more than a crash leaves; nothing was cut off. Restore the file from a backup if they are needed", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many.
        bytes: u64,
    },
    /// The call's key does not open.
    #[error("{}: {problem}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: Unopened,
    },
    /// The client's or the person's key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An entry that fits no record.
    #[error("{call_id}: {problem}")]
    Entry {
        /// The call.
        call_id: String,
        /// Why.
        problem: Unwritable,
    },
    /// More sound at once than is given.
    #[error("at most {max} samples at once", max = super::SAMPLES_AT_ONCE_MAX)]
    Long,
}
