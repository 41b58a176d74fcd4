//! Contacts: sealed, found without being known, and opened.
//!
//! A contact is a person to the vault, with a key of its own: whoever removes a contact makes it unreadable in every copy,
//! and calls with its numbers, which have keys by number, stay. To forget a person is both: the subjects of all numbers of
//! the contact, and then the contact, which is what names them. From a number alone the contact is found by its keyed hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkline_core::contact::{Contact, Schema, Type};
use trunkline_core::phone::PhoneNumber;

use crate::desk::{self, Place};
use crate::store::contacts::lists::ContactList;
use crate::store::contacts::{Contact as Row, ContactRow};
use crate::store::{Sealed, StoreError};
use crate::vault::{ClientKeys, SubjectKeys, Unopened, VaultError};

/// Most lists of a client.
pub const LISTS_MAX: u32 = 1_000;
/// Most lists of a contact whose variables are checked.
pub const LISTS_OF_ONE_MAX: u32 = 100;

/// A contact could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Its seal, or what is in it.
    #[error("what is stored of a contact cannot be read")]
    Unreadable,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unopened> for NotOpened {
    fn from(_: Unopened) -> Self {
        Self::Unreadable
    }
}

/// The keyed hash under which a client's contact with a number is found.
pub fn number_index(keys: &ClientKeys, number: &PhoneNumber) -> [u8; 32] {
    keys.index("contact number", number.as_str())
}

/// The keyed hash under which a client's contact is found by what its own books call it.
pub fn external_index(keys: &ClientKeys, external_id: &str) -> [u8; 32] {
    keys.index("contact external id", external_id)
}

fn place(id: &str) -> Place<'_> {
    Place::new("contacts.body", id)
}

fn list_place(id: &str) -> Place<'_> {
    Place::new("contact_lists.body", id)
}

/// What is sealed of a list.
#[derive(Serialize, Deserialize)]
struct ListBody {
    name: String,
    variables: BTreeMap<String, Type>,
}

/// A list's name and what it declares, sealed for its row.
pub fn seal_list(keys: &ClientKeys, id: &str, name: &str, schema: &Schema) -> Sealed {
    let body = ListBody {
        name: name.to_owned(),
        variables: schema.types().clone(),
    };
    // Texts by name: there is nothing in it that cannot be written.
    let body = serde_json::to_string(&body).unwrap_or_default();
    desk::seal(keys, list_place(id), &body)
}

/// A list's name and what it declares.
pub fn open_list(keys: &ClientKeys, row: &ContactList) -> Result<(String, Schema), NotOpened> {
    let text = desk::open(keys, list_place(&row.id), &row.body)?;
    let body: ListBody = serde_json::from_str(&text).map_err(|_| NotOpened::Unreadable)?;
    let schema = Schema::of(body.variables).map_err(|_| NotOpened::Unreadable)?;
    Ok((body.name, schema))
}

/// What a list declares.
pub fn list_schema(keys: &ClientKeys, row: &ContactList) -> Result<Schema, NotOpened> {
    open_list(keys, row).map(|(_, schema)| schema)
}

/// A contact as its row holds it; `subject` is the contact's own.
pub fn seal(
    keys: &ClientKeys,
    subject: &SubjectKeys,
    id: &str,
    contact: &Contact,
    now_ms: i64,
) -> ContactRow {
    // A contact is texts, numbers and lists: there is nothing in it that cannot be written.
    let body = serde_json::to_string(contact).unwrap_or_default();
    let numbers = contact.phones.iter();
    let external = contact.external_id.as_deref();
    ContactRow {
        id: id.to_owned(),
        body: desk::seal_for(subject, place(id), &body),
        external_index: external.map(|text| external_index(keys, text)),
        numbers: numbers
            .map(|phone| number_index(keys, &phone.number))
            .collect(),
        now_ms,
    }
}

/// The keys of a contact that is to be made.
pub async fn new_subject(keys: &ClientKeys, id: &str) -> Result<SubjectKeys, VaultError> {
    let made = keys.new_subjects(vec![keys.contact_id(id)]).await?;
    made.into_iter().next().ok_or(VaultError::Forgotten)
}

/// Opens contacts, in their order, each with its keys. Who was forgotten is left out.
pub async fn open_all(
    keys: &ClientKeys,
    rows: Vec<Row>,
) -> Result<Vec<(Row, Contact, SubjectKeys)>, NotOpened> {
    let ids: Vec<_> = rows.iter().map(|row| keys.contact_id(&row.id)).collect();
    let subjects = keys.subjects_by_ids(&ids).await?;
    let there = rows.into_iter().zip(subjects);
    let there = there.filter_map(|(row, subject)| Some((row, subject?)));
    let open = |(row, subject): (Row, SubjectKeys)| {
        let text = desk::open_for(&subject, place(&row.id), &row.body)?;
        let contact = serde_json::from_str(&text).map_err(|_| NotOpened::Unreadable)?;
        Ok((row, contact, subject))
    };
    there.map(open).collect()
}
