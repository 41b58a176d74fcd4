//! Telephone numbers of clients, and which agent answers them.

use super::page::rows_asked;
use super::sql::{Columns, args, statements};
use super::{Cursor, Page, Sealed, SealedNumber, Store, StoreError};
use crate::ids::ClientId;

statements! {
    ADD = "INSERT INTO numbers
        (client_id, id, number, number_index, agent_id, carrier_id, answering, created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1)";
    FIND = "SELECT client_id, id, number, number_index, agent_id, carrier_id, answering, created_ms, updated_ms, revision
        FROM numbers WHERE client_id = $1 AND id = $2";
    LIST = "SELECT client_id, id, number, number_index, agent_id, carrier_id, answering, created_ms, updated_ms, revision
        FROM numbers WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4";
    BIND = "UPDATE numbers SET agent_id = $4, carrier_id = $5, answering = $6, updated_ms = $7, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM numbers WHERE client_id = $1 AND id = $2";
    REMOVE = "DELETE FROM numbers WHERE client_id = $1 AND id = $2";
    CALLED = "SELECT client_id, id, number, number_index, agent_id, carrier_id, answering, created_ms, updated_ms, revision
        FROM numbers WHERE number_index = $1";
}

/// A telephone number of a client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Whose it is.
    pub client: ClientId,
    /// `num_…`.
    pub id: String,
    /// The number, sealed, and the platform's keyed hash of it: one number belongs to one client.
    pub number: SealedNumber,
    /// Who answers; nobody if `None`.
    pub agent_id: Option<String>,
    /// The account with the carrier that it comes from.
    pub carrier_id: Option<String>,
    /// How it takes calls beside that, sealed.
    pub answering: Option<Sealed>,
    /// When it was added, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

/// A number to be added.
#[derive(Clone, Debug)]
pub struct NewNumber {
    /// `num_…`.
    pub id: String,
    /// The number, sealed, and the platform's keyed hash of it.
    pub number: SealedNumber,
    /// Who answers.
    pub agent_id: Option<String>,
    /// The account with the carrier that it comes from.
    pub carrier_id: Option<String>,
    /// How it takes calls beside that, sealed.
    pub answering: Option<Sealed>,
    /// Now, ms since 1970.
    pub created_ms: i64,
}

/// Who answers a number and how, and where it comes from.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// Who answers.
    pub agent_id: Option<String>,
    /// The account with the carrier that it comes from.
    pub carrier_id: Option<String>,
    /// How it takes calls beside that, sealed.
    pub answering: Option<Sealed>,
}

fn read(mut row: Columns) -> Result<Number, StoreError> {
    Ok(Number {
        client: row.client()?,
        id: row.text()?,
        number: SealedNumber {
            sealed: row.sealed()?,
            index: row.hash()?,
        },
        agent_id: row.text_opt()?,
        carrier_id: row.text_opt()?,
        answering: row.sealed_opt()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The table of numbers.
pub struct Numbers<'a>(pub(super) &'a Store);

impl Numbers<'_> {
    /// Adds a number. [`StoreError::Conflict`] if any client has it, [`StoreError::Reference`] if this client has no such
    /// agent or account.
    pub async fn add(&self, client: &ClientId, new: &NewNumber) -> Result<(), StoreError> {
        let args = args![
            client,
            &new.id,
            &new.number.sealed,
            &new.number.index,
            &new.agent_id,
            &new.carrier_id,
            new.answering.as_ref(),
            new.created_ms,
        ];
        self.0.run(ADD, args).await.map(|_| ())
    }

    /// One number.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Number>, StoreError> {
        self.0
            .one(FIND, args![client, id])
            .await?
            .map(read)
            .transpose()
    }

    /// Numbers, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Number>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |number| Cursor {
            created_ms: number.created_ms,
            id: number.id.clone(),
        }))
    }

    /// Says who answers a number at `revision` and how, and where it comes from. The new revision.
    /// [`StoreError::Reference`] if this client has no such agent or account.
    pub async fn bind(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        bound: &Bound,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let Bound {
            agent_id,
            carrier_id,
            answering,
        } = bound;
        let answering = answering.as_ref();
        let update = args![
            client, id, revision, agent_id, carrier_id, answering, now_ms
        ];
        self.0
            .change("number", (BIND, update), (REVISION, args![client, id]))
            .await
    }

    /// Removes it. Whether it was there.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(REMOVE, args![client, id]).await? > 0)
    }
}

pub(super) async fn called(store: &Store, index: &[u8; 32]) -> Result<Option<Number>, StoreError> {
    store.one(CALLED, args![index]).await?.map(read).transpose()
}
