//! Whether one more call is taken on, by what the server measures of itself: readings and the time in, open or full out.
//!
//! New calls are refused before running ones suffer. What was let in costs nothing yet in any reading, so each call is
//! counted with what a call has been found to cost until the readings show it: a crowd that comes between two readings
//! meets a door that closes in time. Between the mark that closes the door and the lower one that opens it again nothing
//! changes, so it does not flap.

mod lag;
#[cfg(test)]
mod tests;

pub use lag::{Lags, PROBE_MS};

/// The part of a closing mark at which the door opens again.
pub const LOW: f64 = 0.85;
/// Readings are smoothed over so long, ms.
const SMOOTH_MS: f64 = 2_000.0;
/// What a call costs is learnt over so long, ms.
const LEARN_MS: f64 = 30_000.0;
/// That calls cost more than was thought is learnt sooner: by this part of the newest reading.
const UPWARDS: f64 = 0.5;
/// A CPU as busy as this says at least what calls cost, and not at most.
const SATURATED: f64 = 0.95;
/// From so many calls on, what they cost together says what one costs.
const CALLS_TO_LEARN: f64 = 3.0;
/// What a call is first thought to cost, in parts of a core.
const COST_FIRST: f64 = 0.02;
/// What one can be found to cost: less is noise, more is something else.
const COST_RANGE: (f64, f64) = (0.000_5, 0.25);
/// The most of all that the server may use without any call, of which calls are not accused.
const IDLE_MAX: f64 = 0.2;
/// The part of the mark of the queue for inference from which new calls are to do without it …
const STRAINED_WAIT: f64 = 0.5;
/// … and of the mark of the CPU.
const STRAINED_CPU: f64 = 0.9;
/// The part of the CPU in use from which lines rest between two readings of them …
const RESTS_FROM: f64 = 0.5;
/// … and under which they do so no longer. The gap is wider than what the rests save.
const RESTS_DOWN_TO: f64 = 0.3;
/// How long they rest, ms: three frames are read in one go, and a voice or a pause is noticed 30 ms later on average; six,
/// while an agent speaks to a silent caller.
const REST_MS: u32 = 60;
/// Readings that are further apart than this are taken for this far apart, ms.
const APART_MS_MAX: u64 = 60_000;

/// What closes the door. Each is left out of it if absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The part of the CPU time that the process may use, 0 to 1.
    pub cpu: Option<f64>,
    /// How late the event loop may be, ms.
    pub lag_ms: Option<f64>,
    /// How long inference may wait for its turn, ms.
    pub wait_ms: Option<f64>,
}

/// What was measured. What cannot be measured here is absent, and closes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The part of the CPU time that the process used since the last reading, of all that it may use: 0 to 1.
    pub cpu: Option<f64>,
    /// How late the event loop is, ms: the 95th percentile of the last seconds.
    pub lag_ms: Option<f64>,
    /// The longest that inference waited for its turn since the last reading, ms.
    pub wait_ms: Option<f64>,
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// CPU time.
    Cpu,
    /// Lateness of the event loop.
    EventLoop,
    /// Inference that waits.
    Inference,
}

impl Why {
    /// All of them, the first that holds being named.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::EventLoop, Self::Inference];

    /// As metrics, problems and events write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::EventLoop => "event_loop",
            Self::Inference => "inference",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Cpu => 0,
            Self::EventLoop => 1,
            Self::Inference => 2,
        }
    }
}

/// Whether one call more is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Open,
    /// It is not.
    Full {
        /// What there is too much of.
        why: Why,
    },
}

/// Where the server stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// CPU in use, smoothed: 0 to 1 of what may be used.
    pub cpu: Option<f64>,
    /// The same with the calls that are in no reading yet.
    pub cpu_expected: Option<f64>,
    /// The event loop's lag, ms.
    pub lag_ms: Option<f64>,
    /// What inference waits, smoothed, ms.
    pub wait_ms: Option<f64>,
    /// What a call has been found to cost, in the measure of `cpu`.
    pub call_cost: f64,
    /// Calls that were let in and have not come yet.
    pub promised: u32,
    /// Calls that run.
    pub running: u32,
}

/// The measure of one server. Times are milliseconds since any moment, and do not go back.
#[derive(Clone, Debug)]
pub struct Load {
    limits: Limits,
    cores: f64,
    read_ms: Option<u64>,
    cpu: Option<f64>,
    lag_ms: Option<f64>,
    wait_ms: Option<f64>,
    promised: u32,
    running: u32,
    /// Running calls that the smoothed CPU does not show yet.
    unseen: f64,
    /// Running calls, as smooth as the CPU.
    running_smooth: f64,
    cost: f64,
    idle: f64,
    full: [bool; Why::ALL.len()],
    rests: bool,
}

impl Load {
    /// Of a server that has measured nothing and may use so many cores.
    pub fn new(limits: Limits, cores: usize) -> Self {
        let cores = cores.max(1) as f64;
        Self {
            limits,
            cores,
            read_ms: None,
            cpu: None,
            lag_ms: None,
            wait_ms: None,
            promised: 0,
            running: 0,
            unseen: 0.0,
            running_smooth: 0.0,
            cost: COST_FIRST / cores,
            idle: 0.0,
            full: [false; Why::ALL.len()],
            rests: false,
        }
    }

    /// The same server under other limits.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
        self.full = [false; Why::ALL.len()];
    }

    /// A call was let in, and will come.
    pub fn promise(&mut self) {
        self.promised = self.promised.saturating_add(1);
    }

    /// A call that was let in will not come.
    pub fn not_coming(&mut self) {
        self.promised = self.promised.saturating_sub(1);
    }

    /// A call that was let in has come.
    pub fn came(&mut self) {
        self.promised = self.promised.saturating_sub(1);
        self.running = self.running.saturating_add(1);
        self.unseen += 1.0;
    }

    /// A call that had come is over.
    pub fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.unseen = self.unseen.min(f64::from(self.running));
    }

    /// Takes in what was measured.
    pub fn read(&mut self, now_ms: u64, reading: Reading) {
        let apart = self.read_ms.map(|then| now_ms.saturating_sub(then));
        self.read_ms = Some(now_ms);
        let apart = apart.map_or(f64::INFINITY, |ms| ms.min(APART_MS_MAX) as f64);
        let newest = 1.0 - (-apart / SMOOTH_MS).exp();
        let cpu = reading.cpu.map(|cpu| cpu.clamp(0.0, 1.0));
        self.cpu = smooth(self.cpu, cpu, newest);
        self.wait_ms = smooth(self.wait_ms, reading.wait_ms, newest);
        self.lag_ms = reading.lag_ms;
        self.running_smooth += newest * (f64::from(self.running) - self.running_smooth);
        self.unseen *= 1.0 - newest;
        self.learn((apart / LEARN_MS).min(1.0), newest);
        self.latch();
        let mark = if self.rests {
            RESTS_DOWN_TO
        } else {
            RESTS_FROM
        };
        self.rests = self.cpu.is_some_and(|cpu| cpu >= mark);
    }

    /// How long the line of a call may rest after it was read, while nothing depends on what comes on it, ms. Waking a call
    /// for every frame costs as much as all that is done with the frame; while the CPU is idle, that buys some milliseconds.
    pub fn rest_ms(&self) -> u32 {
        if self.rests { REST_MS } else { 0 }
    }

    /// Whether one call more is taken. `uses_models`: it asks something of inference.
    pub fn verdict(&mut self, uses_models: bool) -> Verdict {
        self.latch();
        // One call alone is always tried: a slow machine serves it late rather than never.
        if self.running == 0 && self.promised == 0 {
            return Verdict::Open;
        }
        let counts = |why: &Why| {
            let is_asked = uses_models || *why != Why::Inference;
            is_asked && self.full.get(why.index()) == Some(&true)
        };
        match Why::ALL.into_iter().find(counts) {
            Some(why) => Verdict::Full { why },
            None => Verdict::Open,
        }
    }

    /// Why a new call that can do without the models of its turns should: the door is not closed yet, but not far from it.
    pub fn strained(&self) -> Option<Why> {
        let is_over = |why, part| {
            let against = self.against(why);
            against.is_some_and(|(level, mark)| level >= mark * part)
        };
        if is_over(Why::Inference, STRAINED_WAIT) {
            Some(Why::Inference)
        } else if is_over(Why::Cpu, STRAINED_CPU) {
            Some(Why::Cpu)
        } else {
            None
        }
    }

    /// The marks above which new calls are turned away.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Where the server stands.
    pub fn levels(&self) -> Levels {
        Levels {
            cpu: self.cpu,
            cpu_expected: self.cpu.map(|cpu| cpu + self.coming()),
            lag_ms: self.lag_ms,
            wait_ms: self.wait_ms,
            call_cost: self.cost,
            promised: self.promised,
            running: self.running,
        }
    }

    /// What the calls will cost that no reading shows.
    fn coming(&self) -> f64 {
        self.cost * (f64::from(self.promised) + self.unseen)
    }

    /// The level with one call more, and the mark that it may not pass; `None` for what is not measured or not limited.
    fn against(&self, why: Why) -> Option<(f64, f64)> {
        match why {
            Why::Cpu => {
                let level = self.cpu? + self.coming() + self.cost;
                Some((level, self.limits.cpu?))
            }
            Why::EventLoop => Some((self.lag_ms?, self.limits.lag_ms?)),
            Why::Inference => Some((self.wait_ms?, self.limits.wait_ms?)),
        }
    }

    fn latch(&mut self) {
        for why in Why::ALL {
            let against = self.against(why);
            if let Some(full) = self.full.get_mut(why.index()) {
                *full = against
                    .is_some_and(|(level, mark)| level > if *full { mark * LOW } else { mark });
            }
        }
    }

    fn learn(&mut self, weight: f64, newest: f64) {
        let Some(cpu) = self.cpu else {
            return;
        };
        if self.running_smooth >= CALLS_TO_LEARN {
            let found = (cpu - self.idle) / self.running_smooth;
            let (least, most) = (COST_RANGE.0 / self.cores, COST_RANGE.1 / self.cores);
            let rise = found.clamp(least, most) - self.cost;
            if rise > 0.0 {
                self.cost += newest * UPWARDS * rise;
            } else if cpu < SATURATED {
                self.cost += weight * rise;
            }
        } else if self.running == 0 && self.running_smooth < 0.1 {
            // What is made ready after a start is over soon: down at once, up slowly.
            let weight = if cpu < self.idle { newest } else { weight };
            self.idle += weight * (cpu.min(IDLE_MAX) - self.idle);
        }
    }
}

fn smooth(level: Option<f64>, reading: Option<f64>, newest: f64) -> Option<f64> {
    let reading = reading.filter(|reading| reading.is_finite())?;
    let level = level.unwrap_or(reading);
    Some(level + newest * (reading - level))
}
