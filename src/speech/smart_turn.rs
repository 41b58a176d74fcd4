//! Smart Turn v3: whether the speaker is done, from how the last eight seconds sound.
//!
//! The model looks at eight seconds, and the silence that leads a shorter turn costs as much as the sound. Here one
//! position stands for a run of that silence, the longer the farther it is from the sound ([`graph`]): a turn of two
//! seconds takes a quarter of the time, and the score differs by about as much as the model's own rounding makes it
//! differ (`fixtures/speech/README.md`).

mod graph;
mod protobuf;

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use self::graph::{PICTURE, PLACES, POSITIONS, WEIGHTS, WEIGHTS_OF_POOL, WIDTH};
use super::SpeechError;
use super::mel::{BANDS, Drawn, MelPicture};
use super::runtime::Runtime;

const NAME: &str = "smart turn";
/// The longest run of silence that one position stands for.
const RUN_MAX: usize = 16;

pub(super) struct SmartTurn {
    session: Session,
    picture: MelPicture,
    /// What makes each position different from the others.
    places: Vec<[f32; WIDTH]>,
    input: Input,
}

/// What the model is given, kept from one score to the next.
#[derive(Default)]
struct Input {
    frames: Vec<f32>,
    places: Vec<f32>,
    weights: Vec<f32>,
}

impl SmartTurn {
    pub(super) fn load(runtime: &Runtime, model: &Path) -> Result<Self, SpeechError> {
        let file = std::fs::read(model).map_err(|error| SpeechError::load(model, error))?;
        let opened = graph::open(&file).map_err(|error| SpeechError::load(model, error))?;
        Ok(SmartTurn {
            session: runtime
                .session_of(&opened.model)
                .map_err(|error| SpeechError::load(model, error))?,
            picture: MelPicture::new(),
            places: opened.places.as_chunks::<WIDTH>().0.to_vec(),
            input: Input::default(),
        })
    }

    /// The probability, 0..1, that the turn is complete. `sound` is at 16 kHz in -1..1; its last eight seconds count.
    pub(super) fn score(&mut self, sound: &[f32]) -> Result<f32, SpeechError> {
        let drawn = self.picture.draw(sound);
        self.input.fill(&drawn, &runs(&drawn), &self.places);
        self.run()
            .map_err(|error| SpeechError::inference(NAME, error))
    }

    fn run(&mut self) -> Result<f32, ort::Error> {
        let Input {
            frames,
            places,
            weights,
        } = &self.input;
        let count = weights.len();
        let output = self.session.run(ort::inputs! {
            PICTURE => TensorRef::from_array_view(([1, BANDS, 2 * count], frames.as_slice()))?,
            PLACES => TensorRef::from_array_view(([count, WIDTH], places.as_slice()))?,
            WEIGHTS => TensorRef::from_array_view(([count], weights.as_slice()))?,
            WEIGHTS_OF_POOL => TensorRef::from_array_view(([count, 1], weights.as_slice()))?,
        })?;
        let (_, probability) = output["logits"].try_extract_tensor::<f32>()?;
        probability
            .first()
            .copied()
            .ok_or_else(|| ort::Error::new("it gave no probability"))
    }
}

/// The runs of positions, in order, each of which one stands for: single ones in the sound, and in the silence longer
/// ones with the distance from it. The first of all has an edge beside it and stands alone.
fn runs(drawn: &Drawn) -> Vec<std::ops::Range<usize>> {
    // A position is made of its two frames and the two on each side of them.
    let mut from = (drawn.hush_frames / 2).saturating_sub(1);
    let mut runs: Vec<_> = (from..POSITIONS).rev().map(|at| at..at + 1).collect();
    let mut length = 1;
    while from > 1 {
        let begin = from.saturating_sub(length).max(1);
        runs.push(begin..from);
        from = begin;
        length = (length * 2).min(RUN_MAX);
    }
    if from == 1 {
        runs.push(0..1);
    }
    runs.reverse();
    runs
}

impl Input {
    fn fill(&mut self, drawn: &Drawn, runs: &[std::ops::Range<usize>], places: &[[f32; WIDTH]]) {
        let count = runs.len();
        self.frames.clear();
        self.frames.resize(BANDS * 2 * count, 0.0);
        self.places.clear();
        self.weights.clear();
        for (at, run) in runs.iter().enumerate() {
            for half in 0..2 {
                let frame = drawn.frame(2 * run.start + half);
                let column = self.frames.iter_mut().skip(2 * at + half);
                for (cell, value) in column.step_by(2 * count).zip(frame) {
                    *cell = *value;
                }
            }
            let length = run.len() as f32;
            let rows = places.get(run.clone()).unwrap_or_default();
            self.places
                .extend((0..WIDTH).map(|n| rows.iter().map(|row| row[n]).sum::<f32>() / length));
            self.weights.push(length.ln());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(hush_frames: usize) -> Drawn {
        Drawn {
            hush_frames,
            hush: [0.5; BANDS],
            sound: vec![1.0; (super::super::mel::FRAMES - hush_frames) * BANDS],
        }
    }

    #[test]
    fn every_position_is_stood_for_once_and_sound_by_itself() {
        for hush_frames in 0..=super::super::mel::FRAMES {
            let runs = runs(&drawn(hush_frames));
            let mut next = 0;
            for run in &runs {
                assert_eq!(run.start, next, "{hush_frames}");
                assert!(!run.is_empty() && run.len() <= RUN_MAX, "{hush_frames}");
                let touches_sound = 2 * run.end + 2 > hush_frames;
                assert!(run.len() == 1 || !touches_sound, "{hush_frames} {run:?}");
                next = run.end;
            }
            assert_eq!(next, POSITIONS, "{hush_frames}");
            assert_eq!(runs[0], 0..1, "{hush_frames}");
        }
    }

    #[test]
    fn two_seconds_take_a_quarter_of_the_positions() {
        let two_seconds = runs(&drawn(600)).len();
        assert!((100..135).contains(&two_seconds), "{two_seconds}");
        assert_eq!(runs(&drawn(0)).len(), POSITIONS);
    }

    #[test]
    fn a_run_has_the_mean_of_its_places_and_the_weight_of_its_length() {
        let places: Vec<[f32; WIDTH]> = (0..POSITIONS).map(|n| [n as f32; WIDTH]).collect();
        let drawn = drawn(600);
        let runs = runs(&drawn);
        let mut input = Input::default();
        input.fill(&drawn, &runs, &places);
        let total: f32 = input.weights.iter().map(|weight| weight.exp()).sum();
        assert!((total - POSITIONS as f32).abs() < 0.01, "{total}");
        for (at, run) in runs.iter().enumerate() {
            let mean = (run.start + run.end - 1) as f32 / 2.0;
            assert!((input.places[at * WIDTH] - mean).abs() < 1e-3, "{run:?}");
            let value = input.frames[2 * at];
            let expected = if 2 * run.start < 600 { 0.5 } else { 1.0 };
            assert!((value - expected).abs() < 1e-6, "{run:?}");
        }
    }
}
