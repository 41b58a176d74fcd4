//! A recogniser and a voice as vendors have them, each at an address of its own: the one hears the tones of `tongue`, the other makes
//! them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use trunkline::api::Rate;
use trunkline::config::Config;
use trunkline::egress::{Egress, Io, Net};
use trunkline::providers::Providers;

use super::rig::{NOON_MS, Town};
use crate::api::rig::Api;
use crate::session::rig::WIRE_BYTES;
use crate::session::tongue;

/// Bytes of a second of the line.
const SECOND: f64 = 8_000.0;

/// A socket as a vendor sees it.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) is_voice: bool,
    pub(super) is_open: bool,
    /// What it was asked for.
    pub(super) path: String,
    /// The texts that it was to voice, or heard.
    pub(super) texts: Vec<String>,
    pub(super) audio_bytes: usize,
}

/// Everything that was opened, in order.
#[derive(Clone, Default)]
pub(super) struct Opened {
    pub(super) sockets: Vec<Seen>,
    /// Connections to the language model, and what they were asked.
    pub(super) model: Vec<String>,
}

impl Opened {
    pub(super) fn voices(&self) -> Vec<&Seen> {
        self.sockets.iter().filter(|seen| seen.is_voice).collect()
    }

    pub(super) fn recognisers(&self) -> Vec<&Seen> {
        self.sockets.iter().filter(|seen| !seen.is_voice).collect()
    }

    pub(super) fn open(&self) -> usize {
        self.sockets.iter().filter(|seen| seen.is_open).count()
    }
}

/// A recogniser at 10.0.0.1, and a voice at 10.0.0.2.
struct Vendors(watch::Sender<Opened>);

impl Net for Vendors {
    fn lookup(&self, _: String, _: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        async { Err(io::Error::other("there are no names here")) }.boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        let (ours, theirs) = duplex(WIRE_BYTES);
        let is_voice = to.ip() == IpAddr::from([10, 0, 0, 2]);
        tokio::spawn(serve(theirs, is_voice, self.0.clone()));
        async { Ok(Box::new(ours) as Box<dyn Io>) }.boxed()
    }
}

/// A town whose calls are held with vendors, and with the language model at this address; and what the vendors see.
pub(super) async fn town(opened: watch::Sender<Opened>, model: &str) -> Town {
    let config = format!(
        r#"
[recogniser]
vendor = "deepgram"
base_url = "http://10.0.0.1:9"
api_key = "k"
[voice]
vendor = "deepgram_aura"
base_url = "http://10.0.0.2:9"
voice = "a-german-one"
api_key = "k"
[llm]
base_url = "{model}"
model = "m"
"#
    );
    let config: Config = toml::from_str(&config).unwrap();
    let providers = Providers::new(Egress::over(Arc::new(Vendors(opened))));
    let api = Api::of(Rate::default(), config.stages().unwrap(), providers).await;
    let town = Town::found_in_memory(api, NOON_MS).await;
    town.may_call(NOON_MS).await;
    town
}

async fn serve(stream: DuplexStream, is_voice: bool, opened: watch::Sender<Opened>) {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let note_path = |request: &Request, response: Response| {
        path = request.uri().to_string();
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, note_path)
        .await
        .unwrap();
    let mut at = 0;
    opened.send_modify(|opened| {
        at = opened.sockets.len();
        opened.sockets.push(Seen {
            is_voice,
            is_open: true,
            path,
            ..Seen::default()
        });
    });
    let note =
        |with: &dyn Fn(&mut Seen)| opened.send_modify(|opened| with(&mut opened.sockets[at]));
    let mut ear = Ear::default();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(audio) => {
                note(&|seen| seen.audio_bytes += audio.len());
                ear.audio.extend_from_slice(&audio);
            }
            Message::Text(text) => {
                let order: Value = serde_json::from_str(&text).unwrap();
                if order["type"] == "Speak" {
                    let text = order["text"].as_str().unwrap();
                    note(&|seen| seen.texts.push(text.to_owned()));
                    let audio = Message::binary(tongue::voiced(text));
                    let done = Message::text(r#"{"type":"Flushed","sequence_id":0}"#);
                    let _ = socket.send(audio).await;
                    let _ = socket.send(done).await;
                }
                if order["type"] == "Finalize" {
                    let (words, told) = ear.settle();
                    note(&|seen| seen.texts.push(words.clone()));
                    let _ = socket.send(Message::text(told)).await;
                }
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
    note(&|seen| seen.is_open = false);
}

/// What a recogniser has heard since it last told something.
#[derive(Default)]
struct Ear {
    audio: Vec<u8>,
    /// Bytes before it.
    before: f64,
}

impl Ear {
    /// The words, and the message that tells them.
    fn settle(&mut self) -> (String, String) {
        let audio = std::mem::take(&mut self.audio);
        let words = tongue::words(&tongue::samples(&audio));
        let bytes = f64::from(u32::try_from(audio.len()).unwrap());
        let told = json!({
            "type": "Results", "start": self.before / SECOND, "duration": bytes / SECOND, "is_final": true,
            "speech_final": false, "from_finalize": true,
            "channel": { "alternatives": [{ "transcript": words, "confidence": 0.99, "words": [] }] },
        });
        self.before += bytes;
        (words, told.to_string())
    }
}
