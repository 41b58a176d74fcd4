//! Systems of clients' own that are asked about a number: what they know of it, and whether to call it.

use std::future::pending;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use trunkline::callbacks::running::round;
use trunkline::tools::SigningKey;

use super::callbacks::{AT, is, new_york, schedule, state};
use super::rig::{Office, agreed};
use crate::api::rig::{Answer, Who, id};
use crate::events::on_this_machine;

const LONDON: &str = "+442079460018";
const NEW_YORK: &str = "+12125550100";

/// What a client's system does with a question.
#[derive(Clone, Debug)]
enum Does {
    Says(Value),
    Writes(String),
    Answers(u16),
    Redirects,
    Hangs,
    Talks,
}

struct Inner {
    does: Mutex<Does>,
    asked: Mutex<Vec<(HeaderMap, String)>>,
}

/// A client's system.
struct System {
    url: String,
    inner: Arc<Inner>,
}

impl System {
    async fn open(does: Does) -> Self {
        let inner = Arc::new(Inner {
            does: Mutex::new(does),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/asked", post(asked))
            .with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/asked", listener.local_addr().unwrap());
        drop(tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        }));
        Self { url, inner }
    }

    fn now(&self, does: Does) {
        *self.inner.does.lock().unwrap() = does;
    }

    fn asked(&self) -> usize {
        self.inner.asked.lock().unwrap().len()
    }

    fn last(&self) -> (HeaderMap, String) {
        self.inner.asked.lock().unwrap().last().cloned().unwrap()
    }

    fn data(&self) -> Value {
        let body: Value = serde_json::from_str(&self.last().1).unwrap();
        body["data"].clone()
    }
}

async fn asked(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    inner.asked.lock().unwrap().push((headers, body));
    let does = inner.does.lock().unwrap().clone();
    match does {
        Does::Says(value) => axum::Json(value).into_response(),
        Does::Writes(text) => text.into_response(),
        Does::Answers(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Does::Redirects => {
            let to = [("location", "/asked")];
            (StatusCode::TEMPORARY_REDIRECT, to).into_response()
        }
        Does::Hangs => pending().await,
        Does::Talks => {
            let piece = Bytes::from(vec![b' '; 64 * 1024]);
            let without_end = futures_util::stream::repeat_with(move || {
                Ok::<_, std::convert::Infallible>(piece.clone())
            });
            axum::body::Body::from_stream(without_end).into_response()
        }
    }
}

async fn office() -> Office {
    let office = Office::open().await;
    on_this_machine(&office.api);
    office.allow(json!(["+1", "+44"])).await.fine();
    office
}

async fn put(office: &Office, who: &Who, path: &str, body: &Value) -> Answer {
    let secret = Some(who.secret.as_str());
    office.api.ask(secret, "PUT", path, body, &[]).await
}

async fn remove(office: &Office, path: &str) -> Answer {
    let secret = Some(office.who.secret.as_str());
    let (api, nothing) = (&office.api, Value::Null);
    api.ask(secret, "DELETE", path, &nothing, &[]).await
}

/// The client's system is asked: its secret.
async fn hook(office: &Office, path: &str, system: &System) -> String {
    let body = json!({ "url": system.url, "timeout_ms": 500 });
    let made = put(office, &office.who, path, &body).await.fine();
    made["secret"].as_str().unwrap().to_owned()
}

fn codes(told: &Value) -> Vec<&str> {
    let reasons = told["reasons"].as_array().unwrap().iter();
    reasons
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

fn clear(checked_at: &str) -> Value {
    json!({ "line": "landline",
        "registries": { "gb-tps": { "listed": false, "checked_at": checked_at } } })
}

const FRESH: &str = "2026-11-20T00:00:00Z";

#[tokio::test]
async fn what_a_clients_system_knows_of_registers_decides_a_call() {
    let office = office().await;
    let system = System::open(Does::Says(clear(FRESH))).await;
    let question = json!({ "to": LONDON });
    assert_eq!(
        codes(&office.check(question.clone()).await),
        ["registry_not_checked"]
    );
    let secret = hook(&office, "/v1/screening", &system).await;
    assert_eq!(codes(&office.check(question.clone()).await), [""; 0]);
    assert_eq!(system.asked(), 1);
    let data = system.data();
    assert_eq!(
        (&data["number"], &data["purpose"]),
        (&json!(LONDON), &json!("marketing"))
    );
    assert_eq!(data["registries"], json!(["gb-tps"]));
    // It is signed as events are.
    let (headers, body) = system.last();
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = SigningKey::parse(&secret).unwrap();
    let unix_s = text("webhook-timestamp").parse().unwrap();
    let signed = key.sign(&text("webhook-id"), unix_s, body.as_bytes());
    assert_eq!(text("webhook-signature"), signed);
    // It is remembered, also by a server that begins anew, and nowhere in clear.
    assert_eq!(codes(&office.check(question.clone()).await), [""; 0]);
    let office = office.again().await;
    on_this_machine(&office.api);
    assert_eq!(codes(&office.check(question.clone()).await), [""; 0]);
    assert_eq!(system.asked(), 1);
    // Another client neither asks it nor knows what it said.
    let (other, _) = office.neighbour("+12125550177").await;
    let shown = office.api.get(&other, "/v1/screening").await.fine();
    assert_eq!(shown["url"], Value::Null);
    let often = json!({ "destinations": ["+44"] });
    put(&office, &other, "/v1/policy", &often).await.fine();
    let told = office
        .api
        .post(&other, "/v1/calls/check", &question)
        .await
        .fine();
    assert!(codes(&told).contains(&"registry_not_checked"), "{told}");
    assert_eq!(system.asked(), 1);
    // A day later it is asked again.
    office.set_time(office.time() + 25 * 3_600_000);
    system.now(Does::Says(json!({ "registries": {
        "gb-tps": { "listed": true, "checked_at": "2026-11-25T00:00:00Z" } } })));
    assert_eq!(
        codes(&office.check(question.clone()).await),
        ["registry_listed"]
    );
    assert_eq!(system.asked(), 2);
    // Whoever is listed is not asked about again, and without the system nothing is known.
    assert_eq!(
        codes(&office.check(question.clone()).await),
        ["registry_listed"]
    );
    assert_eq!(system.asked(), 2);
    assert_eq!(remove(&office, "/v1/screening").await.status, 204);
    assert_eq!(
        codes(&office.check(question).await),
        ["registry_not_checked"]
    );
    assert_eq!(remove(&office, "/v1/screening").await.status, 404);
}

#[tokio::test]
async fn a_system_that_does_not_answer_well_allows_nothing() {
    let office = office().await;
    let system = System::open(Does::Hangs).await;
    hook(&office, "/v1/screening", &system).await;
    for does in [
        Does::Hangs,
        Does::Answers(500),
        Does::Answers(204),
        Does::Redirects,
        Does::Talks,
        Does::Writes("yes".into()),
        Does::Says(json!({ "registries": { "gb-tps": false } })),
        Does::Says(json!({ "line": "fax" })),
    ] {
        system.now(does.clone());
        let british = office.check(json!({ "to": LONDON })).await;
        assert_eq!(british["verdict"], "deny", "{does:?}: {british}");
        assert!(
            codes(&british).contains(&"registry_not_checked"),
            "{british}"
        );
        // Where no register counts, it is still not known what it would say of the number.
        let american = office.check(json!({ "to": NEW_YORK })).await;
        assert_eq!(american["verdict"], "defer", "{does:?}: {american}");
        assert_eq!(codes(&american), ["predial_unanswered"]);
    }
    let asked = system.asked();
    assert_eq!(asked, 16);
    // Nobody hears of a number that may not be called anyway.
    office.suppress(NEW_YORK).await;
    office.check(json!({ "to": NEW_YORK })).await;
    assert_eq!(system.asked(), asked);
    system.now(Does::Says(clear("2026-10-01T00:00:00Z")));
    assert_eq!(
        codes(&office.check(json!({ "to": LONDON })).await),
        ["registry_stale"]
    );
}

#[tokio::test]
async fn sorts_of_line_and_new_owners_are_heeded() {
    let office = office().await;
    let system = System::open(Does::Says(json!({}))).await;
    hook(&office, "/v1/screening", &system).await;
    let policy = json!({ "destinations": ["+1"], "lines": ["voip", "mobile", "voip"] });
    let set = office.set_policy(policy).await.fine();
    assert_eq!(set["lines"], json!(["mobile", "voip"]));
    let told = async |number: &str| office.check(json!({ "to": number })).await;
    assert_eq!(codes(&told(NEW_YORK).await), ["line_not_allowed"]);
    system.now(Does::Says(json!({ "line": "landline" })));
    assert_eq!(codes(&told(NEW_YORK).await), ["line_not_allowed"]);
    let asked = system.asked();
    assert_eq!(codes(&told(NEW_YORK).await), ["line_not_allowed"]);
    assert_eq!(system.asked(), asked, "what is known is asked about again");
    system.now(Does::Says(json!({ "line": "mobile" })));
    assert_eq!(codes(&told("+12125550101").await), [""; 0]);
    // The consent is of 2025: it was somebody else's.
    let reassigned = json!({ "line": "mobile", "reassigned_at": "2026-02-01T00:00:00Z" });
    system.now(Does::Says(reassigned));
    let told = told("+12125550102").await;
    assert!(codes(&told).contains(&"number_reassigned"), "{told}");
    let all = json!({ "destinations": ["+1"] });
    assert_eq!(office.set_policy(all).await.fine()["lines"], json!([]));
    let wrong = json!({ "destinations": ["+1"], "lines": ["fax"] });
    assert_eq!(office.set_policy(wrong).await.fault().0, "/lines/0");
}

#[tokio::test]
async fn right_before_a_call_the_clients_system_says_yes_or_nobody_is_called() {
    let office = office().await;
    let system = System::open(Does::Says(json!({ "eligible": false }))).await;
    hook(&office, "/v1/predial", &system).await;
    let contact = json!({ "phones": [{ "number": NEW_YORK }] });
    let contact = office
        .api
        .post(&office.who, "/v1/contacts", &contact)
        .await
        .made();
    // Who only asks whether a number may be called does not ask it.
    assert_eq!(
        codes(&office.check(json!({ "to": NEW_YORK })).await),
        [""; 0]
    );
    assert_eq!(system.asked(), 0);
    let refused = office.place(NEW_YORK).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "call_not_allowed")
    );
    assert_eq!(refused.fault().1, "predial_refused");
    assert_eq!(system.asked(), 1);
    let data = system.data();
    assert_eq!(
        (&data["number"], &data["contact_id"]),
        (&json!(NEW_YORK), &json!(id(&contact)))
    );
    for does in [
        Does::Hangs,
        Does::Answers(503),
        Does::Redirects,
        Does::Talks,
        Does::Writes("true".into()),
        Does::Says(json!({ "eligible": "true" })),
        Does::Says(json!({ "eligible": true, "but": "not now" })),
    ] {
        system.now(does.clone());
        let unanswered = office.place(NEW_YORK).await;
        assert_eq!(unanswered.status, 409, "{does:?}: {unanswered:?}");
        assert_eq!(unanswered.fault().1, "predial_unanswered");
        assert_eq!(unanswered.json()["retry_at"], "2026-11-24T17:01:00.000Z");
    }
    assert_eq!((office.carrier.asked(), office.calls().await), (0, 0));
    let asked = system.asked();
    // What is forbidden anyway is not asked about.
    office.place("+13055550100").await;
    let elsewhere = office.place("+81312345678").await;
    assert_eq!(elsewhere.status, 403);
    system.now(Does::Says(json!({ "eligible": true })));
    office.place(NEW_YORK).await.made();
    assert_eq!(office.carrier.asked(), 1);
    assert_eq!(system.asked(), asked + 2);
    // Another client's calls are not asked about.
    let (other, agent_id) = office.neighbour("+12125550177").await;
    let call = json!({ "to": "+12125550103", "from": "+12125550177", "agent_id": agent_id,
        "variables": { "day": "Monday" }, "consent": agreed() });
    office.api.post(&other, "/v1/calls", &call).await.made();
    assert_eq!(system.asked(), asked + 2);
}

#[tokio::test]
async fn a_hook_is_kept_with_care() {
    let office = Office::open().await;
    for (body, pointer, code) in [
        (
            json!({ "url": "http://crm.example.com/x" }),
            "/url",
            "invalid_url",
        ),
        (
            json!({ "url": "https://10.0.0.1/x" }),
            "/url",
            "invalid_url",
        ),
        (
            json!({ "url": "https://localhost/x" }),
            "/url",
            "invalid_url",
        ),
        (
            json!({ "url": "https://crm.example.com/x", "timeout_ms": 3001 }),
            "/timeout_ms",
            "out_of_range",
        ),
        (
            json!({ "url": "https://crm.example.com/x", "timeout_ms": 99 }),
            "/timeout_ms",
            "out_of_range",
        ),
        (json!({}), "/url", "missing"),
        (
            json!({ "url": "https://crm.example.com/x", "surprise": 1 }),
            "/surprise",
            "unknown_field",
        ),
    ] {
        for path in ["/v1/screening", "/v1/predial"] {
            let refused = put(&office, &office.who, path, &body).await;
            assert_eq!(
                refused.fault(),
                (pointer.to_owned(), code.to_owned()),
                "{body}"
            );
        }
    }
    let body = json!({ "url": "https://crm.example.com/x" });
    let made = put(&office, &office.who, "/v1/predial", &body).await.fine();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(made["timeout_ms"], 2_000);
    let again = put(&office, &office.who, "/v1/predial", &body).await.fine();
    assert!(again.get("secret").is_none(), "{again}");
    let shown = office.api.get(&office.who, "/v1/predial").await.fine();
    assert_eq!(shown["url"], body["url"]);
    assert!(shown.get("secret").is_none(), "{shown}");
    let rotate = json!({ "url": "https://crm.example.com/x", "rotate_secret": true });
    let rotated = put(&office, &office.who, "/v1/predial", &rotate)
        .await
        .fine();
    assert_ne!(rotated["secret"].as_str().unwrap(), secret);
    // One is none of the other.
    let screening = office.api.get(&office.who, "/v1/screening").await.fine();
    assert_eq!(screening["url"], Value::Null);
}

#[tokio::test]
async fn a_callback_that_is_due_is_asked_about_too() {
    let office = office().await;
    let system = System::open(Does::Answers(500)).await;
    hook(&office, "/v1/predial", &system).await;
    let callback = schedule(&office, NEW_YORK, AT).await;
    assert_eq!(system.asked(), 0);
    office.set_time(new_york("2026-11-24 15:30"));
    round(&office.api.app).await;
    assert_eq!((system.asked(), office.carrier.asked()), (1, 0));
    let waits = is("scheduled", "predial_unanswered");
    assert_eq!(state(&office, &callback).await, waits);
    system.now(Does::Says(json!({ "eligible": true })));
    office.set_time(new_york("2026-11-24 15:32"));
    round(&office.api.app).await;
    assert_eq!((system.asked(), office.carrier.asked()), (2, 1));
    office.all_over().await;
    system.now(Does::Says(json!({ "eligible": false })));
    let callback = schedule(&office, "+12125550101", "2026-11-24T16:00").await;
    office.set_time(new_york("2026-11-24 16:00"));
    round(&office.api.app).await;
    let cancelled = is("cancelled", "predial_refused");
    assert_eq!(state(&office, &callback).await, cancelled);
    assert_eq!(office.carrier.asked(), 1);
}
