//! What differs between two states of an agent.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use trunkline_core::versions;
use utoipa::{IntoParams, ToSchema};

use super::wanted::{DraftWord, WantedVersion};
use super::{draft, find};
use crate::agent::AgentSpec;
use crate::api::auth::Caller;
use crate::api::body::{Id, Params};
use crate::api::problem::Problem;
use crate::api::refuse::{stored, unopened};
use crate::app::App;
use crate::desk::{self, Desk};

/// Between what.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `Params` is what is read")]
pub(in crate::api) struct DiffParams {
    /// The older one: the number of a version, or `draft`; the newest version if absent.
    #[param(example = "3")]
    from: Option<String>,
    /// The newer one: the number of a version, or `draft`; the draft if absent.
    #[param(example = "draft")]
    to: Option<String>,
}

/// What became of one place.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum DiffKind {
    /// There is something where there was nothing.
    Added,
    /// There is nothing any more.
    Removed,
    /// There is something else.
    Changed,
}

/// One place that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct DiffChange {
    /// Where, as a JSON pointer: into the newer document, or of what was removed, into the older one.
    #[schema(example = "/voice/speed")]
    pointer: String,
    kind: DiffKind,
    /// What was there; absent if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    before: Option<Value>,
    /// What is there; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    after: Option<Value>,
}

/// What differs between two states of an agent. Defaults are written out in both, so that what was left out and what is said as
/// it is by default are the same.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AgentDiff {
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    from: WantedVersion,
    to: WantedVersion,
    /// In the order of the documents' keys. Of lists, what they begin and end with alike is left alone, and the rest is
    /// compared one by one.
    changes: Vec<DiffChange>,
    /// False if there are more changes than are told, 1,000 at most.
    complete: bool,
}

impl From<versions::Change> for DiffChange {
    fn from(change: versions::Change) -> Self {
        let (pointer, kind, before, after) = match change {
            versions::Change::Added { pointer, after } => {
                (pointer, DiffKind::Added, None, Some(after))
            }
            versions::Change::Removed { pointer, before } => {
                (pointer, DiffKind::Removed, Some(before), None)
            }
            versions::Change::Changed {
                pointer,
                before,
                after,
            } => (pointer, DiffKind::Changed, Some(before), Some(after)),
        };
        Self {
            pointer,
            kind,
            before,
            after,
        }
    }
}

fn state(text: &str) -> Option<WantedVersion> {
    match text {
        "draft" => Some(WantedVersion::Draft(DraftWord::Draft)),
        number => number.parse().ok().map(WantedVersion::Number),
    }
}

/// The document of a state, with its defaults. One that was stored under other rules, and that cannot be read any more, is
/// taken as it is.
async fn document(
    desk: &Desk,
    caller: &Caller,
    id: &str,
    (name, wanted): (&str, WantedVersion),
) -> Result<Value, Problem> {
    let missing =
        |detail: &'static str| Problem::invalid(format!("query:{name}"), "not_found", detail);
    let keys = caller.keys(desk).await?;
    let json = match wanted {
        WantedVersion::Draft(DraftWord::Draft) => {
            let row = draft::row(desk, caller, id).await?;
            let row = row.ok_or_else(|| missing("there is no draft"))?;
            draft::opened(&keys, id, &row)?
        }
        WantedVersion::Number(number) => {
            let agents = desk.store.agents();
            let row = agents.find_version(&caller.client, id, number).await;
            let row = row.map_err(stored)?;
            let row = row.ok_or_else(|| missing("there is no such version"))?;
            let version_id = desk::version_id(id, number);
            desk::open(&keys, desk::version_place(&version_id), &row.body).map_err(unopened)?
        }
    };
    let whole = AgentSpec::from_json(json.as_bytes()).ok();
    let whole = whole.and_then(|spec| serde_json::to_value(spec).ok());
    match whole {
        Some(whole) => Ok(whole),
        None => serde_json::from_str(&json).map_err(|error| Problem::internal(&error)),
    }
}

/// Show what differs
///
/// Between two versions, or a version and the draft.
#[utoipa::path(
    get, path = "/v1/agents/{id}/diff", tag = "agents", params(("id" = String, Path), DiffParams),
    responses((status = 200, body = AgentDiff)),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
) -> Result<Answer<AgentDiff>, Problem> {
    let expected = "expected the number of a version, or draft";
    let from = params.read("from", expected, state)?;
    let to = params.read("to", expected, state)?;
    params.finish()?;
    let agent = find(&app.desk, &caller, &id).await?;
    let from = from.unwrap_or(WantedVersion::Number(agent.version));
    let to = to.unwrap_or(WantedVersion::Draft(DraftWord::Draft));
    let before = document(&app.desk, &caller, &id, ("from", from)).await?;
    let after = document(&app.desk, &caller, &id, ("to", to)).await?;
    let told = versions::diff(&before, &after);
    Ok(Answer(AgentDiff {
        agent_id: id,
        from,
        to,
        changes: told.changes.into_iter().map(Into::into).collect(),
        complete: !told.is_cut,
    }))
}
