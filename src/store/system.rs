//! What concerns all clients, or nobody yet: who shows a key, whose a called number is, the operator's defaults, and
//! tidying up. Nothing here may be reached by a client.

use super::after::{self, DueCall};
use super::api_keys::{self, ApiKey};
use super::attempts::{self, Attempt};
use super::callbacks;
use super::carriers::{self, CarrierAccount};
use super::clients::{self, Client};
use super::deliveries::{self, Tried};
use super::fetches::{self, Fetch};
use super::hooks;
use super::imports::{self, Import};
use super::knowledge::{self, Due};
use super::numbers::{self, Number};
use super::outbox::{self, EndpointOf, Published};
use super::page::rows_asked;
use super::providers::{self, NewProvider, Provider};
use super::registries::{self, RegistryFile};
use super::sql::{args, statements};
use super::suppressions::{self, Held, NewSuppression, Suppression};
use super::suspensions::{self, Suspension};
use super::transfers::{self, Transfer};
use super::{Cursor, Page, Store, StoreError, idempotency};
use crate::ids::ClientId;

/// Most defaults of the operator's that are read.
const DEFAULTS_MAX: i64 = 1_000;
/// What screening said of a number is kept so long, ms.
const SCREENED_KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// So much of it is forgotten at once.
const PURGED_MAX: u32 = 10_000;
/// How long a spent token is remembered after it has expired, ms: the clock may be set back.
const SPENT_KEPT_MS: i64 = 24 * 3_600_000;

statements! {
    READY = "SELECT COUNT(*) FROM migrations";
    API_KEY = "SELECT api_keys.client_id, api_keys.id, api_keys.name, scopes, api_keys.created_ms, expires_ms, revoked_ms,
            last_used_ms
        FROM api_keys JOIN clients ON clients.id = api_keys.client_id
        WHERE hash = $1 AND clients.closed_ms IS NULL";
    CLIENTS = "SELECT id, name, created_ms, closed_ms, revision FROM clients
        WHERE (created_ms, id) < ($1, $2) ORDER BY created_ms DESC, id DESC LIMIT $3";
    OPEN_CLIENTS = "SELECT id FROM clients WHERE closed_ms IS NULL ORDER BY created_ms, id LIMIT $1";
    BEHIND = "SELECT client_id, id, created_ms FROM calls WHERE rows_done = 0 AND id > $1 ORDER BY id LIMIT $2";
    BY_CARRIER = "SELECT client_id, id FROM calls WHERE carrier = $1 AND carrier_call_id = $2";
    SPEND = "INSERT INTO spent_tokens (hash, expires_ms) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING";
    FORGET_DECISIONS = "DELETE FROM decisions WHERE (client_id, id) IN
        (SELECT client_id, id FROM decisions WHERE made_ms < $1 ORDER BY made_ms LIMIT $2)";
    SPENT_PURGE = "DELETE FROM spent_tokens WHERE expires_ms < $1";
}

/// A call whose rows may lack something that its journal has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BehindCall {
    /// Whose it is.
    pub client: ClientId,
    /// `call_…`.
    pub call_id: String,
    /// When it was wanted or came in, ms since 1970.
    pub created_ms: i64,
}

/// What concerns all clients.
pub struct System<'a>(pub(super) &'a Store);

impl System<'_> {
    /// Forgets decisions from before a moment, at most so many. How many they were.
    pub async fn forget_decisions(&self, before_ms: i64, most: u32) -> Result<u64, StoreError> {
        let args = args![before_ms, i64::from(most)];
        self.0.run(FORGET_DECISIONS, args).await
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.0.one(READY, Vec::new()).await.map(|_| ())
    }

    /// The key of this SHA-256, if its client is open; the caller asks [`ApiKey::is_live`].
    pub async fn api_key(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let row = self.0.one(API_KEY, args![hash]).await?;
        row.map(api_keys::read).transpose()
    }

    /// All clients, newest first.
    pub async fn clients(
        &self,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Client>, StoreError> {
        let (created_ms, id) = Cursor::start(after);
        let args = args![created_ms, id, rows_asked(limit)];
        let rows = self.0.all(CLIENTS, args, clients::read).await?;
        Ok(Page::of(rows, limit, |client| Cursor {
            created_ms: client.created_ms,
            id: client.id.as_str().to_owned(),
        }))
    }

    /// The clients that are open, the oldest first, at most `limit`.
    pub async fn open_clients(&self, limit: u32) -> Result<Vec<ClientId>, StoreError> {
        self.0
            .all(OPEN_CLIENTS, args![limit], |mut row| row.client())
            .await
    }

    /// Whose number was called, by the platform's keyed hash.
    pub async fn number_called(&self, index: &[u8; 32]) -> Result<Option<Number>, StoreError> {
        numbers::called(self.0, index).await
    }

    /// Whose an account with a carrier is, by its id alone, and the account.
    pub async fn carrier_account(
        &self,
        id: &str,
    ) -> Result<Option<(ClientId, CarrierAccount)>, StoreError> {
        carriers::named(self.0, id).await
    }

    /// The call that a carrier means.
    pub async fn call_of_carrier(
        &self,
        carrier: &str,
        carrier_call_id: &str,
    ) -> Result<Option<(ClientId, String)>, StoreError> {
        let Some(mut row) = self
            .0
            .one(BY_CARRIER, args![carrier, carrier_call_id])
            .await?
        else {
            return Ok(None);
        };
        Ok(Some((row.client()?, row.text()?)))
    }

    /// Whose an attempt is that a webhook's address names, and the attempt.
    pub async fn attempt(&self, id: &str) -> Result<Option<(ClientId, Attempt)>, StoreError> {
        attempts::named(self.0, id).await
    }

    /// Attempts whose calls are not known to be over, in the order of their ids, behind `after`, at most `limit`.
    pub async fn open_attempts(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(ClientId, Attempt)>, StoreError> {
        attempts::open(self.0, after, limit).await
    }

    /// The same of those alone that were made by then, ms since 1970.
    pub async fn open_attempts_since(
        &self,
        after: &str,
        by_ms: i64,
        limit: u32,
    ) -> Result<Vec<(ClientId, Attempt)>, StoreError> {
        attempts::open_since(self.0, after, by_ms, limit).await
    }

    /// Whose a transfer is that a webhook's address names, and the transfer.
    pub async fn transfer(&self, id: &str) -> Result<Option<(ClientId, Transfer)>, StoreError> {
        transfers::named(self.0, id).await
    }

    /// Transfers of which it is not known how they ended, in the order of their ids, behind `after`, at most `limit`.
    pub async fn open_transfers(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(ClientId, Transfer)>, StoreError> {
        transfers::open(self.0, after, limit).await
    }

    /// Suspensions in force by which calls that go on were to end too, in the order of their ids, behind `after`, at most `limit`.
    pub async fn suspensions_to_end(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Suspension>, StoreError> {
        suspensions::to_end(self.0, after, limit).await
    }

    /// The client behind `after`, an id, of which a callback's time has come: clients in the order of their ids.
    pub async fn due_client(
        &self,
        after: &str,
        now_ms: i64,
    ) -> Result<Option<ClientId>, StoreError> {
        callbacks::due_client(self.0, after, now_ms).await
    }

    /// When the next callback is due, ms since 1970.
    pub async fn next_callback(&self) -> Result<Option<i64>, StoreError> {
        callbacks::next_due(self.0).await
    }

    /// Gives events that were written since their places, at most `limit`, and each endpoint that wants one a delivery of it.
    pub async fn publish(&self, now_ms: i64, limit: u32) -> Result<Published, StoreError> {
        outbox::publish(self.0, now_ms, limit).await
    }

    /// Forgets at most `limit` events from before then, with their deliveries. How many.
    pub async fn purge_events(&self, before_ms: i64, limit: u32) -> Result<u64, StoreError> {
        outbox::purge(self.0, before_ms, limit).await
    }

    /// Whether the server of this name is the one that tells clients of events until then.
    pub async fn hold_outbox(
        &self,
        holder: &str,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<bool, StoreError> {
        outbox::hold(self.0, holder, now_ms, until_ms).await
    }

    /// Another server may tell clients of events at once.
    pub async fn let_go_of_outbox(&self, holder: &str) -> Result<(), StoreError> {
        outbox::let_go(self.0, holder).await
    }

    /// Endpoints that some event waits for, in their order behind `after`, at most `limit`.
    pub async fn waiting_endpoints(
        &self,
        after: Option<&EndpointOf>,
        limit: u32,
    ) -> Result<Vec<EndpointOf>, StoreError> {
        deliveries::waiting(self.0, after, limit).await
    }

    /// Writes what came of tries, all of it or nothing.
    pub async fn tried(&self, tried: &[Tried]) -> Result<(), StoreError> {
        deliveries::tried(self.0, tried).await
    }

    /// The document that waits longest to be read, or to have vectors by `embedder` in place of another's; none of the latter
    /// if that is empty.
    pub async fn due_document(
        &self,
        now_ms: i64,
        embedder: &str,
    ) -> Result<Option<Due>, StoreError> {
        knowledge::due(self.0, now_ms, embedder).await
    }

    /// The import that waits longest or was begun and has not ended.
    pub async fn next_import(&self) -> Result<Option<Import>, StoreError> {
        imports::next(self.0).await
    }

    /// The import whose file is to be fetched now, by this fetcher, which may be silent until then.
    pub async fn claim_fetch(
        &self,
        fetcher: &str,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<Option<Fetch>, StoreError> {
        fetches::claim(self.0, fetcher, now_ms, until_ms).await
    }

    /// Nobody fetches anything: of a database that is this server's alone, at its start.
    pub async fn release_fetches(&self) -> Result<(), StoreError> {
        fetches::release(self.0).await
    }

    /// Ids of the imports that have not ended.
    pub async fn open_imports(&self) -> Result<Vec<String>, StoreError> {
        imports::open(self.0).await
    }

    /// The file of a register that waits longest or was begun and has not ended.
    pub async fn next_registry_file(&self) -> Result<Option<RegistryFile>, StoreError> {
        registries::next(self.0).await
    }

    /// Ids of the files of registers that have not ended.
    pub async fn open_registry_files(&self) -> Result<Vec<String>, StoreError> {
        registries::open(self.0).await
    }

    /// A file of a register that does not count and has numbers left, and whose it is.
    pub async fn unswept_registry_file(&self) -> Result<Option<(ClientId, String)>, StoreError> {
        registries::unswept(self.0).await
    }

    /// Has every document be due that a server before may have begun. How many.
    pub async fn release_documents(&self, now_ms: i64) -> Result<u64, StoreError> {
        knowledge::release(self.0, now_ms).await
    }

    /// Calls whose rows are not complete, in the order of their ids, behind `after`, at most `limit`: those under way, and
    /// those that a crash cut off.
    pub async fn behind(&self, after: &str, limit: u32) -> Result<Vec<BehindCall>, StoreError> {
        let read = |mut row: super::sql::Columns| {
            Ok(BehindCall {
                client: row.client()?,
                call_id: row.text()?,
                created_ms: row.int()?,
            })
        };
        self.0.all(BEHIND, args![after, limit], read).await
    }

    /// Calls that are over and of which something is to become known by now, in the order in which it is due, behind
    /// `after`, at most `limit`.
    pub async fn due_after(
        &self,
        now_ms: i64,
        after: Option<&DueCall>,
        limit: u32,
    ) -> Result<Vec<DueCall>, StoreError> {
        after::due(self.0, now_ms, after, limit).await
    }

    /// Adds a default of the operator's, which every client may use.
    pub async fn add_provider(&self, new: &NewProvider) -> Result<(), StoreError> {
        providers::add(self.0, None, new).await
    }

    /// One default of the operator's.
    pub async fn provider(&self, id: &str) -> Result<Option<Provider>, StoreError> {
        providers::default_find(self.0, id).await
    }

    /// The operator's defaults, newest first.
    pub async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        providers::default_list(self.0, DEFAULTS_MAX).await
    }

    /// Removes a default. Whether it was there.
    pub async fn remove_provider(&self, id: &str) -> Result<bool, StoreError> {
        providers::default_remove(self.0, id).await
    }

    /// Forbids every client to call a number. On the disk when this returns.
    pub async fn suppress(&self, new: &NewSuppression) -> Result<(Suppression, bool), StoreError> {
        suppressions::add_platform(self.0, new).await
    }

    /// The same of several numbers, all or none. How many are new.
    pub async fn suppress_all(&self, all: &[NewSuppression]) -> Result<u64, StoreError> {
        suppressions::add_all_platform(self.0, all).await
    }

    /// What is in force of the platform about these numbers, by its keyed hashes of them.
    pub async fn suppressed(&self, hashes: &[[u8; 32]]) -> Result<Vec<Held>, StoreError> {
        suppressions::held_platform(self.0, hashes).await
    }

    /// Lifts a suppression of the platform. Whether it was in force.
    pub async fn unsuppress(
        &self,
        id: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        suppressions::remove_platform(self.0, id, reason, now_ms).await
    }

    /// Uses up a media token, by its hash. False if it was used before.
    pub async fn spend_token(&self, hash: &[u8; 32], expires_ms: i64) -> Result<bool, StoreError> {
        Ok(self.0.run(SPEND, args![hash, expires_ms]).await? > 0)
    }

    /// Forgets idempotency keys and spent tokens whose time is over. How many.
    pub async fn purge(&self, now_ms: i64) -> Result<u64, StoreError> {
        let keys = idempotency::purge(self.0, now_ms).await?;
        let spent = self
            .0
            .run(SPENT_PURGE, args![now_ms - SPENT_KEPT_MS])
            .await?;
        let screened = hooks::purge(self.0, now_ms - SCREENED_KEPT_MS, PURGED_MAX).await?;
        Ok(keys + spent + screened)
    }
}
