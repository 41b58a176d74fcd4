//! Documents that agents may look things up in: what was uploaded until it is read, and the passages made of it.
//!
//! Each upload is a generation of its document. Its parts are written beside those of the one before, which look-ups see
//! until all of it is there.

use trunkline_core::knowledge::Kind;

use super::page::rows_asked;
use super::sql::{Columns, args, statements, words};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    COUNT = "SELECT COUNT(*) FROM knowledge_documents WHERE client_id = $1";
    ADD = "INSERT INTO knowledge_documents (client_id, id, name, kind, bytes, state, problem, generation, shown, passages,
            embedder, tries, due_ms, created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, $4, $5, 'indexing', NULL, 1, 0, 0, '', 0, $6, $6, $6, 1)";
    ADD_SOURCE = "INSERT INTO knowledge_sources (client_id, document_id, generation, body) VALUES ($1, $2, $3, $4)";
    FIND = "SELECT id, name, kind, bytes, state, problem, generation, shown, passages, embedder, created_ms, updated_ms,
            revision
        FROM knowledge_documents WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, name, kind, bytes, state, problem, generation, shown, passages, embedder, created_ms, updated_ms,
            revision
        FROM knowledge_documents WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4";
    RENAME = "UPDATE knowledge_documents SET name = $4, updated_ms = $5, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM knowledge_documents WHERE client_id = $1 AND id = $2";
    REPLACE = "UPDATE knowledge_documents SET kind = $4, bytes = $5, state = 'indexing', problem = NULL,
            generation = generation + 1, tries = 0, due_ms = $6, updated_ms = $6, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision, generation";
    REMOVE = "DELETE FROM knowledge_documents WHERE client_id = $1 AND id = $2";
    TRY = "UPDATE knowledge_documents SET tries = tries + 1, due_ms = $4
        WHERE client_id = $1 AND id = $2 AND generation = $3 RETURNING tries";
    RENEW = "UPDATE knowledge_documents SET generation = generation + 1, due_ms = $4
        WHERE client_id = $1 AND id = $2 AND generation = $3 AND state = 'ready' RETURNING generation";
    SOURCE = "SELECT body FROM knowledge_sources WHERE client_id = $1 AND document_id = $2 AND generation = $3";
    PUT_PART = "INSERT INTO knowledge_parts (client_id, document_id, generation, part, body)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id, document_id, generation, part) DO UPDATE SET body = excluded.body";
    PARTS = "SELECT part, body FROM knowledge_parts
        WHERE client_id = $1 AND document_id = $2 AND generation = $3 AND part >= $4 ORDER BY part LIMIT $5";
    FINISH = "UPDATE knowledge_documents SET state = 'ready', problem = NULL, shown = generation, passages = $4,
            embedder = $5, tries = 0, due_ms = $6, updated_ms = $7, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND generation = $3 RETURNING revision";
    FAIL = "UPDATE knowledge_documents SET state = 'failed', problem = $4, updated_ms = $5, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND generation = $3 RETURNING revision";
    DROP_SOURCES = "DELETE FROM knowledge_sources WHERE client_id = $1 AND document_id = $2 AND generation <= $3";
    DROP_OTHERS = "DELETE FROM knowledge_parts WHERE client_id = $1 AND document_id = $2 AND generation < $3";
    DROP_PARTS = "DELETE FROM knowledge_parts WHERE client_id = $1 AND document_id = $2 AND generation = $3";
    DROP_TAIL = "DELETE FROM knowledge_parts
        WHERE client_id = $1 AND document_id = $2 AND generation = $3 AND part >= $4";
    DUE = "SELECT client_id, id, kind, generation, shown, state FROM knowledge_documents
        WHERE due_ms <= $1 AND (state = 'indexing' OR (state = 'ready' AND embedder <> $2 AND $2 <> ''))
        ORDER BY due_ms, id LIMIT 1";
    RELEASE = "UPDATE knowledge_documents SET due_ms = $1 WHERE due_ms > $1";
}

words! {
    /// How far a document has come.
    State {
        /// It is being read, or waits for that.
        Indexing = "indexing",
        /// It can be searched.
        Ready = "ready",
        /// It could not be read.
        Failed = "failed",
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `doc_…`.
    pub id: String,
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What was uploaded last.
    pub kind: Kind,
    /// Bytes of that.
    pub bytes: u64,
    /// How far that has come.
    pub state: State,
    /// Why it could not be read, as a stable word.
    pub problem: Option<String>,
    /// Counts what was uploaded or made anew.
    pub generation: u32,
    /// The generation that look-ups see; 0 while there is none.
    pub shown: u32,
    /// Passages of that.
    pub passages: u32,
    /// Who made its vectors; empty for nobody.
    pub embedder: String,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

/// A document to be added.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// `doc_…`.
    pub id: String,
    /// What its owner calls it, sealed.
    pub name: Sealed,
    /// What is uploaded.
    pub upload: Upload,
}

/// What is uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    /// What it is.
    pub kind: Kind,
    /// Its length, in bytes.
    pub bytes: u64,
    /// All of it, sealed.
    pub body: Sealed,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

/// A document that is to be read, or to have vectors made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose it is.
    pub client: ClientId,
    /// `doc_…`.
    pub id: String,
    /// What was uploaded last.
    pub kind: Kind,
    /// Which upload.
    pub generation: u32,
    /// What look-ups see.
    pub shown: u32,
    /// `Indexing`, or `Ready` for one whose vectors another made.
    pub state: State,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed<'a> {
    /// Passages that were written.
    pub passages: u32,
    /// Parts that they are in.
    pub parts: u32,
    /// Who made their vectors; empty for nobody.
    pub embedder: &'a str,
    /// When vectors may be made anew if others are wanted, ms since 1970.
    pub due_ms: i64,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

fn kind(row: &mut Columns) -> Result<Kind, StoreError> {
    row.word("a kind of document", Kind::parse)
}

fn read(mut row: Columns) -> Result<Document, StoreError> {
    Ok(Document {
        id: row.text()?,
        name: row.sealed()?,
        kind: kind(&mut row)?,
        bytes: row.count()?,
        state: row.word("a state of a document", State::parse)?,
        problem: row.text_opt()?,
        generation: row.version()?,
        shown: row.version()?,
        passages: row.version()?,
        embedder: row.text()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The tables of documents.
pub struct Knowledge<'a>(pub(super) &'a Store);

impl Knowledge<'_> {
    /// Adds a document that is to be read, unless the client has `most` already: then false. Its revision is 1.
    pub async fn add(
        &self,
        client: &ClientId,
        new: &NewDocument,
        most: u32,
    ) -> Result<bool, StoreError> {
        let NewDocument { id, name, upload } = new;
        let mut tx = self.0.begin(Durability::Now).await?;
        let count = tx.one(COUNT, args![client]).await?;
        let count = count.map_or(Ok(0), |mut row| row.count())?;
        if count >= u64::from(most) {
            return Ok(false);
        }
        let (kind, bytes, now_ms) = (upload.kind.as_str(), upload.bytes, upload.now_ms);
        tx.run(ADD, args![client, id, name, kind, bytes, now_ms])
            .await?;
        tx.run(ADD_SOURCE, args![client, id, 1_i64, &upload.body])
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// One document.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Document>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// The client's documents, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Document>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |document| Cursor {
            created_ms: document.created_ms,
            id: document.id.clone(),
        }))
    }

    /// Calls a document at `revision` by another name. The new revision.
    pub async fn rename(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        name: &Sealed,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let rename = args![client, id, revision, name, now_ms];
        self.0
            .change("document", (RENAME, rename), (REVISION, args![client, id]))
            .await
    }

    /// Has another upload read for a document at `revision`. The new revision.
    pub async fn replace(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        upload: &Upload,
    ) -> Result<i64, StoreError> {
        let (kind, bytes, now_ms) = (upload.kind.as_str(), upload.bytes, upload.now_ms);
        let mut tx = self.0.begin(Durability::Now).await?;
        let replace = args![client, id, revision, kind, bytes, now_ms];
        let Some(mut row) = tx.one(REPLACE, replace).await? else {
            return Err(match tx.one(REVISION, args![client, id]).await? {
                Some(mut row) => StoreError::Stale {
                    revision: row.int()?,
                },
                None => StoreError::Missing { what: "document" },
            });
        };
        let (revision, generation) = (row.int()?, row.version()?);
        // What was to be read before need not be any more.
        tx.run(DROP_SOURCES, args![client, id, generation]).await?;
        tx.run(ADD_SOURCE, args![client, id, generation, &upload.body])
            .await?;
        tx.commit().await?;
        Ok(revision)
    }

    /// Removes it with all that was made of it. Whether it was there.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(REMOVE, args![client, id]).await? > 0)
    }

    /// Notes that an upload is about to be read, and not to be begun again before `due_ms`: how often it was begun.
    /// `None` if it is the newest no more.
    pub async fn begin(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
        due_ms: i64,
    ) -> Result<Option<u32>, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let row = tx.one(TRY, args![client, id, generation, due_ms]).await?;
        let tries = row.map(|mut row| row.version()).transpose()?;
        tx.commit().await?;
        Ok(tries)
    }

    /// Begins a new generation of a document that is ready, whose vectors are to be made anew: its number. `None` if it
    /// has changed since.
    pub async fn renew(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
        due_ms: i64,
    ) -> Result<Option<u32>, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let row = tx.one(RENEW, args![client, id, generation, due_ms]).await?;
        let renewed = row.map(|mut row| row.version()).transpose()?;
        tx.commit().await?;
        Ok(renewed)
    }

    /// What was uploaded, until it is read.
    pub async fn source(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
    ) -> Result<Option<Sealed>, StoreError> {
        let row = self.0.one(SOURCE, args![client, id, generation]).await?;
        row.map(|mut row| row.sealed()).transpose()
    }

    /// Writes parts of a generation, the first by this number. False if the document is gone.
    pub async fn put_parts(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
        first: u32,
        bodies: &[Sealed],
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Soon).await?;
        for (part, body) in (first..).zip(bodies) {
            let put = tx.run(PUT_PART, args![client, id, generation, part, body]);
            match put.await {
                Ok(_) => {}
                Err(StoreError::Reference) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Parts of a generation from `from` on, in order, at most `limit`, each with its number.
    pub async fn parts(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
        from: u32,
        limit: u32,
    ) -> Result<Vec<(u32, Sealed)>, StoreError> {
        let read = |mut row: Columns| Ok((row.version()?, row.sealed()?));
        let args = args![client, id, generation, from, limit];
        self.0.all(PARTS, args, read).await
    }

    /// Has look-ups see a generation, whose parts are all written, and nothing of those before. False if there is a newer
    /// one, or the document is gone.
    pub async fn finish(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
        made: &Indexed<'_>,
    ) -> Result<bool, StoreError> {
        let Indexed {
            passages,
            parts,
            embedder,
            due_ms,
            now_ms,
        } = made;
        let mut tx = self.0.begin(Durability::Now).await?;
        let finish = args![
            client, id, generation, *passages, *embedder, *due_ms, *now_ms
        ];
        let is_newest = tx.one(FINISH, finish).await?.is_some();
        if is_newest {
            tx.run(DROP_OTHERS, args![client, id, generation]).await?;
            // An attempt that was cut off may have had more.
            tx.run(DROP_TAIL, args![client, id, generation, *parts])
                .await?;
            tx.run(DROP_SOURCES, args![client, id, generation]).await?;
        } else {
            tx.run(DROP_PARTS, args![client, id, generation]).await?;
        }
        tx.commit().await?;
        Ok(is_newest)
    }

    /// Notes that an upload cannot be read; look-ups go on to see what they saw before. False if there is a newer one, or
    /// the document is gone.
    pub async fn fail(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
        problem: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let fail = args![client, id, generation, problem, now_ms];
        let is_newest = tx.one(FAIL, fail).await?.is_some();
        tx.run(DROP_PARTS, args![client, id, generation]).await?;
        tx.run(DROP_SOURCES, args![client, id, generation]).await?;
        tx.commit().await?;
        Ok(is_newest)
    }
}

pub(super) async fn due(
    store: &Store,
    now_ms: i64,
    embedder: &str,
) -> Result<Option<Due>, StoreError> {
    let Some(mut row) = store.one(DUE, args![now_ms, embedder]).await? else {
        return Ok(None);
    };
    Ok(Some(Due {
        client: row.client()?,
        id: row.text()?,
        kind: kind(&mut row)?,
        generation: row.version()?,
        shown: row.version()?,
        state: row.word("a state of a document", State::parse)?,
    }))
}

pub(super) async fn release(store: &Store, now_ms: i64) -> Result<u64, StoreError> {
    store.run(RELEASE, args![now_ms]).await
}
