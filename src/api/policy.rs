//! What the client allows of its dialling.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use trunkline_core::policy::{Destination, DestinationError, Line};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::Json;
use super::problem::Problem;
use super::refuse::stored;
use super::revision::{At, IfMatch};
use super::spend::{self, Spend, SpendCaps};
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::dial::frequency;
use crate::store::dialling;

/// Most destinations that a client may allow.
const DESTINATIONS_MAX: usize = 1_000;

/// Most calls to one number within a day that a client may allow, and within a week.
const CALLS_MAX: (i64, i64) = (100, 500);
/// Longest gap between two calls, s.
const GAP_S_MAX: i64 = 7 * 86_400;

/// How often one number is called at most. Every call counts that was asked for, answered or not; what the law of a place
/// says of it holds beside this.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Frequency {
    /// Calls within 24 hours.
    #[schema(minimum = 1, maximum = 100, example = 3)]
    calls_per_24h: i64,
    /// Calls within seven days.
    #[schema(minimum = 1, maximum = 500, example = 7)]
    calls_per_7d: i64,
    /// From the beginning of one call to that of the next.
    #[schema(minimum = 0, maximum = 604800, example = 7200)]
    min_gap_seconds: i64,
}

impl Frequency {
    fn of(stored: dialling::Frequency) -> Self {
        Self {
            calls_per_24h: stored.calls_24h_max,
            calls_per_7d: stored.calls_7d_max,
            min_gap_seconds: stored.gap_s,
        }
    }

    fn read(self) -> Result<dialling::Frequency, Problem> {
        for (name, value, range) in [
            ("calls_per_24h", self.calls_per_24h, 1..=CALLS_MAX.0),
            ("calls_per_7d", self.calls_per_7d, 1..=CALLS_MAX.1),
            ("min_gap_seconds", self.min_gap_seconds, 0..=GAP_S_MAX),
        ] {
            if !range.contains(&value) {
                let detail = format!("from {} to {}", range.start(), range.end());
                let pointer = format!("/frequency/{name}");
                return Err(Problem::invalid(pointer, "out_of_range", detail));
            }
        }
        Ok(dialling::Frequency {
            calls_24h_max: self.calls_per_24h,
            calls_7d_max: self.calls_per_7d,
            gap_s: self.min_gap_seconds,
        })
    }
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineType {
    /// Of a mobile network.
    Mobile,
    /// Fixed.
    Landline,
    /// Over the internet.
    Voip,
    /// The called side pays.
    TollFree,
    /// None of these.
    Other,
}

impl LineType {
    const ALL: [Self; 5] = [
        Self::Mobile,
        Self::Landline,
        Self::Voip,
        Self::TollFree,
        Self::Other,
    ];

    fn name(self) -> &'static str {
        Line::from(self).name()
    }
}

impl From<LineType> for Line {
    fn from(line: LineType) -> Self {
        match line {
            LineType::Mobile => Self::Mobile,
            LineType::Landline => Self::Landline,
            LineType::Voip => Self::Voip,
            LineType::TollFree => Self::TollFree,
            LineType::Other => Self::Other,
        }
    }
}

/// What the client allows of its dialling. The law's own limits hold beside it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DiallingPolicy {
    /// The beginnings of the numbers that may be called. None may until this is set.
    #[schema(example = json!(["+1212", "+49"]))]
    destinations: Vec<String>,
    /// How often one number is called at most.
    frequency: Frequency,
    /// The sorts of line that are called; all if empty.
    lines: Vec<LineType>,
    /// What is spent on calls, and may be; null where the operator has set no prices.
    spend: Option<Spend>,
    /// Absent if nothing was ever allowed.
    updated_at: Option<When>,
}

/// What the client allows from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDiallingPolicy {
    /// The beginnings of the numbers that may be called: `+` and the first 1 to 7 digits, the country code first. `+1` is
    /// the whole North American plan, which is twenty-five countries.
    #[schema(max_items = 1000, example = json!(["+1212", "+49"]))]
    destinations: Vec<String>,
    /// How often one number is called at most; 3 within 24 hours, 7 within seven days and 2 hours between two if absent.
    frequency: Option<Frequency>,
    /// The sorts of line that are called; all if empty. Which one a number is, the client's screening says; of whom nobody
    /// knows it, nobody is called then.
    #[serde(default)]
    #[schema(max_items = 5, example = json!(["mobile"]))]
    lines: Vec<LineType>,
    /// What may be spent on calls; any amount if absent.
    spend: Option<SpendCaps>,
}

async fn show(app: &App, caller: &Caller) -> Result<At<DiallingPolicy>, Problem> {
    let found = app.desk.store.dialling().find(&caller.client).await;
    let found = found.map_err(stored)?;
    let frequency = found.frequency;
    let frequency = frequency.unwrap_or_else(|| frequency::default_of(&app.desk.rules.now().hours));
    let shown = DiallingPolicy {
        destinations: found.destinations,
        frequency: Frequency::of(frequency),
        lines: LineType::ALL
            .into_iter()
            .filter(|line| found.lines.iter().any(|name| name == line.name()))
            .collect(),
        spend: spend::show(app, caller).await?,
        updated_at: found.updated_ms.map(When::of),
    };
    Ok(At(found.revision, shown))
}

/// What the client allows of its dialling
#[utoipa::path(
    get, path = "/v1/policy", tag = "policy", responses((status = 200, body = DiallingPolicy)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<At<DiallingPolicy>, Problem> {
    show(&app, &caller).await
}

/// Say what the client allows of its dialling
///
/// It holds for the next call. Calls that were placed go on.
#[utoipa::path(
    put, path = "/v1/policy", tag = "policy", request_body = NewDiallingPolicy,
    responses((status = 200, body = DiallingPolicy)),
)]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Json(new): Json<NewDiallingPolicy>,
) -> Result<At<DiallingPolicy>, Problem> {
    if new.destinations.len() > DESTINATIONS_MAX {
        let detail = format!("at most {DESTINATIONS_MAX} destinations");
        return Err(Problem::invalid("/destinations", "too_many", detail));
    }
    let mut destinations = std::collections::BTreeSet::new();
    for (index, text) in new.destinations.iter().enumerate() {
        let read = Destination::parse(text).map_err(|error: DestinationError| {
            let pointer = format!("/destinations/{index}");
            Problem::invalid(pointer, "invalid_destination", error.to_string())
        });
        destinations.insert(read?);
    }
    let frequency = new.frequency.map(Frequency::read).transpose()?;
    let lines: std::collections::BTreeSet<LineType> = new.lines.into_iter().collect();
    let lines: Vec<&str> = lines.into_iter().map(LineType::name).collect();
    let caps = new.spend.map(|caps| caps.read(&app)).transpose()?;
    let At(current, _) = show(&app, &caller).await?;
    let revision = seen.check(current)?;
    let texts: Vec<&str> = destinations.iter().map(Destination::as_str).collect();
    let dialling = app.desk.store.dialling();
    let now_ms = clock::unix_ms();
    let set = dialling
        .set(
            &caller.client,
            revision,
            &texts,
            (frequency, &lines),
            now_ms,
        )
        .await;
    set.map_err(stored)?;
    let spending = app.desk.store.spending();
    let capped = spending.set_caps(&caller.client, caps.as_ref(), now_ms);
    capped.await.map_err(stored)?;
    show(&app, &caller).await
}
