//! Complaints about calls. Each suppresses its number, and counts against the client.

use trunkline_core::event::EventKind;

use super::outbox::{Told, data, tell};
use super::page::rows_asked;
use super::sql::{Columns, args, statements, words};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "id, number_index, subject_id, source, state, about_ms, body, suppression_id, created_ms, updated_ms, revision"
    };
}

statements! {
    ADD = "INSERT INTO complaints (client_id, id, number_index, subject_id, source, state, about_ms, body, suppression_id,
            created_ms, updated_ms, revision)
        VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $9, 1)
        ON CONFLICT (client_id, id) DO NOTHING";
    FIND = concat!("SELECT ", columns!(), " FROM complaints WHERE client_id = $1 AND id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM complaints WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4");
    CHANGE = "UPDATE complaints SET state = $4, updated_ms = $5, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    REVISION = "SELECT revision FROM complaints WHERE client_id = $1 AND id = $2";
}

words! {
    /// What became of a complaint.
    ComplaintState {
        /// Nobody has looked at it yet, or not to the end.
        Open = "open",
        /// It was right.
        Upheld = "upheld",
        /// It was not.
        Dismissed = "dismissed",
    }
}

words! {
    /// How a complaint came in.
    ComplaintSource {
        /// The person told the client.
        Person = "person",
        /// An authority sent it.
        Authority = "authority",
        /// A carrier sent it.
        Carrier = "carrier",
        /// Whoever runs the server got it.
        Operator = "operator",
        /// Another way.
        Other = "other",
    }
}

/// A complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// `cmp_…`.
    pub id: String,
    /// The keyed hash by which calls with the number are found.
    pub number_index: [u8; 32],
    /// Whose number it is, as the vault knows them.
    pub subject_id: String,
    /// How it came in.
    pub source: ComplaintSource,
    /// What became of it.
    pub state: ComplaintState,
    /// When the call was that it is about, ms since 1970.
    pub about_ms: i64,
    /// Number and text, sealed under the subject's key.
    pub body: Sealed,
    /// The suppression of the number, `sup_…`.
    pub suppression_id: String,
    /// When it came in, ms since 1970.
    pub created_ms: i64,
    /// When its state last changed, ms since 1970.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
}

/// A complaint that comes in.
#[derive(Clone, Debug)]
pub struct NewComplaint {
    /// `cmp_…`.
    pub id: String,
    /// The keyed hash by which calls with the number are found.
    pub number_index: [u8; 32],
    /// Whose number it is, as the vault knows them.
    pub subject_id: String,
    /// How it came in.
    pub source: ComplaintSource,
    /// When the call was that it is about, ms since 1970.
    pub about_ms: i64,
    /// Number and text, sealed under the subject's key.
    pub body: Sealed,
    /// The suppression of the number, `sup_…`.
    pub suppression_id: String,
    /// Now, ms since 1970.
    pub created_ms: i64,
}

fn read(mut row: Columns) -> Result<Complaint, StoreError> {
    Ok(Complaint {
        id: row.text()?,
        number_index: row.hash()?,
        subject_id: row.text()?,
        source: row.word("a source of a complaint", ComplaintSource::parse)?,
        state: row.word("a state of a complaint", ComplaintState::parse)?,
        about_ms: row.int()?,
        body: row.sealed()?,
        suppression_id: row.text()?,
        created_ms: row.int()?,
        updated_ms: row.int()?,
        revision: row.int()?,
    })
}

/// The table of complaints.
pub struct Complaints<'a>(pub(super) &'a Store);

impl Complaints<'_> {
    /// Adds one: on the disk when this returns. One of that id stays as it is.
    pub async fn add(&self, client: &ClientId, new: &NewComplaint) -> Result<(), StoreError> {
        let args = args![
            client,
            &new.id,
            &new.number_index,
            &new.subject_id,
            new.source,
            new.about_ms,
            &new.body,
            &new.suppression_id,
            new.created_ms,
        ];
        let mut tx = self.0.begin(Durability::Now).await?;
        if tx.run(ADD, args).await? > 0 {
            let data = data! {
                "source": new.source.as_str(), "suppression_id": new.suppression_id.as_str(),
            };
            let told = Told::once(EventKind::ComplaintCreated, &new.id, data);
            tell(&mut tx, client.as_str(), told).await?;
        }
        tx.commit().await
    }

    /// One complaint.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Complaint>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// Complaints, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Complaint>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![client, created_ms, id, rows_asked(limit)];
        let rows = self.0.all(LIST, args, read).await?;
        Ok(Page::of(rows, limit, |row| Cursor {
            created_ms: row.created_ms,
            id: row.id.clone(),
        }))
    }

    /// What became of it, at `revision`. The new revision.
    pub async fn set_state(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        state: ComplaintState,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let update = args![client, id, revision, state, now_ms];
        self.0
            .change("complaint", (CHANGE, update), (REVISION, args![client, id]))
            .await
    }
}
