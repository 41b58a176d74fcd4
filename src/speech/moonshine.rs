//! Moonshine: sound in, words out. Tiny and base differ in sizes and in whether they take a mask of the samples.

use std::borrow::Cow;
use std::path::Path;

use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor, ValueType};

use super::SpeechError;
use super::runtime::Runtime;
use super::tokens::Tokens;

/// Samples per second it hears.
pub(super) const RATE: usize = 16_000;
/// The shortest sound its encoder's convolutions accept, generously.
const SAMPLES_MIN: usize = 1_600;
const BEGIN: i64 = 1;
const END: i64 = 2;
/// English is spoken at no more than this; a decoder that says more is repeating itself.
const TOKENS_PER_SECOND: f32 = 6.5;
const TOKENS_EXTRA: usize = 6;
const NAME: &str = "moonshine";

/// What was made of a sound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) text: String,
    /// Mean probability of the tokens, the end token among them: 0..1.
    pub(super) confidence: f32,
    pub(super) tokens: usize,
}

pub(super) struct Moonshine {
    encoder: Session,
    decoder: Session,
    tokens: Tokens,
    cache: Vec<CacheSlot>,
    encoder_takes_mask: bool,
    decoder_takes_mask: bool,
}

/// One tensor of the decoder's memory: its name going in, its name coming out, its first shape.
struct CacheSlot {
    past: String,
    present: String,
    of_encoder: bool,
    heads: usize,
    width: usize,
}

impl Moonshine {
    /// `folder` holds `encoder.ort`, `decoder.ort` and `tokenizer.bin`.
    pub(super) fn load(runtime: &Runtime, folder: &Path) -> Result<Self, SpeechError> {
        let encoder = runtime.session(&folder.join("encoder.ort"))?;
        let decoder_path = folder.join("decoder.ort");
        let decoder = runtime.session(&decoder_path)?;
        let tokens_path = folder.join("tokenizer.bin");
        let tokens =
            std::fs::read(&tokens_path).map_err(|error| SpeechError::load(&tokens_path, error))?;
        let tokens =
            Tokens::parse(&tokens).map_err(|error| SpeechError::load(&tokens_path, error))?;
        let takes = |session: &Session, name: &str| {
            session.inputs().iter().any(|input| input.name() == name)
        };
        let cache = cache_slots(&decoder);
        if cache.is_empty() {
            return Err(SpeechError::load(&decoder_path, "the decoder has no cache"));
        }
        Ok(Moonshine {
            encoder_takes_mask: takes(&encoder, "attention_mask"),
            decoder_takes_mask: takes(&decoder, "encoder_attention_mask"),
            encoder,
            decoder,
            tokens,
            cache,
        })
    }

    /// `sound` at 16 kHz, in -1..1. `speech_seconds` bounds how much can have been said in it.
    pub(super) fn hear(
        &mut self,
        mut sound: Vec<f32>,
        speech_seconds: f32,
    ) -> Result<Heard, SpeechError> {
        if sound.len() < SAMPLES_MIN {
            sound.resize(SAMPLES_MIN, 0.0);
        }
        let (ids, probabilities) = self
            .decode(sound, tokens_max(speech_seconds))
            .map_err(|error| SpeechError::inference(NAME, error))?;
        let count = probabilities.len().max(1);
        Ok(Heard {
            text: self.tokens.text(&ids),
            confidence: probabilities.iter().sum::<f32>() / count as f32,
            tokens: ids.len(),
        })
    }

    /// Always takes the likeliest token. Ends at the end token or after `tokens_max`.
    fn decode(
        &mut self,
        sound: Vec<f32>,
        tokens_max: usize,
    ) -> Result<(Vec<i64>, Vec<f32>), ort::Error> {
        let samples = sound.len();
        let mask = Tensor::from_array(([1, samples], vec![1_i64; samples]))?;
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![(
            "input_values",
            Tensor::from_array(([1, samples], sound))?.into(),
        )];
        if self.encoder_takes_mask {
            inputs.push(("attention_mask", (&mask).into()));
        }
        let hidden = self
            .encoder
            .run(inputs)?
            .remove("last_hidden_state")
            .ok_or_else(|| ort::Error::new("the encoder gave nothing"))?;

        let mut cache = empty_cache(&self.cache)?;
        let mut ids = Vec::new();
        let mut probabilities = Vec::new();
        let mut last = BEGIN;
        while ids.len() < tokens_max {
            let first = probabilities.is_empty();
            let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = vec![
                (
                    "input_ids".into(),
                    Tensor::from_array(([1, 1], vec![last]))?.into(),
                ),
                ("encoder_hidden_states".into(), (&hidden).into()),
                (
                    "use_cache_branch".into(),
                    Tensor::from_array(([1], vec![!first]))?.into(),
                ),
            ];
            if self.decoder_takes_mask {
                inputs.push(("encoder_attention_mask".into(), (&mask).into()));
            }
            for (slot, value) in self.cache.iter().zip(&cache) {
                inputs.push((slot.past.as_str().into(), value.into()));
            }
            let mut outputs = self.decoder.run(inputs)?;
            let (id, probability) = likeliest(outputs["logits"].try_extract_tensor::<f32>()?.1)
                .ok_or_else(|| ort::Error::new("the decoder gave nothing"))?;
            probabilities.push(probability);
            if id == END {
                break;
            }
            ids.push(id);
            last = id;
            for (slot, value) in self.cache.iter().zip(&mut cache) {
                // The encoder's half is computed in the first pass and not given again.
                if first || !slot.of_encoder {
                    *value = outputs
                        .remove(&slot.present)
                        .ok_or_else(|| ort::Error::new("the decoder lost its cache"))?;
                }
            }
        }
        Ok((ids, probabilities))
    }
}

fn tokens_max(speech_seconds: f32) -> usize {
    (speech_seconds.max(0.0) * TOKENS_PER_SECOND).ceil() as usize + TOKENS_EXTRA
}

fn cache_slots(decoder: &Session) -> Vec<CacheSlot> {
    decoder
        .inputs()
        .iter()
        .filter_map(|input| {
            let rest = input.name().strip_prefix("past_key_values.")?;
            let shape = match input.dtype() {
                ValueType::Tensor { shape, .. } => shape,
                ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_) => {
                    return None;
                }
            };
            Some(CacheSlot {
                past: input.name().to_owned(),
                present: format!("present.{rest}"),
                of_encoder: rest.contains(".encoder."),
                heads: usize::try_from(*shape.get(1)?).ok()?,
                width: usize::try_from(*shape.get(3)?).ok()?,
            })
        })
        .collect()
}

fn empty_cache(slots: &[CacheSlot]) -> Result<Vec<DynValue>, ort::Error> {
    slots
        .iter()
        .map(|slot| {
            let zeros = vec![0.0_f32; slot.heads * slot.width];
            Ok(Tensor::from_array(([1, slot.heads, 1, slot.width], zeros))?.into_dyn())
        })
        .collect()
}

/// The largest of the logits and its probability.
fn likeliest(logits: &[f32]) -> Option<(i64, f32)> {
    let (index, largest) = logits
        .iter()
        .copied()
        .enumerate()
        .max_by(|one, other| one.1.total_cmp(&other.1))?;
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    Some((i64::try_from(index).ok()?, 1.0 / sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_and_its_share() {
        let (index, probability) = likeliest(&[0.0, 3.0_f32.ln(), 0.0]).unwrap();
        assert_eq!(index, 1);
        assert!((probability - 0.6).abs() < 1e-6);
        assert!(likeliest(&[]).is_none());
    }

    #[test]
    fn how_much_can_have_been_said() {
        for (seconds, tokens) in [(0.0, 6), (-1.0, 6), (1.0, 13), (10.0, 71)] {
            assert_eq!(tokens_max(seconds), tokens);
        }
    }
}
