//! The socket of one call: the caller's frames out in real time, the server's messages in, marks back.

use crate::caller::{Caller, Said};
use crate::clock::{Clock, Micros, ms};
use crate::socket::{Received, Socket};
use crate::tally::Lateness;
use std::cell::RefCell;
use std::io::Result;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_core::wire::twilio::{CarrierSide, Outgoing, check_outgoing};

/// How long the server may take to close its side.
const CLOSES: Duration = Duration::from_secs(2);
const FRAME: Micros = ms(20);
/// What any message that is sent often has room in.
const TEXT_BYTES: usize = 512;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The caller had said all.
    HungUp,
    /// The server closed the socket, with this code.
    ByServer(Option<u16>),
    /// Otherwise than it should.
    Failed(String),
}

/// What a call's socket needs besides the caller.
pub(crate) struct Line<'a, S> {
    pub(crate) socket: Socket<S>,
    pub(crate) side: CarrierSide,
    pub(crate) clock: Clock,
    /// Frames that were due in the window are noted here.
    pub(crate) lateness: &'a RefCell<Lateness>,
    pub(crate) window: (Micros, Micros),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<'_, S> {
    /// Holds the call until one of the two ends it.
    pub(crate) async fn hold(mut self, caller: &mut Caller) -> End {
        let talked = self.talk(caller).await;
        let end = talked.unwrap_or_else(|error| End::Failed(error.to_string()));
        caller.hung_up(self.clock.now());
        if end == End::HungUp {
            let closing = async {
                self.socket.close(None).await.ok();
                while let Ok(Received::Text(_) | Received::Binary(_) | Received::Ping) =
                    self.socket.next().await
                {}
            };
            let _ = tokio::time::timeout(CLOSES, closing).await;
        }
        end
    }

    async fn talk(&mut self, caller: &mut Caller) -> Result<End> {
        let mut text = String::new();
        self.side.connected(&mut text);
        self.socket.text(&text);
        self.side.start(&mut text);
        self.socket.text(&text);
        drop(text);
        self.socket.flush().await?;
        let clock = self.clock;
        let begun = clock.now();
        let mut frames = 0;
        let mut due = begun;
        let mut tick = pin!(clock.until(due));
        loop {
            tokio::select! {
                biased;
                () = &mut tick => {
                    let now = self.clock.now();
                    if (self.window.0..self.window.1).contains(&due) {
                        self.lateness.borrow_mut().note(now.saturating_sub(due));
                    }
                    if self.speak(caller, now, frames).await? {
                        return Ok(End::HungUp);
                    }
                    frames += 1;
                    due = begun + frames * FRAME;
                    tick.set(clock.until(due));
                }
                received = self.socket.next() => {
                    let now = self.clock.now();
                    match received? {
                        Received::Close(code) => return Ok(End::ByServer(code)),
                        Received::Binary(_) => caller.tally.refused += 1,
                        Received::Ping => self.socket.flush().await?,
                        Received::Text(message) => {
                            match check_outgoing(message, self.side.stream_id()) {
                                Ok(Outgoing::Media { audio }) => caller.heard(now, &audio),
                                Ok(Outgoing::Clear) => caller.cleared(now),
                                Ok(Outgoing::Mark { name }) => caller.playout.mark(now, name),
                                Err(_) => caller.tally.refused += 1,
                            }
                            if self.return_marks(caller, now) {
                                self.socket.flush().await?;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Sends what is due; true if the caller has hung up.
    async fn speak(&mut self, caller: &mut Caller, now: Micros, at: u64) -> Result<bool> {
        self.return_marks(caller, now);
        // Not kept from frame to frame: a thousand callers have the same memory in turn, which is at hand.
        let mut text = String::with_capacity(TEXT_BYTES);
        let (key, frame) = match caller.say(now, at) {
            Said::Goodbye => {
                self.side.stop(&mut text);
                self.socket.text(&text);
                self.socket.flush().await?;
                return Ok(true);
            }
            Said::Frame(frame) => (None, frame),
            Said::Key(key, frame) => (Some(key), frame),
        };
        self.side.media(at * 20, frame, &mut text);
        self.socket.text(&text);
        if let Some(key) = key {
            self.side.key(key, &mut text);
            self.socket.text(&text);
        }
        drop(text);
        self.socket.flush().await?;
        Ok(false)
    }

    /// Whether there are any.
    fn return_marks(&mut self, caller: &mut Caller, now: Micros) -> bool {
        let mut is_any = false;
        while let Some(name) = caller.playout.returned(now) {
            let mut text = String::with_capacity(TEXT_BYTES);
            caller.tally.marks += 1;
            self.side.mark(&name, &mut text);
            self.socket.text(&text);
            is_any = true;
        }
        is_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Script;
    use crate::speech::{Speech, VOICE_PEAK};
    use crate::tally::Spread;
    use futures_util::{SinkExt as _, StreamExt as _};
    use serde_json::Value;
    use std::rc::Rc;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;
    use trunkline_core::wire::twilio::{CarrierStart, clear, mark, media};
    use trunkline_media::g711::{mulaw_decode, mulaw_encode};

    /// Answers every turn 300 ms after its last voiced frame, with a mark behind the answer.
    async fn serve(
        mut socket: WebSocketStream<tokio::io::DuplexStream>,
        clock: Clock,
    ) -> (u64, u64) {
        let (mut marks, mut asked, mut out) = (0, 0, String::new());
        let (mut quiet, mut heard) = (0, false);
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { break };
            let value: Value = serde_json::from_str(text.as_str()).unwrap();
            marks += u64::from(value["event"] == "mark");
            let Some(payload) = value["media"]["payload"].as_str() else {
                continue;
            };
            use base64::Engine as _;
            let audio = base64::engine::general_purpose::STANDARD
                .decode(payload)
                .unwrap();
            let is_voice = audio
                .iter()
                .any(|&c| mulaw_decode(c).unsigned_abs() > VOICE_PEAK);
            quiet = if is_voice { 0 } else { quiet + 20 };
            heard |= is_voice;
            if heard && quiet == 300 {
                heard = false;
                clear("MZ1", &mut out);
                socket.send(Message::text(out.clone())).await.unwrap();
                let tone: Vec<u8> = crate::tone::sine(440.0, 8_000, 8_000, 9_000.0)
                    .into_iter()
                    .map(mulaw_encode)
                    .collect();
                media("MZ1", &tone, &mut out);
                socket.send(Message::text(out.clone())).await.unwrap();
                mark("MZ1", "behind", &mut out);
                socket.send(Message::text(out.clone())).await.unwrap();
                asked += 1;
            }
        }
        let _ = clock;
        (marks, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_over_a_socket_measures_what_the_server_does() {
        let (near, far) = tokio::io::duplex(1 << 16);
        let socket = Socket::of_client(near, Vec::new(), [1, 2, 3, 4]);
        let clock = Clock::new();
        let server = tokio::spawn(async move {
            serve(
                WebSocketStream::from_raw_socket(far, Role::Server, None).await,
                clock,
            )
            .await
        });
        let mut script = Script::usual(Speech::bundled().unwrap());
        script.hesitate = 0.0;
        script.barge_every = 0;
        script.window_to = ms(40_000);
        let mut caller = Caller::new(Rc::new(script), 0, 5, 0);
        let side = CarrierSide::new(CarrierStart {
            account: "AC1".into(),
            carrier_call_id: "CA1".into(),
            stream_id: "MZ1".into(),
            parameters: Default::default(),
        });
        let lateness = RefCell::default();
        let line = Line {
            socket,
            side,
            clock,
            lateness: &lateness,
            window: (0, ms(40_000)),
        };
        assert_eq!(line.hold(&mut caller).await, End::HungUp);
        let tally = caller.tally;
        let (marks, asked) = server.await.unwrap();
        assert!(tally.turns >= 6, "{}", tally.turns);
        // The last turn may end beyond the window.
        assert!(marks == asked && (asked == tally.turns || asked == tally.turns + 1));
        assert_eq!(
            (tally.unverified, tally.marks, tally.refused),
            (tally.turns, marks, 0)
        );
        let spread = Spread::of(&tally.plain);
        assert!(
            (299.0..=302.0).contains(&spread.p50) && spread.max <= 302.0,
            "{spread:?}"
        );
        assert!(lateness.borrow().percentile(1.0) <= 1);
    }
}
