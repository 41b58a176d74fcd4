//! People who are to be called back. A callback is on the disk before anybody is told of it, a number has one of a client's at
//! a time, and the step from being scheduled to being dialled is one with the row of the attempt: so none is dialled twice.

use metrics::counter;
use sha2::{Digest as _, Sha256};
use trunkline_core::event::EventKind;

use super::outbox::{Told, data, tell};
use super::page::rows_asked;
use super::sql::{Arg, Columns, Tx, args, statements, words};
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
    FORGET_NOTES = "UPDATE callbacks SET note = NULL
        WHERE client_id = $1 AND (asked_call_id = $2 OR call_id = $2) AND note IS NOT NULL";
    REPLACE = "UPDATE callbacks SET state = 'cancelled', reason = 'replaced', ended_ms = $3
        WHERE client_id = $1 AND number_index = $2 AND state = 'scheduled' RETURNING client_id, id";
    OPT_OUT = "UPDATE callbacks SET state = 'cancelled', reason = 'suppressed', ended_ms = $3
        WHERE client_id = $1 AND number_index = $2 AND state = 'scheduled' RETURNING client_id, id";
    OPT_OUT_EVERYWHERE = "UPDATE callbacks SET state = 'cancelled', reason = 'suppressed', ended_ms = $2
        WHERE platform_index = $1 AND state = 'scheduled' RETURNING client_id, id";
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
        WHERE client_id = $1 AND attempt_id = $2 AND state = 'dialling' RETURNING client_id, id";
    OF_ATTEMPT = "SELECT id, number_index, platform_index, tries, expires_ms FROM callbacks
        WHERE client_id = $1 AND attempt_id = $2 AND state = 'dialling'";
    ANOTHER = "SELECT id FROM callbacks WHERE client_id = $1 AND number_index = $2 AND state = 'scheduled'";
    AGAIN = "UPDATE callbacks SET state = 'scheduled', due_ms = $3, reason = $4, attempt_id = NULL, call_id = NULL,
            tries = tries + 1
        WHERE client_id = $1 AND id = $2 AND state = 'dialling'";
    TOLD = "SELECT state, reason, agent_id, asked_call_id, call_id FROM callbacks WHERE client_id = $1 AND id = $2";
    DUE = concat!("SELECT ", columns!(), " FROM callbacks
        WHERE client_id = $1 AND state = 'scheduled' AND due_ms <= $2 ORDER BY due_ms, id LIMIT $3");
    DUE_CLIENT = "SELECT client_id FROM callbacks
        WHERE state = 'scheduled' AND client_id > $1 AND due_ms <= $2 ORDER BY client_id LIMIT 1";
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
        if let Some(call) = &new.asked_call_id {
            tx.alone(&notes_of(client, call)).await?;
        }
        suppressions::alone(&mut tx, own, platform).await?;
        if suppressions::forbids(&mut tx, client, own, platform).await? {
            return Ok(Scheduled::Suppressed);
        }
        let objected = match &new.asked_call_id {
            Some(call) => objected(&mut tx, client, call).await?,
            None => false,
        };
        let note = new.note.as_ref().filter(|_| !objected);
        let replaced = change(&mut tx, REPLACE, args![client, own, new.created_ms]).await?;
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
        told(&mut tx, client, &new.id).await?;
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

    /// Those whose time has come, the longest due first, at most `limit`.
    pub async fn due(
        &self,
        client: &ClientId,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<Callback>, StoreError> {
        let rows = self.0.all(DUE, args![client, now_ms, limit], read).await?;
        Ok(rows.into_iter().map(|(_, callback)| callback).collect())
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
        let mut tx = self.0.begin(Durability::Now).await?;
        let rows = tx
            .run(END, args![client, id, state, reason, now_ms])
            .await?;
        if rows > 0 {
            told(&mut tx, client, id).await?;
        }
        tx.commit().await?;
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
        let mut tx = self.0.begin(Durability::Now).await?;
        let rows = change(&mut tx, CALLED, args).await?;
        tx.commit().await?;
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

/// Under which key whoever writes a note of a call's, and whoever has it forgotten, wait for each other.
fn notes_of(client: &ClientId, call_id: &str) -> [u8; 32] {
    let hash = Sha256::new_with_prefix(client.as_str());
    hash.chain_update(call_id).finalize().into()
}

/// The person of a call has taken consent back: what they said in it is not remembered for their callbacks, nor what was
/// remembered for this call.
pub(super) async fn forget_notes(
    tx: &mut Tx,
    client: &ClientId,
    call_id: &str,
) -> Result<(), StoreError> {
    tx.alone(&notes_of(client, call_id)).await?;
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

/// There is no call of this attempt, so there is none of the callback that it was for, or not yet: it waits as long as
/// `pauses_ms` say, by how often it has waited so before. How it ended, if it did.
pub(super) async fn not_called(
    tx: &mut Tx,
    client: &ClientId,
    attempt_id: &str,
    reason: &str,
    now_ms: i64,
    pauses_ms: &[i64],
) -> Result<Option<CallbackState>, StoreError> {
    let Some(mut row) = tx.one(OF_ATTEMPT, args![client, attempt_id]).await? else {
        return Ok(None);
    };
    let (id, own, platform) = (row.text()?, row.hash()?, row.hash()?);
    let (tries, expires_ms) = (row.int()?, row.int()?);
    suppressions::alone(tx, &own, &platform).await?;
    let pause_ms = usize::try_from(tries).ok();
    let pause_ms = pause_ms.and_then(|tries| pauses_ms.get(tries));
    let due_ms = pause_ms.map(|pause_ms| now_ms.saturating_add(*pause_ms));
    let due_ms = due_ms.filter(|due_ms| *due_ms <= expires_ms);
    let is_replaced = async |tx: &mut Tx| {
        let another = tx.one(ANOTHER, args![client, &own]).await?;
        Ok::<_, StoreError>(another.is_some())
    };
    let (state, reason) = match due_ms {
        None => (CallbackState::Failed, reason),
        Some(_) if suppressions::forbids(tx, client, &own, &platform).await? => {
            (CallbackState::Cancelled, "suppressed")
        }
        Some(_) if is_replaced(tx).await? => (CallbackState::Cancelled, "replaced"),
        Some(due_ms) => {
            tx.run(AGAIN, args![client, &id, due_ms, reason]).await?;
            return Ok(None);
        }
    };
    let args = args![client, attempt_id, state, reason, now_ms];
    Ok((change(tx, CALLED, args).await? > 0).then_some(state))
}

/// A number of a client's is suppressed, or, for no client, everybody's. How many callbacks that ends.
pub(super) async fn opted_out(
    tx: &mut Tx,
    client: Option<&str>,
    hash: &[u8; 32],
    now_ms: i64,
) -> Result<u64, StoreError> {
    match client {
        Some(client) => change(tx, OPT_OUT, args![client, hash, now_ms]).await,
        None => change(tx, OPT_OUT_EVERYWHERE, args![hash, now_ms]).await,
    }
}

/// Changes callbacks by a statement that returns whose they are and which, and has each told of. How many.
async fn change(tx: &mut Tx, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
    let which = |mut row: Columns| Ok((row.client()?, row.text()?));
    let changed = tx.all(sql, args, which).await?;
    for (client, id) in &changed {
        told(tx, client, id).await?;
    }
    Ok(changed.len() as u64)
}

/// Has its client be told where a callback is.
async fn told(tx: &mut Tx, client: &ClientId, id: &str) -> Result<(), StoreError> {
    let Some(mut row) = tx.one(TOLD, args![client, id]).await? else {
        return Ok(());
    };
    let state = row.word("a state of a callback", CallbackState::parse)?;
    let kind = match state {
        CallbackState::Scheduled => EventKind::CallbackScheduled,
        CallbackState::Dialling => return Ok(()),
        CallbackState::Done => EventKind::CallbackDone,
        CallbackState::Cancelled => EventKind::CallbackCancelled,
        CallbackState::Failed | CallbackState::Expired => EventKind::CallbackFailed,
    };
    let data = data! {
        "state": state.as_str(),
        "reason": row.text_opt()?,
        "agent_id": row.text()?,
        "asked_in_call_id": row.text_opt()?,
        "call_id": row.text_opt()?,
    };
    tell(tx, client.as_str(), Told::once(kind, id, data)).await
}

/// The next client, by its id, of which a callback's time has come.
pub(super) async fn due_client(
    store: &Store,
    after: &str,
    now_ms: i64,
) -> Result<Option<ClientId>, StoreError> {
    let row = store.one(DUE_CLIENT, args![after, now_ms]).await?;
    row.map(|mut row| row.client()).transpose()
}

/// When the next of all clients is due, ms since 1970.
pub(super) async fn next_due(store: &Store) -> Result<Option<i64>, StoreError> {
    let row = store.one(NEXT, Vec::new()).await?;
    row.map(|mut row| row.int()).transpose()
}
