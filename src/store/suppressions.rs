//! Who must not be called. A suppression holds from the moment [`Suppressions::add`] returns, and is never deleted. What the
//! number was promised of callbacks ends with it.

use trunkline_core::event::EventKind;

use super::callbacks::{self, CallbackState};
use super::calls;
use super::outbox::{Told, data, tell};
use super::page::rows_asked;
use super::several::rows;
use super::sql::{Arg, Columns, Tx, args, statements, words};
use super::{Cursor, Durability, Page, Store, StoreError};
use crate::ids::ClientId;

/// The reason of a suppression that the person asked for in a call.
const OPT_OUT: &str = "opt_out";
/// What stands for the platform where a client's id stands otherwise.
const PLATFORM: &str = "";
/// Numbers that one statement asks about.
const ASKED_MAX: usize = 256;

macro_rules! columns {
    () => {
        "id, scope, campaign_id, hash, reason, source, call_id, created_ms, removed_ms, removed_reason"
    };
}

statements! {
    ADD = "INSERT INTO suppressions (client_id, id, scope, campaign_id, hash, reason, source, call_id, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (client_id, scope, campaign_id, hash) WHERE removed_ms IS NULL DO NOTHING";
    IN_FORCE = concat!("SELECT ", columns!(), " FROM suppressions
        WHERE client_id = $1 AND scope = $2 AND campaign_id = $3 AND hash = $4 AND removed_ms IS NULL");
    FIND = concat!("SELECT ", columns!(), " FROM suppressions WHERE client_id = $1 AND id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM suppressions WHERE client_id = $1 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4");
    LIST_OF = concat!("SELECT ", columns!(), " FROM suppressions
        WHERE client_id = $1 AND hash = $5 AND (created_ms, id) < ($2, $3)
        ORDER BY created_ms DESC, id DESC LIMIT $4");
    CHECK = concat!("SELECT ", columns!(), " FROM suppressions
        WHERE client_id = $1 AND hash = $2 AND removed_ms IS NULL AND (campaign_id = '' OR campaign_id = $3)
        ORDER BY created_ms DESC, id DESC LIMIT 1");
    HELD = rows!("SELECT id, scope, campaign_id, hash, reason FROM suppressions WHERE hash IN ", 256, 1,
        " AND removed_ms IS NULL AND client_id = $257");
    LIFTED = "SELECT COUNT(*) FROM suppressions
        WHERE client_id = $1 AND hash = $2 AND campaign_id = '' AND removed_ms >= $3";
    REMOVE = "UPDATE suppressions SET removed_ms = $3, removed_reason = $4
        WHERE client_id = $1 AND id = $2 AND removed_ms IS NULL";
}

words! {
    /// How far a suppression reaches.
    Scope {
        /// One campaign of a client's.
        Campaign = "campaign",
        /// Everything the client does.
        Client = "client",
        /// Every client.
        Platform = "platform",
    }
}

words! {
    /// Why somebody is not to be called, where a client or the operator says so.
    Reason {
        /// They said so.
        OptOut = "opt_out",
        /// They objected by other means than a call.
        Objection = "objection",
        /// They are on a list of those who must not be called.
        DoNotCall = "do_not_call",
        /// It is somebody else's number.
        WrongNumber = "wrong_number",
        /// A complaint came in.
        Complaint = "complaint",
        /// Another reason.
        Other = "other",
    }
}

/// A number that must not be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// `sup_…`.
    pub id: String,
    /// How far it reaches.
    pub scope: Scope,
    /// The campaign, where it reaches no further.
    pub campaign_id: Option<String>,
    /// The keyed hash of the number: the client's, or the platform's for a suppression of the platform.
    pub hash: [u8; 32],
    /// Why, in stable snake_case, as `opt_out`.
    pub reason: String,
    /// Where it came from, in stable snake_case, as `call` or `api`.
    pub source: String,
    /// The call in which it was said.
    pub call_id: Option<String>,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it was lifted, ms since 1970.
    pub removed_ms: Option<i64>,
    /// Why it was lifted, in stable snake_case.
    pub removed_reason: Option<String>,
}

/// As much of a suppression in force as is asked about many numbers at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `sup_…`.
    pub id: String,
    /// How far it reaches.
    pub scope: Scope,
    /// The campaign, where it reaches no further.
    pub campaign_id: Option<String>,
    /// The keyed hash of the number.
    pub hash: [u8; 32],
    /// Why, in stable snake_case.
    pub reason: String,
}

/// A number that must not be called from now on.
#[derive(Clone, Debug)]
pub struct NewSuppression {
    /// `sup_…`.
    pub id: String,
    /// The campaign, if it reaches no further.
    pub campaign_id: Option<String>,
    /// The keyed hash of the number.
    pub hash: [u8; 32],
    /// Why, in stable snake_case.
    pub reason: String,
    /// Where it came from, in stable snake_case.
    pub source: String,
    /// The call in which it was said.
    pub call_id: Option<String>,
    /// Now, ms since 1970.
    pub created_ms: i64,
}

impl NewSuppression {
    /// How far it reaches, of a client's.
    fn scope(&self) -> Scope {
        match self.campaign_id {
            Some(_) => Scope::Campaign,
            None => Scope::Client,
        }
    }
}

fn read(mut row: Columns) -> Result<Suppression, StoreError> {
    Ok(Suppression {
        id: row.text()?,
        scope: row.word("a scope", Scope::parse)?,
        campaign_id: Some(row.text()?).filter(|id| !id.is_empty()),
        hash: row.hash()?,
        reason: row.text()?,
        source: row.text()?,
        call_id: row.text_opt()?,
        created_ms: row.int()?,
        removed_ms: row.int_opt()?,
        removed_reason: row.text_opt()?,
    })
}

fn read_held(mut row: Columns) -> Result<Held, StoreError> {
    Ok(Held {
        id: row.text()?,
        scope: row.word("a scope", Scope::parse)?,
        campaign_id: Some(row.text()?).filter(|id| !id.is_empty()),
        hash: row.hash()?,
        reason: row.text()?,
    })
}

/// The table of suppressions.
pub struct Suppressions<'a>(pub(super) &'a Store);

impl Suppressions<'_> {
    /// Makes it hold: on the disk when this returns. The suppression that is in force, and whether it is the new one:
    /// one number has one for a client and one for each campaign.
    pub async fn add(
        &self,
        client: &ClientId,
        new: &NewSuppression,
    ) -> Result<(Suppression, bool), StoreError> {
        add(self.0, client.as_str(), new.scope(), new).await
    }

    /// One suppression, also one that was lifted.
    pub async fn find(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<Option<Suppression>, StoreError> {
        self.0
            .one(FIND, args![client, id])
            .await?
            .map(read)
            .transpose()
    }

    /// Suppressions of the client, newest first, lifted ones too; of one number if `hash` is given.
    pub async fn list(
        &self,
        client: &ClientId,
        hash: Option<&[u8; 32]>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Suppression>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let mut args = args![client, created_ms, id, rows_asked(limit)];
        let sql = match hash {
            None => LIST,
            Some(hash) => {
                args.push(hash.into());
                LIST_OF
            }
        };
        let rows = self.0.all(sql, args, read).await?;
        Ok(Page::of(rows, limit, |suppression| Cursor {
            created_ms: suppression.created_ms,
            id: suppression.id.clone(),
        }))
    }

    /// What forbids the client to call a number, if anything does: the platform's word first, then the client's, then that
    /// of `campaign_id`. `hash` is the client's keyed hash of the number, `platform_hash` the platform's.
    pub async fn check(
        &self,
        client: &ClientId,
        hash: &[u8; 32],
        platform_hash: &[u8; 32],
        campaign_id: Option<&str>,
    ) -> Result<Option<Suppression>, StoreError> {
        let platform = self
            .0
            .one(CHECK, args![PLATFORM, platform_hash, ""])
            .await?;
        if let Some(row) = platform {
            return read(row).map(Some);
        }
        let args = args![client, hash, campaign_id.unwrap_or_default()];
        self.0.one(CHECK, args).await?.map(read).transpose()
    }

    /// What is in force of the client's own about these numbers, by its keyed hashes of them, of whatever scope.
    pub async fn held(
        &self,
        client: &ClientId,
        hashes: &[[u8; 32]],
    ) -> Result<Vec<Held>, StoreError> {
        held(self.0, client.as_str(), hashes).await
    }

    /// Whether a suppression of a number was lifted since then, ms since 1970.
    pub async fn was_lifted(
        &self,
        client: &ClientId,
        hash: &[u8; 32],
        since_ms: i64,
    ) -> Result<bool, StoreError> {
        let count = self.0.one(LIFTED, args![client, hash, since_ms]).await?;
        Ok(count.map(|mut row| row.int()).transpose()?.unwrap_or(0) > 0)
    }

    /// Lifts it; it stays readable with the reason, in stable snake_case. Whether it was in force.
    pub async fn remove(
        &self,
        client: &ClientId,
        id: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        let removed = tx.run(REMOVE, args![client, id, now_ms, reason]).await? > 0;
        if removed {
            let data = data! { "reason": reason };
            let told = Told::once(EventKind::SuppressionRemoved, id, data);
            tell(&mut tx, client.as_str(), told).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }
}

/// Until the transaction is over, nobody makes a suppression of the number: what is found now holds then.
pub(super) async fn alone(
    tx: &mut Tx,
    hash: &[u8; 32],
    platform_hash: &[u8; 32],
) -> Result<(), StoreError> {
    tx.alone(hash).await?;
    tx.alone(platform_hash).await
}

/// Whether anything forbids a client to call a number, asked in a transaction that does more.
pub(super) async fn forbids(
    tx: &mut Tx,
    client: &ClientId,
    hash: &[u8; 32],
    platform_hash: &[u8; 32],
) -> Result<bool, StoreError> {
    let platform = tx.one(CHECK, args![PLATFORM, platform_hash, ""]).await?;
    let own = tx.one(CHECK, args![client, hash, ""]).await?;
    Ok(platform.is_some() || own.is_some())
}

async fn held(store: &Store, owner: &str, hashes: &[[u8; 32]]) -> Result<Vec<Held>, StoreError> {
    let mut found = Vec::new();
    for asked in hashes.chunks(ASKED_MAX) {
        // What is too few is filled up with the first.
        let first = asked.first().into_iter().cycle();
        let mut args: Vec<Arg> = asked
            .iter()
            .chain(first)
            .take(ASKED_MAX)
            .map(Arg::from)
            .collect();
        args.push(owner.into());
        found.extend(store.all(HELD, args, read_held).await?);
    }
    Ok(found)
}

pub(super) async fn held_platform(
    store: &Store,
    hashes: &[[u8; 32]],
) -> Result<Vec<Held>, StoreError> {
    held(store, PLATFORM, hashes).await
}

pub(super) async fn add_platform(
    store: &Store,
    new: &NewSuppression,
) -> Result<(Suppression, bool), StoreError> {
    add(store, PLATFORM, Scope::Platform, new).await
}

pub(super) async fn remove_platform(
    store: &Store,
    id: &str,
    reason: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    Ok(store
        .run(REMOVE, args![PLATFORM, id, now_ms, reason])
        .await?
        > 0)
}

/// What came of several suppressions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AddedAll {
    /// How many are new.
    pub(super) added: u64,
    /// Callbacks that end with them.
    cancelled: u64,
}

impl AddedAll {
    /// Counts what ended, once that is committed.
    pub(super) fn count(self) {
        callbacks::count(CallbackState::Cancelled, self.cancelled);
    }
}

/// Makes suppressions of a client's hold, in a transaction that does more.
pub(super) async fn add_all(
    tx: &mut Tx,
    client: &ClientId,
    all: &[NewSuppression],
) -> Result<AddedAll, StoreError> {
    put_all(tx, client.as_str(), all, NewSuppression::scope).await
}

/// Makes suppressions of the platform hold, all or none. How many are new.
pub(super) async fn add_all_platform(
    store: &Store,
    all: &[NewSuppression],
) -> Result<u64, StoreError> {
    let mut tx = store.begin(Durability::Now).await?;
    let done = put_all(&mut tx, PLATFORM, all, |_| Scope::Platform).await?;
    tx.commit().await?;
    done.count();
    Ok(done.added)
}

async fn put_all(
    tx: &mut Tx,
    owner: &str,
    all: &[NewSuppression],
    scope: fn(&NewSuppression) -> Scope,
) -> Result<AddedAll, StoreError> {
    let mut done = AddedAll::default();
    // Whoever else wants several of them waits, and is not waited for.
    let mut in_order: Vec<&NewSuppression> = all.iter().collect();
    in_order.sort_by_key(|new| new.hash);
    for new in in_order {
        let put = put(tx, owner, scope(new), new).await?;
        done.added += u64::from(put.is_new);
        done.cancelled += put.cancelled;
    }
    Ok(done)
}

async fn add(
    store: &Store,
    owner: &str,
    scope: Scope,
    new: &NewSuppression,
) -> Result<(Suppression, bool), StoreError> {
    let campaign = new.campaign_id.as_deref().unwrap_or_default();
    let mut tx = store.begin(Durability::Now).await?;
    let Put { is_new, cancelled } = put(&mut tx, owner, scope, new).await?;
    let row = tx
        .one(IN_FORCE, args![owner, scope, campaign, &new.hash])
        .await?;
    let suppression = row.map(read).transpose()?.ok_or(StoreError::Conflict)?;
    tx.commit().await?;
    callbacks::count(CallbackState::Cancelled, cancelled);
    Ok((suppression, is_new))
}

/// What came of one suppression.
struct Put {
    is_new: bool,
    cancelled: u64,
}

/// Makes a suppression hold unless one does, has the client be told, and ends what the number was promised.
async fn put(
    tx: &mut Tx,
    owner: &str,
    scope: Scope,
    new: &NewSuppression,
) -> Result<Put, StoreError> {
    let args = args![
        owner,
        &new.id,
        scope,
        new.campaign_id.as_deref().unwrap_or_default(),
        &new.hash,
        &new.reason,
        &new.source,
        &new.call_id,
        new.created_ms,
    ];
    // Whoever has asked whether there is one ends what it does before.
    tx.alone(&new.hash).await?;
    let is_new = tx.run(ADD, args).await? > 0;
    if scope != Scope::Platform {
        told(tx, owner, scope, new, is_new).await?;
    }
    let cancelled = match scope {
        // Another campaign, or the client itself, may still call.
        Scope::Campaign => 0,
        Scope::Client => callbacks::opted_out(tx, Some(owner), &new.hash, new.created_ms).await?,
        Scope::Platform => callbacks::opted_out(tx, None, &new.hash, new.created_ms).await?,
    };
    Ok(Put { is_new, cancelled })
}

/// Has the client be told of a suppression that was made, and of an opt-out, also where the number was suppressed before.
async fn told(
    tx: &mut Tx,
    client: &str,
    scope: Scope,
    new: &NewSuppression,
    is_new: bool,
) -> Result<(), StoreError> {
    if let Some(call_id) = new.call_id.as_deref().filter(|_| new.reason == OPT_OUT) {
        calls::told(tx, client, call_id, EventKind::CallOptOut).await?;
    }
    if !is_new {
        return Ok(());
    }
    let data = data! {
        "scope": scope.as_str(),
        "campaign_id": new.campaign_id.as_deref(),
        "reason": new.reason.as_str(),
        "source": new.source.as_str(),
        "call_id": new.call_id.as_deref(),
    };
    let told = Told::once(EventKind::SuppressionCreated, &new.id, data);
    tell(tx, client, told).await
}
