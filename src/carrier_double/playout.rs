//! What the carrier does with the audio it is sent: queues it, plays it in real time, returns marks.

use std::collections::VecDeque;

/// Mu-law silence.
pub(super) const SILENCE: u8 = 0xff;
/// Ten minutes: what is queued beyond is discarded (the carrier's warning 31931).
pub(super) const QUEUE_BYTES_MAX: usize = 10 * 60 * 8_000;
/// Marks that may wait at once.
pub(super) const MARKS_MAX: usize = 4_096;

/// The queue of one stream. Positions are samples of 8 kHz since the stream began; one byte is one sample.
#[derive(Debug, Default)]
pub(super) struct Playout {
    queue: VecDeque<u8>,
    /// Bytes that have left the queue by being played or cleared.
    gone: u64,
    /// Up to where the line has been played, silence included.
    position: u64,
    /// Marks with the value of `gone` at which they return.
    marks: VecDeque<(u64, String)>,
}

impl Playout {
    /// Plays up to `position`: writes one byte per sample into `out`, silence where nothing is queued, and returns the
    /// marks that have been reached, in order.
    pub(super) fn advance(&mut self, position: u64, out: &mut Vec<u8>) -> Vec<String> {
        let span = usize::try_from(position.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let audible = span.min(self.queue.len());
        out.extend(self.queue.drain(..audible));
        out.resize(out.len() + (span - audible), SILENCE);
        self.gone += audible as u64;
        self.position = self.position.max(position);
        let mut reached = Vec::new();
        while self.marks.front().is_some_and(|(at, _)| *at <= self.gone) {
            reached.extend(self.marks.pop_front().map(|(_, name)| name));
        }
        reached
    }

    /// Queues audio. False if it had to be discarded.
    pub(super) fn queue(&mut self, audio: &[u8]) -> bool {
        let fits = self.queue.len() + audio.len() <= QUEUE_BYTES_MAX;
        if fits {
            self.queue.extend(audio);
        }
        fits
    }

    /// Sets a mark behind what is queued. `Some` is the mark itself, which returns at once: nothing is queued.
    pub(super) fn mark(&mut self, name: String) -> Result<Option<String>, TooManyMarks> {
        if self.queue.is_empty() {
            return Ok(Some(name));
        }
        if self.marks.len() >= MARKS_MAX {
            return Err(TooManyMarks);
        }
        self.marks
            .push_back((self.gone + self.queue.len() as u64, name));
        Ok(None)
    }

    /// Empties the queue. The number of samples never played, and the marks that return.
    pub(super) fn clear(&mut self) -> (u64, Vec<String>) {
        let discarded = self.queue.len() as u64;
        self.gone += discarded;
        self.queue.clear();
        (
            discarded,
            self.marks.drain(..).map(|(_, name)| name).collect(),
        )
    }

    /// Where the next mark returns.
    pub(super) fn next_mark(&self) -> Option<u64> {
        self.marks
            .front()
            .map(|(at, _)| self.position + at.saturating_sub(self.gone))
    }

    /// Up to where the line has been played.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Samples queued and not yet played.
    pub(super) fn queued(&self) -> u64 {
        self.queue.len() as u64
    }
}

/// [`MARKS_MAX`] marks wait already.
#[derive(Debug)]
pub(super) struct TooManyMarks;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_plays_in_real_time_and_marks_return_behind_it() {
        let mut playout = Playout::default();
        let mut out = Vec::new();
        assert!(playout.advance(100, &mut out).is_empty());
        assert!(playout.queue(&[1; 160]));
        assert!(playout.mark("a".into()).unwrap().is_none());
        assert!(playout.queue(&[2; 80]));
        assert!(playout.mark("b".into()).unwrap().is_none());
        assert_eq!(playout.next_mark(), Some(260));
        assert!(playout.advance(259, &mut out).is_empty());
        assert_eq!(playout.advance(260, &mut out), ["a"]);
        assert_eq!(playout.next_mark(), Some(340));
        assert_eq!(playout.advance(400, &mut out), ["b"]);
        assert_eq!(out.len(), 400);
        assert_eq!(
            (out[99], out[100], out[259], out[260], out[339], out[340]),
            (SILENCE, 1, 1, 2, 2, SILENCE)
        );
        assert_eq!(playout.mark("idle".into()).unwrap(), Some("idle".into()));
    }

    #[test]
    fn clear_returns_all_marks_at_once() {
        let mut playout = Playout::default();
        let mut out = Vec::new();
        playout.queue(&[1; 1_600]);
        playout.mark("a".into()).unwrap();
        playout.queue(&[1; 1_600]);
        playout.mark("b".into()).unwrap();
        playout.advance(800, &mut out);
        assert_eq!(
            playout.clear(),
            (2_400, vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!((playout.next_mark(), playout.queued()), (None, 0));
        playout.queue(&[3; 8]);
        playout.mark("c".into()).unwrap();
        assert_eq!(playout.next_mark(), Some(808));
    }

    #[test]
    fn more_than_ten_minutes_is_discarded() {
        let mut playout = Playout::default();
        assert!(playout.queue(&vec![1; QUEUE_BYTES_MAX]));
        assert!(!playout.queue(&[1]));
        for _ in 0..MARKS_MAX {
            playout.mark(String::new()).unwrap();
        }
        assert!(playout.mark(String::new()).is_err());
    }
}
