//! What is to be said: clauses end to end on one line of positions, how far they were sent and how far heard.
//!
//! Positions only grow. A cancelled clause leaves a hole that is stepped over. A clause whose audio is still coming is the
//! last on the line.

mod words;

use std::collections::VecDeque;
use std::sync::Arc;

use self::words::REWIND_WORD;
use super::reel::Reel;
use super::{Fact, Position, QUEUED_MS_MAX, SayError};
use crate::{FRAME, SAMPLES_PER_MS};

const CLAUSES_MAX: usize = 2_048;
const REPLIES_MAX: usize = 256;
const CANCELLED_KEPT: usize = 8;

/// Of a clause that grows, at least so much more is to come: about a word. So it is never taken to have been heard whole.
const MORE: u64 = 400 * SAMPLES_PER_MS;

#[derive(Debug, Clone)]
struct Clause {
    reply: u32,
    clause: u16,
    start: u64,
    end: u64,
    /// More of it is to come; it is thought to become this long.
    grows_to: Option<u64>,
    /// Where its first words begin and end, in samples from its start, as far as that is known.
    words: Vec<(u32, u32)>,
    /// `Heard` was told of its beginning, and of all of it.
    begun: bool,
    whole: bool,
}

impl Clause {
    fn length(&self) -> u64 {
        let came = self.end - self.start;
        self.grows_to
            .map_or(came, |expected| expected.max(came + MORE))
    }

    fn is(&self, reply: u32, clause: u16) -> bool {
        (self.reply, self.clause) == (reply, clause)
    }

    fn position(&self, heard: u64) -> Position {
        let heard = heard.clamp(self.start, self.end) - self.start;
        Position {
            reply: self.reply,
            clause: self.clause,
            heard_ms: (heard / SAMPLES_PER_MS) as u32,
            clause_ms: (self.length() / SAMPLES_PER_MS) as u32,
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
    /// It is all that has come of a clause that grows, in whole frames, and shorter than it may be.
    pub(super) may_grow: bool,
}

/// All that was said and is not over.
#[derive(Debug, Clone)]
pub(super) struct Script {
    clauses: VecDeque<Clause>,
    reel: Reel,
    replies: VecDeque<Reply>,
    cancelled: VecDeque<u32>,
    /// Where the next clause begins.
    tail: u64,
    /// Everything before was handed to the carrier.
    sent: u64,
    /// Everything before was heard.
    heard: u64,
    /// A clause ended after all of it had been heard.
    ended_late: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            clauses: VecDeque::with_capacity(64),
            reel: Reel::new(),
            replies: VecDeque::with_capacity(8),
            cancelled: VecDeque::with_capacity(CANCELLED_KEPT),
            tail: 0,
            sent: 0,
            heard: 0,
            ended_late: false,
        }
    }
}

impl Script {
    /// Appends a whole clause.
    pub(super) fn say(
        &mut self,
        reply: u32,
        clause: u16,
        audio: Arc<[u8]>,
    ) -> Result<(), SayError> {
        self.add(reply, clause, audio.len(), None)?;
        self.grow(audio);
        self.end_last();
        Ok(())
    }

    /// Appends a clause whose audio will come, about `expected` samples of it.
    pub(super) fn begin(&mut self, reply: u32, clause: u16, expected: u64) -> Result<(), SayError> {
        self.add(reply, clause, 0, Some(expected))
    }

    /// More audio of the clause that grows.
    pub(super) fn append(
        &mut self,
        reply: u32,
        clause: u16,
        audio: Arc<[u8]>,
    ) -> Result<(), SayError> {
        if !self.grows(reply, clause) {
            return Err(match self.cancelled.contains(&reply) {
                true => SayError::Cancelled,
                false => SayError::Ended,
            });
        }
        if !self.has_room(audio.len()) {
            return Err(SayError::Full);
        }
        self.grow(audio);
        Ok(())
    }

    /// No more of this clause will come.
    pub(super) fn end_clause(&mut self, reply: u32, clause: u16) {
        if self.grows(reply, clause) {
            self.end_last();
        }
    }

    fn grows(&self, reply: u32, clause: u16) -> bool {
        let last = self.clauses.back();
        last.is_some_and(|last| last.grows_to.is_some() && last.is(reply, clause))
    }

    fn has_room(&self, length: usize) -> bool {
        self.unheard() + length as u64 <= QUEUED_MS_MAX * SAMPLES_PER_MS
    }

    /// Adds a clause at the end of the line: no audio yet, but room for `length` of it.
    fn add(
        &mut self,
        reply: u32,
        clause: u16,
        length: usize,
        expected: Option<u64>,
    ) -> Result<(), SayError> {
        if self.cancelled.contains(&reply) {
            return Err(SayError::Cancelled);
        }
        let known = self.replies.iter().position(|known| known.id == reply);
        if known.is_some_and(|index| self.replies[index].ended) {
            return Err(SayError::Ended);
        }
        let crowded = self.clauses.len() >= CLAUSES_MAX
            || (known.is_none() && self.replies.len() >= REPLIES_MAX);
        if crowded || !self.has_room(length) {
            return Err(SayError::Full);
        }
        self.end_last();
        if known.is_none() {
            self.replies.push_back(Reply {
                id: reply,
                started: false,
                ended: false,
                last_end: self.tail,
            });
        }
        self.clauses.push_back(Clause {
            reply,
            clause,
            start: self.tail,
            end: self.tail,
            grows_to: expected,
            words: Vec::new(),
            begun: false,
            whole: false,
        });
        Ok(())
    }

    /// Adds audio to the last clause.
    fn grow(&mut self, audio: Arc<[u8]>) {
        let Some(clause) = self.clauses.back_mut().filter(|_| !audio.is_empty()) else {
            return;
        };
        let end = self.tail + audio.len() as u64;
        match clause.grows_to {
            Some(_) => {
                self.reel.grow(clause.reply, clause.start, self.tail, audio);
            }
            None => self.reel.push(clause.reply, self.tail, audio),
        }
        clause.end = end;
        self.tail = end;
        let mut replies = self.replies.iter_mut();
        if let Some(reply) = replies.find(|known| known.id == clause.reply) {
            reply.last_end = end;
        }
    }

    /// The last clause is as long as it is; one without audio is none.
    fn end_last(&mut self) {
        let heard = self.heard;
        let Some(last) = self.clauses.back_mut() else {
            return;
        };
        if last.start == last.end {
            self.clauses.pop_back();
        } else if last.grows_to.take().is_some() {
            self.ended_late |= last.end <= heard;
        }
    }

    /// No more clauses of this reply will come.
    pub(super) fn end(&mut self, reply: u32) {
        if self.clauses.back().is_some_and(|last| last.reply == reply) {
            self.end_last();
        }
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

    /// The next audio to send, at most `length` samples: across clauses, but of one reply and without holes. Where a
    /// clause grows, whole frames.
    pub(super) fn next_piece(&self, length: u64) -> Option<Piece> {
        let first = self
            .clauses
            .partition_point(|clause| clause.end <= self.sent);
        let mut last = self.clauses.get(first)?;
        let from = self.sent.max(last.start);
        for next in self.clauses.range(first + 1..) {
            if last.end - from >= length || next.start != last.end || next.reply != last.reply {
                break;
            }
            last = next;
        }
        let there = last.end - from;
        let may_grow = last.grows_to.is_some() && there < length;
        let take = if may_grow {
            there - there % FRAME as u64
        } else {
            there.min(length)
        };
        (take > 0).then_some(Piece {
            reply: last.reply,
            from,
            to: from + take,
            may_grow,
        })
    }

    /// All audio that is there.
    pub(super) fn reel(&self) -> &Reel {
        &self.reel
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

    /// Tells what became known since `heard` moved, and lets go of what is over.
    pub(super) fn tell(&mut self, facts: &mut Vec<Fact>) {
        self.step_over_holes();
        self.ended_late = false;
        let heard = self.heard;
        for clause in self
            .clauses
            .iter_mut()
            .take_while(|clause| clause.start < heard)
        {
            let whole = clause.grows_to.is_none() && clause.end <= heard;
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
        let (clauses, reel) = (&mut self.clauses, &mut self.reel);
        self.replies.retain(|reply| {
            let over = reply.ended && reply.last_end <= heard;
            if over {
                facts.push(Fact::Played { reply: reply.id });
                clauses.retain(|clause| clause.reply != reply.id);
                reel.forget(reply.id);
            }
            !over
        });
        // A resume may go back a little, so what was heard is kept as long.
        while self
            .clauses
            .front()
            .is_some_and(|clause| clause.end + REWIND_WORD <= heard)
        {
            self.clauses.pop_front();
        }
        self.reel.forget_before(heard.saturating_sub(REWIND_WORD));
    }

    /// Something waits for [`Script::tell`].
    pub(super) fn untold(&self) -> bool {
        let heard = self
            .first_unheard()
            .map_or(self.tail, |clause| clause.start.max(self.heard));
        let over = |reply: &Reply| reply.ended && reply.last_end <= heard;
        self.ended_late || self.replies.iter().any(over)
    }

    pub(super) fn cancel(&mut self, reply: u32) {
        self.remember_cancelled(reply);
        self.clauses.retain(|clause| clause.reply != reply);
        self.reel.forget(reply);
        self.replies.retain(|known| known.id != reply);
    }

    pub(super) fn cancel_all(&mut self) {
        while let Some(reply) = self.replies.pop_front() {
            self.remember_cancelled(reply.id);
        }
        self.clauses.clear();
        self.reel.forget_all();
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
                .find(|clause| clause.start <= next && next < clause.end)
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

    /// All that was said was heard, and no clause grows.
    pub(super) fn nothing_unheard(&self) -> bool {
        let grows = self
            .clauses
            .back()
            .is_some_and(|last| last.grows_to.is_some());
        !grows && self.first_unheard().is_none()
    }

    /// Samples said and not heard.
    pub(super) fn unheard(&self) -> u64 {
        let first = self
            .clauses
            .partition_point(|clause| clause.end <= self.heard);
        self.clauses
            .iter()
            .skip(first)
            .map(|clause| clause.end - clause.start.max(self.heard))
            .sum()
    }

    fn first_unheard(&self) -> Option<&Clause> {
        self.clauses.get(
            self.clauses
                .partition_point(|clause| clause.end <= self.heard),
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
