//! Whether people want the client's calls.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use trunkline_core::ratios::{Judged, Marks};
use utoipa::ToSchema;

use super::auth::Caller;
use super::problem::Problem;
use super::refuse::stored;
use super::when::When;
use crate::app::App;
use crate::dial::judging;

/// One share of the client's calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallRatio {
    /// `opt_outs`, `short_calls` (below six seconds) and `complaints` among answered calls, `invalid_numbers` among all.
    #[schema(value_type = String, example = "opt_outs")]
    ratio: &'static str,
    /// How many …
    count: u64,
    /// … of how many calls.
    calls: u64,
    /// Of a thousand, rounded down.
    per_mille: u64,
    /// From here on the client is warned; never if null.
    warn_per_mille: Option<u32>,
    /// From here on its dialling is stopped until the operator lets it go on; never if null.
    stop_per_mille: Option<u32>,
    /// Of fewer calls the share says nothing.
    calls_min: u64,
    /// `warn` or `stop`, if it leads to that now.
    #[schema(value_type = Option<String>, example = "warn")]
    level: Option<&'static str>,
}

/// A window of time, and the shares of the calls in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RatioWindow {
    /// `24h` or `30d`.
    #[schema(value_type = String, example = "24h")]
    window: &'static str,
    /// What was before does not count: the window's begin, or when the operator last let the client go on.
    since: When,
    ratios: Vec<CallRatio>,
}

/// Whether people want the client's calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientRatios {
    windows: Vec<RatioWindow>,
}

fn show(judged: &Judged, marks: &Marks) -> CallRatio {
    let mark = marks.of(judged.ratio);
    CallRatio {
        ratio: judged.ratio.name(),
        count: judged.count,
        calls: judged.calls,
        per_mille: judged.per_mille,
        warn_per_mille: mark.warn_per_mille,
        stop_per_mille: mark.stop_per_mille,
        calls_min: mark.calls_min,
        level: judged.level.map(|level| level.name()),
    }
}

/// Whether people want the client's calls
///
/// Shares that are too large warn the client by the event `ratio.crossed`, and at the higher mark stop its dialling.
#[utoipa::path(
    get, path = "/v1/client/ratios", tag = "client", responses((status = 200, body = ClientRatios)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Answer<ClientRatios>, Problem> {
    let judged = judging::judged(&app, &caller.client).await;
    let marks = &app.dialer().rules().marks;
    let windows = judged.map_err(stored)?.into_iter().map(|of| RatioWindow {
        window: of.window,
        since: When::of(of.since_ms),
        ratios: of.ratios.iter().map(|one| show(one, marks)).collect(),
    });
    Ok(Answer(ClientRatios {
        windows: windows.collect(),
    }))
}
