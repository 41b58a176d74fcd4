//! Callbacks by HTTP, and what becomes of them when their time has come: dialled once, later, or not at all.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use trunkline::api::serve;
use trunkline::callbacks::running::round;
use trunkline::callbacks::{CallbackLimits, note};
use trunkline::dial::{Plan, reconcile};
use trunkline::ids::new_id;
use trunkline::store::suppressions::NewSuppression;
use trunkline_core::phone::PhoneNumber;

use super::rig::{FROM, Mood, Office, agreed, wall};
use crate::api::rig::{Answer, id};

pub(super) const TO: &str = "+12125550100";
pub(super) const AT: &str = "2026-11-24T15:30";

pub(super) fn wanted(office: &Office, to: &str, at: &str) -> Value {
    json!({ "to": to, "agent_id": office.agent_id, "at": at, "variables": { "day": "Monday" },
        "consent": agreed(), "legal_basis": "contract" })
}

pub(super) async fn ask(office: &Office, body: &Value) -> Answer {
    office.api.post(&office.who, "/v1/callbacks", body).await
}

pub(super) async fn schedule(office: &Office, to: &str, at: &str) -> String {
    id(&ask(office, &wanted(office, to, at)).await.made())
}

pub(super) async fn shown(office: &Office, id: &str) -> Value {
    let path = format!("/v1/callbacks/{id}");
    office.api.get(&office.who, &path).await.fine()
}

/// Where a callback is, and why.
pub(super) async fn state(office: &Office, id: &str) -> (String, String) {
    let shown = shown(office, id).await;
    let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

pub(super) fn is(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

/// Noon and later of the day on which it was agreed, in New York.
pub(super) fn new_york(text: &str) -> i64 {
    wall(text, -5)
}

async fn cancel(office: &Office, id: &str) -> Answer {
    let path = format!("/v1/callbacks/{id}/cancel");
    office.api.post(&office.who, &path, &Value::Null).await
}

#[tokio::test]
async fn a_callback_is_dialled_once_when_its_time_has_come() {
    let office = Office::open().await;
    let mut new = wanted(&office, TO, AT);
    new["note"] = json!(" about\nthe bill ");
    new["record"] = json!(false);
    let made = ask(&office, &new).await.made();
    let callback = id(&made);
    assert_eq!(
        made,
        json!({
            "id": callback, "state": "scheduled", "reason": null, "agent_id": office.agent_id, "to": TO, "from": FROM,
            "note": "about the bill", "at": "2026-11-24T20:30:00.000Z", "zone": "America/New_York",
            "due_at": "2026-11-24T20:30:00.000Z", "expires_at": "2026-11-25T20:30:00.000Z", "asked_in_call_id": null,
            "call_id": null, "created_at": "2026-11-24T17:00:00.000Z", "ended_at": null,
        })
    );
    office.set_time(new_york("2026-11-24 15:29"));
    let sleep = round(&office.api.app).await;
    assert_eq!((office.carrier.asked(), sleep.as_secs()), (0, 60));
    office.set_time(new_york("2026-11-24 15:30"));
    // Two servers of one database.
    let (app, other) = (&office.api.app, office.beside());
    futures_util::future::join(round(app), round(&other.app)).await;
    assert_eq!(office.carrier.asked(), 1);
    let dialling = shown(&office, &callback).await;
    let call_id = dialling["call_id"].as_str().unwrap().to_owned();
    assert_eq!(dialling["state"], "dialling");
    let call = office.shown(&call_id).await;
    assert_eq!((&call["to"], &call["from"]), (&json!(TO), &json!(FROM)));
    assert_eq!(
        (&call["callback_id"], &call["agent_id"]),
        (&json!(callback), &json!(office.agent_id))
    );
    let keys = app.desk.keys(&office.who.client).await.unwrap();
    let plan = Plan::of_call(&app.desk, &keys, &call_id)
        .await
        .unwrap()
        .unwrap();
    // The note stands with the callback alone.
    assert!(!plan.record && plan.promise.is_some());
    assert!(!serde_json::to_string(&plan).unwrap().contains("bill"));
    let told = note(&app.desk, &keys, &callback).await;
    assert_eq!(told.as_deref(), Some("about the bill"));
    let refused = cancel(&office, &callback).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "conflict".to_owned())
    );
    let (carrier_call_id, place) = office.carrier.placed().remove(0);
    assert_eq!(place.to.as_str(), TO);
    office.told(&place, &carrier_call_id, "completed").await;
    assert_eq!(state(&office, &callback).await, is("done", "completed"));
    round(app).await;
    assert_eq!((office.carrier.asked(), office.calls().await), (1, 1));
    let stranger = office.api.client().await;
    for (method, path) in [
        ("GET", format!("/v1/callbacks/{callback}")),
        ("POST", format!("/v1/callbacks/{callback}/cancel")),
    ] {
        let foreign = office
            .api
            .ask(Some(&stranger.secret), method, &path, &Value::Null, &[])
            .await;
        assert_eq!(
            (foreign.status, foreign.code()),
            (404, "not_found".to_owned())
        );
    }
}

#[tokio::test]
async fn nobody_is_promised_what_cannot_be_kept() {
    let office = Office::open().await;
    let cases: &[(&str, &str, &str, &str)] = &[
        (TO, "2026-11-24T11:59", "/at", "past_time"),
        (TO, "2026-12-25T15:30", "/at", "too_far_ahead"),
        (TO, "three o'clock", "/at", "invalid_time"),
        (TO, "2026-11-24T15:30Z", "/at", "invalid_time"),
        ("+18005550137", AT, "/zone", "time_zone_unknown"),
        (
            "+442079460123",
            "2026-11-25T15:30",
            "/to",
            "destination_not_allowed",
        ),
        ("2125550100", AT, "/to", "invalid_number"),
    ];
    for (to, at, pointer, code) in cases {
        let refused = ask(&office, &wanted(&office, to, at)).await;
        assert_eq!(
            refused.fault(),
            ((*pointer).to_owned(), (*code).to_owned()),
            "{to} {at}"
        );
    }
    for (field, value, pointer, code) in [
        ("zone", json!("EST"), "/zone", "invalid_time_zone"),
        (
            "variables",
            json!({ "who": "Ann" }),
            "/variables",
            "unknown_variable",
        ),
        ("variables", json!({}), "/variables/day", "missing_variable"),
        ("agent_id", json!("agent_none"), "/agent_id", "not_found"),
        ("from", json!("+12125550101"), "/from", "not_found"),
        ("note", json!("x".repeat(301)), "/note", "too_long"),
    ] {
        let mut new = wanted(&office, TO, AT);
        new[field] = value;
        let refused = ask(&office, &new).await;
        assert_eq!(
            refused.fault(),
            (pointer.to_owned(), code.to_owned()),
            "{field}"
        );
    }
    // Too late in the evening: from eight in the morning on.
    let late = ask(&office, &wanted(&office, TO, "2026-11-24T21:30")).await;
    assert_eq!(late.code(), "outside_calling_hours");
    // To ask the same again later would mend nothing.
    assert_eq!(late.header("retry-after"), "");
    assert_eq!(late.json()["retry_at"], "2026-11-25T13:00:00.000Z");
    assert_eq!(
        late.json()["detail"],
        "the next moment at which the number may be called is 2026-11-25T08:00 in America/New_York"
    );
    let mut elsewhere = wanted(&office, TO, "2026-11-25T09:00");
    elsewhere["contact"] = json!({ "places": ["US-HI"] });
    let early = ask(&office, &elsewhere).await;
    assert_eq!(early.code(), "outside_calling_hours");
    assert_eq!(early.json()["retry_at"], "2026-11-25T18:00:00.000Z");
    elsewhere["contact"] = json!({ "time_zones": ["Pacific/Honolulu"] });
    assert_eq!(
        ask(&office, &elsewhere).await.code(),
        "outside_calling_hours"
    );
    elsewhere["contact"] = json!({ "places": ["Hawaii"] });
    let wrong = ("/contact/places/0".to_owned(), "invalid_place".to_owned());
    assert_eq!(ask(&office, &elsewhere).await.fault(), wrong);
    // Early enough where the number is, too late where the person says that they are.
    let mut there = wanted(&office, "+14155550137", "2026-11-24T21:30");
    assert_eq!(ask(&office, &there).await.code(), "outside_calling_hours");
    there["at"] = json!("2026-11-24T20:30");
    there["zone"] = json!("America/Los_Angeles");
    ask(&office, &there).await.made();
    there["at"] = json!("2026-11-24T23:30");
    there["zone"] = json!("America/New_York");
    assert_eq!(ask(&office, &there).await.code(), "outside_calling_hours");
    office.suppress(TO).await;
    assert_eq!(
        ask(&office, &wanted(&office, TO, AT)).await.code(),
        "suppressed"
    );
    let list = office.api.get(&office.who, "/v1/callbacks").await.fine();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test]
async fn a_later_wish_replaces_the_earlier_and_the_same_request_is_one() {
    let office = Office::open().await;
    let secret = Some(office.who.secret.as_str());
    let (new, key) = (wanted(&office, TO, AT), [("idempotency-key", "a")]);
    let asked = || office.api.ask(secret, "POST", "/v1/callbacks", &new, &key);
    let first = id(&asked().await.made());
    let again = asked().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(id(&again.made()), first);
    let other = schedule(&office, "+12125550111", AT).await;
    let second = schedule(&office, TO, "2026-11-24T16:30").await;
    assert_eq!(state(&office, &first).await, is("cancelled", "replaced"));
    for (query, expected) in [
        ("state=scheduled", vec![&second, &other]),
        ("state=cancelled", vec![&first]),
        ("state=done", vec![]),
        (
            &*format!("agent_id={}", office.agent_id),
            vec![&second, &other, &first],
        ),
        ("agent_id=front-desk", vec![]),
    ] {
        let path = format!("/v1/callbacks?{query}");
        let list = office.api.get(&office.who, &path).await.fine();
        let listed: Vec<String> = list["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let wrong = office
        .api
        .get(&office.who, "/v1/callbacks?state=waiting")
        .await;
    assert_eq!(wrong.status, 422, "{wrong:?}");
    office.set_time(new_york("2026-11-24 16:30"));
    round(&office.api.app).await;
    assert_eq!(office.carrier.asked(), 2, "one for each number");
}

#[tokio::test]
async fn whoever_opts_out_or_is_taken_back_is_not_called() {
    let office = Office::open().await;
    let numbers = [
        "+12125550100",
        "+12125550101",
        "+12125550102",
        "+12125550103",
    ];
    let mut callbacks = Vec::new();
    for to in numbers {
        callbacks.push(schedule(&office, to, AT).await);
    }
    office.suppress(numbers[0]).await;
    assert_eq!(
        state(&office, &callbacks[0]).await,
        is("cancelled", "suppressed")
    );
    // The platform's word.
    let desk = &office.api.app.desk;
    let everybody = NewSuppression {
        id: new_id("sup"),
        campaign_id: None,
        hash: desk.platform_suppression_index(&PhoneNumber::parse(numbers[1]).unwrap()),
        reason: "complaint".into(),
        source: "operator".into(),
        call_id: None,
        created_ms: 1,
    };
    desk.store.system().suppress(&everybody).await.unwrap();
    assert_eq!(
        state(&office, &callbacks[1]).await,
        is("cancelled", "suppressed")
    );
    for _ in 0..2 {
        let cancelled = cancel(&office, &callbacks[2]).await.fine();
        assert_eq!(
            (&cancelled["state"], &cancelled["reason"]),
            (&json!("cancelled"), &json!("requested"))
        );
    }
    // Another client's word is its own.
    let stranger = office.api.client().await;
    let body = json!({ "number": numbers[3], "reason": "opt_out" });
    office
        .api
        .post(&stranger, "/v1/suppressions", &body)
        .await
        .made();
    office.set_time(new_york("2026-11-24 15:30"));
    round(&office.api.app).await;
    let placed = office.carrier.placed();
    assert_eq!(placed.len(), 1);
    assert_eq!(placed[0].1.to.as_str(), numbers[3]);
}

#[tokio::test]
async fn a_callback_that_comes_late_waits_for_the_next_hour_or_is_given_up() {
    let office = Office::open().await;
    let evening = schedule(&office, TO, "2026-11-24T20:50").await;
    let morning = schedule(&office, "+12125550101", "2026-11-24T12:30").await;
    // The server comes back at five past nine in the evening.
    office.set_time(new_york("2026-11-24 21:05"));
    round(&office.api.app).await;
    assert_eq!(office.carrier.asked(), 0);
    assert_eq!(
        state(&office, &evening).await,
        is("scheduled", "outside_calling_hours")
    );
    assert_eq!(
        shown(&office, &evening).await["due_at"],
        "2026-11-25T13:00:00.000Z"
    );
    office.set_time(new_york("2026-11-25 07:59"));
    round(&office.api.app).await;
    assert_eq!(office.carrier.asked(), 0);
    // By now it is too late for the other.
    office.set_time(new_york("2026-11-25 12:31"));
    round(&office.api.app).await;
    assert_eq!(state(&office, &morning).await, is("expired", "too_late"));
    assert_eq!(state(&office, &evening).await, is("dialling", ""));
    assert_eq!(office.carrier.asked(), 1);
}

#[tokio::test]
async fn a_callback_whose_next_hour_comes_too_late_is_given_up() {
    let office = Office::open().await;
    let limits = CallbackLimits {
        late_ms_max: 3_600_000,
        ..CallbackLimits::default()
    };
    office.api.app.callbacks.limits.set(limits).unwrap();
    let callback = schedule(&office, TO, "2026-11-24T20:50").await;
    office.set_time(new_york("2026-11-24 21:05"));
    round(&office.api.app).await;
    assert_eq!(
        state(&office, &callback).await,
        is("expired", "outside_calling_hours")
    );
    assert_eq!(office.carrier.asked(), 0);
}

#[tokio::test]
async fn what_is_not_allowed_or_not_there_any_more_is_not_dialled() {
    for (case, expected) in [
        ("destination", is("cancelled", "destination_not_allowed")),
        ("agent", is("failed", "no_agent")),
        ("number", is("failed", "no_number")),
        ("refused", is("failed", "invalid_number")),
        ("busy", is("failed", "busy")),
    ] {
        let office = Office::open().await;
        let callback = schedule(&office, TO, AT).await;
        let (api, who) = (&office.api, &office.who);
        match case {
            "destination" => drop(office.allow(json!(["+49"])).await),
            "agent" => drop(
                api.delete(who, &format!("/v1/agents/{}", office.agent_id))
                    .await,
            ),
            "number" => drop(
                api.delete(who, &format!("/v1/numbers/{}", office.number_id))
                    .await,
            ),
            "refused" => office.carrier.set(Mood::Refuses),
            _ => {}
        }
        office.set_time(new_york("2026-11-24 15:30"));
        round(&api.app).await;
        if case == "busy" {
            let (carrier_call_id, place) = office.carrier.placed().remove(0);
            office.told(&place, &carrier_call_id, "busy").await;
        }
        assert_eq!(state(&office, &callback).await, expected, "{case}");
        round(&api.app).await;
        let asked = usize::from(["refused", "busy"].contains(&case));
        assert_eq!(office.carrier.asked(), asked, "{case}");
    }
}

/// The server stops behind the commit, while the carrier is being asked.
#[tokio::test]
async fn a_crash_while_it_is_dialled_is_found_out_and_nothing_is_dialled_again() {
    for (mood, ends) in [
        (Mood::AcceptsAndHangs, is("done", "completed")),
        (Mood::Hangs, is("failed", "never_placed")),
    ] {
        let office = Office::open().await;
        let callback = schedule(&office, TO, AT).await;
        office.set_time(new_york("2026-11-24 15:30"));
        office.carrier.set(mood);
        tokio::select! {
            _ = round(&office.api.app) => panic!("the carrier answered"),
            () = office.carrier.reached() => {}
        }
        let office = office.again().await;
        assert_eq!(state(&office, &callback).await, is("dialling", ""));
        office.carrier.set(Mood::Accepts);
        round(&office.api.app).await;
        assert_eq!(office.carrier.asked(), 1);
        assert_eq!(reconcile::at_start(&office.api.app).await.unwrap(), 1);
        office.settled().await;
        round(&office.api.app).await;
        if mood == Mood::AcceptsAndHangs {
            let (carrier_call_id, place) = office.carrier.placed().remove(0);
            office.told(&place, &carrier_call_id, "completed").await;
        }
        assert_eq!(state(&office, &callback).await, ends);
        assert_eq!((office.carrier.asked(), office.calls().await), (1, 1));
    }
}

#[tokio::test]
async fn what_was_promised_survives_the_server() {
    let office = Office::open().await;
    let callback = schedule(&office, TO, AT).await;
    let office = office.again().await;
    assert_eq!(state(&office, &callback).await, is("scheduled", ""));
    office.set_time(new_york("2026-11-24 16:00"));
    round(&office.api.app).await;
    let office = office.again().await;
    round(&office.api.app).await;
    assert_eq!((office.carrier.asked(), office.calls().await), (1, 1));
    assert_eq!(state(&office, &callback).await, is("dialling", ""));
}

#[tokio::test]
async fn a_server_keeps_what_it_promised_by_itself() {
    let office = Office::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = Arc::clone(&office.api.app);
    let serving = tokio::spawn(serve(app, listener, std::future::pending()));
    let callback = schedule(&office, TO, AT).await;
    office.carrier.set(Mood::AcceptsAndHangs);
    office.set_time(new_york("2026-11-24 15:30"));
    // It sleeps until then by its own clock; another wakes it.
    schedule(&office, "+12125550101", "2026-11-24T16:30").await;
    office.carrier.reached().await;
    assert_eq!(state(&office, &callback).await, is("dialling", ""));
    assert_eq!(office.carrier.asked(), 1);
    serving.abort();
}
