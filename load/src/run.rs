//! Several numbers of calls in turn: where does it break?

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use crate::calls::{self, CallOptions};
use crate::limits::Limits;
use crate::own_providers::OwnProviders;
use crate::server::ServerOptions;
use crate::tally::Spread;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// What to run.
#[derive(Args, Debug, Clone)]
pub(crate) struct RunOptions {
    /// Numbers of calls, in turn
    #[arg(long, value_delimiter = ',', default_value = "1,8,50,200")]
    calls: Vec<usize>,
    /// Go on after a number that breaks
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    own: OwnProviders,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    options: CallOptions,
    #[command(flatten)]
    limits: Limits,
}

/// Runs them all. The figures, and whether every number of calls kept within the limits.
///
/// # Errors
/// The server or the providers cannot be started.
pub(crate) async fn run(run: RunOptions) -> Result<(Value, bool)> {
    let mut options = run.options;
    run.own.start(&mut options)?;
    let mut points = Vec::new();
    let mut base_p95_ms = None;
    let mut sustained = None;
    let mut is_good = true;
    for calls in run.calls {
        let server = run.server.start().await?;
        options.pid = server.pid().or(options.pid);
        let held = calls::hold(&options, &server.targets, calls).await;
        server.stop().await?;
        let report = held?;
        let p95_ms = Spread::of(&report.tally.plain).p95;
        let misses = run
            .limits
            .misses(&report, *base_p95_ms.get_or_insert(p95_ms));
        print!("{}", report.table());
        let mut point = report.json();
        point["misses"] = json!(misses);
        points.push(point);
        if misses.is_empty() {
            println!("{calls} calls: within all limits\n");
            sustained = Some(calls).filter(|_| is_good).or(sustained);
            continue;
        }
        println!("{calls} calls: MISSED: {}\n", misses.join("; "));
        is_good = false;
        if !run.keep_going {
            break;
        }
    }
    match sustained {
        Some(calls) => println!("sustained: {calls} calls"),
        None => println!("sustained: none"),
    }
    Ok((
        json!({"points": points, "sustained_calls": sustained}),
        is_good,
    ))
}
