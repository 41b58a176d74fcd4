//! A language model's endpoint, on a loopback socket: it answers each request as it was told to and remembers what
//! became of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use trunkline::think::{ChatSettings, Dialect};

/// What is done with one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The words in pieces, so many milliseconds apart.
    Words(Vec<&'static str>, u64),
    /// The words and then the call of the tool that ends the call.
    Goodbye(&'static str),
    /// The words, and then calls of these tools, each with its arguments.
    Calls(&'static str, Vec<(&'static str, &'static str)>),
    /// The words, and then the connection breaks.
    Cut(Vec<&'static str>),
    /// The words, and then nothing, for ever.
    Stall(Vec<&'static str>),
    /// A status other than 200, with these headers.
    Status(u16, &'static str),
    /// 200 and these bytes.
    Bytes(Vec<u8>),
    /// 200 and these bytes, and so many milliseconds later those.
    Late(Vec<u8>, u64, Vec<u8>),
    /// Nothing, for ever.
    Silence,
    /// The connection breaks before an answer.
    HangUp,
    /// A space every second in place of an answer.
    Dribble,
}

pub(crate) struct Model {
    pub(crate) settings: ChatSettings,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Requests whose connection the client closed before the answer was complete.
    given_up: watch::Receiver<usize>,
}

/// A request.
#[derive(Clone)]
struct Seen {
    /// The request line and the headers.
    head: String,
    body: String,
}

struct Desk {
    dialect: Dialect,
    answers: Mutex<VecDeque<Answer>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    given_up: watch::Sender<usize>,
}

impl Model {
    /// Answers requests in turn; those after the last are refused with 400, which nobody tries again.
    pub(crate) async fn open(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::open_in(Dialect::OpenAi, answers).await
    }

    /// The same, for an endpoint that speaks this.
    pub(crate) async fn open_in(
        dialect: Dialect,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1/", listener.local_addr().unwrap());
        let (given_up_out, given_up) = watch::channel(0);
        let seen = Arc::default();
        let desk = Arc::new(Desk {
            dialect,
            answers: Mutex::new(answers.into_iter().collect()),
            seen: Arc::clone(&seen),
            given_up: given_up_out,
        });
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // The system's clock is not paused: it must have no reason to hold anything back.
                socket.set_nodelay(true).unwrap();
                tokio::spawn(Arc::clone(&desk).serve(socket));
            }
        });
        let settings = ChatSettings {
            dialect,
            base_url,
            model: "stand-in".into(),
            api_key: Some("a-key-of-the-model".into()),
            temperature: None,
            max_tokens: None,
        };
        Self {
            settings,
            seen,
            given_up,
        }
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|seen| seen.body.clone()).collect()
    }

    /// The request lines and headers of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|seen| seen.head.clone()).collect()
    }

    /// Waits until so many requests have been taken back.
    pub(crate) async fn given_up(&mut self, count: usize) {
        self.given_up.wait_for(|n| *n >= count).await.unwrap();
    }
}

impl Desk {
    async fn serve(self: Arc<Self>, mut socket: TcpStream) {
        let mut kept = Vec::new();
        while let Some(seen) = request(&mut socket, &mut kept).await {
            self.seen.lock().unwrap().push(seen);
            let answer = self.answers.lock().unwrap().pop_front();
            let answer = answer.unwrap_or(Answer::Status(400, ""));
            match respond(self.dialect, &mut socket, answer).await {
                Stays::Open => continue,
                Stays::Shut => return,
                Stays::Waiting => {
                    // Only the client can end this.
                    let mut byte = [0_u8; 1];
                    let _ = socket.read(&mut byte).await;
                }
                Stays::GivenUp => {}
            }
            return self.given_up.send_modify(|n| *n += 1);
        }
    }
}

/// What becomes of a connection after an answer.
enum Stays {
    Open,
    Shut,
    Waiting,
    GivenUp,
}

/// The next request; `None` once the client has hung up.
async fn request(socket: &mut TcpStream, kept: &mut Vec<u8>) -> Option<Seen> {
    loop {
        let text = String::from_utf8_lossy(kept).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            })?;
            if body.len() >= length {
                let (head, body) = (head.to_owned(), body[..length].to_owned());
                kept.drain(..head.len() + 4 + length);
                return Some(Seen { head, body });
            }
        }
        let mut bytes = [0_u8; 16 * 1024];
        let count = socket.read(&mut bytes).await.ok().filter(|n| *n > 0)?;
        kept.extend_from_slice(&bytes[..count]);
    }
}

async fn respond(dialect: Dialect, socket: &mut TcpStream, answer: Answer) -> Stays {
    match answer {
        Answer::Words(pieces, apart_ms) => {
            if !head(socket).await || !words(dialect, socket, &pieces, apart_ms).await {
                return Stays::GivenUp;
            }
            let end = format!("{}{}", chunk(&finish(dialect, false)), "0\r\n\r\n");
            let _ = socket.write_all(end.as_bytes()).await;
            Stays::Open
        }
        Answer::Goodbye(text) => {
            head(socket).await;
            words(dialect, socket, &[text], 0).await;
            let end = format!(
                "{}{}0\r\n\r\n",
                chunk(end_call(dialect)),
                chunk(&finish(dialect, true))
            );
            let _ = socket.write_all(end.as_bytes()).await;
            Stays::Open
        }
        Answer::Calls(text, calls) => {
            head(socket).await;
            let said = if text.is_empty() { vec![] } else { vec![text] };
            words(dialect, socket, &said, 0).await;
            let mut end: String = calls
                .iter()
                .enumerate()
                .map(|(at, (name, arguments))| chunk(&call(at, name, arguments)))
                .collect();
            end += &chunk(&finish(dialect, true));
            end += "0\r\n\r\n";
            let _ = socket.write_all(end.as_bytes()).await;
            Stays::Open
        }
        Answer::Cut(pieces) => {
            head(socket).await;
            words(dialect, socket, &pieces, 10).await;
            Stays::Shut
        }
        Answer::Stall(pieces) => {
            head(socket).await;
            words(dialect, socket, &pieces, 10).await;
            Stays::Waiting
        }
        Answer::Status(status, headers) => {
            let body = r#"{"error":{"message":"told to","type":"told_to"}}"#;
            let text = format!(
                "HTTP/1.1 {status} Told\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(text.as_bytes()).await;
            Stays::Open
        }
        Answer::Late(bytes, after_ms, rest) => {
            head(socket).await;
            for (wait_ms, bytes) in [(0, bytes), (after_ms, rest)] {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                let text = chunk(&String::from_utf8(bytes).unwrap());
                if socket.write_all(text.as_bytes()).await.is_err() {
                    return Stays::GivenUp;
                }
            }
            let _ = socket.write_all(b"0\r\n\r\n").await;
            Stays::Open
        }
        Answer::Bytes(bytes) => {
            head(socket).await;
            for piece in bytes.chunks(32 * 1024) {
                let size = format!("{:x}\r\n", piece.len());
                let whole = [size.as_bytes(), piece, b"\r\n"].concat();
                if socket.write_all(&whole).await.is_err() {
                    return Stays::GivenUp;
                }
            }
            let _ = socket.write_all(b"0\r\n\r\n").await;
            Stays::Open
        }
        Answer::Silence => Stays::Waiting,
        Answer::HangUp => Stays::Shut,
        Answer::Dribble => {
            head(socket).await;
            while socket.write_all(b"3\r\n:\n\n\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Stays::GivenUp
        }
    }
}

async fn head(socket: &mut TcpStream) -> bool {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await.is_ok()
}

/// False if the client hung up meanwhile.
async fn words(dialect: Dialect, socket: &mut TcpStream, pieces: &[&str], apart_ms: u64) -> bool {
    for piece in pieces {
        let data = match dialect {
            Dialect::OpenAi => {
                serde_json::json!({"choices": [{"index": 0, "delta": {"content": piece}}]})
            }
            Dialect::Anthropic => {
                let delta = serde_json::json!({"type": "text_delta", "text": piece});
                serde_json::json!({"type": "content_block_delta", "index": 0, "delta": delta})
            }
        };
        let text = chunk(&format!("data: {data}\n\n"));
        if socket.write_all(text.as_bytes()).await.is_err() {
            return false;
        }
        let mut byte = [0_u8; 1];
        tokio::select! {
            biased;
            // The client sends nothing while it is answered: this is its hanging up.
            _ = socket.read(&mut byte) => return false,
            () = tokio::time::sleep(Duration::from_millis(apart_ms)) => {}
        }
    }
    true
}

/// A call of a tool, as OpenAI's protocol has it.
fn call(at: usize, name: &str, arguments: &str) -> String {
    let function = serde_json::json!({"name": name, "arguments": arguments});
    let call = serde_json::json!({
        "index": at, "id": format!("call_{at}"), "type": "function", "function": function,
    });
    let data = serde_json::json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
    format!("data: {data}\n\n")
}

/// The call of the tool that ends the call.
fn end_call(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => concat!(
            r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","#,
            r#""type":"function","function":{"name":"end_call","arguments":"{}"}}]}}]}"#,
            "\n\n"
        ),
        Dialect::Anthropic => concat!(
            "event: content_block_start\n",
            r#"data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","#,
            r#""id":"toolu_1","name":"end_call","input":{}}}"#,
            "\n\nevent: content_block_stop\n",
            r#"data: {"type":"content_block_stop","index":1}"#,
            "\n\n"
        ),
    }
}

fn finish(dialect: Dialect, has_called: bool) -> String {
    let reason = match (dialect, has_called) {
        (Dialect::OpenAi, false) => "stop",
        (Dialect::OpenAi, true) => "tool_calls",
        (Dialect::Anthropic, false) => "end_turn",
        (Dialect::Anthropic, true) => "tool_use",
    };
    match dialect {
        Dialect::OpenAi => format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\ndata: [DONE]\n\n"
        ),
        Dialect::Anthropic => format!(
            "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\"}},\"usage\":{{\"output_tokens\":5}}}}\n\nevent: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
        ),
    }
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
