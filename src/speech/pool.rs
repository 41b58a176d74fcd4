//! The workers that own the models. They are not the executor's threads: a model computes for a tenth of a second, and a
//! call's socket must not wait for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tokio::sync::oneshot;

use super::SpeechError;
use super::lane::{Lane, Shared, Waiting};
use super::load::Load;
use super::queue::{Kind, Next, Offer, Queue};
use crate::clock;

/// What is done with a piece of work when its turn comes.
pub(super) enum Fate<'a, E> {
    Run(&'a mut E),
    Fail(SpeechError),
}

/// Answers whether the work was really done.
type Task<E> = Box<dyn FnOnce(Fate<'_, E>) -> bool + Send>;

/// A queue ordered by deadline, and workers that each have an `E` of their own.
pub(super) struct Pool<E: 'static> {
    pub(super) lane: Lane<Queue<Task<E>>>,
}

impl<E: 'static> Waiting for Queue<Task<E>> {
    fn len(&self) -> usize {
        Queue::len(self)
    }

    fn ahead_ms(&self, load: &Load) -> f64 {
        let of = |kind| self.count(kind) as f64 * load.cost_ms(kind);
        Kind::ALL.into_iter().map(of).sum()
    }

    fn clear(&mut self) {
        Queue::clear(self);
    }
}

impl<E: Send + 'static> Pool<E> {
    /// Starts a thread for every engine.
    pub(super) fn start(
        name: &str,
        engines: Vec<E>,
        kinds: &[Kind],
        capacity: usize,
    ) -> Result<Self, SpeechError> {
        let worker = |(number, engine): (usize, E)| {
            let serve = move |shared: &Shared<Queue<Task<E>>>| work(shared, engine);
            (format!("{name}-{number}"), serve)
        };
        let workers = engines.into_iter().enumerate().map(worker).collect();
        let lane = Lane::start(Queue::new(capacity), kinds, workers)?;
        Ok(Pool { lane })
    }

    /// Puts a piece of work into the queue: its kind and how many units of it. The receiver gives its result; dropped
    /// before its turn, the work is not done.
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
        let mut state = self.lane.shared.lock();
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
        self.lane.shared.wake_one();
        if let Some(partial) = displaced {
            partial(Fate::Fail(SpeechError::GaveWay));
        }
        Ok(answer)
    }
}

fn work<E>(shared: &Shared<Queue<Task<E>>>, mut engine: E) {
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return;
        }
        let started = clock::now();
        match state.queue.next(started) {
            None => {
                state = shared.wait(state, None);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    /// One worker whose engine is the list of what it did.
    fn pool(capacity: usize) -> Pool<Vec<&'static str>> {
        Pool::start("test", vec![Vec::new()], &Kind::ALL, capacity).unwrap()
    }

    /// Keeps the worker busy until the sender is used or dropped.
    fn hold(pool: &Pool<Vec<&'static str>>) -> mpsc::SyncSender<()> {
        let (go, wait) = mpsc::sync_channel(1);
        let (started, begun) = mpsc::sync_channel(1);
        let _unread = pool
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
        let pool = pool(10);
        let go = hold(&pool);
        let say = |name: &'static str| {
            move |did: &mut Vec<&'static str>| {
                did.push(name);
                Ok(did.clone())
            }
        };
        let slow = pool
            .submit((Kind::Voice, 1), later(60_000), say("voice"))
            .unwrap();
        let gone = pool
            .submit((Kind::Final, 1), later(10_000), say("gone"))
            .unwrap();
        let quick = pool
            .submit((Kind::Final, 1), later(30_000), say("final"))
            .unwrap();
        drop(gone);
        go.send(()).unwrap();
        assert_eq!(quick.await.unwrap().unwrap(), ["final"]);
        assert_eq!(slow.await.unwrap().unwrap(), ["final", "voice"]);
        assert_eq!(pool.lane.stats().cancelled, 1);
    }

    #[tokio::test]
    async fn a_panic_answers_its_own_work_and_the_worker_goes_on() {
        let pool = pool(10);
        let bad = pool.submit((Kind::Final, 1), later(1_000), |_| -> Result<(), _> {
            panic!("broken")
        });
        assert!(matches!(
            bad.unwrap().await.unwrap(),
            Err(SpeechError::Inference { .. })
        ));
        let good = pool
            .submit((Kind::Final, 1), later(1_000), |_| Ok(7))
            .unwrap();
        assert_eq!(good.await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn partials_give_way_and_late_scores_are_told() {
        let pool = pool(2);
        let go = hold(&pool);
        let partial = pool
            .submit((Kind::Partial, 1), later(60_000), |_| Ok(()))
            .unwrap();
        let late = pool
            .submit((Kind::TurnScore, 1), clock::now(), |_| Ok(()))
            .unwrap();
        let last = pool
            .submit((Kind::Final, 1), later(60_000), |_| Ok(()))
            .unwrap();
        assert!(matches!(partial.await.unwrap(), Err(SpeechError::GaveWay)));
        assert!(matches!(
            pool.submit((Kind::Voice, 1), later(1), |_| Ok(())),
            Err(SpeechError::Busy)
        ));
        go.send(()).unwrap();
        last.await.unwrap().unwrap();
        assert!(matches!(late.await.unwrap(), Err(SpeechError::Late)));
        let stats = pool.lane.stats();
        assert_eq!((stats.gave_way, stats.expired, stats.refused), (1, 1, 1));
    }

    #[tokio::test]
    async fn a_lane_that_is_dropped_leaves_no_one_waiting() {
        let pool = pool(10);
        let go = hold(&pool);
        let waiting = pool
            .submit((Kind::Final, 1), later(1_000), |_| Ok(()))
            .unwrap();
        // Dropping waits for the worker, which is held here.
        let dropping = std::thread::spawn(move || drop(pool));
        assert!(waiting.await.is_err());
        drop(go);
        dropping.join().unwrap();
    }
}
