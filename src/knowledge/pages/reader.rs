//! The process that reads a PDF: what it does from its first to its last moment.

use std::io::{Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use pdf_extract::{Document, PlainTextOutput, output_doc_page};
use trunkline_core::knowledge::Page;

use super::super::{DOCUMENT_BYTES_MAX, Unread};
use super::{Answer, CPU_S_MAX, MEMORY_BYTES_MAX, PAGES_MAX, TEXT_BYTES_MAX};

/// How the process is told what to do.
pub const COMMAND: &str = "read-pdf";

/// Reads a PDF from the input and tells on the output what it says. Everything that a stranger can do with the file ends
/// within this process.
#[must_use]
pub fn read_pdf() -> ExitCode {
    let Some(mut output) = confined() else {
        return ExitCode::FAILURE;
    };
    // A library's own words about a stranger's file are nobody's business.
    std::panic::set_hook(Box::new(|_| {}));
    let mut pdf = Vec::new();
    let most = DOCUMENT_BYTES_MAX as u64 + 1;
    if std::io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut pdf)
        .is_err()
    {
        return ExitCode::FAILURE;
    }
    let answer = match pages(&pdf) {
        Ok(pages) => Answer::Pages(pages),
        Err(unread) => Answer::Problem(unread.code().to_owned()),
    };
    let told = serde_json::to_vec(&answer).map(|json| output.write_all(&json));
    match told {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(_)) | Err(_) => ExitCode::FAILURE,
    }
}

/// Sets the bounds, and gives the output, on which nothing else can write from now on.
#[cfg(unix)]
fn confined() -> Option<std::fs::File> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let output = rustix::io::dup(std::io::stdout()).ok()?;
    let nowhere = std::fs::File::options()
        .write(true)
        .open("/dev/null")
        .ok()?;
    rustix::stdio::dup2_stdout(&nowhere).ok()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).ok()?;
    for (resource, most) in [
        (Resource::As, MEMORY_BYTES_MAX),
        (Resource::Cpu, CPU_S_MAX),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        // Those that are open stay so; no other is opened.
        (Resource::Nofile, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).ok()?;
    }
    Some(output.into())
}

#[cfg(not(unix))]
fn confined() -> Option<std::fs::File> {
    None
}

fn pages(pdf: &[u8]) -> Result<Vec<Page>, Unread> {
    let loaded = catch_unwind(|| Document::load_mem(pdf));
    let mut document = match loaded {
        Ok(Ok(document)) => document,
        Ok(Err(error)) => return Err(of_error(&error)),
        Err(_) => return Err(Unread::Damaged),
    };
    // Many files are sealed without a password, so that they only cannot be changed.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        !document.is_encrypted() || document.decrypt("").is_ok()
    }));
    if !opened.unwrap_or(false) {
        return Err(Unread::Password);
    }
    let numbers: Vec<u32> = catch_unwind(AssertUnwindSafe(|| document.get_pages()))
        .map_err(|_| Unread::Damaged)?
        .into_keys()
        .collect();
    if numbers.len() > PAGES_MAX {
        return Err(Unread::TooManyPages);
    }
    let (mut pages, mut bytes, mut was_read) = (Vec::new(), 0, false);
    for page in numbers {
        // A page that cannot be read does not take the others with it.
        let Ok(Some(text)) = catch_unwind(AssertUnwindSafe(|| text_of(&document, page))) else {
            continue;
        };
        was_read = true;
        bytes += text.len();
        if bytes > TEXT_BYTES_MAX {
            return Err(Unread::TooMuchText);
        }
        if text.chars().any(char::is_alphanumeric) {
            pages.push(Page { page, text });
        }
    }
    match (pages.is_empty(), was_read) {
        (false, _) => Ok(pages),
        (true, true) => Err(Unread::NoWords),
        (true, false) => Err(Unread::Damaged),
    }
}

fn text_of(document: &Document, page: u32) -> Option<String> {
    let mut text = String::new();
    let mut output = PlainTextOutput::new(&mut text);
    output_doc_page(document, &mut output, page).ok()?;
    let is_strange = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    Some(text.replace(is_strange, " "))
}

fn of_error(error: &pdf_extract::Error) -> Unread {
    // Nothing else tells of a password in all of its errors.
    let words = error.to_string();
    if words.contains("password") || words.contains("decrypt") {
        Unread::Password
    } else {
        Unread::Damaged
    }
}
