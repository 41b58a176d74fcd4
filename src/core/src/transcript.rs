//! A call as a text: who said what and when, made from the entries of its journal.
//!
//! Of the agent it holds what was heard, not what was meant to be said. Speech that was not kept is a span of time
//! without words. Content that a caller wanted gone is left out here too, whether or not the file was rewritten yet.

mod breakdown;
mod cues;
mod text;

pub use breakdown::{Breakdown, HopsMs};
use serde::Serialize;

use crate::consent::Mode;
use crate::journal::{
    Consent, Entry, Halt, Leaves, Speaker, ToolUse, Turn as Kept, Withdrawals, Word,
};

/// A call as a text. Times are milliseconds of the call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transcript {
    /// When the call began, milliseconds since 1970, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_unix_ms: Option<i64>,
    /// The rule of consent that held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// How long the call was, or has been so far.
    pub length_ms: u64,
    /// Why it ended; none while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Content of this call was deleted.
    pub erased: bool,
    /// Which recogniser heard the caller's words, where it was a second one after the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recogniser: Option<String>,
    /// What was said, in order of its start.
    pub turns: Vec<Turn>,
    /// When the caller spoke or pressed keys and it was not kept, in order of its start.
    pub not_kept: Vec<Span>,
    /// The steps of consent, as they came.
    pub consent: Vec<Consent>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// Start of the sound.
    pub from_ms: u64,
    /// End of the sound.
    pub to_ms: u64,
    /// The words; of the agent, those that were heard.
    pub text: String,
    /// Keys pressed, in place of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// How sure the recogniser is, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// The caller cut it short.
    pub cut: bool,
    /// When it was halted and went on again.
    pub halts: Vec<Halt>,
    /// From the end of the caller's voice to the first sound of this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_in_ms: Option<u64>,
    /// How that answer came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Breakdown>,
    /// Words with their times, where the recogniser gives them.
    pub words: Vec<Word>,
    /// What was done, where nobody spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolUse>,
}

impl From<&Kept> for Turn {
    fn from(kept: &Kept) -> Self {
        let latency = kept.latency.as_deref().map(Breakdown::of);
        Self {
            speaker: kept.speaker,
            from_ms: kept.from_ms,
            to_ms: kept.to_ms.max(kept.from_ms),
            text: kept.text.clone(),
            keys: kept.keys.clone(),
            confidence: kept.confidence,
            cut: kept.cut,
            halts: kept.halts.clone(),
            answered_in_ms: latency.as_ref().map(|latency| latency.hops.answer_ms),
            latency,
            words: kept.words.clone(),
            tool: kept.tool.as_deref().cloned(),
        }
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Start.
    pub from_ms: u64,
    /// End.
    pub to_ms: u64,
}

/// Forms that a transcript can be read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For programs.
    Json,
    /// One line a turn.
    Text,
    /// WebVTT, for players.
    Vtt,
    /// SubRip, for other players.
    Srt,
}

impl Format {
    /// The format called `json`, `text` (or `txt`), `vtt` or `srt`.
    pub fn parse(name: &str) -> Option<Format> {
        match name {
            "json" => Some(Format::Json),
            "text" | "txt" => Some(Format::Text),
            "vtt" => Some(Format::Vtt),
            "srt" => Some(Format::Srt),
            _ => None,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Text => "text/plain; charset=utf-8",
            Format::Vtt => "text/vtt; charset=utf-8",
            Format::Srt => "application/x-subrip; charset=utf-8",
        }
    }
}

impl Transcript {
    /// From the entries of a journal, in its order. Where a better recogniser went over the recording after the call,
    /// its words stand in place of those heard live.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut transcript = Transcript::default();
        let (mut turns, mut second) = (Vec::new(), Vec::new());
        let mut withdrawals = Withdrawals::default();
        // What stands in a file beside a mark of erasure is what was left.
        let (mut gone, mut cut_off) = (false, false);
        for entry in entries {
            transcript.take(entry);
            match entry {
                Entry::Turn(turn) => turns.push(turn),
                Entry::Second { turns, recogniser } => {
                    transcript.recogniser = Some(recogniser.clone());
                    second.extend(turns);
                }
                Entry::Erased { .. } => gone = true,
                Entry::Began(_)
                | Entry::Audio(_)
                | Entry::Consent(_)
                | Entry::NotKept { .. }
                | Entry::Event(_)
                | Entry::Ended(_) => {}
            }
            if let Some(leaves) = withdrawals.after(entry) {
                turns.retain(|turn| leaves.has(turn));
                second.retain(|turn| leaves.has(turn));
                transcript.erased |= matches!(leaves, Leaves::Notices { .. });
                cut_off |= matches!(leaves, Leaves::Before { .. });
            }
        }
        // A withdrawal that lets stand what was before leaves marks too, of its own words and what came after.
        transcript.erased |= gone && !cut_off;
        if second.is_empty() {
            transcript.recogniser = None;
        } else {
            turns.retain(|turn| turn.speaker != Speaker::Caller || turn.keys.is_some());
        }
        let turns = turns.into_iter().chain(second);
        transcript.turns = turns.map(Turn::from).collect();
        transcript
            .turns
            .sort_by_key(|turn| (turn.from_ms, turn.to_ms));
        transcript
            .not_kept
            .sort_by_key(|span| (span.from_ms, span.to_ms));
        transcript
    }

    /// Written in a format.
    pub fn render(&self, format: Format) -> String {
        match format {
            // Numbers, strings and lists always have a JSON form.
            Format::Json => serde_json::to_string(self).unwrap_or_default(),
            Format::Text => text::render(self),
            Format::Vtt => cues::vtt(self),
            Format::Srt => cues::srt(self),
        }
    }

    fn take(&mut self, entry: &Entry) {
        let until_ms = match entry {
            Entry::Began(began) => {
                self.began_unix_ms = Some(began.unix_ms);
                self.mode = Some(began.mode);
                0
            }
            Entry::Audio(audio) => {
                (audio.from + u64::from(audio.samples)) / crate::journal::SAMPLES_PER_MS
            }
            Entry::Turn(turn) => turn.to_ms,
            Entry::Consent(consent) => {
                self.consent.push(*consent);
                consent.at_ms
            }
            Entry::NotKept { from_ms, to_ms } => {
                let (from_ms, to_ms) = (*from_ms, (*to_ms).max(*from_ms));
                self.not_kept.push(Span { from_ms, to_ms });
                to_ms
            }
            Entry::Ended(ended) => {
                self.ended = Some(ended.reason.clone());
                ended.at_ms
            }
            Entry::Event(event) => event.at_ms,
            Entry::Second { .. } | Entry::Erased { .. } => 0,
        };
        self.length_ms = self.length_ms.max(until_ms);
    }

    /// Turns and spans without words, in order of their start.
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut turns = self.turns.iter().peekable();
        let mut spans = self.not_kept.iter().peekable();
        std::iter::from_fn(move || match (turns.peek(), spans.peek()) {
            (Some(turn), Some(span)) if span.from_ms < turn.from_ms => {
                spans.next().map(|span| Line::NotKept(*span))
            }
            (Some(_), _) => turns.next().map(Line::Said),
            (None, _) => spans.next().map(|span| Line::NotKept(*span)),
        })
    }
}

/// One line of a rendering.
#[derive(Clone, Copy)]
enum Line<'a> {
    Said(&'a Turn),
    NotKept(Span),
}

impl Line<'_> {
    fn span(&self) -> Span {
        match self {
            Line::Said(turn) => Span {
                from_ms: turn.from_ms,
                to_ms: turn.to_ms,
            },
            Line::NotKept(span) => *span,
        }
    }

    fn speaker(&self) -> &'static str {
        match self {
            Line::Said(Turn {
                speaker: Speaker::Agent,
                ..
            }) => "Agent",
            Line::Said(Turn {
                speaker: Speaker::Tool,
                ..
            }) => "Tool",
            Line::Said(_) | Line::NotKept(_) => "Caller",
        }
    }
}

#[cfg(test)]
mod tests;
