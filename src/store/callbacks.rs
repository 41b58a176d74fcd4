//! People who are to be called back. A callback is on the disk before anybody is told of it, a number has one of a client's at
//! a time, and the step from being scheduled to being dialled is one with the row of the attempt: so none is dialled twice.

use metrics::counter;

use super::page::rows_asked;
use super::sql::{Columns, Tx, args, statements, words};
use super::suppressions;
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "client_id, id, agent_id, asked_call_id, subject_id, plan, note, zone, agreed_ms, due_ms, expires_ms, state, reason,
            attempt_id, call_id, created_ms, ended_ms"
    };
}

statements! {
    ADD = "INSERT INTO callbacks (client_id, id, agent_id, asked_call_id, subject_id, plan, number_index, platform_index, zone,
            agreed_ms, due_ms, expires_ms, state, created_ms, note)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, 'scheduled', $12, $13)";
    OBJECTED = "SELECT COUNT(*) FROM calls WHERE client_id = $1 AND id = $2 AND (consent_state = 'withdrawn'
            OR (consent_state = 'refused' AND consent_mode <> 'no_record')
            OR EXISTS (SELECT 1 FROM withdrawals WHERE withdrawals.client_id = $1 AND withdrawals.call_id = $2))";
    FORGET_NOTES = "UPDATE callbacks SET note = NULL WHERE client_id = $1 AND asked_call_id = $2 AND note IS NOT NULL";
    REPLACE = "UPDATE callbacks SET state = 'cancelled', reason = 'replaced', ended_ms = $3
        WHERE client_id = $1 AND number_index = $2 AND state = 'scheduled'";
    OPT_OUT = "UPDATE callbacks SET state = 'cancelled', reason = 'suppressed', ended_ms = $3
        WHERE client_id = $1 AND number_index = $2 AND state = 'scheduled'";
    OPT_OUT_EVERYWHERE = "UPDATE callbacks SET state = 'cancelled', reason = 'suppressed', ended_ms = $2
        WHERE platform_index = $1 AND state = 'scheduled'";
    FIND = concat!("SELECT ", columns!(), " FROM callbacks WHERE client_id = $1 AND id = $2");
    OF_CALL = concat!("SELECT ", columns!(), " FROM callbacks WHERE client_id = $1 AND call_id = $2");
    ASKED_IN = "SELECT id FROM callbacks WHERE client_id = $1 AND asked_call_id = $2 ORDER BY id LIMIT 20";
    LIST = concat!("SELECT ", columns!(), " FROM callbacks
        WHERE client_id = $1 AND (created_ms, id) < ($2, $3) AND (state = $5 OR $5 IS NULL) AND (agent_id = $6 OR $6 IS NULL)
        ORDER BY created_ms DESC, id DESC LIMIT $4");
    OF_NUMBER = concat!("SELECT ", columns!(), " FROM callbacks WHERE client_id = $1 AND number_index = $2
        ORDER BY created_ms DESC, id DESC LIMIT $3");
    DIAL = "UPDATE callbacks SET state = 'dialling', reason = NULL, attempt_id = $3, call_id = $4
        WHERE client_id = $1 AND id = $2 AND state = 'scheduled'";
    LATER = "UPDATE callbacks SET due_ms = $3, reason = $4 WHERE client_id = $1 AND id = $2 AND state = 'scheduled'";
    END = "UPDATE callbacks SET state = $3, reason = $4, ended_ms = $5
        WHERE client_id = $1 AND id = $2 AND state = 'scheduled'";
    CALLED = "UPDATE callbacks SET state = $3, reason = $4, ended_ms = $5
        WHERE client_id = $1 AND attempt_id = $2 AND state = 'dialling'";
    DUE = concat!("SELECT ", columns!(), " FROM callbacks WHERE state = 'scheduled' AND due_ms <= $1
        ORDER BY due_ms, id LIMIT $2");
    NEXT = "SELECT due_ms FROM callbacks WHERE state = 'scheduled' ORDER BY due_ms, id LIMIT 1";
}

words! {
    /// Where a callback is.
    CallbackState {
        /// Its time has not come.
        Scheduled = "scheduled",
        /// There is an attempt at it, which is not over.
        Dialling = "dialling",
        /// Somebody answered it, and the call is over.
        Done = "done",
        /// It was taken back: by its client, by a later one, or since the number may not be called.
        Cancelled = "cancelled",
        /// It was dialled and nobody answered, or it could not be dialled.
        Failed = "failed",
        /// It could not be dialled in time.
        Expired = "expired",
    }
}

/// Somebody who is to be called back, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// `cb_…`.
    pub id: String,
    /// Who speaks.
    pub agent_id: String,
    /// The call in which it was asked for.
    pub asked_call_id: Option<String>,
    /// Who is called, as the vault knows them.
    pub subject_id: String,
    /// Numbers and variables, sealed under the subject's key.
    pub plan: Sealed,
    /// What is to be remembered until then, sealed under the subject's key; it goes if they take consent back.
    pub note: Option<Sealed>,
    /// By whose clock it was agreed, an IANA name.
    pub zone: String,
    /// For when it was agreed, ms since 1970.
    pub agreed_ms: i64,
    /// When it is dialled, ms since 1970.
    pub due_ms: i64,
    /// When it is dialled no more, ms since 1970.
    pub expires_ms: i64,
    /// Where it is.
    pub state: CallbackState,
    /// Why it is there, or waits, in stable snake_case.
    pub reason: Option<String>,
    /// The attempt at it.
    pub attempt_id: Option<String>,
    /// The call that it became.
    pub call_id: Option<String>,
    /// When it was agreed on, ms since 1970.
    pub created_ms: i64,
    /// When it ended, ms since 1970.
    pub ended_ms: Option<i64>,
}

/// One to be scheduled.
#[derive(Clone, Debug)]
pub struct NewCallback {
    /// `cb_…`.
    pub id: String,
    /// Who speaks.
    pub agent_id: String,
    /// The call in which it was asked for.
    pub asked_call_id: Option<String>,
    /// Who is called, as the vault knows them.
    pub subject_id: String,
    /// Numbers and variables, sealed under the subject's key.
    pub plan: Sealed,
    /// What is to be remembered until then, sealed under the subject's key; left out if they objected in the call.
    pub note: Option<Sealed>,
    /// The client's keyed hash of the number, as suppressions have it.
    pub number_index: [u8; 32],
    /// The platform's.
    pub platform_index: [u8; 32],
    /// By whose clock it was agreed, an IANA name.
    pub zone: String,
    /// For when it was agreed, ms since 1970.
    pub agreed_ms: i64,
    /// When it is dialled no more, ms since 1970.
    pub expires_ms: i64,
    /// Now, ms since 1970.
    pub created_ms: i64,
}

/// Whether somebody is to be called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduled {
    /// Yes: it is on the disk, and another of the number is cancelled.
    Yes {
        /// There was another.
        replaced: bool,
    },
    /// No: the number asked not to be called.
    Suppressed,
}

/// Which callbacks.
#[derive(Clone, Debug, Default)]
pub struct CallbackFilter {
    /// In this state.
    pub state: Option<CallbackState>,
    /// Held by this agent.
    pub agent_id: Option<String>,
}

fn read(mut row: Columns) -> Result<(ClientId, Callback), StoreError> {
    let client = row.client()?;
    let callback = Callback {
        id: row.text()?,
        agent_id: row.text()?,
        asked_call_id: row.text_opt()?,
        subject_id: row.text()?,
        plan: row.sealed()?,
        note: row.sealed_opt()?,
        zone: row.text()?,
        agreed_ms: row.int()?,
        due_ms: row.int()?,
        expires_ms: row.int()?,
        state: row.word("a state of a callback", CallbackState::parse)?,
        reason: row.text_opt()?,
        attempt_id: row.text_opt()?,
        call_id: row.text_opt()?,
        created_ms: row.int()?,
        ended_ms: row.int_opt()?,
    };
    Ok((client, callback))
}

/// Counts what ended, once it is committed.
pub(super) fn count(end: CallbackState, rows: u64) {
    if rows > 0 {
        counter!("trunkline_callbacks_total", "end" => end.as_str()).increment(rows);
    }
}

/// The table of callbacks.
pub struct Callbacks<'a>(pub(super) &'a Store);

impl Callbacks<'_> {
    /// Schedules one in place of any other of the number, unless that is suppressed: on the disk when this returns.
    /// [`StoreError::Conflict`] if there is one of that id.
    pub async fn schedule(
        &self,
        client: &ClientId,
        new: &NewCallback,
    ) -> Result<Scheduled, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let (own, platform) = (&new.number_index, &new.platform_index);
        if suppressions::forbids(&mut tx, client, own, platform).await? {
            return Ok(Scheduled::Suppressed);
        }
        let objected = match &new.asked_call_id {
            Some(call) => objected(&mut tx, client, call).await?,
            None => false,
        };
        let note = new.note.as_ref().filter(|_| !objected);
        let replaced = tx.run(REPLACE, args![client, own, new.created_ms]).await?;
        let args = args![
            client,
            &new.id,
            &new.agent_id,
            &new.asked_call_id,
            &new.subject_id,
            &new.plan,
            own,
            platform,
            &new.zone,
            new.agreed_ms,
            new.expires_ms,
            new.created_ms,
            note,
        ];
        tx.run(ADD, args).await?;
        tx.commit().await?;
        count(CallbackState::Cancelled, replaced);
        Ok(Scheduled::Yes {
            replaced: replaced > 0,
        })
    }

    /// Callbacks of a number, by its keyed hash, the newest first, at most `limit`.
    pub async fn of_number(
        &self,
        client: &ClientId,
        number_index: &[u8; 32],
        limit: u32,
    ) -> Result<Vec<Callback>, StoreError> {
        let read = |row| read(row).map(|(_, callback)| callback);
        self.0
            .all(OF_NUMBER, args![client, number_index, limit], read)
            .await
    }

    /// One callback.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Callback>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        Ok(row.map(read).transpose()?.map(|(_, callback)| callback))
    }

    /// The callback that this call is.
    pub async fn of_call(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Option<Callback>, StoreError> {
        let row = self.0.one(OF_CALL, args![client, call_id]).await?;
        Ok(row.map(read).transpose()?.map(|(_, callback)| callback))
    }

    /// Ids of the callbacks that were asked for in this call, the first first, at most 20.
    pub async fn asked_in(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Vec<String>, StoreError> {
        let args = args![client, call_id];
        self.0.all(ASKED_IN, args, |mut row| row.text()).await
    }

    /// Callbacks, newest first.
    pub async fn list(
        &self,
        client: &ClientId,
        filter: &CallbackFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Callback>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![
            client,
            created_ms,
            id,
            rows_asked(limit),
            filter.state,
            &filter.agent_id,
        ];
        let rows = self.0.all(LIST, args, read).await?;
        let rows = rows.into_iter().map(|(_, callback)| callback).collect();
        Ok(Page::of(rows, limit, |callback: &Callback| Cursor {
            created_ms: callback.created_ms,
            id: callback.id.clone(),
        }))
    }

    /// It is dialled no sooner than then. Whether it is still to be dialled.
    pub async fn later(
        &self,
        client: &ClientId,
        id: &str,
        due_ms: i64,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let args = args![client, id, due_ms, reason];
        Ok(self.0.run(LATER, args).await? > 0)
    }

    /// It is not dialled. Whether it was still to be.
    pub async fn end(
        &self,
        client: &ClientId,
        id: &str,
        state: CallbackState,
        reason: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let rows = self
            .0
            .run(END, args![client, id, state, reason, now_ms])
            .await?;
        count(state, rows);
        Ok(rows > 0)
    }

    /// The call that it became is over, which this attempt was to make. Whether that was not known yet; of another attempt
    /// nothing is.
    pub async fn called(
        &self,
        client: &ClientId,
        attempt_id: &str,
        state: CallbackState,
        reason: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let args = args![client, attempt_id, state, reason, now_ms];
        let rows = self.0.run(CALLED, args).await?;
        count(state, rows);
        Ok(rows > 0)
    }
}

/// Whether the person of a call objected to anything of them being stored.
async fn objected(tx: &mut Tx, client: &ClientId, call_id: &str) -> Result<bool, StoreError> {
    let row = tx.one(OBJECTED, args![client, call_id]).await?;
    let count = row.map(|mut row| row.int()).transpose()?;
    Ok(count.is_some_and(|count| count > 0))
}

/// The person of a call has taken consent back: what they said is not remembered for their callbacks.
pub(super) async fn forget_notes(
    tx: &mut Tx,
    client: &ClientId,
    call_id: &str,
) -> Result<(), StoreError> {
    tx.run(FORGET_NOTES, args![client, call_id])
        .await
        .map(|_| ())
}

/// A callback's time has come, and the attempt is written in the same transaction. Whether it was still to be dialled.
pub(super) async fn dialled(
    tx: &mut Tx,
    client: &ClientId,
    id: &str,
    attempt_id: &str,
    call_id: &str,
) -> Result<bool, StoreError> {
    let args = args![client, id, attempt_id, call_id];
    Ok(tx.run(DIAL, args).await? > 0)
}

/// There is no call of this attempt, so there is none of the callback that it was for. How many rows that are.
pub(super) async fn not_called(
    tx: &mut Tx,
    client: &ClientId,
    attempt_id: &str,
    reason: &str,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let args = args![client, attempt_id, CallbackState::Failed, reason, now_ms];
    tx.run(CALLED, args).await
}

/// A number of a client's is suppressed, or, for no client, everybody's. How many callbacks that ends.
pub(super) async fn opted_out(
    tx: &mut Tx,
    client: Option<&str>,
    hash: &[u8; 32],
    now_ms: i64,
) -> Result<u64, StoreError> {
    match client {
        Some(client) => tx.run(OPT_OUT, args![client, hash, now_ms]).await,
        None => tx.run(OPT_OUT_EVERYWHERE, args![hash, now_ms]).await,
    }
}

/// Callbacks of all clients whose time has come, the longest due first.
pub(super) async fn due(
    store: &Store,
    now_ms: i64,
    limit: u32,
) -> Result<Vec<(ClientId, Callback)>, StoreError> {
    store.all(DUE, args![now_ms, limit], read).await
}

/// When the next of all clients is due, ms since 1970.
pub(super) async fn next_due(store: &Store) -> Result<Option<i64>, StoreError> {
    let row = store.one(NEXT, Vec::new()).await?;
    row.map(|mut row| row.int()).transpose()
}
