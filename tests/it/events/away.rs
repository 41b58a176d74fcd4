//! Receivers that are away: for an hour, and for good. The clock stands still but where a test moves it.

use std::time::Duration;

use serde_json::Value;

use super::receiver::{Does, Receiver};
use super::{House, kinds};
use crate::api::rig::Who;
use crate::session::rig::unhurried;

/// Less than an endpoint may take nothing for, twice it is more.
const DAYS: Duration = Duration::from_secs(3 * 24 * 3_600);

/// Moves the clock, and then on until at least so many requests came in all: a lane may only then begin to wait.
async fn later(house: &House, who: &Who, receiver: &Receiver, by: Duration, came: usize) {
    tokio::time::advance(by).await;
    loop {
        unhurried(quiet(house, who)).await;
        if receiver.came() >= came {
            return;
        }
        tokio::time::advance(Duration::from_secs(30)).await;
    }
}

/// What is due has been told: the API has been asked a good many times.
async fn quiet(house: &House, who: &Who) {
    house.api.app.deliveries.look();
    for _ in 0..50 {
        house.api.get(who, "/v1/webhook-endpoints").await.fine();
    }
}

/// Waits until what came of all tries so far is written.
async fn written(house: &House, who: &Who, endpoint: &str, tries: u64) -> Vec<Value> {
    unhurried(async {
        loop {
            let all = house.deliveries(who, endpoint).await;
            let so_far = all.iter().map(|one| one["attempts"].as_u64().unwrap());
            if so_far.sum::<u64>() >= tries {
                return all;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_for_an_hour_gets_everything_once_and_in_order() {
    let (house, who, receiver, endpoint) = unhurried(async {
        let house = House::open().await;
        let who = house.api.client().await;
        let receiver = Receiver::open(Does::Answers(503)).await;
        let (endpoint, _) = house.endpoint(&who, &receiver.url, &["*"]).await;
        (house, who, receiver, endpoint)
    })
    .await;
    let calls = unhurried(async {
        let mut calls = Vec::new();
        for _ in 0..3 {
            let call = house.call(&who).await;
            house.ended(&who, &call).await;
            calls.push(call);
        }
        receiver.until_came(1).await;
        calls
    })
    .await;
    // It is away for an hour: each try fails, and none is of a second event of a call whose first it does not have.
    let mut tries = receiver.came();
    for minutes in [1, 4, 5, 10, 10, 15, 15] {
        written(&house, &who, &endpoint, tries as u64).await;
        let by = Duration::from_secs(minutes * 60);
        later(&house, &who, &receiver, by, tries + 1).await;
        tries = receiver.came();
    }
    let shown = written(&house, &who, &endpoint, tries as u64).await;
    let count = |state: &str| shown.iter().filter(|one| one["state"] == state).count();
    assert_eq!((count("waiting"), count("behind")), (3, 3), "{shown:?}");
    assert!(receiver.taken().is_empty());
    let waiting = shown.iter().find(|one| one["state"] == "waiting").unwrap();
    assert_eq!(waiting["last_status"], 503);
    assert_eq!(waiting["last_reason"], "status");

    receiver.now(Does::Takes);
    for _ in 0..50 {
        if receiver.taken().len() == 6 {
            break;
        }
        tokio::time::advance(Duration::from_secs(10 * 60)).await;
        unhurried(quiet(&house, &who)).await;
        written(&house, &who, &endpoint, receiver.came() as u64).await;
    }
    let taken = receiver.taken();
    assert_eq!(taken.len(), 6, "{:?}", kinds(&receiver));
    for call in &calls {
        let of_call = taken.iter().map(|one| one.json());
        let of_call = of_call.filter(|one| one["data"]["id"] == call.as_str());
        let steps: Vec<_> = of_call.map(|one| one["seq"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2], "{call}");
    }
    let all = written(&house, &who, &endpoint, 0).await;
    assert!(all.iter().all(|one| one["state"] == "delivered"), "{all:?}");
    let path = format!("/v1/webhook-endpoints/{endpoint}");
    let shown = unhurried(house.api.get(&who, &path)).await.fine();
    assert_eq!(shown["failing_since"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_takes_nothing_for_days_is_disabled_and_its_client_is_told() {
    let (house, who, dead, other, endpoint) = unhurried(async {
        let house = House::open().await;
        let who = house.api.client().await;
        let dead = Receiver::open(Does::Answers(500)).await;
        let other = Receiver::open(Does::Takes).await;
        let (endpoint, _) = house.endpoint(&who, &dead.url, &["call.*"]).await;
        let notices = ["webhook_endpoint.disabled"];
        house.endpoint(&who, &other.url, &notices).await;
        house.call(&who).await;
        dead.until_came(1).await;
        (house, who, dead, other, endpoint)
    })
    .await;
    written(&house, &who, &endpoint, 1).await;
    // Some days on there is something to tell again, and it still takes nothing.
    later(&house, &who, &dead, DAYS, 2).await;
    written(&house, &who, &endpoint, 2).await;
    assert!(other.taken().is_empty());
    later(&house, &who, &dead, DAYS, 3).await;
    unhurried(async {
        let path = format!("/v1/webhook-endpoints/{endpoint}");
        let disabled = |shown: &Value| shown["enabled"] == false;
        let shown = house.until(&who, &path, disabled).await;
        assert_eq!(shown["disabled_reason"], "failing");
        while other.taken().is_empty() {
            house.api.app.deliveries.look();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let notice = other.taken().remove(0).json();
    assert_eq!(notice["type"], "webhook_endpoint.disabled");
    assert_eq!(notice["data"]["id"], endpoint.as_str());
    assert_eq!(notice["data"]["reason"], "failing");
    let all = unhurried(house.deliveries(&who, &endpoint)).await;
    assert!(all.iter().all(|one| one["state"] == "dead"), "{all:?}");

    // Enabled again, it is told of what comes, and of the rest when asked for.
    dead.now(Does::Takes);
    unhurried(async {
        let path = format!("/v1/webhook-endpoints/{endpoint}");
        let enabled = serde_json::json!({ "enabled": true });
        let shown = house.api.patch(&who, &path, &enabled).await.fine();
        assert_eq!(shown["disabled_reason"], Value::Null);
        house.call(&who).await;
        dead.until_taken(1).await;
    })
    .await;
}
