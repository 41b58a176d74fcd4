//! Complaints, and what is counted of calls that people do not want. By HTTP, over two clients.

use serde_json::{Value, json};
use trunkline::desk::setup::Books;
use trunkline::dial::{ClientRules, judging};
use trunkline::ids::new_id;
use trunkline::store::StoreConfig;
use trunkline::store::calls::CarrierEnd;
use trunkline::store::suppressions::NewSuppression;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::ratios::{Mark, Marks};

use super::rig::{Mood, NOON, Office, moment};
use super::standing::events;
use crate::api::rig::{Who, id};

const TO: &str = "+12125550100";
const DAY: i64 = 86_400_000;
const WORDS: &str = "I never asked anybody to ring my kitchen.";

async fn complain(office: &Office, who: &Who, number: &str) -> Value {
    let body = json!({ "number": number, "called_at": NOON, "text": WORDS, "source": "authority" });
    let made = office.api.post(who, "/v1/complaints", &body).await;
    made.made()
}

#[tokio::test]
async fn a_complaint_finds_the_calls_and_ends_them_all() {
    let office = Office::open().await;
    let (theirs, their_agent) = office.neighbour("+12125550190").await;
    let call_id = id(&office.place(TO).await.made());
    office.all_over().await;
    let mut call = office.call(TO);
    call["from"] = json!("+12125550190");
    call["agent_id"] = json!(their_agent);
    let foreign = id(&office.api.post(&theirs, "/v1/calls", &call).await.made());
    // Another number, and the same one much later.
    office.place("+12125550101").await.made();
    office.set_time(moment(NOON) + 4 * DAY);
    office.place(TO).await.made();
    office.all_over().await;

    let complaint = complain(&office, &office.who, TO).await;
    let calls = complaint["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "{complaint}");
    assert_eq!(calls[0]["call_id"], call_id);
    assert_eq!(calls[0]["direction"], "outbound");
    assert!(!complaint.to_string().contains(&foreign));
    let list = office.api.get(&office.who, "/v1/consents").await.fine();
    let consents = list["data"].as_array().unwrap().iter();
    let mut given = consents.filter(|consent| consent["call_id"] == call_id);
    assert_eq!(calls[0]["consent_id"], given.next().unwrap()["id"]);
    assert_eq!(calls[0]["decision"]["grounds"]["consent"], "written");
    assert_eq!(
        (
            &complaint["number"],
            &complaint["text"],
            &complaint["state"]
        ),
        (&json!(TO), &json!(WORDS), &json!("open"))
    );
    // At once, and for this client alone.
    assert_eq!(office.place(TO).await.code(), "suppressed");
    let path = format!(
        "/v1/suppressions/{}",
        complaint["suppression_id"].as_str().unwrap()
    );
    let suppression = office.api.get(&office.who, &path).await.fine();
    assert_eq!(suppression["reason"], "complaint");
    let question = json!({ "number": TO });
    let other = office
        .api
        .post(&theirs, "/v1/suppressions/check", &question);
    assert_eq!(other.await.fine()["suppressed"], false);
    let told = events(&office, &office.who, "complaint.").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1["id"], complaint["id"]);
    assert!(!told[0].1.to_string().contains("kitchen"));

    let path = format!("/v1/complaints/{}", id(&complaint));
    assert_eq!(office.api.get(&office.who, &path).await.fine(), complaint);
    let list = office.api.get(&office.who, "/v1/complaints").await.fine();
    assert_eq!(list["data"][0]["id"], complaint["id"]);
    let list = office.api.get(&theirs, "/v1/complaints").await.fine();
    assert_eq!(list["data"], json!([]));
    assert_eq!(office.api.get(&theirs, &path).await.status, 404);
    let change = json!({ "state": "dismissed" });
    let secret = Some(office.who.secret.as_str());
    let patch = office.api.ask(secret, "PATCH", &path, &change, &[]);
    assert_eq!(patch.await.fine()["state"], "dismissed");
    // Whatever the client says of it, the number is not called.
    assert_eq!(office.place(TO).await.code(), "suppressed");
    // Nothing of it is on the disk in clear.
    for file in ["trunkline.db", "trunkline.db-wal"] {
        let bytes = std::fs::read(office.api.data().join(file)).unwrap_or_default();
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!has("kitchen") && !has(TO), "{file}");
    }
}

#[tokio::test]
async fn a_complaint_that_is_none_is_refused_with_its_place() {
    let office = Office::open().await;
    let fine = json!({ "number": TO, "called_at": NOON });
    for (change, pointer, code) in [
        (json!({ "number": "212" }), "/number", "invalid_number"),
        (
            json!({ "called_at": "lately" }),
            "/called_at",
            "invalid_time",
        ),
        (
            json!({ "called_at": "2026-11-24T12:06:00-05:00" }),
            "/called_at",
            "in_the_future",
        ),
        (json!({ "text": "x".repeat(8_001) }), "/text", "too_long"),
        (json!({ "source": "rumour" }), "/source", "unknown_value"),
        (json!({ "surprise": 1 }), "/surprise", "unknown_field"),
    ] {
        let mut body = fine.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = office.api.post(&office.who, "/v1/complaints", &body).await;
        let fault = (pointer.to_owned(), code.to_owned());
        assert_eq!(answer.fault(), fault, "{change}");
    }
    // Nobody was called: the number is suppressed all the same, and told twice it is one complaint.
    let secret = Some(office.who.secret.as_str());
    let key = [("idempotency-key", "complaint-1")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let made = office
            .api
            .ask(secret, "POST", "/v1/complaints", &fine, &key);
        let made = made.await.made();
        assert_eq!(made["calls"], json!([]));
        ids.push(id(&made));
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(office.place(TO).await.code(), "suppressed");
}

#[tokio::test]
async fn an_operator_gives_a_complaint_to_whoever_called() {
    let office = Office::open().await;
    let (theirs, _) = office.neighbour("+12125550190").await;
    office.place(TO).await.made();
    office.all_over().await;
    let data = office.api.data();
    let config = StoreConfig::sqlite(&data.join("trunkline.db"));
    let books = Books::open(&data, &config).await.unwrap();
    let number = PhoneNumber::parse(TO).unwrap();
    let noon = moment(NOON);
    let taken = books.complain(None, &number, noon - 2 * DAY, Some(WORDS));
    let taken = taken.await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].0, office.who.client);
    assert_eq!(office.place(TO).await.code(), "suppressed");
    let path = format!("/v1/complaints/{}", taken[0].1);
    let shown = office.api.get(&office.who, &path).await.fine();
    assert_eq!(
        (&shown["source"], &shown["text"]),
        (&json!("operator"), &json!(WORDS))
    );
    assert_eq!(shown["calls"].as_array().unwrap().len(), 1);
    for (only, about_ms) in [(None, noon - 9 * DAY), (Some(theirs.client.clone()), noon)] {
        let none = books.complain(only, &number, about_ms, None).await;
        assert!(none.unwrap().is_empty());
    }
}

/// Marks that few calls reach.
fn rules() -> ClientRules {
    let mark = |warn, stop| Mark {
        warn_per_mille: Some(warn),
        stop_per_mille: Some(stop),
        calls_min: 4,
        count_min: 1,
    };
    ClientRules {
        marks: Marks {
            opt_outs: mark(200, 500),
            short_calls: mark(999, 1_001),
            invalid_numbers: mark(200, 500),
            complaints: mark(200, 500),
        },
        ..ClientRules::default()
    }
}

/// A call that was answered and lasted so long.
async fn held(office: &Office, n: u32, lasted_ms: i64) -> String {
    let call_id = id(&office.place(&format!("+1212555{n:04}")).await.made());
    let (calls, client) = (office.api.app.desk.store.calls(), &office.who.client);
    let at = office.time();
    calls.answered(client, &call_id, at).await.unwrap();
    calls.greeted(client, &call_id, at + 300).await.unwrap();
    let end = CarrierEnd {
        ended_ms: at + lasted_ms,
        outcome: "completed",
        answered_ms: None,
        duration_ms: Some(lasted_ms),
    };
    calls
        .ended_at_carrier(client, &call_id, &end)
        .await
        .unwrap();
    call_id
}

async fn opted_out(office: &Office, n: u8, call_id: &str) {
    let new = NewSuppression {
        id: new_id("sup"),
        campaign_id: None,
        hash: [n; 32],
        reason: "opt_out".into(),
        source: "call".into(),
        call_id: Some(call_id.to_owned()),
        created_ms: office.time(),
    };
    let suppressions = office.api.app.desk.store.suppressions();
    suppressions.add(&office.who.client, &new).await.unwrap();
}

async fn shares(office: &Office, who: &Who, window: usize) -> Vec<(String, u64, u64, Value)> {
    let shown = office.api.get(who, "/v1/client/ratios").await.fine();
    let ratios = shown["windows"][window]["ratios"]
        .as_array()
        .unwrap()
        .iter();
    let int = |value: &Value| value.as_u64().unwrap();
    ratios
        .map(|one| {
            let name = one["ratio"].as_str().unwrap().to_owned();
            (
                name,
                int(&one["count"]),
                int(&one["calls"]),
                one["level"].clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_client_whose_calls_nobody_wants_is_warned_and_then_stopped() {
    let office = Office::open().await;
    let (theirs, _) = office.neighbour("+12125550190").await;
    let app = &office.api.app;
    assert!(app.dialer().rules.set(rules()).is_ok());
    let mut calls = Vec::new();
    for (n, lasted_ms) in [(100, 9_000), (101, 5_999), (102, 6_000), (103, 60_000)] {
        calls.push(held(&office, n, lasted_ms).await);
    }
    office.set_time(moment(NOON) + 60_000);
    judging::round(app).await.unwrap();
    assert_eq!(events(&office, &office.who, "ratio.").await, []);
    opted_out(&office, 1, &calls[0]).await;
    office.set_time(moment(NOON) + 120_000);
    for _ in 0..2 {
        judging::round(app).await.unwrap();
    }
    let want = |name: &str, count, calls, level: Value| (name.to_owned(), count, calls, level);
    assert_eq!(
        shares(&office, &office.who, 0).await,
        [
            want("opt_outs", 1, 4, json!("warn")),
            want("short_calls", 1, 4, Value::Null),
            want("invalid_numbers", 0, 4, Value::Null),
            want("complaints", 0, 4, Value::Null),
        ]
    );
    let none = shares(&office, &theirs, 0).await;
    assert!(none.iter().all(|one| (one.1, one.2) == (0, 0)), "{none:?}");
    // Once for each window, and not again the same day.
    let told = events(&office, &office.who, "ratio.").await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (
            &told[0].1["ratio"],
            &told[0].1["level"],
            &told[0].1["per_mille"]
        ),
        (&json!("opt_outs"), &json!("warn"), &json!(250))
    );
    office.place("+12125550149").await.made();
    office.all_over().await;

    opted_out(&office, 2, &calls[1]).await;
    office.set_time(moment(NOON) + 180_000);
    judging::round(app).await.unwrap();
    assert_eq!(office.place("+12125550150").await.code(), "suspended");
    let shown = office.api.get(&office.who, "/v1/client").await.fine();
    assert_eq!(shown["suspension"]["cause"], "opt_outs");
    let told = events(&office, &office.who, "client.").await;
    assert_eq!(told[0].1["cause"], "opt_outs");
    let other = office.api.get(&theirs, "/v1/client").await.fine();
    assert_eq!(other["suspension"], Value::Null);

    // Once an operator lets it go on, what was before does not stop it again.
    let suspensions = app.desk.store.suspensions();
    let now_ms = office.time();
    let resumed = suspensions.resume(&office.who.client, None, now_ms).await;
    assert!(resumed.unwrap());
    judging::round(app).await.unwrap();
    office.place("+12125550150").await.made();
    let since = shares(&office, &office.who, 1).await;
    assert!(since.iter().all(|one| one.1 == 0), "{since:?}");
}

#[tokio::test]
async fn numbers_that_are_none_and_complaints_count() {
    let office = Office::open().await;
    let app = &office.api.app;
    assert!(app.dialer().rules.set(rules()).is_ok());
    for n in 100..103 {
        held(&office, n, 9_000).await;
    }
    office.carrier.set(Mood::Refuses);
    office.place("+12125550120").await.made();
    office.carrier.set(Mood::IsBusy);
    office.place("+12125550121").await.made();
    office.carrier.set(Mood::Accepts);
    held(&office, 104, 9_000).await;
    complain(&office, &office.who, "+12125550100").await;
    office.set_time(moment(NOON) + 60_000);
    let shares = shares(&office, &office.who, 0).await;
    let of = |name: &str| shares.iter().find(|one| one.0 == name).unwrap().clone();
    assert_eq!(of("invalid_numbers").1, 1);
    assert_eq!(of("invalid_numbers").2, 6);
    assert_eq!(
        (of("complaints").1, of("complaints").2, of("complaints").3),
        (1, 4, json!("warn"))
    );
    // A day later they count in the longer window alone.
    office.set_time(moment(NOON) + 2 * DAY);
    let shown = office
        .api
        .get(&office.who, "/v1/client/ratios")
        .await
        .fine();
    let count = |window: usize| shown["windows"][window]["ratios"][3]["count"].clone();
    assert_eq!((count(0), count(1)), (json!(0), json!(1)));
}
