//! Calls that carriers were asked for. The row is on the disk before the carrier hears of it, so that nothing that may
//! have been dialled is unknown here, and nothing is dialled twice.

use super::callbacks;
use super::calls::{self, CallEnd, NewCall};
use super::sql::{Arg, Columns, Tx, args, statements, words};
use super::standing::{self, Checks, Forbids};
use super::{Durability, Sealed, Store, StoreError};
use super::{suppressions, suspensions};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "client_id, id, call_id, carrier_id, state, subject_id, plan, decision, rules, carrier_call_id, failure, asked_ms, answered_by"
    };
}

statements! {
    ADD = "INSERT INTO attempts (client_id, id, call_id, carrier_id, state, subject_id, plan, decision, rules, to_index,
            asked_ms, is_open)
        VALUES ($1, $2, $3, $4, 'asked', $5, $6, $7, $8, $9, $10, 1)";
    BEGAN = "SELECT asked_ms FROM attempts
        WHERE client_id = $1 AND to_index = $2 AND asked_ms > $3 AND state <> 'failed' ORDER BY asked_ms DESC LIMIT $4";
    SINCE = "SELECT COUNT(*) FROM attempts
        WHERE client_id = $1 AND to_index = $2 AND asked_ms > $3 AND state <> 'failed' AND call_id <> $4";
    TALKED_TO = "SELECT ended_ms FROM calls
        WHERE client_id = $1 AND to_index = $2 AND created_ms > $3 AND direction = 'outbound'
            AND answered_ms IS NOT NULL AND ended_ms IS NOT NULL AND COALESCE(answered_by, 'human') IN ('human', 'unknown')
        ORDER BY created_ms DESC LIMIT $4";
    TALKED_FROM = "SELECT ended_ms FROM calls
        WHERE client_id = $1 AND from_index = $2 AND created_ms > $3 AND direction = 'inbound'
            AND answered_ms IS NOT NULL AND ended_ms IS NOT NULL
        ORDER BY created_ms DESC LIMIT $4";
    DECLINED_TO = "SELECT COALESCE(calls.ended_ms, calls.created_ms) FROM calls
        JOIN dispositions ON dispositions.client_id = calls.client_id AND dispositions.call_id = calls.id
        WHERE calls.client_id = $1 AND calls.to_index = $2 AND calls.created_ms > $3 AND calls.direction = 'outbound'
            AND dispositions.label IN ($5, $6, $7)
        ORDER BY calls.created_ms DESC LIMIT $4";
    DECLINED_FROM = "SELECT COALESCE(calls.ended_ms, calls.created_ms) FROM calls
        JOIN dispositions ON dispositions.client_id = calls.client_id AND dispositions.call_id = calls.id
        WHERE calls.client_id = $1 AND calls.from_index = $2 AND calls.created_ms > $3 AND calls.direction = 'inbound'
            AND dispositions.label IN ($5, $6, $7)
        ORDER BY calls.created_ms DESC LIMIT $4";
    OPEN_TO = "SELECT COUNT(*) FROM attempts WHERE client_id = $1 AND to_index = $2 AND asked_ms > $3 AND is_open = 1";
    LIVE_TO = "SELECT COUNT(*) FROM calls
        WHERE client_id = $1 AND to_index = $2 AND created_ms > $3 AND direction = 'outbound' AND status <> 'ended'";
    LIVE_FROM = "SELECT COUNT(*) FROM calls
        WHERE client_id = $1 AND from_index = $2 AND created_ms > $3 AND direction = 'inbound' AND status <> 'ended'";
    FIND = concat!("SELECT ", columns!(), " FROM attempts WHERE client_id = $1 AND id = $2");
    OF_CALL = concat!("SELECT ", columns!(), " FROM attempts WHERE client_id = $1 AND call_id = $2");
    OF_CARRIER = "SELECT id FROM attempts WHERE client_id = $1 AND carrier_call_id = $2";
    PLACED = "UPDATE attempts SET state = 'placed', carrier_call_id = $3
        WHERE client_id = $1 AND id = $2 AND state IN ('asked', 'unknown_outcome')";
    UNKNOWN = "UPDATE attempts SET state = 'unknown_outcome' WHERE client_id = $1 AND id = $2 AND state = 'asked'";
    FAILED = "UPDATE attempts SET state = 'failed', failure = $3, is_open = 0
        WHERE client_id = $1 AND id = $2 AND state IN ('asked', 'unknown_outcome')";
    DONE = "UPDATE attempts SET state = 'done', is_open = 0
        WHERE client_id = $1 AND id = $2 AND state = 'placed'";
    NAMED = concat!("SELECT ", columns!(), " FROM attempts WHERE id = $1");
    OPEN = concat!("SELECT ", columns!(), " FROM attempts WHERE is_open = 1 AND id > $1 ORDER BY id LIMIT $2");
    OPEN_SINCE = concat!("SELECT ", columns!(), " FROM attempts
        WHERE is_open = 1 AND id > $1 AND asked_ms <= $3 ORDER BY id LIMIT $2");
}

words! {
    /// Where an attempt is.
    AttemptState {
        /// The carrier is being asked, or was when the server stopped.
        Asked = "asked",
        /// The carrier has taken the call on.
        Placed = "placed",
        /// The carrier's answer was lost: whether there is a call is looked up.
        UnknownOutcome = "unknown_outcome",
        /// There is no call.
        Failed = "failed",
        /// The call is over.
        Done = "done",
    }
}

/// A call that a carrier was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `att_…`.
    pub id: String,
    /// `call_…`.
    pub call_id: String,
    /// The account with the carrier.
    pub carrier_id: String,
    /// Where it is.
    pub state: AttemptState,
    /// Who is called, as the vault knows them.
    pub subject_id: String,
    /// What was asked for, sealed under the subject's key.
    pub plan: Sealed,
    /// Why it was allowed, sealed under the subject's key.
    pub decision: Sealed,
    /// Id and checksum of the pack of rules by which it was allowed.
    pub rules: String,
    /// The carrier's id of the call.
    pub carrier_call_id: Option<String>,
    /// Why there is no call, in stable snake_case.
    pub failure: Option<String>,
    /// When the carrier was asked, ms since 1970.
    pub asked_ms: i64,
    /// Who answered: `human`, `machine`, `ivr`, `fax` or `unknown`.
    pub answered_by: Option<String>,
}

/// An attempt to be made.
#[derive(Clone, Debug)]
pub struct NewAttempt {
    /// `att_…`.
    pub id: String,
    /// The account with the carrier.
    pub carrier_id: String,
    /// Who is called, as the vault knows them.
    pub subject_id: String,
    /// What is asked for, sealed under the subject's key.
    pub plan: Sealed,
    /// Why it is allowed, sealed under the subject's key.
    pub decision: Sealed,
    /// Id and checksum of the pack of rules.
    pub rules: String,
    /// The keyed hash by which calls with the number are found.
    pub to_index: [u8; 32],
    /// The client's keyed hash of the number, for suppressions.
    pub suppression: [u8; 32],
    /// The platform's.
    pub platform_suppression: [u8; 32],
    /// Now, ms since 1970.
    pub asked_ms: i64,
    /// How often the number may have been called before, in every window that counts.
    pub windows: Vec<Window>,
    /// A call with the number that began after then, ms since 1970, and is not over goes on.
    pub live_since_ms: i64,
    /// The callback that it is for.
    pub callback_id: Option<String>,
    /// What is asked once more of how the client stands.
    pub checks: Checks,
}

/// Calls of a time, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// From then on, ms since 1970.
    pub since_ms: i64,
    /// This one is left out.
    pub apart_from_call_id: Option<String>,
    /// So many there may be, with the one that is to begin.
    pub calls_max: u32,
}

/// Whether the carrier may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Yes: call and attempt are on the disk.
    Ask,
    /// No, and nothing was written: the number has been suppressed since it was allowed.
    Suppressed,
    /// No, and nothing was written: the client or the agent has been stopped since.
    Suspended,
    /// No, and nothing was written: the consent has been taken back since.
    Withdrawn,
    /// No, and nothing was written: the client calls or spends as much as it may.
    Limited,
    /// No, and nothing was written: the number has been called since it was allowed.
    Called,
    /// No, and nothing was written: a call with the number goes on.
    Engaged,
    /// No, and nothing was written: it took so long that what allowed it is too old.
    Stale,
    /// No, and nothing was written: the callback was taken back, or somebody else dials it.
    Taken,
}

fn read(mut row: Columns) -> Result<(ClientId, Attempt), StoreError> {
    let client = row.client()?;
    let attempt = Attempt {
        id: row.text()?,
        call_id: row.text()?,
        carrier_id: row.text()?,
        state: row.word("a state of an attempt", AttemptState::parse)?,
        subject_id: row.text()?,
        plan: row.sealed()?,
        decision: row.sealed()?,
        rules: row.text()?,
        carrier_call_id: row.text_opt()?,
        failure: row.text_opt()?,
        asked_ms: row.int()?,
        answered_by: row.text_opt()?,
    };
    Ok((client, attempt))
}

/// The table of attempts.
pub struct Attempts<'a>(pub(super) &'a Store);

impl Attempts<'_> {
    /// Writes a call and the attempt at it, unless its number is suppressed by now or its callback is not to be dialled any more:
    /// on the disk when this returns. `is_fresh`: whether what allowed it still holds, asked once nobody else can be in between.
    /// [`StoreError::Conflict`] if there is a call of that id.
    pub async fn begin(
        &self,
        client: &ClientId,
        call: &NewCall,
        new: &NewAttempt,
        is_fresh: impl Fn() -> bool + Send + Sync,
    ) -> Result<Begun, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        tx.alone(&suspensions::alone_of(client)).await?;
        // Two that were allowed at once are not both placed. What is asked about is asked once nobody else is at it.
        tx.alone(&new.to_index).await?;
        let (own, platform) = (&new.suppression, &new.platform_suppression);
        suppressions::alone(&mut tx, own, platform).await?;
        if !is_fresh() {
            return Ok(Begun::Stale);
        }
        if suppressions::forbids(&mut tx, client, own, platform).await? {
            return Ok(Begun::Suppressed);
        }
        let times = (new.live_since_ms, new.asked_ms);
        let forbids = standing::forbids(&mut tx, client, &call.agent_id, times, &new.checks);
        match forbids.await? {
            None => {}
            Some(Forbids::Suspended) => return Ok(Begun::Suspended),
            Some(Forbids::Withdrawn) => return Ok(Begun::Withdrawn),
            Some(Forbids::Limited) => return Ok(Begun::Limited),
        }
        for window in &new.windows {
            let apart = window.apart_from_call_id.as_deref().unwrap_or_default();
            let since = args![client, &new.to_index, window.since_ms, apart];
            if count(&mut tx, SINCE, since).await? >= i64::from(window.calls_max) {
                return Ok(Begun::Called);
            }
        }
        for sql in [OPEN_TO, LIVE_TO, LIVE_FROM] {
            let since = args![client, &new.to_index, new.live_since_ms];
            if count(&mut tx, sql, since).await? > 0 {
                return Ok(Begun::Engaged);
            }
        }
        if let Some(callback) = &new.callback_id
            && !callbacks::dialled(&mut tx, client, callback, &new.id, &call.id).await?
        {
            return Ok(Begun::Taken);
        }
        calls::add(&mut tx, client, call).await?;
        let args = args![
            client,
            &new.id,
            &call.id,
            &new.carrier_id,
            &new.subject_id,
            &new.plan,
            &new.decision,
            &new.rules,
            &new.to_index,
            new.asked_ms,
        ];
        tx.run(ADD, args).await?;
        tx.commit().await?;
        Ok(Begun::Ask)
    }

    /// When calls to a number were asked for since then, newest first, `limit` at most: all but those that never were. Times
    /// are ms since 1970.
    pub async fn began(
        &self,
        client: &ClientId,
        to_index: &[u8; 32],
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let args = args![client, to_index, since_ms, limit];
        self.0.all(BEGAN, args, |mut row| row.int()).await
    }

    /// When conversations with a number ended that began since then, either way, `limit` at most of each. Whoever answered and
    /// was no machine is taken to have talked. Times are ms since 1970.
    pub async fn talked(
        &self,
        client: &ClientId,
        index: &[u8; 32],
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let mut times = Vec::new();
        for sql in [TALKED_TO, TALKED_FROM] {
            let args = args![client, index, since_ms, limit];
            times.extend(self.0.all(sql, args, |mut row| row.int()).await?);
        }
        Ok(times)
    }

    /// When calls with a number that began since then were over whose disposition is one of these labels, by their keyed hashes,
    /// `limit` at most of each direction. Times are ms since 1970.
    pub async fn declined(
        &self,
        client: &ClientId,
        index: &[u8; 32],
        (since_ms, limit): (i64, u32),
        labels: &[[u8; 32]; 3],
    ) -> Result<Vec<i64>, StoreError> {
        let [one, two, three] = labels;
        let mut times = Vec::new();
        for sql in [DECLINED_TO, DECLINED_FROM] {
            let args = args![client, index, since_ms, limit, one, two, three];
            times.extend(self.0.all(sql, args, |mut row| row.int()).await?);
        }
        Ok(times)
    }

    /// Whether a call with the number that began after then, ms since 1970, goes on, either way, or may.
    pub async fn is_engaged(
        &self,
        client: &ClientId,
        index: &[u8; 32],
        since_ms: i64,
    ) -> Result<bool, StoreError> {
        for sql in [OPEN_TO, LIVE_TO, LIVE_FROM] {
            let row = self.0.one(sql, args![client, index, since_ms]).await?;
            if row.map(|mut row| row.int()).transpose()?.unwrap_or(0) > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One attempt.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Attempt>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        Ok(row.map(read).transpose()?.map(|(_, attempt)| attempt))
    }

    /// The attempt at a call.
    pub async fn of_call(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Option<Attempt>, StoreError> {
        let row = self.0.one(OF_CALL, args![client, call_id]).await?;
        Ok(row.map(read).transpose()?.map(|(_, attempt)| attempt))
    }

    /// The id of the attempt whose call the carrier calls so.
    pub async fn of_carrier_call(
        &self,
        client: &ClientId,
        carrier_call_id: &str,
    ) -> Result<Option<String>, StoreError> {
        let args = args![client, carrier_call_id];
        let row = self.0.one(OF_CARRIER, args).await?;
        row.map(|mut row| row.text()).transpose()
    }

    /// The carrier has taken the call on. Whether that was not known yet.
    pub async fn placed(
        &self,
        client: &ClientId,
        attempt: &Attempt,
        carrier: &str,
        carrier_call_id: &str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let args = args![client, &attempt.id, carrier_call_id];
        if tx.run(PLACED, args).await? == 0 {
            return Ok(false);
        }
        calls::placed(&mut tx, client, &attempt.call_id, carrier, carrier_call_id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The carrier's answer was lost. Whether nothing is known of it yet.
    pub async fn unknown(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(UNKNOWN, args![client, id]).await? > 0)
    }

    /// There is no call, and its row ends with the attempt. Whether that was not known yet. The callback that it was for ends too,
    /// or waits: `pauses_ms` are how long after its first failure of this kind, after its second, and so on.
    pub async fn failed(
        &self,
        client: &ClientId,
        attempt: &Attempt,
        failure: &str,
        now_ms: i64,
        pauses_ms: &[i64],
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        if tx.run(FAILED, args![client, &attempt.id, failure]).await? == 0 {
            return Ok(false);
        }
        let end = CallEnd {
            outcome: Some("failed".to_owned()),
            ended_by: Some("carrier".to_owned()),
            ended_reason: Some(failure.to_owned()),
        };
        calls::never_answered(&mut tx, client, &attempt.call_id, now_ms, &end).await?;
        let id = &attempt.id;
        let ended = callbacks::not_called(&mut tx, client, id, failure, now_ms, pauses_ms).await?;
        tx.commit().await?;
        if let Some(state) = ended {
            callbacks::count(state, 1);
        }
        Ok(true)
    }

    /// The call that the carrier took on is over. Whether that was not known yet.
    pub async fn done(&self, client: &ClientId, id: &str) -> Result<bool, StoreError> {
        Ok(self.0.run(DONE, args![client, id]).await? > 0)
    }
}

/// Whose an attempt is, and the attempt.
pub(super) async fn named(
    store: &Store,
    id: &str,
) -> Result<Option<(ClientId, Attempt)>, StoreError> {
    store.one(NAMED, args![id]).await?.map(read).transpose()
}

async fn count(tx: &mut Tx, sql: &'static str, args: Vec<Arg>) -> Result<i64, StoreError> {
    let row = tx.one(sql, args).await?;
    Ok(row.map(|mut row| row.int()).transpose()?.unwrap_or(0))
}

/// Attempts that were made by then, ms since 1970, and are open, by their ids.
pub(super) async fn open_since(
    store: &Store,
    after: &str,
    by_ms: i64,
    limit: u32,
) -> Result<Vec<(ClientId, Attempt)>, StoreError> {
    store
        .all(OPEN_SINCE, args![after, limit, by_ms], read)
        .await
}

/// Attempts that are open, by their ids.
pub(super) async fn open(
    store: &Store,
    after: &str,
    limit: u32,
) -> Result<Vec<(ClientId, Attempt)>, StoreError> {
    store.all(OPEN, args![after, limit], read).await
}
