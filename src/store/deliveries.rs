//! Events on their way to endpoints. Of one object's events an endpoint has one at a time: the others are `behind` it, and
//! the next comes up in the transaction that ends the one before.

use trunkline_core::event::Wanted;

use super::outbox::{self, ALONE, EndpointOf, EventRow};
use super::page::rows_asked;
use super::sql::{Columns, Tx, args, statements, words};
use super::{Cursor, Durability, Page, Store, StoreError, endpoints};
use crate::ids::{ClientId, new_id};

/// Events that are looked at in one transaction of a replay.
const REPLAY_ROWS: u32 = 200;

macro_rules! added {
    () => {
        "(client_id, id, endpoint_id, event_n, object_id, place, state, tries, due_ms, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN EXISTS (SELECT 1 FROM webhook_deliveries AS before
                WHERE before.client_id = $1 AND before.endpoint_id = $3 AND before.object_id = $5
                    AND before.ended_ms IS NULL) THEN 'behind' ELSE 'waiting' END, 0, $7, $7)
        ON CONFLICT (event_n, endpoint_id) DO "
    };
}

statements! {
    ADD = concat!("INSERT INTO webhook_deliveries ", added!(), "NOTHING");
    AGAIN = concat!("INSERT INTO webhook_deliveries ", added!(), "UPDATE SET state = excluded.state, tries = 0, due_ms = excluded.due_ms, ended_ms = NULL
            WHERE webhook_deliveries.ended_ms IS NOT NULL");
    SUBSCRIBERS = "SELECT id, events FROM webhook_endpoints WHERE client_id = $1 AND state = 'enabled' LIMIT 100";
    DUE = "SELECT webhook_deliveries.id, tries, outbox.id, kind, outbox.object_id, seq, data, outbox.created_ms, outbox.place
        FROM webhook_deliveries CROSS JOIN outbox
        WHERE webhook_deliveries.client_id = $1 AND webhook_deliveries.endpoint_id = $2 AND state = 'waiting' AND due_ms <= $3
            AND outbox.n = event_n
        ORDER BY due_ms, webhook_deliveries.place LIMIT $4";
    NEXT_DUE = "SELECT due_ms FROM webhook_deliveries WHERE client_id = $1 AND endpoint_id = $2 AND state = 'waiting'
        ORDER BY due_ms, place LIMIT 1";
    LATER = "UPDATE webhook_deliveries SET tries = tries + 1, due_ms = $3, last_status = $4, last_reason = $5, tried_ms = $6
        WHERE client_id = $1 AND id = $2 AND state = 'waiting'";
    END = "UPDATE webhook_deliveries SET state = $3, tries = tries + 1, last_status = $4, last_reason = $5, tried_ms = $6,
            ended_ms = $6
        WHERE client_id = $1 AND id = $2 AND state = 'waiting'";
    COME_UP = "UPDATE webhook_deliveries SET state = 'waiting', due_ms = $4 WHERE client_id = $1 AND id = (
            SELECT id FROM webhook_deliveries
            WHERE client_id = $1 AND endpoint_id = $2 AND object_id = $3 AND ended_ms IS NULL ORDER BY place LIMIT 1)
        AND state = 'behind'";
    ABANDON = "UPDATE webhook_deliveries SET state = 'dead', last_reason = $4, ended_ms = $3
        WHERE client_id = $1 AND endpoint_id = $2 AND ended_ms IS NULL";
    FIND = "SELECT webhook_deliveries.id, outbox.id, kind, outbox.object_id, state, tries, due_ms, last_status, last_reason,
            tried_ms, webhook_deliveries.created_ms, ended_ms
        FROM webhook_deliveries CROSS JOIN outbox
        WHERE webhook_deliveries.client_id = $1 AND webhook_deliveries.id = $2 AND webhook_deliveries.endpoint_id = $3
            AND outbox.n = event_n";
    EVENT_OF = "SELECT event_n, object_id, place FROM webhook_deliveries WHERE client_id = $1 AND id = $2
            AND endpoint_id = $3";
    LIST = "SELECT webhook_deliveries.id, outbox.id, kind, outbox.object_id, state, tries, due_ms, last_status, last_reason,
            tried_ms, webhook_deliveries.created_ms, ended_ms
        FROM webhook_deliveries CROSS JOIN outbox
        WHERE webhook_deliveries.client_id = $1 AND webhook_deliveries.endpoint_id = $2
            AND (webhook_deliveries.created_ms, webhook_deliveries.id) < ($3, $4) AND (state = $6 OR $6 IS NULL)
            AND outbox.n = event_n
        ORDER BY webhook_deliveries.created_ms DESC, webhook_deliveries.id DESC LIMIT $5";
    WAITING = "SELECT DISTINCT client_id, endpoint_id FROM webhook_deliveries WHERE state = 'waiting'
        AND (client_id, endpoint_id) > ($1, $2) ORDER BY client_id, endpoint_id LIMIT $3";
}

words! {
    /// Where a delivery is.
    DeliveryState {
        /// Its next try comes when it is due.
        Waiting = "waiting",
        /// An earlier event of the same object is not delivered yet.
        Behind = "behind",
        /// The endpoint has it.
        Delivered = "delivered",
        /// It is not tried any more.
        Dead = "dead",
    }
}

/// A delivery, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `dlv_…`.
    pub id: String,
    /// `evt_…`.
    pub event_id: String,
    /// What happened, as the log names it.
    pub kind: String,
    /// To what.
    pub object_id: String,
    /// Where it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u64,
    /// When it is tried next, ms since 1970, while it waits.
    pub due_ms: i64,
    /// What the endpoint answered last.
    pub last_status: Option<i64>,
    /// Why the last try failed, in stable snake_case.
    pub last_reason: Option<String>,
    /// When it was tried last, ms since 1970.
    pub tried_ms: Option<i64>,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it was delivered or given up, ms since 1970.
    pub ended_ms: Option<i64>,
}

/// An event whose time at an endpoint has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// `dlv_…`.
    pub id: String,
    /// How often it was tried before.
    pub tries: u64,
    /// The event.
    pub event: EventRow,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Whose it is.
    pub endpoint: EndpointOf,
    /// `dlv_…`.
    pub delivery_id: String,
    /// The event's object.
    pub object_id: String,
    /// What the endpoint answered.
    pub status: Option<u16>,
    /// Why it failed, in stable snake_case.
    pub reason: Option<&'static str>,
    /// Now, ms since 1970.
    pub now_ms: i64,
    /// What becomes of it.
    pub end: TriedEnd,
}

/// What becomes of a delivery that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriedEnd {
    /// It was delivered. `recovered`: the endpoint was known to be failing.
    Delivered {
        /// The endpoint was known to be failing.
        recovered: bool,
    },
    /// It is tried again then, ms since 1970.
    Later {
        /// Milliseconds since 1970.
        due_ms: i64,
    },
    /// It is not tried any more.
    Dead,
    /// The endpoint wants nothing any more, or has failed for too long: it is disabled for this reason.
    Disabled {
        /// Why, in stable snake_case.
        reason: &'static str,
    },
}

/// An endpoint and what it wants.
pub(super) struct Subscriber {
    pub(super) id: String,
    pub(super) wants: Vec<Wanted>,
}

/// A delivery to be made.
pub(super) struct NewDelivery<'a> {
    pub(super) client: &'a ClientId,
    pub(super) endpoint_id: &'a str,
    pub(super) event_n: i64,
    pub(super) object_id: &'a str,
    pub(super) place: i64,
    pub(super) now_ms: i64,
}

pub(super) async fn subscribers(
    tx: &mut Tx,
    client: &ClientId,
) -> Result<Vec<Subscriber>, StoreError> {
    let read = |mut row: Columns| {
        Ok(Subscriber {
            id: row.text()?,
            wants: endpoints::wants(&row.text()?),
        })
    };
    tx.all(SUBSCRIBERS, args![client], read).await
}

/// The event goes to the endpoint, unless it does or did so already.
pub(super) async fn add(tx: &mut Tx, new: &NewDelivery<'_>) -> Result<(), StoreError> {
    put(tx, ADD, new).await
}

async fn put(tx: &mut Tx, sql: &'static str, new: &NewDelivery<'_>) -> Result<(), StoreError> {
    let args = args![
        new.client,
        &new_id("dlv"),
        new.endpoint_id,
        new.event_n,
        new.object_id,
        new.place,
        new.now_ms,
    ];
    tx.run(sql, args).await.map(|_| ())
}

fn read(mut row: Columns) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.text()?,
        event_id: row.text()?,
        kind: row.text()?,
        object_id: row.text()?,
        state: row.word("a state of a delivery", DeliveryState::parse)?,
        tries: row.count()?,
        due_ms: row.int()?,
        last_status: row.int_opt()?,
        last_reason: row.text_opt()?,
        tried_ms: row.int_opt()?,
        created_ms: row.int()?,
        ended_ms: row.int_opt()?,
    })
}

/// The table of deliveries.
pub struct Deliveries<'a>(pub(super) &'a Store);

impl Deliveries<'_> {
    /// Deliveries to an endpoint, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        endpoint_id: &str,
        state: Option<DeliveryState>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Delivery>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![
            client,
            endpoint_id,
            created_ms,
            id,
            rows_asked(limit),
            state
        ];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |delivery: &Delivery| Cursor {
            created_ms: delivery.created_ms,
            id: delivery.id.clone(),
        }))
    }

    /// One delivery to an endpoint.
    pub async fn find(
        &self,
        client: &ClientId,
        endpoint_id: &str,
        id: &str,
    ) -> Result<Option<Delivery>, StoreError> {
        let row = self.0.one(FIND, args![client, id, endpoint_id]).await?;
        row.map(read).transpose()
    }

    /// What of an endpoint's is due, the longest first: one event of each object.
    pub async fn due(
        &self,
        client: &ClientId,
        endpoint_id: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        let args = args![client, endpoint_id, now_ms, limit];
        let read = |mut row: Columns| {
            Ok(DueDelivery {
                id: row.text()?,
                tries: row.count()?,
                event: outbox::read(&mut row)?,
            })
        };
        self.0.all(DUE, args, read).await
    }

    /// When something of an endpoint's is due next, ms since 1970.
    pub async fn next_due(
        &self,
        client: &ClientId,
        endpoint_id: &str,
    ) -> Result<Option<i64>, StoreError> {
        let row = self.0.one(NEXT_DUE, args![client, endpoint_id]).await?;
        row.map(|mut row| row.int()).transpose()
    }

    /// Has a delivery that is over begin anew. Whether there is such a delivery.
    pub async fn replay(
        &self,
        client: &ClientId,
        endpoint_id: &str,
        id: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.alone(&ALONE).await?;
        let row = tx.one(EVENT_OF, args![client, id, endpoint_id]).await?;
        let Some(mut row) = row else {
            return Ok(false);
        };
        let (event_n, object_id, place) = (row.int()?, row.text()?, row.int()?);
        let again = NewDelivery {
            client,
            endpoint_id,
            event_n,
            object_id: &object_id,
            place,
            now_ms,
        };
        put(&mut tx, AGAIN, &again).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Has the events since then that an endpoint wants go to it, also those that it had before, `limit` at most behind a
    /// place. How many, and behind which place the rest is, if there may be more.
    pub async fn replay_since(
        &self,
        client: &ClientId,
        endpoint: (&str, &[Wanted]),
        since_ms: i64,
        limit: u32,
        now_ms: i64,
    ) -> Result<(u64, bool), StoreError> {
        let (endpoint_id, wants) = endpoint;
        let (mut behind, mut looked_at, mut replayed) = (0, 0, 0);
        while looked_at < limit {
            let mut tx = self.0.begin(Durability::Now).await?;
            tx.alone(&ALONE).await?;
            let rows = outbox::since(&mut tx, client, behind, since_ms, REPLAY_ROWS).await?;
            for past in &rows {
                behind = past.place;
                if !wants.iter().any(|wanted| wanted.is(past.kind)) {
                    continue;
                }
                let again = NewDelivery {
                    client,
                    endpoint_id,
                    event_n: past.n,
                    object_id: &past.object_id,
                    place: past.place,
                    now_ms,
                };
                put(&mut tx, AGAIN, &again).await?;
                replayed += 1;
            }
            tx.commit().await?;
            looked_at += u32::try_from(rows.len()).unwrap_or(u32::MAX);
            if rows.len() < REPLAY_ROWS as usize {
                return Ok((replayed, false));
            }
        }
        Ok((replayed, true))
    }
}

/// Writes what came of tries, all of it or nothing.
pub(super) async fn tried(store: &Store, tried: &[Tried]) -> Result<(), StoreError> {
    // Safe from a crash of the server; after one of the machine an event may come twice.
    let mut tx = store.begin(Durability::Soon).await?;
    tx.alone(&ALONE).await?;
    for one in tried {
        let client = &one.endpoint.client;
        let status = one.status.map(i64::from);
        let (state, due_ms) = match one.end {
            TriedEnd::Delivered { .. } => (DeliveryState::Delivered, None),
            TriedEnd::Later { due_ms } => (DeliveryState::Waiting, Some(due_ms)),
            TriedEnd::Dead | TriedEnd::Disabled { .. } => (DeliveryState::Dead, None),
        };
        let changed = match due_ms {
            Some(due_ms) => {
                let args = args![
                    client,
                    &one.delivery_id,
                    due_ms,
                    status,
                    one.reason,
                    one.now_ms
                ];
                tx.run(LATER, args).await?
            }
            None => {
                let args = args![
                    client,
                    &one.delivery_id,
                    state,
                    status,
                    one.reason,
                    one.now_ms
                ];
                tx.run(END, args).await?
            }
        };
        if changed > 0 && due_ms.is_none() {
            let args = args![client, &one.endpoint.id, &one.object_id, one.now_ms];
            tx.run(COME_UP, args).await?;
        }
        let (now_ms, id) = (one.now_ms, &one.endpoint.id);
        match one.end {
            TriedEnd::Delivered { recovered: false } => {}
            TriedEnd::Delivered { recovered: true } => {
                endpoints::recovered(&mut tx, client, id).await?;
            }
            TriedEnd::Later { .. } | TriedEnd::Dead => {
                endpoints::failed(&mut tx, client, id, now_ms).await?;
            }
            TriedEnd::Disabled { reason } => {
                endpoints::disable(&mut tx, client, id, reason, now_ms).await?;
            }
        }
    }
    tx.commit().await
}

/// Nothing more goes to an endpoint.
pub(super) async fn abandon(
    tx: &mut Tx,
    client: &ClientId,
    endpoint_id: &str,
    now_ms: i64,
    reason: &str,
) -> Result<(), StoreError> {
    tx.run(ABANDON, args![client, endpoint_id, now_ms, reason])
        .await
        .map(|_| ())
}

/// Endpoints of all clients that something waits for, in their order behind `after`, at most `limit`.
pub(super) async fn waiting(
    store: &Store,
    after: Option<&EndpointOf>,
    limit: u32,
) -> Result<Vec<EndpointOf>, StoreError> {
    let (client, id) = after.map_or(("", ""), |one| (one.client.as_str(), one.id.as_str()));
    let read = |mut row: Columns| {
        Ok(EndpointOf {
            client: row.client()?,
            id: row.text()?,
        })
    };
    store.all(WAITING, args![client, id, limit], read).await
}
