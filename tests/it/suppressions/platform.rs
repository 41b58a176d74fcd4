//! What the operator forbids to everybody.

use serde_json::json;
use trunkline::desk::setup::Books;
use trunkline::store::StoreConfig;
use trunkline::store::suppressions::Reason;
use trunkline_core::phone::PhoneNumber;

use super::{check, is_suppressed};
use crate::api::rig::{Api, id};

const NUMBER: &str = "+15550100123";

#[tokio::test]
async fn what_the_operator_forbids_holds_for_every_client_and_is_lifted_by_the_operator_alone() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let config = StoreConfig::sqlite(&api.data().join("trunkline.db"));
    // Another process, beside the running server.
    let books = Books::open(&api.data(), &config).await.unwrap();
    let numbers = [NUMBER, "+15550100124"].map(|number| PhoneNumber::parse(number).unwrap());
    let reason = Reason::DoNotCall;
    assert_eq!(books.suppress(&numbers, reason).await.unwrap(), 2);
    assert_eq!(books.suppress(&numbers, reason).await.unwrap(), 0);
    for who in [&ours, &theirs] {
        let found = check(&api, who, NUMBER, Some("spring-26")).await;
        let row = &found["suppression"];
        assert_eq!(
            (&row["scope"], &row["source"], &row["reason"]),
            (
                &json!("platform"),
                &json!("operator"),
                &json!("do_not_call")
            )
        );
        let many = json!({ "numbers": [NUMBER, "+15550100125"] });
        let many = api.post(who, "/v1/suppressions/check-many", &many).await;
        assert_eq!(many.fine()["suppressed"][0]["scope"], "platform");
        let path = format!("/v1/suppressions/{}?reason=mistake", id(row));
        let refused = api.delete(who, &path).await;
        assert_eq!(refused.status, 404, "it is no client's: {refused:?}");
        // Nor is it in what a client can have as a list.
        let listed = api.get(who, "/v1/suppressions").await.fine();
        assert_eq!(listed["data"], json!([]));
    }
    // A client's own word stays when the operator takes theirs back.
    let own = json!({ "number": NUMBER, "reason": "opt_out" });
    api.post(&ours, "/v1/suppressions", &own).await.made();
    assert!(books.unsuppress(&numbers[0], "mistake").await.unwrap());
    assert!(!books.unsuppress(&numbers[0], "mistake").await.unwrap());
    assert!(is_suppressed(&api, &ours, NUMBER).await);
    assert!(!is_suppressed(&api, &theirs, NUMBER).await);
    assert!(is_suppressed(&api, &theirs, "+15550100124").await);
}

#[tokio::test]
async fn the_operators_word_ends_what_was_promised() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let config = StoreConfig::sqlite(&api.data().join("trunkline.db"));
    let books = Books::open(&api.data(), &config).await.unwrap();
    let mut promised = Vec::new();
    for who in [&ours, &theirs] {
        promised.push(crate::api::kept::callback(&api, who).await);
    }
    // Whom both are to call back.
    let number = PhoneNumber::parse("+15550100124").unwrap();
    books.suppress(&[number], Reason::Complaint).await.unwrap();
    for (who, callback) in [&ours, &theirs].into_iter().zip(&promised) {
        let path = format!("/v1/callbacks/{callback}");
        let shown = api.get(who, &path).await.fine();
        assert_eq!(
            (&shown["state"], &shown["reason"]),
            (&json!("cancelled"), &json!("suppressed"))
        );
    }
}
