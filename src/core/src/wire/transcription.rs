//! Transcription of whole utterances as OpenAI's endpoint does it, and many servers besides: a POST of a form with a file,
//! answered with JSON.
//!
//! [`request`] writes what to post, [`transcript`] reads the answer, [`refused`] one that is not 2xx. The parts of the form and
//! the answer's `text` are those of the types in the OpenAI SDK (openai 3.54.0).

use super::link::{Trouble, TroubleKind};
use super::openai::{ChatError, ErrorKind, error_body};
use super::stt::{SttSettings, TRANSCRIPT_BYTES_MAX};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Longest utterance that is sent, in samples: ten minutes at 8 kHz. What is longer loses its beginning.
pub const SAMPLES_MAX: usize = 8_000 * 600;
/// Longest answer that is read, in bytes. Some servers send every segment with its tokens.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Samples of a second.
const RATE_HZ: u32 = 8_000;
/// Bytes of a WAV header.
const HEADER_BYTES: u32 = 44;
/// Longest hint of key terms, in bytes; models read some two hundred words of it.
const PROMPT_BYTES_MAX: usize = 800;

/// A POST whose answer is a transcript.
#[derive(Clone, PartialEq, Eq)]
pub struct TranscriptionRequest {
    /// Path behind the base URL, which ends in `/v1` as a rule.
    pub path: &'static str,
    /// Headers, lower-case names. They hold the key, if there is one, and the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The form.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for TranscriptionRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TranscriptionRequest")
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What to post for an utterance of 16-bit samples at 8 kHz, mono. `key` may be empty for a server that asks for none; an
/// empty model is left out, for a server that has only one. [`SttSettings::endpointing_ms`] has no say here.
pub fn request(settings: &SttSettings, key: &str, samples: &[i16]) -> TranscriptionRequest {
    let first = samples.len().saturating_sub(SAMPLES_MAX);
    let file = wav(samples.get(first..).unwrap_or_default());
    let language = settings
        .language
        .split(['-', '_'])
        .next()
        .unwrap_or_default();
    let language = if language == "multi" { "" } else { language };
    let prompt = prompt(&settings.key_terms);
    let fields = [
        ("model", settings.model.trim()),
        ("language", language.trim()),
        ("prompt", &prompt),
        ("response_format", "json"),
    ];
    let boundary = boundary(&fields, &file);
    let mut body = Vec::with_capacity(file.len() + prompt.len() + 1024);
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        for part in [head.as_bytes(), value.as_bytes(), b"\r\n"] {
            body.extend_from_slice(part);
        }
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"utterance.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
    );
    for part in [
        head.as_bytes(),
        &file,
        format!("\r\n--{boundary}--\r\n").as_bytes(),
    ] {
        body.extend_from_slice(part);
    }
    let mut headers = vec![(
        "content-type",
        format!("multipart/form-data; boundary={boundary}"),
    )];
    if !key.trim().is_empty() {
        headers.push(("authorization", format!("Bearer {}", key.trim())));
    }
    TranscriptionRequest {
        path: "/audio/transcriptions",
        headers,
        body,
    }
}

/// The samples as a file: 16-bit PCM behind the header of 44 bytes that every reader knows.
fn wav(samples: &[i16]) -> Vec<u8> {
    // At most SAMPLES_MAX samples come here.
    let audio_bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX - HEADER_BYTES);
    let mut file = Vec::with_capacity(samples.len() * 2 + HEADER_BYTES as usize);
    let number = |file: &mut Vec<u8>, number: u32| file.extend_from_slice(&number.to_le_bytes());
    file.extend_from_slice(b"RIFF");
    number(&mut file, audio_bytes + HEADER_BYTES - 8);
    file.extend_from_slice(b"WAVEfmt ");
    number(&mut file, 16);
    // Two halves each: PCM and one channel, then bytes of a frame and bits of a sample.
    number(&mut file, 1 | 1 << 16);
    number(&mut file, RATE_HZ);
    number(&mut file, RATE_HZ * 2);
    number(&mut file, 2 | 16 << 16);
    file.extend_from_slice(b"data");
    number(&mut file, audio_bytes);
    for sample in samples {
        file.extend_from_slice(&sample.to_le_bytes());
    }
    file
}

/// The key terms as a text that could have come before.
fn prompt(terms: &[String]) -> String {
    let mut prompt = String::new();
    for term in terms.iter().map(|term| term.trim()) {
        if term.is_empty() {
            continue;
        }
        if prompt.len() + term.len() + 2 > PROMPT_BYTES_MAX {
            break;
        }
        if !prompt.is_empty() {
            prompt.push_str(", ");
        }
        prompt.push_str(term);
    }
    prompt
}

/// A line that stands nowhere in what it separates.
fn boundary(fields: &[(&str, &str)], file: &[u8]) -> String {
    let stands_in = |content: &[u8], line: &str| {
        content
            .windows(line.len())
            .any(|window| window == line.as_bytes())
    };
    let mut number = 0_u32;
    loop {
        let line = format!("trunkline-form-{number:08x}");
        let is_taken = fields
            .iter()
            .map(|(_, value)| value.as_bytes())
            .chain([file])
            .any(|content| stands_in(content, &line));
        // No content is long enough to hold them all.
        if !is_taken || number == u32::MAX {
            return line;
        }
        number += 1;
    }
}

/// The words of a 2xx answer, `{"text": …}`; empty where nothing was said.
///
/// # Errors
///
/// The kind that an `error` object in the answer means, or [`TroubleKind::Protocol`] for an answer that is something else.
pub fn transcript(body: &[u8]) -> Result<String, Trouble> {
    if body.len() > ANSWER_BYTES_MAX {
        return Err(Trouble::new(TroubleKind::Protocol, "too-long"));
    }
    let garbled = || Trouble::new(TroubleKind::Protocol, "not-json");
    let body = std::str::from_utf8(body).map_err(|_| garbled())?;
    if !body.trim_start().starts_with('{') {
        return Err(garbled());
    }
    let answer: Answer<'_> = serde_json::from_str(body).map_err(|_| garbled())?;
    match answer.text {
        Some(text) => {
            let text = text.trim();
            let end = text.floor_char_boundary(TRANSCRIPT_BYTES_MAX);
            Ok(text.get(..end).unwrap_or_default().to_owned())
        }
        None if answer.error.is_some() => {
            let error = error_body(500, body.as_bytes(), None, None);
            Err(trouble(&error, "in an answer"))
        }
        None => Err(Trouble::new(TroubleKind::Protocol, "no-text")),
    }
}

/// What an answer that is not 2xx means. `retry_after` and `retry_after_ms` are the values of the headers of that name with
/// hyphens. Nothing of the body's words is kept.
pub fn refused(
    status: u16,
    body: &[u8],
    retry_after: Option<&str>,
    retry_after_ms: Option<&str>,
) -> Trouble {
    let error = error_body(status, body, retry_after, retry_after_ms);
    trouble(&error, &format!("HTTP {status}"))
}

fn trouble(error: &ChatError, place: &str) -> Trouble {
    let (kind, code) = match error.kind {
        ErrorKind::Unauthorised => (TroubleKind::Key, "unauthorised"),
        ErrorKind::Quota => (TroubleKind::Quota, "quota"),
        ErrorKind::RateLimited => (TroubleKind::Rate, "rate-limited"),
        ErrorKind::NotFound => (TroubleKind::Request, "not-found"),
        ErrorKind::TooLong => (TroubleKind::Request, "too-long"),
        ErrorKind::BadRequest => (TroubleKind::Request, "bad-request"),
        ErrorKind::Overloaded => (TroubleKind::Server, "overloaded"),
        ErrorKind::Server => (TroubleKind::Server, "server-error"),
        ErrorKind::Garbled | ErrorKind::Cut => (TroubleKind::Protocol, "garbled"),
    };
    let mut trouble = Trouble::new(kind, &format!("{code} ({place})"));
    trouble.retry_after_ms = error.retry_after_ms;
    trouble
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests;
