//! Agents: who answers a call. One document, [`AgentSpec`], says all about one, in a file or at the API; an [`Agent`] is
//! what calls are held with.

mod after;
mod answering;
mod check;
mod compile;
mod files;
mod json;
mod opening;
mod problem;
mod prompt;
mod pronounce;
mod recording;
mod spec;
mod transfers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkline_core::call::Settings;
use trunkline_core::clause::Clauses;
use trunkline_core::consent::Mode;
use trunkline_core::flow::{Flow, Vars};
use trunkline_core::language::Language;

pub use after::After;
pub use check::{OPENING_MS_GOOD, OPENING_MS_MAX, PROMPT_BYTES_MAX};
pub use compile::no_files;
pub use files::{Agents, NoAgent};
pub use json::SPEC_BYTES_MAX;
pub use problem::{PROBLEMS_MAX, Problem, ProblemCode};
pub use prompt::Template;
pub use pronounce::Pronunciations;
pub use spec::{
    AfterModelSpec, AfterSpec, AgentSpec, AnsweringSpec, CallDirection, Detect, DispositionSpec,
    EMBEDDED, FALLBACKS_MAX, HandOffSpec, KeysSpec, LimitsSpec, ModelFallback, ModelSpec,
    NoticesSpec, OPERATORS, OnRefusal, OnWithdrawal, OpeningSpec, OverlapSpec, RealtimeSpec,
    RecogniserFallback, RecogniserSpec, RecordingMode, RecordingSpec, TransferBy, TransferSpec,
    TurnSpec, TurnsBy, VariableKind, VariableSpec, VoiceFallback, VoiceSpec, WithIvr, WithMachine,
};
pub use transfers::{Target, Transfers};

/// Who answers a call.
#[derive(Clone, Debug)]
pub struct Agent {
    /// By which name the configuration and the tokens know it.
    pub id: String,
    /// Its version; 0 for one from a file.
    pub version: u32,
    /// How it thinks.
    pub mind: MindSpec,
    /// Its pace; 1 is the voice's own.
    pub speed: f32,
    /// How its voice is to say certain words.
    pub pronunciations: Pronunciations,
    /// In which language it speaks and is spoken to, as a BCP 47 tag.
    pub language: String,
    /// How it hears.
    pub recogniser: RecogniserSpec,
    /// How it sounds.
    pub voice: VoiceSpec,
    /// The model that hears and speaks, if it has one.
    pub realtime: Option<RealtimeSpec>,
    /// Ids of the documents that it may look things up in.
    pub knowledge: Vec<String>,
    /// Its language model, as far as it chooses that itself.
    pub model: ModelSpec,
    /// What is kept of its calls.
    pub recording: RecordingSpec,
    /// What is to be known of its calls once they are over.
    pub after: Arc<After>,
    /// What it may do besides talking: ids and names.
    pub tools: Vec<String>,
    /// To whom it may put callers through.
    pub transfers: Arc<Transfers>,
    /// To which other agents it may hand callers over.
    pub hand_off: Vec<HandOffSpec>,
    serves: Vec<CallDirection>,
    variables: BTreeMap<String, VariableSpec>,
    settings: compile::SettingsTable,
    /// What it leaves with machines.
    message: Option<answering::Message>,
}

/// How an agent thinks.
#[derive(Clone, Debug)]
pub enum MindSpec {
    /// By script.
    Flow(Arc<Flow>),
    /// By language model.
    Prompt {
        /// Who it is and what it is to do.
        prompt: Template,
        /// What it says first.
        greeting: Option<Template>,
    },
}

/// A document does not make an agent. Says which, what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file.
    #[error("agent {}: {}", path.display(), listed(problems))]
    File {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// A version that was stored when other rules held.
    #[error(
        "version {version} of agent {agent} was stored and cannot be used any more; make a new version of it: {}",
        listed(problems)
    )]
    Stored {
        /// Id of the agent.
        agent: String,
        /// Its version.
        version: u32,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
}

impl Agent {
    /// The language of [`Agent::language`].
    pub fn tongue(&self) -> Language {
        Language::of(&self.language).unwrap_or_default()
    }
}

impl AgentError {
    fn file(path: &Path, code: ProblemCode, detail: String) -> Self {
        Self::File {
            path: path.to_owned(),
            problems: vec![Problem::new("", code, detail)],
        }
    }

    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        match self {
            AgentError::File { problems, .. } | AgentError::Stored { problems, .. } => problems,
        }
    }
}

/// An agent cannot hold a certain call.
#[derive(Debug, thiserror::Error)]
pub enum NotForThisCall {
    /// It has a prompt, and nobody to think.
    #[error("the agent has a prompt, and there is no language model")]
    Mindless,
    /// It speaks another language than the embedded speech, and there is no other.
    #[error("the agent speaks {language}, and the embedded recogniser and voice are English")]
    Speechless {
        /// The language's name.
        language: &'static str,
    },
    /// It is not for calls of this direction.
    #[error("agent {agent} is not for calls of this direction; see its `directions`")]
    Direction {
        /// The agent.
        agent: String,
    },
    /// The call's variables are not those that it needs.
    #[error("agent {agent}: {}", listed(problems))]
    Variables {
        /// The agent.
        agent: String,
        /// Everything that is wrong with them; no value is repeated.
        problems: Vec<Problem>,
    },
}

/// One problem on the same line, several on lines of their own.
fn listed(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        many => many
            .iter()
            .map(|problem| format!("\n  {problem}"))
            .collect(),
    }
}

impl Agent {
    /// The conversation's settings for a call of this direction of which nothing is recorded.
    pub fn settings(&self, direction: impl Into<CallDirection>) -> &Arc<Settings> {
        self.settings_for(direction, Mode::NoRecord)
    }

    /// The conversation's settings for a call of this direction for which this rule of consent holds. The agent's own
    /// policy can make it stricter, not more lenient: see `consent.mode` of what comes back.
    pub fn settings_for(&self, direction: impl Into<CallDirection>, mode: Mode) -> &Arc<Settings> {
        let mode = mode.max(self.recording.floor());
        self.settings.find(direction.into(), mode)
    }

    /// The same for one call, with what it may leave with a machine.
    pub fn settings_with(
        &self,
        direction: impl Into<CallDirection>,
        mode: Mode,
        vars: &Vars,
    ) -> Arc<Settings> {
        let direction = direction.into();
        let settings = self.settings_for(direction, mode);
        match self
            .message
            .as_ref()
            .filter(|_| direction == CallDirection::Outbound)
        {
            Some(message) => Arc::new(message.put_into(settings, vars)),
            None => Arc::clone(settings),
        }
    }

    /// Of what a call brings for variables, those that this agent declares.
    pub fn declared(&self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let known = given
            .iter()
            .filter(|(name, _)| self.variables.contains_key(*name));
        known
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Of what is known of a caller, the variables that this agent declares, with values that it can take.
    pub fn takes(&self, known: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut declared = self.declared(known);
        declared.retain(|name, value| {
            let spec = self.variables.get(name);
            spec.is_some_and(|spec| spec.kind.accepts(value).is_ok())
        });
        declared
    }

    /// Every sentence that any call may need at once, so that the voice can make it ahead.
    pub fn sentences(&self) -> Vec<Arc<str>> {
        let mut all: BTreeSet<Arc<str>> = BTreeSet::new();
        for settings in self.settings.all() {
            all.extend(settings.sentences().cloned());
        }
        if let MindSpec::Prompt {
            greeting: Some(greeting),
            ..
        } = &self.mind
            && let Some(defaults) = self.defaults()
        {
            all.insert(greeting.fill(&defaults).into());
        }
        all.into_iter().collect()
    }

    /// Sentences that any call may need in its course: what a flow says whatever it is told.
    pub fn likely_sentences(&self) -> Vec<Arc<str>> {
        let (MindSpec::Flow(flow), Some(defaults)) = (&self.mind, self.defaults()) else {
            return Vec::new();
        };
        let mut clauses = Vec::new();
        let mut cut = Clauses::new();
        for text in flow.standing_texts(&defaults) {
            cut.push(&text, &mut clauses);
            cut.finish(&mut clauses);
        }
        clauses.into_iter().map(Arc::from).collect()
    }

    /// The values of its variables, if every one has a default: then calls are likely to be alike.
    fn defaults(&self) -> Option<Vars> {
        let values = self.variables.iter().map(|(name, variable)| {
            let value = variable.default.as_deref()?;
            Some((name.as_str(), value))
        });
        values.collect()
    }
}
