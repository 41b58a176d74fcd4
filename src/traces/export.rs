//! The one task that sends spans: in batches, a bounded time each, with one more try where that may help.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::otlp::{self, Resource};
use super::tree::Span;
use super::{TracesError, TracesSettings, counted};
use crate::clock;

/// Spans of one request, but for those of one tree.
const BATCH_SPANS: usize = 512;
/// The first span of a batch waits so long for others.
const BATCH_WITHIN: Duration = Duration::from_secs(2);
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before another try, unless the collector asks for more; it is not given more than the most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

pub(super) enum Job {
    Tree(Vec<Span>),
    Flush(oneshot::Sender<()>),
}

pub(super) struct Exporter {
    http: reqwest::Client,
    url: String,
    headers: HeaderMap,
    resource: Resource,
    /// The collector did not take the last batch, and the log says so.
    is_down: bool,
}

/// What came of a try.
enum Tried {
    Sent {
        rejected: u64,
    },
    Failed {
        outcome: &'static str,
        again_in: Option<Duration>,
    },
}

impl Exporter {
    pub(super) fn new(
        http: reqwest::Client,
        settings: &TracesSettings,
    ) -> Result<Self, TracesError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &settings.headers {
            let wrong = || TracesError::Header(name.clone());
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        Ok(Self {
            http,
            url: format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')),
            headers,
            resource: Resource {
                service_name: settings.service_name.clone(),
                instance: ulid::Ulid::new().to_string(),
            },
            is_down: false,
        })
    }

    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(job) = queue.recv().await {
            let (mut spans, mut flushed) = (Vec::new(), None);
            take(job, &mut spans, &mut flushed);
            let until = clock::timer_now() + BATCH_WITHIN;
            while flushed.is_none()
                && spans.len() < BATCH_SPANS
                && let Ok(Some(job)) = tokio::time::timeout_at(until, queue.recv()).await
            {
                take(job, &mut spans, &mut flushed);
            }
            if !spans.is_empty() {
                self.send(&spans).await;
            }
            if let Some(flushed) = flushed {
                // Whoever asked may have gone.
                let _ = flushed.send(());
            }
        }
    }

    async fn send(&mut self, spans: &[Span]) {
        let body = bytes::Bytes::from(otlp::body(&self.resource, spans));
        let mut tried = self.try_once(body.clone()).await;
        if let Tried::Failed {
            again_in: Some(pause),
            ..
        } = tried
        {
            sleep(pause).await;
            tried = self.try_once(body).await;
        }
        let count = spans.len() as u64;
        match tried {
            Tried::Sent { rejected } => {
                let rejected = rejected.min(count);
                counted("sent", count - rejected);
                counted("rejected", rejected);
                self.is_down = false;
            }
            Tried::Failed { outcome, .. } => {
                counted(outcome, count);
                if !std::mem::replace(&mut self.is_down, true) {
                    tracing::warn!(
                        outcome,
                        "the collector of traces does not take spans; they are dropped until it does"
                    );
                }
            }
        }
    }

    async fn try_once(&self, body: bytes::Bytes) -> Tried {
        let request = self
            .http
            .post(&self.url)
            .headers(self.headers.clone())
            .timeout(PATIENCE)
            .body(body);
        let Ok(mut response) = request.send().await else {
            return Tried::Failed {
                outcome: "unreachable",
                again_in: Some(PAUSE),
            };
        };
        let status = response.status().as_u16();
        let asked = response.headers().get(RETRY_AFTER);
        let asked = asked.and_then(|value| value.to_str().ok()?.parse().ok());
        let mut answer = Vec::new();
        while answer.len() < ANSWER_BYTES_MAX
            && let Ok(Ok(Some(piece))) = timeout(PATIENCE, response.chunk()).await
        {
            answer.extend_from_slice(&piece);
        }
        if (200..300).contains(&status) {
            return Tried::Sent {
                rejected: otlp::rejected(&answer),
            };
        }
        let pause = asked.map_or(PAUSE, Duration::from_secs);
        Tried::Failed {
            outcome: "refused",
            again_in: matches!(status, 429 | 502 | 503 | 504).then_some(pause.min(PAUSE_MAX)),
        }
    }
}

fn take(job: Job, spans: &mut Vec<Span>, flushed: &mut Option<oneshot::Sender<()>>) {
    match job {
        Job::Tree(tree) => spans.extend(tree),
        Job::Flush(done) => *flushed = Some(done),
    }
}
