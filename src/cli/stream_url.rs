//! `stream-url`: the address of one call's media.

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use anyhow::anyhow;
use clap::Args;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction, sign};

use crate::agent::Agents;
use crate::app::new_call_id;
use crate::config::Config;
use crate::{clock, media_key, telephony};

#[derive(Args)]
pub(super) struct StreamUrlArgs {
    /// The agent that answers: one of the files' (`trunkline agents list`)
    #[arg(long)]
    agent: String,
    /// Whose call it is; needed if the server has several clients: it refuses a URL that names none
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// The caller's number, as +15550100123
    #[arg(long)]
    from: Option<PhoneNumber>,
    /// The number called
    #[arg(long)]
    to: Option<PhoneNumber>,
    /// Seconds until the URL stops working
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    ttl: u64,
    /// The call is one that the business makes
    #[arg(long)]
    outbound: bool,
    /// Good for any number of calls; the server must allow it
    #[arg(long)]
    reusable: bool,
}

pub(super) fn stream_url(config: &Config, args: StreamUrlArgs) -> anyhow::Result<()> {
    let agents = Agents::load(config.agents.as_deref())?;
    agents.named(&args.agent)?;
    if config.public_url.is_none() && config.listen.ip().is_unspecified() {
        return Err(anyhow!(
            "nobody can call {}; set public_url to the address carriers reach",
            config.listen
        ));
    }
    let key = media_key::open_or_make(&config.data)?;
    let now_s = u64::try_from(clock::unix_ms() / 1_000)?;
    let claims = Claims {
        call_id: new_call_id(),
        client: args.client,
        agent: args.agent,
        version: None,
        from: args.from,
        to: args.to,
        direction: if args.outbound {
            Direction::Outbound
        } else {
            Direction::Inbound
        },
        expires_unix_s: now_s + args.ttl,
        reusable: args.reusable,
        carrier: None,
    };
    println!(
        "{}{}/{}",
        config.public_url(),
        telephony::MEDIA_PATH,
        sign(&claims, &key)
    );
    Ok(())
}
