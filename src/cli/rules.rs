//! `rules` and `closures`: by which packs of rules calls are placed and recorded, and where nobody is called for a time.

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use chrono::DateTime;
use clap::{Args, Subcommand};
use trunkline_core::geo::Place;

use crate::config::Config;
use crate::desk::setup::Books;
use crate::rules::{CONSENT_FILE, HOURS_FILE, PERMISSION_FILE, Packs};
use crate::store::rules::Closure;
use crate::{clock, ids};

/// Longest reason of a closure, in characters.
const REASON_CHARS_MAX: usize = 500;
/// Longest closure, ms: a year, as a slip of the pen in a year's digits would be longer.
const CLOSED_MS_MAX: i64 = 366 * 24 * 3_600_000;

#[derive(Subcommand)]
pub(super) enum RulesWhat {
    /// Name the packs that hold
    Show,
    /// Say whether the packs of a folder can be taken; nothing is changed
    Check {
        /// The folder; `rules.folder` of the configuration if left out
        folder: Option<PathBuf>,
    },
    /// Write the packs that ship into a folder, to be changed there; files that are there stay
    Export {
        /// Where to
        folder: PathBuf,
    },
}

#[derive(Subcommand)]
pub(super) enum ClosuresWhat {
    /// Close a place: nobody is called there until it is over. A running server knows at once
    Add(CloseArgs),
    /// List those that hold, and those to come
    List,
    /// End one now
    End {
        /// Its id, as `clo_…`
        id: String,
    },
}

#[derive(Args)]
pub(super) struct CloseArgs {
    /// A country or a part of one, as US-LA
    place: String,
    /// The first moment after it, as 2026-11-30T00:00:00-06:00
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: i64,
    /// From when; now if left out
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,
    /// Which authority declared what; clients can read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

fn moment(text: &str) -> Result<i64, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.timestamp_millis())
        .map_err(|_| "expected a moment with its offset, as 2026-11-30T00:00:00-06:00".to_owned())
}

fn show(packs: &Packs) {
    for text in &packs.texts {
        let whose = if text.is_own { "operator's" } else { "ships" };
        println!("{}  {}  {whose}", text.sha256, text.id);
    }
}

pub(super) fn rules(config: &Config, what: RulesWhat) -> anyhow::Result<()> {
    match what {
        RulesWhat::Show => {
            let own = config.rules.folder.as_deref();
            show(&own.map_or_else(|| Ok(Packs::default()), Packs::read)?);
        }
        RulesWhat::Check { folder } => {
            let folder = folder.or_else(|| config.rules.folder.clone());
            let folder = folder.context("name a folder, or set `rules.folder`")?;
            show(&Packs::read(&folder)?);
        }
        RulesWhat::Export { folder } => {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
            let files = [HOURS_FILE, PERMISSION_FILE, CONSENT_FILE];
            for (name, text) in files.iter().zip(Packs::default().texts) {
                let path = folder.join(name);
                let written = std::fs::File::create_new(&path).and_then(|mut file| {
                    std::io::Write::write_all(&mut file, text.body.as_bytes())
                });
                match written {
                    Ok(()) => println!("{}", path.display()),
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                        println!("{}  is there already and stays", path.display());
                    }
                    Err(error) => bail!("{}: {error}", path.display()),
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn closures(config: &Config, what: ClosuresWhat) -> anyhow::Result<()> {
    let books = Books::open(&config.data, &config.store()).await?;
    let (rows, now_ms) = (books.store().rules(), clock::unix_ms());
    match what {
        ClosuresWhat::Add(args) => {
            let closure = closure(&args, now_ms)?;
            if !rows.close(&closure).await? {
                bail!(
                    "there are as many closures as there may be; end some with `trunkline closures end`"
                );
            }
            line(&closure);
        }
        ClosuresWhat::List => rows.closures(now_ms).await?.iter().for_each(line),
        ClosuresWhat::End { id } => {
            if !rows.open(&id, now_ms).await? {
                bail!("no closure {id} goes on; `trunkline closures list` names them");
            }
            println!("{id} is over");
        }
    }
    Ok(())
}

fn closure(args: &CloseArgs, now_ms: i64) -> anyhow::Result<Closure> {
    let place = Place::parse(&args.place);
    let place = place.with_context(|| format!("{:?}: expected a place as US-LA", args.place))?;
    let from_ms = args.from.unwrap_or(now_ms);
    if args.until <= from_ms.max(now_ms) {
        bail!(
            "it is over before it begins: --until is {}",
            clock::rfc3339(args.until)
        );
    }
    if args.until - from_ms > CLOSED_MS_MAX {
        bail!(
            "a closure lasts a year at most; --until is {}",
            clock::rfc3339(args.until)
        );
    }
    let reason = args.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        bail!("a reason has 1 to {REASON_CHARS_MAX} characters");
    }
    Ok(Closure {
        id: ids::new_id("clo"),
        place: place.to_string(),
        from_ms,
        until_ms: args.until,
        reason: reason.to_owned(),
        created_ms: now_ms,
    })
}

fn line(closure: &Closure) {
    let Closure {
        id,
        place,
        from_ms,
        until_ms,
        reason,
        ..
    } = closure;
    let (from, until) = (clock::rfc3339(*from_ms), clock::rfc3339(*until_ms));
    println!("{id}  {place}  {from} to {until}  {reason}");
}
