//! A WebSocket, either end, as much of it as callers and fake providers need: what is due is written into one buffer and sent
//! in one piece. The library does more for every message, and a thousand callers would wait for it and not for the server.

mod frame;
#[cfg(test)]
mod tests;

use frame::{Frame, Kind, Mask};
use std::io::{Error, Result};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Who takes nothing for so long has failed.
const TAKES: Duration = Duration::from_secs(5);
/// The longest message that is read.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How much is read at once.
const READ_BYTES: usize = 4 * 1024;
/// What a frame is longer than its payload, at most.
const FRAME_BYTES: usize = 14;

/// One that is open.
pub(crate) struct Socket<S> {
    stream: S,
    /// A client's.
    mask: Mask,
    /// What is to be sent. Thousands of sockets have one after the other the same memory for it, which is at hand.
    outbox: Vec<u8>,
    /// What came; up to `taken` it has been read.
    inbox: Vec<u8>,
    taken: usize,
    /// The message, as far as its frames have come.
    message: Vec<u8>,
    /// What it is, if it is not over.
    begun: Option<Kind>,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received<'a> {
    /// A text.
    Text(&'a str),
    /// Anything else that is a message.
    Binary(&'a [u8]),
    /// A sign of life is asked for; it is what is sent next.
    Ping,
    /// The other side closes, with this code.
    Close(Option<u16>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// The client's end; `rest` came behind the upgrade. All messages have the same mask: to take it off is as much work as
    /// any other.
    pub(crate) fn of_client(stream: S, rest: Vec<u8>, mask: [u8; 4]) -> Self {
        Self {
            mask: Some(mask),
            ..Self::of_server(stream, rest)
        }
    }

    /// The server's end; `rest` came behind the upgrade.
    pub(crate) fn of_server(stream: S, rest: Vec<u8>) -> Self {
        Self {
            stream,
            mask: None,
            outbox: Vec::new(),
            inbox: rest,
            taken: 0,
            message: Vec::new(),
            begun: None,
        }
    }

    /// Adds a text to what is to be sent.
    pub(crate) fn text(&mut self, text: &str) {
        self.push(Kind::Text, text.as_bytes());
    }

    /// Adds bytes to what is to be sent.
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        self.push(Kind::Binary, bytes);
    }

    fn push(&mut self, kind: Kind, payload: &[u8]) {
        self.outbox.reserve(payload.len() + FRAME_BYTES);
        frame::push(kind, payload, self.mask, &mut self.outbox);
    }

    /// Sends what there is.
    ///
    /// # Errors
    /// The connection is broken, or the other side takes nothing.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let outbox = std::mem::take(&mut self.outbox);
        if outbox.is_empty() {
            return Ok(());
        }
        let sent = tokio::time::timeout(TAKES, self.stream.write_all(&outbox)).await;
        sent.map_err(|_| Error::other("the other side takes nothing"))?
    }

    /// Says that it is over, and why.
    ///
    /// # Errors
    /// The connection is broken, or the other side takes nothing.
    pub(crate) async fn close(&mut self, why: Option<(u16, &str)>) -> Result<()> {
        let payload = why.map_or(Vec::new(), |(code, reason)| {
            [&code.to_be_bytes(), reason.as_bytes()].concat()
        });
        self.push(Kind::Close, &payload);
        self.flush().await
    }

    /// The next message. May be given up at any time; what has come of it is kept.
    ///
    /// # Errors
    /// The connection is broken, or what comes is no WebSocket message.
    pub(crate) async fn next(&mut self) -> Result<Received<'_>> {
        loop {
            let is_server = self.mask.is_none();
            let Some(frame) = Frame::read(&self.inbox[self.taken..], is_server)? else {
                self.more().await?;
                continue;
            };
            let from = self.taken + frame.header;
            self.taken = from + frame.length;
            let payload = &mut self.inbox[from..self.taken];
            frame::mix(payload, frame.mask);
            let kind = match (frame.kind, self.begun) {
                (Kind::Ping, _) => {
                    frame::push(Kind::Pong, payload, self.mask, &mut self.outbox);
                    return Ok(Received::Ping);
                }
                (Kind::Pong, _) => continue,
                (Kind::Close, _) => return Ok(Received::Close(frame::close_code(payload))),
                (Kind::Continuation, Some(kind)) | (kind @ (Kind::Text | Kind::Binary), None) => {
                    kind
                }
                (Kind::Continuation, None) | (Kind::Text | Kind::Binary, Some(_)) => {
                    return Err(frame::broken("a message begins within another"));
                }
            };
            if self.begun.is_none() {
                self.message.clear();
            }
            if self.message.len() + payload.len() > MESSAGE_BYTES_MAX {
                return Err(frame::broken("a message is too long"));
            }
            self.message.extend_from_slice(payload);
            self.begun = Some(kind).filter(|_| !frame.is_last);
            if frame.is_last {
                return received(kind, &self.message);
            }
        }
    }

    /// Waits for more bytes.
    async fn more(&mut self) -> Result<()> {
        self.inbox.drain(..std::mem::take(&mut self.taken));
        self.inbox.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(Error::other(
                "the other side hung up without a close message",
            )),
            _ => Ok(()),
        }
    }
}

fn received(kind: Kind, message: &[u8]) -> Result<Received<'_>> {
    if kind == Kind::Binary {
        return Ok(Received::Binary(message));
    }
    let text = std::str::from_utf8(message);
    text.map(Received::Text)
        .map_err(|_| frame::broken("a text is no UTF-8"))
}
