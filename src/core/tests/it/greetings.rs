//! Greetings as the embedded ear and recogniser heard them (`fixtures/answering`), put to the decision: who answered, and when
//! that was known. `tests/it/amd.rs` makes them anew from sound.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use trunkline_core::amd::{Amd, AmdLimits, AnsweredBy, Tone, Verdict, Witness};
use trunkline_core::language::Language;
use trunkline_core::time::At;

const HEARD: &str = include_str!("../../../../fixtures/answering/heard.txt");
/// After the last fact, silence.
const AFTER_MS: u64 = 20_000;

/// Every verdict on one greeting.
fn judge(facts: &str) -> Vec<Verdict> {
    let mut amd = Amd::new(
        Witness::Own,
        AmdLimits::default(),
        Language::English,
        At::START,
    );
    let mut verdicts = Vec::new();
    let mut last_ms = 0;
    let end = format!("{} silence", AFTER_MS * 3);
    for line in facts.lines().chain([end.as_str()]) {
        let Some((ms, fact)) = line.split_once(' ') else {
            continue;
        };
        let mut now_ms: u64 = ms.parse().unwrap();
        if fact == "silence" {
            now_ms = last_ms + AFTER_MS;
        }
        let now = At::from_ms(now_ms);
        while let Some(due) = amd.due().filter(|due| *due <= now) {
            verdicts.extend(amd.tick(due));
        }
        last_ms = now_ms;
        let (kind, rest) = fact.split_once(' ').unwrap_or((fact, ""));
        let at = || At::from_ms(rest.parse().unwrap());
        verdicts.extend(match kind {
            "speech" => {
                amd.speech_started(at());
                None
            }
            "quiet" => {
                amd.speech_stopped(at());
                None
            }
            "partial" => amd.guessed(rest, now),
            "final" => amd.heard(rest, now),
            "Beep" => amd.toned(Tone::Beep, at(), now),
            "FaxCall" => amd.toned(Tone::FaxCall, at(), now),
            "FaxAnswer" => amd.toned(Tone::FaxAnswer, at(), now),
            "Network" => amd.toned(Tone::Network, at(), now),
            "silence" => None,
            _ => unreachable!("{line}"),
        });
    }
    verdicts
}

#[test]
fn greetings_are_told_apart_in_time_and_no_person_is_taken_for_a_machine() {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    // Since the answer, and since whoever answered began to speak.
    let (mut times, mut since_speech) = (Vec::new(), Vec::new());
    let (mut right, mut all) = (0, 0);
    let (mut wrong, mut hung_up_on) = (String::new(), 0);
    for greeting in HEARD.split("\n# ").filter(|text| !text.trim().is_empty()) {
        let (head, facts) = greeting.split_once('\n').unwrap();
        let (meant, words) = head.trim_start_matches("# ").split_once(": ").unwrap();
        let verdicts = judge(facts);
        let last = verdicts.last().unwrap();
        *counts.entry((meant, last.by.code())).or_default() += 1;
        times.push(last.after_ms);
        let spoke = facts.lines().find_map(|line| line.split_once(" speech "));
        let spoke_ms: u64 = spoke.map_or(0, |(_, at)| at.parse().unwrap());
        since_speech.push(last.after_ms.saturating_sub(spoke_ms));
        all += 1;
        right += u32::from(last.by.code() == meant);
        let is_person = matches!(meant, "human" | "unknown");
        hung_up_on += u32::from(is_person && verdicts.iter().any(|v| !v.by.is_person()));
        if last.by.code() != meant {
            writeln!(wrong, "{meant}: {words}\n  {verdicts:?}\n{facts}").unwrap();
        }
    }
    times.sort_unstable();
    since_speech.sort_unstable();
    let (median, of_speech) = (times[times.len() / 2], since_speech[times.len() / 2]);
    println!("{counts:?}\n{right} of {all}, median {median} ms, {of_speech} ms of speech\n{wrong}");
    assert!(all >= 60 && counts.len() >= AnsweredBy::ALL.len(), "{all}");
    assert_eq!(hung_up_on, 0, "{wrong}");
    assert!(right * 100 >= all * 90, "{right} of {all}\n{wrong}");
    assert!(of_speech < 2_000 && median < 2_500, "{of_speech} {median}");
}
