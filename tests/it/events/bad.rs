//! Receivers that misbehave: none delays another, and none leads anywhere else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use trunkline::deliveries;
use trunkline::egress::{Egress, Io, Net};
use trunkline::providers::Providers;
use trunkline::stack::Defaults;

use super::House;
use super::receiver::{Does, Receiver};
use crate::api::rig::{Api, Who};
use trunkline::api::Rate;

/// The only delivery to an endpoint, once it was tried.
async fn tried(house: &House, who: &Who, endpoint: &str) -> Value {
    let path = format!("/v1/webhook-endpoints/{endpoint}/deliveries");
    let tried = |shown: &Value| {
        let one = &shown["data"][0];
        one["attempts"].as_u64().is_some_and(|tries| tries > 0)
    };
    house.until(who, &path, tried).await["data"][0].clone()
}

#[tokio::test]
async fn who_answers_410_is_told_nothing_more() {
    let house = House::open().await;
    let who = house.api.client().await;
    let gone = Receiver::open(Does::Answers(410)).await;
    let stays = Receiver::open(Does::Takes).await;
    let (endpoint, _) = house.endpoint(&who, &gone.url, &["call.*"]).await;
    house.endpoint(&who, &stays.url, &["*"]).await;
    house.call(&who).await;
    stays.until_taken(2).await;
    let path = format!("/v1/webhook-endpoints/{endpoint}");
    let shown = house.api.get(&who, &path).await.fine();
    assert_eq!(
        (&shown["enabled"], &shown["disabled_reason"]),
        (&json!(false), &json!("gone"))
    );
    assert_eq!(tried(&house, &who, &endpoint).await["state"], "dead");
    house.call(&who).await;
    stays.until_taken(3).await;
    assert_eq!(gone.came(), 1);
    let told: Vec<_> = stays.taken().iter().map(|one| one.kind()).collect();
    assert!(
        told.contains(&"webhook_endpoint.disabled".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_followed_nowhere() {
    let house = House::open().await;
    let who = house.api.client().await;
    let receiver = Receiver::open(Does::Redirects).await;
    let (endpoint, _) = house.endpoint(&who, &receiver.url, &["*"]).await;
    house.call(&who).await;
    let one = tried(&house, &who, &endpoint).await;
    assert_eq!(
        (&one["state"], &one["last_reason"]),
        (&json!("waiting"), &json!("redirect"))
    );
    assert_eq!(one["last_status"], 307);
    assert_eq!(receiver.elsewhere(), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_an_answer() {
    let house = House::open().await;
    let who = house.api.client().await;
    let receiver = Receiver::open(Does::Talks).await;
    let (endpoint, _) = house.endpoint(&who, &receiver.url, &["*"]).await;
    house.call(&who).await;
    let one = tried(&house, &who, &endpoint).await;
    assert_eq!(
        (&one["state"], &one["last_status"]),
        (&json!("delivered"), &json!(200))
    );
}

#[tokio::test]
async fn who_is_not_there_is_tried_again() {
    let house = House::open().await;
    let who = house.api.client().await;
    // Nothing listens at the port that was just given back.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/told", port.local_addr().unwrap());
    drop(port);
    let (endpoint, _) = house.endpoint(&who, &url, &["*"]).await;
    house.call(&who).await;
    let one = tried(&house, &who, &endpoint).await;
    let got = (&one["state"], &one["last_reason"], &one["last_status"]);
    assert_eq!(
        got,
        (&json!("waiting"), &json!("unreachable"), &Value::Null)
    );
    assert!(one["next_try_at"].is_string());
}

#[tokio::test]
async fn one_that_hangs_delays_nobody_else() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    let hangs = Receiver::open(Does::Hangs).await;
    let works = Receiver::open(Does::Takes).await;
    let foreign = Receiver::open(Does::Takes).await;
    house.endpoint(&ours, &hangs.url, &["*"]).await;
    house.endpoint(&ours, &works.url, &["*"]).await;
    house.endpoint(&theirs, &foreign.url, &["*"]).await;
    let began = trunkline::clock::now();
    for _ in 0..40 {
        house.call(&ours).await;
        house.call(&theirs).await;
    }
    works.until_taken(40).await;
    foreign.until_taken(40).await;
    // The one that hangs has what it is asked at once, and is let go after fifteen seconds; nobody waited for that.
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    assert!((1..=8).contains(&hangs.came()), "{}", hangs.came());
}

/// Names that lead into a private network, and whether anybody went there.
struct Inward(Arc<AtomicUsize>);

impl Net for Inward {
    fn lookup(&self, _: String, _: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) }.boxed()
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        async move { Err(io::ErrorKind::ConnectionRefused.into()) }.boxed()
    }
}

/// Counts connections to a port of this machine.
async fn listening() -> (u16, Arc<AtomicUsize>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    let accepting = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (port, visits, accepting)
}

#[tokio::test]
async fn a_public_name_that_leads_into_a_private_network_is_not_followed() {
    let lookups = Arc::new(AtomicUsize::new(0));
    let egress = Egress::over(Arc::new(Inward(Arc::clone(&lookups))));
    let providers = Providers::new(egress);
    let api = Api::of(Rate::default(), Defaults::default(), providers).await;
    // As the server is unless its operator says otherwise.
    let telling = tokio::spawn(deliveries::keep(Arc::clone(&api.app)));
    let house = House { api, telling };
    let who = house.api.client().await;
    let (port, visits, _accepting) = listening().await;
    let url = format!("https://hooks.example.com:{port}/told");
    let (endpoint, _) = house.endpoint(&who, &url, &["*"]).await;
    house.call(&who).await;
    let one = tried(&house, &who, &endpoint).await;
    assert_eq!(
        (&one["state"], &one["last_reason"]),
        (&json!("waiting"), &json!("address"))
    );
    assert!(lookups.load(Ordering::Relaxed) > 0);
    assert_eq!(visits.load(Ordering::Relaxed), 0);
}
