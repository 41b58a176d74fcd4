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
    // What comes with every call is no new consent.
    let again = place(&office, json!({ "consent": agreed() })).await;
    assert_eq!(
        again.fault(),
        ("/consent/obtained_at".to_owned(), "missing".to_owned())
    );
    let mut anew = agreed();
    anew["obtained_at"] = json!("2026-11-24T12:30:00-05:00");
    let old = place(&office, json!({ "consent": anew })).await;
    assert_eq!(faults(&old)[0].1, "consent_withdrawn");
    anew["obtained_at"] = json!("2026-11-24T13:30:00-05:00");
    place(&office, json!({ "consent": anew })).await.made();
}

#[tokio::test]
async fn what_comes_with_every_call_is_one_consent() {
    let office = Office::open().await;
    let given = json!({ "form": "written", "source": "web_form", "evidence": "Form 12" });
    for _ in 0..3 {
        place(&office, json!({ "consent": given })).await.made();
        hung_up(&office).await;
    }
    let count = async || {
        let list = office.api.get(&office.who, "/v1/consents").await.fine();
        list["data"].as_array().unwrap().len()
    };
    assert_eq!(count().await, 1);
    // One that says more is another.
    for more in [
        json!({ "form": "written", "source": "web_form", "evidence": "Form 13" }),
        json!({ "form": "written", "source": "paper", "evidence": "Form 12" }),
    ] {
        place(&office, json!({ "consent": more })).await.made();
        hung_up(&office).await;
    }
    assert_eq!(count().await, 3);
    // For other calls it is another, too.
    let service = json!({ "consent": given, "purpose": "service" });
    place(&office, service).await.made();
    assert_eq!(count().await, 4);
}

#[tokio::test]
async fn a_consent_by_a_clock_that_is_ahead_counts_at_once() {
    let office = Office::open().await;
    let mut ahead = agreed();
    ahead["obtained_at"] = json!("2026-11-24T12:00:03-05:00");
    place(&office, json!({ "consent": ahead })).await.made();
}

/// Consent to these calls, and its id.
async fn consent_to(office: &Office, purposes: Value) -> String {
    let body = json!({
        "number": NEW_YORK, "purposes": purposes, "form": "written", "source": "paper",
    });
    let made = office.api.post(&office.who, "/v1/consents", &body).await;
    id(&made.made())
}

async fn state(office: &Office, question: Value) -> Value {
    let mut body = json!({ "number": NEW_YORK, "purpose": "service" });
    for (name, value) in question.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = office.api.post(&office.who, "/v1/consents/check", &body);
    answer.await.fine()["state"].clone()
}

#[tokio::test]
async fn a_withdrawal_ends_what_it_is_about_whenever_it_is_said_to_have_been() {
    let office = Office::open().await;
    let given = consent_to(&office, json!(["marketing"])).await;
    consent_to(&office, json!(["service"])).await;
    let path = format!("/v1/consents/{given}/withdraw");
    let none = json!({ "source": "message", "purposes": [] });
    let refused = office.api.post(&office.who, &path, &none).await;
    assert_eq!(
        refused.fault(),
        ("/purposes".to_owned(), "missing".to_owned())
    );
    assert_eq!(state(&office, json!({})).await, "written");
    // Said yesterday, of a consent that came to the server today; and of every call, as nothing else was said.
    let words = json!({ "source": "message", "withdrawn_at": "2026-11-23T09:00:00-05:00" });
    office.api.post(&office.who, &path, &words).await.made();
    for purpose in ["marketing", "service"] {
        let of = json!({ "purpose": purpose });
        assert_eq!(state(&office, of).await, "withdrawn", "{purpose}");
    }
}

#[tokio::test]
async fn whoever_never_agreed_can_withdraw() {
    let office = Office::open().await;
    let words = json!({ "number": NEW_YORK, "source": "message", "evidence": "No more, please." });
    let path = "/v1/consents/withdraw";
    let made = office.api.post(&office.who, path, &words).await.made();
    assert_eq!(
        (&made["kind"], &made["evidence"]),
        (&json!("withdrawn"), &words["evidence"])
    );
    assert_eq!(
        made["purposes"],
        json!(["marketing", "survey", "service", "collections"])
    );
    assert_eq!(state(&office, json!({})).await, "withdrawn");
    // It is theirs alone.
    let other = office.api.client().await;
    let list = office.api.get(&other, "/v1/consents").await.fine();
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn what_held_at_a_moment_is_told_by_what_was_said_until_then() {
    let office = Office::open().await;
    let (noon, hour) = (moment(NOON), 3_600_000);
    let body = json!({
        "number": NEW_YORK, "purposes": ["service"], "form": "written", "source": "paper",
        "expires_at": "2026-11-24T15:00:00-05:00",
    });
    let given = office.api.post(&office.who, "/v1/consents", &body).await;
    office.set_time(noon + 2 * hour);
    let path = format!("/v1/consents/{}/withdraw", id(&given.made()));
    let words = json!({ "source": "call" });
    office.api.post(&office.who, &path, &words).await.made();
    office.set_time(noon + 4 * hour);
    assert_eq!(state(&office, json!({})).await, "withdrawn");
    let at_one = "2026-11-24T13:00:00-05:00";
    for question in [
        json!({ "at": at_one }),
        json!({ "known_at": at_one }),
        json!({ "at": at_one, "known_at": at_one }),
    ] {
        assert_eq!(
            state(&office, question.clone()).await,
            "written",
            "{question}"
        );
    }
    assert_eq!(state(&office, json!({ "at": NOON })).await, "written");
    let before = json!({ "at": "2026-11-24T11:59:00-05:00" });
    assert_eq!(state(&office, before).await, "missing");
    let after = json!({ "known_at": "2026-11-24T14:00:00-05:00" });
    assert_eq!(state(&office, after).await, "withdrawn");
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
