//! What the carrier holds: chunks sent and not confirmed, when they should play, and the marks behind them.

use std::collections::{VecDeque, vec_deque};

use super::script::Piece;
use super::{LEAD_MS_MAX, MouthSettings};
use crate::SAMPLES_PER_MS;

/// A mark this much earlier than its audio can have ended was echoed on receipt, not after playing.
const EARLY_MS: u64 = 60;

/// Audio that could be sent together with more that is on its way goes out when the carrier has this little left.
const LOW_MS: u64 = 60;

/// Audio at the carrier. Positions are samples of the script, times are samples of the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub(super) seq: u32,
    pub(super) reply: u32,
    pub(super) from: u64,
    pub(super) to: u64,
    /// It was sent before the one before it can have ended.
    pub(super) follows: bool,
    pub(super) sent_at: u64,
    pub(super) play_from: u64,
    play_to: u64,
    /// Its mark came back before it can have been played.
    echoed: bool,
}

/// What an echo confirmed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed {
    /// Everything before this position was heard; `None` when that remains for the clock to say.
    pub(super) to: Option<u64>,
    /// Earlier chunks confirmed with it that had no echo of their own.
    pub(super) skipped: u64,
}

/// The carrier's queue as we believe it to be.
#[derive(Debug, Clone)]
pub(super) struct Playout {
    lead: u64,
    grace: u64,
    latency: u64,
    latency_known: bool,
    epoch: u32,
    next_seq: u32,
    chunks: VecDeque<Chunk>,
    /// When the carrier runs dry if it plays as we send.
    play_end: u64,
    /// When the chunk before the first outstanding one was confirmed.
    confirmed_at: u64,
}

pub(super) fn samples(ms: u64) -> u64 {
    ms.saturating_mul(SAMPLES_PER_MS)
}

impl Playout {
    pub(super) fn new(settings: &MouthSettings) -> Self {
        Self {
            lead: samples(settings.lead_ms.min(LEAD_MS_MAX).into()),
            grace: samples(settings.mark_grace_ms.min(60_000).into()),
            latency: samples(settings.latency_ms.min(2_000).into()),
            latency_known: false,
            epoch: 1,
            next_seq: 0,
            chunks: VecDeque::with_capacity(256),
            play_end: 0,
            confirmed_at: 0,
        }
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The first chunk not confirmed.
    pub(super) fn in_play(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    pub(super) fn holds(&self, reply: u32) -> bool {
        self.chunks.iter().any(|chunk| chunk.reply == reply)
    }

    /// When a chunk of `length` samples may be sent.
    pub(super) fn send_due_ms(&self, length: u64) -> u64 {
        let ahead = self.lead.saturating_sub(length);
        self.play_end.saturating_sub(ahead).div_ceil(SAMPLES_PER_MS)
    }

    /// When audio that came at `since_ms` and could be sent together with more must go: before the carrier runs dry, or,
    /// if it had nothing, `gather_ms` later.
    pub(super) fn hold_due_ms(&self, since_ms: u64, gather_ms: u64) -> u64 {
        if self.play_end > samples(since_ms) {
            (self.play_end / SAMPLES_PER_MS).saturating_sub(LOW_MS)
        } else {
            since_ms.saturating_add(gather_ms)
        }
    }

    /// All that was sent has been played, by the clock.
    pub(super) fn dry(&self, now_ms: u64) -> bool {
        self.play_end < samples(now_ms)
    }

    pub(super) fn sent(&mut self, now_ms: u64, piece: Piece) -> Chunk {
        let sent_at = samples(now_ms);
        let play_from = self.play_end.max(sent_at);
        let play_to = play_from + (piece.to - piece.from);
        let chunk = Chunk {
            seq: self.next_seq,
            reply: piece.reply,
            from: piece.from,
            to: piece.to,
            follows: self.play_end >= sent_at.max(1),
            sent_at,
            play_from,
            play_to,
            echoed: false,
        };
        self.next_seq = self.next_seq.wrapping_add(1);
        self.play_end = play_to;
        self.chunks.push_back(chunk);
        chunk
    }

    /// Takes the echo of a mark of this epoch, and shows the chunks it confirms; `None` when no such mark is
    /// outstanding.
    pub(super) fn echoed(
        &mut self,
        now_ms: u64,
        epoch: u32,
        seq: u32,
        played: impl FnOnce(u64, vec_deque::Iter<'_, Chunk>),
    ) -> Option<Confirmed> {
        let index = self
            .chunks
            .iter()
            .position(|chunk| chunk.seq == seq)
            .filter(|_| epoch == self.epoch)?;
        let chunk = self.chunks[index];
        let now = samples(now_ms);
        if chunk.echoed {
            return None;
        }
        if now + samples(EARLY_MS) < chunk.play_to {
            for chunk in self.chunks.iter_mut().take(index + 1) {
                chunk.echoed = true;
            }
            return Some(Confirmed {
                to: None,
                skipped: 0,
            });
        }
        let late = now.saturating_sub(chunk.play_to).min(samples(2_000));
        self.latency = if self.latency_known {
            self.latency.min(late)
        } else {
            late
        };
        self.latency_known = true;
        self.confirmed_at = now;
        played(self.latency, self.chunks.range(..=index));
        let skipped = self
            .chunks
            .drain(..=index)
            .take(index)
            .filter(|chunk| !chunk.echoed)
            .count() as u64;
        Some(Confirmed {
            to: Some(chunk.to),
            skipped,
        })
    }

    /// The next chunk that counts as played by the clock alone, and whether its mark had been echoed early.
    pub(super) fn expire(&mut self, now_ms: u64) -> Option<(Chunk, bool)> {
        let chunk = *self.chunks.front()?;
        let due = self.expires_at(&chunk);
        if due > samples(now_ms) {
            return None;
        }
        self.chunks.pop_front();
        self.confirmed_at = due;
        Some((chunk, chunk.echoed))
    }

    pub(super) fn expire_due_ms(&self) -> Option<u64> {
        self.chunks
            .front()
            .map(|chunk| self.expires_at(chunk).div_ceil(SAMPLES_PER_MS))
    }

    fn expires_at(&self, chunk: &Chunk) -> u64 {
        chunk.play_to
            + if chunk.echoed {
                self.latency.min(self.grace)
            } else {
                self.grace
            }
    }

    /// How far was heard at this time, given what is confirmed: at most to the end of the first outstanding chunk.
    pub(super) fn heard(&self, now_ms: u64, confirmed: u64) -> u64 {
        let in_play = self.in_play_to(now_ms);
        in_play.map_or(confirmed, |(_, to)| confirmed.max(to))
    }

    /// The first outstanding chunk, and how far it was heard at this time. It may say again what was heard before.
    pub(super) fn in_play_to(&self, now_ms: u64) -> Option<(&Chunk, u64)> {
        let chunk = self.chunks.front()?;
        // It cannot have begun before its predecessor was known to be over, nor before it reached the carrier.
        let began = chunk
            .play_from
            .max(self.confirmed_at)
            .max(chunk.sent_at + self.latency);
        let elapsed = samples(now_ms).saturating_sub(began);
        Some((chunk, (chunk.from + elapsed).min(chunk.to)))
    }

    /// Time from sending audio to its mark, as far as known.
    pub(super) fn latency(&self) -> u64 {
        self.latency
    }

    /// Forgets everything outstanding and starts a new epoch; false when nothing was.
    pub(super) fn clear(&mut self) -> bool {
        if self.chunks.is_empty() {
            return false;
        }
        self.chunks.clear();
        self.epoch = self.epoch.wrapping_add(1);
        self.play_end = 0;
        true
    }
}
