//! Writing. SQLite has one connection for it, which everybody waits for: while a call's row is written, no other is. Each
//! step of a writer's goes to that connection's thread and back, which on a busy machine takes longer than the step itself.
//! So there are as few as can be.

use std::sync::atomic::Ordering;

use sqlx::SqlSafeStr as _;

use super::sql::{Arg, Tx, query};
use super::{Pool, Store, StoreError};

/// Whether a commit must have reached the disk before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// On the disk when the call returns.
    Now,
    /// Safe from a crash of the server, and from a crash of the machine within seconds: the journal has it too.
    Soon,
}

impl Store {
    /// Begins to write. On SQLite there is one writer at a time, and it never has to give way at its commit.
    pub(super) async fn begin(&self, durability: Durability) -> Result<Tx, StoreError> {
        match &*self.pool {
            Pool::Sqlite { writer, is_lax, .. } => {
                let connection = writer.acquire().await?;
                // Both in one step.
                let begin = match durability {
                    Durability::Now => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
                    Durability::Soon => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE",
                };
                is_lax.fetch_or(durability == Durability::Soon, Ordering::Relaxed);
                let tx = sqlx::Transaction::begin(connection, Some(begin.into_sql_str())).await?;
                is_lax.store(durability == Durability::Soon, Ordering::Relaxed);
                Ok(Tx::Sqlite(tx))
            }
            Pool::Postgres(pool) => {
                let mut tx = Tx::Postgres(pool.begin().await?);
                if durability == Durability::Soon {
                    tx.script("SET LOCAL synchronous_commit TO OFF").await?;
                }
                Ok(tx)
            }
        }
    }

    /// One statement that must have reached the disk, a transaction of its own. How many rows it changed.
    pub(super) async fn run(&self, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
        match &*self.pool {
            Pool::Sqlite { writer, is_lax, .. } => {
                let mut connection = writer.acquire().await?;
                if is_lax.load(Ordering::Relaxed) {
                    let full = sqlx::raw_sql("PRAGMA synchronous = FULL");
                    full.execute(&mut *connection).await?;
                    is_lax.store(false, Ordering::Relaxed);
                }
                let done = query!(sql, args).execute(&mut *connection).await?;
                Ok(done.rows_affected())
            }
            Pool::Postgres(pool) => Ok(query!(sql, args).execute(pool).await?.rows_affected()),
        }
    }

    /// A change of one row at a revision: the new revision, or why not.
    ///
    /// `update` returns the row's new revision and changes it only if its revision is the one it was given; `current`
    /// finds the row's revision by client and id.
    pub(super) async fn change(
        &self,
        what: &'static str,
        update: (&'static str, Vec<Arg>),
        current: (&'static str, Vec<Arg>),
    ) -> Result<i64, StoreError> {
        let mut tx = self.begin(Durability::Now).await?;
        if let Some(mut row) = tx.one(update.0, update.1).await? {
            let revision = row.int()?;
            tx.commit().await?;
            return Ok(revision);
        }
        match tx.one(current.0, current.1).await? {
            Some(mut row) => Err(StoreError::Stale {
                revision: row.int()?,
            }),
            None => Err(StoreError::Missing { what }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::ids::ClientId;
    use crate::store::{Sealed, StoreConfig};

    async fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::sqlite(&folder.path().join("trunkline.db"));
        (folder, Store::open(&config).await.unwrap())
    }

    /// How the writer's commits are kept: 1 until the next checkpoint, 2 on the disk at once.
    async fn synchronous(store: &Store) -> i64 {
        let Pool::Sqlite { writer, .. } = &*store.pool else {
            panic!("not SQLite");
        };
        let asked = sqlx::query_scalar("PRAGMA synchronous");
        asked.fetch_one(writer).await.unwrap()
    }

    async fn add(store: &Store) {
        let name = Sealed(b"a name".to_vec());
        let added = store.clients().add(&ClientId::new(), &name, 1).await;
        added.unwrap();
    }

    #[tokio::test]
    async fn a_statement_of_its_own_reaches_the_disk_whatever_was_written_before() {
        let (_folder, store) = store().await;
        add(&store).await;
        assert_eq!(synchronous(&store).await, 2);
        store
            .begin(Durability::Soon)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        assert_eq!(synchronous(&store).await, 1);
        add(&store).await;
        assert_eq!(synchronous(&store).await, 2);
        // Given up half-way.
        drop(store.begin(Durability::Soon).await.unwrap());
        assert_eq!(synchronous(&store).await, 1);
        add(&store).await;
        assert_eq!(synchronous(&store).await, 2);
        drop(store.begin(Durability::Soon).await.unwrap());
        store
            .begin(Durability::Now)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        assert_eq!(synchronous(&store).await, 2);
    }

    #[tokio::test]
    async fn a_statement_of_its_own_has_the_writer_for_one_step() {
        let (_folder, store) = store().await;
        add(&store).await;
        for _ in 0..20 {
            let mut adding = pin!(add(&store));
            let mut waits = 0;
            std::future::poll_fn(|cx| {
                let polled = adding.as_mut().poll(cx);
                waits += u32::from(polled.is_pending());
                polled
            })
            .await;
            // For the writer, which the one before may just be giving back, for what the statement did, and for its end.
            // A step more before it and one behind it would be two more at least.
            assert!(waits <= 4, "{waits}");
        }
    }
}
