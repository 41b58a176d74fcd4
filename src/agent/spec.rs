//! The document that says all about an agent: a TOML file of the operator's, or the JSON body of a version at the API.

mod after;
mod answering;
mod conduct;
mod fallback;
mod hand_off;
mod opening;
mod realtime;
mod recording;
mod transfer;
mod variable;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkline_core::language::Language;
use trunkline_core::token::Direction;
use utoipa::ToSchema;

use crate::provider::Turns;

pub use after::{AfterModelSpec, AfterSpec, DispositionSpec};
pub use answering::{AnsweringSpec, Detect, WithIvr, WithMachine};
pub use conduct::{KeysSpec, LimitsSpec, NoticesSpec, OverlapSpec, TurnSpec};
pub(crate) use fallback::List;
pub use fallback::{
    EMBEDDED, FALLBACKS_MAX, ModelFallback, OPERATORS, RecogniserFallback, VoiceFallback,
};
pub use hand_off::HandOffSpec;
pub use opening::OpeningSpec;
pub use realtime::RealtimeSpec;
pub use recording::{OnRefusal, OnWithdrawal, RecordingMode, RecordingSpec};
pub use transfer::{TransferBy, TransferSpec};
pub use variable::{VariableKind, VariableSpec};

/// Everything that can be chosen about an agent. It needs a name, a business, and a flow or a prompt; the rest has
/// defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "name": "Robin",
    "business": "Oak Street Dental",
    "directions": ["outbound"],
    "opening": { "legal_entity": "Oak Street Dental LLC", "purpose": "your appointment on Monday" },
    "prompt": "You are Robin. Remind {{patient}} of the appointment on {{day}}, and ask whether it still suits.",
    "greeting": "Am I speaking with {{patient}}?",
    "variables": { "patient": { "type": "text" }, "day": { "type": "date" } },
    "model": { "name": "gpt-4o-mini", "temperature": 0.4, "max_tokens": 300 },
    "recogniser": { "key_terms": ["Oak Street Dental"] },
    "voice": { "speed": 1.0, "pronunciations": { "Siobhan": "Shivawn" } },
    "recording": { "record": true, "reason": "for quality and to keep our agreement" }
})))]
pub struct AgentSpec {
    /// What the agent calls itself.
    #[schema(max_length = 80, examples("Robin"))]
    pub name: String,
    /// For whom it speaks.
    #[schema(max_length = 120, examples("Oak Street Dental"))]
    pub business: String,
    /// In which language it speaks and is spoken to, as a BCP 47 tag: `en`, `de`, `fr`, `es`, `it`, `pt`, `nl`, `pl`, `lt` or
    /// `tr`, with a region for the providers if that matters (`de-AT`). The embedded speech is English; others need providers
    /// for `recogniser` and `voice`.
    #[serde(default = "english")]
    #[schema(default = "en")]
    pub language: String,
    /// The calls that it may hold; both kinds if absent. An agent that names `outbound` must say its purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 2)]
    pub directions: Option<Vec<CallDirection>>,
    /// The first words of every call. In a file, a list of sentences stands for `texts`.
    #[serde(default, deserialize_with = "opening::texts_or_slots")]
    pub opening: OpeningSpec,
    /// A script, by the name of its file beside this one; only in files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub flow: Option<String>,
    /// A script, as its text in TOML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 131_072)]
    pub flow_text: Option<String>,
    /// Or who the agent is and what it is to do, for a language model. `{{name}}` puts in a variable, `{{name|or:words}}`
    /// words in its place where it has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 65_536)]
    pub prompt: Option<String>,
    /// What a prompted agent says first; the model opens if absent. It may have variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub greeting: Option<String>,
    /// Values that a call brings along for the flow or the prompt. A text stands for a default of type `text`. At
    /// most 100.
    #[serde(default)]
    pub variables: BTreeMap<String, VariableSpec>,
    /// Ids of the documents of the client's that it may look things up in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50, examples(json!(["doc_01JD0000000000000000000000"])))]
    pub knowledge: Vec<String>,
    /// The language model of a prompted agent.
    #[serde(default)]
    pub model: ModelSpec,
    /// Hear, think and speak by one model, over one connection; the others stand behind it. For agents with a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime: Option<RealtimeSpec>,
    /// How it hears.
    #[serde(default)]
    pub recogniser: RecogniserSpec,
    /// How it sounds.
    #[serde(default)]
    pub voice: VoiceSpec,
    /// When the caller's turn is over.
    #[serde(default)]
    pub turn: TurnSpec,
    /// What happens when both speak at once.
    #[serde(default)]
    pub overlap: OverlapSpec,
    /// How long things may take.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// The keys of the caller's commands.
    #[serde(default)]
    pub keys: KeysSpec,
    /// Sentences that are said whatever the mind thinks; those left out are the usual ones.
    #[serde(default)]
    pub notices: NoticesSpec,
    /// What is kept of a call, and by which rule.
    #[serde(default)]
    pub recording: RecordingSpec,
    /// Who answers calls of the agent's, and what it does about machines.
    #[serde(default)]
    pub answering: AnsweringSpec,
    /// What is to be known of a call once it is over.
    #[serde(default)]
    pub after: AfterSpec,
    /// What a prompted agent may do besides talking: ids of the client's tools, names of the operator's, and names of those
    /// that are built in: `opt_out`, `set_disposition`, `collect_keys`, `send_keys`, `schedule_callback`. At most 32. Ending
    /// the call, looking into `knowledge`, `transfers` and `hand_off` need no naming.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32, examples(json!(["tool_01JD0000000000000000000000", "opt_out"])))]
    pub tools: Vec<String>,
    /// The people to whom it may put a caller through, by the tool `transfer`, which needs no naming. At most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub transfers: Vec<TransferSpec>,
    /// The client's other agents, and the operator's, to whom it may hand the caller over within the call, by the tool
    /// `hand_off`, which needs no naming. At most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub hand_off: Vec<HandOffSpec>,
}

impl AgentSpec {
    /// The language of [`AgentSpec::language`]; English where there is none such, which the check of the document tells.
    pub fn tongue(&self) -> Language {
        Language::of(&self.language).unwrap_or_default()
    }
}

fn english() -> String {
    "en".into()
}

/// Who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallDirection {
    /// Somebody calls the business.
    Inbound,
    /// The business calls somebody.
    Outbound,
}

impl From<Direction> for CallDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => CallDirection::Inbound,
            Direction::Outbound => CallDirection::Outbound,
        }
    }
}

/// The language model of a prompted agent; what is left out comes from the provider's or the operator's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSpec {
    /// Id of the client's provider; the operator's default if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: Option<String>,
    /// The provider's name for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// How freely it chooses words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 2)]
    pub temperature: Option<f32>,
    /// Longest reply, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 16, maximum = 4_096)]
    pub max_tokens: Option<u32>,
    /// How long it may take to its first token, and from there to its first clause, before the next is asked, ms; 3000
    /// if absent. It counts where another stands behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 500, maximum = 20_000)]
    pub first_token_ms: Option<u32>,
    /// Who is asked, in order, when it fails before a clause of its answer was given. The operator's if absent and
    /// `provider` is too; an empty list for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 3)]
    pub fallbacks: Option<Vec<ModelFallback>>,
}

/// How an agent hears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecogniserSpec {
    /// Id of the client's provider; the operator's default, or what is built in, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: Option<String>,
    /// The provider's name for the model; its usual one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// Who says when the caller's turn is over. What is built in always does so by its own models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<TurnsBy>,
    /// Whether new calls leave their turns to the recogniser while the server's own models are overrun, where it can judge
    /// them. If absent, they do unless somebody who takes over from it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_down: Option<bool>,
    /// Silence after which a recogniser that judges turns holds speech to be over, ms; 200 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 50, maximum = 3000)]
    pub endpointing_ms: Option<u32>,
    /// Names and words that callers are likely to say, for recognisers that take such hints.
    #[schema(max_items = 100)]
    pub key_terms: Vec<String>,
    /// Who takes over, in order, when it fails in a call, and hears again what has no final words. The operator's if absent
    /// and `provider` is too; an empty list for nobody. Nobody stands behind what is built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 3)]
    pub fallbacks: Option<Vec<RecogniserFallback>>,
    /// After the call, a better recogniser hears the whole recording once more. Needs `recording.record`.
    #[schema(default = false)]
    pub second_pass: bool,
}

/// Who says when a caller's turn is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnsBy {
    /// The server's own models: voice detection, and a model of turns at each candidate end.
    Own,
    /// The recogniser's events and the loudness of the line: it costs the server next to nothing.
    Cloud,
}

impl From<TurnsBy> for Turns {
    fn from(by: TurnsBy) -> Self {
        match by {
            TurnsBy::Own => Self::Own,
            TurnsBy::Cloud => Self::Cloud,
        }
    }
}

/// How an agent sounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceSpec {
    /// Id of the client's provider; the operator's default, or what is built in, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: Option<String>,
    /// The provider's name for the model; its usual one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// The provider's id of the voice; the provider's setting if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub id: Option<String>,
    /// Who takes over, in order, when it fails in a call, and speaks for the rest of it. The operator's if absent and
    /// `provider` is too; an empty list for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 3)]
    pub fallbacks: Option<Vec<VoiceFallback>>,
    /// Its pace; 1 is the voice's own.
    #[schema(minimum = 0.5, maximum = 2, default = 1.0)]
    pub speed: f32,
    /// Words, or short rows of words, and how to write them so that the voice says them right. Whole words in any case
    /// are meant. The transcript keeps the words as they are. At most 200.
    pub pronunciations: BTreeMap<String, String>,
}

impl Default for VoiceSpec {
    fn default() -> Self {
        Self {
            provider: None,
            model: None,
            id: None,
            fallbacks: None,
            speed: 1.0,
            pronunciations: BTreeMap::new(),
        }
    }
}
