//! How a number takes calls: its hours, the line that people call to be called no more, callers who are not wanted, and who it
//! is that calls.

use std::time::Duration;

use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use trunkline::carrier_double::rest::Rung;
use trunkline::carrier_double::{CallSetup, Carrier};
use trunkline::inbound::FloodLimits;
use trunkline_core::token::{Claims, sign};

use super::inbound::{client_server, listen};
use super::rig::{BARE_NUMBER, Counts, NUMBER, STRANGER, Town, greeter};
use crate::api::rig::{Answer, Who, id};
use crate::session::rig::{claims, heard, key};

const PATIENCE: Duration = Duration::from_secs(20);
const OTHER_CALLER: &str = "+14155550177";
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Changes one of the client's numbers.
async fn change(town: &Town, number: &str, change: Value) -> Answer {
    let numbers = town.api.get(&town.who, "/v1/numbers").await.fine();
    let mut numbers = numbers["data"].as_array().unwrap().iter();
    let row = numbers.find(|row| row["number"] == number).unwrap();
    let path = format!("/v1/numbers/{}", id(row));
    town.api.patch(&town.who, &path, &change).await
}

async fn suppression(town: &Town, who: &Who, number: &str) -> Value {
    let body = json!({ "number": number });
    let answer = town.api.post(who, "/v1/suppressions/check", &body).await;
    answer.fine()["suppression"].clone()
}

fn said(rung: Rung) -> String {
    let Rung::Said(words) = rung else {
        panic!("{rung:?}");
    };
    words
}

fn is_busy(rung: &Rung) -> bool {
    matches!(rung, Rung::Rejected(reason) if reason == "busy")
}

#[tokio::test]
async fn whoever_calls_the_opt_out_line_is_called_no_more_and_hears_by_whom() {
    let town = Town::found().await;
    let theirs = town.api.client().await;
    let line = json!({ "opt_out_line": true, "language": "de" });
    let shown = change(&town, BARE_NUMBER, line).await.fine();
    assert_eq!(
        (&shown["opt_out_line"], &shown["language"]),
        (&json!(true), &json!("de"))
    );
    // However busy the server is.
    town.api.app.draining.send_replace(true);
    for _ in 0..2 {
        let words = said(town.carrier.ring(STRANGER, BARE_NUMBER).await);
        assert_eq!(
            words,
            "Verstanden. Oak Street Dental ruft Sie nicht mehr an. Auf Wiederhören."
        );
    }
    let row = suppression(&town, &town.who, STRANGER).await;
    assert_eq!(
        (&row["scope"], &row["reason"], &row["source"]),
        (&json!("client"), &json!("opt_out"), &json!("opt_out_line"))
    );
    assert_eq!(suppression(&town, &theirs, STRANGER).await, Value::Null);
    let system = town.api.app.desk.store.system();
    while system.publish(0, 100).await.unwrap().events > 0 {}
    let events = town.api.get(&town.who, "/v1/events").await.fine();
    let told: Vec<&Value> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "suppression.created")
        .collect();
    assert_eq!(told.len(), 1, "{events}");
    assert_eq!(told[0]["data"]["source"], "opt_out_line");
    assert!(town.rows().await.is_empty(), "nobody was spoken to");
}

#[tokio::test]
async fn who_withholds_their_number_keys_it_in() {
    let town = Town::found().await;
    change(&town, BARE_NUMBER, json!({ "opt_out_line": true }))
        .await
        .fine();
    let ring = || town.carrier.ring("anonymous", BARE_NUMBER);
    let asked = |rung: Rung| {
        let Rung::Asked { sid, words, action } = rung else {
            panic!("{rung:?}");
        };
        (sid, words, action)
    };
    let (sid, words, action) = asked(ring().await);
    assert!(words.starts_with("Your number is not shown."), "{words}");
    let again = town.carrier.press(&sid, &action, "05550177").await;
    let (sid, words, action) = asked(again);
    assert!(words.starts_with("That is not a whole number."), "{words}");
    let keyed = OTHER_CALLER.trim_start_matches('+');
    let words = said(town.carrier.press(&sid, &action, keyed).await);
    assert_eq!(
        words,
        "Understood. Oak Street Dental will not call you again. Goodbye."
    );
    let row = suppression(&town, &town.who, OTHER_CALLER).await;
    assert_eq!(row["source"], "opt_out_line");
    // Ten digits are one of North America's, or one of elsewhere.
    let (sid, _, action) = asked(ring().await);
    said(town.carrier.press(&sid, &action, "4155550166").await);
    for number in ["+14155550166", "+4155550166"] {
        let row = suppression(&town, &town.who, number).await;
        assert_eq!(row["source"], "opt_out_line", "{number}");
    }
    // There is an end to trying.
    let (mut sid, _, mut action) = asked(ring().await);
    for _ in 0..2 {
        (sid, _, action) = asked(town.carrier.press(&sid, &action, "911").await);
    }
    let words = said(town.carrier.press(&sid, &action, "911").await);
    assert!(words.contains("Nothing has changed"), "{words}");
    // A number that is no such line any more hears nobody.
    let (sid, _, action) = asked(ring().await);
    change(&town, BARE_NUMBER, json!({ "opt_out_line": false }))
        .await
        .fine();
    let rung = town.carrier.press(&sid, &action, "14155550188").await;
    assert!(matches!(rung, Rung::Dropped(_)), "{rung:?}");
    let row = suppression(&town, &town.who, "+14155550188").await;
    assert_eq!(row, Value::Null);
}

#[tokio::test]
async fn outside_its_hours_a_number_says_so_or_another_agent_answers() {
    let town = Town::found().await;
    let counts = Counts::start();
    let always = json!([{ "days": WEEK, "start": "00:00", "end": "24:00" }]);
    let hours = |windows: Value| json!({ "time_zone": "America/New_York", "windows": windows });
    // Never open, and nothing else is said.
    let never = json!({ "hours": hours(json!([])), "language": "fr" });
    change(&town, NUMBER, never).await.fine();
    let words = said(town.carrier.ring(STRANGER, NUMBER).await);
    assert!(words.starts_with("Oak Street Dental n'est pas"), "{words}");
    let message = json!({ "outside_hours": { "message": "Nous rouvrons lundi & mardi." } });
    change(&town, NUMBER, message).await.fine();
    let words = said(town.carrier.ring(STRANGER, NUMBER).await);
    assert_eq!(words, "Nous rouvrons lundi & mardi.");
    assert_eq!(counts.of("trunkline_calls_untaken_total closed"), 2);
    assert!(town.rows().await.is_empty());
    let night = town
        .api
        .post(&town.who, "/v1/agents", &greeter("Olivia"))
        .await;
    let night = id(&night.made());
    let outside = json!({ "outside_hours": { "agent_id": night } });
    change(&town, NUMBER, outside).await.fine();
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(words.contains("this is Olivia"), "{words}");
    change(&town, NUMBER, json!({ "hours": hours(always) }))
        .await
        .fine();
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(words.contains("this is Robin"), "{words}");
    // Without hours it is always answered.
    let without = json!({ "hours": null, "outside_hours": null, "language": null });
    let shown = change(&town, NUMBER, without).await.fine();
    assert_eq!(
        (&shown["hours"], &shown["outside_hours"], &shown["language"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn what_cannot_be_said_of_a_number_is_refused() {
    let town = Town::found().await;
    let theirs = town.api.client().await;
    let foreign = town
        .api
        .post(&theirs, "/v1/agents", &greeter("Mallory"))
        .await;
    let foreign = id(&foreign.made());
    let window = |days: Value, start: &str| {
        let windows = json!([{ "days": days, "start": start, "end": "17:00" }]);
        json!({ "hours": { "time_zone": "Europe/Berlin", "windows": windows } })
    };
    let open = json!({ "time_zone": "Europe/Berlin", "windows": [] });
    for (wrong, pointer, code) in [
        (json!({ "opt_out_line": true }), "/opt_out_line", "conflict"),
        (json!({ "language": "xx" }), "/language", "unknown_value"),
        (
            json!({ "hours": { "time_zone": "Mars/Base", "windows": [] } }),
            "/hours/time_zone",
            "invalid_time_zone",
        ),
        (
            window(json!(["monday"]), "09:00"),
            "/hours/windows/0/days",
            "invalid",
        ),
        (window(json!(["mon"]), "9"), "/hours/windows/0", "invalid"),
        (
            json!({ "hours": { "time_zone": "Europe/Berlin", "windows": [], "closed_on": ["25.12."] } }),
            "/hours/closed_on/0",
            "invalid",
        ),
        (
            json!({ "outside_hours": { "message": "Closed." } }),
            "/outside_hours",
            "conflict",
        ),
        (
            json!({ "hours": open, "outside_hours": {} }),
            "/outside_hours",
            "invalid",
        ),
        (
            json!({ "hours": open, "outside_hours": { "message": " " } }),
            "/outside_hours/message",
            "invalid",
        ),
        (
            json!({ "hours": open, "outside_hours": { "agent_id": foreign } }),
            "/outside_hours/agent_id",
            "not_found",
        ),
        (
            json!({ "hours": { "time_zone": "Europe/Berlin", "windows": [], "often": 1 } }),
            "/hours/often",
            "unknown_field",
        ),
    ] {
        let answer = change(&town, NUMBER, wrong.clone()).await;
        assert_eq!(answer.status, 422, "{wrong}: {answer:?}");
        assert_eq!(answer.fault(), (pointer.into(), code.into()), "{wrong}");
    }
    let new = json!({
        "number": town.api.new_number(), "agent_id": town.agent_id, "opt_out_line": true,
    });
    let refused = town.api.post(&town.who, "/v1/numbers", &new).await;
    assert_eq!(refused.fault(), ("/opt_out_line".into(), "conflict".into()));
    let new = json!({ "number": town.api.new_number(), "opt_out_line": true, "language": "pl" });
    let made = town.api.post(&town.who, "/v1/numbers", &new).await.made();
    assert_eq!(
        (&made["opt_out_line"], &made["language"]),
        (&json!(true), &json!("pl"))
    );
}

#[tokio::test]
async fn a_caller_who_is_blocked_hears_a_busy_line() {
    let town = Town::found().await;
    let theirs = town.api.client().await;
    let counts = Counts::start();
    let block = async |who: &Who, number: &str| {
        let body = json!({ "number": number });
        town.api.post(who, "/v1/blocked-callers", &body).await
    };
    let made = block(&town.who, STRANGER).await.made();
    assert_eq!(block(&town.who, STRANGER).await.fine(), made);
    block(&theirs, OTHER_CALLER).await.made();
    assert!(!made.to_string().contains("4155550100"), "{made}");
    assert!(is_busy(&town.carrier.ring(STRANGER, NUMBER).await));
    assert_eq!(counts.of("trunkline_calls_untaken_total blocked"), 1);
    listen(town.carrier.ring(OTHER_CALLER, NUMBER).await).await;
    // Whoever wants to be called no more is heard all the same.
    change(&town, BARE_NUMBER, json!({ "opt_out_line": true }))
        .await
        .fine();
    said(town.carrier.ring(STRANGER, BARE_NUMBER).await);
    let path = format!("/v1/blocked-callers/{}", id(&made));
    assert_eq!(town.api.delete(&theirs, &path).await.status, 404);
    assert_eq!(town.api.delete(&town.who, &path).await.status, 204);
    assert_eq!(town.api.delete(&town.who, &path).await.status, 404);
    listen(town.carrier.ring(STRANGER, NUMBER).await).await;
}

#[tokio::test]
async fn a_flood_of_calls_from_one_number_is_not_let_in() {
    let town = Town::found().await;
    let counts = Counts::start();
    town.api.app.floods.limits.get_or_init(|| FloodLimits {
        calls_per_caller: 2,
        ..FloodLimits::default()
    });
    let voice = town.addresses().voice(None);
    let ask = async |sid: &str, from: &str| {
        let pairs = [
            ("CallSid", sid),
            ("AccountSid", "AC1"),
            ("From", from),
            ("To", NUMBER),
        ];
        assert_eq!(town.carrier.post(&voice, &pairs).await, 200);
        let awaited = &town.api.app.awaited;
        awaited.of_carrier(&town.carrier_id, sid).is_some()
    };
    // Asked twice, it is one call still.
    for (sid, from, taken) in [
        ("CA1", STRANGER, true),
        ("CA1", STRANGER, true),
        ("CA2", STRANGER, true),
        ("CA3", STRANGER, false),
        ("CA4", OTHER_CALLER, true),
        ("CA5", "anonymous", true),
        ("CA6", "anonymous", true),
        ("CA7", "anonymous", true),
        ("CA8", STRANGER, false),
    ] {
        assert_eq!(ask(sid, from).await, taken, "{sid}");
    }
    assert_eq!(counts.of("trunkline_calls_untaken_total flood"), 2);
    assert!(is_busy(&town.carrier.ring(STRANGER, NUMBER).await));
}

#[tokio::test]
async fn a_client_has_so_many_calls_at_once() {
    let town = Town::found().await;
    let counts = Counts::start();
    town.api.app.floods.limits.get_or_init(|| FloodLimits {
        calls_per_client: 1,
        ..FloodLimits::default()
    });
    let Rung::Line(line) = town.carrier.ring(STRANGER, NUMBER).await else {
        panic!("the first call was not taken");
    };
    assert!(is_busy(&town.carrier.ring(OTHER_CALLER, NUMBER).await));
    assert_eq!(counts.of("trunkline_calls_untaken_total client_full"), 1);
    listen(Rung::Line(line)).await;
    let call = town.carrier.calls().remove(0);
    assert!(town.carrier.is_over_within(&call.sid, PATIENCE).await);
    town.api.app.tasks.close();
    town.api.app.tasks.wait().await;
    town.api.app.tasks.reopen();
    listen(town.carrier.ring(OTHER_CALLER, NUMBER).await).await;
}

async fn contact(town: &Town, who: &Who, variables: Value) -> String {
    let body = json!({ "phones": [{ "number": STRANGER }], "variables": variables });
    id(&town.api.post(who, "/v1/contacts", &body).await.made())
}

#[tokio::test]
async fn a_contact_that_calls_is_known_to_the_agent_and_stands_with_the_call() {
    let town = Town::found().await;
    let theirs = town.api.client().await;
    contact(&town, &theirs, json!({ "who": "Mallory" })).await;
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(words.contains("Good day friend."), "{words}");
    // What the agent does not declare is not its business.
    let ours = contact(&town, &town.who, json!({ "who": "Wilhelmina", "plan": 3 })).await;
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(words.contains("Good day Wilhelmina."), "{words}");
    let words = listen(town.carrier.ring("anonymous", NUMBER).await).await;
    assert!(words.contains("Good day friend."), "{words}");
    let calls = town.api.get(&town.who, "/v1/calls").await.fine();
    let linked: Vec<Value> = calls["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["contact_id"].clone())
        .collect();
    assert_eq!(linked, [Value::Null, json!(ours), Value::Null]);
    let path = format!("/v1/contacts/{ours}/timeline");
    let timeline = town.api.get(&town.who, &path).await.fine();
    let entries = timeline["data"].as_array().unwrap();
    let call = &calls["data"][1];
    assert!(
        entries
            .iter()
            .any(|entry| entry["id"] == call["id"] && entry["direction"] == "inbound"),
        "{timeline}"
    );
    // Once the contact is gone, nothing points to it.
    let path = format!("/v1/contacts/{ours}");
    assert_eq!(town.api.delete(&town.who, &path).await.status, 204);
    let path = format!("/v1/calls/{}", id(call));
    let shown = town.api.get(&town.who, &path).await.fine();
    assert_eq!(shown["contact_id"], Value::Null);
}

#[tokio::test]
async fn a_contact_that_calls_by_a_media_url_alone_is_known_too() {
    let town = Town::found().await;
    let theirs = town.api.client().await;
    contact(&town, &theirs, json!({ "who": "Mallory" })).await;
    let ours = contact(&town, &town.who, json!({ "who": "Wilhelmina" })).await;
    let claims = Claims {
        client: Some(town.who.client.as_str().to_owned()),
        from: STRANGER.parse().ok(),
        to: NUMBER.parse().ok(),
        ..claims(&town.agent_id)
    };
    let local = town.local.replacen("http", "ws", 1);
    let url = format!("{local}/media/twilio/{}", sign(&claims, &key()));
    let mut line = Carrier::connect(&url, CallSetup::new(1)).await.unwrap();
    line.wait_until_over().await;
    let record = line.finish().await.unwrap();
    let words = heard(&record);
    assert!(words.contains("Good day Wilhelmina."), "{words}");
    let row = town.rows().await.remove(0);
    assert_eq!(row.contact_id, Some(ours));
}

#[tokio::test]
async fn what_the_clients_webhook_says_comes_before_what_is_known_of_a_contact() {
    let town = Town::found().await;
    contact(&town, &town.who, json!({ "who": "Wilhelmina" })).await;
    let (url, _told) =
        client_server(|| axum::Json(json!({ "variables": { "who": "Ann" } })).into_response())
            .await;
    town.ask_webhook(&url, "a secret of the client's").await;
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(words.contains("Good day Ann."), "{words}");
}

#[tokio::test]
async fn what_an_agent_cannot_take_of_a_contact_does_not_lose_the_call() {
    let town = Town::found().await;
    let mut agent = greeter("Nora");
    agent["variables"] = json!({
        "who": { "type": "text", "default": "friend" },
        "seats": { "type": "number", "default": "2" },
    });
    town.answer_by(&agent).await;
    contact(&town, &town.who, json!({ "who": "Ann", "seats": "some" })).await;
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(words.contains("Good day Ann."), "{words}");
    assert!(town.rows().await[0].contact_id.is_some());
}
