//! Smart Turn v3: whether the speaker is done, from how the last eight seconds sound.

use std::path::Path;

use ort::session::Session;
use ort::value::Tensor;

use super::SpeechError;
use super::mel::{BANDS, FRAMES, MelPicture};
use super::runtime::Runtime;

const NAME: &str = "smart turn";

pub(super) struct SmartTurn {
    session: Session,
    picture: MelPicture,
}

impl SmartTurn {
    pub(super) fn load(runtime: &Runtime, model: &Path) -> Result<Self, SpeechError> {
        Ok(SmartTurn {
            session: runtime.session(model)?,
            picture: MelPicture::new(),
        })
    }

    /// The probability, 0..1, that the turn is complete. `sound` is at 16 kHz in -1..1; its last eight seconds count.
    pub(super) fn score(&mut self, sound: &[f32]) -> Result<f32, SpeechError> {
        let picture = self.picture.draw(sound);
        let run = || -> Result<f32, ort::Error> {
            let input = Tensor::from_array(([1, BANDS, FRAMES], picture))?;
            let output = self.session.run(ort::inputs!["input_features" => input])?;
            let (_, probability) = output["logits"].try_extract_tensor::<f32>()?;
            probability
                .first()
                .copied()
                .ok_or_else(|| ort::Error::new("it gave no probability"))
        };
        run().map_err(|error| SpeechError::inference(NAME, error))
    }
}
