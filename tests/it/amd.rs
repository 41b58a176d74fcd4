//! Who answered, told from sound by the real ear, the real recogniser and the decision: greetings of people and machines,
//! made here by the embedded voices, with noise. With `BLESS=1` what was heard is written to `fixtures/answering`.

mod greetings;
mod line;
mod voices;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use greetings::Greeting;
use line::Line;
use trunkline_core::amd::AnsweredBy;

/// Of all greetings, so many are enough to see that the parts fit together.
const FEW: usize = 14;
const CLASSES: [AnsweredBy; 5] = AnsweredBy::ALL;

/// What became of the greetings.
#[derive(Default)]
struct Table {
    /// How often what was called what.
    counts: BTreeMap<(&'static str, &'static str), u32>,
    /// From the answer to the verdict that held, ms, by class.
    times: BTreeMap<&'static str, Vec<u64>>,
    /// People who would have been hung up on.
    hung_up_on: Vec<String>,
    wrong: String,
    /// What was heard of each.
    heard: String,
    greetings: u32,
    right: u32,
}

impl Table {
    /// Of these, the first of which is number `from`.
    async fn of(from: usize, greetings: &[Greeting]) -> Self {
        let mut table = Self::default();
        for (number, greeting) in (from..).zip(greetings) {
            let sound = greeting.voiced(number as u64).await;
            let line = Line::new().listen(&sound).await;
            table.add(number, greeting, &line);
        }
        table
    }

    fn add(&mut self, number: usize, greeting: &Greeting, line: &Line) {
        let (meant, last) = (greeting.by, line.verdicts.last());
        let by = last.map_or("none", |verdict| verdict.by.code());
        *self.counts.entry((meant.code(), by)).or_default() += 1;
        if let Some(last) = last {
            self.times
                .entry(meant.code())
                .or_default()
                .push(last.after_ms);
        }
        let (words, trace) = (greeting.words(), &line.trace);
        writeln!(self.heard, "# {}: {words}\n{trace}", meant.code()).unwrap();
        self.greetings += 1;
        self.right += u32::from(by == meant.code());
        let told: Vec<String> = line
            .verdicts
            .iter()
            .map(|v| format!("{} by {} at {}", v.by.code(), v.evidence.code(), v.after_ms))
            .collect();
        let what = format!(
            "#{number} {} {:?} {} dB {:?}: {told:?}, beeps {:?}, heard {:?}\n",
            meant.code(),
            greeting.voice,
            greeting.snr_db,
            greeting.words(),
            line.beeps_ms,
            line.heard
        );
        if meant.is_person() && line.verdicts.iter().any(|verdict| !verdict.by.is_person()) {
            self.hung_up_on.push(what.clone());
        }
        if by != meant.code() {
            self.wrong.push_str(&what);
        }
    }

    /// The time by which this share of the verdicts of a class, or of all, was made.
    fn percentile(&self, class: Option<&str>, percent: usize) -> u64 {
        let of = |(name, _): &(&&str, &Vec<u64>)| class.is_none_or(|class| class == **name);
        let mut times: Vec<u64> = self
            .times
            .iter()
            .filter(of)
            .flat_map(|(_, t)| t.clone())
            .collect();
        times.sort_unstable();
        times
            .get((times.len() * percent / 100).min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    }

    fn shown(&self) -> String {
        let mut text = format!("{:>10}", "");
        let columns = CLASSES.map(AnsweredBy::code).into_iter().chain(["none"]);
        for class in columns.clone() {
            write!(text, "{class:>9}").unwrap();
        }
        writeln!(text, "   p50 ms   p90 ms").unwrap();
        for meant in CLASSES.map(AnsweredBy::code) {
            write!(text, "{meant:>10}").unwrap();
            for by in columns.clone() {
                let count = self.counts.get(&(meant, by)).copied().unwrap_or(0);
                write!(text, "{count:>9}").unwrap();
            }
            let [half, most] = [50, 90].map(|p| self.percentile(Some(meant), p));
            writeln!(text, "{half:>9}{most:>9}").unwrap();
        }
        let [half, most] = [50, 90].map(|p| self.percentile(None, p));
        writeln!(text, "{} of {} right; verdicts after {half} ms at the median, {most} ms at the 90th percentile",
            self.right, self.greetings).unwrap();
        text + &self.wrong
    }

    fn check(&self, percent_min: u32) {
        let shown = self.shown();
        println!("{shown}");
        assert_eq!(
            self.hung_up_on,
            Vec::<String>::new(),
            "people were taken for machines\n{shown}"
        );
        assert!(self.right * 100 >= self.greetings * percent_min, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_greetings_are_told_apart() {
    let all = greetings::all();
    Table::of(0, &all[..FEW]).await.check(80);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo test --test it amd::all_greetings -- --ignored --nocapture"]
async fn all_greetings_are_told_apart_and_no_person_is_hung_up_on() {
    let all = greetings::all();
    assert!(all.len() >= 60, "{}", all.len());
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    let bless = std::env::var("BLESS").is_ok();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/answering/heard.txt");
    let heard = std::fs::read_to_string(file).unwrap();
    let known = heard.lines().filter(|line| line.starts_with("# ")).count();
    // Those that are new alone, or all.
    let from = if bless && known < all.len() { known } else { 0 };
    let table = Table::of(from, &all[from..]).await;
    if bless {
        let kept = if from > 0 { heard.as_str() } else { "" };
        std::fs::write(file, format!("{kept}{}", table.heard)).unwrap();
    }
    table.check(90);
    assert!(table.percentile(None, 50) < 2_500);
}
