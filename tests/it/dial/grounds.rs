//! Consent and other grounds for a call, by HTTP.

use serde_json::{Value, json};

use super::rig::{NOON, Office, agreed, moment};
use crate::api::rig::{Answer, id};

const NEW_YORK: &str = "+12125550100";

fn faults(answer: &Answer) -> Vec<(String, String)> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect()
}

async fn place(office: &Office, change: Value) -> Answer {
    let mut call = office.call(NEW_YORK);
    call.as_object_mut().unwrap().remove("consent");
    for (name, value) in change.as_object().unwrap() {
        call[name] = value.clone();
    }
    office.api.post(&office.who, "/v1/calls", &call).await
}

/// Nobody answered the last call.
async fn hung_up(office: &Office) {
    let (carrier_call_id, place) = office.carrier.placed().pop().unwrap();
    office.told(&place, &carrier_call_id, "no-answer").await;
}

#[tokio::test]
async fn nobody_is_called_without_a_ground() {
    let office = Office::open().await;
    let refused = place(&office, json!({})).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "call_not_allowed")
    );
    assert_eq!(
        faults(&refused),
        [
            ("/consent".to_owned(), "consent_missing".to_owned()),
            ("/to".to_owned(), "registry_not_checked".to_owned()),
        ]
    );
    let express = json!({ "form": "express", "source": "call" });
    let spoken = place(&office, json!({ "consent": express })).await;
    assert_eq!(faults(&spoken)[0].1, "consent_not_written");
    let service = json!({ "purpose": "service", "legal_basis": "contract" });
    assert_eq!(
        faults(&place(&office, service).await)[0].1,
        "consent_missing"
    );
    assert_eq!(office.carrier.asked(), 0);
    let service = json!({ "purpose": "service", "consent": express });
    place(&office, service.clone()).await.made();
    hung_up(&office).await;
    // It stays on the ledger for such calls, and is none for others.
    place(&office, json!({ "purpose": "service" })).await.made();
    hung_up(&office).await;
    assert_eq!(
        faults(&place(&office, json!({})).await)[0].1,
        "consent_not_written"
    );
    // Another client knows nothing of it.
    let other = office.api.client().await;
    let question = json!({ "number": NEW_YORK, "purpose": "service" });
    let asked = async |who| {
        office
            .api
            .post(who, "/v1/consents/check", &question)
            .await
            .fine()
    };
    assert_eq!(asked(&other).await["state"], "missing");
    assert_eq!(asked(&office.who).await["state"], "express");
    let trace = office
        .ask(json!({ "to": NEW_YORK, "purpose": "service" }))
        .await;
    assert_eq!(trace["trace"]["grounds"]["consent"], "express");
    assert_eq!(
        trace["trace"]["grounds"]["pack"]["id"],
        "callserver/call-permission/1+2026-11-23"
    );
}

#[tokio::test]
async fn what_was_taken_back_holds_for_the_next_decision_and_can_be_told_later() {
    let office = Office::open().await;
    let (noon, hour) = (moment(NOON), 3_600_000);
    place(&office, json!({ "consent": agreed() })).await.made();
    hung_up(&office).await;
    let list = office.api.get(&office.who, "/v1/consents").await.fine();
    let given = list["data"][0].clone();
    assert_eq!(
        (&given["kind"], &given["form"]),
        (&json!("given"), &json!("written"))
    );
    assert_eq!(given["purposes"], json!(["marketing"]));
    assert!(given["call_id"].as_str().unwrap().starts_with("call_"));
    office.set_time(noon + hour);
    let path = format!("/v1/consents/{}/withdraw", given["id"].as_str().unwrap());
    let words = json!({ "source": "message", "evidence": "Please do not call me with offers." });
    let withdrawn = office.api.post(&office.who, &path, &words).await.made();
    assert_eq!(withdrawn["kind"], "withdrawn");
    assert_eq!(withdrawn["evidence"], words["evidence"]);
    let refused = place(&office, json!({})).await;
    assert_eq!(
        faults(&refused)[0],
        ("/consent".to_owned(), "consent_withdrawn".to_owned())
    );
    // What the server knew before.
    let state = async |known_at: Value| {
        let mut body = json!({ "number": NEW_YORK, "purpose": "marketing" });
        body["known_at"] = known_at;
        office
            .api
            .post(&office.who, "/v1/consents/check", &body)
            .await
            .fine()["state"]
            .clone()
    };
    assert_eq!(state(Value::Null).await, "withdrawn");
    assert_eq!(state(json!("2026-11-24T12:30:00-05:00")).await, "written");
    assert_eq!(state(json!("2026-11-24T11:59:00-05:00")).await, "missing");
    let of = "/v1/consents?number=%2B12125550100&known_at=2026-11-24T17:30:00Z";
    let then = office.api.get(&office.who, of).await.fine();
    assert_eq!(then["data"].as_array().unwrap().len(), 1);
    // A new one counts again.
    office.set_time(noon + 2 * hour);
    place(&office, json!({ "consent": agreed() })).await.made();
}

#[tokio::test]
async fn a_consent_that_is_none_is_refused_with_its_place() {
    let office = Office::open().await;
    let fine = json!({
        "number": NEW_YORK, "purposes": ["service"], "form": "express", "source": "call",
    });
    for (change, pointer, code) in [
        (json!({ "number": "212" }), "/number", "invalid_number"),
        (json!({ "purposes": [] }), "/purposes", "missing"),
        (
            json!({ "purposes": ["sales"] }),
            "/purposes/0",
            "unknown_value",
        ),
        (
            json!({ "obtained_at": "2026-11-24T12:06:00-05:00" }),
            "/obtained_at",
            "in_the_future",
        ),
        (
            json!({ "obtained_at": "lately" }),
            "/obtained_at",
            "invalid_time",
        ),
        (
            json!({ "expires_at": "2026-11-24T12:00:00-05:00" }),
            "/expires_at",
            "out_of_order",
        ),
        (
            json!({ "evidence": "x".repeat(8_001) }),
            "/evidence",
            "too_long",
        ),
        (json!({ "surprise": 1 }), "/surprise", "unknown_field"),
    ] {
        let mut body = fine.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = office.api.post(&office.who, "/v1/consents", &body).await;
        assert_eq!(
            answer.fault(),
            (pointer.to_owned(), code.to_owned()),
            "{change}"
        );
    }
    // With a call, the place is the call's.
    let consent =
        json!({ "form": "written", "source": "paper", "expires_at": "2020-01-01T00:00:00Z" });
    let answer = place(&office, json!({ "consent": consent })).await;
    assert_eq!(answer.fault().0, "/consent/expires_at");
    let made = office
        .api
        .post(&office.who, "/v1/consents", &fine)
        .await
        .made();
    let path = format!("/v1/consents/{}", id(&made));
    assert_eq!(
        office.api.get(&office.who, &path).await.fine()["id"],
        made["id"]
    );
    let other = office.api.client().await;
    assert_eq!(office.api.get(&other, &path).await.status, 404);
    let withdraw = json!({ "source": "call" });
    let stranger = office
        .api
        .post(&other, &format!("{path}/withdraw"), &withdraw)
        .await;
    assert_eq!(stranger.status, 404);
}
