//! Vectors by an OpenAI-compatible endpoint.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use trunkline_core::knowledge::embeddings::{ANSWER_BYTES_MAX, request, vectors};
use trunkline_core::knowledge::vector::Small;
use trunkline_core::wire::link::{Trouble, TroubleKind};
use trunkline_core::wire::transcription::refused;

use crate::clock;
use crate::provider::StageError;
use crate::providers::Hop;

/// How long a batch of passages may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a batch is asked for; asking twice does no harm.
const TRIES: u32 = 4;
/// Before each further try, unless the other side asks for more.
const PAUSE_MS: u64 = 500;
/// The longest pause that is borne.
const PAUSE_MS_MAX: u64 = 60_000;

/// A provider of vectors.
pub struct Remote {
    hop: Hop,
    key: String,
    name: String,
}

impl Remote {
    /// The model of `hop`, whose base URL ends in `/v1` as a rule. The key may be empty.
    #[must_use]
    pub fn new(hop: Hop, key: &str) -> Self {
        Self {
            name: format!("{}:{}", hop.provider, hop.model),
            hop,
            key: key.to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn passages(
        &self,
        texts: &[String],
    ) -> Result<Vec<Option<Small>>, StageError> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut tries = 1;
        loop {
            let trouble = match self.once(&texts, clock::timer_now() + PATIENCE).await {
                Ok(vectors) => return Ok(vectors),
                Err(trouble) => trouble,
            };
            let pause_ms = PAUSE_MS << (tries - 1);
            let pause_ms = trouble.retry_after_ms.unwrap_or(0).max(pause_ms);
            if tries >= TRIES || !trouble.kind.may_pass() || pause_ms > PAUSE_MS_MAX {
                return Err(self.hop.failed(&trouble));
            }
            tries += 1;
            sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    pub(super) async fn question(&self, text: &str) -> Option<Small> {
        match self.once(&[text], clock::timer_now() + PATIENCE).await {
            Ok(vectors) => vectors.into_iter().next().flatten(),
            Err(trouble) => {
                tracing::debug!(provider = self.hop.provider, %trouble, "no vector for a question");
                None
            }
        }
    }

    async fn once(&self, texts: &[&str], until: Instant) -> Result<Vec<Option<Small>>, Trouble> {
        let asked_at = clock::timer_now();
        let answered = self.ask(texts, until).await;
        let outcome = answered.as_ref().map_or_else(|t| t.kind.code(), |_| "ok");
        self.hop.connected(outcome);
        let vectors = vectors(&answered?, texts.len())?;
        self.hop
            .first_result(clock::timer_now().saturating_duration_since(asked_at));
        Ok(vectors.iter().map(|vector| Small::of(vector)).collect())
    }

    async fn ask(&self, texts: &[&str], until: Instant) -> Result<Vec<u8>, Trouble> {
        let request = request(&self.hop.model, &self.key, texts);
        let (client, url) = self.hop.post_to(request.path)?;
        let mut post = client.post(url).body(request.body);
        for (name, value) in &request.headers {
            post = post.header(*name, value);
        }
        let server = |what| Trouble::new(TroubleKind::Server, what);
        let mut answer = match timeout_at(until, post.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_builder() => {
                return Err(Trouble::new(TroubleKind::Request, "cannot be sent"));
            }
            Ok(Err(_)) => return Err(server("not reached")),
            Err(_) => return Err(server("no answer in time")),
        };
        let mut body = Vec::new();
        while body.len() <= ANSWER_BYTES_MAX {
            match timeout_at(until, answer.chunk()).await {
                Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
                Ok(Ok(None)) => break,
                Ok(Err(_)) | Err(_) => return Err(server("the answer was cut off")),
            }
        }
        let status = answer.status();
        if status.is_success() {
            return Ok(body);
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
