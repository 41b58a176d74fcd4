//! Sockets that send garbage: wrong tokens, messages that are no messages, too large ones, and the right ones in no order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::runtime::Runtime;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use trunkline_core::wire::twilio::MESSAGE_BYTES_MAX;

/// How long one that was thrown out, or not let in, stays away.
const STAY_AWAY: Duration = Duration::from_secs(1);

/// The sockets, until stopped.
pub(crate) struct Flood {
    runtime: Option<Runtime>,
    sent: Arc<AtomicU64>,
}

/// What a socket sends.
#[derive(Clone, Copy)]
enum Kind {
    WrongToken,
    Nonsense,
    TooLarge,
    OutOfOrder,
}

const KINDS: [Kind; 4] = [
    Kind::WrongToken,
    Kind::Nonsense,
    Kind::TooLarge,
    Kind::OutOfOrder,
];

impl Flood {
    /// `count` sockets of all kinds, `per_s` messages a second each. `url` opens any number of calls.
    pub(crate) fn start(
        count: usize,
        per_s: f64,
        address: &str,
        url: &str,
    ) -> anyhow::Result<Self> {
        let sent = Arc::new(AtomicU64::new(0));
        if count == 0 {
            return Ok(Self {
                runtime: None,
                sent,
            });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("garbage")
            .enable_all()
            .build()
            .context("the async runtime did not start")?;
        let beat = Duration::from_secs_f64(1.0 / per_s.max(0.01));
        for number in 0..count {
            let kind = KINDS[number % KINDS.len()];
            let url = match kind {
                Kind::WrongToken => format!(
                    "ws://{address}{}/{}",
                    trunkline::telephony::MEDIA_PATH,
                    "x".repeat(200)
                ),
                Kind::Nonsense | Kind::TooLarge | Kind::OutOfOrder => url.to_owned(),
            };
            let sent = Arc::clone(&sent);
            runtime.spawn(async move {
                // Not all at the same instant.
                tokio::time::sleep(beat * number as u32 / count as u32).await;
                loop {
                    annoy(kind, &url, beat, &sent).await;
                    tokio::time::sleep(STAY_AWAY).await;
                }
            });
        }
        Ok(Self {
            runtime: Some(runtime),
            sent,
        })
    }

    /// How many messages and attempts there were.
    pub(crate) fn stop(self) -> u64 {
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
        self.sent.load(Ordering::Relaxed)
    }
}

/// Until the server has had enough.
async fn annoy(kind: Kind, url: &str, beat: Duration, sent: &AtomicU64) {
    sent.fetch_add(1, Ordering::Relaxed);
    let Ok((mut socket, _)) = connect_async(url).await else {
        return;
    };
    let mut tick = tokio::time::interval(beat);
    for number in 0_u64.. {
        tick.tick().await;
        sent.fetch_add(1, Ordering::Relaxed);
        if socket.send(message(kind, number)).await.is_err() {
            return;
        }
        // What the server says is read and forgotten.
        while let Some(said) = socket.next().now_or_never() {
            if !matches!(said, Some(Ok(_))) {
                return;
            }
        }
    }
}

fn message(kind: Kind, number: u64) -> Message {
    let stream = "MZ0123456789abcdef0123456789abcdef";
    match (kind, number % 6) {
        (Kind::TooLarge, _) => Message::text("x".repeat(MESSAGE_BYTES_MAX + 1)),
        (Kind::WrongToken | Kind::Nonsense, 0) => Message::text("{\"event\":\"media\","),
        (Kind::WrongToken | Kind::Nonsense, 1) => Message::Binary(Bytes::from(vec![0xFF; 500])),
        (Kind::WrongToken | Kind::Nonsense, 2) => Message::text("[".repeat(5_000)),
        (Kind::WrongToken | Kind::Nonsense, 3) => Message::Ping(Bytes::from_static(b"?")),
        (Kind::WrongToken | Kind::Nonsense, _) => {
            Message::text("{\"event\":\"media\",\"media\":{\"payload\":\"%%%%\"}}")
        }
        (Kind::OutOfOrder, 0) => Message::text(format!(
            "{{\"event\":\"mark\",\"streamSid\":\"{stream}\",\"sequenceNumber\":\"9\",\"mark\":{{\"name\":\"1\"}}}}"
        )),
        (Kind::OutOfOrder, 1) => {
            Message::text("{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}")
        }
        (Kind::OutOfOrder, _) => Message::text(format!(
            "{{\"event\":\"media\",\"streamSid\":\"{stream}\",\"sequenceNumber\":\"{}\",\"media\":{{\"track\":\"inbound\",\"chunk\":\"{number}\",\"timestamp\":\"5\",\"payload\":\"{}\"}}}}",
            1_000 - number % 1_000,
            "f39/".repeat(40)
        )),
    }
}
