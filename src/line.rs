//! One open media socket: messages in, in order and within bounds, and messages out without waiting.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{Sink as _, SinkExt as _, Stream as _, StreamExt as _};
use trunkline_core::wire::twilio::{self, Counts, Fault, FaultKind, Inbound, Stream};

/// Most messages that wait for a carrier that does not read: half a minute of speech and its marks.
const OUTBOX_MAX: usize = 600;
/// How long the farewell of a socket may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// A media socket. What is to be sent waits in an outbox and goes out while the socket is listened to, so that neither
/// direction can hold up the other.
pub struct Line {
    socket: WebSocket,
    stream: Stream,
    stream_id: String,
    audio: Vec<u8>,
    outbox: VecDeque<Message>,
    unflushed: bool,
    /// The other side is gone, or hopeless.
    broken: bool,
    /// It has said goodbye.
    is_closed: bool,
    /// Reused for each message that is written.
    text: String,
}

impl Line {
    /// A socket that has said nothing yet.
    pub fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            stream: Stream::new(),
            stream_id: String::new(),
            audio: Vec::with_capacity(512),
            outbox: VecDeque::new(),
            unflushed: false,
            broken: false,
            is_closed: false,
            text: String::with_capacity(2_048),
        }
    }

    /// Waits for the stream's `start`. False if the socket closed, or broke the rules, before it.
    pub async fn start(&mut self) -> bool {
        loop {
            match self.receive().await {
                Some(Inbound::Start(start)) => {
                    self.stream_id = start.stream_id;
                    return true;
                }
                Some(Inbound::Stop) | None => return false,
                Some(
                    Inbound::Connected { .. }
                    | Inbound::Media { .. }
                    | Inbound::Key { .. }
                    | Inbound::Mark { .. }
                    | Inbound::Unknown,
                ) => {}
            }
        }
    }

    /// The next message; audio is in [`Line::audio`]. A socket closed in order counts as `stop`; `None` is a line that
    /// broke, or that broke the rules once too often. Sends what waits meanwhile. Safe to cancel.
    pub async fn receive(&mut self) -> Option<Inbound> {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// As [`Line::receive`], unless the line rests: then what waits is sent, and nobody is woken by what comes.
    pub async fn attend(&mut self, rests: bool) -> Option<Inbound> {
        poll_fn(|cx| match rests {
            true => self.poll_rest(cx),
            false => self.poll_receive(cx),
        })
        .await
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Inbound>> {
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            self.broke(&error);
        }
        match self.broken {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    }

    /// As [`Line::receive`], of what has come already.
    pub fn received(&mut self) -> Poll<Option<Inbound>> {
        self.poll_receive(&mut Context::from_waker(Waker::noop()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Inbound>> {
        while !self.broken {
            let text = match ready!(self.poll(cx)) {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_))) => return Poll::Ready(Some(Inbound::Stop)),
                // Binary frames are not of this protocol; pings are answered below us.
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Err(error)) => {
                    self.broke(&error);
                    continue;
                }
                None => {
                    self.broken = true;
                    continue;
                }
            };
            match self.stream.receive(text.as_str(), &mut self.audio) {
                Ok(inbound) => return Poll::Ready(Some(inbound)),
                Err(fault) => self.fault(&fault),
            }
        }
        Poll::Ready(None)
    }

    fn broke(&mut self, error: &axum::Error) {
        tracing::info!(%error, "media socket broke");
        self.broken = true;
    }

    fn fault(&mut self, fault: &Fault) {
        if fault.fatal {
            tracing::warn!(%fault, counts = ?self.stream.counts(), "media socket broke the protocol");
            self.broken = true;
        } else if !matches!(fault.what, FaultKind::Duplicate) {
            tracing::debug!(%fault, "media message ignored");
        }
    }

    /// The audio of the last media message, mu-law at 8 kHz.
    pub fn audio(&self) -> &[u8] {
        &self.audio
    }

    /// What the socket has carried.
    pub fn counts(&self) -> Counts {
        self.stream.counts()
    }

    /// Queues audio for the caller.
    pub fn audio_out(&mut self, mulaw: &[u8]) {
        let mut text = std::mem::take(&mut self.text);
        twilio::media(&self.stream_id, mulaw, &mut text);
        self.send(text);
    }

    /// Queues a mark.
    pub fn mark(&mut self, name: &str) {
        let mut text = std::mem::take(&mut self.text);
        twilio::mark(&self.stream_id, name, &mut text);
        self.send(text);
    }

    /// Queues the order to forget what the carrier has not played.
    pub fn clear(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        twilio::clear(&self.stream_id, &mut text);
        self.send(text);
    }

    fn send(&mut self, text: String) {
        if self.outbox.len() >= OUTBOX_MAX {
            tracing::warn!(
                waiting = self.outbox.len(),
                "the carrier does not read; the line is given up"
            );
            self.outbox.clear();
            self.broken = true;
            return;
        }
        self.outbox.push_back(Message::Text(text.as_str().into()));
        self.text = text;
        self.text.clear();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, axum::Error>>> {
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        Pin::new(&mut self.socket).poll_next(cx)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        let mut socket = Pin::new(&mut self.socket);
        while !self.outbox.is_empty() {
            ready!(socket.as_mut().poll_ready(cx))?;
            if let Some(message) = self.outbox.pop_front() {
                socket.as_mut().start_send(message)?;
                self.unflushed = true;
            }
        }
        if self.unflushed {
            ready!(socket.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what waits and closes in order: the carrier goes on with what its instructions say next. Its answer is
    /// waited for, since a socket dropped with something unread in it is reset, and the goodbye lost.
    pub async fn close(&mut self) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let farewell = async {
            while let Some(message) = self.outbox.pop_front() {
                self.socket.feed(message).await?;
            }
            let frame = CloseFrame {
                code: close_code::NORMAL,
                reason: "".into(),
            };
            self.socket.send(Message::Close(Some(frame))).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<(), axum::Error>(())
        };
        // A carrier that hung up first cannot be told goodbye.
        let _ = tokio::time::timeout(CLOSE_PATIENCE, farewell).await;
    }
}
