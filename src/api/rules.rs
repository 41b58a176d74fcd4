//! The packs of rules that hold, and the places that are closed for a time.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::Caller;
use super::problem::Problem;
use super::refuse::stored;
use super::when::When;
use crate::app::App;
use crate::rules::inflated;
use crate::store::rules::Closure as Row;

/// A pack of rules.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulePack {
    /// Schema and day; behind a `~` the day of the pack that ships, whose rows hold where this one's do not.
    #[schema(example = "callserver/calling-hours/1+2026-11-22")]
    id: String,
    /// Checksum of its text.
    sha256: String,
    /// Whether the operator put it in place of the one that ships.
    is_operators: bool,
}

/// A place in which nobody is called for a time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Closure {
    #[schema(example = "clo_01JD0000000000000000000000")]
    id: String,
    /// A country, or a part of one.
    #[schema(example = "US-LA")]
    place: String,
    from: When,
    /// The first moment at which it holds no more.
    until: When,
    /// Which authority declared what.
    reason: String,
}

/// What decides on calls beside what is the client's own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rules {
    packs: Vec<RulePack>,
    /// Those that hold and those to come.
    closures: Vec<Closure>,
}

/// A pack as it was read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulePackText {
    #[schema(example = "callserver/calling-hours/1+2026-11-22")]
    id: String,
    sha256: String,
    /// Since when this server has decided by it.
    first_used_at: When,
    /// The whole pack.
    #[schema(value_type = Object)]
    pack: Value,
}

fn show(row: Row) -> Closure {
    Closure {
        id: row.id,
        place: row.place,
        from: When::of(row.from_ms),
        until: When::of(row.until_ms),
        reason: row.reason,
    }
}

/// Show by which rules calls are decided
#[utoipa::path(get, path = "/v1/rules", tag = "policy", responses((status = 200, body = Rules)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    _caller: Caller,
) -> Result<Answer<Rules>, Problem> {
    let closures = app.desk.store.rules().closures(app.dialer().now_ms()).await;
    let packs = app.desk.rules.now();
    let packs = packs.texts.iter().map(|text| RulePack {
        id: text.id.clone(),
        sha256: text.sha256.clone(),
        is_operators: text.is_own,
    });
    Ok(Answer(Rules {
        packs: packs.collect(),
        closures: closures.map_err(stored)?.into_iter().map(show).collect(),
    }))
}

/// Show a pack of rules, also one that holds no more
///
/// Every decision names the checksums of its packs.
#[utoipa::path(
    get, path = "/v1/rules/{sha256}", tag = "policy", params(("sha256" = String, Path)),
    responses((status = 200, body = RulePackText)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    _caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Answer<RulePackText>, Problem> {
    let Ok(Path(sha256)) = path else {
        return Err(Problem::not_found());
    };
    let found = app.desk.store.rules().find(&sha256).await;
    let text = found.map_err(stored)?.ok_or_else(Problem::not_found)?;
    let body = inflated(&text.body).map_err(|error| Problem::internal(&error))?;
    let pack = serde_json::from_str(&body).map_err(|error| Problem::internal(&error))?;
    Ok(Answer(RulePackText {
        id: text.id,
        sha256,
        first_used_at: When::of(text.first_ms),
        pack,
    }))
}
