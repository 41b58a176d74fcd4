//! Opening a database: where it is, how it is to keep what it is given, and what to say when it cannot be used.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Pool, StoreError};

/// How long to wait for a connection, and for another process's lock on the file.
const WAIT: Duration = Duration::from_secs(10);
/// Statements that a connection keeps prepared; there are fewer.
const STATEMENTS_KEPT: usize = 256;
/// Rows that SQLite's thread may be ahead of whoever reads them: handing over each alone would double a transcript's time.
const ROWS_AHEAD: usize = 1024;
/// With what every SQLite database begins.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Which database, and how much of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// `sqlite:data/trunkline.db`, or `postgres://user:password@host/database`.
    pub url: String,
    /// Connections that read (SQLite), or in all (PostgreSQL): 1 to 100.
    pub connections: u32,
}

impl StoreConfig {
    /// A database in a file.
    #[must_use]
    pub fn sqlite(path: &Path) -> Self {
        Self {
            url: format!("sqlite:{}", path.display()),
            connections: 4,
        }
    }
}

impl std::fmt::Debug for StoreConfig {
    /// An address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("StoreConfig")
            .field("kind", &kind)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

pub(super) async fn connect(config: &StoreConfig) -> Result<Pool, StoreError> {
    if !(1..=100).contains(&config.connections) {
        return Err(StoreError::Config(
            "the store's connections must be between 1 and 100".into(),
        ));
    }
    if let Some(path) = config.url.strip_prefix("sqlite:") {
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        return sqlite(path, config.connections).await;
    }
    if config.url.starts_with("postgres://") || config.url.starts_with("postgresql://") {
        return postgres(&config.url, config.connections).await;
    }
    Err(StoreError::Config(
        "the store's address must be sqlite:PATH or postgres://user:password@host/database".into(),
    ))
}

async fn sqlite(path: &Path, connections: u32) -> Result<Pool, StoreError> {
    look_at(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(WAIT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .row_buffer_size(ROWS_AHEAD)
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        // It cannot break while nobody has it, and asking it takes the time of a statement.
        .test_before_acquire(false)
        .acquire_timeout(WAIT);
    let writer = writer.connect_with(options.clone()).await;
    let writer = writer.map_err(|error| file_error(path, error))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(WAIT);
    Ok(Pool::Sqlite {
        path: path.to_owned(),
        writer,
        is_lax: AtomicBool::new(false),
        readers: readers
            .connect_lazy_with(options.create_if_missing(false).pragma("query_only", "1")),
    })
}

/// Refuses what is no database before the library sees it: it would take an empty file for a new database.
fn look_at(path: &Path) -> Result<(), StoreError> {
    let refused = |problem: String| StoreError::File {
        path: path.to_owned(),
        problem,
    };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(format!("cannot be read: {error}"))),
    };
    let mut begin = Vec::new();
    let read = file
        .by_ref()
        .take(SQLITE_MAGIC.len() as u64)
        .read_to_end(&mut begin);
    read.map_err(|error| refused(format!("cannot be read: {error}")))?;
    if begin == SQLITE_MAGIC {
        return Ok(());
    }
    let what = if begin.is_empty() {
        "is empty"
    } else {
        "is not an SQLite database"
    };
    Err(refused(format!(
        "{what}; put the database back from a backup, or move this file away to begin with an empty one (calls are read \
         in again from their journals)"
    )))
}

/// What an SQLite error means for whoever runs the server.
pub(super) fn file_error(path: &Path, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|told| told.code());
    let code = code
        .and_then(|code| code.parse::<i64>().ok())
        .map(|code| code & 0xff);
    let problem = match code {
        Some(11 | 26) => {
            "is damaged; put the database back from a backup, or move this file away to begin with an empty one (calls are \
             read in again from their journals)"
        }
        Some(5 | 6) => "is in use by another process; stop that one first",
        Some(8) => "cannot be written; give the server's user the right to write it and its folder",
        Some(10) => "cannot be read or written: the disk fails",
        Some(13) => "cannot grow: the disk is full",
        Some(14) => {
            "cannot be opened; make its folder, and give the server's user the right to write there"
        }
        _ => return StoreError::Database(error),
    };
    StoreError::File {
        path: PathBuf::from(path),
        problem: problem.to_owned(),
    }
}

async fn postgres(url: &str, connections: u32) -> Result<Pool, StoreError> {
    // What the library says of a wrong address may quote it, with its password.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::Config(
            "the store's address cannot be read; it is postgres://user:password@host:port/database"
                .into(),
        )
    })?;
    let options = options
        .application_name("trunkline")
        .statement_cache_capacity(STATEMENTS_KEPT)
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let bounds = "SET statement_timeout = '30s'; SET lock_timeout = '10s'";
                sqlx::raw_sql(bounds).execute(connection).await.map(|_| ())
            })
        });
    let pool = pool.connect_with(options).await.map_err(|error| {
        StoreError::Config(if matches!(error, sqlx::Error::PoolTimedOut) {
            format!(
                "the PostgreSQL database does not answer within {} s; check its address, and that it runs",
                WAIT.as_secs()
            )
        } else {
            format!("the PostgreSQL database cannot be reached: {error}")
        })
    })?;
    Ok(Pool::Postgres(pool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_never_shows_its_password() {
        let config = StoreConfig {
            url: "postgres://user:sekrit@host/db".into(),
            connections: 4,
        };
        assert!(!format!("{config:?}").contains("sekrit"));
    }
}
