//! Agents, and their versions, which never change.

use trunkline_core::versions::Split;

use super::page::rows_asked;
use super::sql::{Columns, Tx, args, statements};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO agents (client_id, id, name, version, numbered, created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, 1, 1, $4, $4, 1)";
    ADD_VERSION = "INSERT INTO agent_versions
            (client_id, agent_id, version, body, created_ms, made_by, note, rolled_back_to, is_trial)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    FIND = "SELECT id, name, version, created_ms, updated_ms, archived_ms, revision, split FROM agents
        WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, name, version, created_ms, updated_ms, archived_ms, revision, split FROM agents
        WHERE client_id = $1 AND (created_ms, id) < ($2, $3) AND archived_ms IS NULL
        ORDER BY created_ms DESC, id DESC LIMIT $4";
    PUBLISH = "UPDATE agents SET name = $4, version = numbered + 1, numbered = numbered + 1, updated_ms = $5, split = $6,
            revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 AND archived_ms IS NULL RETURNING revision, version";
    SPLIT = "UPDATE agents SET split = $4, updated_ms = $5, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 AND archived_ms IS NULL RETURNING revision";
    TAKE_DRAFT = "DELETE FROM agent_drafts WHERE client_id = $1 AND agent_id = $2";
    ARCHIVE = "UPDATE agents SET archived_ms = $4, updated_ms = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 AND archived_ms IS NULL RETURNING revision";
    UNBIND = "UPDATE numbers SET agent_id = NULL, updated_ms = $3, revision = revision + 1
        WHERE client_id = $1 AND agent_id = $2";
    REVISION = "SELECT revision FROM agents WHERE client_id = $1 AND id = $2 AND archived_ms IS NULL";
    FIND_VERSION = "SELECT version, body, created_ms, made_by, note, rolled_back_to, is_trial FROM agent_versions
        WHERE client_id = $1 AND agent_id = $2 AND version = $3";
    LIST_VERSIONS = "SELECT version, body, created_ms, made_by, note, rolled_back_to, is_trial FROM agent_versions
        WHERE client_id = $1 AND agent_id = $2 AND version < $3 ORDER BY version DESC LIMIT $4";
}

/// An agent; what it does is in its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// `agent_…`.
    pub id: String,
    /// Its name, sealed.
    pub name: Sealed,
    /// The newest version that was published.
    pub version: u32,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// When it was archived, ms since 1970: it is in no list, and answers no call; its versions stay readable.
    pub archived_ms: Option<i64>,
    /// Grows with every change, of its draft too.
    pub revision: i64,
    /// Which versions hold its calls; the newest alone if absent.
    pub split: Option<Split>,
}

/// One version of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentVersion {
    /// From 1 up.
    pub version: u32,
    /// The whole specification, sealed.
    pub body: Sealed,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// Id of the API key by which it was made, where that was noted.
    pub made_by: Option<String>,
    /// Why, sealed.
    pub note: Option<Sealed>,
    /// The version whose document it brought back.
    pub rolled_back_to: Option<u32>,
    /// It is a draft as calls were held with it to try it, and was never published under this number.
    pub is_trial: bool,
}

/// What is sealed of a version, for its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedVersion {
    /// The whole specification.
    pub body: Sealed,
    /// Why it was made.
    pub note: Option<Sealed>,
}

/// Seals a version for the number that the store gives it.
pub type Seal<'a> = dyn Fn(u32) -> SealedVersion + Send + Sync + 'a;

/// A version that becomes the newest.
pub struct Publication<'a> {
    /// What the agent calls itself from now on, sealed.
    pub name: &'a Sealed,
    /// Seals it for its number.
    pub seal: &'a Seal<'a>,
    /// Id of the API key by which it is made.
    pub made_by: Option<&'a str>,
    /// The version whose document it brings back.
    pub rolled_back_to: Option<u32>,
    /// Which versions hold the agent's calls from now on; this one alone if absent.
    pub split: Option<&'a Split>,
    /// It is the agent's draft, which is no draft any more.
    pub takes_draft: bool,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

/// A row of the table of versions.
pub(super) struct NewVersion<'a> {
    pub(super) number: u32,
    pub(super) sealed: SealedVersion,
    pub(super) made_by: Option<&'a str>,
    pub(super) rolled_back_to: Option<u32>,
    pub(super) is_trial: bool,
    pub(super) now_ms: i64,
}

/// Adds a version in a transaction that has given it its number.
pub(super) async fn add_version(
    tx: &mut Tx,
    client: &ClientId,
    agent_id: &str,
    new: &NewVersion<'_>,
) -> Result<(), StoreError> {
    let args = args![
        client,
        agent_id,
        new.number,
        &new.sealed.body,
        new.now_ms,
        new.made_by,
        new.sealed.note.as_ref(),
        new.rolled_back_to.map(i64::from),
        new.is_trial
    ];
    tx.run(ADD_VERSION, args).await.map(|_| ())
}

/// Why an agent was not changed: it is another by now, or is not there.
pub(super) async fn unchanged(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
) -> Result<StoreError, StoreError> {
    Ok(match tx.one(REVISION, args![client, id]).await? {
        Some(mut row) => StoreError::Stale {
            revision: row.int()?,
        },
        None => StoreError::Missing { what: "agent" },
    })
}

/// The words for a split.
fn written(split: Option<&Split>) -> Result<Option<String>, StoreError> {
    let text = split.map(serde_json::to_string).transpose();
    text.map_err(|_| StoreError::Unreadable { what: "a split" })
}

fn read(mut row: Columns) -> Result<Agent, StoreError> {
    Ok(Agent {
        id: row.text()?,
        name: row.sealed()?,
        version: row.version()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        archived_ms: row.int_opt()?,
        revision: row.int()?,
        split: row.word_opt("a split", |text| serde_json::from_str(text).ok())?,
    })
}

fn read_version(mut row: Columns) -> Result<AgentVersion, StoreError> {
    Ok(AgentVersion {
        version: row.version()?,
        body: row.sealed()?,
        created_ms: row.int()?,
        made_by: row.text_opt()?,
        note: row.sealed_opt()?,
        rolled_back_to: row.version_opt()?,
        is_trial: row.flag()?,
    })
}

/// The tables of agents and of their versions.
pub struct Agents<'a>(pub(super) &'a Store);

impl Agents<'_> {
    /// Adds an agent with its version 1. Its revision is 1.
    pub async fn add(
        &self,
        client: &ClientId,
        id: &str,
        name: &Sealed,
        body: &Sealed,
        made_by: Option<&str>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.run(ADD, args![client, id, name, now_ms]).await?;
        let first = NewVersion {
            number: 1,
            sealed: SealedVersion {
                body: body.clone(),
                note: None,
            },
            made_by,
            rolled_back_to: None,
            is_trial: false,
            now_ms,
        };
        add_version(&mut tx, client, id, &first).await?;
        tx.commit().await
    }

    /// The agent, also an archived one.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Agent>, StoreError> {
        self.0
            .one(FIND, args![client, id])
            .await?
            .map(read)
            .transpose()
    }

    /// Agents that are not archived, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Agent>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |agent| Cursor {
            created_ms: agent.created_ms,
            id: agent.id.clone(),
        }))
    }

    /// Makes a new version of an agent at `revision`: its new revision and the version's number.
    pub async fn publish(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        new: &Publication<'_>,
    ) -> Result<(i64, u32), StoreError> {
        let split = written(new.split)?;
        let mut tx = self.0.begin(Durability::Now).await?;
        let args = args![client, id, revision, new.name, new.now_ms, &split];
        let Some(mut row) = tx.one(PUBLISH, args).await? else {
            return Err(unchanged(&mut tx, client, id).await?);
        };
        let (revision, number) = (row.int()?, row.version()?);
        let version = NewVersion {
            number,
            sealed: (new.seal)(number),
            made_by: new.made_by,
            rolled_back_to: new.rolled_back_to,
            is_trial: false,
            now_ms: new.now_ms,
        };
        add_version(&mut tx, client, id, &version).await?;
        if new.takes_draft && tx.run(TAKE_DRAFT, args![client, id]).await? == 0 {
            return Err(StoreError::Missing { what: "draft" });
        }
        tx.commit().await?;
        Ok((revision, number))
    }

    /// Shares the calls of an agent at `revision` out anew; to its newest version alone with `None`. Its new revision.
    pub async fn set_split(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        split: Option<&Split>,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let split = written(split)?;
        let mut tx = self.0.begin(Durability::Now).await?;
        let args = args![client, id, revision, &split, now_ms];
        let Some(mut row) = tx.one(SPLIT, args).await? else {
            return Err(unchanged(&mut tx, client, id).await?);
        };
        let revision = row.int()?;
        tx.commit().await?;
        Ok(revision)
    }

    /// Takes it out of lists and off its numbers; its draft goes. The new revision.
    pub async fn archive(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let Some(mut row) = tx.one(ARCHIVE, args![client, id, revision, now_ms]).await? else {
            return Err(unchanged(&mut tx, client, id).await?);
        };
        let revision = row.int()?;
        tx.run(UNBIND, args![client, id, now_ms]).await?;
        tx.run(TAKE_DRAFT, args![client, id]).await?;
        tx.commit().await?;
        Ok(revision)
    }

    /// One version.
    pub async fn find_version(
        &self,
        client: &ClientId,
        id: &str,
        version: u32,
    ) -> Result<Option<AgentVersion>, StoreError> {
        let row = self.0.one(FIND_VERSION, args![client, id, version]).await?;
        row.map(read_version).transpose()
    }

    /// Versions below `before` (all if `None`), newest first, at most `limit`, and whether there are more.
    pub async fn list_versions(
        &self,
        client: &ClientId,
        id: &str,
        before: Option<u32>,
        limit: u32,
    ) -> Result<(Vec<AgentVersion>, bool), StoreError> {
        let before = before.map_or(i64::MAX, i64::from);
        let args = args![client, id, before, rows_asked(limit)];
        let mut rows = self.0.all(LIST_VERSIONS, args, read_version).await?;
        let more = super::page::cut(&mut rows, limit);
        Ok((rows, more))
    }
}
