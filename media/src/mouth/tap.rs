//! What the caller heard of us, as audio on the clock.
//!
//! Chunks arrive here once they are known to have been played, in order. Inside a run of speech each begins where the
//! one before it ended, to the sample: marks are late by whatever the line adds, so they place whole runs and never the
//! chunks inside one. Where a run begins is decided by the least late of its first marks, so its audio waits for a
//! moment. A mark that is later than jitter explains, while the carrier should have had audio, makes what follows wait
//! too: if the marks catch up, only the mark was late; if they stay late, the carrier had run dry, and the rest begins
//! that much later.

use std::collections::VecDeque;
use std::sync::Arc;

use super::playout::Chunk;
use super::script::Script;
use crate::SAMPLES_PER_MS;

/// A mark is believed to place audio no better than this; smaller gaps are none.
pub(super) const SNAP: u64 = 20 * SAMPLES_PER_MS;

/// Marks over so long tell what is jitter and what is not.
const SETTLE: u64 = 300 * SAMPLES_PER_MS;

/// A last mark inside a run that is this late is not only a late mark.
const LATE: u64 = 100 * SAMPLES_PER_MS;

/// Most pieces that wait to be handed out.
const SPANS_MAX: usize = 4_096;

/// A piece of what the caller heard of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardAudio<'a> {
    /// When its first sample was heard, in samples of the mouth's clock: milliseconds times 8. It is the time at which
    /// what the caller said in that moment reaches us, on a line without jitter.
    pub at: u64,
    /// 8 kHz mu-law.
    pub audio: &'a [u8],
}

#[derive(Debug, Clone)]
struct Span {
    at: u64,
    audio: Arc<[u8]>,
    from: usize,
    to: usize,
}

impl Span {
    fn end(&self) -> u64 {
        self.at + (self.to - self.from) as u64
    }
}

/// Pieces that follow what is before them for now, and may turn out to begin later.
#[derive(Debug, Clone)]
struct Unsettled {
    /// The first of them.
    first: usize,
    since: u64,
    /// How much later, by the marks so far: the least of them.
    gap: Option<u64>,
    /// The same by the clock, for a run without a mark.
    gap_by_clock: u64,
    /// They begin a run. If not, they continue one whose marks are late.
    begins: bool,
}

/// Audio that was heard and waits to be handed out.
#[derive(Debug, Clone)]
pub(super) struct Tap {
    on: bool,
    spans: VecDeque<Span>,
    /// Where the last of them ends on the clock.
    end: u64,
    unsettled: Option<Unsettled>,
    dropped: u64,
}

impl Tap {
    pub(super) fn new(on: bool) -> Self {
        Self {
            on,
            spans: VecDeque::with_capacity(if on { 64 } else { 0 }),
            end: 0,
            unsettled: None,
            dropped: 0,
        }
    }

    /// A mark says that these chunks were played, and when: the last ended as it was sent.
    pub(super) fn marked<'a>(
        &mut self,
        now: u64,
        latency: u64,
        chunks: impl Iterator<Item = &'a Chunk> + Clone,
        script: &Script,
    ) {
        if !self.on {
            return;
        }
        let length: u64 = chunks.clone().map(|chunk| chunk.to - chunk.from).sum();
        let one_run = chunks.clone().all(|chunk| chunk.follows);
        if self.unsettled.is_none() && one_run && now > self.end + length + SNAP {
            self.unsettle(now, 0, false);
        }
        for chunk in chunks {
            self.played(now, latency, chunk, chunk.to, script);
        }
        let gap = now.saturating_sub(self.end);
        if let Some(unsettled) = &mut self.unsettled {
            unsettled.gap = Some(unsettled.gap.map_or(gap, |least| least.min(gap)));
            if !unsettled.begins && gap <= SNAP {
                self.settle();
            }
        }
        self.tick(now);
    }

    /// A chunk was played up to here, by the clock.
    pub(super) fn played_by_clock(
        &mut self,
        now: u64,
        latency: u64,
        chunk: &Chunk,
        to: u64,
        script: &Script,
    ) {
        if self.on && to > chunk.from {
            self.played(now, latency, chunk, to, script);
            self.settle();
        }
    }

    fn played(&mut self, now: u64, latency: u64, chunk: &Chunk, to: u64, script: &Script) {
        if !chunk.follows {
            self.settle();
            self.unsettle(now, chunk.play_from + latency, true);
        }
        for (audio, from, to) in script.reel().within(chunk.from, to) {
            self.append(audio, from, to);
        }
    }

    fn unsettle(&mut self, now: u64, begins_at: u64, begins: bool) {
        self.unsettled = Some(Unsettled {
            first: self.spans.len(),
            since: now,
            gap: None,
            gap_by_clock: begins_at.saturating_sub(self.end),
            begins,
        });
    }

    fn append(&mut self, audio: &Arc<[u8]>, from: usize, to: usize) {
        let settled = self
            .unsettled
            .as_ref()
            .is_none_or(|unsettled| unsettled.first < self.spans.len());
        let at = self.end;
        self.end += (to - from) as u64;
        if let Some(last) = self.spans.back_mut().filter(|_| settled)
            && Arc::ptr_eq(&last.audio, audio)
            && last.to == from
            && last.end() == at
        {
            last.to = to;
            return;
        }
        if self.spans.len() >= SPANS_MAX {
            self.drop_oldest();
        }
        let audio = Arc::clone(audio);
        self.spans.push_back(Span {
            at,
            audio,
            from,
            to,
        });
    }

    fn drop_oldest(&mut self) {
        if let Some(span) = self.spans.pop_front() {
            self.dropped += (span.to - span.from) as u64;
        }
        if let Some(unsettled) = &mut self.unsettled {
            unsettled.first = unsettled.first.saturating_sub(1);
        }
    }

    /// Marks had their time: decides what waits for it.
    pub(super) fn tick(&mut self, now: u64) {
        let unsettled = self.unsettled.as_ref();
        if unsettled.is_some_and(|unsettled| now >= unsettled.since + SETTLE) {
            self.settle_at(SNAP);
        }
    }

    /// No further mark will tell: decides now.
    pub(super) fn settle(&mut self) {
        self.settle_at(LATE);
    }

    fn settle_at(&mut self, late: u64) {
        let Some(unsettled) = self.unsettled.take() else {
            return;
        };
        let gap = unsettled.gap.unwrap_or(unsettled.gap_by_clock);
        if gap > if unsettled.begins { SNAP } else { late } {
            for span in self.spans.iter_mut().skip(unsettled.first) {
                span.at += gap;
            }
            self.end += gap;
        }
    }

    /// Hands out what is decided.
    pub(super) fn hand_out(&mut self, sink: &mut impl FnMut(HeardAudio<'_>)) {
        let settled = self
            .unsettled
            .as_mut()
            .map_or(self.spans.len(), |unsettled| {
                std::mem::take(&mut unsettled.first)
            });
        for span in self.spans.drain(..settled) {
            sink(HeardAudio {
                at: span.at,
                audio: &span.audio[span.from..span.to],
            });
        }
    }

    /// What is handed out from now on begins here or later, if what is not known of yet was sent at `sent`.
    pub(super) fn until(&self, sent: u64) -> u64 {
        let unknown = self.end.max(sent.saturating_sub(SNAP));
        self.spans.front().map_or(unknown, |span| span.at)
    }

    /// Samples that nobody fetched in time.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}
