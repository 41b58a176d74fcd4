//! `carrier check`: whether a client's accounts with carriers are set up, and how to mend what is not.

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use clap::{Args, Subcommand};
use trunkline_core::phone::PhoneNumber;

use crate::carrier::check::{Finding, Known, check_account, check_address};
use crate::config::Config;
use crate::desk::setup::Books;
use crate::egress;
use crate::webhooks::Addresses;

#[derive(Subcommand)]
pub(super) enum CarrierWhat {
    /// Look at the accounts, at their numbers and at the server's address; say what is wrong and how to mend it
    Check(CheckArgs),
}

#[derive(Args)]
pub(super) struct CheckArgs {
    /// Whose; needed if there are several clients
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// One account alone, as `carr_…`
    #[arg(long, value_name = "ID")]
    carrier: Option<String>,
}

pub(super) async fn carrier(config: &Config, what: CarrierWhat) -> anyhow::Result<()> {
    let CarrierWhat::Check(args) = what;
    let books = Books::open(&config.data, &config.store()).await?;
    let client = books.client(args.client.as_deref()).await?;
    let mut accounts = books.carriers(&client).await?;
    if let Some(id) = &args.carrier {
        accounts.retain(|account| account.id == *id);
    }
    if accounts.is_empty() {
        anyhow::bail!(
            "{client} has no such carrier account; add one with POST /v1/carrier-accounts"
        );
    }
    let numbers = books.numbers(&client).await?;
    let public_url = config.public_url();
    let mut wrong = show(&[check_address(&public_url)]);
    let base = config.carriers.twilio_base_url.as_deref();
    for account in accounts {
        println!("{}", account.id);
        let own = numbers
            .iter()
            .filter(|(row, ..)| row.carrier_id.as_ref().is_none_or(|id| *id == account.id));
        let known: Vec<Known> = own
            .filter_map(|(_, number, is_heard)| {
                Some(Known {
                    number: PhoneNumber::parse(number).ok()?,
                    has_agent: *is_heard,
                })
            })
            .collect();
        let twilio = account.carrier(egress::client()?, base);
        let addresses = Addresses::new(&public_url, &account.id);
        wrong += show(&check_account(&twilio, &addresses, &known).await);
    }
    if wrong > 0 {
        let things = if wrong == 1 { "thing" } else { "things" };
        anyhow::bail!("{wrong} {things} to mend");
    }
    Ok(())
}

/// Prints what was found; how much of it is wrong.
fn show(findings: &[Finding]) -> usize {
    for finding in findings {
        match &finding.remedy {
            None => println!("  ok     {}", finding.what),
            Some(remedy) => println!("  WRONG  {}\n         {remedy}", finding.what),
        }
    }
    findings
        .iter()
        .filter(|finding| finding.remedy.is_some())
        .count()
}
