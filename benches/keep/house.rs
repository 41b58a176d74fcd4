//! A server with one client, and what that client has stored already.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::net::TcpListener;
use trunkline::agent::Agents;
use trunkline::api::{ApiLimits, Doorway, Rate, accept, router};
use trunkline::app::{App, Parts};
use trunkline::desk::setup::Books;
use trunkline::desk::{self, Desk, Side};
use trunkline::journal::{CallJournal, JournalSettings};
use trunkline::provider::{Busy, Ears, Hear, Room, Sound, StageError, Voice, Words};
use trunkline::providers::Providers;
use trunkline::speech::VadState;
use trunkline::stack::Defaults;
use trunkline::store::StoreConfig;
use trunkline::store::calls::{CallStatus, NewCall};
use trunkline::vault::ClientKeys;
use trunkline::{clock, ids};
use trunkline_core::consent::Mode;
use trunkline_core::journal::Began;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

use crate::asking::Ask;

/// Calls whose numbers are real, so that reading a page of them opens a hundred of them: the newest.
const NEWEST: u64 = 1_000;
/// Who calls.
const PEOPLE: usize = 300;
/// Between one call and the next, ms.
const APART_MS: i64 = 30_000;

pub(crate) struct House {
    pub(crate) desk: Arc<Desk>,
    pub(crate) address: String,
    pub(crate) secret: String,
    keys: ClientKeys,
    newest: Vec<String>,
    open: tokio::sync::watch::Sender<bool>,
}

pub(crate) fn began() -> Began {
    Began {
        unix_ms: clock::unix_ms(),
        agent: "front-desk".into(),
        agent_version: 0,
        direction: Direction::Inbound,
        mode: Mode::Announce,
        rules: "bench@0".into(),
        because: Vec::new(),
    }
}

fn person(number: usize) -> anyhow::Result<PhoneNumber> {
    Ok(PhoneNumber::parse(&format!(
        "+1555010{:04}",
        number % PEOPLE
    ))?)
}

impl House {
    /// A new one, in which so many calls are stored.
    pub(crate) async fn open(data: &Path, stored: u64) -> anyhow::Result<Self> {
        let file = data.join("trunkline.db");
        let config = StoreConfig::sqlite(&file);
        let books = Books::make(data, &config).await?;
        let client = books.add_client("Bench").await?;
        let secret = books
            .add_key(&client, "bench", vec!["*".into()], None)
            .await?
            .secret;
        drop(books);
        let first_ms = clock::unix_ms() - i64::try_from(stored + NEWEST)? * APART_MS;
        let began = clock::now();
        fill(&file, client.as_str(), stored, first_ms).await?;
        println!(
            "{stored} calls stored in {:.1} s",
            began.elapsed().as_secs_f64()
        );
        let (desk, _) = Desk::open(data, &config, JournalSettings::default()).await?;
        let desk = Arc::new(desk);
        // Nothing here is to be refused for coming too fast.
        let rate = Rate {
            per_second: 1_000_000,
            burst: 1_000_000,
        };
        let app = App::new(Parts {
            ears: Arc::new(Nobody),
            voice: Arc::new(Nobody),
            agents: Agents::load(None)?,
            keys: Vec::new(),
            allow_reusable: false,
            defaults: Defaults::default(),
            providers: Providers::default(),
            desk: Arc::clone(&desk),
            public_url: "ws://127.0.0.1".into(),
            limits: ApiLimits {
                rate,
                doorway: Doorway::default(),
            },
            place: None,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        let (open, closed) = tokio::sync::watch::channel(false);
        tokio::spawn(accept(listener, router(&app), Doorway::default(), closed));
        let mut house = Self {
            keys: desk.vault.client(&client).await?,
            secret: secret.reveal().to_owned(),
            desk,
            address,
            newest: Vec::new(),
            open,
        };
        for number in 0..NEWEST {
            let created_ms = first_ms + i64::try_from(stored + number)? * APART_MS;
            let id = ids::new_id("call");
            house.add(&id, number as usize, created_ms).await?;
            house.newest.push(id);
        }
        Ok(house)
    }

    async fn add(&self, id: &str, number: usize, created_ms: i64) -> anyhow::Result<()> {
        let (from, to) = (person(number)?, PhoneNumber::parse("+15550109999")?);
        let subject = self.keys.subject(Some(&from)).await?;
        let seal = |side, number| desk::seal_call_number(&self.keys, &subject, id, side, number);
        let new = NewCall {
            id: id.to_owned(),
            agent_id: "front-desk".into(),
            agent_version: 0,
            direction: Direction::Inbound,
            status: CallStatus::InProgress,
            created_ms,
            from: Some(seal(Side::From, &from)),
            to: Some(seal(Side::To, &to)),
            subject_id: Some(subject.id().as_str().to_owned()),
            consent_mode: Some(Mode::Announce),
            rules: Some("bench@0".into()),
            sealed_key: None,
            carrier: None,
            carrier_call_id: None,
            metadata: None,
        };
        Ok(self.desk.store.calls().add(self.keys.id(), &new).await?)
    }

    /// A call and its journal.
    pub(crate) async fn begin(&self, id: &str, number: usize) -> anyhow::Result<CallJournal> {
        self.add(id, number, clock::unix_ms()).await?;
        let subject = self.keys.subject(Some(&person(number)?)).await?;
        let journals = &self.desk.journals;
        Ok(journals.begin(self.keys.id(), id, subject, began())?)
    }

    pub(crate) fn rows_written(&self) -> u64 {
        self.desk.rows.report().written
    }

    /// What is asked for under load: mostly reads, one write in ten.
    pub(crate) fn mixture(&self) -> anyhow::Result<Vec<Ask>> {
        let agents = |_| Ask::get("/v1/agents?limit=20".into()).named("agents");
        let mut asks = Vec::new();
        for (at, id) in self.newest.iter().enumerate() {
            asks.push(match at % 20 {
                0..=7 => Ask::get(format!("/v1/calls/{id}")).named("one call"),
                8..=12 => Ask::get("/v1/calls?limit=20".into()).named("list of calls"),
                13 | 14 => Ask::get(format!("/v1/calls/{id}/events")).named("events"),
                15 => agents(at),
                16 => Ask::get("/v1/suppressions?limit=20".into()).named("suppressions"),
                17 => Ask::post("/v1/suppressions/check", json!({ "number": person(at)? }))
                    .named("check of a number"),
                _ => Ask::post(
                    "/v1/suppressions",
                    json!({ "number": format!("+1555020{at:04}"), "reason": "objection" }),
                )
                .named("suppression made"),
            });
        }
        Ok(asks)
    }

    pub(crate) async fn close(&self) {
        self.open.send_replace(true);
        self.desk.close().await;
    }
}

/// Lists of calls as clients ask for them.
pub(crate) fn lists(stored: u64) -> Vec<(&'static str, String)> {
    let half = clock::unix_ms() - i64::try_from(stored / 2).unwrap_or(0) * APART_MS;
    let half = chrono::DateTime::from_timestamp_millis(half).unwrap_or_default();
    let half = half.format("%Y-%m-%dT%H:%M:%SZ");
    [
        ("the newest 50", "limit=50".to_owned()),
        ("the newest 200", "limit=200".to_owned()),
        ("from the middle", format!("limit=50&created_until={half}")),
        ("of an agent", "limit=50&agent_id=agent_7".to_owned()),
        ("withdrawn", "limit=50&consent=withdrawn".to_owned()),
        (
            "of an agent, withdrawn, ended",
            "limit=50&agent_id=agent_7&consent=withdrawn&status=ended".to_owned(),
        ),
        (
            "of an agent, none found",
            "limit=50&agent_id=agent_7&direction=outbound".to_owned(),
        ),
        ("from a number", "limit=50&from=%2B15550100007".to_owned()),
    ]
    .map(|(what, query)| (what, format!("/v1/calls?{query}")))
    .into()
}

/// Fifty agents, one call in a hundred withdrawn, their numbers gone.
async fn fill(file: &Path, client: &str, stored: u64, first_ms: i64) -> anyhow::Result<()> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.context("the database")?;
    let sql = format!(
        "WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {stored} - 1)
        INSERT INTO calls (client_id, id, agent_id, agent_version, direction, status, created_ms, from_index, to_index,
            consent_state, recorded_ms, has_recording, revision, rows_done)
        SELECT '{client}', printf('call_%026d', n), 'agent_' || (n % 50), 1,
            CASE WHEN n % 50 < 40 THEN 'inbound' ELSE 'outbound' END, 'ended', {first_ms} + n * {APART_MS},
            CAST(printf('%032d', n % 20000) AS BLOB), CAST(printf('%032d', n % 7) AS BLOB),
            CASE WHEN n % 100 = 7 THEN 'withdrawn' ELSE 'granted' END, 60000, 1, 4, 1
        FROM s"
    );
    if stored > 0 {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
    }
    Ok(connection.close().await?)
}

/// No call is held here.
struct Nobody;

fn nothing<T>() -> BoxFuture<'static, Result<T, StageError>>
where
    T: Send + 'static,
{
    let what = "nobody listens or speaks here".to_owned();
    async move { Err(StageError { what, fatal: true }) }.boxed()
}

impl Ears for Nobody {
    fn admit(&self, _: Room) -> Result<Box<dyn Send>, Busy> {
        Err(Busy)
    }

    fn activity(
        &self,
        _: VadState,
        _: Vec<i16>,
        _wanted_in: Duration,
    ) -> BoxFuture<'static, Result<(VadState, Vec<f32>), StageError>> {
        nothing()
    }

    fn hear(
        &self,
        _: Vec<i16>,
        _: Hear,
        _: Duration,
    ) -> BoxFuture<'static, Result<Words, StageError>> {
        nothing()
    }

    fn turn_complete(
        &self,
        _: Vec<i16>,
        _: Duration,
    ) -> BoxFuture<'static, Result<f32, StageError>> {
        nothing()
    }
}

impl Voice for Nobody {
    fn say(
        &self,
        _: Arc<str>,
        _: f32,
        _: Duration,
    ) -> BoxStream<'static, Result<Sound, StageError>> {
        nothing().into_stream().boxed()
    }

    fn keep(&self, _: Arc<str>, _: f32) -> BoxFuture<'static, Result<(), StageError>> {
        nothing()
    }
}
