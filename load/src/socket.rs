//! The caller's end of a WebSocket, as much as a carrier needs of it: messages are masked into one buffer and sent in one
//! piece. The library does more for every message, and a thousand callers would wait for it and not for the server.

mod frame;
#[cfg(test)]
mod tests;

use frame::{Frame, Kind};
use std::io::{Error, Result};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A server that takes nothing for so long has failed.
const TAKES: Duration = Duration::from_secs(5);
/// The longest message that is read.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How much is read at once.
const READ_BYTES: usize = 4 * 1024;

/// One call's socket.
pub(crate) struct Socket<S> {
    stream: S,
    mask: [u8; 4],
    /// What is to be sent.
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
    Binary,
    /// The server closed, with this code.
    Close(Option<u16>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// One whose upgrade is done; `rest` came behind it. All messages have the same mask: to take it off is as much work as
    /// any other.
    pub(crate) fn new(stream: S, rest: Vec<u8>, mask: [u8; 4]) -> Self {
        Self {
            stream,
            mask,
            outbox: Vec::with_capacity(1_024),
            inbox: rest,
            taken: 0,
            message: Vec::new(),
            begun: None,
        }
    }

    /// Adds a text to what is to be sent.
    pub(crate) fn text(&mut self, text: &str) {
        frame::push(Kind::Text, text.as_bytes(), self.mask, &mut self.outbox);
    }

    /// Sends what there is.
    ///
    /// # Errors
    /// The connection is broken, or the server takes nothing.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let sent = self.stream.write_all(&self.outbox);
        let sent = tokio::time::timeout(TAKES, sent).await;
        self.outbox.clear();
        sent.map_err(|_| Error::other("the server takes nothing"))?
    }

    /// The next message. May be given up at any time; what has come of it is kept. Pings are answered with what is sent next.
    ///
    /// # Errors
    /// The connection is broken, or what comes is no WebSocket message.
    pub(crate) async fn next(&mut self) -> Result<Received<'_>> {
        loop {
            let Some(frame) = Frame::read(&self.inbox[self.taken..])? else {
                self.more().await?;
                continue;
            };
            let payload = self.taken + frame.header..self.taken + frame.header + frame.length;
            self.taken = payload.end;
            let payload = &self.inbox[payload];
            let kind = match (frame.kind, self.begun) {
                (Kind::Ping, _) => {
                    frame::push(Kind::Pong, payload, self.mask, &mut self.outbox);
                    continue;
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
            self.message.extend(payload);
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
            0 => Err(Error::other("the server hung up without a close message")),
            _ => Ok(()),
        }
    }

    /// Closes in the way of WebSockets, and waits until the server has.
    pub(crate) async fn close(&mut self) {
        frame::push(Kind::Close, &[], self.mask, &mut self.outbox);
        if self.flush().await.is_ok() {
            while let Ok(Received::Text(_) | Received::Binary) = self.next().await {}
        }
    }
}

fn received(kind: Kind, message: &[u8]) -> Result<Received<'_>> {
    if kind == Kind::Binary {
        return Ok(Received::Binary);
    }
    let text = std::str::from_utf8(message);
    text.map(Received::Text)
        .map_err(|_| frame::broken("a text is no UTF-8"))
}
