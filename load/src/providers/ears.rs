//! What the fake recognisers hear: voice by its level, the caller's marker by its tone. The words are always the same; how
//! many of them are known depends on how long the voice has lasted.

#[cfg(test)]
mod tests;

use super::tones::Format;
use crate::clock::Micros;
use crate::speech::VOICE_PEAK;
use crate::tone::{Marker, Reference};
use trunkline_media::g711::mulaw_decode;

/// Voice for so long begins speech, 10 ms blocks.
const ONSET_BLOCKS: u32 = 3;
/// Nobody makes a word of less voice.
const WORD_MS_MIN: u64 = 120;
/// A word comes every so often.
const WORD_MS: u64 = 250;
/// Silence that can hold a marker.
const MARKER_SILENCE_MS: u64 = 100;
/// What is kept of the past for it.
const PAST_MS: u64 = 400;

const WORDS: [&str; 9] = [
    "Good", "morning,", "could", "we", "please", "move", "my", "visit", "to",
];

/// When it says what, milliseconds of voice or silence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    pub(super) first_interim_ms: u64,
    pub(super) next_interim_ms: u64,
    /// Silence after which all words so far are told; `None`: never.
    pub(super) whole_ms: Option<u64>,
    /// Silence that ends the speech; `None`: only when asked.
    pub(super) end_ms: Option<u64>,
    /// Silence after which [`Heard::LongSilence`] follows a final.
    pub(super) long_ms: Option<u64>,
}

/// What it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Speech began.
    Started,
    /// Some words are known.
    Growing,
    /// All words up to the silence are known.
    Whole,
    /// Voice again after [`Heard::Whole`].
    Resumed,
    /// The speech is over.
    Ended,
    /// Nothing was said for long.
    LongSilence,
}

/// Speech as it is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// Which piece of speech; `None` if there is none.
    pub(super) reference: Option<Reference>,
    /// The words.
    pub(super) words: Vec<String>,
    /// Its beginning and end in the audio, ms.
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

/// One connection's ears.
pub(super) struct Ears {
    manners: Manners,
    format: Format,
    /// Mu-law codes are as loud as their low seven bits are small: up to here they are voice.
    voice_bits_max: u8,
    connection: u64,
    /// Pieces of speech so far.
    piece: u64,
    marker: Option<Marker>,
    heard_ms: u64,
    speech_from_ms: Option<u64>,
    last_voice_ms: u64,
    /// When the block with the last voice came.
    last_voice_at: Micros,
    voiced_blocks: u32,
    is_silent: bool,
    is_whole: bool,
    is_ended: bool,
    next_interim_ms: u64,
    /// Less than a block, as it came.
    rest: Vec<u8>,
    /// The latest audio, as it came: only a marker is worth decoding.
    past: Vec<u8>,
}

impl Ears {
    pub(super) fn new(manners: Manners, format: Format, connection: u64) -> Self {
        let is_voice = |bits: &u8| mulaw_decode(*bits).unsigned_abs() > VOICE_PEAK;
        Self {
            manners,
            format,
            voice_bits_max: (0..0x80).rfind(is_voice).unwrap_or(0),
            connection,
            piece: 0,
            marker: None,
            heard_ms: 0,
            speech_from_ms: None,
            last_voice_ms: 0,
            last_voice_at: 0,
            voiced_blocks: 0,
            is_silent: true,
            is_whole: false,
            is_ended: false,
            next_interim_ms: 0,
            rest: Vec::new(),
            past: Vec::new(),
        }
    }

    /// Audio so far, ms.
    pub(super) fn heard_ms(&self) -> u64 {
        self.heard_ms
    }

    /// When the last voice came.
    pub(super) fn last_voice_at(&self) -> Micros {
        self.last_voice_at
    }

    /// Whether something is being said.
    pub(super) fn is_speech(&self) -> bool {
        self.speech_from_ms.is_some()
    }

    /// Whether a tone told what is being said.
    pub(super) fn is_announced(&self) -> bool {
        self.marker.is_some()
    }

    fn bytes_in(&self, ms: u64) -> usize {
        let samples = (u64::from(self.format.rate_hz) * ms / 1_000) as usize;
        samples * if self.format.is_mulaw { 1 } else { 2 }
    }

    fn is_voice(&self, block: &[u8]) -> bool {
        if self.format.is_mulaw {
            return block.iter().any(|code| code & 0x7F <= self.voice_bits_max);
        }
        linear(block).any(|sample| sample.unsigned_abs() > VOICE_PEAK)
    }

    /// More audio; `tell` is given every event with what is known by then.
    pub(super) fn hear(&mut self, now: Micros, audio: &[u8], mut tell: impl FnMut(&Self, Heard)) {
        let mut waiting = std::mem::take(&mut self.rest);
        waiting.extend(audio);
        let block = self.bytes_in(10).max(1);
        for heard in waiting.chunks_exact(block) {
            self.heard_ms += 10;
            if self.is_voice(heard) {
                self.voice(now, &mut tell);
            } else {
                self.silence(&mut tell);
            }
            self.past.extend(heard);
            let kept = self.bytes_in(PAST_MS);
            if self.past.len() > 2 * kept {
                self.past.drain(..self.past.len() - kept);
            }
            if self.is_speech() && !self.is_whole && self.heard_ms >= self.next_interim_ms {
                self.next_interim_ms = self.heard_ms + self.manners.next_interim_ms;
                tell(self, Heard::Growing);
            }
        }
        waiting.drain(..waiting.len() / block * block);
        self.rest = waiting;
    }

    fn voice(&mut self, now: Micros, tell: &mut impl FnMut(&Self, Heard)) {
        let silence_ms = self.heard_ms - 10 - self.last_voice_ms;
        if self.is_silent && silence_ms >= MARKER_SILENCE_MS {
            self.read_marker(silence_ms);
        }
        self.is_silent = false;
        if std::mem::take(&mut self.is_whole) {
            // What was taken for all of it was not; what comes now is another piece.
            tell(self, Heard::Resumed);
            self.piece += 1;
        }
        self.voiced_blocks += 1;
        self.last_voice_ms = self.heard_ms;
        self.last_voice_at = now;
        if !self.is_speech() && self.voiced_blocks >= ONSET_BLOCKS {
            let from_ms = self.heard_ms - 10 * u64::from(ONSET_BLOCKS);
            self.speech_from_ms = Some(from_ms);
            self.piece += 1;
            self.is_ended = false;
            self.next_interim_ms = from_ms + self.manners.first_interim_ms;
            tell(self, Heard::Started);
        }
    }

    fn silence(&mut self, tell: &mut impl FnMut(&Self, Heard)) {
        self.is_silent = true;
        if !self.is_speech() {
            self.voiced_blocks = 0;
        }
        let silence_ms = self.heard_ms - self.last_voice_ms;
        let is_past = |limit: Option<u64>| limit.is_some_and(|limit| silence_ms >= limit);
        if self.is_speech() && is_past(self.manners.end_ms) {
            tell(self, Heard::Ended);
            self.end();
        } else if self.is_speech() && !self.is_whole && is_past(self.manners.whole_ms) {
            self.is_whole = true;
            tell(self, Heard::Whole);
        } else if self.is_ended && is_past(self.manners.long_ms) {
            self.is_ended = false;
            tell(self, Heard::LongSilence);
        }
    }

    /// The speech is over, whoever says so.
    pub(super) fn end(&mut self) {
        self.is_ended |= self.is_speech();
        self.speech_from_ms = None;
        self.is_whole = false;
        self.voiced_blocks = 0;
    }

    /// Reads the silence before the voice, but not its last part, which voice may have begun in.
    fn read_marker(&mut self, silence_ms: u64) {
        let end = self.past.len().saturating_sub(self.bytes_in(20));
        let from = end.saturating_sub(self.bytes_in((silence_ms - 20).min(160)));
        let past = &self.past[from..end];
        let samples: Vec<i16> = if self.format.is_mulaw {
            past.iter().map(|&code| mulaw_decode(code)).collect()
        } else {
            linear(past).collect()
        };
        self.marker = Marker::read(&samples, self.format.rate_hz);
    }

    /// What is known of the speech; `all`: with its reference, as only silence tells. The words depend on the voice alone.
    pub(super) fn words(&self, all: bool) -> Words {
        let Some(from_ms) = self.speech_from_ms else {
            return Words {
                reference: None,
                words: Vec::new(),
                from_ms: self.heard_ms,
                to_ms: self.heard_ms,
            };
        };
        let to_ms = self.last_voice_ms.max(from_ms);
        let lasted_ms = if all { to_ms } else { self.heard_ms } - from_ms;
        let (code, is_half) = match self.marker {
            Some(told @ (Marker::Consent | Marker::Sound | Marker::Backchannel)) => {
                return Words {
                    reference: None,
                    words: unnumbered(told),
                    from_ms,
                    to_ms,
                };
            }
            Some(Marker::Words { code, is_half }) => (Some(code), is_half),
            None => (None, false),
        };
        if lasted_ms < WORD_MS_MIN {
            return Words {
                reference: None,
                words: Vec::new(),
                from_ms,
                to_ms,
            };
        }
        let known = ((lasted_ms / WORD_MS) as usize).clamp(1, WORDS.len());
        let mut words: Vec<String> = WORDS[..known]
            .iter()
            .map(|word| (*word).to_owned())
            .collect();
        let reference = Reference {
            id: self.connection * 10_000 + self.piece,
            code,
        };
        if all {
            words.push("reference".to_owned());
            words.push(reference.number().to_string());
            if is_half {
                // A sentence that is not finished looks so.
                words.push("and".to_owned());
            } else if let Some(last) = words.last_mut() {
                last.push('.');
            }
        }
        Words {
            reference: Some(reference),
            words,
            from_ms,
            to_ms,
        }
    }
}

/// Samples of 16 bits, little end first.
fn linear(bytes: &[u8]) -> impl Iterator<Item = i16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
}

/// The words of what carries no number.
fn unnumbered(told: Marker) -> Vec<String> {
    let words: &[&str] = match told {
        Marker::Consent => &["Yes,", "that", "is", "fine."],
        Marker::Backchannel => &["Mm-hm."],
        Marker::Sound | Marker::Words { .. } => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}
