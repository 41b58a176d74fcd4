//! Which versions hold an agent's calls.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use trunkline_core::versions::{NoSplit, Share, Split};
use utoipa::ToSchema;

use super::{Agent, find, may_change, show};
use crate::api::auth::Caller;
use crate::api::body::{Id, Json};
use crate::api::problem::Problem;
use crate::api::refuse::{stored, unopened};
use crate::api::revision::{At, IfMatch};
use crate::app::App;
use crate::clock;
use crate::reception::Turned;
use crate::vault::ClientKeys;

/// What one version gets of an agent's calls.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct VersionShare {
    #[schema(example = 3)]
    version: u32,
    /// Of a hundred persons, so many.
    #[schema(minimum = 1, maximum = 100, example = 80)]
    percent: u32,
}

/// How versions are to share an agent's calls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WantedSplit {
    /// Together a hundred percent. One version alone is kept to, whatever is newer.
    #[schema(min_items = 1, max_items = 5)]
    versions: Vec<VersionShare>,
}

/// A split as it is shown.
pub(super) fn shares(split: &Split) -> Vec<VersionShare> {
    let shares = split.shares().iter();
    let shown = shares.map(|share| VersionShare {
        version: share.version,
        percent: share.percent,
    });
    shown.collect()
}

fn read(wanted: &WantedSplit) -> Result<Split, Problem> {
    let shares = wanted.versions.iter().map(|share| Share {
        version: share.version,
        percent: share.percent,
    });
    Split::try_from(shares.collect::<Vec<_>>()).map_err(|wrong| {
        let (pointer, code) = match wrong {
            NoSplit::Count => ("/versions".to_owned(), "wrong_count"),
            NoSplit::Percent { at } => (format!("/versions/{at}/percent"), "out_of_range"),
            NoSplit::Twice { at } => (format!("/versions/{at}/version"), "duplicate"),
            NoSplit::Sum { .. } => ("/versions".to_owned(), "wrong_sum"),
        };
        Problem::invalid(pointer, code, wrong.to_string())
    })
}

/// Every version that is to hold calls was published, and can.
async fn can_hold(
    app: &App,
    keys: &ClientKeys,
    agent_id: &str,
    wanted: &WantedSplit,
) -> Result<(), Problem> {
    for (at, share) in wanted.versions.iter().enumerate() {
        let wrong = |code, detail| {
            Err(Problem::invalid(
                format!("/versions/{at}/version"),
                code,
                detail,
            ))
        };
        let agents = app.desk.store.agents();
        let row = agents
            .find_version(keys.id(), agent_id, share.version)
            .await;
        match row.map_err(stored)? {
            None => return wrong("not_found", "there is no such version"),
            Some(row) if row.is_trial => {
                return wrong("not_published", "this is a draft that was tried");
            }
            Some(_) => {}
        }
        let version = app
            .reception
            .version(&app.desk, keys, agent_id, share.version);
        match version.await {
            Ok(_) => {}
            Err(Turned::Agent(_)) => {
                return wrong(
                    "unusable",
                    "it was made when other rules held; publish it anew",
                );
            }
            Err(Turned::Store(error)) => return Err(stored(error)),
            Err(Turned::Unopened(error)) => return Err(unopened(error)),
            Err(turned) => return Err(Problem::internal(&turned)),
        }
    }
    Ok(())
}

/// Share calls out among versions
///
/// New calls are held with these versions, and every person gets the same one each time. Versions have to have been published.
/// It lasts until the next version is published without `keep`.
#[utoipa::path(
    put, path = "/v1/agents/{id}/split", tag = "agents", params(("id" = String, Path)),
    request_body = WantedSplit, responses((status = 200, body = Agent)),
)]
pub(in crate::api) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(wanted): Json<WantedSplit>,
) -> Result<At<Agent>, Problem> {
    let agent = find(&app.desk, &caller, &id).await?;
    may_change(&agent)?;
    let revision = seen.check(agent.revision)?;
    let split = read(&wanted)?;
    let keys = caller.keys(&app.desk).await?;
    can_hold(&app, &keys, &id, &wanted).await?;
    set(&app, &caller, &id, revision, Some(&split)).await
}

/// End the sharing
///
/// New calls are held with the newest version.
#[utoipa::path(
    delete, path = "/v1/agents/{id}/split", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = Agent)),
)]
pub(in crate::api) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
) -> Result<At<Agent>, Problem> {
    let agent = find(&app.desk, &caller, &id).await?;
    may_change(&agent)?;
    let revision = seen.check(agent.revision)?;
    set(&app, &caller, &id, revision, None).await
}

async fn set(
    app: &App,
    caller: &Caller,
    id: &str,
    revision: i64,
    split: Option<&Split>,
) -> Result<At<Agent>, Problem> {
    let (agents, now_ms) = (app.desk.store.agents(), clock::unix_ms());
    let set = agents
        .set_split(&caller.client, id, revision, split, now_ms)
        .await;
    set.map_err(stored)?;
    let row = find(&app.desk, caller, id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&keys, row)?))
}
