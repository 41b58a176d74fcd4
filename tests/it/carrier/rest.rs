//! The carrier's REST interface, and what may come back from it.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkline::app::new_call_id;
use trunkline::carrier::{Carrier as _, CarrierError, CarrierStatus, MachineDetection, Place};
use trunkline::carrier_double::rest::{Callee, Delivery, Fault, Rung};
use trunkline::webhooks::AwaitedCall;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction};

use super::rig::{NUMBER, STRANGER, Town};
use crate::session::rig::{claims, heard};

const PATIENCE: Duration = Duration::from_secs(20);

fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

fn place(town: &Town, call_id: &str) -> Place {
    let addresses = town.addresses();
    Place {
        from: phone(NUMBER),
        to: phone(STRANGER),
        answer_url: addresses.voice(Some(call_id)),
        status_url: addresses.status(Some(call_id)),
        ring: Duration::from_secs(30),
        length_max: Duration::from_secs(600),
        machines: None,
    }
}

#[tokio::test]
async fn a_call_is_placed_answered_held_and_found_again() {
    let mut town = Town::found().await;
    town.carrier.delivery(Delivery::Twice);
    let twilio = town.twilio().await;
    let call_id = new_call_id();
    let awaited = AwaitedCall {
        claims: Claims {
            call_id: call_id.clone(),
            client: Some(town.who.client.as_str().to_owned()),
            from: Some(phone(NUMBER)),
            to: Some(phone(STRANGER)),
            direction: Direction::Outbound,
            ..claims(&town.agent_id)
        },
        carrier_id: town.carrier_id.clone(),
        carrier_call_id: None,
        variables: BTreeMap::from([("who".into(), "Ben".into())]),
        contact_id: None,
    };
    town.api.app.awaited.add(awaited, PATIENCE).unwrap();
    let placed = twilio.place(place(&town, &call_id)).await.unwrap();
    assert_eq!(
        (placed.status, placed.created_ms),
        (CarrierStatus::Queued, None)
    );
    let (sid, mut line) = town.carrier.answered().await.unwrap();
    assert_eq!(sid, placed.id);
    let now = twilio.look_up(&sid).await.unwrap();
    assert_eq!(now.status, CarrierStatus::InProgress);
    line.wait_until_over().await;
    let record = line.finish().await.unwrap();
    assert_eq!(record.violations, []);
    assert!(
        heard(&record).contains("Good day Ben."),
        "{}",
        heard(&record)
    );
    assert!(town.carrier.is_over_within(&sid, PATIENCE).await);
    assert_eq!(
        twilio.look_up(&sid).await.unwrap().status,
        CarrierStatus::Completed
    );
    assert_eq!(
        twilio.hang_up(&sid).await,
        Err(CarrierError::Gone),
        "it is over"
    );
    let row = town.rows().await.remove(0);
    assert_eq!((row.id, row.carrier_call_id), (call_id, Some(sid.clone())));
    assert_eq!(row.outcome.as_deref(), Some("completed"));
    let found = twilio
        .find(&phone(NUMBER), &phone(STRANGER), 0)
        .await
        .unwrap();
    assert_eq!(
        found.iter().map(|call| &call.id).collect::<Vec<_>>(),
        [&sid]
    );
    let later = found[0].created_ms.unwrap() + 5_000;
    assert_eq!(
        twilio.find(&phone(NUMBER), &phone(STRANGER), later).await,
        Ok(vec![])
    );
    assert_eq!(
        twilio.find(&phone(NUMBER), &phone(NUMBER), 0).await,
        Ok(vec![])
    );
}

#[tokio::test]
async fn calls_end_ringing_and_answered() {
    let mut town = Town::found().await;
    let twilio = town.twilio().await;
    town.carrier.callee(Callee::Waits);
    let ringing = twilio.place(place(&town, "call_0")).await.unwrap();
    twilio.hang_up(&ringing.id).await.unwrap();
    assert_eq!(
        twilio.look_up(&ringing.id).await.unwrap().status,
        CarrierStatus::Canceled
    );
    for (callee, status) in [
        (Callee::Busy, CarrierStatus::Busy),
        (Callee::Away, CarrierStatus::NoAnswer),
        (Callee::Unreachable, CarrierStatus::Failed),
    ] {
        town.carrier.callee(callee);
        let call = twilio.place(place(&town, "call_0")).await.unwrap();
        assert!(town.carrier.is_over_within(&call.id, PATIENCE).await);
        assert_eq!(twilio.look_up(&call.id).await.unwrap().status, status);
    }
    town.carrier.callee(Callee::Answers);
    let call_id = new_call_id();
    let claims = Claims {
        call_id: call_id.clone(),
        client: Some(town.who.client.as_str().to_owned()),
        direction: Direction::Outbound,
        ..claims(&town.agent_id)
    };
    let awaited = AwaitedCall {
        claims,
        carrier_id: town.carrier_id.clone(),
        carrier_call_id: None,
        variables: BTreeMap::new(),
        contact_id: None,
    };
    town.api.app.awaited.add(awaited, PATIENCE).unwrap();
    let call = twilio.place(place(&town, &call_id)).await.unwrap();
    let (_, line) = town.carrier.answered().await.unwrap();
    twilio
        .redirect(&call.id, "<Response><Hangup/></Response>")
        .await
        .unwrap();
    line.finish().await.unwrap();
    assert!(town.carrier.is_over_within(&call.id, PATIENCE).await);
    let long = "x".repeat(4_001);
    let refused = twilio.redirect(&call.id, &long).await;
    assert!(matches!(
        refused,
        Err(CarrierError::Refused { code: 32018, .. })
    ));
    for id in ["CA404", "../Accounts", ""] {
        assert_eq!(twilio.look_up(id).await, Err(CarrierError::Gone), "{id}");
    }
}

#[tokio::test]
async fn whatever_comes_back_is_told_apart() {
    let town = Town::found().await;
    town.carrier.callee(Callee::Busy);
    let twilio = town.twilio().await.patient(Duration::from_millis(300));
    let (from, to) = (phone(NUMBER), phone(STRANGER));
    let busy = |seconds: Option<u64>| CarrierError::Busy {
        retry_after: seconds.map(Duration::from_secs),
    };
    let is_unknown = |error: &CarrierError| matches!(error, CarrierError::Unknown { .. });
    for (fault, creating, reading, is_placed) in [
        (Fault::TooMany(7), Some(busy(Some(7))), busy(Some(7)), false),
        (
            Fault::TooMany(99_999),
            Some(busy(Some(600))),
            busy(Some(600)),
            false,
        ),
        (Fault::Trouble, None, busy(None), false),
        (Fault::AnswerLost, None, busy(None), true),
        (Fault::Silence, None, busy(None), true),
        (Fault::PageForAnswer, None, busy(None), true),
    ] {
        let before = town.carrier.calls().len();
        town.carrier.order([fault]);
        let error = twilio.place(place(&town, "call_0")).await.unwrap_err();
        match creating {
            Some(expected) => assert_eq!(error, expected, "{fault:?}"),
            None => assert!(is_unknown(&error), "{fault:?}: {error:?}"),
        }
        assert_eq!(
            town.carrier.calls().len() - before,
            usize::from(is_placed),
            "{fault:?}"
        );
        town.carrier.order([fault]);
        assert_eq!(
            twilio.find(&from, &to, 0).await.unwrap_err(),
            reading,
            "{fault:?}"
        );
    }
    town.carrier.order([Fault::Elsewhere]);
    let error = twilio.place(place(&town, "call_0")).await.unwrap_err();
    assert!(
        matches!(&error, CarrierError::Refused { code: 0, what } if what.contains("base URL")),
        "{error}"
    );
    // What was lost is found, and was placed once each.
    assert_eq!(twilio.find(&from, &to, 0).await.unwrap().len(), 3);
}

#[tokio::test]
async fn refusals_say_what_to_do_and_name_no_number() {
    let town = Town::found().await;
    let twilio = town.twilio().await;
    let mut wrong = place(&town, "call_0");
    wrong.from = phone("+15550100123");
    let error = twilio.place(wrong).await.unwrap_err();
    assert!(
        matches!(&error, CarrierError::Refused { code: 21210, .. }),
        "{error}"
    );
    assert!(!error.to_string().contains("555"), "{error}");
    let mut account = town.account().await;
    account.secrets.auth_token = "00000000000000000000000000000000".into();
    let base = town.carrier.base_url();
    let http = trunkline::egress::client().unwrap();
    let stranger = account.carrier(http.clone(), Some(&base));
    let error = stranger.account().await.unwrap_err();
    assert!(
        matches!(&error, CarrierError::Refused { code: 20003, what } if what.contains("auth token")),
        "{error}"
    );
    // Nobody is there: nothing was sent.
    let nowhere = account.carrier(http, Some("http://127.0.0.1:9"));
    let error = nowhere.place(place(&town, "call_0")).await.unwrap_err();
    assert_eq!(error, CarrierError::Unreachable);
    assert!(!format!("{stranger:?}").contains("0000000"), "{stranger:?}");
    let mut detecting = place(&town, "call_0");
    detecting.machines = Some(MachineDetection {
        waits_for_end: false,
        timeout: Duration::from_secs(20),
        verdict_url: Some(town.addresses().answered_by("call_0")),
    });
    twilio.place(detecting).await.unwrap();
}

#[tokio::test]
async fn an_account_is_reached_where_it_lives() {
    let town = Town::found().await;
    let mut account = town.account().await;
    let http = trunkline::egress::client().unwrap();
    let shown = |account: &trunkline::carrier::account::Account, base| {
        format!("{:?}", account.carrier(http.clone(), base))
    };
    assert!(shown(&account, None).contains("\"https://api.twilio.com\""));
    account.settings.region = Some("ie1".into());
    account.settings.edge = Some("dublin".into());
    assert!(shown(&account, None).contains("\"https://api.dublin.ie1.twilio.com\""));
    assert!(shown(&account, Some("http://127.0.0.1:1/")).contains("\"http://127.0.0.1:1\""));
}

#[tokio::test]
async fn late_and_reversed_callbacks_leave_the_same_row() {
    let town = Town::found().await;
    town.carrier.delivery(Delivery::LateAndReversed);
    let rung = town.carrier.ring(STRANGER, NUMBER).await;
    let Rung::Line(mut line) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    line.wait_until_over().await;
    let words = heard(&line.finish().await.unwrap());
    assert!(words.contains("Good day"), "{words}");
    let sid = town.carrier.calls().remove(0).sid;
    assert!(town.carrier.is_over_within(&sid, PATIENCE).await);
    assert_eq!(town.rows().await[0].outcome.as_deref(), Some("completed"));
}
