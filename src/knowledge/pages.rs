//! The text of PDFs, read in a process of its own: a file that hangs, crashes or unpacks to more than the machine has
//! takes that process with it and nothing else.
//!
//! The process is this same program, as `trunkline read-pdf`: the file on its input, what it found on its output, no
//! environment, and bounds that it sets itself before it looks at the first byte.

mod reader;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use trunkline_core::knowledge::Page;

pub use reader::{COMMAND, read_pdf};

use super::Unread;

/// Most pages of a document.
pub const PAGES_MAX: usize = 2_000;
/// Most text of a document, in bytes.
pub const TEXT_BYTES_MAX: usize = 12 * 1024 * 1024;
/// Memory of the process that reads a PDF, in bytes.
pub const MEMORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Processor time of it, in seconds.
pub const CPU_S_MAX: u64 = 30;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What it may answer: the text, with what JSON adds to it.
const ANSWER_BYTES_MAX: u64 = 2 * TEXT_BYTES_MAX as u64 + 1024 * 1024;

/// What the process answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// The pages that have text.
    Pages(Vec<Page>),
    /// A word of [`Unread`]'s.
    Problem(String),
}

/// Starts the processes.
#[derive(Clone, Debug)]
pub struct PageReader {
    program: PathBuf,
}

impl PageReader {
    /// `program` is this program's own file.
    #[must_use]
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
        }
    }

    /// The pages of a PDF that have text.
    ///
    /// # Errors
    /// [`Unread`]: why there is none.
    pub async fn read(&self, pdf: &[u8]) -> Result<Vec<Page>, Unread> {
        match tokio::time::timeout(PATIENCE, self.ask(pdf)).await {
            Ok(answered) => answered,
            // Dropped, the process is ended.
            Err(_) => Err(Unread::TooSlow),
        }
    }

    async fn ask(&self, pdf: &[u8]) -> Result<Vec<Page>, Unread> {
        let failed = |error: std::io::Error| {
            tracing::error!(%error, "no process to read a PDF");
            Unread::NotNow
        };
        let mut process = Command::new(&self.program)
            .arg(COMMAND)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (mut stdin, stdout) = pipes.ok_or(Unread::NotNow)?;
        let mut answer = Vec::new();
        let give = async {
            // One that is gone has said why, or says it by how it ended.
            let _ = stdin.write_all(pdf).await;
            drop(stdin);
        };
        let mut bounded = stdout.take(ANSWER_BYTES_MAX + 1);
        let (_, read) = tokio::join!(give, bounded.read_to_end(&mut answer));
        read.map_err(failed)?;
        if answer.len() as u64 > ANSWER_BYTES_MAX {
            return Err(Unread::TooMuchText);
        }
        let ended = process.wait().await.map_err(failed)?;
        if !ended.success() {
            return Err(by_its_end(ended));
        }
        match serde_json::from_slice(&answer) {
            Ok(Answer::Pages(pages)) => Ok(pages),
            Ok(Answer::Problem(word)) => Err(Unread::parse(&word).unwrap_or(Unread::Damaged)),
            Err(_) => Err(Unread::Damaged),
        }
    }
}

#[cfg(unix)]
fn by_its_end(ended: std::process::ExitStatus) -> Unread {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt as _;
    match ended.signal().and_then(Signal::from_named_raw) {
        // A program that is denied memory gives itself up.
        Some(Signal::ABORT) => Unread::TooMuchMemory,
        Some(Signal::XCPU | Signal::KILL) => Unread::TooSlow,
        _ => Unread::Damaged,
    }
}

#[cfg(not(unix))]
fn by_its_end(_: std::process::ExitStatus) -> Unread {
    Unread::Damaged
}
