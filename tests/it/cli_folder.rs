//! A data folder in a bad state, as its operator meets it on the command line. None of these needs a model: what is wrong
//! with the folder is said before the models are looked at.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use trunkline::data_folder::DataFolder;
use trunkline::desk::{Desk, Unnamed};
use trunkline::ids::ClientId;
use trunkline::journal::JournalSettings;
use trunkline::store::StoreConfig;
use trunkline_core::consent::{Method, Mode};
use trunkline_core::journal::{Audio, Began, Consent, Entry, Speaker, Step, Turn};
use trunkline_core::token::Direction;

/// A folder to run the command in; `data` is below it.
struct Place(TempDir);

struct Said {
    status: i32,
    out: String,
    err: String,
}

/// Whatever else is wrong, this is said last: there are no models here.
const CONFIGURATION: &str = "listen = \"127.0.0.1:0\"\nmodels = \"no-folder\"\n";

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("trunkline.toml"), CONFIGURATION).unwrap();
        // A file where the models' folder should be.
        fs::write(place.path("no-folder"), "").unwrap();
        place
    }

    fn ready() -> Self {
        let place = Self::new();
        place.works(&["init", "--client", "Oak Street Dental"]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .output()
            .unwrap();
        let said = Said {
            status: status.code().unwrap(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        };
        assert!(
            !said.err.contains("panicked"),
            "{arguments:?}: {}",
            said.err
        );
        said
    }

    /// What a command prints that succeeds.
    fn works(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {}", said.err);
        said.out
    }

    /// Fails with status 1, on its last line says all of these, and prints nothing.
    fn refuses(&self, arguments: &[&str], names: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(
            (said.status, said.out.as_str()),
            (1, ""),
            "{arguments:?}: {}",
            said.err
        );
        let last = said.err.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("trunkline: "),
            "{arguments:?}: {}",
            said.err
        );
        for name in names {
            assert!(
                last.contains(name),
                "{arguments:?} does not say {name:?}: {}",
                said.err
            );
        }
        assert!(
            last.matches("os error").count() <= 1,
            "{arguments:?}: {}",
            said.err
        );
        said
    }

    /// Every command that opens the folder says so.
    fn all_refuse(&self, names: &[&str]) {
        for arguments in [
            &["serve"][..],
            &["clients", "list"],
            &["clients", "add", "Elm"],
            &["keys", "list"],
            &["keys", "create"],
        ] {
            self.refuses(arguments, names);
        }
    }

    /// Gets as far as the models, which are not there.
    fn serves(&self) -> Said {
        self.refuses(&["serve"], &["no-folder", "models"])
    }
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

#[test]
fn a_folder_without_init_is_refused_and_init_does_it_once() {
    let place = Place::new();
    place.all_refuse(&["data", "no vault yet", "trunkline init", "`data`"]);
    let said = place.works(&["init", "--client", "Oak Street Dental"]);
    for part in [
        "data folder  data",
        "data/vault/kek",
        "copy it to a safe",
        "cli_",
        "Oak Street Dental",
        "shown this once",
        "trunkline serve",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let key = fs::read(place.path("data/vault/kek")).unwrap();
    place.refuses(&["init"], &["data/keys.db", "already", "trunkline serve"]);
    assert_eq!(fs::read(place.path("data/vault/kek")).unwrap(), key);
    place.serves();
}

#[test]
fn a_key_file_that_is_lost_wrong_or_open_to_others_is_refused() {
    let place = Place::ready();
    let path = place.path("data/vault/kek");
    let right = fs::read(&path).unwrap();
    mode(&path, 0o640);
    place.all_refuse(&["data/vault/kek", "0640", "chmod 600"]);
    fs::remove_file(&path).unwrap();
    place.all_refuse(&["data/vault/kek", "missing", "restore it from your safe"]);
    place.refuses(&["init"], &["data/keys.db", "already"]);
    let other = fs::read(Place::ready().path("data/vault/kek")).unwrap();
    for (bytes, names) in [
        (
            other.as_slice(),
            [
                "this key file has the key",
                "restore that one from your safe",
            ],
        ),
        (
            &right[..right.len() / 2],
            ["not a whole key file", "restore it from your safe"],
        ),
        (b"", ["not a whole key file", "restore it from your safe"]),
    ] {
        fs::write(&path, bytes).unwrap();
        mode(&path, 0o600);
        place.all_refuse(&[&["data/vault/kek"][..], &names].concat());
    }
    fs::write(&path, &right).unwrap();
    place.serves();
    assert!(
        place
            .works(&["clients", "list"])
            .contains("Oak Street Dental")
    );
}

#[test]
fn a_folder_that_another_server_uses_is_refused() {
    let place = Place::ready();
    let held = DataFolder::lock(&place.path("data")).unwrap();
    let process = format!("process {}", std::process::id());
    place.refuses(
        &["serve"],
        &["data: another server", &process, "end that one", "`data`"],
    );
    // Books are kept beside a running server.
    assert!(place.works(&["keys", "list"]).contains("live"));
    drop(held);
    place.serves();
}

#[test]
fn a_folder_that_cannot_be_is_refused() {
    for data in ["file", "file/below", "/proc/trunkline-data"] {
        let place = Place::new();
        fs::write(place.path("file"), "").unwrap();
        fs::write(
            place.path("trunkline.toml"),
            format!("{CONFIGURATION}data = {data:?}\n"),
        )
        .unwrap();
        place.refuses(&["init"], &[data, "os error", "`data`"]);
        place.refuses(&["serve"], &[data, "`data`"]);
        place.refuses(&["keys", "list"], &[data, "`data`"]);
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_as_it_is() {
    for name in ["trunkline.db", "keys.db"] {
        let place = Place::ready();
        let path = place.path("data").join(name);
        // What is in the log beside the file would mend it.
        sql(&path, "PRAGMA wal_checkpoint(TRUNCATE)").await;
        let whole = fs::read(&path).unwrap();
        let mut bent = whole.clone();
        bent[200..].fill(0x5A);
        let letter =
            b"this was never a database, but it is long enough to be one, is it not? ".repeat(9);
        for bytes in [&whole[..whole.len() / 2], &whole[..60], &bent, &letter, b""] {
            fs::write(&path, bytes).unwrap();
            place.all_refuse(&[name, "backup"]);
            assert!(fs::read(&path).unwrap() == bytes, "{name} was changed");
        }
        fs::write(&path, &whole).unwrap();
        place.serves();
        assert!(
            place
                .works(&["clients", "list"])
                .contains("Oak Street Dental")
        );
    }
}

async fn sql(path: &Path, statement: &'static str) {
    let url = format!("sqlite:{}", path.display());
    let mut raw = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_server_is_refused() {
    let place = Place::ready();
    let newer = "INSERT INTO migrations VALUES (999, '0999_future', x'00', 0)";
    sql(&place.path("data/trunkline.db"), newer).await;
    place.all_refuse(&["newer server", "0999_future", "backup"]);
    let place = Place::ready();
    sql(&place.path("data/keys.db"), "PRAGMA user_version = 7").await;
    place.all_refuse(&["data/keys.db", "version 7", "newer"]);
}

#[test]
fn clients_and_keys_are_made_listed_and_revoked() {
    let place = Place::ready();
    let oak = place.works(&["clients", "list"]);
    let oak = oak.split_whitespace().next().unwrap();
    let made = place.works(&[
        "keys",
        "create",
        "--name",
        "reports",
        "--scopes",
        "calls:read",
        "--days",
        "30",
    ]);
    assert!(made.contains("shown this once"), "{made}");
    let secret = made.split_whitespace().nth(2).unwrap();
    let id = made.split(['(', ';']).nth(1).unwrap();
    let listed = place.works(&["keys", "list"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(!listed.contains(secret), "a secret is shown once");
    let line = |listed: &str| {
        listed
            .lines()
            .find(|line| line.starts_with(id))
            .unwrap()
            .to_owned()
    };
    let before = line(&listed);
    for part in ["live", "reports", "calls:read"] {
        assert!(before.contains(part), "{before}");
    }
    assert_eq!(
        place.works(&["keys", "revoke", id]),
        format!("{id} is revoked\n")
    );
    assert!(line(&place.works(&["keys", "list"])).contains("revoked"));
    place.refuses(
        &["keys", "revoke", "key_none"],
        &["key_none", "trunkline keys list"],
    );
    place.refuses(
        &["keys", "create", "--scopes", "all"],
        &["no scope \"all\"", "calls:read"],
    );
    place.refuses(&["keys", "create", "--name", ""], &["1 to 100 characters"]);

    let elm = place.works(&["clients", "add", "Elm & Sons"]);
    assert!(
        elm.contains("Elm & Sons") && elm.contains("API key"),
        "{elm}"
    );
    let listed = place.works(&["clients", "list"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    place.refuses(&["keys", "list"], &["several clients", "--client"]);
    place.refuses(
        &["keys", "list", "--client", "cli_none"],
        &["no client \"cli_none\"", "trunkline clients list"],
    );
    assert!(
        place
            .works(&["keys", "list", "--client", oak])
            .contains("reports")
    );
    // Names and secrets are on the disk sealed or hashed.
    for file in ["trunkline.db", "trunkline.db-wal", "keys.db", "keys.db-wal"] {
        let bytes = fs::read(place.path("data").join(file)).unwrap_or_default();
        for text in [secret, "reports", "Elm & Sons", "Oak Street Dental"] {
            assert!(
                !bytes.windows(text.len()).any(|w| w == text.as_bytes()),
                "{file}: {text}"
            );
        }
    }
}

/// A desk on the folder, as a server has it, and its only client.
async fn desk(place: &Place) -> (Desk, ClientId) {
    let data = place.path("data");
    let store = StoreConfig::sqlite(&data.join("trunkline.db"));
    let (desk, _) = Desk::open(&data, &store, JournalSettings::default())
        .await
        .unwrap();
    let Unnamed::Of(client) = desk.unnamed() else {
        panic!("there is one client");
    };
    (desk, client)
}

fn entries() -> Vec<Entry> {
    let second = |from: u64| {
        Entry::Audio(Audio {
            from,
            samples: 8_000,
            caller: Some(vec![0x55; 8_000]),
            agent: None,
        })
    };
    let granted = Entry::Consent(Consent {
        at_ms: 10,
        step: Step::Granted {
            method: Method::SaidYes,
        },
    });
    let turn = Entry::Turn(Turn {
        speaker: Speaker::Caller,
        from_ms: 100,
        to_ms: 900,
        text: "Next Friday would be good.".into(),
        keys: None,
        confidence: None,
        cut: false,
        halts: Vec::new(),
        latency: None,
        words: Vec::new(),
        tool: None,
    });
    vec![granted, second(0), turn, second(8_000)]
}

/// A call whose server stops without a word, and the file of its journal.
async fn cut_short(desk: &Desk, client: &ClientId) -> (String, PathBuf) {
    let call_id = trunkline::app::new_call_id();
    let keys = desk.vault.client(client).await.unwrap();
    let subject = keys.subject(None).await.unwrap();
    let began = Began {
        unix_ms: trunkline::clock::unix_ms(),
        agent: "front-desk".into(),
        agent_version: 0,
        direction: Direction::Inbound,
        mode: Mode::Affirmative,
        rules: "test@0".into(),
        because: Vec::new(),
    };
    let journal = desk
        .journals
        .begin(client, &call_id, subject, began)
        .unwrap();
    journal.append(entries()).unwrap();
    desk.journals.flush().await.unwrap();
    desk.rows.flush().await.unwrap();
    // Never closed: as far as the disk knows, the server is gone.
    std::mem::forget(journal);
    let folder = desk.data().join("journal").join(client.as_str());
    let file = fs::read_dir(folder)
        .unwrap()
        .map(|day| day.unwrap().path().join(format!("{call_id}.tlj")))
        .find(|file| file.is_file());
    (call_id, file.unwrap())
}

#[tokio::test]
async fn a_damaged_journal_holds_up_neither_the_server_nor_other_calls() {
    let place = Place::ready();
    let (first, client) = desk(&place).await;
    let (torn, torn_file) = cut_short(&first, &client).await;
    let (bent, bent_file) = cut_short(&first, &client).await;
    let (whole, _) = cut_short(&first, &client).await;
    // The lock goes with the desk; the journals' thread stays, as it has nothing to write any more.
    drop(first);
    let good = fs::read(&torn_file).unwrap();
    fs::write(&torn_file, [&good[..], &[0xA5; 3_000]].concat()).unwrap();
    let mut head = fs::read(&bent_file).unwrap();
    head[20] ^= 1;
    fs::write(&bent_file, &head).unwrap();

    let said = place.serves().err;
    assert!(
        said.contains("journals finished that the last run left open"),
        "{said}"
    );
    assert!(
        said.contains("calls=2") && said.contains("cut_short=2"),
        "{said}"
    );
    assert!(
        said.contains("a journal stays as it is") && said.contains(&bent),
        "{said}"
    );
    assert!(
        said.contains(bent_file.file_name().unwrap().to_str().unwrap()),
        "{said}"
    );
    assert!(said.contains("backup"), "{said}");
    assert_eq!(
        fs::read(&bent_file).unwrap(),
        head,
        "what is damaged is left alone"
    );

    let (again, client) = desk(&place).await;
    for call_id in [&torn, &whole] {
        let reading = again.journals.read(&client, call_id).await.unwrap();
        assert_eq!(reading.samples().unwrap(), 16_000);
        let sound = reading.audio(0, 16_000).unwrap();
        assert_eq!((sound.damaged, sound.caller), (0, vec![0x55; 16_000]));
        let row = again
            .store
            .calls()
            .find(&client, call_id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.ended_reason.as_deref(), Some("server_lost"));
        assert_eq!((row.recorded_ms, row.has_recording), (2_000, true));
    }
    again.close().await;
    drop(again);

    // A database that is gone is made again from keys and journals, and its operator is told what that does not bring back.
    for name in ["trunkline.db", "trunkline.db-wal", "trunkline.db-shm"] {
        drop(fs::remove_file(place.path("data").join(name)));
    }
    place.refuses(&["keys", "create"], &["no client yet", "trunkline serve"]);
    let said = place.serves().err;
    assert!(
        said.contains("the database lacks clients") && said.contains("suppressions"),
        "{said}"
    );
    assert!(place.works(&["clients", "list"]).contains(client.as_str()));
    assert!(place.works(&["keys", "create"]).contains("API key"));
    let (again, _) = desk(&place).await;
    let row = again
        .store
        .calls()
        .find(&client, &whole)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.recorded_ms, row.has_recording), (2_000, true));
    again.close().await;
}

#[test]
fn packs_of_rules_are_written_out_checked_and_refused_before_anything_starts() {
    let place = Place::ready();
    let shipped = place.works(&["rules", "show"]);
    assert_eq!(shipped.matches("  ships\n").count(), 3, "{shipped}");
    let written = place.works(&["rules", "export", "rules"]);
    assert_eq!(written.lines().count(), 3, "{written}");
    let again = place.works(&["rules", "export", "rules"]);
    assert_eq!(again.matches("stays").count(), 3, "{again}");
    let checked = place.works(&["rules", "check", "rules"]);
    assert_eq!(checked.matches("  operator's\n").count(), 3, "{checked}");
    let file = place.path("rules/calling_hours.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"08:00\"", "\"8:00\"")).unwrap();
    let names = ["calling_hours.json", "8:00", "hours as"];
    place.refuses(&["rules", "check", "rules"], &names);
    let configuration = format!("{CONFIGURATION}[rules]\nfolder = \"rules\"\n");
    fs::write(place.path("trunkline.toml"), configuration).unwrap();
    place.refuses(&["serve"], &names);
    fs::write(&file, text).unwrap();
    place.serves();
    fs::remove_dir_all(place.path("rules")).unwrap();
    place.refuses(&["serve"], &["no such folder", "rules.folder"]);
}

#[test]
fn a_place_is_closed_and_opened_again_by_a_command() {
    let place = Place::ready();
    let add = |place: &Place, code: &str, until: &str| {
        place.run(&[
            "closures",
            "add",
            code,
            "--until",
            until,
            "--reason",
            "Proclamation 12 JE 2026",
        ])
    };
    let soon = (chrono::Utc::now() + chrono::Duration::days(3)).to_rfc3339();
    let said = add(&place, "US-LA", &soon);
    assert_eq!(said.status, 0, "{}", said.err);
    let id = said.out.split_whitespace().next().unwrap().to_owned();
    let listed = place.works(&["closures", "list"]);
    assert!(listed.contains(&id) && listed.contains("US-LA") && listed.contains("12 JE"));
    place.works(&["closures", "end", &id]);
    assert_eq!(place.works(&["closures", "list"]), "");
    place.refuses(&["closures", "end", &id], &[&id, "closures list"]);
    for (code, until, wrong) in [
        ("Louisiana", soon.as_str(), "US-LA"),
        ("US-LA", "2020-01-01T00:00:00Z", "over before it begins"),
        ("US-LA", "2092-01-01T00:00:00Z", "a year at most"),
    ] {
        let said = add(&place, code, until);
        assert_eq!(said.status, 1, "{}", said.out);
        assert!(said.err.contains(wrong), "{}", said.err);
    }
    assert_eq!(add(&place, "US-LA", "tomorrow").status, 2);
}

#[test]
fn an_operator_stops_a_client_and_lets_it_go_on() {
    let place = Place::ready();
    let listed = place.works(&["clients", "list"]);
    let client = listed.split_whitespace().next().unwrap();
    let why = "Nobody agreed to be called.";
    let suspend = ["client", "suspend", client, "--reason", why];
    assert!(place.works(&suspend).contains("nothing is dialled"));
    assert!(place.works(&suspend).contains("stopped already"));
    assert!(place.works(&["clients", "list"]).contains("(stopped)"));
    let unknown = [
        "clients", "suspend", client, "--reason", why, "--agent", "nobody",
    ];
    assert!(place.run(&unknown).err.contains("nobody"));
    let agent = [
        "clients",
        "suspend",
        client,
        "--reason",
        why,
        "--agent",
        "front-desk",
    ];
    assert!(place.works(&agent).contains("front-desk"));
    let resumed = place.works(&["client", "resume", client]);
    assert!(resumed.contains("front-desk is still stopped"), "{resumed}");
    assert!(
        place
            .run(&["client", "resume", client])
            .err
            .contains("not stopped")
    );
    assert!(!place.works(&["clients", "list"]).contains("(stopped)"));
    let limits = ["clients", "limits", client];
    assert!(place.works(&limits).contains("any number"));
    let set = [&limits[..], &["--calls-at-once", "20"]].concat();
    assert!(place.works(&set).contains("20"));
    assert!(place.works(&limits).contains("20"));
    let usual = [&limits[..], &["--calls-at-once", "usual"]].concat();
    assert!(!place.works(&usual).contains("20"));
    let wrong = [&limits[..], &["--calls-per-day", "many"]].concat();
    assert_ne!(place.run(&wrong).status, 0);
    let complaint = [
        "complaint",
        "+12125550100",
        "--at",
        "2026-11-22",
        "--text",
        "No.",
    ];
    assert!(place.run(&complaint).err.contains("no client"));
    for (number, at) in [("212", "2026-11-22"), ("+12125550100", "lately")] {
        assert_eq!(place.run(&["complaint", number, "--at", at]).status, 1);
    }
}
