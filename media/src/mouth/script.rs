//! What is to be said: clauses end to end on one line of positions, how far they were sent and how far heard.
//!
//! Positions only grow. A cancelled clause leaves a hole that is stepped over.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Fact, Position, QUEUED_MS_MAX, SayError};
use crate::{FRAME, SAMPLES_PER_MS, g711};

const CLAUSES_MAX: usize = 2_048;
const REPLIES_MAX: usize = 256;
const CANCELLED_KEPT: usize = 8;

/// How far back a resume may begin, in samples.
const REWIND: u64 = 400 * SAMPLES_PER_MS;

#[derive(Debug, Clone)]
struct Clause {
    reply: u32,
    clause: u16,
    audio: Arc<[u8]>,
    start: u64,
    /// `Heard` was told of its beginning, and of all of it.
    begun: bool,
    whole: bool,
}

impl Clause {
    fn end(&self) -> u64 {
        self.start + self.audio.len() as u64
    }

    fn position(&self, heard: u64) -> Position {
        let heard = heard.clamp(self.start, self.end()) - self.start;
        Position {
            reply: self.reply,
            clause: self.clause,
            heard_ms: (heard / SAMPLES_PER_MS) as u32,
            clause_ms: (self.audio.len() as u64 / SAMPLES_PER_MS) as u32,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Reply {
    id: u32,
    started: bool,
    ended: bool,
    last_end: u64,
}

/// Audio to send next, of one reply.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) reply: u32,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// All that was said and is not over.
#[derive(Debug, Clone)]
pub(super) struct Script {
    clauses: VecDeque<Clause>,
    replies: VecDeque<Reply>,
    cancelled: VecDeque<u32>,
    /// Where the next clause begins.
    tail: u64,
    /// Everything before was handed to the carrier.
    sent: u64,
    /// Everything before was heard.
    heard: u64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            clauses: VecDeque::with_capacity(64),
            replies: VecDeque::with_capacity(8),
            cancelled: VecDeque::with_capacity(CANCELLED_KEPT),
            tail: 0,
            sent: 0,
            heard: 0,
        }
    }
}

impl Script {
    pub(super) fn say(
        &mut self,
        reply: u32,
        clause: u16,
        audio: Arc<[u8]>,
    ) -> Result<(), SayError> {
        if self.cancelled.contains(&reply) {
            return Err(SayError::Cancelled);
        }
        let known = self.replies.iter().position(|known| known.id == reply);
        if known.is_some_and(|index| self.replies[index].ended) {
            return Err(SayError::Ended);
        }
        let length = audio.len() as u64;
        let room = (QUEUED_MS_MAX * SAMPLES_PER_MS).saturating_sub(self.unheard());
        let crowded = self.clauses.len() >= CLAUSES_MAX
            || (known.is_none() && self.replies.len() >= REPLIES_MAX);
        if length > room || crowded {
            return Err(SayError::Full);
        }
        let end = self.tail + length;
        match known {
            Some(index) => self.replies[index].last_end = end,
            None => self.replies.push_back(Reply {
                id: reply,
                started: false,
                ended: false,
                last_end: end,
            }),
        }
        if length > 0 {
            self.clauses.push_back(Clause {
                reply,
                clause,
                audio,
                start: self.tail,
                begun: false,
                whole: false,
            });
            self.tail = end;
        }
        Ok(())
    }

    pub(super) fn end(&mut self, reply: u32) {
        if let Some(known) = self.replies.iter_mut().find(|known| known.id == reply) {
            known.ended = true;
        } else if !self.cancelled.contains(&reply) && self.replies.len() < 2 * REPLIES_MAX {
            self.replies.push_back(Reply {
                id: reply,
                started: false,
                ended: true,
                last_end: self.tail,
            });
        }
    }

    /// The next audio to send, at most `length` samples: across clauses, but of one reply and without holes.
    pub(super) fn next_piece(&self, length: u64) -> Option<Piece> {
        let first = self
            .clauses
            .partition_point(|clause| clause.end() <= self.sent);
        let clause = self.clauses.get(first)?;
        let from = self.sent.max(clause.start);
        let mut to = clause.end();
        for next in self.clauses.iter().skip(first + 1) {
            if to - from >= length || next.start != to || next.reply != clause.reply {
                break;
            }
            to = next.end();
        }
        Some(Piece {
            reply: clause.reply,
            from,
            to: to.min(from + length),
        })
    }

    /// The audio of a piece; gathered in `scratch` when it spans clauses.
    pub(super) fn bytes<'a>(&'a self, from: u64, to: u64, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        scratch.clear();
        let first = self.clauses.partition_point(|clause| clause.end() <= from);
        for clause in self
            .clauses
            .iter()
            .skip(first)
            .take_while(|clause| clause.start < to)
        {
            let start = from.saturating_sub(clause.start) as usize;
            let end = (to - clause.start).min(clause.audio.len() as u64) as usize;
            let bytes = &clause.audio[start..end];
            if bytes.len() as u64 == to - from {
                return bytes;
            }
            scratch.extend_from_slice(bytes);
        }
        scratch
    }

    /// Shows the audio of a piece, clause by clause: the clause's audio, and from where to where.
    pub(super) fn pieces(
        &self,
        from: u64,
        to: u64,
        mut show: impl FnMut(&Arc<[u8]>, usize, usize),
    ) {
        let first = self.clauses.partition_point(|clause| clause.end() <= from);
        for clause in self
            .clauses
            .iter()
            .skip(first)
            .take_while(|clause| clause.start < to)
        {
            let start = from.saturating_sub(clause.start) as usize;
            let end = (to - clause.start).min(clause.audio.len() as u64) as usize;
            show(&clause.audio, start, end);
        }
    }

    pub(super) fn sent_to(&mut self, to: u64) {
        self.sent = to;
    }

    /// Notes that audio of this reply goes out; true for the first time.
    pub(super) fn start(&mut self, reply: u32) -> bool {
        let known = self.replies.iter_mut().find(|known| known.id == reply);
        known.is_some_and(|known| !std::mem::replace(&mut known.started, true))
    }

    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    pub(super) fn heard_to(&mut self, to: u64) {
        self.heard = self.heard.max(to);
    }

    /// What was sent beyond `heard` was taken back.
    pub(super) fn cut(&mut self, heard: u64) {
        self.heard_to(heard);
        self.sent = self.heard;
    }

    /// Moves the next audio to send back to a quiet spot of the same reply.
    pub(super) fn rewind(&mut self) {
        let cut = self.sent;
        let index = self.clauses.partition_point(|clause| clause.end() < cut);
        let Some(clause) = self
            .clauses
            .get(index)
            .filter(|clause| clause.start < cut && cut < clause.end())
        else {
            return;
        };
        let mut earliest = clause.start;
        for before in self.clauses.iter().take(index).rev() {
            if before.reply != clause.reply || before.end() != earliest {
                break;
            }
            earliest = before.start;
        }
        let earliest = earliest.max(cut.saturating_sub(REWIND));
        let mut scratch = Vec::with_capacity(FRAME);
        let mut quietest = u64::MAX;
        let mut at = cut;
        while at >= earliest + FRAME as u64 {
            at -= FRAME as u64;
            let energy = energy(self.bytes(at, at + FRAME as u64, &mut scratch));
            if energy < quietest {
                quietest = energy;
                self.sent = at;
            }
        }
    }

    /// Tells what became known since `heard` moved, and lets go of what is over.
    pub(super) fn tell(&mut self, facts: &mut Vec<Fact>) {
        self.step_over_holes();
        let heard = self.heard;
        for clause in self
            .clauses
            .iter_mut()
            .take_while(|clause| clause.start < heard)
        {
            let whole = clause.end() <= heard;
            if clause.whole || (clause.begun && !whole) {
                continue;
            }
            clause.begun = true;
            clause.whole = whole;
            let Position {
                reply,
                clause,
                heard_ms,
                clause_ms,
            } = clause.position(heard);
            facts.push(Fact::Heard {
                reply,
                clause,
                heard_ms,
                clause_ms,
            });
        }
        let clauses = &mut self.clauses;
        self.replies.retain(|reply| {
            let over = reply.ended && reply.last_end <= heard;
            if over {
                facts.push(Fact::Played { reply: reply.id });
                clauses.retain(|clause| clause.reply != reply.id);
            }
            !over
        });
        // A resume may go back a little, so what was heard is kept as long.
        while self
            .clauses
            .front()
            .is_some_and(|clause| clause.end() + REWIND <= heard)
        {
            self.clauses.pop_front();
        }
    }

    /// Something waits for [`Script::tell`].
    pub(super) fn untold(&self) -> bool {
        let heard = self
            .first_unheard()
            .map_or(self.tail, |clause| clause.start.max(self.heard));
        self.replies
            .iter()
            .any(|reply| reply.ended && reply.last_end <= heard)
    }

    pub(super) fn cancel(&mut self, reply: u32) {
        self.remember_cancelled(reply);
        self.clauses.retain(|clause| clause.reply != reply);
        self.replies.retain(|known| known.id != reply);
    }

    pub(super) fn cancel_all(&mut self) {
        while let Some(reply) = self.replies.pop_front() {
            self.remember_cancelled(reply.id);
        }
        self.clauses.clear();
        self.step_over_holes();
    }

    /// How far the reply being heard was heard; with nothing heard of it yet, the reply at `next`.
    pub(super) fn position(&self, heard: u64, next: Option<u64>) -> Option<Position> {
        let known = |clause: &&Clause| self.replies.iter().any(|reply| reply.id == clause.reply);
        let last = self
            .clauses
            .iter()
            .rev()
            .filter(known)
            .find(|clause| clause.start < heard);
        let upcoming = || {
            let next = next?;
            self.clauses
                .iter()
                .find(|clause| clause.start <= next && next < clause.end())
        };
        last.or_else(upcoming).map(|clause| clause.position(heard))
    }

    /// How far this reply was heard; `None` if not at all.
    pub(super) fn position_in(&self, reply: u32, heard: u64) -> Option<Position> {
        let mut clauses = self.clauses.iter().rev();
        clauses
            .find(|clause| clause.reply == reply && clause.start < heard)
            .map(|clause| clause.position(heard))
    }

    pub(super) fn nothing_unheard(&self) -> bool {
        self.first_unheard().is_none()
    }

    /// Samples said and not heard.
    pub(super) fn unheard(&self) -> u64 {
        let first = self
            .clauses
            .partition_point(|clause| clause.end() <= self.heard);
        self.clauses
            .iter()
            .skip(first)
            .map(|clause| clause.end() - clause.start.max(self.heard))
            .sum()
    }

    fn first_unheard(&self) -> Option<&Clause> {
        self.clauses.get(
            self.clauses
                .partition_point(|clause| clause.end() <= self.heard),
        )
    }

    /// What was cancelled will not be heard: positions inside it are past.
    fn step_over_holes(&mut self) {
        self.heard = self
            .first_unheard()
            .map_or(self.tail, |clause| clause.start.max(self.heard));
    }

    fn remember_cancelled(&mut self, reply: u32) {
        if self.cancelled.len() == CANCELLED_KEPT {
            self.cancelled.pop_front();
        }
        if !self.cancelled.contains(&reply) {
            self.cancelled.push_back(reply);
        }
    }
}

fn energy(bytes: &[u8]) -> u64 {
    let square = |&byte: &u8| u64::from(g711::mulaw_decode(byte).unsigned_abs()).pow(2);
    bytes.iter().map(square).sum()
}
