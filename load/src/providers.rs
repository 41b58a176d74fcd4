//! Fake AI providers on one port, with fixed delays: recognisers, models, voices. They are as quick as they are told to be,
//! they repeat the code that the caller's words carried, and they fail when they are told to.

mod ears;
mod fault;
mod listening;
mod mind;
mod request;
mod speaking;
mod tones;
mod trail;
mod voice;

use crate::clock::{Clock, Micros, ms};
use crate::tone::Reference;
use anyhow::{Context as _, Result};
use clap::Args;
use fault::{Faults, How};
use request::Request;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tones::{Format, Sound, Tone, Tones};
use trail::Trails;

/// How quick each stage is, milliseconds.
#[derive(Args, Debug, Clone)]
pub struct Delays {
    /// The model's first token
    #[arg(long, default_value_t = 100)]
    pub(crate) llm_first_ms: u64,
    /// From its first token to its last
    #[arg(long, default_value_t = 250)]
    pub(crate) llm_rest_ms: u64,
    /// The voice's first audio
    #[arg(long, default_value_t = 60)]
    pub(crate) tts_first_ms: u64,
    /// Audio comes so many times faster than it plays
    #[arg(long, default_value_t = 5.0)]
    pub(crate) tts_speed: f64,
    /// Speech to a character of text
    #[arg(long, default_value_t = 35.0)]
    pub(crate) tts_ms_per_char: f64,
    /// Every result of the recogniser comes so much later
    #[arg(long, default_value_t = 0)]
    pub(crate) stt_late_ms: u64,
    /// Silence after which a turn is over, where the request does not say
    #[arg(long, default_value_t = 300)]
    pub(crate) endpointing_ms: u64,
    /// Silence after which all words so far are known
    #[arg(long, default_value_t = 40)]
    pub(crate) whole_ms: u64,
    /// Flux: silence after which the turn may be over
    #[arg(long, default_value_t = 120)]
    pub(crate) flux_eager_ms: u64,
    /// Flux: silence after which it is
    #[arg(long, default_value_t = 300)]
    pub(crate) flux_end_ms: u64,
    /// A final that no chat request carries after so long is unanswered
    #[arg(long, default_value_t = 6_000)]
    pub(crate) unanswered_ms: u64,
}

/// The stages that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Stt,
    Llm,
    Tts,
}

impl Stage {
    pub(crate) const ALL: [Self; 3] = [Self::Stt, Self::Llm, Self::Tts];

    /// As `/fault` spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
        }
    }
}

/// What all connections share.
struct Shared {
    delays: Delays,
    clock: Clock,
    faults: RefCell<Faults>,
    trails: RefCell<Trails>,
    counts: RefCell<BTreeMap<&'static str, u64>>,
    /// How long the voice lasted that nobody had announced: an echo, or a caller without markers, ms.
    unannounced_ms: RefCell<Vec<u64>>,
    tones: RefCell<Tones>,
    changed: watch::Sender<()>,
}

/// Pieces of unannounced voice that are remembered.
const UNANNOUNCED_MAX: usize = 500;

type Socket = crate::socket::Socket<TcpStream>;

impl Shared {
    fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
    }

    fn note(&self, id: Option<u64>, change: impl FnOnce(&mut trail::Trail)) {
        if let Some(id) = id {
            change(self.trails.borrow_mut().of(id));
        }
    }

    /// A piece of an answer's audio.
    fn sound(&self, reference: Option<Reference>, is_last: bool, format: Format) -> Rc<Sound> {
        let code = reference.and_then(|reference| reference.code);
        self.tones.borrow_mut().piece(Tone {
            code,
            is_last,
            format,
        })
    }

    /// Waits until `at`, and as long as the stage is stalled; false if the connection, open since `since`, is to be cut.
    async fn wait(&self, stage: Stage, path: &str, since: Micros, at: Micros) -> bool {
        let mut changed = self.changed.subscribe();
        loop {
            let now = self.clock.now();
            let (is_cut, until) = {
                let faults = self.faults.borrow();
                let stalled = faults.stalled_until(stage, path, now);
                (
                    faults.cuts(stage, path, since),
                    stalled.unwrap_or(0).max(at),
                )
            };
            if is_cut {
                return false;
            }
            if until <= now {
                return true;
            }
            tokio::select! {
                () = self.clock.until(until) => {}
                _ = changed.changed() => {}
            }
        }
    }
}

/// Providers that run on a thread of their own until the process ends.
pub struct Providers {
    /// Where they listen.
    pub address: SocketAddr,
}

impl Providers {
    /// Starts them on a port of this machine; 0 takes any that is free.
    ///
    /// # Errors
    /// The port is taken, or there is no thread to be had.
    pub fn start(port: u16, delays: Delays) -> Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("listening on port {port}; give another with --port"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("providers".into())
            .spawn(move || {
                let tasks = tokio::task::LocalSet::new();
                tasks.block_on(&runtime, serve(listener, delays))
            })?;
        Ok(Self { address })
    }
}

async fn serve(listener: std::net::TcpListener, delays: Delays) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let shared = Rc::new(Shared {
        clock: Clock::new(),
        trails: RefCell::new(Trails::new(ms(delays.unanswered_ms))),
        delays,
        faults: RefCell::default(),
        counts: RefCell::default(),
        unannounced_ms: RefCell::default(),
        tones: RefCell::default(),
        changed: watch::channel(()).0,
    });
    loop {
        // An accept can fail for want of files; the next may not.
        if let Ok((stream, _)) = listener.accept().await {
            let shared = Rc::clone(&shared);
            tokio::task::spawn_local(async move {
                // A connection that breaks concerns nobody else.
                let _ = connection(stream, &shared).await;
            });
        }
    }
}

/// The stage that an address belongs to.
fn stage_of(path: &str) -> Option<Stage> {
    match path {
        "/v1/listen" | "/v2/listen" => Some(Stage::Stt),
        "/v1/chat/completions" | "/v1/messages" => Some(Stage::Llm),
        "/v1/speak" | "/v1/audio/speech" | "/tts/websocket" => Some(Stage::Tts),
        path if path.starts_with("/v1/text-to-speech/") => Some(Stage::Tts),
        _ => None,
    }
}

async fn connection(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(2_048);
    let mut is_last = false;
    while !is_last {
        let Some(mut request) = Request::read(&mut stream, &mut buffer).await? else {
            break;
        };
        is_last = request.is_last;
        request.at = shared.clock.now();
        let Some(stage) = stage_of(&request.path) else {
            desk(&mut stream, &request, shared).await?;
            continue;
        };
        if !request.has_key {
            shared.count("without_key");
            request::reply(&mut stream, 401, r#"{"error":{"message":"no key"}}"#).await?;
            continue;
        }
        let fault = shared.faults.borrow().now(stage, &request.path, request.at);
        if let Some(how) = fault {
            shared.count("faulted_requests");
            match how {
                How::Close => return Ok(()),
                How::Status(status) => {
                    request::reply(
                        &mut stream,
                        status,
                        r#"{"error":{"message":"out of order","type":"server_error","code":null}}"#,
                    )
                    .await?;
                    continue;
                }
                How::Slow(by) => shared.clock.until(request.at + by).await,
                How::Stall => {
                    if !shared
                        .wait(stage, &request.path, request.at, request.at)
                        .await
                    {
                        return Ok(());
                    }
                }
            }
            request.at = shared.clock.now();
        }
        if request.upgrade_key.is_some() {
            request.upgrade(&mut stream).await?;
            let socket = Socket::of_server(stream, buffer);
            return if stage == Stage::Stt {
                listening::serve(socket, &request, shared).await
            } else {
                voice::serve(socket, &request, shared).await
            };
        }
        match stage {
            Stage::Llm => mind::answer(&mut stream, &request, shared).await?,
            Stage::Tts => voice::speak(&mut stream, &request, shared).await?,
            Stage::Stt => {
                request::reply(&mut stream, 400, r#"{"error":"open a WebSocket"}"#).await?
            }
        }
    }
    Ok(())
}

/// What the driver itself asks.
async fn desk(stream: &mut TcpStream, request: &Request, shared: &Shared) -> Result<()> {
    let (status, body) = match request.path.as_str() {
        "/stats" => (200, stats(shared)),
        "/reset" => {
            shared.trails.borrow_mut().reset();
            shared.counts.borrow_mut().clear();
            shared.unannounced_ms.borrow_mut().clear();
            (200, json!({}))
        }
        "/window" => {
            let is_end = request.query("at") == Some("end");
            shared.trails.borrow_mut().window(request.at, is_end);
            (200, json!({}))
        }
        "/fault" => {
            let set = shared.faults.borrow_mut().order(request);
            shared.changed.send_replace(());
            match set {
                Ok(()) => (200, shared.faults.borrow().list(request.at)),
                Err(reason) => (400, json!({"error": reason})),
            }
        }
        "/health" | "/v1/models" => (200, json!({"object": "list", "data": []})),
        _ => {
            shared.count("not_found");
            (404, json!({"error": "no such address"}))
        }
    };
    request::reply(stream, status, &body.to_string()).await
}

fn stats(shared: &Shared) -> Value {
    let mut stats = shared.trails.borrow().json(shared.clock.now());
    stats["counts"] = json!(*shared.counts.borrow());
    stats["unannounced_voice_ms"] = json!(*shared.unannounced_ms.borrow());
    stats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Target;
    use clap::Parser;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[derive(Parser)]
    struct Defaults {
        #[command(flatten)]
        delays: Delays,
    }

    async fn post(at: &Target, path: &str, body: &Value) -> String {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = at.connect().await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn over_sockets_they_answer_fail_on_order_and_tell_what_they_did() {
        let mut delays = Defaults::parse_from(["x"]).delays;
        (delays.llm_first_ms, delays.llm_rest_ms, delays.tts_first_ms) = (1, 1, 1);
        let providers = Providers::start(0, delays).unwrap();
        let at = Target::parse(&format!("http://{}", providers.address)).unwrap();
        let words = "Good morning, reference 1000104.";
        let chat = json!({"stream": true, "messages": [{"role": "user", "content": words}]});
        let message = json!({"stream": true, "messages": [{"role": "user", "content": [{"type": "text", "text": words}]}]});
        assert!(
            post(&at, "/v1/chat/completions", &chat)
                .await
                .contains(" 1000104")
        );
        assert!(
            post(&at, "/v1/messages", &message)
                .await
                .contains(" 1000104")
        );
        let spoken = post(
            &at,
            "/v1/speak?encoding=mulaw&sample_rate=8000",
            &json!({"text": "reference 1000104"}),
        )
        .await;
        assert!(spoken.starts_with("HTTP/1.1 200") && spoken.ends_with("0\r\n\r\n"));
        assert_eq!(at.at("/v1/speak").ask("POST").await.unwrap().0, 401);
        assert_eq!(
            at.at("/fault?what=llm&how=no").ask("POST").await.unwrap().0,
            400
        );
        assert_eq!(
            at.at("/fault?what=llm&how=503&for_ms=60000")
                .ask("POST")
                .await
                .unwrap()
                .0,
            200
        );
        assert!(
            post(&at, "/v1/chat/completions", &chat)
                .await
                .starts_with("HTTP/1.1 503")
        );
        at.at("/fault?what=llm&how=close&for_ms=60000")
            .ask("POST")
            .await
            .unwrap();
        assert_eq!(post(&at, "/v1/chat/completions", &chat).await, "");
        at.at("/fault?what=llm&how=none").ask("POST").await.unwrap();
        assert!(
            post(&at, "/v1/chat/completions", &chat)
                .await
                .contains("[DONE]")
        );
        let stats: Value =
            serde_json::from_str(&at.at("/stats").ask("GET").await.unwrap().1).unwrap();
        assert_eq!(
            (
                &stats["counts"]["llm"],
                &stats["counts"]["faulted_requests"]
            ),
            (&json!(3), &json!(2))
        );
    }
}
