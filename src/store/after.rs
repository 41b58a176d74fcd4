//! What is to become known of calls once they are over: what waits to be found out, what was found, and dispositions.
//!
//! A call's row here is made when the call begins, so that nothing has to be remembered for it; it is due once the call's
//! rows are complete. What takes consent back takes the row's content with it, in the same transaction as the words.

use trunkline_core::event::EventKind;

use super::calls;
use super::sql::{Columns, Tx, args, statements, words};
use super::{Durability, Sealed, Store, StoreError};
use crate::clock;
use crate::ids::ClientId;

statements! {
    WANT = "INSERT INTO after_calls (client_id, call_id, parts, state, tries, due_ms, wanted_ms)
        VALUES ($1, $2, $3, 'waiting', 0, $4, $4) ON CONFLICT (client_id, call_id) DO NOTHING";
    FIND = "SELECT parts, state, reason, tries, wanted_ms, done_ms, verdict, body FROM after_calls
        WHERE client_id = $1 AND call_id = $2";
    DUE = "SELECT after_calls.client_id, call_id, tries, due_ms FROM after_calls
        CROSS JOIN calls
        WHERE after_calls.state = 'waiting' AND due_ms <= $1 AND (due_ms, call_id) > ($2, $3)
            AND calls.client_id = after_calls.client_id AND calls.id = after_calls.call_id AND calls.rows_done = 1
        ORDER BY due_ms, call_id LIMIT $4";
    TRY = "UPDATE after_calls SET tries = tries + 1 WHERE client_id = $1 AND call_id = $2 AND state = 'waiting'";
    LATER = "UPDATE after_calls SET due_ms = $3, reason = $4 WHERE client_id = $1 AND call_id = $2 AND state = 'waiting'";
    END = "UPDATE after_calls SET state = $3, reason = $4, done_ms = $5, verdict = NULL, body = NULL
        WHERE client_id = $1 AND call_id = $2 AND state = 'waiting'";
    DONE = "UPDATE after_calls SET state = 'done', reason = NULL, done_ms = $3, verdict = $4, body = $5
        WHERE client_id = $1 AND call_id = $2 AND state = 'waiting'
            AND EXISTS (SELECT 1 FROM calls WHERE calls.client_id = $1 AND calls.id = $2 AND consent_state = 'granted')
            AND NOT EXISTS (SELECT 1 FROM withdrawals WHERE withdrawals.client_id = $1 AND withdrawals.call_id = $2)";
    TAKEN_BACK = "UPDATE after_calls SET state = 'skipped', reason = $3, done_ms = COALESCE(done_ms, $4), verdict = NULL,
            body = NULL
        WHERE client_id = $1 AND call_id = $2 AND state <> 'skipped'";
    UNLABEL = "DELETE FROM dispositions WHERE client_id = $1 AND call_id = $2 AND set_by <> 'person'";
    WORD = "INSERT INTO words (client_id, hash, word) VALUES ($1, $2, $3) ON CONFLICT (client_id, hash) DO NOTHING";
    LABEL = "INSERT INTO dispositions (client_id, call_id, label, set_by, set_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id, call_id) DO UPDATE SET label = excluded.label, set_by = excluded.set_by,
            set_ms = excluded.set_ms
        WHERE (dispositions.set_by <> 'person' OR excluded.set_by = 'person')
            AND (dispositions.set_by = 'model' OR excluded.set_by <> 'model')";
    FIND_LABEL = "SELECT words.word, words.hash, set_by, set_ms FROM dispositions
        JOIN words ON words.client_id = dispositions.client_id AND words.hash = dispositions.label
        WHERE dispositions.client_id = $1 AND call_id = $2";
}

words! {
    /// How far it is.
    AfterState {
        /// Still to be found out, once the call's rows are complete.
        Waiting = "waiting",
        /// Found out.
        Done = "done",
        /// It could not be found out, and is not tried again.
        Failed = "failed",
        /// It must not, or cannot, be found out: nothing of the call is kept, or no longer.
        Skipped = "skipped",
    }
}

words! {
    /// Who said what became of a call, the weakest word first.
    SetBy {
        /// A model, after the call.
        Model = "model",
        /// A tool that the agent's mind called.
        Tool = "tool",
        /// A person, through the API.
        Person = "person",
    }
}

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfterRow {
    /// What was wanted: `summary`, `data`, `verdict`, `disposition`.
    pub parts: Vec<String>,
    /// How far it is.
    pub state: AfterState,
    /// Why it failed, was skipped, or is tried again, in stable snake_case.
    pub reason: Option<String>,
    /// How often a model was turned to.
    pub tries: u64,
    /// When the call began, ms since 1970.
    pub wanted_ms: i64,
    /// When it was found out or given up, ms since 1970.
    pub done_ms: Option<i64>,
    /// The verdict's word.
    pub verdict: Option<String>,
    /// What was found, sealed with the call's key.
    pub body: Option<Sealed>,
}

/// A call of which something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCall {
    /// Whose it is.
    pub client: ClientId,
    /// `call_…`.
    pub call_id: String,
    /// How often a model was turned to before.
    pub tries: u64,
    /// Since when it is due, ms since 1970.
    pub due_ms: i64,
}

/// A word of a client's own: its keyed hash, and the word, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWord {
    /// By which rows name it.
    pub hash: [u8; 32],
    /// The word.
    pub word: Sealed,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispositionRow {
    /// The label.
    pub label: OwnWord,
    /// Who said so.
    pub set_by: SetBy,
    /// When, ms since 1970.
    pub set_ms: i64,
}

/// What was found out of a call.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Now, ms since 1970.
    pub now_ms: i64,
    /// The verdict's word.
    pub verdict: Option<&'a str>,
    /// All of it, sealed with the call's key.
    pub body: &'a Sealed,
    /// The label that a model chose.
    pub label: Option<&'a OwnWord>,
}

fn read(mut row: Columns) -> Result<AfterRow, StoreError> {
    let parts = row.text()?;
    Ok(AfterRow {
        parts: parts
            .split(',')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        state: row.word("a state", AfterState::parse)?,
        reason: row.text_opt()?,
        tries: row.count()?,
        wanted_ms: row.int()?,
        done_ms: row.int_opt()?,
        verdict: row.text_opt()?,
        body: row.sealed_opt()?,
    })
}

/// Consent to a call was taken back, or its content erased, in the transaction that does so: what was made of it goes, and
/// nothing more is made.
pub(super) async fn taken_back(
    tx: &mut Tx,
    client: &ClientId,
    call_id: &str,
    reason: &str,
) -> Result<(), StoreError> {
    let args = args![client, call_id, reason, clock::unix_ms()];
    tx.run(TAKEN_BACK, args).await?;
    tx.run(UNLABEL, args![client, call_id]).await?;
    Ok(())
}

async fn label(
    tx: &mut Tx,
    client: &ClientId,
    call_id: &str,
    word: &OwnWord,
    by: SetBy,
    now_ms: i64,
) -> Result<bool, StoreError> {
    tx.run(WORD, args![client, &word.hash, &word.word]).await?;
    let args = args![client, call_id, &word.hash, by, now_ms];
    Ok(tx.run(LABEL, args).await? > 0)
}

/// The tables of what becomes known of calls.
pub struct After<'a>(pub(super) &'a Store);

impl After<'_> {
    /// These parts are to become known of a call that begins. On the disk when this returns.
    pub async fn want(
        &self,
        client: &ClientId,
        call_id: &str,
        parts: &[&str],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let args = args![client, call_id, parts.join(",").as_str(), now_ms];
        self.0.run(WANT, args).await.map(|_| ())
    }

    /// What is known of a call; `None` if nothing was wanted.
    pub async fn find(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Option<AfterRow>, StoreError> {
        let row = self.0.one(FIND, args![client, call_id]).await?;
        row.map(read).transpose()
    }

    /// A try begins. Whether it is still wanted.
    pub async fn begin_try(&self, client: &ClientId, call_id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(TRY, args![client, call_id]).await? > 0)
    }

    /// A try came to nothing; another is due then.
    pub async fn try_later(
        &self,
        client: &ClientId,
        call_id: &str,
        due_ms: i64,
        reason: &str,
    ) -> Result<(), StoreError> {
        let args = args![client, call_id, due_ms, reason];
        self.0.run(LATER, args).await.map(|_| ())
    }

    /// It failed or was skipped, for good. Whether it was still wanted.
    pub async fn give_up(
        &self,
        client: &ClientId,
        call_id: &str,
        state: AfterState,
        reason: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let args = args![client, call_id, state, reason, now_ms];
        Ok(self.0.run(END, args).await? > 0)
    }

    /// It was found out. False, and nothing is stored, if it is not wanted any more or consent was taken back.
    pub async fn done(
        &self,
        client: &ClientId,
        call_id: &str,
        found: &Found<'_>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let args = args![client, call_id, found.now_ms, found.verdict, found.body];
        if tx.run(DONE, args).await? == 0 {
            return Ok(false);
        }
        if let Some(word) = found.label {
            label(&mut tx, client, call_id, word, SetBy::Model, found.now_ms).await?;
        }
        calls::told(&mut tx, client.as_str(), call_id, EventKind::CallAnalyzed).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Says what became of a call. False if somebody whose word counts for more has said so already.
    pub async fn label(
        &self,
        client: &ClientId,
        call_id: &str,
        word: &OwnWord,
        by: SetBy,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let is_set = label(&mut tx, client, call_id, word, by, now_ms).await?;
        tx.commit().await?;
        Ok(is_set)
    }

    /// What became of a call, if anybody said.
    pub async fn disposition(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Option<DispositionRow>, StoreError> {
        let Some(mut row) = self.0.one(FIND_LABEL, args![client, call_id]).await? else {
            return Ok(None);
        };
        let word = row.sealed()?;
        Ok(Some(DispositionRow {
            label: OwnWord {
                hash: row.hash()?,
                word,
            },
            set_by: row.word("who said it", SetBy::parse)?,
            set_ms: row.int()?,
        }))
    }
}

/// Calls of all clients of which something is due, in the order in which it is, behind `after`, at most `limit`.
pub(super) async fn due(
    store: &Store,
    now_ms: i64,
    after: Option<&DueCall>,
    limit: u32,
) -> Result<Vec<DueCall>, StoreError> {
    let (due_ms, call_id) =
        after.map_or((i64::MIN, ""), |call| (call.due_ms, call.call_id.as_str()));
    let args = args![now_ms, due_ms, call_id, limit];
    let read = |mut row: Columns| {
        Ok(DueCall {
            client: row.client()?,
            call_id: row.text()?,
            tries: row.count()?,
            due_ms: row.int()?,
        })
    };
    store.all(DUE, args, read).await
}
