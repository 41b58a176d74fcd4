//! Calls that are placed: once, with what was asked for, and through the carrier's own words to their end.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use trunkline::app::new_call_id;
use trunkline::clock;
use trunkline::reception::Turned;
use trunkline::store::idempotency::{Begun, LOST_AFTER_MS};
use trunkline_core::consent::Mode;

use super::rig::{AUTH_TOKEN, FROM, Mood, Office, agent};
use crate::api::rig::id;

const TO: &str = "+12125550100";

#[tokio::test]
async fn a_call_goes_from_its_request_to_its_end() {
    let office = Office::open().await;
    let mut call = office.call(TO);
    call["metadata"] = json!({ "ticket": 7 });
    call["ring_seconds"] = json!(20);
    call["machine_detection"] = json!({ "mode": "greeting_end", "timeout_seconds": 10 });
    let answer = office.api.post(&office.who, "/v1/calls", &call).await;
    let made = answer.made();
    let call_id = id(&made);
    assert_eq!(answer.header("location"), format!("/v1/calls/{call_id}"));
    assert_eq!(made["direction"], "outbound");
    assert_eq!(
        (made["from"].as_str(), made["to"].as_str()),
        (Some(FROM), Some(TO))
    );
    assert_eq!(made["metadata"], json!({ "ticket": 7 }));
    assert_eq!(made["agent_id"], office.agent_id.as_str());

    let placed = office.carrier.placed();
    let [(carrier_call_id, place)] = placed.as_slice() else {
        panic!("{} calls", placed.len());
    };
    assert_eq!((place.from.as_str(), place.to.as_str()), (FROM, TO));
    assert_eq!(place.ring, Duration::from_secs(20));
    let machines = place.machines.clone().unwrap();
    assert!(machines.waits_for_end && machines.timeout == Duration::from_secs(10));
    let base = format!(
        "https://trunkline.test/webhooks/twilio/{}",
        office.carrier_id
    );
    assert_eq!(
        machines.verdict_url,
        Some(format!("{base}/amd?call={call_id}"))
    );
    assert!(
        place.status_url.starts_with(&format!("{base}/status/att_")),
        "{}",
        place.status_url
    );

    assert_eq!(
        office.told(place, carrier_call_id, "ringing").await.status,
        204
    );
    assert_eq!(office.shown(&call_id).await["status"], "ringing");
    let answer = office.answered(place, carrier_call_id).await;
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    let twiml = String::from_utf8(answer.bytes.to_vec()).unwrap();
    assert!(
        twiml.contains("<Connect ") && twiml.contains("wss://trunkline.test/media/twilio/"),
        "{twiml}"
    );
    let awaited = office.api.app.awaited.find(&call_id).unwrap();
    assert_eq!(awaited.variables["day"], "Monday");
    assert_eq!(awaited.claims.to.unwrap().as_str(), TO);
    assert_eq!(
        awaited.claims.carrier.as_deref(),
        Some(office.carrier_id.as_str())
    );

    assert_eq!(
        office
            .told(place, carrier_call_id, "in-progress")
            .await
            .status,
        204
    );
    assert_eq!(office.shown(&call_id).await["status"], "in_progress");
    for _ in 0..2 {
        assert_eq!(
            office
                .told(place, carrier_call_id, "completed")
                .await
                .status,
            204
        );
        let call = office.shown(&call_id).await;
        assert_eq!(
            (&call["status"], &call["outcome"]),
            (&json!("ended"), &json!("completed"))
        );
    }
    assert!(office.api.app.awaited.find(&call_id).is_none());
    // What comes late moves nothing back, and nobody is connected any more.
    assert_eq!(
        office.told(place, carrier_call_id, "ringing").await.status,
        204
    );
    assert_eq!(office.shown(&call_id).await["status"], "ended");
    let late = office.answered(place, carrier_call_id).await;
    let late = String::from_utf8(late.bytes.to_vec()).unwrap();
    assert!(late.contains("<Hangup/>"), "{late}");
}

#[tokio::test]
async fn a_webhook_is_believed_only_with_the_accounts_signature() {
    let office = Office::open().await;
    let call_id = id(&office.place(TO).await.made());
    let (carrier_call_id, place) = office.carrier.placed().remove(0);
    let fields = [
        ("CallSid", carrier_call_id.as_str()),
        ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
        ("CallStatus", "completed"),
    ];
    let forged = office
        .webhook(&place.status_url, &fields, "another secret")
        .await;
    assert_eq!(forged.status, 403);
    let other = place
        .status_url
        .replace(&office.carrier_id, "carr_01JD0000000000000000000000");
    assert_eq!(
        office.webhook(&other, &fields, AUTH_TOKEN).await.status,
        403
    );
    let (base, _) = place.status_url.rsplit_once('/').unwrap();
    let unknown = format!("{base}/att_01JD0000000000000000000000");
    assert_eq!(
        office.webhook(&unknown, &fields, AUTH_TOKEN).await.status,
        404
    );
    // Another call of the carrier's is not this one.
    let other_call = [
        ("CallSid", "CAffffffffffffffffffffffffffffffff"),
        fields[1],
        fields[2],
    ];
    office
        .webhook(&place.status_url, &other_call, AUTH_TOKEN)
        .await;
    assert_eq!(office.shown(&call_id).await["status"], "queued");
}

#[tokio::test]
async fn the_same_request_places_one_call() {
    let office = Office::open().await;
    let first = office.place_with_key(TO, "k-1").await;
    let second = office.place_with_key(TO, "k-1").await;
    assert_eq!(first.made(), second.made());
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!((office.carrier.asked(), office.calls().await), (1, 1));
    office.all_over().await;
    office.place_with_key(TO, "k-2").await.made();
    assert_eq!(office.carrier.asked(), 2);
}

#[tokio::test]
async fn the_same_request_places_one_call_even_if_its_answer_was_lost_with_the_server() {
    let office = Office::open().await;
    let hash = Sha256::new()
        .chain_update("/v1/calls")
        .chain_update([0])
        .chain_update(office.call(TO).to_string());
    let hash: [u8; 32] = hash.finalize().into();
    let keys = office.api.app.desk.store.idempotency();
    let long_ago_ms = clock::unix_ms() - LOST_AFTER_MS - 1_000;
    let lost = async |key: &str, call_id: &str| {
        let (client, path) = (&office.who.client, "/v1/calls");
        let begun = keys.begin(client, path, key, &hash, Some(call_id), long_ago_ms);
        assert!(matches!(begun.await.unwrap(), Begun::Do(_)));
    };
    // Before it was written down: it is placed now, as the call that it was to be.
    let first = new_call_id();
    lost("k-1", &first).await;
    assert_eq!(id(&office.place_with_key(TO, "k-1").await.made()), first);
    office.all_over().await;
    // After it was placed: nobody is asked again, neither the policy nor the carrier.
    let second = id(&office.place(TO).await.made());
    lost("k-2", &second).await;
    office.suppress(TO).await;
    assert_eq!(id(&office.place_with_key(TO, "k-2").await.made()), second);
    assert_eq!((office.carrier.asked(), office.calls().await), (2, 2));
}

#[tokio::test]
async fn a_call_that_the_carrier_does_not_take_ends_with_the_reason() {
    let office = Office::open().await;
    for (mood, reason) in [
        (Mood::Refuses, "invalid_number"),
        (Mood::IsBusy, "carrier_busy"),
        (Mood::IsAway, "carrier_unreachable"),
    ] {
        office.carrier.set(mood);
        let call = office.place(TO).await.made();
        assert_eq!(call["status"], "ended", "{mood:?}");
        assert_eq!(call["outcome"], "failed");
        assert_eq!(call["ended_by"], "carrier");
        assert_eq!(call["ended_reason"], reason);
    }
    office.settled().await;
    assert_eq!(office.carrier.asked(), 3, "nothing is dialled again");
}

#[tokio::test]
async fn a_call_that_rings_can_be_taken_back() {
    let office = Office::open().await;
    let call_id = id(&office.place(TO).await.made());
    let (carrier_call_id, place) = office.carrier.placed().remove(0);
    let path = format!("/v1/calls/{call_id}/hangup");
    let told = office.api.post(&office.who, &path, &json!(null)).await;
    assert_eq!(told.status, 202, "{told:?}");
    assert_eq!(
        office.carrier.hung_up(),
        std::slice::from_ref(&carrier_call_id)
    );
    office.told(&place, &carrier_call_id, "canceled").await;
    let call = office.shown(&call_id).await;
    assert_eq!(
        (&call["status"], &call["outcome"]),
        (&json!("ended"), &json!("canceled"))
    );
    let again = office.api.post(&office.who, &path, &json!(null)).await;
    assert_eq!(again.code(), "call_not_live");
    // Only hanging up works on a call that nobody holds yet.
    let call_id = id(&office.place(TO).await.made());
    let path = format!("/v1/calls/{call_id}/mute");
    let mute = office.api.post(&office.who, &path, &json!(null)).await;
    assert_eq!(mute.code(), "call_not_live");
}

#[tokio::test]
async fn the_answered_call_is_the_one_that_was_placed_and_is_held_once() {
    let office = Office::open().await;
    let mut spec = agent(json!(["outbound"]));
    spec["recording"] = json!({ "record": true, "reason": "to help you", "places": ["US-NY"] });
    let agent_id = id(&office
        .api
        .post(&office.who, "/v1/agents", &spec)
        .await
        .made());
    for (record, may_record) in [
        (json!(null), true),
        (json!(true), true),
        (json!(false), false),
    ] {
        let mut call = office.call(TO);
        call["agent_id"] = json!(agent_id);
        call["record"] = record;
        call["metadata"] = json!({ "ticket": 7 });
        let made = office
            .api
            .post(&office.who, "/v1/calls", &call)
            .await
            .made();
        let call_id = id(&made);
        assert_eq!(made["consent"]["mode"], json!(null));
        let (carrier_call_id, place) = office.carrier.placed().pop().unwrap();
        office.answered(&place, &carrier_call_id).await;
        let app = &office.api.app;
        let awaited = app.awaited.take(&call_id).unwrap();
        let receive = async || {
            let carrier_call_id = awaited.carrier_call_id.clone();
            let (reception, claims) = (&app.reception, &awaited.claims);
            let expected = reception.expected(&app.desk, claims, &call_id).await?;
            reception
                .receive(&app.desk, claims, expected, &call_id, carrier_call_id)
                .await
        };
        let arrival = receive().await.unwrap();
        assert_eq!(arrival.mode != Mode::NoRecord, may_record);
        let call = office.shown(&call_id).await;
        assert_eq!(call["status"], "in_progress");
        assert_eq!(call["metadata"], json!({ "ticket": 7 }));
        assert_eq!(
            call["consent"]["mode"] == "no_record",
            !may_record,
            "{call}"
        );
        // The same token, shown again after a restart.
        assert!(matches!(receive().await, Err(Turned::Used)));
        office.all_over().await;
    }
}

#[tokio::test]
async fn a_call_that_is_over_is_not_held() {
    let office = Office::open().await;
    let call_id = id(&office.place(TO).await.made());
    let (carrier_call_id, place) = office.carrier.placed().remove(0);
    office.answered(&place, &carrier_call_id).await;
    let app = &office.api.app;
    let awaited = app.awaited.find(&call_id).unwrap();
    office.told(&place, &carrier_call_id, "canceled").await;
    let reception = &app.reception;
    let claims = &awaited.claims;
    let expected = reception.expected(&app.desk, claims, &call_id).await;
    let received = reception
        .receive(
            &app.desk,
            &awaited.claims,
            expected.unwrap(),
            &call_id,
            None,
        )
        .await;
    assert!(matches!(received, Err(Turned::Used)));
}
