//! Agents: who answers a call, in a file of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use trunkline_core::call::{Keys, Limits, Notices, OverlapSettings, Settings, TurnSettings};
use trunkline_core::clause::Clauses;
use trunkline_core::consent::ConsentPlan;
use trunkline_core::flow::{Flow, Vars};
use trunkline_core::token::Direction;

use crate::place::toml_problem;

/// Agents that ship with the server.
const SHIPPED: [(&str, &str); 2] = [
    ("front-desk", include_str!("agents/front-desk.toml")),
    ("assistant", include_str!("agents/assistant.toml")),
];
/// Their flows.
const SHIPPED_FLOWS: [(&str, &str); 1] = [(
    "front-desk.flow.toml",
    include_str!("agents/front-desk.flow.toml"),
)];
/// Largest agent or flow file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// An agent's file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentFile {
    /// What the agent calls itself.
    name: String,
    /// For whom it speaks.
    business: String,
    /// A flow, by its file beside this one.
    flow: Option<PathBuf>,
    /// Or a prompt for the language model.
    prompt: Option<String>,
    /// What a prompted agent says first; the model opens if absent.
    greeting: Option<String>,
    /// The first words of every call, in place of the usual "Hello, this is …, the AI assistant of …".
    opening: Option<Vec<String>>,
    /// Said after the opening of calls that the business makes; an empty text leaves it out.
    opt_out_line: Option<String>,
    #[serde(default)]
    voice: VoiceFile,
    #[serde(default)]
    turn: TurnSettings,
    #[serde(default)]
    overlap: OverlapSettings,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    keys: Keys,
    #[serde(default)]
    notices: NoticesFile,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct VoiceFile {
    /// 1 is the voice's own pace.
    speed: f32,
}

impl Default for VoiceFile {
    fn default() -> Self {
        Self { speed: 1.0 }
    }
}

/// Sentences in an agent's own words; those left out are the usual ones.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NoticesFile {
    robot: Option<String>,
    dont_record: Option<String>,
    opt_out: Option<String>,
    unheard: Option<String>,
    moment: Option<String>,
    lost: Option<String>,
    giving_up: Option<String>,
    nudges: Option<Vec<String>>,
    silence_end: Option<String>,
    too_long: Option<String>,
    farewell: Option<String>,
    closing: Option<String>,
}

/// Who answers a call.
#[derive(Clone, Debug)]
pub struct Agent {
    /// By which name the configuration and the tokens know it.
    pub id: String,
    /// How it thinks.
    pub mind: MindSpec,
    /// Its pace; 1 is the voice's own.
    pub speed: f32,
    /// Values for its flow or prompt.
    pub vars: Vars,
    inbound: Arc<Settings>,
    outbound: Arc<Settings>,
}

/// How an agent thinks.
#[derive(Clone, Debug)]
pub enum MindSpec {
    /// By script.
    Flow(Arc<Flow>),
    /// By language model.
    Prompt {
        /// Who it is and what it is to do.
        prompt: String,
        /// What it says first.
        greeting: Option<String>,
    },
}

/// An agent's file cannot be used. Says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("agent {}: {problem}", path.display())]
pub struct AgentError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: String,
}

impl Agent {
    /// The conversation's settings for a call of this direction.
    pub fn settings(&self, direction: Direction) -> &Arc<Settings> {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }

    /// Every sentence that any call may need at once, so that the voice can make it ahead.
    pub fn sentences(&self) -> Vec<Arc<str>> {
        let mut all: Vec<Arc<str>> = self.outbound.sentences().cloned().collect();
        if let MindSpec::Prompt {
            greeting: Some(greeting),
            ..
        } = &self.mind
        {
            all.push(greeting.as_str().into());
        }
        all
    }

    /// Sentences that any call may need in its course: what a flow says whatever it is told.
    pub fn likely_sentences(&self) -> Vec<Arc<str>> {
        let MindSpec::Flow(flow) = &self.mind else {
            return Vec::new();
        };
        let mut clauses = Vec::new();
        let mut cut = Clauses::new();
        for text in flow.standing_texts(&self.vars) {
            cut.push(&text, &mut clauses);
            cut.finish(&mut clauses);
        }
        clauses.into_iter().map(Arc::from).collect()
    }

    fn parse(
        id: &str,
        path: &Path,
        text: &str,
        flow: impl Fn(&Path) -> Result<String, String>,
    ) -> Result<Self, AgentError> {
        let wrong = |problem: String| AgentError {
            path: path.to_owned(),
            problem,
        };
        let file: AgentFile =
            toml::from_str(text).map_err(|error| wrong(toml_problem(text, &error)))?;
        check_limits(&file.limits).map_err(&wrong)?;
        if file.name.trim().is_empty() || file.business.trim().is_empty() {
            return Err(wrong(
                "`name` and `business` are said in every call and must not be empty".into(),
            ));
        }
        if !(0.5..=2.0).contains(&file.voice.speed) {
            return Err(wrong(format!(
                "voice.speed is {}; it must be between 0.5 and 2",
                file.voice.speed
            )));
        }
        let mind = match (&file.flow, &file.prompt) {
            (Some(flow_path), None) => {
                let text = flow(flow_path).map_err(&wrong)?;
                let parsed = Flow::parse(&text)
                    .map_err(|error| wrong(format!("{}: {error}", flow_path.display())))?;
                MindSpec::Flow(Arc::new(parsed))
            }
            (None, Some(prompt)) => MindSpec::Prompt {
                prompt: prompt.clone(),
                greeting: file.greeting.clone(),
            },
            (Some(_), Some(_)) | (None, None) => {
                return Err(wrong(
                    "give it either a `flow` (a file beside this one) or a `prompt`".into(),
                ));
            }
        };
        let vars: Vars = file.variables.clone().into_iter().collect();
        if let MindSpec::Flow(flow) = &mind
            && let missing = flow.missing(&vars)
            && !missing.is_empty()
        {
            return Err(wrong(format!(
                "the flow needs {}; set them under [variables]",
                missing.join(", ")
            )));
        }
        let settings = |direction| {
            file.settings(direction, matches!(mind, MindSpec::Flow(_)))
                .map_err(&wrong)
        };
        let (inbound, outbound) = (
            settings(Direction::Inbound)?,
            settings(Direction::Outbound)?,
        );
        Ok(Self {
            id: id.to_owned(),
            mind,
            speed: file.voice.speed,
            vars,
            inbound: Arc::new(inbound),
            outbound: Arc::new(outbound),
        })
    }
}

impl AgentFile {
    fn settings(&self, direction: Direction, mind_nudges: bool) -> Result<Settings, String> {
        let mut notices = Notices::english(&self.name, &self.business);
        if let Some(opening) = &self.opening {
            if !opening.iter().any(|text| discloses_ai(text)) {
                return Err("`opening` must say that the caller speaks with an AI, in words such as \"AI assistant\" or \
                     \"automated assistant\""
                    .into());
            }
            notices.opening = opening.iter().map(|text| text.as_str().into()).collect();
        }
        if direction == Direction::Outbound {
            let usual = self.keys.opt_out.map(|key| {
                format!("If you don't want to be called, say: don't call me again, or press {key}.")
            });
            let line = self
                .opt_out_line
                .clone()
                .or(usual)
                .filter(|line| !line.trim().is_empty());
            notices.opening.extend(line.map(Arc::from));
        }
        self.notices.apply(&mut notices);
        Ok(Settings {
            turn: self.turn.clone(),
            overlap: self.overlap.clone(),
            limits: self.limits.clone(),
            keys: self.keys.clone(),
            mind_nudges,
            notices,
            consent: ConsentPlan::default(),
        })
    }
}

impl NoticesFile {
    fn apply(&self, notices: &mut Notices) {
        let own = [
            (&self.robot, &mut notices.robot),
            (&self.dont_record, &mut notices.dont_record),
            (&self.opt_out, &mut notices.opt_out),
            (&self.unheard, &mut notices.unheard),
            (&self.moment, &mut notices.moment),
            (&self.lost, &mut notices.lost),
            (&self.giving_up, &mut notices.giving_up),
            (&self.silence_end, &mut notices.silence_end),
            (&self.too_long, &mut notices.too_long),
            (&self.farewell, &mut notices.farewell),
            (&self.closing, &mut notices.closing),
        ];
        for (text, notice) in own {
            if let Some(text) = text {
                *notice = text.as_str().into();
            }
        }
        if let Some(nudges) = &self.nudges {
            notices.nudges = nudges.iter().map(|text| text.as_str().into()).collect();
        }
    }
}

/// A limit of next to nothing, or a longer farewell than a server that shuts down waits for, makes no conversation.
fn check_limits(limits: &Limits) -> Result<(), String> {
    for (name, ms, least, most) in [
        ("call_ms", limits.call_ms, 10_000, 4 * 3_600_000),
        ("silence_ms", limits.silence_ms, 1_000, 120_000),
        ("transcript_ms", limits.transcript_ms, 500, 20_000),
        ("mind_ms", limits.mind_ms, 500, 60_000),
        ("playback_ms", limits.playback_ms, 2_000, 120_000),
        ("speech_ms", limits.speech_ms, 5_000, 300_000),
        ("ending_ms", limits.ending_ms, 3_000, 18_000),
    ] {
        if !(least..=most).contains(&ms) {
            return Err(format!(
                "limits.{name} is {ms}; it must be between {least} and {most}"
            ));
        }
    }
    Ok(())
}

/// Whether a sentence says that an AI speaks.
fn discloses_ai(text: &str) -> bool {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|w| !w.is_empty())
        .collect();
    words.iter().any(|w| {
        matches!(
            w.as_str(),
            "ai" | "artificial" | "automated" | "robot" | "bot"
        )
    })
}

/// All agents of a server.
#[derive(Clone, Debug, Default)]
pub struct Agents(BTreeMap<String, Arc<Agent>>);

impl Agents {
    /// The shipped ones, and those in `folder`: `NAME.toml` each; `*.flow.toml` are flows. One of the same name takes
    /// the place of a shipped one.
    pub fn load(folder: Option<&Path>) -> Result<Self, AgentError> {
        let mut agents = BTreeMap::new();
        for (id, text) in SHIPPED {
            let flow = |path: &Path| {
                let shipped = SHIPPED_FLOWS
                    .iter()
                    .find(|(name, _)| Path::new(name) == path);
                shipped
                    .map(|(_, text)| (*text).to_owned())
                    .ok_or_else(|| format!("{}: not shipped", path.display()))
            };
            agents.insert(
                id.to_owned(),
                Arc::new(Agent::parse(id, Path::new(id), text, flow)?),
            );
        }
        for path in folder.map(files).transpose()?.unwrap_or_default() {
            let agent = Agent::read(&path)?;
            agents.insert(agent.id.clone(), Arc::new(agent));
        }
        Ok(Self(agents))
    }

    /// One by its name.
    pub fn find(&self, id: &str) -> Option<Arc<Agent>> {
        self.0.get(id).cloned()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.0.values()
    }
}

impl Agent {
    /// Reads one file.
    pub fn read(path: &Path) -> Result<Self, AgentError> {
        let wrong = |problem| AgentError {
            path: path.to_owned(),
            problem,
        };
        let text = read_bounded(path).map_err(wrong)?;
        let id = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        Self::parse(id, path, &text, |flow| {
            read_bounded(&path.parent().unwrap_or(Path::new("")).join(flow))
        })
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, AgentError> {
    let wrong = |error: std::io::Error| AgentError {
        path: folder.to_owned(),
        problem: format!("the folder of `agents` cannot be read: {error}"),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".toml") && !name.ends_with(".flow.toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_bounded(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "{} has {size} bytes; at most {FILE_BYTES_MAX} are read",
            path.display()
        ));
    }
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Agent, String> {
        Agent::parse("a", Path::new("a.toml"), text, |_| {
            Err("no such flow".into())
        })
        .map_err(|e| e.to_string())
    }

    #[test]
    fn the_shipped_agents_are_whole() {
        let agents = Agents::load(None).unwrap();
        assert!(agents.find("front-desk").is_some() && agents.find("assistant").is_some());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let base = "name = \"Robin\"\nbusiness = \"Oak\"\n";
        for (more, names) in [
            ("", "either a `flow`"),
            ("prompt = \"x\"\nflow = \"y\"", "either a `flow`"),
            ("flow = \"y.flow.toml\"", "no such flow"),
            (
                "prompt = \"x\"\nopening = [\"Hello, this is Robin.\"]",
                "must say that the caller speaks with an AI",
            ),
            ("prompt = \"x\"\n[voice]\nspeed = 9.0", "voice.speed is 9"),
            ("promt = \"x\"", "line 3"),
            (
                "prompt = \"x\"\n[limits]\nplayback_ms = 0",
                "limits.playback_ms is 0; it must be between",
            ),
        ] {
            let error = parse(&format!("{base}{more}")).expect_err(more);
            assert!(
                error.contains("a.toml") && error.contains(names),
                "{more:?} gave {error:?}"
            );
        }
        assert!(parse("name = \"\"\nbusiness = \"Oak\"\nprompt = \"x\"").is_err());
    }

    #[test]
    fn outbound_calls_name_the_way_out() {
        let agent = parse("name = \"Robin\"\nbusiness = \"Oak\"\nprompt = \"x\"").unwrap();
        let opening = |direction| agent.settings(direction).notices.opening.join(" ");
        assert!(opening(Direction::Outbound).contains("press 9"));
        assert!(!opening(Direction::Inbound).contains("press 9"));
        assert!(opening(Direction::Inbound).contains("AI assistant of Oak"));
    }
}
