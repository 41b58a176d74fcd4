//! Providers that a test plays itself, and the plainest codecs to speak to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use trunkline_core::wire::link::{Handshake, Received, Sent, Trouble, TroubleKind};
use trunkline_core::wire::stt::{SttCodec, SttEvent, SttWord};
use trunkline_core::wire::tts::{AudioFormat, TtsCodec, TtsEvent};

use crate::egress::rig::{Knock, Memory};
use crate::egress::{Egress, Whose};
use crate::providers::{Circuit, Hop, Kind, MakeStt};

/// Where connections of a hop arrive.
pub(super) struct Door {
    knocks: mpsc::Receiver<Knock>,
    /// One that was looked at and not answered yet.
    waiting: Option<DuplexStream>,
}

/// A hop whose other end the test holds.
pub(super) fn hop(kind: Kind, capacity: usize) -> (Hop, Door) {
    let (net, knocks) = Memory::new(capacity);
    let hop = Hop {
        egress: Egress::over(net),
        whose: Whose::Operator,
        base_url: "http://10.0.0.1:9/base/".into(),
        provider: "plain",
        model: Arc::default(),
        kind,
        circuit: Circuit::default(),
    };
    let waiting = None;
    (hop, Door { knocks, waiting })
}

impl Door {
    /// The next connection, as it is before any handshake.
    pub(super) async fn knock(&mut self) -> DuplexStream {
        if let Some(stream) = self.waiting.take() {
            return stream;
        }
        let (to, stream) = self.knocks.recv().await.unwrap();
        assert_eq!(to, SocketAddr::from(([10, 0, 0, 1], 9)));
        stream
    }

    /// Has one that knocked wait for its answer.
    pub(super) fn put_back(&mut self, stream: DuplexStream) {
        self.waiting = Some(stream);
    }

    /// Opens the next connection.
    pub(super) async fn open(&mut self) -> Peer {
        let stream = self.knock().await;
        Peer(tokio_tungstenite::accept_async(stream).await.unwrap())
    }

    /// Refuses the next connection.
    pub(super) async fn refuse(&mut self, status: &str) {
        let mut stream = self.knock().await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("GET /base/plain?a=b HTTP/1.1"), "{head}");
        assert!(head.contains("x-key: hush"), "{head}");
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Nobody has knocked.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.knocks.try_recv().is_err()
    }
}

/// The other end of an open socket.
pub(super) struct Peer(pub(super) WebSocketStream<DuplexStream>);

impl Peer {
    pub(super) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("expected text, not {other:?}"),
        }
    }

    /// So much audio, in whatever messages.
    pub(super) async fn audio(&mut self, bytes: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < bytes {
            match self.next().await {
                Some(Message::Binary(piece)) => all.extend_from_slice(&piece),
                other => panic!("expected audio after {} bytes, not {other:?}", all.len()),
            }
        }
        assert_eq!(all.len(), bytes);
        all
    }

    /// The next message; none when it is over.
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.0.next().await?.ok()
    }

    /// The other side has taken the opening, and says nothing.
    pub(super) async fn is_quiet(&mut self) {
        let moment = Duration::from_millis(1);
        assert!(timeout(moment, self.next()).await.is_err());
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(super) async fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::binary(bytes)).await.unwrap();
    }

    pub(super) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        // The other side may be gone already.
        let _ = self.0.close(Some(frame)).await;
        while self.next().await.is_some() {}
    }
}

fn handshake() -> Handshake {
    Handshake {
        path: "/plain?a=b".into(),
        headers: vec![("x-key", "hush".into())],
    }
}

fn closed(code: u16) -> Trouble {
    let kind = match code {
        4_001 => TroubleKind::Key,
        4_029 => TroubleKind::Rate,
        _ => TroubleKind::Server,
    };
    Trouble::new(kind, &format!("closed {code}"))
}

fn kind(name: &str) -> TroubleKind {
    match name {
        "key" => TroubleKind::Key,
        "rate" => TroubleKind::Rate,
        _ => TroubleKind::Server,
    }
}

/// A recogniser's codec whose messages are words: `final 500 hello there`.
pub(super) struct PlainStt {
    keep_alive: Option<(u64, Sent)>,
    can_be_asked: bool,
}

impl PlainStt {
    pub(super) fn make(keep_alive: Option<(u64, Sent)>, can_be_asked: bool) -> MakeStt {
        Arc::new(move || {
            let keep_alive = keep_alive.clone();
            Box::new(PlainStt {
                keep_alive,
                can_be_asked,
            })
        })
    }
}

impl SttCodec for PlainStt {
    fn handshake(&self) -> Handshake {
        handshake()
    }

    fn audio(&mut self, mulaw: &[u8], out: &mut Vec<Sent>) {
        out.push(Sent::Binary(mulaw.to_vec()));
    }

    fn finalize(&mut self, out: &mut Vec<Sent>) {
        if self.can_be_asked {
            out.push(Sent::Text("finalize".into()));
        }
    }

    fn keep_alive(&self) -> Option<(u64, Sent)> {
        self.keep_alive.clone()
    }

    fn close(&mut self, out: &mut Vec<Sent>) {
        out.push(Sent::Text("bye".into()));
    }

    fn receive(&mut self, message: Received<'_>, out: &mut Vec<SttEvent>) {
        let text = match message {
            Received::Text(text) => text,
            Received::Binary(_) => "",
        };
        let mut parts = text.splitn(3, ' ');
        let (name, ms, words) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
        let ms: u64 = ms.and_then(|ms| ms.parse().ok()).unwrap_or_default();
        let trouble = |is_over| SttEvent::Trouble {
            trouble: Trouble::new(kind(words), "told"),
            is_over,
        };
        out.push(match name.unwrap_or_default() {
            "ready" => SttEvent::Ready,
            "speech" => SttEvent::SpeechStarted { at_ms: ms },
            "partial" => SttEvent::Partial {
                until_ms: ms,
                text: words.into(),
            },
            name @ ("final" | "asked") => SttEvent::Final {
                until_ms: ms,
                text: words.into(),
                confidence: 0.5,
                words: vec![SttWord {
                    text: words.into(),
                    from_ms: 0,
                    to_ms: ms,
                    confidence: 0.5,
                }],
                asked: name == "asked",
            },
            "ended" => SttEvent::TurnEnded { at_ms: ms },
            "may_end" => SttEvent::TurnMayEnd { at_ms: ms },
            "resumed" => SttEvent::TurnResumed,
            "over" => trouble(true),
            _ => trouble(false),
        });
    }

    fn closed(&self, code: u16, _: &str) -> Trouble {
        closed(code)
    }
}

/// A voice's codec whose messages are words: `done 1`; audio begins with the number of its context.
pub(super) struct PlainTts {
    pub(super) is_single: bool,
    pub(super) format: AudioFormat,
}

impl TtsCodec for PlainTts {
    fn handshake(&self) -> Handshake {
        handshake()
    }

    fn format(&self) -> AudioFormat {
        self.format
    }

    fn say(&mut self, context: u32, text: &str, out: &mut Vec<Sent>) {
        out.push(Sent::Text(format!("say {context} {text}")));
    }

    fn cancel(&mut self, context: u32, out: &mut Vec<Sent>) {
        out.push(Sent::Text(format!("cancel {context}")));
    }

    fn keep_alive(&self) -> Option<(u64, Sent)> {
        Some((10_000, Sent::Text("alive".into())))
    }

    fn close(&mut self, out: &mut Vec<Sent>) {
        out.push(Sent::Text("bye".into()));
    }

    fn is_single(&self) -> bool {
        self.is_single
    }

    fn receive(&mut self, message: Received<'_>, _: &mut Vec<Sent>, events: &mut Vec<TtsEvent>) {
        let text = match message {
            Received::Text(text) => text,
            Received::Binary(bytes) => {
                let (context, bytes) = (u32::from(bytes[0]), bytes[1..].to_vec());
                events.push(TtsEvent::Audio { context, bytes });
                return;
            }
        };
        let parts: Vec<&str> = text.split(' ').collect();
        let context = parts.get(1).and_then(|n| n.parse().ok());
        let told = kind(parts.get(2).copied().unwrap_or_default());
        events.push(match (parts[0], context) {
            ("done", Some(context)) => TtsEvent::Done { context },
            ("word", Some(context)) => {
                let ms = |at: usize| parts[at].parse().unwrap();
                let words = vec![(parts[2].to_owned(), ms(3), ms(4))];
                TtsEvent::Words { context, words }
            }
            ("trouble", context) => TtsEvent::Trouble {
                context,
                trouble: Trouble::new(told, "told"),
            },
            _ => TtsEvent::Ready,
        });
    }

    fn closed(&self, code: u16, _: &str) -> Trouble {
        closed(code)
    }
}
