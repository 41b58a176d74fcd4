//! The larger of the embedded recognisers, loaded when the first recording comes.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::BetterEars;
use crate::models::{ModelSet, ModelsDir};
use crate::provider::StageError;
use crate::speech::{Segment, Speech, SpeechSettings};

/// Moonshine base, with a worker of its own: live calls never wait for it in a queue.
pub struct Base {
    models: PathBuf,
    speech: Arc<OnceCell<Speech>>,
}

impl Base {
    /// From the folder of models. Nothing is fetched: without the larger recogniser in it nothing is heard.
    #[must_use]
    pub fn new(models: PathBuf) -> Self {
        Self {
            models,
            speech: Arc::default(),
        }
    }
}

fn load(root: &std::path::Path) -> Result<Speech, StageError> {
    let failed = |error: &dyn std::fmt::Display| StageError {
        what: format!("{error}; `trunkline models fetch --base` fetches the larger recogniser"),
        fatal: false,
    };
    ModelsDir::open(root, ModelSet::Default).map_err(|error| failed(&error))?;
    let models = ModelsDir::open(root, ModelSet::Base).map_err(|error| failed(&error))?;
    let settings = SpeechSettings {
        workers: Some(1),
        better_ears: true,
        cache_bytes_max: 0,
        ..SpeechSettings::default()
    };
    Speech::load(&models, &settings).map_err(|error| failed(&error))
}

impl BetterEars for Base {
    fn name(&self) -> &str {
        "moonshine-base-en"
    }

    fn transcribe(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Vec<Segment>, StageError>> {
        let (cell, root) = (Arc::clone(&self.speech), self.models.clone());
        async move {
            let loading = || async {
                let loaded = tokio::task::spawn_blocking(move || load(&root)).await;
                loaded.unwrap_or_else(|error| {
                    Err(StageError {
                        what: format!("the larger recogniser was not loaded: {error}"),
                        fatal: false,
                    })
                })
            };
            let speech = cell.get_or_try_init(loading).await?;
            Ok(speech.transcribe(&audio).await?)
        }
        .boxed()
    }
}
