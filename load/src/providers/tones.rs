//! The fake voices' audio: what every piece of an answer sounds like, made once and sent again and again.

use crate::tone::{closing, code_hz, sine};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::rc::Rc;
use trunkline_media::g711::mulaw_encode;

const AMPLITUDE: f64 = 8_000.0;
/// Formats times codes times two; what is asked for beyond that is made every time.
const TONES_MAX: usize = 512;

/// How audio is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Format {
    pub(super) is_mulaw: bool,
    pub(super) rate_hz: u32,
}

/// What sounds: the tone of an answer, or of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tone {
    pub(super) code: Option<u8>,
    pub(super) is_last: bool,
    pub(super) format: Format,
}

/// [`super::speaking::PIECE_MS`] of a tone.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) bytes: Vec<u8>,
    pub(super) base64: String,
}

/// Those that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Tones(HashMap<Tone, Rc<Sound>>);

impl Tones {
    /// A piece of a tone.
    pub(super) fn piece(&mut self, tone: Tone) -> Rc<Sound> {
        if let Some(made) = self.0.get(&tone) {
            return Rc::clone(made);
        }
        let made = Rc::new(Sound::made(tone));
        if self.0.len() < TONES_MAX {
            self.0.insert(tone, Rc::clone(&made));
        }
        made
    }
}

impl Sound {
    fn made(tone: Tone) -> Self {
        let Format { is_mulaw, rate_hz } = tone.format;
        let count = rate_hz as usize / 10;
        let samples = if tone.is_last {
            closing(tone.code, rate_hz, count, AMPLITUDE)
        } else {
            sine(code_hz(tone.code), rate_hz, count, AMPLITUDE)
        };
        let bytes: Vec<u8> = if is_mulaw {
            samples.into_iter().map(mulaw_encode).collect()
        } else {
            samples.into_iter().flat_map(i16::to_le_bytes).collect()
        };
        Self {
            base64: STANDARD.encode(&bytes),
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(is_mulaw: bool, rate_hz: u32) -> Tone {
        Tone {
            code: None,
            is_last: false,
            format: Format { is_mulaw, rate_hz },
        }
    }

    #[test]
    fn pieces_are_100_ms_in_every_format() {
        for (is_mulaw, rate_hz, bytes) in [
            (true, 8_000, 800),
            (false, 24_000, 4_800),
            (false, 16_000, 3_200),
        ] {
            let piece = Tones::default().piece(tone(is_mulaw, rate_hz));
            assert_eq!(piece.bytes.len(), bytes);
            assert_eq!(STANDARD.decode(&piece.base64).unwrap(), piece.bytes);
        }
    }

    #[test]
    fn every_tone_is_itself_also_the_second_time() {
        let mut tones = Tones::default();
        let usual = tone(true, 8_000);
        let all = [
            usual,
            Tone {
                code: Some(3),
                ..usual
            },
            Tone {
                is_last: true,
                ..usual
            },
            tone(false, 8_000),
        ];
        let first = all.map(|tone| tones.piece(tone).bytes.clone());
        let second = all.map(|tone| tones.piece(tone).bytes.clone());
        assert_eq!(first, second);
        for (at, piece) in first.iter().enumerate() {
            assert!(!first[..at].contains(piece), "{:?}", all[at]);
        }
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut tones = Tones::default();
        for rate_hz in 8_000..9_000 {
            tones.piece(tone(true, rate_hz));
        }
        assert_eq!(tones.0.len(), TONES_MAX);
    }
}
