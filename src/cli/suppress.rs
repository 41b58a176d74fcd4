//! `suppress` and `unsuppress`: numbers that nobody may call, whichever client.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to its user"
)]

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use trunkline_core::contact::number;
use trunkline_core::phone::PhoneNumber;

use crate::config::Config;
use crate::desk::setup::Books;
use crate::store::suppressions::Reason;

/// Lines of a file that are read at once.
const AT_ONCE: usize = 10_000;
/// Bad lines that are told of.
const TOLD_MAX: u64 = 20;
/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 200;

#[derive(Args)]
pub(super) struct SuppressArgs {
    /// The numbers, in international form, as +15550100123
    numbers: Vec<String>,
    /// A file with one number a line; `-` is the input, which leaves no number in the shell's history
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Why nobody may call them
    #[arg(long, value_enum)]
    reason: Why,
}

#[derive(Args)]
pub(super) struct UnsuppressArgs {
    /// The number, in international form, as +15550100123
    number: String,
    /// Why they may be called again
    #[arg(long, value_enum)]
    reason: Again,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Why {
    OptOut,
    Objection,
    DoNotCall,
    WrongNumber,
    Complaint,
    Other,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Again {
    NewConsent,
    Mistake,
    Reassigned,
}

/// What came of the lines of a file.
#[derive(Default)]
struct Done {
    read: u64,
    new: u64,
    wrong: u64,
}

pub(super) async fn suppress(config: &Config, args: SuppressArgs) -> anyhow::Result<()> {
    if args.numbers.is_empty() && args.file.is_none() {
        bail!("say which numbers, or name a file with --file");
    }
    let books = Books::open(&config.data, &config.store()).await?;
    let reason = match args.reason {
        Why::OptOut => Reason::OptOut,
        Why::Objection => Reason::Objection,
        Why::DoNotCall => Reason::DoNotCall,
        Why::WrongNumber => Reason::WrongNumber,
        Why::Complaint => Reason::Complaint,
        Why::Other => Reason::Other,
    };
    let read = args.numbers.iter().map(|text| number(text));
    let numbers: Result<Vec<PhoneNumber>, _> = read.collect();
    let numbers = numbers.context("one of the numbers")?;
    let mut done = Done {
        read: numbers.len() as u64,
        new: books.suppress(&numbers, reason).await?,
        wrong: 0,
    };
    match args.file {
        None => {}
        Some(path) if path.as_os_str() == "-" => {
            take(&books, reason, io::stdin().lock(), &mut done).await?;
        }
        Some(path) => {
            let file = File::open(&path);
            let file = file.with_context(|| format!("{} cannot be read", path.display()))?;
            take(&books, reason, BufReader::new(file), &mut done).await?;
        }
    }
    println!(
        "{} numbers: nobody may call them; {} are new, {} lines could not be read",
        done.read, done.new, done.wrong
    );
    match done.wrong {
        0 => Ok(()),
        wrong => bail!("{wrong} lines are no numbers; the others are suppressed"),
    }
}

/// Takes numbers from lines; one that cannot be read costs itself alone.
async fn take(
    books: &Books,
    reason: Reason,
    lines: impl BufRead,
    done: &mut Done,
) -> anyhow::Result<()> {
    let mut numbers = Vec::new();
    for (at, line) in lines.split(b'\n').enumerate() {
        let line = line.context("the file breaks off")?;
        let text = match line.len() {
            ..=LINE_BYTES_MAX => String::from_utf8_lossy(&line),
            _ => "too long".into(),
        };
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.is_empty() {
            continue;
        }
        match number(text) {
            Ok(number) => numbers.push(number),
            Err(error) => {
                done.wrong += 1;
                if done.wrong <= TOLD_MAX {
                    eprintln!("line {}: {error}", at + 1);
                }
            }
        }
        if numbers.len() == AT_ONCE {
            done.read += AT_ONCE as u64;
            done.new += books.suppress(&numbers, reason).await?;
            numbers.clear();
        }
    }
    done.read += numbers.len() as u64;
    done.new += books.suppress(&numbers, reason).await?;
    Ok(())
}

pub(super) async fn unsuppress(config: &Config, args: UnsuppressArgs) -> anyhow::Result<()> {
    let books = Books::open(&config.data, &config.store()).await?;
    let reason = match args.reason {
        Again::NewConsent => "new_consent",
        Again::Mistake => "mistake",
        Again::Reassigned => "reassigned",
    };
    let number = number(&args.number)?;
    if books.unsuppress(&number, reason).await? {
        println!("the platform does not forbid this number any more; clients may still");
        return Ok(());
    }
    bail!("the platform does not forbid this number")
}
