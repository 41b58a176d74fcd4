//! Calls that a client wants placed by a server that has too much to do.

use serde_json::json;
use trunkline::config::LimitsConfig;
use trunkline_core::admission::Reading;

use super::rig::Office;
use crate::api::rig::id;

const TO: &str = "+12125550100";

/// The server has measured this much use of its CPU.
fn measured(office: &Office, cpu: f64) {
    let admission = &office.api.app.admission;
    admission.limit(LimitsConfig::default().limits());
    admission.read(Reading {
        cpu: Some(cpu),
        ..Reading::default()
    });
}

#[tokio::test]
async fn a_full_server_places_no_call_and_says_why() {
    let office = Office::open().await;
    let running = office.api.app.admission.place(Box::new(()), None);
    measured(&office, 1.0);
    let answer = office.place_with_key(TO, "once").await;
    assert_eq!((answer.status, answer.code()), (503, "at_capacity".into()));
    assert_eq!(answer.header("retry-after"), "5");
    let problem = answer.json();
    assert_eq!(
        (&problem["reason"], &problem["retry_after"]),
        (&json!("cpu"), &json!(5))
    );
    assert_eq!(
        (office.carrier.placed().len(), office.calls().await),
        (0, 0)
    );
    // Nothing came of it: the same request places the call when there is time for it.
    drop(running);
    office.place_with_key(TO, "once").await.made();
    assert_eq!(office.carrier.placed().len(), 1);
    assert_eq!(office.api.app.admission.levels().promised, 1);
}

#[tokio::test]
async fn a_call_that_rings_keeps_its_place_until_it_is_over() {
    let office = Office::open().await;
    let admission = &office.api.app.admission;
    let call_id = id(&office.place(TO).await.made());
    assert_eq!(admission.levels().promised, 1);
    measured(&office, 1.0);
    assert_eq!(office.place(TO).await.code(), "at_capacity");
    let (carrier_call_id, place) = office.carrier.placed().remove(0);
    let answer = office.answered(&place, &carrier_call_id).await;
    let twiml = String::from_utf8(answer.bytes.to_vec()).unwrap();
    assert!(twiml.contains("<Connect "), "{twiml}");
    assert!(admission.take(&call_id).is_some(), "its socket is let in");

    measured(&office, 0.0);
    office.all_over().await;
    office.place(TO).await.made();
    let (carrier_call_id, place) = office.carrier.placed().remove(1);
    assert_eq!(admission.levels().promised, 1);
    office.told(&place, &carrier_call_id, "no-answer").await;
    assert_eq!(admission.levels().promised, 0, "nobody answered");
}
