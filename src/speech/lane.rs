//! What every lane of workers has: a queue under a lock, threads that serve it, the calls that are counted in and out, its
//! figures and its end. What waits in it and how it is served is the business of [`super::pool`] and [`super::detector`].

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::SpeechError;
use super::load::Load;
use super::queue::Kind;

/// What waits in a lane.
pub(super) trait Waiting: Send + 'static {
    /// Pieces of work that wait.
    fn len(&self) -> usize;
    /// What they will take a worker, ms.
    fn ahead_ms(&self, load: &Load) -> f64;
    /// Lets go of all of them: who waits for one is told that nobody will answer.
    fn clear(&mut self);
}

/// A queue and the threads that serve it, which end with it.
pub(super) struct Lane<Q: Waiting> {
    pub(super) shared: Arc<Shared<Q>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What the threads of a lane share with those who ask.
pub(super) struct Shared<Q> {
    state: Mutex<State<Q>>,
    wake: Condvar,
    workers: usize,
}

pub(super) struct State<Q> {
    pub(super) queue: Q,
    pub(super) load: Load,
    pub(super) stats: LaneStats,
    pub(super) stopping: bool,
}

/// What a lane has done and has before it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LaneStats {
    /// Worker threads.
    pub workers: usize,
    /// Pieces of work that wait.
    pub waiting: usize,
    /// Milliseconds of work that wait, by what each kind has cost so far.
    pub ahead_ms: f64,
    /// Pieces of work done.
    pub done: u64,
    /// Of these, ended after their deadline.
    pub done_late: u64,
    /// The most a piece of work was late, in milliseconds.
    pub late_ms_max: u64,
    /// Given up because they were too late to be of use.
    pub expired: u64,
    /// Partials that gave way to other work.
    pub gave_way: u64,
    /// Refused because the queue was full.
    pub refused: u64,
    /// Not done because nobody waited for the answer any more.
    pub cancelled: u64,
    /// Mean milliseconds of each kind, in the order of [`Kind::ALL`]; of voice activity, of a window.
    pub cost_ms: [f64; Kind::ALL.len()],
}

impl<Q: Waiting> Lane<Q> {
    /// Starts a thread of each name, which serves the queue until it is stopping. Work of these kinds is what calls are
    /// expected to need.
    pub(super) fn start(
        queue: Q,
        kinds: &[Kind],
        workers: Vec<(String, impl FnOnce(&Shared<Q>) + Send + 'static)>,
    ) -> Result<Self, SpeechError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue,
                load: Load::new(workers.len(), kinds),
                stats: LaneStats::default(),
                stopping: false,
            }),
            wake: Condvar::new(),
            workers: workers.len(),
        });
        let mut lane = Lane {
            shared,
            threads: Vec::new(),
        };
        for (name, serve) in workers {
            let shared = Arc::clone(&lane.shared);
            let thread = std::thread::Builder::new()
                .name(name)
                .spawn(move || serve(&shared))
                .map_err(|error| SpeechError::inference("a worker thread", error))?;
            lane.threads.push(thread);
        }
        Ok(lane)
    }

    pub(super) fn stats(&self) -> LaneStats {
        let state = self.shared.lock();
        LaneStats {
            workers: self.shared.workers,
            waiting: state.queue.len(),
            ahead_ms: state.queue.ahead_ms(&state.load).max(0.0),
            cost_ms: Kind::ALL.map(|kind| state.load.cost_ms(kind)),
            ..state.stats
        }
    }

    /// Counts one call in when there is room for it.
    pub(super) fn admit(&self, now: Instant) -> Result<(), SpeechError> {
        let mut state = self.shared.lock();
        let ahead_ms = state.queue.ahead_ms(&state.load).max(0.0);
        let ahead = Duration::from_secs_f64(ahead_ms / 1_000.0);
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

impl<Q: Waiting> Drop for Lane<Q> {
    /// Waits for the threads, which end after the work in their hands: a process that exits under a running inference
    /// takes the runtime away from it.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        state.queue.clear();
        drop(state);
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl<Q> Shared<Q> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<Q>> {
        // A panic inside the work is caught before it reaches the lock's holder.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is something to do for one of the threads.
    pub(super) fn wake_one(&self) {
        self.wake.notify_one();
    }

    /// Sleeps until there may be something to do, `at_most` so long if that is given.
    pub(super) fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<Q>>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, State<Q>> {
        match at_most {
            None => {
                let woken = self.wake.wait(state);
                woken.unwrap_or_else(PoisonError::into_inner)
            }
            Some(at_most) => {
                let woken = self.wake.wait_timeout(state, at_most);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl LaneStats {
    /// A piece of work was done.
    pub(super) fn count(&mut self, deadline: Instant, ended: Instant) {
        self.done += 1;
        let late = ended.saturating_duration_since(deadline);
        if !late.is_zero() {
            self.done_late += 1;
            let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            self.late_ms_max = self.late_ms_max.max(late_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// So many pieces of final transcripts.
    struct Finals(usize);

    impl Waiting for Finals {
        fn len(&self) -> usize {
            self.0
        }

        fn ahead_ms(&self, load: &Load) -> f64 {
            self.0 as f64 * load.cost_ms(Kind::Final)
        }

        fn clear(&mut self) {
            self.0 = 0;
        }
    }

    /// A lane whose worker only waits for the end.
    fn lane(waiting: usize) -> Lane<Finals> {
        let serve = |shared: &Shared<Finals>| {
            let mut state = shared.lock();
            while !state.stopping {
                state = shared.wait(state, None);
            }
            assert_eq!(state.queue.0, 0, "what waits is let go of first");
        };
        let workers = vec![("test".to_owned(), serve)];
        Lane::start(Finals(waiting), &[Kind::Final], workers).unwrap()
    }

    #[test]
    fn calls_are_counted_in_and_out() {
        let lane = lane(0);
        let now = clock::now();
        let mut calls = 0;
        while lane.admit(now).is_ok() {
            calls += 1;
            assert!(calls < 1_000);
        }
        lane.release(now);
        assert!(lane.admit(now).is_ok());
        assert!(matches!(lane.admit(now), Err(SpeechError::Busy)));
    }

    #[test]
    fn what_waits_is_told_and_keeps_calls_out() {
        let lane = lane(1_000);
        let stats = lane.stats();
        assert_eq!((stats.workers, stats.waiting), (1, 1_000));
        let cost_ms = stats.cost_ms[Kind::Final.index()];
        assert!((stats.ahead_ms - 1_000.0 * cost_ms).abs() < 1e-6);
        assert!(matches!(lane.admit(clock::now()), Err(SpeechError::Busy)));
    }

    #[test]
    fn the_end_waits_for_the_threads() {
        let lane = lane(3);
        let shared = Arc::downgrade(&lane.shared);
        drop(lane);
        assert!(shared.upgrade().is_none());
    }

    #[test]
    fn work_is_late_behind_its_deadline_alone() {
        let mut stats = LaneStats::default();
        let now = clock::now();
        for late_ms in [0, 7, 3] {
            stats.count(now, now + Duration::from_millis(late_ms));
        }
        assert_eq!((stats.done, stats.done_late, stats.late_ms_max), (3, 2, 7));
    }
}
