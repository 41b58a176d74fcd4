//! Any endpoint that speaks as OpenAI's does: `POST …/audio/speech` behind the base URL, which ends in `/v1` as a rule.
//! Source: OpenAI's SDK; see `fixtures/openai_speech`.

use serde::Serialize;

use super::text::{bounded, pace};
use super::{AudioFormat, TtsRequest, TtsSettings};

/// Longest text of one POST, in characters.
const TEXT_CHARS_MAX: usize = 4_096;
/// Samples a second of the audio that such endpoints give without a header.
const RATE: u32 = 24_000;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f32>,
}

/// A text by POST. It is cut at 4,096 characters, after a word. Model and voice must be set: the names differ between
/// endpoints and die within a year. Without a key, as many local endpoints have it, no header is sent for it. The language
/// is the text's own; the pace is brought within 0.25 and 4.
pub fn request(settings: &TtsSettings, key: &str, text: &str) -> TtsRequest {
    let body = Body {
        model: &settings.model,
        input: bounded(text, TEXT_CHARS_MAX),
        voice: &settings.voice,
        response_format: "pcm",
        speed: pace(settings.speed, 0.25, 4.0),
    };
    let mut headers = vec![("content-type", "application/json".into())];
    if !key.is_empty() {
        headers.push(("authorization", format!("Bearer {key}")));
    }
    TtsRequest {
        path: "/audio/speech".into(),
        headers,
        // Texts and numbers always have a JSON form.
        body: serde_json::to_string(&body).unwrap_or_default(),
        format: AudioFormat::Pcm16 { rate: RATE },
    }
}
