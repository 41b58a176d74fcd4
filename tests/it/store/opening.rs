//! Opening: again, at once, newer, changed, damaged.

use trunkline::store::{Store, StoreConfig, StoreError};

use super::bench::Bench;

super::on_both!(
    opening_again_changes_nothing,
    several_open_a_new_database_at_once,
    a_database_of_a_newer_server_is_refused,
    a_schema_of_another_build_is_refused,
);

async fn opening_again_changes_nothing(bench: Bench) {
    let again = Store::open(&bench.config).await.unwrap();
    again.system().ready().await.unwrap();
    let page = again.system().clients(None, 9).await.unwrap();
    assert_eq!(page.data.len(), 2);
    again.close().await;
    assert!(again.system().ready().await.is_err());
    bench.store.system().ready().await.unwrap();
}

async fn several_open_a_new_database_at_once(bench: Bench) {
    let mut raw = bench.raw().await;
    for table in [
        "rule_packs",
        "closures",
        "decisions",
        "disclosures",
        "webhook_deliveries",
        "webhook_endpoints",
        "outbox",
        "outbox_end",
        "leases",
        "spent_tokens",
        "idempotency_keys",
        "suppressions",
        "blocked_callers",
        "call_consents",
        "complaints",
        "suspensions",
        "spend_caps",
        "spending",
        "client_limits",
        "agreements",
        "second_passes",
        "withdrawals",
        "after_calls",
        "words",
        "dispositions",
        "usage_lines",
        "knowledge_parts",
        "knowledge_sources",
        "knowledge_documents",
        "hooks",
        "screened",
        "registry_numbers",
        "registry_files",
        "import_errors",
        "imports",
        "contact_list_members",
        "contact_lists",
        "contact_phones",
        "contacts",
    ] {
        raw.script(&format!("DROP TABLE {table}")).await.unwrap();
    }
    for table in [
        "callbacks",
        "transfers",
        "attempts",
        "dialling",
        "consents",
        "events",
        "turns",
        "calls",
        "numbers",
        "providers",
        "tools",
        "carrier_accounts",
    ] {
        raw.script(&format!("DROP TABLE {table}")).await.unwrap();
    }
    for table in [
        "agent_drafts",
        "agent_versions",
        "agents",
        "api_keys",
        "clients",
        "migrations",
    ] {
        raw.script(&format!("DROP TABLE {table}")).await.unwrap();
    }
    let opened = futures_util::future::join_all((0..4).map(|_| Store::open(&bench.config))).await;
    for store in opened {
        let store = store.unwrap();
        assert_eq!(store.system().clients(None, 9).await.unwrap().data, []);
        store.close().await;
    }
}

async fn refusal(bench: &Bench) -> String {
    match Store::open(&bench.config).await {
        Err(error @ StoreError::Migration(_)) => error.to_string(),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it opened"),
    }
}

async fn a_database_of_a_newer_server_is_refused(bench: Bench) {
    let hash = if bench.is_sqlite() {
        "x'00'"
    } else {
        r"'\x00'"
    };
    let mut raw = bench.raw().await;
    raw.script(&format!(
        "INSERT INTO migrations VALUES (999, '0999_future', {hash}, 0)"
    ))
    .await
    .unwrap();
    let told = refusal(&bench).await;
    assert!(
        told.contains("newer server") && told.contains("0999_future"),
        "{told}"
    );
}

async fn a_schema_of_another_build_is_refused(bench: Bench) {
    let mut raw = bench.raw().await;
    let hash = if bench.is_sqlite() {
        "zeroblob(32)"
    } else {
        r"decode(repeat('00', 32), 'hex')"
    };
    raw.script(&format!("UPDATE migrations SET checksum = {hash}"))
        .await
        .unwrap();
    let told = refusal(&bench).await;
    assert!(
        told.contains("another build") && told.contains("step 1"),
        "{told}"
    );
}

async fn problem(config: &StoreConfig) -> String {
    match Store::open(config).await {
        Err(StoreError::File { path, problem }) => {
            assert!(config.url.ends_with(path.to_str().unwrap()));
            problem
        }
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it opened"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (content, said) in [
        ("", "is empty"),
        ("SQLite", "is not an SQLite"),
        ("hello, this is a letter\n", "is not an SQLite"),
    ] {
        let path = folder.path().join("trunkline.db");
        std::fs::write(&path, content).unwrap();
        let told = problem(&StoreConfig::sqlite(&path)).await;
        assert!(told.contains(said) && told.contains("backup"), "{told}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    let told = problem(&StoreConfig::sqlite(
        &folder.path().join("nowhere/trunkline.db"),
    ))
    .await;
    assert!(told.contains("make its folder"), "{told}");
}

#[tokio::test]
async fn a_truncated_or_garbled_database_is_named_with_what_to_do() {
    for garble in [false, true] {
        let bench = Bench::sqlite().await;
        bench.store.close().await;
        let path = bench.config.url.strip_prefix("sqlite:").unwrap();
        let mut bytes = std::fs::read(path).unwrap();
        assert!(bytes.len() > 50_000, "{}", bytes.len());
        if garble {
            bytes[20..].fill(0x5a);
        } else {
            bytes.truncate(bytes.len() / 2);
        }
        std::fs::write(path, &bytes).unwrap();
        let told = problem(&bench.config).await;
        assert!(
            told.contains("is damaged") && told.contains("backup"),
            "{told}"
        );
        assert_eq!(std::fs::read(path).unwrap(), bytes, "it was changed");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_not_repeated() {
    for url in [
        "",
        "mysql://user:sekrit@host/db",
        "postgres://user:sekrit@host:port/db",
    ] {
        let config = StoreConfig {
            url: url.into(),
            connections: 1,
        };
        let Err(error) = Store::open(&config).await else {
            panic!("{url} opened");
        };
        assert!(matches!(error, StoreError::Config(_)), "{error:?}");
        assert!(
            !format!("{error} {error:?}").contains("sekrit"),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_postgresql_that_is_not_there_is_named_with_what_to_do() {
    // Nothing listens at the port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let config = StoreConfig {
        url: format!("postgres://trunkline@{address}/trunkline"),
        connections: 4,
    };
    let said = Store::open(&config).await.err().unwrap().to_string();
    let want =
        "the PostgreSQL database does not answer within 10 s; check its address, and that it runs";
    assert_eq!(said, want);
}
