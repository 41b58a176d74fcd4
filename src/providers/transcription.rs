//! A recogniser that is asked by the utterance: audio goes up whole, its words come back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout_at};
use trunkline_core::call::Provider;
use trunkline_core::wire::link::{Trouble, TroubleKind};
use trunkline_core::wire::stt::SttSettings;
use trunkline_core::wire::transcription::{
    ANSWER_BYTES_MAX, TranscriptionRequest, refused, request, transcript,
};

use super::circuit::Circuit;
use super::hop::{Hop, trouble_of};
use crate::clock;
use crate::provider::{StageError, Words};

/// How long each of two attempts may take.
const PATIENCE: Duration = Duration::from_secs(4);
const TRIES: u32 = 2;
/// Before another attempt, unless the other side asks for more; longer than the most is dead air.
const PAUSE_MS: u64 = 100;
const PAUSE_MS_MAX: u64 = 1_000;

/// A recogniser behind any OpenAI-compatible transcription endpoint. Cheap to clone.
#[derive(Clone)]
pub struct Transcriber(Arc<Inner>);

struct Inner {
    hop: Hop,
    settings: SttSettings,
    key: String,
}

impl Transcriber {
    /// A recogniser at `hop`, whose base URL ends in `/v1` as a rule. The key may be empty.
    pub fn new(hop: Hop, settings: SttSettings, key: &str) -> Self {
        Self(Arc::new(Inner {
            hop,
            settings,
            key: key.to_owned(),
        }))
    }

    /// What all calls know of it.
    pub fn circuit(&self) -> &Circuit {
        &self.0.hop.circuit
    }

    /// The words in 8 kHz audio. What passes is tried once more.
    ///
    /// # Errors
    /// The endpoint was not reached, refused, or made no sense; fatal if asking again changes nothing.
    pub fn hear(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Words, StageError>> {
        let inner = Arc::clone(&self.0);
        async move {
            let heard = inner.hear(&audio).await;
            heard.map_err(|trouble| inner.hop.failed(&trouble))
        }
        .boxed()
    }
}

impl crate::provider::Transcriber for Transcriber {
    fn transcribe(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Words, StageError>> {
        self.hear(audio)
    }

    fn provider(&self) -> Provider {
        self.0.hop.served_by()
    }
}

impl Inner {
    async fn hear(&self, audio: &[i16]) -> Result<Words, Trouble> {
        let asked_at = clock::timer_now();
        let mut tries = 1;
        loop {
            let tried = self
                .try_once(request(&self.settings, &self.key, audio))
                .await;
            let outcome = tried.as_ref().map_or_else(|t| t.kind.code(), |_| "ok");
            self.hop.connected(outcome);
            let trouble = match tried {
                Ok(text) => {
                    self.hop
                        .first_result(clock::timer_now().saturating_duration_since(asked_at));
                    // Nobody says how sure they are.
                    let confidence = 1.0;
                    return Ok(Words { text, confidence });
                }
                Err(trouble) => trouble,
            };
            let pause_ms = trouble.retry_after_ms.unwrap_or(PAUSE_MS);
            if tries >= TRIES || !trouble.kind.may_pass() || pause_ms > PAUSE_MS_MAX {
                self.hop.met(&trouble);
                return Err(trouble);
            }
            tries += 1;
            tracing::info!(provider = self.hop.provider, %trouble, "recogniser is asked again");
            sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    async fn try_once(&self, request: TranscriptionRequest) -> Result<String, Trouble> {
        let until = clock::timer_now() + PATIENCE;
        let late = || Trouble::new(TroubleKind::Server, "no answer in time");
        let (client, url) = self
            .hop
            .post(request.path)
            .map_err(|error| trouble_of(&error))?;
        let mut post = client.post(url).body(request.body);
        for (name, value) in &request.headers {
            post = post.header(*name, value);
        }
        let mut answer = match timeout_at(until, post.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_builder() => {
                return Err(Trouble::new(TroubleKind::Request, "cannot be sent"));
            }
            Ok(Err(_)) => return Err(Trouble::new(TroubleKind::Server, "not reached")),
            Err(_) => return Err(late()),
        };
        let body = body(&mut answer, until).await.ok_or_else(late)?;
        let status = answer.status();
        if status.is_success() {
            return transcript(&body);
        }
        if status.is_redirection() {
            // They are not followed: the address has to be mended.
            let code = format!("HTTP {}", status.as_u16());
            return Err(Trouble::new(TroubleKind::Request, &code));
        }
        let header = |name| answer.headers().get(name)?.to_str().ok();
        let (after, after_ms) = (header("retry-after"), header("retry-after-ms"));
        Err(refused(status.as_u16(), &body, after, after_ms))
    }
}

/// The answer's body, one byte over the most that is read if it is longer; `None` if it does not come in time.
async fn body(answer: &mut reqwest::Response, until: Instant) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() <= ANSWER_BYTES_MAX {
        match timeout_at(until, answer.chunk()).await {
            Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
            Ok(Ok(None)) => break,
            Ok(Err(_)) | Err(_) => return None,
        }
    }
    body.truncate(ANSWER_BYTES_MAX + 1);
    Some(body)
}
