//! A client's own server, on a loopback socket: it does what tools are for, well or badly, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is done with one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200 with this body, after so many milliseconds.
    Fine(String, u64),
    /// This status, with these header lines and this body.
    Status(u16, &'static str, &'static str),
    /// The connection breaks before an answer.
    HangUp,
    /// Nothing, for ever.
    Silence,
}

/// A request: its line, its headers in lower case, its body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) struct ToolServer {
    pub(crate) base_url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl ToolServer {
    /// Answers requests in turn; those after the last with the last.
    pub(crate) async fn open(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let requests = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                let (requests, replies) = (Arc::clone(&requests), Arc::clone(&replies));
                tokio::spawn(serve(socket, requests, replies));
            }
        });
        Self { base_url, seen }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut socket: TcpStream,
    seen: Arc<Mutex<Vec<Request>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
) {
    let mut kept = Vec::new();
    while let Some(request) = request(&mut socket, &mut kept).await {
        seen.lock().unwrap().push(request);
        let reply = {
            let mut replies = replies.lock().unwrap();
            match replies.len() {
                1 => replies[0].clone(),
                _ => replies.pop_front().unwrap(),
            }
        };
        let (status, headers, body) = match reply {
            Reply::Fine(body, after_ms) => {
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                (200, "", body)
            }
            Reply::Status(status, headers, body) => (status, headers, body.to_owned()),
            Reply::HangUp => return,
            Reply::Silence => std::future::pending().await,
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {length}\r\n\r\n");
        let _ = socket.write_all(head.as_bytes()).await;
        if socket.write_all(body.as_bytes()).await.is_err() {
            return;
        }
    }
}

pub(super) async fn request(socket: &mut TcpStream, kept: &mut Vec<u8>) -> Option<Request> {
    loop {
        let text = String::from_utf8_lossy(kept).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let line = lines.next()?.to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length = length
                .and_then(|(_, n)| n.parse::<usize>().ok())
                .unwrap_or(0);
            if body.len() >= length {
                let body = body[..length].to_owned();
                kept.drain(..head.len() + 4 + length);
                return Some(Request {
                    line,
                    headers,
                    body,
                });
            }
        }
        let mut bytes = [0_u8; 16 * 1024];
        let count = socket.read(&mut bytes).await.ok().filter(|n| *n > 0)?;
        kept.extend_from_slice(&bytes[..count]);
    }
}
