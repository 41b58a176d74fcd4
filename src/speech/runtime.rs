//! The ONNX runtime: one library and one environment per process, one thread per session.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;

use super::SpeechError;

/// The library can be loaded once in a process, so this one value is shared by everyone in it.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Opens sessions.
#[derive(Clone)]
pub(super) struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Loads `library`, unless the process has one already.
    pub(super) fn load(library: &Path) -> Result<Self, SpeechError> {
        let mut known = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = known.as_ref() {
            return Ok(Runtime {
                environment: environment.clone(),
            });
        }
        let environment = ort::init_from(library)
            .map_err(|error| SpeechError::load(library, error))?
            .with_name("trunkline")
            .with_telemetry(false)
            .build()
            .map_err(|error| SpeechError::load(library, error))?;
        *known = Some(environment.clone());
        Ok(Runtime { environment })
    }

    /// A session that computes on the calling thread alone.
    pub(super) fn session(&self, model: &Path) -> Result<Session, SpeechError> {
        let open = || -> Result<Session, ort::Error> {
            Session::builder(&self.environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .commit_from_file(model)
        };
        open().map_err(|error| SpeechError::load(model, error))
    }
}
