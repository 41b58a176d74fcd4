//! A server whose carrier is a stand-in, and whose time of day is the test's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use chrono::NaiveDateTime;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Notify;
use trunkline::app::new_call_id;
use trunkline::carrier::account::Account;
use trunkline::carrier::{Carrier, CarrierCall, CarrierError, CarrierStatus, Place};
use trunkline::dial::grounds::Grounds;
use trunkline::dial::{Dialer, Order, Reach};
use trunkline::egress::EgressError;
use trunkline::reception::Which;
use trunkline::stack::Defaults;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::wire::twilio::form::{Form, encode};
use trunkline_core::wire::twilio::signature::{Algorithm, SIGNATURE_HEADER, sign};

use crate::api::rig::{Answer, Api, Who, id};

pub(super) const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(super) const FROM: &str = "+12125550188";
/// Tuesday noon in New York.
pub(super) const NOON: &str = "2026-11-24T12:00:00-05:00";

/// What the carrier does with the next request to place a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Accepts,
    Refuses,
    IsBusy,
    IsAway,
    /// It takes the call on, and its answer is lost.
    AcceptsAndIsLost,
    /// The request never reaches it.
    IsLost,
    /// It takes the call on, and its answer never comes.
    AcceptsAndHangs,
    /// It does nothing, and its answer never comes.
    Hangs,
}

#[derive(Default)]
struct Exchange {
    placed: Vec<(CarrierCall, Place)>,
    asked: usize,
    hung_up: Vec<String>,
    /// The carrier cannot be asked what it has.
    is_deaf: bool,
    /// Whose calls it never answers.
    hangs_for: Option<String>,
}

/// A carrier that does as it is told.
pub(super) struct StandIn {
    mood: Mutex<Mood>,
    exchange: Mutex<Exchange>,
    now_ms: Arc<AtomicI64>,
    reached: Notify,
}

impl StandIn {
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap()
    }

    pub(super) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(super) fn be_deaf(&self, is_deaf: bool) {
        self.lock().is_deaf = is_deaf;
    }

    /// Never answers who calls from this number.
    pub(super) fn hang_for(&self, from: &str) {
        self.lock().hangs_for = Some(from.to_owned());
    }

    /// How often it was asked to place a call.
    pub(super) fn asked(&self) -> usize {
        self.lock().asked
    }

    /// The calls it took on: its ids, and what it was told.
    pub(super) fn placed(&self) -> Vec<(String, Place)> {
        let exchange = self.lock();
        let calls = exchange.placed.iter();
        calls
            .map(|(call, place)| (call.id.clone(), place.clone()))
            .collect()
    }

    pub(super) fn hung_up(&self) -> Vec<String> {
        self.lock().hung_up.clone()
    }

    /// Returns when it was asked and will not answer.
    pub(super) async fn reached(&self) {
        self.reached.notified().await;
    }

    fn take(&self, place: Place) -> CarrierCall {
        let mut exchange = self.lock();
        let call = CarrierCall {
            id: format!("CA{:032x}", exchange.placed.len() + 1),
            status: CarrierStatus::Queued,
            created_ms: Some(self.now_ms.load(Ordering::SeqCst)),
        };
        exchange.placed.push((call.clone(), place));
        call
    }
}

impl Carrier for StandIn {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn place(&self, call: Place) -> BoxFuture<'_, Result<CarrierCall, CarrierError>> {
        let mut mood = *self.mood.lock().unwrap();
        {
            let mut exchange = self.lock();
            exchange.asked += 1;
            if exchange.hangs_for.as_deref() == Some(call.from.as_str()) {
                mood = Mood::Hangs;
            }
        }
        let lost = CarrierError::Unknown { what: "a test" };
        let answer = match mood {
            Mood::Accepts => Ok(self.take(call)),
            Mood::Refuses => Err(CarrierError::Refused {
                code: 21_211,
                what: "a test".into(),
            }),
            Mood::IsBusy => Err(CarrierError::Busy { retry_after: None }),
            Mood::IsAway => Err(CarrierError::Unreachable),
            Mood::IsLost => Err(lost),
            Mood::AcceptsAndIsLost => {
                self.take(call);
                Err(lost)
            }
            Mood::Hangs | Mood::AcceptsAndHangs => {
                if mood == Mood::AcceptsAndHangs {
                    self.take(call);
                }
                self.reached.notify_one();
                return std::future::pending().boxed();
            }
        };
        async move { answer }.boxed()
    }

    fn hang_up<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CarrierError>> {
        self.lock().hung_up.push(id.to_owned());
        async { Ok(()) }.boxed()
    }

    fn redirect<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), CarrierError>> {
        async { Err(CarrierError::Gone) }.boxed()
    }

    fn look_up<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<CarrierCall, CarrierError>> {
        let exchange = self.lock();
        let found = exchange.placed.iter().find(|(call, _)| call.id == id);
        let answer = found.map(|(call, _)| CarrierCall {
            status: CarrierStatus::NoAnswer,
            ..call.clone()
        });
        let answer = answer.ok_or(CarrierError::Gone);
        async move { answer }.boxed()
    }

    fn find<'a>(
        &'a self,
        from: &'a PhoneNumber,
        to: &'a PhoneNumber,
        since_ms: i64,
    ) -> BoxFuture<'a, Result<Vec<CarrierCall>, CarrierError>> {
        let exchange = self.lock();
        let fits = |(call, place): &&(CarrierCall, Place)| {
            place.from == *from && place.to == *to && call.created_ms.unwrap() >= since_ms
        };
        let found = exchange.placed.iter().rev().filter(fits);
        let found = found.map(|(call, _)| call.clone()).collect();
        let answer = if exchange.is_deaf {
            Err(CarrierError::Busy { retry_after: None })
        } else {
            Ok(found)
        };
        async move { answer }.boxed()
    }
}

struct ToStandIn(Arc<StandIn>);

impl Reach for ToStandIn {
    fn carrier(&self, _: &Account) -> Result<Arc<dyn Carrier>, EgressError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Carrier>)
    }
}

/// A server with a client that may call everywhere in North America, from one number.
pub(super) struct Office {
    pub(super) api: Api,
    pub(super) who: Who,
    pub(super) carrier: Arc<StandIn>,
    pub(super) agent_id: String,
    pub(super) number_id: String,
    pub(super) carrier_id: String,
    now_ms: Arc<AtomicI64>,
}

/// The instant of a moment as RFC 3339 writes it.
pub(super) fn moment(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

/// The instant at which a wall clock so far ahead of UTC shows this.
pub(super) fn wall(text: &str, ahead_hours: i64) -> i64 {
    let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    wall.and_utc().timestamp_millis() - ahead_hours * 3_600_000
}

pub(super) fn agent(directions: Value) -> Value {
    json!({
        "name": "Robin",
        "business": "Oak",
        "directions": directions,
        "opening": { "legal_entity": "Oak Street Dental LLC", "purpose": "your appointment" },
        "variables": { "day": { "type": "text" } },
        "flow_text": "start = \"day\"\nrequired = [\"day\"]\n[states.day]\nsay = \"Does {{day}} suit you?\"\nend = true\n",
    })
}

/// A consent as it comes with a call.
pub(super) fn agreed() -> Value {
    json!({ "form": "written", "source": "web_form" })
}

/// What makes a call lawful that somebody asked for.
pub(super) fn wished() -> Grounds {
    Grounds::of_wish(0)
}

/// Gives a server its carrier, and its time of day.
fn equip(api: &Api, carrier: &Arc<StandIn>, now_ms: &Arc<AtomicI64>) {
    let clock = Arc::clone(now_ms);
    let reach = Arc::new(ToStandIn(Arc::clone(carrier)));
    let dialer = Dialer::new(reach, move || clock.load(Ordering::SeqCst));
    let dialer = dialer.looking_after(vec![Duration::ZERO; 3]);
    assert!(api.app.dialer.set(dialer).is_ok());
}

/// An agent that calls, a number to call from, and an account with the carrier: their ids.
async fn furnish(api: &Api, who: &Who, number: &str) -> (String, String, String) {
    let made = async |path: &str, body: Value| id(&api.post(who, path, &body).await.made());
    let agent_id = made("/v1/agents", agent(json!(["outbound"]))).await;
    let account = json!({
        "carrier": "twilio", "name": "Main", "secret": AUTH_TOKEN,
        "settings": { "account_sid": "AC0123456789abcdef0123456789abcdef" },
    });
    let carrier_id = made("/v1/carrier-accounts", account).await;
    let number = json!({ "number": number, "carrier_account_id": carrier_id });
    let number_id = made("/v1/numbers", number).await;
    (agent_id, number_id, carrier_id)
}

impl Office {
    pub(super) async fn open() -> Self {
        let api = Api::open().await;
        let now_ms = Arc::new(AtomicI64::new(moment(NOON)));
        let carrier = Arc::new(StandIn {
            mood: Mutex::new(Mood::Accepts),
            exchange: Mutex::default(),
            now_ms: Arc::clone(&now_ms),
            reached: Notify::new(),
        });
        equip(&api, &carrier, &now_ms);
        let who = api.client().await;
        let (agent_id, number_id, carrier_id) = furnish(&api, &who, FROM).await;
        let office = Self {
            api,
            who,
            carrier,
            agent_id,
            number_id,
            carrier_id,
            now_ms,
        };
        office.allow(json!(["+1"])).await.fine();
        office
    }

    /// The same office after its server's process has ended and begun anew.
    pub(super) async fn again(self) -> Self {
        let api = self.api.again(Defaults::default()).await;
        equip(&api, &self.carrier, &self.now_ms);
        Self { api, ..self }
    }

    pub(super) fn set_time(&self, unix_ms: i64) {
        self.now_ms.store(unix_ms, Ordering::SeqCst);
    }

    /// Another client of the same server, which calls from this number, and its agent.
    pub(super) async fn neighbour(&self, number: &str) -> (Who, String) {
        let who = self.api.client().await;
        let (agent_id, ..) = furnish(&self.api, &who, number).await;
        let often = json!({ "calls_per_24h": 100, "calls_per_7d": 500, "min_gap_seconds": 0 });
        let policy = json!({ "destinations": ["+1"], "frequency": often });
        let secret = Some(who.secret.as_str());
        let set = self.api.ask(secret, "PUT", "/v1/policy", &policy, &[]);
        set.await.fine();
        (who, agent_id)
    }

    /// The time by the test's clock, ms since 1970.
    pub(super) fn time(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    /// Allows these to be called, as often as a client may.
    pub(super) async fn allow(&self, destinations: Value) -> Answer {
        let often = json!({ "calls_per_24h": 100, "calls_per_7d": 500, "min_gap_seconds": 0 });
        self.set_policy(json!({ "destinations": destinations, "frequency": often }))
            .await
    }

    pub(super) async fn set_policy(&self, body: Value) -> Answer {
        let secret = Some(self.who.secret.as_str());
        self.api.ask(secret, "PUT", "/v1/policy", &body, &[]).await
    }

    /// A call that can be placed but for what the policy says.
    pub(super) fn call(&self, to: &str) -> Value {
        json!({
            "to": to, "from": self.number_id, "agent_id": self.agent_id,
            "variables": { "day": "Monday" }, "consent": agreed(),
        })
    }

    pub(super) async fn place(&self, to: &str) -> Answer {
        self.api.post(&self.who, "/v1/calls", &self.call(to)).await
    }

    pub(super) async fn place_with_key(&self, to: &str, key: &str) -> Answer {
        let secret = Some(self.who.secret.as_str());
        let headers = [("idempotency-key", key)];
        self.api
            .ask(secret, "POST", "/v1/calls", &self.call(to), &headers)
            .await
    }

    /// What the policy says of somebody who agreed to everything in writing.
    pub(super) async fn check(&self, body: Value) -> Value {
        let consent = json!({
            "number": body["to"], "purposes": ["marketing", "survey", "service", "collections"],
            "form": "written", "source": "paper", "obtained_at": "2025-01-01T00:00:00Z",
        });
        let noted = self.api.post(&self.who, "/v1/consents", &consent).await;
        if noted.status != 400 && noted.status != 422 {
            noted.made();
        }
        self.ask(body).await
    }

    /// What the policy says.
    pub(super) async fn ask(&self, body: Value) -> Value {
        self.api
            .post(&self.who, "/v1/calls/check", &body)
            .await
            .fine()
    }

    pub(super) async fn shown(&self, call_id: &str) -> Value {
        self.api
            .get(&self.who, &format!("/v1/calls/{call_id}"))
            .await
            .fine()
    }

    pub(super) async fn suppress(&self, number: &str) {
        let body = json!({ "number": number, "reason": "opt_out" });
        self.api
            .post(&self.who, "/v1/suppressions", &body)
            .await
            .made();
    }

    /// How many calls the client has.
    pub(super) async fn calls(&self) -> usize {
        let list = self.api.get(&self.who, "/v1/calls").await.fine();
        list["data"].as_array().unwrap().len()
    }

    /// Waits until no call is being looked up.
    pub(super) async fn settled(&self) {
        self.api.app.dialer().settled().await;
    }

    /// The carrier posts a form to one of our addresses, signed with this secret.
    pub(super) async fn webhook(&self, url: &str, fields: &[(&str, &str)], secret: &str) -> Answer {
        let body = encode(fields.iter().copied());
        let form = Form::parse(body.as_bytes()).unwrap();
        let path = url.strip_prefix("https://trunkline.test").unwrap();
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header(SIGNATURE_HEADER, sign(secret, Algorithm::Sha1, url, &form));
        self.api.send(request.body(Body::from(body)).unwrap()).await
    }

    /// The carrier tells how one of its calls goes.
    pub(super) async fn told(&self, place: &Place, carrier_call_id: &str, status: &str) -> Answer {
        let fields = [
            ("CallSid", carrier_call_id),
            ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
            ("CallStatus", status),
        ];
        self.webhook(&place.status_url, &fields, AUTH_TOKEN).await
    }

    /// Every call that the carrier took on is over.
    pub(super) async fn all_over(&self) {
        for (carrier_call_id, place) in self.carrier.placed() {
            self.told(&place, &carrier_call_id, "no-answer").await;
        }
    }

    /// Another server of the same database and carrier.
    pub(super) fn beside(&self) -> Api {
        let api = self.api.beside();
        equip(&api, &self.carrier, &self.now_ms);
        api
    }

    /// Somebody answered: what the carrier is to do.
    pub(super) async fn answered(&self, place: &Place, carrier_call_id: &str) -> Answer {
        let fields = [
            ("CallSid", carrier_call_id),
            ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
            ("Direction", "outbound-api"),
            ("CallStatus", "in-progress"),
        ];
        self.webhook(&place.answer_url, &fields, AUTH_TOKEN).await
    }
}

/// What it takes to place a call, but for the yes.
pub(super) async fn order(office: &Office) -> Order {
    let app = &office.api.app;
    let client = &office.who.client;
    let keys = app.desk.keys(client).await.unwrap();
    let agent = app
        .reception
        .agent(&app.desk, &keys, &office.agent_id, Which::Settled(1))
        .await;
    let account = Account::find(&app.desk, client, &office.carrier_id).await;
    Order {
        call_id: new_call_id(),
        agent: agent.unwrap(),
        from: PhoneNumber::parse(FROM).unwrap(),
        account: account.unwrap().unwrap(),
        variables: BTreeMap::from([("day".to_owned(), "Monday".to_owned())]),
        record: true,
        ring: Duration::from_secs(45),
        machines: None,
        metadata: None,
        promise: None,
        places: Vec::new(),
        zones: Vec::new(),
        grounds: wished(),
        seat: None,
    }
}
