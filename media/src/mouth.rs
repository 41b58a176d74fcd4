//! The speaking side of a call: speech goes to the carrier ahead of real time, and marks tell what was really heard.
//!
//! Clauses of mu-law audio are appended, whole ([`Mouth::say`]) or as they come ([`Mouth::begin`]), and cut into chunks;
//! [`Mouth::poll`] hands chunks out a few hundred milliseconds ahead, each followed by a mark of its own. The carrier echoes a mark when everything before it
//! has been played, so an echo confirms its chunk and all before it. Inside the chunk in play the clock interpolates,
//! on the careful side: the position is never ahead of the caller's ear.
//!
//! A clause that is still coming is never taken to have been heard whole. Of it, chunks shorter than they could be wait for
//! more, until the carrier has little left.
//!
//! Emptying the carrier's queue starts a new *epoch* of marks. Carriers echo pending marks when they are cleared, so an
//! echo of an old epoch means "dropped" and never counts as heard. Marks may also be lost: a chunk long overdue counts
//! as played by the clock, or one missing echo would keep a call waiting for ever.
//!
//! Times are milliseconds of any steady clock, as long as it is always the same one.

mod playout;
mod reel;
mod script;
mod tap;

use std::fmt::Write as _;
use std::sync::Arc;

use self::playout::{Chunk, Playout, samples};
use self::script::{Piece, Script};
pub use self::tap::HeardAudio;
use self::tap::Tap;
use crate::SAMPLES_PER_MS;

/// Most speech queued and not heard yet: the carrier's own limit as well.
pub const QUEUED_MS_MAX: u64 = 10 * 60 * 1_000;

/// The furthest that audio may be ahead of real time.
const LEAD_MS_MAX: u32 = 10_000;

/// A first chunk that is shorter than it could be waits so long for more.
const GATHER_MS: u64 = 40;

/// The same for the first after the carrier ran dry: many short gaps are worse than a few longer ones.
const GATHER_AGAIN_MS: u64 = 200;

/// How the mouth speaks to its carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MouthSettings {
    /// Length of a chunk, 20 to 1,000 ms. The last of a reply, or of what is there, may be shorter.
    pub chunk_ms: u32,
    /// How far ahead of real time audio is sent, up to 10,000 ms; at least one chunk is always sent.
    pub lead_ms: u32,
    /// Once audio is that far ahead, it waits for room for this much more than a chunk: several chunks then go out in one go. 0 to
    /// `lead_ms` less a chunk.
    pub refill_ms: u32,
    /// A chunk whose mark is this late counts as played. For a carrier without marks: its latency.
    pub mark_grace_ms: u32,
    /// Time from sending audio to its playing, assumed until the first mark has been echoed.
    pub latency_ms: u32,
    /// Keep what was heard for [`Mouth::heard_audio`]. Fetch it often: it holds on to the clauses it is part of.
    pub keep_heard: bool,
}

impl Default for MouthSettings {
    fn default() -> Self {
        Self {
            chunk_ms: 100,
            lead_ms: 500,
            refill_ms: 0,
            mark_grace_ms: 2_000,
            latency_ms: 100,
            keep_heard: false,
        }
    }
}

/// One message for the carrier, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out<'a> {
    /// Play this mu-law audio after what is queued.
    Audio(&'a [u8]),
    /// Echo this name when everything before it has been played.
    Mark(&'a str),
    /// Drop everything queued.
    Clear,
}

/// What became known about our speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The first audio of this reply was handed out, or the first after all of it had been heard or taken back.
    Started {
        /// The reply.
        reply: u32,
    },
    /// The caller heard the beginning of a clause, or all of it.
    Heard {
        /// The reply.
        reply: u32,
        /// The clause of the reply.
        clause: u16,
        /// How much of it was heard, ms.
        heard_ms: u32,
        /// How long it is, ms. Of a clause that grows, how long it may become: always more than `heard_ms`.
        clause_ms: u32,
    },
    /// All of an ended reply was heard.
    Played {
        /// The reply.
        reply: u32,
    },
}

/// How far into a reply the caller has heard: all clauses before this one, and so much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The reply.
    pub reply: u32,
    /// The clause being heard, or heard last.
    pub clause: u16,
    /// How much of it was heard, ms.
    pub heard_ms: u32,
    /// How long it is, ms. Of a clause that grows, how long it may become: always more than `heard_ms`.
    pub clause_ms: u32,
}

/// Why a clause was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SayError {
    /// More than [`QUEUED_MS_MAX`] would wait to be heard, or absurdly many clauses do.
    #[error("more speech is queued than a call may hold")]
    Full,
    /// The reply was ended before, or the clause.
    #[error("the reply or the clause has ended")]
    Ended,
    /// The reply was cancelled a short while ago.
    #[error("the reply was cancelled")]
    Cancelled,
}

/// What happened on the way to the carrier, since the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MouthCounters {
    /// Chunks sent.
    pub chunks: u64,
    /// Times the carrier's queue ran dry inside a reply.
    pub underruns: u64,
    /// Chunks whose own mark never came in time.
    pub marks_lost: u64,
    /// Echoes of marks that are unknown, or came twice.
    pub marks_ignored: u64,
    /// Echoes of marks that had been cleared.
    pub marks_cleared: u64,
    /// Times the carrier's queue was emptied.
    pub clears: u64,
    /// Samples that were heard and never fetched by [`Mouth::heard_audio`].
    pub heard_dropped: u64,
}

/// The mouth of one call.
#[derive(Debug, Clone)]
pub struct Mouth {
    chunk: u64,
    script: Script,
    playout: Playout,
    tap: Tap,
    paused: bool,
    /// The cut of a pause lies inside audio the caller was hearing: go back to a word on resume.
    rewind: bool,
    clear_due: bool,
    /// Reply of the last chunk sent since the queue was last emptied or paused.
    sending: Option<u32>,
    /// Since when a chunk waits for more of its clause.
    held_since: Option<u64>,
    refill_ms: u64,
    /// As much as may be is ahead.
    is_full: bool,
    scratch: Vec<u8>,
    mark: String,
    counters: MouthCounters,
}

impl Mouth {
    /// A mouth that has said nothing.
    pub fn new(settings: &MouthSettings) -> Self {
        let chunk_ms = settings.chunk_ms.clamp(20, 1_000);
        let chunk = u64::from(chunk_ms) * SAMPLES_PER_MS;
        // With less than a chunk ahead, the carrier would run dry.
        let refill_ms_max = settings.lead_ms.min(LEAD_MS_MAX).saturating_sub(chunk_ms);
        Self {
            chunk,
            script: Script::default(),
            playout: Playout::new(settings),
            tap: Tap::new(settings.keep_heard),
            paused: false,
            rewind: false,
            clear_due: false,
            sending: None,
            held_since: None,
            refill_ms: settings.refill_ms.min(refill_ms_max).into(),
            is_full: false,
            scratch: Vec::with_capacity(chunk as usize),
            mark: String::with_capacity(24),
            counters: MouthCounters::default(),
        }
    }

    /// Appends a clause of a reply: 8 kHz mu-law. It follows what was said before without a gap. An empty clause is
    /// passed over. Call [`Mouth::poll`] afterwards.
    ///
    /// # Errors
    /// [`SayError`]; nothing was appended then.
    pub fn say(&mut self, reply: u32, clause: u16, audio: Arc<[u8]>) -> Result<(), SayError> {
        self.script.say(reply, clause, audio)
    }

    /// Appends a clause of a reply whose audio is to come, about `expected_ms` of it: better too much than too little,
    /// since words are counted as heard by the part of a clause that was. Whatever is said after it ends it.
    ///
    /// # Errors
    /// [`SayError`]; nothing was appended then.
    pub fn begin(&mut self, reply: u32, clause: u16, expected_ms: u32) -> Result<(), SayError> {
        let expected = u64::from(expected_ms) * SAMPLES_PER_MS;
        self.script.begin(reply, clause, expected)
    }

    /// Appends audio, 8 kHz mu-law of any length, to the clause that was begun last. Call [`Mouth::poll`] afterwards.
    ///
    /// # Errors
    /// [`SayError`], `Ended` too if no such clause grows; nothing was appended then.
    pub fn append(&mut self, reply: u32, clause: u16, audio: Arc<[u8]>) -> Result<(), SayError> {
        self.script.append(reply, clause, audio)
    }

    /// When further words of a clause are said: their beginnings and ends within it, ms, in order. A resume goes back to the
    /// beginning of the word that was cut. Does nothing if the clause is not known.
    pub fn timed(&mut self, reply: u32, clause: u16, words: impl Iterator<Item = (u32, u32)>) {
        self.script.timed(reply, clause, words);
    }

    /// No more audio of this clause will come. Does nothing if it does not grow. Call [`Mouth::poll`] afterwards.
    pub fn end_clause(&mut self, reply: u32, clause: u16) {
        self.script.end_clause(reply, clause);
    }

    /// No more clauses of this reply will come, nor more of its last: it is `Played` once all of it was heard, at once if
    /// it never had any.
    /// Call [`Mouth::poll`] afterwards.
    pub fn end(&mut self, reply: u32) {
        self.script.end(reply);
    }

    /// Hands out whatever is due at `now_ms`, in order, and what became known by the clock.
    pub fn poll(&mut self, now_ms: u64, facts: &mut Vec<Fact>, out: &mut impl FnMut(Out<'_>)) {
        if std::mem::take(&mut self.clear_due) {
            out(Out::Clear);
        }
        while let Some((chunk, echoed)) = self.playout.expire(now_ms) {
            self.counters.marks_lost += u64::from(!echoed);
            let latency = self.playout.latency();
            self.tap
                .played_by_clock(samples(now_ms), latency, &chunk, chunk.to, &self.script);
            self.script.heard_to(chunk.to);
        }
        self.script.tell(facts);
        while !self.paused && self.send(now_ms, facts, out) {}
    }

    /// All that is there has been sent, and the last of it will be played by then, or should have been.
    pub fn ends_by(&self, ms: u64) -> bool {
        self.playout.in_play().is_some()
            && self.playout.dry(ms + 1)
            && self.script.next_piece(self.chunk).is_none()
    }

    /// When [`Mouth::poll`] must be called again if nothing else happens; a time in the past means now.
    pub fn next_due(&self) -> Option<u64> {
        if self.clear_due || self.script.untold() {
            return Some(0);
        }
        let piece = if self.paused {
            None
        } else {
            self.script.next_piece(self.chunk)
        };
        let send = piece.map(|piece| self.send_due_ms(&piece));
        let expire = self.playout.expire_due_ms();
        send.into_iter().chain(expire).min()
    }

    /// The carrier echoed a mark. `now_ms` is when it came, or, if the shell knows that the line is late just now, when
    /// it would have come without that (see [`crate::line_clock::LineClock::undelayed_ms`]).
    pub fn marked(&mut self, now_ms: u64, name: &str, facts: &mut Vec<Fact>) {
        let parsed = name
            .split_once('.')
            .and_then(|(epoch, seq)| Some((epoch.parse().ok()?, seq.parse().ok()?)));
        let Some((epoch, seq)) = parsed else {
            self.counters.marks_ignored += 1;
            return;
        };
        if epoch < self.playout.epoch() {
            self.counters.marks_cleared += 1;
            return;
        }
        let (tap, script) = (&mut self.tap, &self.script);
        let confirmed = self.playout.echoed(now_ms, epoch, seq, |latency, chunks| {
            tap.marked(samples(now_ms), latency, chunks, script);
        });
        let Some(confirmed) = confirmed else {
            self.counters.marks_ignored += 1;
            return;
        };
        if let Some(to) = confirmed.to {
            self.counters.marks_lost += confirmed.skipped;
            self.script.heard_to(to);
            self.script.tell(facts);
        }
        if self.playout.in_play().is_none() {
            self.tap.settle();
        }
    }

    /// Hands out what the caller has heard of us since the last call, in order and each sample once; what a resume
    /// says again was heard again. It is what marks confirmed, and what the clock did where they are overdue, some 300
    /// ms later where a run of speech begins. Of a chunk that was taken back, it is the part that had been heard. With
    /// [`Mouth::cancel_all`] before it, nothing is left.
    pub fn heard_audio(&mut self, now_ms: u64, sink: &mut impl FnMut(HeardAudio<'_>)) {
        self.tap.tick(samples(now_ms));
        self.tap.hand_out(sink);
    }

    /// What [`Mouth::heard_audio`] hands out after this begins at this sample of the clock, or later.
    pub fn heard_until(&self, now_ms: u64) -> u64 {
        let unknown = self.playout.in_play().map(|chunk| chunk.sent_at);
        self.tap.until(unknown.unwrap_or(samples(now_ms)))
    }

    /// How far the reply now playing has been heard; `None` when nothing is being said.
    pub fn heard(&self, now_ms: u64) -> Option<Position> {
        let heard = self.playout.heard(now_ms, self.script.heard());
        let next = self.playout.in_play().map(|chunk| chunk.from);
        self.script.position(heard, next)
    }

    /// Stops speaking but keeps what was not heard: the carrier's queue is emptied at the next poll. Returns how far
    /// the caller had heard.
    pub fn pause(&mut self, now_ms: u64) -> Option<Position> {
        let position = self.heard(now_ms);
        self.paused = true;
        self.sending = None;
        self.rewind |= self.pull_back(now_ms);
        position
    }

    /// Goes on where a pause stopped: at the beginning of the word that was cut where it is known ([`Mouth::timed`]), else
    /// at a quiet spot up to 400 ms before the cut. Call [`Mouth::poll`] afterwards.
    pub fn resume(&mut self) {
        self.paused = false;
        if std::mem::take(&mut self.rewind) {
            self.script.rewind();
        }
    }

    /// Between a pause and its resume.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Drops what remains of one reply, and empties the carrier's queue if some of it is there; other replies keep what
    /// was not heard of them. Returns how far this reply had been heard, `None` if not at all. A pause ends when nothing
    /// is left to say. Clauses of it that come later are refused.
    pub fn cancel(&mut self, now_ms: u64, reply: u32) -> Option<Position> {
        let heard = self.playout.heard(now_ms, self.script.heard());
        let position = self.script.position_in(reply, heard);
        if self.playout.holds(reply) {
            self.pull_back(now_ms);
        }
        self.script.cancel(reply);
        self.settle_pause();
        position
    }

    /// Drops everything. Returns how far the reply then playing had been heard, `None` if not at all.
    pub fn cancel_all(&mut self, now_ms: u64) -> Option<Position> {
        let position = self.heard(now_ms).filter(|position| position.heard_ms > 0);
        self.pull_back(now_ms);
        self.script.cancel_all();
        self.settle_pause();
        position
    }

    /// Nothing is at the carrier, and nothing waits to go there.
    pub fn idle(&self) -> bool {
        self.playout.in_play().is_none() && self.script.nothing_unheard()
    }

    /// Speech said and not heard yet, ms.
    pub fn queued_ms(&self) -> u64 {
        self.script.unheard() / SAMPLES_PER_MS
    }

    /// What happened on the way so far.
    pub fn counters(&self) -> MouthCounters {
        MouthCounters {
            heard_dropped: self.tap.dropped(),
            ..self.counters
        }
    }

    fn settle_pause(&mut self) {
        if self.script.nothing_unheard() {
            self.paused = false;
            self.rewind = false;
        }
    }

    /// Takes back what the carrier has not played. False when it had nothing.
    fn pull_back(&mut self, now_ms: u64) -> bool {
        let heard = self.playout.heard(now_ms, self.script.heard());
        if let Some((chunk, to)) = self.playout.in_play_to(now_ms) {
            let latency = self.playout.latency();
            self.tap
                .played_by_clock(samples(now_ms), latency, chunk, to, &self.script);
        }
        self.tap.settle();
        if !self.playout.clear() {
            return false;
        }
        self.script.cut(heard);
        self.sending = None;
        self.held_since = None;
        self.is_full = false;
        self.clear_due = true;
        self.counters.clears += 1;
        true
    }

    /// When this may be sent; a time in the past means now.
    fn send_due_ms(&self, piece: &Piece) -> u64 {
        let room_ms = if self.is_full { self.refill_ms } else { 0 };
        let due = self.playout.send_due_ms(piece.to - piece.from) + room_ms;
        let Some(since) = self.held_since.filter(|_| piece.may_grow) else {
            return due;
        };
        let gather = if self.sending == Some(piece.reply) {
            GATHER_AGAIN_MS
        } else {
            GATHER_MS
        };
        due.max(self.playout.hold_due_ms(since, gather))
    }

    /// Sends one chunk if one is due.
    fn send(&mut self, now_ms: u64, facts: &mut Vec<Fact>, out: &mut impl FnMut(Out<'_>)) -> bool {
        let Some(piece) = self.script.next_piece(self.chunk) else {
            return false;
        };
        if piece.may_grow {
            self.held_since.get_or_insert(now_ms);
        }
        if self.send_due_ms(&piece) > now_ms {
            self.is_full |= self.playout.send_due_ms(piece.to - piece.from) > now_ms;
            return false;
        }
        self.is_full = false;
        self.held_since = None;
        if self.sending == Some(piece.reply) && self.playout.dry(now_ms) {
            self.counters.underruns += 1;
        }
        self.sending = Some(piece.reply);
        let is_first = self.script.start(piece.reply);
        if is_first || self.playout.in_play().is_none() {
            facts.push(Fact::Started { reply: piece.reply });
        }
        let reel = self.script.reel();
        out(Out::Audio(reel.bytes(
            piece.from,
            piece.to,
            &mut self.scratch,
        )));
        let Chunk { seq, .. } = self.playout.sent(now_ms, piece);
        self.mark.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.mark, "{}.{seq}", self.playout.epoch());
        out(Out::Mark(&self.mark));
        self.script.sent_to(piece.to);
        self.counters.chunks += 1;
        true
    }
}

#[cfg(test)]
mod tests;
