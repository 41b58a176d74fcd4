//! What the server tells of itself, as Prometheus reads it: counts and times, never whose and never what was said.
//!
//! Metrics are on an address of their own, since the server's own is open to the world.

mod process;
mod table;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics::{Counter, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio::net::TcpListener;
use trunkline_core::amd::{AnsweredBy, Evidence, Verdict};
use trunkline_core::call::{
    EndReason, Hop, Outcome, Staff, Stage, StepDown, Timing, TransferEnd, TransferKind,
};
use trunkline_core::record::reason;
use trunkline_core::time::At;
use trunkline_core::token::Direction;
use trunkline_media::mouth::MouthCounters;

use crate::app::App;
use crate::speech::Speech;
pub use process::PROCESS_METRICS;
pub use table::{METRICS, Metric, Sort};

/// Upper bounds of the buckets of times, seconds.
const BUCKETS: [f64; 14] = [
    0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.5, 5.0, 10.0,
];
/// The same for the hops of turns, finer where answers are judged.
const TURN_BUCKETS: [f64; 18] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.65, 0.85, 1.2, 2.0, 3.0,
    5.0,
];
/// The hops of what a caller waited for, in the order of [`answered`]'s times.
const ANSWER_HOPS: [&str; 4] = ["turn", "model", "voice", "all"];
/// The vendor of what no vendor does alone.
const EVERYBODY: &str = "all";
/// A dashboard of what is told here, for Grafana.
pub const DASHBOARD: &str = include_str!("metrics/grafana.json");
/// How often samples are taken out of the histograms' buffers.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What counts. Whoever installs it counts for the process; a test may do so for itself.
///
/// # Errors
/// Buckets that make no sense.
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("trunkline_turn_latency_seconds".into()),
            &TURN_BUCKETS,
        )?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?
        .build_recorder();
    metrics::with_local_recorder(&recorder, || {
        table::describe();
        table::begin_at_zero();
    });
    Ok(recorder)
}

/// Begins to count, for the whole process. Once.
///
/// # Errors
/// Somebody counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    Ok(handle)
}

/// Jobs that wait for the embedded speech, by lane.
pub type Waiting = Box<dyn Fn() -> [(&'static str, usize); 2] + Send + Sync>;

/// The same of the embedded speech.
pub fn waiting(speech: Speech) -> Waiting {
    Box::new(move || {
        let stats = speech.stats();
        [
            ("speech", stats.heavy.waiting),
            ("voice_activity", stats.light.waiting),
        ]
    })
}

/// Serves `GET /metrics` for as long as it is polled.
///
/// # Errors
/// Whatever ends the listener.
pub async fn serve(
    listener: TcpListener,
    handle: PrometheusHandle,
    app: Arc<App>,
    waiting: Waiting,
) -> std::io::Result<()> {
    let upkeep = handle.clone();
    let router =
        Router::new()
            .route("/metrics", get(render))
            .with_state((handle, app, Arc::new(waiting)));
    let serving = async { axum::serve(listener, router).await };
    let keeping = async {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    };
    tokio::select! {
        served = serving => served,
        () = keeping => Ok(()),
    }
}

async fn render(
    State((handle, app, waiting)): State<(PrometheusHandle, Arc<App>, Arc<Waiting>)>,
) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    app.admission.tell();
    gauge!("trunkline_calls_live").set(app.tasks.len() as f64);
    for (lane, jobs) in waiting() {
        gauge!("trunkline_inference_waiting", "lane" => lane).set(jobs as f64);
    }
    let mut body = handle.render();
    body.push_str(&process::text());
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, text)], body)
}

/// Whether packs of rules are in the operator's folder that cannot be taken.
pub fn rules_refused(are_refused: bool) {
    gauge!("trunkline_rules_refused").set(f64::from(u8::from(are_refused)));
}

/// A call began.
pub fn call_began(direction: Direction) {
    let direction = match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    };
    counter!("trunkline_calls_total", "direction" => direction).increment(1);
}

/// A call ended.
pub fn call_ended(why: EndReason, mouth: &MouthCounters) {
    counter!("trunkline_calls_ended_total", "reason" => reason(why)).increment(1);
    counter!("trunkline_underruns_total").increment(mouth.underruns);
}

/// A turn was answered.
pub fn answered(timing: &Timing) {
    let times = [
        (timing.speech_end, timing.decided),
        (timing.decided, timing.token_wanted()),
        (timing.token_wanted(), timing.first_audio),
        (timing.speech_end, timing.first_audio),
    ];
    for (hop, (from, to)) in ANSWER_HOPS.into_iter().zip(times) {
        histogram!("trunkline_answer_seconds", "hop" => hop).record(seconds(from, to));
    }
}

fn seconds(from: At, to: At) -> f64 {
    to.since(from) as f64 / 1_000.0
}

/// All is known of how a turn was answered.
pub fn timed(timing: &Timing, by: Option<&Staff>) {
    let Some(staff) = by else {
        return;
    };
    for hop in Hop::ALL {
        if let Some((from, to)) = timing.hop(hop) {
            turn_latency(hop, staff).record(seconds(from, to));
        }
    }
}

/// The histogram of a hop, by who did it; what no vendor does alone is everybody's.
fn turn_latency(hop: Hop, staff: &Staff) -> Histogram {
    let vendor = match hop {
        Hop::Recogniser => staff.recogniser.vendor,
        Hop::Model | Hop::Clause => staff.model.vendor,
        Hop::Voice => staff.voice.vendor,
        Hop::EndOfTurn | Hop::Floor | Hop::Playout | Hop::Answer => EVERYBODY,
    };
    let profile = staff.profile.name();
    histogram!("trunkline_turn_latency_seconds", "hop" => hop.name(), "vendor" => vendor, "profile" => profile)
}

/// It is known who answered a call.
pub fn answered_by(verdict: Verdict) {
    let by = verdict.by.code();
    answered_by_counter(verdict.by, verdict.evidence).increment(1);
    histogram!("trunkline_answered_by_seconds", "by" => by)
        .record(verdict.after_ms as f64 / 1_000.0);
}

fn answered_by_counter(by: AnsweredBy, evidence: Evidence) -> Counter {
    counter!("trunkline_answered_by_total", "by" => by.code(), "evidence" => evidence.code())
}

/// A caller interrupted a reply.
pub fn interrupted() {
    counter!("trunkline_interruptions_total").increment(1);
}

/// A use of a tool is over.
pub fn tool_used(outcome: Outcome, took_ms: u64) {
    counter!("trunkline_tool_uses_total", "outcome" => outcome.code()).increment(1);
    histogram!("trunkline_tool_seconds").record(Duration::from_millis(took_ms).as_secs_f64());
}

/// A transfer is over.
pub fn transferred(kind: TransferKind, end: TransferEnd) {
    transfer_counter(kind, end).increment(1);
}

fn transfer_counter(kind: TransferKind, end: TransferEnd) -> Counter {
    counter!("trunkline_transfers_total", "kind" => kind.code(), "outcome" => end.code())
}

/// A call does without our own models of turns.
pub fn stepped_down(cause: StepDown) {
    stepped_down_counter(cause).increment(1);
}

fn stepped_down_counter(cause: StepDown) -> Counter {
    counter!("trunkline_calls_stepped_down_total", "cause" => cause.code())
}

/// A stage failed.
pub fn stage_failed(stage: Stage) {
    counter!("trunkline_stage_failures_total", "stage" => stage_name(stage)).increment(1);
}

/// Another provider took over the work of a stage in a call.
pub fn taken_over(stage: Stage, vendor: &'static str) {
    counter!("trunkline_stages_taken_over_total", "stage" => stage_name(stage), "provider" => vendor)
        .increment(1);
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Ears => "recogniser",
        Stage::Mind => "model",
        Stage::Voice => "voice",
    }
}
