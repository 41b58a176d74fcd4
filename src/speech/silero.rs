//! Silero VAD at 8 kHz: how likely it is that 32 ms hold a voice.

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use super::SpeechError;
use super::runtime::Runtime;

/// Samples in a window: 32 ms at 8 kHz.
pub const WINDOW_SAMPLES: usize = 256;
const CONTEXT_SAMPLES: usize = 32;
const STATE_LENGTH: usize = 256;
const RATE: i64 = 8_000;
const NAME: &str = "silero";

/// What the detector remembers of a call between its windows. A plain value: any session goes on from it.
#[derive(Clone, PartialEq)]
pub struct VadState {
    context: [f32; CONTEXT_SAMPLES],
    memory: Box<[f32]>,
}

impl Default for VadState {
    fn default() -> Self {
        VadState {
            context: [0.0; CONTEXT_SAMPLES],
            memory: vec![0.0; STATE_LENGTH].into(),
        }
    }
}

impl std::fmt::Debug for VadState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VadState")
    }
}

pub(super) struct Silero {
    session: Session,
}

impl Silero {
    pub(super) fn load(runtime: &Runtime, model: &Path) -> Result<Self, SpeechError> {
        Ok(Silero {
            session: runtime.session(model)?,
        })
    }

    /// A probability for every whole window of `samples`; a rest shorter than a window is ignored.
    pub(super) fn run(
        &mut self,
        state: &mut VadState,
        samples: &[i16],
    ) -> Result<Vec<f32>, SpeechError> {
        samples
            .as_chunks::<WINDOW_SAMPLES>()
            .0
            .iter()
            .map(|window| {
                self.window(state, window)
                    .map_err(|error| SpeechError::inference(NAME, error))
            })
            .collect()
    }

    fn window(
        &mut self,
        state: &mut VadState,
        window: &[i16; WINDOW_SAMPLES],
    ) -> Result<f32, ort::Error> {
        let mut input = Vec::with_capacity(CONTEXT_SAMPLES + WINDOW_SAMPLES);
        input.extend_from_slice(&state.context);
        input.extend(window.iter().map(|sample| f32::from(*sample) / 32_768.0));
        let output = self.session.run(ort::inputs! {
            "input" => TensorRef::from_array_view(([1, input.len()], input.as_slice()))?,
            "state" => TensorRef::from_array_view(([2, 1, STATE_LENGTH / 2], &state.memory[..]))?,
            "sr" => TensorRef::from_array_view(((), [RATE].as_slice()))?,
        })?;
        let (_, probability) = output["output"].try_extract_tensor::<f32>()?;
        let (_, memory) = output["stateN"].try_extract_tensor::<f32>()?;
        if memory.len() != STATE_LENGTH {
            return Err(ort::Error::new("its state has another length"));
        }
        state.memory.copy_from_slice(memory);
        if let Some(last) = input.last_chunk::<CONTEXT_SAMPLES>() {
            state.context = *last;
        }
        probability
            .first()
            .copied()
            .ok_or_else(|| ort::Error::new("it gave no probability"))
    }
}
