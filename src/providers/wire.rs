//! An open socket to a provider: both directions at once, neither holding up the other.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink as _, Stream as _};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use trunkline_core::wire::link::{Received, Sent};

use crate::clock;
use crate::egress::Socket;

/// How long a socket may take nothing before it is given up.
const SEND_PATIENCE: Duration = Duration::from_secs(3);
/// How long a farewell may take.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(1);

/// A socket and what waits to be sent.
pub(super) struct Wire {
    socket: Socket,
    outbox: VecDeque<Message>,
    is_unflushed: bool,
    /// Since when nothing of what waits was taken.
    stuck_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// What happened.
pub(super) enum Heard {
    /// A message came.
    Message(Message),
    /// Everything was taken: there is room for more.
    Clear,
    /// Somebody called.
    Woken,
    /// It is time.
    Due,
    /// The socket is of no use any more.
    Gone(Gone),
}

/// How a socket ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The other side closed it.
    Closed {
        /// The code, 1005 if it gave none.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// It broke off.
    Cut,
    /// The other side does not read.
    Stuck,
    /// What came is no WebSocket message, or too long a one.
    Nonsense(&'static str),
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            outbox: VecDeque::new(),
            is_unflushed: false,
            stuck_since: None,
            timer: Box::pin(sleep_until(clock::timer_now())),
        }
    }

    /// Puts messages behind what waits.
    pub(super) fn send(&mut self, messages: &mut Vec<Sent>) {
        self.outbox
            .extend(messages.drain(..).map(|sent| match sent {
                Sent::Text(text) => Message::Text(text.into()),
                Sent::Binary(bytes) => Message::Binary(bytes.into()),
            }));
    }

    /// Nothing waits to be handed to the socket.
    pub(super) fn is_clear(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Waits for the first of: a message, a call by `wake`, `due`, and, if it is wanted, room for more. Sends what waits
    /// meanwhile.
    pub(super) async fn next(
        &mut self,
        wake: &Notify,
        due: Instant,
        is_room_wanted: bool,
    ) -> Heard {
        let mut woken = pin!(wake.notified());
        poll_fn(|cx| self.poll(woken.as_mut(), due, is_room_wanted, cx)).await
    }

    fn poll(
        &mut self,
        woken: Pin<&mut Notified<'_>>,
        due: Instant,
        is_room_wanted: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Heard> {
        if let Err(gone) = self.poll_write(cx) {
            return Poll::Ready(Heard::Gone(gone));
        }
        if let Poll::Ready(heard) = self.poll_read(cx) {
            return Poll::Ready(heard);
        }
        if is_room_wanted && self.is_clear() {
            return Poll::Ready(Heard::Clear);
        }
        if woken.poll(cx).is_ready() {
            return Poll::Ready(Heard::Woken);
        }
        let stuck_at = self.stuck_since.map(|since| since + SEND_PATIENCE);
        let first = stuck_at.map_or(due, |stuck_at| stuck_at.min(due));
        // A timer that goes off too early is harmless, and setting it anew for every message is not free.
        if self.timer.is_elapsed() || self.timer.deadline() > first {
            self.timer.as_mut().reset(first);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = clock::timer_now();
            if stuck_at.is_some_and(|stuck_at| stuck_at <= now) {
                return Poll::Ready(Heard::Gone(Gone::Stuck));
            }
            if due <= now {
                return Poll::Ready(Heard::Due);
            }
            self.timer.as_mut().reset(first);
        }
        Poll::Pending
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            let heard = match std::task::ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Ping(_))) => {
                    // The answer is written with the next flush.
                    self.is_unflushed = true;
                    if let Err(gone) = self.poll_write(cx) {
                        return Poll::Ready(Heard::Gone(gone));
                    }
                    continue;
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => Heard::Gone(closed(frame)),
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    Heard::Message(message)
                }
                Some(Err(error)) => Heard::Gone(gone(&error)),
                None => Heard::Gone(Gone::Cut),
            };
            return Poll::Ready(heard);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Gone> {
        let mut has_moved = false;
        while !self.outbox.is_empty() {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(gone(&error)),
                Poll::Pending => break,
            }
            if let Some(message) = self.outbox.pop_front() {
                let sent = Pin::new(&mut self.socket).start_send(message);
                sent.map_err(|error| gone(&error))?;
                (self.is_unflushed, has_moved) = (true, true);
            }
        }
        if self.is_unflushed {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => return Err(gone(&error)),
                Poll::Pending => {}
            }
        }
        if self.outbox.is_empty() && !self.is_unflushed {
            self.stuck_since = None;
        } else if has_moved || self.stuck_since.is_none() {
            self.stuck_since = Some(clock::timer_now());
        }
        Ok(())
    }

    /// Sends the last messages, closes, and waits a little for the other side to do so too.
    pub(super) async fn farewell(mut self, mut last: Vec<Sent>) {
        self.send(&mut last);
        self.outbox.push_back(Message::Close(Some(CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        })));
        let ending = poll_fn(|cx| {
            loop {
                if self.poll_write(cx).is_err() {
                    return Poll::Ready(());
                }
                if let Heard::Gone(_) = std::task::ready!(self.poll_read(cx)) {
                    return Poll::Ready(());
                }
            }
        });
        // Whoever does not answer is left.
        let _ = timeout(FAREWELL_PATIENCE, ending).await;
    }
}

/// A message as codecs read it.
pub(super) fn received(message: &Message) -> Option<Received<'_>> {
    match message {
        Message::Text(text) => Some(Received::Text(text.as_str())),
        Message::Binary(bytes) => Some(Received::Binary(bytes)),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
    }
}

fn closed(frame: Option<CloseFrame>) -> Gone {
    match frame {
        Some(frame) => Gone::Closed {
            code: frame.code.into(),
            reason: frame.reason.as_str().to_owned(),
        },
        None => Gone::Closed {
            code: 1005,
            reason: String::new(),
        },
    }
}

fn gone(error: &Error) -> Gone {
    match error {
        Error::Capacity(_) => Gone::Nonsense("message too long"),
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => Gone::Cut,
        Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt => {
            Gone::Nonsense("no WebSocket message")
        }
        Error::WriteBufferFull(_) => Gone::Stuck,
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => Gone::Cut,
    }
}
