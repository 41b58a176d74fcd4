//! The thread that detects voice, for all calls together.
//!
//! Judging the windows of many calls at once costs less than half of judging them one after the other. So what is asked
//! waits for company: until the first of those who wait needs its answer, or a batch is full. With few calls there is no
//! company to come, and nothing waits.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::SpeechError;
use super::load::Load;
use super::pool::LaneStats;
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
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    capacity: usize,
}

struct State {
    /// By when the answer is wanted, and in the order of asking.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    windows: usize,
    asked: u64,
    load: Load,
    stats: LaneStats,
    stopping: bool,
}

struct Waiting {
    line: Line,
    windows: usize,
    reply: oneshot::Sender<Judged>,
}

impl Detector {
    /// Starts the thread.
    pub(super) fn start(judge: impl Judge, capacity: usize) -> Result<Self, SpeechError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waiting: BTreeMap::new(),
                windows: 0,
                asked: 0,
                load: Load::new(1, &[Kind::Activity]),
                stats: LaneStats::default(),
                stopping: false,
            }),
            wake: Condvar::new(),
            capacity,
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("speech-light".to_owned())
            .spawn(move || work(&of_thread, judge))
            .map_err(|error| SpeechError::inference("a worker thread", error))?;
        Ok(Detector {
            shared,
            thread: Some(thread),
        })
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
        let mut queue = self.shared.lock();
        if queue.stopping {
            return Err(SpeechError::Stopped);
        }
        if queue.waiting.len() >= self.shared.capacity {
            queue.stats.refused += 1;
            return Err(SpeechError::Busy);
        }
        let due = match queue.load.calls() < CALLS_FOR_COMPANY {
            true => now,
            false => now + wanted_in,
        };
        let windows = samples.len() / WINDOW_SAMPLES;
        let first_due = queue.waiting.keys().next().map(|(due, _)| *due);
        queue.asked += 1;
        queue.windows += windows;
        let key = (due, queue.asked);
        let line = Line::new(state, samples);
        queue.waiting.insert(
            key,
            Waiting {
                line,
                windows,
                reply,
            },
        );
        let is_full = queue.waiting.len() == TOGETHER_MAX;
        drop(queue);
        if is_full || first_due.is_none_or(|first| due < first) {
            self.shared.wake.notify_one();
        }
        Ok(answer)
    }

    pub(super) fn stats(&self) -> LaneStats {
        let state = self.shared.lock();
        LaneStats {
            workers: 1,
            waiting: state.waiting.len(),
            ahead_ms: state.ahead().as_secs_f64() * 1_000.0,
            cost_ms: Kind::ALL.map(|kind| state.load.cost_ms(kind)),
            ..state.stats
        }
    }

    /// Counts one call in when there is room for it.
    pub(super) fn admit(&self, now: Instant) -> Result<(), SpeechError> {
        let mut state = self.shared.lock();
        let ahead = state.ahead();
        if !state.load.has_room(ahead, now) {
            return Err(SpeechError::Busy);
        }
        let calls = state.load.calls() + 1;
        state.load.calls_changed(calls, now);
        Ok(())
    }

    /// Counts one call out.
    pub(super) fn release(&self, now: Instant) {
        let mut state = self.shared.lock();
        let calls = state.load.calls().saturating_sub(1);
        state.load.calls_changed(calls, now);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside the work is caught before it reaches the lock's holder.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ahead(&self) -> Duration {
        let ms = self.windows as f64 * self.load.cost_ms(Kind::Activity);
        Duration::from_secs_f64(ms.max(0.0) / 1_000.0)
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

    /// Those whose answers are wanted first, and by when the first of them was. Those whom nobody waits for any more are
    /// left out.
    fn take(&mut self) -> (Vec<Line>, Vec<(oneshot::Sender<Judged>, Instant)>) {
        let (mut lines, mut replies) = (Vec::new(), Vec::new());
        while lines.len() < TOGETHER_MAX {
            let Some(((due, _), waiting)) = self.waiting.pop_first() else {
                break;
            };
            self.windows = self.windows.saturating_sub(waiting.windows);
            if waiting.reply.is_closed() {
                self.stats.cancelled += 1;
                continue;
            }
            lines.push(waiting.line);
            replies.push((waiting.reply, due));
        }
        (lines, replies)
    }
}

impl Drop for Detector {
    /// Waits for the thread, which ends after the batch in its hands. Who waits is told that nobody will answer.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        state.waiting.clear();
        drop(state);
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, mut judge: impl Judge) {
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return;
        }
        if state.waiting.is_empty() {
            let woken = shared.wake.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let started = clock::now();
        let patience = state.patience(started);
        if !patience.is_zero() {
            let woken = shared.wake.wait_timeout(state, patience);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let (mut lines, replies) = state.take();
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
