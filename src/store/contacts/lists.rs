//! Lists of contacts, and who is on them. A contact may be on many.

use super::add_members;
use crate::ids::ClientId;
use crate::store::page::rows_asked;
use crate::store::sql::{Columns, args, statements};
use crate::store::{Cursor, Durability, Page, Sealed, Store, StoreError};

statements! {
    COUNT = "SELECT COUNT(*) FROM contact_lists WHERE client_id = $1";
    ADD = "INSERT INTO contact_lists (client_id, id, body, created_ms, updated_ms, revision) VALUES ($1, $2, $3, $4, $4, 1)";
    FIND = "SELECT id, body, created_ms, updated_ms, revision FROM contact_lists WHERE client_id = $1 AND id = $2";
    LIST = "SELECT id, body, created_ms, updated_ms, revision FROM contact_lists
        WHERE client_id = $1 AND (created_ms, id) < ($2, $3) ORDER BY created_ms DESC, id DESC LIMIT $4";
    OF_CONTACT = "SELECT contact_lists.id, body, created_ms, updated_ms, revision FROM contact_list_members
        JOIN contact_lists ON contact_lists.client_id = contact_list_members.client_id AND contact_lists.id = list_id
        WHERE contact_list_members.client_id = $1 AND contact_id = $2 ORDER BY contact_lists.id LIMIT $3";
    CHANGE = "UPDATE contact_lists SET body = $4, updated_ms = $5, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM contact_lists WHERE client_id = $1 AND id = $2";
    REMOVE = "DELETE FROM contact_lists WHERE client_id = $1 AND id = $2";
    MEMBERS = "SELECT COUNT(*) FROM contact_list_members WHERE client_id = $1 AND list_id = $2";
    TAKE_OFF = "DELETE FROM contact_list_members WHERE client_id = $1 AND list_id = $2 AND contact_id = $3";
}

/// A list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactList {
    /// `list_…`.
    pub id: String,
    /// Its name and its declared variables, sealed under the client's key.
    pub body: Sealed,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

fn read(mut row: Columns) -> Result<ContactList, StoreError> {
    Ok(ContactList {
        id: row.text()?,
        body: row.sealed()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The table of lists.
pub struct ContactLists<'a>(pub(in crate::store) &'a Store);

impl ContactLists<'_> {
    /// Adds one. False if there are `most` already.
    pub async fn add(
        &self,
        client: &ClientId,
        (id, body): (&str, &Sealed),
        most: u32,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let count = tx.one(COUNT, args![client]).await?;
        let count = count.map(|mut row| row.int()).transpose()?.unwrap_or(0);
        if count >= i64::from(most) {
            return Ok(false);
        }
        tx.run(ADD, args![client, id, body, now_ms]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// One list.
    pub async fn find(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<Option<ContactList>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// Lists, the newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<ContactList>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |list| Cursor {
            created_ms: list.created_ms,
            id: list.id.clone(),
        }))
    }

    /// The lists that a contact is on, at most `limit`.
    pub async fn of_contact(
        &self,
        client: &ClientId,
        contact: &str,
        limit: u32,
    ) -> Result<Vec<ContactList>, StoreError> {
        self.0
            .all(OF_CONTACT, args![client, contact, limit], read)
            .await
    }

    /// Changes it: its new revision.
    pub async fn change(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        body: &Sealed,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let update = (CHANGE, args![client, id, revision, body, now_ms]);
        let current = (REVISION, args![client, id]);
        self.0.change("contact list", update, current).await
    }

    /// Removes it; its contacts stay. Whether it was there.
    pub async fn remove(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(REMOVE, args![client, id]).await? > 0)
    }

    /// How many are on it.
    pub async fn count(&self, client: &ClientId, id: &str) -> Result<u64, StoreError> {
        let row = self.0.one(MEMBERS, args![client, id]).await?;
        Ok(row.map(|mut row| row.count()).transpose()?.unwrap_or(0))
    }

    /// Puts contacts on it; [`StoreError::Reference`], and none of them, if one is not there. How many were not on it.
    pub async fn put(
        &self,
        client: &ClientId,
        id: &str,
        contacts: &[String],
    ) -> Result<u64, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let added = add_members(&mut tx, client, id, contacts).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Takes a contact off it. Whether it was on it.
    pub async fn take_off(
        &self,
        client: &ClientId,
        id: &str,
        contact: &str,
    ) -> Result<bool, StoreError> {
        Ok(self.0.run(TAKE_OFF, args![client, id, contact]).await? > 0)
    }
}
