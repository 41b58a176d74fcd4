//! How long a stranger may hold a connection without asking for anything, and how many may.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use trunkline::api::{Doorway, accept};
use trunkline::clock;

use crate::session::rig::Door;

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: trunkline.test\r\n\r\n";

struct House {
    door: mpsc::Sender<DuplexStream>,
    closed: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl House {
    fn open(doorway: Doorway) -> Self {
        let (door, visitors) = mpsc::channel(64);
        let (closed, see) = watch::channel(false);
        let endless = async || {
            let piece = Ok::<_, std::io::Error>(vec![0_u8; 64 * 1024]);
            Body::from_stream(futures_util::stream::repeat_with(move || {
                piece
                    .as_ref()
                    .map(Clone::clone)
                    .map_err(|_| std::io::ErrorKind::Other.into())
                    as std::io::Result<Vec<u8>>
            }))
        };
        let slow = async || {
            tokio::time::sleep(Duration::from_secs(5)).await;
            "slow"
        };
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/slow", get(slow))
            .route("/endless", get(endless));
        Self {
            door,
            closed,
            serving: tokio::spawn(accept(Door(visitors), router, doorway, see)),
        }
    }

    async fn knock(&self) -> DuplexStream {
        let (ours, theirs) = duplex(16 * 1024);
        self.door.send(theirs).await.unwrap();
        ours
    }
}

/// Milliseconds until the server ends the connection, and what it said before.
async fn until_closed(line: &mut DuplexStream) -> (u128, String) {
    let began = clock::timer_now();
    let mut said = Vec::new();
    let _ = line.read_to_end(&mut said).await;
    (
        clock::timer_now().duration_since(began).as_millis(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

async fn answer(line: &mut DuplexStream) -> String {
    let mut bytes = [0_u8; 1_024];
    let count = line.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_shown_out() {
    let house = House::open(Doorway::default());
    let (ms, said) = until_closed(&mut house.knock().await).await;
    assert!((9_900..10_200).contains(&ms), "{ms}");
    assert_eq!(said, "");
}

#[tokio::test(start_paused = true)]
async fn who_asks_a_byte_at_a_time_is_shown_out_as_soon() {
    let house = House::open(Doorway::default());
    let (mut reads, mut writes) = tokio::io::split(house.knock().await);
    let drip = tokio::spawn(async move {
        for byte in b"GET / HTTP/1.1\r\n"
            .iter()
            .chain(b"a: b\r\n".iter().cycle())
        {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if writes.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    });
    let began = clock::timer_now();
    let mut said = Vec::new();
    let _ = reads.read_to_end(&mut said).await;
    let s = clock::timer_now().duration_since(began).as_secs();
    assert!((9..=11).contains(&s), "{s}");
    drip.abort();
}

#[tokio::test(start_paused = true)]
async fn who_has_been_answered_may_ask_again_for_a_while() {
    let house = House::open(Doorway::default());
    let mut line = house.knock().await;
    for _ in 0..3 {
        line.write_all(ASK).await.unwrap();
        assert!(answer(&mut line).await.contains("here"));
        tokio::time::sleep(Duration::from_secs(9)).await;
    }
    let (ms, _) = until_closed(&mut line).await;
    assert!(ms < 1_500, "{ms}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_shown_out() {
    let house = House::open(Doorway::default());
    let mut line = house.knock().await;
    line.write_all(b"GET /endless HTTP/1.1\r\nhost: trunkline.test\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(line.write_all(b"G").await.is_ok(), "it is still there");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(line.write_all(b"G").await.is_err(), "it is gone");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_are_let_in_at_once() {
    let house = House::open(Doorway {
        connections_max: 2,
        ..Doorway::default()
    });
    let (first, _second) = (house.knock().await, house.knock().await);
    let mut third = house.knock().await;
    third.write_all(ASK).await.unwrap();
    let early = tokio::time::timeout(Duration::from_secs(5), answer(&mut third)).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert!(answer(&mut third).await.contains("here"));
}

#[tokio::test(start_paused = true)]
async fn who_is_being_answered_when_the_server_ends_still_is() {
    let house = House::open(Doorway::default());
    let mut idle = house.knock().await;
    let mut busy = house.knock().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: trunkline.test\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.closed.send_replace(true);
    assert!(answer(&mut busy).await.contains("slow"));
    assert_eq!(until_closed(&mut idle).await.1, "");
    let ended = tokio::time::timeout(Duration::from_secs(1), house.serving).await;
    assert!(ended.is_ok(), "the loop ends when the last is answered");
}

#[tokio::test(start_paused = true)]
async fn a_head_has_a_size() {
    for (head, what) in [
        (
            format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(100_000)),
            "a long header",
        ),
        (
            format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)),
            "a long path",
        ),
        (
            format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200)),
            "many headers",
        ),
    ] {
        let house = House::open(Doorway::default());
        let (mut reads, mut writes) = tokio::io::split(house.knock().await);
        tokio::spawn(async move {
            let _ = writes.write_all(head.as_bytes()).await;
            writes
        });
        let mut said = Vec::new();
        let _ = reads.read_to_end(&mut said).await;
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.starts_with("HTTP/1.1 431") || said.starts_with("HTTP/1.1 414"),
            "{what}: {said}"
        );
    }
}
