//! What a run may not exceed, so that a build can fail on it.

use crate::report::Report;
use crate::speech::Noise;
use crate::tally::{STOPPED_MS, Spread};
use clap::Args;

/// Limits; what is not given is not looked at. A call that fails, a turn without an answer, a run without turns and a driver
/// that was starved are always misses.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct Limits {
    /// Median response to plain turns, ms
    #[arg(long)]
    pub(crate) p50_max_ms: Option<f64>,
    /// How far p95 may be above that of the first number of calls, ms
    #[arg(long)]
    pub(crate) p95_over_ms: Option<f64>,
    /// No underrun
    #[arg(long)]
    pub(crate) no_underrun: bool,
    /// No wrong answer
    #[arg(long)]
    pub(crate) no_wrong: bool,
    /// Answers dropped for a noise, per cent of those of its kind
    #[arg(long, value_name = "PERCENT")]
    pub(crate) false_stops_max: Option<f64>,
    /// An interruption is to be stopped within so long, ms ...
    #[arg(long, value_name = "MS", default_value_t = STOPPED_MS)]
    pub(crate) stopped_ms_max: f64,
    /// ... in at least so many of 100
    #[arg(long, value_name = "PERCENT")]
    pub(crate) stopped_share_min: Option<f64>,
    /// CPU of the server for a second of a call, ms
    #[arg(long)]
    pub(crate) cpu_ms_max: Option<f64>,
    /// Memory that a call adds to the server, KiB
    #[arg(long)]
    pub(crate) kib_per_call_max: Option<f64>,
    /// How far the server's memory in the last sixth of the time may be above the first; needs --rss-every
    #[arg(long, value_name = "PERCENT")]
    pub(crate) rss_growth_max: Option<f64>,
}

impl Limits {
    /// What a run misses, in words; nothing if it is within. `base_p95_ms` is that of the first run.
    pub(crate) fn misses(&self, report: &Report, base_p95_ms: f64) -> Vec<String> {
        let tally = &report.tally;
        let plain = Spread::of(&tally.plain);
        let mut misses = Vec::new();
        let mut check = |is_missed: bool, what: String| {
            if is_missed {
                misses.push(what);
            }
        };
        check(
            report.is_void(),
            "the driver was starved: the run is void".into(),
        );
        check(
            !tally.failures.is_empty(),
            format!("{} calls failed", tally.failures.len()),
        );
        check(
            tally.unanswered > 0,
            format!("{} turns without an answer", tally.unanswered),
        );
        check(plain.n == 0, "no turn was answered".into());
        let over = |limit: Option<f64>, value: f64| limit.is_some_and(|limit| value > limit);
        check(
            over(self.p50_max_ms, plain.p50),
            format!("p50 {:.0} ms", plain.p50),
        );
        let p95_max = self.p95_over_ms.map(|over| base_p95_ms + over);
        check(
            over(p95_max, plain.p95),
            format!("p95 {:.0} ms, {:.0} at the first", plain.p95, base_p95_ms),
        );
        check(
            self.no_underrun && tally.underruns > 0,
            format!("{} underruns", tally.underruns),
        );
        check(
            self.no_wrong && tally.wrong > 0,
            format!("{} wrong answers", tally.wrong),
        );
        for (kind, noise) in Noise::ALL.into_iter().zip(&tally.noises) {
            let percent = 100.0 * noise.dropped_share();
            check(
                over(self.false_stops_max, percent),
                format!("{percent:.2} % false stops by {}", kind.name()),
            );
        }
        let stopped = 100.0 * tally.stopped_share(self.stopped_ms_max);
        check(
            self.stopped_share_min.is_some_and(|min| stopped < min),
            format!(
                "{stopped:.1} % of the interruptions stopped within {} ms",
                self.stopped_ms_max
            ),
        );
        if self.cpu_ms_max.is_some() || self.kib_per_call_max.is_some() {
            check(
                report.used.processes == 0,
                "the server's process is not known or is gone".into(),
            );
        }
        let cpu_ms = report.cpu_ms_per_call_second();
        check(
            over(self.cpu_ms_max, cpu_ms),
            format!("{cpu_ms:.2} CPU-ms per call-second"),
        );
        let kib = report.kib_per_call();
        check(
            over(self.kib_per_call_max, kib),
            format!("{kib:.0} KiB per call"),
        );
        // What is not known is no figure that is kept.
        let growth = report.memory.growth_percent().unwrap_or(f64::INFINITY);
        check(
            over(self.rss_growth_max, growth),
            format!("memory grew by {growth:.1} %"),
        );
        misses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ms;
    use crate::memory::Curve;
    use crate::report::ServerUse;
    use crate::tally::{Lateness, NoiseTally, Tally};

    fn report() -> Report {
        Report {
            calls: 10,
            duration_s: 10.0,
            seed: 1,
            tally: Tally {
                plain: vec![ms(400); 20],
                underruns: 1,
                wrong: 2,
                barge_ins: 3,
                barge_stop: vec![ms(200), ms(250), ms(251)],
                noises: [
                    NoiseTally {
                        made: 200,
                        dropped: 3,
                        ..NoiseTally::default()
                    },
                    NoiseTally::default(),
                    NoiseTally::default(),
                    NoiseTally::default(),
                ],
                ..Tally::default()
            },
            lateness: Lateness::default(),
            used: ServerUse {
                is_known: true,
                cpu_ms: 250.0,
                rss_max_kib: 6_000.0,
                processes: 1,
                ..ServerUse::default()
            },
            memory: {
                let mut memory = Curve::default();
                (0..6).for_each(|at| memory.note(f64::from(at), 100.0 + f64::from(at)));
                memory
            },
            providers: None,
        }
    }

    #[test]
    fn each_limit_is_missed_by_what_exceeds_it_alone() {
        let none = Limits {
            stopped_ms_max: STOPPED_MS,
            ..Limits::default()
        };
        let cases: [(Limits, Option<&str>); 14] = [
            (none.clone(), None),
            (
                Limits {
                    p50_max_ms: Some(400.0),
                    ..none.clone()
                },
                None,
            ),
            (
                Limits {
                    p50_max_ms: Some(399.0),
                    ..none.clone()
                },
                Some("p50 400 ms"),
            ),
            (
                Limits {
                    p95_over_ms: Some(49.0),
                    ..none.clone()
                },
                Some("p95 400 ms, 350 at the first"),
            ),
            (
                Limits {
                    no_underrun: true,
                    ..none.clone()
                },
                Some("1 underruns"),
            ),
            (
                Limits {
                    no_wrong: true,
                    ..none.clone()
                },
                Some("2 wrong answers"),
            ),
            (
                Limits {
                    false_stops_max: Some(1.4),
                    ..none.clone()
                },
                Some("1.50 % false stops by cough"),
            ),
            (
                Limits {
                    false_stops_max: Some(1.5),
                    ..none.clone()
                },
                None,
            ),
            (
                Limits {
                    rss_growth_max: Some(4.9),
                    ..none.clone()
                },
                Some("memory grew by 5.0 %"),
            ),
            (
                Limits {
                    stopped_share_min: Some(99.0),
                    ..none.clone()
                },
                Some("66.7 % of the interruptions stopped within 250 ms"),
            ),
            (
                Limits {
                    stopped_share_min: Some(99.0),
                    stopped_ms_max: 251.0,
                    ..none.clone()
                },
                None,
            ),
            (
                Limits {
                    cpu_ms_max: Some(2.4),
                    ..none.clone()
                },
                Some("2.50 CPU-ms per call-second"),
            ),
            (
                Limits {
                    cpu_ms_max: Some(2.6),
                    ..none.clone()
                },
                None,
            ),
            (
                Limits {
                    kib_per_call_max: Some(599.0),
                    ..none
                },
                Some("600 KiB per call"),
            ),
        ];
        for (limits, miss) in cases {
            let expected: Vec<String> = miss.map(str::to_owned).into_iter().collect();
            assert_eq!(limits.misses(&report(), 350.0), expected, "{limits:?}");
        }
    }

    #[test]
    fn failures_silence_and_a_starved_driver_always_miss() {
        let mut broken = report();
        broken.tally = Tally {
            unanswered: 1,
            failures: vec!["x".into()],
            ..Tally::default()
        };
        broken.lateness.note(ms(30));
        assert_eq!(Limits::default().misses(&broken, 0.0).len(), 4);
    }

    #[test]
    fn a_figure_of_the_server_needs_a_server() {
        let mut gone = report();
        gone.used.processes = 0;
        let limits = Limits {
            cpu_ms_max: Some(9.0),
            ..Limits::default()
        };
        assert_eq!(limits.misses(&gone, 0.0).len(), 1);
    }
}
