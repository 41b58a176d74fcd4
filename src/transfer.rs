//! Putting callers through to people of the business.
//!
//! A *warm* transfer calls the person by a leg of its own while the conversation goes on. They hear what it is about in the
//! agent's voice (`briefing`) and press a key; only then both are joined in a room of the carrier's. A *cold* one sends the
//! caller to the number, and their line comes back if nobody answers. Either way the row is written before the carrier is
//! asked, nobody is called twice for it, and a leg that nobody waits for is ended (`running`, [`recovery`]).

mod alone;
mod briefing;
mod legs;
pub mod recovery;
mod running;
mod socket;
mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use trunkline_core::language::Language;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Claims;

use crate::carrier::CarrierStatus;
use crate::desk::{self, Place};
use crate::ids::{self, ClientId};
use crate::line::Line;
use crate::store::Sealed;
use crate::vault::{ClientKeys, Unopened};
pub(crate) use alone::caller_is_gone;
pub(crate) use briefing::Briefing;
pub(crate) use running::{Caller, Tries, told_of};
pub(crate) use socket::come;
pub use webhook::routes;

/// What ids of transfers begin with.
const PREFIX: &str = "tran";
/// What a transfer may be told that it has not looked at yet.
const TOLD_MAX: usize = 16;

/// What becomes known of a transfer.
pub(crate) enum Told {
    /// The carrier's id of the call to the person.
    Known(String),
    /// Somebody has answered it.
    Answered,
    /// It is over.
    Ended(CarrierStatus),
    /// A machine answered it.
    Machine,
    /// The person takes the caller.
    Accepted,
    /// The person does not.
    Declined,
    /// The person pressed no key.
    Silent,
    /// The person could be told nothing.
    Unspoken,
    /// How it went that the caller was sent to the number; `None` if the carrier did not say.
    Sent(Option<CarrierStatus>),
    /// The caller is back.
    Back(Box<Line>),
}

/// A transfer that goes on, from outside.
struct Entry {
    client: ClientId,
    told: mpsc::Sender<Told>,
    /// What the person is to hear; the caller's line comes back if there is nothing.
    briefing: Option<Arc<Briefing>>,
}

type Table = Arc<Mutex<BTreeMap<String, Entry>>>;

/// The transfers that go on. Cheap to clone.
#[derive(Clone, Default)]
pub struct Transfers {
    table: Table,
    running: TaskTracker,
}

/// The ear of one transfer: as long as it exists, the transfer can be told something.
struct Registered {
    table: Table,
    id: String,
    told: mpsc::Receiver<Told>,
}

impl Registered {
    /// Takes it out of the table: what was told so far is there, and nothing more comes.
    fn leave(&self) {
        lock(&self.table).remove(&self.id);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.leave();
    }
}

fn lock(table: &Table) -> MutexGuard<'_, BTreeMap<String, Entry>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transfers {
    /// How many go on.
    pub fn count(&self) -> usize {
        lock(&self.table).len()
    }

    /// Returns when none goes on any more, and every leg has been seen to.
    pub async fn settled(&self) {
        self.running.close();
        self.running.wait().await;
        self.running.reopen();
    }

    /// Whether a client's transfer goes on: it sees to its legs itself then.
    fn goes_on(&self, client: &ClientId, id: &str) -> bool {
        let table = lock(&self.table);
        table.get(id).is_some_and(|entry| entry.client == *client)
    }

    fn register(&self, client: &ClientId, id: &str, briefing: Option<Arc<Briefing>>) -> Registered {
        let (sender, told) = mpsc::channel(TOLD_MAX);
        let entry = Entry {
            client: client.clone(),
            told: sender,
            briefing,
        };
        lock(&self.table).insert(id.to_owned(), entry);
        Registered {
            table: Arc::clone(&self.table),
            id: id.to_owned(),
            told,
        }
    }

    /// Tells a client's transfer something. Whether it goes on; what is too much is lost.
    fn tell(&self, client: &ClientId, id: &str, told: Told) -> bool {
        let table = lock(&self.table);
        let Some(entry) = table.get(id).filter(|entry| entry.client == *client) else {
            return false;
        };
        entry.told.try_send(told).is_ok()
    }

    /// What a socket is opened for that shows these claims.
    fn expects(&self, claims: &Claims) -> Option<(mpsc::Sender<Told>, Option<Arc<Briefing>>)> {
        let table = lock(&self.table);
        let entry = table.get(&claims.call_id)?;
        let is_theirs = claims.client.as_deref() == Some(entry.client.as_str());
        is_theirs.then(|| (entry.told.clone(), entry.briefing.clone()))
    }
}

/// Whether a media token is for a transfer, and not for a call.
pub(crate) fn is_of_transfer(claims: &Claims) -> bool {
    ids::is_id(PREFIX, &claims.call_id)
}

/// Between which numbers a transfer is tried, and how both sides are spoken to.
#[derive(Clone, Serialize, Deserialize)]
struct Plan {
    from: PhoneNumber,
    to: PhoneNumber,
    /// The tag of a language.
    #[serde(default)]
    language: String,
}

/// What is stored of a plan cannot be read.
#[derive(Debug, thiserror::Error)]
enum Unplanned {
    #[error("the transfer cannot be opened: {0}")]
    Unopened(#[from] Unopened),
    #[error("the transfer holds what this server cannot read")]
    Garbled(#[from] serde_json::Error),
}

impl Plan {
    const COLUMN: &str = "transfers.plan";

    fn language(&self) -> Language {
        Language::of(&self.language).unwrap_or_default()
    }

    fn seal(&self, keys: &ClientKeys, id: &str) -> Result<Sealed, serde_json::Error> {
        let json = serde_json::to_string(self)?;
        Ok(desk::seal(keys, Place::new(Self::COLUMN, id), &json))
    }

    fn open(keys: &ClientKeys, id: &str, sealed: &Sealed) -> Result<Self, Unplanned> {
        let json = desk::open(keys, Place::new(Self::COLUMN, id), sealed)?;
        Ok(serde_json::from_str(&json)?)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(_) => "Known",
            Self::Answered => "Answered",
            Self::Ended(_) => "Ended",
            Self::Machine => "Machine",
            Self::Accepted => "Accepted",
            Self::Declined => "Declined",
            Self::Silent => "Silent",
            Self::Unspoken => "Unspoken",
            Self::Sent(_) => "Sent",
            Self::Back(_) => "Back",
        })
    }
}
