//! `init`, `clients` and `keys`: a data folder, who may use it, and with what.

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use clap::{Args, Subcommand};

use super::standing;
use crate::api::Scope;
use crate::api_key::Secret;
use crate::clock;
use crate::config::Config;
use crate::desk::setup::{Books, MadeKey};
use crate::vault;

#[derive(Args)]
pub(super) struct InitArgs {
    /// Name of the first client: the business whose calls these are
    #[arg(long, default_value = "My business")]
    client: String,
}

#[derive(Subcommand)]
pub(super) enum ClientsWhat {
    /// Add one, with a key to everything of its own
    Add {
        /// What to call it
        name: String,
    },
    /// List them
    List,
    /// Stop one, or one of its agents, from dialling
    Suspend(standing::SuspendArgs),
    /// Let it dial again
    Resume(standing::ResumeArgs),
    /// Show how much one may call, or change it
    Limits(standing::LimitsArgs),
}

#[derive(Subcommand)]
pub(super) enum KeysWhat {
    /// Make one and show it, once
    Create {
        /// Whose; needed if there are several clients
        #[arg(long, value_name = "ID")]
        client: Option<String>,
        /// What to call it
        #[arg(long, default_value = "command line")]
        name: String,
        /// What it may do, as `calls:read transcripts:read`, separated by spaces; everything if left out
        #[arg(long, value_name = "SCOPE", num_args = 1..)]
        scopes: Vec<String>,
        /// Days until it stops working; it does not if left out
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
    },
    /// List them, without their secrets
    List {
        /// Whose; needed if there are several clients
        #[arg(long, value_name = "ID")]
        client: Option<String>,
    },
    /// Make one useless
    Revoke {
        /// The key's id, as `key_…`
        key: String,
        /// Whose; needed if there are several clients
        #[arg(long, value_name = "ID")]
        client: Option<String>,
    },
}

pub(super) async fn init(config: &Config, args: &InitArgs) -> anyhow::Result<()> {
    let books = Books::make(&config.data, &config.store()).await?;
    let client = books.add_client(&args.client).await?;
    let made = books
        .add_key(&client, "first", vec!["*".into()], None)
        .await?;
    println!("data folder  {}", config.data.display());
    println!("key file     {}", vault::key_file(&config.data).display());
    println!("             copy it to a safe: without it nothing that is stored can be read");
    println!("client       {client}  {}", args.client);
    show_key(&made);
    println!("\nnext: trunkline serve");
    Ok(())
}

fn show_key(MadeKey { id, secret }: &MadeKey) {
    println!(
        "API key      {}  ({id}; shown this once)",
        Secret::reveal(secret)
    );
}

pub(super) async fn clients(config: &Config, what: ClientsWhat) -> anyhow::Result<()> {
    let what = match what {
        ClientsWhat::Suspend(args) => return standing::suspend(config, args).await,
        ClientsWhat::Resume(args) => return standing::resume(config, args).await,
        ClientsWhat::Limits(args) => return standing::limits(config, args).await,
        what @ (ClientsWhat::Add { .. } | ClientsWhat::List) => what,
    };
    let books = Books::open(&config.data, &config.store()).await?;
    match what {
        ClientsWhat::Add { name } => {
            let client = books.add_client(&name).await?;
            println!("client       {client}  {name}");
            show_key(
                &books
                    .add_key(&client, "first", vec!["*".into()], None)
                    .await?,
            );
        }
        ClientsWhat::List => {
            for (client, name) in books.clients().await? {
                let closed = client.closed_ms.map_or("", |_| "  (closed)");
                let stopped = books.suspensions(&client.id).await?;
                let stopped = match stopped.iter().any(|(row, _)| row.agent_id.is_none()) {
                    true => "  (stopped)",
                    false => "",
                };
                println!("{}  {name}{closed}{stopped}", client.id);
            }
        }
        ClientsWhat::Suspend(_) | ClientsWhat::Resume(_) | ClientsWhat::Limits(_) => {}
    }
    Ok(())
}

pub(super) async fn keys(config: &Config, what: KeysWhat) -> anyhow::Result<()> {
    let books = Books::open(&config.data, &config.store()).await?;
    match what {
        KeysWhat::Create {
            client,
            name,
            scopes,
            days,
        } => {
            for scope in &scopes {
                if Scope::parse(scope).is_none() {
                    let known: Vec<&str> = Scope::EACH.iter().map(|(s, _)| s.as_str()).collect();
                    anyhow::bail!(
                        "there is no scope {scope:?}; there are: *, {}",
                        known.join(", ")
                    );
                }
            }
            let scopes = if scopes.is_empty() {
                vec!["*".into()]
            } else {
                scopes
            };
            let client = books.client(client.as_deref()).await?;
            let expires = days.map(|days| clock::unix_ms() + i64::from(days) * 86_400_000);
            show_key(&books.add_key(&client, &name, scopes, expires).await?);
        }
        KeysWhat::List { client } => {
            let client = books.client(client.as_deref()).await?;
            for (key, name) in books.keys(&client).await? {
                let state = match (key.revoked_ms, key.is_live(clock::unix_ms())) {
                    (Some(_), _) => "revoked",
                    (None, false) => "expired",
                    (None, true) => "live",
                };
                let made = day(key.created_ms);
                println!(
                    "{}  {state:<7}  {made}  {name}  {}",
                    key.id,
                    key.scopes.join(" ")
                );
            }
        }
        KeysWhat::Revoke { key, client } => {
            let client = books.client(client.as_deref()).await?;
            books.revoke(&client, &key).await?;
            println!("{key} is revoked");
        }
    }
    Ok(())
}

fn day(unix_ms: i64) -> String {
    let moment = chrono::DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    moment.format("%Y-%m-%d").to_string()
}
