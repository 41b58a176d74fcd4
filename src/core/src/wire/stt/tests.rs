//! What every recogniser's codec must do, and what only one of them does.

use super::assemblyai::AssemblyAi;
use super::deepgram::Deepgram;
use super::flux::Flux;
use super::*;
use std::path::PathBuf;

mod courses;
mod every_codec;
mod hostile;
mod requests;
mod troubles;

const KEY: &str = "secret-key-0123";
/// Enough audio for every time in the fixtures.
const AUDIO_MS: usize = 10_000;

type New = fn(&SttSettings) -> Box<dyn SttCodec>;

/// Every codec by its name.
const CODECS: [(&str, New); 3] = [
    ("deepgram", |settings| {
        Box::new(Deepgram::new(settings, KEY))
    }),
    ("flux", |settings| Box::new(Flux::new(settings, KEY))),
    ("assemblyai", |settings| {
        Box::new(AssemblyAi::new(settings, KEY))
    }),
];

fn new(name: &str, settings: &SttSettings) -> Box<dyn SttCodec> {
    let (_, new) = CODECS.iter().find(|(known, _)| *known == name).unwrap();
    new(settings)
}

/// A codec that has sent [`AUDIO_MS`] of audio.
fn sending(name: &str) -> Box<dyn SttCodec> {
    let mut codec = new(name, &SttSettings::default());
    codec.audio(&vec![0x55; AUDIO_MS * 8], &mut Vec::new());
    codec
}

fn fixture(name: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .lines()
        .map(str::to_owned)
        .collect()
}

fn receive(codec: &mut dyn SttCodec, text: &str) -> Vec<SttEvent> {
    let mut out = Vec::new();
    codec.receive(Received::Text(text), &mut out);
    out
}

/// An event in one line, words and all.
fn told(event: &SttEvent) -> String {
    match event {
        SttEvent::Ready => "ready".to_owned(),
        SttEvent::SpeechStarted { at_ms } => format!("speech {at_ms}"),
        SttEvent::Partial { until_ms, text } => format!("partial {until_ms} {text:?}"),
        SttEvent::Final {
            until_ms,
            text,
            confidence,
            words,
            asked,
        } => {
            let words: Vec<String> = words
                .iter()
                .map(|word| format!("{}@{}-{}", word.text, word.from_ms, word.to_ms))
                .collect();
            let asked = if *asked { " asked" } else { "" };
            format!(
                "final {until_ms} {text:?} {confidence:.2} [{}]{asked}",
                words.join(" ")
            )
        }
        SttEvent::TurnEnded { at_ms } => format!("ended {at_ms}"),
        SttEvent::TurnMayEnd { at_ms } => format!("may end {at_ms}"),
        SttEvent::TurnResumed => "resumed".to_owned(),
        SttEvent::Trouble { trouble, is_over } => {
            format!("trouble {trouble}{}", if *is_over { " over" } else { "" })
        }
    }
}
