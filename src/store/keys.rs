//! `keys.db`: wrapped keys, and nothing else.
//!
//! It is a file of its own so that its backups can be short-lived: whoever is forgotten here cannot be read anywhere,
//! once the last backup of this file that still holds the key is gone. Deleted keys are overwritten in the file, and
//! cut from its log before a deletion counts as done.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::ids::ClientId;

/// What the file is called in the data folder.
pub const FILE: &str = "keys.db";
/// `user_version` of the file.
const VERSION: i64 = 1;
const BUSY: Duration = Duration::from_secs(5);
/// The SQLite result codes of a file that is not, or no longer, a database.
const CORRUPT: [u32; 2] = [11, 26];

const SCHEMA: &str = "
CREATE TABLE root (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    kek_id TEXT NOT NULL,
    probe BLOB NOT NULL
) STRICT;
CREATE TABLE client_keys (
    client_id TEXT PRIMARY KEY,
    sealed BLOB NOT NULL,
    made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE subject_keys (
    client_id TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (client_id, subject_id)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
";

/// The open file.
#[derive(Clone, Debug)]
pub struct KeyStore {
    // One connection: writes take turns anyway, and nobody else can hold the log while it is cut.
    pool: SqlitePool,
    path: PathBuf,
}

/// Which key everything here is wrapped under, and something sealed under it to try a key on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Id of the key.
    pub kek_id: String,
    /// Sealed under it.
    pub probe: Vec<u8>,
}

/// The key store cannot be used. Says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// There is none.
    #[error("{}: the key store is missing; restore this file from its newest backup: without it nothing stored can be read", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It is there already.
    #[error("this data folder is set up already: {} is there, and is not replaced, since what it opens would be lost. Go on with `trunkline serve`, or with `trunkline clients add` for another client", path.display())]
    Present {
        /// Where.
        path: PathBuf,
    },
    /// It is not, or no longer, what was written.
    #[error("{}: {problem}; restore this file from its newest backup", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It was made by a newer server.
    #[error("{}: is of version {version}, and this server knows {VERSION}; use the server that made it, or a newer one", path.display())]
    Newer {
        /// Where.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// A deletion stands, but another program keeps the log that still has the key.
    #[error("{}: another program reads it, so deleted keys are still in its log; end that program and delete again", path.display())]
    Lingers {
        /// Where.
        path: PathBuf,
    },
    /// Something else.
    #[error("{}: {cause}", path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: sqlx::Error,
    },
    /// The file cannot be made.
    #[error("{}: cannot be made: {cause}", path.display())]
    Unmade {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

impl KeyStore {
    /// Makes the file, readable by its owner alone.
    pub async fn make(path: &Path, root: &Root) -> Result<Self, KeyStoreError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|cause| {
            let path = path.to_owned();
            if cause.kind() == ErrorKind::AlreadyExists {
                KeyStoreError::Present { path }
            } else {
                KeyStoreError::Unmade { path, cause }
            }
        })?;
        let store = Self::connect(path).await?;
        let made = async {
            let mut tx = store.pool.begin().await?;
            sqlx::raw_sql(SCHEMA).execute(&mut *tx).await?;
            sqlx::query("INSERT INTO root (one, kek_id, probe) VALUES (1, $1, $2)")
                .bind(&root.kek_id)
                .bind(&root.probe)
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        made.await.map_err(|cause| store.failed(cause))?;
        store.cut_log().await?;
        Ok(store)
    }

    /// Opens the file and looks whether it is whole.
    pub async fn open(path: &Path) -> Result<Self, KeyStoreError> {
        if !path.is_file() {
            return Err(KeyStoreError::Missing {
                path: path.to_owned(),
            });
        }
        // The library would take an empty file for a new database, and make it one.
        if path.metadata().is_ok_and(|file| file.len() == 0) {
            return Err(KeyStoreError::Damaged {
                path: path.to_owned(),
                problem: "is empty".to_owned(),
            });
        }
        let store = Self::connect(path).await?;
        let looked = async {
            let version: i64 = sqlx::query_scalar("PRAGMA user_version")
                .fetch_one(&store.pool)
                .await?;
            let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
                .fetch_one(&store.pool)
                .await?;
            Ok((version, found))
        };
        let (version, found) = looked.await.map_err(|cause| store.failed(cause))?;
        if version > VERSION {
            return Err(KeyStoreError::Newer {
                path: store.path,
                version,
            });
        }
        if version != VERSION || found != "ok" {
            let problem = if version == VERSION {
                "is damaged or cut short".to_owned()
            } else {
                "is not a key store".to_owned()
            };
            return Err(KeyStoreError::Damaged {
                path: store.path,
                problem,
            });
        }
        // A deletion that was interrupted before its last step is finished here.
        store.cut_log().await?;
        Ok(store)
    }

    async fn connect(path: &Path) -> Result<Self, KeyStoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON")
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(0)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options)
            .await
            .map_err(|cause| failure(path, cause))?;
        Ok(Self {
            pool,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key that everything is wrapped under.
    pub async fn root(&self) -> Result<Root, KeyStoreError> {
        let (kek_id, probe) = sqlx::query_as("SELECT kek_id, probe FROM root WHERE one = 1")
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?
            .ok_or_else(|| KeyStoreError::Damaged {
                path: self.path.clone(),
                problem: "does not say which key it belongs to".to_owned(),
            })?;
        Ok(Root { kek_id, probe })
    }

    /// Keeps a client's wrapped key. False, and nothing changes, if the client has one.
    pub async fn add_client(
        &self,
        client: &ClientId,
        sealed: &[u8],
        unix_ms: i64,
    ) -> Result<bool, KeyStoreError> {
        sqlx::query(
            "INSERT INTO client_keys (client_id, sealed, made_ms) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
        )
        .bind(client.as_str())
        .bind(sealed)
        .bind(unix_ms)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(|cause| self.failed(cause))
    }

    /// Whose keys are here, in order.
    pub async fn clients(&self) -> Result<Vec<String>, KeyStoreError> {
        sqlx::query_scalar("SELECT client_id FROM client_keys ORDER BY client_id")
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// A client's wrapped key.
    pub async fn client(&self, client: &ClientId) -> Result<Option<Vec<u8>>, KeyStoreError> {
        sqlx::query_scalar("SELECT sealed FROM client_keys WHERE client_id = $1")
            .bind(client.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// Keeps a subject's wrapped key unless there is one; gives the one that is kept.
    pub async fn add_subject(
        &self,
        client: &ClientId,
        subject: &str,
        sealed: &[u8],
        unix_ms: i64,
    ) -> Result<Vec<u8>, KeyStoreError> {
        // The update changes nothing; without it a row that is there would not be returned.
        sqlx::query_scalar(
            "INSERT INTO subject_keys (client_id, subject_id, sealed, made_ms) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (client_id, subject_id) DO UPDATE SET sealed = subject_keys.sealed \
             RETURNING sealed",
        )
        .bind(client.as_str())
        .bind(subject)
        .bind(sealed)
        .bind(unix_ms)
        .fetch_one(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    /// Keeps wrapped keys of subjects who have none, all or none of them; one transaction, so that a thousand cost what one
    /// does. Of a subject that has a key the one that is there stays. How many had none.
    pub async fn add_subjects(
        &self,
        client: &ClientId,
        sealed: &[(&str, Vec<u8>)],
        unix_ms: i64,
    ) -> Result<u64, KeyStoreError> {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let rows: Vec<(&str, String)> = sealed.iter().map(|(id, key)| (*id, hex(key))).collect();
        let rows = serde_json::to_string(&rows).unwrap_or_default();
        sqlx::query(
            "INSERT INTO subject_keys (client_id, subject_id, sealed, made_ms) \
             SELECT $1, value ->> 0, unhex(value ->> 1), $3 FROM json_each($2) WHERE true \
             ON CONFLICT (client_id, subject_id) DO NOTHING",
        )
        .bind(client.as_str())
        .bind(rows)
        .bind(unix_ms)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected())
        .map_err(|cause| self.failed(cause))
    }

    /// The wrapped keys of those subjects who have one.
    pub async fn subjects(
        &self,
        client: &ClientId,
        subjects: &[&str],
    ) -> Result<Vec<(String, Vec<u8>)>, KeyStoreError> {
        let ids = serde_json::to_string(subjects).unwrap_or_default();
        sqlx::query_as(
            "SELECT subject_id, sealed FROM subject_keys \
             WHERE client_id = $1 AND subject_id IN (SELECT value FROM json_each($2))",
        )
        .bind(client.as_str())
        .bind(ids)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    /// A subject's wrapped key.
    pub async fn subject(
        &self,
        client: &ClientId,
        subject: &str,
    ) -> Result<Option<Vec<u8>>, KeyStoreError> {
        sqlx::query_scalar(
            "SELECT sealed FROM subject_keys WHERE client_id = $1 AND subject_id = $2",
        )
        .bind(client.as_str())
        .bind(subject)
        .fetch_optional(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    /// Deletes a subject's key so that no byte of it is left in the file or its log. False if there was none.
    pub async fn drop_subject(
        &self,
        client: &ClientId,
        subject: &str,
    ) -> Result<bool, KeyStoreError> {
        let done = sqlx::query("DELETE FROM subject_keys WHERE client_id = $1 AND subject_id = $2")
            .bind(client.as_str())
            .bind(subject)
            .execute(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        self.cut_log().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes a client's key and those of its subjects likewise. False if there was none.
    pub async fn drop_client(&self, client: &ClientId) -> Result<bool, KeyStoreError> {
        let dropped = async {
            let mut tx = self.pool.begin().await?;
            sqlx::query("DELETE FROM subject_keys WHERE client_id = $1")
                .bind(client.as_str())
                .execute(&mut *tx)
                .await?;
            let done = sqlx::query("DELETE FROM client_keys WHERE client_id = $1")
                .bind(client.as_str())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(done.rows_affected() > 0)
        };
        let was = dropped.await.map_err(|cause| self.failed(cause))?;
        self.cut_log().await?;
        Ok(was)
    }

    /// Puts a new root and each client's key, wrapped anew by `wrap`, in place of the old, all or nothing.
    pub async fn rewrap<E: From<KeyStoreError>>(
        &self,
        root: &Root,
        mut wrap: impl FnMut(&str, &[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        let fail = |cause| E::from(self.failed(cause));
        let mut tx = self.pool.begin().await.map_err(fail)?;
        let rows: Vec<(String, Vec<u8>)> =
            sqlx::query_as("SELECT client_id, sealed FROM client_keys")
                .fetch_all(&mut *tx)
                .await
                .map_err(fail)?;
        for (client, sealed) in rows {
            let sealed = wrap(&client, &sealed)?;
            sqlx::query("UPDATE client_keys SET sealed = $1 WHERE client_id = $2")
                .bind(sealed)
                .bind(client)
                .execute(&mut *tx)
                .await
                .map_err(fail)?;
        }
        sqlx::query("UPDATE root SET kek_id = $1, probe = $2 WHERE one = 1")
            .bind(&root.kek_id)
            .bind(&root.probe)
            .execute(&mut *tx)
            .await
            .map_err(fail)?;
        tx.commit().await.map_err(fail)?;
        Ok(self.cut_log().await?)
    }

    /// Closes the file; nothing is lost without it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Brings the log into the file and cuts it to nothing: it has copies of what was deleted.
    async fn cut_log(&self) -> Result<(), KeyStoreError> {
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        if busy == 0 {
            Ok(())
        } else {
            Err(KeyStoreError::Lingers {
                path: self.path.clone(),
            })
        }
    }

    fn failed(&self, cause: sqlx::Error) -> KeyStoreError {
        failure(&self.path, cause)
    }
}

fn failure(path: &Path, cause: sqlx::Error) -> KeyStoreError {
    let path = path.to_owned();
    let code = cause
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<u32>().ok());
    // The low byte of an extended code is the plain one.
    if code.is_some_and(|code| CORRUPT.contains(&(code & 0xff))) {
        KeyStoreError::Damaged {
            path,
            problem: "is damaged, cut short, or no key store".to_owned(),
        }
    } else {
        KeyStoreError::Failed { path, cause }
    }
}
