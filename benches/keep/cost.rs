//! Processor time of this process by the names of its threads. From `/proc`; nothing elsewhere.

use std::collections::BTreeMap;

/// Processor time so far, or between two moments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    /// By thread: its number and its name without the digits at its end.
    ns: BTreeMap<(u64, String), u64>,
}

impl Cost {
    pub(crate) fn now() -> Self {
        let mut cost = Self::default();
        let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
            return cost;
        };
        for task in tasks.flatten() {
            let (name, path) = (task.file_name(), task.path());
            let Some(id) = name.to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
            let name = name
                .trim()
                .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
            let stat = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            let ns = stat
                .split_whitespace()
                .next()
                .and_then(|ns| ns.parse().ok());
            cost.ns.insert((id, name.to_owned()), ns.unwrap_or(0));
        }
        cost
    }

    /// What was used from `before` to this. Of threads that ended in between nothing is known.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut since = self.clone();
        for (thread, ns) in &mut since.ns {
            *ns = ns.saturating_sub(before.ns.get(thread).copied().unwrap_or(0));
        }
        since
    }

    pub(crate) fn ms(&self) -> f64 {
        self.ns.values().map(|ns| *ns as f64).sum::<f64>() / 1e6
    }

    pub(crate) fn by_thread(&self) -> Vec<(String, f64)> {
        let mut named: BTreeMap<&str, f64> = BTreeMap::new();
        for ((_, name), ns) in &self.ns {
            *named.entry(name).or_default() += *ns as f64 / 1e6;
        }
        let named = named.into_iter().filter(|(_, ms)| *ms > 0.5);
        named.map(|(name, ms)| (name.to_owned(), ms)).collect()
    }
}
