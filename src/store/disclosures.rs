//! What was told of whom, and to which endpoint. Rows are added and never changed; they name people by a keyed hash alone, and so
//! stay when a person is forgotten and when an endpoint is removed.

use super::page::rows_asked;
use super::sql::{Columns, args, statements};
use super::{Cursor, Page, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "id, person, fields, endpoint_id, event_id, kind, object_id, at_ms"
    };
}

statements! {
    ADD = "INSERT INTO disclosures (client_id, id, person, fields, endpoint_id, event_id, kind, object_id, at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = concat!("SELECT ", columns!(), " FROM disclosures
        WHERE client_id = $1 AND (at_ms, id) < ($2, $3) ORDER BY at_ms DESC, id DESC LIMIT $4");
    LIST_OF = concat!("SELECT ", columns!(), " FROM disclosures
        WHERE client_id = $1 AND person = $5 AND (at_ms, id) < ($2, $3) ORDER BY at_ms DESC, id DESC LIMIT $4");
    SINCE = concat!("SELECT ", columns!(), " FROM disclosures
        WHERE client_id = $1 AND (at_ms, id) > ($2, $3) AND at_ms <= $4 ORDER BY at_ms, id LIMIT $5");
}

/// Something that was told of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosure {
    /// `dis_…`.
    pub id: String,
    /// Who it was: a keyed hash of their number that is this table's own.
    pub person: [u8; 32],
    /// Names of what was told.
    pub fields: Vec<String>,
    /// To whom, `we_…`.
    pub endpoint_id: String,
    /// With which event, `evt_…`.
    pub event_id: String,
    /// Of which kind.
    pub kind: String,
    /// About what, as `call_…`.
    pub object_id: String,
    /// When, ms since 1970.
    pub at_ms: i64,
}

fn read(mut row: Columns) -> Result<Disclosure, StoreError> {
    Ok(Disclosure {
        id: row.text()?,
        person: row.hash()?,
        fields: row.text()?.split(',').map(str::to_owned).collect(),
        endpoint_id: row.text()?,
        event_id: row.text()?,
        kind: row.text()?,
        object_id: row.text()?,
        at_ms: row.int()?,
    })
}

/// The log of disclosures.
pub struct Disclosures<'a>(pub(super) &'a Store);

impl Disclosures<'_> {
    /// Notes one, before it is made: it is in the database when this returns.
    pub async fn add(&self, client: &ClientId, new: &Disclosure) -> Result<(), StoreError> {
        let fields = new.fields.join(",");
        let args = args![
            client,
            &new.id,
            &new.person,
            fields.as_str(),
            &new.endpoint_id,
            &new.event_id,
            &new.kind,
            &new.object_id,
            new.at_ms
        ];
        self.0.run(ADD, args).await.map(|_| ())
    }

    /// A client's, the newest first; those of one person, if their keyed hash is given.
    pub async fn list(
        &self,
        client: &ClientId,
        person: Option<&[u8; 32]>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Disclosure>, StoreError> {
        let (at_ms, id) = Cursor::start(after);
        let mut args = args![client, at_ms, id, rows_asked(limit)];
        let sql = match person {
            None => LIST,
            Some(person) => {
                args.extend(args![person]);
                LIST_OF
            }
        };
        let rows = self.0.all(sql, args, read).await?;
        Ok(Page::of(rows, limit, |row| Cursor {
            created_ms: row.at_ms,
            id: row.id.clone(),
        }))
    }

    /// A client's behind a place, up to a moment, the oldest first.
    pub async fn since(
        &self,
        client: &ClientId,
        after: &Cursor,
        until_ms: i64,
        limit: u32,
    ) -> Result<Vec<Disclosure>, StoreError> {
        let args = args![client, after.created_ms, &after.id, until_ms, limit];
        self.0.all(SINCE, args, read).await
    }
}
