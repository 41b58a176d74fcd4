//! Which calls are let in: the places that a call needs, and what the server has measured of itself.
//!
//! `trunkline_core::admission` decides; here is what it is told. [`watch`] reads four times a second. A call that is let in
//! has a [`Place`] until it is over; one whose media socket is yet to come has a promise, which holds for it alone and for
//! a while, and is kept however full it becomes meanwhile.

mod cpu;
mod line_rests;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, counter, gauge};
use tokio::time::Instant;
use trunkline_core::admission::{Levels, Limits, Load, Reading, Verdict, Why};

use crate::clock;
pub use line_rests::LineRests;
pub use watch::{READ_EVERY, watch};

/// When whoever was turned away may try again, seconds.
pub const RETRY_AFTER_S: u64 = 5;

/// Why a call is not taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// There is too much to do.
    #[error("the server has too much to do ({}); try again in a few seconds", .0.code())]
    Load(Why),
    /// The embedded speech has no place for another call.
    #[error("the embedded speech has no place for another call; try again in a few seconds")]
    Places,
    /// There are as many calls as there may be.
    #[error("there are as many calls as there may be; try again in a few seconds")]
    Calls,
    /// The server is about to end.
    #[error("the server is shutting down; try again in a few seconds")]
    Draining,
}

/// Where a call was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A carrier's webhook.
    Webhook,
    /// The media socket.
    Media,
    /// `POST /v1/calls`.
    Api,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Webhook, Self::Media, Self::Api];

    fn code(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Media => "media",
            Self::Api => "api",
        }
    }
}

impl Full {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Load(Why::Cpu),
        Self::Load(Why::EventLoop),
        Self::Load(Why::Inference),
        Self::Places,
        Self::Calls,
        Self::Draining,
    ];

    /// As metrics, problems and the readiness write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Load(why) => why.code(),
            Self::Places => "places",
            Self::Calls => "calls",
            Self::Draining => "draining",
        }
    }

    /// Counts a call that was turned away for it.
    pub fn count(self, door: Door) {
        self.counter(door).increment(1);
    }

    /// What counts them.
    pub fn counter(self, door: Door) -> Counter {
        let (reason, door) = (self.code(), door.code());
        counter!("trunkline_calls_refused_total", "reason" => reason, "door" => door)
    }
}

/// A call's place, free again when dropped.
pub struct Place {
    /// What it needs of the embedded speech.
    _room: Mutex<Box<dyn Send>>,
    load: Arc<Mutex<Load>>,
    has_come: bool,
    /// Why the call is to do without our own models of turns, if it can.
    down: Option<Why>,
}

impl Place {
    /// The call's media socket is open.
    pub fn came(&mut self) {
        if !std::mem::replace(&mut self.has_come, true) {
            lock(&self.load).came();
        }
    }

    /// Why the call is to do without our own models of turns, if it can.
    pub fn down(&self) -> Option<Why> {
        self.down
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut load = lock(&self.load);
        match self.has_come {
            true => load.ended(),
            false => load.not_coming(),
        }
    }
}

/// What decides on new calls.
pub struct Admission {
    load: Arc<Mutex<Load>>,
    promises: Mutex<BTreeMap<String, Promise>>,
    line_rests: LineRests,
    began: Instant,
}

struct Promise {
    until: Instant,
    place: Place,
}

impl Default for Admission {
    /// One that has measured nothing, and limits nothing.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            load: Arc::new(Mutex::new(Load::new(Limits::default(), cores))),
            promises: Mutex::default(),
            line_rests: LineRests::default(),
            began: clock::timer_now(),
        }
    }
}

impl Admission {
    /// From now on these are the limits.
    pub fn limit(&self, limits: Limits) {
        lock(&self.load).limit(limits);
    }

    /// Takes in what was measured.
    pub fn read(&self, reading: Reading) {
        let now = clock::timer_now();
        let since = now.saturating_duration_since(self.began);
        let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let rest_ms = {
            let mut load = lock(&self.load);
            load.read(now_ms, reading);
            load.rest_ms()
        };
        self.line_rests.set(rest_ms);
        self.forget_late(now);
    }

    /// How long calls let their lines rest, as it is at any time.
    pub fn line_rests(&self) -> LineRests {
        self.line_rests.clone()
    }

    /// Whether what was measured lets another call in. `uses_models`: it asks something of inference.
    ///
    /// # Errors
    /// [`Full::Load`].
    pub fn is_open(&self, uses_models: bool) -> Result<(), Full> {
        match lock(&self.load).verdict(uses_models) {
            Verdict::Open => Ok(()),
            Verdict::Full { why } => Err(Full::Load(why)),
        }
    }

    /// Why new calls are to do without our own models of turns, if they are.
    pub fn strained(&self) -> Option<Why> {
        lock(&self.load).strained()
    }

    /// The place of a call that was let in, with what it needs of the embedded speech.
    pub fn place(&self, room: Box<dyn Send>, down: Option<Why>) -> Place {
        lock(&self.load).promise();
        Place {
            _room: Mutex::new(room),
            load: Arc::clone(&self.load),
            has_come: false,
            down,
        }
    }

    /// Keeps a place for a call that is to come within `patience`. A call has one: a second gives the first free.
    pub fn promise(&self, call_id: &str, place: Place, patience: Duration) {
        let until = clock::timer_now() + patience;
        let promise = Promise { until, place };
        let former = self.promises().insert(call_id.to_owned(), promise);
        drop(former);
    }

    /// The call comes a step nearer: it has so much longer from now, if it has a place. Whether it does.
    pub fn prolong(&self, call_id: &str, patience: Duration) -> bool {
        let now = clock::timer_now();
        let mut promises = self.promises();
        let promise = promises.get_mut(call_id);
        let Some(promise) = promise.filter(|promise| promise.until > now) else {
            return false;
        };
        promise.until = promise.until.max(now + patience);
        true
    }

    /// Why a call that was promised a place is to do without our own models of turns, if it is.
    pub fn down(&self, call_id: &str) -> Option<Why> {
        self.promises().get(call_id)?.place.down
    }

    /// The place that was promised to a call, if one was and it did not come too late.
    pub fn take(&self, call_id: &str) -> Option<Place> {
        let promise = self.promises().remove(call_id)?;
        (promise.until > clock::timer_now()).then_some(promise.place)
    }

    /// The call will not come.
    pub fn forget(&self, call_id: &str) {
        let promise = self.promises().remove(call_id);
        drop(promise);
    }

    /// Where the server stands.
    pub fn levels(&self) -> Levels {
        lock(&self.load).levels()
    }

    /// Tells the metrics where the server stands.
    pub fn tell(&self) {
        let (levels, marks) = {
            let load = lock(&self.load);
            (load.levels(), load.limits())
        };
        let tell = |gauge: metrics::Gauge, level: Option<f64>| gauge.set(level.unwrap_or(0.0));
        let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1_000.0);
        tell(gauge!("trunkline_load_cpu_ratio"), levels.cpu);
        tell(gauge!("trunkline_load_cpu_mark_ratio"), marks.cpu);
        tell(
            gauge!("trunkline_load_cpu_expected_ratio"),
            levels.cpu_expected,
        );
        tell(
            gauge!("trunkline_load_cpu_each_ratio"),
            Some(levels.call_cost),
        );
        let lag = gauge!("trunkline_load_event_loop_lag_seconds");
        tell(lag, seconds(levels.lag_ms));
        let lag_mark = gauge!("trunkline_load_event_loop_lag_mark_seconds");
        tell(lag_mark, seconds(marks.lag_ms));
        let wait = gauge!("trunkline_load_inference_wait_seconds");
        tell(wait, seconds(levels.wait_ms));
        let wait_mark = gauge!("trunkline_load_inference_wait_mark_seconds");
        tell(wait_mark, seconds(marks.wait_ms));
        tell(
            gauge!("trunkline_calls_promised"),
            Some(levels.promised.into()),
        );
        let is_open = self.is_open(true).is_ok();
        tell(
            gauge!("trunkline_admission_open"),
            Some(f64::from(u8::from(is_open))),
        );
    }

    /// Promises whose calls did not come give their places free.
    fn forget_late(&self, now: Instant) {
        let mut late = Vec::new();
        {
            let mut promises = self.promises();
            let call_ids = promises.iter().filter(|(_, promise)| promise.until <= now);
            let call_ids: Vec<String> = call_ids.map(|(call_id, _)| call_id.clone()).collect();
            late.extend(call_ids.iter().filter_map(|id| promises.remove(id)));
        }
        drop(late);
    }

    fn promises(&self) -> MutexGuard<'_, BTreeMap<String, Promise>> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(load: &Mutex<Load>) -> MutexGuard<'_, Load> {
    load.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn counts(admission: &Admission) -> (u32, u32) {
        let levels = admission.levels();
        (levels.promised, levels.running)
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_counted_from_its_promise_to_the_end_of_its_call() {
        let admission = Admission::default();
        let place = || admission.place(Box::new(()), None);
        admission.promise("call_1", place(), PATIENCE);
        admission.promise("call_2", place(), PATIENCE);
        admission.promise("call_2", place(), PATIENCE);
        assert_eq!(counts(&admission), (2, 0));
        let mut came = admission.take("call_1").unwrap();
        came.came();
        came.came();
        assert_eq!(counts(&admission), (1, 1));
        assert!(admission.take("call_1").is_none());
        drop(came);
        admission.forget("call_2");
        assert_eq!(counts(&admission), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_too_late_has_lost_the_place() {
        let admission = Admission::default();
        for call_id in ["call_1", "call_2", "call_3"] {
            let place = admission.place(Box::new(()), Some(Why::Inference));
            admission.promise(call_id, place, PATIENCE);
        }
        assert_eq!(admission.down("call_1"), Some(Why::Inference));
        assert!(admission.prolong("call_1", PATIENCE * 2));
        assert!(admission.prolong("call_2", Duration::ZERO));
        tokio::time::advance(PATIENCE).await;
        assert!(!admission.prolong("call_2", PATIENCE));
        assert!(admission.take("call_2").is_none());
        admission.read(Reading::default());
        assert_eq!(counts(&admission), (1, 0));
        assert!(admission.take("call_1").is_some());
        assert_eq!(counts(&admission), (0, 0));
    }
}
