//! What the sources promise: one place speaks SQL, and nothing is found without a client.

use std::path::{Path, PathBuf};

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let named = files.into_iter().map(|path| {
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        (name, std::fs::read_to_string(path).unwrap())
    });
    named.collect()
}

fn is_of_the_store(name: &str) -> bool {
    name == "store.rs" || name.starts_with("store/")
}

#[test]
fn only_the_store_speaks_sql() {
    let sources = sources();
    assert!(
        sources
            .iter()
            .any(|(name, text)| name == "store.rs" && text.contains("sqlx::"))
    );
    for (name, text) in sources {
        if !is_of_the_store(&name) {
            assert!(!text.contains("sqlx"), "src/{name} names sqlx");
        }
    }
}

/// Files of the store whose public functions belong to a client, and so take it first.
const AGGREGATES: &[&str] = &[
    "after",
    "agents",
    "agreements",
    "analytics",
    "api_keys",
    "attempts",
    "blocked_callers",
    "call_consents",
    "callbacks",
    "calls",
    "calls/greeted",
    "calls/life",
    "decisions",
    "deliveries",
    "endpoints",
    "outbox",
    "carriers",
    "clients",
    "complaints",
    "consents",
    "contacts",
    "contacts/lists",
    "dialling",
    "drafts",
    "events",
    "hooks",
    "idempotency",
    "disclosures",
    "fetches",
    "imports",
    "knowledge",
    "limits",
    "numbers",
    "providers",
    "ratios",
    "registries",
    "spending",
    "suppressions",
    "suspensions",
    "tools",
    "transfers",
    "turns",
    "usage",
];

/// The parameters of every public `async fn`, in one line each, with its name.
fn public_async_functions(text: &str) -> Vec<(String, String)> {
    let parts = text.split("pub async fn ").skip(1);
    let functions = parts.map(|part| {
        let (name, rest) = part.split_once('(').unwrap();
        let (parameters, _) = rest.split_once(')').unwrap();
        (
            name.to_owned(),
            parameters.split_whitespace().collect::<Vec<_>>().join(" "),
        )
    });
    functions.collect()
}

#[test]
fn every_function_of_an_aggregate_takes_the_client_first() {
    let sources = sources();
    let mut seen = 0;
    for aggregate in AGGREGATES {
        let file = format!("store/{aggregate}.rs");
        let (_, text) = sources.iter().find(|(name, _)| *name == file).unwrap();
        let functions = public_async_functions(text);
        assert!(!functions.is_empty(), "{file}");
        for (name, parameters) in functions {
            let first = parameters
                .strip_prefix("&self, ")
                .unwrap_or_else(|| panic!("{file}: {name}({parameters})"));
            assert!(
                first.starts_with("client: &ClientId"),
                "{file}: {name}({parameters})"
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
    // Whatever else the store has in public is not of one client.
    let other = [
        "store.rs",
        "store/system.rs",
        "store/rows.rs",
        "store/rules.rs",
        "store/keys.rs",
    ];
    for (name, text) in sources.iter().filter(|(name, _)| is_of_the_store(name)) {
        let is_aggregate = AGGREGATES
            .iter()
            .any(|aggregate| *name == format!("store/{aggregate}.rs"));
        if !is_aggregate && !other.contains(&name.as_str()) && !name.starts_with("store/keys/") {
            assert_eq!(
                public_async_functions(text),
                [],
                "{name} is neither an aggregate nor of the system"
            );
        }
    }
}

#[test]
fn every_statement_of_an_aggregate_is_in_the_list_and_names_the_client() {
    for (name, text) in sources() {
        let is_aggregate = AGGREGATES
            .iter()
            .any(|aggregate| name == format!("store/{aggregate}.rs"));
        if !is_aggregate {
            continue;
        }
        let begins = text
            .find("statements! {")
            .unwrap_or_else(|| panic!("{name}"));
        let ends = begins + text[begins..].find("\n}\n").unwrap();
        for verb in ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE "] {
            for (at, _) in text.match_indices(verb) {
                assert!(
                    (begins..ends).contains(&at),
                    "{name}: a statement outside the list: {}",
                    &text[at..at + 60]
                );
            }
        }
    }
    // Of an aggregate's statements, those that name no client are asked by the system alone.
    const OF_THE_SYSTEM: &[&str] = &[
        "after.DUE",
        "idempotency.PURGE",
        "rules.KEEP",
        "rules.FIND",
        "rules.COUNT",
        "rules.CLOSE",
        "rules.OPEN",
        "rules.CLOSURES",
        "fetches.CLAIM",
        "fetches.RELEASE",
        "imports.NEXT",
        "imports.OPEN",
        "registries.NEXT",
        "registries.OPEN",
        "registries.UNSWEPT",
        "knowledge.DUE",
        "knowledge.RELEASE",
        "attempts.NAMED",
        "attempts.OPEN",
        "callbacks.DUE",
        "callbacks.NEXT",
        "callbacks.OPT_OUT_EVERYWHERE",
        "deliveries.WAITING",
        "outbox.UNPUBLISHED",
        "outbox.ADVANCE",
        "outbox.PUBLISH",
        "outbox.PURGE",
        "outbox.HOLD",
        "outbox.LET_GO",
        "suspensions.TO_END",
        "transfers.NAMED",
        "transfers.OPEN",
        "carriers.NAMED",
        "numbers.CALLED",
        "providers.DEFAULT_",
    ];
    for (name, sql) in trunkline::store::statements() {
        let of_the_system = name.starts_with("system.")
            || OF_THE_SYSTEM.iter().any(|prefix| name.starts_with(prefix));
        // Where many are asked about, the client comes behind them.
        let of_the_client = sql.contains("client_id = $")
            || sql.contains("(client_id, ")
            || name.starts_with("clients.");
        assert!(of_the_system || of_the_client, "{name}: {sql}");
    }
}
