//! Registers of people who do not want to be called: clients bring in the files that they have bought, which are read in the
//! background, one after the other, into keyed hashes.
//!
//! A file counts once all of it was read, and a full one in the place of what counted before: until then, and if it cannot
//! be used, calls are decided as they were. What a file does not cover is not checked by it.

mod numbers;
mod reading;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

pub use numbers::screenings;

use crate::desk::{Desk, Place};
use crate::imports::file::Files;
use crate::imports::{Intake, IntakeError};
use crate::store::registries::FileKind;
use crate::vault::ClientKeys;

/// Most rows of a full file.
const ROWS_MAX: u64 = 50_000_000;
/// Most rows of a file that changes another.
const CHANGES_ROWS_MAX: u64 = 5_000_000;
/// Files of a client's that were not read to their end.
pub const OPEN_MAX: u32 = 20;
/// Most beginnings of numbers that a file covers.
pub const COVERS_MAX: usize = 1_000;
/// Most files that change a full one; then another full one is due.
pub const CHANGES_MAX: usize = 64;
/// Files that are taken in at once, all clients together.
const INTAKES_MAX: usize = 4;
/// The folder in the data folder.
const FOLDER: &str = "registries";

/// Most rows of a file.
fn rows_max(kind: FileKind) -> u64 {
    match kind {
        FileKind::Full => ROWS_MAX,
        FileKind::Additions | FileKind::Removals => CHANGES_ROWS_MAX,
    }
}

/// How a file is read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The name of the column that holds the numbers, where it cannot be told.
    pub column: Option<String>,
}

/// Where a file's settings are sealed to.
pub fn settings_place(id: &str) -> Place<'_> {
    Place::new("registry_files.settings", id)
}

/// Why a file cannot be used. It changes nothing then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is UTF-16.
    Utf16,
    /// It has nothing in it.
    Empty,
    /// Its first row cannot be read.
    Header,
    /// Which column is the number cannot be told.
    NoColumn,
    /// There is no number in it.
    NoNumbers,
    /// So many rows cannot be used that it is not what it should be.
    TooManyErrors,
    /// It has more rows than a file may.
    TooManyRows,
    /// It changes a register of which there is nothing.
    NoBase,
    /// What counts is newer.
    Older,
    /// The server ended each time while the same rows were read.
    Interrupted,
    /// The file in the data folder is gone or damaged.
    Lost,
}

impl Problem {
    const ALL: [(Self, &str, &str); 11] = [
        (
            Self::Utf16,
            "utf_16",
            "the file is UTF-16; save it as UTF-8",
        ),
        (Self::Empty, "empty", "there is nothing in the file"),
        (
            Self::Header,
            "bad_header",
            "the first row cannot be read; save the file as UTF-8",
        ),
        (
            Self::NoColumn,
            "no_number_column",
            "which column is the number cannot be told: name it in `column`",
        ),
        (
            Self::NoNumbers,
            "no_numbers",
            "there is no number in the file",
        ),
        (
            Self::TooManyErrors,
            "too_many_errors",
            "more rows than one of a thousand, and more than ten, cannot be used: it is not the file that it should be",
        ),
        (
            Self::TooManyRows,
            "too_many_rows",
            "a full file has at most 50000000 rows, and one that changes it 5000000",
        ),
        (
            Self::NoBase,
            "no_full_file",
            "it changes a register of which no full file counts; bring that in first",
        ),
        (
            Self::Older,
            "older",
            "the file that counts is of a later day; delete that one first if it should not count",
        ),
        (
            Self::Interrupted,
            "interrupted",
            "the same rows could not be written several times over; send the file again",
        ),
        (
            Self::Lost,
            "lost",
            "the file that was kept of it is gone or damaged; send it again",
        ),
    ];

    fn row(self) -> (Self, &'static str, &'static str) {
        let row = Self::ALL.into_iter().find(|(problem, ..)| *problem == self);
        row.unwrap_or(Self::ALL[10])
    }

    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// What a stable word means, for people.
    #[must_use]
    pub fn detail(code: &str) -> &'static str {
        let row = Self::ALL.into_iter().find(|(_, word, _)| *word == code);
        row.map_or("it could not be read", |(_, _, detail)| detail)
    }
}

/// The registers of all clients.
pub struct Registries {
    desk: Arc<Desk>,
    /// Something waits to be read or removed.
    wake: Notify,
    intakes: Arc<Semaphore>,
    files: Files,
}

impl Registries {
    /// Registers of this desk. Nothing is read before [`Registries::start`].
    #[must_use]
    pub fn new(desk: Arc<Desk>) -> Self {
        Self {
            files: Files::new(desk.data().join(FOLDER), "reg"),
            desk,
            wake: Notify::new(),
            intakes: Arc::new(Semaphore::new(INTAKES_MAX)),
        }
    }

    /// Begins to read what waits, also what a server before left half done; until the task is aborted.
    pub fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let registries = Arc::clone(self);
        tokio::spawn(async move { registries.read_what_waits().await })
    }

    /// A place for one file, held while it is taken in; `None` if there are too many.
    #[must_use]
    pub fn intake(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.intakes).try_acquire_owned().ok()
    }

    /// Begins to take in a file.
    ///
    /// # Errors
    /// [`IntakeError::Disk`].
    pub async fn take_in(&self, keys: &ClientKeys) -> Result<Intake, IntakeError> {
        self.files.take_in(keys).await
    }

    /// Removes a file that waits no more.
    pub(crate) fn discard(&self, id: &str) {
        self.files.discard(id);
    }

    /// There is something to be read, or to be removed.
    pub fn changed(&self) {
        self.wake.notify_one();
    }
}
