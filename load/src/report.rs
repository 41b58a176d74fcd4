//! A run's figures, for people and for machines.

use crate::memory::Curve;
use crate::speech::Noise;
use crate::tally::{Lateness, PAUSES_MS, STOPPED_MS, Spread, Tally};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// If the driver itself sent one frame in a hundred later than this, the run says nothing, ms.
pub(crate) const LATE_MS_MAX: usize = 10;

/// What was used over the window, milliseconds of CPU.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ServerUse {
    pub(crate) is_known: bool,
    pub(crate) cpu_ms: f64,
    pub(crate) rss_before_kib: f64,
    pub(crate) rss_max_kib: f64,
    pub(crate) processes: usize,
    pub(crate) own_ms: f64,
    pub(crate) providers_ms: f64,
    /// By others, the kernel's work on our packets included.
    pub(crate) foreign_ms: f64,
}

/// One run.
pub(crate) struct Report {
    pub(crate) calls: usize,
    pub(crate) duration_s: f64,
    pub(crate) seed: u64,
    pub(crate) tally: Tally,
    pub(crate) lateness: Lateness,
    pub(crate) used: ServerUse,
    /// The server's memory over the window.
    pub(crate) memory: Curve,
    /// What the providers say.
    pub(crate) providers: Option<Value>,
}

impl Report {
    /// The driver was starved: nothing here is to be believed.
    pub(crate) fn is_void(&self) -> bool {
        self.lateness.percentile(0.99) > LATE_MS_MAX
    }

    /// Server CPU per second of one call, ms.
    pub(crate) fn cpu_ms_per_call_second(&self) -> f64 {
        self.used.cpu_ms / (self.calls as f64 * self.duration_s).max(1e-9)
    }

    /// Server memory that a call adds, KiB.
    pub(crate) fn kib_per_call(&self) -> f64 {
        (self.used.rss_max_kib - self.used.rss_before_kib) / self.calls.max(1) as f64
    }

    fn llm_requests_per_turn(&self) -> Option<f64> {
        let requests = self.providers.as_ref()?["window"]["llm_requests"].as_f64()?;
        (self.tally.answered() > 0).then(|| requests / self.tally.answered() as f64)
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let percent = |cpu_ms: f64| cpu_ms / (self.duration_s * 10.0).max(1e-9);
        let server = self.used.is_known.then(|| {
            json!({"cpu_percent": percent(self.used.cpu_ms), "cpu_ms_per_call_second": self.cpu_ms_per_call_second(),
                "rss_before_kib": self.used.rss_before_kib, "rss_max_kib": self.used.rss_max_kib,
                "kib_per_call": self.kib_per_call(), "memory": self.memory.json(), "processes": self.used.processes})
        });
        json!({
            "calls": self.calls, "duration_s": self.duration_s, "seed": self.seed.to_string(),
            "is_void": self.is_void(), "measures": self.tally.json(), "server": server,
            "llm_requests_per_answered_turn": self.llm_requests_per_turn(),
            "driver": {
                "lateness_ms": {"p50": self.lateness.percentile(0.5), "p99": self.lateness.percentile(0.99),
                    "max": self.lateness.percentile(1.0)},
                "cpu_percent": percent(self.used.own_ms), "providers_cpu_percent": percent(self.used.providers_ms),
                "foreign_cpu_percent": percent(self.used.foreign_ms),
            },
            "providers": self.providers,
        })
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let tally = &self.tally;
        let mut out = format!(
            "{} calls, {} s, seed {}\n",
            self.calls, self.duration_s, self.seed
        );
        let _ = writeln!(
            out,
            "{:<28}{:>6}{:>9}{:>9}{:>9}{:>9}",
            "ms", "n", "p50", "p95", "p99", "max"
        );
        for (name, times) in [
            ("response, plain turns", &tally.plain),
            ("response, hesitating turns", &tally.hesitating),
            ("barge-in to clear", &tally.barge_clear),
            ("barge-in to silence", &tally.barge_stop),
            ("greeting", &tally.greeting),
            ("length of answers", &tally.answer_length),
            ("gaps within answers", &tally.gaps),
        ] {
            let Spread {
                n,
                p50,
                p95,
                p99,
                max,
            } = Spread::of(times);
            let _ = writeln!(
                out,
                "{name:<28}{n:>6}{p50:>9.1}{p95:>9.1}{p99:>9.1}{max:>9.1}"
            );
        }
        self.counts(&mut out);
        self.noises(&mut out);
        self.usage(&mut out);
        if self.is_void() {
            out.push_str(
                "VOID: the driver itself was starved; measure again on a quieter machine\n",
            );
        }
        for failure in tally.failures.iter().take(10) {
            let _ = writeln!(out, "failed: {failure}");
        }
        out
    }

    fn counts(&self, out: &mut String) {
        let tally = &self.tally;
        let pauses: Vec<String> = (0..PAUSES_MS.len())
            .map(|at| {
                format!(
                    "{} of {} at {} ms",
                    tally.interjected[at], tally.pauses[at], PAUSES_MS[at]
                )
            })
            .collect();
        let _ = writeln!(
            out,
            "turns {}  answers {}  verified {}  unverified {}  wrong {} (to half a sentence {})  unanswered {}",
            tally.turns,
            tally.answers,
            tally.verified,
            tally.unverified,
            tally.wrong,
            tally.wrong_to_half,
            tally.unanswered
        );
        let _ = writeln!(
            out,
            "interjections {}  |  barge-ins {} ({:.1} % stopped within {STOPPED_MS} ms), without clear {}, stale frames {}",
            pauses.join(", "),
            tally.barge_ins,
            100.0 * tally.stopped_share(STOPPED_MS),
            tally.barge_without_clear,
            tally.stale_frames
        );
        let _ = writeln!(
            out,
            "underruns {} (in {} answers)  longest silence {:.0} ms  premature {}  out of turn {}  unasked clears {}",
            tally.underruns,
            tally.answers_with_underrun,
            tally.silence_max.0 as f64 / 1e3,
            tally.premature,
            tally.out_of_turn,
            tally.unasked_clears
        );
        let _ = writeln!(
            out,
            "failed calls {}  without greeting {}  consents {}  marks {}  media messages {}  refused messages {}",
            tally.failures.len(),
            tally.without_greeting,
            tally.consents,
            tally.marks,
            tally.media_in,
            tally.refused
        );
    }

    fn noises(&self, out: &mut String) {
        let tally = &self.tally;
        for (kind, noise) in Noise::ALL.into_iter().zip(&tally.noises) {
            if noise.made == 0 {
                continue;
            }
            let Spread { p50, max, .. } = Spread::of(&noise.halts);
            let _ = writeln!(
                out,
                "noise {:<8}{:>5} answers, {} halted ({p50:.0} ms, at most {max:.0}), false stops {} ({:.2} %), answered {}",
                kind.name(),
                noise.made,
                noise.halted,
                noise.dropped,
                100.0 * noise.dropped_share(),
                noise.answered,
            );
        }
        for trouble in tally.noise_troubles.iter().take(20) {
            let _ = writeln!(out, "  {trouble}");
        }
    }

    fn usage(&self, out: &mut String) {
        let percent = |cpu_ms: f64| cpu_ms / (self.duration_s * 10.0).max(1e-9);
        let used = &self.used;
        if used.is_known {
            let _ = writeln!(
                out,
                "server: {:.1} % CPU, {:.3} CPU-ms per call-second, {:.0} KiB before, {:.0} KiB at most, {:.0} KiB per call, {} process(es)",
                percent(used.cpu_ms),
                self.cpu_ms_per_call_second(),
                used.rss_before_kib,
                used.rss_max_kib,
                self.kib_per_call(),
                used.processes
            );
        }
        if let (Some((first, last)), Some(growth)) =
            (self.memory.ends_kib(), self.memory.growth_percent())
        {
            let _ = writeln!(
                out,
                "memory: {first:.0} KiB in the first sixth of the time, {last:.0} KiB in the last: {growth:+.1} %"
            );
        }
        let late = |share| self.lateness.percentile(share);
        let _ = writeln!(
            out,
            "driver: late p50 {} p99 {} max {} ms; CPU {:.1} %, providers {:.1} %, others {:.1} %",
            late(0.5),
            late(0.99),
            late(1.0),
            percent(used.own_ms),
            percent(used.providers_ms),
            percent(used.foreign_ms)
        );
        let Some(stats) = &self.providers else { return };
        for (stage, spread) in stats["stages_ms"].as_object().into_iter().flatten() {
            let figure = |key: &str| spread[key].as_f64().unwrap_or(0.0);
            let _ = writeln!(
                out,
                "  {stage:<32} n {:>6}  p50 {:>8.1}  p95 {:>8.1}  max {:>8.1}",
                figure("n"),
                figure("p50"),
                figure("p95"),
                figure("max")
            );
        }
        let _ = writeln!(
            out,
            "  finals {}, of which unanswered {}; chat requests per answered turn {:.2}",
            stats["window"]["finals"],
            stats["window"]["unanswered_finals"],
            self.llm_requests_per_turn().unwrap_or(0.0)
        );
    }
}
