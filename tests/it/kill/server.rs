//! The program as a process on a data folder of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use trunkline::clock;

const AGENT: &str = "name = \"Robin\"\nbusiness = \"Oak\"\nflow = \"desk.flow.toml\"\n\
                     [voice]\nspeed = 1.5\n[recording]\nrecord = true\nuse_recommended = false\nplaces = [\"US-NY\"]\n";
const FLOW: &str = include_str!("../../../src/agents/front-desk.flow.toml");
/// How long a server may take to start, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(180);
const GRANT: Duration = Duration::from_secs(90);
const BETWEEN: Duration = Duration::from_millis(200);

/// Configuration, agents and data folder.
pub(super) struct Place {
    folder: TempDir,
    pub(super) address: String,
    pub(super) secret: String,
    starts: Mutex<Vec<Duration>>,
}

impl Place {
    pub(super) fn new(models: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let configuration = format!(
            "listen = \"{address}\"\ndata = \"data\"\nagents = \"agents\"\nplace = \"US-NY\"\nmodels = {:?}\n\
             [speech]\nworkers = 1\n\
             [events]\nwebhooks_in_own_network = true\n\
             [limits]\ncpu_percent_max = 0\nloop_lag_ms_max = 0\ninference_wait_ms_max = 0\n",
            models.display().to_string()
        );
        std::fs::write(folder.path().join("trunkline.toml"), configuration).unwrap();
        std::fs::create_dir(folder.path().join("agents")).unwrap();
        std::fs::write(folder.path().join("agents/desk.toml"), AGENT).unwrap();
        std::fs::write(folder.path().join("agents/desk.flow.toml"), FLOW).unwrap();
        let mut place = Self {
            folder,
            address,
            secret: String::new(),
            starts: Mutex::default(),
        };
        let said = place.say(&["init", "--client", "Oak"]);
        let key = said.lines().find_map(|line| line.strip_prefix("API key"));
        let key = key.unwrap().split_whitespace().next().unwrap();
        place.secret = key.to_owned();
        place
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.current_dir(self.folder.path());
        command
    }

    /// What a command complains of that fails.
    pub(super) fn refuses(&self, arguments: &[&str]) -> String {
        let said = self.command().args(arguments).output().unwrap();
        assert_eq!(said.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(said.stderr).unwrap()
    }

    /// Does something to the database beside the server.
    pub(super) async fn sql(&self, statement: &'static str) {
        let path = self.folder.path().join("data/trunkline.db");
        let url = format!("sqlite:{}", path.display());
        let mut raw = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
    }

    /// What is printed when a file of contacts is sent to the running server.
    pub(super) fn import(&self, rows: &str) -> String {
        std::fs::write(self.folder.path().join("more.csv"), rows).unwrap();
        self.say(&["contacts", "import", "more.csv", "--key", &self.secret])
    }

    /// What is printed when the running server fetches a file of German contacts.
    pub(super) fn import_from(&self, url: &str) -> String {
        let key = self.secret.as_str();
        self.say(&[
            "contacts",
            "import",
            "--url",
            url,
            "--country",
            "DE",
            "--key",
            key,
        ])
    }

    /// Whether a number may be called, in words.
    pub(super) fn explain(&self, number: &str) -> String {
        self.say(&["explain", number, "--key", &self.secret])
    }

    /// What a command prints that succeeds.
    pub(super) fn say(&self, arguments: &[&str]) -> String {
        let said = self.command().args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(said.stdout).unwrap()
    }
}

/// A running server.
pub(super) struct Server<'a> {
    place: &'a Place,
    process: Child,
    http: reqwest::Client,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.place.folder.path().join("log"));
            let log = log.unwrap_or_default();
            let tail = log.lines().rev().take(60).collect::<Vec<_>>();
            for line in tail.iter().rev() {
                println!("server: {line}");
            }
        }
    }
}

impl<'a> Server<'a> {
    /// Starts one and returns when it is ready for calls.
    pub(super) async fn start(place: &'a Place) -> Self {
        // The provider of this process; the first one stays.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let log = File::options()
            .create(true)
            .append(true)
            .open(place.folder.path().join("log"))
            .unwrap();
        let began = clock::now();
        let process = place
            .command()
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self {
            place,
            process,
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(10))
                .no_proxy()
                .build()
                .unwrap(),
        };
        while !server.is_ready().await {
            let ended = server.process.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            assert!(began.elapsed() < START, "the server does not start");
            tokio::time::sleep(BETWEEN).await;
        }
        let health = server.get("/healthz").await.unwrap();
        assert_eq!(health.text().await.unwrap(), "ok\n");
        server.place.starts.lock().unwrap().push(began.elapsed());
        server
    }

    async fn is_ready(&self) -> bool {
        let answer = self.get("/readyz").await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// SIGKILL; returns when the process is gone.
    pub(super) fn kill(&mut self) {
        // Gone already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub(super) fn starts(&self) -> Vec<Duration> {
        self.place.starts.lock().unwrap().clone()
    }

    async fn get(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("http://{}{path}", self.place.address);
        self.http
            .get(url)
            .bearer_auth(&self.place.secret)
            .send()
            .await
    }

    /// What was made, of a POST that makes something, or is answered.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("http://{}{path}", self.place.address);
        let request = self.http.post(url).bearer_auth(&self.place.secret);
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let (status, bytes) = (answer.status(), answer.bytes().await.unwrap());
        let text = String::from_utf8_lossy(&bytes);
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_slice(&bytes).unwrap()
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Status and words of a question about the server itself.
    pub(super) async fn state(&self, path: &str) -> (u16, String) {
        let answer = self.get(path).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(super) async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.get(path).await.unwrap();
        let (status, bytes) = (answer.status(), answer.bytes().await.unwrap());
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
        bytes.to_vec()
    }

    /// Sends a file: what was made of it.
    pub(super) async fn send_file(&self, path: &str, media_type: &str, bytes: String) -> Value {
        let url = format!("http://{}{path}", self.place.address);
        let request = self.http.post(url).bearer_auth(&self.place.secret);
        let request = request.header("content-type", media_type).body(bytes);
        let answer = request.timeout(START).send().await.unwrap();
        let (status, bytes) = (answer.status(), answer.bytes().await.unwrap());
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.bytes(path).await).unwrap()
    }

    /// Returns when the row of this call says that its caller agreed (true), or that the recogniser, on a machine that is
    /// too busy for it, made nothing of a spoken yes (false).
    pub(super) async fn until_decided(&self, call_id: &str) -> bool {
        let path = format!("/v1/calls/{call_id}");
        let began = clock::now();
        loop {
            let call = self.json(&path).await;
            if call["consent"]["state"] == "granted" {
                return true;
            }
            if call["consent"]["state"] == "refused" {
                return false;
            }
            assert!(began.elapsed() < GRANT, "no consent: {call}");
            assert_eq!(call["status"], "in_progress", "{call}");
            assert_eq!(call["consent"]["state"], "undecided", "{call}");
            tokio::time::sleep(BETWEEN).await;
        }
    }
}
