//! Of whom an event is: told to those who asked for it, noted before it is sent, and not once the person was forgotten.

use serde_json::{Value, json};
use sqlx::Connection as _;
use trunkline::clock;
use trunkline::ids::{ClientId, new_id};
use trunkline::store::disclosures::Disclosure;
use trunkline_core::phone::PhoneNumber;

use super::House;
use super::receiver::{Does, Receiver};
use crate::api::kept;
use crate::api::rig::{Who, id};

const ENDPOINTS: &str = "/v1/webhook-endpoints";
const LOG: &str = "/v1/disclosures";

impl House {
    /// An endpoint that is told of whom events are.
    async fn telling_endpoint(&self, who: &Who, url: &str) -> String {
        let new = json!({ "url": url, "events": ["call.*"], "include_pii": true });
        let made = self.api.post(who, ENDPOINTS, &new).await.made();
        assert_eq!(made["include_pii"], true);
        id(&made)
    }

    async fn call_from(&self, who: &Who, number: &str) -> String {
        let call = self.api.call_of(who, number, 1_795_365_000_000).await;
        self.api.app.deliveries.look();
        call
    }

    async fn log(&self, who: &Who, query: &str) -> Vec<Value> {
        let shown = self.api.get(who, &format!("{LOG}{query}")).await.fine();
        shown["data"].as_array().unwrap().clone()
    }

    async fn forget(&self, who: &Who, number: &str) {
        let desk = &self.api.app.desk;
        let keys = desk.vault.client(&who.client).await.unwrap();
        let subject = keys.subject_id(&PhoneNumber::parse(number).unwrap());
        let gone = desk.vault.forget_subject(&who.client, &subject).await;
        assert!(gone.unwrap());
    }
}

#[tokio::test]
async fn whom_an_event_is_of_is_noted_before_it_is_sent() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    let number = house.api.new_number();
    let contact = json!({ "phones": [{ "number": number }], "external_id": "crm-4711" });
    let contact = id(&house.api.post(&ours, "/v1/contacts", &contact).await.made());
    // It has not answered yet when the log is read.
    let told = Receiver::open(Does::Hangs).await;
    let thin = Receiver::open(Does::Takes).await;
    let endpoint = house.telling_endpoint(&ours, &told.url).await;
    house.endpoint(&ours, &thin.url, &["*"]).await;
    house.endpoint(&theirs, &thin.url, &["*"]).await;
    let call = house.call_from(&ours, &number).await;
    told.until_came(1).await;
    thin.until_taken(1).await;
    let log = house.log(&ours, "").await;
    assert_eq!(log.len(), 1, "{log:?}");
    let fields = json!(["person.contact_id", "person.external_id", "person.number"]);
    let mut named = log[0]["fields"].as_array().unwrap().clone();
    named.sort_by_key(ToString::to_string);
    assert_eq!(Value::Array(named), fields);
    assert_eq!(log[0]["endpoint_id"], endpoint);
    assert_eq!(
        (&log[0]["object_id"], &log[0]["event_type"]),
        (&json!(call), &json!("call.answered"))
    );
    // What arrives is what was noted, and signed as ever.
    let body = told.came_first();
    assert_eq!(body.event_id(), log[0]["event_id"]);
    let person = json!({ "number": number, "contact_id": contact, "external_id": "crm-4711" });
    assert_eq!(body.json()["data"]["person"], person);
    assert_eq!(body.json()["data"]["id"], call);
    assert!(body.headers["webhook-signature"].starts_with("v1,"));
    // Nobody else is told, by webhook, in the log of events, or of the disclosure.
    let one = thin.taken().remove(0);
    assert_eq!(one.event_id(), body.event_id());
    assert!(one.json()["data"].get("person").is_none(), "{}", one.body);
    let events = house.api.get(&ours, "/v1/events").await.fine();
    assert!(!events.to_string().contains(&number[1..]), "{events}");
    assert!(house.log(&theirs, "").await.is_empty());
    let phone = format!("?phone=%2B{}", &number[1..]);
    assert_eq!(house.log(&ours, &phone).await, log);
    assert!(house.log(&theirs, &phone).await.is_empty());
    assert!(house.log(&ours, "?phone=%2B15550109999").await.is_empty());
    assert!(!json!(log).to_string().contains(&number[1..]));
    for entry in std::fs::read_dir(house.api.data()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&number[1..]) && !text.contains("crm-4711"));
    }
}

#[tokio::test]
async fn whoever_was_forgotten_is_told_of_no_more_and_the_log_stays() {
    let house = House::open().await;
    let who = house.api.client().await;
    let number = house.api.new_number();
    let told = Receiver::open(Does::Takes).await;
    let endpoint = house.telling_endpoint(&who, &told.url).await;
    let call = house.call_from(&who, &number).await;
    told.until_taken(1).await;
    assert_eq!(
        told.taken()[0].json()["data"]["person"],
        json!({ "number": number })
    );
    let log = house.log(&who, "").await;
    assert_eq!(log[0]["fields"], json!(["person.number"]));

    house.forget(&who, &number).await;
    house.ended(&who, &call).await;
    told.until_taken(2).await;
    // Also what was told before is told again without them.
    let path = format!("{ENDPOINTS}/{endpoint}/deliveries");
    let shown = house.until(&who, &path, |shown| {
        let rows = shown["data"].as_array().unwrap();
        rows.len() == 2 && rows.iter().all(|row| row["state"] == "delivered")
    });
    let first = id(shown.await["data"].as_array().unwrap().last().unwrap());
    let again = format!("{path}/{first}/replay");
    let again = house.api.post(&who, &again, &Value::Null).await;
    assert_eq!(again.status, 202, "{again:?}");
    house.api.app.deliveries.look();
    told.until_taken(3).await;
    for one in &told.taken()[1..] {
        assert!(one.json()["data"].get("person").is_none(), "{}", one.body);
        assert!(!one.body.contains(&number[1..]));
    }
    assert_eq!(told.taken()[0].event_id(), told.taken()[2].event_id());
    assert_eq!(house.log(&who, "").await, log);
    // The endpoint may go too.
    let removed = house
        .api
        .delete(&who, &format!("{ENDPOINTS}/{endpoint}"))
        .await;
    assert_eq!(removed.status, 204);
    let phone = format!("?phone=%2B{}", &number[1..]);
    assert_eq!(house.log(&who, &phone).await, log);
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_sent() {
    let house = House::open().await;
    let who = house.api.client().await;
    let (told, thin) = (
        Receiver::open(Does::Takes).await,
        Receiver::open(Does::Takes).await,
    );
    let endpoint = house.telling_endpoint(&who, &told.url).await;
    house.endpoint(&who, &thin.url, &["call.*"]).await;
    let url = format!("sqlite:{}", house.api.data().join("trunkline.db").display());
    let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let gone = sqlx::raw_sql("ALTER TABLE disclosures RENAME TO elsewhere");
    gone.execute(&mut raw).await.unwrap();
    house.call(&who).await;
    thin.until_taken(1).await;
    let path = format!("{ENDPOINTS}/{endpoint}/deliveries");
    let shown = house
        .until(&who, &path, |shown| shown["data"][0]["attempts"] == 1)
        .await;
    assert_eq!(shown["data"][0]["last_reason"], "not_noted");
    assert_eq!(told.came(), 0);
}

#[tokio::test]
async fn a_callbacks_person_is_who_is_called() {
    let house = House::open().await;
    let who = house.api.client().await;
    let told = Receiver::open(Does::Takes).await;
    let new = json!({ "url": told.url, "events": ["callback.*"], "include_pii": true });
    house.api.post(&who, ENDPOINTS, &new).await.made();
    let callback = kept::callback(&house.api, &who).await;
    house.api.app.deliveries.look();
    told.until_taken(1).await;
    let event = told.taken()[0].json();
    assert_eq!(event["data"]["id"], callback);
    assert_eq!(event["data"]["person"], json!({ "number": "+15550100124" }));
    assert_eq!(
        house.log(&who, "").await[0]["event_type"],
        "callback.scheduled"
    );
    house.forget(&who, "+15550100124").await;
    let cancel = format!("/v1/callbacks/{callback}/cancel");
    house.api.post(&who, &cancel, &Value::Null).await;
    house.api.app.deliveries.look();
    told.until_taken(2).await;
    assert!(told.taken()[1].json()["data"].get("person").is_none());
    assert_eq!(house.log(&who, "").await.len(), 1);
}

#[tokio::test]
async fn of_whom_nobody_may_work_with_nothing_is_told() {
    let house = House::open().await;
    let who = house.api.client().await;
    let (kept, other) = (house.api.new_number(), house.api.new_number());
    let contact = json!({ "phones": [{ "number": kept }], "restricted": true });
    house.api.post(&who, "/v1/contacts", &contact).await.made();
    let told = Receiver::open(Does::Takes).await;
    let endpoint = house.telling_endpoint(&who, &told.url).await;
    house.call_from(&who, &kept).await;
    told.until_taken(1).await;
    assert!(told.taken()[0].json()["data"].get("person").is_none());
    assert!(house.log(&who, "").await.is_empty());
    // What is of no person is told as ever; and whoever asked for it can end it.
    let path = format!("{ENDPOINTS}/{endpoint}");
    house
        .api
        .post(&who, &format!("{path}/test"), &Value::Null)
        .await;
    told.until_taken(2).await;
    let off = json!({ "include_pii": false });
    let off = house.api.patch(&who, &path, &off).await;
    assert_eq!(off.fine()["include_pii"], false);
    house.call_from(&who, &other).await;
    told.until_taken(3).await;
    assert!(told.taken()[2].json()["data"].get("person").is_none());
    assert!(house.log(&who, "").await.is_empty());
}

#[tokio::test]
async fn a_key_has_nobody_told_what_it_may_not_read() {
    let house = House::open().await;
    let who = house.api.client().await;
    let scopes = ["webhooks:read", "webhooks:write", "calls:read"];
    let weak = house.api.key_of(&who.client, &scopes, None).await;
    let url = "http://127.0.0.1:9/told";
    let new = json!({ "url": url, "include_pii": true });
    let refused = house.api.post(&weak, ENDPOINTS, &new).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    let thin = house
        .api
        .post(&weak, ENDPOINTS, &json!({ "url": url }))
        .await
        .made();
    assert_eq!(thin["include_pii"], false);
    let path = format!("{ENDPOINTS}/{}", id(&thin));
    let on = json!({ "include_pii": true });
    assert_eq!(house.api.patch(&weak, &path, &on).await.status, 403);
    assert_eq!(house.api.patch(&who, &path, &on).await.status, 200);
    // Nor does it lead elsewhere what it may not read.
    let elsewhere = json!({ "url": "http://127.0.0.1:10/told" });
    assert_eq!(house.api.patch(&weak, &path, &elsewhere).await.status, 403);
    let described = json!({ "description": "Ours" });
    let described = house.api.patch(&weak, &path, &described).await.fine();
    assert_eq!(described["include_pii"], true);
    assert_eq!(
        house
            .api
            .patch(&weak, &path, &json!({ "include_pii": false }))
            .await
            .status,
        200
    );
    assert_eq!(house.api.get(&weak, LOG).await.status, 403);
}

async fn note(house: &House, client: &ClientId, at_ms: i64) -> String {
    let new = Disclosure {
        id: new_id("dis"),
        person: [7; 32],
        fields: vec!["person.number".into()],
        endpoint_id: new_id("we"),
        event_id: new_id("evt"),
        kind: "call.ended".into(),
        object_id: new_id("call"),
        at_ms,
    };
    let log = house.api.app.desk.store.disclosures();
    log.add(client, &new).await.unwrap();
    new.id
}

#[tokio::test]
async fn the_log_is_exported_and_goes_on_where_it_ended() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    let now_ms = clock::unix_ms();
    let mut ids = Vec::new();
    for at in 0..1_003 {
        ids.push(note(&house, &ours.client, now_ms - 100_000 + at / 2).await);
    }
    // Of this very moment there may be more to come.
    let young = note(&house, &ours.client, now_ms + 60_000).await;
    let foreign = note(&house, &theirs.client, now_ms - 100_000).await;
    let export = async |who: &Who, query: &str| {
        let answer = house.api.get(who, &format!("{LOG}/export{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    let whole = export(&ours, "").await;
    let mut exported: Vec<String> = whole.iter().map(id).collect();
    let places = |line: &Value| (line["at"].to_string(), id(line));
    assert!(
        whole
            .windows(2)
            .all(|pair| places(&pair[0]) < places(&pair[1]))
    );
    exported.sort_unstable();
    ids.sort_unstable();
    assert_eq!(exported, ids);
    assert!(!exported.contains(&young));
    let half = whole[700]["cursor"].as_str().unwrap();
    let rest = export(&ours, &format!("?after={half}")).await;
    assert_eq!(rest, whole[701..]);
    let end = whole[1_002]["cursor"].as_str().unwrap();
    assert!(export(&ours, &format!("?after={end}")).await.is_empty());
    let others = export(&theirs, "").await;
    assert_eq!(others.iter().map(id).collect::<Vec<_>>(), [foreign]);
    for wrong in ["?after=nonsense", "?from=1"] {
        let refused = house.api.get(&ours, &format!("{LOG}/export{wrong}")).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    // The newest first, a page at a time.
    let page = house
        .api
        .get(&ours, &format!("{LOG}?limit=200"))
        .await
        .fine();
    assert_eq!(page["data"][0]["id"], young);
    let next = page["next_cursor"].as_str().unwrap();
    let next = format!("{LOG}?limit=200&after={next}");
    let next = house.api.get(&ours, &next).await;
    assert_ne!(next.fine()["data"][0], page["data"][199]);
}
