//! What came of the calls, as a table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use trunkline::carrier_double::CallRecord;
use trunkline::speech::{Kind, SpeechStats};
use trunkline_core::call::Timing;

use super::cost::Cost;

/// A sample this loud is heard; -44 dB, as the simulated carrier has it.
const AUDIBLE: u16 = 200;

/// The figures of one measurement.
#[derive(Default)]
pub(crate) struct Figures {
    callers: usize,
    garbage: usize,
    pub(crate) garbage_sent: u64,
    pub(crate) calls: BTreeSet<String>,
    call_ms: u64,
    redials: u32,
    /// Milliseconds from the stream's start to the first audible sample.
    first_audio: Vec<u64>,
    /// From the caller's last audible sample to the agent's first.
    answers: Vec<u64>,
    /// From an interrupting caller's first sample to silence.
    silences: Vec<u64>,
    unanswered: usize,
    violations: usize,
    underruns: u32,
    pub(crate) server: Vec<(String, Timing)>,
    pub(crate) cost: Cost,
    speech: String,
}

impl Figures {
    pub(crate) fn new(callers: usize, garbage: usize) -> Self {
        Self {
            callers,
            garbage,
            ..Self::default()
        }
    }

    pub(crate) fn add_call(&mut self, record: &CallRecord, redials: u32, verbose: bool) {
        self.call_ms += record.duration_ms();
        self.redials += redials;
        self.violations += record.violations.len();
        self.underruns += record.underruns;
        let heard = record
            .agent()
            .iter()
            .position(|sample| sample.unsigned_abs() >= AUDIBLE);
        self.first_audio.extend(heard.map(|at| at as u64 / 8));
        for turn in &record.turns {
            match turn.response_ms() {
                Some(ms) => self.answers.push(ms),
                None => self.unanswered += 1,
            }
            self.silences.extend(turn.barge_in_ms());
            if verbose {
                println!("{turn:?}");
            }
        }
        if verbose {
            println!("{:?} {:?}", record.ending, record.violations);
        }
    }

    /// What the speech workers did meanwhile.
    pub(crate) fn speech(&mut self, before: &SpeechStats, after: &SpeechStats) {
        let (b, a) = (&before.heavy, &after.heavy);
        let cost = |kind: Kind| {
            let at = Kind::ALL.iter().position(|one| *one == kind).unwrap_or(0);
            a.cost_ms.get(at).copied().unwrap_or(0.0)
        };
        self.speech = format!(
            "{} done, {} of them late (by at most {} ms since the start), {} expired, {} gave way, {} refused, {} \
             cancelled; now a final costs {:.0} ms, a score {:.0}, a sentence {:.0}, a partial {:.0}",
            a.done - b.done,
            a.done_late - b.done_late,
            a.late_ms_max,
            a.expired - b.expired,
            a.gave_way - b.gave_way,
            a.refused - b.refused,
            a.cancelled - b.cancelled,
            cost(Kind::Final),
            cost(Kind::TurnScore),
            cost(Kind::Voice),
            cost(Kind::Partial),
        );
    }

    /// Measurements side by side.
    pub(crate) fn table(all: &[Self]) -> String {
        let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
        let mut row = |name, cell: &dyn Fn(&Self) -> String| {
            rows.push((name, all.iter().map(cell).collect()));
        };
        row("callers at once", &|f| f.callers.to_string());
        row("garbage sockets (messages)", &|f| {
            format!("{} ({})", f.garbage, f.garbage_sent)
        });
        row("calls", &|f| f.calls.len().to_string());
        row("times a caller was told \"busy\"", &|f| {
            f.redials.to_string()
        });
        row("start -> first agent audio, ms", &|f| {
            spread(&f.first_audio)
        });
        row("end of speech -> first agent audio, ms", &|f| {
            spread(&f.answers)
        });
        row("interruption -> silence, ms", &|f| spread(&f.silences));
        row("turns without an answer of their own", &|f| {
            f.unanswered.to_string()
        });
        row("of the server: speech end -> decided", &|f| {
            f.timing(|t| t.decided.since(t.speech_end))
        });
        row("decided -> first words of the mind", &|f| {
            f.timing(|t| t.token_wanted().since(t.decided))
        });
        row("first words -> first audio sent", &|f| {
            f.timing(|t| t.first_audio.since(t.token_wanted()))
        });
        row("violations / underruns", &|f| {
            format!("{} / {}", f.violations, f.underruns)
        });
        row("CPU, ms per second of a call", &|f| {
            format!("{:.0}", f.cost.server_ms() / f.call_seconds())
        });
        row("memory, MiB", &|f| {
            (f.cost.rss_bytes / 1_024 / 1_024).to_string()
        });
        let mut out = String::new();
        for (name, cells) in rows {
            // Writing to a string does not fail.
            let _ = write!(out, "{name:>40}");
            for cell in cells {
                let _ = write!(out, "  {cell:>36}");
            }
            out.push('\n');
        }
        for figures in all {
            let _ = writeln!(out, "models: {}", figures.speech);
            let _ = write!(out, "CPU ms per call-second:");
            for (kind, ms) in figures.cost.by_kind() {
                let _ = write!(out, " {kind} {:.1},", ms / figures.call_seconds());
            }
            out.push('\n');
        }
        out
    }

    fn call_seconds(&self) -> f64 {
        self.call_ms.max(1) as f64 / 1_000.0
    }

    fn timing(&self, of: impl Fn(&Timing) -> u64) -> String {
        let ours = self.server.iter().filter(|(id, _)| self.calls.contains(id));
        spread(&ours.map(|(_, timing)| of(timing)).collect::<Vec<_>>())
    }
}

/// Median, 95th percentile, maximum and number.
fn spread(values: &[u64]) -> String {
    let mut values = values.to_vec();
    values.sort_unstable();
    let at = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.max(1) - 1).copied()
    };
    match (at(0.5), at(0.95), values.last()) {
        (Some(p50), Some(p95), Some(max)) => {
            format!("p50 {p50} p95 {p95} max {max} (n {})", values.len())
        }
        _ => "none".into(),
    }
}
