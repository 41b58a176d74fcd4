//! What one heavy worker owns: a session of every model, and the steps around them.

use std::path::Path;

use trunkline_media::resample::Resampler;

use super::SpeechError;
use super::moonshine::{self, Heard, Moonshine};
use super::piper::Piper;
use super::runtime::Runtime;
use super::silero::{Line, Silero, VadState};
use super::smart_turn::SmartTurn;
use super::voice;
use crate::models::{ModelsDir, manifest};

const LINE_RATE: usize = voice::LINE_RATE;
/// Silence around an utterance: a recogniser that hears no edge loses the first and the last word.
const PADDING_SAMPLES: usize = LINE_RATE * 3 / 10;
/// Transcripts of up to this many words are doubted: noise and key tones become "You".
const DOUBTED_WORDS_MAX: usize = 2;
/// Least probability of voice, in the likeliest window, for a doubted transcript to be believed.
const VOICE_MIN: f32 = 0.5;
/// 50 dB below full scale: no window this quiet holds speech that a line carries.
const SILENCE_LEVEL: f32 = 0.003;
const LEVEL_FRAME: usize = LINE_RATE / 50;

pub(super) struct Engines {
    tiny: Moonshine,
    base: Option<Moonshine>,
    piper: Piper,
    smart_turn: SmartTurn,
    silero: Silero,
    up: Resampler,
    down: Resampler,
}

impl Engines {
    pub(super) fn load(
        runtime: &Runtime,
        models: &ModelsDir,
        voice: &Path,
        better_ears: bool,
    ) -> Result<Self, SpeechError> {
        let path = |relative| models.path(relative);
        let base = better_ears
            .then(|| Moonshine::load(runtime, &path(manifest::MOONSHINE_BASE_FOLDER)))
            .transpose()?;
        let piper = Piper::load(runtime, voice)?;
        Ok(Engines {
            tiny: Moonshine::load(runtime, &path(manifest::MOONSHINE_TINY_FOLDER))?,
            base,
            smart_turn: SmartTurn::load(runtime, &path(manifest::SMART_TURN_PATH))?,
            silero: Silero::load(runtime, &path(manifest::SILERO_PATH))?,
            up: voice::resampler(LINE_RATE, moonshine::RATE)?,
            down: voice::resampler(piper.rate(), LINE_RATE)?,
            piper,
        })
    }

    /// Runs every model once on little, so that the first caller does not wait for what is made at first use.
    pub(super) fn warm_up(&mut self) -> Result<(), SpeechError> {
        let hush: Vec<i16> = (0..LINE_RATE)
            .map(|n| if n % 16 < 8 { 600 } else { -600 })
            .collect();
        self.hear(&hush, false)?;
        self.hear(&hush, true)?;
        self.turn_complete(&hush)?;
        self.say("h\u{259}l\u{2c8}o\u{28a}.", 1.0, 0)?;
        Ok(())
    }

    /// The words in one piece of an utterance at 8 kHz. `best` asks for the better ears where they are loaded.
    pub(super) fn hear(&mut self, piece: &[i16], best: bool) -> Result<Heard, SpeechError> {
        let nothing = Heard {
            text: String::new(),
            confidence: 0.0,
            tokens: 0,
        };
        let sound = to_floats(piece);
        if sound
            .chunks(LEVEL_FRAME)
            .all(|frame| voice::level(frame) < SILENCE_LEVEL)
        {
            return Ok(nothing);
        }
        let mut padded = vec![0.0; PADDING_SAMPLES];
        padded.extend(sound);
        padded.resize(padded.len() + PADDING_SAMPLES, 0.0);
        let seconds = piece.len() as f32 / LINE_RATE as f32;
        let padded = self.up.clip(&padded);
        let heard = match self.base.as_mut().filter(|_| best) {
            Some(base) => base.hear(padded, seconds)?,
            None => self.tiny.hear(padded, seconds)?,
        };
        let doubted = heard.text.split_whitespace().count() <= DOUBTED_WORDS_MAX;
        if doubted && !self.holds_voice(piece)? {
            return Ok(nothing);
        }
        Ok(heard)
    }

    /// The probability that the turn is complete, of the last eight seconds at 8 kHz.
    pub(super) fn turn_complete(&mut self, sound: &[i16]) -> Result<f32, SpeechError> {
        let sound = self.up.clip(&to_floats(sound));
        self.smart_turn.score(&sound)
    }

    /// One sentence as mu-law at 8 kHz, and the pause after it.
    pub(super) fn say(
        &mut self,
        phonemes: &str,
        speed: f32,
        pause_ms: usize,
    ) -> Result<Vec<u8>, SpeechError> {
        let rate = self.piper.rate();
        let sound = voice::shaped(self.piper.say(phonemes, speed)?, rate);
        Ok(voice::for_line(&mut self.down, &sound, pause_ms))
    }

    fn holds_voice(&mut self, piece: &[i16]) -> Result<bool, SpeechError> {
        let mut padded = vec![0; PADDING_SAMPLES];
        padded.extend_from_slice(piece);
        let mut line = [Line::new(VadState::default(), padded)];
        self.silero.run(&mut line)?;
        let mut probabilities = line.into_iter().flat_map(|line| line.probabilities);
        Ok(probabilities.any(|probability| probability >= VOICE_MIN))
    }
}

/// 16-bit samples as numbers in -1..1.
fn to_floats(samples: &[i16]) -> Vec<f32> {
    samples
        .iter()
        .map(|sample| f32::from(*sample) / 32_768.0)
        .collect()
}
