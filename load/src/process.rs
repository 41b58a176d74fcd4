//! What a process and its children have used, read from `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// The kernel counts CPU time in hundredths of a second for everybody.
const TICK_MS: f64 = 10.0;

/// What a process tree has used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// CPU time so far, ms, that of children which ended included.
    pub(crate) cpu_ms: f64,
    /// Memory that is resident now, KiB.
    pub(crate) rss_kib: f64,
    /// Processes in the tree; 0 if it is gone.
    pub(crate) processes: usize,
}

impl Usage {
    /// Of a process and everything it started.
    pub(crate) fn of(pid: u32) -> Self {
        let mut parents = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(found) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            if let Some(stat) = Stat::read(found) {
                parents.insert(found, stat);
            }
        }
        let mut sum = Self::default();
        for (&member, stat) in &parents {
            if is_below(member, pid, &parents) {
                sum.cpu_ms += stat.cpu_ms;
                sum.rss_kib += rss_kib(member);
                sum.processes += 1;
            }
        }
        sum
    }
}

struct Stat {
    parent: u32,
    cpu_ms: f64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in parentheses may hold anything, spaces and parentheses too; fields are counted from behind it.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: f64 = fields
            .get(11..15)?
            .iter()
            .filter_map(|t| t.parse::<f64>().ok())
            .sum();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            cpu_ms: ticks * TICK_MS,
        })
    }
}

fn is_below(mut pid: u32, root: u32, stats: &BTreeMap<u32, Stat>) -> bool {
    for _ in 0..64 {
        if pid == root {
            return true;
        }
        match stats.get(&pid) {
            Some(stat) => pid = stat.parent,
            None => return false,
        }
    }
    false
}

fn rss_kib(pid: u32) -> f64 {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .ok()
        .and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_whitespace().next()?.parse().ok()
        })
        .unwrap_or(0.0)
}

/// CPU time that the machine has spent on anything, ms.
pub(crate) fn machine_cpu_ms() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    // User, nice, system, interrupts; not idle and waiting.
    let ticks: f64 = [0, 1, 2, 5, 6]
        .iter()
        .filter_map(|&at| fields.get(at))
        .sum();
    ticks * TICK_MS
}

/// Lets this process have as many sockets as the machine allows it.
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it is refused, opening sockets fails later and says so.
    let _ = setrlimit(Resource::Nofile, wanted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_holds() {
        let line = "12 (a b) c) S 7 1 1 0 -1 0 0 0 0 0 30 5 2 1 20 0 4 0 100 999 50";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.cpu_ms), (7, 380.0));
        assert!(Stat::parse("12 (a").is_none());
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id());
        assert!(usage.rss_kib > 500.0 && usage.processes >= 1);
        assert_eq!(Usage::of(u32::MAX).processes, 0);
        assert!(machine_cpu_ms() > 0.0);
    }
}
