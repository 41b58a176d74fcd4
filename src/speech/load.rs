//! How much work there is and what it costs, measured; and from that, whether one more call can be held.

use std::time::{Duration, Instant};

use super::queue::Kind;

const KINDS: usize = Kind::ALL.len();
/// Weight of the newest cost.
const NEWEST: f64 = 0.1;
/// How many call-seconds the first guess at the demand is worth.
const GUESS_CALL_SECONDS: f64 = 300.0;
/// After this many the past counts half.
const HALVE_CALL_SECONDS: f64 = 3_600.0;
/// The part of the workers' time that calls may be expected to need.
const BUSY_MAX: f64 = 0.8;
/// Work that waits, for each worker, beyond which no call is taken on.
const AHEAD_MAX: Duration = Duration::from_millis(1_500);

/// What a kind is first thought to cost in milliseconds, and how often a call needs it in a second. Partials cost
/// nothing here, since they give way.
const GUESSES: [(Kind, f64, f64); KINDS] = [
    (Kind::Final, 90.0, 0.2),
    (Kind::TurnScore, 45.0, 0.3),
    (Kind::Voice, 220.0, 0.15),
    (Kind::Partial, 60.0, 0.0),
    (Kind::Activity, 0.3, 31.25),
];

/// The measure of one lane of workers.
#[derive(Debug, Clone)]
pub(super) struct Load {
    kinds: Vec<Kind>,
    workers: usize,
    cost_ms: [f64; KINDS],
    done: [f64; KINDS],
    call_seconds: f64,
    calls: usize,
    counted_to: Option<Instant>,
}

impl Load {
    /// For a lane of `workers` that does `kinds`.
    pub(super) fn new(workers: usize, kinds: &[Kind]) -> Self {
        Load {
            kinds: kinds.to_vec(),
            workers: workers.max(1),
            cost_ms: GUESSES.map(|(_, cost, _)| cost),
            done: GUESSES.map(|(_, _, rate)| rate * GUESS_CALL_SECONDS),
            call_seconds: GUESS_CALL_SECONDS,
            calls: 0,
            counted_to: None,
        }
    }

    /// A piece of work of so many `units` was done: windows of voice activity, or one of anything else.
    pub(super) fn worked(&mut self, kind: Kind, units: usize, took: Duration) {
        let index = kind.index();
        let units = units.max(1) as f64;
        if let Some(cost) = self.cost_ms.get_mut(index) {
            *cost += NEWEST * (took.as_secs_f64() * 1_000.0 / units - *cost);
        }
        // What is made outside calls, as pinned sentences, tells nothing of what a call needs.
        if let Some(done) = self.done.get_mut(index).filter(|_| self.calls > 0) {
            *done += units;
        }
    }

    /// Expected milliseconds of one unit of work.
    pub(super) fn cost_ms(&self, kind: Kind) -> f64 {
        self.cost_ms.get(kind.index()).copied().unwrap_or(0.0)
    }

    /// Calls that are running.
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// A call began or ended.
    pub(super) fn calls_changed(&mut self, calls: usize, now: Instant) {
        self.count_to(now);
        self.calls = calls;
    }

    /// The part of the workers' time, 1 being all of it, that `calls` are expected to need.
    pub(super) fn busy_with(&self, calls: usize) -> f64 {
        let per_call: f64 = self
            .kinds
            .iter()
            .filter(|kind| **kind != Kind::Partial)
            .map(|kind| {
                let done = self.done.get(kind.index()).copied().unwrap_or(0.0);
                self.cost_ms(*kind) / 1_000.0 * done / self.call_seconds
            })
            .sum();
        per_call * calls as f64 / self.workers as f64
    }

    /// Whether one call more can be held while `ahead` of work waits.
    pub(super) fn has_room(&mut self, ahead: Duration, now: Instant) -> bool {
        self.count_to(now);
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX);
        // One call alone is always tried: a slow machine serves it late rather than never.
        let fits = self.calls == 0 || self.busy_with(self.calls + 1) <= BUSY_MAX;
        fits && ahead <= AHEAD_MAX * workers
    }

    fn count_to(&mut self, now: Instant) {
        let since = self
            .counted_to
            .map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        self.counted_to = Some(now);
        self.call_seconds += since.as_secs_f64() * self.calls as f64;
        if self.call_seconds > HALVE_CALL_SECONDS {
            self.call_seconds /= 2.0;
            for done in &mut self.done {
                *done /= 2.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const HEAVY: [Kind; 4] = [Kind::Final, Kind::TurnScore, Kind::Voice, Kind::Partial];

    fn room_for(load: &mut Load) -> usize {
        let now = clock::now();
        let mut calls = 0;
        while calls < 10_000 && load.has_room(Duration::ZERO, now) {
            calls += 1;
            load.calls_changed(calls, now);
        }
        calls
    }

    #[test]
    fn more_workers_hold_more_calls() {
        let one = room_for(&mut Load::new(1, &HEAVY));
        let four = room_for(&mut Load::new(4, &HEAVY));
        assert!((5..20).contains(&one), "{one}");
        assert!(four.abs_diff(one * 4) <= 4, "{one} {four}");
    }

    #[test]
    fn a_slower_machine_holds_fewer_and_never_none() {
        let mut load = Load::new(1, &HEAVY);
        for _ in 0..100 {
            for kind in HEAVY {
                load.worked(kind, 1, Duration::from_secs(5));
            }
        }
        assert_eq!(room_for(&mut load), 1);
    }

    #[test]
    fn calls_that_need_little_leave_room_for_more() {
        let mut load = Load::new(1, &HEAVY);
        let before = room_for(&mut load.clone());
        let start = clock::now();
        load.calls_changed(10, start);
        load.calls_changed(0, start + Duration::from_secs(60));
        assert!(room_for(&mut load) > before * 2);
    }

    #[test]
    fn work_outside_calls_changes_costs_but_not_the_demand() {
        let mut load = Load::new(1, &HEAVY);
        let before = load.busy_with(1);
        load.worked(
            Kind::Voice,
            1,
            Duration::from_secs_f64(load.cost_ms(Kind::Voice) / 1_000.0),
        );
        assert!((load.busy_with(1) - before).abs() < 1e-9);
        load.worked(Kind::Activity, 10, Duration::from_millis(13));
        assert!((load.cost_ms(Kind::Activity) - 0.4).abs() < 1e-9);
    }

    #[test]
    fn work_that_waits_keeps_calls_out() {
        let now = clock::now();
        let mut load = Load::new(2, &HEAVY);
        assert!(load.has_room(AHEAD_MAX * 2, now));
        assert!(!load.has_room(AHEAD_MAX * 2 + Duration::from_millis(1), now));
    }
}
