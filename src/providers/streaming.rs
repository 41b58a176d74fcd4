//! A recogniser that is spoken to over a socket, as a call sees it: audio goes in and never waits, events come out, and
//! connections come and go behind that without a word being lost or doubled.
//!
//! One task per call owns the one socket and its codec, so nothing of a connection that is gone can mix with the next.
//! What has no final words yet is kept, and is sent again on the next connection; times are brought from the
//! connection's to the call's.
//!
//! Others may stand behind the first. One that takes over is a new connection like any other: it gets all audio without
//! final words, and the question that is still open.

mod connection;
mod shared;
mod timeline;
mod utterances;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use trunkline_core::call::Provider;
use trunkline_core::failover::{COUNT_MAX, Rota};
use trunkline_core::wire::link::Trouble;
use trunkline_core::wire::stt::{SttCodec, SttEvent};

use self::connection::{Connection, End};
use self::shared::Shared;
use self::utterances::Utterances;
use super::attempts::{Attempts, Lost};
use super::circuit::Circuit;
use super::hop::{Hop, trouble_of};
use crate::agent::EMBEDDED;
use crate::egress::EgressError;
use crate::provider::{Haste, Listener, Recogniser, Transcriber};

/// How long one attempt to connect may take …
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// … and where another recogniser stands ready.
const CONNECT_BRIEF: Duration = Duration::from_millis(1_500);
/// Final words that were asked for come within this, if there is something to say …
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);
/// … and where another recogniser stands ready.
const ANSWER_BRIEF: Duration = Duration::from_millis(1_500);
/// A connection that gave nothing and lasted longer may have had nothing to give: the caller was silent.
const SHORT_LIFE: Duration = Duration::from_secs(5);
/// How often recognisers take over from one another in a call.
const TAKEN_OVER_MAX: u32 = 32;

/// Makes the codec of one connection.
pub type MakeStt = Arc<dyn Fn() -> Box<dyn SttCodec> + Send + Sync>;

/// A recogniser behind a socket, and those that take over from it.
pub struct StreamingRecogniser {
    ways: Arc<[Way]>,
    /// Who else has something to send over the first one's socket calls by this.
    wake: Option<Arc<Notify>>,
}

/// One way to words.
#[derive(Clone)]
enum Way {
    Socket { hop: Hop, codec: MakeStt },
    Utterances(Utterances),
}

impl StreamingRecogniser {
    /// A recogniser at `hop`, spoken to by the codecs that `codec` makes: a new one for each connection.
    pub fn new(hop: Hop, codec: MakeStt) -> Self {
        let ways = [Way::Socket { hop, codec }].into();
        Self { ways, wake: None }
    }

    /// A recogniser that is given utterances, each when its words are asked for. `vendor` is what events call it, and
    /// `circuit` what calls know of it.
    pub fn by_utterance(
        vendor: &'static str,
        transcriber: Arc<dyn Transcriber>,
        circuit: Circuit,
    ) -> Self {
        let utterances = Utterances {
            vendor,
            transcriber,
            circuit,
        };
        let ways = [Way::Utterances(utterances)].into();
        Self { ways, wake: None }
    }

    /// The same with others behind it, in the order in which they take over; at most three in all.
    pub fn followed_by(self, others: impl IntoIterator<Item = Self>) -> Self {
        let others: Vec<Self> = others.into_iter().collect();
        let behind = others.iter().flat_map(|other| other.ways.iter());
        let ways = self.ways.iter().chain(behind).take(COUNT_MAX);
        Self {
            ways: ways.cloned().collect(),
            wake: self.wake,
        }
    }

    /// The same for one call alone, looked after whenever somebody calls by `wake`.
    pub(super) fn woken_by(self, wake: Arc<Notify>) -> Self {
        let wake = Some(wake);
        Self { wake, ..self }
    }
}

impl Recogniser for StreamingRecogniser {
    /// Must be called within a runtime: the call's connection is a task of its own, which ends when the listener is
    /// dropped.
    fn open(&self) -> Box<dyn Listener> {
        let wake = self.wake.clone().unwrap_or_default();
        let shared = Arc::new(Shared::new(wake));
        if let Some(first) = self.ways.first() {
            shared.begins_with(first.provider(0));
        }
        tokio::spawn(listen(Arc::clone(&self.ways), Arc::clone(&shared)));
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

    fn hasten(&mut self, haste: Haste) {
        self.shared.hasten(haste);
    }

    fn settle(&mut self, sample: u64) {
        self.shared.covered(sample);
    }

    fn finalize(&mut self) {
        self.shared.ask();
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<SttEvent>> {
        self.shared.poll_event(cx)
    }

    fn provider(&self) -> Provider {
        let known = self.shared.provider();
        known.unwrap_or_else(|| Provider::of(EMBEDDED))
    }

    fn taken_over(&mut self) -> Option<&'static str> {
        self.shared.taken_over()
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

async fn listen(ways: Arc<[Way]>, shared: Arc<Shared>) {
    let ending = Ending(&shared);
    let mut rota = Rota::new(ways.len(), 0);
    rota.begin(|at| ways[at].circuit().admits());
    if rota.at() > 0 {
        shared.take_over(ways[rota.at()].provider(rota.at()));
    }
    let mut taken_over = 0;
    let mut is_ready_told = false;
    loop {
        let way = &ways[rota.at()];
        let lost = match way {
            Way::Socket { hop, codec } => {
                Box::pin(by_socket(
                    hop,
                    codec,
                    &shared,
                    (rota.has_next(), ways.len() > 1),
                    &mut is_ready_told,
                ))
                .await
            }
            Way::Utterances(utterances) => {
                Box::pin(utterances.listen(&shared, rota.has_next())).await
            }
        };
        let Some(GivenUp {
            trouble,
            has_worked,
        }) = lost
        else {
            break;
        };
        if has_worked {
            rota.worked();
        }
        let is_over =
            taken_over >= TAKEN_OVER_MAX || !rota.failed(|at| ways[at].circuit().admits());
        let (provider, next) = (way.vendor(), ways[rota.at()].vendor());
        match is_over {
            true => tracing::warn!(provider, %trouble, "recogniser given up for this call"),
            false => {
                tracing::warn!(provider, next, %trouble, "recogniser given up, another takes over")
            }
        }
        if !is_over {
            shared.take_over(ways[rota.at()].provider(rota.at()));
            taken_over += 1;
        }
        if !shared.tell(SttEvent::Trouble { trouble, is_over }) || is_over {
            break;
        }
    }
    drop(ending);
}

/// A way that is of no use any more.
struct GivenUp {
    trouble: Trouble,
    /// It gave something that the call could use.
    has_worked: bool,
}

impl Way {
    fn vendor(&self) -> &'static str {
        match self {
            Self::Socket { hop, .. } => hop.provider,
            Self::Utterances(utterances) => utterances.vendor,
        }
    }

    /// Who that is, at this place in the order.
    fn provider(&self, place: usize) -> Provider {
        let provider = match self {
            Self::Socket { hop, .. } => hop.served_by(),
            Self::Utterances(utterances) => Provider {
                vendor: utterances.vendor,
                ..utterances.transcriber.provider()
            },
        };
        Provider {
            stands_in: place > 0,
            ..provider
        }
    }

    fn circuit(&self) -> &Circuit {
        match self {
            Self::Socket { hop, .. } => &hop.circuit,
            Self::Utterances(utterances) => &utterances.circuit,
        }
    }
}

/// Listens over as many connections as it takes; `None` when the call is over. Whether another recogniser stands ready
/// now, and whether there is another at all.
async fn by_socket(
    hop: &Hop,
    codec: &MakeStt,
    shared: &Shared,
    (mut has_next, has_others): (bool, bool),
    is_ready_told: &mut bool,
) -> Option<GivenUp> {
    let mut attempts = Attempts::new(has_next);
    let mut has_worked = false;
    loop {
        let (connect_patience, answer_patience) = match has_next {
            true => (CONNECT_BRIEF, ANSWER_BRIEF),
            false => (CONNECT_PATIENCE, ANSWER_PATIENCE),
        };
        let mut codec = codec();
        let handshake = codec.handshake();
        let opened = tokio::select! {
            biased;
            () = shared.hung_up() => return None,
            opened = Box::pin(hop.open(&handshake, connect_patience)) => opened,
        };
        let end = match opened {
            Ok(wire) => {
                let stalls = attempts.stalls;
                let connection =
                    Connection::new(wire, &mut *codec, shared, hop, stalls, answer_patience);
                Box::pin(connection.run(is_ready_told)).await
            }
            Err(error) => End::Lost(Lost {
                trouble: refused(&*codec, &error),
                was_useful: false,
                has_stalled: false,
                lived: Duration::ZERO,
            }),
        };
        hop.dropped(shared.take_dropped_ms());
        let End::Lost(lost) = end else { return None };
        has_worked |= lost.was_useful;
        if has_worked && has_others {
            // Those that failed before it may work again.
            has_next = true;
            attempts.be_brief();
        }
        if lost.has_stalled || !lost.was_useful && lost.lived < SHORT_LIFE {
            hop.met(&lost.trouble);
        }
        let pause = attempts.after(&lost);
        let trouble = lost.trouble;
        let Some(pause) = pause else {
            return Some(GivenUp {
                trouble,
                has_worked,
            });
        };
        tracing::info!(provider = hop.provider, %trouble, "recogniser lost");
        let kind = trouble.kind;
        let is_over = false;
        if !shared.tell(SttEvent::Trouble { trouble, is_over }) {
            return None;
        }
        hop.reconnecting(kind);
        if timeout(pause, shared.hung_up()).await.is_ok() {
            return None;
        }
    }
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
