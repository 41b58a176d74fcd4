//! A call as a text.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};
use trunkline_core::transcript::{Format, Transcript as Text};
use utoipa::{IntoParams, ToSchema};

use super::latency::Latency;
use super::{ConsentMode, find, kept};
use crate::api::auth::Caller;
use crate::api::body::{Id, Params};
use crate::api::problem::{Code, Problem};
use crate::app::App;

/// Formats, the one that is usual first, each by the media type that Accept names.
const FORMATS: [(Format, &str); 4] = [
    (Format::Json, "application/json"),
    (Format::Text, "text/plain"),
    (Format::Vtt, "text/vtt"),
    (Format::Srt, "application/x-subrip"),
];

/// How to write it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `get` reads it")]
pub(in crate::api) struct TranscriptParams {
    /// `json`, `text`, `vtt` or `srt`; what Accept names if absent, and `json` if that names nothing.
    format: Option<String>,
}

/// Who spoke.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) enum Speaker {
    /// The person on the line.
    Caller,
    /// The agent.
    Agent,
    /// Nobody: something was done for the agent.
    Tool,
}

/// A call as a text. Times are milliseconds from the call's start.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct Transcript {
    /// When the call began, milliseconds since 1970, UTC.
    began_unix_ms: Option<i64>,
    /// The rule of consent that held.
    mode: Option<ConsentMode>,
    /// How long the call was, or has been so far.
    length_ms: u64,
    /// Why it ended; absent while it goes on.
    ended: Option<String>,
    /// Content of this call was deleted.
    erased: bool,
    /// Which recogniser heard the caller's words, where it was a second one after the call.
    recogniser: Option<String>,
    /// What was said, in order of its start.
    turns: Vec<Turn>,
    /// When the caller spoke and it was not kept.
    not_kept: Vec<Span>,
    /// The steps of consent, as they came.
    #[schema(value_type = Vec<Object>)]
    consent: Vec<Map<String, Value>>,
}

/// One turn.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct Turn {
    speaker: Speaker,
    /// Start of the sound.
    from_ms: u64,
    /// End of the sound.
    to_ms: u64,
    /// The words; of the agent, those that were heard.
    text: String,
    /// Keys pressed, in place of words.
    keys: Option<String>,
    /// How sure the recogniser is, 0 to 1.
    confidence: Option<f32>,
    /// The caller cut it short.
    cut: bool,
    /// When it was halted and went on again.
    halts: Vec<Halt>,
    /// From the end of the caller's voice to the first sound of this answer.
    answered_in_ms: Option<u64>,
    /// How this answer came about.
    latency: Option<Latency>,
    /// Words with their times, where the recogniser gives them.
    words: Vec<Word>,
    /// What was done, where nobody spoke.
    tool: Option<ToolUse>,
}

/// What was done for the agent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct ToolUse {
    /// The tool.
    name: String,
    /// What it was called with: JSON, as the model wrote it.
    arguments: String,
    /// How it ended: `done`, `refused`, `failed` or `unknown`.
    outcome: String,
    /// What the model was told of it: JSON or words.
    result: String,
}

/// The agent's speech was halted by the caller's.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct Halt {
    /// When it stopped.
    at_ms: u64,
    /// When it went on; absent if it did not.
    resumed_ms: Option<u64>,
}

/// One word.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct Word {
    /// Start.
    from_ms: u64,
    /// End.
    to_ms: u64,
    text: String,
}

/// A stretch of time.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct Span {
    /// Start.
    from_ms: u64,
    /// End.
    to_ms: u64,
}

/// What was said
///
/// Only what the person on the line agreed to have stored; of the agent, what was heard.
#[utoipa::path(
    get, path = "/v1/calls/{id}/transcript", tag = "calls", params(("id" = String, Path), TranscriptParams),
    responses((
        status = 200, description = "The transcript",
        content(
            (Transcript = "application/json"), (String = "text/plain"), (String = "text/vtt"),
            (String = "application/x-subrip"),
        ),
    )),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Problem> {
    let named = params.read("format", "expected json, text, vtt or srt", Format::parse)?;
    params.finish()?;
    let format = match named {
        Some(format) => format,
        None => accepted(&headers).ok_or_else(|| Problem::new(Code::NotAcceptable))?,
    };
    find(&app.desk, &caller, &id).await?;
    let reading = kept::journal(&app.desk, &caller, &id).await?;
    let text = kept::blocking(move || {
        let contents = reading.contents()?;
        let entries = contents.entries.iter().map(|(_, entry)| entry);
        Ok(Text::of(entries).render(format))
    });
    let media_type = HeaderValue::from_static(format.media_type());
    let mut response = text.await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    let unkept = HeaderValue::from_static("private, no-store");
    headers.insert(header::CACHE_CONTROL, unkept);
    Ok(response)
}

/// The first format that Accept names; weights are not weighed.
fn accepted(headers: &HeaderMap) -> Option<Format> {
    let mut names = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .peekable();
    if names.peek().is_none() {
        return Some(Format::Json);
    }
    names.find_map(|name| {
        let fits = |media_type: &str| {
            let family = name
                .strip_suffix('*')
                .filter(|family| family.ends_with('/'));
            name == "*/*"
                || name.eq_ignore_ascii_case(media_type)
                || family.is_some_and(|family| media_type.starts_with(family))
        };
        let found = FORMATS.iter().find(|(_, media_type)| fits(media_type));
        found.map(|(format, _)| *format)
    })
}

#[cfg(test)]
mod tests {
    use super::super::latency::{HopsMs, ServedBy};
    use super::*;
    use trunkline_core::journal;
    use utoipa::PartialSchema;
    use utoipa::openapi::{RefOr, Schema};

    #[test]
    fn accept_names_the_format() {
        for (accept, format) in [
            ("", None),
            ("*/*", Some(Format::Json)),
            ("text/vtt", Some(Format::Vtt)),
            ("Text/VTT; q=0.9, text/plain", Some(Format::Vtt)),
            ("text/*", Some(Format::Text)),
            ("image/png, application/x-subrip", Some(Format::Srt)),
            ("image/png", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(accepted(&headers), format, "{accept}");
        }
        assert_eq!(accepted(&HeaderMap::new()), Some(Format::Json));
    }

    fn described<T: PartialSchema>() -> Vec<String> {
        match T::schema() {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            RefOr::T(_) | RefOr::Ref(_) => panic!("no object"),
        }
    }

    fn written(value: &Value) -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn what_is_described_is_what_is_written() {
        let turn = journal::Turn {
            speaker: journal::Speaker::Agent,
            from_ms: 0,
            to_ms: 1,
            text: "a".into(),
            keys: Some("1".into()),
            confidence: Some(1.0),
            cut: true,
            halts: vec![journal::Halt {
                at_ms: 0,
                resumed_ms: Some(1),
            }],
            latency: Some(Box::new(journal::Latency {
                voice: Some(journal::ServedBy {
                    vendor: "a".into(),
                    model: None,
                    stands_in: false,
                }),
                ..journal::Latency::default()
            })),
            words: vec![journal::Word {
                from_ms: 0,
                to_ms: 1,
                text: "a".into(),
            }],
            tool: Some(Box::new(journal::ToolUse {
                name: "a".into(),
                arguments: "{}".into(),
                outcome: "done".into(),
                result: "{}".into(),
            })),
        };
        let text = Text {
            began_unix_ms: Some(0),
            mode: Some(trunkline_core::consent::Mode::Announce),
            ended: Some("x".into()),
            recogniser: Some("x".into()),
            turns: vec![(&turn).into()],
            not_kept: vec![trunkline_core::transcript::Span {
                from_ms: 0,
                to_ms: 1,
            }],
            ..Text::default()
        };
        let json = serde_json::to_value(&text).unwrap();
        let one = &json["turns"][0];
        for (written, mut described) in [
            (written(&json), described::<Transcript>()),
            (written(one), described::<Turn>()),
            (written(&one["halts"][0]), described::<Halt>()),
            (written(&one["latency"]), described::<Latency>()),
            (written(&one["latency"]["hops"]), described::<HopsMs>()),
            (written(&one["latency"]["voice"]), described::<ServedBy>()),
            (written(&one["words"][0]), described::<Word>()),
            (written(&one["tool"]), described::<ToolUse>()),
            (written(&json["not_kept"][0]), described::<Span>()),
        ] {
            described.sort_unstable();
            assert_eq!(written, described);
        }
    }
}
