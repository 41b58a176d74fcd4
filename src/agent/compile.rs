//! From a document to an agent that can hold calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_core::call::{AnsweringPlan, Notices, Settings};
use trunkline_core::consent::Mode;
use trunkline_core::flow::Vars;

use super::after::After;
use super::answering::Message;
use super::check::read_flow;
use super::opening::opening;
use super::problem::{Problem, ProblemCode, step};
use super::prompt::{Template, breaks};
use super::pronounce::Pronunciations;
use super::recording::consent_plan;
use super::spec::{AgentSpec, CallDirection, VariableSpec};
use super::transfers::Transfers;
use super::{Agent, AgentError, MindSpec, NotForThisCall};
use crate::think::ChatSettings;

/// The rules of consent, in the order of [`SettingsTable`].
const MODES: [Mode; 4] = [
    Mode::Announce,
    Mode::AnnounceContinue,
    Mode::Affirmative,
    Mode::NoRecord,
];

/// The settings of every kind of call: by direction, then by rule of consent.
#[derive(Clone, Debug)]
pub(super) struct SettingsTable {
    inbound: [Arc<Settings>; 4],
    outbound: [Arc<Settings>; 4],
}

impl SettingsTable {
    fn new(spec: &AgentSpec, mind_nudges: bool) -> Self {
        let of =
            |direction| MODES.map(|mode| Arc::new(settings(spec, direction, mode, mind_nudges)));
        Self {
            inbound: of(CallDirection::Inbound),
            outbound: of(CallDirection::Outbound),
        }
    }

    pub(super) fn find(&self, direction: CallDirection, mode: Mode) -> &Arc<Settings> {
        let [announce, announce_continue, affirmative, no_record] = match direction {
            CallDirection::Inbound => &self.inbound,
            CallDirection::Outbound => &self.outbound,
        };
        match mode {
            Mode::Announce => announce,
            Mode::AnnounceContinue => announce_continue,
            Mode::Affirmative => affirmative,
            Mode::NoRecord => no_record,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Settings>> {
        self.inbound.iter().chain(&self.outbound)
    }
}

fn settings(spec: &AgentSpec, direction: CallDirection, mode: Mode, mind_nudges: bool) -> Settings {
    let mut notices = Notices::of(spec.tongue(), &spec.name, &spec.business);
    notices.opening = opening(spec, direction);
    spec.notices.apply(&mut notices);
    Settings {
        language: spec.tongue(),
        turn: spec.turn.settings(),
        overlap: spec.overlap.settings(),
        limits: spec.limits.settings(),
        keys: spec.keys.settings(),
        mind_nudges,
        notices,
        consent: consent_plan(spec, mode),
        answering: match direction {
            CallDirection::Outbound => spec.answering.plan(),
            CallDirection::Inbound => AnsweringPlan::default(),
        },
        // Its owner may change them between two calls: each call brings them along.
        tools: BTreeMap::new(),
    }
}

impl Agent {
    /// Makes an agent of a document. `version` is 0 for a file's. `load` reads the flow that the document names, and is
    /// not asked otherwise; its error is told as it is. The error is everything that is wrong.
    pub fn compile(
        id: &str,
        version: u32,
        spec: &AgentSpec,
        load: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        spec.check()?;
        let mind = mind(spec, load).map_err(|problem| vec![problem])?;
        let after = After::of(spec).map_err(|problem| vec![problem])?;
        let mind_nudges = matches!(mind, MindSpec::Flow(_));
        Ok(Self {
            id: id.to_owned(),
            version,
            mind,
            speed: spec.voice.speed,
            pronunciations: Pronunciations::new(&spec.voice.pronunciations),
            language: spec.language.clone(),
            recogniser: spec.recogniser.clone(),
            voice: spec.voice.clone(),
            realtime: spec.realtime.clone(),
            knowledge: spec.knowledge.clone(),
            model: spec.model.clone(),
            recording: spec.recording.clone(),
            after: Arc::new(after),
            tools: spec.tools.clone(),
            transfers: Arc::new(Transfers::of(spec)),
            hand_off: spec.hand_off.clone(),
            serves: spec.serves(),
            variables: spec.variables.clone(),
            settings: SettingsTable::new(spec, mind_nudges),
            message: Message::of(spec),
        })
    }

    /// Makes an agent of a version that was stored as JSON. The error says which version cannot be used any more and
    /// why.
    pub fn from_stored(id: &str, version: u32, json: &[u8]) -> Result<Self, AgentError> {
        let spec = AgentSpec::from_json(json).map_err(|problem| vec![problem]);
        spec.and_then(|spec| Self::compile(id, version, &spec, &no_files))
            .map_err(|problems| AgentError::Stored {
                agent: id.to_owned(),
                version,
                problems,
            })
    }

    /// What an agent that a call of this direction is for is told of it: the variables `given`, and its defaults. The
    /// error is for a call that this agent cannot hold.
    pub fn ready(
        &self,
        direction: impl Into<CallDirection>,
        given: &BTreeMap<String, String>,
    ) -> Result<Vars, NotForThisCall> {
        if !self.serves.contains(&direction.into()) {
            return Err(NotForThisCall::Direction {
                agent: self.id.clone(),
            });
        }
        vars(&self.variables, given).map_err(|problems| NotForThisCall::Variables {
            agent: self.id.clone(),
            problems,
        })
    }
}

/// A loader for documents that cannot name files.
pub fn no_files(_name: &str) -> Result<String, String> {
    Err("files cannot be named here; send the flow's text as `flow_text`".into())
}

fn mind(
    spec: &AgentSpec,
    load: &dyn Fn(&str) -> Result<String, String>,
) -> Result<MindSpec, Problem> {
    if let Some(name) = &spec.flow {
        let text = load(name)
            .map_err(|cause| Problem::new("/flow", ProblemCode::UnreadableFile, cause))?;
        let flow = read_flow(spec, "/flow", &format!("{name}: "), &text)?;
        return Ok(MindSpec::Flow(Arc::new(flow)));
    }
    if let Some(text) = &spec.flow_text {
        let flow = read_flow(spec, "/flow_text", "", text)?;
        return Ok(MindSpec::Flow(Arc::new(flow)));
    }
    let template = |pointer, text: &str| {
        Template::parse(text).map_err(|detail| Problem::new(pointer, ProblemCode::Template, detail))
    };
    let greeting = spec.greeting.as_deref();
    Ok(MindSpec::Prompt {
        prompt: template("/prompt", spec.prompt.as_deref().unwrap_or_default())?,
        greeting: greeting
            .map(|text| template("/greeting", text))
            .transpose()?,
    })
}

/// The values of one call. A problem names the variable, never its value.
fn vars(
    declared: &BTreeMap<String, VariableSpec>,
    given: &BTreeMap<String, String>,
) -> Result<Vars, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut wrong = |name: &str, code, detail: &str| {
        problems.push(Problem::new(
            format!("/variables{}", step(name)),
            code,
            detail,
        ));
    };
    if given.len() > declared.len()
        && let Some(name) = given.keys().find(|name| !declared.contains_key(*name))
    {
        wrong(
            name,
            ProblemCode::UnknownVariable,
            "the agent does not declare it",
        );
        return Err(problems);
    }
    for name in given.keys().filter(|name| !declared.contains_key(*name)) {
        wrong(
            name,
            ProblemCode::UnknownVariable,
            "the agent does not declare it",
        );
    }
    let mut vars = Vars::new();
    for (name, variable) in declared {
        let value = given.get(name).filter(|value| !value.trim().is_empty());
        let Some(value) = value.or(variable.default.as_ref()) else {
            wrong(
                name,
                ProblemCode::MissingVariable,
                "the call must bring it; it has no default",
            );
            continue;
        };
        if value.is_empty() {
            continue;
        }
        if let Err(detail) = variable.kind.accepts(value) {
            wrong(name, ProblemCode::WrongType, detail);
        } else if value.chars().any(breaks) {
            let detail = "it must be one line without control characters";
            wrong(name, ProblemCode::ControlCharacter, detail);
        } else {
            vars.insert(name, value);
        }
    }
    if problems.is_empty() {
        Ok(vars)
    } else {
        Err(problems)
    }
}

impl super::spec::ModelSpec {
    /// The settings of a provider, with what the agent chooses for itself.
    pub fn over(&self, usual: &ChatSettings) -> ChatSettings {
        ChatSettings {
            model: self.name.clone().unwrap_or_else(|| usual.model.clone()),
            temperature: self.temperature.or(usual.temperature),
            max_tokens: self.max_tokens.or(usual.max_tokens),
            ..usual.clone()
        }
    }
}
