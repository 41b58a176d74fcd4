//! A carrier that keeps no rules: a bare media socket, on which a test sends what it likes.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message, http};
use trunkline::carrier_double::CallSetup;
use trunkline_core::token::{Claims, sign};
use trunkline_core::wire::twilio::{CarrierSide, Outgoing, check_outgoing};

use super::rig::{House, key, url};
use super::tongue::SILENCE;

/// What a raw carrier does with the server's marks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Marks {
    Never,
    /// As soon as they come, before any audio was played.
    AtOnce,
    /// Names that nobody gave, for each that came.
    Unknown,
    /// Twice, as soon as they come.
    Twice,
}

pub(crate) struct Raw {
    socket: WebSocketStream<DuplexStream>,
    pub(crate) side: CarrierSide,
    pub(crate) text: String,
    pub(crate) marks: Marks,
    pub(crate) came: Vec<Outgoing>,
    frames: u64,
    /// How the server closed: with this code, with a frame without one, or by dropping the line.
    pub(crate) closed: Option<Closed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Code(u16),
    Dropped,
}

/// Knocks with a token; the answer to a refused upgrade is handed on whole.
pub(crate) async fn upgrade(
    house: &House,
    token: &str,
) -> Result<WebSocketStream<DuplexStream>, Box<http::Response<Option<Vec<u8>>>>> {
    match tokio_tungstenite::client_async(url(token), house.knock().await).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => Err(answer),
        Err(error) => panic!("{error}"),
    }
}

impl Raw {
    /// An open socket on which nothing was said.
    pub(crate) async fn open(house: &House, claims: &Claims) -> Self {
        let socket = upgrade(house, &sign(claims, &key())).await.unwrap();
        Self {
            socket,
            side: CarrierSide::new(CallSetup::new(99).start),
            text: String::new(),
            marks: Marks::AtOnce,
            came: Vec::new(),
            frames: 0,
            closed: None,
        }
    }

    /// The same with its stream begun.
    pub(crate) async fn begin(house: &House, claims: &Claims) -> Self {
        let mut raw = Self::open(house, claims).await;
        raw.side.connected(&mut raw.text);
        raw.send_text().await;
        raw.side.start(&mut raw.text);
        raw.send_text().await;
        raw
    }

    /// Sends what was written into `text`.
    pub(crate) async fn send_text(&mut self) {
        let text = self.text.clone();
        self.send(Message::text(text)).await;
    }

    /// Sends anything. A server that has hung up is no failure.
    pub(crate) async fn send(&mut self, message: Message) {
        let sent = timeout(Duration::from_secs(5), self.socket.send(message)).await;
        if !matches!(sent, Ok(Ok(()))) && self.closed.is_none() {
            self.listen_for(0).await;
        }
    }

    /// The caller's next frame: 20 ms.
    pub(crate) async fn frame(&mut self, mulaw: &[u8]) {
        self.side.media(self.frames * 20, mulaw, &mut self.text);
        self.frames += 1;
        self.send_text().await;
    }

    /// Sends silence in real time, and listens.
    pub(crate) async fn silence_for(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            if self.closed.is_some() {
                return;
            }
            self.frame(&[SILENCE; 160]).await;
            self.listen_for(20).await;
        }
    }

    /// Listens, and treats marks as it was told to.
    pub(crate) async fn listen_for(&mut self, ms: u64) {
        let _ = timeout(Duration::from_millis(ms), async {
            while self.closed.is_none() {
                self.listen_once().await;
            }
        })
        .await;
    }

    /// How the server closed, if it did in time.
    pub(crate) async fn closed_within(&mut self, ms: u64) -> Option<Closed> {
        self.listen_for(ms).await;
        self.closed
    }

    async fn listen_once(&mut self) {
        let text = match self.socket.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                self.closed = Some(Closed::Code(frame.map_or(1005, |f| f.code.into())));
                return;
            }
            Some(Ok(_)) => return,
            Some(Err(_)) | None => {
                self.closed = Some(Closed::Dropped);
                return;
            }
        };
        let outgoing = check_outgoing(text.as_str(), self.side.stream_id()).unwrap();
        if let Outgoing::Mark { name } = &outgoing {
            let (name, times) = match self.marks {
                Marks::Never => (String::new(), 0),
                Marks::AtOnce => (name.clone(), 1),
                Marks::Unknown => (format!("other-{name}"), 1),
                Marks::Twice => (name.clone(), 2),
            };
            for _ in 0..times {
                self.side.mark(&name, &mut self.text);
                let text = self.text.clone();
                let _ = self.socket.send(Message::text(text)).await;
            }
        }
        self.came.push(outgoing);
    }

    /// Ends the line without a word, as a lost network does.
    pub(crate) fn cut(self) {
        drop(self.socket);
    }

    /// Sends without ever reading.
    pub(crate) async fn write(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        self.socket.send(message).await
    }

    /// Answers the server's close, which must still be there to take the answer.
    pub(crate) async fn finish_closing(&mut self) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.socket.flush().await.unwrap();
        let end = timeout(Duration::from_secs(1), self.socket.next()).await;
        assert!(
            matches!(
                end,
                Ok(None | Some(Err(tungstenite::Error::ConnectionClosed)))
            ),
            "{end:?}"
        );
    }

    /// All audio that came, mu-law.
    pub(crate) fn audio(&self) -> Vec<u8> {
        let audio = self.came.iter().filter_map(|out| match out {
            Outgoing::Media { audio } => Some(audio.as_slice()),
            Outgoing::Mark { .. } | Outgoing::Clear => None,
        });
        audio.flatten().copied().collect()
    }
}
