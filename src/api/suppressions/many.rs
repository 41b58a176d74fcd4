//! Many numbers asked about at once.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::contact::number;
use utoipa::ToSchema;

use super::{SuppressionScope, campaign, reach};
use crate::api::auth::Caller;
use crate::api::once::{Made, Posted};
use crate::api::problem::Problem;
use crate::api::refuse::stored;
use crate::app::App;
use crate::desk;
use crate::store::suppressions::Held as Row;

/// Most numbers of a request.
const NUMBERS_MAX: usize = 10_000;

/// Numbers to be looked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SuppressionQuestions {
    /// In international form, as `+15550100123`; at most 10,000.
    #[schema(max_items = 10_000)]
    numbers: Vec<String>,
    /// The client's own id of the campaign that would call.
    campaign_id: Option<String>,
}

/// A number that may not be called, by its place among those that were asked about, counted from 0.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SuppressedNumber {
    index: usize,
    #[schema(example = "sup_01JD0000000000000000000000")]
    suppression_id: String,
    scope: SuppressionScope,
    /// Why, in stable snake_case.
    #[schema(example = "opt_out")]
    reason: String,
}

/// A number that is none.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct InvalidNumber {
    index: usize,
    /// Why, for people.
    detail: String,
}

/// Which of the numbers may not be called. Numbers are not repeated.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SuppressionAnswers {
    /// How many were asked about.
    checked: usize,
    /// Those that may not be called.
    suppressed: Vec<SuppressedNumber>,
    /// Those that cannot be read.
    invalid: Vec<InvalidNumber>,
}

/// The numbers that can be read, each with its place and both keyed hashes.
struct Asked {
    numbers: Vec<(usize, [u8; 32], [u8; 32])>,
    invalid: Vec<InvalidNumber>,
}

/// What is in force by hash; of several about one number the widest.
fn by_hash(rows: Vec<Row>, campaign_id: Option<&str>) -> HashMap<[u8; 32], Row> {
    let counts = |row: &Row| row.campaign_id.is_none() || row.campaign_id.as_deref() == campaign_id;
    let mut by_hash: HashMap<[u8; 32], Row> = HashMap::with_capacity(rows.len());
    for row in rows.into_iter().filter(counts) {
        let known = by_hash.get(&row.hash);
        if known.is_none_or(|known| known.scope < row.scope) {
            by_hash.insert(row.hash, row);
        }
    }
    by_hash
}

/// Ask which of many numbers may not be called
///
/// Up to 10,000 at once. What is answered for a number is what a check of it alone says.
#[utoipa::path(
    post, path = "/v1/suppressions/check-many", tag = "suppressions", request_body = SuppressionQuestions,
    responses((status = 200, body = SuppressionAnswers)),
)]
pub(in crate::api) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body, once }: Posted<SuppressionQuestions>,
) -> Result<Response, Problem> {
    let campaign_id = campaign(body.campaign_id)?;
    let checked = body.numbers.len();
    if checked > NUMBERS_MAX {
        let detail = format!("at most {NUMBERS_MAX} numbers at once");
        return Err(Problem::invalid("/numbers", "too_many", detail));
    }
    let work = async move {
        let keys = caller.keys(&app.desk).await?;
        let of = Arc::clone(&app);
        // Two keyed hashes of each: calls are held on this thread.
        let asked = tokio::task::spawn_blocking(move || {
            let (mut numbers, mut invalid) = (Vec::with_capacity(checked), Vec::new());
            for (index, text) in body.numbers.iter().enumerate() {
                match number(text) {
                    Ok(phone) => {
                        let own = desk::suppression_index(&keys, &phone);
                        numbers.push((index, own, of.desk.platform_suppression_index(&phone)));
                    }
                    Err(error) => invalid.push(InvalidNumber {
                        index,
                        detail: error.to_string(),
                    }),
                }
            }
            Asked { numbers, invalid }
        });
        let asked = asked.await.map_err(|error| Problem::internal(&error))?;
        let own: Vec<[u8; 32]> = asked.numbers.iter().map(|(_, own, _)| *own).collect();
        let platform: Vec<[u8; 32]> = asked.numbers.iter().map(|(.., hash)| *hash).collect();
        let store = &app.desk.store;
        let held = store.suppressions().held(&caller.client, &own).await;
        let held = by_hash(held.map_err(stored)?, campaign_id.as_deref());
        let everywhere = store.system().suppressed(&platform).await;
        let everywhere = by_hash(everywhere.map_err(stored)?, None);
        let found = asked.numbers.iter().filter_map(|(index, own, platform)| {
            let row = everywhere.get(platform).or_else(|| held.get(own))?;
            Some(SuppressedNumber {
                index: *index,
                suppression_id: row.id.clone(),
                scope: reach(row.scope),
                reason: row.reason.clone(),
            })
        });
        let answer = SuppressionAnswers {
            checked,
            suppressed: found.collect(),
            invalid: asked.invalid,
        };
        let made = Made::new("", String::new(), &answer)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}
