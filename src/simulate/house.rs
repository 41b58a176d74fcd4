//! A server for one conversation: its own data folder, store, keys and client, gone when it is over. What it has stored is
//! read through its own API.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction, Key};

use crate::agent::{Agents, CallDirection};
use crate::api_key::Secret;
use crate::app::{App, Parts, new_call_id};
use crate::config::Config;
use crate::desk::Desk;
use crate::desk::setup::Books;
use crate::egress::Egress;
use crate::journal::JournalSettings;
use crate::provider::{Ears, Voice};
use crate::providers::Providers;
use crate::stack::Defaults;
use crate::store::StoreConfig;
use crate::{after, api, clock, media_key};

/// How long the rows of a call that is over may take.
const STORED_WITHIN: Duration = Duration::from_secs(20);
/// How long a model may take to look at a call that is over.
const KNOWN_WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Largest answer of the API that is read.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long its media URL works.
const URL_SECONDS: u64 = 600;
/// Who calls, if the scenario does not say, and who is called.
const CALLER: &str = "+15550100123";
const BUSINESS: &str = "+15550100199";

/// Removes a folder when it is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The server.
pub(super) struct House {
    pub(super) app: Arc<App>,
    pub(super) key: Key,
    router: Router,
    secret: Secret,
    _folder: Folder,
}

/// What it hears and speaks with, and who else works for it.
pub(super) struct Staffing {
    pub(super) ears: Arc<dyn Ears>,
    pub(super) voice: Arc<dyn Voice>,
    pub(super) defaults: Defaults,
    pub(super) agents: Agents,
}

impl House {
    pub(super) async fn open(config: &Config, staffing: Staffing) -> anyhow::Result<Self> {
        let data = std::env::temp_dir().join(format!("trunkline-simulate-{}", ulid::Ulid::new()));
        let folder = Folder(data.clone());
        let store = StoreConfig::sqlite(&data.join("trunkline.db"));
        let books = Books::make(&data, &store).await?;
        let client = books.add_client("The simulation").await?;
        let made = books
            .add_key(&client, "the simulation", vec!["*".into()], None)
            .await?;
        drop(books);
        let (desk, _) = Desk::open(&data, &store, JournalSettings::default()).await?;
        let key = media_key::open_or_make(&data)?;
        let app = App::new(Parts {
            ears: staffing.ears,
            voice: staffing.voice,
            agents: staffing.agents,
            keys: vec![key.clone()],
            allow_reusable: false,
            defaults: staffing.defaults,
            providers: Providers::new(Egress::new()),
            desk: Arc::new(desk),
            public_url: config.public_url(),
            limits: config.limits(),
            place: config.place,
        });
        let router = api::router(&app);
        Ok(Self {
            app,
            key,
            router,
            secret: made.secret,
            _folder: folder,
        })
    }

    /// What the token of a call says.
    pub(super) fn claims(
        &self,
        agent: &str,
        direction: CallDirection,
        caller: Option<&PhoneNumber>,
    ) -> anyhow::Result<Claims> {
        let caller = match caller {
            Some(number) => number.clone(),
            None => PhoneNumber::parse(CALLER)?,
        };
        let business = PhoneNumber::parse(BUSINESS)?;
        let (direction, from, to) = match direction {
            CallDirection::Inbound => (Direction::Inbound, caller, business),
            CallDirection::Outbound => (Direction::Outbound, business, caller),
        };
        Ok(Claims {
            call_id: new_call_id(),
            client: None,
            agent: agent.to_owned(),
            version: None,
            from: Some(from),
            to: Some(to),
            direction,
            expires_unix_s: u64::try_from(clock::unix_ms() / 1_000)? + URL_SECONDS,
            reusable: false,
            carrier: None,
        })
    }

    /// Asks the API; null where it has nothing.
    async fn ask(&self, path: &str) -> anyhow::Result<Value> {
        let bearer = format!("Bearer {}", Secret::reveal(&self.secret));
        let request = Request::get(path)
            .header(header::AUTHORIZATION, bearer)
            .body(Body::empty())?;
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await?;
        match status {
            StatusCode::OK => Ok(serde_json::from_slice(&bytes)?),
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::CONFLICT => Ok(Value::Null),
            status => Err(anyhow!("{path}: {status}")),
        }
    }

    /// The call as it is stored, once it is over, and its transcript. `and_known`: a model is to look at it first.
    pub(super) async fn stored(
        &self,
        call_id: &str,
        and_known: bool,
    ) -> anyhow::Result<(Value, Value)> {
        let path = format!("/v1/calls/{call_id}");
        let ended = async {
            loop {
                let call = self.ask(&path).await?;
                if call["status"] == "ended" {
                    return anyhow::Ok(call);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let mut call = tokio::time::timeout(STORED_WITHIN, ended)
            .await
            .context("the end of the call was not stored in time")??;
        if and_known && !call["after"].is_null() {
            call = self.known(&path, call).await?;
        }
        let transcript = self.ask(&format!("{path}/transcript")).await?;
        Ok((call, transcript))
    }

    /// The call once it is known of it what its agent wants to be known; as it is, if that takes too long.
    async fn known(&self, path: &str, call: Value) -> anyhow::Result<Value> {
        let known = async {
            loop {
                after::round(&self.app).await;
                let call = self.ask(path).await?;
                if call["after"]["state"] != "waiting" {
                    return anyhow::Ok(call);
                }
                tokio::time::sleep(LOOK_EVERY * 20).await;
            }
        };
        match tokio::time::timeout(KNOWN_WITHIN, known).await {
            Ok(known) => known,
            Err(_) => Ok(call),
        }
    }

    /// Closes what is open. The folder goes with the rest.
    pub(super) async fn close(self) {
        self.app.desk.close().await;
    }
}
