//! A call as sound: made from its journal while it is sent, never whole in memory.

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, stream};
use trunkline_core::journal::{Leaves, SAMPLES_PER_MS, Withdrawals};
use trunkline_media::export::{OggOpus, RangedWav, Tracks};
use trunkline_media::g711::mulaw_decode;
use utoipa::{IntoParams, ToSchema};

use super::{find, kept};
use crate::api::auth::Caller;
use crate::api::body::{Id, Params};
use crate::api::problem::{Code, Problem};
use crate::api::span::{Asked, asked};
use crate::app::App;
use crate::journal::{JournalError, Reading};

/// Bytes of a WAV that are made at a time: four seconds in two channels.
const PIECE_BYTES: u64 = 128 * 1024;
/// Samples that are compressed at a time: ten seconds.
const PIECE_SAMPLES: u64 = 80_000;
/// Says in which channel a machine speaks.
const AI_GENERATED: HeaderName = HeaderName::from_static("x-ai-generated");

/// Which sound, in which form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `get` reads them")]
pub(in crate::api) struct RecordingParams {
    /// `both` (the caller left, the agent right), `caller` or `agent`; `both` if absent.
    channel: Option<String>,
    /// `wav`, or `ogg` for Ogg Opus; `wav` if absent. Ranges are of WAV alone.
    format: Option<String>,
}

/// A sound.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "a description")]
pub(in crate::api) struct Sound(Vec<u8>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Wav,
    Ogg,
}

/// What is there to be heard: until where, in samples.
#[derive(Clone, Copy)]
struct Audible {
    samples: u64,
    caller_until: u64,
    agent_until: u64,
}

/// Listen to a call
///
/// Only what the person on the line agreed to have stored. The agent's speech is made by a machine: the header
/// `x-ai-generated` says so, and the file itself.
#[utoipa::path(
    get, path = "/v1/calls/{id}/recording", tag = "calls",
    params(
        ("id" = String, Path), RecordingParams,
        ("Range" = Option<String>, Header, description = "One range of bytes of a WAV, as `bytes=0-65535`"),
    ),
    responses(
        (status = 200, description = "The recording", content((Sound = "audio/wav"), (Sound = "audio/ogg"))),
        (status = 206, description = "A range of the recording", content((Sound = "audio/wav"))),
    ),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    method: Method,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Problem> {
    let tracks = params.read("channel", "expected both, caller or agent", |name| {
        Some(match name {
            "both" => Tracks::Both,
            "caller" => Tracks::Caller,
            "agent" => Tracks::Agent,
            _ => return None,
        })
    })?;
    let form = params.read("format", "expected wav or ogg", |name| {
        Some(match name {
            "wav" => Form::Wav,
            "ogg" => Form::Ogg,
            _ => return None,
        })
    })?;
    params.finish()?;
    let tracks = tracks.unwrap_or(Tracks::Both);
    find(&app.desk, &caller, &id).await?;
    let reading = Arc::new(kept::journal(&app.desk, &caller, &id).await?);
    let audible = {
        let reading = Arc::clone(&reading);
        kept::blocking(move || audible(&reading)).await?
    };
    if audible.samples == 0 {
        return Err(Problem::not_found().detail("nothing that was said in this call is kept"));
    }
    let is_head = method == Method::HEAD;
    let mut response = match form.unwrap_or(Form::Wav) {
        Form::Wav => wav(reading, audible, tracks, &headers, is_head)?,
        Form::Ogg => ogg(reading, audible, tracks, is_head)?,
    };
    let headers = response.headers_mut();
    let ending = if form == Some(Form::Ogg) {
        "ogg"
    } else {
        "wav"
    };
    // An id has letters, digits and `_` alone.
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.{ending}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    let unkept = HeaderValue::from_static("private, no-store");
    headers.insert(header::CACHE_CONTROL, unkept);
    if tracks != Tracks::Caller {
        headers.insert(AI_GENERATED, HeaderValue::from_static("agent-channel"));
    }
    Ok(response)
}

/// What a withdrawal takes away is not to be heard, even where it has not yet gone from the file.
fn audible(reading: &Reading) -> Result<Audible, JournalError> {
    let contents = reading.contents()?;
    let mut audible = Audible {
        samples: reading.samples()?,
        caller_until: u64::MAX,
        agent_until: u64::MAX,
    };
    let mut withdrawals = Withdrawals::default();
    for (_, entry) in &contents.entries {
        let (caller_ms, agent_ms) = match withdrawals.after(entry) {
            Some(Leaves::Notices { until_ms }) => (0, until_ms),
            Some(Leaves::Before { until_ms }) => (until_ms, until_ms),
            None => (u64::MAX, u64::MAX),
        };
        let samples = |ms: u64| ms.saturating_mul(SAMPLES_PER_MS);
        audible.caller_until = audible.caller_until.min(samples(caller_ms));
        audible.agent_until = audible.agent_until.min(samples(agent_ms));
    }
    Ok(audible)
}

impl Audible {
    /// Appends the samples of a range, caller and agent.
    fn read(
        self,
        reading: &Reading,
        range: Range<u64>,
        out: &mut Vec<[i16; 2]>,
    ) -> Result<(), JournalError> {
        let sound = reading.audio(range.start, range.end)?;
        let pairs = sound.caller.iter().zip(&sound.agent);
        out.extend(pairs.zip(range.start..).map(|((caller, agent), at)| {
            let heard = |byte: &u8, until| {
                if at < until { mulaw_decode(*byte) } else { 0 }
            };
            [
                heard(caller, self.caller_until),
                heard(agent, self.agent_until),
            ]
        }));
        Ok(())
    }
}

fn wav(
    reading: Arc<Reading>,
    audible: Audible,
    tracks: Tracks,
    headers: &HeaderMap,
    is_head: bool,
) -> Result<Response, Problem> {
    let file =
        RangedWav::new(audible.samples, tracks).map_err(|error| Problem::internal(&error))?;
    let channel = match tracks {
        Tracks::Both => "both",
        Tracks::Caller => "caller",
        Tracks::Agent => "agent",
    };
    // A recording that grew or lost something is another.
    let Audible {
        samples,
        caller_until,
        agent_until,
    } = audible;
    let until = caller_until.min(samples);
    let tag = format!(
        "\"{samples}-{until}-{}-{channel}\"",
        agent_until.min(samples)
    );
    let length = file.len();
    let (status, range) = match asked(headers, length, &tag) {
        Asked::All => (StatusCode::OK, 0..length),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nowhere => {
            let none = HeaderValue::from_str(&format!("bytes */{length}"));
            let none = none.map_err(|error| Problem::internal(&error))?;
            return Err(Problem::new(Code::RangeNotSatisfiable).header(header::CONTENT_RANGE, none));
        }
    };
    let body = if is_head {
        Body::empty()
    } else {
        Body::from_stream(wav_pieces(reading, audible, file, range.clone()))
    };
    let mut response = (status, body).into_response();
    let answer = response.headers_mut();
    let texts = [
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag),
        (
            header::CONTENT_LENGTH,
            (range.end - range.start).to_string(),
        ),
    ];
    for (name, text) in texts {
        answer.insert(name, value(&text)?);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let part = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        answer.insert(header::CONTENT_RANGE, value(&part)?);
    }
    Ok(response)
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(|error| Problem::internal(&error))
}

/// Bytes of a WAV, made as they are taken: a client that stops taking them holds no thread.
fn wav_pieces(
    reading: Arc<Reading>,
    audible: Audible,
    file: RangedWav,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    stream::try_unfold(range, move |range| {
        let (reading, file) = (Arc::clone(&reading), file.clone());
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let to = range.end.min(range.start + PIECE_BYTES);
            let from = range.start;
            let piece = piece(move || {
                let mut out = Vec::new();
                let read = |samples: Range<u64>, out: &mut Vec<[i16; 2]>| {
                    audible.read(&reading, samples, out)
                };
                file.slice(from..to, read, &mut out)?;
                Ok(out)
            });
            Ok(Some((piece.await?, to..range.end)))
        }
    })
}

/// A part of a body, made on a thread that may wait for the disk. A failure ends the body early, which the client sees.
async fn piece(
    make: impl FnOnce() -> Result<Vec<u8>, JournalError> + Send + 'static,
) -> Result<Bytes, std::io::Error> {
    let made = tokio::task::spawn_blocking(make).await;
    match made.map_err(std::io::Error::other)? {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => {
            tracing::error!(%error, "a recording ends early");
            Err(std::io::Error::other("the recording cannot be read"))
        }
    }
}

fn ogg(
    reading: Arc<Reading>,
    audible: Audible,
    tracks: Tracks,
    is_head: bool,
) -> Result<Response, Problem> {
    let body = if is_head {
        Body::empty()
    } else {
        let mut begun = Vec::new();
        let encoder =
            OggOpus::new(tracks, 1, &mut begun).map_err(|error| Problem::internal(&error))?;
        Body::from_stream(ogg_pieces(reading, audible, encoder, begun))
    };
    let headers = [
        (header::CONTENT_TYPE, "audio/ogg"),
        (header::ACCEPT_RANGES, "none"),
    ];
    Ok((headers, body).into_response())
}

/// A file in the making: the encoder until it is finished, the pages that wait to be sent, and the next sample.
type Pressing = (Option<OggOpus>, Vec<u8>, u64);

fn ogg_pieces(
    reading: Arc<Reading>,
    audible: Audible,
    encoder: OggOpus,
    begun: Vec<u8>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let first: Pressing = (Some(encoder), begun, 0);
    stream::try_unfold(first, move |(encoder, mut out, from)| {
        let reading = Arc::clone(&reading);
        async move {
            let Some(mut encoder) = encoder else {
                return Ok(None);
            };
            let pressed = tokio::task::spawn_blocking(move || {
                let to = audible.samples.min(from + PIECE_SAMPLES);
                let mut samples = Vec::new();
                let failed = |error: &dyn std::fmt::Display| {
                    tracing::error!(%error, "a recording ends early");
                    std::io::Error::other("the recording cannot be read")
                };
                audible
                    .read(&reading, from..to, &mut samples)
                    .map_err(|error| failed(&error))?;
                encoder
                    .push(&samples, &mut out)
                    .map_err(|error| failed(&error))?;
                if to < audible.samples {
                    return Ok::<_, std::io::Error>((out, (Some(encoder), Vec::new(), to)));
                }
                encoder.finish(&mut out).map_err(|error| failed(&error))?;
                Ok((out, (None, Vec::new(), to)))
            });
            let (out, next): (Vec<u8>, Pressing) =
                pressed.await.map_err(std::io::Error::other)??;
            Ok::<_, std::io::Error>(Some((Bytes::from(out), next)))
        }
    })
}
