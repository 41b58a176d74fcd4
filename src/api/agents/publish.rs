//! New versions: of a document at once, of the draft, or of what an older version was. History is never rewritten.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::versions::Split;
use utoipa::ToSchema;

use super::{checked, draft, find, may_change, needs, sealed_body, sealed_name};
use crate::agent::AgentSpec;
use crate::api::auth::Caller;
use crate::api::body::{Id, text};
use crate::api::knowledge;
use crate::api::once::{Made, Posted};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::{stored, unopened};
use crate::api::revision::IfMatch;
use crate::api::when::When;
use crate::app::App;
use crate::clock;
use crate::desk;
use crate::store::agents::{Agent as Row, Publication, SealedVersion};

const NOTE_CHARS_MAX: usize = 500;

/// A new version of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct VersionMade {
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// Its number.
    #[schema(example = 4)]
    version: u32,
    created_at: When,
}

/// How a draft is to be published.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct Publish {
    /// Why, to be read in the list of versions.
    #[schema(max_length = 500, example = "Asks for the insurance first")]
    note: Option<String>,
    /// True for calls to be held with the versions that they are held with now; the new one has none until it gets a share.
    /// Otherwise new calls are held with the new version alone.
    #[schema(default = false)]
    keep: bool,
}

/// Which version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Rollback {
    /// Its number.
    #[schema(example = 3)]
    version: u32,
    /// Why, to be read in the list of versions.
    #[schema(max_length = 500)]
    note: Option<String>,
    /// As when a draft is published.
    #[serde(default)]
    #[schema(default = false)]
    keep: bool,
}

/// What a new version is made of.
struct New<'a> {
    spec: &'a AgentSpec,
    json: &'a str,
    note: Option<&'a str>,
    keeps: bool,
    rolled_back_to: Option<u32>,
    takes_draft: bool,
}

/// Makes a new version of the agent as it was seen in `row`, unless it has changed since.
async fn publish(app: &App, caller: &Caller, row: &Row, new: &New<'_>) -> Result<Made, Problem> {
    let (desk, id) = (&app.desk, &row.id);
    let keys = caller.keys(desk).await?;
    let usual = || Split::all_for(row.version);
    let split = new.keeps.then(|| row.split.clone().unwrap_or_else(usual));
    let seal = |number| SealedVersion {
        body: sealed_body(&keys, id, number, new.json),
        note: new.note.map(|note| {
            let version_id = desk::version_id(id, number);
            desk::seal(&keys, desk::note_place(&version_id), note)
        }),
    };
    let now_ms = clock::unix_ms();
    let publication = Publication {
        name: &sealed_name(&keys, id, new.spec),
        seal: &seal,
        made_by: Some(&caller.key_id),
        rolled_back_to: new.rolled_back_to,
        split: split.as_ref(),
        takes_draft: new.takes_draft,
        now_ms,
    };
    let agents = desk.store.agents();
    let published = agents
        .publish(&caller.client, id, row.revision, &publication)
        .await;
    let (revision, version) = published.map_err(stored)?;
    let made = VersionMade {
        agent_id: id.clone(),
        version,
        created_at: When::of(now_ms),
    };
    let location = format!("/v1/agents/{id}/versions/{version}");
    Ok(Made::new(id, location, &made)?.revision(revision))
}

fn note(note: Option<&String>) -> Result<(), Problem> {
    note.map_or(Ok(()), |note| text("/note", note, NOTE_CHARS_MAX))
}

/// A document that was stored, if calls can be held with it today; the errors point into it.
async fn usable(
    app: &App,
    caller: &Caller,
    json: &str,
    cannot: &'static str,
) -> Result<AgentSpec, Problem> {
    let judged = async {
        let spec = AgentSpec::from_json(json.as_bytes())
            .map_err(|wrong| Problem::invalid(wrong.pointer, "malformed", wrong.detail))?;
        checked(&spec)?;
        needs::are_there(app, caller, &spec).await?;
        Ok(spec)
    };
    judged.await.map_err(|problem: Problem| {
        if problem.code() == Code::Invalid {
            problem.recoded(Code::Conflict).detail(cannot)
        } else {
            problem
        }
    })
}

/// Add a version
///
/// It is published at once: new calls are held with it alone, and calls under way keep theirs. With If-Match it is added only to
/// the agent that was seen.
#[utoipa::path(
    post, path = "/v1/agents/{id}/versions", tag = "agents", params(("id" = String, Path)),
    request_body = AgentSpec, responses((status = 201, body = VersionMade)),
)]
pub(in crate::api) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Posted { body: spec, once }: Posted<AgentSpec>,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let json = checked(&spec)?;
    let work = async move {
        knowledge::are_own(&app.desk, &caller, &spec).await?;
        let row = find(&app.desk, &caller, &id).await?;
        may_change(&row)?;
        seen.check(row.revision)?;
        let new = New {
            spec: &spec,
            json: &json,
            note: None,
            keeps: false,
            rolled_back_to: None,
            takes_draft: false,
        };
        publish(&app, &caller, &row, &new).await
    };
    once.settle(work).await
}

/// Publish the draft
///
/// It becomes the next version, which new calls are held with, and is no draft any more. It is checked by today's rules, and
/// what it names must be there: otherwise the errors point into its document. A sharing of calls among versions ends, unless
/// `keep` says otherwise.
#[utoipa::path(
    post, path = "/v1/agents/{id}/publish", tag = "agents", params(("id" = String, Path)),
    request_body = Publish, responses((status = 201, body = VersionMade)),
)]
pub(in crate::api) async fn of_draft(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Posted { body: wanted, once }: Posted<Publish>,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    note(wanted.note.as_ref())?;
    let work = async move {
        let row = find(&app.desk, &caller, &id).await?;
        may_change(&row)?;
        seen.check(row.revision)?;
        let Some(draft) = draft::row(&app.desk, &caller, &id).await? else {
            // Somebody may have published it since the agent was looked at.
            seen.check(find(&app.desk, &caller, &id).await?.revision)?;
            return Err(Problem::new(Code::Conflict).detail("there is no draft to publish"));
        };
        let keys = caller.keys(&app.desk).await?;
        let json = draft::opened(&keys, &id, &draft)?;
        let cannot = "the draft cannot be published; each error points into its document";
        let spec = usable(&app, &caller, &json, cannot).await?;
        let new = New {
            spec: &spec,
            json: &json,
            note: wanted.note.as_deref(),
            keeps: wanted.keep,
            rolled_back_to: None,
            takes_draft: true,
        };
        publish(&app, &caller, &row, &new).await
    };
    once.settle(work).await
}

/// Go back to a version
///
/// Its document becomes the next version. It is checked by today's rules, and what it names must be there: otherwise the errors
/// point into its document.
#[utoipa::path(
    post, path = "/v1/agents/{id}/rollback", tag = "agents", params(("id" = String, Path)),
    request_body = Rollback, responses((status = 201, body = VersionMade)),
)]
pub(in crate::api) async fn rollback(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Posted { body: wanted, once }: Posted<Rollback>,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    note(wanted.note.as_ref())?;
    let work = async move {
        let desk = &app.desk;
        let row = find(desk, &caller, &id).await?;
        may_change(&row)?;
        seen.check(row.revision)?;
        let agents = desk.store.agents();
        let version = agents
            .find_version(&caller.client, &id, wanted.version)
            .await;
        let missing = || Problem::invalid("/version", "not_found", "there is no such version");
        let version = version.map_err(stored)?.ok_or_else(missing)?;
        let keys = caller.keys(desk).await?;
        let version_id = desk::version_id(&id, version.version);
        let json = desk::open(&keys, desk::version_place(&version_id), &version.body);
        let json = json.map_err(unopened)?;
        let cannot = "this version cannot be used any more; each error points into its document";
        let spec = usable(&app, &caller, &json, cannot).await?;
        // As it would be written today.
        let json = spec.to_json().map_err(|error| Problem::internal(&error))?;
        let new = New {
            spec: &spec,
            json: &json,
            note: wanted.note.as_deref(),
            keeps: wanted.keep,
            rolled_back_to: Some(version.version),
            takes_draft: false,
        };
        publish(&app, &caller, &row, &new).await
    };
    once.settle(work).await
}
