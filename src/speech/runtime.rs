//! The ONNX runtime: one library and one environment per process, one thread per session.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

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
        let open = || self.builder()?.commit_from_file(model);
        open().map_err(|error| SpeechError::load(model, error))
    }

    /// The same of a model in memory whose inputs change in size from one run to the next.
    pub(super) fn session_of(&self, model: &[u8]) -> Result<Session, ort::Error> {
        self.builder()?
            // A pattern would be kept for every size.
            .with_memory_pattern(false)?
            .commit_from_memory(model)
    }

    fn builder(&self) -> Result<SessionBuilder, ort::Error> {
        let builder = Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?;
        Ok(builder)
    }
}
