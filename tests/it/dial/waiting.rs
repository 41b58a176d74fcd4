//! Callbacks that have to wait: for the gap, for a line in use, for a carrier, and never for another client.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::app::new_call_id;
use trunkline::callbacks::running::{keep, round};
use trunkline::callbacks::{self, Wish};
use trunkline::dial::reconcile;
use trunkline::ids::new_id;
use trunkline::store::attempts::{Begun, NewAttempt};
use trunkline::store::calls::{CallStatus, NewCall};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

use super::callbacks::{AT, TO, ask, is, new_york, schedule, shown, state, wanted};
use super::rig::{FROM, Mood, Office};
use crate::api::rig::id;

/// Somebody asks for a callback in a call with them.
async fn ask_in(office: &Office, call_id: &str, at: &str) -> String {
    let app = &office.api.app;
    let keys = app.desk.keys(&office.who.client).await.unwrap();
    let order = super::rig::order(office).await;
    let wish = Wish {
        id: new_id("cb"),
        agent: order.agent,
        to: PhoneNumber::parse(TO).unwrap(),
        from: order.from,
        at: at.to_owned(),
        zone: None,
        note: None,
        variables: order.variables,
        record: true,
        places: Vec::new(),
        zones: Vec::new(),
        asked_call_id: Some(call_id.to_owned()),
        grounds: super::rig::wished(),
    };
    callbacks::schedule(app, &keys, &wish).await.unwrap();
    wish.id
}

/// The client's gap is two hours here.
#[tokio::test]
async fn the_gap_is_not_kept_to_the_call_in_which_they_asked_and_to_every_other() {
    for is_called_since in [false, true] {
        let office = Office::open().await;
        let usual = json!({ "destinations": ["+1"] });
        office.set_policy(usual.clone()).await.fine();
        let first = id(&office.place(TO).await.made());
        // The very call goes on while they ask.
        let callback = ask_in(&office, &first, "2026-11-24T12:30").await;
        office.all_over().await;
        if is_called_since {
            office.set_time(new_york("2026-11-24 12:10"));
            office.allow(json!(["+1"])).await.fine();
            office.place(TO).await.made();
            office.all_over().await;
            office.set_policy(usual).await.fine();
        }
        office.set_time(new_york("2026-11-24 12:30"));
        round(&office.api.app).await;
        if !is_called_since {
            assert_eq!(state(&office, &callback).await, is("dialling", ""));
            continue;
        }
        assert_eq!(
            state(&office, &callback).await,
            is("scheduled", "called_too_often")
        );
        let shown = shown(&office, &callback).await;
        assert_eq!(shown["due_at"], "2026-11-24T19:10:00.000Z");
        assert_eq!(office.carrier.asked(), 2);
    }
}

#[tokio::test]
async fn a_callback_waits_until_they_are_not_on_the_telephone() {
    let office = Office::open().await;
    let first = id(&office.place(TO).await.made());
    let callback = ask_in(&office, &first, "2026-11-24T12:30").await;
    for (time, due_at) in [
        ("2026-11-24 12:30", "2026-11-24T17:31:00.000Z"),
        ("2026-11-24 12:31", "2026-11-24T17:32:00.000Z"),
    ] {
        office.set_time(new_york(time));
        round(&office.api.app).await;
        assert_eq!(
            state(&office, &callback).await,
            is("scheduled", "call_in_progress")
        );
        assert_eq!(shown(&office, &callback).await["due_at"], due_at);
    }
    assert_eq!(office.carrier.asked(), 1);
    office.all_over().await;
    office.set_time(new_york("2026-11-24 12:32"));
    round(&office.api.app).await;
    assert_eq!(state(&office, &callback).await, is("dialling", ""));
    assert_eq!(office.carrier.asked(), 2);
}

#[tokio::test]
async fn where_a_person_is_said_to_be_holds_when_the_time_has_come() {
    let office = Office::open().await;
    for (to, contact, expected) in [
        (
            TO,
            json!({ "places": ["US-HI"] }),
            ("scheduled", "outside_calling_hours"),
        ),
        (
            "+12125550101",
            json!({ "time_zones": ["Pacific/Honolulu"] }),
            ("scheduled", "outside_calling_hours"),
        ),
        ("+12125550102", json!({}), ("dialling", "")),
    ] {
        office.set_time(new_york("2026-11-24 12:00"));
        let mut new = wanted(&office, to, AT);
        new["contact"] = contact;
        let callback = id(&ask(&office, &new).await.made());
        // The server comes back at breakfast.
        office.set_time(new_york("2026-11-25 08:30"));
        round(&office.api.app).await;
        assert_eq!(
            state(&office, &callback).await,
            is(expected.0, expected.1),
            "{to}"
        );
    }
}

#[tokio::test]
async fn a_carrier_that_is_busy_or_away_is_asked_again_later() {
    let office = Office::open().await;
    let callback = schedule(&office, TO, AT).await;
    let mut now = new_york("2026-11-24 15:30");
    let minutes = [
        (Mood::IsBusy, "carrier_busy", 1),
        (Mood::IsAway, "carrier_unreachable", 2),
        (Mood::IsBusy, "carrier_busy", 5),
    ];
    for (asked, (mood, reason, wait)) in minutes.into_iter().enumerate() {
        office.carrier.set(mood);
        office.set_time(now);
        round(&office.api.app).await;
        round(&office.api.app).await;
        assert_eq!(state(&office, &callback).await, is("scheduled", reason));
        assert_eq!(office.carrier.asked(), asked + 1, "once each time");
        let shown = shown(&office, &callback).await;
        assert_eq!(shown["call_id"], Value::Null);
        now += wait * 60_000;
        let due_at = chrono::DateTime::parse_from_rfc3339(shown["due_at"].as_str().unwrap());
        assert_eq!(due_at.unwrap().timestamp_millis(), now);
    }
    office.carrier.set(Mood::Accepts);
    office.set_time(now);
    round(&office.api.app).await;
    assert_eq!(state(&office, &callback).await, is("dialling", ""));

    // One that is away for good is given up.
    let office = Office::open().await;
    let callback = schedule(&office, TO, AT).await;
    office.carrier.set(Mood::IsAway);
    for half_hour in 0..20 {
        office.set_time(new_york("2026-11-24 15:30") + half_hour * 1_800_000);
        round(&office.api.app).await;
    }
    assert_eq!(office.carrier.asked(), 7);
    assert_eq!(
        state(&office, &callback).await,
        is("failed", "carrier_unreachable")
    );
}

/// A database may keep what it never said that it kept.
#[tokio::test]
async fn an_attempt_that_was_kept_unheard_of_is_taken_back_and_its_callback_is_dialled() {
    let office = Office::open().await;
    let callback = schedule(&office, TO, AT).await;
    office.set_time(new_york("2026-11-24 15:30"));
    let (app, client) = (&office.api.app, &office.who.client);
    let call_id = office
        .api
        .call_of(&office.who, "+12125550111", office.time())
        .await;
    let row = app
        .desk
        .store
        .calls()
        .find(client, &call_id)
        .await
        .unwrap()
        .unwrap();
    let to = row.from.unwrap();
    let call = NewCall {
        id: new_call_id(),
        agent_id: office.agent_id.clone(),
        agent_version: 1,
        direction: Direction::Outbound,
        status: CallStatus::Queued,
        created_ms: office.time(),
        from: None,
        to: Some(to.clone()),
        subject_id: None,
        consent_mode: None,
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: None,
    };
    let new = NewAttempt {
        id: new_id("att"),
        carrier_id: office.carrier_id.clone(),
        subject_id: "subject".into(),
        plan: to.sealed.clone(),
        decision: to.sealed,
        rules: "rules@1".into(),
        to_index: [7; 32],
        suppression: [8; 32],
        platform_suppression: [9; 32],
        asked_ms: office.time(),
        windows: Vec::new(),
        live_since_ms: i64::MAX,
        callback_id: Some(callback.clone()),
        checks: Default::default(),
    };
    let attempts = app.desk.store.attempts();
    let begun = attempts.begin(client, &call, &new, || true).await.unwrap();
    assert_eq!(begun, Begun::Ask);
    assert_eq!(state(&office, &callback).await, is("dialling", ""));
    reconcile::take_back(app, client, &new.id).await;
    assert_eq!(
        state(&office, &callback).await,
        is("scheduled", "never_placed")
    );
    let taken_back = office.shown(&call.id).await;
    assert_eq!(taken_back["status"], "ended", "{taken_back}");
    office.set_time(new_york("2026-11-24 15:31"));
    round(app).await;
    assert_eq!(office.carrier.asked(), 1);
    assert_eq!(state(&office, &callback).await, is("dialling", ""));
}

/// A client whose carrier never answers has its callbacks wait, and nobody else's.
#[tokio::test]
async fn one_clients_callbacks_do_not_hold_up_anothers() {
    let office = Office::open().await;
    for n in 10..30 {
        schedule(&office, &format!("+121255501{n}"), AT).await;
    }
    let (theirs, agent_id) = office.neighbour("+12125550177").await;
    let new = json!({
        "to": TO, "agent_id": agent_id, "at": "2026-11-24T15:31", "variables": { "day": "Monday" },
        "consent": super::rig::agreed(),
    });
    office.api.post(&theirs, "/v1/callbacks", &new).await.made();
    office.carrier.hang_for(FROM);
    office.set_time(new_york("2026-11-24 15:31"));
    let keeping = tokio::spawn(keep(Arc::clone(&office.api.app)));
    while office.carrier.placed().is_empty() {
        tokio::task::yield_now().await;
    }
    let placed = office.carrier.placed();
    assert_eq!(placed[0].1.from.as_str(), "+12125550177");
    keeping.abort();
}
