//! Captions: WebVTT (<https://www.w3.org/TR/webvtt1/>) and SubRip.
//!
//! Whatever was said stays within its cue: it has one line, no markup and no arrow of times.

use std::fmt::Write as _;

use super::text::{push_stamp, push_words};
use super::{Line, Span, Transcript};

/// WebVTT: a cue a turn, with its speaker as voice.
pub(super) fn vtt(transcript: &Transcript) -> String {
    let mut out = String::with_capacity(128 * (transcript.turns.len() + 4));
    out.push_str("WEBVTT\n");
    for (number, line) in shown(transcript).enumerate() {
        push_times(&mut out, number, line.span(), '.');
        let _ = write!(out, "<v {}>", line.speaker());
        push_said(&mut out, line, |out, c| match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            plain => out.push(plain),
        });
        out.push_str("</v>\n");
    }
    out
}

/// SubRip: a numbered caption a turn. It knows no escapes, and players take angle brackets and braces for markup:
/// others that look alike stand in for them.
pub(super) fn srt(transcript: &Transcript) -> String {
    let mut out = String::with_capacity(128 * (transcript.turns.len() + 4));
    for (number, line) in shown(transcript).enumerate() {
        push_times(&mut out, number, line.span(), ',');
        let _ = write!(out, "{}: ", line.speaker());
        push_said(&mut out, line, |out, c| {
            out.push(match c {
                '<' => '‹',
                '>' => '›',
                '{' => '(',
                '}' => ')',
                plain => plain,
            });
        });
        out.push('\n');
    }
    // The first caption has no blank line before it.
    out.split_off(usize::from(!out.is_empty()))
}

/// Lines that show something.
fn shown(transcript: &Transcript) -> impl Iterator<Item = Line<'_>> {
    transcript.lines().filter(|line| match line {
        Line::Said(turn) => turn.keys.is_some() || !turn.text.trim().is_empty(),
        Line::NotKept(_) => true,
    })
}

fn push_said(out: &mut String, line: Line<'_>, push: impl Fn(&mut String, char)) {
    match line {
        Line::Said(turn) => push_words(out, turn, push),
        Line::NotKept(_) => out.push_str("[not kept]"),
    }
}

/// A blank line, the number and the times of a cue, which lasts at least a millisecond.
fn push_times(out: &mut String, number: usize, span: Span, point: char) {
    let _ = write!(out, "\n{}\n", number + 1);
    push_stamp(out, span.from_ms, point);
    out.push_str(" --> ");
    push_stamp(out, span.to_ms.max(span.from_ms.saturating_add(1)), point);
    out.push('\n');
}
