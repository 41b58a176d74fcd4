//! What arrives: signed, once, in order, to those who want it, and nothing of a person.

use serde_json::{Value, json};

use super::library::verify;
use super::receiver::{Does, Receiver};
use super::{House, kinds};
use crate::api::rig::id;

const ENDPOINTS: &str = "/v1/webhook-endpoints";

#[tokio::test]
async fn events_arrive_signed_and_in_order_at_those_who_want_them() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    let all = Receiver::open(Does::Takes).await;
    let ends = Receiver::open(Does::Takes).await;
    let foreign = Receiver::open(Does::Takes).await;
    let (_, secret) = house.endpoint(&ours, &all.url, &["*"]).await;
    let (_, ends_secret) = house.endpoint(&ours, &ends.url, &["call.ended"]).await;
    let (_, foreign_secret) = house.endpoint(&theirs, &foreign.url, &["*"]).await;
    let number = house.api.new_number();
    let (call, other) = (house.call(&ours).await, house.call(&ours).await);
    house.ended(&ours, &call).await;
    let suppression = json!({ "number": number, "reason": "opt_out" });
    house
        .api
        .post(&ours, "/v1/suppressions", &suppression)
        .await
        .made();
    house.call(&theirs).await;
    all.until_taken(4).await;
    ends.until_taken(1).await;
    foreign.until_taken(1).await;

    assert_eq!(kinds(&ends), ["call.ended"]);
    assert_eq!(kinds(&foreign), ["call.answered"]);
    let taken = all.taken();
    let of_call: Vec<Value> = taken.iter().map(|one| one.json()).collect();
    let of_call = of_call
        .iter()
        .filter(|one| one["data"]["id"] == call.as_str());
    let steps: Vec<_> = of_call
        .map(|one| (one["type"].clone(), one["seq"].clone()))
        .collect();
    assert_eq!(
        steps,
        [
            (json!("call.answered"), json!(1)),
            (json!("call.ended"), json!(2))
        ]
    );
    for one in &taken {
        let event = one.json();
        assert_eq!(event["id"], one.event_id());
        assert_eq!(one.headers["content-type"], "application/json");
        // Of the person there is nothing.
        assert!(!one.body.contains("+1555"), "{}", one.body);
        assert!(!one.body.contains(&number[1..]), "{}", one.body);
    }
    assert!(
        taken
            .iter()
            .any(|one| one.json()["data"]["id"] == other.as_str())
    );

    // Those who publish the specification say whose signatures these are.
    let said = tokio::task::spawn_blocking(move || {
        let mut told: Vec<_> = taken.iter().map(|one| (secret.as_str(), one)).collect();
        let (ends, foreign) = (ends.taken(), foreign.taken());
        told.push((&ends_secret, &ends[0]));
        told.push((&foreign_secret, &foreign[0]));
        // Another's secret opens nothing.
        told.push((&secret, &foreign[0]));
        let mut changed = taken[0].clone();
        changed.body = changed.body.replace("inbound", "outbound");
        told.push((&secret, &changed));
        verify(&told)
    });
    let said = said.await.unwrap();
    assert_eq!(said.len(), 8, "{said:?}");
    assert!(
        said[..6].iter().all(|one| !one.starts_with("refused")),
        "{said:?}"
    );
    assert!(
        said[6..]
            .iter()
            .all(|one| one == "refused: No matching signature found")
    );
}

#[tokio::test]
async fn the_end_of_an_import_is_told_once_with_its_counts() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    let all = Receiver::open(Does::Takes).await;
    let foreign = Receiver::open(Does::Takes).await;
    house.endpoint(&ours, &all.url, &["import.*"]).await;
    house.endpoint(&theirs, &foreign.url, &["*"]).await;
    let list = house
        .api
        .post(&ours, "/v1/contact-lists", &json!({ "name": "Private" }))
        .await
        .made();
    let list = id(&list);
    let mut imports = Vec::new();
    let whole = format!("/v1/imports?list={list}");
    let good_and_bad = "phone,first_name\n+15550100101,Ann\n5550100102,Bob\n";
    for (path, file) in [
        (whole.as_str(), good_and_bad),
        ("/v1/imports?dry_run=true", "phone\n+15550100103\n"),
        ("/v1/imports", "first_name\nCy\n"),
        ("/v1/imports", "phone\n+15550100104\n"),
    ] {
        let to = ("POST", path);
        let sent = house.api.upload(&ours, to, Some("text/csv"), file).await;
        imports.push(id(&sent.made()));
    }
    let cancel = format!("/v1/imports/{}/cancel", imports[3]);
    for status in [200, 200] {
        // The second changes nothing, and nothing is told of it.
        let answer = house.api.post(&ours, &cancel, &Value::Null).await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(house.api.app.imports.catch_up().await.unwrap(), 3);
    // The other client is told of something later, so it has heard by then of what came before.
    house.call(&theirs).await;
    all.until_taken(4).await;
    foreign.until_taken(1).await;

    assert_eq!(kinds(&foreign), ["call.answered"]);
    let taken = all.taken();
    let of = |import: &str| -> Vec<Value> {
        let events = taken.iter().map(|one| one.json());
        events.filter(|one| one["data"]["id"] == import).collect()
    };
    let want = [
        (
            "import.completed",
            json!({ "state": "completed", "list_id": list, "dry_run": false, "rows": 2, "added": 1, "updated": 0,
                "skipped": 0, "failed": 1 }),
        ),
        (
            "import.completed",
            json!({ "state": "completed", "dry_run": true, "rows": 1, "added": 1, "updated": 0, "skipped": 0, "failed": 0 }),
        ),
        (
            "import.failed",
            json!({ "state": "failed", "problem": "no_phone_column", "dry_run": false, "rows": 0, "added": 0, "updated": 0,
                "skipped": 0, "failed": 0 }),
        ),
        (
            "import.cancelled",
            json!({ "state": "cancelled", "dry_run": false, "rows": 0, "added": 0, "updated": 0, "skipped": 0,
                "failed": 0 }),
        ),
    ];
    for (import, (kind, mut data)) in imports.iter().zip(want) {
        data["id"] = import.as_str().into();
        let told = of(import);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["type"], &told[0]["data"]), (&json!(kind), &data));
    }
    for one in &taken {
        // Neither a number nor a name.
        let is_free = |word: &&str| !one.body.contains(*word);
        assert!(
            ["5550100", "Ann", "Bob", "Private"].iter().all(is_free),
            "{}",
            one.body
        );
    }
}

#[tokio::test]
async fn the_former_secret_signs_beside_the_new_one() {
    let house = House::open().await;
    let who = house.api.client().await;
    let receiver = Receiver::open(Does::Takes).await;
    let (id, first) = house.endpoint(&who, &receiver.url, &["*"]).await;
    let path = format!("{ENDPOINTS}/{id}/rotate-secret");
    let key = [("idempotency-key", "once")];
    let rotated = house
        .api
        .ask(Some(&who.secret), "POST", &path, &Value::Null, &key)
        .await;
    let rotated = rotated.fine();
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert!(rotated["former_secret_until"].is_string());
    // A repetition rotates nothing, and shows no secret.
    let again = house
        .api
        .ask(Some(&who.secret), "POST", &path, &Value::Null, &key)
        .await;
    assert_eq!(again.fine()["secret"], Value::Null);
    let test = format!("{ENDPOINTS}/{id}/test");
    assert_eq!(house.api.post(&who, &test, &Value::Null).await.status, 202);
    receiver.until_taken(1).await;
    let told = receiver.taken().remove(0);
    assert_eq!(told.headers["webhook-signature"].split(' ').count(), 2);
    let said = tokio::task::spawn_blocking(move || verify(&[(&first, &told), (&second, &told)]));
    assert_eq!(said.await.unwrap(), ["webhook_endpoint.test"; 2]);
    // No answer but those two ever shows one.
    for path in [ENDPOINTS.to_owned(), format!("{ENDPOINTS}/{id}")] {
        let shown = house.api.get(&who, &path).await.fine().to_string();
        assert!(!shown.contains("whsec_"), "{shown}");
    }
}

#[tokio::test]
async fn what_was_written_before_the_end_is_told_after_it() {
    let house = House::open().await;
    let who = house.api.client().await;
    let receiver = Receiver::open(Does::Takes).await;
    let (id, _) = house.endpoint(&who, &receiver.url, &["call.*"]).await;
    let call = house.call(&who).await;
    receiver.until_taken(1).await;
    // Nobody gives this one its place any more.
    house.api.app.draining.send_replace(true);
    house.ended(&who, &call).await;
    let house = house.again().await;
    receiver.until_taken(2).await;
    assert_eq!(kinds(&receiver), ["call.answered", "call.ended"]);
    let delivered = |shown: &Value| {
        let states = shown["data"].as_array().unwrap().iter();
        states.filter(|one| one["state"] == "delivered").count() == 2
    };
    let path = format!("{ENDPOINTS}/{id}/deliveries");
    house.until(&who, &path, delivered).await;
    assert_eq!(receiver.came(), 2);
}

#[tokio::test]
async fn what_was_missed_is_told_again_when_asked_for() {
    let house = House::open().await;
    let who = house.api.client().await;
    let receiver = Receiver::open(Does::Takes).await;
    let calls = [house.call(&who).await, house.call(&who).await];
    house.ended(&who, &calls[0]).await;
    let placed = |page: &Value| page["data"].as_array().unwrap().len() == 3;
    house.until(&who, "/v1/events", placed).await;
    let (id, _) = house.endpoint(&who, &receiver.url, &["call.*"]).await;
    let path = format!("{ENDPOINTS}/{id}/replay");
    let since = json!({ "since": "2026-01-01T00:00:00Z" });
    let replayed = house.api.post(&who, &path, &since).await;
    assert_eq!(replayed.status, 202, "{replayed:?}");
    assert_eq!(replayed.json(), json!({ "events": 3, "has_more": false }));
    receiver.until_taken(3).await;
    let of_first: Vec<String> = receiver
        .taken()
        .iter()
        .filter(|one| one.json()["data"]["id"] == calls[0].as_str())
        .map(|one| one.kind())
        .collect();
    assert_eq!(of_first, ["call.answered", "call.ended"]);
    let path = format!("{ENDPOINTS}/{id}/deliveries?state=delivered");
    let three = |shown: &Value| shown["data"].as_array().unwrap().len() == 3;
    let shown = house.until(&who, &path, three).await;
    let first = &shown["data"][0];
    let again = format!(
        "{ENDPOINTS}/{id}/deliveries/{}/replay",
        first["id"].as_str().unwrap()
    );
    assert_eq!(house.api.post(&who, &again, &Value::Null).await.status, 202);
    receiver.until_taken(4).await;
    // It is the same event, and says so.
    assert_eq!(receiver.taken()[3].event_id(), first["event_id"]);
    let future = json!({ "since": "2099-01-01T00:00:00Z" });
    let path = format!("{ENDPOINTS}/{id}/replay");
    let none = house.api.post(&who, &path, &future).await.json();
    assert_eq!(none["events"], 0);
}

#[tokio::test]
async fn an_endpoint_is_refused_that_could_not_be_told() {
    let api = crate::api::rig::Api::open().await;
    let who = api.client().await;
    let fine = "https://crm.example.com/hook";
    for (body, fault) in [
        (
            json!({ "url": "http://crm.example.com/hook" }),
            ["/url", "invalid_url"],
        ),
        (
            json!({ "url": "https://10.0.0.1/hook" }),
            ["/url", "invalid_url"],
        ),
        (
            json!({ "url": "https://localhost/hook" }),
            ["/url", "invalid_url"],
        ),
        (
            json!({ "url": "https://crm.example.com:25/hook" }),
            ["/url", "invalid_url"],
        ),
        (json!({ "url": fine, "events": [] }), ["/events", "empty"]),
        (
            json!({ "url": fine, "events": ["call.over"] }),
            ["/events/0", "unknown_value"],
        ),
        (
            json!({ "url": fine, "include_all": true }),
            ["/include_all", "unknown_field"],
        ),
        (
            json!({ "url": fine, "description": "" }),
            ["/description", "empty"],
        ),
    ] {
        let refused = api.post(&who, ENDPOINTS, &body).await;
        assert_eq!(refused.status, 422, "{body}");
        assert_eq!(
            refused.fault(),
            (fault[0].into(), fault[1].into()),
            "{body}"
        );
    }
    for n in 0..16 {
        let new = json!({ "url": format!("https://crm.example.com/{n}") });
        api.post(&who, ENDPOINTS, &new).await.made();
    }
    let one_more = api.post(&who, ENDPOINTS, &json!({ "url": fine })).await;
    assert_eq!(one_more.fault().1, "too_many");
    let other = api.client().await;
    api.post(&other, ENDPOINTS, &json!({ "url": fine }))
        .await
        .made();
}
