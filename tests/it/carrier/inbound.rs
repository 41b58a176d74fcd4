//! A stranger calls a number of the client's.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use trunkline::carrier_double::rest::Rung;
use trunkline::clock;
use trunkline::ids::new_id;
use trunkline::store::calls::CallStatus;
use trunkline::store::suspensions::{Cause, NewSuspension};
use trunkline_core::wire::hook;

use super::rig::{BARE_NUMBER, Counts, NUMBER, OTHER_NUMBER, STRANGER, Town, greeter};
use crate::api::rig::id;
use crate::session::rig::heard;

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "a secret of the client's";

/// Takes the call and listens until the agent has hung up: what was heard.
pub(super) async fn listen(rung: Rung) -> String {
    let Rung::Line(mut line) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    line.wait_until_over().await;
    let record = line.finish().await.unwrap();
    assert_eq!(record.violations, []);
    heard(&record)
}

#[tokio::test]
async fn a_call_that_comes_in_finds_its_agent_and_leaves_its_row() {
    let town = Town::found().await;
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(
        words.starts_with("Hello, this is Robin, the AI assistant of Oak."),
        "{words}"
    );
    assert!(words.contains("Good day friend."), "{words}");
    let call = town.carrier.calls().remove(0);
    assert!(town.carrier.is_over_within(&call.sid, PATIENCE).await);
    let rows = town.rows().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!(row.agent_id, town.agent_id);
    assert_eq!(row.carrier_call_id.as_deref(), Some(call.sid.as_str()));
    assert_eq!(
        (row.status, row.outcome.as_deref()),
        (CallStatus::Ended, Some("completed"))
    );
    let shown = town
        .api
        .get(&town.who, &format!("/v1/calls/{}", row.id))
        .await
        .fine();
    assert_eq!(
        (&shown["from"], &shown["to"]),
        (&json!(STRANGER), &json!(NUMBER))
    );
}

#[tokio::test]
async fn a_call_that_nobody_can_take_hears_so_or_is_not_answered() {
    let town = Town::found().await;
    let counts = Counts::start();
    let rung = town.carrier.ring(STRANGER, BARE_NUMBER).await;
    assert!(
        matches!(&rung, Rung::Said(text) if text.contains("sorry")),
        "{rung:?}"
    );
    assert_eq!(counts.of("trunkline_calls_untaken_total no_agent"), 1);
    let rung = town.carrier.ring(STRANGER, OTHER_NUMBER).await;
    assert!(
        matches!(&rung, Rung::Rejected(reason) if reason == "rejected"),
        "{rung:?}"
    );
    town.api.app.draining.send_replace(true);
    let rung = town.carrier.ring(STRANGER, NUMBER).await;
    assert!(
        matches!(&rung, Rung::Rejected(reason) if reason == "busy"),
        "{rung:?}"
    );
    assert_eq!(counts.of("trunkline_calls_untaken_total busy"), 1);
    assert!(town.rows().await.is_empty());
}

#[tokio::test]
async fn callers_of_a_client_that_was_stopped_hear_that_nobody_can_take_them() {
    let town = Town::found().await;
    let counts = Counts::start();
    let (suspensions, client) = (town.api.app.desk.store.suspensions(), &town.who.client);
    for (agent_id, reason) in [
        (None, "suspended"),
        (Some(town.agent_id.clone()), "no_agent"),
    ] {
        let new = NewSuspension {
            id: new_id("sus"),
            agent_id: agent_id.clone(),
            cause: Cause::Operator,
            note: None,
            hang_up: false,
            since_ms: 0,
        };
        assert!(suspensions.suspend(client, &new).await.unwrap());
        let rung = town.carrier.ring(STRANGER, NUMBER).await;
        assert!(
            matches!(&rung, Rung::Said(text) if text.contains("sorry")),
            "{rung:?}"
        );
        let counted = format!("trunkline_calls_untaken_total {reason}");
        assert_eq!(counts.of(&counted), 1);
        let resumed = suspensions.resume(client, agent_id.as_deref(), 1).await;
        assert!(resumed.unwrap());
    }
    assert!(town.rows().await.is_empty());
    listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert_eq!(town.rows().await.len(), 1);
}

#[tokio::test]
async fn a_caller_without_a_number_is_heard_too() {
    let town = Town::found().await;
    listen(town.carrier.ring("anonymous", NUMBER).await).await;
    let row = town.rows().await.remove(0);
    assert!(row.from.is_none() && row.to.is_some());
}

#[tokio::test]
async fn a_call_whose_socket_does_not_open_hears_so() {
    let town = Town::found().await;
    // The agent goes between the webhook and the socket.
    let addresses = town.addresses();
    let pairs = [
        ("CallSid", "CA1"),
        ("AccountSid", "AC1"),
        ("From", STRANGER),
        ("To", NUMBER),
        ("Direction", "inbound"),
    ];
    assert_eq!(town.carrier.post(&addresses.voice(None), &pairs).await, 200);
    assert!(
        town.api
            .app
            .awaited
            .of_carrier(&town.carrier_id, "CA1")
            .is_some()
    );
    // Asked twice, it is one call still.
    let call_id = |town: &Town| {
        town.api
            .app
            .awaited
            .of_carrier(&town.carrier_id, "CA1")
            .unwrap()
            .claims
            .call_id
    };
    let first = call_id(&town);
    assert_eq!(town.carrier.post(&addresses.voice(None), &pairs).await, 200);
    assert_eq!(call_id(&town), first);
    let counts = Counts::start();
    assert_eq!(town.carrier.post(&addresses.after(), &pairs).await, 200);
    assert_eq!(counts.of("trunkline_calls_untaken_total no_socket"), 1);
    assert!(
        town.api
            .app
            .awaited
            .of_carrier(&town.carrier_id, "CA1")
            .is_none()
    );
    // Nothing is said of a call that was held.
    assert_eq!(town.carrier.post(&addresses.after(), &pairs).await, 200);
    assert_eq!(counts.of("trunkline_calls_untaken_total no_socket"), 1);
}

/// The client's own server: what it was told, and what it answers.
pub(super) async fn client_server(
    answer: fn() -> Response,
) -> (String, mpsc::Receiver<(HeaderMap, Bytes)>) {
    let (told, requests) = mpsc::channel(8);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/incoming", listener.local_addr().unwrap());
    let router = Router::new().route(
        "/incoming",
        post(async move |headers: HeaderMap, body: Bytes| {
            told.send((headers, body)).await.unwrap();
            answer()
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, requests)
}

#[tokio::test]
async fn the_clients_webhook_chooses_agent_and_variables() {
    static AGENT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let town = Town::found().await;
    let other = town
        .api
        .post(&town.who, "/v1/agents", &greeter("Olivia"))
        .await;
    AGENT.set(id(&other.made())).unwrap();
    let (url, mut told) = client_server(|| {
        axum::Json(json!({ "agent_id": AGENT.get(), "variables": { "who": "Ann" } }))
            .into_response()
    })
    .await;
    town.ask_webhook(&url, SECRET).await;
    let words = listen(town.carrier.ring(STRANGER, NUMBER).await).await;
    assert!(
        words.contains("this is Olivia") && words.contains("Good day Ann."),
        "{words}"
    );
    let (headers, body) = told.recv().await.unwrap();
    let signature = headers[hook::SIGNATURE_HEADER].to_str().unwrap();
    let now_s = u64::try_from(clock::unix_ms() / 1_000).unwrap();
    assert!(hook::is_signed(signature, SECRET, &body, now_s, 300));
    let event: Value = serde_json::from_slice(&body).unwrap();
    let row = town.rows().await.remove(0);
    assert_eq!(event["call"]["call_id"], row.id.as_str());
    assert_eq!(event["call"]["from"], STRANGER);
    assert_eq!(event["call"]["agent_id"], town.agent_id.as_str());
}

#[tokio::test]
async fn the_clients_webhook_may_refuse_a_call() {
    let town = Town::found().await;
    let (url, _told) =
        client_server(|| axum::Json(json!({ "reject": "busy" })).into_response()).await;
    town.ask_webhook(&url, SECRET).await;
    let rung = town.carrier.ring(STRANGER, NUMBER).await;
    assert!(
        matches!(&rung, Rung::Rejected(reason) if reason == "busy"),
        "{rung:?}"
    );
}

#[tokio::test]
async fn when_the_clients_webhook_fails_the_numbers_agent_answers() {
    let town = Town::found().await;
    let counts = Counts::start();
    for (answer, reason) in [
        (
            (|| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()) as fn() -> Response,
            Some("status"),
        ),
        (|| "<html>".into_response(), Some("unreadable")),
        (|| "x".repeat(70_000).into_response(), Some("too_long")),
        // Agents and variables that are not there.
        (
            || {
                axum::Json(json!({ "agent_id": "agent_01JD0000000000000000000000" }))
                    .into_response()
            },
            None,
        ),
        (
            || axum::Json(json!({ "variables": { "nobody": "x" } })).into_response(),
            None,
        ),
    ] {
        let (url, mut told) = client_server(answer).await;
        town.ask_webhook(&url, SECRET).await;
        let pairs = [
            ("CallSid", reason.unwrap_or("CA")),
            ("AccountSid", "AC1"),
            ("To", NUMBER),
        ];
        assert_eq!(
            town.carrier
                .post(&town.addresses().voice(None), &pairs)
                .await,
            200
        );
        told.recv().await.unwrap();
        let awaited = town
            .api
            .app
            .awaited
            .of_carrier(&town.carrier_id, pairs[0].1)
            .unwrap();
        assert_eq!(awaited.claims.agent, town.agent_id);
        assert!(awaited.variables.is_empty());
        town.api.app.awaited.take(&awaited.claims.call_id);
        if let Some(reason) = reason {
            assert_eq!(
                counts.of(&format!(
                    "trunkline_inbound_webhook_failures_total {reason}"
                )),
                1
            );
        }
    }
    // A server that is not there.
    town.ask_webhook("http://127.0.0.1:9/", SECRET).await;
    let pairs = [("CallSid", "CA9"), ("AccountSid", "AC1"), ("To", NUMBER)];
    assert_eq!(
        town.carrier
            .post(&town.addresses().voice(None), &pairs)
            .await,
        200
    );
    assert_eq!(
        counts.of("trunkline_inbound_webhook_failures_total unreachable"),
        1
    );
}
