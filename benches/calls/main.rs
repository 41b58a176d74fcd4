//! How fast the server answers with its embedded speech, as the carrier sees it: the demo's conversation, by several
//! callers at once, in real time.
//!
//! ```text
//! cargo bench --bench calls -- --callers 1,2 --rounds 3
//! cargo bench --bench calls -- --callers 1 --rounds 3 --garbage 100
//! ```
//!
//! One process holds the server, set up as `trunkline serve` sets it up, and the simulated carriers, which have a
//! runtime of their own so that they measure and are not measured. Leave the machine alone meanwhile.
#![allow(
    clippy::print_stdout,
    missing_docs,
    reason = "a bench talks to its user and to nobody else"
)]

mod cost;
mod figures;
mod garbage;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use trunkline::agent::Agents;
use trunkline::api::ApiLimits;
use trunkline::app::{App, Parts, new_call_id};
use trunkline::carrier_double::{CallRecord, CallSetup, Carrier, ConnectError};
use trunkline::config::Config;
use trunkline::desk::Desk;
use trunkline::desk::setup::Books;
use trunkline::journal::JournalSettings;
use trunkline::models::{Check, ModelSet, ModelsDir};
use trunkline::providers::Providers;
use trunkline::speech::{Speech, SpeechSettings};
use trunkline::stack::Defaults;
use trunkline::store::StoreConfig;
use trunkline::{clock, demo, media_key, telephony};
use trunkline_core::call::{Note, Timing};
use trunkline_core::token::{Claims, Direction, Key, sign};

use cost::Cost;
use figures::Figures;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the media URLs work.
const URL_SECONDS: u64 = 24 * 3_600;
/// How long an agent may take for its last words after the script's end.
const GOODBYE: Duration = Duration::from_secs(25);
/// How long a caller who was refused waits before calling again.
const REDIAL: Duration = Duration::from_secs(2);
const REDIALS_MAX: u32 = 10;
/// What a server has to do after its start is done by then.
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Parser)]
struct Args {
    /// Callers at once; several numbers are measured one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    callers: Vec<usize>,
    /// Conversations of each caller
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Milliseconds between the first words of one caller and of the next
    #[arg(long, default_value_t = 700)]
    stagger_ms: u64,
    /// Measure again with so many sockets that send garbage
    #[arg(long, default_value_t = 0)]
    garbage: usize,
    /// Messages a second of each of these
    #[arg(long, default_value_t = 10.0)]
    garbage_rate: f64,
    /// Heavy speech workers, in place of one less than the machine's cores
    #[arg(long)]
    workers: Option<usize>,
    /// Who answers; its flow must be one that the demo's caller can talk to
    #[arg(long, default_value = "front-desk")]
    agent: String,
    /// Print every answer
    #[arg(long)]
    verbose: bool,
    /// Said by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The server and what it takes to call it.
struct Server {
    app: Arc<App>,
    speech: Speech,
    key: Key,
    address: String,
    /// The answers of all calls, as the server timed them.
    timings: Mutex<Vec<(String, Timing)>>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // A second provider in the process is the only way for this to fail; the first then serves.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // The log costs what it costs in service, and is not read.
    tracing_subscriber::fmt()
        .with_env_filter("info")
        .with_writer(std::io::sink)
        .init();
    let serving = runtime("server", None)?;
    let calling = runtime("callers", Some(1))?;
    let data = std::env::temp_dir().join(format!("trunkline-bench-{}", ulid::Ulid::new()));
    let server = Arc::new(serving.block_on(start(&args, &data))?);
    for callers in &args.callers {
        let mut rows = vec![measure(&args, &server, &calling, *callers, 0)?];
        if args.garbage > 0 {
            rows.push(measure(&args, &server, &calling, *callers, args.garbage)?);
        }
        println!("{}", Figures::table(&rows));
    }
    // What was there for the bench alone goes with it.
    let _ = std::fs::remove_dir_all(&data);
    Ok(())
}

fn runtime(name: &str, threads: Option<usize>) -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder
        .enable_all()
        .thread_name(name)
        .build()
        .context("the async runtime did not start")
}

/// As `trunkline serve`, and waits until all that is made ahead is made.
/// A data folder with one client, for whom every call is kept.
async fn desk(data: &std::path::Path) -> anyhow::Result<Desk> {
    let config = StoreConfig::sqlite(&data.join("trunkline.db"));
    let books = Books::make(data, &config).await?;
    books.add_client("Bench").await?;
    drop(books);
    let (desk, _) = Desk::open(data, &config, JournalSettings::default()).await?;
    Ok(desk)
}

async fn start(args: &Args, data: &std::path::Path) -> anyhow::Result<Server> {
    let config = Config::load(None)?;
    let root = config.models_root()?;
    let models = ModelsDir::ensure(&root, ModelSet::Default, Check::Stamp, &mut |_| {})?;
    let settings = SpeechSettings {
        workers: args.workers.or(config.speech.workers),
        ..SpeechSettings::default()
    };
    let speech = Speech::load(&models, &settings)?;
    let key = media_key::open_or_make(data)?;
    let app = App::new(Parts {
        ears: Arc::new(speech.clone()),
        voice: Arc::new(speech.clone()),
        agents: Agents::load(None)?,
        keys: vec![media_key::open_or_make(data)?],
        allow_reusable: true,
        defaults: Defaults::default(),
        providers: Providers::default(),
        desk: Arc::new(desk(data).await?),
        public_url: "ws://127.0.0.1".into(),
        limits: ApiLimits::default(),
        place: None,
    });
    if app.agents.find(&args.agent).is_none() {
        return Err(anyhow!("there is no agent {:?}", args.agent));
    }
    app.warm().await?;
    app.prepare().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(trunkline::api::serve(
        Arc::clone(&app),
        listener,
        std::future::pending(),
    ));
    tokio::time::sleep(SETTLE).await;
    Ok(Server {
        app,
        speech,
        key,
        address,
        timings: Mutex::default(),
    })
}

impl Server {
    /// A media URL and the id of the call that it opens.
    fn url(&self, agent: &str, reusable: bool) -> anyhow::Result<(String, String)> {
        let claims = Claims {
            call_id: new_call_id(),
            client: None,
            agent: agent.to_owned(),
            version: None,
            from: None,
            to: None,
            direction: Direction::Inbound,
            expires_unix_s: u64::try_from(clock::unix_ms() / 1_000)? + URL_SECONDS,
            reusable,
            carrier: None,
        };
        let token = sign(&claims, &self.key);
        let url = format!("ws://{}{}/{token}", self.address, telephony::MEDIA_PATH);
        Ok((url, claims.call_id))
    }
}

fn measure(
    args: &Args,
    server: &Arc<Server>,
    calling: &Runtime,
    callers: usize,
    garbage: usize,
) -> anyhow::Result<Figures> {
    let mut figures = Figures::new(callers, garbage);
    let flood = garbage::Flood::start(
        garbage,
        args.garbage_rate,
        &server.address,
        &server.url(&args.agent, true)?.0,
    )?;
    let before = Cost::now();
    let stats_before = server.speech.stats();
    calling.block_on(async {
        let listening = tokio::spawn(listen(Arc::clone(server), args.verbose));
        let mut calls = JoinSet::new();
        for caller in 0..callers {
            let (server, agent, rounds) = (Arc::clone(server), args.agent.clone(), args.rounds);
            let wait = Duration::from_millis(args.stagger_ms * caller as u64);
            calls.spawn(async move {
                tokio::time::sleep(wait).await;
                let mut held = Vec::new();
                for round in 0..rounds {
                    held.push(converse(&server, &agent, (caller * 1_000 + round) as u64).await?);
                }
                anyhow::Ok(held)
            });
        }
        while let Some(held) = calls.join_next().await {
            for call in held?? {
                figures.add_call(&call.record, call.redials, args.verbose);
                figures.calls.insert(call.id);
            }
        }
        listening.abort();
        anyhow::Ok(())
    })?;
    figures.cost = Cost::now().since(&before);
    figures.garbage_sent = flood.stop();
    figures.speech(&stats_before, &server.speech.stats());
    figures.server = server
        .timings
        .lock()
        .map(|mut timings| std::mem::take(&mut *timings))
        .unwrap_or_default();
    Ok(figures)
}

/// Keeps the answers that the server tells of, until aborted.
async fn listen(server: Arc<Server>, verbose: bool) {
    let mut notes = server.app.feed.subscribe();
    loop {
        match notes.recv().await {
            Ok(live) => {
                if verbose {
                    println!("{} {:?}", live.call_id, live.note);
                }
                if let (Note::Answered { timing, .. }, Ok(mut timings)) =
                    (live.note, server.timings.lock())
                {
                    timings.push((live.call_id.to_string(), timing));
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// One conversation, held.
struct Held {
    id: String,
    record: CallRecord,
    redials: u32,
}

async fn converse(server: &Server, agent: &str, seed: u64) -> anyhow::Result<Held> {
    let (url, id) = server.url(agent, false)?;
    let mut redials = 0;
    let mut carrier = loop {
        match Carrier::connect(&url, CallSetup::new(seed)).await {
            Ok(carrier) => break carrier,
            Err(ConnectError::Refused(503)) if redials < REDIALS_MAX => {
                redials += 1;
                tokio::time::sleep(REDIAL).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    for line in demo::caller::built_in()? {
        if line.perform(&mut carrier).await.is_err() {
            break;
        }
    }
    // A call that the agent does not end is ended by its caller.
    let _ = tokio::time::timeout(GOODBYE, carrier.wait_until_over()).await;
    Ok(Held {
        id,
        record: carrier.finish().await?,
        redials,
    })
}
