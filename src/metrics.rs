//! What the server tells of itself, as Prometheus reads it: counts and times, never whose and never what was said.
//!
//! Metrics are on an address of their own, since the server's own is open to the world.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics::{
    Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use trunkline_core::call::{EndReason, Hop, Staff, Stage, Timing};
use trunkline_core::record::reason;
use trunkline_core::time::At;
use trunkline_core::token::Direction;
use trunkline_media::mouth::MouthCounters;

use crate::app::App;
use crate::speech::Speech;

/// Upper bounds of the buckets of times, seconds.
const BUCKETS: [f64; 14] = [
    0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.5, 5.0, 10.0,
];
/// The same for the hops of turns, finer where answers are judged.
const TURN_BUCKETS: [f64; 18] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.65, 0.85, 1.2, 2.0, 3.0,
    5.0,
];
/// The vendor of what no vendor does alone.
const EVERYBODY: &str = "all";
/// A dashboard of what is told here, for Grafana.
pub const DASHBOARD: &str = include_str!("metrics/grafana.json");
/// How often samples are taken out of the histograms' buffers.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Begins to count, for the whole process. Once.
///
/// # Errors
/// Somebody counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("trunkline_turn_latency_seconds".into()),
            &TURN_BUCKETS,
        )?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_gauge!("trunkline_calls_live", "Calls that are held now");
    describe_gauge!(
        "trunkline_inference_waiting",
        "Jobs that wait for the embedded speech, by lane"
    );
    describe_counter!("trunkline_calls_total", "Calls that began, by direction");
    describe_counter!("trunkline_calls_ended_total", "Calls that ended, by reason");
    describe_counter!(
        "trunkline_media_refused_total",
        "Media sockets that were refused, by reason"
    );
    describe_counter!(
        "trunkline_interruptions_total",
        "Replies that a caller interrupted"
    );
    describe_counter!(
        "trunkline_stage_failures_total",
        "Failures of a stage that calls noticed"
    );
    describe_counter!(
        "trunkline_stages_taken_over_total",
        "Times that another provider took over in a call, by stage and by who did"
    );
    describe_counter!(
        "trunkline_circuit_changes_total",
        "Providers' circuits that opened, were tried or closed"
    );
    describe_gauge!(
        "trunkline_circuits_open",
        "Providers' accounts that are left alone or on trial, since they failed"
    );
    describe_counter!(
        "trunkline_underruns_total",
        "Times that speech ran dry inside a reply"
    );
    describe_counter!(
        "trunkline_opened_ahead_total",
        "What was opened for calls before their media sockets, by what became of it"
    );
    describe_histogram!(
        "trunkline_answer_seconds",
        Unit::Seconds,
        "From the end of a caller's voice to the answer, whole and by hop: turn, model, voice"
    );
}

/// Serves `GET /metrics` for as long as it is polled.
///
/// # Errors
/// Whatever ends the listener.
pub async fn serve(
    listener: TcpListener,
    handle: PrometheusHandle,
    app: Arc<App>,
    speech: Speech,
) -> std::io::Result<()> {
    let upkeep = handle.clone();
    let router = Router::new()
        .route("/metrics", get(render))
        .with_state((handle, app, speech));
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
    State((handle, app, speech)): State<(PrometheusHandle, Arc<App>, Speech)>,
) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    gauge!("trunkline_calls_live").set(app.tasks.len() as f64);
    let stats = speech.stats();
    for (lane, stats) in [("speech", stats.heavy), ("voice_activity", stats.light)] {
        gauge!("trunkline_inference_waiting", "lane" => lane).set(stats.waiting as f64);
    }
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, text)], handle.render())
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
    let hops = [
        ("turn", timing.speech_end, timing.decided),
        ("model", timing.decided, timing.token_wanted()),
        ("voice", timing.token_wanted(), timing.first_audio),
        ("all", timing.speech_end, timing.first_audio),
    ];
    for (hop, from, to) in hops {
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

/// A caller interrupted a reply.
pub fn interrupted() {
    counter!("trunkline_interruptions_total").increment(1);
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
