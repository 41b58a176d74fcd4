//! One clock for a recording: the carrier's, as the caller's own audio tells it.
//!
//! The carrier takes 8,000 samples a second by its own crystal, and the server's clock disagrees with it by up to some
//! hundred millionths: over twenty minutes that is a tenth of a second. A recording counts in samples of the caller's
//! stream, so that nothing of it is ever stretched, and everything else is placed by asking which sample of the caller
//! belongs to a moment of the server's clock.
//!
//! Frames come late and never early. So the delay of the line is the least that was seen, allowed to grow by no more
//! than clocks can differ. It follows drift in both directions, and neither jitter nor a stall with the burst behind it
//! moves it.
//!
//! # How a session uses it
//!
//! With each frame of the caller, at the time it came and before anything else is made of it:
//!
//! ```
//! # use trunkline_media::{ear::{Ear, EarSettings}, line_clock::{LineClock, Placer}, mouth::{Mouth, MouthSettings}};
//! # let (mut ear, mut clock, mut placer) = (Ear::new(EarSettings::default()), LineClock::default(), Placer::default());
//! # let mut mouth = Mouth::new(&MouthSettings { keep_heard: true, ..MouthSettings::default() });
//! # let (now_ms, frame, mut facts, mut heard) = (500, [0xFF_u8; 160], Vec::new(), Vec::new());
//! # fn caller(at: u64, mulaw: &[u8]) {}
//! # fn agent(at: u64, mulaw: &[u8]) {}
//! let position = ear.position();
//! ear.push(&frame, &mut facts);
//! clock.observe(now_ms, ear.position());
//! caller(clock.caller_at(position), &frame);
//!
//! // A mark that comes with a burst after a stall was not echoed so late.
//! mouth.marked(clock.undelayed_ms(now_ms), "1.0", &mut heard);
//! mouth.heard_audio(now_ms, &mut |piece| {
//!     agent(placer.place(&clock, piece.at, piece.audio.len()), piece.audio);
//! });
//! ```

use crate::{FRAME, SAMPLES_PER_MS};

/// How much faster or slower one clock may run than the other, in millionths. Crystals are within 100 each.
const DRIFT_PPM: i64 = 300;

/// Frames that are all this much later than they should be, for [`LOST_AFTER`], do not come late: audio is missing.
const LOST: i64 = 500 * NS_PER_MS;

/// See [`LOST`].
const LOST_AFTER: i64 = 3_000 * NS_PER_MS;

const NS_PER_MS: i64 = 1_000_000;
const NS_PER_SAMPLE: i64 = NS_PER_MS / SAMPLES_PER_MS as i64;

/// Latest time that is told apart, ms: beyond it all is the same moment. Some 95 years.
const MS_MAX: u64 = 3_000_000_000_000;

fn ns(ms: u64) -> i64 {
    ms.min(MS_MAX) as i64 * NS_PER_MS
}

/// Which sample of the recording belongs to a moment, and back. A recording counts samples of 8 kHz from the start of
/// the call; the server's clock counts milliseconds from there.
#[derive(Debug, Clone, Default)]
pub struct LineClock {
    line: Option<Line>,
}

/// A stream that has begun.
#[derive(Debug, Clone)]
struct Line {
    /// The recording's sample of the stream's first.
    offset: u64,
    /// Samples received.
    position: u64,
    /// Server time less stream time of a frame that is not late, ns.
    delay: i64,
    /// When the last frame came, ns.
    seen: i64,
    /// Since when all frames are later than [`LOST`], and the least of it.
    missing: Option<(i64, i64)>,
}

impl LineClock {
    /// A frame of the caller came at `now_ms`: with it, `position` samples of the stream are here.
    pub fn observe(&mut self, now_ms: u64, position: u64) {
        let now = ns(now_ms);
        let position = position.min(MS_MAX * SAMPLES_PER_MS);
        let late = now - position as i64 * NS_PER_SAMPLE;
        let Some(line) = &mut self.line else {
            self.line = Some(Line {
                offset: (now_ms.min(MS_MAX) * SAMPLES_PER_MS).saturating_sub(position),
                position,
                delay: late,
                seen: now,
                missing: None,
            });
            return;
        };
        let elapsed = (now - line.seen).max(0);
        line.seen = line.seen.max(now);
        line.position = line.position.max(position);
        line.delay = late.min(line.delay + elapsed / 1_000_000 * DRIFT_PPM);
        if late <= line.delay + LOST {
            line.missing = None;
            return;
        }
        let (since, least) = line
            .missing
            .map_or((now, late), |(since, least)| (since, least.min(late)));
        line.missing = Some((since, least));
        if now - since >= LOST_AFTER {
            line.offset += ((least - line.delay) / NS_PER_SAMPLE) as u64;
            line.delay = least;
            line.missing = None;
        }
    }

    /// The recording's sample of the caller's sample number `position`: a constant further on. Only if the carrier left
    /// out half a second or more of the caller, it grows by as much a few seconds later.
    pub fn caller_at(&self, position: u64) -> u64 {
        self.line
            .as_ref()
            .map_or(position, |line| line.offset + position)
    }

    /// The recording's sample of a moment of the server's clock: the one that would come in just then, were the line
    /// never late. Before the first frame, the server's clock is all there is. Asked with the time as it passes, it
    /// never goes back.
    pub fn at(&self, now_ms: u64) -> u64 {
        self.at_sample(now_ms.min(MS_MAX) * SAMPLES_PER_MS)
    }

    /// The same for a moment counted in samples of the server's clock: milliseconds times 8.
    pub fn at_sample(&self, sample: u64) -> u64 {
        let sample = sample.min(MS_MAX * SAMPLES_PER_MS);
        let Some(line) = &self.line else {
            return sample;
        };
        let stream = sample as i64 - line.delay.div_euclid(NS_PER_SAMPLE);
        (line.offset as i64 + stream).max(0) as u64
    }

    /// The moment of the server's clock that belongs to a sample of the recording, ms.
    pub fn when_ms(&self, sample: u64) -> u64 {
        let sample = sample.min(MS_MAX * SAMPLES_PER_MS);
        let Some(line) = &self.line else {
            return sample / SAMPLES_PER_MS;
        };
        let stream = (sample as i64 - line.offset as i64) * NS_PER_SAMPLE;
        (stream + line.delay).max(0) as u64 / NS_PER_MS as u64
    }

    /// When a message that came now, behind the frames that were observed, would have come on a line that is never late:
    /// to half a frame. A carrier sends everything in order, so what comes after a frame and before the next was sent in
    /// the 20 ms between them.
    pub fn undelayed_ms(&self, now_ms: u64) -> u64 {
        let Some(line) = &self.line else {
            return now_ms;
        };
        let between = line.offset + line.position + FRAME as u64 / 2;
        now_ms.min(self.when_ms(between))
    }
}

/// Places what was heard of the agent in the recording. What follows without a gap on the server's clock follows without
/// a gap in the recording too: it was played by the carrier's clock, which is the recording's.
#[derive(Debug, Clone, Default)]
pub struct Placer {
    /// Where the last piece ended, on the server's clock and in the recording.
    end: Option<(u64, u64)>,
}

impl Placer {
    /// The recording's sample of a piece that was heard at sample `at` of the server's clock, of so many samples. Pieces
    /// come in order and never overlap, neither there nor here.
    pub fn place(&mut self, clock: &LineClock, at: u64, samples: usize) -> u64 {
        let placed = match self.end {
            Some((end, placed_end)) if at <= end => placed_end,
            Some((_, placed_end)) => clock.at_sample(at).max(placed_end),
            None => clock.at_sample(at),
        };
        let length = samples as u64;
        self.end = Some((at.saturating_add(length), placed.saturating_add(length)));
        placed
    }
}

#[cfg(test)]
mod tests;
