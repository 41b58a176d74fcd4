//! Who makes vectors of texts: a table of word vectors on this machine, or a provider.

mod remote;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use trunkline_core::knowledge::embeddings::TEXTS_MAX;
use trunkline_core::knowledge::vector::Small;
use trunkline_core::knowledge::word_vectors::WordVectors;

pub use remote::Remote;

use crate::models::manifest::{WORDS_TABLE_PATH, WORDS_VOCABULARY_PATH};
use crate::provider::StageError;

/// The name of the local table in rows. Another table needs another name: vectors of two do not fit together.
const LOCAL: &str = "local:l2-supercat-256";

/// Makes vectors. Cheap to clone.
#[derive(Clone)]
pub struct Embedder(Arc<Sort>);

enum Sort {
    Local(WordVectors),
    Remote(Remote),
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Embedder").field(&self.name()).finish()
    }
}

impl Embedder {
    /// By the table in the folder of models. Reads 18 MB: not for an async task.
    ///
    /// # Errors
    /// A sentence for whoever runs the server: the files are not there, or not what they should be.
    pub fn local(models: &Path) -> Result<Self, StageError> {
        let read = |path: &str| {
            let path = models.join(path);
            std::fs::read(&path).map_err(|error| failed(&path, &error))
        };
        let vocabulary = read(WORDS_VOCABULARY_PATH)?;
        let vectors = WordVectors::read(&vocabulary, read(WORDS_TABLE_PATH)?);
        let vectors = vectors.map_err(|error| failed(models, &error))?;
        Ok(Self(Arc::new(Sort::Local(vectors))))
    }

    /// By a provider.
    #[must_use]
    pub fn remote(remote: Remote) -> Self {
        Self(Arc::new(Sort::Remote(remote)))
    }

    /// What rows call it: vectors of one name fit together.
    #[must_use]
    pub fn name(&self) -> &str {
        match &*self.0 {
            Sort::Local(_) => LOCAL,
            Sort::Remote(remote) => remote.name(),
        }
    }

    /// The vectors of passages, in order; `None` of a text that is like no other.
    ///
    /// # Errors
    /// The provider was not reached, refused, or made no sense; fatal if asking again changes nothing.
    pub async fn passages(&self, texts: Vec<String>) -> Result<Vec<Option<Small>>, StageError> {
        let mut all = Vec::with_capacity(texts.len());
        for batch in texts.chunks(TEXTS_MAX) {
            match &*self.0 {
                Sort::Local(_) => {
                    let (sort, batch) = (Arc::clone(&self.0), batch.to_vec());
                    // Some milliseconds of work at a time: others get their turn in between.
                    let made = tokio::task::spawn_blocking(move || {
                        batch
                            .iter()
                            .map(|text| local(&sort, text))
                            .collect::<Vec<_>>()
                    });
                    all.extend(made.await.map_err(|error| StageError {
                        what: format!("the vectors were not made: {error}"),
                        fatal: false,
                    })?);
                }
                Sort::Remote(remote) => all.extend(remote.passages(batch).await?),
            }
        }
        Ok(all)
    }

    /// The vector of a question; `None` where there is none in time, so that words alone have to do.
    pub async fn question(&self, text: &str, within: Duration) -> Option<Small> {
        match &*self.0 {
            // Some tens of microseconds.
            Sort::Local(vectors) => vectors.of(text).and_then(|vector| Small::of(&vector)),
            Sort::Remote(remote) => timeout(within, remote.question(text)).await.ok().flatten(),
        }
    }
}

fn local(sort: &Sort, text: &str) -> Option<Small> {
    match sort {
        Sort::Local(vectors) => vectors.of(text).and_then(|vector| Small::of(&vector)),
        Sort::Remote(_) => None,
    }
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> StageError {
    StageError {
        what: format!(
            "{}: {error}; `trunkline models fetch --verify` fetches what finds documents by their meaning",
            path.display()
        ),
        fatal: true,
    }
}
