//! `simulate`: conversations with an agent, and whether they went as they should.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to its user"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use regex::Regex;

use super::{load_speech, runtime, stopped};
use crate::agent::{Agent, Agents};
use crate::config::Config;
use crate::simulate::model::Model;
use crate::simulate::scenario::Mode;
use crate::simulate::{PLAYED_MAX, Simulation, Told, read, report};
use crate::think::ChatSettings;

/// The exit code where something was missed, …
const MISSED: u8 = 1;
/// Most agents that are read beside the one that is called.
const BESIDE_MAX: usize = 50;
/// … and where it could not be found out.
pub(super) const UNPLAYED: u8 = 2;

#[derive(Args)]
#[command(after_help = "\
The exit code is 0 if everything expected was the case, 1 if something was missed, and 2 if a
conversation could not be held.

  trunkline simulate front-desk fixtures/simulate/booking.yaml
  trunkline simulate agents/clerk.toml scenarios/ --jobs 4 --junit report.xml

Text scenarios need no speech models and take no time but the agent's own. Tools that would leave
this machine are answered by the scenario, or fail, unless it says `live: true` of one.")]
pub(super) struct SimulateArgs {
    /// Who answers: an agent's name (`trunkline agents list`), or its file
    #[arg(value_name = "AGENT")]
    agent: String,
    /// The scenarios: YAML files, or folders of them
    #[arg(value_name = "SCENARIOS", required = true)]
    scenarios: Vec<PathBuf>,
    /// Play only scenarios whose name matches this pattern
    #[arg(long, value_name = "PATTERN")]
    filter: Option<Regex>,
    /// Play each so often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    repeat: u32,
    /// Hold so many conversations at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Write a report as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a report as JSON, with every conversation whole
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the sound of audio scenarios in this folder: left the caller, right the agent
    #[arg(long, value_name = "FOLDER")]
    recordings: Option<PathBuf>,
    /// Let the agent think with this model, in place of the configuration's [llm]
    #[arg(long, value_name = "BASE_URL,MODEL")]
    llm: Option<Endpoint>,
    /// Let this model play callers and judge, in place of [simulate.llm]
    #[arg(long, value_name = "BASE_URL,MODEL")]
    caller_llm: Option<Endpoint>,
}

/// A language model, as `http://127.0.0.1:11434/v1,llama3.2`. Its key is the one of what it stands in for.
#[derive(Clone)]
struct Endpoint {
    base_url: String,
    model: String,
}

impl std::str::FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (base_url, model) = text
            .split_once(',')
            .filter(|(_, model)| !model.trim().is_empty())
            .ok_or("write it as http://127.0.0.1:11434/v1,llama3.2")?;
        if !(base_url.starts_with("http://") || base_url.starts_with("https://")) {
            return Err("its address begins with http:// or https://".into());
        }
        Ok(Self {
            base_url: base_url.trim().to_owned(),
            model: model.trim().to_owned(),
        })
    }
}

/// Runs the command; its exit code tells what was found.
pub(super) fn run(mut config: Config, args: SimulateArgs) -> anyhow::Result<ExitCode> {
    if let Some(Endpoint { base_url, model }) = args.llm {
        config.llm.base_url = Some(base_url);
        config.llm.model = Some(model);
    }
    let (agent, colleagues) = agent(&config, &args.agent)?;
    let mut scenarios = Vec::new();
    for path in &args.scenarios {
        scenarios.extend(read::scenarios(path)?);
    }
    if let Some(pattern) = &args.filter {
        scenarios.retain(|ready| pattern.is_match(&ready.scenario.name));
    }
    let total = scenarios.len() * args.repeat as usize;
    anyhow::ensure!(total > 0, "no scenario is left to be played");
    anyhow::ensure!(
        total <= PLAYED_MAX,
        "{total} conversations are too many; at most {PLAYED_MAX}"
    );
    let judge = model_of(&config, args.caller_llm)?;
    let has_sound = scenarios
        .iter()
        .any(|ready| ready.scenario.mode == Mode::Audio);
    if let Some(folder) = &args.recordings {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut simulation = Simulation {
        agent,
        colleagues,
        scenarios,
        repeat: args.repeat as usize,
        jobs: args.jobs as usize,
        speech: None,
        model: judge,
        recordings: args.recordings,
        config,
    };
    if has_sound {
        let better = simulation.config.speech.better_ears;
        simulation.speech = Some(load_speech(&simulation.config, better)?);
    }
    simulation.check()?;
    let results = runtime()?.block_on(async {
        tokio::select! {
            results = simulation.run(&show) => Ok(results),
            () = stopped() => Err(anyhow!("stopped before all conversations were held")),
        }
    })?;
    println!("\n{}", report::sum(&results));
    if let Some(file) = &args.junit {
        write(file, &report::junit(&results))?;
    }
    if let Some(file) = &args.json {
        write(file, &format!("{:#}\n", report::json(&results)))?;
    }
    Ok(if results.iter().any(|result| !result.is_played()) {
        ExitCode::from(UNPLAYED)
    } else if results.iter().any(|result| !result.is_met()) {
        ExitCode::from(MISSED)
    } else {
        ExitCode::SUCCESS
    })
}

/// An agent by its file or its name, and those to whom it may hand over. Those beside its file count, too.
fn agent(config: &Config, named: &str) -> anyhow::Result<(Arc<Agent>, Agents)> {
    let path = Path::new(named);
    let known = Agents::load(config.agents.as_deref())?;
    if path.extension().is_none_or(|ending| ending != "toml") {
        return Ok((known.named(named)?, known));
    }
    let agent = Arc::new(Agent::read(path)?);
    let mut beside = vec![Arc::clone(&agent)];
    // Each of those may name others.
    let mut at = 0;
    while let Some(one) = beside.get(at).cloned() {
        at += 1;
        for next in &one.hand_off {
            let file = path.with_file_name(format!("{}.toml", next.agent));
            let is_known = beside.iter().any(|known| known.id == next.agent);
            if !is_known && beside.len() < BESIDE_MAX && file.is_file() {
                beside.push(Arc::new(Agent::read(&file)?));
            }
        }
    }
    let known = known
        .iter()
        .filter(|known| beside.iter().all(|one| one.id != known.id));
    let all: Vec<Arc<Agent>> = known.cloned().chain(beside.iter().cloned()).collect();
    Ok((agent, Agents::of(all)))
}

/// Who plays callers and judges: what the command names, the configuration's choice for that, or its model for agents.
fn model_of(config: &Config, named: Option<Endpoint>) -> anyhow::Result<Option<Model>> {
    let configured = config.simulate.llm.chat();
    let settings = match named {
        Some(Endpoint { base_url, model }) => Some(ChatSettings {
            dialect: config.simulate.llm.dialect,
            base_url,
            model,
            api_key: config.simulate.llm.api_key.clone(),
            temperature: config.simulate.llm.temperature,
            max_tokens: config.simulate.llm.max_tokens,
        }),
        None => configured.or_else(|| config.llm.chat()),
    };
    settings.map(Model::new).transpose()
}

fn show(told: Told<'_>) {
    match told {
        Told::Begins {
            number,
            total,
            ready,
        } => {
            let scenario = &ready.scenario;
            eprintln!(
                "[{}/{total}] {} ({})",
                number + 1,
                scenario.name,
                scenario.mode
            );
        }
        Told::Ended(result) => println!("{result}"),
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| file.display().to_string())
}
