//! The command line.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to its user"
)]

use crate::calls::{self, CallOptions, Urls};
use crate::faults::{self, FaultOptions};
use crate::limits::Limits;
use crate::process;
use crate::providers::{Delays, Providers};
use crate::run::{self, RunOptions};
use crate::soak::{self, SoakOptions};
use crate::tally::Spread;
use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "trunkline-load",
    about = "Calls in real time, fake AI providers, and honest measures"
)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Serve fake recognisers, models and voices with fixed delays
    Providers {
        /// The port on this machine
        #[arg(long, default_value_t = 9100)]
        port: u16,
        #[command(flatten)]
        delays: Delays,
    },
    /// Hold so many calls at once and measure
    Calls {
        /// How many
        #[arg(long, default_value_t = 1)]
        calls: usize,
        #[command(flatten)]
        urls: Urls,
        #[command(flatten)]
        options: Box<CallOptions>,
        #[command(flatten)]
        limits: Limits,
        /// Write the figures here as well
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Measure several numbers of calls and say where it breaks
    Run {
        #[command(flatten)]
        options: Box<RunOptions>,
        /// Write the figures here as well
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Break each stage in mid-call: does every call go on, or end in words?
    Faults {
        #[command(flatten)]
        options: Box<FaultOptions>,
        /// Write the figures here as well
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Hold short calls, one after the other, in rounds: does the server's memory grow?
    Soak {
        #[command(flatten)]
        options: Box<SoakOptions>,
        /// Write the figures here as well
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
}

/// Runs the command of this process's arguments. The exit code is 0 if all is well, 1 if a figure misses its mark or the
/// run is void, 2 if it could not run.
pub fn command() -> ExitCode {
    process::raise_open_files();
    match done(Command::parse().what) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("trunkline-load: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn done(what: What) -> Result<bool> {
    match what {
        What::Providers { port, delays } => {
            let providers = Providers::start(port, delays)?;
            println!("providers on {}", providers.address);
            loop {
                std::thread::park();
            }
        }
        What::Calls {
            calls,
            urls,
            options,
            limits,
            json,
        } => {
            let targets = urls.read()?;
            let report = on_one_thread(calls::hold(&options, &targets, calls))?;
            print!("{}", report.table());
            let misses = limits.misses(&report, Spread::of(&report.tally.plain).p95);
            if !misses.is_empty() {
                println!("MISSED: {}", misses.join("; "));
            }
            let mut figures = report.json();
            figures["misses"] = serde_json::json!(misses);
            keep(json.as_deref(), &figures)?;
            Ok(misses.is_empty())
        }
        What::Run { options, json } => judged(run::run(*options), json.as_deref()),
        What::Faults { options, json } => judged(faults::run(*options), json.as_deref()),
        What::Soak { options, json } => judged(soak::run(*options), json.as_deref()),
    }
}

fn judged(
    work: impl Future<Output = Result<(serde_json::Value, bool)>>,
    json: Option<&Path>,
) -> Result<bool> {
    let (figures, is_good) = on_one_thread(work)?;
    keep(json, &figures)?;
    Ok(is_good)
}

/// Runs on one thread, so that the driver costs at most a core and its timers are not passed around.
fn on_one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

fn keep(file: Option<&Path>, figures: &serde_json::Value) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text = serde_json::to_string_pretty(figures)?;
    std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
}
