//! Piper: phonemes in, a voice at 22,050 Hz out.

use std::collections::BTreeMap;
use std::path::Path;

use ort::session::Session;
use ort::value::Tensor;
use serde::Deserialize;

use super::SpeechError;
use super::runtime::Runtime;

const PAD: &str = "_";
const BEGIN: &str = "^";
const END: &str = "$";
/// More than a minute of speech in one run.
const IDS_MAX: usize = 4_000;
const SPEED_MIN: f32 = 0.5;
const SPEED_MAX: f32 = 2.0;
const NAME: &str = "piper";

/// What stands beside a Piper model in its `.onnx.json`.
#[derive(Debug, Deserialize)]
struct VoiceCard {
    audio: CardAudio,
    espeak: CardEspeak,
    inference: CardInference,
    phoneme_id_map: BTreeMap<String, Vec<i64>>,
    num_speakers: u32,
}

#[derive(Debug, Deserialize)]
struct CardAudio {
    sample_rate: usize,
}

#[derive(Debug, Deserialize)]
struct CardEspeak {
    voice: String,
}

#[derive(Debug, Deserialize)]
struct CardInference {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

pub(super) struct Piper {
    session: Session,
    card: VoiceCard,
}

impl Piper {
    /// `model` has its card beside it, with `.json` added to the name.
    pub(super) fn load(runtime: &Runtime, model: &Path) -> Result<Self, SpeechError> {
        let card = card(model)?;
        Ok(Piper {
            session: runtime.session(model)?,
            card,
        })
    }

    /// Samples per second of what it says.
    pub(super) fn rate(&self) -> usize {
        self.card.audio.sample_rate
    }

    /// The sound of a sentence's phonemes, in about -1..1. `speed` 1 is the voice's own.
    pub(super) fn say(&mut self, phonemes: &str, speed: f32) -> Result<Vec<f32>, SpeechError> {
        let ids = self.card.ids(phonemes);
        if ids.len() > IDS_MAX {
            return Err(SpeechError::TooLong {
                what: "a sentence in phonemes",
                found: ids.len(),
                limit: IDS_MAX,
            });
        }
        let inference = &self.card.inference;
        let scales = vec![
            inference.noise_scale,
            inference.length_scale / speed.clamp(SPEED_MIN, SPEED_MAX),
            inference.noise_w,
        ];
        let run = || -> Result<Vec<f32>, ort::Error> {
            let count = ids.len();
            let output = self.session.run(ort::inputs! {
                "input" => Tensor::from_array(([1, count], ids))?,
                "input_lengths" => Tensor::from_array(([1], vec![i64::try_from(count).unwrap_or(0)]))?,
                "scales" => Tensor::from_array(([3], scales))?,
            })?;
            Ok(output["output"].try_extract_tensor::<f32>()?.1.to_vec())
        };
        run().map_err(|error| SpeechError::inference(NAME, error))
    }
}

/// The name of the eSpeak voice whose phonemes the model was trained on.
pub(super) fn phoneme_voice(model: &Path) -> Result<String, SpeechError> {
    Ok(card(model)?.espeak.voice)
}

fn card(model: &Path) -> Result<VoiceCard, SpeechError> {
    let mut path = model.as_os_str().to_owned();
    path.push(".json");
    let path = Path::new(&path);
    let bytes = std::fs::read(path).map_err(|error| SpeechError::load(path, error))?;
    let card: VoiceCard =
        serde_json::from_slice(&bytes).map_err(|error| SpeechError::load(path, error))?;
    if card.num_speakers > 1 {
        return Err(SpeechError::load(
            path,
            "a voice of several speakers is not supported",
        ));
    }
    if [PAD, BEGIN, END]
        .iter()
        .any(|mark| !card.phoneme_id_map.contains_key(*mark))
    {
        return Err(SpeechError::load(path, "the phoneme map lacks its marks"));
    }
    if !(8_000..=48_000).contains(&card.audio.sample_rate) {
        return Err(SpeechError::load(path, "the sampling rate is out of range"));
    }
    Ok(card)
}

impl VoiceCard {
    /// Begin, then each phoneme followed by padding, then end. A phoneme the voice does not know is left out.
    fn ids(&self, phonemes: &str) -> Vec<i64> {
        let of = |name: &str| self.phoneme_id_map.get(name).into_iter().flatten().copied();
        let mut ids: Vec<i64> = of(BEGIN).chain(of(PAD)).collect();
        for phoneme in decomposed(phonemes) {
            let known = ids.len();
            ids.extend(of(phoneme.encode_utf8(&mut [0; 4])));
            if ids.len() > known {
                ids.extend(of(PAD));
            }
        }
        ids.extend(of(END));
        ids
    }
}

/// The map names a letter and its mark apart; eSpeak NG writes these few as one in English.
fn decomposed(phonemes: &str) -> impl Iterator<Item = char> + '_ {
    phonemes.chars().flat_map(|phoneme| {
        let (letter, mark) = match phoneme {
            '\u{e3}' => ('a', Some('\u{303}')),
            '\u{f5}' => ('o', Some('\u{303}')),
            other => (other, None),
        };
        std::iter::once(letter).chain(mark)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phonemes_become_padded_numbers_between_begin_and_end() {
        let card: VoiceCard = serde_json::from_str(
            r#"{"audio":{"sample_rate":22050},"espeak":{"voice":"en-us"},"num_speakers":1,
                "inference":{"noise_scale":0.6,"length_scale":1,"noise_w":0.8},
                "phoneme_id_map":{"_":[0],"^":[1],"$":[2],"a":[14],"o":[27],"\u0303":[141]}}"#,
        )
        .unwrap();
        for (phonemes, ids) in [
            ("", vec![1, 0, 2]),
            ("ao", vec![1, 0, 14, 0, 27, 0, 2]),
            ("a\u{1f600}o", vec![1, 0, 14, 0, 27, 0, 2]),
            ("\u{f5}", vec![1, 0, 27, 0, 141, 0, 2]),
            ("_", vec![1, 0, 0, 0, 2]),
        ] {
            assert_eq!(card.ids(phonemes), ids, "{phonemes}");
        }
    }
}
