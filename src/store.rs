//! Rows: what clients set up, and what their calls left behind, on SQLite or PostgreSQL.
//!
//! Nothing else names the database library. Every statement is one text for both databases, listed in
//! [`statements`] so that a test prepares each on both. Every public function takes the client first and finds nothing
//! of another's; what concerns all clients is in [`system`].
//!
//! Content never reaches this module in clear: callers seal it ([`Sealed`]) and look it up by keyed hashes.

pub mod after;
pub mod agents;
pub mod agreements;
pub mod analytics;
pub mod api_keys;
pub mod attempts;
pub mod blocked_callers;
pub mod call_consents;
pub mod callbacks;
pub mod calls;
pub mod carriers;
pub mod clients;
pub mod complaints;
pub mod consents;
pub mod contacts;
pub mod decisions;
pub mod deliveries;
pub mod dialling;
pub mod disclosures;
pub mod drafts;
pub mod endpoints;
pub mod events;
pub mod fetches;
pub mod hooks;
pub mod idempotency;
pub mod imports;
pub mod keys;
pub mod knowledge;
pub mod limits;
mod migrate;
pub mod numbers;
mod open;
pub mod outbox;
pub mod page;
pub mod providers;
pub mod ratios;
pub mod registries;
pub mod rows;
pub mod rules;
mod several;
pub mod spending;
mod sql;
pub mod standing;
pub mod suppressions;
pub mod suspensions;
pub mod system;
pub mod tools;
pub mod transfers;
pub mod turns;
pub mod usage;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use open::StoreConfig;
pub use page::{Cursor, PAGE_ROWS_MAX, Page};
use sql::{Arg, Columns, Record, query};
use write::Durability;

/// Bytes that only the vault can read: the store keeps them and looks at nothing in them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(pub Vec<u8>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} sealed bytes]", self.0.len())
    }
}

/// A telephone number as rows hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedNumber {
    /// The number, sealed.
    pub sealed: Sealed,
    /// The keyed hash by which it is found.
    pub index: [u8; 32],
}

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row is not there, or is another client's.
    #[error("there is no such {what}")]
    Missing {
        /// What was looked for.
        what: &'static str,
    },
    /// The row has been changed since the revision that the caller saw.
    #[error("it has been changed in the meantime: revision {revision} is current")]
    Stale {
        /// The current revision.
        revision: i64,
    },
    /// Such a row exists already.
    #[error("there is one like it already")]
    Conflict,
    /// It names something that this client does not have.
    #[error("it names something that does not exist, or is of use to something that does")]
    Reference,
    /// The configuration names no database that is known here.
    #[error("{0}")]
    Config(String),
    /// The database's file cannot be used.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The database does not fit this server.
    #[error("{0}")]
    Migration(String),
    /// A row holds something that this server did not write.
    #[error("the database holds {what} that this server cannot read")]
    Unreadable {
        /// What.
        what: &'static str,
    },
    /// The database failed; trying again may help.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(told) = error.as_database_error() else {
            return Self::Database(error);
        };
        if told.is_unique_violation() {
            return Self::Conflict;
        }
        if told.is_foreign_key_violation() {
            return Self::Reference;
        }
        Self::Database(error)
    }
}

/// The database, open. A clone is the same one.
#[derive(Clone)]
pub struct Store {
    pool: Arc<Pool>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match *self.pool {
            Pool::Sqlite { .. } => "Store(SQLite)",
            Pool::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

/// Connections to either database.
enum Pool {
    /// One connection writes; the others only read.
    Sqlite {
        path: PathBuf,
        writer: sqlx::SqlitePool,
        /// The writer may have been told that its commits need not reach the disk at once.
        is_lax: AtomicBool,
        readers: sqlx::SqlitePool,
    },
    Postgres(sqlx::PgPool),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Config`], [`StoreError::File`], [`StoreError::Migration`] or [`StoreError::Database`], each saying
    /// what to do. Nothing that was stored is changed by an opening that fails.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let store = Self {
            pool: Arc::new(open::connect(config).await?),
        };
        match migrate::run(&store).await {
            Ok(()) => Ok(store),
            Err(error) => {
                let error = store.named(error);
                store.close().await;
                Err(error)
            }
        }
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(&self) {
        match &*self.pool {
            Pool::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// Whether other servers may have the same database open.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(*self.pool, Pool::Postgres(_))
    }

    /// Businesses.
    #[must_use]
    pub fn clients(&self) -> clients::Clients<'_> {
        clients::Clients(self)
    }

    /// Keys to the API.
    #[must_use]
    pub fn api_keys(&self) -> api_keys::ApiKeys<'_> {
        api_keys::ApiKeys(self)
    }

    /// Agents and their versions.
    #[must_use]
    pub fn agents(&self) -> agents::Agents<'_> {
        agents::Agents(self)
    }

    /// Drafts of agents.
    #[must_use]
    pub fn drafts(&self) -> drafts::Drafts<'_> {
        drafts::Drafts(self)
    }

    /// Accounts with carriers.
    #[must_use]
    pub fn carriers(&self) -> carriers::Carriers<'_> {
        carriers::Carriers(self)
    }

    /// Providers of speech and of language models.
    #[must_use]
    pub fn providers(&self) -> providers::Providers<'_> {
        providers::Providers(self)
    }

    /// What agents may use besides talking.
    pub fn tools(&self) -> tools::Tools<'_> {
        tools::Tools(self)
    }

    /// Telephone numbers of clients.
    #[must_use]
    pub fn numbers(&self) -> numbers::Numbers<'_> {
        numbers::Numbers(self)
    }

    /// Calls.
    #[must_use]
    pub fn calls(&self) -> calls::Calls<'_> {
        calls::Calls(self)
    }

    /// What was said in calls.
    #[must_use]
    pub fn turns(&self) -> turns::Turns<'_> {
        turns::Turns(self)
    }

    /// What happened in calls.
    #[must_use]
    pub fn events(&self) -> events::Events<'_> {
        events::Events(self)
    }

    /// The steps of consent in calls.
    #[must_use]
    pub fn consents(&self) -> consents::Consents<'_> {
        consents::Consents(self)
    }

    /// Who agreed to be called.
    #[must_use]
    pub fn call_consents(&self) -> call_consents::CallConsents<'_> {
        call_consents::CallConsents(self)
    }

    /// Who must not be called.
    #[must_use]
    pub fn suppressions(&self) -> suppressions::Suppressions<'_> {
        suppressions::Suppressions(self)
    }

    /// Whom clients do not want to hear.
    #[must_use]
    pub fn blocked_callers(&self) -> blocked_callers::BlockedCallers<'_> {
        blocked_callers::BlockedCallers(self)
    }

    /// Whom clients may want to call.
    #[must_use]
    pub fn contacts(&self) -> contacts::Contacts<'_> {
        contacts::Contacts(self)
    }

    /// Lists of contacts.
    #[must_use]
    pub fn contact_lists(&self) -> contacts::lists::ContactLists<'_> {
        contacts::lists::ContactLists(self)
    }

    /// What was told of whom.
    #[must_use]
    pub fn disclosures(&self) -> disclosures::Disclosures<'_> {
        disclosures::Disclosures(self)
    }

    /// Imports whose file is fetched from an address.
    #[must_use]
    pub fn fetches(&self) -> fetches::Fetches<'_> {
        fetches::Fetches(self)
    }

    /// Files of contacts that are read in.
    #[must_use]
    pub fn imports(&self) -> imports::Imports<'_> {
        imports::Imports(self)
    }

    /// Registers of people who do not want to be called.
    #[must_use]
    pub fn registries(&self) -> registries::Registries<'_> {
        registries::Registries(self)
    }

    /// Documents that agents may look things up in.
    #[must_use]
    pub fn knowledge(&self) -> knowledge::Knowledge<'_> {
        knowledge::Knowledge(self)
    }

    /// Callers who were to be put through to a person.
    #[must_use]
    pub fn transfers(&self) -> transfers::Transfers<'_> {
        transfers::Transfers(self)
    }

    /// Calls that were not allowed.
    #[must_use]
    pub fn decisions(&self) -> decisions::Decisions<'_> {
        decisions::Decisions(self)
    }

    /// Packs of rules that were decided by, and places that are closed.
    #[must_use]
    pub fn rules(&self) -> rules::Rules<'_> {
        rules::Rules(self)
    }

    /// Calls that carriers were asked for.
    #[must_use]
    pub fn attempts(&self) -> attempts::Attempts<'_> {
        attempts::Attempts(self)
    }

    /// People who are to be called back.
    #[must_use]
    pub fn callbacks(&self) -> callbacks::Callbacks<'_> {
        callbacks::Callbacks(self)
    }

    /// What clients are told of.
    #[must_use]
    pub fn outbox(&self) -> outbox::Outbox<'_> {
        outbox::Outbox(self)
    }

    /// Where clients want to be told of events.
    #[must_use]
    pub fn endpoints(&self) -> endpoints::Endpoints<'_> {
        endpoints::Endpoints(self)
    }

    /// Events on their way to endpoints.
    #[must_use]
    pub fn deliveries(&self) -> deliveries::Deliveries<'_> {
        deliveries::Deliveries(self)
    }

    /// What clients allow of their dialling.
    #[must_use]
    pub fn dialling(&self) -> dialling::Dialling<'_> {
        dialling::Dialling(self)
    }

    /// Systems of clients' own that are asked before a call.
    #[must_use]
    pub fn hooks(&self) -> hooks::Hooks<'_> {
        hooks::Hooks(self)
    }

    /// Who was stopped from dialling.
    #[must_use]
    pub fn suspensions(&self) -> suspensions::Suspensions<'_> {
        suspensions::Suspensions(self)
    }

    /// How much operators let single clients call.
    #[must_use]
    pub fn client_limits(&self) -> limits::ClientLimits<'_> {
        limits::ClientLimits(self)
    }

    /// What clients spend, and let themselves spend.
    #[must_use]
    pub fn spending(&self) -> spending::Spending<'_> {
        spending::Spending(self)
    }

    /// What clients agreed to.
    #[must_use]
    pub fn agreements(&self) -> agreements::Agreements<'_> {
        agreements::Agreements(self)
    }

    /// Complaints about calls.
    #[must_use]
    pub fn complaints(&self) -> complaints::Complaints<'_> {
        complaints::Complaints(self)
    }

    /// What is counted to see whether people want a client's calls.
    #[must_use]
    pub fn ratios(&self) -> ratios::Ratios<'_> {
        ratios::Ratios(self)
    }

    /// Requests that may be repeated.
    #[must_use]
    pub fn idempotency(&self) -> idempotency::Idempotency<'_> {
        idempotency::Idempotency(self)
    }

    /// What becomes known of calls once they are over.
    #[must_use]
    pub fn after(&self) -> after::After<'_> {
        after::After(self)
    }

    /// Calls as they are counted.
    #[must_use]
    pub fn analytics(&self) -> analytics::Analytics<'_> {
        analytics::Analytics(self)
    }

    /// What calls used.
    #[must_use]
    pub fn usage(&self) -> usage::Usage<'_> {
        usage::Usage(self)
    }

    /// What concerns all clients.
    #[must_use]
    pub fn system(&self) -> system::System<'_> {
        system::System(self)
    }

    /// The row, if there is one.
    async fn one(&self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Columns>, StoreError> {
        let row = match &*self.pool {
            Pool::Sqlite { readers, .. } => query!(sql, args)
                .fetch_optional(readers)
                .await?
                .map(Record::Sqlite),
            Pool::Postgres(pool) => query!(sql, args)
                .fetch_optional(pool)
                .await?
                .map(Record::Postgres),
        };
        Ok(row.map(Columns::new))
    }

    /// All rows, each read by `read`.
    async fn all<T>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        read: impl Fn(Columns) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        match &*self.pool {
            Pool::Sqlite { readers, .. } => {
                let rows = query!(sql, args).fetch_all(readers).await?;
                let rows = rows
                    .into_iter()
                    .map(|row| read(Columns::new(Record::Sqlite(row))));
                rows.collect()
            }
            Pool::Postgres(pool) => {
                let rows = query!(sql, args).fetch_all(pool).await?;
                let rows = rows
                    .into_iter()
                    .map(|row| read(Columns::new(Record::Postgres(row))));
                rows.collect()
            }
        }
    }

    /// The same error, naming the file where a damaged file is the reason.
    fn named(&self, error: StoreError) -> StoreError {
        match (&*self.pool, error) {
            (Pool::Sqlite { path, .. }, StoreError::Database(error)) => {
                open::file_error(path, error)
            }
            (_, error) => error,
        }
    }
}

/// Every statement, as `file.NAME` and its text: for the test that prepares each on both databases.
#[must_use]
pub fn statements() -> Vec<(String, &'static str)> {
    let files: [(&str, &[(&str, &'static str)]); 49] = [
        ("after", after::STATEMENTS),
        ("agents", agents::STATEMENTS),
        ("agreements", agreements::STATEMENTS),
        ("analytics", analytics::STATEMENTS),
        ("api_keys", api_keys::STATEMENTS),
        ("attempts", attempts::STATEMENTS),
        ("transfers", transfers::STATEMENTS),
        ("callbacks", callbacks::STATEMENTS),
        ("blocked_callers", blocked_callers::STATEMENTS),
        ("call_consents", call_consents::STATEMENTS),
        ("calls", calls::STATEMENTS),
        ("calls::greeted", calls::greeted::STATEMENTS),
        ("calls::life", calls::life::STATEMENTS),
        ("calls::list", calls::list::STATEMENTS),
        ("calls::telling", calls::telling::STATEMENTS),
        ("carriers", carriers::STATEMENTS),
        ("clients", clients::STATEMENTS),
        ("complaints", complaints::STATEMENTS),
        ("consents", consents::STATEMENTS),
        ("contacts", contacts::STATEMENTS),
        ("contacts::lists", contacts::lists::STATEMENTS),
        ("decisions", decisions::STATEMENTS),
        ("deliveries", deliveries::STATEMENTS),
        ("dialling", dialling::STATEMENTS),
        ("disclosures", disclosures::STATEMENTS),
        ("drafts", drafts::STATEMENTS),
        ("endpoints", endpoints::STATEMENTS),
        ("events", events::STATEMENTS),
        ("fetches", fetches::STATEMENTS),
        ("hooks", hooks::STATEMENTS),
        ("idempotency", idempotency::STATEMENTS),
        ("imports", imports::STATEMENTS),
        ("knowledge", knowledge::STATEMENTS),
        ("limits", limits::STATEMENTS),
        ("numbers", numbers::STATEMENTS),
        ("outbox", outbox::STATEMENTS),
        ("providers", providers::STATEMENTS),
        ("ratios", ratios::STATEMENTS),
        ("registries", registries::STATEMENTS),
        ("tools", tools::STATEMENTS),
        ("rules", rules::STATEMENTS),
        ("rows::apply", rows::STATEMENTS),
        ("rows::many", rows::MANY),
        ("spending", spending::STATEMENTS),
        ("suppressions", suppressions::STATEMENTS),
        ("suspensions", suspensions::STATEMENTS),
        ("system", system::STATEMENTS),
        ("turns", turns::STATEMENTS),
        ("usage", usage::STATEMENTS),
    ];
    let named = files.iter().flat_map(|(file, statements)| {
        statements
            .iter()
            .map(move |(name, sql)| (format!("{file}.{name}"), *sql))
    });
    named.collect()
}
