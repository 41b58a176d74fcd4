//! A long recording in stretches, each cut where it is quietest near its end.

use trunkline_core::journal::SAMPLES_PER_SECOND;
use trunkline_media::g711::mulaw_decode;

/// The longest stretch: a minute.
pub(super) const STRETCH_SAMPLES_MAX: u64 = 60 * SAMPLES_PER_SECOND;
/// A cut is looked for in so many samples at the end: 15 s.
const LOOKED_AT: usize = 15 * SAMPLES_PER_SECOND as usize;
const FRAME: usize = SAMPLES_PER_SECOND as usize / 5;

/// Where to cut mu-law sound that goes on: in the middle of its quietest fifth of a second of the last 15 s.
pub(super) fn cut(sound: &[u8]) -> usize {
    let start = sound.len().saturating_sub(LOOKED_AT);
    let loudness = |frame: &[u8]| -> u64 {
        let samples = frame
            .iter()
            .map(|byte| u64::from(mulaw_decode(*byte).unsigned_abs()));
        samples.sum()
    };
    let frames = sound[start..].chunks_exact(FRAME).enumerate();
    // Of equally quiet ones the last.
    let quietest = frames.min_by_key(|(at, frame)| (loudness(frame), std::cmp::Reverse(*at)));
    quietest.map_or(sound.len(), |(at, _)| start + at * FRAME + FRAME / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::journal::SILENCE;

    #[test]
    fn it_is_cut_in_a_pause() {
        let loud = vec![0_u8; STRETCH_SAMPLES_MAX as usize];
        let end = loud.len();
        let with_pause = |from: usize, length: usize| {
            let mut sound = loud.clone();
            sound[from..from + length].fill(SILENCE);
            sound
        };
        let at = cut(&with_pause(end - 40_000, 4_000));
        assert!((end - 40_000..end - 36_000).contains(&at), "{at}");
        // A pause that is too early shortens nothing.
        assert!(cut(&with_pause(8_000, 4_000)) > end - LOOKED_AT);
        assert_eq!(cut(&[]), 0);
        assert_eq!(cut(&loud[..100]), 100);
    }
}
