//! Calls, from the moment somebody wants one to what is known of it years later.

pub mod greeted;
pub(super) mod life;
pub mod list;
pub(super) mod telling;

use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline_core::amd::Verdict;
use trunkline_core::consent::{Method, Mode};
use trunkline_core::event::EventKind;
use trunkline_core::token::Direction;

use super::sql::{Arg, Columns, Tx, args, statements, words};
use super::{Cursor, Durability, Page, Sealed, SealedNumber, Store, StoreError};
use crate::ids::ClientId;
pub use life::{CallEnd, CarrierEnd, TakenCall};
pub(in crate::store) use life::{never_answered, placed};
pub use list::CallFilter;
pub(in crate::store) use telling::{complete, told};

/// The columns of a call, in the order in which it is read.
macro_rules! columns {
    () => {
        "id, agent_id, agent_version, direction, status, outcome, ended_by, ended_reason, created_ms, answered_ms, \
         ended_ms, duration_ms, from_number, from_index, to_number, to_index, subject_id, consent_mode, consent_state, \
         consent_method, rules, recorded_ms, has_recording, sealed_key, carrier, carrier_call_id, metadata, revision, \
         answered_by, answered_by_evidence, answered_by_after_ms, contact_id"
    };
}
use columns;

statements! {
    ADD = "INSERT INTO calls (client_id, id, agent_id, agent_version, direction, status, created_ms, from_number,
            from_index, to_number, to_index, subject_id, consent_mode, consent_state, rules, recorded_ms, has_recording,
            sealed_key, carrier, carrier_call_id, metadata, revision, rows_done)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'undecided', $14, 0, 0, $15, $16, $17, $18,
            1, 0)";
    FIND = concat!("SELECT ", columns!(), " FROM calls WHERE client_id = $1 AND id = $2");
    RECORDED = "UPDATE calls SET recorded_ms = $3, has_recording = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2";
    METADATA = "UPDATE calls SET metadata = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND revision = $3 RETURNING revision";
    ANSWERED_BY = "UPDATE calls SET answered_by = $3, answered_by_evidence = $4, answered_by_after_ms = $5,
            revision = revision + 1
        WHERE client_id = $1 AND id = $2";
    OF_CONTACT = "UPDATE calls SET contact_id = $3, revision = revision + 1 WHERE client_id = $1 AND id = $2";
    ATTEMPT_ANSWERED_BY = "UPDATE attempts SET answered_by = $3 WHERE client_id = $1 AND call_id = $2";
    REVISION = "SELECT revision FROM calls WHERE client_id = $1 AND id = $2";
}

words! {
    /// Where a call is.
    CallStatus {
        /// Wanted, and not dialled yet.
        Queued = "queued",
        /// Dialled, and not answered yet.
        Ringing = "ringing",
        /// Going on.
        InProgress = "in_progress",
        /// Over.
        Ended = "ended",
    }
}

words! {
    /// What the person on the line has agreed to.
    ConsentState {
        /// Nothing is decided yet, and nothing of them is stored.
        Undecided = "undecided",
        /// What they say is stored.
        Granted = "granted",
        /// Nothing of them is stored.
        Refused = "refused",
        /// Nothing more of them is stored.
        Withdrawn = "withdrawn",
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `call_…`.
    pub id: String,
    /// Who speaks: an agent's id, or its name where it comes from a file of the operator's.
    pub agent_id: String,
    /// Its version; 0 for one from a file.
    pub agent_version: u32,
    /// Who called whom.
    pub direction: Direction,
    /// Where it is.
    pub status: CallStatus,
    /// What came of it, in stable snake_case.
    pub outcome: Option<String>,
    /// Which side ended it, in stable snake_case.
    pub ended_by: Option<String>,
    /// Why it ended, in stable snake_case.
    pub ended_reason: Option<String>,
    /// When it was wanted or came in, ms since 1970.
    pub created_ms: i64,
    /// When it was answered, ms since 1970.
    pub answered_ms: Option<i64>,
    /// When it ended, ms since 1970.
    pub ended_ms: Option<i64>,
    /// How long it lasted from the answer on, ms.
    pub duration_ms: Option<u64>,
    /// The number that called.
    pub from: Option<SealedNumber>,
    /// The number that was called.
    pub to: Option<SealedNumber>,
    /// The person on the line, as the vault knows them.
    pub subject_id: Option<String>,
    /// The rule that holds for it.
    pub consent_mode: Option<Mode>,
    /// What they have agreed to.
    pub consent_state: ConsentState,
    /// How.
    pub consent_method: Option<Method>,
    /// Id and checksum of the rule pack.
    pub rules: Option<String>,
    /// How much of the caller is stored, ms.
    pub recorded_ms: u64,
    /// Whether there is a recording.
    pub has_recording: bool,
    /// The call's key, wrapped under the subject's.
    pub sealed_key: Option<Sealed>,
    /// Which carrier.
    pub carrier: Option<String>,
    /// Its id of the call.
    pub carrier_call_id: Option<String>,
    /// What the client wants to find again, sealed.
    pub metadata: Option<Sealed>,
    /// Grows with every change.
    pub revision: i64,
    /// Who answered: `human`, `machine`, `ivr`, `fax` or `unknown`.
    pub answered_by: Option<String>,
    /// By what that is known, in stable snake_case.
    pub answered_by_evidence: Option<String>,
    /// How long after the answer it was, ms.
    pub answered_by_after_ms: Option<u64>,
    /// The contact that called, as it was known then.
    pub contact_id: Option<String>,
}

/// A call to be added.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// `call_…`.
    pub id: String,
    /// Who speaks.
    pub agent_id: String,
    /// Its version; 0 for one from a file.
    pub agent_version: u32,
    /// Who called whom.
    pub direction: Direction,
    /// Where it is.
    pub status: CallStatus,
    /// Now, ms since 1970.
    pub created_ms: i64,
    /// The number that called.
    pub from: Option<SealedNumber>,
    /// The number that was called.
    pub to: Option<SealedNumber>,
    /// The person on the line, as the vault knows them.
    pub subject_id: Option<String>,
    /// The rule that holds for it.
    pub consent_mode: Option<Mode>,
    /// Id and checksum of the rule pack.
    pub rules: Option<String>,
    /// The call's key, wrapped under the subject's.
    pub sealed_key: Option<Sealed>,
    /// Which carrier.
    pub carrier: Option<String>,
    /// Its id of the call.
    pub carrier_call_id: Option<String>,
    /// What the client wants to find again, sealed.
    pub metadata: Option<Sealed>,
}

pub(super) fn read(mut row: Columns) -> Result<Call, StoreError> {
    Ok(Call {
        id: row.text()?,
        agent_id: row.text()?,
        agent_version: row.version()?,
        direction: row.word("a direction", parse_direction)?,
        status: row.word("a status", CallStatus::parse)?,
        outcome: row.text_opt()?,
        ended_by: row.text_opt()?,
        ended_reason: row.text_opt()?,
        created_ms: row.int()?,
        answered_ms: row.int_opt()?,
        ended_ms: row.int_opt()?,
        duration_ms: row.int_opt()?.and_then(|ms| u64::try_from(ms).ok()),
        from: number(row.sealed_opt()?, row.hash_opt()?),
        to: number(row.sealed_opt()?, row.hash_opt()?),
        subject_id: row.text_opt()?,
        consent_mode: row.word_opt("a mode of consent", parse_word)?,
        consent_state: row.word("a state of consent", ConsentState::parse)?,
        consent_method: row.word_opt("a method of consent", parse_word)?,
        rules: row.text_opt()?,
        recorded_ms: row.count()?,
        has_recording: row.flag()?,
        sealed_key: row.sealed_opt()?,
        carrier: row.text_opt()?,
        carrier_call_id: row.text_opt()?,
        metadata: row.sealed_opt()?,
        revision: row.int()?,
        answered_by: row.text_opt()?,
        answered_by_evidence: row.text_opt()?,
        answered_by_after_ms: row.int_opt()?.and_then(|ms| u64::try_from(ms).ok()),
        contact_id: row.text_opt()?,
    })
}

fn number(sealed: Option<Sealed>, index: Option<[u8; 32]>) -> Option<SealedNumber> {
    Some(SealedNumber {
        sealed: sealed?,
        index: index?,
    })
}

/// The word that serde gives to a variant without fields.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

/// Reads what [`word`] wrote.
pub(super) fn parse_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

/// `inbound` or `outbound`.
#[must_use]
pub fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

/// Reads what [`direction_word`] wrote.
#[must_use]
pub fn parse_direction(word: &str) -> Option<Direction> {
    match word {
        "inbound" => Some(Direction::Inbound),
        "outbound" => Some(Direction::Outbound),
        _ => None,
    }
}

/// The values of [`ADD`].
fn added(client: &ClientId, new: &NewCall) -> Vec<Arg> {
    let mode = new.consent_mode.map(|mode| word(&mode));
    let number = |number: &Option<SealedNumber>| -> (Arg, Arg) {
        let number = number.as_ref();
        (
            number.map(|n| &n.sealed).into(),
            number.map(|n| &n.index).into(),
        )
    };
    let ((from, from_index), (to, to_index)) = (number(&new.from), number(&new.to));
    args![
        client,
        &new.id,
        &new.agent_id,
        new.agent_version,
        direction_word(new.direction),
        new.status,
        new.created_ms,
        from,
        from_index,
        to,
        to_index,
        &new.subject_id,
        &mode,
        &new.rules,
        new.sealed_key.as_ref(),
        &new.carrier,
        &new.carrier_call_id,
        new.metadata.as_ref(),
    ]
}

/// Adds a call in a transaction that does more.
pub(super) async fn add(tx: &mut Tx, client: &ClientId, new: &NewCall) -> Result<(), StoreError> {
    tx.run(ADD, added(client, new)).await?;
    let kind = match new.status {
        CallStatus::Queued => EventKind::CallQueued,
        CallStatus::Ringing => EventKind::CallRinging,
        CallStatus::InProgress => EventKind::CallAnswered,
        CallStatus::Ended => EventKind::CallEnded,
    };
    told(tx, client.as_str(), &new.id, kind).await
}

/// The table of calls.
pub struct Calls<'a>(pub(super) &'a Store);

impl Calls<'_> {
    /// Adds a call. Its revision is 1. [`StoreError::Conflict`] if there is one of that id.
    pub async fn add(&self, client: &ClientId, new: &NewCall) -> Result<(), StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        add(&mut tx, client, new).await?;
        tx.commit().await
    }

    /// One call.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Call>, StoreError> {
        self.0
            .one(FIND, args![client, id])
            .await?
            .map(read)
            .transpose()
    }

    /// Calls that `filter` lets through, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        filter: &CallFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Call>, StoreError> {
        list::page(self.0, client, filter, after, limit).await
    }

    /// How much of the caller is stored, ms, and whether there is a recording to be had.
    pub async fn recorded(
        &self,
        client: &ClientId,
        id: &str,
        recorded_ms: u64,
        has_recording: bool,
    ) -> Result<bool, StoreError> {
        Ok(self
            .0
            .run(RECORDED, args![client, id, recorded_ms, has_recording])
            .await?
            > 0)
    }

    /// It is known who answered a call that was placed; later evidence may change it.
    pub async fn answered_by(
        &self,
        client: &ClientId,
        id: &str,
        verdict: &Verdict,
    ) -> Result<(), StoreError> {
        let (by, evidence) = (verdict.by.code(), verdict.evidence.code());
        let mut tx = self.0.begin(Durability::Soon).await?;
        let args = args![client, id, by, evidence, verdict.after_ms];
        tx.run(ANSWERED_BY, args).await?;
        tx.run(ATTEMPT_ANSWERED_BY, args![client, id, by]).await?;
        tx.commit().await
    }

    /// It is known which contact called.
    pub async fn of_contact(
        &self,
        client: &ClientId,
        id: &str,
        contact_id: &str,
    ) -> Result<(), StoreError> {
        let args = args![client, id, contact_id];
        self.0.run(OF_CONTACT, args).await.map(|_| ())
    }

    /// Replaces the metadata of a call at `revision`. The new revision.
    pub async fn set_metadata(
        &self,
        client: &ClientId,
        id: &str,
        revision: i64,
        metadata: Option<&Sealed>,
    ) -> Result<i64, StoreError> {
        let update = args![client, id, revision, metadata];
        self.0
            .change("call", (METADATA, update), (REVISION, args![client, id]))
            .await
    }
}
