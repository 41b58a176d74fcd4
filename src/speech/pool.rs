//! The worker threads. They are not the executor's: a model computes for a tenth of a second, and a call's socket must
//! not wait for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::SpeechError;
use super::load::Load;
use super::queue::{Kind, Next, Offer, Queue};
use crate::clock;

/// What is done with a piece of work when its turn comes.
enum Fate<'a, E> {
    Run(&'a mut E),
    Fail(SpeechError),
}

/// Answers whether the work was really done.
type Task<E> = Box<dyn FnOnce(Fate<'_, E>) -> bool + Send>;

/// A queue and the threads that serve it, each with an `E` of its own.
pub(super) struct Lane<E> {
    shared: Arc<Shared<E>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

struct Shared<E> {
    state: Mutex<State<E>>,
    wake: Condvar,
    workers: usize,
}

struct State<E> {
    queue: Queue<Task<E>>,
    load: Load,
    stats: LaneStats,
    stopping: bool,
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

impl<E: Send + 'static> Lane<E> {
    /// Starts a thread for every engine.
    pub(super) fn start(
        name: &str,
        engines: Vec<E>,
        kinds: &[Kind],
        capacity: usize,
    ) -> Result<Self, SpeechError> {
        let workers = engines.len();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::new(capacity),
                load: Load::new(workers, kinds),
                stats: LaneStats::default(),
                stopping: false,
            }),
            wake: Condvar::new(),
            workers,
        });
        let mut lane = Lane {
            shared,
            threads: Vec::new(),
        };
        for (number, engine) in engines.into_iter().enumerate() {
            let shared = Arc::clone(&lane.shared);
            let thread = std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || work(&shared, engine))
                .map_err(|error| SpeechError::inference("a worker thread", error))?;
            lane.threads.push(thread);
        }
        Ok(lane)
    }

    /// Puts a piece of work into the queue: its kind and how many units of it. The receiver gives its result; dropped before its turn, the work is not done.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        (kind, units): (Kind, usize),
        deadline: Instant,
        run: impl FnOnce(&mut E) -> Result<T, SpeechError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, SpeechError>>, SpeechError> {
        let (reply, answer) = oneshot::channel();
        let task: Task<E> = Box::new(move |fate| {
            if reply.is_closed() {
                return false;
            }
            let (result, done) = match fate {
                Fate::Run(engine) => {
                    let result = catch_unwind(AssertUnwindSafe(|| run(engine)));
                    let panicked =
                        |_| Err(SpeechError::inference("a speech worker", "it panicked"));
                    (result.unwrap_or_else(panicked), true)
                }
                Fate::Fail(error) => (Err(error), false),
            };
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(result);
            done
        });
        let mut state = self.shared.lock();
        if state.stopping {
            return Err(SpeechError::Stopped);
        }
        let displaced = match state.queue.offer(kind, units, deadline, task) {
            Offer::Taken => None,
            Offer::TakenFor(partial) => {
                state.stats.gave_way += 1;
                Some(partial)
            }
            Offer::Refused(_) => {
                state.stats.refused += 1;
                return Err(SpeechError::Busy);
            }
        };
        drop(state);
        self.shared.wake.notify_one();
        if let Some(partial) = displaced {
            partial(Fate::Fail(SpeechError::GaveWay));
        }
        Ok(answer)
    }

    pub(super) fn stats(&self) -> LaneStats {
        let state = self.shared.lock();
        LaneStats {
            workers: self.shared.workers,
            waiting: state.queue.len(),
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

impl<E> Shared<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // A panic inside the work is caught before it reaches the lock's holder.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> State<E> {
    fn ahead(&self) -> Duration {
        let ms: f64 = Kind::ALL
            .iter()
            .map(|kind| self.queue.count(*kind) as f64 * self.load.cost_ms(*kind))
            .sum();
        Duration::from_secs_f64(ms.max(0.0) / 1_000.0)
    }
}

impl<E> Drop for Lane<E> {
    /// Waits for the threads, which end after the work in their hands: a process that exits under a running inference
    /// takes the runtime away from it. What waits is told by its receiver that nobody will answer.
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

fn work<E>(shared: &Shared<E>, mut engine: E) {
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return;
        }
        let started = clock::now();
        match state.queue.next(started) {
            None => {
                state = shared
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            Some(Next::Expired(entry)) => {
                state.stats.expired += 1;
                drop(state);
                (entry.task)(Fate::Fail(SpeechError::Late));
                state = shared.lock();
            }
            Some(Next::Run(entry)) => {
                drop(state);
                let done = (entry.task)(Fate::Run(&mut engine));
                let ended = clock::now();
                state = shared.lock();
                if done {
                    state.load.worked(entry.kind, entry.units, ended - started);
                    state.stats.count(entry.deadline, ended);
                } else {
                    state.stats.cancelled += 1;
                }
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
            self.late_ms_max = self
                .late_ms_max
                .max(u64::try_from(late.as_millis()).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// One worker whose engine is the list of what it did.
    fn lane(capacity: usize) -> Lane<Vec<&'static str>> {
        Lane::start("test", vec![Vec::new()], &Kind::ALL, capacity).unwrap()
    }

    /// Keeps the worker busy until the sender is used or dropped.
    fn hold(lane: &Lane<Vec<&'static str>>) -> mpsc::SyncSender<()> {
        let (go, wait) = mpsc::sync_channel(1);
        let (started, begun) = mpsc::sync_channel(1);
        let _unread = lane
            .submit((Kind::Final, 1), clock::now(), move |_| {
                let _ = started.send(());
                let _ = wait.recv();
                Ok(())
            })
            .map(std::mem::forget);
        begun.recv().unwrap();
        go
    }

    fn later(ms: u64) -> Instant {
        clock::now() + Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn the_urgent_overtakes_and_the_abandoned_is_skipped() {
        let lane = lane(10);
        let go = hold(&lane);
        let say = |name: &'static str| {
            move |did: &mut Vec<&'static str>| {
                did.push(name);
                Ok(did.clone())
            }
        };
        let slow = lane
            .submit((Kind::Voice, 1), later(60_000), say("voice"))
            .unwrap();
        let gone = lane
            .submit((Kind::Final, 1), later(10_000), say("gone"))
            .unwrap();
        let quick = lane
            .submit((Kind::Final, 1), later(30_000), say("final"))
            .unwrap();
        drop(gone);
        go.send(()).unwrap();
        assert_eq!(quick.await.unwrap().unwrap(), ["final"]);
        assert_eq!(slow.await.unwrap().unwrap(), ["final", "voice"]);
        assert_eq!(lane.stats().cancelled, 1);
    }

    #[tokio::test]
    async fn a_panic_answers_its_own_work_and_the_worker_goes_on() {
        let lane = lane(10);
        let bad = lane.submit((Kind::Final, 1), later(1_000), |_| -> Result<(), _> {
            panic!("broken")
        });
        assert!(matches!(
            bad.unwrap().await.unwrap(),
            Err(SpeechError::Inference { .. })
        ));
        let good = lane
            .submit((Kind::Final, 1), later(1_000), |_| Ok(7))
            .unwrap();
        assert_eq!(good.await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn partials_give_way_and_late_scores_are_told() {
        let lane = lane(2);
        let go = hold(&lane);
        let partial = lane
            .submit((Kind::Partial, 1), later(60_000), |_| Ok(()))
            .unwrap();
        let late = lane
            .submit((Kind::TurnScore, 1), clock::now(), |_| Ok(()))
            .unwrap();
        let last = lane
            .submit((Kind::Final, 1), later(60_000), |_| Ok(()))
            .unwrap();
        assert!(matches!(partial.await.unwrap(), Err(SpeechError::GaveWay)));
        assert!(matches!(
            lane.submit((Kind::Voice, 1), later(1), |_| Ok(())),
            Err(SpeechError::Busy)
        ));
        go.send(()).unwrap();
        last.await.unwrap().unwrap();
        assert!(matches!(late.await.unwrap(), Err(SpeechError::Late)));
        let stats = lane.stats();
        assert_eq!((stats.gave_way, stats.expired, stats.refused), (1, 1, 1));
    }

    #[tokio::test]
    async fn a_lane_that_is_dropped_leaves_no_one_waiting() {
        let lane = lane(10);
        let go = hold(&lane);
        let waiting = lane
            .submit((Kind::Final, 1), later(1_000), |_| Ok(()))
            .unwrap();
        // Dropping waits for the worker, which is held here.
        let dropping = std::thread::spawn(move || drop(lane));
        assert!(waiting.await.is_err());
        drop(go);
        dropping.join().unwrap();
    }

    #[test]
    fn calls_are_counted_in_and_out() {
        let lane = lane(10);
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
}
