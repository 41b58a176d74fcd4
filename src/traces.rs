//! Calls as spans, for a collector that speaks OTLP: one trace per call, one tree per answered turn.
//!
//! Spans are built after the fact, from the times that the call noted, and hold times, vendors and reasons: no words, no
//! numbers, no keys, no names of clients or agents. A call never waits for them: they go into a bounded queue, and what does
//! not fit is counted and gone.

mod export;
mod otlp;
mod tree;

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use trunkline_core::call::{EndReason, Note};
use trunkline_core::record;
use trunkline_core::time::At;
use trunkline_core::token::{Claims, Direction};

use crate::egress::{Egress, EgressError, Whose};
use export::{Exporter, Job};
use tree::{Happening, Ids, Span};

/// Trees that wait to be sent at most.
const QUEUE_TREES: usize = 1_024;
/// Turns of a call that are told of; a call that long has told enough.
const TURNS_MAX: u32 = 500;
/// Happenings of a call that its own span holds.
const HAPPENINGS_MAX: usize = 64;

/// Where spans go, and which.
#[derive(Clone)]
pub struct TracesSettings {
    /// The collector, as `http://127.0.0.1:4318`; `/v1/traces` is put behind it.
    pub endpoint: String,
    /// Headers of every request; their values may be keys.
    pub headers: Vec<(String, String)>,
    /// Which part of the calls is told of, 0 to 1.
    pub sample_ratio: f64,
    /// What the server is called there.
    pub service_name: String,
}

impl std::fmt::Debug for TracesSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracesSettings")
            .field("endpoint", &self.endpoint)
            .field("sample_ratio", &self.sample_ratio)
            .field("service_name", &self.service_name)
            .finish_non_exhaustive()
    }
}

/// Spans cannot be sent as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The address.
    #[error("traces.endpoint: {0}")]
    Endpoint(#[from] EgressError),
    /// A header.
    #[error("traces.headers: {0:?} is no name of an HTTP header, or its value holds what none may")]
    Header(String),
}

/// The way to the collector. Cheap to clone.
#[derive(Clone)]
pub struct Traces {
    jobs: mpsc::Sender<Job>,
    /// A trace is told of if its number is smaller; `None` for all.
    sampled_below: Option<u64>,
}

impl Traces {
    /// Begins to send, in a task that ends when the last [`Traces`] is dropped and all is sent. Must be called within a
    /// runtime.
    ///
    /// # Errors
    /// [`TracesError`]: an address or header that cannot be used.
    pub fn start(
        egress: &Egress,
        settings: &TracesSettings,
    ) -> Result<(Self, JoinHandle<()>), TracesError> {
        let http = egress.http(Whose::Operator, &settings.endpoint)?;
        let exporter = Exporter::new(http, settings)?;
        let (jobs, queue) = mpsc::channel(QUEUE_TREES);
        let task = tokio::spawn(exporter.run(queue));
        let ratio = settings.sample_ratio.clamp(0.0, 1.0);
        let traces = Self {
            jobs,
            sampled_below: (ratio < 1.0).then_some((ratio * u64::MAX as f64) as u64),
        };
        Ok((traces, task))
    }

    /// The trace of a call; `None` for one that is not told of, by lot.
    pub fn call(&self, claims: &Claims) -> Option<CallTrace> {
        let ids = Ids::draw()?;
        if self.sampled_below.is_some_and(|below| ids.lot() >= below) {
            return None;
        }
        Some(CallTrace {
            traces: self.clone(),
            ids,
            call_id: "".into(),
            direction: claims.direction,
            began_unix_ms: 0,
            turns: 0,
            turns_untold: 0,
            happenings: Vec::new(),
            latest: At::START,
        })
    }

    /// Sends what waits. What takes longer is left behind.
    pub async fn flush(&self, within: Duration) {
        let (done, sent) = oneshot::channel();
        let flushing = async {
            if self.jobs.send(Job::Flush(done)).await.is_ok() {
                let _ = sent.await;
            }
        };
        if timeout(within, flushing).await.is_err() {
            tracing::warn!("spans were left behind: the collector took too long");
        }
    }

    fn put(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if self.jobs.try_send(Job::Tree(spans)).is_err() {
            counted("queue_full", count);
        }
    }
}

/// Counts what became of spans.
fn counted(outcome: &'static str, spans: u64) {
    counter!("trunkline_trace_spans_total", "outcome" => outcome).increment(spans);
}

/// Every outcome that is counted.
pub(crate) const OUTCOMES: [&str; 5] = ["sent", "queue_full", "unreachable", "refused", "rejected"];

/// One call's trace. Turns are told of as they come; the call's own span, to which all belong, when it is over.
pub struct CallTrace {
    traces: Traces,
    ids: Ids,
    call_id: Arc<str>,
    direction: Direction,
    /// The moment that the call counts from.
    began_unix_ms: i64,
    turns: u32,
    turns_untold: u32,
    happenings: Vec<Happening>,
    latest: At,
}

impl CallTrace {
    /// The call begins to count its time now.
    pub fn began(&mut self, call_id: &Arc<str>, unix_ms: i64) {
        self.call_id = Arc::clone(call_id);
        self.began_unix_ms = unix_ms;
    }

    /// What of a note can be told.
    pub fn note(&mut self, note: &Note) {
        match note {
            Note::Timed { timing, by, .. } => {
                if self.turns >= TURNS_MAX {
                    self.turns_untold += 1;
                    return;
                }
                self.turns += 1;
                let tree = tree::turn(
                    &self.ids,
                    self.began_unix_ms,
                    self.turns,
                    timing,
                    by.as_deref(),
                );
                // Without numbers for its spans, the turn is not told of.
                if let Some(tree) = tree {
                    self.traces.put(tree);
                }
            }
            Note::Interrupted { at, .. } => self.happened("interrupted", None, *at),
            Note::StageFailed { stage, at } => {
                self.happened("stage_failed", Some((*stage, None)), *at)
            }
            Note::TakenOver { stage, vendor, at } => {
                self.happened("stage_taken_over", Some((*stage, Some(*vendor))), *at);
            }
            Note::AnsweredBy { at, .. } => self.happened("answered_by", None, *at),
            Note::SteppedDown { at, .. } => self.happened("stepped_down", None, *at),
            Note::ToolBegun { at, .. } => self.happened("tool_begun", None, *at),
            Note::ToolUsed { to, .. } => self.happened("tool_used", None, *to),
            Note::HandedOver { at, .. } => self.happened("handed_over", None, *at),
            Note::Transfer { end, at, .. } => {
                let name = match end {
                    None => "transfer_begun",
                    Some(_) => "transfer_ended",
                };
                self.happened(name, None, *at);
            }
            Note::Ended { at, .. } => self.latest = *at,
            Note::CallerSaid { .. }
            | Note::Withheld { .. }
            | Note::CallerPressed { .. }
            | Note::AgentSaid { .. }
            | Note::Resumed { .. }
            | Note::Commanded { .. }
            | Note::Answered { .. }
            | Note::Consent { .. }
            | Note::Guarded { .. } => {}
        }
    }

    fn happened(&mut self, name: &'static str, stage: tree::Staged, at: At) {
        if self.happenings.len() < HAPPENINGS_MAX {
            self.happenings.push(Happening { name, stage, at });
        }
    }

    /// The call is over.
    pub fn ended(self, reason: EndReason) {
        let root = tree::call(&tree::Whole {
            ids: &self.ids,
            call_id: &self.call_id,
            direction: self.direction,
            began_unix_ms: self.began_unix_ms,
            ended: self.latest,
            reason: record::reason(reason),
            has_failed: matches!(reason, EndReason::Failed(_)),
            turns: self.turns,
            turns_untold: self.turns_untold,
            happenings: &self.happenings,
        });
        self.traces.put(vec![root]);
    }
}
