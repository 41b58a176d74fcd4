//! Many events for many endpoints, one of which is dead.

use std::sync::Arc;

use super::House;
use super::receiver::{Does, Receiver};

/// Has so many endpoints, of 16 for each client, told of so many events each, beside one that hangs: how long it took, in
/// seconds.
async fn tell(endpoints: usize, events: usize) -> f64 {
    let house = Arc::new(House::open().await);
    let (works, hangs) = (
        Receiver::open(Does::Takes).await,
        Receiver::open(Does::Hangs).await,
    );
    let mut clients = Vec::new();
    for _ in 0..endpoints.div_ceil(16) {
        let who = house.api.client().await;
        for _ in 0..16 {
            house.endpoint(&who, &works.url, &["call.*"]).await;
        }
        clients.push(who);
    }
    let dead = house.api.client().await;
    house.endpoint(&dead, &hangs.url, &["*"]).await;
    for _ in 0..20 {
        house.call(&dead).await;
    }
    let began = trunkline::clock::now();
    for _ in 0..events {
        for who in &clients {
            house.call(who).await;
        }
    }
    works.until_taken(clients.len() * 16 * events).await;
    let took = began.elapsed().as_secs_f64();
    assert_eq!(works.taken().len(), clients.len() * 16 * events);
    took
}

#[tokio::test]
async fn many_endpoints_are_told_beside_a_dead_one() {
    let took = tell(160, 2).await;
    assert!(took < 60.0, "{took}");
}

/// For a figure: run it alone, with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes"]
async fn ten_thousand_endpoints() {
    let took = tell(10_000, 2).await;
    println!("20000 webhooks to 10000 endpoints in {took:.1} s");
}
