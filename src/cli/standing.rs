//! `clients suspend`, `resume` and `limits`: who may dial, and how much.

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use anyhow::bail;
use clap::Args;

use crate::agent::Agents;
use crate::config::Config;
use crate::desk::setup::Books;
use crate::ids::ClientId;
use crate::store::limits::Limits;

/// A limit that nobody means.
const LIMIT_MAX: i64 = 1_000_000;

#[derive(Args)]
pub(super) struct SuspendArgs {
    /// The client, as `cli_…`
    client: String,
    /// Why, in words that the client is shown
    #[arg(long)]
    reason: String,
    /// One agent alone, as `agent_…`
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// End the calls that it has placed and that go on, too
    #[arg(long)]
    now: bool,
}

#[derive(Args)]
pub(super) struct ResumeArgs {
    /// The client, as `cli_…`
    client: String,
    /// One agent alone, as `agent_…`
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

#[derive(Args)]
pub(super) struct LimitsArgs {
    /// The client, as `cli_…`
    client: String,
    /// Calls that ring or go on at the same time; the configuration's if `usual`
    #[arg(long, value_name = "N")]
    calls_at_once: Option<Limit>,
    /// Calls begun within a second; the configuration's if `usual`
    #[arg(long, value_name = "N")]
    calls_per_second: Option<Limit>,
    /// Calls begun within 24 hours; the configuration's if `usual`
    #[arg(long, value_name = "N")]
    calls_per_day: Option<Limit>,
}

/// A limit as it is typed: a number, or `usual`.
#[derive(Clone, Copy)]
struct Limit(Option<u32>);

impl std::str::FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "usual" {
            return Ok(Self(None));
        }
        let number = text.parse::<u32>().ok();
        let number = number.filter(|n| i64::from(*n) <= LIMIT_MAX);
        number
            .map(|number| Self(Some(number)))
            .ok_or_else(|| format!("expected a number up to {LIMIT_MAX}, or usual"))
    }
}

/// The agent that is meant, if there is one of that name.
async fn check_agent(
    config: &Config,
    books: &Books,
    client: &ClientId,
    agent: Option<&str>,
) -> anyhow::Result<()> {
    let Some(agent) = agent else { return Ok(()) };
    let of_files = Agents::load(config.agents.as_deref())?;
    if of_files.find(agent).is_some() || books.has_agent(client, agent).await? {
        return Ok(());
    }
    bail!("{client} has no agent {agent:?}")
}

pub(super) async fn suspend(config: &Config, args: SuspendArgs) -> anyhow::Result<()> {
    let books = Books::open(&config.data, &config.store()).await?;
    let client = books.client(Some(&args.client)).await?;
    let agent = args.agent.as_deref();
    check_agent(config, &books, &client, agent).await?;
    let whom = agent.unwrap_or(client.as_str());
    match books
        .suspend(&client, agent, &args.reason, args.now)
        .await?
    {
        true => println!("{whom} is stopped: nothing is dialled for it"),
        false if args.now => println!("{whom} was stopped already; its calls end now"),
        false => println!("{whom} was stopped already"),
    }
    Ok(())
}

pub(super) async fn resume(config: &Config, args: ResumeArgs) -> anyhow::Result<()> {
    let books = Books::open(&config.data, &config.store()).await?;
    let client = books.client(Some(&args.client)).await?;
    let agent = args.agent.as_deref();
    let whom = agent.unwrap_or(client.as_str());
    if !books.resume(&client, agent).await? {
        bail!("{whom} is not stopped");
    }
    println!("{whom} may dial again");
    for (other, _) in books.suspensions(&client).await? {
        let still = other.agent_id.as_deref().unwrap_or(client.as_str());
        println!("{still} is still stopped");
    }
    Ok(())
}

pub(super) async fn limits(config: &Config, args: LimitsArgs) -> anyhow::Result<()> {
    let books = Books::open(&config.data, &config.store()).await?;
    let client = books.client(Some(&args.client)).await?;
    let before = books.limits(&client).await?;
    let or = |typed: Option<Limit>, before| typed.map_or(before, |Limit(limit)| limit);
    let now = Limits {
        calls_at_once: or(args.calls_at_once, before.calls_at_once),
        calls_per_second: or(args.calls_per_second, before.calls_per_second),
        calls_per_day: or(args.calls_per_day, before.calls_per_day),
    };
    if now != before {
        books.set_limits(&client, &now).await?;
    }
    let usual = config.clients.rules()?.limits;
    for (name, own, usual) in [
        ("at once", now.calls_at_once, usual.calls_at_once),
        (
            "within a second",
            now.calls_per_second,
            usual.calls_per_second,
        ),
        ("within 24 hours", now.calls_per_day, usual.calls_per_day),
    ] {
        match (own, usual) {
            (Some(own), _) => println!("calls {name:<16} {own}"),
            (None, Some(usual)) => println!("calls {name:<16} {usual}  (as for everybody)"),
            (None, None) => println!("calls {name:<16} any number"),
        }
    }
    Ok(())
}
