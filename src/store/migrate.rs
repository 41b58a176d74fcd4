//! The schema's history, forward only. Each step is one script per database, embedded, and never changes again once it is
//! released: its checksum is kept with the database.

use sha2::{Digest as _, Sha256};

use super::sql::{Tx, args};
use super::{Durability, Pool, Store, StoreError};
use crate::clock;

struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

/// In order; the first is version 1.
const MIGRATIONS: &[Migration] = migrations![
    "0001_calls_and_clients",
    "0002_carrier_account_ids",
    "0003_attempts",
    "0004_requests_of_attempts",
    "0005_latency_of_turns",
    "0006_tools",
    "0007_after_the_call",
    "0008_who_answered",
    "0009_knowledge",
    "0011_versions",
    "0012_transfers",
    "0013_callbacks",
    "0014_frequency",
    "0015_callbacks_again",
    "0016_contacts",
    "0017_imports",
    "0018_events",
    "0020_call_consents",
    "0021_registries",
    "0022_hooks",
    "0023_numbers_that_answer",
    "0024_callers",
    "0025_standing",
    "0026_complaints",
    "0029_rules",
    "0032_fetches_and_disclosures",
];

const TABLE_SQLITE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, applied_ms INTEGER NOT NULL) STRICT";
const TABLE_POSTGRES: &str = "SELECT pg_advisory_xact_lock(7310579601); CREATE TABLE IF NOT EXISTS migrations (
    version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL, applied_ms BIGINT NOT NULL)";
const APPLIED: &str = "SELECT checksum FROM migrations WHERE version = $1";
const NEWEST: &str = "SELECT version, name FROM migrations ORDER BY version DESC LIMIT 1";
const NOTE: &str =
    "INSERT INTO migrations (version, name, checksum, applied_ms) VALUES ($1, $2, $3, $4)";

/// Brings the schema up to date: all of it or nothing, in one transaction.
pub(super) async fn run(store: &Store) -> Result<(), StoreError> {
    let is_postgres = matches!(*store.pool, Pool::Postgres(_));
    let mut tx = store.begin(Durability::Now).await?;
    // Of several servers that open a database at once, one does it and the others wait.
    tx.script(if is_postgres {
        TABLE_POSTGRES
    } else {
        TABLE_SQLITE
    })
    .await?;
    refuse_newer(&mut tx).await?;
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        let script = if is_postgres {
            migration.postgres
        } else {
            migration.sqlite
        };
        let checksum: [u8; 32] = Sha256::digest(script.as_bytes()).into();
        let applied = tx.one(APPLIED, args![version]).await?;
        match applied.map(|mut row| row.hash()).transpose()? {
            Some(known) if known == checksum => {}
            Some(_) => return Err(differs(version, migration.name)),
            None => {
                tx.script(script).await?;
                let now_ms = clock::unix_ms();
                tx.run(NOTE, args![version, migration.name, &checksum, now_ms])
                    .await?;
            }
        }
    }
    tx.commit().await
}

async fn refuse_newer(tx: &mut Tx) -> Result<(), StoreError> {
    let Some(mut row) = tx.one(NEWEST, Vec::new()).await? else {
        return Ok(());
    };
    let (version, name) = (row.int()?, row.text()?);
    let known = MIGRATIONS.len();
    if usize::try_from(version).is_ok_and(|version| version <= known) {
        return Ok(());
    }
    Err(StoreError::Migration(format!(
        "the database belongs to a newer server: its schema is at step {version} ({name}), this server knows {known}; run \
         that server, or put a backup from before its first start back"
    )))
}

fn differs(version: i64, name: &str) -> StoreError {
    StoreError::Migration(format!(
        "the database's schema was made by another build: step {version} ({name}) differs; run the release that made it, \
         or put a backup back"
    ))
}
