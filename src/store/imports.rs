//! Files of contacts and of numbers not to be called that are read in. What was read, and how far, is written in one transaction: so a row is taken once,
//! however often the server ends meanwhile.

use trunkline_core::event::EventKind;

use super::contacts::{self, ContactRow};
use super::outbox::{Told, data, tell};
use super::page::rows_asked;
use super::several::{self, rows};
use super::sql::{Columns, Tx, args, statements, words};
use super::suppressions::{self, NewSuppression};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "client_id, id, settings, list_id, is_dry, state, problem, bytes, position, line, rows_read, added, updated, skipped,
            failed, tries, created_ms, ended_ms"
    };
}

macro_rules! errors {
    () => {
        "INTO import_errors (client_id, import_id, line, place, cell, field, code, detail) VALUES "
    };
}

/// A row that is read again makes the same errors.
const ONCE: &str = " ON CONFLICT DO NOTHING";

statements! {
    ADD = "INSERT INTO imports (client_id, id, settings, list_id, is_dry, state, bytes, position, line, rows_read, added, updated,
            skipped, failed, tries, created_ms)
        VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0, 1, 0, 0, 0, 0, 0, 0, $7)";
    COUNT_OPEN = "SELECT COUNT(*) FROM imports WHERE client_id = $1 AND ended_ms IS NULL";
    FIND = concat!("SELECT ", columns!(), " FROM imports WHERE client_id = $1 AND id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM imports WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4");
    NEXT = concat!("SELECT ", columns!(), " FROM imports WHERE ended_ms IS NULL AND state <> 'fetching'
        ORDER BY created_ms, id LIMIT 1");
    OPEN = "SELECT id FROM imports WHERE ended_ms IS NULL LIMIT 10000";
    BEGIN = "UPDATE imports SET state = 'running', tries = tries + 1 WHERE client_id = $1 AND id = $2 AND ended_ms IS NULL
        RETURNING tries";
    ANEW = "UPDATE imports SET position = 0, line = 1, rows_read = 0, added = 0, updated = 0, skipped = 0, failed = 0
        WHERE client_id = $1 AND id = $2 AND ended_ms IS NULL";
    DROP_ERRORS = "DELETE FROM import_errors WHERE client_id = $1 AND import_id = $2";
    STEP = "UPDATE imports SET position = $4, line = $5, rows_read = rows_read + $6, added = added + $7,
            updated = updated + $8, skipped = skipped + $9, failed = failed + $10,
            tries = CASE WHEN is_dry = 1 THEN tries ELSE 0 END
        WHERE client_id = $1 AND id = $2 AND position = $3 AND state = 'running'";
    END = "UPDATE imports SET state = $3, problem = $4, ended_ms = $5 WHERE client_id = $1 AND id = $2 AND ended_ms IS NULL
        RETURNING list_id, is_dry, rows_read, added, updated, skipped, failed";
    ERRORS_32 = rows!(concat!("INSERT ", errors!()), 8, 32, ONCE);
    ERROR = rows!(concat!("INSERT ", errors!()), 8, 1, ONCE);
    ERRORS = "SELECT line, place, cell, field, code, detail FROM import_errors
        WHERE client_id = $1 AND import_id = $2 AND (line, place) > ($3, $4) ORDER BY line, place LIMIT $5";
}

words! {
    /// Where an import is.
    ImportState {
        /// Its file is not there yet.
        Fetching = "fetching",
        /// It waits for others.
        Waiting = "waiting",
        /// It is being read.
        Running = "running",
        /// All of it was read.
        Completed = "completed",
        /// It could not be read to its end.
        Failed = "failed",
        /// Its file could not be had.
        FetchFailed = "fetch_failed",
        /// It was taken back; what was read stays.
        Cancelled = "cancelled",
    }
}

/// An import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Whose it is.
    pub client: ClientId,
    /// `imp_…`.
    pub id: String,
    /// What is to be done, sealed under the client's key.
    pub settings: Sealed,
    /// The list that its contacts are put on.
    pub list_id: Option<String>,
    /// Nothing is kept of it but its errors.
    pub is_dry: bool,
    /// Where it is.
    pub state: ImportState,
    /// Why it failed, in stable snake_case.
    pub problem: Option<String>,
    /// Length of the file.
    pub bytes: u64,
    /// How far it was read, in bytes.
    pub position: u64,
    /// The line there, counted from 1.
    pub line: u64,
    /// Rows that were read, without the names of columns.
    pub rows_read: u64,
    /// Contacts that are new.
    pub added: u64,
    /// Contacts that were there and changed.
    pub updated: u64,
    /// Contacts that were there and stayed.
    pub skipped: u64,
    /// Rows that could not be used.
    pub failed: u64,
    /// How often it was begun since it last came further.
    pub tries: u32,
    /// When it came, ms since 1970.
    pub created_ms: i64,
    /// When it ended, ms since 1970.
    pub ended_ms: Option<i64>,
}

/// One to be read.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// `imp_…`.
    pub id: String,
    /// What is to be done, sealed under the client's key.
    pub settings: Sealed,
    /// The list that its contacts are put on.
    pub list_id: Option<String>,
    /// Nothing is to be kept of it but its errors.
    pub is_dry: bool,
    /// Length of the file.
    pub bytes: u64,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

/// One thing that is wrong with a row; nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Where the row begins, counted from 1.
    pub line: u64,
    /// Which of the row's errors it is.
    pub place: u32,
    /// The column, counted from 1, where it is one.
    pub cell: Option<u32>,
    /// What it is about, as a JSON pointer into a contact, or empty.
    pub field: String,
    /// A stable name.
    pub code: String,
    /// What it means.
    pub detail: String,
}

/// What some rows came to.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Up to where was read before, in bytes.
    pub from: u64,
    /// Up to where is read now.
    pub to: u64,
    /// The line there.
    pub line: u64,
    /// Rows.
    pub rows: u64,
    /// Contacts that are new.
    pub new: Vec<ContactRow>,
    /// Contacts that change, each with the revision that was seen.
    pub changed: Vec<(i64, ContactRow)>,
    /// Who is on the list from now on.
    pub members: Vec<String>,
    /// Numbers that are not to be called from now on: each counts as added, or as skipped if it was suppressed so already.
    pub suppressions: Vec<NewSuppression>,
    /// Rows whose contacts are new.
    pub added: u64,
    /// Rows that change somebody.
    pub updated: u64,
    /// Rows that are passed over.
    pub skipped: u64,
    /// Rows that cannot be used.
    pub failed: u64,
    /// Why not; no more than are to be kept.
    pub errors: Vec<RowError>,
}

fn read(mut row: Columns) -> Result<Import, StoreError> {
    Ok(Import {
        client: row.client()?,
        id: row.text()?,
        settings: row.sealed()?,
        list_id: row.text_opt()?,
        is_dry: row.flag()?,
        state: row.word("a state of an import", ImportState::parse)?,
        problem: row.text_opt()?,
        bytes: row.count()?,
        position: row.count()?,
        line: row.count()?,
        rows_read: row.count()?,
        added: row.count()?,
        updated: row.count()?,
        skipped: row.count()?,
        failed: row.count()?,
        tries: row.version()?,
        created_ms: row.int()?,
        ended_ms: row.int_opt()?,
    })
}

/// Has its client be told how an import has ended, and what it came to.
async fn told(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
    (state, problem): (ImportState, Option<&str>),
    mut ended: Columns,
) -> Result<(), StoreError> {
    let kind = match state {
        ImportState::Completed => EventKind::ImportCompleted,
        ImportState::Failed | ImportState::FetchFailed => EventKind::ImportFailed,
        ImportState::Cancelled => EventKind::ImportCancelled,
        // That is no end.
        ImportState::Fetching | ImportState::Waiting | ImportState::Running => return Ok(()),
    };
    let data = data! {
        "state": state.as_str(),
        "problem": problem,
        "list_id": ended.text_opt()?,
        "dry_run": ended.flag()?,
        "rows": ended.int()?,
        "added": ended.int()?,
        "updated": ended.int()?,
        "skipped": ended.int()?,
        "failed": ended.int()?,
    };
    tell(tx, client.as_str(), Told::once(kind, id, data)).await
}

/// The table of imports.
pub struct Imports<'a>(pub(super) &'a Store);

impl Imports<'_> {
    /// Adds one. False if the client has `most` that have not ended.
    pub async fn add(
        &self,
        client: &ClientId,
        new: &NewImport,
        most: u32,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let open = tx.one(COUNT_OPEN, args![client]).await?;
        let open = open.map(|mut row| row.int()).transpose()?.unwrap_or(0);
        if open >= i64::from(most) {
            return Ok(false);
        }
        let NewImport {
            id,
            settings,
            list_id,
            is_dry,
            bytes,
            now_ms,
        } = new;
        let args = args![client, id, settings, list_id, *is_dry, *bytes, *now_ms];
        tx.run(ADD, args).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// One import.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Import>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// Imports, the newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Import>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |import| Cursor {
            created_ms: import.created_ms,
            id: import.id.clone(),
        }))
    }

    /// Notes that it is begun: how often it was since it last came further. `None` if it has ended.
    pub async fn begin(&self, client: &ClientId, id: &str) -> Result<Option<u32>, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let tries = tx.one(BEGIN, args![client, id]).await?;
        let tries = tries.map(|mut row| row.version()).transpose()?;
        tx.commit().await?;
        Ok(tries)
    }

    /// Has it be read from its beginning: for one of which nothing is kept.
    pub async fn anew(&self, client: &ClientId, id: &str) -> Result<(), StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.run(ANEW, args![client, id]).await?;
        tx.run(DROP_ERRORS, args![client, id]).await?;
        tx.commit().await
    }

    /// Writes what some rows came to, all of it or nothing. False, and nothing is written, if it has ended or is elsewhere.
    /// [`StoreError::Conflict`] or [`StoreError::Stale`] if what was seen of the contacts is not so any more.
    pub async fn step(
        &self,
        client: &ClientId,
        id: &str,
        list: Option<&str>,
        step: &Step,
    ) -> Result<bool, StoreError> {
        // A crash of the machine takes position and rows back together.
        let mut tx = self.0.begin(Durability::Soon).await?;
        let listed = suppressions::add_all(&mut tx, client, &step.suppressions).await?;
        let moved = args![
            client,
            id,
            step.from,
            step.to,
            step.line,
            step.rows,
            step.added + listed.added,
            step.updated,
            step.skipped + (step.suppressions.len() as u64 - listed.added),
            step.failed
        ];
        if tx.run(STEP, moved).await? == 0 {
            return Ok(false);
        }
        contacts::add_all(&mut tx, client, &step.new).await?;
        for (revision, to) in &step.changed {
            contacts::change(&mut tx, client, *revision, to).await?;
        }
        if let Some(list) = list {
            contacts::add_members(&mut tx, client, list, &step.members).await?;
        }
        let errors = step.errors.iter().map(|error| {
            let cell = error.cell.map(i64::from);
            let (line, place) = (error.line, error.place);
            args![
                client,
                id,
                line,
                place,
                cell,
                &error.field,
                &error.code,
                &error.detail
            ]
        });
        several::write(&mut tx, &[(32, ERRORS_32), (1, ERROR)], errors.collect()).await?;
        tx.commit().await?;
        listed.count();
        Ok(true)
    }

    /// Ends it, for good, and its client is told. Whether it had not ended.
    pub async fn end(
        &self,
        client: &ClientId,
        id: &str,
        state: ImportState,
        problem: Option<&str>,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let args = args![client, id, state, problem, now_ms];
        let Some(ended) = tx.one(END, args).await? else {
            return Ok(false);
        };
        told(&mut tx, client, id, (state, problem), ended).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Its errors in their order, behind this line and place.
    pub async fn errors(
        &self,
        client: &ClientId,
        id: &str,
        after: (u64, u32),
        limit: u32,
    ) -> Result<Vec<RowError>, StoreError> {
        let read = |mut row: Columns| {
            Ok(RowError {
                line: row.count()?,
                place: row.version()?,
                cell: row.version_opt()?,
                field: row.text()?,
                code: row.text()?,
                detail: row.text()?,
            })
        };
        self.0
            .all(ERRORS, args![client, id, after.0, after.1, limit], read)
            .await
    }
}

pub(super) async fn next(store: &Store) -> Result<Option<Import>, StoreError> {
    store.one(NEXT, Vec::new()).await?.map(read).transpose()
}

pub(super) async fn open(store: &Store) -> Result<Vec<String>, StoreError> {
    store.all(OPEN, Vec::new(), |mut row| row.text()).await
}
