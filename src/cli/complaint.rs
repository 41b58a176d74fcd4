//! `complaint`: somebody complained to whoever runs the server, who need not know whose call it was.

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use anyhow::{Context as _, bail};
use chrono::{DateTime, NaiveDate, NaiveTime};
use clap::Args;
use trunkline_core::phone::PhoneNumber;

use crate::complaints::TEXT_CHARS_MAX;
use crate::config::Config;
use crate::desk::setup::Books;

#[derive(Args)]
pub(super) struct ComplaintArgs {
    /// The number that was called, as +15550100123
    number: String,
    /// When the call was: a day as 2026-11-22, or a moment as 2026-11-22T16:30:00Z
    #[arg(long, value_name = "WHEN")]
    at: String,
    /// What the person says
    #[arg(long)]
    text: Option<String>,
    /// Of this client alone; whoever has called the number if left out
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

/// A day's noon, or a moment.
fn moment(text: &str) -> Option<i64> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.timestamp_millis());
    }
    let day = text.parse::<NaiveDate>().ok()?;
    let noon = NaiveTime::from_hms_opt(12, 0, 0)?;
    Some(day.and_time(noon).and_utc().timestamp_millis())
}

pub(super) async fn complaint(config: &Config, args: ComplaintArgs) -> anyhow::Result<()> {
    let number = PhoneNumber::parse(&args.number).context("the number")?;
    let about_ms = moment(&args.at).context("--at is no day and no moment")?;
    let long = |text: &String| text.chars().count() > TEXT_CHARS_MAX;
    if args.text.as_ref().is_some_and(long) {
        bail!("--text has at most {TEXT_CHARS_MAX} characters");
    }
    let books = Books::open(&config.data, &config.store()).await?;
    let only = match &args.client {
        None => None,
        Some(named) => Some(books.client(Some(named)).await?),
    };
    let text = args.text.as_deref();
    let taken = books.complain(only, &number, about_ms, text).await?;
    if taken.is_empty() {
        bail!("no client has had a call with this number within three days of that time");
    }
    for (client, complaint) in taken {
        println!("{client}  {complaint}  the number is suppressed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_noon() {
        assert_eq!(moment("1970-01-02"), Some(36 * 3_600_000));
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Some(0));
        for wrong in ["", "yesterday", "2026-13-01", "2026-11-22 16:30"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
