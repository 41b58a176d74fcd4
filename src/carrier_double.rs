//! A simulated carrier: one telephone call, as Twilio's media socket brings it, without a telephone.
//!
//! [`Carrier::connect`] opens the socket, announces the call and from then on sends a 20 ms frame of the caller every
//! 20 ms, at absolute times, line noise where the caller is silent. What the server sends is queued and played in real
//! time, marks come back when what stood before them has been played, `clear` empties the queue: a server cannot tell
//! it from the carrier. It is as strict as the carrier, and keeps what the server did wrong; it records both directions
//! on one clock and measures how fast the agent answered.
//!
//! A caller is a script of async calls: speak, wait until the agent is quiet, press a key, hang up.
//!
//! The clock is tokio's, so that a test over an in-memory stream ([`Carrier::connect_over`]) can pause it and see a call
//! of minutes in milliseconds.

mod instructions;
mod line;
mod noise;
mod playout;
mod record;
pub mod rest;

#[cfg(test)]
mod tests;

pub use instructions::{Instructions, NotUnderstood};
pub use record::{CallRecord, Ending, Turn, Violation};

use line::{Line, LineState, Order};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, handshake::client::Request};
use trunkline_core::wire::twilio::{CarrierStart, MESSAGE_BYTES_MAX};
use trunkline_media::g711::{mulaw_decode, mulaw_encode_into};

/// Longest time for the socket to open.
const CONNECT_MS_MAX: u64 = 10_000;
/// Orders of a script that may wait.
const ORDERS_MAX: usize = 32;
/// Events kept for a script that does not read them; the oldest are lost first.
const EVENTS_MAX: usize = 1_024;
/// Longest single utterance, in samples: five minutes.
const SPEECH_SAMPLES_MAX: usize = 5 * 60 * 8_000;

/// What a call says of itself, and what its line is like.
#[derive(Clone, Debug)]
pub struct CallSetup {
    /// Ids and `<Parameter>` values, as the carrier announces them.
    pub start: CarrierStart,
    /// Headers of the upgrade request, such as `X-Twilio-Signature`.
    pub headers: Vec<(String, String)>,
    /// Level of the noise between the caller's words, in dBFS; `None` is digital silence.
    pub noise_dbfs: Option<f32>,
    /// What is to be heard where the caller is, under their words too, over and over; nothing if absent.
    pub background: Option<Speech>,
    /// Makes the noise.
    pub seed: u64,
    /// Hang up after this long.
    pub call_ms_max: u64,
    /// How much faster than the machine's the line's own clock runs, in millionths: no two clocks are the same.
    /// At most 1,000 either way counts.
    pub clock_ppm: i32,
}

impl CallSetup {
    /// A call whose ids and noise follow from `seed`: the same seed, the same call.
    pub fn new(seed: u64) -> Self {
        let id = |prefix: &str, salt: u64| {
            let high = noise::mix(seed ^ salt);
            format!("{prefix}{high:016x}{:016x}", noise::mix(high ^ salt))
        };
        Self {
            start: CarrierStart {
                account: id("AC", 1),
                carrier_call_id: id("CA", 2),
                stream_id: id("MZ", 3),
                parameters: BTreeMap::new(),
            },
            headers: Vec::new(),
            noise_dbfs: Some(-62.0),
            background: None,
            seed,
            call_ms_max: 30 * 60 * 1_000,
            clock_ppm: 0,
        }
    }

    /// Adds a `<Parameter>` (the token that says whose call it is, say).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.start.parameters.insert(name.into(), value.into());
        self
    }

    /// Adds a header of the upgrade request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Why a call did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The carrier drops query strings: what the server must know goes into the path or into parameters.
    #[error("a media URL has no query string")]
    QueryInUrl,
    /// A URL or header that cannot be sent.
    #[error("not a request that can be sent")]
    BadRequest,
    /// The server answered the upgrade with another status (the carrier's error 31920).
    #[error("the server answered {0} to the upgrade")]
    Refused(u16),
    /// No connection, or no answer to the upgrade.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The socket did not open in 10 s (31901).
    #[error("the server did not answer in time")]
    TimedOut,
}

/// The call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call is over")]
pub struct CallOver;

/// What happened on the line. Times are milliseconds since the stream began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent became audible after at least 200 ms of silence, or after a clear.
    AgentStarted {
        /// Its first audible sample.
        at_ms: u64,
    },
    /// The agent has been inaudible for 200 ms, or was cleared.
    AgentQuiet {
        /// The end of its last audible sample.
        at_ms: u64,
    },
    /// The server emptied the queue.
    Cleared {
        /// When.
        at_ms: u64,
        /// Audio that was never played.
        discarded_ms: u64,
    },
    /// A mark went back to the server.
    MarkEchoed {
        /// The server's name for it.
        name: String,
        /// True if what stood before it was played; false if it was cleared.
        played: bool,
        /// When.
        at_ms: u64,
    },
    /// The server closed the socket.
    ServerClosed {
        /// The close code, if one came.
        code: Option<u16>,
        /// When.
        at_ms: u64,
    },
}

/// What a caller says: mu-law at 8 kHz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech(Vec<u8>);

impl Speech {
    /// Raw mu-law, 8 kHz mono. Cut at five minutes.
    pub fn mulaw(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(SPEECH_SAMPLES_MAX);
        Self(bytes)
    }

    /// 16-bit samples at 8 kHz, mono. Cut at five minutes.
    pub fn pcm(samples: &[i16]) -> Self {
        let mut bytes = Vec::with_capacity(samples.len().min(SPEECH_SAMPLES_MAX));
        mulaw_encode_into(
            &samples[..samples.len().min(SPEECH_SAMPLES_MAX)],
            &mut bytes,
        );
        Self(bytes)
    }

    /// Length in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.0.len() as u64 / 8
    }

    /// Samples up to and with the last audible one; all of them if none is.
    fn audible_samples(&self) -> usize {
        let audible = |b: &u8| mulaw_decode(*b).unsigned_abs() >= record::AUDIBLE;
        self.0
            .iter()
            .rposition(audible)
            .map_or(self.0.len(), |at| at + 1)
    }
}

/// One call in progress. Dropping it hangs up.
#[derive(Debug)]
pub struct Carrier {
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<LineState>,
    events: broadcast::Sender<Event>,
    line: JoinHandle<CallRecord>,
}

impl Carrier {
    /// Calls the server at `url` (`ws://…`, without a query string) and announces the call.
    pub async fn connect(url: &str, setup: CallSetup) -> Result<Self, ConnectError> {
        let request = request(url, &setup)?;
        let opening = tokio_tungstenite::connect_async_with_config(request, Some(limits()), true);
        let (socket, _) = in_time(opening).await?;
        Ok(Self::begin(socket, setup))
    }

    /// The same over a stream that is already there, such as one half of `tokio::io::duplex`.
    pub async fn connect_over<S>(
        stream: S,
        url: &str,
        setup: CallSetup,
    ) -> Result<Self, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = request(url, &setup)?;
        let opening = tokio_tungstenite::client_async_with_config(request, stream, Some(limits()));
        let (socket, _) = in_time(opening).await?;
        Ok(Self::begin(socket, setup))
    }

    fn begin<S>(socket: tokio_tungstenite::WebSocketStream<S>, setup: CallSetup) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let (state_out, state) = watch::channel(LineState::default());
        let line = Line::new(socket, setup, inbox, events.clone(), state_out);
        Self {
            orders,
            state,
            events,
            line: tokio::spawn(line.run()),
        }
    }

    /// Speaks, and returns when the last frame has been sent.
    pub async fn speak(&mut self, speech: Speech) -> Result<(), CallOver> {
        self.start_speaking(speech).await?;
        self.until(|s| s.spoken == s.ordered).await
    }

    /// Begins to speak and returns at once; what is being said goes on before it.
    pub async fn start_speaking(&mut self, speech: Speech) -> Result<(), CallOver> {
        let before = self.state.borrow().ordered;
        self.order(Order::Speak(speech)).await?;
        self.until(|s| s.ordered > before).await
    }

    /// Says nothing for a while.
    pub async fn stay_silent(&mut self, for_ms: u64) -> Result<(), CallOver> {
        let end = self.state.borrow().position + for_ms * 8;
        self.until(|s| s.position >= end).await
    }

    /// Presses a key: `0`–`9`, `*`, `#`, `A`–`D`.
    pub async fn press(&self, key: char) -> Result<(), CallOver> {
        self.order(Order::Press(key)).await
    }

    /// Holds the caller's frames back for a while, as a bad line does; then they come all at once.
    pub async fn stall(&self, for_ms: u64) -> Result<(), CallOver> {
        self.order(Order::Stall { for_ms }).await
    }

    /// Hangs up: `stop`, then the socket closes.
    pub async fn hang_up(&self) -> Result<(), CallOver> {
        self.order(Order::HangUp { say_stop: true }).await
    }

    /// Hangs up without a `stop`, as happens too.
    pub async fn cut_off(&self) -> Result<(), CallOver> {
        self.order(Order::HangUp { say_stop: false }).await
    }

    /// Waits until the agent has been inaudible for `for_ms`.
    pub async fn wait_until_agent_quiet(&mut self, for_ms: u64) -> Result<(), CallOver> {
        self.until(|s| s.position >= s.quiet_since + for_ms * 8 && s.queued == 0)
            .await
    }

    /// Waits until the agent has been speaking for `for_ms` without a pause of 200 ms.
    pub async fn wait_agent_speaking_ms(&mut self, for_ms: u64) -> Result<(), CallOver> {
        self.until(|s| {
            s.run_started
                .is_some_and(|start| s.position >= start + for_ms * 8)
        })
        .await
    }

    /// Waits for the answer to the caller's last turn (for the greeting, if there was none): the response in milliseconds.
    pub async fn wait_for_answer(&mut self) -> Result<u64, CallOver> {
        self.until(|s| {
            s.turn
                .map_or(s.run_started.is_some(), |t| t.answered_ms.is_some())
        })
        .await?;
        let state = self.state.borrow();
        Ok(state
            .turn
            .map_or(state.run_started.map(|at| at / 8), |t| t.response_ms())
            .unwrap_or(0))
    }

    /// Waits until the server has closed the socket.
    pub async fn wait_until_over(&mut self) {
        while !self.state.borrow().over && self.state.changed().await.is_ok() {}
    }

    /// Hangs this call up from elsewhere.
    pub fn hanger(&self) -> HangUp {
        HangUp(self.orders.downgrade())
    }

    /// Whether agent audio is queued or audible now.
    pub fn agent_is_playing(&self) -> bool {
        let state = self.state.borrow();
        state.queued > 0 || state.run_started.is_some()
    }

    /// Since when the agent has been speaking without a pause of 200 ms; `None` while it is not.
    pub fn agent_since_ms(&self) -> Option<u64> {
        let state = self.state.borrow();
        state.run_started.map(|at| at / 8)
    }

    /// The end of the agent's last audible sound.
    pub fn agent_quiet_since_ms(&self) -> u64 {
        self.state.borrow().quiet_since / 8
    }

    /// Whether something of what the caller says is still to be sent.
    pub fn caller_is_speaking(&self) -> bool {
        let state = self.state.borrow();
        state.spoken < state.ordered
    }

    /// Whether the call is over.
    pub fn is_over(&self) -> bool {
        self.state.borrow().over
    }

    /// Milliseconds since the stream began.
    pub fn position_ms(&self) -> u64 {
        self.state.borrow().position / 8
    }

    /// What happens from now on; a reader that falls 1,024 events behind loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Hangs up if need be, and returns what was recorded.
    pub async fn finish(self) -> Result<CallRecord, CallOver> {
        // A call that is over needs no hanging up.
        let _ = self.hang_up().await;
        self.line.await.map_err(|_| CallOver)
    }

    async fn order(&self, order: Order) -> Result<(), CallOver> {
        self.orders.send(order).await.map_err(|_| CallOver)
    }

    async fn until(&mut self, holds: impl Fn(&LineState) -> bool) -> Result<(), CallOver> {
        let state = self
            .state
            .wait_for(|s| s.over || holds(s))
            .await
            .map_err(|_| CallOver)?;
        if holds(&state) { Ok(()) } else { Err(CallOver) }
    }
}

/// Hangs a call up, whoever holds its line. Keeping it does not keep the call.
#[derive(Clone, Debug)]
pub struct HangUp(mpsc::WeakSender<Order>);

impl HangUp {
    /// `stop`, then the socket closes. A call that is over needs no hanging up.
    pub async fn hang_up(&self) {
        if let Some(orders) = self.0.upgrade() {
            let _ = orders.send(Order::HangUp { say_stop: true }).await;
        }
    }
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(16 * MESSAGE_BYTES_MAX))
        .max_frame_size(Some(16 * MESSAGE_BYTES_MAX))
}

fn request(url: &str, setup: &CallSetup) -> Result<Request, ConnectError> {
    if url.contains('?') {
        return Err(ConnectError::QueryInUrl);
    }
    let mut request = url
        .into_client_request()
        .map_err(|_| ConnectError::BadRequest)?;
    for (name, value) in &setup.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| ConnectError::BadRequest)?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| ConnectError::BadRequest)?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

async fn in_time<T>(
    opening: impl Future<Output = Result<T, tungstenite::Error>>,
) -> Result<T, ConnectError> {
    match tokio::time::timeout(Duration::from_millis(CONNECT_MS_MAX), opening).await {
        Err(_) => Err(ConnectError::TimedOut),
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(tungstenite::Error::Http(answer))) => {
            Err(ConnectError::Refused(answer.status().as_u16()))
        }
        Ok(Err(error)) => Err(ConnectError::Unreachable(error.to_string())),
    }
}
