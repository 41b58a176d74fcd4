//! The audio of what is said, part after part on the line of positions.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::SAMPLES_PER_MS;

/// Parts that grow a clause are joined up to this length, so that a voice that speaks in crumbs costs no more memory
/// than another.
const JOINED_MAX: usize = 100 * SAMPLES_PER_MS as usize;

#[derive(Debug, Clone)]
struct Part {
    reply: u32,
    start: u64,
    audio: Arc<[u8]>,
}

impl Part {
    fn end(&self) -> u64 {
        self.start + self.audio.len() as u64
    }
}

/// Parts in order of their positions; there may be holes between them.
#[derive(Debug, Clone)]
pub(super) struct Reel {
    parts: VecDeque<Part>,
}

impl Reel {
    pub(super) fn new() -> Self {
        Self {
            parts: VecDeque::with_capacity(128),
        }
    }

    /// Adds audio of a reply at a position behind all others.
    pub(super) fn push(&mut self, reply: u32, start: u64, audio: Arc<[u8]>) {
        self.parts.push_back(Part {
            reply,
            start,
            audio,
        });
    }

    /// Adds audio of a clause that began at `begun`, right behind what is there of it.
    pub(super) fn grow(&mut self, reply: u32, begun: u64, start: u64, audio: Arc<[u8]>) {
        let last = self.parts.back_mut().filter(|last| {
            last.start >= begun
                && last.end() == start
                && last.audio.len() + audio.len() <= JOINED_MAX
        });
        match last {
            Some(last) => last.audio = [&last.audio[..], &audio[..]].concat().into(),
            None => self.push(reply, start, audio),
        }
    }

    /// The audio from one position to another; gathered in `scratch` when it spans parts.
    pub(super) fn bytes<'a>(&'a self, from: u64, to: u64, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        scratch.clear();
        for (audio, start, end) in self.within(from, to) {
            let bytes = &audio[start..end];
            if bytes.len() as u64 == to - from {
                return bytes;
            }
            scratch.extend_from_slice(bytes);
        }
        scratch
    }

    /// The parts from one position to another: the audio of each, and from where to where in it.
    pub(super) fn within(
        &self,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = (&Arc<[u8]>, usize, usize)> {
        let first = self.parts.partition_point(|part| part.end() <= from);
        self.parts
            .range(first..)
            .take_while(move |part| part.start < to)
            .map(move |part| {
                let start = from.saturating_sub(part.start) as usize;
                let end = (to - part.start).min(part.audio.len() as u64) as usize;
                (&part.audio, start, end)
            })
    }

    /// Lets go of what ends here or before.
    pub(super) fn forget_before(&mut self, position: u64) {
        while self
            .parts
            .front()
            .is_some_and(|part| part.end() <= position)
        {
            self.parts.pop_front();
        }
    }

    /// Lets go of a reply.
    pub(super) fn forget(&mut self, reply: u32) {
        self.parts.retain(|part| part.reply != reply);
    }

    pub(super) fn forget_all(&mut self) {
        self.parts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(bytes: &[u8]) -> Arc<[u8]> {
        bytes.into()
    }

    #[test]
    fn crumbs_are_joined_within_a_clause() {
        let mut reel = Reel::new();
        reel.push(1, 0, audio(&[1, 2, 3]));
        for (at, byte) in (3_u64..).zip([4, 5, 6, 7]) {
            reel.grow(1, 3, at, audio(&[byte]));
        }
        assert_eq!(reel.parts.len(), 2);
        reel.grow(1, 3, 7, vec![8; JOINED_MAX - 4].into());
        assert_eq!(reel.parts.len(), 2, "full");
        reel.grow(1, 3, 3 + JOINED_MAX as u64, audio(&[9]));
        assert_eq!(reel.parts.len(), 3);
        let mut scratch = Vec::new();
        assert_eq!(reel.bytes(1, 6, &mut scratch), [2, 3, 4, 5, 6]);
        assert_eq!(reel.bytes(4, 6, &mut scratch), [5, 6]);
    }

    #[test]
    fn what_is_forgotten_leaves_a_hole() {
        let mut reel = Reel::new();
        for (reply, start) in [(1, 0), (2, 2), (1, 4), (3, 6)] {
            reel.push(reply, start, audio(&[start as u8; 2]));
        }
        reel.forget(1);
        let found: Vec<_> = reel
            .within(0, 7)
            .map(|(audio, from, to)| audio[from..to].to_vec())
            .collect();
        assert_eq!(found, [vec![2, 2], vec![6]]);
        reel.forget_before(4);
        assert_eq!(reel.within(0, 8).count(), 1);
        reel.forget_all();
        assert_eq!(reel.within(0, 8).count(), 0);
    }
}
