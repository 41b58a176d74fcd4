//! The CPU time that this process has used, and the part of it that it may use.

use std::time::{Duration, Instant};

use crate::clock;

/// Where the kernel tells what a process has used.
const STAT: &str = "/proc/self/stat";
/// The kernel counts in hundredths of a second, whatever its own beat is.
const TICK: Duration = Duration::from_millis(10);
/// Where used time stands behind the name, which may hold anything: in user mode, then in the kernel.
const USED: usize = 11;

/// What the process uses of what it may use, from one question to the next.
pub(super) struct Cpu {
    cores: f64,
    before: Option<(Instant, Duration)>,
}

impl Cpu {
    /// For the cores that affinity and quota leave to the process.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cores: cores as f64,
            before: None,
        }
    }

    /// The part used since this was asked last, 0 to 1; `None` the first time, and where the system does not tell.
    pub(super) fn used(&mut self) -> Option<f64> {
        let stat = std::fs::read_to_string(STAT).ok()?;
        self.since(clock::now(), used(&stat)?)
    }

    fn since(&mut self, now: Instant, used: Duration) -> Option<f64> {
        let (then, before) = self.before.replace((now, used))?;
        let wall = now.saturating_duration_since(then).as_secs_f64();
        let used = used.saturating_sub(before).as_secs_f64();
        (wall > 0.0).then(|| (used / wall / self.cores).clamp(0.0, 1.0))
    }
}

/// Time used, of a line of the kernel's.
fn used(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(USED);
    let user: u64 = ticks.next()?.parse().ok()?;
    let kernel: u64 = ticks.next()?.parse().ok()?;
    let all = u32::try_from(user.checked_add(kernel)?).ok()?;
    TICK.checked_mul(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernels_is_read_whatever_the_name() {
        let rest = "S 1 2 3 0 -1 4194560 900 0 0 0 1234 66 7 8 20 0 9 0";
        for name in ["trunkline", "a ) b (c", ") 1 2 3"] {
            let line = format!("4711 ({name}) {rest}");
            assert_eq!(used(&line), Some(Duration::from_secs(13)));
        }
        for line in ["", "1 (x)", "1 (x) S 1 2 3 0 -1 4194560 900 0 0 0 12 y 0"] {
            assert_eq!(used(line), None, "{line}");
        }
    }

    #[test]
    fn it_is_a_part_of_what_may_be_used() {
        let mut cpu = Cpu {
            cores: 4.0,
            before: None,
        };
        let (start, ms) = (clock::now(), Duration::from_millis);
        assert_eq!(cpu.since(start, ms(5_000)), None);
        assert_eq!(cpu.since(start + ms(250), ms(5_500)), Some(0.5));
        assert_eq!(cpu.since(start + ms(500), ms(5_500)), Some(0.0));
        assert_eq!(cpu.since(start + ms(750), ms(9_500)), Some(1.0));
        assert_eq!(cpu.since(start + ms(750), ms(9_500)), None);
    }

    #[test]
    fn this_system_tells() {
        let mut cpu = Cpu::new();
        assert_eq!(cpu.used(), None);
        assert!(cpu.before.is_some());
    }
}
