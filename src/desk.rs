//! What the server keeps for its clients, and who may touch it: rows, keys, and the calls that are live.

pub mod care;
mod opening;
pub mod opt_outs;
pub mod setup;
mod unended;

pub use opening::OpenError;

use std::sync::{Mutex, PoisonError};

use trunkline_core::phone::PhoneNumber;

use crate::data_folder::DataFolder;
use crate::ids::ClientId;
use crate::journal::Journals;
use crate::live::LiveCalls;
use crate::rules::Rules;
use crate::store::rows::Rows;
use crate::store::{Sealed, SealedNumber, Store, StoreError};
use crate::vault::{ClientKeys, SubjectKeys, Unopened, Vault, VaultError};

/// Everything of clients that outlives a request.
pub struct Desk {
    /// Rows.
    pub store: Store,
    /// Keys.
    pub vault: Vault,
    /// What calls leave behind.
    pub journals: Journals,
    /// The way from journals to rows.
    pub rows: Rows,
    /// The calls that are live.
    pub live: LiveCalls,
    /// The packs of rules by which calls are placed and recorded.
    pub rules: Rules,
    unnamed: Mutex<Unnamed>,
    folder: DataFolder,
}

/// Whose a call is that names no client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unnamed {
    /// Nobody's: there is no client.
    Nobody,
    /// The only client's.
    Of(ClientId),
    /// There are several, so that it cannot be told.
    Unclear,
}

impl Unnamed {
    /// By the clients that are open now.
    async fn of(store: &Store) -> Result<Self, StoreError> {
        let mut open = store.system().open_clients(2).await?.into_iter();
        Ok(match (open.next(), open.next()) {
            (None, _) => Self::Nobody,
            (Some(one), None) => Self::Of(one),
            (Some(_), Some(_)) => Self::Unclear,
        })
    }
}

/// A sealed text and the place it belongs to: it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Table and column, as `agents.name`.
    pub column: &'static str,
    /// The row's id.
    pub id: &'a str,
}

impl<'a> Place<'a> {
    /// A column of a row.
    pub fn new(column: &'static str, id: &'a str) -> Self {
        Self { column, id }
    }

    fn aad(self) -> Vec<u8> {
        format!("{}:{}", self.column, self.id).into_bytes()
    }
}

/// Where an agent's documents are sealed to.
pub fn version_place(version_id: &str) -> Place<'_> {
    Place::new("agent_versions.body", version_id)
}

/// Where an agent's draft is sealed to.
pub fn draft_place(agent_id: &str) -> Place<'_> {
    Place::new("agent_drafts.body", agent_id)
}

/// Where the reason for a version is sealed to.
pub fn note_place(version_id: &str) -> Place<'_> {
    Place::new("agent_versions.note", version_id)
}

/// The id of a version in the vault's eyes.
pub fn version_id(agent_id: &str, version: u32) -> String {
    format!("{agent_id}.{version}")
}

/// The keyed hash under which a client's calls with a number are found.
pub fn call_index(keys: &ClientKeys, number: &PhoneNumber) -> [u8; 32] {
    keys.index("call", number.as_str())
}

/// The keyed hash of a number that a client must not call.
pub fn suppression_index(keys: &ClientKeys, number: &PhoneNumber) -> [u8; 32] {
    keys.index("suppression", number.as_str())
}

/// The keyed hash of a number whose calls a client does not want.
pub fn blocked_index(keys: &ClientKeys, number: &PhoneNumber) -> [u8; 32] {
    keys.index("blocked caller", number.as_str())
}

/// The keyed hash of a number under which it is known what was agreed to.
pub fn consent_index(keys: &ClientKeys, number: &PhoneNumber) -> [u8; 32] {
    keys.index("call_consent", number.as_str())
}

/// Which of a call's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that called.
    From,
    /// The one that was called.
    To,
}

impl Side {
    fn place(self, call_id: &str) -> Place<'_> {
        let column = match self {
            Self::From => "calls.from_number",
            Self::To => "calls.to_number",
        };
        Place::new(column, call_id)
    }
}

/// A number of a call's as rows hold it: unreadable once the person on the line is forgotten.
pub fn seal_call_number(
    keys: &ClientKeys,
    subject: &SubjectKeys,
    call_id: &str,
    side: Side,
    number: &PhoneNumber,
) -> SealedNumber {
    let aad = side.place(call_id).aad();
    SealedNumber {
        sealed: Sealed(subject.seal(&aad, number.as_str().as_bytes())),
        index: call_index(keys, number),
    }
}

/// Opens what [`seal_call_number`] sealed.
pub fn open_call_number(
    subject: &SubjectKeys,
    call_id: &str,
    side: Side,
    number: &SealedNumber,
) -> Result<String, Unopened> {
    let bytes = subject.open(&side.place(call_id).aad(), &number.sealed.0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Seals a text.
pub fn seal(keys: &ClientKeys, place: Place<'_>, text: &str) -> Sealed {
    Sealed(keys.seal(&place.aad(), text.as_bytes()))
}

/// Opens what [`seal`] sealed for the same place.
pub fn open(keys: &ClientKeys, place: Place<'_>, sealed: &Sealed) -> Result<String, Unopened> {
    let bytes = keys.open(&place.aad(), &sealed.0)?;
    // What was sealed was text; anything else was not sealed here.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Seals a text that is about a person: unreadable once they are forgotten.
pub fn seal_for(subject: &SubjectKeys, place: Place<'_>, text: &str) -> Sealed {
    Sealed(subject.seal(&place.aad(), text.as_bytes()))
}

/// Opens what [`seal_for`] sealed for the same place.
pub fn open_for(
    subject: &SubjectKeys,
    place: Place<'_>,
    sealed: &Sealed,
) -> Result<String, Unopened> {
    let bytes = subject.open(&place.aad(), &sealed.0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Desk {
    /// Whose a call is that names no client; a client that was added beside the server counts within a minute.
    pub fn unnamed(&self) -> Unnamed {
        let unnamed = self.unnamed.lock();
        unnamed.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has clients counted that were added or closed beside the server.
    async fn look_who_is_there(&self) -> Result<(), StoreError> {
        let now = Unnamed::of(&self.store).await?;
        *self.unnamed.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// The keys of a client.
    pub async fn keys(&self, client: &ClientId) -> Result<ClientKeys, VaultError> {
        self.vault.client(client).await
    }

    /// The platform's keyed hash of a number that one of its clients owns.
    pub fn own_number_index(&self, number: &PhoneNumber) -> [u8; 32] {
        self.vault.platform_index("number", number.as_str())
    }

    /// The platform's keyed hash of a number that nobody may call.
    pub fn platform_suppression_index(&self, number: &PhoneNumber) -> [u8; 32] {
        self.vault.platform_index("suppression", number.as_str())
    }
}
