//! A recogniser that is spoken to over a socket, as a call sees it: audio goes in and never waits, events come out, and
//! connections come and go behind that without a word being lost or doubled.
//!
//! One task per call owns the one socket and its codec, so nothing of a connection that is gone can mix with the next.
//! What has no final words yet is kept, and is sent again on the next connection; times are brought from the
//! connection's to the call's.

mod connection;
mod shared;
mod timeline;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;
use trunkline_core::wire::link::Trouble;
use trunkline_core::wire::stt::{SttCodec, SttEvent};

use self::connection::{Connection, End};
use self::shared::Shared;
use super::attempts::{Attempts, Lost};
use super::hop::{Hop, trouble_of};
use crate::egress::EgressError;
use crate::provider::{Listener, Recogniser};

/// How long one attempt to connect may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Makes the codec of one connection.
pub type MakeStt = Arc<dyn Fn() -> Box<dyn SttCodec> + Send + Sync>;

/// A recogniser behind a socket.
pub struct StreamingRecogniser {
    spec: Arc<Spec>,
}

/// What every connection of a recogniser has in common.
struct Spec {
    hop: Hop,
    codec: MakeStt,
}

impl StreamingRecogniser {
    /// A recogniser at `hop`, spoken to by the codecs that `codec` makes: a new one for each connection.
    pub fn new(hop: Hop, codec: MakeStt) -> Self {
        Self {
            spec: Arc::new(Spec { hop, codec }),
        }
    }
}

impl Recogniser for StreamingRecogniser {
    /// Must be called within a runtime: the call's connection is a task of its own, which ends when the listener is
    /// dropped.
    fn open(&self) -> Box<dyn Listener> {
        let shared = Arc::new(Shared::new());
        tokio::spawn(listen(Arc::clone(&self.spec), Arc::clone(&shared)));
        Box::new(Line { shared })
    }
}

/// A call's end of it.
struct Line {
    shared: Arc<Shared>,
}

impl Listener for Line {
    fn push(&mut self, mulaw: &[u8]) {
        self.shared.push(mulaw);
    }

    fn finalize(&mut self) {
        self.shared.ask();
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<SttEvent>> {
        self.shared.poll_event(cx)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.hang_up();
    }
}

/// Whatever ends the task, the listener learns it.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn listen(spec: Arc<Spec>, shared: Arc<Shared>) {
    let ending = Ending(&shared);
    let mut attempts = Attempts::default();
    let mut is_ready_told = false;
    loop {
        let mut codec = (spec.codec)();
        let handshake = codec.handshake();
        let opened = tokio::select! {
            biased;
            () = shared.hung_up() => break,
            opened = Box::pin(spec.hop.open(&handshake, CONNECT_PATIENCE)) => opened,
        };
        let end = match opened {
            Ok(wire) => {
                let stalls = attempts.stalls;
                let connection = Connection::new(wire, &mut *codec, &shared, &spec.hop, stalls);
                Box::pin(connection.run(&mut is_ready_told)).await
            }
            Err(error) => End::Lost(Lost {
                trouble: refused(&*codec, &error),
                was_useful: false,
                has_stalled: false,
                lived: Duration::ZERO,
            }),
        };
        spec.hop.dropped(shared.take_dropped_ms());
        let End::Lost(lost) = end else { break };
        let pause = attempts.after(&lost);
        let (provider, trouble) = (spec.hop.provider, lost.trouble);
        tracing::warn!(provider, %trouble, given_up = pause.is_none(), "recogniser lost");
        let kind = trouble.kind;
        let is_over = pause.is_none();
        let is_told = shared.tell(SttEvent::Trouble { trouble, is_over });
        let Some(pause) = pause.filter(|_| is_told) else {
            break;
        };
        spec.hop.reconnecting(kind);
        if timeout(pause, shared.hung_up()).await.is_ok() {
            break;
        }
    }
    drop(ending);
}

fn refused(codec: &dyn SttCodec, error: &EgressError) -> Trouble {
    let general = trouble_of(error);
    let EgressError::Status { status, reasons } = error else {
        return general;
    };
    if (300..400).contains(status) {
        return general;
    }
    let headers: Vec<(&str, &str)> = reasons.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut trouble = codec.refused(*status, &headers);
    trouble.retry_after_ms = general.retry_after_ms.or(trouble.retry_after_ms);
    trouble
}
