//! `contacts import`: a file of contacts, sent to a running server, and what came of it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to its user"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use crate::config::Config;
use crate::egress;

/// How often the server is asked how far it is.
const BETWEEN: Duration = Duration::from_millis(500);
/// Lines of errors that are shown.
const ERRORS_SHOWN: usize = 20;

#[derive(Subcommand)]
pub(super) enum ContactsWhat {
    /// Send a file of contacts to a running server, and wait until it is read
    Import(ImportArgs),
}

#[derive(Args)]
pub(super) struct ImportArgs {
    /// The file: CSV, or lines of JSON if its name ends in .jsonl or .ndjson
    #[arg(required_unless_present = "url")]
    file: Option<PathBuf>,
    /// Where the server fetches the file instead
    #[arg(long, value_name = "URL", conflicts_with = "file")]
    url: Option<String>,
    /// The list that its contacts are put on, as `list_…`
    #[arg(long, value_name = "ID")]
    list: Option<String>,
    /// Only say what would come of it
    #[arg(long)]
    dry_run: bool,
    /// What becomes of contacts that are there already
    #[arg(long, value_enum, default_value_t = Duplicate::Skip)]
    on_duplicate: Duplicate,
    /// What a column holds whose name does not say it, as `Handy=phone_number.mobile`; may be there several times
    #[arg(long, value_name = "COLUMN=WHAT")]
    map: Vec<String>,
    /// The country as within which numbers without `+` are written, as DE
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// The server, as https://voice.example.com; the one of the configuration's `listen` if left out
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API key with `contacts:read` and `contacts:write`
    #[arg(
        long,
        env = "TRUNKLINE_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    key: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Duplicate {
    /// They stay as they are
    Skip,
    /// They take over what the file says
    Update,
}

/// A server, and a key to it.
pub(super) struct Server {
    base: String,
    key: String,
    http: reqwest::Client,
}

pub(super) async fn contacts(config: &Config, what: ContactsWhat) -> anyhow::Result<()> {
    let ContactsWhat::Import(args) = what;
    let server = Server::at(config, args.server.as_deref(), &args.key)?;
    let sent = match (&args.url, &args.file) {
        (Some(url), _) => server.ask(&args, url).await?,
        (None, Some(file)) => server.send(&args, file).await?,
        (None, None) => bail!("name a file, or --url"),
    };
    let id = sent["id"].as_str().context("the server named no import")?;
    let done = server.until_read(id).await?;
    let count = |name: &str| done[name].as_u64().unwrap_or(0);
    println!(
        "{id} {}: {} rows, {} added, {} updated, {} skipped, {} failed",
        done["state"].as_str().unwrap_or_default(),
        count("rows"),
        count("added"),
        count("updated"),
        count("skipped"),
        count("failed")
    );
    if count("failed") > 0 {
        let path = format!("/v1/imports/{id}/errors.csv");
        let errors = server.answer(server.get(&path)).await?.text().await?;
        for line in errors.lines().take(ERRORS_SHOWN + 1) {
            eprintln!("{line}");
        }
        if errors.lines().count() > ERRORS_SHOWN + 1 {
            eprintln!("… all of them: GET {}{path}", server.base);
        }
    }
    match done["problem"]["detail"].as_str() {
        Some(problem) => bail!("{problem}"),
        None => Ok(()),
    }
}

fn media_type(file: &Path) -> &'static str {
    let ending = file.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("jsonl" | "ndjson") => "application/x-ndjson",
        _ => "text/csv",
    }
}

/// What columns hold.
fn mapping(args: &ImportArgs) -> anyhow::Result<serde_json::Map<String, Value>> {
    let mut mapping = serde_json::Map::new();
    for pair in &args.map {
        let (column, holds) = pair
            .rsplit_once('=')
            .ok_or_else(|| anyhow!("--map {pair}: expected COLUMN=WHAT"))?;
        mapping.insert(column.to_owned(), holds.into());
    }
    Ok(mapping)
}

impl Duplicate {
    fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Update => "update",
        }
    }
}

/// The query of the request.
fn query(args: &ImportArgs) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut query = vec![
        ("dry_run", args.dry_run.to_string()),
        ("on_duplicate", args.on_duplicate.word().to_owned()),
        ("mapping", Value::Object(mapping(args)?).to_string()),
    ];
    query.extend(args.list.clone().map(|list| ("list", list)));
    let country = args.country.clone();
    query.extend(country.map(|country| ("default_country", country)));
    Ok(query)
}

impl Server {
    /// The one at `url`, or that of the configuration.
    pub(super) fn at(config: &Config, url: Option<&str>, key: &str) -> anyhow::Result<Self> {
        let base = url.map_or_else(|| format!("http://{}", config.listen), str::to_owned);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            http: egress::client()?,
        })
    }

    pub(super) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    /// What the server answers, if it does what it was asked for.
    pub(super) async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<reqwest::Response> {
        let answer = request.bearer_auth(&self.key).send().await;
        let answer =
            answer.with_context(|| format!("{}: the server does not answer", self.base))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let problem: Value = answer.json().await.unwrap_or_default();
        let words = problem["errors"][0]["detail"].as_str();
        let words = words
            .or(problem["detail"].as_str())
            .or(problem["title"].as_str());
        bail!("the server answers {status}: {}", words.unwrap_or_default())
    }

    /// Has the server fetch the file.
    async fn ask(&self, args: &ImportArgs, url: &str) -> anyhow::Result<Value> {
        let body = json!({
            "url": url,
            "list": args.list,
            "dry_run": args.dry_run,
            "on_duplicate": args.on_duplicate.word(),
            "mapping": mapping(args)?,
            "default_country": args.country,
        });
        let request = self.post("/v1/imports");
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        eprintln!("the server fetches the file …");
        Ok(self.answer(request).await?.json().await?)
    }

    async fn send(&self, args: &ImportArgs, path: &Path) -> anyhow::Result<Value> {
        let file = tokio::fs::File::open(path).await;
        let file = file.with_context(|| format!("{} cannot be read", path.display()))?;
        let length = file.metadata().await?.len();
        let mut url = reqwest::Url::parse(&format!("{}/v1/imports", self.base))?;
        url.query_pairs_mut().extend_pairs(query(args)?);
        eprintln!("sending {length} bytes …");
        let request = self
            .http
            .post(url)
            .header("content-type", media_type(path))
            .header("content-length", length)
            .body(reqwest::Body::wrap_stream(ReaderStream::new(file)));
        Ok(self.answer(request).await?.json().await?)
    }

    /// Waits until the import has ended, and says how far it is.
    async fn until_read(&self, id: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/imports/{id}");
        let mut told = 0;
        loop {
            let now: Value = self.answer(self.get(&path)).await?.json().await?;
            if now["ended_at"].is_string() {
                return Ok(now);
            }
            let share = |name: &str| now[name].as_u64().unwrap_or(0);
            let percent = share("bytes_read") * 100 / share("bytes").max(1);
            if percent > told {
                eprintln!("{percent} %, {} rows", share("rows"));
                told = percent;
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }
}
