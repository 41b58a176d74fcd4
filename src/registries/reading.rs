//! What waits is read: one file at a time, the oldest first, and of it some ten thousand numbers at a time. What does not
//! count any more is removed, some buckets at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use trunkline_core::register::{Layout, NoColumn, Numbering};
use trunkline_core::sheet::{Fault, Form, Piece, Sheet, beginning, delimiter};

use super::numbers::{Hash, RUN_NUMBERS, blocks, buckets, hash};
use super::{Problem, Registries, Settings, rows_max, settings_place};
use crate::clock;
use crate::desk;
use crate::imports::file::Kept;
use crate::imports::is_lost;
use crate::store::StoreError;
use crate::store::registries::{Completed, FileKind, FileState, RegistryFile, Step};
use crate::vault::{ClientKeys, Unopened, VaultError};

/// How often the same rows are begun.
const TRIES_MAX: u32 = 5;
/// How long nothing is looked for when nothing waits, unless something comes.
const REST: Duration = Duration::from_secs(30);
/// How long nothing is tried when the database fails.
const PAUSE: Duration = Duration::from_secs(5);
/// Rows after which others have their turn: calls are held on the same threads.
const ROWS_AT_ONCE: u64 = 200;
/// So many rows may be unusable in any file, as a line of words at its end is.
const ERRORS_MIN: u64 = 10;
/// And one of so many.
const ROWS_PER_ERROR: u64 = 1_000;

/// A file does not count.
#[derive(Debug, thiserror::Error)]
enum Undone {
    #[error("the file cannot be used: {}", .0.code())]
    Problem(Problem),
    #[error("it was taken back")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<std::io::Error> for Undone {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(%error, "a file of a registry cannot be read");
        if is_lost(&error) {
            return Self::Problem(Problem::Lost);
        }
        Self::Store(StoreError::File {
            path: "registries".into(),
            problem: error.to_string(),
        })
    }
}

impl From<VaultError> for Undone {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "a file of a registry cannot be opened");
        Self::Problem(Problem::Lost)
    }
}

impl From<Unopened> for Undone {
    fn from(_: Unopened) -> Self {
        Self::Problem(Problem::Lost)
    }
}

/// A file that is being read.
struct Reading {
    file: RegistryFile,
    keys: ClientKeys,
    numbering: Option<Numbering>,
    layout: Layout,
    sheet: Sheet,
    kept: Kept,
    line: u64,
    /// Rows that could not be used, by reason.
    errors: BTreeMap<String, u64>,
}

impl Registries {
    /// Until it is aborted.
    pub(super) async fn read_what_waits(&self) {
        loop {
            match self.desk.store.system().open_registry_files().await {
                Ok(open) => break self.files.tidy(&open),
                Err(error) => {
                    tracing::warn!(%error, "files of registries are not known yet");
                }
            }
            sleep(PAUSE).await;
        }
        loop {
            match self.catch_up().await {
                Ok(_) => {
                    let _ = timeout(REST, self.wake.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "files of registries are not read for a moment");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Reads everything that waits now, and removes what does not count any more. How many files were read.
    ///
    /// # Errors
    /// The database failed.
    pub async fn catch_up(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        while let Some(file) = self.desk.store.system().next_registry_file().await? {
            self.read(file).await?;
            count += 1;
        }
        self.sweep().await?;
        Ok(count)
    }

    /// Removes the numbers of files that do not count.
    async fn sweep(&self) -> Result<(), StoreError> {
        let registries = self.desk.store.registries();
        while let Some((client, id)) = self.desk.store.system().unswept_registry_file().await? {
            for some in buckets() {
                registries.drop_numbers(&client, &id, some).await?;
                tokio::task::yield_now().await;
            }
            registries.swept(&client, &id).await?;
        }
        Ok(())
    }

    async fn read(&self, file: RegistryFile) -> Result<(), StoreError> {
        let (client, id) = (file.client.clone(), file.id.clone());
        let registries = self.desk.store.registries();
        let Some(tries) = registries.begin(&client, &id).await? else {
            return Ok(());
        };
        let done = match tries {
            ..=TRIES_MAX => self.read_rows(file).await,
            _ => Err(Undone::Problem(Problem::Interrupted)),
        };
        let now_ms = clock::unix_ms();
        let ended = match done {
            Ok(()) => FileState::Completed,
            Err(Undone::Cancelled) => FileState::Cancelled,
            Err(Undone::Problem(problem)) => {
                let (state, problem) = (FileState::Failed, problem.code());
                registries
                    .end(&client, &id, state, Some(problem), now_ms)
                    .await?;
                tracing::info!(client = %client, file = id, problem, "a file of a registry cannot be used");
                state
            }
            Err(Undone::Store(error)) => return Err(error),
        };
        self.discard(&id);
        tracing::info!(client = %client, file = id, state = ended.as_str(), "a file of a registry has been read");
        Ok(())
    }

    async fn read_rows(&self, file: RegistryFile) -> Result<(), Undone> {
        let mut reading = self.open(file).await?;
        let registries = self.desk.store.registries();
        loop {
            let (step, is_end) = reading.run().await?;
            let (client, id) = (&reading.file.client, &reading.file.id);
            if !registries.step(client, id, &step).await? {
                return Err(Undone::Cancelled);
            }
            reading.took(&step);
            if is_end {
                break;
            }
            if reading.file.rows_read >= rows_max(reading.file.kind) {
                return Err(Undone::Problem(Problem::TooManyRows));
            }
        }
        let RegistryFile {
            numbers,
            failed,
            rows_read,
            kind,
            ..
        } = reading.file;
        let is_empty = numbers == 0 && kind == FileKind::Full;
        if is_empty && failed == 0 {
            return Err(Undone::Problem(Problem::NoNumbers));
        }
        if failed > ERRORS_MIN + rows_read / ROWS_PER_ERROR || (failed > 0 && failed >= numbers) {
            return Err(Undone::Problem(Problem::TooManyErrors));
        }
        let file = &reading.file;
        let now_ms = clock::unix_ms();
        match registries.complete(&file.client, file, now_ms).await? {
            Completed::Yes => Ok(()),
            Completed::No => Err(Undone::Cancelled),
            Completed::NoBase => Err(Undone::Problem(Problem::NoBase)),
            Completed::Older => Err(Undone::Problem(Problem::Older)),
        }
    }

    /// Looks at the beginning of the file, and goes to where it was read.
    async fn open(&self, file: RegistryFile) -> Result<Reading, Undone> {
        let keys = self.desk.keys(&file.client).await?;
        let opened = desk::open(&keys, settings_place(&file.id), &file.settings)?;
        let settings: Settings =
            serde_json::from_str(&opened).map_err(|_| Undone::Problem(Problem::Lost))?;
        let packs = self.desk.rules.now();
        let place = packs.permission.registry(&file.registry);
        let numbering = place.and_then(|registry| Numbering::of(registry.place));
        let whole = (file.id.as_str(), file.bytes);
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
        let form = Form::Csv(delimiter(kept.window().0));
        let column = settings.column.as_deref();
        let first = first_row(form, &mut kept, column, numbering.as_ref()).await?;
        let at = if file.position > 0 {
            file.position
        } else {
            first.position
        };
        let line = if file.position > 0 {
            file.line
        } else {
            first.line
        };
        let errors = serde_json::from_str(&file.errors).unwrap_or_default();
        Ok(Reading {
            sheet: Sheet::new(form, first.cells),
            layout: first.layout,
            kept: Kept::open(&self.files, &keys, whole, at).await?,
            file,
            keys,
            numbering,
            line,
            errors,
        })
    }
}

/// What the first row of a file says of the others.
struct First {
    layout: Layout,
    cells: usize,
    /// Where the first row with a number is, and its line.
    position: u64,
    line: u64,
}

async fn first_row(
    form: Form,
    kept: &mut Kept,
    column: Option<&str>,
    numbering: Option<&Numbering>,
) -> Result<First, Undone> {
    let mut sheet = Sheet::new(form, 0);
    let (begin, mut before) = (kept.position(), 0);
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
                let cells: Vec<&str> = sheet.cells().collect();
                let found = Layout::of(&cells, column, numbering);
                let (layout, is_header) =
                    found.map_err(|NoColumn| Undone::Problem(Problem::NoColumn))?;
                return Ok(First {
                    layout,
                    cells: cells.len(),
                    position: if is_header { kept.position() } else { begin },
                    line: if is_header { 1 + before + lines.1 } else { 1 },
                });
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
    async fn run(&mut self) -> Result<(Step, bool), Undone> {
        let left = rows_max(self.file.kind).saturating_sub(self.file.rows_read);
        let mut step = Step {
            from: self.file.position,
            run: self.file.runs,
            ..Step::default()
        };
        let mut hashes: Vec<Hash> = Vec::with_capacity(RUN_NUMBERS);
        let mut is_end = false;
        while hashes.len() < RUN_NUMBERS && step.rows < left.min(2 * RUN_NUMBERS as u64) {
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
                    self.line += lines.1;
                    self.row(&mut step, &mut hashes);
                }
                Piece::Bad {
                    bytes,
                    lines,
                    fault,
                    ..
                } => {
                    self.kept.pass(bytes);
                    self.line += lines.1;
                    self.bad(&mut step, fault.code());
                }
                Piece::End => {
                    is_end = true;
                    break;
                }
            }
            if step.rows.is_multiple_of(ROWS_AT_ONCE) {
                tokio::task::yield_now().await;
            }
        }
        (step.to, step.line) = (self.kept.position(), self.line);
        step.errors = serde_json::to_string(&self.errors).unwrap_or_default();
        let sorted = tokio::task::spawn_blocking(move || blocks(hashes)).await;
        step.blocks = sorted.map_err(std::io::Error::other)?;
        Ok((step, is_end))
    }

    fn row(&mut self, step: &mut Step, hashes: &mut Vec<Hash>) {
        let numbering = self.numbering.as_ref();
        let cells: Vec<&str> = self.sheet.cells().collect();
        match self.layout.read(cells.iter().copied(), numbering) {
            Ok((number, other)) => {
                step.rows += 1;
                step.numbers += 1;
                let numbers = [Some(number), other].into_iter().flatten();
                hashes.extend(numbers.map(|n| hash(&self.keys, &self.file.registry, &n)));
            }
            Err(fault) => self.bad(step, fault.code()),
        }
    }

    fn bad(&mut self, step: &mut Step, code: &str) {
        step.rows += 1;
        step.failed += 1;
        *self.errors.entry(code.to_owned()).or_default() += 1;
    }

    fn took(&mut self, step: &Step) {
        self.file.position = step.to;
        self.file.rows_read += step.rows;
        self.file.numbers += step.numbers;
        self.file.failed += step.failed;
        self.file.runs += 1;
    }
}
