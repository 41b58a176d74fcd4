//! What the process takes of the machine, as Linux tells it; nothing where it tells nothing.

/// Clock ticks of a second in `/proc`: fixed by the interface of the kernel.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is told here, by the names that other servers use.
pub const PROCESS_METRICS: [&str; 3] = [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
];

/// As Prometheus reads it.
pub(super) fn text() -> String {
    let [cpu, memory, files] = PROCESS_METRICS;
    let mut text = String::new();
    let mut add = |name: &str, sort: &str, tells: &str, value: Option<f64>| {
        if let Some(value) = value {
            text.push_str(&format!(
                "# HELP {name} {tells}\n# TYPE {name} {sort}\n{name} {value}\n\n"
            ));
        }
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    add(
        cpu,
        "counter",
        "Processor time, in user and kernel",
        cpu_seconds(&stat),
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    add(memory, "gauge", "Memory in use", resident_bytes(&status));
    let open = std::fs::read_dir("/proc/self/fd").map(|files| files.count() as f64);
    add(files, "gauge", "Open files and sockets", open.ok());
    text
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name of the program comes first, in brackets, and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_whatever_the_program_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 99 0 0 0 150 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (cut"), None);
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t3\n";
        assert_eq!(resident_bytes(status), Some(2_097_152.0));
        assert_eq!(resident_bytes(""), None);
    }
}
