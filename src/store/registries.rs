//! Registers of people who do not want to be called, as clients bring them in by file.
//!
//! A file counts once all of it was read, in one step with which the one before counts no more; until then nobody sees
//! anything of it. Its numbers are keyed hashes, sorted into blocks. What was read, and how far, is written in one
//! transaction: so a row is taken once, however often the server ends meanwhile.

use sha2::{Digest as _, Sha256};
use trunkline_core::event::EventKind;

use super::outbox::{Told, data, tell};
use super::page::rows_asked;
use super::several::{self, rows};
use super::sql::{Arg, Columns, Tx, args, statements, words};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "client_id, id, registry, kind, settings, covers, as_of_ms, state, counts, problem, bytes, position, line, rows_read,
            numbers, failed, errors, runs, tries, created_ms, ended_ms, counted_ms, uncounted_ms"
    };
}

macro_rules! blocks {
    () => {
        "INTO registry_numbers (client_id, file_id, bucket, run, hashes) VALUES "
    };
}

statements! {
    ADD = "INSERT INTO registry_files (client_id, id, registry, kind, settings, covers, as_of_ms, state, counts, swept, bytes,
            position, line, rows_read, numbers, failed, errors, runs, tries, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', 0, 0, $8, 0, 1, 0, 0, 0, '{}', 0, 0, $9)";
    COUNT_OPEN = "SELECT COUNT(*) FROM registry_files WHERE client_id = $1 AND ended_ms IS NULL";
    FIND = concat!("SELECT ", columns!(), " FROM registry_files WHERE client_id = $1 AND id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM registry_files WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4");
    COUNTING = concat!("SELECT ", columns!(), " FROM registry_files WHERE client_id = $1 AND counts = 1
        ORDER BY registry DESC, as_of_ms DESC, created_ms DESC, id DESC");
    NEXT = concat!("SELECT ", columns!(), " FROM registry_files WHERE ended_ms IS NULL ORDER BY created_ms, id LIMIT 1");
    OPEN = "SELECT id FROM registry_files WHERE ended_ms IS NULL LIMIT 10000";
    BEGIN = "UPDATE registry_files SET state = 'running', tries = tries + 1
        WHERE client_id = $1 AND id = $2 AND ended_ms IS NULL RETURNING tries";
    STEP = "UPDATE registry_files SET position = $4, line = $5, rows_read = rows_read + $6, numbers = numbers + $7,
            failed = failed + $8, errors = $9, runs = runs + 1, tries = 0
        WHERE client_id = $1 AND id = $2 AND position = $3 AND state = 'running'";
    BLOCKS_64 = rows!(concat!("INSERT ", blocks!()), 5, 64, "");
    BLOCKS_8 = rows!(concat!("INSERT ", blocks!()), 5, 8, "");
    BLOCK = rows!(concat!("INSERT ", blocks!()), 5, 1, "");
    END = "UPDATE registry_files SET state = $3, problem = $4, ended_ms = $5
        WHERE client_id = $1 AND id = $2 AND ended_ms IS NULL";
    NEWEST = "SELECT MAX(as_of_ms) FROM registry_files WHERE client_id = $1 AND registry = $2 AND counts = 1";
    STOP_OTHERS = "UPDATE registry_files SET counts = 0, uncounted_ms = $3 WHERE client_id = $1 AND registry = $2 AND counts = 1";
    STOP = "UPDATE registry_files SET counts = 0, uncounted_ms = $3 WHERE client_id = $1 AND id = $2 AND counts = 1";
    COMPLETE = "UPDATE registry_files SET state = 'completed', counts = 1, ended_ms = $3, counted_ms = $3
        WHERE client_id = $1 AND id = $2 AND state = 'running'";
    LOOK_UP = "SELECT registry_numbers.hashes FROM registry_files
        LEFT JOIN registry_numbers ON registry_numbers.client_id = registry_files.client_id
            AND registry_numbers.file_id = registry_files.id AND registry_numbers.bucket = $3
        WHERE registry_files.client_id = $1 AND registry_files.id = $2 AND registry_files.counts = 1";
    UNSWEPT = "SELECT client_id, id FROM registry_files WHERE swept = 0 AND counts = 0 AND ended_ms IS NOT NULL
        ORDER BY ended_ms, id LIMIT 1";
    DROP = "DELETE FROM registry_numbers WHERE client_id = $1 AND file_id = $2 AND bucket >= $3 AND bucket < $4";
    SWEPT = "UPDATE registry_files SET swept = 1 WHERE client_id = $1 AND id = $2 AND counts = 0 AND ended_ms IS NOT NULL";
}

const BLOCKS: &[(usize, &str)] = &[(64, BLOCKS_64), (8, BLOCKS_8), (1, BLOCK)];

words! {
    /// What a file is to the register.
    FileKind {
        /// All of it, in place of what was there.
        Full = "full",
        /// Numbers that are new in it.
        Additions = "additions",
        /// Numbers that are not in it any more.
        Removals = "removals",
    }
}

words! {
    /// Where a file is.
    FileState {
        /// It waits for others.
        Waiting = "waiting",
        /// It is being read.
        Running = "running",
        /// All of it was read, and it counted from then on.
        Completed = "completed",
        /// It cannot be used, and changed nothing.
        Failed = "failed",
        /// It was taken back before it counted.
        Cancelled = "cancelled",
    }
}

/// A file of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFile {
    /// Whose it is.
    pub client: ClientId,
    /// `reg_…`.
    pub id: String,
    /// Which register, as `us-national`.
    pub registry: String,
    /// What it is to the register.
    pub kind: FileKind,
    /// How it is read, sealed under the client's key.
    pub settings: Sealed,
    /// Beginnings of the numbers that it knows, as `+1212`; none for what changes another file.
    pub covers: Vec<String>,
    /// Of when it is, ms since 1970.
    pub as_of_ms: i64,
    /// Where it is.
    pub state: FileState,
    /// Calls are decided by it.
    pub counts: bool,
    /// Why it failed, in stable snake_case.
    pub problem: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// How far it was read, in bytes.
    pub position: u64,
    /// The line there, counted from 1.
    pub line: u64,
    /// Rows that were read, without the names of columns.
    pub rows_read: u64,
    /// Rows that were numbers.
    pub numbers: u64,
    /// Rows that could not be used.
    pub failed: u64,
    /// How many of those for each reason: JSON.
    pub errors: String,
    /// Runs of numbers that were written.
    pub runs: u32,
    /// How often it was begun since it last came further.
    pub tries: u32,
    /// When it came, ms since 1970.
    pub created_ms: i64,
    /// When reading ended, ms since 1970.
    pub ended_ms: Option<i64>,
    /// From when on calls were decided by it, ms since 1970.
    pub counted_ms: Option<i64>,
    /// Until when, ms since 1970.
    pub uncounted_ms: Option<i64>,
}

/// One to be read.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// `reg_…`.
    pub id: String,
    /// Which register.
    pub registry: String,
    /// What it is to the register.
    pub kind: FileKind,
    /// How it is read, sealed under the client's key.
    pub settings: Sealed,
    /// Beginnings of the numbers that it knows; each a text without spaces.
    pub covers: Vec<String>,
    /// Of when it is, ms since 1970.
    pub as_of_ms: i64,
    /// Its length.
    pub bytes: u64,
    /// Now, ms since 1970.
    pub now_ms: i64,
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
    /// Rows that were numbers.
    pub numbers: u64,
    /// Rows that could not be used.
    pub failed: u64,
    /// How many of all rows so far could not be used, by reason: JSON.
    pub errors: String,
    /// Which run of numbers it is, counted from 0.
    pub run: u32,
    /// Its hashes by bucket, each bucket once.
    pub blocks: Vec<(u32, Sealed)>,
}

/// What became of a file that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// It counts.
    Yes,
    /// It was taken back meanwhile.
    No,
    /// It changes a register of which there is nothing.
    NoBase,
    /// What counts is newer.
    Older,
}

fn read(mut row: Columns) -> Result<RegistryFile, StoreError> {
    Ok(RegistryFile {
        client: row.client()?,
        id: row.text()?,
        registry: row.text()?,
        kind: row.word("a kind of a registry's file", FileKind::parse)?,
        settings: row.sealed()?,
        covers: row.text()?.split_whitespace().map(str::to_owned).collect(),
        as_of_ms: row.int()?,
        state: row.word("a state of a registry's file", FileState::parse)?,
        counts: row.flag()?,
        problem: row.text_opt()?,
        bytes: row.count()?,
        position: row.count()?,
        line: row.count()?,
        rows_read: row.count()?,
        numbers: row.count()?,
        failed: row.count()?,
        errors: row.text()?,
        runs: row.version()?,
        tries: row.version()?,
        created_ms: row.int()?,
        ended_ms: row.int_opt()?,
        counted_ms: row.int_opt()?,
        uncounted_ms: row.int_opt()?,
    })
}

/// Whoever changes what counts of a client's register does so alone.
async fn alone(tx: &mut Tx, client: &ClientId, registry: &str) -> Result<(), StoreError> {
    let key = format!("registry:{}:{registry}", client.as_str());
    tx.alone(&Sha256::digest(key.as_bytes()).into()).await
}

/// The tables of registers.
pub struct Registries<'a>(pub(super) &'a Store);

impl Registries<'_> {
    /// Adds a file. False if the client has `most` that were not read to their end.
    pub async fn add(
        &self,
        client: &ClientId,
        new: &NewFile,
        most: u32,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let open = tx.one(COUNT_OPEN, args![client]).await?;
        let open = open.map(|mut row| row.int()).transpose()?.unwrap_or(0);
        if open >= i64::from(most) {
            return Ok(false);
        }
        let covers = new.covers.join(" ");
        let args = args![
            client,
            &new.id,
            &new.registry,
            new.kind,
            &new.settings,
            &covers,
            new.as_of_ms,
            new.bytes,
            new.now_ms
        ];
        tx.run(ADD, args).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// One file.
    pub async fn find(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<Option<RegistryFile>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// Files, the newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<RegistryFile>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |file| Cursor {
            created_ms: file.created_ms,
            id: file.id.clone(),
        }))
    }

    /// Files by which calls are decided: by register, and of each the newest first.
    pub async fn counting(&self, client: &ClientId) -> Result<Vec<RegistryFile>, StoreError> {
        self.0.all(COUNTING, args![client], read).await
    }

    /// The hashes of a bucket of a file by which calls are decided, run by run; `None` if they are not any more.
    pub async fn hashes(
        &self,
        client: &ClientId,
        id: &str,
        bucket: u32,
    ) -> Result<Option<Vec<Sealed>>, StoreError> {
        let read = |mut row: Columns| row.sealed_opt();
        let rows = self.0.all(LOOK_UP, args![client, id, bucket], read).await?;
        Ok((!rows.is_empty()).then(|| rows.into_iter().flatten().collect()))
    }

    /// Notes that it is begun: how often it was since it last came further. `None` if it has ended.
    pub async fn begin(&self, client: &ClientId, id: &str) -> Result<Option<u32>, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let tries = tx.one(BEGIN, args![client, id]).await?;
        let tries = tries.map(|mut row| row.version()).transpose()?;
        tx.commit().await?;
        Ok(tries)
    }

    /// Writes what some rows came to, all of it or nothing. False, and nothing is written, if it has ended or is elsewhere.
    pub async fn step(&self, client: &ClientId, id: &str, step: &Step) -> Result<bool, StoreError> {
        let moved = args![
            client,
            id,
            step.from,
            step.to,
            step.line,
            step.rows,
            step.numbers,
            step.failed,
            &step.errors
        ];
        let mut tx = self.0.begin(Durability::Soon).await?;
        if tx.run(STEP, moved).await? == 0 {
            return Ok(false);
        }
        let blocks = step.blocks.iter();
        let blocks = blocks.map(|(bucket, hashes)| args![client, id, *bucket, step.run, hashes]);
        let blocks: Vec<Vec<Arg>> = blocks.collect();
        several::write(&mut tx, BLOCKS, blocks).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// All of it was read: from now on it counts, and a full one instead of whatever counted before.
    pub async fn complete(
        &self,
        client: &ClientId,
        file: &RegistryFile,
        now_ms: i64,
    ) -> Result<Completed, StoreError> {
        let (id, registry) = (&file.id, &file.registry);
        let mut tx = self.0.begin(Durability::Now).await?;
        alone(&mut tx, client, registry).await?;
        let newest = tx.one(NEWEST, args![client, registry]).await?;
        let newest = newest.map(|mut row| row.int_opt()).transpose()?.flatten();
        match newest {
            Some(newest_ms) if newest_ms > file.as_of_ms => return Ok(Completed::Older),
            None if file.kind != FileKind::Full => return Ok(Completed::NoBase),
            _ => {}
        }
        if file.kind == FileKind::Full {
            tx.run(STOP_OTHERS, args![client, registry, now_ms]).await?;
        }
        if tx.run(COMPLETE, args![client, id, now_ms]).await? == 0 {
            return Ok(Completed::No);
        }
        let data = data! { "registry": registry.as_str(), "kind": file.kind.as_str() };
        let told = Told::once(EventKind::RegistryFileCompleted, id, data);
        tell(&mut tx, client.as_str(), told).await?;
        tx.commit().await?;
        Ok(Completed::Yes)
    }

    /// Ends one that does not count, for good. Whether it had not ended.
    pub async fn end(
        &self,
        client: &ClientId,
        id: &str,
        state: FileState,
        problem: Option<&str>,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let ended = tx
            .run(END, args![client, id, state, problem, now_ms])
            .await?
            > 0;
        if ended && state == FileState::Failed {
            let data = data! { "problem": problem };
            let told = Told::once(EventKind::RegistryFileFailed, id, data);
            tell(&mut tx, client.as_str(), told).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Calls are decided by it no more; nor by what changed it, if it is a full one. Whether they were.
    pub async fn stop(
        &self,
        client: &ClientId,
        file: &RegistryFile,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let registry = &file.registry;
        let mut tx = self.0.begin(Durability::Now).await?;
        alone(&mut tx, client, registry).await?;
        let stopped = tx.run(STOP, args![client, &file.id, now_ms]).await? > 0;
        if stopped && file.kind == FileKind::Full {
            tx.run(STOP_OTHERS, args![client, registry, now_ms]).await?;
        }
        tx.commit().await?;
        Ok(stopped)
    }

    /// Removes the numbers of some buckets of a file that does not count. How many rows that were.
    pub async fn drop_numbers(
        &self,
        client: &ClientId,
        id: &str,
        buckets: std::ops::Range<u32>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.0.begin(Durability::Soon).await?;
        let args = args![client, id, buckets.start, buckets.end];
        let dropped = tx.run(DROP, args).await?;
        tx.commit().await?;
        Ok(dropped)
    }

    /// Its numbers are gone.
    pub async fn swept(&self, client: &ClientId, id: &str) -> Result<(), StoreError> {
        self.0.run(SWEPT, args![client, id]).await.map(|_| ())
    }
}

pub(super) async fn next(store: &Store) -> Result<Option<RegistryFile>, StoreError> {
    store.one(NEXT, Vec::new()).await?.map(read).transpose()
}

pub(super) async fn open(store: &Store) -> Result<Vec<String>, StoreError> {
    store.all(OPEN, Vec::new(), |mut row| row.text()).await
}

pub(super) async fn unswept(store: &Store) -> Result<Option<(ClientId, String)>, StoreError> {
    let row = store.one(UNSWEPT, Vec::new()).await?;
    row.map(|mut row| Ok((row.client()?, row.text()?)))
        .transpose()
}
