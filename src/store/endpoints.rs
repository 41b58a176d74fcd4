//! Where clients want to be told of events.

use trunkline_core::event::{EventKind, Wanted};

use super::outbox::{ALONE, Told, data, tell};
use super::page::rows_asked;
use super::sql::{Columns, Tx, args, statements, words};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError, deliveries};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "id, url, description, events, secret, former_secret, former_until_ms, state, reason, failing_since_ms, created_ms,
            updated_ms, revision, include_pii"
    };
}

statements! {
    ADD = "INSERT INTO webhook_endpoints (client_id, id, url, description, events, secret, state, created_ms, updated_ms,
            revision, include_pii)
        VALUES ($1, $2, $3, $4, $5, $6, 'enabled', $7, $7, 1, $8)";
    COUNT = "SELECT COUNT(*) FROM webhook_endpoints WHERE client_id = $1";
    FIND = concat!("SELECT ", columns!(), " FROM webhook_endpoints WHERE client_id = $1 AND id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM webhook_endpoints WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4");
    UPDATE = "UPDATE webhook_endpoints SET url = $4, description = $5, events = $6, state = $7,
            reason = CASE WHEN $7 = 'enabled' THEN NULL WHEN state = 'enabled' THEN 'requested' ELSE reason END,
            failing_since_ms = CASE WHEN $7 = state THEN failing_since_ms ELSE NULL END,
            updated_ms = $8, include_pii = $9, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM webhook_endpoints WHERE client_id = $1 AND id = $2";
    ROTATE = "UPDATE webhook_endpoints SET former_secret = $3, former_until_ms = $4, secret = $5, updated_ms = $6,
            revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $7 RETURNING revision";
    REMOVE = "DELETE FROM webhook_endpoints WHERE client_id = $1 AND id = $2";
    RECOVERED = "UPDATE webhook_endpoints SET failing_since_ms = NULL WHERE client_id = $1 AND id = $2";
    FAILED = "UPDATE webhook_endpoints SET failing_since_ms = $3
        WHERE client_id = $1 AND id = $2 AND failing_since_ms IS NULL";
    DISABLE = "UPDATE webhook_endpoints SET state = 'disabled', reason = $3, updated_ms = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND state = 'enabled' RETURNING revision";
}

words! {
    /// Whether an endpoint is told of events.
    EndpointState {
        /// It is.
        Enabled = "enabled",
        /// It is not.
        Disabled = "disabled",
    }
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `we_…`.
    pub id: String,
    /// Where it is, sealed.
    pub url: Sealed,
    /// What its owner calls it, sealed.
    pub description: Option<Sealed>,
    /// What it is told of.
    pub wants: Vec<Wanted>,
    /// With what is signed, sealed.
    pub secret: Sealed,
    /// With what else is signed until then, ms since 1970; sealed.
    pub former: Option<(Sealed, i64)>,
    /// Whether it is told.
    pub state: EndpointState,
    /// Why it is not, in stable snake_case: `requested`, `gone`, `failing`.
    pub reason: Option<String>,
    /// Since when every try has failed, ms since 1970.
    pub failing_since_ms: Option<i64>,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
    /// Whether it is told of whom an event is.
    pub include_pii: bool,
}

/// What an endpoint is to be.
#[derive(Clone, Debug)]
pub struct EndpointChange {
    /// Where it is, sealed.
    pub url: Sealed,
    /// What its owner calls it, sealed.
    pub description: Option<Sealed>,
    /// What it is told of.
    pub wants: Vec<Wanted>,
    /// Whether it is told.
    pub state: EndpointState,
    /// Whether it is told of whom an event is.
    pub include_pii: bool,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

/// The patterns of a column; what an older server does not know it does not tell of.
pub(super) fn wants(text: &str) -> Vec<Wanted> {
    text.split(',').filter_map(Wanted::parse).collect()
}

fn written(wants: &[Wanted]) -> String {
    let texts: Vec<String> = wants.iter().map(|wanted| wanted.text()).collect();
    texts.join(",")
}

fn read(mut row: Columns) -> Result<Endpoint, StoreError> {
    Ok(Endpoint {
        id: row.text()?,
        url: row.sealed()?,
        description: row.sealed_opt()?,
        wants: wants(&row.text()?),
        secret: row.sealed()?,
        former: row.sealed_opt()?.zip(row.int_opt()?),
        state: row.word("a state of an endpoint", EndpointState::parse)?,
        reason: row.text_opt()?,
        failing_since_ms: row.int_opt()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
        include_pii: row.flag()?,
    })
}

/// The table of endpoints.
pub struct Endpoints<'a>(pub(super) &'a Store);

impl Endpoints<'_> {
    /// Adds an endpoint that is told of events from now on, at revision 1.
    pub async fn add(
        &self,
        client: &ClientId,
        id: &str,
        new: &EndpointChange,
        secret: &Sealed,
    ) -> Result<(), StoreError> {
        let args = args![
            client,
            id,
            &new.url,
            new.description.as_ref(),
            written(&new.wants).as_str(),
            secret,
            new.now_ms,
            new.include_pii
        ];
        self.0.run(ADD, args).await.map(|_| ())
    }

    /// How many the client has.
    pub async fn count(&self, client: &ClientId) -> Result<i64, StoreError> {
        let row = self.0.one(COUNT, args![client]).await?;
        row.map_or(Ok(0), |mut row| row.int())
    }

    /// One endpoint.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Endpoint>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// The client's endpoints, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Endpoint>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |endpoint| Cursor {
            created_ms: endpoint.created_ms,
            id: endpoint.id.clone(),
        }))
    }

    /// Changes an endpoint at `revision`. The new revision. What is on its way to one that is disabled is given up.
    pub async fn update(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        change: &EndpointChange,
    ) -> Result<i64, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.alone(&ALONE).await?;
        let args = args![
            client,
            id,
            revision,
            &change.url,
            change.description.as_ref(),
            written(&change.wants).as_str(),
            change.state,
            change.now_ms,
            change.include_pii
        ];
        let row = tx.one(UPDATE, args).await?;
        let revision = settled(&mut tx, client, id, row).await?;
        if change.state == EndpointState::Disabled {
            deliveries::abandon(&mut tx, client, id, change.now_ms, "disabled").await?;
        }
        tx.commit().await?;
        Ok(revision)
    }

    /// Gives an endpoint at `revision` another secret; the one that it had signs too until then. The new revision.
    pub async fn rotate(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        (secret, former): (&Sealed, &Sealed),
        former_until_ms: i64,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let rotate = args![
            client,
            id,
            former,
            former_until_ms,
            secret,
            now_ms,
            revision
        ];
        let current = (REVISION, args![client, id]);
        self.0
            .change("webhook endpoint", (ROTATE, rotate), current)
            .await
    }

    /// Removes it with its secrets and deliveries. Whether it was there.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.alone(&ALONE).await?;
        let removed = tx.run(REMOVE, args![client, id]).await? > 0;
        tx.commit().await?;
        Ok(removed)
    }

    /// Has the endpoint be told of something that happens for it alone, so that its owner sees whether it works. `once`
    /// tells it from other tests.
    pub async fn test(&self, client: &ClientId, id: &str, once: &str) -> Result<(), StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let told = Told {
            kind: EventKind::WebhookEndpointTest,
            object_id: id,
            once,
            endpoint_id: Some(id),
            data: data! {},
        };
        tell(&mut tx, client.as_str(), told).await?;
        tx.commit().await
    }
}

async fn settled(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
    row: Option<Columns>,
) -> Result<i64, StoreError> {
    if let Some(mut row) = row {
        return row.int();
    }
    match tx.one(REVISION, args![client, id]).await? {
        Some(mut row) => Err(StoreError::Stale {
            revision: row.int()?,
        }),
        None => Err(StoreError::Missing {
            what: "webhook endpoint",
        }),
    }
}

/// It takes events again.
pub(super) async fn recovered(tx: &mut Tx, client: &ClientId, id: &str) -> Result<(), StoreError> {
    tx.run(RECOVERED, args![client, id]).await.map(|_| ())
}

/// A try at it failed.
pub(super) async fn failed(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    tx.run(FAILED, args![client, id, now_ms]).await.map(|_| ())
}

/// It is told nothing more, and the client is told so.
pub(super) async fn disable(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
    reason: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let Some(mut row) = tx.one(DISABLE, args![client, id, reason, now_ms]).await? else {
        return Ok(());
    };
    let revision = row.int()?.to_string();
    deliveries::abandon(tx, client, id, now_ms, "disabled").await?;
    let told = Told {
        once: &revision,
        ..Told::once(
            EventKind::WebhookEndpointDisabled,
            id,
            data! { "reason": reason },
        )
    };
    tell(tx, client.as_str(), told).await
}
