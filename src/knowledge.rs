//! Knowledge: documents of clients, read in the background, and searched while calls wait for an answer.
//!
//! An upload is stored sealed and answered at once. One task reads what waits, the oldest first (`indexing`): PDFs in a
//! process of their own ([`pages`]), everything in passages, with vectors by a table on this machine or by a provider
//! ([`embedder`]). What waits is in the database, so a server that was killed goes on where it was. Calls search books that
//! are kept in memory ([`Knowledge::look_up`]).

pub mod embedder;
mod indexing;
pub mod pages;
mod parts;
mod shelf;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::histogram;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use trunkline_core::knowledge::book::{Book, Question, find};
use trunkline_core::knowledge::{
    Kind, NoTable, Place, TooMuch, Unreadable, of_markdown, of_table, of_text, sniff, text_of,
};

pub use embedder::{Embedder, Remote};
pub use parts::{name_place, seal_source};

use crate::clock;
use crate::desk::{self, Desk};
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::knowledge::State;
use crate::vault::{Unopened, VaultError};
use pages::PageReader;
use parts::{BadPart, Made};
use shelf::{Shelf, Volume};

/// Largest document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Most documents of a client.
pub const DOCUMENTS_MAX: u32 = 500;
/// Most documents that an agent may use.
pub const AGENT_DOCUMENTS_MAX: usize = 50;
/// Most passages that are searched at once.
pub const SEARCHED_MAX: usize = 50_000;
/// Most passages that are found.
pub const FOUND_MAX: usize = 20;
/// Uploads that are taken at once, all clients together.
const UPLOADS_MAX: usize = 4;
/// Documents that are read into memory at once.
const READING_MAX: usize = 2;
/// Parts that are read from the database at once.
const PARTS_AT_ONCE: u32 = 32;

/// Why a document could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has no words: pictures of pages, as a rule.
    NoWords,
    /// It is not what a file of its kind is.
    Damaged,
    /// It is sealed with a password.
    Password,
    /// More pages than a document may have.
    TooManyPages,
    /// More text than a document may have.
    TooMuchText,
    /// More passages than a document may have.
    TooManyPassages,
    /// Reading it takes more memory than it may.
    TooMuchMemory,
    /// Reading it takes longer than it may.
    TooSlow,
    /// The server ended each time while it was read.
    Interrupted,
    /// The server could not read it; not the document's fault.
    NotNow,
}

impl Unread {
    const ALL: [(Self, &str, &str); 10] = [
        (
            Self::NoWords,
            "no_words",
            "there are no words in it: if its pages are pictures, have them recognised first",
        ),
        (
            Self::Damaged,
            "damaged",
            "the file is damaged, or not what files of its kind are",
        ),
        (
            Self::Password,
            "password",
            "the file is sealed with a password; upload it without",
        ),
        (
            Self::TooManyPages,
            "too_many_pages",
            "it has more than 2000 pages; split it",
        ),
        (
            Self::TooMuchText,
            "too_much_text",
            "it unpacks to more than 12 MiB of text; split it",
        ),
        (
            Self::TooManyPassages,
            "too_many_passages",
            "it has more than 10000 passages; split it",
        ),
        (
            Self::TooMuchMemory,
            "too_much_memory",
            "it unpacks to more than can be held; save it anew, or as text",
        ),
        (
            Self::TooSlow,
            "too_slow",
            "it takes too long to be read; save it anew, or as text",
        ),
        (
            Self::Interrupted,
            "interrupted",
            "the server ended each time while it was read; upload it again",
        ),
        (
            Self::NotNow,
            "not_now",
            "the server could not read it; upload it again later",
        ),
    ];

    fn row(self) -> (Self, &'static str, &'static str) {
        let row = Self::ALL.into_iter().find(|(unread, ..)| *unread == self);
        row.unwrap_or(Self::ALL[1])
    }

    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// What it means and what to do, for people.
    #[must_use]
    pub fn detail(self) -> &'static str {
        self.row().2
    }

    /// Reads the word; `None` for any other text.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let row = Self::ALL.into_iter().find(|(_, word, _)| *word == code);
        row.map(|(unread, ..)| unread)
    }
}

/// A document that is not taken. Says why, and nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// By its bytes.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// As a table.
    #[error(transparent)]
    NoTable(#[from] NoTable),
    /// By its length.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// What a document is, if it can be taken; what a PDF holds is seen later. `claimed` is what its sender says. Takes some
/// time: not for an async task.
///
/// # Errors
/// [`Refused`].
pub fn examined(bytes: &[u8], claimed: Option<Kind>) -> Result<Kind, Refused> {
    let kind = sniff(bytes, claimed)?;
    match kind {
        Kind::Pdf => {}
        Kind::Text => drop(of_text(&text_of(bytes)?)?),
        Kind::Markdown => drop(of_markdown(&text_of(bytes)?)?),
        Kind::Csv => drop(of_table(&text_of(bytes)?)?),
    }
    Ok(kind)
}

/// A passage that may answer a question.
#[derive(Clone, PartialEq)]
pub struct Passage {
    /// Id of the document.
    pub document: Arc<str>,
    /// What its owner calls it.
    pub title: Arc<str>,
    /// Where in it the passage stands.
    pub place: Place,
    /// Its words.
    pub text: String,
    /// How well it fits, from 0 to 1.
    pub score: f32,
}

impl fmt::Debug for Passage {
    /// A document is its client's alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage")
            .field("document", &self.document)
            .field("score", &self.score)
            .finish_non_exhaustive()
    }
}

impl Passage {
    /// Where it comes from, as people are told: `Price list, Crowns › Gold, page 3`.
    #[must_use]
    pub fn source(&self) -> String {
        let place = self.place.to_string();
        match place.is_empty() {
            true => self.title.to_string(),
            false => format!("{}, {place}", self.title),
        }
    }
}

/// Nothing could be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookUpFailed {
    /// It took too long.
    #[error("nothing was found within {after_ms} ms")]
    Late {
        /// The deadline.
        after_ms: u64,
    },
    /// The documents together have more than [`SEARCHED_MAX`] passages.
    #[error("the documents have more than {SEARCHED_MAX} passages together; name fewer")]
    TooMuch,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client's keys.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was stored cannot be read.
    #[error("what was stored of a document cannot be read")]
    Unreadable,
}

impl From<BadPart> for LookUpFailed {
    fn from(_: BadPart) -> Self {
        Self::Unreadable
    }
}

impl From<Unopened> for LookUpFailed {
    fn from(_: Unopened) -> Self {
        Self::Unreadable
    }
}

/// With what documents are read.
#[derive(Clone, Debug)]
pub struct KnowledgeSettings {
    /// Who makes vectors; without, words alone are searched.
    pub embedder: Option<Embedder>,
    /// This program's own file, which is started to read PDFs.
    pub program: PathBuf,
}

/// The documents of all clients.
pub struct Knowledge {
    desk: Arc<Desk>,
    shelf: Shelf,
    embedder: OnceLock<Embedder>,
    pages: OnceLock<PageReader>,
    /// Something waits to be read.
    wake: Notify,
    uploads: Arc<Semaphore>,
    reading: Semaphore,
    searching: Semaphore,
}

impl Knowledge {
    /// Documents of this desk. Nothing is read before [`Knowledge::start`].
    #[must_use]
    pub fn new(desk: Arc<Desk>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            desk,
            shelf: Shelf::default(),
            embedder: OnceLock::new(),
            pages: OnceLock::new(),
            wake: Notify::new(),
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            reading: Semaphore::new(READING_MAX),
            searching: Semaphore::new(cores),
        }
    }

    /// Says with what documents are read; the first word on it holds.
    pub fn equip(&self, settings: KnowledgeSettings) {
        if let Some(embedder) = settings.embedder {
            self.embedder.get_or_init(|| embedder);
        }
        self.pages
            .get_or_init(|| PageReader::new(&settings.program));
    }

    /// Begins to read what waits, also what a server before left half done; until the task is aborted.
    pub fn start(self: &Arc<Self>, settings: KnowledgeSettings) -> JoinHandle<()> {
        self.equip(settings);
        let knowledge = Arc::clone(self);
        tokio::spawn(async move { knowledge.read_what_waits().await })
    }

    /// A place for one upload, held while it is taken in; `None` if there are too many.
    #[must_use]
    pub fn upload(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.uploads).try_acquire_owned().ok()
    }

    /// A document was added, changed or removed: what is known of it is forgotten, and what is to be read is read.
    pub fn changed(&self, client: &ClientId, document: &str) {
        self.shelf.forget(client, document);
        self.wake.notify_one();
    }

    /// Reads documents into memory, so that the first question need not wait for that. Never waits.
    pub fn open_ahead(self: &Arc<Self>, client: &ClientId, documents: &[String]) {
        if documents.is_empty() {
            return;
        }
        let (knowledge, client) = (Arc::clone(self), client.clone());
        let documents = documents.to_vec();
        tokio::spawn(async move {
            // Whoever asks will be told.
            let _ = knowledge.volumes(&client, &documents).await;
        });
    }

    /// The passages of these documents that fit a question best, the best first, at most `most` of them; documents that are
    /// not the client's, are gone or were never read have none. Vectors that are not there in time are done without.
    ///
    /// # Errors
    /// [`LookUpFailed`]: not within `within`, or not at all.
    pub async fn look_up(
        &self,
        client: &ClientId,
        documents: &[String],
        question: &str,
        most: usize,
        within: Duration,
    ) -> Result<Vec<Passage>, LookUpFailed> {
        let began = clock::now();
        let looked = timeout(
            within,
            self.search(client, documents, question, most, within),
        );
        let found = looked.await.unwrap_or_else(|_| {
            let after_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
            Err(LookUpFailed::Late { after_ms })
        });
        let outcome = match &found {
            Ok(passages) if passages.is_empty() => "nothing",
            Ok(_) => "found",
            Err(LookUpFailed::Late { .. }) => "late",
            Err(_) => "failed",
        };
        histogram!("trunkline_knowledge_look_up_seconds", "outcome" => outcome)
            .record(began.elapsed().as_secs_f64());
        found
    }

    async fn search(
        &self,
        client: &ClientId,
        documents: &[String],
        question: &str,
        most: usize,
        within: Duration,
    ) -> Result<Vec<Passage>, LookUpFailed> {
        // Words are ready long before the deadline: a vector may take most of it.
        let vector = async {
            let embedder = self.embedder.get()?;
            embedder.question(question, within * 2 / 3).await
        };
        let (volumes, vector) = tokio::join!(self.volumes(client, documents), vector);
        let volumes = volumes?;
        let passages = volumes
            .iter()
            .map(|(_, volume)| volume.book.passages().len());
        if passages.sum::<usize>() > SEARCHED_MAX {
            return Err(LookUpFailed::TooMuch);
        }
        let _turn = self.searching.acquire().await;
        let question = question.to_owned();
        let searched = tokio::task::spawn_blocking(move || {
            let books: Vec<&Book> = volumes.iter().map(|(_, volume)| &volume.book).collect();
            let question = Question {
                text: &question,
                vector: vector.as_ref(),
            };
            let found = find(&books, question, most.min(FOUND_MAX)).into_iter();
            let passages = found.filter_map(|found| {
                let (document, volume) = volumes.get(found.book)?;
                let passage = volume.book.passages().get(found.passage)?;
                Some(Passage {
                    document: Arc::clone(document),
                    title: Arc::clone(&volume.title),
                    place: passage.place.clone(),
                    text: passage.text.clone(),
                    score: found.score,
                })
            });
            passages.collect()
        });
        searched.await.map_err(|_| LookUpFailed::Unreadable)
    }

    /// The documents that can be searched, in the order of their names' list, each once.
    async fn volumes(
        &self,
        client: &ClientId,
        documents: &[String],
    ) -> Result<Vec<(Arc<str>, Arc<Volume>)>, LookUpFailed> {
        let mut volumes: Vec<(Arc<str>, Arc<Volume>)> = Vec::new();
        for id in documents.iter().take(DOCUMENTS_MAX as usize) {
            let id: Arc<str> = id.as_str().into();
            if volumes.iter().any(|(known, _)| *known == id) {
                continue;
            }
            if let Some(volume) = self.volume(client, &id).await? {
                volumes.push((id, volume));
            }
        }
        Ok(volumes)
    }

    async fn volume(
        &self,
        client: &ClientId,
        id: &Arc<str>,
    ) -> Result<Option<Arc<Volume>>, LookUpFailed> {
        if let Ok(volume) = self.shelf.find(client, id) {
            return Ok(Some(volume));
        }
        let _turn = self.reading.acquire().await;
        // Somebody else may have read it meanwhile.
        let since = match self.shelf.find(client, id) {
            Ok(volume) => return Ok(Some(volume)),
            Err(since) => since,
        };
        let row = self.desk.store.knowledge().find(client, id).await?;
        let Some(row) = row.filter(|row| row.shown > 0) else {
            return Ok(None);
        };
        let keys = self.desk.keys(client).await?;
        let title = desk::open(&keys, name_place(id), &row.name)?;
        let made = self.made(client, id, row.shown).await?;
        let vectors_fit = self
            .embedder
            .get()
            .is_some_and(|embedder| embedder.name() == row.embedder);
        let built = tokio::task::spawn_blocking(move || {
            let (passages, vectors): (Vec<_>, Vec<_>) = made.into_iter().unzip();
            let vectors = if vectors_fit { vectors } else { Vec::new() };
            Volume {
                title: title.into(),
                book: Book::new(passages, &vectors),
            }
        });
        let volume = Arc::new(built.await.map_err(|_| LookUpFailed::Unreadable)?);
        self.shelf.put(&since, client, id, &volume);
        Ok(Some(volume))
    }

    /// All passages of a generation.
    async fn made(
        &self,
        client: &ClientId,
        id: &str,
        generation: u32,
    ) -> Result<Vec<Made>, LookUpFailed> {
        let keys = self.desk.keys(client).await?;
        let knowledge = self.desk.store.knowledge();
        let (mut made, mut next) = (Vec::new(), 0);
        loop {
            let parts = knowledge
                .parts(client, id, generation, next, PARTS_AT_ONCE)
                .await?;
            let Some((last, _)) = parts.last() else {
                return Ok(made);
            };
            next = last + 1;
            let (keys, id) = (keys.clone(), id.to_owned());
            let opened = tokio::task::spawn_blocking(move || {
                let mut opened = Vec::new();
                for (part, sealed) in &parts {
                    opened.extend(parts::open(&keys, (&id, generation, *part), sealed)?);
                }
                Ok::<_, BadPart>(opened)
            });
            made.extend(opened.await.map_err(|_| LookUpFailed::Unreadable)??);
        }
    }

    /// Whether a document's passages are found by their meaning too, as it stands in its row.
    #[must_use]
    pub fn finds_by_meaning(&self, embedder: &str) -> bool {
        self.embedder
            .get()
            .is_some_and(|own| own.name() == embedder)
    }
}

/// Whether a client's document of this state can be searched.
#[must_use]
pub fn can_be_searched(state: State, shown: u32) -> bool {
    state == State::Ready || shown > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own_that_reads_back() {
        for (unread, word, _) in Unread::ALL {
            assert_eq!(unread.code(), word);
            assert_eq!(Unread::parse(word), Some(unread));
        }
        assert_eq!(Unread::parse("other"), None);
        let told = |unread: Unread, number: usize| unread.detail().contains(&number.to_string());
        assert!(told(Unread::TooManyPages, pages::PAGES_MAX));
        assert!(told(Unread::TooMuchText, pages::TEXT_BYTES_MAX >> 20));
        assert!(told(
            Unread::TooManyPassages,
            trunkline_core::knowledge::PASSAGES_MAX
        ));
    }
}
