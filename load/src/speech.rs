//! What the callers say, cut into frames of 20 ms: see `speech/README.md` for the clips.

mod sounds;

use crate::tone::{Marker, sine};
use anyhow::{Context as _, Result};
pub(crate) use sounds::{Noise, Sounds};
use trunkline_media::FRAME;
use trunkline_media::g711::mulaw_encode;

/// 20 ms of mu-law.
pub(crate) type Frame = [u8; FRAME];

/// A sample above this is voice; everywhere in this crate, on both sides.
pub(crate) const VOICE_PEAK: u16 = 600;

/// Loudness of the marker: -56 dBFS, over noise of a third of it.
const MARKER_AMPLITUDE: f64 = 50.0;
const NOISE_AMPLITUDE: f64 = 15.0;

/// 10 ms.
const BLOCK: usize = FRAME / 2;
/// What counts as voice when a clip is cut: clearly more, so that coding it does not turn voice into silence.
const CLIP_PEAK: u16 = 800;
/// Longest silence within a clip, 10 ms blocks: a pause is only where the driver puts one.
const INNER_SILENCE_BLOCKS_MAX: usize = 6;

/// Everything that callers send.
pub(crate) struct Speech {
    /// Plain turns.
    pub(crate) whole: Vec<Vec<Frame>>,
    /// Hesitating turns: before the pause, and after it.
    pub(crate) halves: Vec<(Vec<Frame>, Vec<Frame>)>,
    /// Agrees to the recording.
    pub(crate) yes: Vec<Frame>,
    /// What is no interruption.
    pub(crate) sounds: Sounds,
    noise: Vec<Frame>,
    markers: Vec<Vec<Frame>>,
}

impl Speech {
    /// The bundled clips.
    ///
    /// # Errors
    /// A clip is not a WAV, or has no voice in it.
    pub(crate) fn bundled() -> Result<Self> {
        macro_rules! clip {
            ($name:literal) => {
                frames_of(include_bytes!(concat!("../speech/", $name, ".wav"))).context($name)?
            };
        }
        let mut random = Random::new(1);
        Ok(Self {
            whole: vec![clip!("whole-1"), clip!("whole-2"), clip!("whole-3")],
            halves: vec![
                (clip!("half-1a"), clip!("half-1b")),
                (clip!("half-2a"), clip!("half-2b")),
                (clip!("half-3a"), clip!("half-3b")),
            ],
            yes: clip!("yes"),
            sounds: Sounds::made(),
            noise: line_noise(&mut random, None, 50),
            markers: Marker::all()
                .map(|marker| line_noise(&mut random, Some(marker), 10))
                .collect(),
        })
    }

    /// Line noise, with a marker in it or without. `at` counts frames.
    pub(crate) fn noise(&self, marker: Option<Marker>, at: u64) -> &Frame {
        let frames = match marker {
            None => &self.noise,
            Some(marker) => &self.markers[marker.place()],
        };
        &frames[(at % frames.len() as u64) as usize]
    }
}

/// A clip's frames: its first and last frame are voiced, and silences within are short.
fn frames_of(wav: &[u8]) -> Result<Vec<Frame>> {
    let samples = trunkline_media::wav::read(wav)?.into_mono();
    let is_voiced = |block: &&[i16]| block.iter().any(|s| s.unsigned_abs() > CLIP_PEAK);
    let blocks: Vec<&[i16]> = samples.chunks_exact(BLOCK).collect();
    let first = blocks.iter().position(is_voiced);
    let last = blocks.iter().rposition(is_voiced);
    let (first, last) = first.zip(last).context("the clip holds no voice")?;
    let mut silent = 0;
    let mut kept: Vec<i16> = Vec::new();
    for block in &blocks[first..=last] {
        silent = if is_voiced(block) { 0 } else { silent + 1 };
        if silent <= INNER_SILENCE_BLOCKS_MAX {
            kept.extend(*block);
        }
    }
    // What is too much for whole frames goes at the beginning: the end of the voice must be exact.
    Ok(kept[kept.len() % FRAME..]
        .chunks_exact(FRAME)
        .map(encoded)
        .collect())
}

fn line_noise(random: &mut Random, marker: Option<Marker>, count: usize) -> Vec<Frame> {
    let tone = marker.map_or_else(
        || vec![0; count * FRAME],
        |marker| sine(marker.hz(), 8_000, count * FRAME, MARKER_AMPLITUDE),
    );
    let noisy: Vec<i16> = tone
        .into_iter()
        .map(|s| s + ((random.share() * 2.0 - 1.0) * NOISE_AMPLITUDE) as i16)
        .collect();
    noisy.chunks_exact(FRAME).map(encoded).collect()
}

fn encoded(samples: &[i16]) -> Frame {
    let mut frame = [0; FRAME];
    for (code, &sample) in frame.iter_mut().zip(samples) {
        *code = mulaw_encode(sample);
    }
    frame
}

/// Pseudo-random numbers that a seed makes again (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    /// A sequence of its own for every seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to 1, without 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_media::g711::mulaw_decode;

    #[test]
    fn every_clip_ends_in_voice_and_pauses_only_where_it_is_told_to() {
        let speech = Speech::bundled().unwrap();
        let halves = speech.halves.iter().flat_map(|(a, b)| [a, b]);
        for clip in speech.whole.iter().chain(halves).chain([&speech.yes]) {
            let samples: Vec<i16> = clip
                .iter()
                .flatten()
                .map(|&code| mulaw_decode(code))
                .collect();
            let silent: Vec<bool> = samples
                .chunks(BLOCK)
                .map(|block| block.iter().all(|s| s.unsigned_abs() <= VOICE_PEAK))
                .collect();
            assert_eq!(silent.last(), Some(&false));
            let longest = silent.split(|s| !s).map(<[bool]>::len).max();
            assert!(longest <= Some(INNER_SILENCE_BLOCKS_MAX + 1), "{longest:?}");
            let ms = clip.len() * 20;
            assert!((700..2_600).contains(&ms), "{ms}");
        }
        let loud = speech
            .noise(Some(Marker::Consent), 3)
            .iter()
            .any(|&c| mulaw_decode(c).unsigned_abs() > 100);
        assert!(!loud);
    }
}
