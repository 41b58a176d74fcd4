//! A database of a test's own, with two clients in it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;
use trunkline::ids::{ClientId, new_id};
use trunkline::store::{Sealed, SealedNumber, Store, StoreConfig};

/// The moment at which tests begin, ms since 1970.
pub(crate) const NOW: i64 = 1_800_000_000_000;

/// An open store, and who uses it.
pub(crate) struct Bench {
    pub(crate) store: Store,
    /// Whose things a test makes.
    pub(crate) ours: ClientId,
    /// Who must never find them.
    pub(crate) theirs: ClientId,
    pub(crate) config: StoreConfig,
    _folder: Option<TempDir>,
}

/// A connection past the store, to look at what it did.
pub(crate) enum Raw {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Bench {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::sqlite(&folder.path().join("trunkline.db"));
        Self::of(config, Some(folder)).await
    }

    /// `None`, and loudly so, where there is no PostgreSQL; under CI that is a failure.
    pub(crate) async fn postgres() -> Option<Self> {
        let config = postgres_config().await?;
        Some(Self::of(config, None).await)
    }

    async fn of(config: StoreConfig, folder: Option<TempDir>) -> Self {
        let store = Store::open(&config).await.unwrap();
        let (ours, theirs) = (ClientId::new(), ClientId::new());
        for client in [&ours, &theirs] {
            store
                .clients()
                .add(client, &sealed("a name"), NOW)
                .await
                .unwrap();
        }
        Self {
            store,
            ours,
            theirs,
            config,
            _folder: folder,
        }
    }

    pub(crate) async fn raw(&self) -> Raw {
        if let Some(path) = self.config.url.strip_prefix("sqlite:") {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            return Raw::Sqlite(
                sqlx::SqliteConnection::connect_with(&options)
                    .await
                    .unwrap(),
            );
        }
        Raw::Postgres(sqlx::PgConnection::connect(&self.config.url).await.unwrap())
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.config.url.starts_with("sqlite:")
    }
}

impl Raw {
    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection) => connection.execute(sql).await.map(|_| ()),
            Self::Postgres(connection) => connection.execute(sql).await.map(|_| ()),
        }
    }
}

/// An address in a schema of its own.
async fn postgres_config() -> Option<StoreConfig> {
    let Some(url) = cluster() else {
        assert!(
            environment("CI").is_none(),
            "no PostgreSQL: install it, or name one with TRUNKLINE_TEST_POSTGRES"
        );
        println!(
            "SKIPPED: no PostgreSQL here; install it, or name one with TRUNKLINE_TEST_POSTGRES"
        );
        return None;
    };
    let schema = new_id("test").to_lowercase();
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    connection.execute(create).await.unwrap();
    connection.close().await.unwrap();
    let join = if url.contains('?') { '&' } else { '?' };
    Some(StoreConfig {
        url: format!("{url}{join}options[search_path]={schema}"),
        connections: 4,
    })
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The script's process. When this process ends, its input does, and the cluster goes away.
struct Cluster {
    url: String,
    _script: Child,
    _output: BufReader<ChildStdout>,
}

fn cluster() -> Option<&'static str> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static NAMED: OnceLock<Option<String>> = OnceLock::new();
    let named = NAMED.get_or_init(|| environment("TRUNKLINE_TEST_POSTGRES"));
    if let Some(url) = named {
        return Some(url);
    }
    CLUSTER
        .get_or_init(start)
        .as_ref()
        .map(|cluster| cluster.url.as_str())
}

fn start() -> Option<Cluster> {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(script.stdout.take().unwrap());
    let mut url = String::new();
    output.read_line(&mut url).unwrap();
    if url.is_empty() {
        let status = script.wait().unwrap();
        assert_eq!(status.code(), Some(77), "tests/postgres.sh failed");
        return None;
    }
    Some(Cluster {
        url: url.trim().to_owned(),
        _script: script,
        _output: output,
    })
}

/// Something sealed, as far as the store can tell.
pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed(text.bytes().map(|b| b ^ 0xa5).collect())
}

/// A keyed hash, as far as the store can tell.
pub(crate) fn hash(n: u8) -> [u8; 32] {
    [n; 32]
}

pub(crate) fn number(n: u8) -> SealedNumber {
    SealedNumber {
        sealed: sealed("+1500555000"),
        index: hash(n),
    }
}
