//! Stages that fail in mid-call: does every call go on, or say sorry, and is nobody left in silence?

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use crate::caller::Caller;
use crate::calls::{CallOptions, Shared};
use crate::clock::{Clock, Micros, ms};
use crate::line::End;
use crate::own_providers::OwnProviders;
use crate::providers::Stage;
use crate::report::LATE_MS_MAX;
use crate::server::ServerOptions;
use crate::tally::{Lateness, Spread, Tally};
use crate::web::Target;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What to break, and what is borne.
#[derive(Args, Debug, Clone)]
pub(crate) struct FaultOptions {
    /// Calls for each fault
    #[arg(long, default_value_t = 4)]
    calls: usize,
    /// How long a fault lasts, ms
    #[arg(long, default_value_t = 4_000)]
    for_ms: u64,
    /// Longest silence while the agent should speak, ms
    #[arg(long, default_value_t = 3_000)]
    silence_max_ms: u64,
    /// Only these, as stt:close
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Break only what has such an address, as stt=/v1/listen,llm=/v1/chat,tts=/v1/speak: the server's fallbacks have others
    #[arg(long, value_delimiter = ',', value_name = "STAGE=PATH")]
    at: Vec<String>,
    /// A call that ends in words is lost too: somebody else stands ready
    #[arg(long)]
    all_go_on: bool,
    #[command(flatten)]
    own: OwnProviders,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    options: CallOptions,
}

/// How a stage breaks; an error cuts what is open as well, or nobody in mid-call would meet it.
const HOWS: [(&str, &str); 3] = [
    ("close", "close"),
    ("stall", "stall"),
    ("500", "500&cut=true"),
];

/// Who was spoken to so shortly before the end was not just cut off.
const WORDS_BEFORE_END: Micros = ms(3_000);
/// So long after the measuring begins: turns that are under way count already.
const INTO_WINDOW: Micros = ms(3_000);

/// Runs every fault. The figures, and whether all calls bore them all.
///
/// # Errors
/// The server or the providers cannot be reached.
pub(crate) async fn run(mut run: FaultOptions) -> Result<(Value, bool)> {
    run.own.start(&mut run.options)?;
    let providers = run
        .options
        .providers
        .as_deref()
        .context("give --providers or --providers-port")?;
    let providers = Target::parse(providers)?;
    // Everybody speaks plainly and lets the agent finish: silence is then the server's.
    run.options.barge_every = 0;
    run.options.hesitate = 0.0;
    let mut rows = Vec::new();
    let mut is_good = true;
    let server = run.server.start().await?;
    println!(
        "{:<11}{:>6}{:>9}{:>10}{:>6}{:>8}{:>14}{:>7}{:>7}{:>7}{:>7}{:>8}",
        "fault",
        "calls",
        "went on",
        "in words",
        "lost",
        "silent",
        "silence p50",
        "max",
        "turns",
        "wrong",
        "words",
        "twice"
    );
    for stage in Stage::ALL {
        for (name, how) in HOWS {
            let label = format!("{}:{name}", stage.name());
            if !run.only.is_empty() && !run.only.contains(&label) {
                continue;
            }
            let order = format!(
                "/fault?what={}&how={how}&for_ms={}&path={}",
                stage.name(),
                run.for_ms,
                path(&run.at, stage.name())
            );
            providers.at("/reset").ask("GET").await?;
            let order = providers.at(&order);
            // An address may be good for less time than all faults take.
            let targets = run.server.targets().await?;
            let (outcomes, late_p99_ms) = broken(&run, &targets, &order).await?;
            let words = Words::told(&providers).await?;
            let silence_max = ms(run.silence_max_ms);
            let (mut row, is_borne) = judged(&label, &outcomes, words, silence_max, run.all_go_on);
            let is_void = late_p99_ms > LATE_MS_MAX;
            if is_void {
                println!(
                    "  VOID: the driver was {late_p99_ms} ms late; measure again on a quieter machine"
                );
            }
            row["driver_late_p99_ms"] = json!(late_p99_ms);
            is_good &= is_borne && !is_void;
            rows.push(row);
        }
    }
    server.stop().await?;
    if rows.is_empty() {
        bail!(
            "--only names no fault; they are stt, llm and tts, each with :close, :stall and :500"
        );
    }
    Ok((json!({ "faults": rows }), is_good))
}

/// Where a stage is to break; everywhere if nothing is said of it.
fn path<'a>(at: &'a [String], stage: &str) -> &'a str {
    let mut paths = at.iter().filter_map(|at| at.split_once('='));
    let found = paths.find(|(name, _)| *name == stage);
    found.map_or("", |(_, path)| path)
}

/// What became of the callers' words, by the model's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Words {
    /// Pieces of speech that the model was never told of.
    lost: u64,
    /// Pieces that it was told of twice.
    twice: u64,
}

impl Words {
    async fn told(providers: &Target) -> Result<Self> {
        let stats: Value = serde_json::from_str(&providers.at("/stats").ask("GET").await?.1)?;
        let count = |what: &str| stats["words"][what].as_u64();
        Ok(Self {
            lost: count("lost").context("the providers do not say which words were lost")?,
            twice: count("twice").unwrap_or(0),
        })
    }
}

struct Outcome {
    tally: Tally,
    end: End,
}

/// Holds the calls and breaks the stage once all of them talk.
/// How late the driver was, ms, comes with them.
async fn broken(
    run: &FaultOptions,
    targets: &[Target],
    order: &Target,
) -> Result<(Vec<Outcome>, usize)> {
    let clock = Clock::new();
    let seed = run.options.seed();
    let script = Rc::new(run.options.script(run.calls, 0)?);
    let window = (script.window_from, script.window_to);
    let lateness = Rc::new(RefCell::new(Lateness::default()));
    let mut running = Vec::new();
    for index in 0..run.calls {
        let begins = (index as f64 / run.options.ramp.max(0.01) * 1e6) as Micros;
        let target = targets[index % targets.len()].clone();
        let (script, options, lateness) = (
            Rc::clone(&script),
            run.options.clone(),
            Rc::clone(&lateness),
        );
        running.push(tokio::task::spawn_local(async move {
            clock.until(begins).await;
            let mut caller = Caller::new(script, index, seed, clock.now());
            let shared = Shared {
                clock,
                lateness: &lateness,
                window,
            };
            let end = options
                .call(&target, &mut caller, (seed, index), shared)
                .await;
            Outcome {
                tally: caller.tally,
                end,
            }
        }));
    }
    clock.until(window.0 + INTO_WINDOW).await;
    let (status, answer) = order.ask("POST").await?;
    if status != 200 {
        bail!("the providers do not take {}: {answer}", order.path);
    }
    let mut outcomes = Vec::new();
    for call in running {
        outcomes.push(call.await?);
    }
    let late_p99_ms = lateness.borrow().percentile(0.99);
    Ok((outcomes, late_p99_ms))
}

/// What became of the calls in one fault. A call bore it if it went on to a right answer, or was ended after the agent had
/// spoken, and was never silent for too long; if all are to go on, only if it did.
fn judged(
    label: &str,
    outcomes: &[Outcome],
    words: Words,
    silence_max: Micros,
    all_go_on: bool,
) -> (Value, bool) {
    let mut counts = [0u64; 4];
    let (mut turns, mut wrong) = (0, 0);
    for Outcome { tally, end } in outcomes {
        let went_on = *end == End::HungUp && tally.verified > 0 && tally.unanswered == 0;
        let said_sorry =
            matches!(end, End::ByServer(_)) && tally.silence_at_end.0 <= WORDS_BEFORE_END;
        counts[0] += u64::from(went_on);
        counts[1] += u64::from(!went_on && said_sorry);
        counts[2] += u64::from(!went_on && !said_sorry);
        counts[3] += u64::from(tally.silence_max.0 > silence_max);
        turns += tally.turns;
        wrong += tally.wrong;
    }
    let [went_on, said_sorry, lost, silent] = counts;
    let is_borne = lost == 0 && silent == 0 && !(all_go_on && said_sorry > 0);
    let silences: Vec<Micros> = outcomes.iter().map(|o| o.tally.silence_max.0).collect();
    let Spread { p50, max, .. } = Spread::of(&silences);
    println!(
        "{label:<11}{:>6}{went_on:>9}{said_sorry:>10}{lost:>6}{silent:>8}{p50:>14.0}{max:>7.0}{turns:>7}{wrong:>7}{:>7}{:>8}{}",
        outcomes.len(),
        words.lost,
        words.twice,
        if is_borne { "" } else { "  MISSED" }
    );
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for outcome in outcomes {
        *ends.entry(format!("{:?}", outcome.end)).or_default() += 1;
    }
    let row = json!({"fault": label, "calls": outcomes.len(), "went_on": went_on, "ended_with_words": said_sorry,
        "lost": lost, "silent": silent, "silence_max_ms": max, "silence_p50_ms": p50, "turns": turns,
        "wrong_answers": wrong, "words_lost": words.lost, "words_twice": words.twice, "ends": ends});
    (row, is_borne)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Longest;

    #[test]
    fn a_call_must_go_on_or_end_in_words_and_never_be_silent() {
        let outcome = |end: &End, verified, unverified, silence_ms| Outcome {
            tally: Tally {
                verified,
                silence_at_end: Longest(ms(if unverified > 0 { 500 } else { 3_001 })),
                unverified,
                silence_max: Longest(ms(silence_ms)),
                ..Tally::default()
            },
            end: end.clone(),
        };
        let by_server = End::ByServer(Some(1000));
        for (end, verified, unverified, silence_ms, is_borne) in [
            (&End::HungUp, 1, 1, 900, true),
            (&End::HungUp, 0, 3, 900, false),
            (&End::HungUp, 2, 0, 3_001, false),
            (&by_server, 0, 1, 900, true),
            (&by_server, 0, 0, 900, false),
            (&End::Failed("x".into()), 2, 2, 900, false),
        ] {
            let outcomes = [outcome(end, verified, unverified, silence_ms)];
            assert_eq!(
                judged("stt:close", &outcomes, Words::default(), ms(3_000), false).1,
                is_borne,
                "{end:?} {verified} {unverified}"
            );
            let goes_on = is_borne && *end == End::HungUp;
            assert_eq!(
                judged("stt:close", &outcomes, Words::default(), ms(3_000), true).1,
                goes_on
            );
        }
        let mut deaf = outcome(&End::HungUp, 1, 0, 900);
        deaf.tally.unanswered = 1;
        assert!(!judged("stt:close", &[deaf], Words::default(), ms(3_000), false).1);
    }
}
