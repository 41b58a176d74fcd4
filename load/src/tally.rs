//! What was measured: plain counts and lists, of one caller or of many together.

use crate::clock::Micros;
use crate::speech::Noise;
use serde_json::{Value, json};

/// Pauses of hesitating turns, ms, in the order of every list about them.
pub(crate) const PAUSES_MS: [u64; 3] = [250, 450, 700];

/// An interruption is to be stopped within so long, ms.
pub(crate) const STOPPED_MS: f64 = 250.0;

macro_rules! tally {
    ($($(#[doc = $doc:literal])+ $name:ident: $of:ty,)+) => {
        /// The measures of a run. Times are microseconds; only turns that end within the run's window count.
        #[derive(Debug, Default, Clone)]
        pub(crate) struct Tally {
            $($(#[doc = $doc])+ pub(crate) $name: $of,)+
        }

        impl Tally {
            /// Adds another caller's.
            pub(crate) fn add(&mut self, other: Self) {
                $(self.$name.merge(other.$name);)+
            }
        }
    };
}

tally! {
    /// End of speech to the first audible frame received, plain turns.
    plain: Vec<Micros>,
    /// The same, hesitating turns, from the end of the second half.
    hesitating: Vec<Micros>,
    /// First frame of an interruption to `clear`.
    barge_clear: Vec<Micros>,
    /// The same, or to the end of playout if the server stopped sending instead.
    barge_stop: Vec<Micros>,
    /// Start of the call to the first audible frame.
    greeting: Vec<Micros>,
    /// How long the queue was dry within an answer, every time.
    gaps: Vec<Micros>,
    /// Audible length of answers that were not cut.
    answer_length: Vec<Micros>,
    /// Longest time a caller who waited for an answer heard nothing.
    silence_max: Longest,
    /// How long nothing had been heard of the agent when the call ended.
    silence_at_end: Longest,
    /// Turns that were spoken.
    turns: u64,
    /// Hesitating turns, by pause.
    pauses: [u64; 3],
    /// Those in which the agent spoke before the caller had said all.
    interjected: [u64; 3],
    /// Answers taken for the right ones: by their tone.
    verified: u64,
    /// Answers that carry no code.
    unverified: u64,
    /// Turns in which an answer to another turn came.
    wrong: u64,
    /// Those to the first half of the same turn.
    wrong_to_half: u64,
    /// Turns without an answer.
    unanswered: u64,
    /// Audio sooner after the end of speech than an answer can come.
    premature: u64,
    /// Audio in a plain turn's speech, or between turns.
    out_of_turn: u64,
    /// Answers that were heard, to their end or to an interruption.
    answers: u64,
    /// Times that the queue was dry for too long within an answer.
    underruns: u64,
    /// Answers in which that happened.
    answers_with_underrun: u64,
    /// Interruptions.
    barge_ins: u64,
    /// Those that no `clear` followed.
    barge_without_clear: u64,
    /// Noises while the agent spoke, by kind, in the order of [`Noise::ALL`].
    noises: [NoiseTally; 4],
    /// Noises that dropped an answer, or were answered, in words.
    noise_troubles: Vec<String>,
    /// Audible frames that came after the `clear` of an interruption.
    stale_frames: u64,
    /// Answers that were cleared though nobody spoke.
    unasked_clears: u64,
    /// Calls in which no greeting came.
    without_greeting: u64,
    /// Consents that the server reacted to.
    consents: u64,
    /// Marks that were returned.
    marks: u64,
    /// Media messages received in the window.
    media_in: u64,
    /// Messages that the carrier would have refused.
    refused: u64,
    /// Calls that the server ended.
    ended_by_server: u64,
    /// Calls that ended otherwise than they should, with the reason.
    failures: Vec<String>,
}

impl Tally {
    /// Answered turns.
    pub(crate) fn answered(&self) -> u64 {
        self.verified + self.unverified
    }

    /// Share of the interruptions that were stopped within `ms`; all of none.
    pub(crate) fn stopped_share(&self, ms: f64) -> f64 {
        let soon = self.barge_stop.iter().filter(|&&at| at as f64 <= ms * 1e3);
        if self.barge_ins == 0 {
            return 1.0;
        }
        soon.count() as f64 / self.barge_ins as f64
    }

    /// Everything, for machines. Times are milliseconds.
    pub(crate) fn json(&self) -> Value {
        let by_pause: Vec<Value> = (0..PAUSES_MS.len())
            .map(|at| {
                json!({"pause_ms": PAUSES_MS[at], "turns": self.pauses[at],
                    "interjections": self.interjected[at]})
            })
            .collect();
        let noises: Vec<Value> = Noise::ALL
            .into_iter()
            .zip(&self.noises)
            .map(|(kind, tally)| tally.json(kind))
            .collect();
        json!({
            "response_latency_ms": Spread::of(&self.plain).json(),
            "response_latency_hesitating_ms": Spread::of(&self.hesitating).json(),
            "barge_in_clear_ms": Spread::of(&self.barge_clear).json(),
            "barge_in_stop_ms": Spread::of(&self.barge_stop).json(),
            "greeting_ms": Spread::of(&self.greeting).json(),
            "playout_gap_ms": Spread::of(&self.gaps).json(),
            "answer_length_ms": Spread::of(&self.answer_length).json(),
            "silence_max_ms": self.silence_max.0 as f64 / 1e3,
            "turns": self.turns, "answers": self.answers, "barge_ins": self.barge_ins,
            "hesitations": by_pause, "verified": self.verified, "unverified": self.unverified,
            "wrong_answers": self.wrong, "wrong_answers_to_half": self.wrong_to_half,
            "unanswered": self.unanswered, "premature": self.premature,
            "out_of_turn": self.out_of_turn, "underruns": self.underruns,
            "answers_with_underrun": self.answers_with_underrun,
            "barge_without_clear": self.barge_without_clear, "stale_frames": self.stale_frames,
            "stopped_within_250_ms": self.stopped_share(STOPPED_MS), "noises": noises,
            "noise_troubles": self.noise_troubles.iter().take(50).collect::<Vec<_>>(),
            "unasked_clears": self.unasked_clears, "without_greeting": self.without_greeting,
            "consents": self.consents, "marks": self.marks, "media_in": self.media_in,
            "refused_messages": self.refused, "ended_by_server": self.ended_by_server,
            "failed_calls": self.failures.len(),
            "failures": self.failures.iter().take(10).collect::<Vec<_>>(),
        })
    }
}

trait Merge {
    fn merge(&mut self, other: Self);
}

impl<T> Merge for Vec<T> {
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
}

impl Merge for u64 {
    fn merge(&mut self, other: Self) {
        *self += other;
    }
}

impl Merge for [u64; 3] {
    fn merge(&mut self, other: Self) {
        for (sum, more) in self.iter_mut().zip(other) {
            *sum += more;
        }
    }
}

/// What became of the answers into which one kind of noise came.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct NoiseTally {
    /// How many there were.
    pub(crate) made: u64,
    /// Those that were taken back, for a while or for good.
    pub(crate) halted: u64,
    /// Those that did not come to their end.
    pub(crate) dropped: u64,
    /// Those in which something that nobody said was answered.
    pub(crate) answered: u64,
    /// How long nothing was heard of an answer that went on.
    pub(crate) halts: Vec<Micros>,
}

impl NoiseTally {
    /// Share of the answers that were dropped.
    pub(crate) fn dropped_share(&self) -> f64 {
        self.dropped as f64 / self.made.max(1) as f64
    }

    fn json(&self, kind: Noise) -> Value {
        json!({"kind": kind.name(), "made": self.made, "halted": self.halted, "dropped": self.dropped,
            "dropped_share": self.dropped_share(), "answered": self.answered,
            "halt_ms": Spread::of(&self.halts).json()})
    }
}

impl Merge for [NoiseTally; 4] {
    fn merge(&mut self, other: Self) {
        for (sum, more) in self.iter_mut().zip(other) {
            sum.made += more.made;
            sum.halted += more.halted;
            sum.dropped += more.dropped;
            sum.answered += more.answered;
            sum.halts.merge(more.halts);
        }
    }
}

/// The longest of many times.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Longest(pub(crate) Micros);

impl Longest {
    /// One more.
    pub(crate) fn see(&mut self, time: Micros) {
        self.0 = self.0.max(time);
    }
}

impl Merge for Longest {
    fn merge(&mut self, other: Self) {
        self.see(other.0);
    }
}

/// How a measure is spread, milliseconds. The percentile p is the smallest value that p of all do not exceed.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// How many.
    pub(crate) n: usize,
    /// The middle one.
    pub(crate) p50: f64,
    /// Exceeded by one in 20.
    pub(crate) p95: f64,
    /// Exceeded by one in 100.
    pub(crate) p99: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of times in microseconds.
    pub(crate) fn of(times: &[Micros]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let at = |share: f64| {
            let rank = (sorted.len() as f64 * share).ceil() as usize;
            sorted
                .get(rank.saturating_sub(1))
                .map_or(0.0, |&time| time as f64 / 1e3)
        };
        Self {
            n: sorted.len(),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        }
    }

    /// For machines.
    pub(crate) fn json(self) -> Value {
        json!({"n": self.n, "p50": self.p50, "p95": self.p95, "p99": self.p99, "max": self.max})
    }
}

/// How late frames were sent: a count for every millisecond.
#[derive(Debug, Clone)]
pub(crate) struct Lateness {
    by_ms: Vec<u64>,
}

/// From here on all lateness is the same, ms.
const LATE_MS_MAX: usize = 1_000;

impl Default for Lateness {
    fn default() -> Self {
        Self {
            by_ms: vec![0; LATE_MS_MAX + 1],
        }
    }
}

impl Lateness {
    /// One frame.
    pub(crate) fn note(&mut self, late: Micros) {
        let at = usize::try_from(late / 1_000).map_or(LATE_MS_MAX, |ms| ms.min(LATE_MS_MAX));
        self.by_ms[at] += 1;
    }

    /// The lateness, ms, that `share` of all frames do not exceed.
    pub(crate) fn percentile(&self, share: f64) -> usize {
        let all: u64 = self.by_ms.iter().sum();
        let wanted = ((all as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        self.by_ms
            .iter()
            .position(|count| {
                seen += count;
                seen >= wanted
            })
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times: Vec<Micros> = (1..=100).rev().map(|ms| ms * 1_000).collect();
        let spread = Spread::of(&times);
        assert_eq!(
            (spread.n, spread.p50, spread.p95, spread.p99, spread.max),
            (100, 50.0, 95.0, 99.0, 100.0)
        );
        assert_eq!(Spread::of(&[]), Spread::default());
        assert_eq!(Spread::of(&[7_500]).p95, 7.5);
    }

    #[test]
    fn a_starved_driver_shows_in_its_own_lateness() {
        let mut late = Lateness::default();
        (0..98).for_each(|_| late.note(400));
        (0..2).for_each(|_| late.note(12_300));
        assert_eq!((late.percentile(0.5), late.percentile(0.98)), (0, 0));
        assert_eq!((late.percentile(0.99), late.percentile(1.0)), (12, 12));
        late.note(u64::MAX);
        assert_eq!(late.percentile(1.0), LATE_MS_MAX);
    }

    #[test]
    fn tallies_add_up() {
        let mut sum = Tally {
            turns: 2,
            pauses: [1, 0, 0],
            plain: vec![5],
            silence_max: Longest(9),
            ..Tally::default()
        };
        sum.add(Tally {
            turns: 3,
            pauses: [0, 2, 0],
            plain: vec![6],
            silence_max: Longest(4),
            ..Tally::default()
        });
        assert_eq!(
            (sum.turns, sum.pauses, sum.plain, sum.silence_max),
            (5, [1, 2, 0], vec![5, 6], Longest(9))
        );
    }
}
