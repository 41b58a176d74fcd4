//! Short calls one after the other, in rounds: what does a server keep of calls that are over?

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use crate::caller::Caller;
use crate::calls::{CallOptions, Shared, finish};
use crate::clock::{Clock, Micros, ms, seconds};
use crate::memory::{Curve, growth_percent};
use crate::own_providers::OwnProviders;
use crate::process::Usage;
use crate::server::ServerOptions;
use crate::tally::{Lateness, Spread, Tally};
use crate::web::Target;
use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What is held, and what is borne.
#[derive(Args, Debug, Clone)]
pub(crate) struct SoakOptions {
    /// Calls of a round
    #[arg(long, default_value_t = 10_000)]
    calls_total: usize,
    /// Calls at once
    #[arg(long, default_value_t = 200)]
    at_once: usize,
    /// Rounds
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Seconds of the answer to its only turn that a caller hears before it hangs up
    #[arg(long, default_value_t = 3.0)]
    talk: f64,
    /// Seconds from the end of a round's last call to the reading of memory
    #[arg(long, default_value_t = 20.0)]
    rest: f64,
    /// How far the server's memory after the last round may be above that after the first, per cent
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    rss_growth_max: f64,
    #[command(flatten)]
    own: OwnProviders,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    options: CallOptions,
}

/// No call takes longer, however slow the server is.
const CALL_MAX: Micros = ms(60_000);

/// Addresses are asked for anew after so long.
const URLS_LAST: Micros = ms(60_000);

/// What a round came to.
struct Round {
    tally: Tally,
    late_p99_ms: usize,
    took_s: f64,
    /// When all calls were over and had been for a while, KiB.
    rss_kib: f64,
    rss_max_kib: f64,
}

/// Runs the rounds. The figures, and whether the memory stayed and no call failed.
///
/// # Errors
/// The server or the providers cannot be reached, or the server's process is not known.
pub(crate) async fn run(mut run: SoakOptions) -> Result<(Value, bool)> {
    run.own.start(&mut run.options)?;
    // What is said matters little; that it is over soon does.
    run.options.barge_every = 0;
    run.options.hesitate = 0.0;
    let server = run.server.start().await?;
    let pid = server
        .pid()
        .or(run.options.pid)
        .context("give --pid or --server: whose memory is it?")?;
    let clock = Clock::new();
    let mut memory = Curve::default();
    let before_kib = Usage::of(pid).rss_kib;
    println!("before: {before_kib:.0} KiB");
    let mut rounds = Vec::new();
    for number in 1..=run.rounds.max(1) {
        let round = held(&run, pid, clock, &mut memory).await?;
        println!("round {number}: {}", round.line());
        for failure in round.tally.failures.iter().take(5) {
            println!("  failed: {failure}");
        }
        rounds.push(round);
    }
    server.stop().await?;
    let growth = growth(&rounds);
    let is_good = growth <= run.rss_growth_max && rounds.iter().all(Round::is_good);
    println!(
        "memory after the last round: {growth:+.1} % of that after the first{}",
        if is_good { "" } else { "  MISSED" }
    );
    let rows: Vec<Value> = rounds.iter().map(Round::json).collect();
    let figures = json!({"calls_of_a_round": run.calls_total, "at_once": run.at_once, "rss_before_kib": before_kib,
        "rounds": rows, "rss_growth_percent": growth, "memory": memory.json()});
    Ok((figures, is_good))
}

/// How far the memory after the last round is above that after the first, per cent.
fn growth(rounds: &[Round]) -> f64 {
    let rss = |round: Option<&Round>| round.map_or(0.0, |round| round.rss_kib);
    growth_percent(rss(rounds.first()), rss(rounds.last()))
}

/// Holds the calls of one round, lets the server rest and reads its memory.
async fn held(run: &SoakOptions, pid: u32, clock: Clock, memory: &mut Curve) -> Result<Round> {
    let began = clock.now();
    let seed = run.options.seed();
    let mut script = run.options.script(run.at_once, 0)?;
    (script.window_from, script.window_to) = (0, Micros::MAX);
    script.talk = Some(seconds(run.talk));
    let script = Rc::new(script);
    let lateness = Rc::new(RefCell::new(Lateness::default()));
    let (next, left) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(run.at_once)));
    let targets = Rc::new(RefCell::new(run.server.targets().await?));
    let mut lines = Vec::new();
    for line in 0..run.at_once {
        let begins = began + seconds(line as f64 / run.options.ramp.max(0.01));
        let (script, run, lateness) = (Rc::clone(&script), run.clone(), Rc::clone(&lateness));
        let (next, left, targets) = (Rc::clone(&next), Rc::clone(&left), Rc::clone(&targets));
        lines.push(tokio::task::spawn_local(async move {
            clock.until(begins).await;
            let mut tally = Tally::default();
            while next.get() < run.calls_total {
                let index = next.replace(next.get() + 1);
                let mut caller = Caller::new(Rc::clone(&script), index, seed, clock.now());
                let shared = Shared {
                    clock,
                    lateness: &lateness,
                    window: (0, clock.now() + CALL_MAX),
                };
                let target = one_of(&targets.borrow(), index);
                let call = run
                    .options
                    .call(&target, &mut caller, (seed, index), shared);
                let end = call.await;
                tally.add(finish(caller.tally, end, index));
            }
            left.set(left.get() - 1);
            tally
        }));
    }
    let (mut rss_max_kib, mut renewed): (f64, Micros) = (0.0, began);
    let every = seconds(run.options.rss_every.unwrap_or(10.0)).max(ms(1_000));
    while left.get() > 0 && !lines.iter().all(tokio::task::JoinHandle::is_finished) {
        clock.until(clock.now() + ms(500)).await;
        if clock.now() >= renewed + URLS_LAST {
            renewed = clock.now();
            *targets.borrow_mut() = run.server.targets().await?;
        }
        let is_due = |last: f64| clock.now() >= seconds(last) + every;
        if memory.last_s().is_none_or(is_due) {
            let rss_kib = Usage::of(pid).rss_kib;
            rss_max_kib = rss_max_kib.max(rss_kib);
            memory.note(clock.now() as f64 / 1e6, rss_kib);
        }
    }
    let took_s = (clock.now() - began) as f64 / 1e6;
    let mut tally = Tally::default();
    for line in lines {
        tally.add(line.await?);
    }
    clock.until(clock.now() + seconds(run.rest)).await;
    let rss_kib = Usage::of(pid).rss_kib;
    memory.note(clock.now() as f64 / 1e6, rss_kib);
    let late_p99_ms = lateness.borrow().percentile(0.99);
    Ok(Round {
        tally,
        late_p99_ms,
        took_s,
        rss_kib,
        rss_max_kib: rss_max_kib.max(rss_kib),
    })
}

fn one_of(targets: &[Target], index: usize) -> Target {
    targets[index % targets.len()].clone()
}

impl Round {
    /// Nobody was turned away, cut off, left without an answer or given another's.
    fn is_good(&self) -> bool {
        let tally = &self.tally;
        tally.failures.is_empty() && tally.unanswered == 0 && tally.wrong == 0 && tally.turns > 0
    }

    fn line(&self) -> String {
        let tally = &self.tally;
        let Spread { p50, p95, .. } = Spread::of(&tally.plain);
        format!(
            "{} turns in {:.0} s, response p50 {p50:.0} p95 {p95:.0} ms, {} failed, {} unanswered, {} wrong, {} without greeting; memory {:.0} KiB at most, {:.0} KiB when all was over; driver late p99 {} ms",
            tally.turns,
            self.took_s,
            tally.failures.len(),
            tally.unanswered,
            tally.wrong,
            tally.without_greeting,
            self.rss_max_kib,
            self.rss_kib,
            self.late_p99_ms
        )
    }

    fn json(&self) -> Value {
        json!({"took_s": self.took_s, "rss_kib": self.rss_kib, "rss_max_kib": self.rss_max_kib,
            "driver_late_p99_ms": self.late_p99_ms, "measures": self.tally.json()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(rss_kib: f64) -> Round {
        Round {
            tally: Tally {
                turns: 3,
                ..Tally::default()
            },
            late_p99_ms: 0,
            took_s: 1.0,
            rss_kib,
            rss_max_kib: 900.0,
        }
    }

    #[test]
    fn growth_is_from_the_first_round_to_the_last() {
        let rounds = [round(200.0), round(500.0), round(210.0)];
        assert!((growth(&rounds) - 5.0).abs() < 1e-9);
        assert!(rounds.iter().all(Round::is_good));
    }

    #[test]
    fn a_round_with_a_lost_call_is_not_good() {
        let mut lost = [round(1.0), round(1.0), round(1.0), round(1.0)];
        lost[0].tally.failures.push("x".into());
        lost[1].tally.unanswered = 1;
        lost[2].tally.wrong = 1;
        lost[3].tally.turns = 0;
        assert!(!lost.iter().any(Round::is_good));
    }
}
