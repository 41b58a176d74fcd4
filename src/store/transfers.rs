//! Callers who were to be put through to a person. The row is on the disk before the carrier hears of it, so that nobody who
//! may have been called is unknown here, and nobody is called twice for it.

use super::sql::{Columns, args, statements, words};
use super::{Durability, Sealed, Store, StoreError};
use super::{suppressions, suspensions};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "client_id, id, call_id, carrier_id, kind, plan, caller_leg, person_leg, outcome, asked_ms, ended_ms, is_open"
    };
}

statements! {
    ADD = "INSERT INTO transfers (client_id, id, call_id, carrier_id, kind, plan, caller_leg, asked_ms, is_open)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)";
    OF_CALL = concat!("SELECT ", columns!(), " FROM transfers WHERE client_id = $1 AND call_id = $2 ORDER BY id");
    OF_CARRIER = "SELECT id FROM transfers WHERE client_id = $1 AND person_leg = $2";
    PLACED = "UPDATE transfers SET person_leg = $3 WHERE client_id = $1 AND id = $2 AND person_leg IS NULL";
    BECAME = "UPDATE transfers SET outcome = $3, ended_ms = $4 WHERE client_id = $1 AND id = $2";
    ENDED = "UPDATE transfers SET outcome = $3, ended_ms = $4, is_open = 0 WHERE client_id = $1 AND id = $2";
    NAMED = concat!("SELECT ", columns!(), " FROM transfers WHERE id = $1");
    OPEN = concat!("SELECT ", columns!(), " FROM transfers WHERE is_open = 1 AND id > $1 ORDER BY id LIMIT $2");
}

words! {
    /// How the caller was to get to the person.
    Kind {
        /// They were sent to them.
        Cold = "cold",
        /// The person was called first.
        Warm = "warm",
    }
}

/// A caller who was to be put through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// `tran_…`.
    pub id: String,
    /// `call_…`.
    pub call_id: String,
    /// The account with the carrier.
    pub carrier_id: String,
    /// How.
    pub kind: Kind,
    /// From and to which number, sealed.
    pub plan: Sealed,
    /// The carrier's id of the caller's call.
    pub caller_leg: String,
    /// The carrier's id of the call to the person.
    pub person_leg: Option<String>,
    /// What became of it, in stable snake_case.
    pub outcome: Option<String>,
    /// When the carrier was asked, ms since 1970.
    pub asked_ms: i64,
    /// When it was over, ms since 1970.
    pub ended_ms: Option<i64>,
    /// It is not known how it ended, or whether somebody is left on a line.
    pub is_open: bool,
}

/// One to be tried.
#[derive(Clone, Debug)]
pub struct NewTransfer {
    /// `tran_…`.
    pub id: String,
    /// `call_…`.
    pub call_id: String,
    /// The agent that has them put through.
    pub agent_id: String,
    /// The account with the carrier.
    pub carrier_id: String,
    /// How.
    pub kind: Kind,
    /// From and to which number, sealed.
    pub plan: Sealed,
    /// The carrier's id of the caller's call.
    pub caller_leg: String,
    /// The client's keyed hash of the number, for suppressions.
    pub suppression: [u8; 32],
    /// The platform's.
    pub platform_suppression: [u8; 32],
    /// Now, ms since 1970.
    pub asked_ms: i64,
}

fn read(mut row: Columns) -> Result<(ClientId, Transfer), StoreError> {
    let client = row.client()?;
    let transfer = Transfer {
        id: row.text()?,
        call_id: row.text()?,
        carrier_id: row.text()?,
        kind: row.word("a kind of transfer", Kind::parse)?,
        plan: row.sealed()?,
        caller_leg: row.text()?,
        person_leg: row.text_opt()?,
        outcome: row.text_opt()?,
        asked_ms: row.int()?,
        ended_ms: row.int_opt()?,
        is_open: row.int()? != 0,
    };
    Ok((client, transfer))
}

/// The table of transfers.
pub struct Transfers<'a>(pub(super) &'a Store);

impl Transfers<'_> {
    /// Writes one down, unless the number is suppressed by now, or the client or agent was stopped: on the disk when this returns. Whether it was written.
    pub async fn begin(&self, client: &ClientId, new: &NewTransfer) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.alone(&suspensions::alone_of(client)).await?;
        if suspensions::forbids(&mut tx, client, &new.agent_id).await? {
            return Ok(false);
        }
        let (own, platform) = (&new.suppression, &new.platform_suppression);
        suppressions::alone(&mut tx, own, platform).await?;
        if suppressions::forbids(&mut tx, client, own, platform).await? {
            return Ok(false);
        }
        let args = args![
            client,
            &new.id,
            &new.call_id,
            &new.carrier_id,
            new.kind,
            &new.plan,
            &new.caller_leg,
            new.asked_ms,
        ];
        tx.run(ADD, args).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Those of a call, the first first.
    pub async fn of_call(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Vec<Transfer>, StoreError> {
        let rows = self.0.all(OF_CALL, args![client, call_id], read).await?;
        Ok(rows.into_iter().map(|(_, transfer)| transfer).collect())
    }

    /// The id of the one whose person the carrier calls by this call.
    pub async fn of_carrier_call(
        &self,
        client: &ClientId,
        person_leg: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = self.0.one(OF_CARRIER, args![client, person_leg]).await?;
        row.map(|mut row| row.text()).transpose()
    }

    /// The carrier calls the person by this call. Whether that was not known yet.
    pub async fn placed(
        &self,
        client: &ClientId,
        id: &str,
        person_leg: &str,
    ) -> Result<bool, StoreError> {
        let args = args![client, id, person_leg];
        Ok(self.0.run(PLACED, args).await? > 0)
    }

    /// It is known what became of it, or is about to; the last word counts. It stays open: whether somebody is left on a line is not known
    /// yet.
    pub async fn became(
        &self,
        client: &ClientId,
        id: &str,
        outcome: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let args = args![client, id, outcome, now_ms];
        self.0.run(BECAME, args).await.map(|_| ())
    }

    /// It is known what became of it, and nobody is left on a line; the last word counts.
    pub async fn ended(
        &self,
        client: &ClientId,
        id: &str,
        outcome: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let args = args![client, id, outcome, now_ms];
        self.0.run(ENDED, args).await.map(|_| ())
    }
}

/// Whose a transfer is, and the transfer.
pub(super) async fn named(
    store: &Store,
    id: &str,
) -> Result<Option<(ClientId, Transfer)>, StoreError> {
    store.one(NAMED, args![id]).await?.map(read).transpose()
}

/// Transfers that are open, by their ids.
pub(super) async fn open(
    store: &Store,
    after: &str,
    limit: u32,
) -> Result<Vec<(ClientId, Transfer)>, StoreError> {
    store.all(OPEN, args![after, limit], read).await
}
