//! What is known of a contact holds for every call to one of their numbers, whatever the request says.

use serde_json::{Value, json};

use super::rig::{NOON, Office, moment, wall};
use crate::api::rig::{Answer, Who, id};

const NEW_YORK: &str = "+12125550100";
const CHICAGO: &str = "+13125550100";

async fn add(office: &Office, who: &Who, contact: Value) -> Value {
    office.api.post(who, "/v1/contacts", &contact).await.made()
}

fn known(number: &str, more: Value) -> Value {
    let mut contact = json!({ "phones": [{ "number": number }] });
    for (name, value) in more.as_object().unwrap() {
        contact[name] = value.clone();
    }
    contact
}

async fn place(office: &Office, number: &str) -> Answer {
    let placed = office.place(number).await;
    office.all_over().await;
    placed
}

#[tokio::test]
async fn a_person_is_called_when_they_want_to_be() {
    let office = Office::open().await;
    let hours = json!({ "calling_hours": "mon-fri 15:00-17:00; sat 10:00-11:00" });
    add(
        &office,
        &office.who,
        known(NEW_YORK, json!({ "preferences": hours })),
    )
    .await;
    // Tuesday at noon.
    let refused = place(&office, NEW_YORK).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "outside_calling_hours")
    );
    let told = refused.json();
    assert_eq!(told["retry_at"], "2026-11-24T20:00:00.000Z", "{told}");
    assert!(
        told["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("rule contact"),
        "{told}"
    );
    office.set_time(wall("2026-11-24 15:00", -5));
    place(&office, NEW_YORK).await.made();
    office.set_time(wall("2026-11-27 17:00", -5));
    let friday = place(&office, NEW_YORK).await;
    assert_eq!(friday.json()["retry_at"], "2026-11-28T15:00:00.000Z");
    // It is nobody else's wish, and another client knows nothing of it.
    office.set_time(moment(NOON));
    place(&office, "+12125550101").await.made();
    let (other, _) = office.neighbour("+12125550177").await;
    let question = json!({ "to": NEW_YORK });
    let asked = office.api.post(&other, "/v1/calls/check", &question).await;
    assert!(!asked.fine().to_string().contains("\"contact\""));
}

#[tokio::test]
async fn a_wish_for_no_calls_and_one_that_nobody_understands_forbid_them() {
    let office = Office::open().await;
    let wish = |text: &str| json!({ "preferences": { "calling_hours": text } });
    let made = add(&office, &office.who, known(NEW_YORK, wish("never"))).await;
    let told = office.check(json!({ "to": NEW_YORK })).await;
    assert_eq!(told["verdict"], "deny", "{told}");
    assert!(
        told["reasons"].to_string().contains("no_calling_time"),
        "{told}"
    );
    let path = format!("/v1/contacts/{}", id(&made));
    let wrong = office
        .api
        .patch(&office.who, &path, &wish("mornings"))
        .await;
    assert_eq!(
        wrong.fault(),
        ("/preferences/calling_hours".into(), "invalid_hours".into())
    );
    office
        .api
        .patch(&office.who, &path, &wish("11:00-13:00"))
        .await
        .fine();
    assert_eq!(
        office.check(json!({ "to": NEW_YORK })).await["verdict"],
        "allow"
    );
}

#[tokio::test]
async fn a_contacts_own_clock_and_place_hold_beside_the_numbers() {
    let office = Office::open().await;
    // Evening in Chicago, and in Honolulu afternoon.
    office.set_time(wall("2026-11-24 21:30", -6));
    let verdict = async |number: &str| {
        let told = office.check(json!({ "to": number })).await;
        told["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(CHICAGO).await, "defer");
    office.set_time(wall("2026-11-24 12:30", -6));
    assert_eq!(verdict(CHICAGO).await, "allow");
    let contact = json!({ "time_zone": "Asia/Tokyo" });
    let made = add(&office, &office.who, known(CHICAGO, contact)).await;
    let told = office.check(json!({ "to": CHICAGO })).await;
    assert_eq!(told["verdict"], "defer", "{told}");
    assert!(told["reasons"].to_string().contains("Asia/Tokyo"), "{told}");
    let path = format!("/v1/contacts/{}", id(&made));
    let moved = json!({ "time_zone": "America/Chicago", "country": "IT" });
    office.api.patch(&office.who, &path, &moved).await.fine();
    let told = office.check(json!({ "to": CHICAGO })).await;
    assert!(told.to_string().contains("it-rpo"), "{told}");
    // A request cannot say that they are a business.
    let business = json!({ "to": CHICAGO, "contact": { "kind": "business" } });
    let kind = async || office.ask(business.clone()).await["trace"]["grounds"]["kind"].clone();
    assert_eq!(kind().await, "business");
    let consumer = json!({ "kind": "consumer" });
    office.api.patch(&office.who, &path, &consumer).await.fine();
    assert_eq!(kind().await, "consumer");
}

#[tokio::test]
async fn nobody_calls_whom_the_client_may_not_work_with() {
    let office = Office::open().await;
    let contact = known(NEW_YORK, json!({ "restricted": true }));
    let made = add(&office, &office.who, contact).await;
    assert_eq!(made["restricted"], true);
    let refused = place(&office, NEW_YORK).await;
    assert_eq!(refused.fault().1, "contact_restricted");
    let path = format!("/v1/contacts/{}", id(&made));
    let contactable = format!("{path}/contactability");
    let told = office.api.get(&office.who, &contactable).await.fine();
    assert_eq!(told["phones"][0]["verdict"], "deny", "{told}");
    // Another client's contact with that number is another matter.
    let (other, _) = office.neighbour("+12125550177").await;
    let question = json!({ "to": NEW_YORK });
    let asked = office.api.post(&other, "/v1/calls/check", &question).await;
    assert!(
        !asked.fine()["reasons"]
            .to_string()
            .contains("contact_restricted")
    );
    let free = json!({ "restricted": false });
    office.api.patch(&office.who, &path, &free).await.fine();
    place(&office, NEW_YORK).await.made();
}

#[tokio::test]
async fn who_was_forgotten_is_not_called() {
    let office = Office::open().await;
    let made = add(&office, &office.who, known(NEW_YORK, json!({}))).await;
    place(&office, NEW_YORK).await.made();
    let keys = office.api.app.desk.keys(&office.who.client).await.unwrap();
    let contact = keys.contact_id(&id(&made));
    let vault = &office.api.app.desk.vault;
    vault
        .forget_subject(&office.who.client, &contact)
        .await
        .unwrap();
    let told = office.check(json!({ "to": NEW_YORK })).await;
    assert_eq!(told["verdict"], "deny", "{told}");
    assert!(
        told["reasons"].to_string().contains("contact_restricted"),
        "{told}"
    );
}
