//! A scenario: who calls, what they do, and what is to come of it. One YAML document each.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;
use trunkline_core::phone::PhoneNumber;

use super::people::Callee;
use crate::agent::CallDirection;

/// What a conversation is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Words: no sound, no speech models, and as quick as the agent thinks.
    #[default]
    Text,
    /// Sound, in real time: a server of its own, a simulated carrier, a voice for the caller.
    Audio,
}

/// One conversation to be held.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called in reports.
    pub name: String,
    /// Words or sound.
    #[serde(default)]
    pub mode: Mode,
    /// Who calls whom.
    #[serde(default = "inbound")]
    pub direction: CallDirection,
    /// Values of the agent's variables.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// The person on the line.
    pub caller: Person,
    /// What else is to be heard where the caller is; for `mode: audio`.
    #[serde(default)]
    pub noise: Option<Noise>,
    /// What the line does to the caller's sound; for `mode: audio`.
    #[serde(default)]
    pub line: Option<LineFaults>,
    /// What the agent's tools answer, by name.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolAnswer>,
    /// The people whom the caller may be put through to, by the agent's names of them; who is not here does not answer.
    #[serde(default)]
    pub people: BTreeMap<String, Callee>,
    /// What must be the case once the call is over.
    pub expect: Vec<Spanned<Expect>>,
    /// The caller hangs up after this long, and the scenario is missed.
    #[serde(default = "five_minutes")]
    pub max_seconds: u32,
}

/// The person on the line: scripted, or played by a language model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they do, step by step.
    #[serde(default)]
    pub script: Option<Vec<Spanned<Step>>>,
    /// Whom a language model plays.
    #[serde(default)]
    pub persona: Option<Persona>,
    /// Their number, in E.164 form.
    #[serde(default)]
    pub number: Option<PhoneNumber>,
}

/// One step of a script: exactly one thing that the caller does, and when.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Says this. Words that end in `…` or `...` sound unfinished (`mode: text`).
    pub say: Option<String>,
    /// Presses these keys.
    pub press: Option<String>,
    /// Says nothing for so long, once the agent has finished.
    pub silence_ms: Option<u64>,
    /// Goes on once the agent has said these words.
    pub wait_for: Option<String>,
    /// Hangs up.
    pub hang_up: Option<bool>,
    /// Of `say`, `press` and `hang_up`: not once the agent has finished, but when it has been speaking for so long.
    pub interrupt_after_ms: Option<u64>,
}

/// Whom a language model plays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// What they want of the call.
    pub goal: String,
    /// Who they are, and how they talk.
    #[serde(default)]
    pub character: String,
    /// The language that they speak, as `en-GB` or `Spanish`; English if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// They hang up after so many turns.
    #[serde(default = "twenty")]
    pub max_turns: u32,
}

/// Where the caller is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// What kind.
    pub kind: NoiseKind,
    /// How loud, in dBFS: -60 is a quiet line, -30 loud.
    pub level_db: f32,
}

/// Kinds of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseKind {
    /// A hiss.
    White,
    /// Low, as of an engine or a street.
    Rumble,
    /// Other people talking.
    Babble,
}

/// What the line does.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineFaults {
    /// How much faster than the machine's the line's clock runs, in millionths.
    pub clock_ppm: i32,
    /// The caller's sound is held back for so long, and then comes all at once …
    pub stall_ms: u64,
    /// … this often.
    pub stall_every_ms: u64,
}

/// What a tool answers in place of whoever would do it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolAnswer {
    /// The result: any value; an empty object if absent.
    pub answer: Option<Value>,
    /// It fails, and the agent is told this.
    pub fails: Option<String>,
    /// It takes so long.
    pub after_ms: u64,
    /// The tool is used in earnest: what it does is done.
    pub live: bool,
    /// For a tool that the configuration does not have: when the agent is to use it, …
    pub description: Option<String>,
    /// … and what it takes, as a JSON schema.
    pub arguments: Option<Value>,
}

/// One thing that must be the case. Exactly one of the fields that say what; the others say when and how often.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The agent says these words.
    pub agent_says: Option<String>,
    /// The agent says something that this pattern matches.
    pub agent_says_matching: Option<String>,
    /// The agent never says these words.
    pub agent_never_says: Option<String>,
    /// The agent never says anything that this pattern matches.
    pub agent_never_says_matching: Option<String>,
    /// Of what the agent says: behind the caller's turn of this number, counted from 1; 0 is before they spoke.
    pub turn: Option<u32>,
    /// Of what the agent says: behind that turn or earlier.
    pub within_turn: Option<u32>,
    /// The agent uses this tool.
    pub tool_called: Option<String>,
    /// Of a tool: with at least these arguments.
    pub arguments: Option<Value>,
    /// Of a tool: so often.
    pub times: Option<usize>,
    /// The agent does not use this tool.
    pub tool_not_called: Option<String>,
    /// The caller is put through to this person.
    pub transferred_to: Option<String>,
    /// Somebody is called for the caller, and it ends so: `put_through`, `declined`, `no_answer`, …
    pub transfer_ended: Option<String>,
    /// This agent goes on with the call.
    pub handed_to: Option<String>,
    /// Why the call ends, as the API has it: `caller_hung_up`, `agent_hung_up`, …
    pub ended_by: Option<String>,
    /// The stored transcript holds these words, whoever said them.
    pub transcript_contains: Option<String>,
    /// The stored transcript does not hold these words.
    pub transcript_lacks: Option<String>,
    /// What the caller has agreed to: `undecided`, `granted`, `refused` or `withdrawn`.
    pub consent: Option<String>,
    /// Whether a recording is stored.
    pub recorded: Option<bool>,
    /// What became of the call, by its label.
    pub disposition: Option<String>,
    /// What is extracted of it holds at least this.
    pub data: Option<Value>,
    /// Whether it reached what it was for: `success`, `failure` or `unclear`.
    pub verdict: Option<String>,
    /// How quickly the agent answers, from the end of the caller's voice to its first sound.
    pub answers_within_ms: Option<AnswerTimes>,
    /// The agent does not begin to speak while the caller does.
    pub caller_not_interrupted: Option<bool>,
    /// How many turns the caller needs.
    pub caller_turns: Option<Range>,
    /// A language model says yes to this question about the conversation.
    pub judge: Option<String>,
}

/// Bounds of the agent's answers, in milliseconds; those that are given hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerTimes {
    /// Half of them.
    pub p50: Option<u64>,
    /// 19 of 20.
    pub p95: Option<u64>,
    /// Each.
    pub max: Option<u64>,
}

/// A number from here to there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Range {
    /// At least.
    pub min: Option<u32>,
    /// At most.
    pub max: Option<u32>,
}

fn inbound() -> CallDirection {
    CallDirection::Inbound
}

fn five_minutes() -> u32 {
    300
}

fn twenty() -> u32 {
    20
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Audio => "audio",
        })
    }
}
