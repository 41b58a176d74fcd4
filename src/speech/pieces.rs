//! Long sound in pieces a recogniser hears well, cut where it is quietest.

use std::ops::Range;

const RATE: usize = 8_000;
/// The longest piece, in samples: 20 s.
pub(super) const PIECE_SAMPLES_MAX: usize = 20 * RATE;
/// A cut is looked for from here on: 12 s.
const PIECE_SAMPLES_MIN: usize = 12 * RATE;
const FRAME: usize = RATE / 10;

/// Ranges that cover all of `sound` (8 kHz) in order.
pub(super) fn pieces(sound: &[i16]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while sound.len() - start > PIECE_SAMPLES_MAX {
        let window = sound
            .get(start + PIECE_SAMPLES_MIN..start + PIECE_SAMPLES_MAX)
            .unwrap_or_default();
        let quietest = window
            .chunks_exact(FRAME)
            .enumerate()
            .min_by_key(|(_, frame)| energy(frame))
            .map_or(0, |(index, _)| index);
        let cut = start + PIECE_SAMPLES_MIN + quietest * FRAME + FRAME / 2;
        pieces.push(start..cut);
        start = cut;
    }
    pieces.push(start..sound.len());
    pieces
}

fn energy(frame: &[i16]) -> u64 {
    frame
        .iter()
        .map(|sample| u64::from(sample.unsigned_abs()).pow(2))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_sound_is_one_piece() {
        for length in [0, 1, PIECE_SAMPLES_MAX] {
            let found = pieces(&vec![0; length]);
            assert_eq!((found.len(), found.first()), (1, Some(&(0..length))));
        }
    }

    #[test]
    fn long_sound_is_cut_in_its_pause() {
        let mut sound = vec![1_000_i16; 30 * RATE];
        sound[15 * RATE..15 * RATE + 2 * FRAME].fill(0);
        let pieces = pieces(&sound);
        assert_eq!(pieces.len(), 2);
        assert!((15 * RATE..15 * RATE + 2 * FRAME).contains(&pieces[0].end));
        assert_eq!(pieces[0].end, pieces[1].start);
        assert_eq!(pieces[1].end, sound.len());
    }

    #[test]
    fn no_piece_is_too_long_even_without_a_pause() {
        let sound = vec![1_000_i16; 100 * RATE];
        for piece in pieces(&sound) {
            assert!(piece.len() <= PIECE_SAMPLES_MAX && !piece.is_empty());
        }
    }
}
