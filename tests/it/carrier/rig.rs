//! A town: a server, a client with a number, and the carrier between it and the world.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::serve::Listener;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, LocalRecorderGuard, Metadata, Recorder, SharedString,
    Unit,
};
use serde_json::{Value, json};
use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use trunkline::api::{Doorway, Rate, accept};
use trunkline::carrier::Carrier;
use trunkline::carrier::account::Account;
use trunkline::carrier::twilio::Twilio;
use trunkline::carrier_double::Carrier as Line;
use trunkline::carrier_double::rest::{AccountSetup, CarrierAccount, OwnNumber, Rung, World};
use trunkline::clock;
use trunkline::config::CarriersConfig;
use trunkline::dial::{Dialer, Reach};
use trunkline::egress::{self, EgressError, Io, Net};
use trunkline::ids::new_id;
use trunkline::providers::Providers;
use trunkline::stack::Defaults;
use trunkline::store::calls::Call;
use trunkline::store::suppressions::NewSuppression;
use trunkline::webhooks::Addresses;

use crate::api::rig::{Answer, Api, Who, id};
use crate::session::model::Model;
use crate::session::rig::{Door, WIRE_BYTES, speech, unhurried};

pub(super) const SID: &str = "AC0123456789abcdef0123456789abcdef";
pub(super) const TOKEN: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
/// The client's number with an agent, and the one without.
pub(super) const NUMBER: &str = "+15005550006";
pub(super) const BARE_NUMBER: &str = "+15005550009";
/// A number at the carrier that the client has not told the server.
pub(super) const OTHER_NUMBER: &str = "+15005550012";
pub(super) const STRANGER: &str = "+14155550100";
/// Tuesday noon in New York; in California it is nine o'clock.
pub(super) const NOON_MS: i64 = 1_795_539_600_000;
/// How carriers reach the server.
pub(super) const PUBLIC: &str = "https://trunkline.test";

pub(super) struct Town {
    pub(super) api: Api,
    pub(super) who: Who,
    pub(super) carrier: CarrierAccount,
    pub(super) carrier_id: String,
    pub(super) agent_id: String,
    /// Where the server really is.
    pub(super) local: String,
    _serving: JoinHandle<()>,
    _open: watch::Sender<bool>,
}

/// The account's interface at the double's address.
struct ToDouble(String);

impl Reach for ToDouble {
    fn carrier(&self, account: &Account) -> Result<Arc<dyn Carrier>, EgressError> {
        let http = egress::client().map_err(|error| EgressError::Tls(error.to_string()))?;
        Ok(Arc::new(account.carrier(http, Some(&self.0))))
    }
}

/// A network with nothing but the server's door.
struct Doorstep(mpsc::Sender<DuplexStream>);

impl Net for Doorstep {
    fn lookup(&self, _: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) }.boxed()
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        let door = self.0.clone();
        async move {
            let (ours, theirs) = duplex(WIRE_BYTES);
            door.send(theirs).await.map_err(io::Error::other)?;
            Ok(Box::new(ours) as Box<dyn Io>)
        }
        .boxed()
    }
}

/// An agent that greets the caller by a name and says goodbye.
pub(super) fn greeter(name: &str) -> Value {
    json!({
        "name": name, "business": "Oak", "directions": ["inbound", "outbound"],
        "variables": { "who": { "type": "text", "default": "friend" } },
        "opening": { "purpose": "your visit" },
        "flow_text": "start = \"bye\"\nrequired = [\"who\"]\n[states.bye]\nsay = \"Good day {{who}}.\"\nend = true\n",
    })
}

impl Town {
    /// One whose server stands at a loopback address.
    pub(super) async fn found() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = format!("http://{}", listener.local_addr().unwrap());
        Self::found_at(Api::open().await, listener, local, World::default()).await
    }

    /// One whose server is reached by streams in memory alone, at this time of day.
    pub(super) async fn found_in_memory(api: Api, unix_ms: i64) -> Self {
        let (door, visitors) = mpsc::channel(64);
        let net = Arc::new(Doorstep(door));
        let world = World { net, unix_ms };
        Self::found_at(api, Door(visitors), PUBLIC.into(), world).await
    }

    /// One at noon whose agents think by this model.
    pub(super) async fn thinking(model: &Model) -> Self {
        let defaults = Defaults {
            chat: Some(model.settings.clone()),
            ..Defaults::default()
        };
        Self::equipped(defaults).await
    }

    /// One at noon whose calls are held with these.
    pub(super) async fn equipped(defaults: Defaults) -> Self {
        let api = Api::of(Rate::default(), defaults, Providers::default()).await;
        Self::found_in_memory(api, NOON_MS).await
    }

    async fn found_at<L: Listener>(api: Api, listener: L, local: String, world: World) -> Self {
        let who = api.client().await;
        // The client's own server stands on this machine.
        let carriers = CarriersConfig {
            webhooks_in_own_network: true,
            ..CarriersConfig::default()
        };
        api.app.carriers.get_or_init(|| carriers);
        let (open, closed) = watch::channel(false);
        let serving = tokio::spawn(accept(listener, api.router(), Doorway::default(), closed));
        let new = json!({
            "carrier": "twilio", "name": "Main", "secret": TOKEN, "settings": { "account_sid": SID },
        });
        let carrier_id = id(&api.post(&who, "/v1/carrier-accounts", &new).await.made());
        let agent_id = id(&api.post(&who, "/v1/agents", &greeter("Robin")).await.made());
        for (number, agent) in [(NUMBER, Some(&agent_id)), (BARE_NUMBER, None)] {
            let new =
                json!({ "number": number, "agent_id": agent, "carrier_account_id": carrier_id });
            api.post(&who, "/v1/numbers", &new).await.made();
        }
        let addresses = Addresses::new("wss://trunkline.test", &carrier_id);
        let own = |number: &str| OwnNumber {
            number: number.into(),
            voice_url: addresses.voice(None),
            status_url: addresses.status(None),
        };
        let setup = AccountSetup {
            account_sid: SID.into(),
            auth_token: TOKEN.into(),
            api_key: None,
            numbers: [NUMBER, BARE_NUMBER, OTHER_NUMBER].map(own).to_vec(),
            reach: (PUBLIC.into(), local.clone()),
        };
        Self {
            api,
            who,
            carrier: CarrierAccount::open_in(setup, world).await.unwrap(),
            carrier_id,
            agent_id,
            local,
            _serving: serving,
            _open: open,
        }
    }

    /// The client may call all of North America by the double's own interface, from `unix_ms` on by the timers' clock.
    pub(super) async fn may_call(&self, unix_ms: i64) {
        let reach = Arc::new(ToDouble(self.carrier.base_url()));
        let began = clock::timer_now();
        let now_ms = move || {
            let since = clock::timer_now().saturating_duration_since(began);
            unix_ms + i64::try_from(since.as_millis()).unwrap()
        };
        let dialer = || Dialer::new(reach, now_ms);
        self.api.app.dialer.get_or_init(dialer);
        let often = json!({ "calls_per_24h": 100, "calls_per_7d": 500, "min_gap_seconds": 0 });
        let allowed = json!({ "destinations": ["+1"], "frequency": often });
        let secret = Some(self.who.secret.as_str());
        let put = self.api.ask(secret, "PUT", "/v1/policy", &allowed, &[]);
        put.await.fine();
    }

    /// Has the client's number answered by another agent: the agent's id.
    pub(super) async fn answer_by(&self, agent: &Value) -> String {
        let (api, who) = (&self.api, &self.who);
        let agent_id = id(&api.post(who, "/v1/agents", agent).await.made());
        let numbers = api.get(who, "/v1/numbers").await.fine();
        let mut numbers = numbers["data"].as_array().unwrap().iter();
        let number = numbers.find(|row| row["number"] == NUMBER).unwrap();
        let path = format!("/v1/numbers/{}", id(number));
        let change = json!({ "agent_id": agent_id });
        api.patch(who, &path, &change).await.fine();
        agent_id
    }

    /// The line of a stranger who calls the client's number.
    pub(super) async fn rung(&self) -> Line {
        let rung = unhurried(self.carrier.ring(STRANGER, NUMBER)).await;
        let Rung::Line(line) = rung else {
            panic!("the call was not taken: {rung:?}");
        };
        *line
    }

    /// All that is to be written of calls that are over is written.
    pub(super) async fn written(&self) {
        // The server's side of a socket may wait for its clock.
        tokio::time::sleep(Duration::from_secs(1)).await;
        unhurried(async {
            let app = &self.api.app;
            app.tasks.close();
            app.tasks.wait().await;
            app.tasks.reopen();
            app.desk.journals.flush().await.unwrap();
            app.desk.rows.flush().await.unwrap();
        })
        .await;
    }

    /// What the API answers about the first call, `of` behind its own address.
    pub(super) async fn shown(&self, of: &str) -> Answer {
        unhurried(async {
            let call_id = self.rows().await.pop().unwrap().id;
            let path = format!("/v1/calls/{call_id}{of}");
            self.api.get(&self.who, &path).await
        })
        .await
    }

    /// The events of the first call: their types and details.
    pub(super) async fn events(&self) -> Vec<(String, String)> {
        let events = self.shown("/events").await.fine();
        let events = events["data"].as_array().unwrap().iter().map(|event| {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            (text("type"), text("detail"))
        });
        events.collect()
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses::new("wss://trunkline.test", &self.carrier_id)
    }

    pub(super) async fn account(&self) -> Account {
        let account = Account::named(&self.api.app.desk, &self.carrier_id).await;
        account.unwrap().unwrap()
    }

    /// The carrier's REST interface, as the server asks it.
    pub(super) async fn twilio(&self) -> Twilio {
        let base = self.carrier.base_url();
        self.account()
            .await
            .carrier(egress::client().unwrap(), Some(&base))
    }

    /// The disk has done what was asked of it so far: a clock that stands still is no reason to be ahead of it.
    pub(super) async fn keep_up(&self) {
        let suppressions = self.api.app.desk.store.suppressions();
        // Each is another: what is there already would be written no more.
        let (id, mut hash) = (new_id("sup"), [0; 32]);
        hash[..id.len()].copy_from_slice(id.as_bytes());
        let nobody = NewSuppression {
            id,
            campaign_id: None,
            hash,
            reason: "asked".into(),
            source: "api".into(),
            call_id: None,
            created_ms: NOON_MS,
        };
        unhurried(suppressions.add(&self.who.client, &nobody))
            .await
            .unwrap();
    }

    /// Every call that is in the database.
    pub(super) async fn rows(&self) -> Vec<Call> {
        let calls = self.api.app.desk.store.calls();
        let page = calls
            .list(&self.who.client, &Default::default(), None, 100)
            .await;
        page.unwrap().data
    }

    /// Has the client's own webhook asked at this address.
    pub(super) async fn ask_webhook(&self, url: &str, secret: &str) {
        let mut account = self.account().await;
        account.settings.inbound_webhook = Some(url.into());
        account.secrets.inbound_webhook_secret = Some(secret.into());
        let carriers = self.api.app.desk.store.carriers();
        let row = carriers
            .find(&account.client, &account.id)
            .await
            .unwrap()
            .unwrap();
        let change = trunkline::store::carriers::CarrierChange {
            name: row.name,
            secret: Some(account.secrets.seal(&account.keys, &account.id).unwrap()),
            settings: account.settings.seal(&account.keys, &account.id).unwrap(),
            updated_ms: row.updated_ms,
        };
        let updated = carriers
            .update(&account.client, &account.id, row.revision, &change)
            .await;
        updated.unwrap();
    }
}

/// Says these things, each once the agent has been quiet for a while, and waits until each is answered.
pub(super) async fn converse(line: &mut Line, says: &[&str]) {
    for words in says {
        line.wait_until_agent_quiet(900).await.unwrap();
        line.speak(speech(words)).await.unwrap();
        line.wait_for_answer().await.unwrap();
    }
}

/// What this thread counts, until it is dropped.
pub(super) struct Counts {
    counts: &'static Counting,
    _guard: LocalRecorderGuard<'static>,
}

#[derive(Default)]
struct Counting(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<&str> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        let mut counts = self.0.lock().unwrap();
        Counter::from_arc(Arc::clone(
            counts.entry(name.trim().to_owned()).or_default(),
        ))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Counts {
    pub(super) fn start() -> Self {
        let counts: &'static Counting = Box::leak(Box::default());
        Self {
            counts,
            _guard: metrics::set_default_local_recorder(counts),
        }
    }

    /// The counter of a name and its labels' values.
    pub(super) fn of(&self, name: &str) -> u64 {
        let counts = self.counts.0.lock().unwrap();
        counts
            .get(name)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }
}
