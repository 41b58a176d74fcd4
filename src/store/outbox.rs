//! What clients are told of. An event is written in the transaction that makes it true, so that it is neither lost with the
//! server nor told of what did not happen, and once for each object and kind, so that a journal that is read again tells
//! nothing twice. `publish` gives events their order afterwards, one server at a time, and a delivery to each endpoint that
//! wants them.
//!
//! Whoever changes something that clients are told of adds a kind to [`EventKind`] and one `tell` beside the change.

use serde_json::{Map, Value};
use trunkline_core::event::{EventKind, Wanted};

use super::page::{cut, rows_asked};
use super::sql::{Columns, Tx, args, statements};
use super::{Durability, Store, StoreError, deliveries};
use crate::clock;
use crate::ids::{ClientId, new_id};

/// Whoever gives events their order, or ends deliveries, does so alone.
pub(super) const ALONE: [u8; 32] = *b"outbox: places and open delivery";

macro_rules! columns {
    () => {
        "id, kind, object_id, seq, data, created_ms, place"
    };
}

statements! {
    TELL = "INSERT INTO outbox (client_id, id, kind, object_id, once, endpoint_id, data, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (client_id, object_id, kind, once) DO NOTHING";
    LIST = concat!("SELECT ", columns!(), " FROM outbox
        WHERE client_id = $1 AND place > $2 AND endpoint_id IS NULL ORDER BY place LIMIT $3");
    PLACE = "SELECT place FROM outbox WHERE client_id = $1 AND id = $2 AND place IS NOT NULL";
    LAST = "SELECT place FROM outbox WHERE client_id = $1 AND place IS NOT NULL ORDER BY place DESC LIMIT 1";
    SINCE = "SELECT n, kind, object_id, place FROM outbox
        WHERE client_id = $1 AND place > $2 AND created_ms >= $3 AND endpoint_id IS NULL ORDER BY place LIMIT $4";
    UNPUBLISHED = "SELECT n, client_id, kind, object_id, endpoint_id FROM outbox WHERE place IS NULL ORDER BY n LIMIT $1";
    ADVANCE = "UPDATE outbox_end SET place = place + $1 WHERE one = 1 RETURNING place";
    PUBLISH = "UPDATE outbox SET place = $2, seq = (SELECT COALESCE(MAX(before.seq), 0) + 1 FROM outbox AS before
            WHERE before.client_id = outbox.client_id AND before.object_id = outbox.object_id)
        WHERE n = $1";
    PURGE = "DELETE FROM outbox WHERE n IN (SELECT n FROM outbox WHERE place IS NOT NULL AND created_ms < $1
            ORDER BY created_ms LIMIT $2)";
    HOLD = "INSERT INTO leases (name, holder, until_ms) VALUES ('outbox', $1, $2)
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
        WHERE leases.holder = excluded.holder OR leases.until_ms < $3";
    LET_GO = "UPDATE leases SET until_ms = 0 WHERE name = 'outbox' AND holder = $1";
}

/// Something that happened to an object.
pub(super) struct Told<'a> {
    pub(super) kind: EventKind,
    pub(super) object_id: &'a str,
    /// What tells it from others of the kind that the object may have; empty for what happens once.
    pub(super) once: &'a str,
    /// The one endpoint that is told of it; all that want it if `None`.
    pub(super) endpoint_id: Option<&'a str>,
    /// Without personal data: ids, states, lengths of time.
    pub(super) data: Map<String, Value>,
}

impl<'a> Told<'a> {
    /// What happens to an object once.
    pub(super) fn once(kind: EventKind, object_id: &'a str, data: Map<String, Value>) -> Self {
        Self {
            kind,
            object_id,
            once: "",
            endpoint_id: None,
            data,
        }
    }
}

/// Has clients be told of it if the transaction is committed. The same again changes nothing.
pub(super) async fn tell(tx: &mut Tx, client: &str, told: Told<'_>) -> Result<(), StoreError> {
    let data = Value::Object(told.data).to_string();
    let args = args![
        client,
        &new_id("evt"),
        told.kind.name(),
        told.object_id,
        told.once,
        told.endpoint_id,
        &data,
        clock::unix_ms(),
    ];
    tx.run(TELL, args).await.map(|_| ())
}

/// The fields of an event's data; what is `None` is left out.
macro_rules! data {
    () => { serde_json::Map::new() };
    ($($name:literal: $value:expr),+ $(,)?) => {{
        let mut data = serde_json::Map::new();
        $(if let Some(value) = Option::<serde_json::Value>::from($crate::store::outbox::Field::from($value)) {
            data.insert($name.to_owned(), value);
        })+
        data
    }};
}
pub(super) use data;

/// A value of an event's data, if there is one.
pub(super) struct Field(Option<Value>);

impl From<Field> for Option<Value> {
    fn from(field: Field) -> Self {
        field.0
    }
}
impl From<&str> for Field {
    fn from(value: &str) -> Self {
        Self(Some(value.into()))
    }
}
impl From<String> for Field {
    fn from(value: String) -> Self {
        Self(Some(value.into()))
    }
}
impl From<Option<String>> for Field {
    fn from(value: Option<String>) -> Self {
        Self(value.map(Value::from))
    }
}
impl From<Option<&str>> for Field {
    fn from(value: Option<&str>) -> Self {
        Self(value.map(Value::from))
    }
}
impl From<i64> for Field {
    fn from(value: i64) -> Self {
        Self(Some(value.into()))
    }
}
impl From<Option<i64>> for Field {
    fn from(value: Option<i64>) -> Self {
        Self(value.map(Value::from))
    }
}

impl From<bool> for Field {
    fn from(value: bool) -> Self {
        Self(Some(value.into()))
    }
}

/// An event that has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// `evt_…`.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// To what.
    pub object_id: String,
    /// The how manieth event of that object.
    pub seq: u64,
    /// Its data, JSON.
    pub data: String,
    /// When, ms since 1970.
    pub created_ms: i64,
    /// Its place among all events: later ones have higher places, with gaps.
    pub place: i64,
}

fn kind(word: &str) -> Option<EventKind> {
    EventKind::parse(word)
}

pub(super) fn read(row: &mut Columns) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        id: row.text()?,
        kind: row.word("a kind of event", kind)?,
        object_id: row.text()?,
        seq: row.count()?,
        data: row.text()?,
        created_ms: row.int()?,
        place: row.int()?,
    })
}

/// The log of events.
pub struct Outbox<'a>(pub(super) &'a Store);

impl Outbox<'_> {
    /// Events behind a place (0 for all that are kept), the oldest first, and whether there are more.
    pub async fn list(
        &self,
        client: &ClientId,
        after_place: i64,
        limit: u32,
    ) -> Result<(Vec<EventRow>, bool), StoreError> {
        let args = args![client, after_place, rows_asked(limit)];
        let mut rows = self.0.all(LIST, args, |mut row| read(&mut row)).await?;
        let more = cut(&mut rows, limit);
        Ok((rows, more))
    }

    /// The place of an event that is kept.
    pub async fn place(&self, client: &ClientId, id: &str) -> Result<Option<i64>, StoreError> {
        let row = self.0.one(PLACE, args![client, id]).await?;
        row.map(|mut row| row.int()).transpose()
    }

    /// The place of the client's last event; 0 if none is kept.
    pub async fn last_place(&self, client: &ClientId) -> Result<i64, StoreError> {
        let row = self.0.one(LAST, args![client]).await?;
        row.map_or(Ok(0), |mut row| row.int())
    }
}

/// An event that is to be told again.
pub(super) struct Past {
    pub(super) n: i64,
    pub(super) kind: EventKind,
    pub(super) object_id: String,
    pub(super) place: i64,
}

/// Events of a client since then behind a place, in order.
pub(super) async fn since(
    tx: &mut Tx,
    client: &ClientId,
    after_place: i64,
    since_ms: i64,
    limit: u32,
) -> Result<Vec<Past>, StoreError> {
    let args = args![client, after_place, since_ms, limit];
    let read = |mut row: Columns| {
        Ok(Past {
            n: row.int()?,
            kind: row.word("a kind of event", kind)?,
            object_id: row.text()?,
            place: row.int()?,
        })
    };
    tx.all(SINCE, args, read).await
}

/// Endpoints that have something to be told now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointOf {
    /// Whose it is.
    pub client: ClientId,
    /// `we_…`.
    pub id: String,
}

/// What a round of publishing did.
#[derive(Debug, Default)]
pub struct Published {
    /// So many events have their place now.
    pub events: usize,
    /// Whom there is something for.
    pub endpoints: Vec<EndpointOf>,
}

/// An event without a place.
struct New {
    n: i64,
    client: ClientId,
    kind: EventKind,
    object_id: String,
    endpoint_id: Option<String>,
}

/// Gives at most `limit` events their places, and each endpoint that wants one a delivery of it.
pub(super) async fn publish(
    store: &Store,
    now_ms: i64,
    limit: u32,
) -> Result<Published, StoreError> {
    let read = |mut row: Columns| {
        Ok(New {
            n: row.int()?,
            client: row.client()?,
            kind: row.word("a kind of event", kind)?,
            object_id: row.text()?,
            endpoint_id: row.text_opt()?,
        })
    };
    // Most of the time there is none, and nobody has to wait for that to be seen.
    if store.all(UNPUBLISHED, args![1_i64], read).await?.is_empty() {
        return Ok(Published::default());
    }
    // What was published is safe from a crash of the server; after one of the machine it is published again.
    let mut tx = store.begin(Durability::Soon).await?;
    tx.alone(&ALONE).await?;
    let new = tx.all(UNPUBLISHED, args![limit], read).await?;
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    let end = tx.one(ADVANCE, args![count]).await?;
    let end = end.map_or(Ok(count), |mut row| row.int())?;
    let mut endpoints: Vec<(ClientId, Vec<deliveries::Subscriber>)> = Vec::new();
    let mut woken = Vec::new();
    for (event, place) in new.iter().zip(end - count + 1..) {
        tx.run(PUBLISH, args![event.n, place]).await?;
        let at = match endpoints.iter().position(|(of, _)| *of == event.client) {
            Some(at) => at,
            None => {
                let subscribers = deliveries::subscribers(&mut tx, &event.client).await?;
                endpoints.push((event.client.clone(), subscribers));
                endpoints.len() - 1
            }
        };
        for subscriber in &endpoints[at].1 {
            let is_for = match &event.endpoint_id {
                Some(one) => *one == subscriber.id,
                None => subscriber
                    .wants
                    .iter()
                    .any(|wanted: &Wanted| wanted.is(event.kind)),
            };
            if !is_for {
                continue;
            }
            let to = deliveries::NewDelivery {
                client: &event.client,
                endpoint_id: &subscriber.id,
                event_n: event.n,
                object_id: &event.object_id,
                place,
                now_ms,
            };
            deliveries::add(&mut tx, &to).await?;
            woken.push(EndpointOf {
                client: event.client.clone(),
                id: subscriber.id.clone(),
            });
        }
    }
    tx.commit().await?;
    woken.sort_unstable();
    woken.dedup();
    Ok(Published {
        events: new.len(),
        endpoints: woken,
    })
}

/// Forgets at most `limit` events from before then, with their deliveries. How many.
pub(super) async fn purge(store: &Store, before_ms: i64, limit: u32) -> Result<u64, StoreError> {
    store.run(PURGE, args![before_ms, limit]).await
}

/// Whether this server is the one that tells clients, until then.
pub(super) async fn hold(
    store: &Store,
    holder: &str,
    now_ms: i64,
    until_ms: i64,
) -> Result<bool, StoreError> {
    Ok(store.run(HOLD, args![holder, until_ms, now_ms]).await? > 0)
}

/// Another server may tell clients at once.
pub(super) async fn let_go(store: &Store, holder: &str) -> Result<(), StoreError> {
    store.run(LET_GO, args![holder]).await.map(|_| ())
}
