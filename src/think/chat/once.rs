//! One question to a model outside any conversation, and its whole answer: for work that nobody on the line waits for.

use std::time::Duration;

use tokio::time::timeout;
use trunkline_core::wire::openai::{
    ChatError, ChatEvent, ChatMessage, ChatRequest, ErrorKind, TokenLimit, error_body,
};

use super::ChatSettings;

/// Most of an error's body that is read.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// How much of an answer is waited for and read.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the question to the end of the answer.
    pub patience: Duration,
    /// Its words, in bytes.
    pub bytes_max: usize,
}

/// A model's whole answer.
pub struct Answered {
    /// Its words.
    pub text: String,
    /// Tokens read and written, if the endpoint says so.
    pub tokens: Option<(u64, u64)>,
}

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The endpoint refused, or its stream failed.
    #[error("{0}")]
    Refused(ChatError),
    /// Nobody is there.
    #[error("the model is not reached")]
    NotReached,
    /// The answer was not whole in time.
    #[error("the model takes too long")]
    Late,
    /// The answer is longer than anything that was asked for.
    #[error("the answer is too long")]
    TooLong,
}

/// Asks once. Where an endpoint does not want to say what an answer cost, it is asked without that.
///
/// # Errors
/// [`Unanswered`]; nothing was tried again.
pub async fn ask_once(
    http: &reqwest::Client,
    settings: &ChatSettings,
    messages: &[ChatMessage],
    bounds: Bounds,
) -> Result<Answered, Unanswered> {
    let asked = async {
        match ask(http, settings, messages, bounds.bytes_max, true).await {
            Err(Unanswered::Refused(error)) if error.kind == ErrorKind::BadRequest => {
                ask(http, settings, messages, bounds.bytes_max, false).await
            }
            answered => answered,
        }
    };
    timeout(bounds.patience, asked)
        .await
        .unwrap_or(Err(Unanswered::Late))
}

async fn ask(
    http: &reqwest::Client,
    settings: &ChatSettings,
    messages: &[ChatMessage],
    bytes_max: usize,
    usage: bool,
) -> Result<Answered, Unanswered> {
    let dialect = settings.dialect;
    let body = dialect.body(&ChatRequest {
        model: &settings.model,
        messages,
        temperature: settings.temperature,
        limit: settings
            .max_tokens
            .map_or(TokenLimit::None, TokenLimit::MaxTokens),
        tools: &[],
        usage,
    });
    let request = http
        .post(dialect.url(&settings.base_url))
        .header("content-type", "application/json")
        .body(body);
    let request = dialect.headed(request, settings.api_key.as_deref());
    let mut response = request.send().await.map_err(|_| Unanswered::NotReached)?;
    if !response.status().is_success() {
        return Err(Unanswered::Refused(refusal(response).await));
    }
    let mut answered = Answered {
        text: String::new(),
        tokens: None,
    };
    let (mut decoder, mut events, mut is_whole) = (dialect.decoder(), Vec::new(), false);
    loop {
        let piece = response.chunk().await.map_err(|_| Unanswered::NotReached)?;
        match &piece {
            Some(bytes) => decoder.push(bytes, &mut events),
            None => decoder.end(&mut events),
        }
        for event in events.drain(..) {
            match event {
                ChatEvent::Text(text) => answered.text.push_str(&text),
                ChatEvent::Finished { .. } => is_whole = true,
                ChatEvent::Error(error) if !is_whole => return Err(Unanswered::Refused(error)),
                ChatEvent::Usage {
                    prompt_tokens,
                    completion_tokens,
                    ..
                } => answered.tokens = Some((prompt_tokens, completion_tokens)),
                ChatEvent::Error(_) | ChatEvent::ToolCall(_) => {}
            }
        }
        if answered.text.len() > bytes_max {
            return Err(Unanswered::TooLong);
        }
        if piece.is_none() {
            return Ok(answered);
        }
    }
}

async fn refusal(mut response: reqwest::Response) -> ChatError {
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (after, after_ms) = (header("retry-after"), header("retry-after-ms"));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while body.len() < ERROR_BYTES_MAX
        && let Ok(Some(piece)) = response.chunk().await
    {
        body.extend_from_slice(&piece);
    }
    body.truncate(ERROR_BYTES_MAX);
    error_body(status, &body, after.as_deref(), after_ms.as_deref())
}
