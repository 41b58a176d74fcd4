//! What the carrier does with the audio it is sent, by the clock: queues it, plays it in real time, returns marks.

use crate::clock::Micros;
use std::collections::VecDeque;

/// Microseconds of one sample at 8 kHz.
const SAMPLE_US: u64 = 125;
/// Marks that may wait at once; more are lost, as a broken server deserves.
const MARKS_MAX: usize = 4_096;

/// The queue of one call.
#[derive(Default)]
pub(crate) struct Playout {
    /// When all that was queued will have been played.
    end: Micros,
    marks: VecDeque<(Micros, String)>,
}

impl Playout {
    /// Queues `samples` of audio: when their playing begins and ends.
    pub(crate) fn queue(&mut self, now: Micros, samples: usize) -> (Micros, Micros) {
        let begin = self.end.max(now);
        self.end = begin + samples as u64 * SAMPLE_US;
        (begin, self.end)
    }

    /// When all that was queued will have been played.
    pub(crate) fn end(&self) -> Micros {
        self.end
    }

    /// Sets a mark behind what is queued.
    pub(crate) fn mark(&mut self, now: Micros, name: String) {
        if self.marks.len() < MARKS_MAX {
            self.marks.push_back((self.end.max(now), name));
        }
    }

    /// Forgets what is queued; every mark is due.
    pub(crate) fn clear(&mut self, now: Micros) {
        self.end = self.end.min(now);
        for (due, _) in &mut self.marks {
            *due = now.min(*due);
        }
    }

    /// The next mark that is due.
    pub(crate) fn returned(&mut self, now: Micros) -> Option<String> {
        self.marks.front().filter(|(due, _)| *due <= now)?;
        self.marks.pop_front().map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ms;

    #[test]
    fn audio_takes_its_time_and_marks_come_behind_it() {
        let mut playout = Playout::default();
        playout.mark(ms(5), "idle".into());
        assert_eq!(playout.returned(ms(5)).as_deref(), Some("idle"));
        assert_eq!(playout.queue(ms(10), 160), (ms(10), ms(30)));
        playout.mark(ms(10), "a".into());
        assert_eq!(playout.queue(ms(12), 80), (ms(30), ms(40)));
        assert_eq!(playout.returned(ms(29)), None);
        assert_eq!(playout.returned(ms(30)).as_deref(), Some("a"));
        assert_eq!(playout.queue(ms(90), 8), (ms(90), ms(91)));
    }

    #[test]
    fn clear_empties_the_queue_and_returns_every_mark() {
        let mut playout = Playout::default();
        playout.queue(0, 8_000);
        playout.mark(0, "a".into());
        playout.clear(ms(100));
        assert_eq!(playout.end(), ms(100));
        assert_eq!(playout.returned(ms(100)).as_deref(), Some("a"));
        assert_eq!(playout.queue(ms(120), 8), (ms(120), ms(121)));
    }
}
