//! Silero VAD at 8 kHz: how likely it is that 32 ms hold a voice.

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use super::SpeechError;
use super::runtime::Runtime;

/// Samples in a window: 32 ms at 8 kHz.
pub const WINDOW_SAMPLES: usize = 256;
const CONTEXT_SAMPLES: usize = 32;
const INPUT_SAMPLES: usize = CONTEXT_SAMPLES + WINDOW_SAMPLES;
/// Layers of the memory, and the length of each.
const LAYERS: usize = 2;
const LAYER_LENGTH: usize = 128;
const RATE: i64 = 8_000;
const NAME: &str = "silero";

/// What the detector remembers of a call between its windows. A plain value: any session goes on from it.
#[derive(Clone, PartialEq)]
pub struct VadState {
    context: [f32; CONTEXT_SAMPLES],
    memory: Box<[[f32; LAYER_LENGTH]; LAYERS]>,
}

impl Default for VadState {
    fn default() -> Self {
        VadState {
            context: [0.0; CONTEXT_SAMPLES],
            memory: Box::new([[0.0; LAYER_LENGTH]; LAYERS]),
        }
    }
}

impl std::fmt::Debug for VadState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VadState")
    }
}

/// The sound of one call that is to be judged, and what came of it.
pub(super) struct Line {
    pub(super) state: VadState,
    pub(super) samples: Vec<i16>,
    /// One for every whole window of `samples`; a rest shorter than a window is ignored.
    pub(super) probabilities: Vec<f32>,
}

impl Line {
    pub(super) fn new(state: VadState, samples: Vec<i16>) -> Self {
        let windows = samples.len() / WINDOW_SAMPLES;
        Line {
            state,
            samples,
            probabilities: Vec::with_capacity(windows),
        }
    }

    /// The first window without a probability.
    fn next_window(&self) -> Option<&[i16; WINDOW_SAMPLES]> {
        let windows = self.samples.as_chunks::<WINDOW_SAMPLES>().0;
        windows.get(self.probabilities.len())
    }
}

pub(super) struct Silero {
    session: Session,
    input: Vec<f32>,
    memory: Vec<f32>,
}

impl Silero {
    pub(super) fn load(runtime: &Runtime, model: &Path) -> Result<Self, SpeechError> {
        Ok(Silero {
            session: runtime.session(model)?,
            input: Vec::new(),
            memory: Vec::new(),
        })
    }

    /// Judges every window of every line: of each line one after the other, and of all lines together, which costs less than
    /// half of what it costs line by line.
    pub(super) fn run(&mut self, lines: &mut [Line]) -> Result<(), SpeechError> {
        loop {
            let mut waiting: Vec<&mut Line> = lines
                .iter_mut()
                .filter(|line| line.next_window().is_some())
                .collect();
            if waiting.is_empty() {
                return Ok(());
            }
            self.step(&mut waiting)
                .map_err(|error| SpeechError::inference(NAME, error))?;
        }
    }

    /// Judges the next window of each line.
    fn step(&mut self, lines: &mut [&mut Line]) -> Result<(), ort::Error> {
        let count = lines.len();
        self.input.clear();
        self.memory.clear();
        for line in lines.iter() {
            let window = line.next_window().into_iter().flatten();
            self.input.extend_from_slice(&line.state.context);
            self.input
                .extend(window.map(|sample| f32::from(*sample) / 32_768.0));
        }
        for layer in 0..LAYERS {
            for line in lines.iter() {
                let of_line = line.state.memory.get(layer).into_iter().flatten();
                self.memory.extend(of_line);
            }
        }
        let output = self.session.run(ort::inputs! {
            "input" => TensorRef::from_array_view(([count, INPUT_SAMPLES], self.input.as_slice()))?,
            "state" => TensorRef::from_array_view(([LAYERS, count, LAYER_LENGTH], self.memory.as_slice()))?,
            "sr" => TensorRef::from_array_view(((), [RATE].as_slice()))?,
        })?;
        let (_, probabilities) = output["output"].try_extract_tensor::<f32>()?;
        let (_, memory) = output["stateN"].try_extract_tensor::<f32>()?;
        let memory = memory.as_chunks::<LAYER_LENGTH>().0;
        if probabilities.len() != count || memory.len() != LAYERS * count {
            return Err(ort::Error::new("its answer has another length"));
        }
        let inputs = self.input.as_chunks::<INPUT_SAMPLES>().0;
        for (at, line) in lines.iter_mut().enumerate() {
            for (layer, of_line) in line.state.memory.iter_mut().enumerate() {
                if let Some(new) = memory.get(layer * count + at) {
                    *of_line = *new;
                }
            }
            if let Some(last) = inputs.get(at).and_then(|input| input.last_chunk()) {
                line.state.context = *last;
            }
            line.probabilities.extend(probabilities.get(at));
        }
        Ok(())
    }
}
