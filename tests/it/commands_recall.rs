//! Commands spoken to the embedded recogniser: what is said must be what is detected.
//!
//! The phrases are those of `fixtures/commands/heard.tsv`; the voices here are the
//! product's own (which never say a phrase twice alike, so the shares asked for leave room), so a change of a model, of the recogniser's settings or of the detectors' tables shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use crate::stack::speech;
use trunkline::speech::{Hear, VoiceSettings};
use trunkline_core::commands::{Answer, Command, detect, yes_no};
use trunkline_core::language::Language;
use trunkline_media::g711::{mulaw_decode, mulaw_encode};
use trunkline_media::resample::resample_i16;

const HEARD: &str = include_str!("../../fixtures/commands/heard.tsv");
const PATIENT: Duration = Duration::from_secs(60);
/// Paces of the product's voice.
const SPEEDS: [f32; 2] = [1.0, 0.85];
/// Voices of eSpeak that every notice is tried with.
const ESPEAK_VOICES: [&str; 2] = ["en-us", "en-us+f3"];

/// What is meant, and the words for it.
fn phrases() -> BTreeSet<(&'static str, &'static str)> {
    let pair = |line: &'static str| {
        let mut columns = line.split('\t').skip(1);
        Some((columns.next()?, columns.next()?))
    };
    let checked = |(meant, _): &(&str, &str)| !matches!(*meant, "backchannel" | "greeting");
    HEARD
        .lines()
        .skip(1)
        .filter_map(pair)
        .filter(checked)
        .collect()
}

/// A telephone line: silence around the words, noise 25 dB below them, mu-law.
#[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
fn over_the_line(speech: &[i16], seed: u64) -> Vec<i16> {
    let loud: Vec<f64> = speech
        .iter()
        .map(|s| f64::from(*s))
        .filter(|s| s.abs() > 600.0)
        .collect();
    let rms = (loud.iter().map(|s| s * s).sum::<f64>() / loud.len().max(1) as f64).sqrt();
    let noise_peak = rms * 10_f64.powf(-25.0 / 20.0) * 3_f64.sqrt();
    let mut state = seed;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0) * noise_peak
    };
    let quiet = |ms: usize| std::iter::repeat_n(0_i16, ms * 8);
    let line = quiet(300).chain(speech.iter().copied()).chain(quiet(500));
    line.map(|s| {
        mulaw_decode(mulaw_encode(
            (f64::from(s) + noise()).clamp(-32_768.0, 32_767.0) as i16,
        ))
    })
    .collect()
}

fn is_right(meant: &str, heard: &str, confidence: f32) -> Option<bool> {
    let command = detect(Language::English, heard, confidence).map(|d| d.command);
    Some(match meant {
        "optout" => command == Some(Command::OptOut),
        "dontrecord" => command == Some(Command::DontRecord),
        "robot" => command == Some(Command::Robot),
        "stop" => command == Some(Command::Stop),
        "yes" => yes_no(Language::English, heard) == Some(Answer::Yes),
        "no" => yes_no(Language::English, heard) == Some(Answer::No),
        "none" => command.is_none(),
        _ => return None,
    })
}

#[derive(Default)]
struct Table(BTreeMap<&'static str, (u32, u32, String)>);

impl Table {
    fn add(&mut self, meant: &'static str, said: &str, heard: &str, right: bool) {
        let (rights, tries, missed) = self.0.entry(meant).or_default();
        *tries += 1;
        *rights += u32::from(right);
        if !right {
            write!(missed, " {said:?} -> {heard:?};").unwrap();
        }
    }

    fn percent(&self, meant: &str) -> u32 {
        let (rights, tries, _) = &self.0[meant];
        rights * 100 / tries
    }

    fn lines(&self) -> String {
        let line = |(meant, (rights, tries, missed)): (&&str, &(u32, u32, String))| {
            format!("{meant}: {rights} of {tries};{missed}\n")
        };
        self.0.iter().map(line).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_the_products_own_voice_are_detected() {
    let speech = speech();
    let mut table = Table::default();
    for (number, (meant, said)) in phrases().into_iter().enumerate() {
        // Talk that must raise no alarm is long to say; half of it does.
        if meant == "none" && number % 2 == 0 {
            continue;
        }
        let speed = SPEEDS[number / 2 % SPEEDS.len()];
        let spoken = speech
            .say(said, &VoiceSettings { speed }, PATIENT)
            .await
            .unwrap();
        let words: Vec<i16> = spoken.audio.iter().map(|b| mulaw_decode(*b)).collect();
        let heard = speech
            .hear(over_the_line(&words, number as u64), Hear::Final, PATIENT)
            .await
            .unwrap();
        if let Some(right) = is_right(meant, &heard.text, heard.confidence) {
            table.add(meant, said, &heard.text, right);
        }
    }
    let lines = table.lines();
    println!("{lines}");
    for (meant, percent_min) in [
        ("optout", 66),
        ("dontrecord", 86),
        ("robot", 88),
        ("stop", 68),
        ("yes", 87),
        ("no", 83),
        ("none", 96),
    ] {
        assert!(table.percent(meant) >= percent_min, "{meant}\n{lines}");
    }
}

/// The phrases that notices ask for, in voices far from any person's.
#[tokio::test(flavor = "multi_thread")]
async fn the_phrases_of_the_notices_are_detected_even_in_a_bad_voice() {
    let speech = speech();
    let mut table = Table::default();
    for (meant, said) in [
        ("optout", "Don't call me again."),
        ("optout", "Please don't call me again."),
        ("dontrecord", "I don't want to be recorded."),
        ("dontrecord", "Don't record this."),
    ] {
        for (number, voice) in ESPEAK_VOICES.into_iter().enumerate() {
            let (words, rate) = speech
                .espeak()
                .speak(said, voice, 0.9, PATIENT)
                .await
                .unwrap();
            let words = resample_i16(rate, 8_000, &words).unwrap();
            let heard = speech
                .hear(over_the_line(&words, number as u64), Hear::Final, PATIENT)
                .await
                .unwrap();
            if let Some(right) = is_right(meant, &heard.text, heard.confidence) {
                table.add(meant, said, &heard.text, right);
            }
        }
    }
    let lines = table.lines();
    println!("{lines}");
    assert!(
        table.percent("optout") >= 50 && table.percent("dontrecord") >= 50,
        "{lines}"
    );
}
