//! Registers of people who do not want to be called, brought in by file: by HTTP.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::store::registries::FileState;

use super::rig::{NOON, Office, moment};
use crate::api::rig::{Answer, Who, id};

const LONDON: &str = "+442079460018";
const ROME: &str = "+390612345678";
const TORONTO: &str = "+14165550123";
const NEW_YORK: &str = "+12125550100";
const DAY_MS: i64 = 86_400_000;

async fn office() -> Office {
    let office = Office::open().await;
    office.allow(json!(["+1", "+39", "+44"])).await.fine();
    office
}

async fn send(office: &Office, who: &Who, query: &str, body: impl Into<Vec<u8>>) -> Answer {
    let path = format!("/v1/registry-files?{query}");
    let (api, body) = (&office.api, body.into());
    api.upload(who, ("POST", &path), Some("text/plain"), body)
        .await
}

async fn read(office: &Office, who: &Who, file: &Value) -> Value {
    office.api.app.registries.catch_up().await.unwrap();
    let path = format!("/v1/registry-files/{}", id(file));
    office.api.get(who, &path).await.fine()
}

/// Brings in a file and has it read: what is told of it.
async fn bring(office: &Office, query: &str, body: impl Into<Vec<u8>>) -> Value {
    let sent = send(office, &office.who, query, body).await.made();
    assert_eq!(
        (&sent["state"], &sent["counts"]),
        (&json!("waiting"), &json!(false))
    );
    read(office, &office.who, &sent).await
}

/// Codes of what forbids a sale to somebody who agreed to one in writing.
async fn against(office: &Office, number: &str) -> Vec<String> {
    let told = office.check(json!({ "to": number })).await;
    let reasons = told["reasons"].as_array().unwrap().iter();
    let codes: Vec<String> = reasons
        .map(|reason| reason["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codes.is_empty(), told["verdict"] == "allow", "{told}");
    codes
}

#[tokio::test]
async fn a_sale_is_allowed_where_a_fresh_register_does_not_list_the_number() {
    let office = office().await;
    for (registry, number, days, listed) in [
        ("it-rpo", ROME, 15, "06 1234 5678"),
        ("gb-tps", LONDON, 28, "020 7946 0018"),
        ("ca-dncl", TORONTO, 31, "416,5550123"),
    ] {
        office.set_time(moment(NOON));
        let of = |day: &str| format!("registry={registry}&as_of={day}");
        assert_eq!(against(&office, number).await, ["registry_not_checked"]);
        let other = listed.replace('8', "9").replace("0123", "0124");
        let done = bring(&office, &of("2026-11-20"), format!("{other}\n")).await;
        assert_eq!(done["state"], "completed", "{done}");
        assert_eq!(
            (&done["counts"], &done["numbers"]),
            (&json!(true), &json!(1))
        );
        assert_eq!(against(&office, number).await, [""; 0], "{registry}");
        // It has its time, and not a day more.
        let as_of = moment("2026-11-20T00:00:00Z");
        for (days, wants) in [(days - 1, false), (days + 7, true)] {
            let told = office
                .check(json!({ "to": number, "at": at(as_of + days * DAY_MS) }))
                .await;
            let is_stale = told["reasons"].to_string().contains("registry_stale");
            assert_eq!(is_stale, wants, "{registry}: {told}");
        }
        let newer = bring(&office, &of("2026-11-23"), format!("{other}\n{listed}\n")).await;
        assert_eq!(newer["counts"], true, "{newer}");
        assert_eq!(against(&office, number).await, ["registry_listed"]);
        let before = format!("/v1/registry-files/{}", id(&done));
        let before = office.api.get(&office.who, &before).await.fine();
        assert_eq!(
            (&before["state"], &before["counts"]),
            (&json!("completed"), &json!(false))
        );
        assert!(before["uncounted_at"].is_string(), "{before}");
    }
    // Another client has bought nothing.
    let other = office.api.client().await;
    let known = office.api.get(&other, "/v1/registries").await.fine();
    let known = known["data"].as_array().unwrap();
    assert!(known.iter().all(|registry| registry["loaded"].is_null()));
    let list = office.api.get(&other, "/v1/registry-files").await.fine();
    assert_eq!(list["data"], json!([]));
    let own = office.api.get(&office.who, "/v1/registries").await.fine();
    let own = own["data"].as_array().unwrap().iter();
    let own: Vec<&Value> = own
        .filter(|registry| registry["loaded"].is_object())
        .collect();
    assert_eq!(own.len(), 3);
    let of_britain = own.iter().find(|registry| registry["id"] == "gb-tps");
    let of_britain = &of_britain.unwrap()["loaded"];
    assert_eq!(of_britain["as_of"], "2026-11-23T00:00:00.000Z");
    assert_eq!(of_britain["stale_at"], "2026-12-21T00:00:00.000Z");
    assert_eq!(
        (&of_britain["covers"], &of_britain["numbers"]),
        (&json!(["+44"]), &json!(2))
    );
}

fn at(unix_ms: i64) -> String {
    trunkline::clock::rfc3339(unix_ms)
}

#[tokio::test]
async fn a_call_is_placed_by_a_register_and_none_to_whom_it_lists() {
    let office = office().await;
    let call = office.call(LONDON);
    let place = async || office.api.post(&office.who, "/v1/calls", &call).await;
    let refused = place().await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "call_not_allowed")
    );
    bring(&office, "registry=gb-tps&as_of=2026-11-20", "02079460019\n").await;
    place().await.made();
    office.all_over().await;
    bring(&office, "registry=gb-tps&as_of=2026-11-21", "02079460018\n").await;
    let refused = place().await;
    assert_eq!(refused.fault().1, "registry_listed");
    assert_eq!(office.carrier.asked(), 1);
    bring(&office, "registry=gb-tps&as_of=2026-11-22", "").await;
    // Events without a number tell of what was loaded.
    let system = office.api.app.desk.store.system();
    while system.publish(0, 100).await.unwrap().events > 0 {}
    let path = "/v1/events?types=registry_file.*";
    let events = office.api.get(&office.who, path).await.fine();
    assert!(!events.to_string().contains("7946"), "{events}");
    let events = events["data"].as_array().unwrap().iter();
    let told: Vec<(&Value, &Value)> = events
        .map(|event| (&event["type"], &event["data"]["registry"]))
        .collect();
    let loaded = (&json!("registry_file.completed"), &json!("gb-tps"));
    assert_eq!(told[..2], [loaded, loaded]);
    assert_eq!(told[2].0, "registry_file.failed");
    let other = office.api.client().await;
    assert_eq!(office.api.get(&other, path).await.fine()["data"], json!([]));
}

#[tokio::test]
async fn what_is_not_read_to_its_end_changes_nothing() {
    let office = office().await;
    let of = |day: &str| format!("registry=gb-tps&as_of={day}");
    bring(&office, &of("2026-11-20"), "02079460019\n").await;
    assert_eq!(against(&office, LONDON).await, [""; 0]);
    // It waits.
    let waits = send(&office, &office.who, &of("2026-11-21"), "02079460018\n").await;
    let waits = waits.made();
    assert_eq!(against(&office, LONDON).await, [""; 0]);
    let cancel = format!("/v1/registry-files/{}/cancel", id(&waits));
    let cancelled = office.api.post(&office.who, &cancel, &Value::Null).await;
    assert_eq!(cancelled.fine()["state"], "cancelled");
    // What is no such file.
    let mut wrong = String::new();
    for n in 0..3_000 {
        writeln!(wrong, "0207946{n:04}").unwrap();
    }
    wrong.push_str(&"half a line\n".repeat(14));
    for (bytes, problem) in [
        (wrong.clone().into_bytes(), "too_many_errors"),
        (b"".to_vec(), "empty"),
        (b"name\n".to_vec(), "no_numbers"),
        (b"\xff\xfe0\x002\x00".to_vec(), "utf_16"),
        (b"a,b\n1,2\n".to_vec(), "no_number_column"),
        (b"+12125550100\n+12125550101\n".to_vec(), "too_many_errors"),
        (b"number\n\"0207946".to_vec(), "too_many_errors"),
    ] {
        let failed = bring(&office, &of("2026-11-22"), bytes).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        assert_eq!(failed["problem"]["code"], problem, "{failed}");
        assert_eq!(against(&office, LONDON).await, [""; 0], "{problem}");
    }
    let few = wrong.replace(&"half a line\n".repeat(14), &"half a line\n".repeat(13));
    let few = bring(&office, &of("2026-11-22"), few).await;
    assert_eq!(few["state"], "completed", "{few}");
    assert_eq!(few["errors"], json!({ "invalid_number": 13 }));
    assert_eq!(
        (&few["rows"], &few["numbers"]),
        (&json!(3_013), &json!(3_000))
    );
    assert_eq!(against(&office, LONDON).await, ["registry_listed"]);
    // What was read to its end is not taken back, and what counts is deleted.
    let cancel = format!("/v1/registry-files/{}/cancel", id(&few));
    let late = office.api.post(&office.who, &cancel, &Value::Null).await;
    assert_eq!(late.code(), "conflict");
    let path = format!("/v1/registry-files/{}", id(&few));
    let secret = Some(office.who.secret.as_str());
    let gone = office
        .api
        .ask(secret, "DELETE", &path, &Value::Null, &[])
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(against(&office, LONDON).await, ["registry_not_checked"]);
    // Nothing of the files is left in the folder.
    office.api.app.registries.catch_up().await.unwrap();
    let left = std::fs::read_dir(office.api.data().join("registries")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_server_that_begins_anew_goes_on_in_the_middle_of_a_file() {
    let office = office().await;
    let mut file = String::from("msisdn;since\n");
    for n in 0..140_000 {
        writeln!(file, "44207{n:07};2026").unwrap();
    }
    file.push_str("442079460018;2026");
    let query = "registry=gb-tps&as_of=2026-11-20";
    let sent = send(&office, &office.who, query, file).await.made();
    // It ends in the middle of the file.
    let registries = Arc::clone(&office.api.app.registries);
    let reading = tokio::spawn(async move { registries.catch_up().await });
    let (store, sent_id) = (&office.api.app.desk.store, id(&sent));
    let half = loop {
        let found = store.registries().find(&office.who.client, &sent_id).await;
        let found = found.unwrap().unwrap();
        if found.numbers > 0 {
            break found;
        }
    };
    reading.abort();
    assert!(reading.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!((half.state, half.counts), (FileState::Running, false));
    assert!(half.numbers < 140_001, "{half:?}");
    let office = office.again().await;
    assert_eq!(against(&office, LONDON).await, ["registry_not_checked"]);
    let done = read(&office, &office.who, &sent).await;
    assert_eq!(
        (&done["state"], &done["numbers"]),
        (&json!("completed"), &json!(140_001))
    );
    assert_eq!(against(&office, LONDON).await, ["registry_listed"]);
    assert_eq!(against(&office, "+442070139999").await, ["registry_listed"]);
    assert_eq!(against(&office, "+442070140000").await, [""; 0]);
}

#[tokio::test]
async fn a_number_outside_of_what_a_file_covers_is_not_checked() {
    let office = office().await;
    let missing = send(
        &office,
        &office.who,
        "registry=us-national&as_of=2026-11-20",
        "x",
    )
    .await;
    assert_eq!(missing.fault(), ("query:covers".into(), "missing".into()));
    let query = "registry=us-national&as_of=2026-11-20&covers=%2B1212,%2B1646";
    bring(&office, query, "212,5550101\n646,5550101\n").await;
    let found = async |number: &str| {
        let told = office.ask(json!({ "to": number })).await;
        told["trace"]["grounds"]["registries"][0]["found"].clone()
    };
    assert_eq!(found(NEW_YORK).await, "clear");
    assert_eq!(found("+12125550101").await, "listed");
    assert_eq!(found("+13055550100").await, "not_checked");
    bring(
        &office,
        &query.replace("%2B1212,%2B1646", "all"),
        "212,5550101\n",
    )
    .await;
    assert_eq!(found("+13055550100").await, "clear");
    // A Canadian number is in none of it, wherever its owner lives.
    let abroad = json!({ "to": TORONTO, "contact": { "places": ["US-NY"] } });
    let told = office.ask(abroad).await;
    let checks = told["trace"]["grounds"]["registries"].as_array().unwrap();
    let found_in: Vec<&Value> = checks.iter().map(|check| &check["found"]).collect();
    assert_eq!(found_in, ["not_checked", "not_checked"], "{told}");
    // Consent in writing goes before this register.
    assert_eq!(against(&office, "+12125550101").await, [""; 0]);
}

#[tokio::test]
async fn a_register_is_changed_by_what_was_added_and_removed() {
    let office = office().await;
    let other = "+442079460019";
    let of = |day: &str, kind: &str| format!("registry=gb-tps&as_of={day}&kind={kind}");
    let early = bring(&office, &of("2026-11-20", "additions"), "02079460019\n").await;
    assert_eq!(early["problem"]["code"], "no_full_file");
    bring(&office, &of("2026-11-01", "full"), "02079460018\n").await;
    assert_eq!(against(&office, LONDON).await, ["registry_listed"]);
    bring(&office, &of("2026-11-20", "removals"), "02079460018\n").await;
    assert_eq!(against(&office, LONDON).await, [""; 0]);
    // Who is told of removals alone does not know who is new.
    let late = json!({ "to": LONDON, "at": "2026-12-01T12:00:00Z" });
    let stale = office.check(late.clone()).await;
    assert!(
        stale["reasons"].to_string().contains("registry_stale"),
        "{stale}"
    );
    bring(&office, &of("2026-11-21", "additions"), "02079460019\n").await;
    assert_eq!(against(&office, other).await, ["registry_listed"]);
    let fresh = office.check(late).await;
    assert!(
        !fresh["reasons"].to_string().contains("registry_stale"),
        "{fresh}"
    );
    bring(&office, &of("2026-11-22", "additions"), "02079460018\n").await;
    assert_eq!(against(&office, LONDON).await, ["registry_listed"]);
    // A file of an earlier day changes nothing.
    let query = of("2026-11-21", "removals");
    let old = send(&office, &office.who, &query, "02079460018\n").await;
    assert_eq!((old.status, old.code().as_str()), (409, "conflict"));
    // A full one takes the place of all of them.
    bring(&office, &of("2026-11-23", "full"), "02079460020\n").await;
    for number in [LONDON, other] {
        assert_eq!(against(&office, number).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_is_said_of_a_file_is_checked() {
    let office = office().await;
    let fine = "registry=gb-tps&as_of=2026-11-20";
    for (query, field, code) in [
        ("as_of=2026-11-20", "registry", "missing"),
        ("registry=mars&as_of=2026-11-20", "registry", "invalid"),
        ("registry=gb-tps", "as_of", "missing"),
        ("registry=gb-tps&as_of=20.11.2026", "as_of", "invalid"),
        ("registry=gb-tps&as_of=2026-11-25", "as_of", "in_the_future"),
        (&format!("{fine}&kind=some"), "kind", "invalid"),
        (&format!("{fine}&covers=%2B33"), "covers", "invalid"),
        (&format!("{fine}&covers=44"), "covers", "invalid"),
        (
            &format!("{fine}&kind=removals&covers=all"),
            "covers",
            "not_here",
        ),
        (&format!("{fine}&column="), "column", "invalid"),
        (
            &format!("{fine}&surprise=1"),
            "surprise",
            "unknown_parameter",
        ),
    ] {
        let refused = send(&office, &office.who, query, "02079460018\n").await;
        assert_eq!(
            refused.fault(),
            (format!("query:{field}"), code.to_owned()),
            "{query}"
        );
    }
    let path = format!("/v1/registry-files?{fine}");
    let json = Some("application/json");
    let refused = office
        .api
        .upload(&office.who, ("POST", &path), json, "{}")
        .await;
    assert_eq!(refused.code(), "unsupported_media_type");
    let named = format!("{fine}&column=who");
    let done = bring(
        &office,
        &named,
        "id|who\n7|020 7946 0018\n8|+442079460019\n",
    )
    .await;
    assert_eq!(
        (&done["numbers"], &done["column"]),
        (&json!(2), &json!("who"))
    );
    let unnamed = format!("{fine}&column=whom");
    let failed = bring(&office, &unnamed, "id|who\n7|020 7946 0018\n").await;
    assert_eq!(failed["problem"]["code"], "no_number_column");
}
