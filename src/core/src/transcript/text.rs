//! The plain text, and what it shares with captions.

use std::fmt::Write as _;

use super::{Line, Transcript, Turn};
use crate::consent::{Method, Refusal};
use crate::journal::{Halt, Step};

/// One line a turn, a step of consent or a span that was not kept, in order of time.
pub(super) fn render(transcript: &Transcript) -> String {
    let mut out = String::with_capacity(64 * (transcript.turns.len() + 4));
    let mut steps = transcript.consent.iter().peekable();
    for line in transcript.lines() {
        let from_ms = line.span().from_ms;
        while let Some(consent) = steps.next_if(|c| c.at_ms <= from_ms) {
            push_step(&mut out, consent.at_ms, consent.step);
        }
        push_stamp(&mut out, from_ms, '.');
        let _ = write!(out, " {}: ", line.speaker());
        match line {
            Line::Said(turn) => {
                push_words(&mut out, turn, |out, c| out.push(c));
                if let Some(ms) = turn.answered_in_ms {
                    let _ = write!(out, " [answered in {ms} ms]");
                }
            }
            Line::NotKept(_) => out.push_str("[not kept]"),
        }
        out.push('\n');
    }
    for consent in steps {
        push_step(&mut out, consent.at_ms, consent.step);
    }
    if transcript.erased {
        out.push_str("[what was said in this call was deleted]\n");
    }
    out
}

/// What a turn says, and how it was interrupted. `push` writes a character in the way of the format.
pub(super) fn push_words(out: &mut String, turn: &Turn, push: impl Fn(&mut String, char)) {
    if let Some(keys) = &turn.keys {
        out.push_str("[pressed ");
        push_line(out, keys, &push);
        out.push(']');
    }
    if turn.keys.is_some() && !turn.text.is_empty() {
        out.push(' ');
    }
    push_line(out, &turn.text, &push);
    if let Some(tool) = &turn.tool {
        push_line(out, &tool.name, &push);
        out.push(' ');
        push_line(out, &tool.arguments, &push);
        let _ = write!(out, " [{}] ", tool.outcome);
        push_line(out, &tool.result, &push);
    }
    for Halt { at_ms, resumed_ms } in &turn.halts {
        out.push_str(" [halted ");
        push_stamp(out, *at_ms, '.');
        if let Some(resumed_ms) = resumed_ms {
            out.push_str(", went on ");
            push_stamp(out, *resumed_ms, '.');
        }
        out.push(']');
    }
    if turn.cut {
        out.push_str(" [cut off]");
    }
}

/// `text` on one line: every run of spaces, breaks and control characters is one space.
fn push_line(out: &mut String, text: &str, push: &impl Fn(&mut String, char)) {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    let mut words = text.split(is_gap).filter(|word| !word.is_empty());
    if let Some(first) = words.next() {
        first.chars().for_each(|c| push(out, c));
    }
    for word in words {
        out.push(' ');
        word.chars().for_each(|c| push(out, c));
    }
}

/// `HH:MM:SS` and milliseconds behind `point`; more hours take more digits.
pub(super) fn push_stamp(out: &mut String, ms: u64, point: char) {
    let (s, ms) = (ms / 1_000, ms % 1_000);
    let (m, s) = (s / 60, s % 60);
    let (h, m) = (m / 60, m % 60);
    let _ = write!(out, "{h:02}:{m:02}:{s:02}{point}{ms:03}");
}

fn push_step(out: &mut String, at_ms: u64, step: Step) {
    push_stamp(out, at_ms, '.');
    let (what, why) = match step {
        Step::Announced { again: false, .. } => ("the recording notice was heard", ""),
        Step::Announced { again: true, .. } => ("the recording notice was heard again", ""),
        Step::Unclear { .. } => ("the answer to it was not clear", ""),
        Step::Granted { method } => ("recording was agreed to: ", method_words(method)),
        Step::Refused { class } => ("nothing is recorded: ", refusal_words(class)),
        Step::Withdrawn { class, .. } => ("recording stopped: ", refusal_words(class)),
    };
    let _ = writeln!(out, " [{what}{why}]");
}

fn method_words(method: Method) -> &'static str {
    match method {
        Method::Silence => "no objection",
        Method::WentOn => "the caller went on",
        Method::SaidYes => "the caller said yes",
        Method::PressedYes => "the caller pressed the key for yes",
    }
}

fn refusal_words(class: Refusal) -> &'static str {
    match class {
        Refusal::NotAsked => "nobody was asked",
        Refusal::Objected => "the caller objected",
        Refusal::PressedNo => "the caller objected by key",
        Refusal::SaidNo => "the caller said no",
        Refusal::Unclear => "the answer was not understood",
        Refusal::NoAnswer => "there was no answer",
        Refusal::OptedOut => "the caller does not want to be called again",
        Refusal::NotHeard => "the notice could not be played to its end",
        Refusal::Ended => "the call ended first",
    }
}
