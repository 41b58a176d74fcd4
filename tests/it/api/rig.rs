//! A server with two clients, and a way to ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use trunkline::agent::Agents;
use trunkline::api::{ApiLimits, Rate, router};
use trunkline::api_key::Secret;
use trunkline::app::{App, Parts};
use trunkline::clock;
use trunkline::desk::{self, Desk, Place, Side};
use trunkline::ids::{self, ClientId};
use trunkline::journal::JournalSettings;
use trunkline::providers::Providers;
use trunkline::stack::Defaults;
use trunkline::store::api_keys::NewApiKey;
use trunkline::store::calls::{CallStatus, NewCall};
use trunkline::store::{Sealed, StoreConfig};
use trunkline_core::consent::Mode;
use trunkline_core::journal::{Began, Entry};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

use crate::session::rig::{desk as new_desk, key};
use crate::session::stand_in::{StandInEars, StandInVoice};

/// The least that an agent can be.
pub(crate) fn agent() -> Value {
    json!({ "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "directions": ["inbound"] })
}

pub(crate) struct Api {
    pub(crate) app: Arc<App>,
    router: Router,
    folder: TempDir,
    numbers: AtomicU32,
    pub(crate) ears: Arc<StandInEars>,
    pub(crate) voice: Arc<StandInVoice>,
}

/// A client and a key of its own.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) client: ClientId,
    pub(crate) secret: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem that is as a problem should be.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("/problems/{code}"));
        code.to_owned()
    }

    /// Where the only fault is, and which.
    pub(crate) fn fault(&self) -> (String, String) {
        let problem = self.json();
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{problem}");
        let text = |name: &str| errors[0][name].as_str().unwrap().to_owned();
        (text("pointer"), text("code"))
    }

    /// What was made, of an answer that made something.
    pub(crate) fn made(&self) -> Value {
        assert_eq!(self.status, 201, "{self:?}");
        self.json()
    }

    pub(crate) fn fine(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

impl Api {
    pub(crate) async fn open() -> Self {
        Self::with(Rate::default()).await
    }

    pub(crate) async fn with(rate: Rate) -> Self {
        Self::of(rate, Defaults::default(), Providers::default()).await
    }

    /// A server whose calls are held with these.
    pub(crate) async fn of(rate: Rate, defaults: Defaults, providers: Providers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = new_desk(&folder.path().join("data"), None).await;
        Self::on(folder, desk, rate, defaults, providers)
    }

    /// The same server after its process has ended and begun anew: nothing of it was closed in order.
    pub(crate) async fn again(self, defaults: Defaults) -> Self {
        let Self {
            app,
            router,
            folder,
            ..
        } = self;
        drop(router);
        let held = Arc::downgrade(&app.desk);
        drop(app);
        // Tasks that still hold it end by themselves.
        while held.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
        let data = folder.path().join("data");
        let config = StoreConfig::sqlite(&data.join("trunkline.db"));
        let opened = Desk::open(&data, &config, JournalSettings::default()).await;
        let desk = Arc::new(opened.unwrap().0);
        Self::on(
            folder,
            desk,
            Rate::default(),
            defaults,
            Providers::default(),
        )
    }

    /// Another server of the same database.
    pub(crate) fn beside(&self) -> Self {
        Self::on(
            tempfile::tempdir().unwrap(),
            Arc::clone(&self.app.desk),
            Rate::default(),
            Defaults::default(),
            Providers::default(),
        )
    }

    fn on(
        folder: TempDir,
        desk: Arc<Desk>,
        rate: Rate,
        defaults: Defaults,
        providers: Providers,
    ) -> Self {
        let ears = Arc::new(StandInEars::new(8));
        let voice = Arc::new(StandInVoice::new());
        let app = App::new(Parts {
            ears: Arc::clone(&ears) as _,
            voice: Arc::clone(&voice) as _,
            agents: Agents::load(None).unwrap(),
            keys: vec![key()],
            allow_reusable: false,
            defaults,
            providers,
            desk,
            public_url: "wss://trunkline.test".into(),
            limits: ApiLimits {
                rate,
                ..ApiLimits::default()
            },
            place: None,
        });
        Self {
            router: router(&app),
            app,
            folder,
            numbers: AtomicU32::new(0),
            ears,
            voice,
        }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// A number of its own each time: a number leads to one client alone, whoever asks for it second is refused.
    pub(crate) fn new_number(&self) -> String {
        let taken = self.numbers.fetch_add(1, Ordering::Relaxed);
        format!("+1555010{taken:04}")
    }

    /// A new client with a key that may do everything.
    pub(crate) async fn client(&self) -> Who {
        let client = ClientId::new();
        let desk = &self.app.desk;
        let keys = desk.vault.add_client(&client).await.unwrap();
        let place = Place::new("clients.name", client.as_str());
        let name = desk::seal(&keys, place, "Oak Street Dental");
        let clients = desk.store.clients();
        clients.add(&client, &name, clock::unix_ms()).await.unwrap();
        self.key_of(&client, &["*"], None).await
    }

    /// Another key of a client's.
    pub(crate) async fn key_of(
        &self,
        client: &ClientId,
        scopes: &[&str],
        expires_ms: Option<i64>,
    ) -> Who {
        let desk = &self.app.desk;
        let keys = desk.vault.client(client).await.unwrap();
        let (id, secret) = (ids::new_id("key"), Secret::random().unwrap());
        let new = NewApiKey {
            hash: secret.hash(),
            name: desk::seal(&keys, Place::new("api_keys.name", &id), "a test's"),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            created_ms: clock::unix_ms(),
            expires_ms,
            id,
        };
        desk.store.api_keys().add(client, &new).await.unwrap();
        Who {
            client: client.clone(),
            secret: secret.reveal().to_owned(),
        }
    }

    /// A call that is going on: its id.
    pub(crate) async fn call_of(&self, who: &Who, from: &str, created_ms: i64) -> String {
        self.call_by(who, from, created_ms, ("front-desk", 0)).await
    }

    /// The same, held by this version of an agent.
    pub(crate) async fn call_by(
        &self,
        who: &Who,
        from: &str,
        created_ms: i64,
        agent: (&str, u32),
    ) -> String {
        let desk = &self.app.desk;
        let keys = desk.vault.client(&who.client).await.unwrap();
        let from = PhoneNumber::parse(from).unwrap();
        let to = PhoneNumber::parse("+15550100199").unwrap();
        let subject = keys.subject(Some(&from)).await.unwrap();
        let (_, sealed_key) = subject.new_call_key();
        let id = ids::new_id("call");
        let number = |side, number| desk::seal_call_number(&keys, &subject, &id, side, number);
        let call = NewCall {
            agent_id: agent.0.to_owned(),
            agent_version: agent.1,
            direction: Direction::Inbound,
            status: CallStatus::InProgress,
            created_ms,
            from: Some(number(Side::From, &from)),
            to: Some(number(Side::To, &to)),
            subject_id: Some(subject.id().as_str().to_owned()),
            consent_mode: Some(Mode::Affirmative),
            rules: Some("rules@1".into()),
            sealed_key: Some(Sealed(sealed_key)),
            carrier: None,
            carrier_call_id: None,
            metadata: None,
            id: id.clone(),
        };
        desk.store.calls().add(&who.client, &call).await.unwrap();
        id
    }

    /// Writes what a call of this caller's left behind, all of it.
    pub(crate) async fn keep(&self, who: &Who, call_id: &str, from: &str, entries: Vec<Entry>) {
        let desk = &self.app.desk;
        let keys = desk.vault.client(&who.client).await.unwrap();
        let from = PhoneNumber::parse(from).unwrap();
        let subject = keys.subject(Some(&from)).await.unwrap();
        let began = Began {
            unix_ms: 1_795_365_000_000,
            agent: "front-desk".into(),
            agent_version: 0,
            direction: Direction::Inbound,
            mode: Mode::Affirmative,
            rules: "rules@1".into(),
            because: Vec::new(),
        };
        let journals = &desk.journals;
        let journal = journals
            .begin(&who.client, call_id, subject, began.clone())
            .unwrap();
        let mut all = vec![Entry::Began(began)];
        all.extend(entries);
        journal.append(all).unwrap();
        journal.close();
        journals.flush().await.unwrap();
        desk.rows.flush().await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            bytes: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// A request with these headers; a body that is null is none.
    pub(crate) async fn ask(
        &self,
        secret: Option<&str>,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(secret) = secret {
            request = request.header("authorization", format!("Bearer {secret}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    /// A document, uploaded as what `media_type` says, if it says anything.
    pub(crate) async fn upload(
        &self,
        who: &Who,
        (method, path): (&str, &str),
        media_type: Option<&str>,
        bytes: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {}", who.secret));
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        self.send(request.body(bytes.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, who: &Who, path: &str) -> Answer {
        self.ask(Some(&who.secret), "GET", path, &Value::Null, &[])
            .await
    }

    pub(crate) async fn post(&self, who: &Who, path: &str, body: &Value) -> Answer {
        self.ask(Some(&who.secret), "POST", path, body, &[]).await
    }

    pub(crate) async fn patch(&self, who: &Who, path: &str, body: &Value) -> Answer {
        self.ask(Some(&who.secret), "PATCH", path, body, &[]).await
    }

    pub(crate) async fn delete(&self, who: &Who, path: &str) -> Answer {
        self.ask(Some(&who.secret), "DELETE", path, &Value::Null, &[])
            .await
    }
}

/// The id of something that was made.
pub(crate) fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}
