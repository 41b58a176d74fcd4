//! What a call leaves behind: the entries of its journal.
//!
//! Times are milliseconds of the call's own clock, which began with its media stream. One second of audio at a time
//! holds both directions on one sample clock; where two entries hold the same samples of a channel, the later one counts.
//!
//! On disk a journal is a [`Header`] and sealed records: an [`Encoder`] writes them, a [`Scanner`] finds them again and
//! [`Entries`] opens them. The sealing itself is the shell's ([`Seal`], [`Open`]).

mod codec;
mod erasure;
mod header;
mod latency;
mod scan;
mod stored;

pub use codec::{
    AUDIO_BYTES_MAX, Class, Encoder, HEAD_BYTES, OTHER_BYTES_MAX, Open, RESUME_GAP, Seal,
    TAG_BYTES, Tampered, Unwritable,
};
pub use erasure::{Leaves, Withdrawals, notices_until_ms};
pub use header::{HEADER_BYTES_MAX, Header, HeaderError, HeaderHash, decode_header, encode_header};
pub use latency::{Latency, ServedBy};
pub use scan::{Cursor, Entries, RecordRef, Scanner, Stop, Why, audio_between, open_record};
pub use stored::Stored;

use serde::{Deserialize, Serialize};

use crate::consent::{Method, Mode, Refusal};
use crate::token::Direction;

/// One entry. Content is in [`Entry::Audio`], [`Entry::Turn`] and [`Entry::Second`]; everything else says nothing of
/// what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The first of every journal.
    Began(Began),
    /// Up to one second of both directions.
    Audio(Audio),
    /// Somebody said something, or pressed keys.
    Turn(Turn),
    /// A step of consent.
    Consent(Consent),
    /// The caller spoke or pressed keys, and it is not kept.
    NotKept {
        /// Start, ms.
        from_ms: u64,
        /// End, ms.
        to_ms: u64,
    },
    /// Something happened.
    Event(Event),
    /// The second pass of a better recogniser over the whole recording.
    Second {
        /// Caller turns, in order.
        turns: Vec<Turn>,
        /// Which recogniser.
        recogniser: String,
    },
    /// Stands where content was deleted, by the caller's wish or a rule. It has the sequence number of the first entry
    /// that went; those of the others are left out.
    Erased {
        /// When, ms.
        at_ms: u64,
        /// Entries of content that went.
        entries: u64,
    },
    /// The last of every journal whose call ended in order.
    Ended(Ended),
}

impl Entry {
    /// The moment it is about, ms; of what lasts, the start.
    pub fn at_ms(&self) -> u64 {
        match self {
            Entry::Began(_) | Entry::Second { .. } => 0,
            Entry::Audio(audio) => audio.from / SAMPLES_PER_MS,
            Entry::Turn(turn) => turn.from_ms,
            Entry::Consent(consent) => consent.at_ms,
            Entry::NotKept { from_ms, .. } => *from_ms,
            Entry::Event(event) => event.at_ms,
            Entry::Erased { at_ms, .. } => *at_ms,
            Entry::Ended(ended) => ended.at_ms,
        }
    }

    /// Something that was said or heard is in it.
    pub fn is_content(&self) -> bool {
        matches!(
            self,
            Entry::Audio(_) | Entry::Turn(_) | Entry::Second { .. }
        )
    }
}

/// What is known when a call begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Began {
    /// Milliseconds since 1970, UTC.
    pub unix_ms: i64,
    /// Id or name of the agent.
    pub agent: String,
    /// Its version; 0 for one from a file of the operator's.
    pub agent_version: u32,
    /// Who called whom.
    pub direction: Direction,
    /// The rule that holds for this call.
    pub mode: Mode,
    /// Id and checksum of the rule pack, as `id@sha256`.
    pub rules: String,
    /// Why that rule, for people: places and where each was known from.
    pub because: Vec<String>,
}

/// Samples of a second; all audio of a journal has this rate.
pub const SAMPLES_PER_SECOND: u64 = 8_000;
/// Samples of a millisecond.
pub const SAMPLES_PER_MS: u64 = SAMPLES_PER_SECOND / 1_000;
/// The mu-law byte of silence.
pub const SILENCE: u8 = 0xFF;

/// Up to one second of audio, mu-law at 8 kHz.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    /// First sample of both channels, counted from the start of the call.
    pub from: u64,
    /// Samples that this entry covers, at most 8,000.
    pub samples: u32,
    /// What the caller said; `None` is silence, or not kept.
    pub caller: Option<Vec<u8>>,
    /// What the caller heard of the agent; `None` is silence.
    pub agent: Option<Vec<u8>>,
}

impl std::fmt::Debug for Audio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audio")
            .field("from", &self.from)
            .field("samples", &self.samples)
            .field("caller", &self.caller.is_some())
            .field("agent", &self.agent.is_some())
            .finish()
    }
}

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The person on the line.
    Caller,
    /// The agent.
    Agent,
    /// Nobody: something was done for the agent.
    Tool,
}

/// What was done for the agent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolUse {
    /// The tool.
    pub name: String,
    /// What it was called with: JSON, as the mind wrote it.
    pub arguments: String,
    /// How it ended: `done`, `refused`, `failed` or `unknown`.
    pub outcome: String,
    /// What the mind was told of it: JSON or words.
    pub result: String,
}

impl std::fmt::Debug for ToolUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolUse")
            .field("name", &self.name)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// One turn of the conversation.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// Start of the sound, ms.
    pub from_ms: u64,
    /// End of the sound, ms.
    pub to_ms: u64,
    /// The words; of the agent, those that were heard.
    pub text: String,
    /// Keys pressed, in place of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// How sure the recogniser is, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// The caller cut it short.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Moments at which it was halted and went on again, ms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub halts: Vec<Halt>,
    /// How the answer came about in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Box<Latency>>,
    /// Words with their times, where the recogniser gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
    /// What was done, where nobody spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Box<ToolUse>>,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("speaker", &self.speaker)
            .field("from_ms", &self.from_ms)
            .field("to_ms", &self.to_ms)
            .finish_non_exhaustive()
    }
}

/// The agent's speech was halted by the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// When it stopped, ms.
    pub at_ms: u64,
    /// When it went on; `None` if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_ms: Option<u64>,
}

/// One word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Start, ms.
    pub from_ms: u64,
    /// End, ms.
    pub to_ms: u64,
    /// The word.
    pub text: String,
}

/// A step of consent, without a word of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// When, ms.
    pub at_ms: u64,
    /// What happened.
    pub step: Step,
}

/// The steps of consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The notice, and the question if there is one, was heard whole.
    Announced {
        /// Start of the notice, ms.
        from_ms: u64,
        /// A repetition after an unclear answer.
        again: bool,
    },
    /// The caller's answer to the notice was not clear.
    Unclear {
        /// Start of that answer, ms.
        from_ms: u64,
    },
    /// What follows may be stored.
    Granted {
        /// How it was given.
        method: Method,
    },
    /// Nothing may be stored.
    Refused {
        /// Why.
        class: Refusal,
    },
    /// Nothing more may be stored.
    Withdrawn {
        /// Why.
        class: Refusal,
        /// What was stored before goes too.
        erase: bool,
        /// Start of the words or the key that withdrew it, ms: from there on nothing is kept in any case, and what is
        /// stored already goes.
        from_ms: u64,
    },
}

/// Something that happened, without content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, ms.
    pub at_ms: u64,
    /// What, in stable snake_case: `opt_out`, `stage_failed`, `stage_taken_over`, `recording_stopped`, …
    pub kind: String,
    /// Particulars without personal data, as `stage=voice`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// When, ms.
    pub at_ms: u64,
    /// Why, in stable snake_case.
    pub reason: String,
}
