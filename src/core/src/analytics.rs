//! Calls counted: how many, how they ended, how quickly they were answered, what became of them and what they cost; all of
//! them, and by agent, version, campaign, hour or day. Every percentile is of the single values, never of other percentiles.

use std::collections::BTreeMap;

use chrono::DateTime;
use chrono_tz::Tz;

use crate::token::Direction;

/// By what calls are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By who held them.
    Agent,
    /// By the version of the agent that held them.
    Version,
    /// By the campaign that they were placed for; none have one yet.
    Campaign,
    /// By the hour in which they were made, on the clocks of a place.
    Hour,
    /// By the day in which they were made, on the calendars of a place.
    Day,
}

impl By {
    /// Reads `agent`, `version`, `campaign`, `hour` or `day`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "agent" => Some(Self::Agent),
            "version" => Some(Self::Version),
            "campaign" => Some(Self::Campaign),
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            _ => None,
        }
    }
}

/// A time zone by its IANA name, as `Europe/Berlin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads a name; `None` if there is no such zone.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The hour that the clocks show at a moment (ms since 1970), with their offset then, as `2026-11-23T14:00:00+01:00`: an
    /// hour that they go through twice is two.
    fn hour(self, unix_ms: i64) -> String {
        let local = self.local(unix_ms);
        local.format("%Y-%m-%dT%H:00:00%:z").to_string()
    }

    /// The day of a moment, as `2026-11-23`.
    fn day(self, unix_ms: i64) -> String {
        self.local(unix_ms).format("%Y-%m-%d").to_string()
    }

    fn local(self, unix_ms: i64) -> DateTime<Tz> {
        let moment = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
        moment.with_timezone(&self.0)
    }
}

/// What is known of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// Who held it.
    pub agent: String,
    /// In which version; 0 for an agent from a file.
    pub version: u32,
    /// Who called whom.
    pub direction: Direction,
    /// Where it is.
    pub status: String,
    /// Somebody answered.
    pub is_answered: bool,
    /// What came of it.
    pub outcome: Option<String>,
    /// Why it ended.
    pub ended_reason: Option<String>,
    /// How long it lasted from the answer on, ms.
    pub duration_ms: Option<u64>,
    /// What the person agreed to.
    pub consent: String,
    /// How far it is with what is to become known of it, if that is wanted.
    pub after: Option<String>,
    /// Whether it reached what it was for.
    pub verdict: Option<String>,
    /// What became of it.
    pub disposition: Option<String>,
    /// The person asked not to be called again.
    pub has_opted_out: bool,
    /// What each answer took, ms.
    pub answers_ms: Vec<u64>,
    /// What it cost by currency, in millionths.
    pub costs: Vec<(String, i64)>,
    /// All that it used has a price. False also where nothing was metered.
    pub is_priced: bool,
}

/// Several calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// All.
    pub calls: u64,
    /// Those that came in.
    pub inbound: u64,
    /// Those that were placed.
    pub outbound: u64,
    /// Those that somebody answered.
    pub answered: u64,
    /// By where they are.
    pub statuses: BTreeMap<String, u64>,
    /// By what came of them.
    pub outcomes: BTreeMap<String, u64>,
    /// By why they ended.
    pub ended_reasons: BTreeMap<String, u64>,
    /// By what was agreed to.
    pub consents: BTreeMap<String, u64>,
    /// By how far it is with what is to become known of them.
    pub after: BTreeMap<String, u64>,
    /// By verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// By what became of them.
    pub dispositions: BTreeMap<String, u64>,
    /// Those in which somebody asked not to be called again.
    pub opt_outs: u64,
    /// How long they lasted, ms.
    pub durations_ms: Spread,
    /// What each answer took, ms.
    pub answers_ms: Spread,
    /// What they cost by currency, in millionths, as far as there are prices.
    pub costs: BTreeMap<String, i64>,
    /// Those of which the whole cost is known.
    pub priced: u64,
}

/// How many of several calls reached what they were for, and what that tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Success {
    /// Those of which there is a verdict, whichever.
    pub judged: u64,
    /// Those among them that succeeded.
    pub successes: u64,
    /// Their share, 0 to 1.
    pub share: f64,
    /// Between which shares the true one lies with 95 % confidence.
    pub within: (f64, f64),
}

impl Success {
    /// `None` where nothing was judged.
    ///
    /// The interval is Wilson's score interval (E. B. Wilson, 1927): unlike the usual one it stays sound for few calls and for
    /// shares near 0 and 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "there are fewer calls than 2⁵²")]
    pub fn of(successes: u64, judged: u64) -> Option<Self> {
        /// 97.5 % of a normal distribution lie below so many standard deviations.
        const Z: f64 = 1.959_963_984_540_054;
        if judged == 0 {
            return None;
        }
        let (n, share) = (judged as f64, successes.min(judged) as f64 / judged as f64);
        let whole = 1.0 + Z * Z / n;
        let middle = (share + Z * Z / (2.0 * n)) / whole;
        let half = Z / whole * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        // At the ends the sums are 0 and 1 but for the rounding.
        let low = if successes == 0 {
            0.0
        } else {
            (middle - half).max(0.0)
        };
        let high = if successes >= judged {
            1.0
        } else {
            (middle + half).min(1.0)
        };
        Some(Self {
            judged,
            successes,
            share,
            within: (low, high),
        })
    }
}

/// Values, each of which counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread(Vec<u64>);

impl Spread {
    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// All together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, value| sum.saturating_add(*value))
    }

    /// The least value that so many in a hundred do not exceed, for each of `percents`; `None` without any value.
    #[must_use]
    pub fn percentiles<const N: usize>(&self, percents: [usize; N]) -> [Option<u64>; N] {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        percents.map(|percent| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied()
        })
    }
}

fn count(words: &mut BTreeMap<String, u64>, word: Option<&String>) {
    if let Some(word) = word {
        *words.entry(word.clone()).or_default() += 1;
    }
}

impl Figures {
    /// How many reached what they were for; `None` where there is no verdict.
    #[must_use]
    pub fn success(&self) -> Option<Success> {
        let successes = self.verdicts.get("success").copied().unwrap_or(0);
        Success::of(successes, self.verdicts.values().sum())
    }

    /// Counts one more.
    pub fn add(&mut self, call: &CallFacts) {
        self.calls += 1;
        match call.direction {
            Direction::Inbound => self.inbound += 1,
            Direction::Outbound => self.outbound += 1,
        }
        self.answered += u64::from(call.is_answered);
        self.opt_outs += u64::from(call.has_opted_out);
        self.priced += u64::from(call.is_priced);
        for (words, word) in [
            (&mut self.statuses, Some(&call.status)),
            (&mut self.outcomes, call.outcome.as_ref()),
            (&mut self.ended_reasons, call.ended_reason.as_ref()),
            (&mut self.consents, Some(&call.consent)),
            (&mut self.after, call.after.as_ref()),
            (&mut self.verdicts, call.verdict.as_ref()),
            (&mut self.dispositions, call.disposition.as_ref()),
        ] {
            count(words, word);
        }
        self.durations_ms.0.extend(call.duration_ms);
        self.answers_ms.0.extend(&call.answers_ms);
        for (currency, micros) in &call.costs {
            let sum = self.costs.entry(currency.clone()).or_default();
            *sum = sum.saturating_add(*micros);
        }
    }
}

/// What calls of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The number of a version.
    Version(u32),
    /// A name, or a moment.
    Name(String),
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(f, "{version}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Calls counted, together and apart.
#[derive(Clone, Debug)]
pub struct Tally {
    by: Option<By>,
    zone: Zone,
    /// All of them.
    pub total: Figures,
    /// By what they are counted apart, in order. Without a name: those that have none of it.
    pub groups: BTreeMap<Option<Key>, Figures>,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(by: Option<By>, zone: Zone) -> Self {
        Self {
            by,
            zone,
            total: Figures::default(),
            groups: BTreeMap::new(),
        }
    }

    /// Counts one more.
    pub fn add(&mut self, call: &CallFacts) {
        self.total.add(call);
        let Some(by) = self.by else {
            return;
        };
        let group = match by {
            By::Agent => Some(Key::Name(call.agent.clone())),
            By::Version => Some(Key::Version(call.version)),
            By::Campaign => None,
            By::Hour => Some(Key::Name(self.zone.hour(call.created_ms))),
            By::Day => Some(Key::Name(self.zone.day(call.created_ms))),
        };
        self.groups.entry(group).or_default().add(call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(created_ms: i64) -> CallFacts {
        CallFacts {
            created_ms,
            agent: "robin".into(),
            version: 1,
            direction: Direction::Inbound,
            status: "ended".into(),
            is_answered: true,
            outcome: Some("completed".into()),
            ended_reason: Some("caller_hung_up".into()),
            duration_ms: Some(1_000),
            consent: "granted".into(),
            after: Some("done".into()),
            verdict: Some("success".into()),
            disposition: Some("booked".into()),
            has_opted_out: false,
            answers_ms: vec![500, 700],
            costs: vec![("EUR".into(), 1_500)],
            is_priced: true,
        }
    }

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_millis()
    }

    #[test]
    fn hours_and_days_are_those_of_the_place() {
        for (zone, moment, hour, day) in [
            (
                "UTC",
                "2026-11-23T23:30:00Z",
                "2026-11-23T23:00:00+00:00",
                "2026-11-23",
            ),
            (
                "Europe/Berlin",
                "2026-11-23T23:30:00Z",
                "2026-11-24T00:00:00+01:00",
                "2026-11-24",
            ),
            // The hour that is gone through twice.
            (
                "Europe/Berlin",
                "2026-10-25T00:30:00Z",
                "2026-10-25T02:00:00+02:00",
                "2026-10-25",
            ),
            (
                "Europe/Berlin",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00+01:00",
                "2026-10-25",
            ),
            (
                "Asia/Kolkata",
                "2026-11-23T18:40:00Z",
                "2026-11-24T00:00:00+05:30",
                "2026-11-24",
            ),
            // A clock that is put forward by half an hour, at two.
            (
                "Australia/Lord_Howe",
                "2026-10-03T15:45:00Z",
                "2026-10-04T02:00:00+11:00",
                "2026-10-04",
            ),
            (
                "America/New_York",
                "2026-11-24T04:59:59Z",
                "2026-11-23T23:00:00-05:00",
                "2026-11-23",
            ),
        ] {
            let zone = Zone::parse(zone).unwrap();
            assert_eq!(
                (
                    zone.hour(ms(moment)).as_str(),
                    zone.day(ms(moment)).as_str()
                ),
                (hour, day),
                "{moment}"
            );
        }
        assert_eq!(Zone::parse("Berlin"), None);
        assert_eq!(Zone::UTC.name(), "UTC");
    }

    #[test]
    fn percentiles_are_of_the_values() {
        let spread = Spread((1..=200).rev().collect());
        assert_eq!(
            spread.percentiles([0, 50, 95, 99, 100]),
            [Some(1), Some(100), Some(190), Some(198), Some(200)]
        );
        assert_eq!(Spread::default().percentiles([50]), [None]);
        // Of two groups the percentile is that of all values, not a mean of theirs.
        let mut figures = Figures::default();
        for (count, answer_ms) in [(99, 100), (1, 10_000)] {
            for _ in 0..count {
                figures.add(&CallFacts {
                    answers_ms: vec![answer_ms],
                    ..call(0)
                });
            }
        }
        assert_eq!(
            figures.answers_ms.percentiles([50, 95, 100]),
            [Some(100), Some(100), Some(10_000)]
        );
    }

    #[test]
    fn calls_are_counted_together_and_apart() {
        let mut tally = Tally::new(Some(By::Day), Zone::UTC);
        tally.add(&call(0));
        tally.add(&CallFacts {
            direction: Direction::Outbound,
            is_answered: false,
            has_opted_out: true,
            outcome: Some("busy".into()),
            ended_reason: None,
            duration_ms: None,
            verdict: None,
            disposition: None,
            after: None,
            answers_ms: vec![],
            costs: vec![],
            is_priced: false,
            ..call(86_400_000)
        });
        let total = &tally.total;
        assert_eq!(
            (total.calls, total.inbound, total.outbound, total.answered),
            (2, 1, 1, 1)
        );
        assert_eq!((total.opt_outs, total.priced), (1, 1));
        assert_eq!(
            total.outcomes,
            BTreeMap::from([("busy".into(), 1), ("completed".into(), 1)])
        );
        assert_eq!(total.dispositions, BTreeMap::from([("booked".into(), 1)]));
        assert_eq!(
            (total.durations_ms.count(), total.durations_ms.sum()),
            (1, 1_000)
        );
        assert_eq!(total.costs, BTreeMap::from([("EUR".into(), 1_500)]));
        let days: Vec<_> = tally.groups.keys().flatten().map(Key::to_string).collect();
        assert_eq!(days, ["1970-01-01", "1970-01-02"]);
        let sum: u64 = tally.groups.values().map(|figures| figures.calls).sum();
        assert_eq!(sum, 2);
        let mut none = Tally::new(Some(By::Campaign), Zone::UTC);
        none.add(&call(0));
        assert_eq!(none.groups.keys().collect::<Vec<_>>(), [&None]);
    }

    #[test]
    fn versions_are_counted_apart_in_their_order() {
        let mut tally = Tally::new(Some(By::Version), Zone::UTC);
        for version in [10, 2, 10, 9] {
            tally.add(&CallFacts { version, ..call(0) });
        }
        let counted = tally.groups.iter();
        let counted: Vec<_> = counted
            .map(|(key, figures)| (key.as_ref().unwrap().to_string(), figures.calls))
            .collect();
        assert_eq!(
            counted,
            [("2".into(), 1), ("9".into(), 1), ("10".into(), 2)]
        );
        assert_eq!(tally.total.calls, 4);
    }

    #[test]
    fn few_verdicts_tell_little() {
        // Worked out apart from this code, by the formula of the article.
        for (successes, judged, low, high) in [
            (0, 1, 0.0, 0.793_45),
            (1, 1, 0.206_55, 1.0),
            (1, 2, 0.094_53, 0.905_47),
            (8, 10, 0.490_16, 0.943_32),
            (80, 100, 0.711_17, 0.866_63),
            (800, 1_000, 0.774_08, 0.823_62),
            (0, 10, 0.0, 0.277_53),
            (10, 10, 0.722_47, 1.0),
        ] {
            let told = Success::of(successes, judged).unwrap();
            let near = |is: f64, want: f64| (is - want).abs() < 0.000_05;
            assert!(
                near(told.within.0, low) && near(told.within.1, high),
                "{told:?}"
            );
        }
        assert_eq!(Success::of(0, 0), None);
        let mut figures = Figures::default();
        assert_eq!(figures.success(), None);
        for verdict in ["success", "failure", "unclear", "success"] {
            figures.add(&CallFacts {
                verdict: Some(verdict.into()),
                ..call(0)
            });
        }
        figures.add(&CallFacts {
            verdict: None,
            ..call(0)
        });
        let told = figures.success().unwrap();
        assert_eq!((told.successes, told.judged, told.share), (2, 4, 0.5));
    }
}
