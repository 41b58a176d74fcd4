//! Exact 20 ms frames out of whatever a carrier sends: only one of them promises its message size.

use crate::FRAME;

/// Collects samples into frames of [`FRAME`]; fewer than one frame is ever held.
#[derive(Debug, Clone)]
pub struct Framer {
    frame: [i16; FRAME],
    filled: usize,
}

impl Default for Framer {
    fn default() -> Self {
        Self {
            frame: [0; FRAME],
            filled: 0,
        }
    }
}

impl Framer {
    /// Takes samples off the front of `samples` until a frame is whole, and returns it; `None` when `samples` ran out
    /// first. Call it until it returns `None`.
    pub fn next(&mut self, samples: &mut &[i16]) -> Option<&[i16; FRAME]> {
        if self.filled == FRAME {
            self.filled = 0;
        }
        let count = samples.len().min(FRAME - self.filled);
        let (taken, rest) = samples.split_at(count);
        self.frame[self.filled..self.filled + count].copy_from_slice(taken);
        self.filled += count;
        *samples = rest;
        (self.filled == FRAME).then_some(&self.frame)
    }

    /// Samples waiting for the rest of their frame.
    pub fn pending(&self) -> usize {
        self.filled % FRAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_in_gives_exact_frames_out() {
        let samples: Vec<i16> = (0..70_000).map(|n| n as i16).collect();
        for size in [1, 3, 159, 160, 161, 320, 1000, 65_536] {
            let mut framer = Framer::default();
            let mut out = Vec::new();
            for mut piece in samples.chunks(size) {
                while let Some(frame) = framer.next(&mut piece) {
                    out.extend_from_slice(frame);
                }
                assert!(piece.is_empty());
            }
            assert_eq!(out.len(), 70_000 / FRAME * FRAME, "size {size}");
            assert_eq!(out, samples[..out.len()], "size {size}");
            assert_eq!(framer.pending(), 70_000 % FRAME, "size {size}");
        }
    }
}
