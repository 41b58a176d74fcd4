//! What differs between the protocols that language models are asked in: paths, headers, bodies and streams.

use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use trunkline_core::wire::openai::{ChatEvent, ChatRequest};
use trunkline_core::wire::{anthropic, openai};

/// What an endpoint speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Chat completions, as OpenAI has them and many servers besides.
    #[default]
    OpenAi,
    /// Messages, as Anthropic has them.
    Anthropic,
}

impl Dialect {
    /// Where to post, below a base as the configuration names it.
    pub(super) fn url(self, base: &str) -> String {
        let base = base.trim_end_matches('/');
        match self {
            Self::OpenAi => format!("{base}/chat/completions"),
            // Other endpoints' bases end in the version, so this one's may, too.
            Self::Anthropic => {
                let base = base.strip_suffix("/v1").unwrap_or(base);
                format!("{base}/v1/messages")
            }
        }
    }

    /// Adds the headers, the key's among them.
    pub(super) fn headed(self, request: RequestBuilder, key: Option<&str>) -> RequestBuilder {
        match self {
            Self::OpenAi => match key {
                Some(key) => request.bearer_auth(key),
                None => request,
            },
            Self::Anthropic => {
                let request = request.header("anthropic-version", anthropic::VERSION);
                match key.map(HeaderValue::from_str) {
                    Some(Ok(mut key)) => {
                        key.set_sensitive(true);
                        request.header("x-api-key", key)
                    }
                    // A key that cannot be sent is refused as a missing one is.
                    Some(Err(_)) | None => request,
                }
            }
        }
    }

    pub(super) fn body(self, request: &ChatRequest<'_>) -> String {
        match self {
            Self::OpenAi => openai::request_body(request),
            Self::Anthropic => anthropic::request_body(request),
        }
    }

    pub(super) fn decoder(self) -> Decoder {
        match self {
            Self::OpenAi => Decoder::OpenAi(openai::SseDecoder::new()),
            Self::Anthropic => Decoder::Anthropic(anthropic::SseDecoder::new()),
        }
    }
}

/// A stream being read.
pub(super) enum Decoder {
    OpenAi(openai::SseDecoder),
    Anthropic(anthropic::SseDecoder),
}

impl Decoder {
    pub(super) fn push(&mut self, bytes: &[u8], events: &mut Vec<ChatEvent>) {
        match self {
            Self::OpenAi(decoder) => decoder.push(bytes, events),
            Self::Anthropic(decoder) => decoder.push(bytes, events),
        }
    }

    pub(super) fn end(&mut self, events: &mut Vec<ChatEvent>) {
        match self {
            Self::OpenAi(decoder) => decoder.end(events),
            Self::Anthropic(decoder) => decoder.end(events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_taken_as_they_are_written() {
        for (dialect, base, want) in [
            (
                Dialect::OpenAi,
                "http://127.0.0.1:1/v1/",
                "http://127.0.0.1:1/v1/chat/completions",
            ),
            (
                Dialect::OpenAi,
                "https://x.example/llm",
                "https://x.example/llm/chat/completions",
            ),
            (
                Dialect::Anthropic,
                "https://api.anthropic.com",
                "https://api.anthropic.com/v1/messages",
            ),
            (
                Dialect::Anthropic,
                "https://x.example/proxy/v1/",
                "https://x.example/proxy/v1/messages",
            ),
        ] {
            assert_eq!(dialect.url(base), want);
        }
    }
}
