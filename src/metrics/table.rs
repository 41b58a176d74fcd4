//! Every metric: its name, what it is labelled by, and what it tells. A test holds this against the code and the README.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use trunkline_core::admission::Why;
use trunkline_core::amd::{AnsweredBy, Evidence};
use trunkline_core::call::{
    EndReason, Outcome, Profile, Stage, StepDown, TransferEnd, TransferKind,
};
use trunkline_core::record::reason;

use crate::admission::{Door, Full};
use crate::providers::{Kind, VENDORS};
use crate::traces;

/// What sort of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Times in buckets, seconds.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As Prometheus reads it.
    pub name: &'static str,
    /// Its sort.
    pub sort: Sort,
    /// Its labels, whose values are words of closed tables.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub tells: &'static str,
}

const fn metric(
    name: &'static str,
    sort: Sort,
    labels: &'static [&'static str],
    tells: &'static str,
) -> Metric {
    Metric {
        name,
        sort,
        labels,
        tells,
    }
}

/// Every metric that the server counts.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    metric("trunkline_calls_live", Sort::Gauge, &[], "Calls that are held now"),
    metric("trunkline_calls_total", Sort::Counter, &["direction"], "Calls that began, by direction"),
    metric("trunkline_calls_ended_total", Sort::Counter, &["reason"], "Calls that ended, by reason"),
    metric("trunkline_calls_untaken_total", Sort::Counter, &["reason"], "Calls that came in and could not be taken"),
    metric("trunkline_media_refused_total", Sort::Counter, &["reason"], "Media sockets that were refused, by reason"),
    metric("trunkline_calls_refused_total", Sort::Counter, &["reason", "door"], "Calls that were turned away since there was too much to do"),
    metric("trunkline_calls_stepped_down_total", Sort::Counter, &["cause"], "Times that a call began or went on without the server's own models of turns"),
    metric("trunkline_calls_promised", Sort::Gauge, &[], "Calls that were let in and have not come yet"),
    metric("trunkline_admission_open", Sort::Gauge, &[], "1 while new calls are taken, by what is measured"),
    metric("trunkline_load_cpu_ratio", Sort::Gauge, &[], "CPU in use, smoothed, of what the process may use"),
    metric("trunkline_load_cpu_expected_ratio", Sort::Gauge, &[], "The same with the calls that are in no reading yet"),
    metric("trunkline_load_cpu_each_ratio", Sort::Gauge, &[], "What a call has been found to cost of it"),
    metric("trunkline_load_cpu_mark_ratio", Sort::Gauge, &[], "Above this share of CPU new calls are turned away; 0 if it closes nothing"),
    metric("trunkline_load_event_loop_lag_seconds", Sort::Gauge, &[], "How late the event loop is, 95th percentile of two seconds"),
    metric("trunkline_load_event_loop_lag_mark_seconds", Sort::Gauge, &[], "Above this lateness new calls are turned away; 0 if it closes nothing"),
    metric("trunkline_load_inference_wait_seconds", Sort::Gauge, &[], "What inference waits for its turn, smoothed"),
    metric("trunkline_load_inference_wait_mark_seconds", Sort::Gauge, &[], "Above this waiting new calls are turned away; 0 if it closes nothing"),
    metric("trunkline_turn_latency_seconds", Sort::Histogram, &["hop", "vendor", "profile"], "From a caller's last sound to the answer, by hop: what each took, side by side or not"),
    metric("trunkline_answer_seconds", Sort::Histogram, &["hop"], "What a caller waited for after their voice ended: turn, model, voice, all"),
    metric("trunkline_answered_by_total", Sort::Counter, &["by", "evidence"], "Verdicts on who answered a call that was placed, by what that is known"),
    metric("trunkline_answered_by_seconds", Sort::Histogram, &["by"], "From the answer until it was known who answered"),
    metric("trunkline_interruptions_total", Sort::Counter, &[], "Replies that a caller interrupted"),
    metric("trunkline_tool_uses_total", Sort::Counter, &["outcome"], "Uses of tools: done, refused, failed, unknown"),
    metric("trunkline_transfers_total", Sort::Counter, &["kind", "outcome"], "Transfers to a person, by kind and by what became of them"),
    metric("trunkline_tool_seconds", Sort::Histogram, &[], "How long uses of tools took"),
    metric("trunkline_underruns_total", Sort::Counter, &[], "Times that speech ran dry inside a reply"),
    metric("trunkline_stage_failures_total", Sort::Counter, &["stage"], "Failures of a stage that calls noticed"),
    metric("trunkline_stages_taken_over_total", Sort::Counter, &["stage", "provider"], "Times that another provider took over in a call, by stage and by who did"),
    metric("trunkline_circuit_changes_total", Sort::Counter, &["provider", "kind", "to"], "Providers' circuits that opened, were tried or closed"),
    metric("trunkline_circuits_open", Sort::Gauge, &["provider", "kind"], "Providers' accounts that are left alone or on trial, since they failed"),
    metric("trunkline_provider_connects_total", Sort::Counter, &["provider", "kind", "outcome"], "Attempts to connect to a provider"),
    metric("trunkline_provider_reconnects_total", Sort::Counter, &["provider", "kind", "why"], "Connections to a provider that were lost and made again"),
    metric("trunkline_provider_first_result_seconds", Sort::Histogram, &["provider", "kind"], "From a question to a provider to the first of its answer"),
    metric("trunkline_provider_audio_dropped_ms_total", Sort::Counter, &["provider"], "Audio that no recogniser could be given for too long"),
    metric("trunkline_realtime_tokens_total", Sort::Counter, &["provider", "kind"], "Tokens that models which hear and speak say they have read and written"),
    metric("trunkline_opened_ahead_total", Sort::Counter, &["outcome"], "What was opened for calls before their media sockets, by what became of it"),
    metric("trunkline_knowledge_look_up_seconds", Sort::Histogram, &["outcome"], "What looking something up in documents took, by what came of it"),
    metric("trunkline_knowledge_documents_total", Sort::Counter, &["outcome"], "Documents that were read, or could not be and why"),
    metric("trunkline_inference_waiting", Sort::Gauge, &["lane"], "Jobs that wait for the embedded speech, by lane"),
    metric("trunkline_webhooks_refused_total", Sort::Counter, &["reason"], "Carriers' webhooks that were refused"),
    metric("trunkline_webhooks_unknown_total", Sort::Counter, &["kind"], "Carriers' webhooks about what is not known here"),
    metric("trunkline_inbound_webhook_failures_total", Sort::Counter, &["reason"], "Clients' inbound webhooks that did not choose"),
    metric("trunkline_carrier_stream_errors_total", Sort::Counter, &[], "Media streams that a carrier said had failed"),
    metric("trunkline_after_calls_total", Sort::Counter, &["outcome"], "Calls that were looked into once they were over, by what became of it"),
    metric("trunkline_callbacks_total", Sort::Counter, &["end"], "Callbacks that ended: done, cancelled, failed, expired"),
    metric("trunkline_events_total", Sort::Counter, &[], "Events that clients can be told of"),
    metric("trunkline_event_deliveries_total", Sort::Counter, &["outcome"], "Events told to clients' endpoints, by what came of the try: delivered, failed (it is tried again), dead"),
    metric("trunkline_rules_refused", Sort::Gauge, &[], "1 while packs of rules in the operator's folder are wrong, and those before them hold"),
    metric("trunkline_event_endpoints_waiting", Sort::Gauge, &[], "Clients' endpoints that an event waits for"),
    metric("trunkline_trace_spans_total", Sort::Counter, &["outcome"], "Spans, by what became of them: sent, or dropped and why"),
];

pub(super) fn describe() {
    for Metric {
        name, sort, tells, ..
    } in METRICS
    {
        match sort {
            Sort::Counter => describe_counter!(*name, *tells),
            Sort::Gauge => describe_gauge!(*name, *tells),
            Sort::Histogram => describe_histogram!(*name, Unit::Seconds, *tells),
        }
    }
}

/// Shows what has not happened yet as 0: who watches for a rate would not see the first time otherwise. What depends on whom
/// clients choose appears with its first use.
pub(super) fn begin_at_zero() {
    gauge!("trunkline_calls_live").set(0.0);
    gauge!("trunkline_event_endpoints_waiting").set(0.0);
    gauge!("trunkline_rules_refused").set(0.0);
    for name in [
        "trunkline_events_total",
        "trunkline_interruptions_total",
        "trunkline_underruns_total",
        "trunkline_carrier_stream_errors_total",
    ] {
        counter!(name).increment(0);
    }
    for direction in ["inbound", "outbound"] {
        counter!("trunkline_calls_total", "direction" => direction).increment(0);
    }
    for why in END_REASONS {
        counter!("trunkline_calls_ended_total", "reason" => reason(why)).increment(0);
    }
    for (name, label, values) in BY_ONE {
        for value in *values {
            counter!(*name, *label => *value).increment(0);
        }
    }
    for full in Full::ALL {
        for door in Door::ALL {
            full.counter(door).increment(0);
        }
    }
    for cause in [Why::Cpu, Why::Inference] {
        super::stepped_down_counter(StepDown::Load(cause)).increment(0);
    }
    for cause in [StepDown::VoiceModel, StepDown::TurnModel] {
        super::stepped_down_counter(cause).increment(0);
    }
    for outcome in ["found", "nothing", "late", "failed"] {
        drop(histogram!("trunkline_knowledge_look_up_seconds", "outcome" => outcome));
    }
    for outcome in traces::OUTCOMES {
        counter!("trunkline_trace_spans_total", "outcome" => outcome).increment(0);
    }
    for by in AnsweredBy::ALL {
        drop(histogram!("trunkline_answered_by_seconds", "by" => by.code()));
        for evidence in Evidence::ALL.into_iter().filter(|e| e.may_show(by)) {
            super::answered_by_counter(by, evidence).increment(0);
        }
    }
    for stage in [Stage::Ears, Stage::Mind, Stage::Voice] {
        let stage = super::stage_name(stage);
        counter!("trunkline_stage_failures_total", "stage" => stage).increment(0);
    }
    for vendor in VENDORS {
        let (name, kind) = (vendor.name, vendor.does.kind());
        let stage = kind.code();
        // One that hears, thinks and speaks stands behind nobody.
        if kind != Kind::Realtime {
            counter!("trunkline_stages_taken_over_total", "stage" => stage, "provider" => name)
                .increment(0);
        }
        counter!("trunkline_circuit_changes_total", "provider" => name, "kind" => stage, "to" => "open")
            .increment(0);
        gauge!("trunkline_circuits_open", "provider" => name, "kind" => stage).increment(0.0);
        if kind == Kind::Recogniser {
            counter!("trunkline_provider_audio_dropped_ms_total", "provider" => name).increment(0);
        }
        if kind == Kind::Realtime {
            for kind in ["read", "written"] {
                counter!("trunkline_realtime_tokens_total", "provider" => name, "kind" => kind)
                    .increment(0);
            }
        }
    }
    for outcome in Outcome::ALL {
        counter!("trunkline_tool_uses_total", "outcome" => outcome.code()).increment(0);
    }
    for kind in TransferKind::ALL {
        for end in TransferEnd::ALL {
            super::transfer_counter(kind, end).increment(0);
        }
    }
    drop(histogram!("trunkline_tool_seconds"));
    for hop in super::ANSWER_HOPS {
        drop(histogram!("trunkline_answer_seconds", "hop" => hop));
    }
    for profile in Profile::ALL {
        let profile = profile.name();
        drop(histogram!("trunkline_turn_latency_seconds",
            "hop" => "answer", "vendor" => super::EVERYBODY, "profile" => profile));
    }
}

const END_REASONS: [EndReason; 14] = [
    EndReason::CallerHungUp,
    EndReason::LineLost,
    EndReason::AgentHungUp,
    EndReason::OptedOut,
    EndReason::Silence,
    EndReason::TooLong,
    EndReason::Machine,
    EndReason::MessageLeft,
    EndReason::Transferred,
    EndReason::Failed(Stage::Ears),
    EndReason::Failed(Stage::Mind),
    EndReason::Failed(Stage::Voice),
    EndReason::Draining,
    EndReason::Asked,
];

/// Counters of one label, and its values that an operator should watch for.
const BY_ONE: &[(&str, &str, &[&str])] = &[
    (
        "trunkline_after_calls_total",
        "outcome",
        &["done", "failed", "skipped", "later"],
    ),
    (
        "trunkline_callbacks_total",
        "end",
        &["done", "cancelled", "failed", "expired"],
    ),
    (
        "trunkline_event_deliveries_total",
        "outcome",
        &["delivered", "failed", "dead"],
    ),
    (
        "trunkline_knowledge_documents_total",
        "outcome",
        &["ready", "later"],
    ),
    ("trunkline_calls_untaken_total", "reason", &["busy"]),
    (
        "trunkline_media_refused_total",
        "reason",
        &["malformed", "token", "expired", "used", "reusable"],
    ),
];
