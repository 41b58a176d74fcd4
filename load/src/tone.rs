//! Tones that carry a code, so that an answer can be told from an answer to something else.
//!
//! The caller sends a faint tone before it speaks; the fake recogniser reads it and writes the code into its text; the fake
//! model repeats it; the fake voice speaks as a tone of that code, and the caller hears whose words were answered.
//! Every frequency is a multiple of 50 Hz, so that frames of 20 ms follow each other without a click.

use std::f64::consts::TAU;

/// How many turns can be told apart.
pub(crate) const CODES: u8 = 16;

/// What the voice speaks in when its text carries no code: a greeting, an apology.
const NEUTRAL_HZ: f64 = 440.0;
const CONSENT_HZ: f64 = 3_100.0;
const SOUND_HZ: f64 = 3_200.0;
const BACKCHANNEL_HZ: f64 = 3_300.0;
/// The last piece of an answer has this beside its code, both equally loud.
const CLOSING_HZ: f64 = 300.0;

/// Share of the energy that a marker beside line noise must have.
const MARKER_SHARE_MIN: f64 = 0.5;
/// A marker is faint.
const MARKER_RMS_MAX: f64 = 100.0;
/// The same for the tone of an answer, which has nothing beside it.
const ANSWER_SHARE_MIN: f64 = 0.7;
/// The same for each of the two tones of a closing piece.
const CLOSING_SHARE_MIN: f64 = 0.3;

/// What a caller announces with its faint tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// The words that follow have this code.
    Words {
        /// Below [`CODES`].
        code: u8,
        /// They are only the first half of a sentence.
        is_half: bool,
    },
    /// What follows is a yes to the question of recording.
    Consent,
    /// What follows is a sound without words.
    Sound,
    /// What follows is "mm-hm".
    Backchannel,
}

impl Marker {
    /// Its frequency.
    pub(crate) fn hz(self) -> f64 {
        match self {
            Self::Words { code, is_half } => code_hz(Some(code)) + if is_half { 50.0 } else { 0.0 },
            Self::Consent => CONSENT_HZ,
            Self::Sound => SOUND_HZ,
            Self::Backchannel => BACKCHANNEL_HZ,
        }
    }

    /// Every one, in the order of [`Marker::place`].
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..CODES)
            .flat_map(|code| [false, true].map(|is_half| Self::Words { code, is_half }))
            .chain([Self::Consent, Self::Sound, Self::Backchannel])
    }

    /// Its place among all.
    pub(crate) fn place(self) -> usize {
        let words = 2 * usize::from(CODES);
        match self {
            Self::Words { code, is_half } => 2 * usize::from(code % CODES) + usize::from(is_half),
            Self::Consent => words,
            Self::Sound => words + 1,
            Self::Backchannel => words + 2,
        }
    }

    /// Reads it from what stands before the words; `None` if there is none or it is not clear. What is not faint is the
    /// echo of an answer.
    pub(crate) fn read(samples: &[i16], rate_hz: u32) -> Option<Self> {
        let energy: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum();
        if energy > MARKER_RMS_MAX * MARKER_RMS_MAX * samples.len() as f64 {
            return None;
        }
        let (marker, share) = strongest(
            samples,
            rate_hz,
            Self::all().map(|marker| (marker, marker.hz())),
        )?;
        (share > MARKER_SHARE_MIN).then_some(marker)
    }
}

/// Whose words an answer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Those of this code.
    Code(u8),
    /// Nobody's: the tone of a greeting or an apology.
    Neutral,
    /// No single tone: recorded speech, or two tones at once.
    Unclear,
}

impl Spoken {
    /// Reads it from some of an answer, 8 kHz.
    pub(crate) fn read(samples: &[i16]) -> Self {
        let codes = (0..CODES).map(|code| (Self::Code(code), code_hz(Some(code))));
        match strongest(samples, 8_000, codes.chain([(Self::Neutral, NEUTRAL_HZ)])) {
            Some((spoken, share)) if share >= ANSWER_SHARE_MIN => spoken,
            _ => Self::closing(samples).unwrap_or(Self::Unclear),
        }
    }

    /// Whose answer ends here: at least 20 ms of it, 8 kHz. `None` if it is not its closing piece.
    pub(crate) fn closing(samples: &[i16]) -> Option<Self> {
        let (_, share) = strongest(samples, 8_000, [((), CLOSING_HZ)].into_iter())?;
        if share < CLOSING_SHARE_MIN {
            return None;
        }
        let codes = (0..CODES).map(|code| (Self::Code(code), code_hz(Some(code))));
        strongest(samples, 8_000, codes.chain([(Self::Neutral, NEUTRAL_HZ)]))
            .filter(|(_, share)| *share >= CLOSING_SHARE_MIN)
            .map(|(spoken, _)| spoken)
    }
}

/// The last piece of an answer: the tone of its code and the one that closes.
pub(crate) fn closing(code: Option<u8>, rate_hz: u32, count: usize, amplitude: f64) -> Vec<i16> {
    let closing = sine(CLOSING_HZ, rate_hz, count, amplitude / 2.0);
    sine(code_hz(code), rate_hz, count, amplitude / 2.0)
        .into_iter()
        .zip(closing)
        .map(|(a, b)| a + b)
        .collect()
}

/// The frequency in which an answer to a code is spoken; without one, of anything else.
pub(crate) fn code_hz(code: Option<u8>) -> f64 {
    code.map_or(NEUTRAL_HZ, |code| 600.0 + 150.0 * f64::from(code))
}

/// `count` samples of a sine, from its zero.
pub(crate) fn sine(hz: f64, rate_hz: u32, count: usize, amplitude: f64) -> Vec<i16> {
    let step = hz * TAU / f64::from(rate_hz);
    (0..count)
        .map(|at| ((at as f64 * step).sin() * amplitude) as i16)
        .collect()
}

/// The candidate with most energy by Goertzel's filter, and its share of all energy (1 for a pure tone).
fn strongest<T>(
    samples: &[i16],
    rate_hz: u32,
    candidates: impl Iterator<Item = (T, f64)>,
) -> Option<(T, f64)> {
    let energy: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum();
    if energy <= 0.0 {
        return None;
    }
    let (names, turns): (Vec<T>, Vec<f64>) = candidates
        .map(|(what, hz)| (what, 2.0 * (hz * TAU / f64::from(rate_hz)).cos()))
        .unzip();
    let powers = turns.chunks(LANES).flat_map(|turns| powers(samples, turns));
    names
        .into_iter()
        .zip(powers)
        .map(|(what, power)| (what, 2.0 * power / (samples.len() as f64 * energy)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Filters that run side by side: one alone waits for its own last sum at every sample.
const LANES: usize = 8;

/// The power of up to [`LANES`] frequencies by Goertzel's filter; a frequency is twice the cosine of its step.
fn powers(samples: &[i16], turns: &[f64]) -> [f64; LANES] {
    let turn: [f64; LANES] = std::array::from_fn(|lane| turns.get(lane).copied().unwrap_or(0.0));
    let (mut last, mut before) = ([0.0; LANES], [0.0; LANES]);
    for &sample in samples {
        let sample = f64::from(sample);
        let next = std::array::from_fn(|lane| sample + turn[lane] * last[lane] - before[lane]);
        (before, last) = (last, next);
    }
    std::array::from_fn(|lane| {
        let (last, before) = (last[lane], before[lane]);
        last * last + before * before - turn[lane] * last * before
    })
}

/// A number that a text carries, as "reference 1700104": which piece of speech it was, and its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Of the piece of speech; every connection to the recogniser counts its own.
    pub(crate) id: u64,
    /// Its code; `None` if the marker was not clear.
    pub(crate) code: Option<u8>,
}

/// Stands for "no code" in a reference.
const NO_CODE: u64 = 99;

impl Reference {
    /// As it is written.
    pub(crate) fn number(self) -> u64 {
        self.id * 100 + self.code.map_or(NO_CODE, u64::from)
    }

    /// All in a text, with the byte where each begins.
    pub(crate) fn all(text: &str) -> Vec<(usize, Self)> {
        text.match_indices("eference ")
            .filter_map(|(at, word)| {
                let digits = text.get(at + word.len()..)?;
                let end = digits
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(digits.len());
                let number: u64 = digits.get(..end)?.parse().ok()?;
                let code = u8::try_from(number % 100).ok().filter(|code| *code < CODES);
                (number >= 100).then_some((
                    at.saturating_sub(1),
                    Self {
                        id: number / 100,
                        code,
                    },
                ))
            })
            .collect()
    }

    /// The last in a text.
    pub(crate) fn last(text: &str) -> Option<Self> {
        Self::all(text).pop().map(|(_, reference)| reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_media::g711::{mulaw_decode, mulaw_encode};

    #[test]
    fn every_marker_is_read_through_line_noise_and_mulaw() {
        let mut random = 7u32;
        for marker in Marker::all() {
            let samples: Vec<i16> = sine(marker.hz(), 8_000, 1_280, 50.0)
                .into_iter()
                .map(|s| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    mulaw_decode(mulaw_encode(s + (random >> 16) as i16 % 15))
                })
                .collect();
            assert_eq!(Marker::read(&samples, 8_000), Some(marker));
            assert_eq!(Marker::all().nth(marker.place()), Some(marker));
        }
    }

    #[test]
    fn an_answer_closes_in_its_own_code_and_nowhere_else() {
        for code in (0..CODES).map(Some).chain([None]) {
            let own = code.map_or(Spoken::Neutral, Spoken::Code);
            let coded = |samples: Vec<i16>| -> Vec<i16> {
                let codes = samples.into_iter().map(mulaw_encode);
                codes.map(mulaw_decode).collect()
            };
            let end = coded(closing(code, 8_000, 800, 8_000.0));
            for from in [0, 37, 600] {
                assert_eq!(Spoken::closing(&end[from..from + 160]), Some(own));
            }
            let middle = coded(sine(code_hz(code), 8_000, 160, 8_000.0));
            assert_eq!(Spoken::closing(&middle), None);
        }
        assert_eq!(Spoken::closing(&[0; 160]), None);
    }

    #[test]
    fn noise_and_silence_are_no_marker() {
        let mut random = crate::speech::Random::new(3);
        let noise: Vec<i16> = (0..1_280)
            .map(|_| (random.share() * 30.0) as i16 - 15)
            .collect();
        assert_eq!(Marker::read(&noise, 8_000), None);
        assert_eq!(Marker::read(&[0; 800], 8_000), None);
        assert_eq!(Marker::read(&[], 8_000), None);
        let loud = sine(code_hz(Some(3)), 8_000, 1_280, 300.0);
        assert_eq!(Marker::read(&loud, 8_000), None);
    }

    #[test]
    fn an_answer_is_told_by_40_ms_of_it() {
        for code in 0..CODES {
            let tone = sine(code_hz(Some(code)), 8_000, 320, 8_000.0);
            assert_eq!(Spoken::read(&tone), Spoken::Code(code));
        }
        assert_eq!(
            Spoken::read(&sine(440.0, 8_000, 320, 8_000.0)),
            Spoken::Neutral
        );
        let two: Vec<i16> = sine(600.0, 8_000, 160, 8_000.0)
            .into_iter()
            .chain(sine(1_950.0, 8_000, 160, 8_000.0))
            .collect();
        assert_eq!(Spoken::read(&two), Spoken::Unclear);
    }

    #[test]
    fn references_are_found_in_texts() {
        let text =
            "Reference 1700104 is booked. That was reference 1700299, reference x, reference 7.";
        assert_eq!(
            Reference::all(text),
            [
                (
                    0,
                    Reference {
                        id: 17_001,
                        code: Some(4)
                    }
                ),
                (
                    38,
                    Reference {
                        id: 17_002,
                        code: None
                    }
                )
            ]
        );
        assert_eq!(Reference::last("nothing"), None);
        assert_eq!(
            Reference {
                id: 17_001,
                code: Some(4)
            }
            .number(),
            1_700_104
        );
        assert_eq!(
            Reference {
                id: 17_002,
                code: None
            }
            .number(),
            1_700_299
        );
    }
}
