//! A vendor of a model that hears and speaks, on a loopback socket: it finds speech, writes it down, and answers as it was
//! told to, four times as fast as it is spoken. What it says is in capitals, so that a recording proves whose voice it was.

mod reply;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use trunkline::clock;
use trunkline::egress::Whose;
use trunkline::providers::{Account, Kind, find};
use trunkline::stack::{Chosen, RealtimeChosen};

use super::tongue::{self, SILENCE};
pub(crate) use reply::Reply;

const FRAME: usize = 160;
const BYTES_PER_MS: usize = 8;
/// Silence after a word that ends a clause.
const PAUSE_MS: usize = 200;
/// So often it gives so much sound.
const EVERY: Duration = Duration::from_millis(25);
const PIECE_MS: usize = 100;
/// Words come so much before their sound.
const AHEAD_MS: usize = 400;

pub(crate) struct Speaker {
    pub(crate) base_url: String,
    is_beta: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    replies: VecDeque<Reply>,
    /// What came but for audio, and what was answered with an error.
    messages: Vec<Value>,
    errors: Vec<Value>,
    heads: Vec<String>,
    /// It takes no other tools than those that it was told of first.
    refuses_tools: bool,
    /// What was written down.
    heard: Vec<String>,
}

impl Speaker {
    pub(crate) async fn open(is_beta: bool, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::behind(is_beta, replies, None).await
    }

    /// It refuses what it is told of tools later on.
    pub(crate) fn refuses_tools(&self) {
        self.seen.lock().unwrap().refuses_tools = true;
    }

    /// One that refuses every connection with this status.
    pub(crate) async fn shut(status: &'static str) -> Self {
        Self::behind(false, [], Some(status)).await
    }

    async fn behind(
        is_beta: bool,
        replies: impl IntoIterator<Item = Reply>,
        refusal: Option<&'static str>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen {
            replies: replies.into_iter().collect(),
            ..Seen::default()
        }));
        let of_server = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                tokio::spawn(serve(socket, is_beta, refusal, Arc::clone(&of_server)));
            }
        });
        Self {
            base_url,
            is_beta,
            seen,
        }
    }

    /// As the operator chooses it.
    pub(crate) fn chosen(&self) -> RealtimeChosen {
        let vendor = match self.is_beta {
            true => "openai_beta",
            false => "openai_compatible",
        };
        RealtimeChosen {
            chosen: Chosen {
                vendor: find(vendor, Kind::Realtime).unwrap(),
                account: Account {
                    whose: Whose::Operator,
                    owner: String::new(),
                    base_url: Some(self.base_url.clone()),
                    key: "hush".into(),
                },
                model: "stand-in".into(),
                voice: "marin".into(),
                turns: None,
            },
            transcriber: "stand-in-scribe".into(),
        }
    }

    /// What came of this type, but for audio.
    pub(crate) fn came(&self, kind: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        let is = |message: &&Value| message["type"] == kind;
        seen.messages.iter().filter(is).cloned().collect()
    }

    pub(crate) fn errors(&self) -> Vec<Value> {
        self.seen.lock().unwrap().errors.clone()
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().heads.clone()
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.seen.lock().unwrap().heard.clone()
    }
}

/// How it says something: mu-law, with a pause behind each clause.
pub(crate) fn voiced(text: &str) -> Vec<u8> {
    spoken(text)
        .into_iter()
        .flat_map(|(_, sound)| sound)
        .collect()
}

fn spoken(text: &str) -> Vec<(String, Vec<u8>)> {
    let word = |word: &str| {
        let mut sound = tongue::voiced(&word.to_uppercase());
        if word.ends_with(['.', ',', '?', '!']) {
            sound.resize(sound.len() + PAUSE_MS * BYTES_PER_MS, SILENCE);
        }
        (format!("{word} "), sound)
    };
    text.split_whitespace().map(word).collect()
}

/// An answer on its way.
struct Going {
    response: String,
    item: String,
    words: Vec<(String, Vec<u8>)>,
    words_given: usize,
    sound: Vec<u8>,
    given: usize,
    reply: Reply,
    due: Instant,
}

impl Going {
    /// Where it stops, in bytes.
    fn stops(&self) -> usize {
        if let Reply::Stalls(_, ms) | Reply::Cuts(_, ms) = self.reply {
            return ms * BYTES_PER_MS;
        }
        self.sound.len()
    }
}

struct Connection {
    socket: WebSocketStream<TcpStream>,
    is_beta: bool,
    seen: Arc<Mutex<Seen>>,
    audio: Vec<u8>,
    looked_at: usize,
    loud: usize,
    quiet: usize,
    since: Option<usize>,
    /// Where the speech before ended.
    ended: usize,
    silence_frames: usize,
    names: usize,
    calls: usize,
    going: Option<Going>,
    /// How much sound each item has, ms.
    items: HashMap<String, usize>,
}

async fn serve(
    mut socket: TcpStream,
    is_beta: bool,
    refusal: Option<&str>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut head = vec![0_u8; 4_096];
    let length = socket.peek(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..length]).to_ascii_lowercase();
    seen.lock().unwrap().heads.push(head);
    if let Some(status) = refusal {
        let mut bytes = [0_u8; 4_096];
        let _ = socket.read(&mut bytes).await;
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let _ = socket.write_all(answer.as_bytes()).await;
        return;
    }
    let socket = tokio_tungstenite::accept_async(socket).await.unwrap();
    let connection = Connection {
        socket,
        is_beta,
        seen,
        audio: Vec::new(),
        looked_at: 0,
        loud: 0,
        quiet: 0,
        since: None,
        ended: 0,
        silence_frames: usize::MAX,
        names: 0,
        calls: 0,
        going: None,
        items: HashMap::new(),
    };
    // Whoever hangs up in its middle ends it.
    let _ = connection.run().await;
}

type Done = Result<(), tokio_tungstenite::tungstenite::Error>;

impl Connection {
    async fn run(mut self) -> Done {
        self.say(json!({"type": "session.created", "session": {}}))
            .await?;
        loop {
            let due = self.going.as_ref().map(|going| going.due);
            tokio::select! {
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let message = serde_json::from_str(&text).unwrap();
                        self.take(message).await?;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Ok(()),
                },
                () = sleep_until(due.unwrap_or_else(clock::timer_now)), if due.is_some() => {
                    if !self.go_on().await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn say(&mut self, message: Value) -> Done {
        self.socket.send(Message::text(message.to_string())).await
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}_{:p}_{}", Arc::as_ptr(&self.seen), self.names)
    }

    async fn refuse(&mut self, about: &Value, code: &str) -> Done {
        self.seen.lock().unwrap().errors.push(about.clone());
        let error =
            json!({"type": "invalid_request_error", "code": code, "event_id": about["event_id"]});
        self.say(json!({"type": "error", "error": error})).await
    }

    async fn take(&mut self, message: Value) -> Done {
        let kind = message["type"].as_str().unwrap().to_owned();
        if kind == "input_audio_buffer.append" {
            let audio = STANDARD.decode(message["audio"].as_str().unwrap()).unwrap();
            self.audio.extend(audio);
            return self.listen().await;
        }
        self.seen.lock().unwrap().messages.push(message.clone());
        match &*kind {
            "session.update"
                if message["event_id"] == "tools" && self.seen.lock().unwrap().refuses_tools =>
            {
                self.refuse(&message, "invalid_function_parameters").await
            }
            "session.update" => {
                let session = &message["session"];
                let detection = match self.is_beta {
                    true => &session["turn_detection"],
                    false => &session["audio"]["input"]["turn_detection"],
                };
                // What is not in it stays as it was.
                if let Some(silence_ms) = detection["silence_duration_ms"].as_u64() {
                    self.silence_frames = silence_ms as usize / 20;
                }
                self.say(json!({"type": "session.updated", "session": {}}))
                    .await
            }
            "response.create" if self.going.is_some() => {
                self.refuse(&message, "conversation_already_has_active_response")
                    .await
            }
            "response.create" => self.answer(&message).await,
            "response.cancel" => match self.going.take() {
                Some(going) => self.end(&going, "cancelled").await,
                None => self.refuse(&message, "response_cancel_not_active").await,
            },
            "conversation.item.truncate" => {
                let item = message["item_id"].as_str().unwrap();
                let end = message["audio_end_ms"].as_u64().unwrap() as usize;
                match self.items.get(item).is_some_and(|ms| end <= *ms) {
                    true => {
                        let told = json!({"type": "conversation.item.truncated", "item_id": item, "content_index": 0, "audio_end_ms": end});
                        self.say(told).await
                    }
                    false => self.refuse(&message, "invalid_value").await,
                }
            }
            _ => Ok(()),
        }
    }

    /// Finds speech, and writes down what has ended.
    async fn listen(&mut self) -> Done {
        while self.looked_at + FRAME <= self.audio.len() {
            let frame = &self.audio[self.looked_at..self.looked_at + FRAME];
            let is_voice = tongue::is_voice(&tongue::samples(frame));
            self.looked_at += FRAME;
            (self.loud, self.quiet) = match is_voice {
                true => (self.loud + 1, 0),
                false => (0, self.quiet + 1),
            };
            if self.since.is_none() && self.loud == 3 {
                let onset = self.looked_at - 3 * FRAME;
                self.since = Some(onset);
                let ms = (onset / BYTES_PER_MS).saturating_sub(300);
                let item = format!("{}_{onset}", self.item_name());
                self.say(json!({"type": "input_audio_buffer.speech_started", "item_id": item, "audio_start_ms": ms})).await?;
            }
            if let Some(onset) = self.since.filter(|_| self.quiet >= self.silence_frames) {
                self.since = None;
                let item = format!("{}_{onset}", self.item_name());
                let ms = self.looked_at / BYTES_PER_MS;
                self.say(json!({"type": "input_audio_buffer.speech_stopped", "item_id": item, "audio_end_ms": ms})).await?;
                self.say(json!({"type": "input_audio_buffer.committed", "item_id": item}))
                    .await?;
                let from = onset.saturating_sub(300 * BYTES_PER_MS).max(self.ended);
                self.ended = self.looked_at;
                let words = tongue::words(&tongue::samples(&self.audio[from..self.looked_at]));
                self.seen.lock().unwrap().heard.push(words.clone());
                self.say(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item, "content_index": 0, "transcript": words})).await?;
            }
        }
        Ok(())
    }

    fn item_name(&self) -> String {
        let connection = self.seen.lock().unwrap().heads.len();
        format!("said_{connection}")
    }

    async fn answer(&mut self, message: &Value) -> Done {
        let reply = self.seen.lock().unwrap().replies.pop_front();
        let reply = reply.unwrap_or(Reply::Refuses);
        let (response, item) = (self.name("resp"), self.name("item"));
        let text = match &reply {
            Reply::Refuses => return self.refuse(message, "invalid_value").await,
            Reply::Says(text)
            | Reply::Goodbye(text)
            | Reply::Calls(text)
            | Reply::Uses(text, ..)
            | Reply::Writes(text, ..)
            | Reply::Stalls(text, _)
            | Reply::Cuts(text, _) => *text,
            Reply::Fails | Reply::Silence => "",
        };
        let metadata = &message["response"]["metadata"];
        self.say(json!({"type": "response.created", "response": {"id": response, "status": "in_progress", "metadata": metadata}})).await?;
        let going = Going {
            response,
            item,
            words: spoken(text),
            words_given: 0,
            sound: voiced(text),
            given: 0,
            due: clock::timer_now() + Duration::from_millis(80),
            reply,
        };
        if let Reply::Fails = going.reply {
            return self.end(&going, "failed").await;
        }
        self.going = Some(going);
        Ok(())
    }

    async fn end(&mut self, going: &Going, status: &str) -> Done {
        self.items
            .insert(going.item.clone(), going.given / BYTES_PER_MS);
        let details = json!({"error": {"type": "server_error"}});
        self.say(json!({"type": "response.done", "response": {"id": going.response, "status": status, "status_details": details, "usage": {"input_tokens": 30, "output_tokens": 50,
            "input_token_details": {"text_tokens": 20, "audio_tokens": 10, "cached_tokens": 7, "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 3}},
            "output_token_details": {"text_tokens": 8, "audio_tokens": 42}}}})).await
    }

    /// Gives more of an answer. False if the socket is to be cut.
    async fn go_on(&mut self) -> Result<bool, tokio_tungstenite::tungstenite::Error> {
        let Some(mut going) = self.going.take() else {
            return Ok(true);
        };
        let (audio, words) = match self.is_beta {
            true => ("response.audio", "response.audio_transcript"),
            false => ("response.output_audio", "response.output_audio_transcript"),
        };
        let tell = |kind: String, delta: &str| json!({"type": kind, "response_id": going.response, "item_id": going.item, "output_index": 0, "content_index": 0, "delta": delta});
        let stops = going.stops();
        let to = (going.given + PIECE_MS * BYTES_PER_MS).min(stops);
        let mut told = Vec::new();
        let mut begins = 0;
        for (at, (word, sound)) in going.words.iter().enumerate() {
            if at >= going.words_given && begins <= (to + AHEAD_MS * BYTES_PER_MS).min(stops) {
                told.push(tell(format!("{words}.delta"), word));
                going.words_given = at + 1;
            }
            begins += sound.len();
        }
        if to > going.given {
            let piece = STANDARD.encode(&going.sound[going.given..to]);
            told.push(tell(format!("{audio}.delta"), &piece));
        }
        going.given = to;
        for message in told {
            self.say(message).await?;
        }
        self.items
            .insert(going.item.clone(), going.given / BYTES_PER_MS);
        going.due += EVERY;
        if to < stops {
            self.going = Some(going);
            return Ok(true);
        }
        if let Reply::Cuts(..) = going.reply {
            return Ok(false);
        }
        if let Reply::Stalls(..) | Reply::Silence = going.reply {
            going.due += Duration::from_secs(3_600);
            self.going = Some(going);
            return Ok(true);
        }
        let kinds = if stops > 0 { &[words, audio][..] } else { &[] };
        if let Reply::Writes(_, _, _, left_ms, _) = &mut going.reply
            && *left_ms > 0
        {
            // A piece of them now and then.
            let pause_ms = (*left_ms).min(500);
            *left_ms -= pause_ms;
            let piece = json!({"type": "response.function_call_arguments.delta", "response_id": going.response, "item_id": "item_w", "delta": " "});
            going.due += Duration::from_millis(pause_ms);
            self.going = Some(going);
            self.say(piece).await?;
            return Ok(true);
        }
        for kind in kinds {
            self.say(json!({"type": format!("{kind}.done"), "response_id": going.response, "item_id": going.item})).await?;
        }
        let tool = match going.reply {
            Reply::Goodbye(_) => Some(("end_call", "{}")),
            Reply::Calls(_) => Some(("book_a_table", "{}")),
            Reply::Uses(_, tool, arguments) | Reply::Writes(_, tool, arguments, ..) => {
                Some((tool, arguments))
            }
            Reply::Says(_)
            | Reply::Fails
            | Reply::Refuses
            | Reply::Silence
            | Reply::Stalls(..)
            | Reply::Cuts(..) => None,
        };
        let leave = matches!(going.reply, Reply::Writes(.., true)).then_some(("end_call", "{}"));
        for (tool, arguments) in tool.into_iter().chain(leave) {
            self.calls += 1;
            let call = format!("call_{}", self.calls);
            self.say(json!({"type": "response.function_call_arguments.done", "response_id": going.response, "call_id": call, "name": tool, "arguments": arguments})).await?;
        }
        self.end(&going, "completed").await?;
        Ok(true)
    }
}
