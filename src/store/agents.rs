//! Agents, and their versions, which never change.

use super::page::rows_asked;
use super::sql::{Columns, args, statements};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO agents (client_id, id, name, version, created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, 1, $4, $4, 1)";
    ADD_VERSION = "INSERT INTO agent_versions (client_id, agent_id, version, body, created_ms)
        VALUES ($1, $2, $3, $4, $5)";
    FIND = "SELECT id, name, version, created_ms, updated_ms, archived_ms, revision FROM agents
        WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, name, version, created_ms, updated_ms, archived_ms, revision FROM agents
        WHERE client_id = $1 AND (created_ms, id) < ($2, $3) AND archived_ms IS NULL
        ORDER BY created_ms DESC, id DESC LIMIT $4";
    NEXT = "UPDATE agents SET name = $4, version = version + 1, updated_ms = $5, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 AND archived_ms IS NULL RETURNING revision, version";
    ARCHIVE = "UPDATE agents SET archived_ms = $4, updated_ms = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 AND archived_ms IS NULL RETURNING revision";
    UNBIND = "UPDATE numbers SET agent_id = NULL, updated_ms = $3, revision = revision + 1
        WHERE client_id = $1 AND agent_id = $2";
    REVISION = "SELECT revision FROM agents WHERE client_id = $1 AND id = $2 AND archived_ms IS NULL";
    FIND_VERSION = "SELECT version, body, created_ms FROM agent_versions
        WHERE client_id = $1 AND agent_id = $2 AND version = $3";
    LIST_VERSIONS = "SELECT version, body, created_ms FROM agent_versions
        WHERE client_id = $1 AND agent_id = $2 AND version < $3 ORDER BY version DESC LIMIT $4";
}

/// An agent; what it does is in its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// `agent_…`.
    pub id: String,
    /// Its name, sealed.
    pub name: Sealed,
    /// The newest version.
    pub version: u32,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// When it was archived, ms since 1970: it is in no list, and answers no call; its versions stay readable.
    pub archived_ms: Option<i64>,
    /// Grows with every change.
    pub revision: i64,
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
    })
}

fn read_version(mut row: Columns) -> Result<AgentVersion, StoreError> {
    Ok(AgentVersion {
        version: row.version()?,
        body: row.sealed()?,
        created_ms: row.int()?,
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
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.run(ADD, args![client, id, name, now_ms]).await?;
        tx.run(ADD_VERSION, args![client, id, 1_i64, body, now_ms])
            .await?;
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

    /// Adds a version to an agent at `revision`: its new revision and the version's number.
    pub async fn add_version(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        name: &Sealed,
        body: &Sealed,
        now_ms: i64,
    ) -> Result<(i64, u32), StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let Some(mut row) = tx
            .one(NEXT, args![client, id, revision, name, now_ms])
            .await?
        else {
            return Err(match tx.one(REVISION, args![client, id]).await? {
                Some(mut row) => StoreError::Stale {
                    revision: row.int()?,
                },
                None => StoreError::Missing { what: "agent" },
            });
        };
        let (revision, version) = (row.int()?, row.version()?);
        tx.run(ADD_VERSION, args![client, id, version, body, now_ms])
            .await?;
        tx.commit().await?;
        Ok((revision, version))
    }

    /// Takes it out of lists and off its numbers. The new revision.
    pub async fn archive(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let Some(mut row) = tx.one(ARCHIVE, args![client, id, revision, now_ms]).await? else {
            return Err(match tx.one(REVISION, args![client, id]).await? {
                Some(mut row) => StoreError::Stale {
                    revision: row.int()?,
                },
                None => StoreError::Missing { what: "agent" },
            });
        };
        let revision = row.int()?;
        tx.run(UNBIND, args![client, id, now_ms]).await?;
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
