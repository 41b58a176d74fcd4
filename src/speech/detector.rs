//! The thread that detects voice, for all calls together.
//!
//! Judging the windows of many calls at once costs less than half of judging them one after the other. So what is asked
//! waits for company: until the first of those who wait needs its answer, or a batch is full. With few calls there is no
//! company to come, and nothing waits.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::SpeechError;
use super::lane::{Lane, LaneStats, Shared, State, Waiting};
use super::load::Load;
use super::queue::Kind;
use super::silero::{Line, Silero, VadState, WINDOW_SAMPLES};
use crate::clock;

/// Lines judged together: beyond this, more of them make each no cheaper.
const TOGETHER_MAX: usize = 32;
/// Nobody waits for company while there are fewer calls.
const CALLS_FOR_COMPANY: usize = 8;
/// Windows are 32 ms apart: an answer this long after it was wanted is behind the next question.
const LATE: Duration = Duration::from_millis(32);

/// The state to go on with, and a probability for every window.
pub(super) type Judged = Result<(VadState, Vec<f32>), SpeechError>;

/// What judges windows.
pub(super) trait Judge: Send + 'static {
    /// Judges every window of every line.
    fn judge(&mut self, lines: &mut [Line]) -> Result<(), SpeechError>;
}

impl Judge for Silero {
    fn judge(&mut self, lines: &mut [Line]) -> Result<(), SpeechError> {
        self.run(lines)
    }
}

/// The queue and its thread, which ends with it.
pub(super) struct Detector {
    pub(super) lane: Lane<Lines>,
}

/// The lines that wait.
pub(super) struct Lines {
    /// By when the answer is wanted, and in the order of asking.
    waiting: BTreeMap<(Instant, u64), Asked>,
    windows: usize,
    asked: u64,
    capacity: usize,
}

struct Asked {
    line: Line,
    windows: usize,
    reply: oneshot::Sender<Judged>,
}

impl Detector {
    /// Starts the thread.
    pub(super) fn start(judge: impl Judge, capacity: usize) -> Result<Self, SpeechError> {
        let lines = Lines {
            waiting: BTreeMap::new(),
            windows: 0,
            asked: 0,
            capacity,
        };
        let serve = |shared: &Shared<Lines>| work(shared, judge);
        let workers = vec![("speech-light".to_owned(), serve)];
        let lane = Lane::start(lines, &[Kind::Activity], workers)?;
        Ok(Detector { lane })
    }

    /// Asks about the windows of a line. Dropping the receiver takes the question back.
    pub(super) fn ask(
        &self,
        state: VadState,
        samples: Vec<i16>,
        wanted_in: Duration,
    ) -> Result<oneshot::Receiver<Judged>, SpeechError> {
        let (reply, answer) = oneshot::channel();
        let now = clock::now();
        let mut of_lane = self.lane.shared.lock();
        if of_lane.stopping {
            return Err(SpeechError::Stopped);
        }
        let due = match of_lane.load.calls() < CALLS_FOR_COMPANY {
            true => now,
            false => now + wanted_in,
        };
        let line = Line::new(state, samples);
        let Some(is_urgent) = of_lane.queue.put(due, line, reply) else {
            of_lane.stats.refused += 1;
            return Err(SpeechError::Busy);
        };
        drop(of_lane);
        if is_urgent {
            self.lane.shared.wake_one();
        }
        Ok(answer)
    }
}

impl Waiting for Lines {
    fn len(&self) -> usize {
        self.waiting.len()
    }

    fn ahead_ms(&self, load: &Load) -> f64 {
        self.windows as f64 * load.cost_ms(Kind::Activity)
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.windows = 0;
    }
}

impl Lines {
    /// Whether the thread has to know of it at once; `None` if there is no place for it.
    fn put(&mut self, due: Instant, line: Line, reply: oneshot::Sender<Judged>) -> Option<bool> {
        if self.waiting.len() >= self.capacity {
            return None;
        }
        let windows = line.samples.len() / WINDOW_SAMPLES;
        let first_due = self.waiting.keys().next().map(|(due, _)| *due);
        self.asked += 1;
        self.windows += windows;
        let asked = Asked {
            line,
            windows,
            reply,
        };
        self.waiting.insert((due, self.asked), asked);
        let is_full = self.waiting.len() == TOGETHER_MAX;
        Some(is_full || first_due.is_none_or(|first| due < first))
    }

    /// How long the first may still wait; nothing when it is time.
    fn patience(&self, now: Instant) -> Duration {
        let first = self.waiting.keys().next();
        first
            .filter(|_| self.waiting.len() < TOGETHER_MAX)
            .map_or(Duration::ZERO, |(due, _)| {
                due.saturating_duration_since(now)
            })
    }

    /// Those whose answers are wanted first, and by when each of them is. Those whom nobody waits for any more are left
    /// out, and counted.
    fn take(
        &mut self,
        stats: &mut LaneStats,
    ) -> (Vec<Line>, Vec<(oneshot::Sender<Judged>, Instant)>) {
        let (mut lines, mut replies) = (Vec::new(), Vec::new());
        while lines.len() < TOGETHER_MAX {
            let Some(((due, _), asked)) = self.waiting.pop_first() else {
                break;
            };
            self.windows = self.windows.saturating_sub(asked.windows);
            if asked.reply.is_closed() {
                stats.cancelled += 1;
                continue;
            }
            lines.push(asked.line);
            replies.push((asked.reply, due));
        }
        (lines, replies)
    }
}

fn work(shared: &Shared<Lines>, mut judge: impl Judge) {
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return;
        }
        if state.queue.waiting.is_empty() {
            state = shared.wait(state, None);
            continue;
        }
        let started = clock::now();
        let patience = state.queue.patience(started);
        if !patience.is_zero() {
            state = shared.wait(state, Some(patience));
            continue;
        }
        let State { queue, stats, .. } = &mut *state;
        let (mut lines, replies) = queue.take(stats);
        drop(state);
        let windows = lines.iter().map(|line| line.samples.len() / WINDOW_SAMPLES);
        let windows: usize = windows.sum();
        let judged = catch_unwind(AssertUnwindSafe(|| judge.judge(&mut lines)));
        let judged = judged
            .unwrap_or_else(|_| Err(SpeechError::inference("voice detection", "it panicked")));
        let ended = clock::now();
        // Counted before anybody is told: who has an answer finds it in the figures.
        state = shared.lock();
        if !lines.is_empty() {
            state.load.worked(Kind::Activity, windows, ended - started);
        }
        for (_, due) in &replies {
            state.stats.count(*due + LATE, ended);
        }
        drop(state);
        for (line, (reply, _)) in lines.into_iter().zip(replies) {
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(match &judged {
                Ok(()) => Ok((line.state, line.probabilities)),
                Err(error) => Err(error.clone()),
            });
        }
        state = shared.lock();
    }
}

#[cfg(test)]
mod tests;
