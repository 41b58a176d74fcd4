//! The order of the work: earliest deadline first, bounded; partial transcripts give way, finals never do.

use std::collections::BTreeMap;
use std::time::Instant;

/// What a piece of work is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The transcript of a whole utterance.
    Final,
    /// Whether a turn is complete.
    TurnScore,
    /// A sentence to be spoken.
    Voice,
    /// A transcript of an utterance that goes on.
    Partial,
    /// Whether windows of sound hold a voice.
    Activity,
}

impl Kind {
    /// All kinds, in the order of [`Kind::index`].
    pub const ALL: [Kind; 5] = [
        Kind::Final,
        Kind::TurnScore,
        Kind::Voice,
        Kind::Partial,
        Kind::Activity,
    ];

    pub(super) fn index(self) -> usize {
        match self {
            Kind::Final => 0,
            Kind::TurnScore => 1,
            Kind::Voice => 2,
            Kind::Partial => 3,
            Kind::Activity => 4,
        }
    }

    /// Whether it is of no use after its deadline.
    pub(super) fn expires(self) -> bool {
        match self {
            Kind::TurnScore | Kind::Partial => true,
            Kind::Final | Kind::Voice | Kind::Activity => false,
        }
    }
}

/// One piece of work that waits.
pub(super) struct Entry<T> {
    pub(super) kind: Kind,
    /// How much work it is, in what its kind is counted in.
    pub(super) units: usize,
    pub(super) deadline: Instant,
    pub(super) task: T,
}

/// What became of an offer.
pub(super) enum Offer<T> {
    /// It waits now.
    Taken,
    /// It waits now; this partial lost its place to it.
    TakenFor(T),
    /// There is no place for it.
    Refused(T),
}

/// What to do next.
pub(super) enum Next<T> {
    /// Run this.
    Run(Entry<T>),
    /// Tell this one that it is too late.
    Expired(Entry<T>),
}

pub(super) struct Queue<T> {
    waiting: BTreeMap<(Instant, u64), Entry<T>>,
    counts: [usize; Kind::ALL.len()],
    offered: u64,
    capacity: usize,
}

/// Finals may fill the queue this many times over before even they are refused.
const FINALS_BEYOND_CAPACITY: usize = 4;

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Queue {
            waiting: BTreeMap::new(),
            counts: [0; Kind::ALL.len()],
            offered: 0,
            capacity,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many units of a kind wait.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.counts.get(kind.index()).copied().unwrap_or(0)
    }

    pub(super) fn offer(
        &mut self,
        kind: Kind,
        units: usize,
        deadline: Instant,
        task: T,
    ) -> Offer<T> {
        let mut displaced = None;
        if self.waiting.len() >= self.capacity {
            if kind != Kind::Partial {
                displaced = self.take_latest_partial();
            }
            let limit = match kind {
                Kind::Final => self.capacity * FINALS_BEYOND_CAPACITY,
                Kind::TurnScore | Kind::Voice | Kind::Partial | Kind::Activity => self.capacity,
            };
            if self.waiting.len() >= limit {
                return Offer::Refused(task);
            }
        }
        self.offered += 1;
        self.change_count(kind, |count| count.saturating_add(units));
        let entry = Entry {
            kind,
            units,
            deadline,
            task,
        };
        self.waiting.insert((deadline, self.offered), entry);
        displaced.map_or(Offer::Taken, Offer::TakenFor)
    }

    pub(super) fn next(&mut self, now: Instant) -> Option<Next<T>> {
        let (_, entry) = self.waiting.pop_first()?;
        self.change_count(entry.kind, |count| count.saturating_sub(entry.units));
        Some(if entry.kind.expires() && now > entry.deadline {
            Next::Expired(entry)
        } else {
            Next::Run(entry)
        })
    }

    /// Everything, as when the workers stop.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.counts = Default::default();
    }

    fn take_latest_partial(&mut self) -> Option<T> {
        if self.count(Kind::Partial) == 0 {
            return None;
        }
        let key = self
            .waiting
            .iter()
            .rev()
            .find(|(_, entry)| entry.kind == Kind::Partial)
            .map(|(key, _)| *key)?;
        let entry = self.waiting.remove(&key)?;
        self.change_count(Kind::Partial, |count| count.saturating_sub(entry.units));
        Some(entry.task)
    }

    fn change_count(&mut self, kind: Kind, change: impl FnOnce(usize) -> usize) {
        if let Some(count) = self.counts.get_mut(kind.index()) {
            *count = change(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::time::Duration;

    fn names(queue: &mut Queue<&'static str>, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| queue.next(now))
            .map(|next| match next {
                Next::Run(entry) => entry.task.to_owned(),
                Next::Expired(entry) => format!("{} expired", entry.task),
            })
            .collect()
    }

    #[test]
    fn the_earliest_deadline_runs_first_and_equals_run_in_order() {
        let now = clock::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut queue = Queue::new(10);
        for (kind, ms, task) in [
            (Kind::Voice, 500, "voice"),
            (Kind::Final, 300, "final"),
            (Kind::Partial, 400, "partial"),
            (Kind::Final, 300, "final two"),
            (Kind::TurnScore, 100, "turn"),
        ] {
            assert!(matches!(queue.offer(kind, 1, at(ms), task), Offer::Taken));
        }
        assert_eq!(queue.count(Kind::Final), 2);
        assert_eq!(
            names(&mut queue, now),
            ["turn", "final", "final two", "partial", "voice"]
        );
        assert_eq!((queue.len(), queue.count(Kind::Final)), (0, 0));
    }

    #[test]
    fn late_partials_and_scores_expire_but_finals_and_speech_are_still_made() {
        let now = clock::now();
        let mut queue = Queue::new(10);
        for (kind, task) in [
            (Kind::Partial, "partial"),
            (Kind::Final, "final"),
            (Kind::TurnScore, "turn"),
            (Kind::Voice, "voice"),
        ] {
            queue.offer(kind, 1, now, task);
        }
        assert_eq!(
            names(&mut queue, now + Duration::from_millis(1)),
            ["partial expired", "final", "turn expired", "voice"]
        );
    }

    #[test]
    fn a_full_queue_gives_up_its_latest_partial_first_and_refuses_finals_last() {
        let now = clock::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut queue = Queue::new(3);
        queue.offer(Kind::Partial, 1, at(1), "early partial");
        queue.offer(Kind::Partial, 1, at(9), "late partial");
        queue.offer(Kind::Voice, 1, at(5), "voice");
        assert!(matches!(
            queue.offer(Kind::Partial, 1, at(0), "new partial"),
            Offer::Refused(_)
        ));
        assert!(matches!(
            queue.offer(Kind::Final, 1, at(7), "final"),
            Offer::TakenFor("late partial")
        ));
        assert!(matches!(
            queue.offer(Kind::TurnScore, 1, at(7), "turn"),
            Offer::TakenFor("early partial")
        ));
        assert!(matches!(
            queue.offer(Kind::Voice, 1, at(7), "voice two"),
            Offer::Refused(_)
        ));
        for _ in 0..9 {
            assert!(matches!(
                queue.offer(Kind::Final, 1, at(8), "more"),
                Offer::Taken
            ));
        }
        assert!(matches!(
            queue.offer(Kind::Final, 1, at(8), "too many"),
            Offer::Refused(_)
        ));
        assert_eq!(queue.len(), 12);
    }
}
