//! What the process has used: processor time by kind of thread, and memory. From `/proc`; zeros elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

/// Names of threads, as far as they count, and what they are.
const KINDS: [(&str, &str); 5] = [
    ("speech-light", "voice detection"),
    ("speech", "models"),
    ("server", "sockets and calls"),
    ("callers", "callers"),
    ("garbage", "garbage"),
];

/// Processor time by kind of thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    ns: BTreeMap<&'static str, u64>,
    /// Resident memory of the process and its helpers.
    pub(crate) rss_bytes: u64,
}

impl Cost {
    pub(crate) fn now() -> Self {
        let mut cost = Self::default();
        let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
            return cost;
        };
        cost.rss_bytes = rss_bytes(Path::new("/proc/self"));
        for task in tasks.flatten().map(|task| task.path()) {
            let name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
            let kind = KINDS.iter().find(|(prefix, _)| name.starts_with(prefix));
            let kind = kind.map_or("other", |(_, kind)| kind);
            *cost.ns.entry(kind).or_default() += run_ns(&task);
            let children = std::fs::read_to_string(task.join("children")).unwrap_or_default();
            for child in children.split_whitespace() {
                let child = Path::new("/proc").join(child);
                *cost.ns.entry("phonemes").or_default() += run_ns(&child);
                cost.rss_bytes += rss_bytes(&child);
            }
        }
        cost
    }

    /// What was used from `before` to this; the memory is that of now.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut since = self.clone();
        for (kind, ns) in &mut since.ns {
            *ns = ns.saturating_sub(before.ns.get(kind).copied().unwrap_or(0));
        }
        since
    }

    /// Milliseconds of the server, without those who call it.
    pub(crate) fn server_ms(&self) -> f64 {
        let ns = self.ns.iter();
        let of_server = ns.filter(|(kind, _)| !["callers", "garbage"].contains(kind));
        of_server.map(|(_, ns)| *ns as f64).sum::<f64>() / 1e6
    }

    /// Kinds and their milliseconds.
    pub(crate) fn by_kind(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.ns.iter().map(|(kind, ns)| (*kind, *ns as f64 / 1e6))
    }
}

fn run_ns(task: &Path) -> u64 {
    let stat = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    let first = stat.split_whitespace().next();
    first.and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

fn rss_bytes(process: &Path) -> u64 {
    let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
