//! Who takes over when a provider fails, and when one that failed is left alone for a while.
//!
//! A [`Breaker`] keeps the account of one provider over all calls; a [`Rota`] keeps, within one call, whose turn it is.

/// How far back results count, in slots.
const SLOTS: usize = 6;
/// Length of a slot.
const SLOT_MS: u64 = 10_000;
/// Failures within that time that open the circuit, if at least half of all results are failures.
pub const FAILURES_MAX: u32 = 3;
/// How long an open circuit is left alone; doubled after each trial that fails, up to the most.
pub const OPEN_MS: u64 = 15_000;
/// The most.
pub const OPEN_MS_MAX: u64 = 120_000;
/// A trial that gave no result within this is taken for lost, and another may be made.
pub const TRIAL_MS: u64 = 20_000;

/// What a circuit has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It failed too often: calls that have somebody else leave it alone.
    Opened,
    /// One call tries it.
    Tried,
    /// It works again.
    Closed,
}

impl Change {
    /// As metrics and logs write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Opened => "open",
            Self::Tried => "half_open",
            Self::Closed => "closed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until_ms: u64 },
    Trial { since_ms: u64 },
}

/// Results of one slot of time.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Its number since the beginning of time.
    number: u64,
    worked: u32,
    failed: u32,
}

/// The account of one provider. Times are milliseconds since any moment, and do not go back.
#[derive(Clone, Debug)]
pub struct Breaker {
    state: State,
    slots: [Slot; SLOTS],
    open_ms: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            slots: [Slot::default(); SLOTS],
            open_ms: OPEN_MS,
        }
    }
}

impl Breaker {
    /// It is left alone, or on trial.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Whether to ask it now. After its time alone it admits one, whose result decides.
    pub fn admits(&mut self, now_ms: u64) -> (bool, Option<Change>) {
        let is_due = match self.state {
            State::Closed => return (true, None),
            State::Open { until_ms } => now_ms >= until_ms,
            State::Trial { since_ms } => now_ms >= since_ms.saturating_add(TRIAL_MS),
        };
        if is_due {
            self.state = State::Trial { since_ms: now_ms };
        }
        (is_due, is_due.then_some(Change::Tried))
    }

    /// It did what it was asked.
    pub fn worked(&mut self, now_ms: u64) -> Option<Change> {
        match self.state {
            State::Closed => {
                let slot = self.slot(now_ms);
                slot.worked = slot.worked.saturating_add(1);
                None
            }
            // Late news of what was asked before it failed.
            State::Open { .. } => None,
            State::Trial { .. } => {
                *self = Self::default();
                Some(Change::Closed)
            }
        }
    }

    /// It did not.
    pub fn failed(&mut self, now_ms: u64) -> Option<Change> {
        match self.state {
            State::Closed => {
                let slot = self.slot(now_ms);
                slot.failed = slot.failed.saturating_add(1);
                if !self.is_too_much(now_ms) {
                    return None;
                }
            }
            State::Open { .. } => return None,
            State::Trial { .. } => {
                self.open_ms = self.open_ms.saturating_mul(2).min(OPEN_MS_MAX);
            }
        }
        self.slots = Default::default();
        self.state = State::Open {
            until_ms: now_ms.saturating_add(self.open_ms),
        };
        Some(Change::Opened)
    }

    fn slot(&mut self, now_ms: u64) -> &mut Slot {
        let number = now_ms / SLOT_MS;
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.number != number {
            *slot = Slot {
                number,
                ..Slot::default()
            };
        }
        slot
    }

    fn is_too_much(&self, now_ms: u64) -> bool {
        let oldest = (now_ms / SLOT_MS).saturating_sub(SLOTS as u64 - 1);
        let recent = self.slots.iter().filter(|slot| slot.number >= oldest);
        let (failed, worked) = recent.fold((0_u32, 0_u32), |(failed, worked), slot| {
            (
                failed.saturating_add(slot.failed),
                worked.saturating_add(slot.worked),
            )
        });
        failed >= FAILURES_MAX && failed >= worked
    }
}

/// Most that can stand in for one another: one, and three behind it.
pub const COUNT_MAX: usize = 4;

/// Whose turn it is among several that can do the same, in a call. Whoever took over stays: the caller is to hear one
/// voice, not two by turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rota {
    count: usize,
    at: usize,
    /// Which of them failed since one last worked.
    failed: [bool; COUNT_MAX],
}

impl Rota {
    /// Of so many (at least one, at most [`COUNT_MAX`]), beginning with the one at this place.
    pub fn new(count: usize, at: usize) -> Self {
        let count = count.clamp(1, COUNT_MAX);
        Self {
            count,
            at: at.min(count - 1),
            failed: [false; COUNT_MAX],
        }
    }

    /// Whose turn it is.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Somebody else could take over.
    pub fn has_next(&self) -> bool {
        self.others().next().is_some()
    }

    /// Passes over those that are left alone just now, unless all are. Nobody is asked about where there is no choice.
    pub fn begin(&mut self, mut admits: impl FnMut(usize) -> bool) {
        if self.count > 1 && !admits(self.at) {
            let other = self.others().find(|at| admits(*at));
            self.at = other.unwrap_or(self.at);
        }
    }

    /// The one whose turn it is has failed: the next takes over, rather one that `admits`. False if all have failed; then
    /// it begins anew.
    pub fn failed(&mut self, mut admits: impl FnMut(usize) -> bool) -> bool {
        self.failed[self.at] = true;
        let first = self.others().next();
        let Some(next) = self.others().find(|at| admits(*at)).or(first) else {
            self.failed = [false; COUNT_MAX];
            self.at = (self.at + 1) % self.count;
            return false;
        };
        self.at = next;
        true
    }

    /// The one whose turn it is has worked: the failures of others are past.
    pub fn worked(&mut self) {
        self.failed = [false; COUNT_MAX];
    }

    /// The others that have not failed, in the order in which they would take over.
    fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let Self { count, at, failed } = *self;
        (1..count)
            .map(move |step| (at + step) % count)
            .filter(move |at| !failed[*at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Script<'a> = &'a [(u64, &'a str)];

    /// Plays a script of seconds and signs: `-` failed, `+` worked, `?` may it be asked. What became of it comes back,
    /// one sign for each: `.` nothing, `O` opened, `C` closed, `T` a trial, and for questions also `y` and `n`.
    fn play(script: Script<'_>) -> String {
        let mut breaker = Breaker::default();
        let mut told = String::new();
        for (s, signs) in script {
            for sign in signs.chars() {
                let now_ms = s * 1_000;
                let (usual, change) = match sign {
                    '-' => ('.', breaker.failed(now_ms)),
                    '+' => ('.', breaker.worked(now_ms)),
                    _ => {
                        let (admits, change) = breaker.admits(now_ms);
                        (if admits { 'y' } else { 'n' }, change)
                    }
                };
                told.push(match change {
                    None => usual,
                    Some(Change::Opened) => 'O',
                    Some(Change::Tried) => 'T',
                    Some(Change::Closed) => 'C',
                });
            }
        }
        told
    }

    #[test]
    fn a_circuit_opens_is_tried_by_one_and_closes() {
        let cases: [(&str, Script<'_>, &str); 11] = [
            ("two failures are borne", &[(0, "--?")], "..y"),
            ("three are not", &[(0, "---??")], "..Onn"),
            (
                "nor over a minute",
                &[(0, "-"), (25, "-"), (49, "-?")],
                "..On",
            ),
            (
                "what is older is forgotten",
                &[(0, "--"), (61, "-?-?")],
                "...y.y",
            ),
            (
                "also where nothing has come since",
                &[(0, "--"), (75, "-?-?")],
                "...y.y",
            ),
            (
                "half of all must fail",
                &[(0, "++++"), (1, "---?-?")],
                ".......yOn",
            ),
            (
                "one may try it, and it works",
                &[(0, "---"), (14, "?"), (15, "??+??")],
                "..OnTnCyy",
            ),
            (
                "one may try it, and it fails: it is left alone for longer",
                &[
                    (0, "---"),
                    (15, "?-"),
                    (44, "?"),
                    (45, "?-"),
                    (104, "?"),
                    (105, "?"),
                ],
                "..OTOnTOnT",
            ),
            (
                "never for more than two minutes",
                &[
                    (0, "---"),
                    (15, "?-"),
                    (45, "?-"),
                    (105, "?-"),
                    (225, "?-"),
                    (344, "?"),
                    (345, "?"),
                ],
                "..OTOTOTOTOnT",
            ),
            (
                "a trial without a result is made again",
                &[(0, "---"), (15, "?"), (34, "?"), (35, "?")],
                "..OTnT",
            ),
            (
                "late news changes nothing, and after a success all begins anew",
                &[(0, "---"), (1, "+-?"), (15, "?+--?-")],
                "..O..nTC..yO",
            ),
        ];
        for (name, script, told) in cases {
            assert_eq!(play(script), told, "{name}");
        }
    }

    #[test]
    fn times_at_the_end_of_time_do_no_harm() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX {
            breaker.failed(u64::MAX);
        }
        assert!(breaker.is_open());
        assert!(breaker.admits(u64::MAX).0);
        assert_eq!(breaker.worked(u64::MAX), Some(Change::Closed));
    }

    #[test]
    fn the_next_in_order_takes_over_and_stays() {
        let all = |_: usize| true;
        let none = |_: usize| false;
        let mut rota = Rota::new(3, 0);
        rota.begin(all);
        assert_eq!((rota.at(), rota.has_next()), (0, true));
        assert!(rota.failed(all));
        assert_eq!(rota.at(), 1);
        // The first may have come back: it stands behind the last.
        rota.worked();
        assert!(rota.failed(all));
        assert_eq!(rota.at(), 2);
        assert!(rota.failed(all));
        assert_eq!((rota.at(), rota.has_next()), (0, false));
        assert!(!rota.failed(all), "nobody is left");
        assert_eq!((rota.at(), rota.has_next()), (1, true), "and anew");
        // One that is left alone is passed over, unless nobody else is there.
        let mut rota = Rota::new(3, 0);
        assert!(rota.failed(|at| at == 2));
        assert_eq!(rota.at(), 2);
        assert!(rota.failed(none));
        assert_eq!(rota.at(), 1);
    }

    #[test]
    fn a_call_begins_with_the_first_that_is_not_left_alone() {
        for (count, open, begins) in [
            (1, [true, false, false, false], 0),
            (2, [false; 4], 0),
            (2, [true, false, false, false], 1),
            (4, [true, true, true, false], 3),
            (4, [true; 4], 0),
            (9, [true, true, true, false], 3),
        ] {
            let mut rota = Rota::new(count, 0);
            rota.begin(|at| !open[at]);
            assert_eq!(rota.at(), begins, "{count} {open:?}");
        }
        let mut alone = Rota::new(0, 7);
        alone.begin(|_| panic!("there is no choice"));
        assert!(!alone.has_next() && !alone.failed(|_| true));
        assert_eq!(alone.at(), 0);
    }
}
