//! What waits is read: one import at a time, the oldest first, and of it some hundred rows at a time.

mod batch;
mod opt_outs;

use std::time::Duration;

use tokio::time::{sleep, timeout};
use trunkline_core::contact::{ColumnError, Columns, Schema};
use trunkline_core::opt_outs::Columns as NumberColumns;
use trunkline_core::sheet::{Fault, Form as Written, Piece, Sheet, beginning, delimiter};

use super::file::Kept;
use super::{Form, Imports, OnDuplicate, Problem, ROWS_MAX, Settings, settings_place};
use crate::clock;
use crate::contacts::{NotOpened, list_schema};
use crate::desk;
use crate::store::StoreError;
use crate::store::imports::{Import, ImportState};
use crate::vault::{ClientKeys, VaultError};
use batch::{Batch, Seen};

/// Rows of a transaction.
const BATCH_ROWS: u64 = 500;
/// How often the same rows are begun.
const TRIES_MAX: u32 = 5;
/// How often rows are written whose contacts others change meanwhile.
const WRITES_MAX: u32 = 5;
/// How long nothing is looked for when nothing waits, unless something comes.
const REST: Duration = Duration::from_secs(30);
/// How long nothing is tried when the database fails.
const PAUSE: Duration = Duration::from_secs(5);

/// An import is not done.
#[derive(Debug, thiserror::Error)]
enum Undone {
    #[error("the file cannot be used: {}", .0.code())]
    Problem(Problem),
    #[error("it was taken back")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Opened(#[from] NotOpened),
}

impl From<std::io::Error> for Undone {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(%error, "the file of an import cannot be read");
        if is_lost(&error) {
            return Self::Problem(Problem::Lost);
        }
        // It may be there again in a moment: it is tried again as if the database had failed.
        Self::Store(StoreError::File {
            path: "imports".into(),
            problem: error.to_string(),
        })
    }
}

/// Whether a file is gone or damaged, rather than not to be had just now.
pub(crate) fn is_lost(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), InvalidData | NotFound | UnexpectedEof)
}

impl From<VaultError> for Undone {
    fn from(error: VaultError) -> Self {
        Self::Opened(error.into())
    }
}

/// What the columns of a table hold.
enum Table {
    Contacts(Columns),
    OptOuts(NumberColumns),
}

impl Table {
    /// By the first row, and whether that is one of the others already.
    fn of(first: &[String], settings: &Settings) -> Result<(Self, bool), Undone> {
        let read = match settings.opt_outs {
            None => Columns::of(first, &settings.mapping).map(|of| (Self::Contacts(of), false)),
            Some(_) => NumberColumns::of(first, &settings.mapping, settings.default_country)
                .map(|(of, is_row)| (Self::OptOuts(of), is_row)),
        };
        read.map_err(|error| {
            Undone::Problem(match error {
                ColumnError::NoPhone => Problem::NoPhone,
                ColumnError::TooMany
                | ColumnError::Twice(..)
                | ColumnError::Word
                | ColumnError::NoColumn => Problem::Columns,
            })
        })
    }

    fn count(&self) -> usize {
        match self {
            Self::Contacts(columns) => columns.count(),
            Self::OptOuts(columns) => columns.count(),
        }
    }

    /// Which column a fault is about, counted from 1.
    fn of_fault(&self, pointer: &str) -> Option<usize> {
        match self {
            Self::Contacts(columns) => columns.of_fault(pointer),
            Self::OptOuts(columns) => columns.of_fault(pointer),
        }
    }
}

/// An import that is being read.
struct Reading {
    import: Import,
    keys: ClientKeys,
    settings: Settings,
    columns: Option<Table>,
    sheet: Sheet,
    kept: Kept,
    line: u64,
    seen: Seen,
}

impl Imports {
    /// Until it is aborted.
    pub(super) async fn read_what_waits(&self) {
        loop {
            match self.desk.store.system().open_imports().await {
                Ok(open) => break self.files.tidy(&open),
                Err(error) => tracing::warn!(%error, "imports of the last run are not known yet"),
            }
            sleep(PAUSE).await;
        }
        loop {
            match self.catch_up().await {
                Ok(_) => {
                    let _ = timeout(REST, self.wake.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "imports are not read for a moment");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Reads everything that waits now. How many imports that were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn catch_up(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        while let Some(import) = self.desk.store.system().next_import().await? {
            self.read(import).await?;
            count += 1;
        }
        Ok(count)
    }

    async fn read(&self, import: Import) -> Result<(), StoreError> {
        let (client, id) = (import.client.clone(), import.id.clone());
        let imports = self.desk.store.imports();
        let Some(tries) = imports.begin(&client, &id).await? else {
            return Ok(());
        };
        let done = match tries {
            ..=TRIES_MAX => self.read_rows(import).await,
            _ => Err(Undone::Problem(Problem::Interrupted)),
        };
        let (state, problem) = match done {
            Ok(()) => (ImportState::Completed, None),
            Err(Undone::Cancelled) => (ImportState::Cancelled, None),
            Err(Undone::Problem(problem)) => (ImportState::Failed, Some(problem.code())),
            Err(Undone::Store(error) | Undone::Opened(NotOpened::Store(error))) => {
                return Err(error);
            }
            Err(Undone::Opened(error)) => {
                tracing::error!(client = %client, import = id, %error, "an import cannot be read");
                (ImportState::Failed, Some(Problem::Lost.code()))
            }
        };
        let now_ms = clock::unix_ms();
        imports.end(&client, &id, state, problem, now_ms).await?;
        self.discard(&id);
        tracing::info!(client = %client, import = id, state = state.as_str(), problem, "an import has ended");
        Ok(())
    }

    async fn read_rows(&self, mut import: Import) -> Result<(), Undone> {
        if import.is_dry && import.position > 0 {
            // What was seen of the file is not known any more.
            self.desk
                .store
                .imports()
                .anew(&import.client, &import.id)
                .await?;
            (import.position, import.rows_read, import.failed) = (0, 0, 0);
        }
        let mut reading = self.open(import).await?;
        loop {
            let from = reading.import.position;
            let (batch, is_end) = reading.gather().await?;
            if batch.rows > 0 {
                self.write(&mut reading, &batch, from).await?;
            }
            if is_end {
                return Ok(());
            }
            if reading.import.rows_read >= ROWS_MAX {
                return Err(Undone::Problem(Problem::TooManyRows));
            }
        }
    }

    /// Looks at the beginning of the file, and goes to where it was read.
    async fn open(&self, import: Import) -> Result<Reading, Undone> {
        let keys = self.desk.keys(&import.client).await?;
        let opened = desk::open(&keys, settings_place(&import.id), &import.settings);
        let settings: Settings = serde_json::from_str(&opened.map_err(NotOpened::from)?)
            .map_err(|_| NotOpened::Unreadable)?;
        let whole = (import.id.as_str(), import.bytes);
        let mut kept = Kept::open(&self.files, &keys, whole, 0).await?;
        let begin = beginning(kept.window().0).map_err(|fault| {
            Undone::Problem(match fault {
                Fault::Utf16 => Problem::Utf16,
                Fault::Empty
                | Fault::TooLong
                | Fault::Cells { .. }
                | Fault::Quote
                | Fault::NotUtf8
                | Fault::Nul
                | Fault::NotJson => Problem::Empty,
            })
        })?;
        kept.pass(begin);
        let mut line = 1;
        let (form, columns) = match settings.form {
            Form::Jsonl => (Written::JsonLines, None),
            Form::Csv => {
                let form = Written::Csv(delimiter(kept.window().0));
                let (names, lines) = header(&mut Sheet::new(form, 0), &mut kept).await?;
                let (columns, is_row) = Table::of(&names, &settings)?;
                if is_row {
                    kept = Kept::open(&self.files, &keys, whole, 0).await?;
                    kept.pass(begin);
                } else {
                    line += lines;
                }
                (form, Some(columns))
            }
        };
        if import.position > 0 {
            kept = Kept::open(&self.files, &keys, whole, import.position).await?;
            line = import.line;
        }
        Ok(Reading {
            sheet: Sheet::new(form, columns.as_ref().map_or(0, Table::count)),
            import,
            keys,
            settings,
            columns,
            kept,
            line,
            seen: Seen::default(),
        })
    }

    /// Writes what rows come to; again, where others changed the same contacts meanwhile.
    async fn write(&self, reading: &mut Reading, batch: &Batch, from: u64) -> Result<(), Undone> {
        let (client, id) = (reading.import.client.clone(), reading.import.id.clone());
        let imports = self.desk.store.imports();
        for _ in 0..WRITES_MAX {
            let list = self.list(reading).await?;
            let (list, schema) = list.unzip();
            let schemas: Vec<&Schema> = schema.iter().collect();
            let (mut step, seen) = batch.step(self, reading, &schemas).await?;
            (step.from, step.to, step.line) = (from, reading.kept.position(), reading.line);
            let list = list.filter(|_| !reading.import.is_dry);
            match imports.step(&client, &id, list.as_deref(), &step).await {
                Ok(true) => {
                    reading.import.position = step.to;
                    reading.import.rows_read += step.rows;
                    reading.import.failed += step.failed;
                    reading.seen.extend(seen);
                    return Ok(());
                }
                Ok(false) => return Err(Undone::Cancelled),
                Err(
                    StoreError::Conflict
                    | StoreError::Stale { .. }
                    | StoreError::Missing { .. }
                    | StoreError::Reference,
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Undone::Problem(Problem::Interrupted))
    }

    /// The list that contacts are put on, and what it declares; none if it was removed meanwhile.
    async fn list(&self, reading: &Reading) -> Result<Option<(String, Schema)>, Undone> {
        let Some(id) = &reading.import.list_id else {
            return Ok(None);
        };
        let lists = self.desk.store.contact_lists();
        let Some(row) = lists.find(&reading.import.client, id).await? else {
            return Ok(None);
        };
        let schema = list_schema(&reading.keys, &row)?;
        Ok(Some((id.clone(), schema)))
    }
}

/// The names of the columns, and how many lines they take.
async fn header(sheet: &mut Sheet, kept: &mut Kept) -> Result<(Vec<String>, u64), Undone> {
    let mut before = 0;
    loop {
        let (window, is_last) = kept.window();
        match sheet.next(window, is_last) {
            Piece::More => kept.more().await?,
            Piece::Blank { bytes, lines } => {
                kept.pass(bytes);
                before += lines;
                tokio::task::yield_now().await;
            }
            Piece::Row { bytes, lines } => {
                kept.pass(bytes);
                let names = sheet.cells().map(str::to_owned);
                return Ok((names.collect(), before + lines.1));
            }
            Piece::End => return Err(Undone::Problem(Problem::Empty)),
            Piece::Skip { .. } | Piece::Bad { .. } => {
                return Err(Undone::Problem(Problem::Header));
            }
        }
    }
}

impl Reading {
    /// Reads rows for one transaction, and whether those were the last.
    async fn gather(&mut self) -> Result<(Batch, bool), Undone> {
        let left = ROWS_MAX.saturating_sub(self.import.rows_read);
        let mut batch = Batch::default();
        while batch.rows < BATCH_ROWS.min(left) {
            let (window, is_last) = self.kept.window();
            match self.sheet.next(window, is_last) {
                Piece::More => self.kept.more().await?,
                Piece::Skip { bytes } => {
                    self.kept.pass(bytes);
                    tokio::task::yield_now().await;
                }
                Piece::Blank { bytes, lines } => {
                    self.kept.pass(bytes);
                    self.line += lines;
                    tokio::task::yield_now().await;
                }
                Piece::Row { bytes, lines } => {
                    self.kept.pass(bytes);
                    let line = self.line + lines.0;
                    match &self.columns {
                        Some(columns) => batch.cells(line, columns, &self.sheet),
                        None => batch.json(line, &self.settings, self.sheet.line()),
                    }
                    self.line += lines.1;
                }
                Piece::Bad {
                    bytes,
                    lines,
                    fault,
                    cell,
                } => {
                    self.kept.pass(bytes);
                    batch.bad(self.line + lines.0, fault, cell);
                    self.line += lines.1;
                }
                Piece::End => return Ok((batch, true)),
            }
            if batch.rows.is_multiple_of(50) {
                // Calls are held on the same threads.
                tokio::task::yield_now().await;
            }
        }
        let (window, is_last) = self.kept.window();
        let is_blank = window.iter().all(|b| matches!(b, b'\n' | b'\r'));
        Ok((batch, is_blank && is_last))
    }

    fn updates(&self) -> bool {
        self.settings.on_duplicate == OnDuplicate::Update
    }
}
