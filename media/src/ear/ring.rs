//! The last samples of a line.

use std::ops::Range;

/// The last samples of a line, addressed by their position since its start.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    pub(super) samples: Vec<i16>,
    pub(super) written: u64,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            samples: vec![0; capacity],
            written: 0,
        }
    }

    pub(super) fn extend(&mut self, mut samples: &[i16]) {
        let capacity = self.samples.len();
        while !samples.is_empty() {
            let at = (self.written % capacity as u64) as usize;
            let (piece, rest) = samples.split_at(samples.len().min(capacity - at));
            self.samples[at..at + piece.len()].copy_from_slice(piece);
            self.written += piece.len() as u64;
            samples = rest;
        }
    }

    pub(super) fn copy(&self, from: u64, to: u64, out: &mut Vec<i16>) -> Range<u64> {
        let capacity = self.samples.len() as u64;
        let to = to.min(self.written);
        let from = from.max(self.written.saturating_sub(capacity)).min(to);
        let mut at = from;
        while at < to {
            let start = at % capacity;
            let count = (to - at).min(capacity - start);
            out.extend_from_slice(&self.samples[start as usize..(start + count) as usize]);
            at += count;
        }
        from..to
    }
}
