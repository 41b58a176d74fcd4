//! The task of one simulated call: it owns the socket, paces the caller's frames and plays the agent's.

use super::noise::Noise;
use super::playout::Playout;
use super::record::{CallRecord, Ending, Recorder, Turn};
use super::{CallSetup, Event, Speech};
use futures_util::{SinkExt as _, StreamExt as _};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use trunkline_core::wire::twilio::{CarrierSide, Outgoing, check_outgoing};
use trunkline_media::g711::{mulaw_decode, mulaw_encode};

/// Samples of one frame.
const FRAME: usize = 160;
/// Time of one sample on a line whose clock is the machine's, in nanoseconds.
const SAMPLE_NS: u128 = 125_000;
/// Furthest that the line's clock may be from the machine's, in millionths.
const CLOCK_PPM_MAX: i32 = 1_000;
/// A server that takes nothing for this long is not reading.
const SEND_MS_MAX: u64 = 5_000;
/// Longest time for the server to answer a close.
const CLOSE_MS_MAX: u64 = 5_000;

/// What a script asks of the line.
#[derive(Debug)]
pub(super) enum Order {
    Speak(Speech),
    Press(char),
    Stall { for_ms: u64 },
    HangUp { say_stop: bool },
}

/// What a script may wait for. Positions are samples of 8 kHz.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineState {
    pub(super) position: u64,
    /// The end of the agent's last audible sample.
    pub(super) quiet_since: u64,
    /// Where the agent's audible run began, if it is speaking.
    pub(super) run_started: Option<u64>,
    pub(super) queued: u64,
    /// Utterances ordered, and those sent whole.
    pub(super) ordered: u64,
    pub(super) spoken: u64,
    pub(super) turn: Option<Turn>,
    pub(super) over: bool,
}

/// An utterance on its way.
struct Saying {
    speech: Speech,
    audible_samples: usize,
    sent: usize,
}

pub(super) struct Line<S> {
    socket: WebSocketStream<S>,
    side: CarrierSide,
    inbox: mpsc::Receiver<Order>,
    events: broadcast::Sender<Event>,
    state: watch::Sender<LineState>,
    began: Instant,
    /// Nanoseconds of the line's clock in a millisecond of the machine's.
    pace: u128,
    frames_sent: u64,
    stalled_until: u64,
    call_samples_max: u64,
    saying: VecDeque<Saying>,
    ordered: u64,
    spoken: u64,
    noise: Noise,
    background: Option<Speech>,
    playout: Playout,
    ran_dry_at: Option<u64>,
    recorder: Recorder,
    text: String,
}

/// Mixes a sound that goes on over and over into a frame that begins at sample `place`.
fn put_under(frame: &mut [u8], sound: &[u8], place: u64) {
    let from = usize::try_from(place % sound.len() as u64).unwrap_or(0);
    for (byte, under) in frame.iter_mut().zip(sound.iter().cycle().skip(from)) {
        let both = mulaw_decode(*byte).saturating_add(mulaw_decode(*under));
        *byte = mulaw_encode(both);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    pub(super) fn new(
        socket: WebSocketStream<S>,
        setup: CallSetup,
        inbox: mpsc::Receiver<Order>,
        events: broadcast::Sender<Event>,
        state: watch::Sender<LineState>,
    ) -> Self {
        Self {
            socket,
            side: CarrierSide::new(setup.start),
            inbox,
            events,
            state,
            began: now(),
            pace: pace(setup.clock_ppm),
            frames_sent: 0,
            stalled_until: 0,
            call_samples_max: setup.call_ms_max.saturating_mul(8),
            saying: VecDeque::new(),
            ordered: 0,
            spoken: 0,
            noise: Noise::new(setup.noise_dbfs, setup.seed),
            background: setup.background.filter(|sound| !sound.0.is_empty()),
            playout: Playout::default(),
            ran_dry_at: None,
            recorder: Recorder::default(),
            text: String::new(),
        }
    }

    /// The whole call.
    pub(super) async fn run(mut self) -> CallRecord {
        let ending = match self.talk().await {
            Ok(ending) | Err(ending) => ending,
        };
        self.play_up_to_now();
        self.publish(true);
        self.recorder.finish(ending)
    }

    /// `Err` is an ending too: the one that cut a step short.
    async fn talk(&mut self) -> Result<Ending, Ending> {
        self.side.connected(&mut self.text);
        self.send().await?;
        self.began = now();
        self.side.start(&mut self.text);
        self.send().await?;
        loop {
            let wake = sleep_until(self.due());
            tokio::select! {
                biased;
                () = wake => self.on_time().await?,
                order = self.inbox.recv() => match order {
                    Some(Order::HangUp { say_stop }) => return self.hang_up(say_stop).await,
                    Some(order) => self.on_order(order).await?,
                    None => return self.hang_up(true).await,
                },
                message = self.socket.next() => self.on_message(message).await?,
            }
            if self.playout.position() >= self.call_samples_max {
                self.hang_up(true).await?;
                return Ok(Ending::TooLong);
            }
            self.publish(false);
        }
    }

    /// When something is to be done next: a frame to send or a mark to return.
    fn due(&self) -> Instant {
        let frame = self.frame_ends().max(self.stalled_until);
        let next = self
            .playout
            .next_mark()
            .map_or(frame, |mark| mark.min(frame));
        // Not before: whoever wakes then finds the sample there.
        let after_ns = (u128::from(next) * SAMPLE_NS * 1_000_000).div_ceil(self.pace);
        self.began + Duration::from_nanos(u64::try_from(after_ns).unwrap_or(u64::MAX))
    }

    /// The sample with which the next frame is complete: a carrier cannot send what it has not heard yet.
    fn frame_ends(&self) -> u64 {
        (self.frames_sent + 1) * FRAME as u64
    }

    fn position(&self) -> u64 {
        let since = now().saturating_duration_since(self.began);
        let line_ns = since.as_nanos() * self.pace / 1_000_000;
        u64::try_from(line_ns / SAMPLE_NS).unwrap_or(u64::MAX)
    }

    async fn on_time(&mut self) -> Result<(), Ending> {
        let reached = self.play_up_to_now();
        self.echo(reached, true).await?;
        let position = self.playout.position();
        if position < self.stalled_until {
            return Ok(());
        }
        while self.frame_ends() <= position {
            self.send_frame().await?;
        }
        Ok(())
    }

    /// Plays, records and listens; the marks that were reached.
    fn play_up_to_now(&mut self) -> Vec<String> {
        let position = self.position();
        let queued = self.playout.queued();
        if queued > 0 && self.playout.position() + queued <= position {
            self.ran_dry_at = Some(self.playout.position() + queued);
        }
        let reached = self.playout.advance(position, &mut self.recorder.agent);
        let mut heard = Vec::new();
        self.recorder.listen(&mut heard);
        self.tell(heard);
        reached
    }

    async fn send_frame(&mut self) -> Result<(), Ending> {
        let place = self.frames_sent * FRAME as u64;
        let sent_at = self.playout.position() / 8;
        let mut frame = [0_u8; FRAME];
        self.noise.fill(&mut frame);
        let mut filled = 0;
        while filled < FRAME
            && let Some(saying) = self.saying.front_mut()
        {
            if saying.sent == 0 {
                self.recorder.turn_started(place / 8);
            }
            let left = &saying.speech.0[saying.sent..];
            let take = left.len().min(FRAME - filled);
            frame[filled..filled + take].copy_from_slice(&left[..take]);
            let ends = saying.sent < saying.audible_samples
                && saying.sent + take >= saying.audible_samples;
            saying.sent += take;
            filled += take;
            if ends {
                self.recorder.turn_ended(sent_at);
            }
            if saying.sent >= saying.speech.0.len() {
                self.saying.pop_front();
                self.spoken += 1;
            }
        }
        if let Some(background) = &self.background {
            put_under(&mut frame, &background.0, place);
        }
        self.recorder.caller_sent(place, &frame);
        self.side.media(place / 8, &frame, &mut self.text);
        self.frames_sent += 1;
        self.send().await
    }

    async fn on_order(&mut self, order: Order) -> Result<(), Ending> {
        match order {
            Order::Speak(speech) => {
                self.ordered += 1;
                if speech.0.is_empty() {
                    self.spoken += 1;
                } else {
                    let audible_samples = speech.audible_samples();
                    self.saying.push_back(Saying {
                        speech,
                        audible_samples,
                        sent: 0,
                    });
                }
                Ok(())
            }
            Order::Press(key) => {
                self.side.key(key, &mut self.text);
                self.send().await
            }
            Order::Stall { for_ms } => {
                self.stalled_until = self.position().saturating_add(for_ms.saturating_mul(8));
                Ok(())
            }
            Order::HangUp { .. } => Ok(()),
        }
    }

    async fn on_message(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Ending> {
        let reached = self.play_up_to_now();
        self.echo(reached, true).await?;
        match message {
            Some(Ok(Message::Text(text))) => self.on_text(text.as_str()).await,
            Some(Ok(Message::Binary(_))) => {
                self.violation(31950, "a binary frame");
                Ok(())
            }
            Some(Ok(Message::Close(frame))) => Err(self.closed(frame.as_ref())),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Err(Error::ConnectionClosed)) => Err(self.closed(None)),
            Some(Err(Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_))) => {
                self.violation(31924, "a breach of the WebSocket protocol");
                Err(Ending::Broken)
            }
            Some(Err(_)) | None => {
                self.violation(31921, "the socket ended without a close frame");
                Err(Ending::Broken)
            }
        }
    }

    async fn on_text(&mut self, text: &str) -> Result<(), Ending> {
        match check_outgoing(text, self.side.stream_id()) {
            Ok(Outgoing::Media { audio }) => {
                self.recorder.media_received += 1;
                if let Some(dry) = self.ran_dry_at.take() {
                    self.recorder
                        .refilled(self.playout.position().saturating_sub(dry));
                }
                if !self.playout.queue(&audio) {
                    self.violation(31931, "more than ten minutes queued");
                }
                Ok(())
            }
            Ok(Outgoing::Mark { name }) => match self.playout.mark(name) {
                Ok(at_once) => self.echo(at_once.into_iter().collect(), true).await,
                Err(_) => {
                    self.violation(31951, "too many marks");
                    Ok(())
                }
            },
            Ok(Outgoing::Clear) => {
                let (discarded, marks) = self.playout.clear();
                self.ran_dry_at = None;
                let mut events = Vec::new();
                self.recorder.cleared(discarded, &mut events);
                self.tell(events);
                self.echo(marks, false).await
            }
            Err(refused) => {
                self.violation(31951, &refused.to_string());
                Ok(())
            }
        }
    }

    async fn echo(&mut self, names: Vec<String>, played: bool) -> Result<(), Ending> {
        let at_ms = self.playout.position() / 8;
        for name in names {
            self.side.mark(&name, &mut self.text);
            self.send().await?;
            self.tell([Event::MarkEchoed {
                name,
                played,
                at_ms,
            }]);
        }
        Ok(())
    }

    async fn hang_up(&mut self, say_stop: bool) -> Result<Ending, Ending> {
        self.play_up_to_now();
        if say_stop {
            self.side.stop(&mut self.text);
            self.send().await?;
        }
        let normal = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let closing = async {
            let _ = self.socket.close(Some(normal)).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        // A server that does not answer the close changes nothing for the caller.
        let _ = timeout(Duration::from_millis(CLOSE_MS_MAX), closing).await;
        Ok(Ending::CallerHungUp)
    }

    fn closed(&mut self, frame: Option<&CloseFrame>) -> Ending {
        let code = frame.map(|f| u16::from(f.code));
        if code.is_some_and(|c| !matches!(c, 1000 | 1001 | 1005)) {
            self.violation(31921, "an abnormal close code");
        }
        self.tell([Event::ServerClosed {
            code,
            at_ms: self.playout.position() / 8,
        }]);
        Ending::ServerClosed(code)
    }

    async fn send(&mut self) -> Result<(), Ending> {
        let message = Message::text(self.text.as_str());
        match timeout(
            Duration::from_millis(SEND_MS_MAX),
            self.socket.send(message),
        )
        .await
        {
            Ok(Ok(())) => Ok(()),
            // The server's close may be waiting to be read: it tells how the call ended.
            Ok(Err(_)) => Err(self.last_words().await),
            Err(_) => {
                self.violation(0, "the server does not read");
                Err(Ending::Broken)
            }
        }
    }

    async fn last_words(&mut self) -> Ending {
        let reading = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => return Some(frame),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        match timeout(Duration::from_millis(CLOSE_MS_MAX), reading)
            .await
            .ok()
            .flatten()
        {
            Some(frame) => self.closed(frame.as_ref()),
            None => {
                self.violation(31921, "the socket ended without a close frame");
                Ending::Broken
            }
        }
    }

    fn violation(&mut self, code: u16, what: &str) {
        let at_ms = self.playout.position() / 8;
        self.recorder.violation(code, what, at_ms);
    }

    fn tell(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            // Nobody may be listening.
            let _ = self.events.send(event);
        }
    }

    fn publish(&self, over: bool) {
        let (quiet_since, run_started) = self.recorder.agent_state();
        self.state.send_replace(LineState {
            position: self.playout.position(),
            quiet_since: quiet_since.unwrap_or(0),
            run_started,
            queued: self.playout.queued(),
            ordered: self.ordered,
            spoken: self.spoken,
            turn: self.recorder.turn(),
            over,
        });
    }
}

fn pace(clock_ppm: i32) -> u128 {
    let ppm = clock_ppm.clamp(-CLOCK_PPM_MAX, CLOCK_PPM_MAX);
    u128::from((1_000_000 + ppm).unsigned_abs())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the line has a clock of its own, tokio's, which tests pause"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_goes_on_over_and_over_under_what_is_said() {
        let (said, hum) = (mulaw_encode(8_000), mulaw_encode(400));
        // Three samples of hum and one of silence, of which the second frame begins with the last.
        let sound = [hum, hum, hum, mulaw_encode(0)];
        let mut frame = [said, mulaw_encode(0), said];
        put_under(&mut frame, &sound, 7);
        let heard = frame.map(mulaw_decode);
        let alone = mulaw_decode(said);
        assert_eq!(heard[0], alone);
        assert!((300..500).contains(&heard[1]), "{heard:?}");
        assert!(heard[2] > alone, "{heard:?}");
    }
}
