//! What it costs to keep calls, and how fast what was kept is given back.
//!
//! ```text
//! cargo bench -p trunkline --bench keep
//! cargo bench -p trunkline --bench keep -- --calls 100 --seconds 60 --stored 1000000
//! ```
//!
//! One process holds a server's data folder, its journals, its SQLite rows and its API behind a socket; whoever asks has
//! a runtime of their own. Leave the machine alone meanwhile.
#![allow(
    clippy::print_stdout,
    missing_docs,
    reason = "a bench talks to its user and to nobody else"
)]

mod asking;
mod cost;
mod hour;
mod house;
mod writing;

use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use asking::{Ask, Client, Times};
use cost::Cost;
use house::House;
use writing::Writing;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Journal and rows may cost this much of a call's second, CPU-ms.
const KEEPING_MS_MAX: f64 = 0.1;
/// A transcript, a list, and the slowest in a hundred answers under load, ms.
const TRANSCRIPT_MS_MAX: f64 = 50.0;
const LIST_MS_MAX: f64 = 10.0;
const LOADED_MS_MAX: f64 = 20.0;
/// Times that a thing is asked for when it is measured alone.
const TIMES: usize = 200;
/// Requests a second under load, and the calls that are written beside them.
const PER_SECOND: u32 = 200;
const CALLS_BESIDE: usize = 50;

#[derive(Parser)]
struct Args {
    /// Calls that are written at once
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Seconds of each measurement that takes its time
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Calls that are stored already
    #[arg(long, default_value_t = 1_000_000)]
    stored: u64,
    /// Show what every kind of thread has used
    #[arg(long)]
    threads: bool,
    /// Said by cargo
    #[arg(long, hide = true)]
    bench: bool,
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
    let (serving, asking) = (runtime("server", None)?, runtime("asking", Some(1))?);
    let data = std::env::temp_dir().join(format!("trunkline-bench-{}", ulid::Ulid::new()));
    let done = serving.block_on(measure(&args, &data, &asking));
    asking.shutdown_background();
    // What was there for the bench alone goes with it.
    let _ = std::fs::remove_dir_all(&data);
    done
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

async fn measure(args: &Args, data: &std::path::Path, asking: &Runtime) -> anyhow::Result<()> {
    let house = House::open(data, args.stored).await?;
    println!("load average {}", load_average());
    keeping(args, &house).await?;
    let client = Client::new(&house)?;
    let hour = hour::write(&house).await?;
    for format in ["json", "vtt", "text"] {
        let ask = Ask::get(format!("/v1/calls/{hour}/transcript?format={format}"));
        let times = on(asking, &client, vec![ask], TIMES).await?;
        let what = format!("transcript of an hour, {format}");
        times.tell(&what, Some((0.99, TRANSCRIPT_MS_MAX)));
    }
    for (what, path) in house::lists(args.stored) {
        let times = on(asking, &client, vec![Ask::get(path)], TIMES).await?;
        times.tell(&format!("list of calls, {what}"), Some((0.5, LIST_MS_MAX)));
    }
    loaded(args, &house, &client, asking).await?;
    println!("load average {}", load_average());
    house.close().await;
    Ok(())
}

/// The same calls with a journal and rows, and without.
async fn keeping(args: &Args, house: &House) -> anyhow::Result<()> {
    let length = Duration::from_secs(args.seconds);
    let mut used = Vec::new();
    for keeps in [false, true] {
        let mut writing = Writing::begin(house, args.calls, keeps).await?;
        // What a call costs at its beginning is another thing.
        writing.run(Duration::from_secs(2)).await?;
        let (before, rows) = (Cost::now(), house.rows_written());
        writing.run(length).await?;
        let cost = Cost::now().since(&before);
        if keeps {
            let rows = (house.rows_written() - rows) as f64;
            let seconds = args.calls as f64 * length.as_secs_f64();
            println!("{:.2} rows a call-second", rows / seconds);
        }
        writing.end(house).await?;
        used.push(cost);
    }
    let seconds = args.calls as f64 * length.as_secs_f64();
    let per_second: Vec<f64> = used.iter().map(|cost| cost.ms() / seconds).collect();
    let [without, with] = per_second[..] else {
        return Ok(());
    };
    let keeping = with - without;
    println!(
        "CPU-ms of a call-second at {} calls: {without:.4} without, {with:.4} with: {keeping:.4} for keeping ({}, at most {KEEPING_MS_MAX})",
        args.calls,
        verdict(keeping, KEEPING_MS_MAX),
    );
    if args.threads {
        for (cost, what) in used.iter().zip(["without", "with"]) {
            for (thread, ms) in cost.by_thread() {
                println!("  {what:7} {thread:20} {ms:9.1} ms");
            }
        }
    }
    Ok(())
}

/// Asks for these in turn, one after the other.
async fn on(
    asking: &Runtime,
    client: &Client,
    asks: Vec<Ask>,
    times: usize,
) -> anyhow::Result<Times> {
    let client = client.clone();
    asking
        .spawn(async move {
            let mut taken = Times::default();
            for ask in asks.iter().cycle().take(times) {
                taken.add(client.send(ask).await?);
            }
            anyhow::Ok(taken)
        })
        .await?
}

/// Answers at a steady rate, beside calls that are being written. A time begins when its request was due, so that one
/// slow answer counts for all that wait behind it.
async fn loaded(
    args: &Args,
    house: &House,
    client: &Client,
    asking: &Runtime,
) -> anyhow::Result<()> {
    let asks = house.mixture()?;
    let mut writing = Writing::begin(house, CALLS_BESIDE, true).await?;
    let length = Duration::from_secs(args.seconds);
    let client = client.clone();
    let asked = asking.spawn(async move {
        let mut due = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
        let mut answers = JoinSet::new();
        for ask in asks
            .into_iter()
            .cycle()
            .take(length.as_secs() as usize * PER_SECOND as usize)
        {
            let at = due.tick().await;
            let client = client.clone();
            answers.spawn(async move {
                client.send(&ask).await?;
                anyhow::Ok((ask.name, at.elapsed()))
            });
        }
        let (mut all, mut by_name) = (Times::default(), std::collections::BTreeMap::new());
        while let Some(answer) = answers.join_next().await {
            let (name, time) = answer??;
            all.add(time);
            by_name.entry(name).or_insert_with(Times::default).add(time);
        }
        anyhow::Ok((all, by_name))
    });
    writing.run(length).await?;
    let (all, by_name) = asked.await??;
    writing.end(house).await?;
    let what = format!("{PER_SECOND} requests a second beside {CALLS_BESIDE} calls");
    all.tell(&what, Some((0.99, LOADED_MS_MAX)));
    for (name, times) in by_name {
        times.tell(&format!("  of these, {name}"), None);
    }
    Ok(())
}

fn verdict(found: f64, most: f64) -> &'static str {
    if found < most { "held" } else { "MISSED" }
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}
