//! What waits is read: one document at a time, the one that waits longest first.
//!
//! A document is noted as begun before it is read. One that ends the server each time is given up after a few tries;
//! one that the server cannot read now is tried again later.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::time::{sleep, timeout};
use trunkline_core::knowledge::book::told;
use trunkline_core::knowledge::{Kind, Passage, of_markdown, of_pages, of_table, of_text, text_of};

use super::parts::{self, Made, PART_PASSAGES};
use super::{Knowledge, LookUpFailed, Unread, name_place};
use crate::clock;
use crate::desk;
use crate::provider::StageError;
use crate::store::StoreError;
use crate::store::knowledge::{Due, Indexed, State};
use crate::vault::ClientKeys;

/// How often a document is begun.
const TRIES_MAX: u32 = 3;
/// What was begun and not ended is not begun again for so long, unless the server starts anew, ms.
const AGAIN_MS: i64 = 5 * 60_000;
/// After vectors could not be made, ms.
const VECTORS_AGAIN_MS: i64 = 10 * 60_000;
/// How long nothing is looked for when nothing waits, unless something comes.
const REST: Duration = Duration::from_secs(30);
/// How long nothing is tried when the database fails.
const PAUSE: Duration = Duration::from_secs(5);
/// Parts that are written at once.
const PARTS_AT_ONCE: usize = 16;

/// A document is not done.
#[derive(Debug, thiserror::Error)]
enum Undone {
    #[error("it cannot be read: {}", .0.code())]
    Unread(Unread),
    #[error(transparent)]
    Embedder(#[from] StageError),
    #[error(transparent)]
    Other(#[from] LookUpFailed),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl From<Unread> for Undone {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

impl Knowledge {
    /// Until it is aborted.
    pub(super) async fn read_what_waits(&self) {
        while let Err(error) = self
            .desk
            .store
            .system()
            .release_documents(clock::unix_ms())
            .await
        {
            tracing::warn!(%error, "documents that the last run left are not known yet");
            sleep(PAUSE).await;
        }
        loop {
            match self.catch_up().await {
                Ok(_) => {
                    let _ = timeout(REST, self.wake.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "documents are not read for a moment");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Reads everything that waits now. How many documents that were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn catch_up(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        while self.next().await? {
            count += 1;
        }
        Ok(count)
    }

    /// Reads one document, if one waits.
    async fn next(&self) -> Result<bool, StoreError> {
        let embedder = self.embedder.get().map_or("", |embedder| embedder.name());
        let now_ms = clock::unix_ms();
        let Some(due) = self
            .desk
            .store
            .system()
            .due_document(now_ms, embedder)
            .await?
        else {
            return Ok(false);
        };
        let knowledge = self.desk.store.knowledge();
        let (client, id) = (&due.client, due.id.as_str());
        let again_ms = now_ms + AGAIN_MS;
        let Some(tries) = knowledge
            .begin(client, id, due.generation, again_ms)
            .await?
        else {
            return Ok(true);
        };
        let done = match due.state {
            State::Indexing if tries > TRIES_MAX => Err(Unread::Interrupted.into()),
            State::Indexing => self.read(&due).await,
            State::Ready | State::Failed => self.renew(&due).await,
        };
        let outcome = match &done {
            Ok(()) => "ready",
            Err(Undone::Unread(unread)) => {
                tracing::info!(client = %client, document = id, problem = unread.code(), "a document cannot be read");
                let now_ms = clock::unix_ms();
                knowledge
                    .fail(client, id, due.generation, unread.code(), now_ms)
                    .await?;
                unread.code()
            }
            Err(Undone::Embedder(error)) => {
                tracing::warn!(client = %client, document = id, %error, "vectors are not made; trying again later");
                let again_ms = clock::unix_ms() + VECTORS_AGAIN_MS;
                knowledge
                    .begin(client, id, due.generation, again_ms)
                    .await?;
                "later"
            }
            Err(Undone::Other(LookUpFailed::Store(error))) => {
                tracing::warn!(client = %client, document = id, %error, "a document is not read; trying again later");
                "later"
            }
            Err(Undone::Other(error)) => {
                tracing::error!(client = %client, document = id, %error, "a document is not read; trying again later");
                "later"
            }
        };
        counter!("trunkline_knowledge_documents_total", "outcome" => outcome).increment(1);
        Ok(true)
    }

    /// Reads an upload and has look-ups see it.
    async fn read(&self, due: &Due) -> Result<(), Undone> {
        let (client, id, generation) = (&due.client, due.id.as_str(), due.generation);
        let knowledge = self.desk.store.knowledge();
        let sealed = knowledge.source(client, id, generation).await?;
        // It is removed together with its document, or once it is read.
        let sealed = sealed.ok_or(Unread::Interrupted)?;
        let keys = self.keys(due).await?;
        let source = parts::open_source(&keys, id, &sealed).map_err(LookUpFailed::from)?;
        drop(sealed);
        let passages = match due.kind {
            Kind::Pdf => {
                let reader = self.pages.get().ok_or(Unread::NotNow)?;
                let pages = reader.read(&source).await?;
                of_pages(&pages).map_err(|_| Unread::TooManyPassages)?
            }
            Kind::Text | Kind::Markdown | Kind::Csv => {
                let kind = due.kind;
                let cut = tokio::task::spawn_blocking(move || cut(kind, &source));
                cut.await.map_err(|_| Unread::Damaged)??
            }
        };
        if passages.is_empty() {
            return Err(Unread::NoWords.into());
        }
        // Without vectors it can be searched all the same, and vectors are made later.
        let (made, embedder) = match self.with_vectors(due, &keys, passages.clone()).await {
            Ok(made) => made,
            Err(Undone::Embedder(error)) => {
                tracing::warn!(client = %client, document = id, %error, "a document is found by its words alone for now");
                let made = passages.into_iter().map(|passage| (passage, None));
                (made.collect(), "")
            }
            Err(error) => return Err(error),
        };
        self.write(due, generation, &keys, made, embedder).await
    }

    /// Makes the vectors of a document anew whose were made by another.
    async fn renew(&self, due: &Due) -> Result<(), Undone> {
        let (client, id) = (&due.client, due.id.as_str());
        let made = self.made(client, id, due.shown).await?;
        let passages = made.into_iter().map(|(passage, _)| passage).collect();
        let keys = self.keys(due).await?;
        let (made, embedder) = self.with_vectors(due, &keys, passages).await?;
        let again_ms = clock::unix_ms() + VECTORS_AGAIN_MS;
        let knowledge = self.desk.store.knowledge();
        let renewed = knowledge
            .renew(client, id, due.generation, again_ms)
            .await?;
        match renewed {
            Some(generation) => self.write(due, generation, &keys, made, embedder).await,
            // It was replaced meanwhile.
            None => Ok(()),
        }
    }

    async fn keys(&self, due: &Due) -> Result<ClientKeys, Undone> {
        let keys = self.desk.keys(&due.client).await;
        Ok(keys.map_err(LookUpFailed::from)?)
    }

    /// Passages with their vectors, and whose those are.
    async fn with_vectors(
        &self,
        due: &Due,
        keys: &ClientKeys,
        passages: Vec<Passage>,
    ) -> Result<(Vec<Made>, &str), Undone> {
        let Some(embedder) = self.embedder.get() else {
            let made = passages.into_iter().map(|passage| (passage, None));
            return Ok((made.collect(), ""));
        };
        let row = self
            .desk
            .store
            .knowledge()
            .find(&due.client, &due.id)
            .await?;
        let title = match row {
            Some(row) => {
                let opened = desk::open(keys, name_place(&due.id), &row.name);
                opened.map_err(LookUpFailed::from)?
            }
            None => String::new(),
        };
        let texts = passages
            .iter()
            .map(|passage| told(&title, passage))
            .collect();
        let vectors = embedder.passages(texts).await?;
        Ok((passages.into_iter().zip(vectors).collect(), embedder.name()))
    }

    async fn write(
        &self,
        due: &Due,
        generation: u32,
        keys: &ClientKeys,
        made: Vec<Made>,
        embedder: &str,
    ) -> Result<(), Undone> {
        let (client, id) = (&due.client, due.id.as_str());
        let knowledge = self.desk.store.knowledge();
        let made = Arc::new(made);
        let mut next = 0_u32;
        for some in (0..made.len()).step_by(PART_PASSAGES * PARTS_AT_ONCE) {
            let (keys, id_of_parts, made) = (keys.clone(), id.to_owned(), Arc::clone(&made));
            let sealed = tokio::task::spawn_blocking(move || {
                let end = made.len().min(some + PART_PASSAGES * PARTS_AT_ONCE);
                let of_these = made.get(some..end).unwrap_or_default();
                (next..)
                    .zip(of_these.chunks(PART_PASSAGES))
                    .map(|(part, made)| parts::seal(&keys, (&id_of_parts, generation, part), made))
                    .collect::<Result<Vec<_>, _>>()
            });
            let sealed = sealed.await.map_err(|_| LookUpFailed::Unreadable)?;
            let sealed = sealed.map_err(LookUpFailed::from)?;
            if !knowledge
                .put_parts(client, id, generation, next, &sealed)
                .await?
            {
                // The document is gone.
                return Ok(());
            }
            next += u32::try_from(sealed.len()).unwrap_or(0);
        }
        let now_ms = clock::unix_ms();
        let indexed = Indexed {
            passages: u32::try_from(made.len()).unwrap_or(u32::MAX),
            parts: next,
            embedder,
            due_ms: now_ms + VECTORS_AGAIN_MS,
            now_ms,
        };
        knowledge.finish(client, id, generation, &indexed).await?;
        self.shelf.forget(client, id);
        Ok(())
    }
}

fn cut(kind: Kind, source: &[u8]) -> Result<Vec<Passage>, Unread> {
    let text = text_of(source).map_err(|_| Unread::Damaged)?;
    match kind {
        Kind::Text => of_text(&text).map_err(|_| Unread::TooManyPassages),
        Kind::Markdown => of_markdown(&text).map_err(|_| Unread::TooManyPassages),
        Kind::Csv => of_table(&text).map_err(|_| Unread::Damaged),
        Kind::Pdf => Err(Unread::Damaged),
    }
}
