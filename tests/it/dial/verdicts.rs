//! Who may be called, and when: the policy by HTTP.

use serde_json::{Value, json};

use super::rig::{NOON, Office, agent, moment, wall};
use crate::api::rig::Answer;

/// The codes of a refusal's reasons, each once.
fn reasons(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap();
    let mut codes: Vec<String> = errors
        .iter()
        .map(|error| {
            assert_eq!(error["pointer"], "/to");
            error["code"].as_str().unwrap().to_owned()
        })
        .collect();
    codes.dedup();
    codes
}

/// A number, the wall time where it is and how far that is ahead of UTC, when it may be called if not then, and why not.
type Case = (
    &'static str,
    &'static str,
    i64,
    &'static str,
    &'static [&'static str],
);

const LATE: &[&str] = &["outside_calling_hours"];

#[tokio::test]
async fn a_minute_before_nine_is_early_enough_and_nine_is_late() {
    let office = Office::open().await;
    let cases: &[Case] = &[
        ("+12125550100", "2026-11-24 20:59", -5, "", &[]),
        (
            "+12125550100",
            "2026-11-24 21:00",
            -5,
            "2026-11-25 08:00",
            LATE,
        ),
        ("+19015550100", "2026-11-24 20:59", -6, "", &[]),
        (
            "+19015550100",
            "2026-11-24 21:00",
            -6,
            "2026-11-25 08:00",
            LATE,
        ),
        ("+13035550100", "2026-11-24 20:59", -7, "", &[]),
        (
            "+13035550100",
            "2026-11-24 21:00",
            -7,
            "2026-11-25 08:00",
            LATE,
        ),
        ("+14155550100", "2026-11-24 20:59", -8, "", &[]),
        (
            "+14155550100",
            "2026-11-24 21:00",
            -8,
            "2026-11-25 09:00",
            LATE,
        ),
        // Louisiana on a Sunday, and on Thanksgiving.
        (
            "+15045550100",
            "2026-11-22 12:00",
            -6,
            "2026-11-23 08:00",
            &["day_barred"],
        ),
        (
            "+15045550100",
            "2026-11-26 12:00",
            -6,
            "2026-11-27 08:00",
            &["holiday"],
        ),
        // Florida's panhandle has two zones, and twenty hours are the end in both; Idaho's two are told from nothing.
        ("+18505550100", "2026-11-24 18:59", -6, "", &[]),
        (
            "+18505550100",
            "2026-11-24 19:00",
            -6,
            "2026-11-25 08:00",
            LATE,
        ),
        ("+12085550100", "2026-11-24 19:59", -8, "", &[]),
        (
            "+12085550100",
            "2026-11-24 20:00",
            -8,
            "2026-11-25 08:00",
            LATE,
        ),
    ];
    let mut placed = 0;
    for (to, at, ahead, until, codes) in cases {
        office.set_time(wall(at, *ahead));
        let answer = office.place(to).await;
        let check = office.check(json!({ "to": to })).await;
        if codes.is_empty() {
            placed += 1;
            assert_eq!(answer.made()["status"], "queued", "{to} {at}");
            // Their telephone rings.
            assert_eq!(reasons(&office.place(to).await), ["call_in_progress"]);
            office.all_over().await;
            let check = office.check(json!({ "to": to })).await;
            assert_eq!(check["verdict"], "allow");
            assert_eq!(check["reasons"], json!([]));
        } else {
            assert_eq!(answer.status, 409, "{to} {at}: {answer:?}");
            assert_eq!(answer.code(), "outside_calling_hours");
            assert_eq!(reasons(&answer), *codes, "{to} {at}");
            let retry_at = answer.json()["retry_at"].as_str().map(moment);
            assert_eq!(retry_at, Some(wall(until, *ahead)), "{to} {at}");
            assert!(answer.header("retry-after").parse::<u64>().unwrap() > 3_600);
            assert_eq!(check["verdict"], "defer");
            assert_eq!(check["retry_at"].as_str().map(moment), retry_at);
            assert_eq!(check["reasons"][0]["code"], codes[0]);
            assert!(!check.to_string().contains(&to[1..]), "{check}");
        }
    }
    assert_eq!(office.carrier.asked(), placed);
    assert_eq!(office.calls().await, placed);
}

#[tokio::test]
async fn a_check_tells_of_any_time_and_place() {
    let office = Office::open().await;
    let ask = async |contact: Value, at: &str| {
        let body = json!({ "to": "+12125550100", "contact": contact, "at": at });
        office.check(body).await
    };
    let early = "2026-11-24T10:00:00-05:00";
    let none = ask(json!({}), early).await;
    assert_eq!(none["verdict"], "allow");
    let state = ask(json!({ "places": ["US-CA"] }), early).await;
    assert_eq!(state["verdict"], "defer");
    assert_eq!(state["reasons"][0]["rule"], "US-CA");
    assert_eq!(
        state["reasons"][0]["local_time"],
        "2026-11-24T07:00:00-08:00"
    );
    let zone = ask(json!({ "time_zones": ["Asia/Tokyo"] }), early).await;
    assert_eq!(zone["reasons"][0]["time_zone"], "Asia/Tokyo");
    assert_eq!(
        zone["trace"]["pack"]["id"],
        "callserver/calling-hours/1+2026-11-22"
    );
    assert_eq!(office.carrier.asked(), 0);
    for (body, pointer, code) in [
        (
            json!({ "to": "+1", "contact": { "places": ["us"] } }),
            "/contact/places/0",
            "invalid_place",
        ),
        (
            json!({ "to": "+1", "contact": { "time_zones": ["EST"] } }),
            "/contact/time_zones/0",
            "invalid_time_zone",
        ),
        (json!({ "to": "+1", "at": "noon" }), "/at", "invalid_time"),
    ] {
        let answer = office.api.post(&office.who, "/v1/calls/check", &body).await;
        assert_eq!(answer.code(), "invalid");
        assert_eq!(answer.fault(), (pointer.to_owned(), code.to_owned()));
    }
}

#[tokio::test]
async fn some_numbers_are_never_called() {
    let office = Office::open().await;
    for (to, code) in [
        ("911", "emergency_number"),
        ("112", "emergency_number"),
        ("+1911", "emergency_number"),
        ("411", "service_number"),
        ("+19005550100", "premium_number"),
        ("+12129765550", "premium_number"),
        ("nobody", "invalid_number"),
        ("+442079460000", "destination_not_allowed"),
    ] {
        let answer = office.place(to).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "call_not_allowed"),
            "{to}"
        );
        assert!(
            reasons(&answer).contains(&code.to_owned()),
            "{to}: {answer:?}"
        );
    }
    assert_eq!((office.carrier.asked(), office.calls().await), (0, 0));
}

#[tokio::test]
async fn nothing_may_be_called_until_the_client_says_so() {
    let office = Office::open().await;
    let nothing = office.allow(json!([])).await.fine();
    assert_eq!(nothing["destinations"], json!([]));
    let answer = office.place("+12125550100").await;
    assert_eq!(answer.code(), "call_not_allowed");
    assert_eq!(reasons(&answer), ["destination_not_allowed"]);
    let some = office.allow(json!(["+49", "+1212", "+49"])).await.fine();
    assert_eq!(some["destinations"], json!(["+1212", "+49"]));
    office.place("+12125550100").await.made();
    assert_eq!(
        reasons(&office.place("+13035550100").await),
        ["destination_not_allowed"]
    );
    for (bad, pointer) in [
        (json!(["1"]), "/destinations/0"),
        (json!(["+1", "+44163296"]), "/destinations/1"),
    ] {
        let answer = office.allow(bad).await;
        assert_eq!(
            answer.fault(),
            (pointer.to_owned(), "invalid_destination".to_owned())
        );
    }
    // Another client has allowed nothing of its own by that.
    let other = office.api.client().await;
    let theirs = office.api.get(&other, "/v1/policy").await;
    assert_eq!(theirs.fine()["destinations"], json!([]));
    // Who changes it has seen it.
    let body = json!({ "destinations": [] });
    let secret = Some(office.who.secret.as_str());
    let stale = [("if-match", "\"1\"")];
    let answer = office
        .api
        .ask(secret, "PUT", "/v1/policy", &body, &stale)
        .await;
    assert_eq!(answer.code(), "precondition_failed");
}

#[tokio::test]
async fn who_asked_not_to_be_called_is_not_called_again() {
    let office = Office::open().await;
    let to = "+12125550100";
    office.place(to).await.made();
    office.all_over().await;
    office.suppress(to).await;
    let answer = office.place(to).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "suppressed"));
    assert_eq!(reasons(&answer), ["suppressed"]);
    assert!(answer.json()["retry_at"].is_null());
    // At night it is no other refusal, and says both.
    office.set_time(moment(NOON) + 12 * 3_600_000);
    let answer = office.place(to).await;
    assert_eq!(answer.code(), "suppressed");
    assert_eq!(reasons(&answer), ["suppressed", "outside_calling_hours"]);
    assert_eq!(office.carrier.asked(), 1);
}

#[tokio::test]
async fn a_call_names_an_agent_and_a_number_that_can() {
    let office = Office::open().await;
    let inbound = agent(json!(["inbound"]));
    let inbound = office
        .api
        .post(&office.who, "/v1/agents", &inbound)
        .await
        .made();
    let bare = json!({ "number": "+12125550177" });
    let bare = office
        .api
        .post(&office.who, "/v1/numbers", &bare)
        .await
        .made();
    let stranger = office.api.client().await;
    let theirs = json!({ "number": "+12125550166" });
    office
        .api
        .post(&stranger, "/v1/numbers", &theirs)
        .await
        .made();
    let cases = [
        (
            json!({ "agent_id": inbound["id"] }),
            "/agent_id",
            "not_outbound",
        ),
        (
            json!({ "agent_id": "agent_01JD0000000000000000000000" }),
            "/agent_id",
            "not_found",
        ),
        (
            json!({ "variables": {} }),
            "/variables/day",
            "missing_variable",
        ),
        (json!({ "from": bare["id"] }), "/from", "no_carrier"),
        (json!({ "from": "+12125550166" }), "/from", "not_found"),
        (json!({ "from": "+12125550155" }), "/from", "not_found"),
        (json!({ "from": "me" }), "/from", "invalid_number"),
        (
            json!({ "ring_seconds": 14 }),
            "/ring_seconds",
            "out_of_range",
        ),
        (
            json!({ "machine_detection": { "mode": "detect", "timeout_seconds": 60 } }),
            "/machine_detection/timeout_seconds",
            "out_of_range",
        ),
        (
            json!({ "metadata": { "a": "x".repeat(17_000) } }),
            "/metadata",
            "too_long",
        ),
        (json!({ "surprise": 1 }), "/surprise", "unknown_field"),
    ];
    for (change, pointer, code) in cases {
        let mut call = office.call("+12125550100");
        for (name, value) in change.as_object().unwrap() {
            call[name] = value.clone();
        }
        let answer = office.api.post(&office.who, "/v1/calls", &call).await;
        assert_eq!(answer.code(), "invalid", "{change}: {answer:?}");
        assert_eq!(
            answer.fault(),
            (pointer.to_owned(), code.to_owned()),
            "{change}"
        );
    }
    assert_eq!((office.carrier.asked(), office.calls().await), (0, 0));
}
