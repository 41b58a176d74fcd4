//! How often one number is called.

use serde_json::{Value, json};
use trunkline::after::set_disposition;
use trunkline::store::after::SetBy;
use trunkline::store::calls::CallEnd;

use super::rig::{Mood, NOON, Office, moment};
use crate::api::rig::{Answer, id};

const HOUR: i64 = 3_600_000;
const NEW_YORK: &str = "+12125550100";
const FLORIDA: &str = "+13055550100";

/// The rules to blame, if that is why.
fn rules(answer: &Answer) -> Vec<String> {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "called_too_often")
    );
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap().iter();
    let rules = errors.map(|error| {
        assert_eq!(
            (&error["pointer"], &error["code"]),
            (&json!("/to"), &json!("called_too_often"))
        );
        let detail = error["detail"].as_str().unwrap();
        let (_, rule) = detail.rsplit_once("(rule ").unwrap();
        rule.trim_end_matches(')').to_owned()
    });
    rules.collect()
}

fn frequency(day: i64, week: i64, gap_s: i64) -> Value {
    json!({ "calls_per_24h": day, "calls_per_7d": week, "min_gap_seconds": gap_s })
}

/// At noon, with the rules' own frequency.
async fn office() -> Office {
    let office = Office::open().await;
    office
        .set_policy(json!({ "destinations": ["+1"] }))
        .await
        .fine();
    office
}

#[tokio::test]
async fn a_number_is_called_again_after_a_while_and_three_times_a_day() {
    let office = office().await;
    let noon = moment(NOON);
    office.place(NEW_YORK).await.made();
    office.all_over().await;
    let answer = office.place(NEW_YORK).await;
    assert_eq!(rules(&answer), ["default"]);
    let wait_s: i64 = answer.header("retry-after").parse().unwrap();
    assert_eq!(wait_s, 2 * 3_600 + 1);
    // Another number is another matter, and so is another client's call.
    office.place(FLORIDA).await.made();
    for hours in [2, 4] {
        office.set_time(noon + hours * HOUR);
        office.place(NEW_YORK).await.made();
        office.all_over().await;
    }
    office.set_time(noon + 6 * HOUR);
    let answer = office.place(NEW_YORK).await;
    assert_eq!(rules(&answer), ["default"]);
    let body = json!({ "to": NEW_YORK });
    let checked = office.check(body).await;
    assert_eq!(checked["verdict"], "defer", "{checked}");
    let caps = checked["trace"]["caps"].as_array().unwrap();
    assert_eq!(caps.len(), 3, "{checked}");
    office.set_time(noon + 24 * HOUR);
    office.place(NEW_YORK).await.made();
    assert_eq!(office.carrier.asked(), 5);
}

#[tokio::test]
async fn what_a_client_says_is_no_law() {
    let office = office().await;
    let shown = office.api.get(&office.who, "/v1/policy").await.fine();
    assert_eq!(shown["frequency"], frequency(3, 7, 7_200));
    let often = json!({ "destinations": ["+1"], "frequency": frequency(50, 100, 0) });
    office.set_policy(often).await.fine();
    for _ in 0..3 {
        office.place(FLORIDA).await.made();
        office.all_over().await;
    }
    let answer = office.place(FLORIDA).await;
    assert_eq!(rules(&answer), ["US-FL"]);
}

#[tokio::test]
async fn a_client_that_is_stricter_than_the_rules_is_obeyed() {
    let office = office().await;
    let seldom = json!({ "destinations": ["+1"], "frequency": frequency(1, 1, 0) });
    office.set_policy(seldom).await.fine();
    let to = "+14155550100";
    office.place(to).await.made();
    office.all_over().await;
    office.set_time(moment(NOON) + 4 * HOUR);
    assert_eq!(rules(&office.place(to).await), ["client", "client"]);
}

#[tokio::test]
async fn a_call_that_never_was_does_not_count() {
    let office = office().await;
    office.carrier.set(Mood::Refuses);
    office.place(NEW_YORK).await.made();
    office.carrier.set(Mood::Accepts);
    office.place(NEW_YORK).await.made();
    office.all_over().await;
    assert_eq!(rules(&office.place(NEW_YORK).await), ["default"]);
}

#[tokio::test]
async fn of_many_that_are_asked_for_at_once_one_is_placed() {
    let office = office().await;
    let calls = (0..8).map(|_| office.place(NEW_YORK));
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!((made.count(), office.carrier.asked()), (1, 1));
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.code(), "called_too_often");
    }
}

#[tokio::test]
async fn a_frequency_that_is_none_is_refused() {
    let office = office().await;
    for (bad, pointer) in [
        (frequency(0, 7, 0), "/frequency/calls_per_24h"),
        (frequency(3, 501, 0), "/frequency/calls_per_7d"),
        (frequency(3, 7, -1), "/frequency/min_gap_seconds"),
    ] {
        let body = json!({ "destinations": ["+1"], "frequency": bad });
        let answer = office.set_policy(body).await;
        assert_eq!(
            answer.fault(),
            (pointer.to_owned(), "out_of_range".to_owned())
        );
    }
}

#[tokio::test]
async fn a_number_does_not_ring_twice_at_once_however_often_it_may_be_called() {
    let office = Office::open().await;
    office.place(NEW_YORK).await.made();
    let at_once = (0..8).map(|_| office.place(FLORIDA));
    let answers = futures_util::future::join_all(at_once).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 1);
    for (number, tells) in [
        (NEW_YORK, None),
        (FLORIDA, Some("ringing")),
        (FLORIDA, Some("in-progress")),
    ] {
        if let Some(status) = tells {
            let (carrier_call_id, place) = office.carrier.placed().remove(1);
            office.told(&place, &carrier_call_id, status).await;
        }
        let answer = office.place(number).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, "call_in_progress")
        );
        assert_eq!(
            answer.fault(),
            ("/to".to_owned(), "call_in_progress".to_owned())
        );
        assert_eq!(answer.json()["retry_at"], "2026-11-24T17:01:00.000Z");
        let checked = office.check(json!({ "to": number })).await;
        assert_eq!(checked["verdict"], "defer", "{checked}");
        // Later is another matter.
        let later = json!({ "to": number, "at": "2026-11-24T14:00:00-05:00" });
        assert_eq!(office.check(later).await["verdict"], "allow");
    }
    assert_eq!(office.carrier.asked(), 2);
    office.all_over().await;
    office.place(NEW_YORK).await.made();
    office.all_over().await;
    // Whoever calls us is not called meanwhile.
    let calls_us = office
        .api
        .call_of(&office.who, NEW_YORK, office.time())
        .await;
    assert_eq!(office.place(NEW_YORK).await.code(), "call_in_progress");
    let calls = office.api.app.desk.store.calls();
    let (client, now_ms, end) = (&office.who.client, office.time(), CallEnd::default());
    let ended = calls.ended(client, &calls_us, now_ms, &end);
    assert!(ended.await.unwrap());
    office.place(NEW_YORK).await.made();
}

/// Sixty days, by French law.
#[tokio::test]
async fn nobody_in_france_who_did_not_want_it_is_called_again_soon() {
    let office = Office::open().await;
    office.allow(json!(["+33"])).await.fine();
    let paris = "+33123456789";
    let ask = async || {
        let about = json!({ "to": paris, "purpose": "service" });
        office.check(about).await
    };
    assert_eq!(ask().await["verdict"], "allow");
    let mut call = office.call(paris);
    call["purpose"] = json!("service");
    let placed = office.api.post(&office.who, "/v1/calls", &call).await;
    let call_id = id(&placed.made());
    let (carrier_call_id, place) = office.carrier.placed().pop().unwrap();
    office.told(&place, &carrier_call_id, "completed").await;
    assert_eq!(ask().await["verdict"], "allow");
    let desk = &office.api.app.desk;
    let keys = desk.keys(&office.who.client).await.unwrap();
    let label = async |label| {
        let set = set_disposition(desk, &keys, &call_id, label, SetBy::Person);
        assert!(set.await.unwrap());
    };
    label("callback").await;
    assert_eq!(ask().await["verdict"], "allow");
    label("not_interested").await;
    let refused = ask().await;
    assert_eq!(refused["reasons"][0]["code"], "called_too_often");
    assert_eq!(refused["reasons"][0]["rule"], "FR");
    let again = refused["retry_at"].as_str().unwrap();
    assert!(again > "2027-01-22", "{again}");
    // By another client's knowledge it changes nothing.
    let (other, _) = office.neighbour("+12125550177").await;
    let question = json!({ "to": paris, "purpose": "service" });
    let asked = office.api.post(&other, "/v1/calls/check", &question).await;
    assert!(!asked.fine().to_string().contains("called_too_often"));
}
