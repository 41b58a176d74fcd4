//! A voice that answers a POST with audio.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::time::{Instant, timeout_at};
use trunkline_core::wire::link::{Trouble, TroubleKind};
use trunkline_core::wire::tts::TtsRequest;

use super::link::silent;
use crate::clock;
use crate::provider::{Sound, StageError};
use crate::providers::audio::ToMulaw;
use crate::providers::hop::{Hop, refused, trouble_of};

/// How long the first piece may take, for each of two attempts.
const FIRST_PATIENCE: Duration = Duration::from_millis(2_500);
/// How long each piece after another may take.
const PIECE_PATIENCE: Duration = Duration::from_secs(2);
/// Attempts, until something was heard.
const TRIES: u32 = 2;
/// Before another attempt, unless the other side asks for more; longer than the most is dead air.
const PAUSE_MS: u64 = 100;
const PAUSE_MS_MAX: u64 = 1_000;
/// Longest audio of one text: four minutes.
const AUDIO_BYTES_MAX: usize = 240 * 8_000;

/// Has a text said. Nothing is asked before the stream is polled.
pub(super) fn say(hop: Hop, request: TtsRequest) -> BoxStream<'static, Result<Sound, StageError>> {
    let saying = Saying {
        hop,
        request,
        answer: None,
        ready: VecDeque::new(),
        bytes: 0,
        is_over: false,
    };
    stream::unfold(saying, |mut saying| async move {
        let piece = saying.next().await?;
        Some((piece, saying))
    })
    .boxed()
}

struct Saying {
    hop: Hop,
    request: TtsRequest,
    answer: Option<(reqwest::Response, ToMulaw)>,
    ready: VecDeque<Vec<u8>>,
    bytes: usize,
    is_over: bool,
}

impl Saying {
    async fn next(&mut self) -> Option<Result<Sound, StageError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(Sound::Audio(piece.into())));
            }
            if self.is_over {
                return None;
            }
            let read = match self.answer {
                Some(_) => {
                    let until = clock::timer_now() + PIECE_PATIENCE;
                    self.read(until).await
                }
                None => self.begin().await,
            };
            if let Err(trouble) = read {
                self.is_over = true;
                self.hop.met(&trouble);
                return Some(Err(self.hop.failed(&trouble)));
            }
        }
    }

    /// Asks, once more if that may help, until the first piece is there.
    async fn begin(&mut self) -> Result<(), Trouble> {
        let asked_at = clock::timer_now();
        let mut tries = 1;
        loop {
            let Err(trouble) = self.try_once().await else {
                self.hop.connected("ok");
                let after = clock::timer_now().saturating_duration_since(asked_at);
                self.hop.first_result(after);
                return Ok(());
            };
            self.hop.connected(trouble.kind.code());
            self.answer = None;
            let pause_ms = trouble.retry_after_ms.unwrap_or(PAUSE_MS);
            if tries >= TRIES || !trouble.kind.may_pass() || pause_ms > PAUSE_MS_MAX {
                return Err(trouble);
            }
            tries += 1;
            tracing::info!(provider = self.hop.provider, %trouble, "voice is asked again");
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    async fn try_once(&mut self) -> Result<(), Trouble> {
        let until = clock::timer_now() + FIRST_PATIENCE;
        let (client, url) = self
            .hop
            .post(&self.request.path)
            .map_err(|error| trouble_of(&error))?;
        let mut request = client.post(url).body(self.request.body.clone());
        for (name, value) in &self.request.headers {
            request = request.header(*name, value);
        }
        let answer = match timeout_at(until, request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_builder() => {
                return Err(Trouble::new(TroubleKind::Request, "cannot be sent"));
            }
            Ok(Err(_)) => return Err(Trouble::new(TroubleKind::Server, "not reached")),
            Err(_) => return Err(silent()),
        };
        let status = answer.status().as_u16();
        if !answer.status().is_success() {
            let number = |name| answer.headers().get(name)?.to_str().ok()?.parse().ok();
            return Err(refused(
                status,
                number("retry-after-ms"),
                number("retry-after"),
            ));
        }
        let audio = ToMulaw::new(self.request.format)
            .map_err(|error| Trouble::new(TroubleKind::Request, &error.to_string()))?;
        self.answer = Some((answer, audio));
        while self.ready.is_empty() && !self.is_over {
            self.read(until).await?;
        }
        Ok(())
    }

    /// Reads one piece of the answer.
    async fn read(&mut self, until: Instant) -> Result<(), Trouble> {
        let Some((answer, audio)) = &mut self.answer else {
            self.is_over = true;
            return Ok(());
        };
        let mut piece = Vec::new();
        match timeout_at(until, answer.chunk()).await {
            Ok(Ok(Some(bytes))) => audio.push(&bytes, &mut piece),
            Ok(Ok(None)) => {
                audio.finish(&mut piece);
                self.is_over = true;
            }
            Ok(Err(_)) => return Err(Trouble::new(TroubleKind::Server, "broke off")),
            Err(_) => return Err(silent()),
        }
        self.bytes += piece.len();
        if self.bytes > AUDIO_BYTES_MAX {
            return Err(Trouble::new(TroubleKind::Protocol, "audio without end"));
        }
        if !piece.is_empty() {
            self.ready.push_back(piece);
        }
        Ok(())
    }
}
