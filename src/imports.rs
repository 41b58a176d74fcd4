//! Imports: files of contacts and of numbers that are not to be called, kept sealed in the data folder, and read in the
//! background one after the other.
//!
//! Some hundred rows are written in one transaction with the position behind them, so a server that was killed goes on
//! exactly there, and every row is taken once. The file is read through a window: its length costs no memory.

pub mod fetching;
pub(crate) mod file;
mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use trunkline_core::phone::Country;

use file::Files;
pub use file::{Intake, IntakeError};
pub(crate) use reading::is_lost;

use crate::desk::{Desk, Place};

/// Longest file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// Most rows of a file.
pub const ROWS_MAX: u64 = 1_000_000;
/// Most errors of an import that are kept; all are counted.
pub const ERRORS_MAX: u64 = 100_000;
/// Imports of a client's that have not ended.
pub const OPEN_MAX: u32 = 20;
/// Files that are taken in at once, all clients together.
const INTAKES_MAX: usize = 4;
/// The folder in the data folder.
const FOLDER: &str = "imports";

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A table with names of columns in its first row.
    Csv,
    /// A JSON object in each line.
    Jsonl,
}

/// What becomes of a contact that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// It stays as it is.
    #[default]
    Skip,
    /// What the row says of it is taken over; its other numbers and variables stay.
    Update,
}

/// What is to be done with a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// How it is written.
    pub form: Form,
    /// What becomes of contacts that are there.
    pub on_duplicate: OnDuplicate,
    /// What columns hold, by their names, where these do not say it.
    pub mapping: BTreeMap<String, String>,
    /// Its rows are numbers that are not to be called; contacts if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_outs: Option<OptOuts>,
    /// As within which country numbers without `+` are written; such numbers are refused if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_country: Option<Country>,
    /// Where the file is fetched; it is sent along if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// What holds of the numbers of a file whose rows do not say it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OptOuts {
    /// Why they are not to be called, in stable snake_case.
    pub reason: String,
    /// The campaign, where only that one is to call no more.
    pub campaign_id: Option<String>,
}

/// Where an import's settings are sealed to.
pub fn settings_place(id: &str) -> Place<'_> {
    Place::new("imports.settings", id)
}

/// What is wrong with a file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is UTF-16.
    Utf16,
    /// It has nothing in it.
    Empty,
    /// Its first row cannot be read.
    Header,
    /// No column is a telephone number.
    NoPhone,
    /// Two columns hold the same, or there are too many, or the mapping is wrong.
    Columns,
    /// It has more rows than a file may.
    TooManyRows,
    /// The server ended each time while the same rows were read, or others kept changing the same contacts.
    Interrupted,
    /// The file in the data folder is gone or damaged.
    Lost,
}

impl Problem {
    const ALL: [(Self, &str, &str); 8] = [
        (
            Self::Utf16,
            "utf_16",
            "the file is UTF-16; save it as UTF-8",
        ),
        (Self::Empty, "empty", "there is nothing in the file"),
        (
            Self::Header,
            "bad_header",
            "the first row cannot be read: it holds the names of the columns, in UTF-8",
        ),
        (
            Self::NoPhone,
            "no_phone_column",
            "no column is a telephone number: call one phone_number, or say in `mapping` which one it is",
        ),
        (
            Self::Columns,
            "bad_columns",
            "the columns cannot be used: two hold the same thing, there are too many, or `mapping` names one that is not there or nothing that is known",
        ),
        (
            Self::TooManyRows,
            "too_many_rows",
            "a file has at most 1000000 rows; those are taken, the others are not",
        ),
        (
            Self::Interrupted,
            "interrupted",
            "the same rows could not be written several times over; send the rest again",
        ),
        (
            Self::Lost,
            "lost",
            "the file that was kept of it is gone or damaged; send it again",
        ),
    ];

    fn row(self) -> (Self, &'static str, &'static str) {
        let row = Self::ALL.into_iter().find(|(problem, ..)| *problem == self);
        row.unwrap_or(Self::ALL[7])
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

/// The imports of all clients.
pub struct Imports {
    desk: Arc<Desk>,
    /// Something waits to be read.
    wake: Notify,
    /// Something waits to be fetched.
    fetch_wake: Notify,
    intakes: Arc<Semaphore>,
    files: Files,
}

impl Imports {
    /// Imports of this desk. Nothing is read before [`Imports::start`].
    #[must_use]
    pub fn new(desk: Arc<Desk>) -> Self {
        Self {
            files: Files::new(desk.data().join(FOLDER), "imp"),
            desk,
            wake: Notify::new(),
            fetch_wake: Notify::new(),
            intakes: Arc::new(Semaphore::new(INTAKES_MAX)),
        }
    }

    /// Begins to read what waits, also what a server before left half done; until the task is aborted.
    pub fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let imports = Arc::clone(self);
        tokio::spawn(async move { imports.read_what_waits().await })
    }

    /// A place for one file, held while it is taken in; `None` if there are too many.
    #[must_use]
    pub fn intake(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.intakes).try_acquire_owned().ok()
    }

    /// There is something to be read.
    pub fn added(&self) {
        self.wake.notify_one();
    }
}
