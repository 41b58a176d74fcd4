//! Lists of numbers that are not to be called, as files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;
use trunkline_core::opt_outs::{Column, is_campaign};
use utoipa::IntoParams;

use super::{Reason, word};
use crate::api::auth::Caller;
use crate::api::body::{Params, wrong_param};
use crate::api::imports::{Import, Wanted, bring, country, form};
use crate::api::problem::Problem;
use crate::app::App;
use crate::imports::{Form, OnDuplicate, OptOuts, Settings};

/// Where lists are sent to.
pub(in crate::api) const PATH: &str = "/v1/suppressions/import";

/// What is to be done with a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `wanted` reads them")]
pub(in crate::api) struct SuppressionImportParams {
    /// Why those are not to be called whose rows do not say it.
    #[param(default = "opt_out")]
    reason: Option<String>,
    /// The client's own id of a campaign, where that one alone is to call no more and the row does not say it.
    campaign_id: Option<String>,
    /// `true` to be told what would come of it.
    dry_run: Option<bool>,
    /// By ISO 3166-1: numbers without `+` are written as within this country. Without it they are refused.
    #[param(example = "DE")]
    default_country: Option<String>,
    /// A JSON object: names of columns, and `number`, `reason`, `campaign_id` or `ignore`. What it does not name is told by
    /// its name.
    #[param(example = "{\"Rufnummer\":\"number\"}")]
    mapping: Option<String>,
}

fn wanted(request: &Request, mut params: Params) -> Result<Wanted, Problem> {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let is_plain = media_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("text/plain"));
    // A number a line is a table of one column.
    let form = if is_plain { Form::Csv } else { form(request)? };
    let expected = "expected opt_out, objection, do_not_call, wrong_number, complaint or other";
    let reason = params.read("reason", expected, |text| {
        serde_json::from_value::<Reason>(text.into()).ok()
    })?;
    let expected = "expected 1 to 64 letters, digits, -, _ and .";
    let campaign_id = params.read("campaign_id", expected, |text| {
        is_campaign(text).then(|| text.to_owned())
    })?;
    let is_dry = params.read("dry_run", "expected true or false", |text| {
        text.parse().ok()
    })?;
    let expected = "expected a JSON object of columns and what they hold";
    let mapping: Option<BTreeMap<String, String>> =
        params.read("mapping", expected, |text| serde_json::from_str(text).ok())?;
    let default_country = country(&mut params)?;
    params.finish()?;
    let mapping = mapping.unwrap_or_default();
    if !mapping.values().all(|word| Column::parse(word).is_some()) {
        let detail = "a column holds number, reason, campaign_id or ignore";
        return Err(wrong_param("mapping", "unknown_value", detail));
    }
    Ok(Wanted {
        settings: Settings {
            form,
            on_duplicate: OnDuplicate::Skip,
            mapping,
            opt_outs: Some(OptOuts {
                reason: word(&reason.unwrap_or(Reason::OptOut)),
                campaign_id,
            }),
            default_country,
            address: None,
        },
        list_id: None,
        is_dry: is_dry.unwrap_or_default(),
    })
}

/// Import numbers that are not to be called
///
/// The body is the file: a number a line, CSV with a column of numbers and perhaps `reason` and `campaign_id`, or a JSON object
/// in each line; UTF-8, at most 1 GiB and a million rows. It is read in the background, every row once, also if the server is
/// killed meanwhile; `/v1/imports/{id}` tells how far it is, takes it back, and says which rows cannot be used. Whoever is
/// suppressed already stays so, and is counted as skipped.
#[utoipa::path(
    post, path = "/v1/suppressions/import", tag = "suppressions", params(SuppressionImportParams),
    request_body(content((String = "text/csv"), (String = "text/plain"), (String = "application/x-ndjson"))),
    responses((status = 201, body = Import)),
)]
pub(in crate::api) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let wanted = wanted(&request, params)?;
    bring(app, caller, wanted, request).await
}
