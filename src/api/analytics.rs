//! Calls counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use trunkline_core::analytics::{By, Figures, Key, Success, Tally, Zone};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::Params;
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::when::{self, When, seconds};
use crate::after;
use crate::app::App;
use crate::ids;
use crate::store::analytics::Span;

/// Longest span, ms: a year and a little.
const SPAN_MS_MAX: i64 = 400 * 86_400_000;
/// Longest span by the hour, ms: a month.
const HOURS_MS_MAX: i64 = 31 * 86_400_000;
/// Most calls of a span.
const CALLS_MAX: u32 = 100_000;

/// What is counted, and apart by what.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `asked` reads them")]
pub(super) struct AnalyticsParams {
    /// Calls that were made at this moment or later.
    #[param(format = DateTime)]
    from: String,
    /// And before this moment: at most 400 days later, with `by=hour` 31, and at most 100,000 calls of any agent.
    #[param(format = DateTime)]
    until: String,
    /// Held by this agent alone: an id, or the name of an agent from a file.
    agent_id: Option<String>,
    /// Count apart by `agent`, `version`, `campaign`, `hour` or `day`; by `version` of one agent, which `agent_id` names.
    by: Option<String>,
    /// Whose hours and days: an IANA name, as `Europe/Berlin`; `UTC` if absent.
    time_zone: Option<String>,
}

/// How long something took, of all values; null without any.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Durations {
    count: u64,
    total_seconds: f64,
    p50_seconds: Option<f64>,
    p95_seconds: Option<f64>,
    max_seconds: Option<f64>,
}

/// From a caller's last sound to the first audio of the answer: percentiles of all answers that are stored, never of other
/// percentiles; null without any.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answers {
    count: u64,
    p50_ms: Option<u64>,
    p90_ms: Option<u64>,
    p95_ms: Option<u64>,
    p99_ms: Option<u64>,
    max_ms: Option<u64>,
}

/// What calls cost in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sum {
    #[schema(example = "EUR")]
    currency: String,
    /// In millionths of it.
    #[schema(example = 1_250_000)]
    micros: i64,
}

/// What calls cost, as far as there are prices.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cost {
    sums: Vec<Sum>,
    /// Calls all of whose units have a price.
    priced_calls: u64,
    /// The others: some of their units have none, or nothing was metered.
    unpriced_calls: u64,
}

/// How many calls succeeded, of those that have a verdict.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SuccessShare {
    /// Calls with a verdict, whichever.
    judged: u64,
    successes: u64,
    /// Their share of those judged.
    #[schema(example = 0.8)]
    share: f64,
    /// From here to `high`, the true share lies with 95 % confidence (Wilson's interval): where those of two versions overlap
    /// much, more calls are needed to tell which is better.
    #[schema(example = 0.711)]
    low: f64,
    #[schema(example = 0.867)]
    high: f64,
}

/// Several calls, counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counted {
    calls: u64,
    inbound: u64,
    outbound: u64,
    answered: u64,
    /// By where they are.
    statuses: BTreeMap<String, u64>,
    /// By what came of them.
    outcomes: BTreeMap<String, u64>,
    /// By why they ended.
    ended_reasons: BTreeMap<String, u64>,
    /// By what the person on the line agreed to.
    consent: BTreeMap<String, u64>,
    /// By how far it is with what is to become known of them, where that is wanted.
    after: BTreeMap<String, u64>,
    /// By verdict.
    verdicts: BTreeMap<String, u64>,
    /// Null where there is no verdict.
    success: Option<SuccessShare>,
    /// By what became of them.
    dispositions: BTreeMap<String, u64>,
    /// Those in which somebody asked not to be called again.
    opt_outs: u64,
    /// From the answer to the end.
    durations: Durations,
    answers: Answers,
    cost: Cost,
}

/// Calls that have something in common.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Group {
    /// What that is: an agent, the number of a version, a day as `2026-11-23`, an hour as `2026-11-23T14:00:00+01:00`; null for calls of no campaign.
    key: Option<String>,
    #[serde(flatten)]
    counted: Counted,
}

/// Calls of a span, counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Analytics {
    from: When,
    until: When,
    #[schema(example = "Europe/Berlin")]
    time_zone: &'static str,
    total: Counted,
    /// What `by` asks for, in order of the keys; only groups that have calls.
    groups: Vec<Group>,
}

impl From<Success> for SuccessShare {
    fn from(success: Success) -> Self {
        Self {
            judged: success.judged,
            successes: success.successes,
            share: success.share,
            low: success.within.0,
            high: success.within.1,
        }
    }
}

impl From<Figures> for Counted {
    fn from(figures: Figures) -> Self {
        let success = figures.success().map(Into::into);
        let [p50, p95, max] = figures.durations_ms.percentiles([50, 95, 100]);
        let durations = Durations {
            count: figures.durations_ms.count(),
            total_seconds: seconds(figures.durations_ms.sum()),
            p50_seconds: p50.map(seconds),
            p95_seconds: p95.map(seconds),
            max_seconds: max.map(seconds),
        };
        let [p50_ms, p90_ms, p95_ms, p99_ms, max_ms] =
            figures.answers_ms.percentiles([50, 90, 95, 99, 100]);
        let answers = Answers {
            count: figures.answers_ms.count(),
            p50_ms,
            p90_ms,
            p95_ms,
            p99_ms,
            max_ms,
        };
        let sums = figures.costs.into_iter();
        Self {
            calls: figures.calls,
            inbound: figures.inbound,
            outbound: figures.outbound,
            answered: figures.answered,
            statuses: figures.statuses,
            outcomes: figures.outcomes,
            ended_reasons: figures.ended_reasons,
            consent: figures.consents,
            after: figures.after,
            verdicts: figures.verdicts,
            success,
            dispositions: figures.dispositions,
            opt_outs: figures.opt_outs,
            durations,
            answers,
            cost: Cost {
                sums: sums
                    .map(|(currency, micros)| Sum { currency, micros })
                    .collect(),
                priced_calls: figures.priced,
                unpriced_calls: figures.calls - figures.priced,
            },
        }
    }
}

struct Asked {
    span: Span,
    by: Option<By>,
    zone: Zone,
}

fn asked(mut params: Params) -> Result<Asked, Problem> {
    let moment = "expected a moment in RFC 3339, as 2026-11-22T16:30:00Z";
    let needed = |name: &str| Problem::invalid(format!("query:{name}"), "missing", moment);
    let from_ms = params.read("from", moment, when::parse)?;
    let until_ms = params.read("until", moment, when::parse)?;
    let agent = |text: &str| {
        (ids::is_file_name(text) || ids::is_id("agent", text)).then(|| text.to_owned())
    };
    let agent_id = params.read("agent_id", "expected an agent's id or name", agent)?;
    let by = params.read(
        "by",
        "expected agent, version, campaign, hour or day",
        By::parse,
    )?;
    let zone = "expected an IANA time zone, as Europe/Berlin";
    let zone = params.read("time_zone", zone, Zone::parse)?;
    params.finish()?;
    if by == Some(By::Version) && agent_id.is_none() {
        let detail = "versions are those of one agent";
        return Err(Problem::invalid("query:agent_id", "missing", detail));
    }
    let span = Span {
        from_ms: from_ms.ok_or_else(|| needed("from"))?,
        until_ms: until_ms.ok_or_else(|| needed("until"))?,
        agent_id,
    };
    let (ms_max, days) = match by {
        Some(By::Hour) => (HOURS_MS_MAX, 31),
        Some(By::Agent | By::Version | By::Campaign | By::Day) | None => (SPAN_MS_MAX, 400),
    };
    let ms = span.until_ms.saturating_sub(span.from_ms);
    if ms <= 0 || ms > ms_max {
        let detail = format!("`until` must be after `from`, and at most {days} days later");
        return Err(Problem::invalid("query:until", "out_of_range", detail));
    }
    Ok(Asked {
        span,
        by,
        zone: zone.unwrap_or(Zone::UTC),
    })
}

/// Count calls
///
/// Of the client's own calls, every one of the span: volumes, how they ended, how long they were, what became of them, how
/// quickly they were answered and what they cost.
#[utoipa::path(
    get, path = "/v1/analytics", tag = "analytics", params(AnalyticsParams),
    responses((status = 200, body = Analytics)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Analytics>, Problem> {
    let Asked { span, by, zone } = asked(params)?;
    let desk = &app.desk;
    let keys = caller.keys(desk).await?;
    let store = desk.store.analytics();
    let is_beyond = store.is_beyond(&caller.client, &span, CALLS_MAX).await;
    if is_beyond.map_err(stored)? {
        let detail =
            format!("there are more than {CALLS_MAX} calls in this span; ask for a shorter one");
        return Err(Problem::invalid("query:until", "too_many_calls", detail));
    }
    let mut tally = Tally::new(by, zone);
    let mut labels: BTreeMap<[u8; 32], String> = BTreeMap::new();
    let mut last = None;
    loop {
        let page = store.page(&caller.client, &span, last.as_ref()).await;
        let mut page = page.map_err(stored)?;
        for call in &mut page {
            let Some(word) = &call.label else {
                tally.add(&call.facts);
                continue;
            };
            let label = match labels.get(&word.hash) {
                Some(label) => label.clone(),
                None => after::label_of(&keys, word).map_err(unopened)?,
            };
            labels.insert(word.hash, label.clone());
            call.facts.disposition = Some(label);
            tally.add(&call.facts);
        }
        last = page.pop();
        if last.is_none() {
            break;
        }
        // Counting is never in a hurry.
        tokio::task::yield_now().await;
    }
    let groups = tally.groups.into_iter();
    Ok(Answer(Analytics {
        from: When::of(span.from_ms),
        until: When::of(span.until_ms),
        time_zone: zone.name(),
        total: tally.total.into(),
        groups: groups
            .map(|(key, figures)| Group {
                key: key.as_ref().map(Key::to_string),
                counted: figures.into(),
            })
            .collect(),
    }))
}
