//! Whom a client may want to call. A contact is one sealed text, found by keyed hashes of its numbers and of what its
//! client's own books call it; a number is one contact's.

pub mod lists;

use super::page::{cut, rows_asked};
use super::several::{self, rows};
use super::sql::{Arg, Columns, Tx, args, statements};
use super::{Durability, Sealed, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "contacts.id, contacts.body, contacts.external_index, contacts.created_ms, contacts.updated_ms, contacts.revision"
    };
}

/// Hashes of the largest question.
const ASKED_MAX: usize = 64;

macro_rules! contacts {
    () => {
        "INTO contacts (client_id, id, body, external_index, created_ms, updated_ms, revision) VALUES "
    };
}

macro_rules! phones {
    () => {
        "INTO contact_phones (client_id, number_index, contact_id) VALUES "
    };
}

macro_rules! members {
    () => {
        "INTO contact_list_members (client_id, list_id, contact_id) VALUES "
    };
}

const ONCE: &str = " ON CONFLICT DO NOTHING";

statements! {
    ADD_64 = rows!(concat!("INSERT ", contacts!()), 7, 64, "");
    ADD_8 = rows!(concat!("INSERT ", contacts!()), 7, 8, "");
    ADD = rows!(concat!("INSERT ", contacts!()), 7, 1, "");
    PHONES_64 = rows!(concat!("INSERT ", phones!()), 3, 64, "");
    PHONES_8 = rows!(concat!("INSERT ", phones!()), 3, 8, "");
    PHONE = rows!(concat!("INSERT ", phones!()), 3, 1, "");
    MEMBERS_64 = rows!(concat!("INSERT ", members!()), 3, 64, ONCE);
    MEMBERS_8 = rows!(concat!("INSERT ", members!()), 3, 8, ONCE);
    MEMBER = rows!(concat!("INSERT ", members!()), 3, 1, ONCE);
    OF_NUMBERS = rows!("SELECT number_index, contact_id FROM contact_phones WHERE number_index IN ", 64, 1,
        " AND client_id = $65");
    OF_EXTERNALS = rows!("SELECT external_index, id FROM contacts WHERE external_index IN ", 64, 1, " AND client_id = $65");
    OF_IDS = rows!(concat!("SELECT ", columns!(), " FROM contacts WHERE id IN "), 64, 1, " AND client_id = $65");
    FIND = concat!("SELECT ", columns!(), " FROM contacts WHERE client_id = $1 AND id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM contacts WHERE client_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    LIST_OF = concat!("SELECT ", columns!(), " FROM contact_list_members
        JOIN contacts ON contacts.client_id = contact_list_members.client_id AND contacts.id = contact_list_members.contact_id
        WHERE contact_list_members.client_id = $1 AND list_id = $4 AND contact_id < $2 ORDER BY contact_id DESC LIMIT $3");
    CHANGE = "UPDATE contacts SET body = $4, external_index = $5, updated_ms = $6, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM contacts WHERE client_id = $1 AND id = $2";
    DROP_PHONES = "DELETE FROM contact_phones WHERE client_id = $1 AND contact_id = $2";
    REMOVE = "DELETE FROM contacts WHERE client_id = $1 AND id = $2";
    NOBODYS_CALLS = "UPDATE calls SET contact_id = NULL, revision = revision + 1 WHERE client_id = $1 AND contact_id = $2";
}

/// Ids sort by time; this is above all of them.
const NEWEST: &str = "\u{7f}";

const ADDS: &[(usize, &str)] = &[(64, ADD_64), (8, ADD_8), (1, ADD)];
const PHONES: &[(usize, &str)] = &[(64, PHONES_64), (8, PHONES_8), (1, PHONE)];
const MEMBERS: &[(usize, &str)] = &[(64, MEMBERS_64), (8, MEMBERS_8), (1, MEMBER)];

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// `con_…`.
    pub id: String,
    /// Everything of it, sealed under its own key.
    pub body: Sealed,
    /// The keyed hash of what its client's books call it.
    pub external_index: Option<[u8; 32]>,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

/// What a contact is to be.
#[derive(Clone, Debug)]
pub struct ContactRow {
    /// `con_…`.
    pub id: String,
    /// Everything of it, sealed under its own key.
    pub body: Sealed,
    /// The keyed hash of what its client's books call it.
    pub external_index: Option<[u8; 32]>,
    /// Keyed hashes of its numbers.
    pub numbers: Vec<[u8; 32]>,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

/// Keyed hashes and whose they are.
pub type Owners = Vec<([u8; 32], String)>;

pub(super) fn read(mut row: Columns) -> Result<Contact, StoreError> {
    Ok(Contact {
        id: row.text()?,
        body: row.sealed()?,
        external_index: row.hash_opt()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The table of contacts.
pub struct Contacts<'a>(pub(super) &'a Store);

impl Contacts<'_> {
    /// Adds one, and puts it on these lists. [`StoreError::Conflict`] if one of its numbers or its external id is another's.
    pub async fn add(
        &self,
        client: &ClientId,
        new: &ContactRow,
        lists: &[String],
    ) -> Result<(), StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        add_all(&mut tx, client, std::slice::from_ref(new)).await?;
        for list in lists {
            add_members(&mut tx, client, list, std::slice::from_ref(&new.id)).await?;
        }
        tx.commit().await
    }

    /// One contact.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Contact>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// Some contacts, in no order.
    pub async fn find_all(
        &self,
        client: &ClientId,
        ids: &[String],
    ) -> Result<Vec<Contact>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(ASKED_MAX) {
            let asked = asked(client, some.iter().map(Arg::from));
            found.extend(self.0.all(OF_IDS, asked, read).await?);
        }
        Ok(found)
    }

    /// Whose these numbers are, by their keyed hashes.
    pub async fn of_numbers(
        &self,
        client: &ClientId,
        numbers: &[[u8; 32]],
    ) -> Result<Owners, StoreError> {
        self.owners(client, OF_NUMBERS, numbers).await
    }

    /// Who these external ids are, by their keyed hashes.
    pub async fn of_externals(
        &self,
        client: &ClientId,
        externals: &[[u8; 32]],
    ) -> Result<Owners, StoreError> {
        self.owners(client, OF_EXTERNALS, externals).await
    }

    async fn owners(
        &self,
        client: &ClientId,
        sql: &'static str,
        hashes: &[[u8; 32]],
    ) -> Result<Owners, StoreError> {
        let mut found = Vec::new();
        let read = |mut row: Columns| Ok((row.hash()?, row.text()?));
        for some in hashes.chunks(ASKED_MAX) {
            let asked = asked(client, some.iter().map(Arg::from));
            found.extend(self.0.all(sql, asked, read).await?);
        }
        Ok(found)
    }

    /// Contacts, the newest first, behind the one with the id `after`; of one list if it is named. And whether there are more.
    pub async fn list(
        &self,
        client: &ClientId,
        list: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Contact>, bool), StoreError> {
        let mut args = args![client, after.unwrap_or(NEWEST), rows_asked(limit)];
        let sql = match list {
            None => LIST,
            Some(list) => {
                args.push(list.into());
                LIST_OF
            }
        };
        let mut rows = self.0.all(sql, args, read).await?;
        let more = cut(&mut rows, limit);
        Ok((rows, more))
    }

    /// Makes it something else: its new revision. [`StoreError::Conflict`] as for [`Contacts::add`].
    pub async fn change(
        &self,
        client: &ClientId,
        revision: i64,
        to: &ContactRow,
    ) -> Result<i64, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let revision = change(&mut tx, client, revision, to).await?;
        tx.commit().await?;
        Ok(revision)
    }

    /// Removes it from everywhere. Whether it was there.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.run(NOBODYS_CALLS, args![client, id]).await?;
        let removed = tx.run(REMOVE, args![client, id]).await? > 0;
        tx.commit().await?;
        Ok(removed)
    }
}

/// The values of a question about up to [`ASKED_MAX`] things: what is too few is filled up with the first.
fn asked(client: &ClientId, things: impl Iterator<Item = Arg>) -> Vec<Arg> {
    let mut args: Vec<Arg> = things.collect();
    let first = args.first().cloned();
    args.resize(ASKED_MAX, first.unwrap_or(Arg::Text(None)));
    args.push(client.into());
    args
}

pub(super) async fn add_all(
    tx: &mut Tx,
    client: &ClientId,
    new: &[ContactRow],
) -> Result<(), StoreError> {
    let rows = new.iter().map(|new| {
        let external = new.external_index.as_ref();
        args![
            client, &new.id, &new.body, external, new.now_ms, new.now_ms, 1_i64
        ]
    });
    several::write(tx, ADDS, rows.collect()).await?;
    add_phones(tx, client, new).await
}

async fn add_phones(tx: &mut Tx, client: &ClientId, of: &[ContactRow]) -> Result<(), StoreError> {
    let phones = of.iter().flat_map(|new| {
        let numbers = new.numbers.iter();
        numbers.map(|number| args![client, number, &new.id])
    });
    several::write(tx, PHONES, phones.collect()).await?;
    Ok(())
}

/// Puts contacts on a list, those that are not there yet. How many.
pub(super) async fn add_members(
    tx: &mut Tx,
    client: &ClientId,
    list: &str,
    contacts: &[String],
) -> Result<u64, StoreError> {
    let rows = contacts.iter().map(|id| args![client, list, id]);
    several::write(tx, MEMBERS, rows.collect()).await
}

pub(super) async fn change(
    tx: &mut Tx,
    client: &ClientId,
    revision: i64,
    to: &ContactRow,
) -> Result<i64, StoreError> {
    let external = to.external_index.as_ref();
    let update = args![client, &to.id, revision, &to.body, external, to.now_ms];
    let Some(mut row) = tx.one(CHANGE, update).await? else {
        return Err(match tx.one(REVISION, args![client, &to.id]).await? {
            Some(mut row) => StoreError::Stale {
                revision: row.int()?,
            },
            None => StoreError::Missing { what: "contact" },
        });
    };
    let revision = row.int()?;
    tx.run(DROP_PHONES, args![client, &to.id]).await?;
    add_phones(tx, client, std::slice::from_ref(to)).await?;
    Ok(revision)
}
