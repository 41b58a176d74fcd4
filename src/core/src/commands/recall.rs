//! What the detectors make of a real recogniser's output: recall and false alarms over
//! `fixtures/commands/heard.tsv`.
//!
//! The tables were written from the rows of the split `learn` only; the rows of `test` come from
//! other voices.

use super::in_english::{detect, is_backchannel, is_greeting, yes_no};
use super::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const ROWS: &str = include_str!("../../../../fixtures/commands/heard.tsv");
const README: &str = include_str!("../../../../fixtures/commands/README.md");

/// Signal over noise that a clear line has at least, in dB.
const CLEAR_DB_MIN: u32 = 20;

struct Row {
    held_out: bool,
    meant: &'static str,
    said: &'static str,
    voice: &'static str,
    clear: bool,
    /// What the detectors took it for.
    command: Option<&'static str>,
    answer: Option<Answer>,
    backchannel: bool,
    greeting: bool,
}

static JUDGED: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let [split, meant, said, voice, snr_db, heard, confidence]: [&str; 7] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        Row {
            held_out: split == "test",
            meant,
            said,
            voice: voice.split(':').next().unwrap(),
            clear: snr_db.parse::<u32>().unwrap() >= CLEAR_DB_MIN,
            command: detect(heard, confidence.parse().unwrap()).map(|d| name(d.command)),
            answer: yes_no(heard),
            backchannel: is_backchannel(heard),
            greeting: is_greeting(heard),
        }
    };
    ROWS.lines().skip(1).map(row).collect()
});

fn name(command: Command) -> &'static str {
    match command {
        Command::OptOut => "optout",
        Command::DontRecord => "dontrecord",
        Command::Robot => "robot",
        Command::Stop => "stop",
    }
}

/// Whether what was heard is taken for what was meant.
fn is_right(row: &Row) -> bool {
    match row.meant {
        "yes" => row.answer == Some(Answer::Yes),
        "no" => row.answer == Some(Answer::No),
        "backchannel" => row.backchannel,
        "greeting" => row.greeting,
        "none" => row.command.is_none(),
        meant => row.command == Some(meant),
    }
}

#[derive(Clone, Copy, Default)]
struct Score {
    right: u32,
    tries: u32,
}

impl Score {
    fn percent(self) -> u32 {
        (self.right * 100 + self.tries / 2) / self.tries.max(1)
    }
}

fn scores<K: Ord>(rows: &[Row], key: impl Fn(&Row) -> Option<K>) -> BTreeMap<K, Score> {
    let mut scores = BTreeMap::new();
    for row in rows {
        if let Some(key) = key(row) {
            let score: &mut Score = scores.entry(key).or_default();
            score.tries += 1;
            score.right += u32::from(is_right(row));
        }
    }
    scores
}

const MEANINGS: [&str; 8] = [
    "optout",
    "dontrecord",
    "robot",
    "stop",
    "yes",
    "no",
    "backchannel",
    "greeting",
];

/// The table in the README: recall of held-out voices, in percent of tries.
fn table(rows: &[Row]) -> String {
    let scores = scores(rows, |r| r.held_out.then_some((r.meant, r.voice, r.clear)));
    let mut table = String::new();
    for meant in MEANINGS {
        let cell = |voice, clear| {
            scores
                .get(&(meant, voice, clear))
                .copied()
                .unwrap_or_default()
                .percent()
        };
        let cells =
            ["piper", "flite", "espeak"].map(|v| format!("{} / {}", cell(v, true), cell(v, false)));
        table.push_str(&format!("| {meant} | {} |\n", cells.join(" | ")));
    }
    table
}

#[test]
fn the_readme_tells_the_recall() {
    let table = table(&JUDGED);
    assert!(
        README.contains(&table),
        "fixtures/commands/README.md should hold\n{table}"
    );
}

#[test]
fn a_clear_voice_is_understood() {
    let clear = |r: &Row| (r.held_out && r.clear && r.voice == "piper").then_some(r.meant);
    let scores = scores(&JUDGED, clear);
    for (meant, percent_min) in [
        ("optout", 82),
        ("dontrecord", 92),
        ("robot", 90),
        ("stop", 82),
        ("yes", 95),
        ("no", 95),
        ("none", 100),
    ] {
        let score = scores[meant];
        assert!(
            score.tries >= 30 && score.percent() >= percent_min,
            "{meant}: {}",
            score.percent()
        );
    }
}

/// What a notice may ask callers to say: over all held-out voices but eSpeak's.
#[test]
fn the_phrases_to_ask_for_are_those_it_hears() {
    let natural = |r: &Row| (r.held_out && r.voice != "espeak").then_some(r.said);
    let scores = scores(&JUDGED, natural);
    for said in [
        "Don't call me again.",
        "Do not contact me again.",
        "I don't want to be recorded.",
        "Please don't record this call.",
        "Is this a real person?",
        "Wait a minute.",
        "No thanks.",
        "Yes, that's fine.",
    ] {
        let score = scores[said];
        assert!(
            score.tries >= 8 && score.percent() >= 85,
            "{said}: {}",
            score.percent()
        );
        assert!(
            README.contains(said.trim_end_matches(['.', '?'])),
            "{said} is missing in the README"
        );
    }
}

#[test]
fn other_talk_raises_no_alarm() {
    let (mut alarms, mut others, mut consents) = (0, 0, 0);
    let talk = JUDGED.iter().filter(|r| r.meant == "none").count();
    for row in JUDGED.iter() {
        let found = row.command;
        alarms += u32::from(row.meant == "none" && found.is_some());
        let is_command = MEANINGS[..4].contains(&row.meant);
        others +=
            u32::from(row.meant != "none" && found.is_some_and(|f| !is_command || f != row.meant));
        let refusal = matches!(row.meant, "no" | "none");
        consents += u32::from(refusal && row.answer == Some(Answer::Yes));
    }
    assert!(talk >= 1_500, "{talk} rows");
    assert_eq!(alarms, 0, "of {talk}");
    // "Got it" heard as "Stop it", "Please stop calling" as "Please stop talking".
    assert_eq!(others, 2);
    assert_eq!(consents, 0, "a refusal is never taken for a yes");
}
