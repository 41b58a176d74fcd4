//! Conversations with an agent that nobody has to hold: a scripted or played caller, in words or in sound, and what must
//! have been said, done and stored by the end.
//!
//! Words go through the very call, mind, tools, consent and storage of a live call, with a clock that leaps
//! (`text`, over [`trunkline_core::rehearsal`]); sound goes through a whole server in real time (`audio`). Either leaves a
//! [`Course`], which is all that is checked.

mod audio;
pub mod caller;
pub mod check;
pub mod course;
mod house;
mod judge;
pub mod model;
mod noise;
pub mod people;
mod persona;
pub mod read;
pub mod report;
pub mod scenario;
mod silent;
mod text;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::agent::{Agent, Agents};
use crate::clock;
use crate::config::Config;
use crate::speech::Speech;
use crate::stack::Defaults;
use caller::Caller;
use check::{Check, Stored};
use course::Course;
use house::{House, Staffing};
use model::Model;
use persona::Persona;
use read::Ready;
use report::{Conversation, Finding, Outcome};
use scenario::Mode;
use silent::Silent;
pub use tools::StandIns;

/// Most conversations of one run.
pub const PLAYED_MAX: usize = 10_000;

/// What is to be played, and with what.
pub struct Simulation {
    /// The configuration: who thinks, hears and speaks for agents that do not choose.
    pub config: Config,
    /// Who answers.
    pub agent: Arc<Agent>,
    /// Whom that one may hand callers over to, among others.
    pub colleagues: Agents,
    /// What is played, in order.
    pub scenarios: Vec<Ready>,
    /// How often each.
    pub repeat: usize,
    /// How many at once.
    pub jobs: usize,
    /// The embedded speech, which scenarios with sound need.
    pub speech: Option<Speech>,
    /// Who plays callers and judges, if anybody does.
    pub model: Option<Model>,
    /// Where the sound of conversations goes, if anywhere.
    pub recordings: Option<PathBuf>,
}

/// A scenario that does not fit its agent or the machine. Says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: scenario {name:?}: {what}", file.display())]
pub struct Unfit {
    file: PathBuf,
    name: String,
    what: String,
}

/// One conversation to be held.
struct Asked<'a> {
    ready: &'a Ready,
    agent: &'a Agent,
}

impl Asked<'_> {
    /// A model is to look at the call before all is known that is expected.
    fn looks_after(&self) -> bool {
        let after =
            |check: &Check| matches!(check, Check::Stored(stored) if Stored::comes_after(stored));
        self.ready.checks.iter().any(after)
    }
}

impl Simulation {
    /// Whether every scenario can be played with this agent. Nothing has been played yet.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), Unfit> {
        for ready in &self.scenarios {
            self.fits(ready).map_err(|what| Unfit {
                file: ready.file.clone(),
                name: ready.scenario.name.clone(),
                what,
            })?;
        }
        Ok(())
    }

    fn fits(&self, ready: &Ready) -> Result<(), String> {
        let scenario = &ready.scenario;
        let staff: Vec<Arc<Agent>> = self.staff().collect();
        tools::fit(scenario, &staff)?;
        let variables = self.agent.ready(scenario.direction, &scenario.context);
        variables.map_err(|error| error.to_string())?;
        let asks = ready
            .checks
            .iter()
            .any(|check| matches!(check, Check::Judge(_)));
        if self.model.is_none() && (asks || scenario.caller.persona.is_some()) {
            let who = if asks { "a `judge`" } else { "a `persona`" };
            return Err(format!(
                "{who} needs a language model; set [simulate.llm] or [llm], or --caller-llm"
            ));
        }
        if scenario.mode == Mode::Audio && self.speech.is_none() {
            return Err("`mode: audio` needs the speech models".into());
        }
        Ok(())
    }

    /// Plays all, and tells of each as it begins (by its number, from 0) and ends.
    pub async fn run(&self, told: &(dyn Fn(Told<'_>) + Sync)) -> Vec<Conversation> {
        let all = self
            .scenarios
            .iter()
            .flat_map(|ready| (1..=self.repeat).map(move |time| (ready, time)));
        let all: Vec<(usize, (&Ready, usize))> = all.take(PLAYED_MAX).enumerate().collect();
        let total = all.len();
        let playing = stream::iter(all).map(|(number, (ready, time))| async move {
            told(Told::Begins {
                number,
                total,
                ready,
            });
            let played = self.play(ready, time).await;
            told(Told::Ended(&played));
            (number, played)
        });
        let mut played: Vec<(usize, Conversation)> =
            playing.buffer_unordered(self.jobs.max(1)).collect().await;
        played.sort_by_key(|(number, _)| *number);
        played.into_iter().map(|(_, played)| played).collect()
    }

    /// Who answers, and whoever else may go on with a call.
    fn staff(&self) -> impl Iterator<Item = Arc<Agent>> {
        let is_other = |agent: &&Arc<Agent>| agent.id != self.agent.id;
        let others = self.colleagues.iter().filter(is_other);
        std::iter::once(&self.agent).chain(others).cloned()
    }

    async fn play(&self, ready: &Ready, time: usize) -> Conversation {
        let began = clock::now();
        let outcome = self.hold(ready, time).await;
        let (course, outcome) = match outcome {
            Ok(course) => {
                let findings = self.findings(ready, &course).await;
                (
                    Some(course),
                    findings.map_or_else(Outcome::Unplayed, Outcome::Played),
                )
            }
            Err(error) => (None, Outcome::Unplayed(format!("{error:#}"))),
        };
        let name = match self.repeat {
            1 => ready.scenario.name.clone(),
            _ => format!("{} ({time} of {})", ready.scenario.name, self.repeat),
        };
        Conversation {
            file: ready.file.clone(),
            name,
            mode: ready.scenario.mode,
            took: clock::now().duration_since(began),
            course,
            outcome,
        }
    }

    async fn hold(&self, ready: &Ready, time: usize) -> anyhow::Result<Course> {
        let scenario = &ready.scenario;
        let (house, agent) = self.house(scenario.mode).await?;
        let stand_ins = StandIns::of(scenario);
        house.app.stand_ins.get_or_init(|| stand_ins);
        let asked = Asked {
            ready,
            agent: &agent,
        };
        let (caller, persona) = self.caller(ready)?;
        let course = match (scenario.mode, &self.speech) {
            (Mode::Audio, Some(speech)) => {
                let out = self
                    .recordings
                    .as_ref()
                    .map(|folder| folder.join(file_name(&scenario.name, time)));
                audio::hold(&house, speech, &asked, (caller, persona), out.as_deref()).await
            }
            (Mode::Text | Mode::Audio, _) => text::hold(&house, &asked, caller, persona).await,
        };
        house.close().await;
        course
    }

    /// A server for one conversation. Without sound, nobody hears or speaks, whoever the agent chose for that.
    async fn house(&self, mode: Mode) -> anyhow::Result<(House, Arc<Agent>)> {
        let defaults = self.config.stages()?;
        let (agent, staffing) = match (mode, &self.speech) {
            (Mode::Audio, Some(speech)) => {
                let agent = Arc::clone(&self.agent);
                let staffing = Staffing {
                    ears: Arc::new(speech.clone()),
                    voice: Arc::new(speech.clone()),
                    defaults,
                    agents: Agents::of(self.staff()),
                };
                (agent, staffing)
            }
            (Mode::Text | Mode::Audio, _) => {
                let agent = in_words(&self.agent);
                let staffing = Staffing {
                    ears: Arc::new(Silent),
                    voice: Arc::new(Silent),
                    defaults: Defaults {
                        recogniser: None,
                        voice: None,
                        realtime: None,
                        recogniser_behind: Vec::new(),
                        voice_behind: Vec::new(),
                        in_words: true,
                        ..defaults
                    },
                    agents: Agents::of(self.staff().map(|agent| in_words(&agent))),
                };
                (agent, staffing)
            }
        };
        Ok((House::open(&self.config, staffing).await?, agent))
    }

    fn caller(&self, ready: &Ready) -> anyhow::Result<(Caller, Option<Persona>)> {
        if let Some(script) = &ready.script {
            return Ok((Caller::scripted(script.clone()), None));
        }
        let persona = ready.scenario.caller.persona.as_ref();
        let (Some(spec), Some(model)) = (persona, &self.model) else {
            anyhow::bail!("nobody plays the caller");
        };
        let persona = Persona::new(model.clone(), spec);
        Ok((Caller::played(spec.max_turns), Some(persona)))
    }

    /// What was expected, and whether it came.
    async fn findings(&self, ready: &Ready, course: &Course) -> Result<Vec<Finding>, String> {
        let mut findings = Vec::new();
        if let Some(undone) = &course.undone {
            findings.push(Finding::missed(
                "the caller can do all that they are to do",
                undone,
            ));
        }
        if course.is_late {
            let seconds = ready.scenario.max_seconds;
            findings.push(Finding::missed(
                "the call ends in time",
                &format!("it went on for {seconds} s"),
            ));
        }
        for violation in &course.violations {
            findings.push(Finding::missed(
                "the server keeps to the carrier's protocol",
                violation,
            ));
        }
        for check in &ready.checks {
            let mut finding = Finding::of(check.to_string(), check.of(course));
            if let Check::Judge(question) = check {
                let Some(model) = &self.model else {
                    return Err("there is nobody to judge".into());
                };
                let judged = judge::judge(model, question, course).await;
                match judged.map_err(|error| format!("{error:#}"))? {
                    Ok(reason) => finding.note = Some(reason),
                    Err(reason) => finding.missed = Some(reason),
                }
            }
            findings.push(finding);
        }
        Ok(findings)
    }
}

/// An agent whom nobody need hear or lend a voice.
fn in_words(agent: &Agent) -> Arc<Agent> {
    let mut agent = Agent::clone(agent);
    agent.recogniser = crate::agent::RecogniserSpec::default();
    agent.voice.provider = None;
    agent.voice.fallbacks = None;
    agent.realtime = None;
    Arc::new(agent)
}

/// How a run gets on.
pub enum Told<'a> {
    /// A conversation begins.
    Begins {
        /// Its number, from 0.
        number: usize,
        /// Of so many.
        total: usize,
        /// What is played.
        ready: &'a Ready,
    },
    /// One is over.
    Ended(&'a Conversation),
}

/// The sum of what the parts of a run took, for people.
pub fn seconds(took: Duration) -> f64 {
    took.as_millis() as f64 / 1_000.0
}

/// A name for a recording, of a scenario's.
fn file_name(name: &str, time: usize) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = name.chars().take(80).map(plain).collect();
    format!("{name}-{time}.wav")
}
